//! The compiler for loss functions.

pub mod diagnostic;
pub mod kernels;
pub mod loops;
pub mod syntax;
