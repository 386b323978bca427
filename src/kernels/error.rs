//! `erf`, `erfc` and the logarithm of the normal distribution function.
//!
//! All rest on exp(a²)·erfc(a), which falls slowly and is one quotient of polynomials with positive coefficients
//! for all a ≥ 0 (as Cody 1969 has it in pieces; these are fitted by iterated weighted least squares with 60 digits, close to minimax).

use std::f64::consts::FRAC_1_SQRT_2;

use super::exponential::exp_fall_sum;
use super::logarithm::{assemble, split};
use super::pen::Real;
use crate::loops::Precision;

/// Numerator of exp(a²)·erfc a on 0 ≤ a ≤ 2^13, degrees 5 and 6, error of erfc 2^−28.2.
const TAIL_P_F32: [f64; 6] =
    [1.522_486, 2.363_839_1, 1.760_057_4, 0.759_407_9, 0.190_119_83, 0.022_896_262];

/// Denominator of exp(a²)·erfc a on 0 ≤ a ≤ 2^13, degrees 5 and 6, error of erfc 2^−28.2.
const TAIL_Q_F32: [f64; 7] =
    [1.522_486, 4.081_780_4, 4.843_371, 3.288_055_2, 1.366_308_5, 0.336_978_6, 0.040_582_567];

/// Numerator of exp(a²)·erfc a on 0 ≤ a ≤ 2^27, degrees 10 and 11, error of erfc 2^−54.9.
const TAIL_P_F64: [f64; 11] = [
    1.0,
    2.421_299_538_402_039_7,
    2.896_807_758_641_627_7,
    2.218_838_306_014_683_7,
    1.195_161_400_742_164_5,
    0.471_263_992_922_367_3,
    0.137_673_810_383_445_53,
    0.029_482_787_892_634_73,
    0.004_450_899_281_993_196,
    0.000_431_450_200_144_046_4,
    2.071_028_516_438_157e-5,
];

/// Denominator of exp(a²)·erfc a on 0 ≤ a ≤ 2^27, degrees 10 and 11, error of erfc 2^−54.9.
const TAIL_Q_F64: [f64; 12] = [
    1.0,
    3.549_678_705_497_554,
    5.902_191_259_807_544,
    6.081_322_036_362_741,
    4.325_262_902_589_301_5,
    2.236_480_038_509_592_6,
    0.861_039_756_889_306_2,
    0.247_946_628_153_239_17,
    0.052_639_243_720_139_6,
    0.007_907_367_584_707_566,
    0.000_764_725_568_719_271_6,
    3.670_802_469_295_949e-5,
];

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

/// erf x / x − 1 in x² on |x| ≤ 1, degree 11, error of erf 2^−56.9.
const ERF_F64: [f64; 12] = [
    0.128_379_167_095_512_56,
    -0.376_126_389_031_835_15,
    0.112_837_916_709_440_8,
    -0.026_866_170_643_094_014,
    0.005_223_977_605_970_988,
    -0.000_854_832_592_206_117_1,
    0.000_120_552_933_550_427_1,
    -1.492_470_795_392_424_2e-5,
    1.644_707_694_748_972e-6,
    -1.620_588_850_985_25e-7,
    1.370_911_302_457_697_5e-8,
    -7.775_933_556_269_944e-10,
];

/// −log erfc t on 0.94 ≤ t ≤ 4, degree 6, error of erf 2^−29.4.
const ERF_TAIL_F32: [f64; 7] = [
    0.000_227_570_8,
    1.127_544_6,
    0.637_401_5,
    0.103_740_21,
    -0.022_135_116,
    0.003_020_289_1,
    -0.000_193_609_06,
];

/// exp(a²)·erfc(a) for a ≥ 0, but no further down than at the end of the fit.
fn scaled_tail(a: Real<'_>) -> Real<'_> {
    let a = a.at_most(a.either(8192.0, 134_217_728.0));
    a.polynomial(a.either(&TAIL_P_F32, &TAIL_P_F64))
        / a.polynomial(a.either(&TAIL_Q_F32, &TAIL_Q_F64))
}

/// exp(−a·b) for a·b ≥ 0, with the digits that the product loses.
fn exp_fall_product<'p>(a: Real<'p>, b: Real<'p>) -> Real<'p> {
    let product = a * b;
    exp_fall_sum(product, Some(a.fma(b, -product)))
}

/// erfc(a) for a ≥ 0.
fn upper(a: Real<'_>) -> Real<'_> {
    // Past these every digit of the result is 0.
    let a = a.at_most(a.either(11.0, 28.0));
    exp_fall_product(a, a) * scaled_tail(a)
}

/// The error function.
pub(super) fn erf(x: Real<'_>) -> Real<'_> {
    let a = x.absolute();
    let z = a * a;
    let near = a.fma(z.polynomial(x.either(&ERF_F32, &ERF_F64)), a);
    let size = match x.precision() {
        Precision::F32 => {
            let far =
                a.constant(1.0) - exp_fall_sum(a.at_most(4.0).polynomial(&ERF_TAIL_F32), None);
            a.less(0.945).select(near, far)
        }
        Precision::F64 => a.less(1.0).select(near, a.constant(1.0) - upper(a)),
    };
    size.signed_as(x)
}

/// 1 − erf x, accurate where erf x is near 1.
pub(super) fn erfc(x: Real<'_>) -> Real<'_> {
    let upper = upper(x.absolute());
    x.less(0.0).select(upper.constant(2.0) - upper, upper)
}

/// The logarithm of the probability that a standard normal number is below x.
pub(super) fn log_normal_cdf(x: Real<'_>) -> Real<'_> {
    let below = x.less(0.0);
    let size = x.absolute();
    let half_tail = scaled_tail(size * FRAC_1_SQRT_2) * 0.5;
    // Past this every digit of the upper tail is 0.
    let capped = size.at_most(x.either(15.0, 39.0));
    // Below 0 the logarithm of the tail's slow factor, above 0 that of 1 less the tail.
    let part = below.select(half_tail, -(half_tail * exp_fall_product(capped * 0.5, capped)));
    let parts = split(below.select(half_tail, part + 1.0));
    let scale = parts.scale(x);
    let f = part.fma(scale, below.select(x.constant(-1.0), scale - 1.0));
    let log = assemble(parts.n, f);
    below.select((size * -0.5).fma(size, log), log)
}
