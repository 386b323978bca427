//! The one integration test binary.

mod call;
mod bad;
mod diagnostics;
mod parse;
mod syntax_tree;
