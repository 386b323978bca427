//! The same array along two axes of one extent: computed along one of them, read along the other.
//!
//! In come `f[i]` and `f[j]`, where `i` and `j` run over the same extent and `f` is made of reductions: means, norms or
//! largest elements of what stands on both sides of pairs. Out goes the second of them as the first one renamed.

use super::pairs::Pairs;
use super::product::Products;
use crate::graph::{AxisId, Graph, Moved, Node, NodeId, Type};
use crate::hash::HashMap;

/// The roots with each array computed along one axis; products of matrices and sums over pairs go with them.
pub(super) fn share_twins(
    graph: &mut Graph,
    roots: &[NodeId],
    axes: &[AxisId],
    (products, pairs): (&mut Products, &mut Pairs),
) -> Vec<NodeId> {
    let extent = |axis: AxisId| graph.axis(axis).extent;
    let names: Vec<[AxisId; 2]> = axes
        .iter()
        .flat_map(|to| axes.iter().map(move |from| [*from, *to]))
        .filter(|[from, to]| from != to && extent(*from) == extent(*to))
        .collect();
    if names.is_empty() {
        return roots.to_vec();
    }
    let needed = graph.reachable(roots);
    let twins = find_twins(graph, &needed, &names, products);
    if twins.is_empty() {
        return roots.to_vec();
    }
    let mut moved = Moved::of(graph);
    for id in needed {
        let new = match twins.get(&id) {
            Some(Twin { of, from, to }) => {
                graph.intern(Node::Rename { argument: moved[*of], from: *from, to: *to })
            }
            None => graph.rebuild(id, |argument| moved[argument]),
        };
        moved.insert(id, new);
    }
    products.move_nodes(&moved);
    pairs.move_terms(&moved);
    roots.iter().map(|root| moved[*root]).collect()
}

/// An array that is another one under another axis name.
struct Twin {
    of: NodeId,
    from: AxisId,
    to: AxisId,
}

/// Nodes that are others, which stand in front of them, under another axis name.
fn find_twins(
    graph: &Graph,
    needed: &[NodeId],
    names: &[[AxisId; 2]],
    products: &Products,
) -> HashMap<NodeId, Twin> {
    let mut is_reduced = vec![false; graph.len()];
    for id in needed {
        let own = graph.axes(*id);
        is_reduced[id.index()] = match graph.node(*id) {
            // Products of matrices are what they are in memory.
            Node::Reduce(..) => products.get(*id).is_none(),
            Node::Map(_, of) => {
                of.as_slice().iter().any(|it| is_reduced[it.index()] && graph.axes(*it) == own)
            }
            _ => false,
        };
    }
    let may_be_twin = |id: NodeId| is_reduced[id.index()] && graph.ty(id) == Type::Real;
    let mut twins = HashMap::default();
    for [from, to] in names.iter().copied() {
        let has_name = |id: NodeId| graph.axes(id).contains(to) && !graph.axes(id).contains(from);
        if !needed.iter().any(|id| may_be_twin(*id) && has_name(*id)) {
            continue;
        }
        let mut known: HashMap<NodeId, NodeId> = HashMap::default();
        for id in needed.iter().copied().filter(|id| has_name(*id)) {
            let Some(of) = under_name(graph, &known, id, [from, to]) else { continue };
            known.insert(id, of);
            if of < id && may_be_twin(id) && needed.binary_search(&of).is_ok() {
                twins.entry(id).or_insert(Twin { of, from, to });
            }
        }
    }
    twins
}

/// The node that a node is if one of its axes has the name of another one that it lacks, where there is such a node; given
/// those of its arguments.
fn under_name(
    graph: &Graph,
    known: &HashMap<NodeId, NodeId>,
    id: NodeId,
    [from, to]: [AxisId; 2],
) -> Option<NodeId> {
    let node = match *graph.node(id) {
        Node::Index(_) => Node::Index(from),
        Node::Rename { argument, from: own, to: name } if name == to => {
            if own == from {
                return Some(argument);
            }
            Node::Rename { argument, from: own, to: from }
        }
        Node::Rename { from: own, .. } if own == from || own == to => return None,
        ref node => {
            let of = |argument: NodeId| {
                let has_name = graph.axes(argument).contains(to);
                if has_name { known.get(&argument).copied() } else { Some(argument) }
            };
            if node.arguments().iter().any(|argument| of(*argument).is_none()) {
                return None;
            }
            node.with_arguments(|argument| of(argument).unwrap_or(argument))
        }
    };
    graph.find(&node)
}
