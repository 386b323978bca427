//! Runs straight-line code on many arguments, one operation after the other.

use crate::loops::{Emit, Operation, Precision, Value};

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
}

impl Emit for Code {
    fn precision(&self) -> Precision {
        self.precision
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

/// The code of a kernel.
pub(super) fn write(kernel: Kernel, precision: Precision) -> Code {
    let mut code = Code { operations: Vec::new(), result: Value(0), precision };
    code.result = match kernel {
        Kernel::One(kernel) => kernel(&mut code, Value(0)),
        Kernel::Two(kernel) => kernel(&mut code, Value(0), Value(1)),
    };
    code
}

macro_rules! evaluator {
    ($name:ident, $real:ty, $unsigned:ty, $signed:ty) => {
        /// The kernel's values at pairs of arguments; a kernel of one argument takes no notice of the second.
        pub(super) fn $name(code: &Code, inputs: &[[$real; 2]]) -> Vec<$real> {
            let mut values: Vec<Vec<$unsigned>> =
                [0, 1].map(|i| inputs.iter().map(|x| x[i].to_bits()).collect()).into();
            for operation in &code.operations {
                let at = |v: &Value| &values[v.0 as usize];
                let real = |bits: $unsigned| <$real>::from_bits(bits);
                let map1 = |a: &Value, f: &dyn Fn($unsigned) -> $unsigned| -> Vec<$unsigned> {
                    at(a).iter().map(|a| f(*a)).collect()
                };
                let map2 = |a: &Value,
                            b: &Value,
                            f: &dyn Fn($unsigned, $unsigned) -> $unsigned|
                 -> Vec<$unsigned> {
                    at(a).iter().zip(at(b)).map(|(a, b)| f(*a, *b)).collect()
                };
                let reals1 = |a: &Value, f: fn($real) -> $real| map1(a, &|a| f(real(a)).to_bits());
                let reals2 = |a: &Value, b: &Value, f: fn($real, $real) -> $real| {
                    map2(a, b, &|a, b| f(real(a), real(b)).to_bits())
                };
                let mask2 = |a: &Value, b: &Value, f: fn($real, $real) -> bool| {
                    map2(a, b, &|a, b| <$unsigned>::from(f(real(a), real(b))))
                };
                let fill = |bits: $unsigned| vec![bits; inputs.len()];
                let result = match operation {
                    Operation::Real(bits) => fill((f64::from_bits(*bits) as $real).to_bits()),
                    Operation::Integer(i) => fill(*i as $unsigned),
                    Operation::Mask(m) => fill(<$unsigned>::from(*m)),
                    Operation::Add(a, b) => reals2(a, b, |a, b| a + b),
                    Operation::Subtract(a, b) => reals2(a, b, |a, b| a - b),
                    Operation::Multiply(a, b) => reals2(a, b, |a, b| a * b),
                    Operation::Divide(a, b) => reals2(a, b, |a, b| a / b),
                    Operation::FusedMultiplyAdd(a, b, c) => at(a)
                        .iter()
                        .zip(at(b))
                        .zip(at(c))
                        .map(|((a, b), c)| real(*a).mul_add(real(*b), real(*c)).to_bits())
                        .collect(),
                    Operation::Negate(a) => reals1(a, |a| -a),
                    Operation::Absolute(a) => reals1(a, <$real>::abs),
                    Operation::SquareRoot(a) => reals1(a, <$real>::sqrt),
                    Operation::Floor(a) => reals1(a, <$real>::floor),
                    Operation::Nearest(a) => reals1(a, <$real>::round_ties_even),
                    Operation::Minimum(a, b) => reals2(a, b, |a, b| if a < b { a } else { b }),
                    Operation::Maximum(a, b) => reals2(a, b, |a, b| if a > b { a } else { b }),
                    Operation::Less(a, b) => mask2(a, b, |a, b| a < b),
                    Operation::LessEqual(a, b) => mask2(a, b, |a, b| a <= b),
                    Operation::Equal(a, b) => mask2(a, b, |a, b| a == b),
                    Operation::IntegerLess(a, b) => {
                        map2(a, b, &|a, b| <$unsigned>::from((a as $signed) < (b as $signed)))
                    }
                    Operation::IntegerEqual(a, b) => map2(a, b, &|a, b| <$unsigned>::from(a == b)),
                    Operation::And(a, b) | Operation::BitAnd(a, b) => map2(a, b, &|a, b| a & b),
                    Operation::Or(a, b) | Operation::BitOr(a, b) => map2(a, b, &|a, b| a | b),
                    Operation::Not(a) => map1(a, &|a| 1 - a),
                    Operation::Select(m, a, b) => at(m)
                        .iter()
                        .zip(at(a))
                        .zip(at(b))
                        .map(|((m, a), b)| if *m == 1 { *a } else { *b })
                        .collect(),
                    Operation::Bits(a) | Operation::FromBits(a) => at(a).clone(),
                    Operation::ToReal(a) => map1(a, &|a| (a as $signed as $real).to_bits()),
                    Operation::IntegerAdd(a, b) => map2(a, b, &<$unsigned>::wrapping_add),
                    Operation::IntegerSubtract(a, b) => map2(a, b, &<$unsigned>::wrapping_sub),
                    Operation::BitXor(a, b) => map2(a, b, &|a, b| a ^ b),
                    Operation::ShiftLeft(a, n) => map1(a, &|a| a << n),
                    Operation::ShiftRight(a, n) => map1(a, &|a| (a as $signed >> n) as $unsigned),
                    Operation::ShiftRightUnsigned(a, n) => map1(a, &|a| a >> n),
                    Operation::Counter(_) | Operation::Extent(_) | Operation::Load(..) => {
                        unreachable!("kernels read nothing but their argument")
                    }
                };
                values.push(result);
            }
            values[code.result.0 as usize].iter().map(|bits| <$real>::from_bits(*bits)).collect()
        }
    };
}

evaluator!(run_f32, f32, u32, i32);
evaluator!(run_f64, f64, u64, i64);
