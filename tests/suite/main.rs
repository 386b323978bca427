//! The one integration test binary.

mod bad;
mod cli;
mod diagnostics;
mod parse;
mod syntax_tree;
