//! Plain f64 values of the functions that the standard library lacks: for folding constants and as references.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

pub(super) fn truth(value: bool) -> f64 {
    f64::from(u8::from(value))
}

pub(super) fn zero_product(a: f64, b: f64) -> f64 {
    if a == 0.0 { 0.0 } else { a * b }
}

/// The larger; NaN if either is.
pub(super) fn maximum(a: f64, b: f64) -> f64 {
    if a.is_nan() || a > b { a } else { b }
}

/// The smaller; NaN if either is.
pub(super) fn minimum(a: f64, b: f64) -> f64 {
    if a.is_nan() || a < b { a } else { b }
}

pub(super) fn sign(x: f64) -> f64 {
    if x == 0.0 || x.is_nan() { x } else { x.signum() }
}

pub(super) fn sigmoid(x: f64) -> f64 {
    let e = (-x.abs()).exp();
    if x < 0.0 { e / (1.0 + e) } else { 1.0 / (1.0 + e) }
}

pub(super) fn softplus(x: f64) -> f64 {
    maximum(x, 0.0) + (-x.abs()).exp().ln_1p()
}

pub(super) fn log_add_exp(a: f64, b: f64) -> f64 {
    if a == b { a + std::f64::consts::LN_2 } else { maximum(a, b) + (-(a - b).abs()).exp().ln_1p() }
}

/// Near 0 by cosh x = 1 + 2 sinh² (x/2).
pub(super) fn log_cosh(x: f64) -> f64 {
    let a = x.abs();
    if a < 1.0 {
        let half = (a / 2.0).sinh();
        (2.0 * half * half).ln_1p()
    } else {
        a + ((-2.0 * a).exp().ln_1p() - std::f64::consts::LN_2)
    }
}

pub(super) fn log_normal_cdf(x: f64) -> f64 {
    if x > -20.0 {
        return if x > 0.0 {
            (-libm::erfc(x * FRAC_1_SQRT_2) / 2.0).ln_1p()
        } else {
            (libm::erfc(-x * FRAC_1_SQRT_2) / 2.0).ln()
        };
    }
    // Mills' ratio as a continued fraction (Laplace 1805): 1/(t + 1/(t + 2/(t + 3/(t + ...)))).
    let t = -x;
    let tail = (1..40).rev().fold(t, |tail, k| t + f64::from(k) / tail);
    -x * x / 2.0 - (2.0 * PI).ln() / 2.0 - tail.ln()
}

/// The inverse of Mills' ratio at −x.
pub(super) fn inverse_mills(x: f64) -> f64 {
    if x > -20.0 {
        let density = (-x * x / 2.0).exp() / (2.0 * PI).sqrt();
        return density / (libm::erfc(-x * FRAC_1_SQRT_2) / 2.0);
    }
    // The continued fraction of Laplace (1805).
    let t = -x;
    (1..40).rev().fold(t, |tail, k| t + f64::from(k) / tail)
}

/// The digamma function, by recurrence to x ≥ 10 and the asymptotic series (Abramowitz & Stegun 1964, 6.3.18).
pub(super) fn digamma(x: f64) -> f64 {
    if x <= 0.0 {
        return if x == x.floor() { f64::NAN } else { digamma(1.0 - x) - PI / (PI * x).tan() };
    }
    let (mut x, mut shift) = (x, 0.0);
    while x < 10.0 {
        shift += 1.0 / x;
        x += 1.0;
    }
    let r = 1.0 / (x * x);
    let series = r
        * (1.0 / 12.0
            - r * (1.0 / 120.0
                - r * (1.0 / 252.0
                    - r * (1.0 / 240.0 - r * (1.0 / 132.0 - r * (691.0 / 32760.0 - r / 12.0))))));
    x.ln() - 0.5 / x - series - shift
}

/// The derivative of digamma, likewise (Abramowitz & Stegun 1964, 6.4.12).
pub(super) fn trigamma(x: f64) -> f64 {
    if x <= 0.0 {
        let s = (PI * x).sin();
        return if x == x.floor() { f64::INFINITY } else { PI * PI / (s * s) - trigamma(1.0 - x) };
    }
    let (mut x, mut shift) = (x, 0.0);
    while x < 10.0 {
        shift += 1.0 / (x * x);
        x += 1.0;
    }
    let r = 1.0 / (x * x);
    let series = 1.0 / 6.0
        - r * (1.0 / 30.0
            - r * (1.0 / 42.0
                - r * (1.0 / 30.0 - r * (5.0 / 66.0 - r * (691.0 / 2730.0 - r * 7.0 / 6.0)))));
    (1.0 + 0.5 / x + r * series) / x + shift
}

pub(super) fn boxcox1p(x: f64, lambda: f64) -> f64 {
    let l = x.ln_1p();
    if lambda == 0.0 || (lambda * l).abs() < 1e-300 { l } else { (lambda * l).exp_m1() / lambda }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_functions_match_published_values() {
        let table = [
            (digamma(1.0), -0.577_215_664_901_532_9),
            (digamma(0.25), -4.227_453_533_376_265),
            (digamma(-0.5), 0.036_489_973_978_576_52),
            (trigamma(1.0), PI * PI / 6.0),
            (trigamma(0.5), PI * PI / 2.0),
            (log_normal_cdf(0.0), -std::f64::consts::LN_2),
            (log_normal_cdf(-30.0), -454.321_243_956_343_1),
            (boxcox1p(1.0, 2.0), 1.5),
        ];
        for (got, want) in table {
            assert!((got - want).abs() <= 4e-15 * want.abs(), "{got} is not {want}");
        }
    }
}
