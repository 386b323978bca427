//! `log`, `log1p` and kin: x = 2ⁿ·m with m near 1, and a series in f = m − 1.
//!
//! In f32 a polynomial in f; in f64, where it would be long, one in s² with s = f / (2 + f), as log m = 2 artanh s
//! (the arrangement that keeps f whole is that of Ng's fdlibm, 1993). Polynomials are minimax (Remez exchange), computed
//! with 70 digits, their error relative to the function approximated.

use std::f64::consts::{LN_2, LOG2_E};

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

/// (2 artanh s / s − 2) / s² in z = s² on z ≤ 0.0483, degree 7, error of log1p 2^−60.2.
const LOG1P_UNIT_F64: [f64; 8] = [
    0.666_666_666_666_663_4,
    0.400_000_000_002_174_06,
    0.285_714_285_218_492_4,
    0.222_222_276_840_172_04,
    0.181_814_859_817_290_15,
    0.153_963_463_361_481_17,
    0.130_948_368_250_710_77,
    0.143_223_343_005_361_38,
];

/// ((log(1 + e) − e) / e² + ½) / e on 0 ≤ e ≤ 0.5627, degree 6, error of log1p 2^−30.0.
const LOG1P_UNIT_F32: [f64; 7] = [
    0.333_330_7,
    -0.249_914_93,
    0.198_941_02,
    -0.159_798_65,
    0.116_799_586,
    -0.063_748_285,
    0.017_880_14,
];

/// log₂(1 + f) / f − log₂ e on −0.293 ≤ f ≤ 0.4143, degree 10, error of log₂ 2^−29.1; first what rounding left of log₂ e.
const LOG2_F32: [f64; 11] = [
    1.925_963e-8,
    -0.721_347_5,
    0.480_898,
    -0.360_675_2,
    0.288_574_16,
    -0.240_419_98,
    0.205_019_37,
    -0.179_650_9,
    0.173_056_33,
    -0.165_263_65,
    0.090_188_52,
];

/// ln 2 with so few bits that a product with n is exact, and the rest of it.
const LN_2_F32: [f64; 2] = [0.693_145_751_953_125, 1.428_606_8e-6];
const LN_2_F64: [f64; 2] = [0.693_147_180_559_663, 2.823_529_056_303_157_7e-13];

/// The bits of √½.
const ROOT_HALF_F32: i64 = 0x3f35_04f3;
const ROOT_HALF_F64: i64 = 0x3fe6_a09e_667f_3bcd;

/// What rounding left of log₂ e.
const LOG2_E_LOW_F64: f64 = 2.035_527_374_093_103_3e-17;

/// ln 2 in two parts, the first with so few bits that a product with n is exact.
pub(super) fn ln_2(x: Real<'_>) -> [f64; 2] {
    x.either(LN_2_F32, LN_2_F64)
}

/// The n of a positive normal x = 2ⁿ·m.
pub(super) struct Split<'p> {
    pub(super) n: Real<'p>,
    /// n, shifted to where an exponent has its bits.
    exponent: Integer<'p>,
}

/// x = 2ⁿ·m with ¾ < m ≤ 3/2, which is exact about m − 1 on a wide range of 1 + x; where 1 + x is rounded to 3/2 or ¾,
/// log 2 then does not cancel with the logarithm of m.
pub(super) fn split(x: Real<'_>) -> Split<'_> {
    split_above(x, 0x3f40_0001, 0x3fe8_0000_0000_0001)
}

/// x = 2ⁿ·m with ¾ ≤ m < 3/2 in f32, √½ ≤ m < √2 in f64, as wide as the series of a logarithm goes: for x from ½ to 1, where
/// log 2 then cancels little with log m, and where x is rounded to ¾, not at all.
pub(super) fn split_below_1(x: Real<'_>) -> Split<'_> {
    split_above(x, 0x3f40_0000, ROOT_HALF_F64)
}

/// x = 2ⁿ·m with √½ ≤ m < √2.
pub(super) fn split_about_1(x: Real<'_>) -> Split<'_> {
    split_above(x, ROOT_HALF_F32, ROOT_HALF_F64)
}

/// x = 2ⁿ·m for a positive normal x, m at least the number that has these bits.
fn split_above(x: Real<'_>, least_f32: i64, least_f64: i64) -> Split<'_> {
    match x.precision() {
        Precision::F32 => {
            let exponent = x.bits().minus(least_f32).and(-0x0080_0000);
            Split { n: exponent.to_real() * (1.0 / 8_388_608.0), exponent }
        }
        Precision::F64 => {
            // n + 1024, so that the shift needs no sign; it becomes a real in the last bits of 2^52.
            let count = x.bits().plus(0x4000_0000_0000_0000 - least_f64);
            let whole = count.shift_right(52).or(0x4330_0000_0000_0000).real();
            let exponent = count.and(-0x0010_0000_0000_0000).plus(-0x4000_0000_0000_0000);
            Split { n: whole - (4_503_599_627_370_496.0 + 1024.0), exponent }
        }
    }
}

impl<'p> Split<'p> {
    /// m − 1
    pub(super) fn fraction(&self, x: Real<'p>) -> Real<'p> {
        x.bits().minus(self.exponent).real() - 1.0
    }

    /// 2⁻ⁿ, made from four times as much, as it may be subnormal.
    pub(super) fn scale(&self, x: Real<'p>) -> Real<'p> {
        self.exponent.from(x.either(0x4080_0000, 0x4010_0000_0000_0000)).real() * 0.25
    }
}

/// n and m − 1 of a positive x = 2ⁿ·m.
pub(super) struct Parts<'p> {
    pub(super) n: Real<'p>,
    pub(super) f: Real<'p>,
}

/// n and m − 1 of a positive x, subnormal or not; numbers without meaning for others.
pub(super) fn parts(x: Real<'_>) -> Parts<'_> {
    parts_above(x, 0x3f40_0000, 0x3fe8_0000_0000_0000)
}

/// n and m − 1 with √½ ≤ m < √2, where n·ln 2 and log m never cancel much.
pub(super) fn parts_about_1(x: Real<'_>) -> Parts<'_> {
    parts_above(x, ROOT_HALF_F32, ROOT_HALF_F64)
}

fn parts_above(x: Real<'_>, least_f32: i64, least_f64: i64) -> Parts<'_> {
    let (up, by) = x.either((33_554_432.0, 25.0), (18_014_398_509_481_984.0, 54.0));
    let subnormal = x.less(x.either(f64::from(f32::MIN_POSITIVE), f64::MIN_POSITIVE));
    let normal = subnormal.select(x * up, x);
    let split = split_above(normal, least_f32, least_f64);
    let n = split.n - subnormal.select(x.constant(by), 0.0);
    Parts { n, f: split.fraction(normal) }
}

/// n·ln 2 + log(1 + f)
pub(super) fn assemble<'p>(n: Real<'p>, f: Real<'p>) -> Real<'p> {
    match f.precision() {
        Precision::F32 => n.fma(LN_2, series_f32(f)),
        Precision::F64 => {
            let head = artanh_series(f, &LOG_F64);
            n.fma(LN_2_F64[0], f - bend(f, n.fma(LN_2_F64[1], head)))
        }
    }
}

/// n·ln 2 + log(1 + f) as a sum of two reals, the second up to a fifth of the first.
pub(super) fn assemble_pair<'p>(n: Real<'p>, f: Real<'p>) -> [Real<'p>; 2] {
    let [high, low] = ln_2(f);
    let whole = n * high;
    let sum = whole + f;
    let left = n.fma(low, (whole - sum) + f);
    [sum, log1p_less_argument(f) + left]
}

/// [`assemble_pair`] with f²/2 to more digits where those of f32 are wanted.
pub(super) fn assemble_fine_pair<'p>(n: Real<'p>, f: Real<'p>) -> [Real<'p>; 2] {
    match f.precision() {
        Precision::F32 => {
            let [high, low] = LN_2_F32;
            let whole = n * high;
            let sum = whole + f;
            let left = n.fma(low, (whole - sum) + f);
            let half = f * 0.5;
            let square = half * f;
            let less = sum - square;
            let lost = ((sum - less) - square) + half.fma(-f, square);
            let cube = square * f;
            [less, (cube + cube).fma(f.polynomial(&LOG_F32), left + lost)]
        }
        Precision::F64 => assemble_pair(n, f),
    }
}

fn series_f32(f: Real<'_>) -> Real<'_> {
    (f * f).fma(f.polynomial(&LOG_F32).fma(f, -0.5), f)
}

/// s·(f²/2 + R), where log(1 + f) = f − (f²/2 − s·(f²/2 + R)).
fn artanh_series<'p>(f: Real<'p>, coefficients: &[f64]) -> Real<'p> {
    let s = f / (f + 2.0);
    let z = s * s;
    s * z.fma(z.polynomial(coefficients), f * 0.5 * f)
}

/// f²/2 − head
fn bend<'p>(f: Real<'p>, head: Real<'p>) -> Real<'p> {
    (f * 0.5).fma(f, -head)
}

/// log(1 + f) − f on −0.25 ≤ f ≤ 0.5.
fn log1p_less_argument(f: Real<'_>) -> Real<'_> {
    match f.precision() {
        Precision::F32 => (f * f) * f.polynomial(&LOG_F32).fma(f, -0.5),
        Precision::F64 => -bend(f, artanh_series(f, &LOG_F64)),
    }
}

/// Puts right what a logarithm is outside of (`pole`, ∞).
pub(super) fn complete<'p>(x: Real<'p>, pole: f64, inside: Real<'p>) -> Real<'p> {
    let inside = x.less(f64::INFINITY).select(inside, x);
    let outside = x.equal(pole).select(x.constant(f64::NEG_INFINITY), f64::NAN);
    x.less_equal(pole).select(outside, inside)
}

/// log x.
pub(super) fn log(x: Real<'_>) -> Real<'_> {
    let Parts { n, f } = parts(x);
    complete(x, 0.0, assemble(n, f))
}

/// log(1 + x).
pub(super) fn log1p(x: Real<'_>) -> Real<'_> {
    // It has the sign of x, that of a zero included.
    complete(x, -1.0, log1p_inside(x)).signed_as(x)
}

/// log(1 + x) for an x that is NaN, −1, or at least 0 and not −0, the same bits as of [`log1p`].
pub(super) fn log1p_of_rest(x: Real<'_>) -> Real<'_> {
    let known = x.less(f64::INFINITY).select(log1p_inside(x), x);
    x.equal(-1.0).select(x.constant(f64::NEG_INFINITY), known)
}

/// log(1 + x) for −1 < x < ∞, but that log 1 may be +0 where x is −0.
fn log1p_inside(x: Real<'_>) -> Real<'_> {
    let split = split(x + 1.0);
    let scale = split.scale(x);
    // Rounded once, as both products are exact: the digits that 1 + x lost do not matter.
    let f = x.fma(scale, scale - 1.0);
    assemble(split.n, f)
}

/// 1 / (1 + x) for 0 ≤ x ≤ 0.5627, with an error of 0.03; up to x = 1 one of 0.14.
pub(super) fn rough_inverse(x: Real<'_>) -> Real<'_> {
    x.fma(-0.61, 0.98)
}

/// log(1 + x + low) − x for 0 ≤ x ≤ 0.5627, low at most a last place of x.
pub(super) fn log1p_bend<'p>(x: Real<'p>, low: Real<'p>) -> Real<'p> {
    let low = low * rough_inverse(x);
    match x.precision() {
        Precision::F32 => {
            let bend = x.polynomial(&LOG1P_UNIT_F32).fma(x, -0.5) * x;
            x.fma(bend, low)
        }
        Precision::F64 => -bend(x, artanh_series(x, &LOG1P_UNIT_F64) + low),
    }
}

/// log₂ x, with √½ ≤ m < √2 so that the sum with n never cancels.
pub(super) fn log2(x: Real<'_>) -> Real<'_> {
    let Parts { n, f } = parts_about_1(x);
    let part = match x.precision() {
        Precision::F32 => f.fma(LOG2_E, f * f.polynomial(&LOG2_F32)),
        Precision::F64 => {
            let head = artanh_series(f, &LOG_F64);
            f.fma(LOG2_E, bend(f, head).fma(-LOG2_E, f * LOG2_E_LOW_F64))
        }
    };
    complete(x, 0.0, n + part)
}
