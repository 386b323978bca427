//! Numbers between two bounds: `if |x| <= d { x } else { d * sign(x) }`, as the gradients of Huber's loss and its like have it,
//! is the smaller of d and the larger of −d and x.

use crate::builtins::Function;
use crate::graph::{Graph, Node, NodeId};

/// The selection as a number between bounds, if it is one.
pub(super) fn clamp(graph: &mut Graph, selection: &[NodeId]) -> Option<NodeId> {
    let [condition, inside, outside] = *selection else { return None };
    let Node::Map(Function::LessEqual | Function::Less, sides) = *graph.node(condition) else {
        return None;
    };
    let [size, bound] = [sides.as_slice()[0], sides.as_slice()[1]];
    let number = graph.as_number(bound).filter(|number| *number > 0.0)?;
    let is_size =
        matches!(graph.node(size), Node::Map(Function::Abs, of) if of.as_slice()[0] == inside);
    if !is_size || multiple_of_sign(graph, outside, inside)? != number {
        return None;
    }
    let least = graph.number(-number);
    let above = graph.map(Function::Max, &[inside, least]);
    Some(graph.map(Function::Min, &[above, bound]))
}

/// The number that the sign of x is multiplied by.
fn multiple_of_sign(graph: &Graph, id: NodeId, x: NodeId) -> Option<f64> {
    let Node::Map(function, of) = graph.node(id) else { return None };
    match (function, of.as_slice()) {
        (Function::Sign, [of]) => (*of == x).then_some(1.0),
        (Function::Multiply, [a, b]) => {
            let side = |a, b| Some(graph.as_number(a)? * multiple_of_sign(graph, b, x)?);
            side(*a, *b).or_else(|| side(*b, *a))
        }
        _ => None,
    }
}
