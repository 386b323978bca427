//! A function of the graph as primitive operations.

use super::emit::Emitter;
use crate::builtins::Function;
use crate::graph::{Node, NodeId, Type};
use crate::kernels;
use crate::loops::{Emit, Operation, Value};

impl Emitter<'_> {
    /// The code of a function applied to the values of its arguments.
    pub(super) fn function(
        &mut self,
        function: Function,
        nodes: &[NodeId],
        values: &[Value],
    ) -> Value {
        match *values {
            [a] => self.unary(function, a),
            [a, b] => self.binary(function, nodes, a, b),
            [a, b, c] => {
                assert_eq!(function, Function::Select, "the only function of three arguments");
                self.emit(Operation::Select(a, b, c))
            }
            _ => unreachable!("functions have one to three arguments"),
        }
    }

    fn unary(&mut self, function: Function, x: Value) -> Value {
        match function {
            Function::Negate => self.emit(Operation::Negate(x)),
            Function::Not => self.emit(Operation::Not(x)),
            Function::Real => self.emit(Operation::ToReal(x)),
            Function::Missing => {
                let zero = self.integer(0);
                self.emit(Operation::IntegerLess(x, zero))
            }
            Function::StopGradient => x,
            Function::Abs => self.emit(Operation::Absolute(x)),
            Function::Sign => self.sign(x),
            Function::Floor => self.emit(Operation::Floor(x)),
            Function::Sqrt => self.emit(Operation::SquareRoot(x)),
            Function::Exp => kernels::exp(self, x),
            Function::Expm1 => kernels::expm1(self, x),
            Function::Log => kernels::log(self, x),
            Function::Log1p => kernels::log1p(self, x),
            Function::Log2 => kernels::log2(self, x),
            Function::Sigmoid => kernels::sigmoid(self, x),
            Function::Softplus => kernels::softplus(self, x),
            Function::Tanh => kernels::tanh(self, x),
            Function::LogCosh => kernels::logcosh(self, x),
            Function::Sin => kernels::sin(self, x),
            Function::Cos => kernels::cos(self, x),
            Function::Atan => kernels::atan(self, x),
            Function::Erf => kernels::erf(self, x),
            Function::Erfc => kernels::erfc(self, x),
            Function::NormalCdf => kernels::normal_cdf(self, x),
            Function::LogNormalCdf => kernels::log_normal_cdf(self, x),
            Function::InverseMills => kernels::inverse_mills(self, x),
            Function::Lgamma => kernels::lgamma(self, x),
            Function::Digamma => kernels::digamma(self, x),
            Function::Trigamma => kernels::trigamma(self, x),
            _ => unreachable!("{function:?} does not take one argument"),
        }
    }

    fn binary(&mut self, function: Function, nodes: &[NodeId], a: Value, b: Value) -> Value {
        match function {
            Function::Add => self.emit(Operation::Add(a, b)),
            Function::Subtract => self.emit(Operation::Subtract(a, b)),
            Function::Multiply => self.emit(Operation::Multiply(a, b)),
            Function::ZeroProduct => {
                let zero = self.real(0.0);
                let none = self.emit(Operation::Equal(a, zero));
                let product = self.emit(Operation::Multiply(a, b));
                self.emit(Operation::Select(none, zero, product))
            }
            Function::Divide => match self.graph.as_number(nodes[1]).and_then(inverse_power) {
                Some(inverse) => {
                    let inverse = self.real(inverse);
                    self.emit(Operation::Multiply(a, inverse))
                }
                None => self.emit(Operation::Divide(a, b)),
            },
            Function::Power => self.power(a, b, self.graph.as_number(nodes[1])),
            Function::Equal => self.equal(self.graph.ty(nodes[0]), a, b),
            Function::Less => self.less(self.graph.ty(nodes[0]), a, b),
            Function::LessEqual => match self.graph.ty(nodes[0]) {
                Type::Index(_) => {
                    let more = self.emit(Operation::IntegerLess(b, a));
                    self.emit(Operation::Not(more))
                }
                Type::Real | Type::Bool => self.emit(Operation::LessEqual(a, b)),
            },
            Function::And => self.emit(Operation::And(a, b)),
            Function::Or => self.emit(Operation::Or(a, b)),
            Function::Max => self.extremum(Operation::Maximum, nodes, a, b),
            Function::Min => self.extremum(Operation::Minimum, nodes, a, b),
            Function::LogAddExp => kernels::log_add_exp(self, a, b),
            Function::Boxcox1p => kernels::boxcox1p(self, a, b),
            _ => unreachable!("{function:?} does not take two arguments"),
        }
    }

    /// The sign, and the argument itself where it is 0 or NaN.
    fn sign(&mut self, x: Value) -> Value {
        let (zero, one, minus_one) = (self.real(0.0), self.real(1.0), self.real(-1.0));
        let above = self.emit(Operation::Less(zero, x));
        let below = self.emit(Operation::Less(x, zero));
        let not_above = self.emit(Operation::Select(below, minus_one, x));
        self.emit(Operation::Select(above, one, not_above))
    }

    fn equal(&mut self, ty: Type, a: Value, b: Value) -> Value {
        match ty {
            Type::Real => self.emit(Operation::Equal(a, b)),
            Type::Index(_) => self.emit(Operation::IntegerEqual(a, b)),
            Type::Bool => {
                let both = self.emit(Operation::And(a, b));
                let one = self.emit(Operation::Or(a, b));
                let none = self.emit(Operation::Not(one));
                self.emit(Operation::Or(both, none))
            }
        }
    }

    fn less(&mut self, ty: Type, a: Value, b: Value) -> Value {
        match ty {
            Type::Index(_) => self.emit(Operation::IntegerLess(a, b)),
            Type::Real | Type::Bool => self.emit(Operation::Less(a, b)),
        }
    }

    /// The primitive gives its second operand where either is NaN: a constant goes first, and what may be NaN
    /// on the left is kept by a select.
    fn extremum(
        &mut self,
        operation: fn(Value, Value) -> Operation,
        nodes: &[NodeId],
        a: Value,
        b: Value,
    ) -> Value {
        if matches!(self.graph.node(nodes[1]), Node::Number(_)) {
            return self.emit(operation(b, a));
        }
        let plain = self.emit(operation(a, b));
        if matches!(self.graph.node(nodes[0]), Node::Number(_)) {
            return plain;
        }
        let number = self.emit(Operation::Equal(a, a));
        self.emit(Operation::Select(number, plain, a))
    }

    /// A power: small whole exponents by multiplication, halves by roots.
    fn power(&mut self, base: Value, exponent: Value, constant: Option<f64>) -> Value {
        match constant {
            Some(0.5) => self.emit(Operation::SquareRoot(base)),
            Some(number) if number.fract() == 0.0 && (1.0..=16.0).contains(&number.abs()) => {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "1 to 16"
                )]
                let power = self.whole_power(base, number.abs() as u32);
                if number > 0.0 {
                    return power;
                }
                let one = self.real(1.0);
                self.emit(Operation::Divide(one, power))
            }
            _ => kernels::pow(self, base, exponent),
        }
    }

    fn whole_power(&mut self, base: Value, exponent: u32) -> Value {
        let (mut square, mut result, mut left) = (base, None, exponent);
        loop {
            if left & 1 == 1 {
                result = Some(match result {
                    Some(so_far) => self.emit(Operation::Multiply(so_far, square)),
                    None => square,
                });
            }
            left >>= 1;
            if left == 0 {
                return result.expect("the exponent is at least 1");
            }
            square = self.emit(Operation::Multiply(square, square));
        }
    }
}

/// The inverse of a power of two, which a product is as exact with as a quotient is with the power; none of other numbers.
fn inverse_power(number: f64) -> Option<f64> {
    let size = number.abs();
    let is_power = size.log2().floor().exp2() == size;
    // Normal in single precision, and the inverse too.
    (is_power && (1e-37..=1e37).contains(&size)).then(|| number.recip())
}
