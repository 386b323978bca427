//! Rivals that are not written in vectors by hand.

#[cfg(feature = "burn")]
pub(crate) mod burn;
#[cfg(feature = "candle")]
pub(crate) mod candle;
pub(crate) mod scalar;
