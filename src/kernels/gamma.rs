//! The logarithm of the gamma function, and its first two derivatives, `digamma` and `trigamma`.
//!
//! From 3 on the asymptotic series (Stirling, Binet), with minimax coefficients; on [1, 3] one mapped polynomial, with the zeros
//! taken out; below by recurrence, and for negative arguments by reflection (Abramowitz and Stegun 1964, chapter 6). Polynomials
//! are minimax (Remez exchange), computed with 45 digits or more.

use super::logarithm::{Parts, assemble_pair, log as log_of, parts, split};
use super::mapped::{Mapped, Pair};
use super::pen::{Mask, Real};
use super::trigonometric::{cot_pi, sin_pi_over_pi, to_whole};

/// Binet's function times x, in 1/x² for x ≥ 3, degree 2, error of the function 2^−29.7.
const LGAMMA_FAR_F32: [f64; 3] = [0.083_333_164, -0.002_769_887_2, 0.000_678_975_6];

/// Binet's function times x, in 1/x² for x ≥ 3, degree 9, error of the function 2^−57.4.
const LGAMMA_FAR_F64: [f64; 10] = [
    0.083_333_333_333_321_49,
    -0.002_777_777_773_393_083,
    0.000_793_650_193_542_185_6,
    -0.000_595_195_453_391_667_1,
    0.000_839_931_616_340_825,
    -0.001_867_010_784_777_148_3,
    0.005_446_347_115_817_440_5,
    -0.016_259_053_379_374_22,
    0.037_179_064_662_741_61,
    -0.043_706_185_130_871_93,
];

/// log Γ(y) / ((y − 1)(y − 2)) on 0.5 ≤ y ≤ 3, degree 10, error of the function 2^−28.6.
const LGAMMA_NEAR_F32: Mapped = Mapped {
    k: 1.25,
    m: 1.5,
    coefficients: &[
        1.441_320_3,
        0.041_452_296,
        0.513_312_3,
        0.044_756_934,
        0.321_786_1,
        0.033_737_66,
        0.236_835_87,
        0.024_624_286,
        0.164_576_9,
        0.033_079_255,
        0.246_526_24,
    ],
    rest: -3.594_726_3e-8,
};

/// log Γ(y) / ((y − 1)(y − 2)) on 0.5 ≤ y ≤ 3, degree 24, error of the function 2^−59.6.
const LGAMMA_NEAR_F64: Mapped = Mapped {
    k: 1.25,
    m: 1.5,
    coefficients: &[
        1.441_320_267_519_926_4,
        0.041_452_259_287_731_3,
        0.513_310_979_000_003_8,
        0.044_761_386_682_602_68,
        0.321_869_386_967_560_3,
        0.033_589_957_718_814_53,
        0.234_880_537_247_864_95,
        0.026_601_704_136_100_173,
        0.185_009_504_458_067_13,
        0.021_973_411_095_994_776,
        0.152_642_712_318_772_02,
        0.018_704_285_243_442_958,
        0.129_934_971_542_060_24,
        0.016_270_936_961_891_996,
        0.113_029_731_971_231_28,
        0.014_477_205_299_973_183,
        0.100_997_214_391_439_2,
        0.012_328_320_335_244_133,
        0.083_591_685_081_532_68,
        0.014_895_570_776_731_279,
        0.112_040_007_454_834_38,
        7.996_072_002_131_418e-5,
        -0.018_252_287_866_574_35,
        0.028_625_069_016_095_954,
        0.217_761_232_872_152_07,
    ],
    rest: 1.375_346_995_803_513_1e-18,
};

/// (log x − 1/(2x) − ψ(x))·x², in 1/x² for x ≥ 3, degree 2, error of the function 2^−28.4.
const DIGAMMA_FAR_F32: [f64; 3] = [0.083_332_41, -0.008_286_389, 0.003_232_366_9];

/// (log x − 1/(2x) − ψ(x))·x², in 1/x² for x ≥ 3, degree 10, error of the function 2^−57.6.
const DIGAMMA_FAR_F64: [f64; 11] = [
    0.083_333_333_333_311_68,
    -0.008_333_333_322_852_007,
    0.003_968_252_125_115_567_4,
    -0.004_166_499_553_613_03,
    0.007_566_660_239_418_694,
    -0.020_768_706_705_431_142,
    0.075_326_534_518_892_89,
    -0.299_060_983_893_735_75,
    1.041_869_462_833_623,
    -2.526_879_849_635_243_6,
    3.001_002_526_502_298,
];

/// ψ(y) / (y − x₀) on 1 ≤ y ≤ 3, x₀ the zero there, degree 8, error of the function 2^−28.2.
const DIGAMMA_NEAR_F32: Mapped = Mapped {
    k: 1.25,
    m: 0.875,
    coefficients: &[
        2.283_862_6,
        -0.389_924_94,
        1.305_963_3,
        -0.699_282_1,
        1.161_940_9,
        -0.792_000_2,
        1.135_594_1,
        -0.876_284_2,
        0.833_984_73,
    ],
    rest: 9.143_696_6e-8,
};

/// ψ(y) / (y − x₀) on 1 ≤ y ≤ 3, x₀ the zero there, degree 18, error of the function 2^−58.1.
const DIGAMMA_NEAR_F64: Mapped = Mapped {
    k: 1.5,
    m: 0.875,
    coefficients: &[
        2.258_757_705_575_603,
        -0.165_177_748_534_907_1,
        1.163_771_060_578_774,
        -0.529_098_746_639_050_8,
        1.008_869_929_072_302_9,
        -0.624_216_935_310_059,
        0.946_249_219_648_382,
        -0.669_283_710_826_710_7,
        0.912_348_688_977_192_2,
        -0.695_756_774_160_469_5,
        0.891_097_520_362_245_1,
        -0.713_233_226_144_502_2,
        0.876_626_011_221_946_8,
        -0.724_810_118_702_912_3,
        0.862_466_116_880_475_8,
        -0.740_278_956_214_733_2,
        0.910_600_406_847_724_5,
        -0.792_649_663_258_276_3,
        0.596_331_542_071_548_3,
    ],
    rest: 1.286_128_330_486_749_6e-16,
};

/// (ψ′(x) − 1/x − 1/(2x²))·x³, in 1/x² for x ≥ 3, degree 3, error of the function 2^−29.7.
const TRIGAMMA_FAR_F32: [f64; 4] = [0.166_666_31, -0.033_299_58, 0.022_796_584, -0.020_413_95];

/// (ψ′(x) − 1/x − 1/(2x²))·x³, in 1/x² for x ≥ 3, degree 12, error of the function 2^−58.1.
const TRIGAMMA_FAR_F64: [f64; 13] = [
    0.166_666_666_666_658_89,
    -0.033_333_333_327_330_75,
    0.023_809_522_188_856_944,
    -0.033_333_111_415_901_53,
    0.075_739_425_632_625_12,
    -0.252_139_883_649_540_1,
    1.130_204_505_994_181_9,
    -6.091_465_174_861_023,
    33.860_117_558_776_42,
    -165.461_289_182_173_6,
    613.984_359_600_886_4,
    -1_468.374_329_057_921_2,
    1_658.320_196_539_026_7,
];

/// ψ′(y) on 1 ≤ y ≤ 3, degree 9, error of the function 2^−29.0.
const TRIGAMMA_NEAR_F32: Mapped = Mapped {
    k: 1.0,
    m: -0.375,
    coefficients: &[
        1.028_083_8,
        0.284_725_16,
        -1.214_253_5,
        2.522_446_4,
        -3.977_036,
        5.336_44,
        -6.159_363,
        5.664_722,
        -3.530_902_4,
        1.070_658_2,
    ],
    rest: -8.031_338e-9,
};

/// ψ′(y) on 1 ≤ y ≤ 3, degree 19, error of the function 2^−60.1.
const TRIGAMMA_NEAR_F64: Mapped = Mapped {
    k: 1.0,
    m: -0.375,
    coefficients: &[
        1.028_083_791_780_141_5,
        0.284_725_875_797_466_6,
        -1.214_305_096_645_582,
        2.523_866_437_091_762_3,
        -3.996_982_751_754_883_7,
        5.499_900_694_663_431,
        -7.000_214_884_376_099,
        8.499_909_510_945_65,
        -9.999_812_676_818_953,
        11.498_183_459_349_844,
        -12.987_042_732_544_45,
        14.428_094_356_472_846,
        -15.685_116_717_453_312,
        16.404_276_653_660_123,
        -15.953_262_318_112_593,
        13.693_869_137_855_385,
        -9.684_286_642_905_27,
        5.156_318_357_539_572,
        -1.801_417_101_469_715,
        0.305_504_239_177_610_55,
    ],
    rest: -8.621_758_280_664_666e-18,
};

/// (log 2π − 1) / 2
const STIRLING: f64 = 0.418_938_533_204_672_7;

/// The positive zero of digamma, rounded to the precision, and the rest of it.
const ZERO_F32: [f64; 2] = [1.461_632_1, 1.243_815e-8];
const ZERO_F64: [f64; 2] = [1.461_632_144_968_362_2, 9.549_995_429_965_697e-17];

/// Where the series takes over.
const FAR: f64 = 3.0;

/// Of a square about to be divided by.
const SCALE: f64 = 4096.0;

/// log |Γ(x)|: +∞ at 0, −1, −2, …
pub(super) fn lgamma(x: Real<'_>) -> Real<'_> {
    let a = x.absolute();
    let small = a.less(0.5);
    let Parts { n, f } = parts(a);
    let log = assemble_pair(n, f);
    // Of y = |x|, or of |x| + 1 where that is small.
    let core = a.less(FAR).select(lgamma_near(small, a), lgamma_far(a, log));
    let [log, left] = log;
    let above = small.select((core - left) - log, core);
    let sine = sin_pi_over_pi(to_whole(a)).absolute();
    let below = -(core + log_of(sine * small.select(a.constant(1.0), a)));
    let value = x.less(0.0).select(below, above);
    let value = a.less(f64::INFINITY).select(value, a);
    // Its poles, where the terms may be infinities of both signs.
    x.less(0.0).select(sine, a).equal(0.0).select(a.constant(f64::INFINITY), value)
}

/// log Γ(a), or log Γ(1 + a) where a is small, up to 3: (y − 1)(y − 2) times the fitted quotient, all as sums.
fn lgamma_near(small: Mask, a: Real<'_>) -> Real<'_> {
    let one = small.select(a, a - 1.0);
    let two = one - 1.0;
    let two_low = one - (two + 1.0);
    let product = one * two;
    let product_low = one.fma(two_low, one.fma(two, -product));
    let y = small.select(a + 1.0, a);
    let [slope, slope_low] = a.either(LGAMMA_NEAR_F32, LGAMMA_NEAR_F64).at(y);
    product.fma(slope, product.fma(slope_low, product_low * slope))
}

/// log Γ(a) for a ≥ 3 with log a as a sum: (a − ½)(log a − 1) + (log 2π − 1)/2 and a series.
fn lgamma_far<'p>(a: Real<'p>, [log, left]: Pair<'p>) -> Real<'p> {
    let less = log - 1.0;
    let left = left + ((log - less) - 1.0);
    let high = less + left;
    let low = (less - high) + left;
    let t = a.constant(1.0) / a;
    let series =
        t.fma((t * t).polynomial(a.either(&LGAMMA_FAR_F32[..], &LGAMMA_FAR_F64[..])), STIRLING);
    a.fma(high, a.fma(low, high.fma(-0.5, series)))
}

/// The derivative of log Γ: infinite at 0, −1, −2, …
pub(super) fn digamma(x: Real<'_>) -> Real<'_> {
    let (below, small) = (x.less(0.0), x.less(1.0));
    let size = x.absolute();
    let y = small.select(size + 1.0, x);
    let low = small.select(size - (y - 1.0), 0.0);
    let [zero, rest] = x.either(ZERO_F32, ZERO_F64);
    let [slope, slope_low] = x.either(DIGAMMA_NEAR_F32, DIGAMMA_NEAR_F64).at(y);
    let distance = y - zero;
    let near = distance.fma(slope, distance.fma(slope_low, (low - rest) * slope));
    let parts = split(y);
    let [log, left] = assemble_pair(parts.n, parts.fraction(y));
    let t = x.constant(1.0) / y;
    let series =
        t.fma((t * t).polynomial(x.either(&DIGAMMA_FAR_F32[..], &DIGAMMA_FAR_F64[..])), 0.5);
    let far = y.less(f64::INFINITY).select(log + (-t).fma(series, left), y);
    let core = y.less(FAR).select(near, far);
    // ψ(x) = ψ(1 + x) − 1/x, as one quotient; ψ(x) = ψ(1 − x) − π·cot(πx)
    let r = to_whole(x);
    let sum = (-x).fma(core, 1.0);
    let (dividend, divisor) = (below.select(cot_pi(r), sum), below.select(r, x));
    let quotient = dividend / divisor;
    // What the sum and the quotient lost: or they would not rise from each number to the next.
    let lost = (-x).fma(core, x.constant(1.0) - sum);
    let left = (-quotient).fma(divisor, dividend) + lost;
    let least = x.either(1.0e-10, 1.0e-20);
    let shift = x.less(least).select(quotient, quotient + left / divisor);
    small.select(below.select(core, 0.0) - shift, core)
}

/// The second derivative of log Γ: +∞ at 0, −1, −2, …
pub(super) fn trigamma(x: Real<'_>) -> Real<'_> {
    let (below, small) = (x.less(0.0), x.less(1.0));
    let y = small.select(x.absolute() + 1.0, x);
    let [near, near_low] = x.either(TRIGAMMA_NEAR_F32, TRIGAMMA_NEAR_F64).at(y);
    let t = x.constant(1.0) / y;
    let z = t * t;
    let series = t.fma(z.polynomial(x.either(&TRIGAMMA_FAR_F32[..], &TRIGAMMA_FAR_F64[..])), 0.5);
    let core = y.less(FAR).select(near + near_low, z.fma(series, t));
    // ψ′(x) = ψ′(1 + x) + 1/x², ψ′(x) = (π / sin πx)² − ψ′(1 − x)
    let side = below.select(sin_pi_over_pi(to_whole(x)), x);
    // Scaled, so that a square that is subnormal keeps its digits when the quotient is not infinite.
    let shift = x.constant(SCALE) / (side * SCALE * side);
    below.select(-core, core) + small.select(shift, 0.0)
}
