//! Exponentials and logarithms of numbers with their error.
//!
//! The kernels take an exact number and say how many binary places of the result count; a result is within
//! [`UNITS`] of its last place. Series are shortened by halving the argument and doubling the result.

use std::cmp::Ordering;

use dashu_int::IBig;

use super::ball::Ball;
use super::constants::Precision;
use super::float::{Float, length, steps, wide};
use super::radius::Radius;

/// Units of the last place within which a kernel's result is.
pub(super) const UNITS: i64 = 4;

/// Numbers from `2^LARGEST` on have exponentials without a name here.
const LARGEST: i64 = 58;

/// `e^x`; nothing, if it is too large.
pub(super) fn exp(x: &Ball, precision: &Precision) -> Option<Ball> {
    let bits = precision.bits;
    if x.is_zero() {
        return Some(Ball::integer(1));
    }
    let is_wide = !x.is_exact() && x.radius.magnitude() > 0;
    if is_wide || (!x.middle.is_zero() && x.middle.magnitude() > LARGEST) {
        return exp_of_vast(x);
    }
    if x.middle.is_zero() || x.middle.magnitude() < -2 {
        return expm1(x, precision).map(|less| less.plus(&Ball::integer(1), bits));
    }
    let places = bits + 16;
    let log_2 = precision.log_2(places + 64);
    let count = x.middle.fixed(places + 64) / &log_2;
    let count = i64::try_from(count).expect("below 2^59");
    // |x - count log 2| < 0.7, off by count units.
    let rest = x.middle.fixed(places + 64) - log_2 * count;
    let rest = Float::new(rest >> 64, -places);
    let value = expm1_kernel(&rest, places) + (IBig::ONE << steps(places));
    let result = Ball::fixed(value, places, 2 * UNITS + 4).scaled(count);
    Some(spread(result, x.radius).rounded(bits))
}

/// The exponential of a number within `radius < 1` of one whose exponential this is: `e^r - 1 ≤ 2r`.
fn spread(exponential: Ball, radius: Radius) -> Ball {
    let by = exponential.most().times(radius).scaled(1);
    exponential.widened(by)
}

/// Far below 0 an exponential is within nearly nothing of 0; elsewhere nothing is known.
fn exp_of_vast(x: &Ball) -> Option<Ball> {
    let most = x.middle.is_negative() && x.sign() == Some(Ordering::Less);
    if !most {
        return None;
    }
    // e^x < 2^x for a negative x, and x ≤ -least.
    let least = x.least().truncated(40).0;
    let exponent = if least.is_zero() {
        0
    } else if least.magnitude() > LARGEST {
        1 << LARGEST
    } else {
        i64::try_from(least.fixed(0)).expect("below 2^58")
    };
    Some(Ball::around_zero(Radius::power(-exponent)))
}

/// `e^x - 1`; nothing, if it is too large.
pub(super) fn expm1(x: &Ball, precision: &Precision) -> Option<Ball> {
    let bits = precision.bits;
    if x.is_zero() {
        return Some(x.clone());
    }
    let is_small = x.middle.is_zero() || x.middle.magnitude() < 0;
    if !is_small || x.radius.magnitude() > 0 {
        return exp(x, precision).map(|value| value.minus(&Ball::integer(1), bits));
    }
    let magnitude = if x.middle.is_zero() { -4 * bits } else { x.middle.magnitude() };
    let value = if magnitude < -bits / 2 - 4 {
        // x + x²/2, less than x³ off
        let x = Ball::exact(x.middle.clone());
        x.plus(&x.square(bits).scaled(-1), bits + 8).widened(Radius::power(3 * magnitude))
    } else {
        let places = bits - magnitude + 8;
        Ball::fixed(expm1_kernel(&x.middle, places), places, UNITS)
    };
    // the slope is e^x < 2, and e^r - 1 ≤ 2r
    Some(value.widened(x.radius.scaled(2)).rounded(bits))
}

/// `e^x - 1` for `|x| < 1`.
fn expm1_kernel(x: &Float, places: i64) -> IBig {
    if x.is_zero() {
        return IBig::ZERO;
    }
    // The cube root balances squarings against terms; the powers of the argument are shared among them.
    let halvings = (wide(cube_root(places)) + x.magnitude()).max(0);
    let guard = halvings + 24;
    let inner = places + guard;
    let reduced = x.fixed(inner - halvings);
    let count = terms(length(&reduced) - inner, inner);
    let group = steps(wide(count)).isqrt().max(1);
    let mut powers = vec![IBig::ONE << steps(inner)];
    for _ in 0..group {
        let next = powers.last().expect("it has one") * &reduced;
        powers.push(next >> steps(inner));
    }
    // Σ x^n / n! from its end, where x^group is taken out once in each group (Smith 1989).
    let mut sum = IBig::ZERO;
    for n in (0..count).rev() {
        if (n + 1) % group == 0 {
            sum = (sum * &powers[group]) >> steps(inner);
        }
        sum /= IBig::from(n + 1);
        if n > 0 {
            sum += &powers[n % group];
        }
    }
    for _ in 0..halvings {
        // (1 + s)² - 1
        let square = (&sum * &sum) >> steps(inner);
        sum = (sum << 1) + square;
    }
    sum >> steps(guard)
}

fn cube_root(value: i64) -> usize {
    let mut root = 1;
    while root * root * root < value {
        root += 1;
    }
    steps(root)
}

/// How many terms of `Σ x^n / n!` count, for `|x| < 2^magnitude`.
fn terms(magnitude: i64, places: i64) -> usize {
    let (mut count, mut bits) = (1_usize, 0_i64);
    while bits < places {
        bits += i64::from(count.ilog2()) - magnitude;
        count += 1;
    }
    count + 1
}

/// `log x`; nothing, if it may not be positive.
pub(super) fn log(x: &Ball, precision: &Precision) -> Option<Ball> {
    if x.sign() != Some(Ordering::Greater) {
        return None;
    }
    let bits = precision.bits;
    let middle = Ball::exact(x.middle.clone());
    let magnitude = x.middle.magnitude();
    let value = if (0..=1).contains(&magnitude) {
        // The exact difference from 1 keeps what is close to 1.
        log1p_exact(&x.middle.minus(&Float::from_integer(1)), precision)
    } else {
        let places = bits + 80;
        let fraction = middle.middle.scaled(-magnitude).minus(&Float::from_integer(1));
        let log_2 = Ball::fixed(precision.log_2(places), places, 2);
        let whole = Ball::integer(magnitude).times(&log_2, bits + 16);
        whole.plus(&log1p_exact(&fraction, precision), bits + 8)
    };
    // |log a - log b| ≤ |a - b| / the smaller
    Some(value.widened(x.radius.over(&x.least())).rounded(bits))
}

/// `log(1 + x)`; nothing, if `1 + x` may not be positive.
pub(super) fn log1p(x: &Ball, precision: &Precision) -> Option<Ball> {
    if x.is_zero() {
        return Some(x.clone());
    }
    let bits = precision.bits;
    let one = Ball::integer(1);
    let is_small = x.middle.is_zero() || x.middle.magnitude() < 0;
    if !is_small {
        return log(&x.plus(&one, bits + 64), precision);
    }
    let least = x.plus(&one, bits + 8);
    if least.sign() != Some(Ordering::Greater) {
        return None;
    }
    let value = log1p_exact(&x.middle, precision);
    Some(value.widened(x.radius.over(&least.least())).rounded(bits))
}

/// `log(1 + x)` for `-1/2 ≤ x ≤ 1`, with relative accuracy.
fn log1p_exact(x: &Float, precision: &Precision) -> Ball {
    if x.is_zero() {
        return Ball::integer(0);
    }
    let bits = precision.bits;
    let magnitude = x.magnitude();
    if magnitude < -bits / 2 - 4 {
        // x - x²/2, less than |x|³ off
        let x = Ball::exact(x.clone());
        let value = x.minus(&x.square(bits).scaled(-1), bits + 8);
        return value.widened(Radius::power(3 * magnitude));
    }
    let places = bits - magnitude + 8;
    Ball::fixed(log1p_kernel(x, places), places, UNITS)
}

/// `log(1 + x)` for `-1/2 ≤ x ≤ 1`: Newton's method from f64, each step with four times the places.
fn log1p_kernel(x: &Float, places: i64) -> IBig {
    if places <= 48 {
        return Float::from_f64(x.to_f64().ln_1p()).fixed(places);
    }
    let fewer = places / 4 + 8;
    let guess = Float::new(log1p_kernel(x, fewer), -fewer);
    let inner = places + 16;
    // (1 + x) e^-guess = 1 + d, and log(1 + d) = d - d²/2 + d³/3 to within d⁴
    let less = expm1_kernel(&guess.negated(), inner);
    let x = x.fixed(inner);
    let d = &x + &less + ((&x * &less) >> steps(inner));
    let square = (&d * &d) >> steps(inner);
    let cube = (&square * &d) >> steps(inner);
    let log = guess.fixed(inner) + d - (square >> 1) + cube / 3;
    log >> steps(inner - places)
}
