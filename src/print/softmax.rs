//! The forms of softmax: `z - logsumexp(z)` with `z` as it stands, or one element of it.

use std::collections::HashSet;

use super::form::View;
use crate::builtins::Reduction;
use crate::graph::{AxisId, AxisSet, Node, NodeId};

/// `softmax(body)`, `log_softmax(body)`, or one element of them.
#[derive(Debug)]
pub(super) struct Softmax {
    pub(super) is_log: bool,
    pub(super) axis: AxisId,
    pub(super) body: NodeId,
    /// The position of the element; none: all of the axis.
    pub(super) element: Option<NodeId>,
    /// Whether the body has no other silent axis.
    pub(super) is_bare: bool,
}

/// How many pairs of nodes are compared before the two sides count as different.
const COMPARISONS: usize = 4096;

impl View<'_> {
    /// The form of `score - total` if `total` is the logsumexp of what `score` is an element of.
    pub(super) fn softmax(
        &self,
        is_log: bool,
        score: NodeId,
        total: NodeId,
        explicit: AxisSet,
    ) -> Option<Softmax> {
        let Node::Reduce(Reduction::LogSumExp, axis, body) = *self.graph.node(total) else {
            return None;
        };
        if !self.can_be_silent(total, explicit) {
            return None;
        }
        let position = self.element_of(score, body, axis)?;
        let is_bare = self.silent(body, explicit.without(axis)) == AxisSet::of(axis);
        let is_all = *self.graph.node(position) == Node::Index(axis) && !explicit.contains(axis);
        let element = (!is_all).then_some(position);
        (is_all || is_bare).then_some(Softmax { is_log, axis, body, element, is_bare })
    }

    /// The position along the axis at which one array is an element of another.
    fn element_of(&self, element: NodeId, array: NodeId, axis: AxisId) -> Option<NodeId> {
        let mut position = None;
        let mut inner = AxisSet::EMPTY;
        let mut seen = HashSet::new();
        let mut stack = vec![(element, array)];
        while let Some((one, all)) = stack.pop() {
            if !self.graph.axes(all).contains(axis) {
                if one != all {
                    return None;
                }
                continue;
            }
            if !seen.insert((one, all)) {
                continue;
            }
            if seen.len() > COMPARISONS {
                return None;
            }
            match (self.graph.node(one), self.graph.node(all)) {
                (_, Node::Index(_)) => {
                    if *position.get_or_insert(one) != one {
                        return None;
                    }
                }
                (Node::Read(a, _), Node::Read(b, _)) if a == b => {}
                (Node::Map(a, _), Node::Map(b, _)) if a == b => {}
                (Node::Reduce(a, i, _), Node::Reduce(b, j, _)) if a == b && i == j => {
                    inner = inner.with(*i);
                }
                _ => return None,
            }
            if !matches!(self.graph.node(all), Node::Index(_)) {
                let pairs = self.graph.arguments(one).iter().zip(self.graph.arguments(all));
                stack.extend(pairs.map(|(one, all)| (*one, *all)));
            }
        }
        // An index that is bound inside would mean another one outside.
        position.filter(|id| self.graph.axes(*id).intersection(inner).is_empty())
    }
}
