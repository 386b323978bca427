//! The compiler for loss functions.

pub mod diagnostic;
pub mod builtins;
pub mod syntax;
pub mod graph;
pub mod model;
pub mod library;
pub mod formula;
pub mod evaluate;
pub mod domain;
pub mod check;
pub mod freeze;
pub mod rewrite;
pub mod differentiate;
pub mod print;
pub mod batch;
pub mod loops;
pub mod kernels;
pub mod lower;
pub mod interpret;
pub mod machine;
pub mod call;
pub mod compile;
