//! `log`, `log1p` and kin: x = 2ⁿ·m with m near 1, and a series in f = m − 1.
//!
//! In f32 a polynomial in f; in f64, where it would be long, one in s² with s = f / (2 + f), as log m = 2 artanh s
//! (the arrangement that keeps f whole is that of Ng's fdlibm, 1993). Polynomials are minimax (Remez exchange), computed
//! with 70 digits, their error relative to the function approximated.

use std::f64::consts::LN_2;

use super::pen::{Integer, Real};
use crate::loops::Precision;

/// (log(1 + f) − f + f²/2) / f³ on −0.25 ≤ f ≤ 0.5, degree 7, error of log 2^−27.6.
const LOG_F32: [f64; 8] = [
    0.333_334_5,
    -0.250_000_98,
    0.199_908_47,
    -0.166_472_46,
    0.144_785_06,
    -0.131_620_66,
    0.104_642_99,
    -0.045_079_663,
];

/// (2 artanh s / s − 2) / s² in z = s² on z ≤ 0.04, degree 7, error of log 2^−62.7.
const LOG_F64: [f64; 8] = [
    0.666_666_666_666_666,
    0.400_000_000_000_560_6,
    0.285_714_285_559_810_54,
    0.222_222_242_790_613_64,
    0.181_816_669_213_489_16,
    0.153_910_777_871_753_53,
    0.131_741_730_659_587_58,
    0.138_391_609_709_411_5,
];

/// (2 artanh s / s − 2) / s² in z = s² on z ≤ 1/9, degree 9, error of log1p 2^−59.4.
const LOG1P_UNIT_F64: [f64; 10] = [
    0.666_666_666_666_663_1,
    0.400_000_000_001_574_2,
    0.285_714_285_478_305_6,
    0.222_222_239_712_239_67,
    0.181_817_438_707_799_2,
    0.153_865_611_088_092_69,
    0.133_009_576_094_696_38,
    0.121_062_157_520_346_98,
    0.083_395_225_297_259_01,
    0.170_196_720_483_985_15,
];

/// (log(1 + e) − e) / e² on 0 ≤ e ≤ 1, degree 8, error of log1p 2^−27.5.
const LOG1P_UNIT_F32: [f64; 9] = [
    -0.499_999_3,
    0.333_305_1,
    -0.249_585_7,
    0.196_952_97,
    -0.153_550_67,
    0.106_799_45,
    -0.057_657_924,
    0.020_200_856,
    -0.003_317_589_2,
];

/// ln 2 with so few bits that a product with n is exact, and the rest of it.
const LN_2_HIGH: f64 = 0.693_147_180_559_663;
const LN_2_LOW: f64 = 2.823_529_056_303_157_7e-13;

/// The n of a positive normal x = 2ⁿ·m with ¾ ≤ m < 3/2.
struct Parts<'p> {
    n: Real<'p>,
    /// n, shifted to where an exponent has its bits.
    exponent: Integer<'p>,
}

fn split(x: Real<'_>) -> Parts<'_> {
    match x.precision() {
        Precision::F32 => {
            let exponent = x.bits().minus(0x3f40_0000).and(-0x0080_0000);
            Parts { n: exponent.to_real() * (1.0 / 8_388_608.0), exponent }
        }
        Precision::F64 => {
            // Counted from 2^−1024, so that the shift needs no sign; the count goes into the last bits of 2^52.
            let count = x.bits().plus(0x4000_0000_0000_0000 - 0x3fe8_0000_0000_0000);
            let n = count.shift_right(52).or(0x4330_0000_0000_0000).real()
                - (4_503_599_627_370_496.0 + 1024.0);
            Parts { n, exponent: count.and(-0x0010_0000_0000_0000).plus(-0x4000_0000_0000_0000) }
        }
    }
}

/// n·ln 2 + log(1 + f).
fn assemble<'p>(n: Real<'p>, f: Real<'p>) -> Real<'p> {
    match f.precision() {
        Precision::F32 => {
            let tail = f.polynomial(&LOG_F32).fma(f, -0.5);
            n.fma(LN_2, (f * f).fma(tail, f))
        }
        Precision::F64 => {
            let (half_square, head) = artanh_series(f, &LOG_F64);
            n.fma(LN_2_HIGH, f - (half_square - n.fma(LN_2_LOW, head)))
        }
    }
}

/// h = f²/2 and s·(h + R), where log(1 + f) = f − (h − s·(h + R)).
fn artanh_series<'p>(f: Real<'p>, coefficients: &[f64]) -> (Real<'p>, Real<'p>) {
    let s = f / (f + 2.0);
    let z = s * s;
    let half_square = f * 0.5 * f;
    (half_square, s * z.fma(z.polynomial(coefficients), half_square))
}

/// Puts right what a logarithm is outside of (`least`, ∞), where `least` is its pole.
fn complete<'p>(x: Real<'p>, least: f64, inside: Real<'p>) -> Real<'p> {
    let inside = x.less(f64::INFINITY).select(inside, x);
    let outside = x.equal(least).select(x.constant(f64::NEG_INFINITY), f64::NAN);
    x.less_equal(least).select(outside, inside)
}

/// log x.
pub(super) fn log(x: Real<'_>) -> Real<'_> {
    let (up, exponent, least) = x.either(
        (33_554_432.0, 25.0, f64::from(f32::MIN_POSITIVE)),
        (18_014_398_509_481_984.0, 54.0, f64::MIN_POSITIVE),
    );
    let subnormal = x.less(least);
    let normal = subnormal.select(x * up, x);
    let parts = split(normal);
    let n = parts.n - subnormal.select(x.constant(exponent), 0.0);
    let f = normal.bits().minus(parts.exponent).real() - 1.0;
    complete(x, 0.0, assemble(n, f))
}

/// log(1 + x).
pub(super) fn log1p(x: Real<'_>) -> Real<'_> {
    let parts = split(x + 1.0);
    // 2⁻ⁿ may be subnormal, four times as much is not.
    let four = x.either(0x4080_0000, 0x4010_0000_0000_0000);
    let scale = parts.exponent.from(four).real() * 0.25;
    // Rounded once, as both products are exact: the digits that 1 + x lost do not matter.
    let f = x.fma(scale, scale - 1.0);
    complete(x, -1.0, assemble(parts.n, f))
}

/// log(1 + x) for 0 ≤ x ≤ 1.
pub(super) fn log1p_unit(x: Real<'_>) -> Real<'_> {
    match x.precision() {
        Precision::F32 => (x * x).fma(x.polynomial(&LOG1P_UNIT_F32), x),
        Precision::F64 => {
            let (half_square, head) = artanh_series(x, &LOG1P_UNIT_F64);
            x - (half_square - head)
        }
    }
}
