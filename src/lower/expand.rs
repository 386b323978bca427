//! What the machine has no word for, in the words that it has: logsumexp, softmax, maxima that keep NaN.
//!
//! `logsumexp(z)` is `c + log1p(rest)`, where `c` is the largest element (0 if that is infinite) and `rest` the sum
//! of `exp(z - c)` without one largest element. So `z - logsumexp(z)` loses nothing where it is close to 0: it is
//! `(z - c) - log1p(rest)`, and `logsumexp(z) - a` is `(c - a) + log1p(rest)`, which keeps the digits of large logits.
//! `softmax(z)` is `exp(z - c) / (1 + rest)`.

use std::collections::HashMap;

use crate::builtins::{Function, Reduction};
use crate::graph::{AxisId, Graph, Node, NodeId};

/// The roots in those words.
pub(super) fn expand(graph: &mut Graph, roots: &[NodeId]) -> Vec<NodeId> {
    let mut expanded: HashMap<NodeId, NodeId> = HashMap::new();
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
                    graph.map(Function::Subtract, &[centered, parts.log_total])
                } else if let Some((axis, argument)) = logsumexp(graph, a) {
                    let parts = logsumexp_parts(graph, axis, expanded[&argument]);
                    let centered = graph.map(Function::Subtract, &[parts.center, expanded[&b]]);
                    graph.map(Function::Add, &[centered, parts.log_total])
                } else {
                    let plain = graph.map(Function::Subtract, &[expanded[&a], expanded[&b]]);
                    match softmax_less_one_hot(graph, a, b) {
                        Some((element, axis, argument, here)) => {
                            let parts = logsumexp_parts(graph, axis, expanded[&argument]);
                            less_one(graph, &parts, expanded[&element], expanded[&here], plain)
                        }
                        None => plain,
                    }
                }
            }
            Node::Map(Function::Exp, arguments) => match softmax(graph, arguments.as_slice()[0]) {
                Some((element, axis, argument)) => {
                    let parts = logsumexp_parts(graph, axis, expanded[&argument]);
                    let centered =
                        graph.map(Function::Subtract, &[expanded[&element], parts.center]);
                    let exponential = graph.map(Function::Exp, &[centered]);
                    let one = graph.number(1.0);
                    let share = graph.map(Function::Divide, &[one, parts.total]);
                    graph.map(Function::Multiply, &[exponential, share])
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

/// The axis and argument of a logsumexp.
fn logsumexp(graph: &Graph, id: NodeId) -> Option<(AxisId, NodeId)> {
    match *graph.node(id) {
        Node::Reduce(Reduction::LogSumExp, axis, argument) => Some((axis, argument)),
        _ => None,
    }
}

/// The element, axis and argument of `z - logsumexp(z)`, or of `z[i] - logsumexp(z)`.
fn softmax(graph: &mut Graph, id: NodeId) -> Option<(NodeId, AxisId, NodeId)> {
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

/// The element, axis and argument of a softmax, and the condition, of `softmax(z) - if here { 1 } else { 0 }`.
fn softmax_less_one_hot(
    graph: &mut Graph,
    a: NodeId,
    b: NodeId,
) -> Option<(NodeId, AxisId, NodeId, NodeId)> {
    let Node::Map(Function::Select, arguments) = *graph.node(b) else { return None };
    let [here, one, zero] = *arguments.as_slice() else { return None };
    let numbers = (graph.number(1.0), graph.number(0.0));
    let Node::Map(Function::Exp, arguments) = *graph.node(a) else { return None };
    let (element, axis, argument) = softmax(graph, arguments.as_slice()[0])?;
    ((one, zero) == numbers).then_some((element, axis, argument, here))
}

/// That difference: where the one is taken off the largest element, it is `-rest / total`, which does not cancel.
fn less_one(
    graph: &mut Graph,
    parts: &LogSumExpParts,
    element: NodeId,
    here: NodeId,
    plain: NodeId,
) -> NodeId {
    let zero = graph.number(0.0);
    let centered = graph.map(Function::Subtract, &[element, parts.center]);
    let is_top = graph.map(Function::Equal, &[centered, zero]);
    let both = graph.map(Function::And, &[here, is_top]);
    let others = graph.map(Function::Divide, &[parts.rest, parts.total]);
    let lacking = graph.map(Function::Negate, &[others]);
    graph.select(both, lacking, plain)
}

struct LogSumExpParts {
    /// The largest element, or 0 where that is infinite.
    center: NodeId,
    /// The sum of the exponentials but one of the largest elements.
    rest: NodeId,
    /// The sum of the exponentials.
    total: NodeId,
    /// Its logarithm.
    log_total: NodeId,
}

fn logsumexp_parts(graph: &mut Graph, axis: AxisId, argument: NodeId) -> LogSumExpParts {
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
    let log_total = graph.map(Function::Log1p, &[rest]);
    LogSumExpParts { center, rest, total, log_total }
}

/// A maximum or minimum that is NaN where an element is.
fn extremum(graph: &mut Graph, node: &Node, axis: AxisId, argument: NodeId) -> NodeId {
    let plain = graph.intern(node.with_arguments(|_| argument));
    let same = graph.map(Function::Equal, &[argument, argument]);
    let nan = graph.number(f64::NAN);
    let all_numbers = graph.intern(Node::Reduce(Reduction::All, axis, same));
    graph.select(all_numbers, plain, nan)
}
