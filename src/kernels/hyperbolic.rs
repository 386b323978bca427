//! The logarithm of the hyperbolic cosine: near 0 a polynomial, far out from the exponential of −2|x|.

use super::exponential::exp_fall_pair;
use super::logarithm::{ln_2, log1p_bend};
use super::pen::Real;

/// (log cosh x − h) / h² in h = x²/2 on |x| ≤ 1, degree 6, error of log cosh 2^−30.6 (minimax, rounded one coefficient
/// after the other, the rest fitted again).
const NEAR_F32: [f64; 7] = [
    -0.333_333_25,
    0.177_773_3,
    -0.107_853_174,
    0.069_245_98,
    -0.043_712_784,
    0.022_870_21,
    -0.006_731_047,
];

/// (log cosh x − h) / h² in h = x²/2 on |x| ≤ 1, degree 14, error of log cosh 2^−59.0.
const NEAR_F64: [f64; 15] = [
    -0.333_333_333_333_332_8,
    0.177_777_777_777_669_4,
    -0.107_936_507_928_537_19,
    0.069_982_363_017_846_87,
    -0.047_270_582_845_510_06,
    0.032_842_216_510_260_21,
    -0.023_292_372_696_698_833,
    0.016_775_943_080_385_346,
    -0.012_206_014_824_829_895,
    0.008_874_532_171_977_048,
    -0.006_267_750_670_653_066,
    0.004_046_976_862_460_179,
    -0.002_154_307_111_234_188,
    0.000_803_423_697_572_017_6,
    -0.000_151_498_154_176_254_98,
];

/// log cosh x: near 0 by its series in x²/2, far out by |x| − log 2 + log(1 + e⁻²ˣ).
///
/// Before the last sum both pieces are off by less than half a last place of the result, and the function changes by ¾ of one
/// or more from a number to the next: so the sum keeps the order.
pub(super) fn logcosh(x: Real<'_>) -> Real<'_> {
    let a = x.absolute();
    // x²/2, and the digits that it lost.
    let half = a * 0.5;
    let whole = half * a;
    let lost = half.fma(a, -whole);
    let curve = whole.polynomial(x.either(&NEAR_F32[..], &NEAR_F64[..]));
    let near = whole + (whole * whole).fma(curve, lost);
    // The first part of log 2 has few bits: taking it away is exact where the rest counts.
    let [ln_2, ln_2_low] = ln_2(x);
    let (e, low) = exp_fall_pair(a + a);
    let far = (a - ln_2) + (e + (log1p_bend(e, low) - ln_2_low));
    a.less(1.0).select(near, far)
}
