//! Numbers to text: the shortest digits that read back as the same number.

use std::f64::consts::PI;

/// A number that is not negative, or the sign and the digits of one that is; not a number has no digits.
pub(super) fn digits(value: f64) -> Option<(bool, String)> {
    if value.is_nan() {
        return None;
    }
    let magnitude = value.abs();
    let text = if magnitude.is_infinite() {
        "inf".to_owned()
    } else if magnitude.to_bits() == PI.to_bits() {
        "pi".to_owned()
    } else {
        let text = format!("{magnitude:?}");
        text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
    };
    Some((value < 0.0, text))
}
