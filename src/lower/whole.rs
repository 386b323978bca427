//! Sums that have code of their own, which goes over axes by itself: products of matrices and running sums.

use super::emit::Emitter;
use crate::graph::{AxisSet, Node, NodeId};

impl Emitter<'_> {
    /// The axes that the code of such a sum goes over; none, if the node is no such sum.
    pub(super) fn own_axes(&self, node: NodeId) -> Option<AxisSet> {
        if !self.is_reduction(node) {
            return None;
        }
        match (self.products.get(node), self.running.get(node)) {
            (Some(product), _) => {
                let indices = product.indices().into_iter();
                Some(indices.fold(AxisSet::EMPTY, AxisSet::with))
            }
            (None, Some(sum)) => Some(sum.axes()),
            (None, None) => None,
        }
    }

    /// What must lie in memory as a whole before that code begins.
    pub(super) fn own_factors(&self, node: NodeId) -> Option<Vec<NodeId>> {
        if !self.is_reduction(node) {
            return None;
        }
        match (self.products.get(node), self.running.get(node)) {
            (Some(product), _) => Some(self.products.stored(product)),
            (None, Some(sum)) => Some(self.running.stored(sum)),
            (None, None) => None,
        }
    }

    /// Only these may have code of their own.
    fn is_reduction(&self, node: NodeId) -> bool {
        matches!(self.graph.node(node), Node::Reduce(..))
    }

    /// Whether a node must lie in memory as a whole.
    pub(super) fn is_in_memory(&self, node: NodeId) -> bool {
        self.products.is_factor(node) || self.running.is_in_memory(node)
    }

    /// Writes the code of such a sum.
    pub(super) fn write_whole(&mut self, node: NodeId) {
        if self.products.get(node).is_some() {
            self.write_product(node);
        } else {
            self.write_running_sum(node);
        }
    }
}
