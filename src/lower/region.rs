//! The nodes of a term that depend on each of some axes.

use crate::builtins::Function;
use crate::graph::{AxisSet, Graph, Node, NodeId};

/// The nodes under a root with these axes, arguments before their users.
pub(super) fn region(graph: &Graph, root: NodeId, axes: AxisSet) -> Vec<NodeId> {
    let mut found = Vec::new();
    if !axes.is_subset_of(graph.axes(root)) {
        return found;
    }
    let mut needed = vec![false; root.index() + 1];
    needed[root.index()] = true;
    let mut open = 1_usize;
    for index in (0..needed.len()).rev() {
        if !needed[index] {
            continue;
        }
        let id = NodeId::from_index(index);
        found.push(id);
        open -= 1;
        if let Node::Map(..) | Node::Reduce(..) = graph.node(id) {
            for argument in graph.arguments(id) {
                let is_new = !needed[argument.index()] && axes.is_subset_of(graph.axes(*argument));
                needed[argument.index()] |= is_new;
                open += usize::from(is_new);
            }
        }
        if open == 0 {
            break;
        }
    }
    found.reverse();
    found
}

/// Whether a term has the axes of its region whatever its comparisons and conditions come to: they choose between what
/// has them on either side.
pub(super) fn is_inseparable(graph: &Graph, term: NodeId, region: &[NodeId]) -> bool {
    let mut kept = vec![false; term.index() + 1];
    for id in region {
        let is_kept = |id: &NodeId| kept[id.index()];
        kept[id.index()] = match graph.node(*id) {
            Node::Map(function, of) => match (function, of.as_slice()) {
                (Function::Select, [_, sides @ ..]) => sides.iter().all(is_kept),
                (Function::And | Function::Or, of) => of.iter().all(is_kept),
                // Nothing is left of a product with 0.
                (Function::ZeroProduct, of) => is_kept(&of[0]),
                (_, of) => of.iter().any(is_kept),
            },
            Node::Reduce(_, _, argument) => is_kept(argument),
            _ => true,
        };
    }
    kept[term.index()]
}
