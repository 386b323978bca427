//! Sine, cosine and the inverse tangent of numbers with their error.

use dashu_int::IBig;

use super::ball::Ball;
use super::constants::Precision;
use super::elementary::UNITS;
use super::float::{Float, length, steps};
use super::radius::Radius;

/// Numbers from `2^LARGEST` on have no angle here.
const LARGEST: i64 = 4096;

/// The sine and the cosine; nothing, if the number's error leaves them open.
pub(super) fn sin_cos(x: &Ball, precision: &Precision) -> Option<(Ball, Ball)> {
    let bits = precision.bits;
    if x.is_zero() {
        return Some((x.clone(), Ball::integer(1)));
    }
    if x.radius.magnitude() > 0 || (!x.middle.is_zero() && x.middle.magnitude() > LARGEST) {
        return None;
    }
    let (rest, quarters) = reduced(x, precision);
    let (sin, less) = small_sin_cos(&rest.middle, bits);
    let cos = Ball::integer(1).minus(&less, bits + 8);
    // both slopes are at most 1
    let sin = sin.widened(rest.radius).rounded(bits);
    let cos = cos.widened(rest.radius).rounded(bits);
    Some(match quarters {
        0 => (sin, cos),
        1 => (cos, sin.negated()),
        2 => (sin.negated(), cos.negated()),
        _ => (cos.negated(), sin),
    })
}

/// What is left of a number by whole quarters of a turn, at most an eighth and a bit, and their count modulo 4.
fn reduced(x: &Ball, precision: &Precision) -> (Ball, i64) {
    if x.middle.is_zero() || x.middle.magnitude() < 0 {
        return (x.clone(), 0);
    }
    let magnitude = x.middle.magnitude();
    let places = precision.bits + magnitude + 32;
    let quarter = precision.pi(places) >> 1;
    let fixed = x.middle.fixed(places);
    let doubled: IBig = (&fixed << 1) / &quarter;
    let count: IBig = (doubled + IBig::ONE) >> 1;
    let rest = fixed - &count * quarter;
    // π/2 is off by less than a unit, taken count < 2^magnitude times
    let off = Radius::power(magnitude + 2 - places).plus(x.radius);
    let part: i32 = count % 4;
    let quarters = i64::from(part.rem_euclid(4));
    (Ball::new(Float::new(rest, -places), off), quarters)
}

/// Sine, and 1 less the cosine, of an exact number below 1, with relative accuracy.
fn small_sin_cos(x: &Float, bits: i64) -> (Ball, Ball) {
    if x.is_zero() {
        return (Ball::integer(0), Ball::integer(0));
    }
    let magnitude = x.magnitude();
    if magnitude < -bits / 2 - 4 {
        let cube = Radius::power(3 * magnitude);
        let x = Ball::exact(x.clone());
        return (x.clone().widened(cube), x.square(bits).scaled(-1).widened(cube));
    }
    let places = bits - magnitude + 8;
    let (sin, less) = sin_cos_kernel(x, places);
    (Ball::fixed(sin, places, UNITS), Ball::fixed(less, places, UNITS))
}

/// Sine, and 1 less the cosine, for `|x| ≤ 1`, within [`UNITS`].
fn sin_cos_kernel(x: &Float, places: i64) -> (IBig, IBig) {
    if x.is_zero() {
        return (IBig::ZERO, IBig::ZERO);
    }
    let halvings = (places.isqrt() / 2 + x.magnitude()).max(0);
    let guard = 2 * halvings + 24;
    let inner = places + guard;
    let reduced = x.fixed(inner - halvings);
    let square = (&reduced * &reduced) >> steps(inner);
    let (mut sin, mut less) = (IBig::ZERO, IBig::ZERO);
    let mut term = reduced;
    let mut n = 1_i64;
    let mut sign = 1;
    while length(&term) > 1 {
        // x^n / n! for an odd n, then x^(n+1) / (n+1)!
        sin += &term * sign;
        n += 2;
        term = ((term * &square) >> steps(inner)) / (n * (n - 1));
        sign = -sign;
    }
    let mut term: IBig = &square >> 1;
    let (mut n, mut sign) = (2_i64, 1);
    while length(&term) > 1 {
        less += &term * sign;
        n += 2;
        term = ((term * &square) >> steps(inner)) / (n * (n - 1));
        sign = -sign;
    }
    for _ in 0..halvings {
        let product = (&sin * &less) >> steps(inner);
        less = (&sin * &sin) >> steps(inner - 1);
        sin = (sin - product) << 1;
    }
    (sin >> steps(guard), less >> steps(guard))
}

/// The inverse tangent.
pub(super) fn atan(x: &Ball, precision: &Precision) -> Ball {
    let bits = precision.bits;
    if x.middle.is_zero() {
        // the slope is at most 1
        return x.clone();
    }
    let magnitude = x.middle.magnitude();
    let value = if magnitude < -bits / 2 - 4 {
        Ball::exact(x.middle.clone()).widened(Radius::power(3 * magnitude))
    } else if magnitude <= 0 || x.middle.absolute().compare(&Float::from_integer(1)).is_eq() {
        let places = bits - magnitude + 8;
        Ball::fixed(atan_kernel(&x.middle, places), places, UNITS)
    } else {
        let exact = Ball::exact(x.middle.clone());
        let inverse = Ball::integer(1).over(&exact, bits + 16).expect("at least 1");
        let below = atan(&inverse, precision);
        let quarter = precision.pi_ball().scaled(-1);
        let quarter = if x.middle.is_negative() { quarter.negated() } else { quarter };
        quarter.minus(&below, bits + 8)
    };
    // the slope is 1 / (1 + ξ²) ≤ 1, and ≤ 1 / ξ²
    let least = x.least();
    let slope_is_small = !least.is_zero() && least.magnitude() > 1;
    let spread = if slope_is_small { x.radius.over(&least).over(&least) } else { x.radius };
    value.widened(spread).rounded(bits)
}

/// The inverse tangent for `|x| ≤ 1`: Newton's method from f64, each step with six times the places.
fn atan_kernel(x: &Float, places: i64) -> IBig {
    if places <= 48 {
        return Float::from_f64(x.to_f64().atan()).fixed(places);
    }
    let fewer = places / 6 + 10;
    let guess = Float::new(atan_kernel(x, fewer), -fewer);
    let inner = places + 16;
    let (sin, less) = sin_cos_kernel(&guess, inner);
    let one: IBig = IBig::ONE << steps(inner);
    let cos = &one - less;
    // tan(atan x - guess) = (x cos - sin) / (cos + x sin) = u, and atan u = u - u³/3 + u⁵/5 to within u⁷
    let x = x.fixed(inner);
    let above = ((&x * &cos) >> steps(inner)) - &sin;
    let below = cos + ((&x * &sin) >> steps(inner));
    let u: IBig = (above << steps(inner)) / below;
    let square = (&u * &u) >> steps(inner);
    let cube = (&square * &u) >> steps(inner);
    let fifth = (&cube * &square) >> steps(inner);
    let angle = guess.fixed(inner) + u - cube / 3 + fifth / 5;
    angle >> steps(inner - places)
}
