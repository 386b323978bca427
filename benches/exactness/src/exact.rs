//! The functions by arbitrary precision: MPFR's own, and formulas of them that lose no digits.
//!
//! In comes an argument that is exact, out goes a value good to at least 100 bits.

use rug::Float;
use rug::float::{Constant, Special};

/// Digits of a result; with those that MPFR adds inside they take two words.
const BITS: u32 = 112;
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
    erfc_of(of(x))
}

/// From here on [`tail`] has all digits.
const FAR: u32 = 12;

/// MPFR's, where it is quick; elsewhere from its erf with as many more digits as cancel, or by the asymptotic series.
fn erfc_of(x: Float) -> Float {
    if x < 2 || x.is_nan() || x.is_infinite() {
        return x.erfc();
    }
    if x < FAR {
        let square = x.to_f64().powi(2);
        let erf = Float::with_val(x.prec() + 10 + (square * 1.443) as u32, x).erf();
        return Float::with_val(BITS, 1u32 - erf);
    }
    let square = Float::with_val(MORE, x.square_ref());
    let root = Float::with_val(BITS, Constant::Pi).sqrt();
    tail(&square) * Float::with_val(BITS, -square).exp() / (root * x)
}

/// √π · t · exp(t²) · erfc(t) by its asymptotic series in t², Σ (−1)ᵏ (2k − 1)!! / (2t²)ᵏ (Abramowitz and Stegun 7.1.23).
fn tail(square: &Float) -> Float {
    let double = Float::with_val(BITS, square * 2u32);
    let (mut term, mut sum) = (of(1.0), of(1.0));
    for k in 0..FAR * FAR {
        term *= -(2 * i64::from(k) + 1);
        term /= &double;
        if term.get_exp().is_none_or(|exponent| exponent < -(BITS as i32)) {
            break;
        }
        sum += &term;
    }
    sum
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

/// log cosh x, by cosh x − 1 = 2 sinh²(x/2) where it is near 0.
pub fn logcosh(x: f64) -> Float {
    if x.abs() < 1.0 {
        return (Float::with_val(BITS, of(x) / 2u32).sinh().square() * 2u32).ln_1p();
    }
    let x = Float::with_val(MORE, x.abs());
    Float::with_val(BITS, -2 * x.clone()).exp().ln_1p() + (x - Float::with_val(MORE, 2).ln())
}

pub fn log_sigmoid(x: f64) -> Float {
    -softplus(-x)
}

/// x / √2, with the digits that erfc magnifies away.
fn over_root_two(x: f64) -> Float {
    Float::with_val(BITS + 16, x) / Float::with_val(BITS + 16, 2).sqrt()
}

pub fn normal_cdf(x: f64) -> Float {
    erfc_of(over_root_two(-x)) / 2u32
}

pub fn log_normal_cdf(x: f64) -> Float {
    if x > 0.0 {
        let rest = normal_cdf(-x);
        return if rest.is_zero() { rest } else { (-rest).ln_1p() };
    }
    if x > -17.0 || x.is_nan() {
        return normal_cdf(x).ln();
    }
    if x.is_infinite() {
        return Float::with_val(BITS, Special::NegInfinity);
    }
    // erfc(t) / 2 with t² = x² / 2, in logarithms.
    let half = Float::with_val(MORE, x).square() / 2u32;
    let tau = Float::with_val(BITS, Constant::Pi) * 2u32;
    tail(&half).ln() - tau.ln() / 2u32 - of(-x).ln() - half
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_agree_with_mpfr_at_more_digits() {
        for step in -80..1100 {
            let x = f64::from(step) / 39.9;
            let wide = Float::with_val(400, x).erfc();
            let off = Float::with_val(400, erfc(x) - &wide) / wide;
            assert!(off.abs() < 1e-31, "erfc({x})");
            let x = -x * std::f64::consts::SQRT_2;
            let t = Float::with_val(400, -x) / Float::with_val(400, 2).sqrt();
            let cdf = t.erfc() / 2u32;
            let off = Float::with_val(400, normal_cdf(x) - &cdf) / &cdf;
            assert!(off.abs() < 1e-30, "normal_cdf({x})");
            let log = cdf.ln();
            let off = Float::with_val(400, log_normal_cdf(x) - &log) / log;
            assert!(off.abs() < 1e-29, "log_normal_cdf({x})");
        }
    }
}
