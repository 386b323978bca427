//! Substitution of axes: how arrays are indexed.

use super::{AxisId, AxisSet, Graph, Node, NodeId};
use crate::graph::Type;
use crate::hash::{HashMap, HashSet};

impl Graph {
    /// The array with axes replaced by index nodes, all at once. Axes bound inside are renamed where a
    /// replacement would be captured.
    ///
    /// # Panics
    /// If a replacement is not an index of the axis's extent.
    pub fn substitute(&mut self, root: NodeId, replacements: &[(AxisId, NodeId)]) -> NodeId {
        for (axis, index) in replacements {
            assert_eq!(
                self.ty(*index),
                Type::Index(self.axis(*axis).extent),
                "an index of another axis"
            );
        }
        let replaced = replacements.iter().fold(AxisSet::EMPTY, |set, (axis, _)| set.with(*axis));
        let brought = replacements
            .iter()
            .fold(AxisSet::EMPTY, |set, (_, index)| set.union(self.axes(*index)));
        let mut done: HashMap<NodeId, NodeId> = HashMap::default();
        for id in self.touched(root, replaced) {
            let new = match self.node(id).clone() {
                Node::Index(axis) => replacements
                    .iter()
                    .find(|(replaced, _)| *replaced == axis)
                    .map_or(id, |(_, index)| *index),
                Node::Reduce(reduction, axis, argument)
                    if brought.union(replaced).contains(axis) =>
                {
                    let (fresh, all) = self.avoiding_capture(
                        axis,
                        argument,
                        replacements,
                        brought.union(replaced),
                    );
                    let argument = self.substitute(argument, &all);
                    self.intern(Node::Reduce(reduction, fresh, argument))
                }
                Node::Rename { argument, from, to } => {
                    let index =
                        replacements.iter().find(|(axis, _)| *axis == to).map(|(_, index)| *index);
                    let index = index.unwrap_or_else(|| self.intern(Node::Index(to)));
                    self.substitute(argument, &with_binding(replacements, from, index))
                }
                node => {
                    let node = node.with_arguments(|argument| {
                        done.get(&argument).copied().unwrap_or(argument)
                    });
                    self.intern(node)
                }
            };
            done.insert(id, new);
        }
        done.get(&root).copied().unwrap_or(root)
    }

    /// An axis that may stand for the one that a binder binds, and the replacements that put it there.
    fn avoiding_capture(
        &mut self,
        bound: AxisId,
        body: NodeId,
        replacements: &[(AxisId, NodeId)],
        avoid: AxisSet,
    ) -> (AxisId, Vec<(AxisId, NodeId)>) {
        let fresh = self.index_axis(self.axis(bound).extent, avoid.union(self.axes(body)));
        let index = self.intern(Node::Index(fresh));
        (fresh, with_binding(replacements, bound, index))
    }

    /// The nodes under `root` that have one of the axes free, arguments before their users.
    fn touched(&self, root: NodeId, axes: AxisSet) -> Vec<NodeId> {
        let mut found = Vec::new();
        let mut seen = HashSet::default();
        let mut stack = vec![root];
        while let Some(id) = stack.pop() {
            if self.axes(id).intersection(axes).is_empty() || !seen.insert(id) {
                continue;
            }
            found.push(id);
            stack.extend_from_slice(self.arguments(id));
        }
        found.sort_unstable();
        found
    }
}

/// The replacements as they hold inside of a binder: what it binds is no longer the axis outside.
fn with_binding(
    replacements: &[(AxisId, NodeId)],
    bound: AxisId,
    index: NodeId,
) -> Vec<(AxisId, NodeId)> {
    let mut all: Vec<_> = replacements.iter().filter(|(axis, _)| *axis != bound).copied().collect();
    all.push((bound, index));
    all
}
