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

pub(super) fn normal_cdf(x: f64) -> f64 {
    if x > 0.0 { 1.0 - upper_normal(x) } else { upper_normal(-x) }
}

pub(super) fn log_normal_cdf(x: f64) -> f64 {
    if x >= 0.0 {
        return (-upper_normal(x)).ln_1p();
    }
    let t = -x;
    if t < 2.0 { upper_normal(t).ln() } else { (-0.5 * t) * t + mills(t).ln() }
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

/// The probability that a standard normal number is above t ≥ 0.
fn upper_normal(t: f64) -> f64 {
    if t < 2.0 {
        // The digits that t/√2 lost count, to first order.
        let a = t * FRAC_1_SQRT_2;
        let low = t.mul_add(FRAC_1_SQRT_2, -a) + t * FRAC_1_SQRT_2_LOW;
        return 0.5 * libm::erfc(a) - low * (-a * a).exp() / PI.sqrt();
    }
    let square = t * t;
    let low = t.mul_add(t, -square);
    let rest = if low.is_finite() { 1.0 - 0.5 * low } else { 1.0 };
    (-0.5 * square).exp() * rest * mills(t)
}

/// What rounding left of 1/√2.
const FRAC_1_SQRT_2_LOW: f64 = -4.833_646_656_726_457e-17;

/// exp(t²/2) times the probability that a standard normal number is above t ≥ 2: Mills' ratio as a continued
/// fraction (Laplace 1805), 1/(t + 1/(t + 2/(t + 3/(t + ...)))).
fn mills(t: f64) -> f64 {
    let tail = (1..160).rev().fold(t, |tail, k| t + f64::from(k) / tail);
    1.0 / ((2.0 * PI).sqrt() * tail)
}

/// The positive zero of digamma, and what rounding left of it.
const ZERO: [f64; 2] = [1.461_632_144_968_362_2, 9.549_995_429_965_697e-17];

/// (log x − 1/(2x) − ψ(x))·x² in 1/x², and the same of ψ′ (Abramowitz & Stegun 1964, 6.3.18 and 6.4.12).
const BERNOULLI: [f64; 7] = [
    1.0 / 12.0,
    -1.0 / 120.0,
    1.0 / 252.0,
    -1.0 / 240.0,
    1.0 / 132.0,
    -691.0 / 32760.0,
    1.0 / 12.0,
];

/// The digamma function: from 10 on the asymptotic series; below by its zero x₀, as ψ(x) − ψ(x₀) is
/// (x − x₀)·Σ 1/((k + x)(k + x₀)), which loses no digits, the sum's tail by the series.
pub(super) fn digamma(x: f64) -> f64 {
    if x <= 0.0 {
        let from_whole = x - x.round();
        let pole = from_whole == 0.0 || from_whole.is_nan();
        return if pole { f64::NAN } else { digamma(1.0 - x) - PI * cot_pi(from_whole) };
    }
    if x >= 10.0 {
        let r = 1.0 / (x * x);
        let series = BERNOULLI.iter().rev().fold(0.0, |sum, b| sum * r + b);
        return x.ln() - (0.5 / x + r * series);
    }
    let distance = (x - ZERO[0]) - ZERO[1];
    let terms = 16;
    let sum: f64 = (0..terms).rev().map(f64::from).map(|k| 1.0 / ((k + x) * (k + ZERO[0]))).sum();
    let (near, far) = (f64::from(terms) + ZERO[0], f64::from(terms) + x);
    // 1/far^2k − 1/near^2k, divided by the distance, for each term of the series.
    let (a, b) = (1.0 / (near * near), 1.0 / (far * far));
    let step = -(near + far) * a * b;
    let (mut series, mut ratio, mut power) = (0.0, 1.0, 1.0);
    for coefficient in BERNOULLI {
        series += coefficient * ratio * step;
        power *= b;
        ratio = ratio * a + power;
    }
    let tail = 0.5 / (near * far) - series;
    (distance / near).ln_1p() + distance * (sum + tail)
}

/// cot(πr) for |r| ≤ ½, 0 at both ends.
fn cot_pi(r: f64) -> f64 {
    if r.abs() < 0.25 { 1.0 / (PI * r).tan() } else { (PI * (0.5 - r.abs())).tan().copysign(r) }
}

/// The derivative of digamma, by recurrence to x ≥ 16 and the asymptotic series.
pub(super) fn trigamma(x: f64) -> f64 {
    if x <= 0.0 {
        let from_whole = x - x.round();
        let s = (PI * from_whole).sin() / PI;
        return if from_whole == 0.0 { f64::INFINITY } else { 1.0 / (s * s) - trigamma(1.0 - x) };
    }
    let (mut far, mut terms) = (x, 0);
    while far < 16.0 {
        terms += 1;
        far = x + f64::from(terms);
    }
    // The smallest first.
    let shift: f64 =
        (0..terms).rev().map(|k| x + f64::from(k)).map(|shifted| 1.0 / (shifted * shifted)).sum();
    let x = far;
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
            (normal_cdf(0.0), 0.5),
            (normal_cdf(-10.0), 7.619_853_024_160_527e-24),
            (normal_cdf(1.0), 0.841_344_746_068_542_9),
            (log_normal_cdf(0.0), -std::f64::consts::LN_2),
            (log_normal_cdf(-30.0), -454.321_243_956_343_1),
            (boxcox1p(1.0, 2.0), 1.5),
        ];
        for (got, want) in table {
            assert!((got - want).abs() <= 4e-15 * want.abs(), "{got} is not {want}");
        }
    }
}
