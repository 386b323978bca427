//! The functions of exp(−|x|): `sigmoid`, `softplus` and `tanh`.
//!
//! Written so that `sigmoid` and `softplus` of the same x share exp(−|x|).

use super::exponential::{exp_fall, expm1_fall};
use super::logarithm::log1p_unit;
use super::pen::Real;

/// 1 / (1 + exp(−x)).
pub(super) fn sigmoid(x: Real<'_>) -> Real<'_> {
    let e = exp_fall(x.absolute());
    x.less(0.0).select(e, 1.0) / (e + 1.0)
}

/// log(1 + exp x).
pub(super) fn softplus(x: Real<'_>) -> Real<'_> {
    log1p_unit(exp_fall(x.absolute())) + x.at_least(0.0)
}

/// The hyperbolic tangent.
pub(super) fn tanh(x: Real<'_>) -> Real<'_> {
    let size = x.absolute();
    let e = expm1_fall(size + size);
    (-e / (e + 2.0)).signed_as(x)
}
