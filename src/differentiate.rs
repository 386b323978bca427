//! Reverse-mode differentiation: in come a value and inputs, out come gradients as roots of the same graph.
//!
//! An adjoint of a node has only axes of that node: it is summed over those that an argument lacks. Adjoints
//! carry the condition under which the node mattered (see `adjoint`), so nothing of a branch that is
//! not taken reaches a gradient. The derivatives are rows of [`crate::builtins`]; what is stated here are the
//! products with logarithms and the reductions; the kinks are stated in `kinks`.

mod adjoint;
mod gather;
mod kinks;
mod log_softmax;
mod quotient;
#[cfg(test)]
mod poison;
#[cfg(test)]
mod random;
#[cfg(test)]
mod tests;

use adjoint::{Adjoint, Calculus};
pub use kinks::{KINKS, Kink};

use crate::builtins::{Function, Reduction};
use crate::formula::derivatives;
use crate::graph::{AxisId, Graph, InputId, Node, NodeId, Role, Type};

/// The derivative of a value in one input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gradient {
    /// The derivative; it may lack axes of the input, along which it is constant.
    pub node: NodeId,
    /// The axes that stand for the axes of the input, in the order of memory. An input that declares one
    /// axis twice has another axis of the same extent in the second place.
    pub axes: Vec<AxisId>,
}

/// The derivatives of a real value (summed over its axes, if it has any) in each of the inputs.
///
/// At a kink they are what [`KINKS`] says.
pub fn differentiate(graph: &mut Graph, value: NodeId, wrt: &[InputId]) -> Vec<Gradient> {
    let order = graph.reachable(&[value]);
    let matters = depends(graph, &order, |graph, input| {
        wrt.contains(&input) && graph.input(input).kind == crate::graph::InputKind::Real
    });
    let fixed = is_made_of_params(graph, &order);
    let mut reverse = Reverse {
        adjoints: vec![None; graph.len()],
        calculus: Calculus::new(graph, &order),
        matters,
        fixed,
    };
    let one = reverse.calculus.graph.number(1.0);
    reverse.adjoints[value.index()] = Some(Adjoint::of(one));
    let mut reads: Vec<(NodeId, NodeId)> = Vec::new();
    for id in order.into_iter().rev() {
        if !reverse.matters[id.index()] {
            continue;
        }
        let Some(adjoint) = reverse.adjoints[id.index()].take() else { continue };
        if matches!(reverse.calculus.graph.node(id), Node::Read(..)) {
            reads.push((id, reverse.calculus.settled(adjoint)));
        } else {
            reverse.step(id, adjoint);
        }
    }
    reads.reverse();
    wrt.iter().map(|input| gather::gather(graph, *input, &reads)).collect()
}

/// Which nodes pass a derivative on to an input that is wanted.
fn depends(
    graph: &Graph,
    order: &[NodeId],
    is_wanted: impl Fn(&Graph, InputId) -> bool,
) -> Vec<bool> {
    let mut depends = vec![false; graph.len()];
    for id in order {
        depends[id.index()] = match graph.node(*id) {
            Node::Read(input, _) => is_wanted(graph, *input),
            Node::Map(Function::StopGradient, _) => false,
            node => {
                graph.ty(*id) == Type::Real
                    && node.arguments().iter().any(|argument| {
                        depends[argument.index()] && graph.ty(*argument) == Type::Real
                    })
            }
        };
    }
    depends
}

/// Which nodes are made only of numbers, params and sizes.
fn is_made_of_params(graph: &Graph, order: &[NodeId]) -> Vec<bool> {
    let mut fixed = vec![true; graph.len()];
    for id in order {
        let node = graph.node(*id);
        let itself = match node {
            Node::Read(input, _) => graph.input(*input).role == Role::Param,
            _ => true,
        };
        fixed[id.index()] =
            itself && node.arguments().iter().all(|argument| fixed[argument.index()]);
    }
    fixed
}

struct Reverse<'a> {
    calculus: Calculus<'a>,
    adjoints: Vec<Option<Adjoint>>,
    /// Which nodes pass a derivative on.
    matters: Vec<bool>,
    /// Which nodes are made only of numbers, params and sizes.
    fixed: Vec<bool>,
}

impl Reverse<'_> {
    /// Hands the adjoint of a node on to its arguments.
    fn step(&mut self, id: NodeId, adjoint: Adjoint) {
        match self.calculus.graph.node(id).clone() {
            Node::Map(function, arguments) => {
                self.step_map(id, function, arguments.as_slice(), adjoint);
            }
            Node::Reduce(reduction, axis, argument) => {
                self.step_reduction(id, reduction, axis, argument, adjoint);
            }
            Node::Rename { argument, from, to } => {
                let adjoint = self.calculus.renamed(adjoint, to, from);
                self.give(id, argument, adjoint);
            }
            Node::Number(_)
            | Node::Bool(_)
            | Node::Position(..)
            | Node::Size(_)
            | Node::Index(_)
            | Node::Read(..) => {}
        }
    }

    /// Adds to the adjoint of an argument what its user found, summed over the axes that it lacks.
    fn give(&mut self, user: NodeId, argument: NodeId, adjoint: Adjoint) {
        if !self.matters[argument.index()] {
            return;
        }
        let calculus = &mut self.calculus;
        let lacking = calculus.graph.axes(user).minus(calculus.graph.axes(argument));
        let adjoint = lacking.iter().fold(adjoint, |adjoint, axis| calculus.summed(adjoint, axis));
        let known = &mut self.adjoints[argument.index()];
        *known = Some(match known.take() {
            Some(known) => calculus.added(known, adjoint),
            None => adjoint,
        });
    }

    fn step_map(&mut self, id: NodeId, function: Function, of: &[NodeId], adjoint: Adjoint) {
        match function {
            Function::Select => {
                let not = self.calculus.graph.map(Function::Not, &[of[0]]);
                let (taken, other) =
                    (self.calculus.guarded(adjoint, of[0]), self.calculus.guarded(adjoint, not));
                self.give(id, of[1], taken);
                self.give(id, of[2], other);
            }
            Function::Multiply if of[0] == of[1] => {
                let two = self.calculus.graph.number(2.0);
                let twice = self.calculus.graph.map(Function::Multiply, &[two, of[0]]);
                let adjoint = self.calculus.scaled(adjoint, twice);
                self.give(id, of[0], adjoint);
            }
            Function::ZeroProduct => self.step_zero_product(id, of[0], of[1], adjoint),
            Function::Power => self.step_power(id, of[0], of[1], adjoint),
            Function::Max | Function::Min => {
                self.step_extremum(id, function, [of[0], of[1]], adjoint);
            }
            Function::Sqrt => self.step_sqrt(id, of, adjoint),
            Function::Subtract => self.step_difference(id, of[0], of[1], adjoint),
            Function::Divide => self.step_quotient(id, of[0], of[1], adjoint),
            _ => self.step_by_table(id, function, of, adjoint),
        }
    }

    fn step_by_table(&mut self, id: NodeId, function: Function, of: &[NodeId], adjoint: Adjoint) {
        let mut variables = of.to_vec();
        variables.push(id);
        for (argument, formula) in of.iter().zip(derivatives(function)) {
            if !self.matters[argument.index()] || formula.is_number(0.0) {
                continue;
            }
            let local = formula.instantiate(self.calculus.graph, &variables);
            let adjoint = self.calculus.scaled(adjoint, local);
            self.give(id, *argument, adjoint);
        }
    }

    /// `zero_product(a, b)`: nothing comes to `b` where `a` is 0, and what comes to `a` may be infinite there.
    fn step_zero_product(&mut self, id: NodeId, a: NodeId, b: NodeId, adjoint: Adjoint) {
        if self.matters[a.index()] {
            let infinite = self.calculus.scaled_by_log(adjoint, b);
            self.give(id, a, infinite);
        }
        if self.matters[b.index()] {
            let guarded = self.calculus.zero_scaled(adjoint, a);
            self.give(id, b, guarded);
        }
    }

    /// `a ^ b`: the derivative in `a` is 0 where `b` is, that in `b` is 0 where `a` is.
    fn step_power(&mut self, id: NodeId, a: NodeId, b: NodeId, adjoint: Adjoint) {
        let graph = &mut *self.calculus.graph;
        if self.matters[a.index()] {
            let less = if let Some(exponent) = graph.as_number(b) {
                graph.number(exponent - 1.0)
            } else {
                let one = graph.number(1.0);
                graph.map(Function::Subtract, &[b, one])
            };
            let power = match graph.as_number(less) {
                Some(1.0) => a,
                _ => graph.map(Function::Power, &[a, less]),
            };
            let local = match graph.as_number(b) {
                Some(exponent) if exponent != 0.0 => graph.map(Function::Multiply, &[b, power]),
                _ => graph.map(Function::ZeroProduct, &[b, power]),
            };
            let may_be_infinite = self.calculus.graph.as_number(b).is_none_or(|power| power < 1.0);
            let adjoint = if may_be_infinite {
                self.calculus.scaled_by_infinite(adjoint, local, a)
            } else {
                self.calculus.scaled(adjoint, local)
            };
            self.give(id, a, adjoint);
        }
        if self.matters[b.index()] {
            let adjoint = self.calculus.guarded_nonzero(adjoint, a);
            let log = self.calculus.graph.map(Function::Log, &[a]);
            let local = self.calculus.graph.map(Function::ZeroProduct, &[id, log]);
            let adjoint = self.calculus.scaled(adjoint, local);
            self.give(id, b, adjoint);
        }
    }

    fn step_reduction(
        &mut self,
        id: NodeId,
        reduction: Reduction,
        axis: AxisId,
        argument: NodeId,
        adjoint: Adjoint,
    ) {
        if let Reduction::Max | Reduction::Min = reduction {
            return self.step_extremum_along(id, reduction, axis, argument, adjoint);
        }
        let graph = &mut *self.calculus.graph;
        let adjoint = match reduction {
            Reduction::Sum => adjoint,
            Reduction::Product => {
                let others = product_of_others(graph, axis, argument);
                self.calculus.scaled(adjoint, others)
            }
            Reduction::LogSumExp => {
                let log = graph.map(Function::Subtract, &[argument, id]);
                let share = graph.map(Function::Exp, &[log]);
                self.calculus.scaled(adjoint, share)
            }
            Reduction::Max | Reduction::Min | Reduction::Any | Reduction::All => return,
        };
        self.give(id, argument, adjoint);
    }
}

/// The product of all elements along an axis but one, for each of them; exact with zeros too.
fn product_of_others(graph: &mut Graph, axis: AxisId, argument: NodeId) -> NodeId {
    let avoid = graph.axes(argument).with(axis);
    let other = graph.index_axis(graph.axis(axis).extent, avoid);
    let [here, there] = [axis, other].map(|axis| graph.intern(Node::Index(axis)));
    let element = graph.substitute(argument, &[(axis, there)]);
    let same = graph.map(Function::Equal, &[there, here]);
    let one = graph.number(1.0);
    let element = graph.select(same, one, element);
    graph.reduce(Reduction::Product, other, element)
}
