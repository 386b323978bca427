//! The order in which axes are looped over: outermost first, as the arrays lie in memory.

use super::Output;
use crate::graph::{AxisId, AxisKind, AxisSet, ExtentId, Graph, Node, NodeId};

/// All axes that the outputs need.
pub(super) fn order_axes(graph: &Graph, outputs: &[Output]) -> Vec<AxisId> {
    let roots: Vec<NodeId> = outputs.iter().map(|output| output.node).collect();
    let axes = outputs.iter().flat_map(|output| output.axes.iter());
    let mut used = axes.fold(AxisSet::EMPTY, |used, axis| used.with(*axis));
    for id in graph.reachable(&roots) {
        used = used.union(graph.axes(id));
        if let Node::Rename { from, .. } = graph.node(id) {
            used = used.with(*from);
        }
    }
    let mut used: Vec<AxisId> = used.iter().collect();
    let extents = order_extents(graph);
    let rank = |axis: &AxisId| {
        let axis_of = graph.axis(*axis);
        let place = extents.iter().position(|extent| *extent == axis_of.extent);
        let number = match axis_of.kind {
            AxisKind::Declared => 0,
            AxisKind::Index(number) => number + 1,
        };
        (place, number)
    };
    used.sort_by_key(rank);
    used
}

/// The extents so that each array has its outer ones before its inner ones, as far as the arrays agree.
fn order_extents(graph: &Graph) -> Vec<ExtentId> {
    let mut before: Vec<(ExtentId, ExtentId)> = Vec::new();
    for input in graph.input_ids() {
        let extents: Vec<ExtentId> =
            graph.input(input).axes.iter().map(|axis| graph.axis(*axis).extent).collect();
        before.extend(
            extents.windows(2).filter(|pair| pair[0] != pair[1]).map(|pair| (pair[0], pair[1])),
        );
    }
    let mut left: Vec<ExtentId> = graph.extent_ids().collect();
    let mut ordered = Vec::new();
    while !left.is_empty() {
        let free = left
            .iter()
            .position(|extent| {
                !before.iter().any(|(outer, inner)| inner == extent && left.contains(outer))
            })
            // Arrays that disagree: the extent that was declared first.
            .unwrap_or(0);
        ordered.push(left.remove(free));
    }
    ordered
}
