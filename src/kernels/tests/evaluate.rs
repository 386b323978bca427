//! Runs straight-line code on many arguments, one operation after the other.

use crate::loops::{Accuracy, Emit, Operation, Precision, Value};

/// A kernel, by its number of arguments.
#[derive(Clone, Copy)]
pub(super) enum Kernel {
    One(fn(&mut dyn Emit, Value) -> Value),
    Two(fn(&mut dyn Emit, Value, Value) -> Value),
}

/// Straight-line code: values 0 and 1 are the arguments, each operation defines the next one.
pub(super) struct Code {
    operations: Vec<Operation>,
    result: Value,
    precision: Precision,
    accuracy: Accuracy,
}

impl Emit for Code {
    fn precision(&self) -> Precision {
        self.precision
    }

    fn is_fused(&self) -> bool {
        true
    }

    fn accuracy(&self) -> Accuracy {
        self.accuracy
    }

    fn emit(&mut self, operation: Operation) -> Value {
        let at = self.operations.iter().position(|old| *old == operation).unwrap_or_else(|| {
            self.operations.push(operation);
            self.operations.len() - 1
        });
        Value(u32::try_from(at).expect("kernels are short") + 2)
    }
}

impl Code {
    /// How many operations there are that are not constants.
    pub(super) fn len(&self) -> usize {
        self.operations
            .iter()
            .filter(|o| {
                !matches!(
                    o,
                    Operation::Real(_)
                        | Operation::Integer(_)
                        | Operation::Bits(_)
                        | Operation::FromBits(_)
                )
            })
            .count()
    }
}

/// The exact code of a kernel.
pub(super) fn write(kernel: Kernel, precision: Precision) -> Code {
    write_with(kernel, precision, Accuracy::Exact)
}

/// The code of a kernel.
pub(super) fn write_with(kernel: Kernel, precision: Precision, accuracy: Accuracy) -> Code {
    let mut code = Code { operations: Vec::new(), result: Value(0), precision, accuracy };
    code.result = match kernel {
        Kernel::One(kernel) => kernel(&mut code, Value(0)),
        Kernel::Two(kernel) => kernel(&mut code, Value(0), Value(1)),
    };
    code
}

fn map<T: Copy>(a: &[T], f: impl Fn(T) -> T) -> Vec<T> {
    a.iter().map(|a| f(*a)).collect()
}

fn zip<T: Copy>(a: &[T], b: &[T], f: impl Fn(T, T) -> T) -> Vec<T> {
    a.iter().zip(b).map(|(a, b)| f(*a, *b)).collect()
}

fn zip3<T: Copy>(a: &[T], b: &[T], c: &[T], f: impl Fn(T, T, T) -> T) -> Vec<T> {
    a.iter().zip(b).zip(c).map(|((a, b), c)| f(*a, *b, *c)).collect()
}

macro_rules! evaluator {
    ($name:ident, $real:ident, $bits:ty, $signed:ty) => {
        /// The kernel's values at pairs of arguments; a kernel of one argument takes no notice of the second.
        pub(super) fn $name(code: &Code, inputs: &[[$real; 2]]) -> Vec<$real> {
            use Operation as O;
            let r = $real::from_bits;
            let mut values: Vec<Vec<$bits>> =
                [0, 1].map(|i| inputs.iter().map(|x| x[i].to_bits()).collect()).into();
            for operation in &code.operations {
                let at = |v: &Value| &values[v.0 as usize][..];
                let fill = |bits: $bits| vec![bits; inputs.len()];
                let result = match operation {
                    O::Real(bits) => fill((f64::from_bits(*bits) as $real).to_bits()),
                    O::Integer(i) => fill(*i as $bits),
                    O::Mask(m) => fill(<$bits>::from(*m)),
                    O::Add(a, b) => zip(at(a), at(b), |a, b| (r(a) + r(b)).to_bits()),
                    O::Subtract(a, b) => zip(at(a), at(b), |a, b| (r(a) - r(b)).to_bits()),
                    O::Multiply(a, b) => zip(at(a), at(b), |a, b| (r(a) * r(b)).to_bits()),
                    O::Divide(a, b) => zip(at(a), at(b), |a, b| (r(a) / r(b)).to_bits()),
                    O::FusedMultiplyAdd(a, b, c) => {
                        zip3(at(a), at(b), at(c), |a, b, c| r(a).mul_add(r(b), r(c)).to_bits())
                    }
                    O::Negate(a) => map(at(a), |a| (-r(a)).to_bits()),
                    O::Absolute(a) => map(at(a), |a| r(a).abs().to_bits()),
                    O::SquareRoot(a) => map(at(a), |a| r(a).sqrt().to_bits()),
                    O::Floor(a) => map(at(a), |a| r(a).floor().to_bits()),
                    O::Nearest(a) => map(at(a), |a| r(a).round_ties_even().to_bits()),
                    O::Minimum(a, b) => zip(at(a), at(b), |a, b| if r(a) < r(b) { a } else { b }),
                    O::Maximum(a, b) => zip(at(a), at(b), |a, b| if r(a) > r(b) { a } else { b }),
                    O::Less(a, b) => zip(at(a), at(b), |a, b| (r(a) < r(b)).into()),
                    O::LessEqual(a, b) => zip(at(a), at(b), |a, b| (r(a) <= r(b)).into()),
                    O::Equal(a, b) => zip(at(a), at(b), |a, b| (r(a) == r(b)).into()),
                    O::IntegerLess(a, b) => {
                        zip(at(a), at(b), |a, b| ((a as $signed) < (b as $signed)).into())
                    }
                    O::IntegerEqual(a, b) => zip(at(a), at(b), |a, b| (a == b).into()),
                    O::And(a, b) | O::BitAnd(a, b) => zip(at(a), at(b), |a, b| a & b),
                    O::Or(a, b) | O::BitOr(a, b) => zip(at(a), at(b), |a, b| a | b),
                    O::BitXor(a, b) => zip(at(a), at(b), |a, b| a ^ b),
                    O::Not(a) => map(at(a), |a| 1 - a),
                    O::Select(m, a, b) => {
                        zip3(at(m), at(a), at(b), |m, a, b| if m == 1 { a } else { b })
                    }
                    O::Bits(a) | O::FromBits(a) => at(a).to_vec(),
                    O::ToReal(a) => map(at(a), |a| (a as $signed as $real).to_bits()),
                    O::IntegerAdd(a, b) => zip(at(a), at(b), <$bits>::wrapping_add),
                    O::IntegerSubtract(a, b) => zip(at(a), at(b), <$bits>::wrapping_sub),
                    O::ShiftLeft(a, n) => map(at(a), |a| a << n),
                    O::ShiftRight(a, n) => map(at(a), |a| (a as $signed >> n) as $bits),
                    O::ShiftRightUnsigned(a, n) => map(at(a), |a| a >> n),
                    O::Counter(_) | O::Extent(_) | O::Load(..) => {
                        unreachable!("kernels read nothing but their arguments")
                    }
                };
                values.push(result);
            }
            map_back(&values[code.result.0 as usize], r)
        }
    };
}

fn map_back<B: Copy, R>(bits: &[B], real: impl Fn(B) -> R) -> Vec<R> {
    bits.iter().map(|bits| real(*bits)).collect()
}

evaluator!(run_f32, f32, u32, i32);
evaluator!(run_f64, f64, u64, i64);
