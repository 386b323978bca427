//! Sums of the totals of chunks, in f64 and in order, with compensation.

/// A sum in f64 that keeps what is lost to rounding (W. Kahan, Further remarks on reducing truncation
/// errors, 1965), as the totals of [`crate::loops`] do.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum {
    total: f64,
    /// By how much the total is too large.
    lost: f64,
}

impl Sum {
    /// Adds a number.
    pub(super) fn add(&mut self, number: f64) {
        let number = number - self.lost;
        let total = self.total + number;
        let lost = (total - self.total) - number;
        self.total = total;
        // Of an infinity nothing was lost.
        self.lost = if lost.is_finite() { lost } else { 0.0 };
    }

    /// The sum of what was added.
    pub(super) fn total(self) -> f64 {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(numbers: &[f64]) -> f64 {
        let mut sum = Sum::default();
        for number in numbers {
            sum.add(*number);
        }
        sum.total()
    }

    #[test]
    fn many_small_numbers_are_not_lost_beside_a_large_one() {
        let mut numbers = vec![0.5; 1001];
        numbers[0] = 2f64.powi(53);
        assert_eq!(numbers.iter().sum::<f64>(), 2f64.powi(53), "the numbers are small enough");
        assert_eq!(sum(&numbers), 2f64.powi(53) + 500.0);
    }

    #[test]
    fn what_is_no_finite_number_stays_what_it_is() {
        let infinity = f64::INFINITY;
        for (numbers, expected) in [
            (vec![], 0.0),
            (vec![1.0, infinity, 2.0], infinity),
            (vec![-infinity, 1.0, 1.0], -infinity),
            (vec![f64::MAX, f64::MAX, 1.0], infinity),
        ] {
            assert_eq!(sum(&numbers), expected, "{numbers:?}");
        }
        for numbers in [[1.0, f64::NAN, 1.0], [infinity, -infinity, 1.0]] {
            assert!(sum(&numbers).is_nan(), "{numbers:?}");
        }
    }
}
