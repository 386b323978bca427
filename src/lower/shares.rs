//! Logarithms of softmaxes where less than each of them is needed: their sum, and what they fall short of 1 by.
//!
//! Both come in as nodes of the graph, and go out in words that the machine has, or not at all if they are something else.

use super::expand::{Expanded, exponential, log_softmax_parts, softmax};
use super::residual::residual;
use crate::builtins::{Function, Reduction};
use crate::graph::{AxisId, Graph, Node, NodeId};
use crate::rewrite::ranges::Ranges;

/// The sum of a log-softmax along its axis: `sum(z - c) - size * log_total`. Neither part is above 0, so that nothing cancels; and
/// as the first does not wait for the total, the elements are read once for both.
pub(super) fn sum_of_logs(
    graph: &mut Graph,
    expanded: &Expanded,
    axis: AxisId,
    log: NodeId,
) -> Option<NodeId> {
    let place = graph.intern(Node::Index(axis));
    softmax(graph, log).filter(|found| found.place == place)?;
    let (centered, log_total) = log_softmax_parts(graph, expanded, log);
    // On the diagonal of a matrix, each element is of another row.
    if graph.axes(log_total).contains(axis) {
        return None;
    }
    let sum = graph.reduce(Reduction::Sum, axis, centered);
    let size = graph.size(graph.axis(axis).extent);
    let all = graph.map(Function::Multiply, &[size, log_total]);
    Some(graph.map(Function::Subtract, &[sum, all]))
}

/// `expm1` of a log-softmax: the softmax less 1, as exact as that is.
pub(super) fn share_less_one(
    graph: &mut Graph,
    ranges: &mut Ranges,
    expanded: &mut Expanded,
    log: NodeId,
) -> Option<NodeId> {
    softmax(graph, log)?;
    let share = graph.map(Function::Exp, &[log]);
    let one = graph.number(1.0);
    let value = exponential(graph, expanded, log);
    expanded.set(share, value);
    expanded.set(one, one);
    let less = graph.map(Function::Subtract, &[share, one]);
    residual(graph, ranges, expanded, less)
}
