//! `sin`, `cos` and `atan`, and sine and cotangent of multiples of π for reflections.
//!
//! An argument is brought to |r| ≤ π/4 by taking away k·π/2 in two reals, whatever its size.
//! Polynomials are minimax (Remez exchange), computed with 70 digits, their error relative to the function.

use std::f64::consts::FRAC_PI_2;

use super::pen::{Integer, Real};

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

/// (atan t / t − 1) / t² in t² on |t| ≤ 0.61, degree 6, error of atan 2^−31.9.
const ATAN_F32: [f64; 7] = [
    -0.333_333_28,
    0.199_996_55,
    -0.142_775_18,
    0.110_174_92,
    -0.085_033_56,
    0.055_533_256,
    -0.020_823_52,
];

/// (atan t / t − 1) / t² in t² on |t| ≤ 0.61, degree 15, error of atan 2^−63.1.
const ATAN_F64: [f64; 16] = [
    -0.333_333_333_333_333_3,
    0.199_999_999_999_994_32,
    -0.142_857_142_856_529_87,
    0.111_111_111_077_437_94,
    -0.090_909_089_801_509_91,
    0.076_923_053_025_324_33,
    -0.066_666_308_577_489_09,
    0.058_819_660_840_021_45,
    -0.052_600_686_812_142_035,
    0.047_433_762_009_569_03,
    -0.042_635_770_099_259_215,
    0.037_084_229_736_981_35,
    -0.029_354_783_955_804_49,
    0.019_087_407_095_112_256,
    -0.008_681_007_660_610_765,
    0.001_996_790_275_044_226,
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

/// π/2 and what rounding it left.
const HALF_PI_F32: [f64; 2] = [1.570_796_4, -4.371_139e-8];
const HALF_PI_F64: [f64; 2] = [FRAC_PI_2, 6.123_233_995_736_766e-17];

/// The digits of 2/π, after a 0 of no digits: piece i is a whole number times 2^−24, and counts 2^−24(i − 1).
const TWO_OVER_PI_F32: [f64; 9] = [
    0.0,
    0.636_619_746_685_028_1,
    0.430_881_738_662_719_7,
    0.082_671_880_722_045_9,
    0.153_683_781_623_840_33,
    -0.042_162_060_737_609_86,
    -0.246_652_424_335_479_74,
    -0.415_630_578_994_751,
    0.263_919_949_531_555_2,
];

/// The digits of 2/π, after a 0 of no digits: piece i is a whole number times 2^−53, and counts 2^−53(i − 1).
const TWO_OVER_PI_F64: [f64; 23] = [
    0.0,
    std::f64::consts::FRAC_2_PI,
    -0.354_499_523_765_985_26,
    -0.173_965_249_783_270_77,
    -0.382_297_031_349_336_1,
    0.229_460_462_074_809_75,
    0.284_613_878_607_749_45,
    0.006_138_546_976_630_743,
    -0.433_960_858_884_441_6,
    0.162_708_217_396_548_95,
    -0.352_181_877_797_919_3,
    -0.247_637_659_783_304_88,
    -0.215_162_470_549_682_3,
    0.288_212_178_445_858_9,
    0.314_304_348_357_835_8,
    -0.494_537_116_075_874_03,
    0.354_741_299_753_561_94,
    0.495_348_441_190_541_1,
    -0.090_699_384_967_602_44,
    -0.289_724_414_440_856_06,
    -0.028_356_640_689_722_99,
    -0.354_840_359_010_531,
    0.383_775_396_753_364_5,
];

/// How many pieces ahead digits matter from some size of argument on, that size, and what brings it back.
type Level = (usize, f64, f64);

const LEVELS_F32: [Level; 3] =
    [(4, two_to(104), two_to(-96)), (2, two_to(56), two_to(-48)), (1, two_to(32), two_to(-24))];
const LEVELS_F64: [Level; 5] = [
    (16, two_to(865), two_to(-848)),
    (8, two_to(441), two_to(-424)),
    (4, two_to(229), two_to(-212)),
    (2, two_to(123), two_to(-106)),
    (1, two_to(70), two_to(-53)),
];

/// 2ⁿ for the n of a normal number.
const fn two_to(n: i64) -> f64 {
    f64::from_bits((n + 1023).cast_unsigned() << 52)
}

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

/// How many pieces of 2/π are enough, with the one before those that count.
const PIECES: usize = 5;

/// |x|, brought below 2^32 (f32) or 2^70 (f64) by a power of 2, and the digits of 2/π that then matter.
fn window(size: Real<'_>) -> (Real<'_>, Vec<Real<'_>>) {
    let all: &[f64] = size.either(&TWO_OVER_PI_F32, &TWO_OVER_PI_F64);
    let mut pieces: Vec<_> = all.iter().map(|piece| size.constant(*piece)).collect();
    let levels: &[Level] = size.either(&LEVELS_F32, &LEVELS_F64);
    let mut y = size;
    for (ahead, from, scale) in levels {
        let below = y.less(*from);
        pieces = (0..PIECES + ahead - 1)
            .map(|at| {
                pieces.get(at + ahead).map_or(pieces[at], |far| below.select(pieces[at], *far))
            })
            .collect();
        y = below.select(y, y * *scale);
    }
    (y, pieces)
}

/// a + b, rounded, and what rounding left, where a is a multiple of the last place of b.
fn add_finer<'p>(a: Real<'p>, b: Real<'p>) -> (Real<'p>, Real<'p>) {
    let sum = a + b;
    (sum, b - (sum - a))
}

/// x less a multiple of 4, at most 2 in size.
fn modulo_4(x: Real<'_>) -> Real<'_> {
    (x * 0.25).nearest().fma(-4.0, x)
}

/// a·b, rounded, and what rounding left.
fn product<'p>(a: Real<'p>, b: Real<'p>) -> (Real<'p>, Real<'p>) {
    let high = a * b;
    (high, a.fma(b, -high))
}

/// |x|·2/π less a whole number, in two reals, and the two lowest bits of that number.
fn quarters(size: Real<'_>) -> (Real<'_>, Real<'_>, Integer<'_>) {
    let (y, pieces) = window(size);
    let down = size.either(two_to(-24), two_to(-53));
    let (y1, y2) = (y * down, y * (down * down));
    // The piece before has a product whose rounded part is a multiple of 4.
    let (_, before) = product(y * (1.0 / down), pieces[0]);
    let (high0, low0) = product(y, pieces[1]);
    let (high1, low1) = product(y1, pieces[2]);
    let (high2, low2) = product(y2, pieces[3]);
    let whole = modulo_4(before) + modulo_4(high0);
    let (next, next_left) = add_finer(low0, high1);
    let magic = size.either(12_582_912.0, 6_755_399_441_055_744.0);
    let count = (whole + next) + magic;
    let (turn, turn_left) = add_finer(whole - (count - magic), next);
    let (fine, fine_left) = add_finer(low1, high2);
    let (rest, rest_left) = add_finer(next_left, fine);
    let (turn, left) = add_finer(turn, rest);
    let finest = (y2 * down).fma(pieces[4], low2) + fine_left;
    let left = (finest + rest_left) + (left + turn_left);
    let (turn, left) = add_finer(turn, left);
    (turn, left, count.bits())
}

/// Takes multiples of π/2 from |x|, with as many digits of 2/π as the worst of all arguments needs
/// (Payne and Hanek 1983): in place of a table of them, selects.
fn turn(size: Real<'_>) -> Turned<'_> {
    let (turn, left, quarter) = quarters(size);
    let [high, low] = size.either(HALF_PI_F32, HALF_PI_F64);
    let r = turn * high;
    let r_left = turn.fma(high, -r) + turn.fma(low, left * high);
    let small = size.less(0.78);
    let (r, low) = (small.select(size, r), small.select(size.constant(0.0), r_left));
    Turned { quarter, r, low }
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
    let turned = turn(x.absolute());
    wave(&turned, turned.quarter).flipped_as(x)
}

/// The cosine.
pub(super) fn cos(x: Real<'_>) -> Real<'_> {
    let turned = turn(x.absolute());
    wave(&turned, turned.quarter.plus(1))
}

/// The arc tangent: of t, of 1 and t = (|x| − 1) / (|x| + 1), or of ∞ and t = −1 / |x|. The middle starts so late that
/// |t| < ¼ where the result's last place is as small as t's errors can be.
pub(super) fn atan(x: Real<'_>) -> Real<'_> {
    let a = x.absolute();
    let flat = a.less(0.609_375);
    let steep = a.less_equal(2.414_213_562_373_095);
    let above = flat.select(a, steep.select(a - 1.0, -1.0));
    let below = flat.select(x.constant(1.0), steep.select(a + 1.0, a));
    let [half_pi, factor] = x.either(HALF_PI_FACTORS_F32, HALF_PI_FACTORS_F64);
    let turned = steep.select(x.constant(half_pi * 0.5), half_pi);
    let base = flat.select(x.constant(0.0), turned);
    let t = above / below;
    let z = t * t;
    let bend = z * z.polynomial(x.either(&ATAN_F32[..], &ATAN_F64[..]));
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
