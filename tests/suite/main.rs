//! The one integration test binary.

mod bad;
mod bench;
mod bind;
mod build;
mod call;
mod cli;
mod crates;
mod diagnostics;
mod examples;
mod gradcheck;
mod guards;
mod house;
mod huge;
mod large;
mod linked;
mod middle;
mod lowering;
mod numerics;
mod oracle;
mod parse;
mod prepared;
mod print;
mod random;
mod running;
#[cfg(target_os = "linux")]
mod shared;
#[cfg(target_os = "linux")]
mod sums;
mod symbols;
mod syntax_tree;
