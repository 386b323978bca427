//! One element less a logsumexp that it is part of, `x[y] - logsumexp(x)`: the logarithm of a softmax at one place.
//!
//! Its derivative in `x` is `one_hot(y) - softmax(x)`, as one adjoint of `x`. Two adjoints, one for the element and one
//! for the logsumexp, would meet only further down, in other forms, where their difference has lost its digits.

use super::{Adjoint, Reverse};
use crate::builtins::{Function, Reduction};
use crate::graph::{AxisId, Graph, Node, NodeId};
use crate::rewrite::ranges::place_in;

/// An element beside the logsumexp of the array that it belongs to.
struct Element {
    /// The logsumexp.
    total: NodeId,
    /// The axis that it binds.
    axis: AxisId,
    /// What the exponentials are of; −∞ where it is filtered out.
    body: NodeId,
    /// The array that the element belongs to, and the filter of the logsumexp.
    array: NodeId,
    filter: Option<NodeId>,
    /// Where the element stands along the axis.
    place: NodeId,
}

impl Reverse<'_> {
    /// `a - b`
    pub(super) fn step_difference(&mut self, id: NodeId, a: NodeId, b: NodeId, adjoint: Adjoint) {
        let graph = &mut *self.calculus.graph;
        let (element, is_log) = match (element_of(graph, id, a, b), element_of(graph, id, b, a)) {
            (Some(element), _) => (element, true),
            (None, Some(element)) => (element, false),
            (None, None) => return self.step_by_table(id, Function::Subtract, &[a, b], adjoint),
        };
        let log = graph.map(Function::Subtract, &[element.body, element.total]);
        let share = graph.map(Function::Exp, &[log]);
        let index = graph.intern(Node::Index(element.axis));
        let is_here = graph.map(Function::Equal, &[index, element.place]);
        let [zero, one] = [0.0, 1.0].map(|value| graph.number(value));
        let here = graph.select(is_here, one, zero);
        let sides = if is_log { [here, share] } else { [share, here] };
        let local = graph.map(Function::Subtract, &sides);
        let counts = element.filter.map(|filter| graph.map(Function::Or, &[filter, is_here]));
        let adjoint = self.calculus.scaled(adjoint, local);
        let adjoint = match counts {
            Some(counts) => self.calculus.guarded(adjoint, counts),
            None => adjoint,
        };
        self.give(id, element.array, adjoint);
    }
}

/// What `part` is of the logsumexp `total`; none, if it is no single element, or the place varies apart from the array.
fn element_of(graph: &Graph, id: NodeId, part: NodeId, total: NodeId) -> Option<Element> {
    let Node::Reduce(Reduction::LogSumExp, axis, body) = *graph.node(total) else { return None };
    let (array, filter) = match *graph.node(body) {
        Node::Map(Function::Select, of)
            if graph.as_number(of.as_slice()[2]) == Some(f64::NEG_INFINITY) =>
        {
            (of.as_slice()[1], Some(of.as_slice()[0]))
        }
        _ => (body, None),
    };
    let place = place_in(graph, part, array, axis)?;
    let is_single = graph.axes(place).is_subset_of(graph.axes(body))
        && !graph.axes(id).contains(axis)
        && graph.axes(array).contains(axis);
    is_single.then_some(Element { total, axis, body, array, filter, place })
}
