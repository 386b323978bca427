//! How far a result is from the exact one, in units in the last place of the exact one.
//!
//! The unit of an exact value is the distance of the two numbers of the format around it, 2⁻¹⁴⁹ (f32) or 2⁻¹⁰⁷⁴ (f64)
//! where they are subnormal. Infinity, and what is larger than any number, counts as the number that would come after
//! the largest. NaN is 0 from NaN and infinitely far from everything else.

use rug::Float;

/// How far a result in single precision is from an exact one that is known to f64's digits.
#[inline]
pub fn single(got: f32, exact: f64) -> f64 {
    const AFTER: f64 = f64::from_bits((1023 + 128) << 52);
    let exponent = (exact.to_bits() >> 52 & 0x7ff).clamp(1023 - 126, 1023 + 127);
    let per_unit = f64::from_bits((2046 + 23 - exponent) << 52);
    let off = (f64::from(got).clamp(-AFTER, AFTER) - exact.clamp(-AFTER, AFTER)).abs() * per_unit;
    match (got.is_nan(), exact.is_nan()) {
        (false, false) => off,
        (true, true) => 0.0,
        _ => f64::INFINITY,
    }
}

/// How far a result in double precision is from an exact one.
pub fn double(got: f64, exact: &Float) -> f64 {
    if got.is_nan() || exact.is_nan() {
        return if got.is_nan() && exact.is_nan() { 0.0 } else { f64::INFINITY };
    }
    let got = if got.is_infinite() { after_largest(got < 0.0) } else { Float::with_val(64, got) };
    let is_beyond = exact.is_infinite() || exact.get_exp().is_some_and(|exponent| exponent > 1024);
    let difference = if is_beyond {
        got - after_largest(exact.is_sign_negative())
    } else {
        Float::with_val(64, &got - exact)
    };
    let exponent = match exact.get_exp() {
        Some(exponent) => (exponent - 1).clamp(-1022, 1023),
        None if exact.is_zero() => -1022,
        None => 1023,
    };
    (difference << (52 - exponent)).to_f64().abs()
}

fn after_largest(negative: bool) -> Float {
    Float::with_val(64, if negative { -1 } else { 1 }) << 1024
}
