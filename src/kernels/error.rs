//! `erf`, `erfc` and the logarithm of the normal distribution function.
//!
//! Far from 0 all rest on exp(a²)·erfc(a), which falls slowly, kept as a sum of two reals, as is exp(−a²). Polynomials are
//! minimax (Remez exchange), computed with 45 digits and rounded one coefficient after the other, the rest fitted again.

use super::exponential::{exp_fall_sum, exp_fall_times};
use super::logarithm::{assemble_fine_pair, split_below_1};
use super::mapped::{Mapped, Pair, square};
use super::pen::{Mask, Real};
use crate::loops::Precision;

/// exp(a²)·erfc(a) on 0.58 ≤ a ≤ 10.1, degree 9, error of the function 2^−29.6.
const TAIL_F32: Mapped = Mapped {
    k: 2.5,
    m: 0.5,
    coefficients: &[
        0.632_419_1,
        -0.061_178_39,
        -0.049_512_204,
        0.078_815_29,
        -0.051_485,
        0.016_376_507,
        0.000_477_623_95,
        -0.002_169_969_5,
        0.000_207_978_17,
        0.000_262_368_44,
    ],
    rest: -1.767_98e-8,
};

/// exp(a²)·erfc(a) on 0.58 ≤ a ≤ 28, degree 21, error of the function 2^−58.3.
const TAIL_F64: Mapped = Mapped {
    k: 3.0,
    m: 0.5,
    coefficients: &[
        0.626_504_029_134_864_8,
        -0.067_810_553_062_290_63,
        -0.023_781_147_176_725_52,
        0.064_822_579_351_386_26,
        -0.059_636_831_707_643_85,
        0.034_154_013_671_733_39,
        -0.011_885_257_459_575_856,
        0.001_264_695_913_118_319_4,
        0.000_944_345_181_836_658,
        -0.000_389_916_192_183_371_9,
        -5.257_990_038_803_060_5e-5,
        6.255_005_174_423_236e-5,
        2.474_616_603_320_482_7e-6,
        -1.005_186_655_924_236_3e-5,
        -3.647_865_146_706_694e-7,
        1.740_414_384_226_445e-6,
        1.748_424_157_542_259e-7,
        -3.151_004_730_620_163_4e-7,
        -6.343_200_415_517_336e-8,
        5.677_756_297_152_226e-8,
        1.262_541_768_496_270_5e-8,
        -8.348_203_465_588_35e-9,
    ],
    rest: 2.247_248_786_483_145_2e-17,
};

/// ½·exp(s²/2)·erfc(s/√2) on 0.28 ≤ s ≤ 2^20, degree 10, error of the function 2^−29.4 (more past 14.6).
const NORMAL_TAIL_F32: Mapped = Mapped {
    k: 3.0,
    m: 1.125,
    coefficients: &[
        0.501_245,
        -0.122_327_08,
        -0.001_029_137_5,
        0.039_387_12,
        -0.021_961_559,
        0.001_524_962_1,
        0.002_876_551_1,
        -0.000_402_597_89,
        -0.000_477_265_45,
        3.813_921e-5,
        6.753_134e-5,
    ],
    rest: 1.583_116_2e-8,
};

/// ½·exp(s²/2)·erfc(s/√2) on 0.28 ≤ s ≤ 2^32, degree 24, error of the function 2^−58.1.
const NORMAL_TAIL_F64: Mapped = Mapped {
    k: 5.0,
    m: 1.125,
    coefficients: &[
        0.471_130_742_971_913_54,
        -0.109_484_476_242_010_44,
        0.045_538_969_911_712_954,
        -0.000_108_132_272_796_464_39,
        -0.020_419_123_930_728_592,
        0.021_610_225_683_022_38,
        -0.014_046_494_084_858_793,
        0.006_224_645_118_884_662,
        -0.001_648_628_490_156_828_8,
        2.457_623_657_660_643e-5,
        0.000_174_780_633_803_820_68,
        -5.348_757_884_859_737e-5,
        -9.065_241_812_245_045e-6,
        8.901_557_903_484_688e-6,
        -1.555_376_752_787_404e-7,
        -1.278_017_870_886_018_8e-6,
        1.389_644_093_894_622_6e-7,
        1.926_717_620_473_036_2e-7,
        -2.939_939_052_181_660_2e-8,
        -3.129_688_292_470_654_5e-8,
        5.197_734_501_498_939e-9,
        4.821_645_828_571_526e-9,
        -9.147_584_638_568_702e-10,
        -4.807_054_278_579_46e-10,
        1.205_589_014_096_265_6e-10,
    ],
    rest: 2.287_653_545_082_253_8e-17,
};

/// (log Φ(x) + log 2 − x·√(2/π)) / x² on |x| ≤ 0.42, degree 5, error of log Φ 2^−31.5.
const NORMAL_NEAR_F32: [f64; 6] = [
    -0.318_309_87,
    0.036_335_606,
    0.004_781_900_4,
    -3.709_734_3e-5,
    -0.000_211_456_27,
    -5.111_487e-5,
];

/// (log Φ(x) + log 2 − x·√(2/π)) / x² on |x| ≤ 0.42, degree 11, error of log Φ 2^−58.5.
const NORMAL_NEAR_F64: [f64; 12] = [
    -0.318_309_886_183_790_14,
    0.036_335_602_357_497_88,
    0.004_782_111_752_198_585,
    -3.698_073_715_154_606e-5,
    -0.000_212_025_739_192_728_66,
    -5.216_000_291_124_985e-5,
    -1.616_853_208_854_600_1e-6,
    2.851_350_115_750_919_6e-6,
    9.308_969_421_721_949e-7,
    7.697_695_302_209_307e-8,
    -4.433_788_034_632_868e-8,
    -1.810_471_115_032_138_8e-8,
];

/// √(2/π)
const SLOPE: f64 = 0.797_884_560_802_865_4;

/// What rounding it to the precision left.
const SLOPE_LOW_F32: f64 = -2.267_034e-8;
const SLOPE_LOW_F64: f64 = -4.984_654_4e-17;

/// 1/√(2π)
pub(super) const DENSITY: f64 = 0.398_942_280_401_432_7;

/// What it is less than (1 + the first coefficient of [`ERF_F32`] or [`ERF_F64`]) / √8, rounded to the precision.
const DENSITY_LEFT_F32: f64 = -1.167_785_6e-8;
const DENSITY_LEFT_F64: f64 = -3.034_517_6e-17;

/// 1/√8
const HALF_ROOT_HALF: f64 = std::f64::consts::FRAC_1_SQRT_2 / 2.0;

/// log 2, and what rounding it to the precision left.
const LN_2_F32: [f64; 2] = [std::f64::consts::LN_2, -1.904_654_3e-9];
const LN_2_F64: [f64; 2] = [std::f64::consts::LN_2, 2.319_046_813_846_299_6e-17];

/// erf x / x − 1 in x² on |x| ≤ 0.95, degree 6, error of erf 2^−30.6.
const ERF_F32: [f64; 7] = [
    0.128_379_17,
    -0.376_126_32,
    0.112_836_63,
    -0.026_857_64,
    0.005_196_799_5,
    -0.000_809_606_75,
    8.178_563_4e-5,
];

/// erf x / x − 1 in x² on |x| ≤ 0.78, degree 10, error of erf 2^−56.0.
const ERF_F64: [f64; 11] = [
    0.128_379_167_095_512_56,
    -0.376_126_389_031_832_3,
    0.112_837_916_709_259_04,
    -0.026_866_170_638_727_22,
    0.005_223_977_553_579_771,
    -0.000_854_832_233_556_353_9,
    0.000_120_551_433_734_797_64,
    -1.492_076_219_530_009_4e-5,
    1.638_191_574_152_859_3e-6,
    -1.555_644_306_283_760_5e-7,
    1.018_925_924_788_069_4e-8,
];

/// −log(exp(a²)·erfc a) on 0.93 ≤ a ≤ 4, degree 7, error of erf 2^−30.4.
const ERF_TAIL_F32: [f64; 8] = [
    -8.666_744_5e-5,
    1.129_104,
    -0.365_853_34,
    0.107_440_695,
    -0.024_607_455,
    0.003_989_998_7,
    -0.000_400_157_3,
    1.841_415_9e-5,
];

/// Φ(−s)·exp(s²/2) for s ≥ 0.3, as a sum.
pub(super) fn normal_tail(s: Real<'_>) -> Pair<'_> {
    s.either(NORMAL_TAIL_F32, NORMAL_TAIL_F64).at(s)
}

/// erfc(a) for a ≥ 0.6.
fn upper(a: Real<'_>) -> Real<'_> {
    // Past these every digit of the result is 0.
    let a = a.at_most(a.either(11.0, 28.0));
    let [whole, low] = square(a);
    exp_fall_times(whole, low, a.either(TAIL_F32, TAIL_F64).at(a)).rounded()
}

/// erf x / x − 1 for |x| ≤ 0.75 at least.
fn near_slope(x: Real<'_>) -> Real<'_> {
    (x * x).polynomial(x.either(&ERF_F32, &ERF_F64))
}

/// The error function.
pub(super) fn erf(x: Real<'_>) -> Real<'_> {
    let a = x.absolute();
    let near = a.fma(near_slope(a), a);
    let size = match x.precision() {
        Precision::F32 => {
            // erfc a = exp(−a² − w), with the digits that the sum loses: or it would not fall from one number to the next.
            let a = a.at_most(4.0);
            let ([whole, low], more) = (square(a), a.polynomial(&ERF_TAIL_F32));
            let sum = whole + more;
            let low = low + ((whole - sum) + more);
            let far = a.constant(1.0) - exp_fall_sum(sum, Some(low));
            a.less(0.945).select(near, far)
        }
        Precision::F64 => a.less(0.75).select(near, a.constant(1.0) - upper(a)),
    };
    size.signed_as(x)
}

/// 1 − erf x, accurate where erf x is near 1.
pub(super) fn erfc(x: Real<'_>) -> Real<'_> {
    let a = x.absolute();
    let upper = upper(a);
    let far = x.less(0.0).select(upper.constant(2.0) - upper, upper);
    // 1 − x, and the digits that it lost.
    let rest = x.constant(1.0) - x;
    let lost = (x.constant(1.0) - rest) - x;
    let near = rest + (-x).fma(near_slope(a), lost);
    a.less(0.6).select(near, far)
}

/// The probability that a standard normal number is below x.
pub(super) fn normal_cdf(x: Real<'_>) -> Real<'_> {
    // Past these the lower tail is 0, and every digit of the upper one is.
    let s = x.absolute().at_most(x.either(15.0, 39.0));
    let [fall, low] = square(s).map(|part| part * 0.5);
    let tail = exp_fall_times(fall, low, normal_tail(s)).rounded();
    let far = x.less(0.0).select(tail, tail.constant(1.0) - tail);
    // ½ + ½ erf(x/√2), with the digits that a sum loses: or it would not rise from each number to the next.
    let near = x.fma(DENSITY, 0.5);
    let lost = x.fma(DENSITY, near.constant(0.5) - near);
    let z = x * x * 0.5;
    let (curve, left) =
        z.either((&ERF_F32[1..], DENSITY_LEFT_F32), (&ERF_F64[1..], DENSITY_LEFT_F64));
    let bend = (z * HALF_ROOT_HALF).fma(z.polynomial(curve), left);
    s.less(0.3).select(near + x.fma(bend, lost), far)
}

/// The logarithm of the probability that a standard normal number is below x.
///
/// Below 0 it is −x²/2 and the logarithm of the tail's slow factor, above 0 the logarithm of 1 less the upper tail.
pub(super) fn log_normal_cdf(x: Real<'_>) -> Real<'_> {
    let below = x.less(0.0);
    let size = x.absolute();
    // Past these the logarithm does not count beside x²/2, and every digit of the upper tail is 0.
    let (most, none) = x.either((1_048_576.0, 15.0), (1_073_741_824.0, 39.0));
    let s = size.at_most(below.select(x.constant(most), none));
    let slow = s.either(NORMAL_TAIL_F32, NORMAL_TAIL_F64).fine_at(s);
    let [fall, fall_low] = square(s).map(|part| part * 0.5);
    let [tail, tail_low] = exp_fall_times(fall, fall_low, slow).pair();
    let number = [below.select(slow[0], -tail), below.select(slow[1], -tail_low)];
    let [log, log_low] = log_of(below, number);
    // Less x²/2 (Knuth's two-sum, as either may be the larger).
    let fall = below.select(fall, 0.0);
    let sum = log - fall;
    let back = sum - log;
    let lost = (log - (sum - back)) - (fall + back);
    let whole = sum + (lost + (log_low - below.select(fall_low, 0.0)));
    let far = x.less(-most).select((size * -0.5) * size, whole);
    size.less(0.3).select(log_half_plus(x), far)
}

/// The logarithm of a number, or of 1 more than it (from −½ to 0) where it is not `whole`.
fn log_of(whole: Mask, [number, low]: Pair<'_>) -> Pair<'_> {
    let parts = split_below_1(whole.select(number, number + 1.0));
    let scale = parts.scale(number);
    let f = number.fma(scale, whole.select(number.constant(-1.0), scale - 1.0));
    let [log, left] = assemble_fine_pair(parts.n, f);
    // 1 / (1 + f) is near enough 1 − f + f² beside a last place.
    [log, (low * scale).fma(f.fma(f - 1.0, 1.0), left)]
}

/// log Φ(x) for |x| ≤ 0.42.
fn log_half_plus(x: Real<'_>) -> Real<'_> {
    let [ln_2, ln_2_low] = x.either(LN_2_F32, LN_2_F64);
    let curve = x.either(&NORMAL_NEAR_F32[..], &NORMAL_NEAR_F64[..]);
    let rest =
        (x * x).fma(x.polynomial(curve), x.fma(x.either(SLOPE_LOW_F32, SLOPE_LOW_F64), -ln_2_low));
    x.fma(SLOPE, rest) - ln_2
}
