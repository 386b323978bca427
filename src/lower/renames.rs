//! Renamed products of a softmax, as products of the softmax along the other axis.
//!
//! In comes `h[j] * p[j]` along `j`, renamed to `k`, where `p[k]` is needed as well; out goes `h[j]`, renamed to `k`, times
//! `p[k]`. So `p` is computed once, and what else is a multiple of `p[k]` is known to be one of the same number.

use crate::builtins::Function;
use crate::graph::{AxisId, Graph, Moved, Node, NodeId};

/// The roots with renames on what is multiplied.
pub(super) fn push_renames(graph: &mut Graph, roots: &[NodeId]) -> Vec<NodeId> {
    let needed = graph.reachable(roots);
    if !needed.iter().any(|id| matches!(graph.node(*id), Node::Rename { .. })) {
        return roots.to_vec();
    }
    let mut moved = Moved::of(graph);
    for id in &needed {
        let found = match *graph.node(*id) {
            Node::Rename { argument, from, to } => {
                pushed(graph, &needed, moved[argument], [from, to])
            }
            _ => None,
        };
        let new = found.unwrap_or_else(|| graph.rebuild(*id, |argument| moved[argument]));
        moved.insert(*id, new);
    }
    roots.iter().map(|root| moved[*root]).collect()
}

/// A product or quotient along another axis, where an exponential in it is needed; none if there is no such one in it.
fn pushed(
    graph: &mut Graph,
    needed: &[NodeId],
    id: NodeId,
    [from, to]: [AxisId; 2],
) -> Option<NodeId> {
    let Node::Map(function, of) = *graph.node(id) else { return None };
    match function {
        Function::Exp => {
            let index = graph.intern(Node::Index(to));
            let there = graph.substitute(id, &[(from, index)]);
            needed.binary_search(&there).is_ok().then_some(there)
        }
        Function::Negate | Function::Multiply | Function::ZeroProduct | Function::Divide => {
            let parts = of.as_slice().iter();
            let found: Vec<Option<NodeId>> =
                parts.map(|part| pushed(graph, needed, *part, [from, to])).collect();
            if found.iter().all(Option::is_none) {
                return None;
            }
            let parts = found.into_iter().zip(of.as_slice()).map(|(found, part)| match found {
                Some(there) => there,
                None if graph.axes(*part).contains(from) => {
                    graph.intern(Node::Rename { argument: *part, from, to })
                }
                None => *part,
            });
            let parts: Vec<NodeId> = parts.collect();
            Some(graph.map(function, &parts))
        }
        _ => None,
    }
}
