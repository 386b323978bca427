//! What the nodes of a graph become in a pass over it.

use std::ops::Index;

use super::{Graph, NodeId};

/// What each node has become, arguments before their users.
pub(crate) struct Moved(Vec<Option<NodeId>>);

impl Moved {
    /// Nothing yet of a graph.
    pub(crate) fn of(graph: &Graph) -> Self {
        Self(vec![None; graph.len()])
    }

    /// Notes what a node becomes.
    pub(crate) fn insert(&mut self, id: NodeId, new: NodeId) {
        if self.0.len() <= id.index() {
            self.0.resize(id.index() + 1, None);
        }
        self.0[id.index()] = Some(new);
    }

    /// What a node has become, if it was met.
    pub(crate) fn get(&self, id: NodeId) -> Option<NodeId> {
        *self.0.get(id.index())?
    }
}

impl Index<NodeId> for Moved {
    type Output = NodeId;

    fn index(&self, id: NodeId) -> &NodeId {
        self.0[id.index()].as_ref().expect("arguments are met before their users")
    }
}
