//! Numbers as exact as is asked for: every function of the table with a bound on its error, infinities and NaN.
//!
//! In come f64 and a precision in bits; out come numbers that know how far off they may be. Where that is too far
//! ([`Precise::settled`]), the same is computed with more bits.

mod float;
mod radius;
mod ball;
mod constants;
mod elementary;
mod trigonometric;
mod error;
mod gamma;
mod number;
mod function;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::cmp::Ordering;

use constants::Precision;
use number::Number;

use crate::builtins::Function;
use crate::evaluate::Arithmetic;

/// The arithmetic of a precision.
#[derive(Debug)]
pub struct Precise {
    precision: Precision,
    undecided: Cell<bool>,
}

/// A number of an arithmetic of some precision, with a bound on its error.
#[derive(Clone, Debug)]
pub struct PreciseNumber(Number);

/// A number is settled when its error is below this power of 2 of itself.
const RELATIVE: i64 = -60;

/// Or when all of it is below this power of 2: nothing beside the smallest f32.
const NOTHING: i64 = -220;

impl Precise {
    /// The arithmetic that keeps so many bits of each number, 64 at least.
    #[must_use]
    pub fn new(bits: u32) -> Self {
        Self { precision: Precision::new(i64::from(bits.max(64))), undecided: Cell::new(false) }
    }

    /// Whether numbers have been compared since the last call that this precision cannot tell apart.
    pub fn take_undecided(&self) -> bool {
        self.undecided.take()
    }

    /// The value as an f64 that is right to 2^-53 of itself, or 0 for what is below 2^-220; nothing, if it takes more
    /// bits to know.
    /// What is no f64 only because it is too large is infinite.
    #[must_use]
    pub fn settled(number: &PreciseNumber) -> Option<f64> {
        match &number.0 {
            Number::Real(ball) => {
                if !ball.is_exact() && ball.most().magnitude() < NOTHING {
                    return Some(0.0);
                }
                let is_known = !ball.middle.is_zero()
                    && ball.radius.magnitude() < ball.middle.magnitude() - 1 + RELATIVE;
                (ball.is_exact() || is_known).then(|| number.0.nearest())
            }
            Number::Infinite { .. } | Number::Undefined => Some(number.0.nearest()),
            Number::Unsettled | Number::Vast => None,
        }
    }

    /// Whether no precision will settle a number: it is beyond all exponents, or comes from such.
    #[must_use]
    pub fn is_hopeless(number: &PreciseNumber) -> bool {
        matches!(number.0, Number::Vast)
    }

    fn compare(&self, a: &PreciseNumber, b: &PreciseNumber) -> Option<Ordering> {
        let order = a.0.compare(&b.0);
        let is_nan = |number: &PreciseNumber| matches!(number.0, Number::Undefined);
        if order.is_none() && !is_nan(a) && !is_nan(b) {
            self.undecided.set(true);
            // What cannot be told apart is taken to be equal.
            return Some(Ordering::Equal);
        }
        order
    }
}

impl Arithmetic for Precise {
    type Number = PreciseNumber;

    fn constant(&self, value: f64) -> PreciseNumber {
        PreciseNumber(Number::from_f64(value))
    }

    fn nearest(&self, number: &PreciseNumber) -> f64 {
        number.0.nearest()
    }

    fn less(&self, a: &PreciseNumber, b: &PreciseNumber) -> bool {
        self.compare(a, b) == Some(Ordering::Less)
    }

    fn equal(&self, a: &PreciseNumber, b: &PreciseNumber) -> bool {
        self.compare(a, b) == Some(Ordering::Equal)
    }

    fn map(&self, function: Function, arguments: &[PreciseNumber]) -> PreciseNumber {
        let numbers: Vec<Number> = arguments.iter().map(|number| number.0.clone()).collect();
        PreciseNumber(function::apply(function, &numbers, &self.precision))
    }
}
