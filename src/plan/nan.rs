//! NaN in, NaN out: an example whose value is NaN has no gradient that is a number.
//!
//! Most gradients are NaN of themselves there. Those that select by a comparison (hinge, relu, clamp, a filtered sum) are not,
//! as every comparison with NaN is false; they are asked for the value. Printed derivatives leave this out.

use crate::batch::Roots;
use crate::builtins::{Function, Reduction};
use crate::graph::{Graph, InputId, Node, NodeId, Role, Type};

/// Some of the 64 inputs from `first` on, a bit for each.
#[derive(Clone, Copy)]
struct Inputs {
    first: usize,
}

/// Makes every gradient NaN where the value is.
pub(super) fn keep_nan(graph: &mut Graph, roots: &mut Roots) {
    let mut all = vec![roots.value];
    all.extend(roots.gradients.iter().map(|gradient| gradient.node));
    let order = graph.reachable(&all);
    let mut is_lost = vec![false; roots.gradients.len()];
    for first in (0..graph.input_ids().count()).step_by(64) {
        let inputs = Inputs { first };
        let reaching = sets(graph, &order, |id, sets| inputs.reaching(graph, id, sets));
        let carried = sets(graph, &order, |id, sets| inputs.carried(graph, id, sets));
        let of_value = reaching[roots.value.index()];
        for (is_lost, gradient) in is_lost.iter_mut().zip(&roots.gradients) {
            *is_lost |= of_value & !carried[gradient.node.index()] != 0;
        }
    }
    let is_number = graph.map(Function::Equal, &[roots.value, roots.value]);
    let nan = graph.number(f64::NAN);
    for (gradient, is_lost) in roots.gradients.iter_mut().zip(is_lost) {
        if is_lost && graph.as_number(gradient.node) != Some(0.0) {
            gradient.node = graph.select(is_number, gradient.node, nan);
        }
    }
}

/// What each node has, from what its arguments have.
fn sets(graph: &Graph, order: &[NodeId], of: impl Fn(NodeId, &[u64]) -> u64) -> Vec<u64> {
    let mut sets = vec![0; graph.len()];
    for id in order {
        sets[id.index()] = of(*id, &sets);
    }
    sets
}

fn union(of: &[NodeId], sets: &[u64]) -> u64 {
    of.iter().fold(0, |union, id| union | sets[id.index()])
}

impl Inputs {
    fn own(self, graph: &Graph, input: InputId) -> u64 {
        let is_data = graph.input(input).role != Role::Param;
        let place = input.index().checked_sub(self.first).filter(|place| is_data && *place < 64);
        place.map_or(0, |place| 1 << place)
    }

    /// The inputs whose NaN may reach a node.
    fn reaching(self, graph: &Graph, id: NodeId, sets: &[u64]) -> u64 {
        match graph.node(id) {
            _ if graph.ty(id) != Type::Real => 0,
            Node::Read(input, _) => self.own(graph, *input),
            node => union(node.arguments(), sets),
        }
    }

    /// The inputs whose NaN makes a node NaN for certain.
    fn carried(self, graph: &Graph, id: NodeId, sets: &[u64]) -> u64 {
        match graph.node(id) {
            _ if graph.ty(id) != Type::Real => 0,
            Node::Read(input, _) => self.own(graph, *input),
            Node::Map(Function::Select, of) => {
                let [_, yes, no] = *of.as_slice() else { unreachable!("a selection has three") };
                sets[yes.index()] & sets[no.index()]
            }
            Node::Map(Function::ZeroProduct, of) => sets[of.as_slice()[0].index()],
            // What is NaN to the power of 0 is 1.
            Node::Map(Function::Power, of) => match graph.as_number(of.as_slice()[1]) {
                Some(exponent) if exponent != 0.0 => sets[of.as_slice()[0].index()],
                _ => 0,
            },
            Node::Reduce(Reduction::Any | Reduction::All, ..) => 0,
            node => union(node.arguments(), sets),
        }
    }
}
