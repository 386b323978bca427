//! The error function and its kin for numbers with their error.

use std::cmp::Ordering;

use dashu_int::IBig;

use super::ball::Ball;
use super::constants::Precision;
use super::elementary::{exp, log, log1p};
use super::float::{Float, steps};
use super::radius::Radius;

/// The most bits that a series here is summed to.
const MOST_BITS: i64 = 4096;

/// `erf x`
pub(super) fn erf(x: &Ball, precision: &Precision) -> Option<Ball> {
    let bits = precision.bits;
    if x.middle.is_zero() {
        return Some(Ball::around_zero(x.radius.scaled(1)));
    }
    let middle = Ball::exact(x.middle.clone());
    let value = if is_far(&x.middle, bits) {
        let tail = tail(&middle.absolute(), precision)?;
        let value = Ball::integer(1).minus(&tail, bits);
        if x.middle.is_negative() { value.negated() } else { value }
    } else {
        series(&x.middle, &precision.with_bits(bits.min(MOST_BITS)))
    };
    Some(value.widened(slope(x).times(x.radius)).rounded(bits))
}

/// `1 - erf x`
pub(super) fn erfc(x: &Ball, precision: &Precision) -> Option<Ball> {
    let bits = precision.bits;
    let middle = Ball::exact(x.middle.clone());
    let value = if x.middle.is_zero() || x.middle.is_negative() {
        Ball::integer(1).minus(&erf(&middle, precision)?, bits)
    } else if is_far(&x.middle, bits) {
        tail(&middle, precision)?
    } else {
        // 1 - erf x loses the bits that e^-x² is small.
        let square = x.middle.times(&x.middle).fixed(1);
        let lost = i64::try_from(square).expect("near enough for a series");
        let finer = precision.with_bits(bits.min(MOST_BITS) + lost + 16);
        Ball::integer(1).minus(&series(&x.middle, &finer), finer.bits)
    };
    Some(value.widened(slope(x).times(x.radius)).rounded(bits))
}

/// The normal distribution function `erfc(-x / √2) / 2`.
pub(super) fn normal_cdf(x: &Ball, precision: &Precision) -> Option<Ball> {
    let root = Ball::integer(2).root(precision.bits + 16).expect("2 is positive");
    let argument = x.over(&root, precision.bits + 16)?.negated();
    Some(erfc(&argument, precision)?.scaled(-1))
}

/// The logarithm of the normal distribution function `erfc(-x / √2) / 2`.
pub(super) fn log_normal_cdf(x: &Ball, precision: &Precision) -> Option<Ball> {
    let bits = precision.bits;
    let root = Ball::integer(2).root(bits + 16).expect("2 is positive");
    let middle = x.middle.absolute();
    let is_left = x.middle.is_negative();
    let value = if is_left && is_far(&middle.scaled(-1), bits) {
        // -t²/2 - log t - log(2π)/2 + log(1 - 1/t² + …)
        let t = Ball::exact(middle);
        let tau = precision.pi_ball().scaled(1);
        let logs = log(&t.square(bits + 16).times(&tau, bits + 16), precision)?;
        let ratio = log(&mills(&t, bits), precision)?;
        let square = t.square(bits + 16);
        ratio.minus(&square.plus(&logs, bits + 16).scaled(-1), bits + 8)
    } else {
        let half = erfc(&Ball::exact(middle).over(&root, bits + 16)?, precision)?.scaled(-1);
        if is_left { log(&half, precision)? } else { log1p(&half.negated(), precision)? }
    };
    // φ(ξ)/Φ(ξ) ≤ |ξ| + 1 left of 0; to the right it is below e^(-ξ²/2)
    let slope = if x.sign() == Some(Ordering::Greater) {
        let halved = Ball::new(x.middle.scaled(-1), x.radius.scaled(-1));
        slope(&halved)
    } else {
        x.most().plus(Radius::power(0))
    };
    Some(value.widened(slope.times(x.radius)).rounded(bits))
}

/// Whether `e^-x²` is below the precision, so that the asymptotic series is exact enough.
fn is_far(x: &Float, bits: i64) -> bool {
    // x² log2(e) > bits + 24, as x² > 0.7 (bits + 24)
    if x.magnitude() > 30 {
        return true;
    }
    let square = x.times(x).fixed(0);
    square > IBig::from((bits.min(MOST_BITS) + 24) * 7 / 10 + 1)
}

/// At least `2/√π e^-ξ²` for all `ξ` within the ball: a power of 2.
fn slope(x: &Ball) -> Radius {
    let least = x.least().truncated(30).0;
    if least.is_zero() {
        return Radius::power(1);
    }
    // e^-ξ² < 2^(-ξ²); past 2^25 it hardly matters how small it is.
    let square =
        if least.magnitude() > 25 { IBig::ONE << 50_usize } else { least.times(&least).fixed(0) };
    Radius::power(1 - i64::try_from(square).expect("at most 2^50"))
}

/// `erf x = 2/√π e^-x² Σ 2^n x^(2n+1) / (1·3·…·(2n+1))`, all terms of one sign (Abramowitz & Stegun 1964, 7.1.6).
fn series(x: &Float, precision: &Precision) -> Ball {
    let bits = precision.bits;
    let exact = Ball::exact(x.clone());
    let magnitude = x.magnitude();
    let root = precision.pi_ball().root(bits + 16).expect("π is positive");
    let factor = exact.scaled(1).over(&root, bits + 16).expect("√π is not 0");
    if magnitude < -bits / 2 - 4 {
        let off = factor.most().times(Radius::power(2 * magnitude));
        return factor.widened(off);
    }
    let places = bits + 32;
    let doubled = x.times(x).scaled(1).fixed(places);
    let mut term: IBig = IBig::ONE << steps(places);
    let mut sum = term.clone();
    let mut odd = 1_i64;
    while !term.is_zero() {
        odd += 2;
        term = ((term * &doubled) >> steps(places)) / odd;
        sum += &term;
    }
    // Each of the odd/2 terms is off by its share of the units before it; the rest is below one.
    let sum = Ball::fixed(sum, places, odd * odd);
    let weight = exp(&exact.square(2 * bits + 64).negated(), precision).expect("at most 1");
    sum.times(&factor, bits + 16).times(&weight, bits + 8)
}

/// `erfc x` far to the right.
fn tail(x: &Ball, precision: &Precision) -> Option<Ball> {
    let bits = precision.bits;
    let square = x.square(2 * bits + 64);
    let weight = exp(&square.negated(), precision)?;
    let root = precision.pi_ball().root(bits + 16)?;
    // With t = x√2: √π x e^x² erfc x is Mills' ratio times t.
    let t = x.times(&Ball::integer(2).root(bits + 16)?, bits + 16);
    let ratio = mills(&t, bits);
    weight.times(&ratio, bits + 8).over(&x.times(&root, bits + 16), bits + 8)
}

/// `1 - 1/t² + 3/t⁴ - 15/t⁶ + …` while its terms fall; off by less than the first that is left out
/// (Abramowitz & Stegun 1964, 26.2.12).
fn mills(t: &Ball, bits: i64) -> Ball {
    let square = t.square(bits + 16);
    let mut term = Ball::integer(1);
    let mut sum = term.clone();
    let mut odd = 1_i64;
    loop {
        let next = term.times(&Ball::integer(-odd), bits + 16).over(&square, bits + 16);
        let next = next.expect("far from 0");
        let is_small = next.most().magnitude() < -bits - 8;
        if is_small || next.most().magnitude() > term.most().magnitude() {
            return sum.widened(next.most());
        }
        sum = sum.plus(&next, bits + 16);
        term = next;
        odd += 2;
    }
}
