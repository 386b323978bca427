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
    const LEAST: f64 = f64::from_bits((1023 - 126) << 52);
    const LARGEST: f64 = f64::from_bits((1023 + 127) << 52);
    const EXPONENT: u64 = 0x7ff << 52;
    // Comparisons that a NaN falls through, and that vectorize.
    let keep = |v: f64| if v > AFTER { AFTER } else { v };
    let keep = |v: f64| if v < -AFTER { -AFTER } else { keep(v) };
    let (wide, kept) = (keep(f64::from(got)), keep(exact));
    let size = if kept.abs() < LEAST { LEAST } else { kept.abs() };
    let size = if size > LARGEST { LARGEST } else { size };
    // 2²³ / 2^exponent, so that the distance is in units.
    let per_unit = f64::from_bits(((2046 + 23) << 52) - (size.to_bits() & EXPONENT));
    let off = (wide - kept).abs() * per_unit;
    let apart = if got.is_nan() & exact.is_nan() { 0.0 } else { f64::INFINITY };
    if off >= 0.0 { off } else { apart }
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
