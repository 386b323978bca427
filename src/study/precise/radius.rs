//! How far off a number may be: a short nonnegative number whose operations all round up.

use super::float::{Float, length, steps};

/// At most `mantissa · 2^exponent`, with a mantissa of 32 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Radius {
    mantissa: u64,
    exponent: i64,
}

/// How many bits a mantissa has at most.
const BITS: u32 = 32;

impl Radius {
    pub(super) const ZERO: Self = Self { mantissa: 0, exponent: 0 };

    fn new(mantissa: u128, exponent: i64) -> Self {
        if mantissa == 0 {
            return Self::ZERO;
        }
        let excess = (128 - mantissa.leading_zeros()).saturating_sub(BITS);
        let cut = mantissa >> excess;
        let up = u128::from(cut << excess != mantissa);
        // 2^32 itself may come out, which does no harm: nothing relies on the exact length.
        let mantissa = u64::try_from(cut + up).expect("33 bits at most");
        Self { mantissa, exponent: exponent + i64::from(excess) }
    }

    /// `2^exponent`
    pub(super) fn power(exponent: i64) -> Self {
        Self { mantissa: 1, exponent }
    }

    /// At least `|x|`.
    pub(super) fn above(float: &Float) -> Self {
        let excess = (length(&float.mantissa) - i64::from(BITS)).max(0);
        let absolute = float.absolute().mantissa;
        let cut = u128::try_from(&absolute >> steps(excess)).expect("32 bits");
        Self::new(cut + u128::from(excess > 0), float.exponent + excess)
    }

    pub(super) fn is_zero(self) -> bool {
        self.mantissa == 0
    }

    /// The exact value.
    pub(super) fn to_float(self) -> Float {
        Float::new(self.mantissa.into(), self.exponent)
    }

    /// The least `k` with `r < 2^k`; far below everything for 0.
    pub(super) fn magnitude(self) -> i64 {
        if self.is_zero() {
            return i64::MIN / 4;
        }
        self.exponent + i64::from(64 - self.mantissa.leading_zeros())
    }

    pub(super) fn plus(self, other: Self) -> Self {
        let (high, low) =
            if self.magnitude() >= other.magnitude() { (self, other) } else { (other, self) };
        if low.is_zero() {
            return high;
        }
        // Room below for what is smaller; what is smaller still rounds up to one unit.
        let unit = high.exponent - 40;
        let shifted = u128::from(high.mantissa) << 40;
        let gap = low.exponent - unit;
        let part = match u32::try_from(gap) {
            Ok(gap) => u128::from(low.mantissa) << gap,
            Err(_) => (u128::from(low.mantissa) >> gap.unsigned_abs().min(127)) + 1,
        };
        Self::new(shifted + part, unit)
    }

    pub(super) fn times(self, other: Self) -> Self {
        Self::new(
            u128::from(self.mantissa) * u128::from(other.mantissa),
            self.exponent.saturating_add(other.exponent),
        )
    }

    /// Times `2^by`.
    pub(super) fn scaled(self, by: i64) -> Self {
        if self.is_zero() { self } else { Self { exponent: self.exponent + by, ..self } }
    }

    /// At least `r / |x|`, for an `x` that is not 0.
    pub(super) fn over(self, float: &Float) -> Self {
        if self.is_zero() {
            return self;
        }
        // |x| ≥ cut · 2^unit, with 32 bits of x.
        let excess = length(&float.mantissa) - i64::from(BITS);
        let cut = if excess > 0 {
            &float.absolute().mantissa >> steps(excess)
        } else {
            &float.absolute().mantissa << steps(-excess)
        };
        let cut = u128::try_from(cut).expect("32 bits");
        let quotient = (u128::from(self.mantissa) << 64) / cut + 1;
        Self::new(quotient, self.exponent - 64 - (float.exponent + excess))
    }

    /// At least the square root.
    pub(super) fn root(self) -> Self {
        if self.is_zero() {
            return self;
        }
        let even = self.exponent.rem_euclid(2);
        let mantissa = u128::from(self.mantissa) << (60 + even);
        Self::new(mantissa.isqrt() + 1, (self.exponent - even - 60) / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(radius: Radius) -> f64 {
        radius.to_float().to_f64()
    }

    #[test]
    fn every_operation_rounds_up_and_only_by_a_little() {
        let samples = [0.0, 1e-300, 1e-10, 0.3, 1.0, 7.5, 1e9, 1e200];
        let slack = 1.0 + 1e-8;
        let at_least =
            |got: f64, exact: f64| assert!(got >= exact && got <= exact * slack, "{got} {exact}");
        for a in samples {
            let x = Radius::above(&Float::from_f64(a));
            at_least(value(x), a);
            at_least(value(x.root()), a.sqrt());
            for b in samples {
                let y = Radius::above(&Float::from_f64(b));
                at_least(value(x.plus(y)), a + b);
                if a * b > 0.0 && (a * b).is_finite() {
                    at_least(value(x.times(y)), a * b);
                }
                if b != 0.0 && (a / b).is_finite() {
                    at_least(value(x.over(&Float::from_f64(-b))), a / b);
                }
            }
        }
    }
}
