//! Binary numbers of any length: an integer times a power of 2, all operations exact but for the asked truncation.

use dashu_int::IBig;
use dashu_int::ops::BitTest;

/// `mantissa · 2^exponent`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Float {
    pub(super) mantissa: IBig,
    pub(super) exponent: i64,
}

impl Float {
    pub(super) const ZERO: Self = Self { mantissa: IBig::ZERO, exponent: 0 };

    pub(super) fn new(mantissa: IBig, exponent: i64) -> Self {
        Self { mantissa, exponent }
    }

    pub(super) fn from_integer(value: i64) -> Self {
        Self::new(IBig::from(value), 0)
    }

    /// A finite f64, exactly.
    pub(super) fn from_f64(value: f64) -> Self {
        let bits = value.to_bits();
        let field = i64::try_from(bits >> 52 & 0x7ff).expect("eleven bits");
        let fraction = bits & ((1 << 52) - 1);
        let (whole, exponent) =
            if field == 0 { (fraction, -1074) } else { (fraction | 1 << 52, field - 1075) };
        if whole == 0 {
            return Self::ZERO;
        }
        let zeros = whole.trailing_zeros();
        let mantissa = IBig::from(whole >> zeros);
        let signed = if value.is_sign_negative() { -mantissa } else { mantissa };
        Self::new(signed, exponent + i64::from(zeros))
    }

    pub(super) fn is_zero(&self) -> bool {
        self.mantissa.is_zero()
    }

    pub(super) fn is_negative(&self) -> bool {
        self.mantissa < IBig::ZERO
    }

    /// The least `k` with `|x| < 2^k`.
    ///
    /// # Panics
    /// If it is 0.
    pub(super) fn magnitude(&self) -> i64 {
        assert!(!self.is_zero(), "0 has no magnitude");
        self.exponent + length(&self.mantissa)
    }

    pub(super) fn negated(&self) -> Self {
        Self::new(-&self.mantissa, self.exponent)
    }

    pub(super) fn absolute(&self) -> Self {
        if self.is_negative() { self.negated() } else { self.clone() }
    }

    /// Times `2^by`.
    pub(super) fn scaled(&self, by: i64) -> Self {
        if self.is_zero() {
            Self::ZERO
        } else {
            Self::new(self.mantissa.clone(), self.exponent + by)
        }
    }

    /// The exact sum; the caller sees to it that the exponents are near.
    pub(super) fn plus(&self, other: &Self) -> Self {
        let (high, low) =
            if self.exponent >= other.exponent { (self, other) } else { (other, self) };
        if high.is_zero() {
            return low.clone();
        }
        if low.is_zero() {
            return high.clone();
        }
        let gap = steps(high.exponent - low.exponent);
        Self::new((&high.mantissa << gap) + &low.mantissa, low.exponent)
    }

    pub(super) fn minus(&self, other: &Self) -> Self {
        self.plus(&other.negated())
    }

    /// The exact product.
    pub(super) fn times(&self, other: &Self) -> Self {
        Self::new(&self.mantissa * &other.mantissa, self.exponent + other.exponent)
    }

    /// `round down (x · 2^places)`
    pub(super) fn fixed(&self, places: i64) -> IBig {
        let by = self.exponent + places;
        if by >= 0 {
            &self.mantissa << steps(by)
        } else if -by > length(&self.mantissa) {
            if self.is_negative() { IBig::from(-1) } else { IBig::ZERO }
        } else {
            &self.mantissa >> steps(-by)
        }
    }

    /// At most `bits` of the mantissa, and the unit that was lost: none, if it is exact.
    pub(super) fn truncated(self, bits: i64) -> (Self, Option<i64>) {
        let excess = length(&self.mantissa) - bits;
        if excess <= 0 {
            return (self, None);
        }
        let zeros = self.mantissa.trailing_zeros().map_or(0, wide);
        let exponent = self.exponent + excess;
        let shortened = Self::new(self.mantissa >> steps(excess), exponent);
        (shortened, (zeros < excess).then_some(exponent))
    }

    /// Whether `|x - y| ≤` nothing: order by value.
    pub(super) fn compare(&self, other: &Self) -> std::cmp::Ordering {
        use std::cmp::Ordering;
        let sign = |float: &Self| float.mantissa.cmp(&IBig::ZERO);
        if sign(self) != sign(other) || self.is_zero() {
            return sign(self).cmp(&sign(other));
        }
        let by_size = self.magnitude().cmp(&other.magnitude());
        if by_size != Ordering::Equal {
            return if self.is_negative() { by_size.reverse() } else { by_size };
        }
        // Of one magnitude, so their exponents are as near as their mantissas are short.
        self.minus(other).mantissa.cmp(&IBig::ZERO)
    }

    /// The nearest f64, ties to even; infinite if it is too large.
    pub(super) fn to_f64(&self) -> f64 {
        if self.is_zero() {
            return 0.0;
        }
        let magnitude = self.magnitude();
        let sign = if self.is_negative() { -1.0 } else { 1.0 };
        if magnitude > 1024 {
            return sign * f64::INFINITY;
        }
        if magnitude < -1074 {
            return sign * 0.0;
        }
        // 53 bits, fewer for subnormals; one more and whether anything is below decide the rounding.
        let unit = (magnitude - 53).max(-1074);
        let doubled = self.absolute().fixed(1 - unit);
        let exact = self.exponent >= unit - 1
            || Self::new(doubled.clone(), unit - 1).compare(&self.absolute()).is_eq();
        let doubled = u64::try_from(doubled).expect("54 bits");
        let (whole, half) = (doubled >> 1, doubled & 1 == 1);
        let up = half && (!exact || whole & 1 == 1);
        #[expect(clippy::cast_precision_loss, reason = "at most 2^53, which f64 holds")]
        let rounded = (whole + u64::from(up)) as f64;
        let power =
            |by: i64| f64::from_bits(u64::try_from(by + 1023).expect("a normal exponent") << 52);
        // In two steps, each a normal power; the first is exact.
        let half_way = unit / 2;
        sign * (rounded * power(half_way)) * power(unit - half_way)
    }
}

/// How many bits an integer has.
pub(super) fn length(integer: &IBig) -> i64 {
    wide(integer.bit_len())
}

pub(super) fn wide(length: usize) -> i64 {
    i64::try_from(length).expect("less than 2^63 bits")
}

pub(super) fn steps(by: i64) -> usize {
    usize::try_from(by).expect("shifts are counted from 0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_come_back_as_they_were() {
        let values =
            [0.0, 1.0, -1.5, 1e300, -1e-300, f64::MIN_POSITIVE, 5e-324, f64::MAX, 1.0 / 3.0];
        for value in values {
            assert_eq!(Float::from_f64(value).to_f64(), value);
        }
    }

    #[test]
    fn rounding_is_to_nearest_even() {
        let one = Float::from_integer(1);
        let half_unit = Float::new(IBig::ONE, -53);
        let tiny = Float::new(IBig::ONE, -200);
        assert_eq!(one.plus(&half_unit).to_f64(), 1.0);
        assert_eq!(one.plus(&half_unit).plus(&tiny).to_f64(), 1.0 + f64::EPSILON);
        assert_eq!(Float::from_f64(5e-324).scaled(-1).to_f64(), 0.0);
        assert_eq!(Float::from_f64(1.5e-323).scaled(-1).to_f64(), 1e-323);
        assert_eq!(Float::from_f64(f64::MAX).scaled(1).to_f64(), f64::INFINITY);
    }

    #[test]
    fn the_order_is_that_of_the_values() {
        let values = [-1e300, -2.0, -1e-300, 0.0, 1e-300, 1.0, 1.0 + f64::EPSILON, 1e300];
        for a in values {
            for b in values {
                let order = Float::from_f64(a).compare(&Float::from_f64(b));
                assert_eq!(Some(order), a.partial_cmp(&b), "{a} {b}");
            }
        }
    }
}
