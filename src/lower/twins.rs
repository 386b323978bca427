//! The same array along two axes of one extent: computed along one of them, read along the other.
//!
//! In come `f[i]` and `f[j]`, where `i` and `j` run over the same extent and `f` is made of reductions: means, norms or
//! largest elements of what stands on both sides of pairs. Out goes the second of them as the first one renamed.

use std::hash::{Hash, Hasher};

use super::pairs::Pairs;
use super::product::Products;
use crate::graph::{AxisId, AxisSet, ExtentId, Graph, Node, NodeId, Type};
use crate::hash::{HashMap, IdHasher};

/// The roots with each array computed along one axis; products of matrices and sums over pairs go with them.
pub(super) fn share_twins(
    graph: &mut Graph,
    roots: &[NodeId],
    axes: &[AxisId],
    (products, pairs): (&mut Products, &mut Pairs),
) -> Vec<NodeId> {
    let extent = |axis: &AxisId| graph.axis(*axis).extent;
    let has_two = |at: usize| axes[..at].iter().any(|before| extent(before) == extent(&axes[at]));
    if !(0..axes.len()).any(has_two) {
        return roots.to_vec();
    }
    let needed = graph.reachable(roots);
    let twins = find_twins(graph, &needed, products);
    if twins.is_empty() {
        return roots.to_vec();
    }
    let mut moved: HashMap<NodeId, NodeId> = HashMap::default();
    for id in needed {
        let new = match twins.get(&id) {
            Some(Twin { of, from, to }) => {
                graph.intern(Node::Rename { argument: moved[of], from: *from, to: *to })
            }
            None => graph.rebuild(id, |argument| moved[&argument]),
        };
        moved.insert(id, new);
    }
    products.move_nodes(&moved);
    pairs.move_terms(&moved);
    roots.iter().map(|root| moved[root]).collect()
}

/// An array that is another one under another axis name.
struct Twin {
    of: NodeId,
    from: AxisId,
    to: AxisId,
}

/// Nodes that are others, which stand in front of them, under another axis name.
fn find_twins(graph: &mut Graph, needed: &[NodeId], products: &Products) -> HashMap<NodeId, Twin> {
    let mut shapes = vec![0; graph.len()];
    let mut is_reduced = vec![false; graph.len()];
    let mut alike: HashMap<u64, Vec<NodeId>> = HashMap::default();
    let mut twins = HashMap::default();
    for id in needed {
        shapes[id.index()] = shape(graph, &shapes, *id);
        let own = graph.axes(*id);
        let is_made_of_reductions = match graph.node(*id) {
            // Products of matrices are what they are in memory.
            Node::Reduce(..) => products.get(*id).is_none(),
            Node::Map(_, of) => {
                of.as_slice().iter().any(|it| is_reduced[it.index()] && graph.axes(*it) == own)
            }
            _ => false,
        };
        if !is_made_of_reductions || own.is_empty() || graph.ty(*id) != Type::Real {
            continue;
        }
        is_reduced[id.index()] = true;
        let known = alike.entry(shapes[id.index()]).or_default();
        match known.iter().find_map(|other| twin(graph, *other, *id)) {
            Some(twin) => drop(twins.insert(*id, twin)),
            None => known.push(*id),
        }
    }
    twins
}

/// A number that is the same for arrays that differ in the names of their axes only.
fn shape(graph: &Graph, shapes: &[u64], id: NodeId) -> u64 {
    let mut hasher = IdHasher::default();
    let extent = |axis: &AxisId| -> ExtentId { graph.axis(*axis).extent };
    match graph.node(id) {
        Node::Index(axis) => extent(axis).hash(&mut hasher),
        Node::Read(input, _) => input.hash(&mut hasher),
        Node::Map(function, _) => function.hash(&mut hasher),
        Node::Reduce(reduction, axis, _) => (reduction, extent(axis)).hash(&mut hasher),
        // A renamed array is the array.
        Node::Rename { argument, .. } => return shapes[argument.index()],
        node => node.hash(&mut hasher),
    }
    for argument in graph.arguments(id) {
        hasher.write_u64(shapes[argument.index()]);
    }
    hasher.finish()
}

/// A node as another one under another axis name, if it is that.
fn twin(graph: &mut Graph, of: NodeId, id: NodeId) -> Option<Twin> {
    let [from, to] = [(of, id), (id, of)].map(|(a, b)| graph.axes(a).minus(graph.axes(b)));
    let [from, to] = [sole(from)?, sole(to)?];
    if graph.axis(from).extent != graph.axis(to).extent {
        return None;
    }
    let index = graph.intern(Node::Index(from));
    (graph.substitute(id, &[(to, index)]) == of).then_some(Twin { of, from, to })
}

/// The only axis of a set.
fn sole(axes: AxisSet) -> Option<AxisId> {
    let mut axes = axes.iter();
    let first = axes.next();
    first.filter(|_| axes.next().is_none())
}
