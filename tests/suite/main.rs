//! The one integration test binary.

mod diagnostics;
mod parse;
mod syntax_tree;
