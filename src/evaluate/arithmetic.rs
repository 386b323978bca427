//! What a graph is computed with: numbers come in, numbers go out. Plain f64 is one such arithmetic.

use crate::builtins::{Function, Reduction};
use crate::graph::NodeId;

/// Numbers and what can be done with them.
///
/// A truth value is the number 0 or 1, an index the number of its position: both are made by
/// [`Arithmetic::constant`] and read by [`Arithmetic::nearest`]. The evaluator itself asks and chooses (`&&`, `if`,
/// `any`, …), so that an arithmetic needs to know functions of reals only.
pub trait Arithmetic {
    /// A number.
    type Number: Clone;

    /// Is told which node's elements are computed next, for what depends on where it stands.
    fn enter(&self, _node: NodeId) {}

    /// An f64 as a number: exactly, if it is whole and small.
    fn constant(&self, value: f64) -> Self::Number;

    /// The f64 that is nearest to a number.
    fn nearest(&self, number: &Self::Number) -> f64;

    /// Whether `a < b`; never, if one of them is NaN.
    fn less(&self, a: &Self::Number, b: &Self::Number) -> bool;

    /// Whether `a == b`; never, if one of them is NaN.
    fn equal(&self, a: &Self::Number, b: &Self::Number) -> bool;

    /// A real function of reals. The functions that give a truth value or choose by one, and
    /// [`Function::Real`], never come here.
    fn map(&self, function: Function, arguments: &[Self::Number]) -> Self::Number;

    /// A real reduction of reals, which may be none; [`Reduction::Any`] and [`Reduction::All`] never come here.
    ///
    /// Unless an arithmetic knows better, the elements are joined one after the other by [`Arithmetic::map`].
    fn reduce(&self, reduction: Reduction, elements: &[Self::Number]) -> Self::Number {
        let join = |function: Function, first: f64, elements: &[Self::Number]| {
            elements.iter().fold(self.constant(first), |joined, element| {
                self.map(function, &[joined, element.clone()])
            })
        };
        match reduction {
            Reduction::Sum => join(Function::Add, 0.0, elements),
            Reduction::Product => join(Function::Multiply, 1.0, elements),
            Reduction::Max | Reduction::Any => join(Function::Max, f64::NEG_INFINITY, elements),
            Reduction::Min | Reduction::All => join(Function::Min, f64::INFINITY, elements),
            Reduction::LogSumExp => {
                let largest = join(Function::Max, f64::NEG_INFINITY, elements);
                let is = |value: f64| self.equal(&largest, &self.constant(value));
                if is(f64::NEG_INFINITY) || is(f64::INFINITY) {
                    return largest;
                }
                let below = |element: &Self::Number| {
                    let below = self.map(Function::Subtract, &[element.clone(), largest.clone()]);
                    self.map(Function::Exp, &[below])
                };
                let below: Vec<Self::Number> = elements.iter().map(below).collect();
                let log = self.map(Function::Log, &[join(Function::Add, 0.0, &below)]);
                self.map(Function::Add, &[largest, log])
            }
        }
    }
}

/// Plain f64, every function as its row of the table has it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plain;

impl Arithmetic for Plain {
    type Number = f64;

    fn constant(&self, value: f64) -> f64 {
        value
    }

    fn nearest(&self, number: &f64) -> f64 {
        *number
    }

    fn less(&self, a: &f64, b: &f64) -> bool {
        a < b
    }

    fn equal(&self, a: &f64, b: &f64) -> bool {
        a == b
    }

    fn map(&self, function: Function, arguments: &[f64]) -> f64 {
        (function.row().reference)(arguments)
    }
}
