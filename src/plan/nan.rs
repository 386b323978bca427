//! NaN in, NaN out: an example whose value is NaN has no gradient that is a number.
//!
//! Most gradients are NaN of themselves there. Those that select by a comparison (hinge, relu, clamp, a filtered sum) are not,
//! as every comparison with NaN is false; they are asked for the value. Printed derivatives leave this out.

use std::collections::BTreeSet;

use crate::batch::Roots;
use crate::builtins::{Function, Reduction};
use crate::graph::{Graph, InputId, Node, NodeId, Role, Type};

type Inputs = BTreeSet<InputId>;

/// Makes every gradient NaN where the value is.
pub(super) fn keep_nan(graph: &mut Graph, roots: &mut Roots) {
    let mut all = vec![roots.value];
    all.extend(roots.gradients.iter().map(|gradient| gradient.node));
    let order = graph.reachable(&all);
    let reaching = sets(graph, &order, reaches);
    let carried = sets(graph, &order, carries);
    let of_value = &reaching[roots.value.index()];
    let is_number = graph.map(Function::Equal, &[roots.value, roots.value]);
    let nan = graph.number(f64::NAN);
    for gradient in &mut roots.gradients {
        let is_zero = graph.as_number(gradient.node) == Some(0.0);
        if !is_zero && !of_value.is_subset(&carried[gradient.node.index()]) {
            gradient.node = graph.select(is_number, gradient.node, nan);
        }
    }
}

/// What each node has, from what its arguments have.
fn sets(
    graph: &Graph,
    order: &[NodeId],
    of: fn(&Graph, NodeId, &[Inputs]) -> Inputs,
) -> Vec<Inputs> {
    let mut sets = vec![Inputs::new(); graph.len()];
    for id in order {
        sets[id.index()] = of(graph, *id, &sets);
    }
    sets
}

fn own(graph: &Graph, input: InputId) -> Inputs {
    let is_data = graph.input(input).role != Role::Param;
    is_data.then_some(input).into_iter().collect()
}

fn union(of: &[NodeId], sets: &[Inputs]) -> Inputs {
    of.iter().flat_map(|id| sets[id.index()].iter().copied()).collect()
}

/// The inputs whose NaN may reach a node.
fn reaches(graph: &Graph, id: NodeId, sets: &[Inputs]) -> Inputs {
    match graph.node(id) {
        _ if graph.ty(id) != Type::Real => Inputs::new(),
        Node::Read(input, _) => own(graph, *input),
        node => union(node.arguments(), sets),
    }
}

/// The inputs whose NaN makes a node NaN for certain.
fn carries(graph: &Graph, id: NodeId, sets: &[Inputs]) -> Inputs {
    match graph.node(id) {
        _ if graph.ty(id) != Type::Real => Inputs::new(),
        Node::Read(input, _) => own(graph, *input),
        Node::Map(Function::Select, of) => {
            let [_, yes, no] = *of.as_slice() else { unreachable!("a selection has three") };
            sets[yes.index()].intersection(&sets[no.index()]).copied().collect()
        }
        Node::Map(Function::ZeroProduct, of) => sets[of.as_slice()[0].index()].clone(),
        // What is NaN to the power of 0 is 1.
        Node::Map(Function::Power, of) => match graph.as_number(of.as_slice()[1]) {
            Some(exponent) if exponent != 0.0 => sets[of.as_slice()[0].index()].clone(),
            _ => Inputs::new(),
        },
        Node::Reduce(Reduction::Any | Reduction::All, ..) => Inputs::new(),
        node => union(node.arguments(), sets),
    }
}
