//! Arithmetic on paper: values that write themselves down as primitive operations.
//!
//! In comes an [`Emit`], out come three small types, [`Real`], [`Integer`] and [`Mask`], whose operators append
//! operations. The kernels read as formulas through them, and cannot mix up kinds.

use std::cell::RefCell;
use std::ops::{Add, Div, Mul, Neg, Sub};

use crate::loops::{Accuracy, Emit, Operation, Precision, Value};

/// Where operations go.
pub(super) type Pen<'p> = &'p RefCell<&'p mut dyn Emit>;

/// A real of the program's precision.
#[derive(Clone, Copy)]
pub(super) struct Real<'p>(Pen<'p>, Value);

/// An integer as wide as a real.
#[derive(Clone, Copy)]
pub(super) struct Integer<'p>(Pen<'p>, Value);

/// A truth value.
#[derive(Clone, Copy)]
pub(super) struct Mask(Value);

/// Writes a function of one argument.
pub(super) fn unary(
    emit: &mut dyn Emit,
    x: Value,
    kernel: impl for<'p> FnOnce(Real<'p>) -> Real<'p>,
) -> Value {
    let short: &mut dyn Emit = &mut *emit;
    let pen = RefCell::new(short);
    let Real(_, result) = kernel(Real(&pen, x));
    result
}

/// Writes a function of two arguments.
pub(super) fn binary(
    emit: &mut dyn Emit,
    x: Value,
    y: Value,
    kernel: impl for<'p> FnOnce(Real<'p>, Real<'p>) -> Real<'p>,
) -> Value {
    let short: &mut dyn Emit = &mut *emit;
    let pen = RefCell::new(short);
    let Real(_, result) = kernel(Real(&pen, x), Real(&pen, y));
    result
}

fn write(pen: Pen<'_>, operation: Operation) -> Value {
    pen.borrow_mut().emit(operation)
}

impl<'p> Real<'p> {
    fn of(self, operation: Operation) -> Self {
        Self(self.0, write(self.0, operation))
    }

    /// The precision that the kernel is written for.
    pub(super) fn precision(self) -> Precision {
        self.0.borrow().precision()
    }

    /// Whether a product that is added to something is not rounded.
    pub(super) fn is_fused(self) -> bool {
        self.0.borrow().is_fused()
    }

    /// Whether functions are to take few steps, where there are forms with fewer.
    pub(super) fn is_close(self) -> bool {
        self.precision() == Precision::F32 && self.0.borrow().accuracy() == Accuracy::Close
    }

    /// One of two, by precision.
    pub(super) fn either<T>(self, f32: T, f64: T) -> T {
        match self.precision() {
            Precision::F32 => f32,
            Precision::F64 => f64,
        }
    }

    /// A constant.
    pub(super) fn constant(self, value: f64) -> Self {
        self.of(Operation::Real(value.to_bits()))
    }

    /// `self · a + b`
    pub(super) fn fma(self, a: impl Operand<'p>, b: impl Operand<'p>) -> Self {
        let (a, b) = (a.real(self), b.real(self));
        self.of(Operation::FusedMultiplyAdd(self.1, a.1, b.1))
    }

    /// The polynomial with these coefficients, constant term first, by Horner's rule.
    pub(super) fn polynomial(self, coefficients: &[f64]) -> Self {
        let (last, rest) = coefficients.split_last().expect("a polynomial has a term");
        rest.iter().rev().fold(self.constant(*last), |sum, c| sum.fma(self, *c))
    }

    pub(super) fn absolute(self) -> Self {
        self.of(Operation::Absolute(self.1))
    }

    pub(super) fn floor(self) -> Self {
        self.of(Operation::Floor(self.1))
    }

    /// The nearest whole number, ties to even.
    pub(super) fn nearest(self) -> Self {
        self.of(Operation::Nearest(self.1))
    }

    /// The smaller of both, NaN where `self` is.
    pub(super) fn at_most(self, bound: impl Operand<'p>) -> Self {
        let bound = bound.real(self);
        self.of(Operation::Minimum(bound.1, self.1))
    }

    /// The larger of both, NaN where `self` is.
    pub(super) fn at_least(self, bound: impl Operand<'p>) -> Self {
        let bound = bound.real(self);
        self.of(Operation::Maximum(bound.1, self.1))
    }

    pub(super) fn less(self, other: impl Operand<'p>) -> Mask {
        let other = other.real(self);
        Mask(write(self.0, Operation::Less(self.1, other.1)))
    }

    pub(super) fn less_equal(self, other: impl Operand<'p>) -> Mask {
        let other = other.real(self);
        Mask(write(self.0, Operation::LessEqual(self.1, other.1)))
    }

    pub(super) fn equal(self, other: impl Operand<'p>) -> Mask {
        let other = other.real(self);
        Mask(write(self.0, Operation::Equal(self.1, other.1)))
    }

    pub(super) fn bits(self) -> Integer<'p> {
        Integer(self.0, write(self.0, Operation::Bits(self.1)))
    }

    /// The magnitude of `self` with the sign bit of `sign`, where `self` is not negative.
    pub(super) fn signed_as(self, sign: Self) -> Self {
        let top = self.either(i64::from(i32::MIN), i64::MIN);
        self.bits().or(sign.bits().and(top)).real()
    }

    /// `self`, negated where the sign bit of `sign` is set.
    pub(super) fn flipped_as(self, sign: Self) -> Self {
        let top = self.either(i64::from(i32::MIN), i64::MIN);
        self.bits().exclusive_or(sign.bits().and(top)).real()
    }
}

impl<'p> Integer<'p> {
    fn of(self, operation: Operation) -> Self {
        Self(self.0, write(self.0, operation))
    }

    fn constant(self, value: i64) -> Self {
        self.of(Operation::Integer(value))
    }

    /// The real with these bits.
    pub(super) fn real(self) -> Real<'p> {
        Real(self.0, write(self.0, Operation::FromBits(self.1)))
    }

    /// The nearest real, for integers that fit 51 bits.
    pub(super) fn to_real(self) -> Real<'p> {
        Real(self.0, write(self.0, Operation::ToReal(self.1)))
    }

    pub(super) fn plus(self, other: impl IntegerOperand<'p>) -> Self {
        let other = other.integer(self);
        self.of(Operation::IntegerAdd(self.1, other.1))
    }

    pub(super) fn minus(self, other: impl IntegerOperand<'p>) -> Self {
        let other = other.integer(self);
        self.of(Operation::IntegerSubtract(self.1, other.1))
    }

    /// `value - self`
    pub(super) fn from(self, value: i64) -> Self {
        self.constant(value).minus(self)
    }

    pub(super) fn and(self, mask: i64) -> Self {
        let mask = self.constant(mask);
        self.of(Operation::BitAnd(self.1, mask.1))
    }

    pub(super) fn or(self, other: impl IntegerOperand<'p>) -> Self {
        let other = other.integer(self);
        self.of(Operation::BitOr(self.1, other.1))
    }

    pub(super) fn exclusive_or(self, other: Self) -> Self {
        self.of(Operation::BitXor(self.1, other.1))
    }

    /// Whether it is this number.
    pub(super) fn is(self, value: i64) -> Mask {
        let value = self.constant(value);
        Mask(write(self.0, Operation::IntegerEqual(self.1, value.1)))
    }

    pub(super) fn shift_left(self, by: u8) -> Self {
        self.of(Operation::ShiftLeft(self.1, by))
    }

    /// Zeros come in from the left.
    pub(super) fn shift_right(self, by: u8) -> Self {
        self.of(Operation::ShiftRightUnsigned(self.1, by))
    }
}

impl Mask {
    /// `a` where the mask holds, else `b`.
    pub(super) fn select<'p>(self, a: Real<'p>, b: impl Operand<'p>) -> Real<'p> {
        let b = b.real(a);
        a.of(Operation::Select(self.0, a.1, b.1))
    }
}

/// What may stand beside a real: another one, or a number.
pub(super) trait Operand<'p> {
    fn real(self, beside: Real<'p>) -> Real<'p>;
}

impl<'p> Operand<'p> for Real<'p> {
    fn real(self, _: Real<'p>) -> Real<'p> {
        self
    }
}

impl<'p> Operand<'p> for f64 {
    fn real(self, beside: Real<'p>) -> Real<'p> {
        beside.constant(self)
    }
}

/// What may stand beside an integer: another one, or a number.
pub(super) trait IntegerOperand<'p> {
    fn integer(self, beside: Integer<'p>) -> Integer<'p>;
}

impl<'p> IntegerOperand<'p> for Integer<'p> {
    fn integer(self, _: Integer<'p>) -> Integer<'p> {
        self
    }
}

impl<'p> IntegerOperand<'p> for i64 {
    fn integer(self, beside: Integer<'p>) -> Integer<'p> {
        beside.constant(self)
    }
}

impl<'p, T: Operand<'p>> Add<T> for Real<'p> {
    type Output = Self;
    fn add(self, other: T) -> Self {
        let other = other.real(self);
        self.of(Operation::Add(self.1, other.1))
    }
}

impl<'p, T: Operand<'p>> Sub<T> for Real<'p> {
    type Output = Self;
    fn sub(self, other: T) -> Self {
        let other = other.real(self);
        self.of(Operation::Subtract(self.1, other.1))
    }
}

impl<'p, T: Operand<'p>> Mul<T> for Real<'p> {
    type Output = Self;
    fn mul(self, other: T) -> Self {
        let other = other.real(self);
        self.of(Operation::Multiply(self.1, other.1))
    }
}

impl<'p, T: Operand<'p>> Div<T> for Real<'p> {
    type Output = Self;
    fn div(self, other: T) -> Self {
        let other = other.real(self);
        self.of(Operation::Divide(self.1, other.1))
    }
}

impl Neg for Real<'_> {
    type Output = Self;
    fn neg(self) -> Self {
        self.of(Operation::Negate(self.1))
    }
}
