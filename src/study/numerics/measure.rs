//! How far a number is from the exact one, in units of the last place of f32.

use crate::loops::Precision;

/// The unit that an element is measured in: the distance of two neighbouring f32 at its size.
///
/// Below the normal numbers digits run out whatever one does: 16 units are at least the smallest of those. What f32
/// rounds to 0 is measured beside the numbers around it, 1 at least.
#[must_use]
pub(super) fn last_place(exact: f64, around: f64) -> f64 {
    let size = if rounded(exact) == 0.0 { around.max(1.0) } else { exact.abs() };
    (size.log2().floor() - 23.0).max(-130.0).exp2()
}

/// The distance in last places of the exact number; infinite for what is not finite where that is; nothing, if the exact
/// number is NaN, infinite or too large for f32.
#[must_use]
pub(super) fn off(got: f64, exact: f64, around: f64) -> Option<f64> {
    if !is_representable(exact) {
        return None;
    }
    if !got.is_finite() {
        return Some(f64::INFINITY);
    }
    Some((got - exact).abs() / last_place(exact, around))
}

/// Whether a number is finite and stays so as f32.
pub(super) fn is_representable(exact: f64) -> bool {
    rounded(exact).is_finite()
}

/// The nearest f32.
pub(super) fn rounded(exact: f64) -> f64 {
    crate::study::sample::rounded(exact, Precision::F32)
}

/// The f32 next to one, towards 0 or from it.
#[expect(clippy::cast_possible_truncation, reason = "elements are numbers of f32")]
pub(super) fn neighbour(element: f64, outwards: bool) -> f64 {
    let element = element as f32;
    let bits = element.to_bits();
    let next = if outwards { bits.saturating_add(1) } else { bits.saturating_sub(1) };
    if element == 0.0 { element.into() } else { f32::from_bits(next).into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_places_are_those_of_f32() {
        let table = [
            (1.0, 0.0, -23),
            (-1.5, 9.0, -23),
            (0.99, 0.0, -24),
            (1e-37, 0.0, -130),
            (1e-45, 9.0, -130),
            (0.0, 0.0, -23),
            (1e-60, 9.0, -20),
        ];
        for (x, around, expected) in table {
            assert_eq!(last_place(x, around), 2f64.powi(expected), "{x}");
        }
    }

    #[test]
    fn only_what_f32_can_be_is_measured() {
        assert_eq!(off(1.0, 1.0, 0.0), Some(0.0));
        assert_eq!(off(1.0 + 2f64.powi(-23), 1.0, 0.0), Some(1.0));
        assert_eq!(off(f64::INFINITY, 3e38, 0.0), Some(f64::INFINITY));
        assert_eq!(off(f64::NAN, 0.0, 0.0), Some(f64::INFINITY));
        for exact in [f64::NAN, f64::INFINITY, 3.5e38] {
            assert_eq!(off(1.0, exact, 0.0), None);
        }
        assert_eq!(neighbour(1.0, true), 1.0 + 2f64.powi(-23));
        assert_eq!(neighbour(-1.0, false), -1.0 + 2f64.powi(-24));
        assert_eq!(neighbour(0.0, true), 0.0);
    }
}
