//! The one integration test binary.

mod bad;
mod diagnostics;
mod parse;
mod syntax_tree;
