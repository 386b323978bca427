//! Numbers between two bounds: `if |x| <= d { x } else { d * sign(x) }`, as the gradients of Huber's loss and its like have it,
//! is the smaller of d and the larger of −d and x.
//!
//! With c that number, the loss itself, `if |x| <= d { x^2 / 2 } else { d * (|x| - d / 2) }`, is `c * (x - c / 2)`: where c is x,
//! half of it is exact, and elsewhere the operations are those of the other side. So not a bit changes but for the sign of
//! zeros. The same goes for multiples of both by a power of two.

use crate::builtins::Function;
use crate::graph::{Graph, Node, NodeId};

/// A selection by whether the size of a number is up to a bound.
struct Cut {
    x: NodeId,
    /// `|x|`
    size: NodeId,
    bound: f64,
    inside: NodeId,
    outside: NodeId,
}

/// The selection in terms of a number between bounds, if it can be written so.
pub(super) fn clamp(graph: &mut Graph, selection: &[NodeId]) -> Option<NodeId> {
    let cut = cut(graph, selection)?;
    let (factor, is_loss) = match slope_factor(graph, &cut) {
        Some(factor) => (factor, false),
        None => (loss_factor(graph, &cut)?, true),
    };
    if factor.abs().log2().fract() != 0.0 {
        return None;
    }
    let [least, most, factor_node] = [-cut.bound, cut.bound, factor].map(|it| graph.number(it));
    let above = graph.map(Function::Max, &[cut.x, least]);
    let mut result = graph.map(Function::Min, &[above, most]);
    if is_loss {
        let two = graph.number(2.0);
        let half = graph.map(Function::Divide, &[result, two]);
        let rest = graph.map(Function::Subtract, &[cut.x, half]);
        result = graph.map(Function::Multiply, &[result, rest]);
    }
    let is_plain = factor == 1.0;
    Some(if is_plain { result } else { graph.map(Function::Multiply, &[factor_node, result]) })
}

fn cut(graph: &Graph, selection: &[NodeId]) -> Option<Cut> {
    let [condition, inside, outside] = *selection else { return None };
    let Node::Map(Function::LessEqual | Function::Less, sides) = graph.node(condition) else {
        return None;
    };
    let [size, bound] = [sides.as_slice()[0], sides.as_slice()[1]];
    let bound = graph.as_number(bound).filter(|bound| *bound > 0.0)?;
    let x = of(graph, Function::Abs, size)?[0];
    Some(Cut { x, size, bound, inside, outside })
}

/// The f of `if |x| <= d { f * x } else { f * d * sign(x) }`.
fn slope_factor(graph: &Graph, cut: &Cut) -> Option<f64> {
    let is_sign = |id| of(graph, Function::Sign, id).is_some_and(|of| of[0] == cut.x);
    let factor = multiple(graph, cut.inside, &|id| id == cut.x)?;
    (multiple(graph, cut.outside, &is_sign)? == factor * cut.bound).then_some(factor)
}

/// The f of `if |x| <= d { f * x^2 / 2 } else { f * d * (|x| - d / 2) }`.
fn loss_factor(graph: &Graph, cut: &Cut) -> Option<f64> {
    let is_side = |id| id == cut.x || id == cut.size;
    let is_square = |id| {
        let power = of(graph, Function::Power, id);
        let product = of(graph, Function::Multiply, id);
        power.is_some_and(|of| is_side(of[0]) && graph.as_number(of[1]) == Some(2.0))
            || product.is_some_and(|of| is_side(of[0]) && of[0] == of[1])
    };
    let is_rest = |id| {
        of(graph, Function::Subtract, id)
            .is_some_and(|of| of[0] == cut.size && graph.as_number(of[1]) == Some(cut.bound / 2.0))
    };
    let factor = 2.0 * multiple(graph, cut.inside, &is_square)?;
    (multiple(graph, cut.outside, &is_rest)? == factor * cut.bound).then_some(factor)
}

/// The arguments of a node that is this function of them.
fn of(graph: &Graph, function: Function, id: NodeId) -> Option<&[NodeId]> {
    match graph.node(id) {
        Node::Map(found, of) if *found == function => Some(of.as_slice()),
        _ => None,
    }
}

/// The number that a node is multiplied by to become this one, if there is such a node in it.
fn multiple(graph: &Graph, id: NodeId, is_it: &dyn Fn(NodeId) -> bool) -> Option<f64> {
    if is_it(id) {
        return Some(1.0);
    }
    if let Some([a, b]) = of(graph, Function::Divide, id) {
        return Some(multiple(graph, *a, is_it)? / graph.as_number(*b)?);
    }
    let [a, b] = of(graph, Function::Multiply, id)? else { return None };
    let side = |a, b| Some(graph.as_number(a)? * multiple(graph, b, is_it)?);
    side(*a, *b).or_else(|| side(*b, *a))
}
