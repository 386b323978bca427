//! Products with softmaxes: what all elements are multiplied by is one factor.
//!
//! In comes a product, a quotient or a negation of nodes that are expanded already, so that a softmax is `exp(z - c) * s`, where
//! `s` is the same for all elements; out goes the same thing with what it multiplies in `s`. In a sum or a selection of multiples of
//! exponentials and of what all elements share, each of these is multiplied by itself: that is done once, not for each element.

use super::expand::Expanded;
use crate::builtins::Function;
use crate::graph::{AxisSet, Graph, Node, NodeId};

/// How deep sums and selections nest in what is multiplied term by term.
const DEPTH: usize = 8;

/// `a * b`; of a softmax the factor of its exponentials is multiplied, and a number that one factor is a multiple of goes to the
/// other one where that is done once for all elements.
pub(super) fn product(graph: &mut Graph, expanded: &mut Expanded, a: NodeId, b: NodeId) -> NodeId {
    let (a, b) = (expanded[&a], expanded[&b]);
    for (factor, of) in [(a, b), (b, a)] {
        if is_multiple(graph, expanded, graph.axes(factor), of, DEPTH) {
            return multiplied(graph, expanded, factor, of);
        }
    }
    for (factor, of) in [(a, b), (b, a)] {
        if let Some((number, rest)) = multiple(graph, of)
            && graph.as_number(factor).is_none()
            && graph.axes(factor).is_empty()
            && !graph.axes(rest).is_empty()
        {
            let factor = graph.map(Function::Multiply, &[factor, number]);
            return graph.map(Function::Multiply, &[factor, rest]);
        }
    }
    expanded.product(graph, a, b)
}

/// Whether something is made of exponentials with factors, and of what is the same for all elements that a number with these axes
/// multiplies.
fn is_multiple(
    graph: &Graph,
    expanded: &Expanded,
    axes: AxisSet,
    of: NodeId,
    depth: usize,
) -> bool {
    if let Some(parts) = scaled(graph, expanded, of) {
        return axes.is_subset_of(graph.axes(parts.scale));
    }
    let is_sum = matches!(graph.node(of), Node::Map(Function::Add | Function::Subtract, _));
    // What differs between rows may be infinite, where a difference that is multiplied by it is, and not what it is made of.
    if depth == 0 || (is_sum && axes != AxisSet::default()) {
        return false;
    }
    let Some(parts) = terms(graph, of) else { return false };
    let is_alike = |part: &NodeId| is_shared(graph, axes, of, *part);
    let is_term = |part: &NodeId| is_multiple(graph, expanded, axes, *part, depth - 1);
    parts.iter().any(is_term) && parts.iter().all(|part| is_alike(part) || is_term(part))
}

/// What is added or selected.
fn terms(graph: &Graph, id: NodeId) -> Option<&[NodeId]> {
    match graph.node(id) {
        Node::Map(Function::Add | Function::Subtract, of) => Some(of.as_slice()),
        Node::Map(Function::Select, of) => Some(&of.as_slice()[1..]),
        _ => None,
    }
}

/// Whether a part, and what has these axes, are the same for elements of the whole.
fn is_shared(graph: &Graph, axes: AxisSet, whole: NodeId, part: NodeId) -> bool {
    !graph.axes(whole).minus(graph.axes(part).union(axes)).is_empty()
}

/// The product, term by term.
fn multiplied(graph: &mut Graph, expanded: &mut Expanded, factor: NodeId, of: NodeId) -> NodeId {
    if let Some(parts) = scaled(graph, expanded, of) {
        let scale = graph.map(Function::Multiply, &[factor, parts.scale]);
        return expanded.scaled(graph, Scaled { scale, ..parts });
    }
    match *graph.node(of) {
        Node::Map(function @ (Function::Add | Function::Subtract | Function::Select), parts) => {
            let first = usize::from(function == Function::Select);
            let parts: Vec<NodeId> = parts.as_slice().to_vec();
            let parts: Vec<NodeId> = (0..parts.len())
                .map(|at| match at < first {
                    true => parts[at],
                    false if is_shared(graph, graph.axes(factor), of, parts[at]) => {
                        graph.map(Function::Multiply, &[factor, parts[at]])
                    }
                    false => multiplied(graph, expanded, factor, parts[at]),
                })
                .collect();
            graph.map(function, &parts)
        }
        _ => unreachable!("it is made of multiples"),
    }
}

/// The number and the rest of a product with a number of moderate size.
fn multiple(graph: &Graph, id: NodeId) -> Option<(NodeId, NodeId)> {
    let Node::Map(Function::Multiply, of) = graph.node(id) else { return None };
    let [a, b] = [of.as_slice()[0], of.as_slice()[1]];
    let is_moderate =
        |id: NodeId| graph.as_number(id).is_some_and(|number| (1e-3..=1e3).contains(&number.abs()));
    if is_moderate(a) {
        Some((a, b))
    } else if is_moderate(b) {
        Some((b, a))
    } else {
        None
    }
}

/// `a * b`, and 0 where `a` is; of a softmax the factor of its exponentials is multiplied.
pub(super) fn zero_product(
    graph: &mut Graph,
    expanded: &mut Expanded,
    a: NodeId,
    b: NodeId,
) -> NodeId {
    let (a, b) = (expanded[&a], expanded[&b]);
    match scaled(graph, expanded, a) {
        Some(Scaled { zero, exponential, scale })
            if graph.axes(b).is_subset_of(graph.axes(scale)) =>
        {
            // The softmax is 0 where the exponential is, unless its factor is no number.
            let zero = zero.unwrap_or_else(|| {
                let zero = graph.number(0.0);
                graph.map(Function::Multiply, &[scale, zero])
            });
            let scale = graph.map(Function::ZeroProduct, &[scale, b]);
            expanded.scaled(graph, Scaled { zero: Some(zero), exponential, scale })
        }
        _ => graph.map(Function::ZeroProduct, &[a, b]),
    }
}

/// `a / b`; of a softmax the factor of its exponentials is divided, where that cannot overflow.
pub(super) fn quotient(graph: &mut Graph, expanded: &mut Expanded, [a, b]: [NodeId; 2]) -> NodeId {
    let (a, b) = (expanded[&a], expanded[&b]);
    let is_large = match graph.node(b) {
        Node::Size(_) => true,
        _ => graph.as_number(b).is_some_and(|number| number.abs() >= 1.0),
    };
    match scaled(graph, expanded, a) {
        Some(parts) if is_large => {
            let scale = graph.map(Function::Divide, &[parts.scale, b]);
            expanded.scaled(graph, Scaled { scale, ..parts })
        }
        _ => graph.map(Function::Divide, &[a, b]),
    }
}

/// `-a`; of a softmax the factor of its exponentials is negated.
pub(super) fn negation(graph: &mut Graph, expanded: &mut Expanded, a: NodeId) -> NodeId {
    let a = expanded[&a];
    let Some(parts) = scaled(graph, expanded, a) else {
        return graph.map(Function::Negate, &[a]);
    };
    let scale = graph.map(Function::Negate, &[parts.scale]);
    expanded.scaled(graph, Scaled { scale, ..parts })
}

/// A multiple of a softmax: `exponential * scale`.
#[derive(Clone, Copy)]
pub(super) struct Scaled {
    /// If it is 0 where the exponential is 0, whatever the factor: what the exponential equals there, 0 or no number at all.
    pub(super) zero: Option<NodeId>,
    /// The exponential of an element.
    pub(super) exponential: NodeId,
    /// What all elements are multiplied by.
    pub(super) scale: NodeId,
}

/// The parts of a node that is a multiple of a softmax.
pub(super) fn scaled(graph: &Graph, expanded: &Expanded, id: NodeId) -> Option<Scaled> {
    match graph.node(id) {
        Node::Map(Function::Multiply, _) => scaled_product(graph, expanded, id),
        Node::Map(Function::Select, of) => {
            let Node::Map(Function::Equal, test) = graph.node(of.as_slice()[0]) else {
                return None;
            };
            let parts = scaled_product(graph, expanded, of.as_slice()[2])?;
            let is_test = test.as_slice()[0] == parts.exponential
                && graph.as_number(of.as_slice()[1]) == Some(0.0);
            is_test.then_some(Scaled { zero: Some(test.as_slice()[1]), ..parts })
        }
        _ => None,
    }
}

fn scaled_product(graph: &Graph, expanded: &Expanded, id: NodeId) -> Option<Scaled> {
    let Node::Map(Function::Multiply, of) = graph.node(id) else { return None };
    let [exponential, scale] = [of.as_slice()[0], of.as_slice()[1]];
    let is_scaled =
        expanded.is_scale(scale) && !graph.axes(exponential).minus(graph.axes(scale)).is_empty();
    is_scaled.then_some(Scaled { zero: None, exponential, scale })
}
