//! The one integration test binary.

mod call;
mod bad;
mod diagnostics;
mod oracle;
mod parse;
mod print;
mod syntax_tree;
