//! Losses as an expert writes them by hand: slices come in, means and their gradients go out.
//!
//! Every kernel is written in `Lanes`, for AVX-512 and for AVX2 with FMA. Values are summed in f32 within a few thousand examples,
//! in f64 beyond that.

pub(crate) mod contrast;
pub(crate) mod functions;
pub(crate) mod mixture;
pub(crate) mod overlap;
pub(crate) mod pairs;
pub(crate) mod pointwise;
pub(crate) mod softmax;
