//! What losses are like: their points, how far their gradients and their numbers can be trusted.

mod differences;
mod duals;
pub mod gradcheck;
mod kinks;
#[cfg(feature = "study")]
pub mod numerics;
#[cfg(feature = "study")]
pub mod precise;
mod random;
pub mod sample;
