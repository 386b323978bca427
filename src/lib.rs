//! The compiler for loss functions.

pub mod diagnostic;
pub mod loops;
pub mod syntax;
