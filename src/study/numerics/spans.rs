//! Where nodes were written: in come a checked loss, its stabilized graph and what stabilizing did, out come places.

use crate::diagnostic::Span;
use crate::graph::{Graph, Node, NodeId};
use crate::model::Model;
use crate::rewrite::Trace;

/// The places of nodes; what rewriting made has the place of what it replaced.
#[derive(Debug)]
pub(super) struct Spans {
    spans: Vec<Option<Span>>,
}

impl Spans {
    /// For a graph that has been stabilized, and the trace of that.
    pub(super) fn new(model: &Model, graph: &Graph, trace: &Trace) -> Self {
        let mut spans: Vec<Option<Span>> = model.spans.iter().copied().map(Some).collect();
        spans.resize(graph.len(), None);
        let mut spans = Self { spans };
        for (old, new) in &trace.became {
            if let Some(span) = spans.at(*old) {
                spans.inherit(graph, *new, span);
            }
        }
        spans
    }

    /// Gives a place to a node and to what it needs, down to what has one.
    fn inherit(&mut self, graph: &Graph, node: NodeId, span: Span) {
        let mut open = vec![node];
        while let Some(id) = open.pop() {
            if self.spans[id.index()].is_none() {
                self.spans[id.index()] = Some(span);
                open.extend(graph.arguments(id));
            }
        }
    }

    fn at(&self, node: NodeId) -> Option<Span> {
        self.spans.get(node.index()).copied().flatten()
    }

    /// The place of a node; or of the last thing written that it is computed from.
    pub(super) fn near(&self, graph: &Graph, node: NodeId) -> Option<Span> {
        self.at(node).or_else(|| {
            let needed = graph.reachable(&[node]);
            let is_computed = |id: &NodeId| {
                matches!(graph.node(*id), Node::Map(..) | Node::Reduce(..))
                    && self.at(*id).is_some()
            };
            let last = needed
                .iter()
                .rev()
                .find(|id| is_computed(id))
                .or_else(|| needed.iter().rev().find(|id| self.at(**id).is_some()));
            last.and_then(|id| self.at(*id))
        })
    }
}
