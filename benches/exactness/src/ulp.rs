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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_those_of_the_exact_value() {
        let unit = f64::from(f32::EPSILON);
        let cases = [
            (1.0 + f32::EPSILON, 1.0, 1.0),
            (1.0, 1.0 + 0.25 * unit, 0.25),
            // Below a power of two, units are half as large.
            (1.0, 1.0 - unit, 2.0),
            (f32::from_bits(3), f64::from(f32::from_bits(1)), 2.0),
            (0.0, 0.5 * f64::from(f32::from_bits(1)), 0.5),
            (f32::MIN_POSITIVE, 0.0, 8_388_608.0),
            (f32::INFINITY, f64::from(f32::MAX), 1.0),
            (f32::MAX, 1e300, 1.0),
            (f32::NEG_INFINITY, f64::NEG_INFINITY, 0.0),
            (f32::NAN, f64::NAN, 0.0),
            (f32::NAN, 1.0, f64::INFINITY),
            (1.0, f64::NAN, f64::INFINITY),
        ];
        for (got, exact, off) in cases {
            assert_eq!(single(got, exact), off, "{got:e} for {exact:e}");
        }
    }

    #[test]
    fn units_of_double_precision_are_those_of_the_exact_value() {
        let least = f64::from_bits(1);
        let of = |value: f64| Float::with_val(128, value);
        let cases = [
            (1.0 + f64::EPSILON, of(1.0), 1.0),
            (1.0, of(f64::EPSILON) / 4u32 + 1u32, 0.25),
            (1.0, 1u32 - of(f64::EPSILON), 2.0),
            (3.0 * least, of(least), 2.0),
            (0.0, of(least) / 2u32, 0.5),
            (least, of(0.0), 1.0),
            (f64::INFINITY, of(f64::MAX), 1.0),
            (f64::MAX, of(2.0) << 2000, 1.0),
            (f64::NEG_INFINITY, of(f64::NEG_INFINITY), 0.0),
            (f64::NAN, of(f64::NAN), 0.0),
            (f64::NAN, of(1.0), f64::INFINITY),
            (1.0, of(f64::NAN), f64::INFINITY),
        ];
        for (got, exact, off) in cases {
            assert_eq!(double(got, &exact), off, "{got:e} for {exact}");
        }
    }
}
