//! What is known of numbers that have to do with the largest element of a row.
//!
//! In comes a number of an expanded graph, out goes whether it is an exponential's argument that is not above 0, or what is left
//! of a sum of such exponentials without a largest one: functions of those take fewer steps.

use crate::builtins::{Function, Reduction};
use crate::graph::{AxisId, Graph, Node, NodeId};
use crate::rewrite::ranges::place_in;

/// An element less the largest one of its row, or less 0 where that is −∞.
struct Centered {
    element: NodeId,
    axis: AxisId,
    /// What the largest is one of.
    argument: NodeId,
}

/// Whether a number is an element less the largest one, so that it is not above 0.
pub(super) fn is_below_largest(graph: &Graph, id: NodeId) -> bool {
    centered(graph, id).is_some_and(|Centered { element, axis, argument }| {
        element == argument || place_in(graph, element, argument, axis).is_some()
    })
}

fn centered(graph: &Graph, id: NodeId) -> Option<Centered> {
    let &[element, center] = map(graph, id, Function::Subtract)? else { return None };
    let &[is_massless, zero, largest] = map(graph, center, Function::Select)? else { return None };
    let &[tested, least] = map(graph, is_massless, Function::Equal)? else { return None };
    let (axis, argument) = reduced(graph, largest, Reduction::Max)?;
    let is_center = tested == largest
        && graph.as_number(least) == Some(f64::NEG_INFINITY)
        && graph.as_number(zero) == Some(0.0);
    is_center.then_some(Centered { element, axis, argument })
}

/// Whether a number is the sum of a row's exponentials, each less the largest element, without a largest one: −1 in a row without
/// mass, and not below 0 in any other.
pub(super) fn is_rest(graph: &Graph, id: NodeId) -> bool {
    is_rest_or_none(graph, id).is_some()
}

fn is_rest_or_none(graph: &Graph, id: NodeId) -> Option<()> {
    let is = |id: NodeId, number: f64| (graph.as_number(id) == Some(number)).then_some(());
    let &[_, infinity, sum] = map(graph, id, Function::Select)? else { return None };
    let &[lower, other_tops] = map(graph, sum, Function::Add)? else { return None };
    let &[tops, own] = map(graph, other_tops, Function::Subtract)? else { return None };
    let (axis, lower) = reduced(graph, lower, Reduction::Sum)?;
    let (same_axis, top) = reduced(graph, tops, Reduction::Sum)?;
    let &[is_top, zero, exponential] = map(graph, lower, Function::Select)? else { return None };
    let &[same_test, one, none] = map(graph, top, Function::Select)? else { return None };
    let &[tested, most] = map(graph, is_top, Function::Equal)? else { return None };
    let &[argument] = map(graph, exponential, Function::Exp)? else { return None };
    let of = centered(graph, argument)?;
    [(infinity, f64::INFINITY), (own, 1.0), (zero, 0.0), (one, 1.0), (none, 0.0), (most, 1.0)]
        .into_iter()
        .try_for_each(|(id, number)| is(id, number))?;
    let fits = axis == same_axis && is_top == same_test && tested == exponential;
    (fits && of.axis == axis && of.element == of.argument).then_some(())
}

/// What a function is applied to, if a node is that function.
fn map(graph: &Graph, id: NodeId, wanted: Function) -> Option<&[NodeId]> {
    match graph.node(id) {
        Node::Map(function, of) if *function == wanted => Some(of.as_slice()),
        _ => None,
    }
}

/// The axis and what is reduced, if a node is that reduction.
fn reduced(graph: &Graph, id: NodeId, wanted: Reduction) -> Option<(AxisId, NodeId)> {
    match *graph.node(id) {
        Node::Reduce(reduction, axis, argument) if reduction == wanted => Some((axis, argument)),
        _ => None,
    }
}
