//! exp, log and log1p in vectors; polynomials are minimax fits on their intervals.

use crate::lanes::Lanes;

/// exp2 on [-1/2, 1/2], 8e-8 relatively.
const EXP2: [f32; 6] =
    [1.0, 0.693_146_94, 0.240_221_2, 0.055_507_13, 0.009_675_541, 0.001_327_647_1];

/// log1p(x) / x on [0, 1], 3e-8 relatively.
const LOG1P: [f32; 9] = [
    0.999_999_94,
    -0.499_994_93,
    0.333_190_98,
    -0.248_429_82,
    0.191_060_05,
    -0.136_632_43,
    0.078_225_91,
    -0.029_505_214,
    0.005_232_688,
];

/// log1p(x) / x on [-1/3, 1/3], 2e-7 relatively.
const LOG: [f32; 8] = [
    0.999_999_8,
    -0.499_999_37,
    0.333_380_8,
    -0.250_077_7,
    0.197_923_33,
    -0.164_168_06,
    0.171_305_92,
    -0.153_856_3,
];

/// What brings a number to the last bits of a float, rounded to a whole one.
const MAGIC: f32 = 12_582_912.0;

#[inline(always)]
unsafe fn polynomial<L: Lanes, const N: usize>(x: L, coefficients: [f32; N]) -> L {
    let mut sum = L::splat(coefficients[N - 1]);
    let mut at = N - 1;
    while at > 0 {
        at -= 1;
        sum = sum.mul_add(x, L::splat(coefficients[at]));
    }
    sum
}

/// `exp(x)` for `x` up to 88; what would be below 1e-38 is 0 or some such small number.
#[inline(always)]
pub(crate) unsafe fn exp<L: Lanes>(x: L) -> L {
    let (scale, magic) = (L::splat(std::f32::consts::LOG2_E), L::splat(MAGIC));
    let x = x.bounded();
    let shifted = x.mul_add(scale, magic);
    let whole = shifted.sub(magic);
    let rest = x.mul_sub(scale, whole);
    polynomial(rest, EXP2).times_power(whole, shifted)
}

/// `log(1 + x)` for `x` in [0, 1].
#[inline(always)]
pub(crate) unsafe fn log1p<L: Lanes>(x: L) -> L {
    polynomial(x, LOG1P).mul(x)
}

/// `log(x)` for positive normal `x`.
#[inline(always)]
pub(crate) unsafe fn log<L: Lanes>(x: L) -> L {
    let (power, rest) = x.split();
    let above = rest.sub(L::splat(1.0));
    power.mul_add(L::splat(std::f32::consts::LN_2), polynomial(above, LOG).mul(above))
}
