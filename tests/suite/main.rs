//! The one integration test binary.

mod parse;
mod print;
