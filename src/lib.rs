//! The compiler for loss functions.

pub mod builtins;
pub mod diagnostic;
pub mod differentiate;
pub mod evaluate;
pub mod formula;
pub mod graph;
pub mod loops;
pub mod model;
pub mod rewrite;
pub mod syntax;
