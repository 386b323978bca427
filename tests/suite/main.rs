//! The one integration test binary.

mod call;
mod bad;
mod cli;
mod diagnostics;
mod oracle;
mod parse;
mod print;
mod syntax_tree;
