//! The logarithm of the gamma function, and its first two derivatives, `digamma` and `trigamma`.
//!
//! From 3 on the asymptotic series (Stirling, Binet), with minimax coefficients; on [1, 3] a quotient of polynomials, with the zeros taken out;
//! below by recurrence, and for negative arguments by reflection (Abramowitz and Stegun 1964, chapter 6). Quotients are fitted by
//! iterated weighted least squares with 60 digits, close to minimax.

use super::logarithm::{Parts, assemble, assemble_less_one, log, parts, split};
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

/// Numerator of log Γ(y) / ((y − 1)(y − 2)) on 0.5 ≤ y ≤ 3, degrees 4 and 4, error of the function 2^−26.8.
const LGAMMA_NEAR_P_F32: [f64; 5] = [2.603_778, 22.480_797, 29.019_989, 6.129_749_3, 0.064_663_35];

/// Denominator of log Γ(y) / ((y − 1)(y − 2)) on 0.5 ≤ y ≤ 3, degrees 4 and 4, error of the function 2^−26.8.
const LGAMMA_NEAR_Q_F32: [f64; 5] = [1.218_573, 21.528_269, 52.854_33, 26.502_071, 2.362_005_2];

/// Numerator of log Γ(y) / ((y − 1)(y − 2)) on 0.5 ≤ y ≤ 3, degrees 9 and 9, error of the function 2^−58.3.
const LGAMMA_NEAR_P_F64: [f64; 10] = [
    2.827_143_850_853_914,
    140.908_469_299_485_46,
    1_533.898_038_174_594,
    5_789.427_766_305_271,
    8_931.284_494_126_601,
    5_912.547_908_258_863,
    1_646.644_770_215_754_3,
    172.877_680_420_502_8,
    5.044_492_557_719_541,
    0.008_862_571_434_702_14,
];

/// Denominator of log Γ(y) / ((y − 1)(y − 2)) on 0.5 ≤ y ≤ 3, degrees 9 and 9, error of the function 2^−58.3.
const LGAMMA_NEAR_Q_F64: [f64; 10] = [
    1.0,
    80.139_612_030_014_73,
    1_250.635_538_822_131,
    6_547.500_126_358_19,
    13_991.228_995_586_125,
    13_217.220_715_174_388,
    5_623.378_742_654_379_5,
    1_030.452_700_359_112_2,
    70.795_397_126_634_16,
    1.256_314_173_843_470_7,
];

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

/// Numerator of ψ(y) / (y − x₀) on 1 ≤ y ≤ 3, x₀ the zero there, degrees 3 and 3, error of the function 2^−26.3.
const DIGAMMA_NEAR_P_F32: [f64; 4] = [465.661_25, 964.436_16, 241.273_16, 2.443_714_4];

/// Denominator of ψ(y) / (y − x₀) on 1 ≤ y ≤ 3, x₀ the zero there, degrees 3 and 3, error of the function 2^−26.3.
const DIGAMMA_NEAR_Q_F32: [f64; 4] = [1.790_264_2, 668.0676, 596.305_05, 72.481_41];

/// Numerator of ψ(y) / (y − x₀) on 1 ≤ y ≤ 3, x₀ the zero there, degrees 6 and 6, error of the function 2^−55.1.
const DIGAMMA_NEAR_P_F64: [f64; 7] = [
    7_006_842.088_065_525_5,
    21_947_114.769_863_237,
    18_746_214.451_018_59,
    5_844_500.291_106_819,
    655_606.736_613_443_1,
    20_080.667_088_570_01,
    33.227_981_024_291_85,
];

/// Denominator of ψ(y) / (y − x₀) on 1 ≤ y ≤ 3, x₀ the zero there, degrees 6 and 6, error of the function 2^−55.1.
const DIGAMMA_NEAR_Q_F64: [f64; 7] = [
    1.0,
    10_241_414.406_365_177,
    19_160_317.572_653_3,
    11_239_590.823_571_641,
    2_515_753.190_605_84,
    201_929.327_334_157_05,
    4_120.304_303_640_887,
];

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

/// Numerator of ψ′(y)·y² on 1 ≤ y ≤ 3, degrees 3 and 2, error of the function 2^−26.5.
const TRIGAMMA_NEAR_P_F32: [f64; 4] = [1.074_816_8, 2.957_000_5, 4.224_448, 2.648_142_8];

/// Denominator of ψ′(y)·y² on 1 ≤ y ≤ 3, degrees 3 and 2, error of the function 2^−26.5.
const TRIGAMMA_NEAR_Q_F32: [f64; 3] = [1.083_474_5, 2.897_230_1, 2.648_380_8];

/// Numerator of ψ′(y)·y² on 1 ≤ y ≤ 3, degrees 7 and 6, error of the function 2^−58.6.
const TRIGAMMA_NEAR_P_F64: [f64; 8] = [
    0.999_999_980_569_826_6,
    4.132_965_755_576_656,
    8.686_083_894_504_224,
    10.772_964_018_178_387,
    8.170_722_862_030_253,
    3.756_270_846_640_868_3,
    0.975_999_379_320_429_9,
    0.112_715_023_141_031_92,
];

/// Denominator of ψ′(y)·y² on 1 ≤ y ≤ 3, degrees 7 and 6, error of the function 2^−58.6.
const TRIGAMMA_NEAR_Q_F64: [f64; 7] = [
    1.0,
    4.132_965_501_665_403,
    7.041_151_455_323_654_5,
    6.378_615_209_808_702,
    3.277_664_248_693_31,
    0.919_641_857_967_548_7,
    0.112_715_023_407_497_23,
];

/// (log 2π − 1) / 2
const STIRLING: f64 = 0.418_938_533_204_672_7;

/// The positive zero of digamma, rounded to the precision, and the rest of it.
const ZERO_F32: [f64; 2] = [1.461_632_1, 1.243_815e-8];
const ZERO_F64: [f64; 2] = [1.461_632_144_968_362_2, 9.549_995_429_965_697e-17];

/// Where the series takes over.
const FAR: f64 = 3.0;

/// p / q where y is near, else 1 / y.
fn quotient<'p>(near: Mask, y: Real<'p>, [p, q]: [Real<'p>; 2]) -> Real<'p> {
    near.select(p, 1.0) / near.select(q, y)
}

/// log |Γ(x)|: +∞ at 0, −1, −2, …
pub(super) fn lgamma(x: Real<'_>) -> Real<'_> {
    let a = x.absolute();
    let (small, near) = (a.less(0.5), a.less(FAR));
    let Parts { n, f } = parts(a);
    let y = small.select(a + 1.0, a);
    let (p, q) = a.either(
        (&LGAMMA_NEAR_P_F32[..], &LGAMMA_NEAR_Q_F32[..]),
        (&LGAMMA_NEAR_P_F64[..], &LGAMMA_NEAR_Q_F64[..]),
    );
    let t = quotient(near, y, [y.polynomial(p), y.polynomial(q)]);
    let series = t * (t * t).polynomial(a.either(&LGAMMA_FAR_F32[..], &LGAMMA_FAR_F64[..]));
    let far = (a - 0.5).fma(assemble_less_one(n, f), series + STIRLING);
    // Of y = |x|, or of |x| + 1 where that is small.
    let core = near.select((y - 1.0) * (y - 2.0) * t, far);
    let above = core - small.select(assemble(n, f), 0.0);
    let sine = sin_pi_over_pi(to_whole(a)).absolute();
    let below = -(core + log(sine * small.select(a.constant(1.0), a)));
    let value = x.less(0.0).select(below, above);
    let value = a.less(f64::INFINITY).select(value, a);
    // Its poles, where the terms may be infinities of both signs.
    x.less(0.0).select(sine, a).equal(0.0).select(a.constant(f64::INFINITY), value)
}

/// The derivative of log Γ: infinite at 0, −1, −2, …
pub(super) fn digamma(x: Real<'_>) -> Real<'_> {
    let (below, small) = (x.less(0.0), x.less(1.0));
    let y = small.select(x.absolute() + 1.0, x);
    let near = y.less(FAR);
    let (p, q) = x.either(
        (&DIGAMMA_NEAR_P_F32[..], &DIGAMMA_NEAR_Q_F32[..]),
        (&DIGAMMA_NEAR_P_F64[..], &DIGAMMA_NEAR_Q_F64[..]),
    );
    let t = quotient(near, y, [y.polynomial(p), y.polynomial(q)]);
    let series =
        t.fma((t * t).polynomial(x.either(&DIGAMMA_FAR_F32[..], &DIGAMMA_FAR_F64[..])), 0.5);
    let parts = split(y);
    let log = y.less(f64::INFINITY).select(assemble(parts.n, parts.fraction(y)), y);
    let [zero, rest] = x.either(ZERO_F32, ZERO_F64);
    let core = near.select(((y - zero) - rest) * t, (-t).fma(series, log));
    let r = to_whole(x);
    let shift = below.select(cot_pi(r), 1.0) / below.select(r, x);
    core - small.select(shift, 0.0)
}

/// The second derivative of log Γ: +∞ at 0, −1, −2, …
pub(super) fn trigamma(x: Real<'_>) -> Real<'_> {
    let (below, small) = (x.less(0.0), x.less(1.0));
    let y = small.select(x.absolute() + 1.0, x);
    let near = y.less(FAR);
    let (p, q) = x.either(
        (&TRIGAMMA_NEAR_P_F32[..], &TRIGAMMA_NEAR_Q_F32[..]),
        (&TRIGAMMA_NEAR_P_F64[..], &TRIGAMMA_NEAR_Q_F64[..]),
    );
    let t = quotient(near, y, [y.polynomial(p), y * y * y.polynomial(q)]);
    let z = t * t;
    let series = t.fma(z.polynomial(x.either(&TRIGAMMA_FAR_F32[..], &TRIGAMMA_FAR_F64[..])), 0.5);
    let core = near.select(t, z.fma(series, t));
    let shift = x.constant(1.0) / below.select(sin_pi_over_pi(to_whole(x)), x);
    below.select(-core, core) + small.select(shift * shift, 0.0)
}
