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

/// Numerator of log Γ(2 + u) / (u(u + 1)) on −1.5 ≤ u ≤ 1, degrees 4 and 4, error of the function 2^−26.9.
const LGAMMA_NEAR_P_F32: [f64; 5] =
    [0.422_784_33, 0.423_712_3, 0.133_235_01, 0.013_149_453, 0.000_127_919_54];

/// Denominator of log Γ(2 + u) / (u(u + 1)) on −1.5 ≤ u ≤ 1, degrees 4 and 4, error of the function 2^−26.9.
const LGAMMA_NEAR_Q_F32: [f64; 5] = [1.0, 1.239_472_6, 0.531_264_96, 0.089_808_21, 0.004_672_607_4];

/// Numerator of log Γ(2 + u) / (u(u + 1)) on −1.5 ≤ u ≤ 1, degrees 9 and 9, error of the function 2^−58.8.
const LGAMMA_NEAR_P_F64: [f64; 10] = [
    0.422_784_335_098_467_13,
    1.016_945_709_763_476_4,
    1.027_803_294_309_735_5,
    0.565_605_551_676_566,
    0.183_408_462_517_626_96,
    0.035_360_541_261_300_844,
    0.003_874_935_180_792_574,
    0.000_213_855_279_030_101_67,
    4.390_508_864_245_917e-6,
    7.539_193_802_932_143e-9,
];

/// Denominator of log Γ(2 + u) / (u(u + 1)) on −1.5 ≤ u ≤ 1, degrees 9 and 9, error of the function 2^−58.8.
const LGAMMA_NEAR_Q_F64: [f64; 10] = [
    1.0,
    2.642_631_050_125_398,
    2.980_100_740_167_163_3,
    1.868_165_419_251_945_2,
    0.710_307_687_473_534_6,
    0.167_549_548_424_408_53,
    0.024_037_458_383_865_51,
    0.001_961_760_964_822_892,
    7.850_530_885_631_52e-5,
    1.061_436_076_246_407e-6,
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

/// Numerator of ψ(2 + u) / (2 + u − x₀) on |u| ≤ 1, x₀ the positive zero, degrees 3 and 3, error of the function 2^−26.3.
const DIGAMMA_NEAR_P_F32: [f64; 4] = [0.785_307_5, 0.455_216_97, 0.059_473_57, 0.000_567_790_3];

/// Denominator of ψ(2 + u) / (2 + u − x₀) on |u| ≤ 1, x₀ the positive zero, degrees 3 and 3, error of the function 2^−26.3.
const DIGAMMA_NEAR_Q_F32: [f64; 4] = [1.0, 0.911_688_6, 0.239_633_74, 0.016_842_673];

/// Numerator of ψ(2 + u) / (2 + u − x₀) on |u| ≤ 1, x₀ the positive zero, degrees 6 and 6, error of the function 2^−55.4.
const DIGAMMA_NEAR_P_F64: [f64; 7] = [
    0.785_307_538_604_105_3,
    0.810_819_785_867_134_3,
    0.304_429_441_579_473_8,
    0.050_945_721_583_864_775,
    0.003_680_447_629_323_780_5,
    8.797_502_780_287_11e-5,
    1.432_134_208_473_989_3e-7,
];

/// Denominator of ψ(2 + u) / (2 + u − x₀) on |u| ≤ 1, x₀ the positive zero, degrees 6 and 6, error of the function 2^−55.4.
const DIGAMMA_NEAR_Q_F64: [f64; 7] = [
    1.0,
    1.364_508_409_603_256_7,
    0.701_903_386_688_159_7,
    0.171_625_764_166_258_44,
    0.020_486_306_069_360_357,
    0.001_078_275_971_453_907_8,
    1.770_818_435_231_559_6e-5,
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

/// Numerator of ψ′(2 + u) on |u| ≤ 1, degrees 3 and 3, error of the function 2^−25.9.
const TRIGAMMA_NEAR_P_F32: [f64; 4] = [0.644_934_06, 0.546_661_73, 0.120_490_864, -1.121_451_2e-5];

/// Denominator of ψ′(2 + u) on |u| ≤ 1, degrees 3 and 3, error of the function 2^−25.9.
const TRIGAMMA_NEAR_Q_F32: [f64; 4] = [1.0, 1.474_221_3, 0.727_631_75, 0.120_411_46];

/// Numerator of ψ′(2 + u) on |u| ≤ 1, degrees 6 and 6, error of the function 2^−54.1.
const TRIGAMMA_NEAR_P_F64: [f64; 7] = [
    0.644_934_066_848_226_4,
    1.096_798_800_381_956_9,
    0.753_838_366_462_067,
    0.261_448_610_597_619_9,
    0.045_763_581_847_710_15,
    0.003_237_041_701_941_633_7,
    1.148_843_128_194_412_2e-10,
];

/// Denominator of ψ′(2 + u) on |u| ≤ 1, degrees 6 and 6, error of the function 2^−54.1.
const TRIGAMMA_NEAR_Q_F64: [f64; 7] = [
    1.0,
    2.327_234_183_853_957,
    2.244_161_386_349_292_6,
    1.149_419_666_683_270_8,
    0.330_363_844_876_347_96,
    0.050_619_128_577_542_485,
    0.003_237_043_639_749_338_4,
];

/// (log 2π − 1) / 2
const STIRLING: f64 = 0.418_938_533_204_672_7;

/// The positive zero of digamma, rounded to the precision, and the rest of it.
const ZERO_F32: [f64; 2] = [1.461_632_1, 1.243_815e-8];
const ZERO_F64: [f64; 2] = [1.461_632_144_968_362_2, 9.549_995_429_965_697e-17];

/// Where the series takes over.
const FAR: f64 = 3.0;

/// P(y − 2) / Q(y − 2) where y is near, else 1 / y.
fn quotient<'p>(near: Mask, y: Real<'p>, p: &[f64], q: &[f64]) -> Real<'p> {
    let u = y - 2.0;
    near.select(u.polynomial(p), 1.0) / near.select(u.polynomial(q), y)
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
    let t = quotient(near, y, p, q);
    let series = t * (t * t).polynomial(a.either(&LGAMMA_FAR_F32[..], &LGAMMA_FAR_F64[..]));
    let far = (a - 0.5).fma(assemble_less_one(n, f), series + STIRLING);
    // Of y = |x|, or of |x| + 1 where that is small.
    let core = near.select((y - 1.0) * (y - 2.0) * t, far);
    let above = core - small.select(assemble(n, f), 0.0);
    let sine = sin_pi_over_pi(to_whole(a)).absolute();
    let below = -(core + log(sine * small.select(a.constant(1.0), a)));
    let value = x.less(0.0).select(below, above);
    let value = a.less(f64::INFINITY).select(value, a);
    a.equal(0.0).select(a.constant(f64::INFINITY), value)
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
    let t = quotient(near, y, p, q);
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
    let t = quotient(near, y, p, q);
    let z = t * t;
    let series = t.fma(z.polynomial(x.either(&TRIGAMMA_FAR_F32[..], &TRIGAMMA_FAR_F64[..])), 0.5);
    let core = near.select(t, z.fma(series, t));
    let shift = x.constant(1.0) / below.select(sin_pi_over_pi(to_whole(x)), x);
    below.select(-core, core) + small.select(shift * shift, 0.0)
}
