//! Quotients whose two sides share what they depend on: `u / (c + u)` has the derivative `c / (c + u)^2`.
//!
//! The general rule makes it `1 / (c + u) - u / (c + u)^2`, which cancels where `u` is large.

use super::{Adjoint, Reverse};
use crate::builtins::Function;
use crate::graph::{Graph, Node, NodeId};

/// What a node is: a number times a core.
#[derive(Clone, Copy)]
struct Multiple {
    factor: f64,
    core: NodeId,
}

impl Reverse<'_> {
    /// `a / b`
    pub(super) fn step_quotient(&mut self, id: NodeId, a: NodeId, b: NodeId, adjoint: Adjoint) {
        let graph = &mut *self.calculus.graph;
        let above = multiple(graph, a);
        let (core, local) = match constant_beside(graph, b, above.core) {
            Some((constant, below)) if !self.matters[constant.index()] => {
                // k u / (c + l u), differentiated in u: k c / (c + l u)^2.
                let factor = graph.number(above.factor);
                let numerator = match above.factor {
                    1.0 => constant,
                    _ => graph.map(Function::Multiply, &[factor, constant]),
                };
                let once = graph.map(Function::Divide, &[numerator, b]);
                debug_assert!(below.core == above.core, "the denominator is linear in the core");
                (above.core, graph.map(Function::Divide, &[once, b]))
            }
            _ => return self.step_by_table(id, Function::Divide, &[a, b], adjoint),
        };
        let adjoint = self.calculus.scaled(adjoint, local);
        self.give(id, core, adjoint);
    }
}

fn multiple(graph: &Graph, id: NodeId) -> Multiple {
    let (mut factor, mut core) = (1.0, id);
    loop {
        let Node::Map(function, of) = graph.node(core) else { return Multiple { factor, core } };
        let of = of.as_slice();
        (factor, core) = match function {
            Function::Negate => (-factor, of[0]),
            Function::Multiply => match (graph.as_number(of[0]), graph.as_number(of[1])) {
                (Some(number), None) => (factor * number, of[1]),
                (None, Some(number)) => (factor * number, of[0]),
                _ => return Multiple { factor, core },
            },
            Function::Divide => match graph.as_number(of[1]) {
                Some(number) if number != 0.0 => (factor / number, of[0]),
                _ => return Multiple { factor, core },
            },
            _ => return Multiple { factor, core },
        };
    }
}

/// The `c` of `c + l u`, and the multiple of the core `u`.
fn constant_beside(graph: &Graph, id: NodeId, core: NodeId) -> Option<(NodeId, Multiple)> {
    let Node::Map(Function::Add, of) = graph.node(id) else { return None };
    let [a, b] = [of.as_slice()[0], of.as_slice()[1]];
    [(a, b), (b, a)].into_iter().find_map(|(constant, varying)| {
        let varying = multiple(graph, varying);
        (varying.core == core).then_some((constant, varying))
    })
}
