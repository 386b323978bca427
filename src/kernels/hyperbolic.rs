//! The logarithm of the hyperbolic cosine, from the kernels of its parts.

use super::exponential::{exp_fall_pair, expm1};
use super::logarithm::log1p_bend;
use super::pen::Real;

/// log cosh x: near 0 by cosh x = 1 + (eˣ − 1)² / (2eˣ), far out by |x| + log(1 + e⁻²ˣ) − log 2.
pub(super) fn logcosh(x: Real<'_>) -> Real<'_> {
    let a = x.absolute();
    let is_near = a.less(1.0);
    let less_one = expm1(is_near.select(a, 0.0));
    let near = less_one * (less_one / (less_one + 1.0)) * 0.5;
    let (fall, low) = exp_fall_pair(a + a);
    let (part, low) = (is_near.select(near, fall), is_near.select(a.constant(0.0), low));
    let log = part + log1p_bend(part, low);
    is_near.select(log, a + (log - std::f64::consts::LN_2))
}
