//! The one integration test binary.

mod call;
mod parse;
