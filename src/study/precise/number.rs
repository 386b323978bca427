//! A number with its error, or what is none.

use std::cmp::Ordering;

use super::ball::Ball;
use super::float::Float;
use super::radius::Radius;

/// A number with its error, or what is none.
#[derive(Clone, Debug)]
pub(super) enum Number {
    /// A real number.
    Real(Ball),
    /// +∞ or -∞: no large number, but what the functions have at their poles.
    Infinite {
        /// Whether it is -∞.
        negative: bool,
    },
    /// What has no value.
    Undefined,
    /// What this precision leaves open.
    Unsettled,
    /// What is beyond all exponents, or comes from such: no precision settles it.
    Vast,
}

/// Exponents stay below this, far from where they would overflow.
const LARGEST: i64 = 1 << 58;

impl Number {
    pub(super) fn infinite(negative: bool) -> Self {
        Self::Infinite { negative }
    }

    pub(super) fn from_f64(value: f64) -> Self {
        match value {
            _ if value.is_nan() => Self::Undefined,
            _ if value.is_infinite() => Self::infinite(value < 0.0),
            _ => Self::Real(Ball::exact(Float::from_f64(value))),
        }
    }

    /// What a function gives, brought into the range of exponents.
    pub(super) fn of(ball: Option<Ball>) -> Self {
        let Some(ball) = ball else { return Self::Unsettled };
        let magnitude = if ball.middle.is_zero() { -2 * LARGEST } else { ball.middle.magnitude() };
        let spread = ball.radius.magnitude();
        if magnitude.max(spread) > LARGEST {
            return Self::Vast;
        }
        let floor = Radius::power(-LARGEST);
        if !ball.is_zero() && magnitude < -LARGEST {
            return Self::Real(Ball::around_zero(floor.plus(if spread < -LARGEST {
                floor
            } else {
                ball.radius
            })));
        }
        if !ball.is_exact() && spread < -LARGEST {
            return Self::Real(Ball::new(ball.middle, floor));
        }
        Self::Real(ball)
    }

    /// Whether it is 0 or something below all exponents, such as the exponential of -1e30.
    pub(super) fn is_dust(ball: &Ball) -> bool {
        !ball.is_exact() && ball.most().magnitude() < -LARGEST / 2
    }

    /// The order of two numbers, if it is certain; NaN has none.
    pub(super) fn compare(&self, other: &Self) -> Option<Ordering> {
        let side = |number: &Self| match number {
            Self::Infinite { negative: true } => -1,
            Self::Infinite { negative: false } => 1,
            _ => 0,
        };
        let is_known = |number: &Self| matches!(number, Self::Real(_) | Self::Infinite { .. });
        match (self, other) {
            (Self::Real(a), Self::Real(b)) => a.compare(b),
            _ if !is_known(self) || !is_known(other) => None,
            _ => Some(side(self).cmp(&side(other))),
        }
    }

    /// The nearest f64 to the middle.
    pub(super) fn nearest(&self) -> f64 {
        match self {
            Self::Real(ball) => ball.middle.to_f64(),
            Self::Infinite { negative: true } => f64::NEG_INFINITY,
            Self::Infinite { negative: false } => f64::INFINITY,
            Self::Undefined | Self::Unsettled | Self::Vast => f64::NAN,
        }
    }
}
