//! The one integration test binary.

mod bad;
mod diagnostics;
mod middle;
mod parse;
mod syntax_tree;
