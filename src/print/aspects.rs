//! What the surroundings of a node have to respect: which of its axes cannot be printed silently.
//!
//! In come a graph, a root and the nodes that get a `let`; out come two sets for every node under the root.
//! Both are unions over what the node contains, so that one pass over the nodes finds them.

use std::collections::HashMap;

use crate::builtins::Function;
use crate::graph::{AxisId, AxisKind, AxisSet, Graph, Node, NodeId};

/// The nodes that are printed by a name of their own, each with the order of its axes.
pub(super) type Shared = HashMap<NodeId, Vec<AxisId>>;

/// What a node asks of the axes that are free in it. Only declared axes matter: others have an index always.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Aspect {
    /// The axes that need an index.
    pub(super) forced: AxisSet,
    /// The axes that need an index when one of the other declared axes has one: in `x[n, f]` the index `f`
    /// cannot stand without `n`.
    pub(super) leading: AxisSet,
}

/// The aspects of all nodes under a root.
#[derive(Debug)]
pub(super) struct Aspects {
    own: Vec<Aspect>,
}

impl Aspects {
    pub(super) fn of(graph: &Graph, root: NodeId, shared: &Shared) -> Self {
        let mut all = Self { own: vec![Aspect::default(); root.index() + 1] };
        for id in graph.reachable(&[root]) {
            let mut aspect = all.look_at(graph, id, shared);
            aspect.leading = aspect.leading.intersection(graph.axes(id));
            if !aspect.forced.is_empty() {
                aspect.forced = aspect.forced.union(aspect.leading);
            }
            all.own[id.index()] = aspect;
        }
        all
    }

    /// The aspect of a node that is printed in full.
    pub(super) fn in_full(&self, id: NodeId) -> Aspect {
        self.own[id.index()]
    }

    /// The aspect of a node where it is used: of its name if it has one.
    pub(super) fn in_use(&self, graph: &Graph, id: NodeId, shared: &Shared) -> Aspect {
        let Some(order) = shared.get(&id) else { return self.in_full(id) };
        Aspect { forced: AxisSet::EMPTY, leading: all_but_last(graph, order.iter().copied()) }
    }

    fn look_at(&self, graph: &Graph, id: NodeId, shared: &Shared) -> Aspect {
        let join = |ids: &[NodeId]| {
            ids.iter().fold(Aspect::default(), |joined, id| {
                let aspect = self.in_use(graph, *id, shared);
                Aspect {
                    forced: joined.forced.union(aspect.forced),
                    leading: joined.leading.union(aspect.leading),
                }
            })
        };
        match graph.node(id) {
            Node::Number(_) | Node::Bool(_) | Node::Position(..) | Node::Size(_) => {
                Aspect::default()
            }
            Node::Index(axis) => {
                Aspect { forced: declared(graph, AxisSet::of(*axis)), leading: AxisSet::EMPTY }
            }
            Node::Read(_, subscripts) => {
                let start = whole_from(graph, subscripts);
                let mut aspect = join(&subscripts[..start]);
                let silent = subscripts[start..].iter().filter_map(|id| index_of(graph, *id));
                aspect.leading = aspect.leading.union(all_but_last(graph, silent));
                aspect
            }
            Node::Map(_, arguments) => {
                if let Some(label) = one_hot_label(graph, id) {
                    return join(&[label.1]);
                }
                let mut aspect = join(arguments.as_slice());
                if !is_aligned(graph, arguments.as_slice(), aspect.forced) {
                    aspect.forced = declared(graph, graph.axes(id));
                }
                aspect
            }
            Node::Reduce(_, axis, argument) => {
                let aspect = join(&[*argument]);
                Aspect {
                    forced: aspect.forced.without(*axis),
                    leading: aspect.leading.without(*axis),
                }
            }
            Node::Rename { .. } => unreachable!("renames are substituted away before printing"),
        }
    }
}

/// Those of the axes that arrays declare.
pub(super) fn declared(graph: &Graph, axes: AxisSet) -> AxisSet {
    axes.iter()
        .filter(|axis| graph.axis(*axis).kind == AxisKind::Declared)
        .fold(AxisSet::EMPTY, AxisSet::with)
}

/// The axis whose position a node is.
pub(super) fn index_of(graph: &Graph, id: NodeId) -> Option<AxisId> {
    match graph.node(id) {
        Node::Index(axis) => Some(*axis),
        _ => None,
    }
}

/// From which subscript on an array is read whole: different declared axes and nothing else.
pub(super) fn whole_from(graph: &Graph, subscripts: &[NodeId]) -> usize {
    let mut seen = AxisSet::EMPTY;
    let mut start = subscripts.len();
    while start > 0 {
        let axis = index_of(graph, subscripts[start - 1]);
        let Some(axis) = axis.filter(|axis| graph.axis(*axis).kind == AxisKind::Declared) else {
            break;
        };
        if seen.contains(axis) {
            break;
        }
        seen = seen.with(axis);
        start -= 1;
    }
    start
}

/// The axis and the label of `if k == label { 1 } else { 0 }` along a declared axis `k`.
pub(super) fn one_hot_label(graph: &Graph, id: NodeId) -> Option<(AxisId, NodeId)> {
    let Node::Map(Function::Select, arguments) = graph.node(id) else { return None };
    let [condition, one, zero] = *arguments.as_slice() else { return None };
    let is_number =
        |id, number: f64| graph.as_number(id).map(f64::to_bits) == Some(number.to_bits());
    let Node::Map(Function::Equal, sides) = graph.node(condition) else { return None };
    if !is_number(one, 1.0) || !is_number(zero, 0.0) {
        return None;
    }
    let [a, b] = *sides.as_slice() else { return None };
    [(a, b), (b, a)].into_iter().find_map(|(position, label)| {
        let axis = index_of(graph, position)?;
        let is_one_hot = graph.axis(axis).kind == AxisKind::Declared
            && !graph.axes(label).contains(axis)
            && !matches!(graph.node(label), Node::Position(..));
        is_one_hot.then_some((axis, label))
    })
}

fn all_but_last(graph: &Graph, axes: impl Iterator<Item = AxisId>) -> AxisSet {
    let axes: Vec<AxisId> = axes.collect();
    let leading = axes.split_last().map_or(&[][..], |(_, leading)| leading);
    declared(graph, leading.iter().fold(AxisSet::EMPTY, |set, axis| set.with(*axis)))
}

/// Whether the silent axes of one argument contain those of all others, as the language demands.
fn is_aligned(graph: &Graph, arguments: &[NodeId], forced: AxisSet) -> bool {
    let silent = |id: &NodeId| declared(graph, graph.axes(*id)).minus(forced);
    let widest = arguments.iter().map(silent).max_by_key(|axes| axes.len()).unwrap_or_default();
    arguments.iter().all(|id| silent(id).is_subset_of(widest))
}
