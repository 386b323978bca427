//! Functions of sums of squares that are past the largest number where the result is not.
//!
//! In come a logarithm, a power or a quotient of such a sum as `1 + x^2` or `c + sum(x^2)`, in words that the machine has;
//! out comes the same, but for sums that are large with the root of the sum in its place: `log(1 + x^2)` is `2 * log(abs(x))`
//! there. In between, where nearly all numbers lie, not a bit changes.

use super::root::scaled;
use crate::builtins::{Function, Reduction};
use crate::graph::{Graph, Node, NodeId};
use crate::loops::Precision;
use crate::rewrite::ranges::Ranges;

/// How many nodes of a sum are looked at.
const BUDGET: usize = 64;

/// From where on sums of squares count as large.
struct Limits {
    /// What is squared, and not larger than this, makes no sum that is large.
    base: f64,
    large: f64,
    /// What is added to a sum that is large, and not larger than this, counts for nothing.
    rest: f64,
    /// What is squared is multiplied by this power of two.
    scale: f64,
}

/// What is known of the numbers in a graph, and how large they may be.
pub(super) struct Squares<'a> {
    pub(super) graph: &'a mut Graph,
    ranges: &'a mut Ranges,
    limits: Limits,
}

/// A sum of squares that may be past the largest number.
#[derive(Clone, Copy)]
pub(super) struct Sum {
    /// All of it.
    pub(super) whole: NodeId,
    /// What counts where it is large.
    pub(super) main: NodeId,
    /// Whether it is large.
    pub(super) is_large: NodeId,
}

impl<'a> Squares<'a> {
    pub(super) fn new(graph: &'a mut Graph, ranges: &'a mut Ranges, precision: Precision) -> Self {
        let limits = match precision {
            Precision::F32 => Limits { base: 1e12, large: 1e30, rest: 1e20, scale: 2f64.powi(-80) },
            Precision::F64 => {
                Limits { base: 1e140, large: 1e280, rest: 1e250, scale: 2f64.powi(-560) }
            }
        };
        Self { graph, ranges, limits }
    }

    /// A node as a sum of squares; none, if it is another or cannot be large.
    pub(super) fn sum(&mut self, id: NodeId) -> Option<Sum> {
        if self.overflows(id, &mut BUDGET.clone()) != Some(true) {
            return None;
        }
        let (main, rest) = self.parts(id);
        let large = self.graph.number(self.limits.large);
        let mut is_large = self.graph.map(Function::Less, &[large, main]);
        if let Some(rest) = rest.filter(|rest| self.graph.as_number(*rest).is_none()) {
            let small = self.graph.number(self.limits.rest);
            let is_small = self.graph.map(Function::Less, &[rest, small]);
            is_large = self.graph.map(Function::And, &[is_large, is_small]);
        }
        Some(Sum { whole: id, main, is_large })
    }

    /// What counts in a sum that is large, and what is added to it.
    fn parts(&mut self, id: NodeId) -> (NodeId, Option<NodeId>) {
        let Node::Map(Function::Add, of) = *self.graph.node(id) else { return (id, None) };
        let [a, b] = [of.as_slice()[0], of.as_slice()[1]];
        let [over_a, over_b] = [a, b].map(|part| self.overflows(part, &mut BUDGET.clone()));
        let rest = self.limits.rest;
        let is_moderate = |graph: &Graph, id| graph.as_number(id).is_none_or(|it| it <= rest);
        match (over_a, over_b) {
            (Some(true), Some(false)) if is_moderate(self.graph, b) => (a, Some(b)),
            (Some(false), Some(true)) if is_moderate(self.graph, a) => (b, Some(a)),
            _ => (id, None),
        }
    }

    /// Whether a sum of squares may be large; none, if it is not made of squares and numbers not below 0.
    fn overflows(&mut self, id: NodeId, budget: &mut usize) -> Option<bool> {
        *budget = budget.checked_sub(1)?;
        match *self.graph.node(id) {
            Node::Number(bits) => (f64::from_bits(bits) >= 0.0).then_some(false),
            Node::Reduce(Reduction::Sum, _, body) => self.overflows(body, budget),
            Node::Map(function, of) => {
                let of = of.as_slice();
                match function {
                    Function::Multiply if of[0] == of[1] => Some(self.may_be_large(of[0])),
                    Function::Multiply if is_factor(self.graph, of[0]) => {
                        self.overflows(of[1], budget)
                    }
                    Function::Multiply if variance(self.graph, of[0], of[1]).is_some() => {
                        Some(self.may_be_large(of[1]))
                    }
                    Function::Divide if is_factor(self.graph, of[1]) => {
                        self.overflows(of[0], budget)
                    }
                    Function::Add => {
                        Some(self.overflows(of[0], budget)? | self.overflows(of[1], budget)?)
                    }
                    Function::Select => {
                        Some(self.overflows(of[1], budget)? | self.overflows(of[2], budget)?)
                    }
                    _ => self.is_nonnegative(id).then_some(false),
                }
            }
            _ => self.is_nonnegative(id).then_some(false),
        }
    }

    pub(super) fn is_nonnegative(&mut self, id: NodeId) -> bool {
        self.ranges.find_all(self.graph, id);
        self.ranges.get(id).is_nonnegative()
    }

    pub(super) fn is_nonzero(&mut self, id: NodeId) -> bool {
        self.ranges.find_all(self.graph, id);
        self.ranges.get(id).is_nonzero()
    }

    /// Whether the square of a number may be large.
    pub(super) fn may_be_large(&mut self, id: NodeId) -> bool {
        self.ranges.find_all(self.graph, id);
        let range = self.ranges.get(id);
        range.high > self.limits.base || range.low < -self.limits.base
    }

    /// What is squared in a sum times a power of two, all of the sum times its square; and the power.
    pub(super) fn scaled(&mut self, sum: NodeId) -> (NodeId, NodeId) {
        let factor = self.graph.number(self.limits.scale);
        (scaled(self.graph, sum, factor), factor)
    }

    /// The root of a sum that is large.
    fn root(&mut self, id: NodeId) -> NodeId {
        if let Node::Map(function, of) = *self.graph.node(id) {
            let of = of.as_slice();
            match function {
                Function::Multiply if of[0] == of[1] => {
                    return self.graph.map(Function::Abs, &[of[0]]);
                }
                Function::Multiply if is_factor(self.graph, of[0]) => {
                    let (factor, root) = (self.root_of_factor(of[0]), self.root(of[1]));
                    return self.graph.map(Function::Multiply, &[factor, root]);
                }
                Function::Divide if is_factor(self.graph, of[1]) => {
                    let (root, factor) = (self.root(of[0]), self.root_of_factor(of[1]));
                    return self.graph.map(Function::Divide, &[root, factor]);
                }
                Function::Multiply => {
                    if let Some(variance) = variance(self.graph, of[0], of[1]) {
                        let deviation = self.graph.map(Function::Sqrt, &[variance]);
                        let size = self.graph.map(Function::Abs, &[of[1]]);
                        return self.graph.map(Function::Divide, &[size, deviation]);
                    }
                }
                _ => {}
            }
        }
        let (scaled, factor) = self.scaled(id);
        let root = self.graph.map(Function::Sqrt, &[scaled]);
        self.graph.map(Function::Divide, &[root, factor])
    }

    fn root_of_factor(&mut self, id: NodeId) -> NodeId {
        match self.graph.as_number(id) {
            Some(number) => self.graph.number(number.sqrt()),
            None => self.graph.map(Function::Sqrt, &[id]),
        }
    }

    /// The sum, or its root where it is large.
    fn lowered(&mut self, sum: Sum) -> NodeId {
        let root = self.root(sum.main);
        self.graph.select(sum.is_large, root, sum.whole)
    }

    /// A number, or its double where a sum is large.
    fn doubled(&mut self, sum: Sum, id: NodeId) -> NodeId {
        let two = self.graph.number(2.0);
        let double = self.graph.map(Function::Multiply, &[two, id]);
        self.graph.select(sum.is_large, double, id)
    }

    /// `log(s)`, `log1p(s)` or `log2(s)` of a sum of squares, with one logarithm.
    pub(super) fn logarithm(&mut self, function: Function, argument: NodeId) -> Option<NodeId> {
        let sum = self.sum(argument)?;
        let lowered = self.lowered(sum);
        let log = self.graph.map(function, &[lowered]);
        Some(self.doubled(sum, log))
    }

    /// `s^b` of a sum of squares: the power `2 * b` of its root. Powers that are products or roots stay.
    pub(super) fn power(&mut self, argument: NodeId, exponent: NodeId) -> Option<NodeId> {
        let is_plain = |number: f64| number.fract() == 0.0 || number == 0.5;
        if self.graph.as_number(exponent).is_some_and(is_plain) {
            return None;
        }
        let sum = self.sum(argument)?;
        let (lowered, exponent) = (self.lowered(sum), self.doubled(sum, exponent));
        Some(self.graph.map(Function::Power, &[lowered, exponent]))
    }

    /// `boxcox1p(s, b)` of a sum of squares: 1 more or less is nothing to its root either where it is large.
    pub(super) fn boxcox1p(&mut self, argument: NodeId, lambda: NodeId) -> Option<NodeId> {
        let sum = self.sum(argument)?;
        let (lowered, lambda) = (self.lowered(sum), self.doubled(sum, lambda));
        let value = self.graph.map(Function::Boxcox1p, &[lowered, lambda]);
        Some(self.doubled(sum, value))
    }
}

/// Whether a factor moves sums of squares not far.
fn is_factor(graph: &Graph, id: NodeId) -> bool {
    match graph.node(id) {
        Node::Size(_) => true,
        Node::Number(bits) => (1e-6..=1e6).contains(&f64::from_bits(*bits)),
        _ => false,
    }
}

/// What a square is divided by that stands as `(x / v) * x`.
pub(super) fn variance(graph: &Graph, quotient: NodeId, base: NodeId) -> Option<NodeId> {
    match graph.node(quotient) {
        Node::Map(Function::Divide, of) if of.as_slice()[0] == base => Some(of.as_slice()[1]),
        _ => None,
    }
}
