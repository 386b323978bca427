//! The logarithm of the gamma function and its derivatives for numbers with their error.
//!
//! Stirling's series where it converges to the precision, reached by recurrence; reflection left of 0
//! (Abramowitz & Stegun 1964, 6.1.17, 6.1.41, 6.3.7, 6.3.18, 6.4.7, 6.4.12).

use std::cmp::Ordering;

use super::ball::Ball;
use super::constants::Precision;
use super::elementary::log;
use super::float::Float;
use super::radius::Radius;
use super::trigonometric::sin_cos;

/// The most bits that are computed: what lies beyond is left to the radius.
const MOST_BITS: i64 = 2048;

/// `log |Γ(x)|`; nothing, if the number may be a pole.
pub(super) fn lgamma(x: &Ball, precision: &Precision) -> Option<Ball> {
    let bits = precision.bits;
    if x.sign() != Some(Ordering::Greater) {
        // log(π / |sin πx|) - lgamma(1 - x)
        let sine = sine_of_pi(x, precision)?.absolute();
        let ratio = precision.pi_ball().over(&sine, bits + 16)?;
        let mirrored = lgamma(&Ball::integer(1).minus(x, bits + 64), precision)?;
        return Some(log(&ratio, precision)?.minus(&mirrored, bits));
    }
    let work = bits.min(MOST_BITS) + 16;
    let (z, passed) = shifted(&x.middle, work);
    let mut product = Ball::integer(1);
    for k in 0..passed {
        product = product.times(&step(&x.middle, k), work);
    }
    // (z - 1/2) log z - z + log(2π)/2 + Σ B_2k / (2k (2k-1) z^(2k-1))
    let half = Ball::integer(1).scaled(-1);
    let tau = precision.pi_ball().scaled(1);
    let main = z.minus(&half, work + 64).times(&log(&z, precision)?, work).minus(&z, work);
    let constant = log(&tau, precision)?.scaled(-1);
    let tail = series(&z, work, precision, |k| 2 * k * (2 * k - 1))?;
    let value = main.plus(&constant, work).plus(&tail.times(&z, work), work);
    let value = value.minus(&log(&product, precision)?, work);
    // |ψ(ξ)| ≤ |log ξ| + 1/ξ
    let slope = log_bound(x).plus(inverse(x));
    Some(value.widened(slope.times(x.radius)).rounded(bits))
}

/// The derivative of `lgamma`; nothing, if the number may be a pole.
pub(super) fn digamma(x: &Ball, precision: &Precision) -> Option<Ball> {
    let bits = precision.bits;
    if x.sign() != Some(Ordering::Greater) {
        // ψ(1 - x) - π cos πx / sin πx
        let (sine, cosine) = sin_cos(&of_pi(x, precision), precision)?;
        let ratio = precision.pi_ball().times(&cosine, bits + 16).over(&sine, bits + 16)?;
        let mirrored = digamma(&Ball::integer(1).minus(x, bits + 64), precision)?;
        return Some(mirrored.minus(&ratio, bits));
    }
    let work = bits.min(MOST_BITS) + 16;
    let (z, passed) = shifted(&x.middle, work);
    let mut sum = Ball::integer(0);
    for k in 0..passed {
        let inverse = Ball::integer(1).over(&step(&x.middle, k), work)?;
        sum = sum.plus(&inverse, work);
    }
    // log z - 1/(2z) - Σ B_2k / (2k z^2k)
    let half = Ball::integer(1).over(&z.scaled(1), work)?;
    let tail = series(&z, work, precision, |k| 2 * k)?;
    let value = log(&z, precision)?.minus(&half, work).minus(&tail, work).minus(&sum, work);
    // ψ'(ξ) ≤ 1/ξ + 1/ξ²
    let inverse = inverse(x);
    let slope = inverse.plus(inverse.times(inverse));
    Some(value.widened(slope.times(x.radius)).rounded(bits))
}

/// The derivative of `digamma`; nothing, if the number may be a pole.
pub(super) fn trigamma(x: &Ball, precision: &Precision) -> Option<Ball> {
    let bits = precision.bits;
    if x.sign() != Some(Ordering::Greater) {
        // π² / sin² πx - ψ'(1 - x)
        let sine = sine_of_pi(x, precision)?;
        let ratio = precision.pi_ball().over(&sine, bits + 16)?.square(bits + 16);
        let mirrored = trigamma(&Ball::integer(1).minus(x, bits + 64), precision)?;
        return Some(ratio.minus(&mirrored, bits));
    }
    let work = bits.min(MOST_BITS) + 16;
    let (z, passed) = shifted(&x.middle, work);
    let mut sum = Ball::integer(0);
    for k in 0..passed {
        let inverse = Ball::integer(1).over(&step(&x.middle, k).square(work), work)?;
        sum = sum.plus(&inverse, work);
    }
    // 1/z + 1/(2z²) + Σ B_2k / z^(2k+1)
    let one = Ball::integer(1).over(&z, work)?;
    let tail = series(&z, work, precision, |_| 1)?.over(&z, work)?;
    let half = one.square(work).scaled(-1);
    let value = one.plus(&half, work).plus(&tail, work).plus(&sum, work);
    // |ψ''(ξ)| ≤ 1/ξ² + 2/ξ³
    let inverse = inverse(x);
    let square = inverse.times(inverse);
    let slope = square.plus(square.times(inverse).scaled(1));
    Some(value.widened(slope.times(x.radius)).rounded(bits))
}

/// The exact number plus as many steps of 1 as bring it to where the series serves, and their count.
fn shifted(x: &Float, bits: i64) -> (Ball, i64) {
    // The smallest term is about e^-2πz: z ≥ 0.11 bits would do, more leaves fewer terms.
    let least = bits / 5 + 8;
    let passed = if x.magnitude() > 40 {
        0
    } else {
        let whole = i64::try_from(x.fixed(0)).expect("below 2^40");
        (least - whole).max(0)
    };
    (step(x, passed), passed)
}

/// `x + k`, exactly; far below 1 as a number with its error.
fn step(x: &Float, k: i64) -> Ball {
    Ball::exact(x.clone()).plus(&Ball::integer(k), 2 * MOST_BITS)
}

/// `Σ B_2k / (c_k z^2k)`, off by less than the first term that is left out.
fn series(
    z: &Ball,
    bits: i64,
    precision: &Precision,
    coefficient: impl Fn(i64) -> i64,
) -> Option<Ball> {
    let inverse_square = Ball::integer(1).over(&z.square(bits), bits)?;
    let mut power = inverse_square.clone();
    let mut sum = Ball::integer(0);
    for k in 1.. {
        let below = Ball::integer(coefficient(k));
        let term = precision.bernoulli(k).times(&power, bits).over(&below, bits)?;
        if term.most().magnitude() < -bits - 4 {
            return Some(sum.widened(term.most()));
        }
        sum = sum.plus(&term, bits);
        power = power.times(&inverse_square, bits);
    }
    None
}

fn of_pi(x: &Ball, precision: &Precision) -> Ball {
    // sin and cos have the period 2: only what is left of whole twos counts.
    let twos = Ball::exact(Float::new(x.middle.scaled(-1).fixed(0), 1));
    let rest = x.minus(&twos, precision.bits + 16);
    rest.times(&precision.pi_ball(), precision.bits + 16)
}

fn sine_of_pi(x: &Ball, precision: &Precision) -> Option<Ball> {
    sin_cos(&of_pi(x, precision), precision).map(|(sine, _)| sine)
}

/// At least `1 / ξ` for all `ξ` of a positive ball.
fn inverse(x: &Ball) -> Radius {
    Radius::power(0).over(&x.least())
}

/// At least `|log ξ|` for all `ξ` of a positive ball.
fn log_bound(x: &Ball) -> Radius {
    let ends = x.most().magnitude().abs().max(x.least().magnitude().abs());
    Radius::above(&Float::from_integer(ends + 1))
}
