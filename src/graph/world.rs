//! A small graph for tests: one axis, inputs made as they are needed, nodes written out.

use super::*;
use crate::diagnostic::{FileId, Span};

/// A graph with an axis `K`, and what tests build in it.
pub(crate) struct World {
    pub(crate) graph: Graph,
    pub(crate) axis: AxisId,
}

impl World {
    pub(crate) fn new() -> Self {
        let mut graph = Graph::default();
        let extent = graph.add_extent(Extent::Named("K".into()));
        let axis = graph.declared_axis(extent);
        Self { graph, axis }
    }

    pub(crate) fn input(
        &mut self,
        name: &str,
        role: Role,
        kind: InputKind,
        axes: Vec<AxisId>,
    ) -> InputId {
        let span = Span { file: FileId(0), start: 0, end: 0 };
        let name = name.into();
        let doc = String::new();
        let input = Input { name, doc, role, kind, axes, domain: None, default: None, span };
        self.graph.add_input(input)
    }

    /// A scalar input and its node.
    pub(crate) fn scalar(&mut self, name: &str, role: Role) -> (InputId, NodeId) {
        let input = self.input(name, role, InputKind::Real, vec![]);
        (input, self.graph.intern(Node::Read(input, [].into())))
    }

    /// An input over `K`, and it whole.
    pub(crate) fn vector(&mut self, name: &str, role: Role) -> (InputId, NodeId) {
        let input = self.input(name, role, InputKind::Real, vec![self.axis]);
        let index = self.graph.intern(Node::Index(self.axis));
        (input, self.read(input, index))
    }

    /// An index into `K`.
    pub(crate) fn label(&mut self) -> NodeId {
        let extent = self.graph.axis(self.axis).extent;
        let kind = InputKind::Index { extent, optional: false };
        let input = self.input("label", Role::Target, kind, vec![]);
        self.graph.intern(Node::Read(input, [].into()))
    }

    pub(crate) fn read(&mut self, input: InputId, index: NodeId) -> NodeId {
        self.graph.intern(Node::Read(input, [index].into()))
    }

    pub(crate) fn reduce(&mut self, reduction: Reduction, argument: NodeId) -> NodeId {
        self.graph.reduce(reduction, self.axis, argument)
    }

    /// A node written out.
    pub(crate) fn show(&self, id: NodeId) -> String {
        let of: Vec<String> =
            self.graph.arguments(id).iter().map(|argument| self.show(*argument)).collect();
        match self.graph.node(id) {
            Node::Number(bits) => f64::from_bits(*bits).to_string(),
            Node::Bool(truth) => truth.to_string(),
            Node::Position(position, _) => position.to_string(),
            Node::Size(_) => "size".into(),
            Node::Index(axis) => format!("i{}", axis.index()),
            Node::Read(input, _) => {
                format!("{}[{}]", self.graph.input(*input).name, of.join(", "))
            }
            Node::Map(function, _) => format!("{function:?}({})", of.join(", ")),
            Node::Reduce(reduction, axis, _) => {
                format!("{reduction:?}[i{}]({})", axis.index(), of[0])
            }
            Node::Rename { from, to, .. } => {
                format!("rename[i{} to i{}]({})", from.index(), to.index(), of[0])
            }
        }
    }
}
