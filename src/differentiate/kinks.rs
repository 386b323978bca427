//! Kinks: where a function has no one derivative, and the one that it has here.
//!
//! Every convention is in this file, so that values with gradients, printed derivatives and second derivatives agree.

use super::{Adjoint, Reverse};
use crate::builtins::{Function, Reduction};
use crate::graph::{AxisId, Node, NodeId};

/// A place without one derivative, and the derivative that is taken there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kink {
    /// The form that has the kink, in the language.
    pub form: &'static str,
    /// Where it is.
    pub place: &'static str,
    /// The derivative there.
    pub derivative: &'static str,
    /// A function of `x` (at 0), of `x` and `z`, or of `x` and the param `p`, that shows it, and its derivative in `x` there.
    pub example: (&'static str, f64),
}

/// Every kink of the language; examples are taken where `x`, `z` and `p` are 0.
pub const KINKS: &[Kink] = &[
    Kink { form: "abs(x)", place: "x = 0", derivative: "0", example: ("abs(x)", 0.0) },
    Kink {
        form: "sign(x), floor(x)",
        place: "everywhere",
        derivative: "0",
        example: ("sign(x) + floor(x)", 0.0),
    },
    Kink {
        form: "max(a, b), min(a, b)",
        place: "a = b, one side made only of numbers, params and sizes",
        derivative: "that of this side",
        example: ("max(x, p)", 0.0),
    },
    Kink {
        form: "max(a, b), min(a, b)",
        place: "a = b, otherwise",
        derivative: "half of each",
        example: ("max(x, z)", 0.5),
    },
    Kink {
        form: "relu(x), clamp(x, low, high)",
        place: "at the bounds",
        derivative: "0, as max and min have it",
        example: ("relu(x) + clamp(x, 0, 1)", 0.0),
    },
    Kink {
        form: "max[i](x), min[i](x)",
        place: "several elements are the extreme one",
        derivative: "an equal part each",
        example: ("max[i in 4](x * (real(i) - 3))", 0.25 * (-3.0 - 2.0 - 1.0)),
    },
    Kink {
        form: "if c { a } else { b }",
        place: "where c changes",
        derivative: "that of the branch that c takes",
        example: ("if x <= 0 { 3 * x } else { x }", 3.0),
    },
    Kink { form: "sqrt(x)", place: "x = 0", derivative: "0", example: ("sqrt(x)", 0.0) },
    Kink { form: "norm(x)", place: "x = 0", derivative: "0", example: ("sqrt(x * x)", 0.0) },
    Kink {
        form: "a ^ b",
        place: "a = 0",
        derivative: "in a: b a^(b - 1), 0 if b = 0; in b: 0",
        example: ("x ^ 1.5", 0.0),
    },
    Kink {
        form: "a * log(b)",
        place: "a = 0, b = 0",
        derivative: "in b: 0; in a: log(b)",
        example: ("p * log(x)", 0.0),
    },
];

impl Reverse<'_> {
    /// `sqrt(a)`: nothing comes to an argument that is 0.
    pub(super) fn step_sqrt(&mut self, id: NodeId, of: &[NodeId], adjoint: Adjoint) {
        let adjoint = self.calculus.guarded_nonzero(adjoint, id);
        self.step_by_table(id, Function::Sqrt, of, adjoint);
    }

    /// `max(a, b)` or `min(a, b)`: the side that loses does not exist.
    pub(super) fn step_extremum(
        &mut self,
        id: NodeId,
        function: Function,
        of: [NodeId; 2],
        adjoint: Adjoint,
    ) {
        let graph = &mut *self.calculus.graph;
        let fixed = of.map(|argument| self.fixed[argument.index()]);
        let mut wins = |comparison: Function, side: usize| match function {
            Function::Min => graph.map(comparison, &[of[side], of[1 - side]]),
            _ => graph.map(comparison, &[of[1 - side], of[side]]),
        };
        if fixed[0] != fixed[1] {
            let free = usize::from(fixed[0]);
            let wins = wins(Function::Less, free);
            let loses = self.calculus.graph.map(Function::Not, &[wins]);
            for (side, condition) in [(free, wins), (1 - free, loses)] {
                let adjoint = self.calculus.guarded(adjoint, condition);
                self.give(id, of[side], adjoint);
            }
            return;
        }
        let conditions = [0, 1].map(|side| wins(Function::LessEqual, side));
        let tie = graph.map(Function::Equal, &of);
        let [half, one] = [0.5, 1.0].map(|value| graph.number(value));
        let share = graph.select(tie, half, one);
        for (argument, condition) in of.into_iter().zip(conditions) {
            let adjoint = self.calculus.guarded(adjoint, condition);
            let adjoint = self.calculus.scaled(adjoint, share);
            self.give(id, argument, adjoint);
        }
    }

    /// A maximum or minimum along one axis, or along several, one within the other: elements that tie share equally.
    pub(super) fn step_extremum_along(
        &mut self,
        id: NodeId,
        reduction: Reduction,
        axis: AxisId,
        argument: NodeId,
        adjoint: Adjoint,
    ) {
        let (mut axes, mut element) = (vec![axis], argument);
        while let Node::Reduce(inner, axis, argument) = *self.calculus.graph.node(element)
            && inner == reduction
        {
            axes.push(axis);
            element = argument;
        }
        let graph = &mut *self.calculus.graph;
        let tie = graph.map(Function::Equal, &[element, id]);
        let [zero, one] = [0.0, 1.0].map(|value| graph.number(value));
        let ties = graph.select(tie, one, zero);
        let count =
            axes.iter().rev().fold(ties, |count, axis| graph.reduce(Reduction::Sum, *axis, count));
        let share = graph.map(Function::Divide, &[one, count]);
        let adjoint = self.calculus.scaled(adjoint, share);
        let adjoint = self.calculus.guarded(adjoint, tie);
        self.give(id, element, adjoint);
    }
}
