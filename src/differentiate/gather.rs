//! Gradients along the memory of an input: in come the adjoints of the places where it is read, out comes one array
//! over its declared axes.

use crate::builtins::{Function, Reduction};
use crate::differentiate::Gradient;
use crate::graph::{AxisId, AxisSet, Graph, InputId, Node, NodeId};

/// The gradient in an input: the adjoints of its reads, each put where it was read from, added.
pub(super) fn gather(graph: &mut Graph, input: InputId, reads: &[(NodeId, NodeId)]) -> Gradient {
    let axes = target_axes(graph, input);
    let mut total: Option<NodeId> = None;
    for (read, adjoint) in reads {
        let Node::Read(own, subscripts) = graph.node(*read).clone() else { continue };
        if own != input {
            continue;
        }
        let part = scatter(graph, &subscripts, &axes, *adjoint);
        total = Some(match total {
            Some(total) => graph.map(Function::Add, &[total, part]),
            None => part,
        });
    }
    let node = total.unwrap_or_else(|| graph.number(0.0));
    Gradient { node, axes }
}

/// The declared axes, each once: the second of a kind is a new axis of the same extent.
fn target_axes(graph: &mut Graph, input: InputId) -> Vec<AxisId> {
    let declared = graph.input(input).axes.clone();
    let all = declared.iter().fold(AxisSet::EMPTY, |set, axis| set.with(*axis));
    let mut axes: Vec<AxisId> = Vec::with_capacity(declared.len());
    for axis in declared {
        let axis = if axes.contains(&axis) {
            let avoid = axes.iter().fold(all, |set, axis| set.with(*axis));
            graph.index_axis(graph.axis(axis).extent, avoid)
        } else {
            axis
        };
        axes.push(axis);
    }
    axes
}

/// The adjoint of one read along the axes of the input, 0 where that read did not look.
fn scatter(
    graph: &mut Graph,
    subscripts: &[NodeId],
    targets: &[AxisId],
    adjoint: NodeId,
) -> NodeId {
    let mut used = subscripts
        .iter()
        .fold(graph.axes(adjoint), |set, subscript| set.union(graph.axes(*subscript)));
    let (mut kept, mut brought) = (AxisSet::EMPTY, AxisSet::EMPTY);
    let mut moves: Vec<(AxisId, AxisId)> = Vec::new();
    let mut condition: Option<NodeId> = None;
    for (subscript, target) in subscripts.iter().zip(targets) {
        // An index that has not been met stays as an axis; any other subscript is compared with.
        if let Node::Index(axis) = *graph.node(*subscript)
            && !kept.contains(axis)
        {
            kept = kept.with(axis);
            moves.push((axis, *target));
            continue;
        }
        brought = brought.union(graph.axes(*subscript));
        let axis = if used.contains(*target) {
            let avoid = targets.iter().fold(used, |set, axis| set.with(*axis));
            graph.index_axis(graph.axis(*target).extent, avoid)
        } else {
            *target
        };
        used = used.with(axis);
        moves.push((axis, *target));
        let index = graph.intern(Node::Index(axis));
        let is_here = graph.map(Function::Equal, &[index, *subscript]);
        condition = Some(match condition {
            Some(condition) => graph.map(Function::And, &[condition, is_here]),
            None => is_here,
        });
    }
    let mut part = adjoint;
    if let Some(condition) = condition {
        let zero = graph.number(0.0);
        part = graph.select(condition, adjoint, zero);
    }
    for axis in brought.minus(kept).iter() {
        part = graph.reduce(Reduction::Sum, axis, part);
    }
    rename_all(graph, part, moves)
}

/// The array with axes renamed all at once.
fn rename_all(graph: &mut Graph, array: NodeId, mut moves: Vec<(AxisId, AxisId)>) -> NodeId {
    let mut array = array;
    moves.retain(|(from, to)| from != to && graph.axes(array).contains(*from));
    while !moves.is_empty() {
        let axes = graph.axes(array);
        let free = moves.iter().position(|(_, to)| !axes.contains(*to));
        let (from, to) = if let Some(at) = free {
            moves.remove(at)
        } else {
            // All that are left change places with each other: one of them steps aside.
            let (from, _) = moves[0];
            let avoid = moves.iter().fold(axes, |set, (_, to)| set.with(*to));
            let aside = graph.index_axis(graph.axis(from).extent, avoid);
            moves[0].0 = aside;
            (from, aside)
        };
        array = graph.intern(Node::Rename { argument: array, from, to });
    }
    array
}
