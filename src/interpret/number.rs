//! What the interpreter asks of a floating-point format and of the integers that go with it.

use std::fmt::Debug;
use std::ops::{Add, Div, Mul, Neg, Sub};

use super::{ArrayData, Storage};
use crate::loops::Kind;

/// f32 with 32-bit integers, or f64 with 64-bit integers; integers travel as `i64`.
pub(super) trait Number:
    Copy
    + Debug
    + PartialOrd
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    /// The nearest number of this format.
    fn from_f64(value: f64) -> Self;
    /// An integer as a number, the way that [`crate::loops::Operation::ToReal`] does it.
    fn from_integer(integer: i64) -> Self;
    fn bits(self) -> i64;
    fn from_bits(bits: i64) -> Self;
    /// Cuts an integer to the width of this format, keeping it signed.
    fn wrap(integer: i64) -> i64;
    fn shift_unsigned(integer: i64, by: u8) -> i64;
    fn mul_add(self, by: Self, plus: Self) -> Self;
    fn abs(self) -> Self;
    fn sqrt(self) -> Self;
    fn floor(self) -> Self;
    fn round_ties_even(self) -> Self;
    /// Takes an array from the caller.
    fn take(data: &mut ArrayData, kind: Kind) -> Storage<Self>;
    /// Makes it the caller's again.
    fn give(storage: Storage<Self>) -> ArrayData;
}

macro_rules! implement {
    ($real:ident, $reals:ident, $integers:ident, $narrow:ident, $convert:ident) => {
        impl Number for $real {
            #[expect(clippy::allow_attributes, reason = "one of the two formats needs no cast")]
            #[allow(clippy::cast_possible_truncation, reason = "rounding is what is asked for")]
            fn from_f64(value: f64) -> Self {
                value as Self
            }
            fn from_integer(integer: i64) -> Self {
                $convert(integer)
            }
            fn bits(self) -> i64 {
                i64::from(self.to_bits().cast_signed())
            }
            fn from_bits(bits: i64) -> Self {
                $real::from_bits($narrow(bits).cast_unsigned())
            }
            fn wrap(integer: i64) -> i64 {
                i64::from($narrow(integer))
            }
            fn shift_unsigned(integer: i64, by: u8) -> i64 {
                i64::from(($narrow(integer).cast_unsigned() >> by).cast_signed())
            }
            fn mul_add(self, by: Self, plus: Self) -> Self {
                self.mul_add(by, plus)
            }
            fn abs(self) -> Self {
                self.abs()
            }
            fn sqrt(self) -> Self {
                self.sqrt()
            }
            fn floor(self) -> Self {
                self.floor()
            }
            fn round_ties_even(self) -> Self {
                self.round_ties_even()
            }
            fn take(data: &mut ArrayData, kind: Kind) -> Storage<Self> {
                match (kind, data) {
                    (Kind::Real, ArrayData::$reals(reals)) => Storage::Reals(std::mem::take(reals)),
                    (Kind::Integer, ArrayData::$integers(integers)) => {
                        Storage::Integers(integers.iter().map(|at| i64::from(*at)).collect())
                    }
                    (kind, data) => panic!("an array of {kind}s cannot be {data:?}"),
                }
            }
            fn give(storage: Storage<Self>) -> ArrayData {
                match storage {
                    Storage::Reals(reals) => ArrayData::$reals(reals),
                    Storage::Integers(integers) => {
                        let narrow = integers.iter().map(|at| $narrow(*at));
                        ArrayData::$integers(narrow.collect())
                    }
                }
            }
        }
    };
}

implement!(f32, F32, I32, low_half, nearest_f32);
implement!(f64, F64, I64, whole, nearest_f64);

#[expect(clippy::cast_possible_truncation, reason = "the low half is what is asked for")]
fn low_half(integer: i64) -> i32 {
    integer as i32
}

fn whole(integer: i64) -> i64 {
    integer
}

#[expect(clippy::cast_precision_loss, reason = "rounding is what is asked for")]
fn nearest_f32(integer: i64) -> f32 {
    low_half(integer) as f32
}

/// As lanes have it, which lack the instruction: exact below 2^51, and the same everywhere above.
fn nearest_f64(integer: i64) -> f64 {
    const MAGIC: f64 = 6_755_399_441_055_744.0; // 2^52 + 2^51
    f64::from_bits(integer.wrapping_add(MAGIC.to_bits().cast_signed()).cast_unsigned()) - MAGIC
}
