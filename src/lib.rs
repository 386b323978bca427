//! The compiler for loss functions.

pub mod builtins;
pub mod diagnostic;
pub mod graph;
pub mod library;
pub mod loops;
pub mod model;
pub mod syntax;
