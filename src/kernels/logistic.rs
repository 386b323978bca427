//! The functions of exp(−|x|): `sigmoid`, `softplus`, `logaddexp` and `tanh`.
//!
//! Written so that `sigmoid` and `softplus` of the same x share exp(−|x|).

use std::f64::consts::LN_2;

use super::exponential::{exp_fall_pair, exp_short};
use super::logarithm::{log1p_bend, rough_inverse};
use super::pen::Real;

/// log cosh(x/2) in x² on |x| ≤ 0.58, degree 3, absolute error 2^−28.4; first what rounding left of ln 2.
const LOG_COSH_F32: [f64; 4] = [-1.904_654_3e-9, 0.124_999_83, -0.005_205_196_3, 0.000_330_858_17];

/// log cosh(x/2) in x² on |x| ≤ 0.58, degree 7, absolute error 2^−57.1; first what rounding left of ln 2.
const LOG_COSH_F64: [f64; 8] = [
    2.319_046_813_846_299_6e-17,
    0.124_999_999_999_998_4,
    -0.005_208_333_333_211_825,
    0.000_347_222_219_091_481_83,
    -2.635_164_821_997_61e-5,
    2.135_441_255_224_232_2e-6,
    -1.794_145_997_838_878_8e-7,
    1.393_626_999_943_498_4e-8,
];

/// (tanh a / a − 1) / a² in a² on a ≤ 1.01, degree 6, error of tanh 2^−27.2.
const TANH_F32: [f64; 7] = [
    -0.333_332_9,
    0.133_322_21,
    -0.053_871_334,
    0.021_460_535,
    -0.007_905_878,
    0.002_271_066_4,
    -0.000_349_543_93,
];

/// (tanh a / a − 1) / a² in a² on a ≤ 1.01, degree 15, error of tanh 2^−57.6.
const TANH_F64: [f64; 16] = [
    -0.333_333_333_333_332_87,
    0.133_333_333_333_264_41,
    -0.053_968_253_965_210_13,
    0.021_869_488_471_487_224,
    -0.008_863_234_727_758_684,
    0.003_592_121_595_114_069,
    -0.001_455_798_729_118_826_8,
    0.000_589_885_715_820_254_8,
    -0.000_238_713_587_673_175_57,
    9.600_057_625_270_318e-5,
    -3.774_915_339_541_943e-5,
    1.396_566_883_289_088_7e-5,
    -4.537_836_013_794_863e-6,
    1.168_596_191_786_183_8e-6,
    -2.043_595_046_947_549e-7,
    1.769_080_914_287_415_4e-8,
];

/// 1 / (1 + exp(−x)): below 0 it is e / (1 + e), put right by what is left of the division, above 0 what 1 has more.
pub(super) fn sigmoid(x: Real<'_>) -> Real<'_> {
    let (e, low) = exp_fall_pair(x.absolute());
    let one = x.constant(1.0);
    let reciprocal = one / (e + 1.0);
    let quotient = e * reciprocal;
    // e + low − quotient·(1 + e + low), in steps that lose nothing but in the product with low.
    let left = (-quotient).fma(e, e - quotient);
    let left = low.fma(one - quotient, left);
    let below = left.fma(reciprocal, quotient);
    x.less(0.0).select(below, one - below)
}

/// log cosh(x/2) for |x| ≤ 0.58, with what rounding left of ln 2.
fn log_cosh_half(x: Real<'_>) -> Real<'_> {
    (x * x).polynomial(x.either(&LOG_COSH_F32[..], &LOG_COSH_F64[..]))
}

/// Up to where log(1 + exp x) is ln 2 + x/2 + log cosh(x/2).
const NEAR: f64 = 0.578;

/// log(1 + exp x). Near 0 it is an even function with x/2 added, which rises with x for all its roundings,
/// far out the larger of 0 and x, and log(1 + exp(−|x|)).
pub(super) fn softplus(x: Real<'_>) -> Real<'_> {
    let size = x.absolute();
    let near = x.fma(0.5, log_cosh_half(size)) + LN_2;
    let (e, low) = exp_fall_pair(size);
    let far = (e + log1p_bend(e, low)) + x.at_least(0.0);
    size.less(NEAR).select(near, far)
}

/// log(1 + exp(−x)) for x ≥ 0.
pub(super) fn softplus_fall(x: Real<'_>) -> Real<'_> {
    let near = x.fma(-0.5, log_cosh_half(x)) + LN_2;
    let (e, low) = exp_fall_pair(x);
    x.less(NEAR).select(near, e + log1p_bend(e, low))
}

/// log(exp a + exp b) = max + log(1 + exp(−d)) with d = |a − b|, in two reals; shares exp(−d) with `sigmoid` of a − b.
/// Where the sum cancels its error is that of the larger argument's last place.
pub(super) fn log_add_exp<'p>(a: Real<'p>, b: Real<'p>) -> Real<'p> {
    let larger = a.at_least(b);
    let distance = (a - b).absolute();
    // Further apart than this nothing is added, and nothing is lost that could be.
    let (_, lost) = difference(larger, a.at_most(b).at_least(larger - 1000.0));
    let (e, low) = exp_fall_pair(distance);
    let is_near = distance.less(NEAR);
    let start = is_near.select(distance.constant(LN_2), e);
    let near = distance.fma(-0.5, log_cosh_half(distance));
    let change = is_near.select(near, log1p_bend(e, low));
    let rest = start + change;
    let rest_left = (e * rough_inverse(e)).fma(-lost, change - (rest - start));
    let (sum, left) = difference(larger, -rest);
    // Infinities leave no remainder, and two of one sign no distance.
    let infinite = a.equal(b).select(a, sum);
    distance.less(f64::INFINITY).select(sum + (left + rest_left), infinite)
}

/// a − b, rounded, and what rounding left (Knuth's two-sum).
fn difference<'p>(a: Real<'p>, b: Real<'p>) -> (Real<'p>, Real<'p>) {
    let difference = a - b;
    let taken = a - difference;
    (difference, (a - (difference + taken)) + (taken - b))
}

/// The hyperbolic tangent: far out 1 − 2 / (exp(2|x|) + 1), in which every step is a monotone function of the one before.
pub(super) fn tanh(x: Real<'_>) -> Real<'_> {
    let a = x.absolute();
    let z = a * a;
    let near = (a * z).fma(z.polynomial(x.either(&TANH_F32[..], &TANH_F64[..])), a);
    // Past this every digit of the result is that of 1.
    let capped = a.at_most(x.either(10.0, 20.0));
    let far = a.constant(1.0) - a.constant(2.0) / (exp_short(capped + capped) + 1.0);
    a.less(1.0).select(near, far).signed_as(x)
}
