//! The compiler for loss functions.

pub mod batch;
pub mod builtins;
pub mod call;
pub mod diagnostic;
pub mod domain;
pub mod evaluate;
pub mod formula;
pub mod freeze;
pub mod graph;
pub mod loops;
pub mod model;
pub mod syntax;
