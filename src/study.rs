//! What losses are like: their points, how far their gradients and their numbers can be trusted.

#[cfg(feature = "study")]
pub mod precise;
