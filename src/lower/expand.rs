//! What the machine has no word for, in the words that it has: logsumexp, softmax, maxima that keep NaN.
//!
//! `logsumexp(z)` is `c + log1p(rest)`, where `c` is the largest element (0 if that is infinite) and `rest` the sum
//! of `exp(z - c)` without one largest element. So `z - logsumexp(z)` loses nothing where it is close to 0: it is
//! `(z - c) - log1p(rest)`, and `logsumexp(z) - a` is `(c - a) + log1p(rest)`, which keeps the digits of large logits.
//! `softmax(z)` is `exp(z - c) / (1 + rest)`. A row of −∞ has no mass: its softmax is 0, its log-softmax −∞.

use std::collections::HashMap;

use super::residual::residual;
use super::root::{rest_under_root, root, root_less_part};
use crate::builtins::{Function, Reduction};
use crate::graph::{AxisId, Graph, Node, NodeId};
use crate::loops::Precision;
use crate::rewrite::ranges::Ranges;

/// What each node has become.
pub(super) type Expanded = HashMap<NodeId, NodeId>;

/// The roots in those words.
pub(super) fn expand(graph: &mut Graph, roots: &[NodeId], precision: Precision) -> Vec<NodeId> {
    let mut expanded = Expanded::new();
    let mut ranges = Ranges::new(graph);
    for id in graph.reachable(roots) {
        let node = graph.node(id).clone();
        let new = match &node {
            Node::Reduce(Reduction::LogSumExp, axis, argument) => {
                let parts = logsumexp_parts(graph, *axis, expanded[argument]);
                graph.map(Function::Add, &[parts.center, parts.log_total])
            }
            Node::Reduce(Reduction::Max | Reduction::Min, axis, argument) => {
                extremum(graph, &node, *axis, expanded[argument])
            }
            Node::Map(Function::Subtract, arguments) => {
                let [a, b] = [arguments.as_slice()[0], arguments.as_slice()[1]];
                if let Some((axis, argument)) = logsumexp(graph, b) {
                    let parts = logsumexp_parts(graph, axis, expanded[&argument]);
                    let centered = graph.map(Function::Subtract, &[expanded[&a], parts.center]);
                    let is_part = softmax(graph, id).is_some();
                    let log_total = if is_part { parts.log_share } else { parts.log_total };
                    graph.map(Function::Subtract, &[centered, log_total])
                } else if let Some((axis, argument)) = logsumexp(graph, a) {
                    let parts = logsumexp_parts(graph, axis, expanded[&argument]);
                    let centered = graph.map(Function::Subtract, &[parts.center, expanded[&b]]);
                    graph.map(Function::Add, &[centered, parts.log_total])
                } else {
                    ranges.find_all(graph, b);
                    match rest_under_root(graph, &ranges, &[a, b]) {
                        Some(rest) => {
                            root_less_part(graph, [a, b, rest].map(|part| expanded[&part]))
                        }
                        None => plain_sum(graph, &expanded, id, &node),
                    }
                }
            }
            Node::Map(Function::Multiply, arguments) => {
                let [a, b] = [0, 1].map(|at| arguments.as_slice()[at]);
                match zero_factor(graph, &mut ranges, a, b) {
                    Some(of) => product_with_exponential(graph, of.map(|part| expanded[&part])),
                    None => graph.map(Function::Multiply, &[expanded[&a], expanded[&b]]),
                }
            }
            Node::Map(Function::Sqrt, of) => {
                let argument = expanded[&of.as_slice()[0]];
                root(graph, precision, argument)
                    .unwrap_or_else(|| graph.map(Function::Sqrt, &[argument]))
            }
            Node::Map(Function::Add, _) => plain_sum(graph, &expanded, id, &node),
            Node::Map(Function::Exp, arguments) => match softmax(graph, arguments.as_slice()[0]) {
                Some((element, axis, argument)) => {
                    let parts = logsumexp_parts(graph, axis, expanded[&argument]);
                    let centered =
                        graph.map(Function::Subtract, &[expanded[&element], parts.center]);
                    let exponential = graph.map(Function::Exp, &[centered]);
                    graph.map(Function::Multiply, &[exponential, parts.share])
                }
                None => graph.map(Function::Exp, &[expanded[&arguments.as_slice()[0]]]),
            },
            _ => {
                let node = node.with_arguments(|argument| expanded[&argument]);
                graph.intern(node)
            }
        };
        expanded.insert(id, new);
    }
    roots.iter().map(|root| expanded[root]).collect()
}

/// The factor that may be 0, and the exponential that may overflow though it is a number as maths has it.
fn zero_factor(graph: &Graph, ranges: &mut Ranges, a: NodeId, b: NodeId) -> Option<[NodeId; 2]> {
    [[a, b], [b, a]].into_iter().find(|[factor, exponential]| {
        let Node::Map(Function::Exp, of) = graph.node(*exponential) else { return false };
        ranges.find_all(graph, *factor);
        ranges.find_all(graph, of.as_slice()[0]);
        !ranges.get(*factor).is_nonzero() && ranges.get(of.as_slice()[0]).high > 80.0
    })
}

/// The product that is 0 where the factor is, even if the exponential overflows; NaN if either is.
fn product_with_exponential(graph: &mut Graph, [factor, exponential]: [NodeId; 2]) -> NodeId {
    let [zero, any] = [0.0, 1e30].map(|number| graph.number(number));
    let is_zero = graph.map(Function::Equal, &[factor, zero]);
    let finite = graph.map(Function::Min, &[exponential, any]);
    let exponential = graph.select(is_zero, finite, exponential);
    graph.map(Function::Multiply, &[factor, exponential])
}

/// The axis and argument of a logsumexp.
fn logsumexp(graph: &Graph, id: NodeId) -> Option<(AxisId, NodeId)> {
    match *graph.node(id) {
        Node::Reduce(Reduction::LogSumExp, axis, argument) => Some((axis, argument)),
        _ => None,
    }
}

/// The element, axis and argument of `z - logsumexp(z)`, or of `z[i] - logsumexp(z)`.
pub(super) fn softmax(graph: &mut Graph, id: NodeId) -> Option<(NodeId, AxisId, NodeId)> {
    let Node::Map(Function::Subtract, arguments) = *graph.node(id) else { return None };
    let element = arguments.as_slice()[0];
    let (axis, argument) = logsumexp(graph, arguments.as_slice()[1])?;
    let is_element = element == argument
        || graph.axes(element).minus(graph.axes(argument)).iter().any(|index| {
            graph.axis(index).extent == graph.axis(axis).extent && {
                let index = graph.intern(Node::Index(index));
                graph.substitute(argument, &[(axis, index)]) == element
            }
        });
    is_element.then_some((element, axis, argument))
}

/// A sum or difference, without cancellation if it has multiples of a softmax.
fn plain_sum(graph: &mut Graph, expanded: &Expanded, id: NodeId, node: &Node) -> NodeId {
    residual(graph, expanded, id)
        .unwrap_or_else(|| graph.intern(node.with_arguments(|argument| expanded[&argument])))
}

pub(super) struct LogSumExpParts {
    /// The largest element, or 0 where that is infinite.
    pub(super) center: NodeId,
    /// The sum of the exponentials but one of the largest elements.
    pub(super) rest: NodeId,
    /// The sum of the exponentials.
    pub(super) total: NodeId,
    /// Its logarithm.
    log_total: NodeId,
    /// The same, but 0 in a row without mass, each element of which has the log-softmax −∞.
    log_share: NodeId,
    /// What the exponential of each element is to be multiplied by; 0 in a row without mass.
    share: NodeId,
}

pub(super) fn logsumexp_parts(graph: &mut Graph, axis: AxisId, argument: NodeId) -> LogSumExpParts {
    let (zero, one, infinity) = (graph.number(0.0), graph.number(1.0), graph.number(f64::INFINITY));
    let largest = graph.intern(Node::Reduce(Reduction::Max, axis, argument));
    let size = graph.map(Function::Abs, &[largest]);
    let finite = graph.map(Function::Less, &[size, infinity]);
    let center = graph.select(finite, largest, zero);
    let centered = graph.map(Function::Subtract, &[argument, center]);
    let exponential = graph.map(Function::Exp, &[centered]);
    let is_top = graph.map(Function::Equal, &[centered, zero]);
    let lower = graph.select(is_top, zero, exponential);
    let lower = graph.intern(Node::Reduce(Reduction::Sum, axis, lower));
    let top = graph.select(is_top, one, zero);
    let tops = graph.intern(Node::Reduce(Reduction::Sum, axis, top));
    let other_tops = graph.map(Function::Subtract, &[tops, one]);
    let rest = graph.map(Function::Add, &[lower, other_tops]);
    let total = graph.map(Function::Add, &[one, rest]);
    // A row of −∞, or without elements, has no mass.
    let is_massless = graph.map(Function::Equal, &[total, zero]);
    let log_total = graph.map(Function::Log1p, &[rest]);
    let log_share = graph.select(is_massless, zero, log_total);
    let share = graph.map(Function::Divide, &[one, total]);
    let share = graph.select(is_massless, zero, share);
    LogSumExpParts { center, rest, total, log_total, log_share, share }
}

/// A maximum or minimum that is NaN where an element is.
fn extremum(graph: &mut Graph, node: &Node, axis: AxisId, argument: NodeId) -> NodeId {
    let plain = graph.intern(node.with_arguments(|_| argument));
    let same = graph.map(Function::Equal, &[argument, argument]);
    let nan = graph.number(f64::NAN);
    let all_numbers = graph.intern(Node::Reduce(Reduction::All, axis, same));
    graph.select(all_numbers, plain, nan)
}
