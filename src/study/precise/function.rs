//! The functions of the table for numbers with their error, infinities and NaN as IEEE 754 has them.

use std::cmp::Ordering;

use dashu_int::IBig;

use super::ball::Ball;
use super::constants::Precision;
use super::elementary::{exp, expm1, log, log1p};
use super::float::Float;
use super::number::Number;
use super::radius::Radius;
use super::trigonometric::{atan, sin_cos};
use super::{error, gamma};
use crate::builtins::Function;

/// A real function of reals.
///
/// # Panics
/// If the function gives a truth value or chooses by one.
pub(super) fn apply(function: Function, of: &[Number], precision: &Precision) -> Number {
    let mut balls = Vec::with_capacity(of.len());
    for number in of {
        match number {
            Number::Real(ball) => balls.push(ball),
            _ => return apply_beyond(function, of, precision),
        }
    }
    match balls.as_slice() {
        [x] => one(function, x, precision),
        [a, b] => two(function, a, b, precision),
        _ => unreachable!("{function:?} is no function of reals"),
    }
}

fn one(function: Function, x: &Ball, precision: &Precision) -> Number {
    let bits = precision.bits;
    let is_whole = || x.is_exact() && x.floor().is_some_and(|whole| whole == *x);
    let is_pole = || x.sign() != Some(Ordering::Greater) && is_whole();
    let minus_one = || Ball::integer(-1).compare(x);
    let below_zero = || x.sign() == Some(Ordering::Less);
    let ball = match function {
        Function::Negate => Some(x.negated()),
        Function::StopGradient | Function::Real => Some(x.clone()),
        Function::Abs => Some(x.absolute()),
        Function::Sign => Some(match x.sign() {
            Some(sign) => Ball::integer(sign as i64),
            None => Ball::around_zero(Radius::power(0)),
        }),
        Function::Floor => x.floor(),
        Function::Sqrt | Function::Log | Function::Log2 if below_zero() => {
            return Number::Undefined;
        }
        Function::Sqrt => x.root(bits),
        Function::Exp | Function::Expm1 if is_vast(x) => return Number::Vast,
        Function::Log | Function::Log2 if Number::is_dust(x) => return Number::Vast,
        Function::Exp => exp(x, precision),
        Function::Expm1 => expm1(x, precision),
        Function::Log | Function::Log2 if x.is_zero() => return Number::infinite(true),
        Function::Log => log(x, precision),
        Function::Log2 => log(x, precision).and_then(|log| log.over(&precision.log_2_ball(), bits)),
        Function::Log1p => match minus_one() {
            Some(Ordering::Equal) => return Number::infinite(true),
            Some(Ordering::Greater) => return Number::Undefined,
            _ => log1p(x, precision),
        },
        Function::Sigmoid => sigmoid(x, precision),
        Function::Softplus => softplus(x, precision),
        Function::Tanh => tanh(x, precision),
        Function::Sin => sin_cos(x, precision).map(|(sin, _)| sin),
        Function::Cos => sin_cos(x, precision).map(|(_, cos)| cos),
        Function::Atan => Some(atan(x, precision)),
        Function::Erf => error::erf(x, precision),
        Function::Erfc => error::erfc(x, precision),
        Function::NormalCdf => error::normal_cdf(x, precision),
        Function::LogNormalCdf => error::log_normal_cdf(x, precision),
        Function::InverseMills => inverse_mills(x, precision),
        Function::LogCosh => log_cosh(x, precision),
        Function::Lgamma | Function::Trigamma if is_pole() => return Number::infinite(false),
        Function::Lgamma => gamma::lgamma(x, precision),
        Function::Digamma if is_pole() => return Number::Undefined,
        Function::Digamma => gamma::digamma(x, precision),
        Function::Trigamma => gamma::trigamma(x, precision),
        _ => unreachable!("{function:?} is no function of one real"),
    };
    Number::of(ball)
}

fn two(function: Function, a: &Ball, b: &Ball, precision: &Precision) -> Number {
    let bits = precision.bits;
    let ball = match function {
        Function::Add => Some(a.plus(b, bits)),
        Function::Subtract => Some(a.minus(b, bits)),
        Function::ZeroProduct if a.is_zero() => Some(Ball::integer(0)),
        Function::Multiply | Function::ZeroProduct => Some(a.times(b, bits)),
        Function::Divide if b.is_zero() => {
            return match a.sign() {
                Some(Ordering::Equal) => Number::Undefined,
                Some(sign) => Number::infinite(sign.is_lt()),
                None => Number::Unsettled,
            };
        }
        Function::Divide if Number::is_dust(b) => return Number::Vast,
        Function::Divide => a.over(b, bits),
        Function::Power => return power(a, b, precision),
        Function::Max | Function::Min => {
            let wanted = if function == Function::Max { Ordering::Greater } else { Ordering::Less };
            Some(match a.compare(b) {
                None => a.clone().widened(a.minus(b, bits).most()),
                Some(order) if order == wanted => a.clone(),
                Some(_) => b.clone(),
            })
        }
        Function::LogAddExp => {
            let (small, large) =
                if a.compare(b).is_some_and(Ordering::is_lt) { (a, b) } else { (b, a) };
            softplus(&small.minus(large, bits + 64), precision).map(|more| large.plus(&more, bits))
        }
        Function::Boxcox1p => return boxcox1p(a, b, precision),
        _ => unreachable!("{function:?} is no function of two reals"),
    };
    Number::of(ball)
}

/// φ(x)/Φ(x)
fn inverse_mills(x: &Ball, precision: &Precision) -> Option<Ball> {
    let bits = precision.bits;
    let log_tau = log(&precision.pi_ball().scaled(1), precision)?;
    let log_density = x.square(bits).plus(&log_tau, bits).scaled(-1).negated();
    exp(&log_density.minus(&error::log_normal_cdf(x, precision)?, bits), precision)
}

/// |x| + log(1 + e^(-2|x|)) - log 2, near 0 by cosh x = 1 + (e^x - 1)² / (2e^x)
fn log_cosh(x: &Ball, precision: &Precision) -> Option<Ball> {
    let bits = precision.bits;
    let size = x.absolute();
    if size.compare(&Ball::integer(1)) == Some(Ordering::Less) {
        let less_one = expm1(&size, precision)?;
        let square = less_one.square(bits);
        return log1p(&square.over(&exp(&size, precision)?, bits)?.scaled(-1), precision);
    }
    let more = softplus(&size.scaled(1).negated(), precision)?;
    Some(size.plus(&more, bits).minus(&precision.log_2_ball(), bits))
}

/// Whether the exponential is beyond all exponents.
fn is_vast(x: &Ball) -> bool {
    x.sign() == Some(Ordering::Greater) && x.middle.magnitude() > 56
}

fn sigmoid(x: &Ball, precision: &Precision) -> Option<Ball> {
    let bits = precision.bits;
    let one = Ball::integer(1);
    if x.sign() == Some(Ordering::Less) {
        let exp = exp(x, precision)?;
        return exp.over(&exp.plus(&one, bits + 8), bits);
    }
    one.over(&exp(&x.negated(), precision)?.plus(&one, bits + 8), bits)
}

fn softplus(x: &Ball, precision: &Precision) -> Option<Ball> {
    if x.sign() == Some(Ordering::Greater) {
        let more = log1p(&exp(&x.negated(), precision)?, precision)?;
        return Some(x.plus(&more, precision.bits));
    }
    log1p(&exp(x, precision)?, precision)
}

/// `-t / (2 + t)` with `t = e^(-2|x|) - 1`, the sign put back.
fn tanh(x: &Ball, precision: &Precision) -> Option<Ball> {
    let bits = precision.bits;
    let is_negative = x.middle.is_negative();
    let mirrored = if is_negative { x.clone() } else { x.negated() };
    let less = expm1(&mirrored.scaled(1), precision)?;
    let value = less.negated().over(&less.plus(&Ball::integer(2), bits + 8), bits)?;
    Some(if is_negative { value.negated() } else { value })
}

fn boxcox1p(x: &Ball, lambda: &Ball, precision: &Precision) -> Number {
    match Ball::integer(-1).compare(x) {
        Some(Ordering::Greater) => return Number::Undefined,
        Some(Ordering::Equal) => {
            return match lambda.sign() {
                Some(Ordering::Greater) => {
                    Number::of(Ball::integer(-1).over(lambda, precision.bits))
                }
                Some(_) => Number::infinite(true),
                None => Number::Unsettled,
            };
        }
        _ => {}
    }
    let Some(log) = log1p(x, precision) else { return Number::Unsettled };
    if lambda.is_zero() {
        return Number::of(Some(log));
    }
    let exponent = lambda.times(&log, precision.bits + 16);
    let above = expm1(&exponent, precision);
    Number::of(above.and_then(|above| above.over(lambda, precision.bits)))
}

/// Whole exponents up to this are products.
const PRODUCTS: i64 = 64;

fn power(a: &Ball, b: &Ball, precision: &Precision) -> Number {
    let bits = precision.bits;
    let one = Ball::integer(1);
    if b.is_zero() || *a == one {
        return Number::Real(one);
    }
    let whole = b.floor().filter(|whole| whole == b);
    let small = whole.as_ref().filter(|whole| whole.middle.magnitude() < 7);
    if let Some(whole) = small
        && !a.is_zero()
    {
        let count = i64::try_from(whole.middle.fixed(0)).expect("below 128");
        if count.abs() <= PRODUCTS {
            let product =
                (0..count.abs()).fold(one.clone(), |product, _| product.times(a, bits + 16));
            let product = product.rounded(bits);
            return Number::of(if count < 0 { one.over(&product, bits) } else { Some(product) });
        }
    }
    match (a.sign(), b.sign()) {
        (Some(Ordering::Equal), Some(Ordering::Greater)) => Number::Real(Ball::integer(0)),
        (Some(Ordering::Equal), Some(_)) => Number::infinite(false),
        (Some(Ordering::Greater), _) => Number::of(power_of_positive(a, b, precision)),
        (Some(Ordering::Less), _) => match whole {
            Some(whole) => {
                let is_odd = whole.middle.exponent <= 0
                    && IBig::from(&whole.middle.fixed(0) % 2) != IBig::ZERO;
                let value = power_of_positive(&a.negated(), b, precision);
                Number::of(if is_odd { value.map(|value| value.negated()) } else { value })
            }
            None if b.is_exact() => Number::Undefined,
            None => Number::Unsettled,
        },
        (None, Some(Ordering::Greater)) => {
            let most = Ball::exact(a.most().to_float());
            let value = power_of_positive(&most, b, precision);
            Number::of(value.map(|value| Ball::around_zero(value.most())))
        }
        _ => Number::Unsettled,
    }
}

fn power_of_positive(a: &Ball, b: &Ball, precision: &Precision) -> Option<Ball> {
    // The exponential keeps as many bits fewer as its argument has before the point.
    let finer = precision.with_bits(precision.bits + 32);
    let exponent = log(a, &finer)?.times(b, finer.bits);
    exp(&exponent, precision)
}

/// Where an argument is no real number: what the f64 reference makes of numbers like these, if it is
/// infinite, NaN or one of the limits that are whole.
fn apply_beyond(function: Function, of: &[Number], precision: &Precision) -> Number {
    let is =
        |at: usize, value: i64| matches!(&of[at], Number::Real(x) if *x == Ball::integer(value));
    match function {
        Function::ZeroProduct if is(0, 0) => return Number::Real(Ball::integer(0)),
        Function::Power if is(1, 0) || is(0, 1) => return Number::Real(Ball::integer(1)),
        Function::StopGradient | Function::Real => return of[0].clone(),
        _ if of.iter().any(|number| matches!(number, Number::Undefined)) => {
            return Number::Undefined;
        }
        _ if of.iter().any(|number| matches!(number, Number::Vast)) => return Number::Vast,
        _ if of.iter().any(|number| matches!(number, Number::Unsettled)) => {
            return Number::Unsettled;
        }
        Function::Max | Function::Min => {
            let wanted = if function == Function::Max { Ordering::Greater } else { Ordering::Less };
            let first = of[0].compare(&of[1]) == Some(wanted);
            return of[usize::from(!first)].clone();
        }
        Function::LogAddExp if matches!(of[0], Number::Infinite { negative: true }) => {
            return of[1].clone();
        }
        Function::LogAddExp if matches!(of[1], Number::Infinite { negative: true }) => {
            return of[0].clone();
        }
        Function::Atan => {
            let quarter = precision.pi_ball().scaled(-1);
            let negative = matches!(of[0], Number::Infinite { negative: true });
            return Number::Real(if negative { quarter.negated() } else { quarter });
        }
        Function::LogCosh => return Number::infinite(false),
        Function::InverseMills if matches!(of[0], Number::Infinite { negative: true }) => {
            return Number::infinite(false);
        }
        Function::InverseMills => return Number::Real(Ball::integer(0)),
        Function::Boxcox1p => return Number::Unsettled,
        _ => {}
    }
    let like: Option<Vec<f64>> = of.iter().map(representative).collect();
    let Some(like) = like else { return Number::Unsettled };
    let value = (function.row().reference)(&like);
    match value {
        _ if value.is_nan() => Number::Undefined,
        _ if value.is_infinite() => Number::infinite(value < 0.0),
        _ if value == value.trunc() && value.abs() <= 2.0 => {
            Number::Real(Ball::exact(Float::from_f64(value)))
        }
        _ => Number::Unsettled,
    }
}

/// An f64 on the same side of 0, if the side is known.
fn representative(number: &Number) -> Option<f64> {
    match number {
        Number::Real(ball) => ball.sign().map(|sign| match ball.middle.to_f64() {
            value if sign.is_eq() => value,
            value => value.abs().clamp(1e-300, 1e300).copysign(value),
        }),
        Number::Infinite { negative } => {
            Some(if *negative { f64::NEG_INFINITY } else { f64::INFINITY })
        }
        Number::Undefined => Some(f64::NAN),
        Number::Unsettled | Number::Vast => None,
    }
}
