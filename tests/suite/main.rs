//! The one integration test binary.

mod bad;
mod diagnostics;
mod oracle;
mod parse;
mod print;
mod syntax_tree;
