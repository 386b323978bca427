//! Numbers with their error: a middle and how far off the truth may be. What an operation gives holds whatever
//! follows from any numbers within its arguments (Moore 1966; midpoint and radius as in van der Hoeven 2009).
//!
//! An operation gives nothing where the argument's error leaves the result open (a divisor that may be 0).

use std::cmp::Ordering;

use dashu_int::IBig;
use dashu_int::ops::SquareRoot;

use super::float::{Float, length, steps};
use super::radius::Radius;

/// Some real number within `radius` of `middle`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ball {
    pub(super) middle: Float,
    pub(super) radius: Radius,
}

impl Ball {
    pub(super) fn exact(middle: Float) -> Self {
        Self { middle, radius: Radius::ZERO }
    }

    pub(super) fn integer(value: i64) -> Self {
        Self::exact(Float::from_integer(value))
    }

    pub(super) fn new(middle: Float, radius: Radius) -> Self {
        Self { middle, radius }
    }

    /// What `mantissa · 2^-places` is, to within some units of its last place.
    pub(super) fn fixed(mantissa: IBig, places: i64, units: i64) -> Self {
        let radius = Radius::above(&Float::new(IBig::from(units), -places));
        Self::new(Float::new(mantissa, -places), radius)
    }

    /// Around 0.
    pub(super) fn around_zero(radius: Radius) -> Self {
        Self::new(Float::ZERO, radius)
    }

    pub(super) fn is_exact(&self) -> bool {
        self.radius.is_zero()
    }

    pub(super) fn is_zero(&self) -> bool {
        self.is_exact() && self.middle.is_zero()
    }

    pub(super) fn may_be_zero(&self) -> bool {
        self.sign().is_none_or(Ordering::is_eq)
    }

    /// On which side of 0 it lies, if all of it lies on one.
    pub(super) fn sign(&self) -> Option<Ordering> {
        let reach = self.radius.to_float();
        if self.is_zero() {
            return Some(Ordering::Equal);
        }
        let is_clear = self.middle.absolute().compare(&reach).is_gt();
        is_clear.then(|| if self.middle.is_negative() { Ordering::Less } else { Ordering::Greater })
    }

    /// The least that `|x|` may be; not below 0.
    pub(super) fn least(&self) -> Float {
        let least = low_end(&self.middle.absolute(), self.radius);
        if least.is_negative() { Float::ZERO } else { least }
    }

    /// The most that `|x|` may be.
    pub(super) fn most(&self) -> Radius {
        Radius::above(&self.middle).plus(self.radius)
    }

    /// The order of two numbers, if their errors leave no doubt.
    pub(super) fn compare(&self, other: &Self) -> Option<Ordering> {
        // The same computation of the same numbers: equal, whatever they are.
        if self == other {
            return Some(Ordering::Equal);
        }
        self.minus(other, 64).sign()
    }

    /// With at most `bits` of the middle.
    pub(super) fn rounded(self, bits: i64) -> Self {
        let (middle, lost) = self.middle.truncated(bits);
        let radius = lost.map_or(self.radius, |unit| self.radius.plus(Radius::power(unit)));
        Self { middle, radius }
    }

    pub(super) fn widened(self, by: Radius) -> Self {
        Self { radius: self.radius.plus(by), ..self }
    }

    pub(super) fn negated(&self) -> Self {
        Self::new(self.middle.negated(), self.radius)
    }

    pub(super) fn absolute(&self) -> Self {
        Self::new(self.middle.absolute(), self.radius)
    }

    /// Times `2^by`.
    pub(super) fn scaled(&self, by: i64) -> Self {
        Self::new(self.middle.scaled(by), self.radius.scaled(by))
    }

    pub(super) fn plus(&self, other: &Self, bits: i64) -> Self {
        let radius = self.radius.plus(other.radius);
        let (a, b) = (&self.middle, &other.middle);
        if !a.is_zero() && !b.is_zero() {
            let (large, small) = if a.magnitude() >= b.magnitude() { (a, b) } else { (b, a) };
            if large.magnitude() - small.magnitude() > bits + 8 {
                let dropped = Self::new(large.clone(), radius.plus(Radius::above(small)));
                return dropped.rounded(bits);
            }
        }
        Self::new(a.plus(b), radius).rounded(bits)
    }

    pub(super) fn minus(&self, other: &Self, bits: i64) -> Self {
        self.plus(&other.negated(), bits)
    }

    pub(super) fn times(&self, other: &Self, bits: i64) -> Self {
        let middle = self.middle.times(&other.middle);
        let radius = if self.is_exact() && other.is_exact() {
            Radius::ZERO
        } else {
            let (a, b) = (Radius::above(&self.middle), Radius::above(&other.middle));
            let cross = a.times(other.radius).plus(b.times(self.radius));
            cross.plus(self.radius.times(other.radius))
        };
        Self::new(middle, radius).rounded(bits)
    }

    pub(super) fn square(&self, bits: i64) -> Self {
        self.times(self, bits)
    }

    /// The quotient; nothing, if the divisor may be 0.
    pub(super) fn over(&self, other: &Self, bits: i64) -> Option<Self> {
        if other.may_be_zero() {
            return None;
        }
        let (a, b) = (&self.middle, &other.middle);
        let shift = (bits + 2 + length(&b.mantissa) - length(&a.mantissa)).max(0);
        let shifted = &a.mantissa << steps(shift);
        let quotient = &shifted / &b.mantissa;
        let unit = a.exponent - b.exponent - shift;
        let is_exact = &quotient * &b.mantissa == shifted;
        let middle = Float::new(quotient, unit);
        let mut radius = if is_exact { Radius::ZERO } else { Radius::power(unit) };
        if !self.is_exact() || !other.is_exact() {
            // |a/b - q| ≤ (error of a + |q| error of b) / least |b|
            let size = Radius::above(&middle).plus(radius);
            radius = radius.plus(self.radius.plus(size.times(other.radius)).over(&other.least()));
        }
        Some(Self::new(middle, radius).rounded(bits))
    }

    /// The square root; nothing, if the number may be negative by more than its error around 0.
    pub(super) fn root(&self, bits: i64) -> Option<Self> {
        match self.sign() {
            Some(Ordering::Equal) => return Some(self.clone()),
            Some(Ordering::Less) => return None,
            None => return Some(Self::around_zero(self.most().root())),
            Some(Ordering::Greater) => {}
        }
        let x = &self.middle;
        let mut shift = (2 * bits + 4 - length(&x.mantissa)).max(0);
        shift += (x.exponent - shift).rem_euclid(2);
        let shifted = &x.mantissa << steps(shift);
        let whole = IBig::from(shifted.sqrt());
        let unit = (x.exponent - shift) / 2;
        let is_exact = &whole * &whole == shifted;
        let middle = Float::new(whole, unit);
        let mut radius = if is_exact { Radius::ZERO } else { Radius::power(unit) };
        if !self.is_exact() {
            // |√a - √b| = |a - b| / (√a + √b) ≤ |a - b| / √a
            radius = radius.plus(self.radius.over(&middle));
        }
        Some(Self::new(middle, radius).rounded(bits))
    }

    /// The integer below, if all of it has the same.
    pub(super) fn floor(&self) -> Option<Self> {
        let reach = self.radius.to_float();
        // Far below 1 a radius only matters at an integer.
        if !self.is_exact() && (self.radius.magnitude() > 0 || self.middle.is_zero()) {
            return None;
        }
        if !self.middle.is_zero() && self.middle.exponent >= 0 {
            return self.is_exact().then(|| self.clone());
        }
        let low = low_end(&self.middle, self.radius).fixed(0);
        let high = high_end(&self.middle, &reach).fixed(0);
        (low == high).then(|| Self::exact(Float::new(low, 0)))
    }
}

/// Below all of a ball, near its end.
fn low_end(middle: &Float, radius: Radius) -> Float {
    high_end(&middle.negated(), &radius.to_float()).negated()
}

/// Above all of a ball, near its end: what is far smaller than the other is not added exactly.
fn high_end(middle: &Float, reach: &Float) -> Float {
    if middle.is_zero() || reach.is_zero() {
        return if reach.is_zero() { middle.clone() } else { reach.clone() };
    }
    let (large, small) =
        if middle.magnitude() > reach.magnitude() { (middle, reach) } else { (reach, middle) };
    if large.magnitude() - small.magnitude() > 256 {
        return large.plus(&Float::new(IBig::ONE, large.magnitude() - 128));
    }
    middle.plus(reach)
}
