//! Shares of a whole that is 1: elements of a softmax, and sums of some of them.

use super::super::expand::{
    Expanded, LogSumExpParts, Softmax, centered_exponential, logsumexp_parts, softmax,
};
use super::TERMS;
use crate::builtins::{Function, Reduction};
use crate::graph::{AxisId, Graph, Node, NodeId};

/// A part of a whole that is 1.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Share {
    /// The part itself.
    pub(super) node: NodeId,
    pub(super) kind: Kind,
    /// Where it stands along the axis of the softmax; of a part, the axis itself.
    pub(super) place: NodeId,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The softmax of an element of `argument`, along an axis that its logsumexp binds.
    Element { element: NodeId, axis: AxisId, argument: NodeId },
    /// The sum of a softmax over the elements that fulfil a condition.
    Part { condition: NodeId, softmax: NodeId, along: AxisId },
}

/// The factors of a product, and its numerators, down to some depth.
pub(super) fn factors(graph: &Graph, id: NodeId) -> Vec<NodeId> {
    let (mut factors, mut open) = (Vec::new(), vec![id]);
    while let Some(id) = open.pop() {
        match graph.node(id) {
            Node::Map(Function::Multiply | Function::ZeroProduct, of)
                if factors.len() + open.len() < TERMS =>
            {
                open.extend(of.as_slice().iter().rev());
            }
            Node::Map(Function::Negate | Function::Divide, of) => open.push(of.as_slice()[0]),
            Node::Map(Function::Select, of) if masked(graph, of.as_slice()).is_some() => {
                open.extend(masked(graph, of.as_slice()));
            }
            _ => factors.push(id),
        }
    }
    factors
}

/// Whether a factor of a term stands for 0 whatever the others are.
pub(super) fn has_zero_product(graph: &Graph, id: NodeId) -> bool {
    let mut open = vec![id];
    while let Some(id) = open.pop() {
        match graph.node(id) {
            Node::Map(Function::ZeroProduct, _) => return true,
            Node::Map(Function::Multiply, of) if open.len() < TERMS => open.extend(of.as_slice()),
            Node::Map(Function::Negate | Function::Divide, of) => open.push(of.as_slice()[0]),
            Node::Map(Function::Select, of) => open.extend(&of.as_slice()[1..]),
            _ => {}
        }
    }
    false
}

/// What a selection of something or 0 selects.
pub(super) fn masked(graph: &Graph, of: &[NodeId]) -> Option<NodeId> {
    let is_zero = |id: NodeId| graph.as_number(id) == Some(0.0);
    match (is_zero(of[1]), is_zero(of[2])) {
        (false, true) => Some(of[1]),
        (true, false) => Some(of[2]),
        _ => None,
    }
}

/// The first factor of a term that is a share.
pub(super) fn share_in(graph: &mut Graph, term: NodeId) -> Option<Share> {
    factors(graph, term).into_iter().find_map(|factor| share(graph, factor))
}

fn share(graph: &mut Graph, id: NodeId) -> Option<Share> {
    match *graph.node(id) {
        Node::Map(Function::Exp, of) => {
            let Softmax { element, place, axis, argument } = softmax(graph, of.as_slice()[0])?;
            let kind = Kind::Element { element, axis, argument };
            Some(Share { node: id, kind, place })
        }
        Node::Reduce(Reduction::Sum, along, body) => {
            let Node::Map(Function::Select, of) = *graph.node(body) else { return None };
            let [condition, yes, _] = *of.as_slice() else { return None };
            let softmax = masked(graph, of.as_slice()).filter(|it| *it == yes)?;
            let place = graph.intern(Node::Index(along));
            let inner = share(graph, softmax).filter(|inner| inner.place == place)?;
            let is_element = matches!(inner.kind, Kind::Element { .. });
            let kind = Kind::Part { condition, softmax, along };
            is_element.then_some(Share { node: id, kind, place })
        }
        _ => None,
    }
}

/// Where a share is above one half, and what the others have there.
pub(super) struct Top {
    pub(super) is_above: NodeId,
    pub(super) others: NodeId,
}

pub(super) fn top(graph: &mut Graph, expanded: &Expanded, share: &Share) -> Top {
    match share.kind {
        Kind::Element { element, axis, argument } => {
            let parts = logsumexp_parts(graph, axis, expanded[&argument]);
            let exponential = centered_exponential(graph, expanded[&element], &parts);
            let LogSumExpParts { rest, total, .. } = parts;
            // The exponential of the largest is 1, which is most of all if the others are less in sum.
            let (one, nan) = (graph.number(1.0), graph.number(f64::NAN));
            let is_most = graph.map(Function::Less, &[rest, one]);
            let most = graph.select(is_most, one, nan);
            let is_above = graph.map(Function::Equal, &[exponential, most]);
            let others = graph.map(Function::Divide, &[rest, total]);
            Top { is_above, others }
        }
        Kind::Part { condition, softmax, along } => {
            let zero = graph.number(0.0);
            let other = graph.select(expanded[&condition], zero, expanded[&softmax]);
            let others = graph.reduce(Reduction::Sum, along, other);
            let is_above = graph.map(Function::Less, &[others, expanded[&share.node]]);
            Top { is_above, others }
        }
    }
}
