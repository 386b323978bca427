//! The functions by arbitrary precision: MPFR's own, and formulas of them that lose no digits.
//!
//! In comes an argument that is exact, out goes a value good to at least 100 bits.

use rug::Float;
use rug::float::{Constant, Special};

/// Digits of a result.
const BITS: u32 = 128;
/// Digits of formulas that cancel or magnify.
const MORE: u32 = 256;

fn of(x: f64) -> Float {
    Float::with_val(BITS, x)
}

pub fn exp(x: f64) -> Float {
    of(x).exp()
}

pub fn expm1(x: f64) -> Float {
    of(x).exp_m1()
}

pub fn log(x: f64) -> Float {
    of(x).ln()
}

pub fn log1p(x: f64) -> Float {
    of(x).ln_1p()
}

pub fn log2(x: f64) -> Float {
    of(x).log2()
}

pub fn sqrt(x: f64) -> Float {
    of(x).sqrt()
}

pub fn tanh(x: f64) -> Float {
    of(x).tanh()
}

pub fn sin(x: f64) -> Float {
    of(x).sin()
}

pub fn cos(x: f64) -> Float {
    of(x).cos()
}

pub fn atan(x: f64) -> Float {
    of(x).atan()
}

pub fn erf(x: f64) -> Float {
    of(x).erf()
}

pub fn erfc(x: f64) -> Float {
    of(x).erfc()
}

pub fn lgamma(x: f64) -> Float {
    of(x).ln_abs_gamma().0
}

pub fn digamma(x: f64) -> Float {
    of(x).digamma()
}

pub fn sigmoid(x: f64) -> Float {
    (of(-x).exp() + 1u32).recip()
}

pub fn softplus(x: f64) -> Float {
    let rest = of(-x.abs()).exp().ln_1p();
    if x > 0.0 { rest + x } else { rest }
}

pub fn log_sigmoid(x: f64) -> Float {
    -softplus(-x)
}

/// x / √2
fn over_root_two(x: f64) -> Float {
    Float::with_val(MORE, x) / Float::with_val(MORE, 2).sqrt()
}

pub fn normal_cdf(x: f64) -> Float {
    over_root_two(-x).erfc() / 2u32
}

pub fn log_normal_cdf(x: f64) -> Float {
    /// From here on the asymptotic series of Φ(−t) / φ(t), `1/t · Σ (−1)ᵏ (2k − 1)!! / t²ᵏ`, has all digits.
    const FAR: f64 = 1000.0;
    if x > 0.0 {
        return (-(over_root_two(x).erfc() / 2u32)).ln_1p();
    }
    if x >= -FAR || x.is_nan() {
        return normal_cdf(x).ln();
    }
    if x.is_infinite() {
        return Float::with_val(BITS, Special::NegInfinity);
    }
    let square = Float::with_val(MORE, x).square();
    let (mut term, mut sum) = (Float::with_val(MORE, 1), Float::with_val(MORE, 1));
    for k in 0..14 {
        term *= -(2 * k + 1);
        term /= &square;
        sum += &term;
    }
    let tau = Float::with_val(MORE, Constant::Pi) * 2u32;
    sum.ln() - (tau * &square).ln() / 2u32 - square / 2u32
}

pub fn pow(x: f64, y: f64) -> Float {
    use rug::ops::Pow;
    of(x).pow(of(y))
}

pub fn logaddexp(a: f64, b: f64) -> Float {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    if a.is_nan() || b.is_nan() || high.is_infinite() || low == f64::NEG_INFINITY {
        return of(if a.is_nan() || b.is_nan() { f64::NAN } else { high });
    }
    (Float::with_val(MORE, low) - high).exp().ln_1p() + high
}

/// Exactly 0 where `a` is, whatever the logarithm: the price of what does not occur.
pub fn xlogy(a: f64, b: f64) -> Float {
    if a == 0.0 { of(0.0) } else { of(b).ln() * a }
}

pub fn xlog1py(a: f64, b: f64) -> Float {
    if a == 0.0 { of(0.0) } else { of(b).ln_1p() * a }
}

pub fn boxcox1p(x: f64, lambda: f64) -> Float {
    let log = Float::with_val(MORE, x).ln_1p();
    if lambda == 0.0 { log } else { (log * lambda).exp_m1() / lambda }
}
