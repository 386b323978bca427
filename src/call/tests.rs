//! Calls of losses that are built by hand and evaluated plainly.

mod errors;
mod results;
mod standin;
