//! The functions of exp(−|x|) in single precision with fewer steps, for places where other roundings are as large.
//!
//! They are within 4 units in the last place where results are not tiny, as libraries of vector functions offer beside their
//! exact ones (Shibata and Petrogalli, SLEEF: a portable vectorized library of C standard mathematical functions, 2020: 3.5).
//! In double precision, where no steps would be saved, they are the exact ones.

use std::f64::consts::{LN_2, LOG2_E};

use super::pen::Real;

/// Rounds to a whole number when added, and leaves that with the exponent bias of 1 in the low bits.
const MAGIC: f64 = 12_582_912.0 + 127.0;

/// How much larger powers of two are made first, so that those are normal of which the product is not. It is odd, so that all
/// magic numbers are even, and ties go the same way.
const LIFT: f64 = 63.0;

/// Below this the exponential is 0.
const LEAST: f64 = -104.0;

/// Above this it is infinite.
const MOST: f64 = 89.0;

/// (exp r − 1 − r) / r² on |r| ≤ 0.347, degree 3, error of exp 2^−23.2.
const EXP: [f64; 4] = [0.499_992_3, 0.166_671_16, 0.041_890_33, 0.008_312_501];

/// (log(1 + e) / e − 1) / e on 0 ≤ e ≤ 1, degree 7, error of log1p 2^−24.9.
const LOG1P: [f64; 8] = [
    -0.499_996_48,
    0.333_213_24,
    -0.248_571_63,
    0.191_536_55,
    -0.137_538_02,
    0.079_204_53,
    -0.030_065_792,
    0.005_364_825,
];

/// exp x: the error grows from 2.1 units near 0 to 5.5 where the result is least or largest.
pub(super) fn exp(x: Real<'_>) -> Real<'_> {
    let x = x.at_least(LEAST).at_most(MOST);
    let (sum, change) = reduced(x, MAGIC + 127.0);
    // Half of the power each time: either end is reached by numbers that are normal.
    let half = x.less(0.0).select(x.constant((-LIFT).exp2()), LIFT.exp2());
    let power = sum.bits().shift_left(23).minus(half.bits()).real();
    change * power * half
}

/// exp x for x ≤ 0 or NaN, the same bits as of [`exp`].
pub(super) fn exp_nonpositive(x: Real<'_>) -> Real<'_> {
    fall(x.at_least(LEAST))
}

/// exp(−x) for x ≥ 0 or NaN, the same bits as of [`exp`] of −x.
fn exp_fall(x: Real<'_>) -> Real<'_> {
    fall(-x.at_most(-LEAST))
}

/// exp x for −104 ≤ x ≤ 0.
fn fall(x: Real<'_>) -> Real<'_> {
    let (sum, change) = reduced(x, MAGIC + LIFT);
    change * sum.bits().shift_left(23).real() * (-LIFT).exp2()
}

/// The whole number n next to x / ln 2, added to a magic number, and exp(x − n·ln 2).
fn reduced(x: Real<'_>, magic: f64) -> (Real<'_>, Real<'_>) {
    let sum = x.fma(LOG2_E, magic);
    let n = sum - magic;
    // Where the product is not rounded, ln 2 in one piece is wrong by 2e-9 for each n.
    let r = if x.is_fused() {
        n.fma(-LN_2, x)
    } else {
        n.fma(-1.428_606_8e-6, n.fma(-0.693_145_751_953_125, x))
    };
    (sum, r.polynomial(&[[1.0, 1.0].as_slice(), &EXP].concat()))
}

/// 1 / (1 + exp(−x)), within 4 units.
pub(super) fn sigmoid(x: Real<'_>) -> Real<'_> {
    let e = exp_fall(x.absolute());
    let above = x.constant(1.0) / (e + 1.0);
    x.less(0.0).select(e * above, above)
}

/// log(1 + exp x), within 4 units.
pub(super) fn softplus(x: Real<'_>) -> Real<'_> {
    softplus_fall(x.absolute()) + x.at_least(0.0)
}

/// log(1 + exp(−x)) for x ≥ 0, within 4 units.
pub(super) fn softplus_fall(x: Real<'_>) -> Real<'_> {
    let e = exp_fall(x);
    (e.polynomial(&LOG1P) * e).fma(e, e)
}

/// log(exp a + exp b), within 4 units, or where it cancels so much of the larger argument.
pub(super) fn log_add_exp<'p>(a: Real<'p>, b: Real<'p>) -> Real<'p> {
    let distance = (a - b).absolute();
    let sum = a.at_least(b) + softplus_fall(distance);
    // Infinities of one sign have no distance.
    a.equal(b).select(a + LN_2, sum)
}
