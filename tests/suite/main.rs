//! The one integration test binary.

mod bad;
mod parse;
