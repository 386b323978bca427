//! The compiler for loss functions.

pub mod diagnostic;
pub mod interpret;
pub mod loops;
pub mod machine;
pub mod syntax;
