//! The cross-entropy of a logit: `a * softplus(-z) + b * softplus(z)`, of which one logarithm is left.
//!
//! `softplus(z)` is `max(z, 0) + softplus(-|z|)`, so that the sum is `(a + b) * softplus(-|z|) + w * |z|`, with `a` for `w`
//! where z is negative, else `b`. Nothing cancels that did not, and what is left shares its exponential with `sigmoid(z)`.
//!
//! `exp(-n * softplus(z))` is `sigmoid(-z)` to the power of n, which for a small whole n is a product of sigmoids.

use crate::builtins::Function;
use crate::graph::{Graph, Node, NodeId};

/// `a * softplus(-z) + b * softplus(z)` as the graph has it.
struct CrossEntropy {
    /// z.
    logit: NodeId,
    /// What `softplus(-z)` and `softplus(z)` are multiplied by, if by anything.
    weights: [Option<NodeId>; 2],
}

/// A sum that is the cross-entropy of a logit, with one logarithm; `expanded` says what its parts have become.
pub(super) fn cross_entropy(
    graph: &mut Graph,
    addends: &[NodeId],
    expanded: impl Fn(NodeId) -> NodeId,
) -> Option<NodeId> {
    let CrossEntropy { logit, weights } = read(graph, addends)?;
    let weights = weights.map(|weight| weight.map(&expanded));
    Some(with_one_logarithm(graph, &CrossEntropy { logit: expanded(logit), weights }))
}

/// Reads a sum as the cross-entropy of a logit.
fn read(graph: &Graph, addends: &[NodeId]) -> Option<CrossEntropy> {
    let [one, other] = [softplus(graph, addends[0])?, softplus(graph, addends[1])?];
    let is_negated = |of: NodeId, argument: NodeId| matches!(graph.node(of), Node::Map(Function::Negate, inner) if inner.as_slice()[0] == argument);
    if is_negated(one.argument, other.argument) {
        Some(CrossEntropy { logit: other.argument, weights: [one.weight, other.weight] })
    } else if is_negated(other.argument, one.argument) {
        Some(CrossEntropy { logit: one.argument, weights: [other.weight, one.weight] })
    } else {
        None
    }
}

struct Softplus {
    weight: Option<NodeId>,
    argument: NodeId,
}

/// `softplus(x)`, or a product with it.
fn softplus(graph: &Graph, id: NodeId) -> Option<Softplus> {
    let of = |id: NodeId| match graph.node(id) {
        Node::Map(Function::Softplus, of) => Some(of.as_slice()[0]),
        _ => None,
    };
    if let Some(argument) = of(id) {
        return Some(Softplus { weight: None, argument });
    }
    let Node::Map(Function::Multiply, factors) = graph.node(id) else { return None };
    let [a, b] = [factors.as_slice()[0], factors.as_slice()[1]];
    let (argument, weight) = of(b).map(|of| (of, a)).or_else(|| of(a).map(|of| (of, b)))?;
    Some(Softplus { weight: Some(weight), argument })
}

/// Writes it with one logarithm.
fn with_one_logarithm(graph: &mut Graph, parts: &CrossEntropy) -> NodeId {
    let (zero, one) = (graph.number(0.0), graph.number(1.0));
    let size = graph.map(Function::Abs, &[parts.logit]);
    let fall = graph.map(Function::Negate, &[size]);
    let logarithm = graph.map(Function::Softplus, &[fall]);
    let [a, b] = parts.weights.map(|weight| weight.unwrap_or(one));
    let curved = if is_complement(graph, a, b) || is_complement(graph, b, a) {
        logarithm
    } else {
        let both = graph.map(Function::Add, &[a, b]);
        graph.map(Function::Multiply, &[both, logarithm])
    };
    let is_negative = graph.map(Function::Less, &[parts.logit, zero]);
    let weight = graph.select(is_negative, a, b);
    let straight = graph.map(Function::Multiply, &[weight, size]);
    graph.map(Function::Add, &[curved, straight])
}

/// Whether `a` is `1 - b`.
fn is_complement(graph: &Graph, a: NodeId, b: NodeId) -> bool {
    let Node::Map(Function::Subtract, of) = graph.node(a) else { return false };
    graph.as_number(of.as_slice()[0]) == Some(1.0) && of.as_slice()[1] == b
}

/// The `|z|` of a `softplus(-|z|)`.
pub(super) fn fall(graph: &Graph, argument: NodeId) -> Option<NodeId> {
    let Node::Map(Function::Negate, of) = graph.node(argument) else { return None };
    let size = of.as_slice()[0];
    matches!(graph.node(size), Node::Map(Function::Abs, _)).then_some(size)
}

/// The n and the z of `-n * softplus(z)`, for a small whole n.
fn power_of_sigmoid(graph: &Graph, argument: NodeId) -> Option<(u8, NodeId)> {
    let (count, of) = match graph.node(argument) {
        Node::Map(Function::Negate, of) => (1.0, of.as_slice()[0]),
        Node::Map(Function::Multiply, of) => {
            let [a, b] = [of.as_slice()[0], of.as_slice()[1]];
            let known = graph.as_number(a).map(|number| (-number, b));
            known.or_else(|| graph.as_number(b).map(|number| (-number, a)))?
        }
        _ => return None,
    };
    let Node::Map(Function::Softplus, of) = graph.node(of) else { return None };
    let small = (1..=4u8).find(|number| f64::from(*number) == count)?;
    Some((small, of.as_slice()[0]))
}

/// `exp(-n * softplus(z))` as a product of sigmoids; `expanded` says what z has become.
pub(super) fn product_of_sigmoids(
    graph: &mut Graph,
    argument: NodeId,
    expanded: impl Fn(NodeId) -> NodeId,
) -> Option<NodeId> {
    let (count, logit) = power_of_sigmoid(graph, argument)?;
    let logit = expanded(logit);
    let opposite = match graph.node(logit) {
        Node::Map(Function::Negate, of) => of.as_slice()[0],
        _ => graph.map(Function::Negate, &[logit]),
    };
    let sigmoid = graph.map(Function::Sigmoid, &[opposite]);
    Some((1..count).fold(sigmoid, |power, _| graph.map(Function::Multiply, &[power, sigmoid])))
}
