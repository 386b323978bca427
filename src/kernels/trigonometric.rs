//! `sin`, `cos` and `atan`, and sine and cotangent of multiples of π for reflections.
//!
//! An argument is brought to |r| ≤ π/4 by taking away k·π/2, with π/2 in three parts (Cody and Waite, *Software Manual for the
//! Elementary Functions*, 1980), of which the first product is exact; good for |x| up to 10⁵ in f32 and 10⁹ in f64. Past that
//! digits are lost one by one, and from 10⁷ and 10¹⁵ on the result is only known to be at most 1 in size.
//! Polynomials are minimax (Remez exchange), computed with 70 digits, their error relative to the function.

use std::f64::consts::{FRAC_2_PI, FRAC_PI_2};

use super::pen::{Integer, Real};
use crate::loops::Precision;

/// (sin r / r − 1) / r² in r² on |r| ≤ π/4, degree 2, error of sin 2^−28.0.
const SIN_F32: [f64; 3] = [-0.166_666_55, 0.008_332_173, -0.000_195_166_42];

/// (sin r / r − 1) / r² in r² on |r| ≤ π/4, degree 5, error of sin 2^−58.0.
const SIN_F64: [f64; 6] = [
    -0.166_666_666_666_666_32,
    0.008_333_333_333_322_313,
    -0.000_198_412_698_297_240_45,
    2.755_731_366_173_791_5e-6,
    -2.505_075_322_256_877e-8,
    1.589_650_281_191_165e-10,
];

/// (cos r − 1 + r²/2) / r⁴ in r² on |r| ≤ π/4, degree 2, error of cos 2^−33.0.
const COS_F32: [f64; 3] = [0.041_666_646, -0.001_388_731, 2.443_242e-5];

/// (cos r − 1 + r²/2) / r⁴ in r² on |r| ≤ π/4, degree 5, error of cos 2^−63.9.
const COS_F64: [f64; 6] = [
    0.041_666_666_666_666_595,
    -0.001_388_888_888_887_289_5,
    2.480_158_728_874_769_5e-5,
    -2.755_731_414_835_367e-7,
    2.087_569_652_671_470_3e-9,
    -1.135_830_785_578_629_9e-11,
];

/// (atan t / t − 1) / t² in t² on |t| ≤ 1, degree 8, error of atan 2^−28.5.
const ATAN_F32: [f64; 9] = [
    -0.333_333,
    0.199_985_47,
    -0.142_642_33,
    0.109_521_34,
    -0.084_032_81,
    0.057_954_434,
    -0.031_174_447,
    0.010_912_651,
    -0.001_793_156_4,
];

/// (atan t / t − 1) / t² in t² on |t| ≤ 0.4143, degree 11, error of atan 2^−64.2.
const ATAN_F64: [f64; 12] = [
    -0.333_333_333_333_333_26,
    0.199_999_999_999_976_42,
    -0.142_857_142_853_847_74,
    0.111_111_110_879_943_48,
    -0.090_909_081_385_017,
    0.076_922_826_344_550_4,
    -0.066_662_250_839_033_45,
    0.058_770_068_324_213_484,
    -0.052_183_163_425_633_29,
    0.045_032_220_517_827_63,
    -0.033_467_485_909_090_794,
    0.015_188_678_226_811_574,
];

/// (sin(πr) / (πr) − 1) / r² in r² on |r| ≤ ½, degree 4, error of sin 2^−35.3.
const SIN_PI_F32: [f64; 5] =
    [-1.644_934, 0.811_742_2, -0.190_747_96, 0.026_117_522, -0.002_237_105_3];

/// (sin(πr) / (πr) − 1) / r² in r² on |r| ≤ ½, degree 8, error of sin 2^−71.1.
const SIN_PI_F64: [f64; 9] = [
    -1.644_934_066_848_226_4,
    0.811_742_425_283_353_6,
    -0.190_751_824_122_082_58,
    0.026_147_847_817_611_345,
    -0.002_346_081_034_803_447_7,
    0.000_148_428_787_098_942_24,
    -6.975_840_347_139_187e-6,
    2.530_087_146_656_642e-7,
    -7.092_032_852_697_355e-9,
];

/// πr·cot(πr) in r² on |r| ≤ ½, degree 7, absolute error 2^−28.2.
const COT_PI_F32: [f64; 8] = [
    1.0,
    -3.289_869_8,
    -2.164_514_5,
    -2.038_741_4,
    -1.947_519_3,
    -2.485_523,
    0.057_013_94,
    -6.131_233_7,
];

/// πr·cot(πr) in r² on |r| ≤ ½, degree 15, absolute error 2^−58.6.
const COT_PI_F64: [f64; 16] = [
    1.0,
    -3.289_868_133_696_457_7,
    -2.164_646_467_420_708_7,
    -2.034_686_124_175_857_4,
    -2.008_154_698_061_997_8,
    -2.001_989_749_614_274_7,
    -2.000_475_759_089_235,
    -2.000_432_144_135_119_4,
    -1.995_878_208_779_268_6,
    -2.040_303_654_975_294_6,
    -1.715_135_453_386_402_7,
    -3.460_112_635_494_682,
    3.325_448_973_389_971_5,
    -15.272_514_958_182_372,
    18.783_554_665_286_683,
    -18.601_655_248_183_935,
];

/// π/2 in three parts, each rounded to the precision.
const HALF_PI_F32: [f64; 3] = [1.570_796_4, -4.371_139e-8, -1.715_124_5e-15];
const HALF_PI_F64: [f64; 3] = [FRAC_PI_2, 6.123_233_995_736_766e-17, -1.497_384_904_859_169_8e-33];

/// Two numbers whose product is π/2 with twice the precision.
const HALF_PI_FACTORS_F32: [f64; 2] = [0.982_152_94, 1.599_339_8];
const HALF_PI_FACTORS_F64: [f64; 2] = [1.105_946_931_192_200_8, 1.420_317_994_012_237_5];

/// An argument as r + low + k·π/2.
struct Turned<'p> {
    /// k in the two lowest bits.
    quarter: Integer<'p>,
    r: Real<'p>,
    low: Real<'p>,
}

fn turn(x: Real<'_>) -> Turned<'_> {
    let magic = x.either(12_582_912.0, 6_755_399_441_055_744.0);
    let sum = x.fma(FRAC_2_PI, magic);
    let k = sum - magic;
    let [first, second, third] = x.either(HALF_PI_F32, HALF_PI_F64);
    let rough = k.fma(-first, x);
    let next = k * second;
    let r = rough - next;
    let low = k.fma(-third, ((rough - r) - next) - k.fma(second, -next));
    // Only far outside of the stated range is anything clamped: no number becomes NaN.
    let r = r.at_least(-0.8).at_most(0.8);
    Turned { quarter: sum.bits(), r, low: low.at_least(-0.001).at_most(0.001) }
}

/// sin(r + k·π/2) for the k in the lowest bits of an integer.
fn wave<'p>(turned: &Turned<'p>, quarter: Integer<'p>) -> Real<'p> {
    let &Turned { r, low, .. } = turned;
    let z = r.fma(r, (low + low) * r);
    let sine = r + (z * r).fma(z.polynomial(r.either(&SIN_F32, &SIN_F64)), low);
    let bend = z.fma(z.polynomial(r.either(&COS_F32, &COS_F64)), -0.5);
    let cosine = z.fma(bend, 1.0);
    let even = quarter.and(1).is(0);
    let unsigned = even.select(sine, cosine);
    let sign = quarter.and(2).shift_left(r.either(30, 62));
    unsigned.bits().exclusive_or(sign).real()
}

/// The sine.
pub(super) fn sin(x: Real<'_>) -> Real<'_> {
    let turned = turn(x);
    wave(&turned, turned.quarter)
}

/// The cosine.
pub(super) fn cos(x: Real<'_>) -> Real<'_> {
    let turned = turn(x);
    wave(&turned, turned.quarter.plus(1))
}

/// The arc tangent.
pub(super) fn atan(x: Real<'_>) -> Real<'_> {
    let a = x.absolute();
    let steep = a.less_equal(x.either(1.0, 2.414_213_562_373_095));
    let (base, t) = match x.precision() {
        Precision::F32 => {
            let t = steep.select(a, -1.0) / steep.select(x.constant(1.0), a);
            (steep.select(x.constant(0.0), HALF_PI_FACTORS_F32[0]), t)
        }
        Precision::F64 => {
            // Near 0, 1 and ∞, so that |t| ≤ √2 − 1.
            let flat = a.less_equal(0.414_213_562_373_095_03);
            let above = flat.select(a, steep.select(a - 1.0, -1.0));
            let below = flat.select(x.constant(1.0), steep.select(a + 1.0, a));
            let [half_pi, _] = HALF_PI_FACTORS_F64;
            let turned = steep.select(x.constant(half_pi * 0.5), half_pi);
            (flat.select(x.constant(0.0), turned), above / below)
        }
    };
    let z = t * t;
    let bend = z * z.polynomial(x.either(&ATAN_F32, &ATAN_F64));
    let [_, factor] = x.either(HALF_PI_FACTORS_F32, HALF_PI_FACTORS_F64);
    base.fma(factor, t.fma(bend, t)).signed_as(x)
}

/// How far x is from the nearest whole number.
pub(super) fn to_whole(x: Real<'_>) -> Real<'_> {
    x - x.nearest()
}

/// sin(πr) / π for |r| ≤ ½.
pub(super) fn sin_pi_over_pi(r: Real<'_>) -> Real<'_> {
    let z = r * r;
    r.fma(z * z.polynomial(r.either(&SIN_PI_F32[..], &SIN_PI_F64[..])), r)
}

/// πr·cot(πr) for |r| ≤ ½.
pub(super) fn cot_pi(r: Real<'_>) -> Real<'_> {
    (r * r).polynomial(r.either(&COT_PI_F32, &COT_PI_F64))
}
