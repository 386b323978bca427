//! Functions of a half-line or a wide interval as one polynomial in (a − k) / (a + k), divided by a + m.
//!
//! The map takes 0 ≤ a ≤ ∞ to −1 ≤ t < 1 (Shepherd and Laframboise 1981, for erfc); a + m is chosen so that what is left for the
//! polynomial is nearly constant, and rounding t or the terms after the first hardly matters. The value is a sum of two reals.

use super::pen::Real;

/// A number as a sum, the second part about a last place of the first.
pub(super) type Pair<'p> = [Real<'p>; 2];

/// (c₀ + rest + c₁t + c₂t² + …) / (a + m), with t = (a − k) / (a + k).
pub(super) struct Mapped {
    pub(super) k: f64,
    pub(super) m: f64,
    /// c₀, c₁, …
    pub(super) coefficients: &'static [f64],
    /// What rounding left of c₀.
    pub(super) rest: f64,
}

impl Mapped {
    /// The function at a.
    pub(super) fn at<'p>(&self, a: Real<'p>) -> Pair<'p> {
        let t = (a - self.k) / (a + self.k);
        let [first, others @ ..] = self.coefficients else { unreachable!("there are terms") };
        let bend = t.polynomial(others);
        let sum = t.fma(bend, *first);
        self.divided(a, [sum, t.fma(bend, a.constant(*first) - sum)])
    }

    /// The function at a, with what rounding left of t, exactly where a ≤ k, and of the term before the last.
    pub(super) fn fine_at<'p>(&self, a: Real<'p>) -> Pair<'p> {
        let (above, below) = (a - self.k, a + self.k);
        let t = above / below;
        let lost = [a - (above + self.k), a - (below - self.k)];
        let left = ((-t).fma(lost[1], (-t).fma(below, above) + lost[0])) / below;
        let [first, second, others @ ..] = self.coefficients else {
            unreachable!("there are terms")
        };
        let rest = t.polynomial(others);
        let bend = t.fma(rest, *second);
        let bend_low = t.fma(rest, a.constant(*second) - bend);
        let sum = t.fma(bend, *first);
        let low = t.fma(bend, a.constant(*first) - sum);
        self.divided(a, [sum, left.fma(self.slope(t), t.fma(bend_low, low))])
    }

    /// A sum, and the rest of the first term, divided by a + m.
    fn divided<'p>(&self, a: Real<'p>, [sum, low]: Pair<'p>) -> Pair<'p> {
        let low = low + self.rest;
        let divisor = a + self.m;
        let divisor_low = a - (divisor - self.m);
        let reciprocal = a.constant(1.0) / divisor;
        let quotient = sum * reciprocal;
        let left = (-quotient).fma(divisor, sum) + (-quotient).fma(divisor_low, low);
        [quotient, left * reciprocal]
    }

    /// The slope of the polynomial, to a few digits.
    fn slope<'p>(&self, t: Real<'p>) -> Real<'p> {
        let terms = self.coefficients.iter().zip(0u8..).skip(1).take(SLOPE_TERMS);
        let slopes: Vec<f64> = terms.map(|(term, power)| term * f64::from(power)).collect();
        t.polynomial(&slopes)
    }
}

/// How many terms the slope takes.
const SLOPE_TERMS: usize = 9;

/// a², and what rounding it left, also where `FusedMultiplyAdd` rounds twice.
pub(super) fn square(a: Real<'_>) -> Pair<'_> {
    // Half of the digits, so that its own square is exact.
    let half = a.bits().and(a.either(-0x1000, -0x0800_0000)).real();
    let whole = a * a;
    [whole, (a - half).fma(a + half, half * half - whole)]
}
