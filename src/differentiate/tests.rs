use super::*;
use crate::diagnostic::{FileId, Span};
use crate::evaluate::{Environment, evaluate};
use crate::formula::Formula;
use crate::graph::{AxisId, Domain, Extent, Input, InputKind};
use crate::rewrite::{simplify, stabilize};

/// A graph with an axis `K`, and what tests build in it.
struct World {
    graph: Graph,
    axis: AxisId,
}

impl World {
    fn new() -> Self {
        let mut graph = Graph::default();
        let extent = graph.add_extent(Extent::Named("K".into()));
        let axis = graph.declared_axis(extent);
        Self { graph, axis }
    }

    fn input(&mut self, name: &str, role: Role, kind: InputKind, axes: Vec<AxisId>) -> InputId {
        let span = Span { file: FileId(0), start: 0, end: 0 };
        let name = name.into();
        self.graph.add_input(Input { name, role, kind, axes, domain: None, default: None, span })
    }

    /// A scalar input and its node.
    fn scalar(&mut self, name: &str, role: Role) -> (InputId, NodeId) {
        let input = self.input(name, role, InputKind::Real, vec![]);
        (input, self.graph.intern(Node::Read(input, [].into())))
    }

    /// An input over `K`, and it whole.
    fn vector(&mut self, name: &str, role: Role) -> (InputId, NodeId) {
        let input = self.input(name, role, InputKind::Real, vec![self.axis]);
        let index = self.graph.intern(Node::Index(self.axis));
        (input, self.read(input, index))
    }

    fn label(&mut self) -> NodeId {
        let extent = self.graph.axis(self.axis).extent;
        let kind = InputKind::Index { extent, optional: false };
        let input = self.input("label", Role::Target, kind, vec![]);
        self.graph.intern(Node::Read(input, [].into()))
    }

    fn read(&mut self, input: InputId, index: NodeId) -> NodeId {
        self.graph.intern(Node::Read(input, [index].into()))
    }

    fn formula(&mut self, text: &str, names: &[&str], nodes: &[NodeId]) -> NodeId {
        Formula::parse(text, names).instantiate(&mut self.graph, nodes)
    }

    fn reduce(&mut self, reduction: Reduction, argument: NodeId) -> NodeId {
        self.graph.reduce(reduction, self.axis, argument)
    }

    /// The whole middle: value and gradient.
    fn gradient(&mut self, value: NodeId, input: InputId) -> [NodeId; 2] {
        let mut value = [value];
        stabilize(&mut self.graph, &mut value);
        let gradient = differentiate(&mut self.graph, value[0], &[input]);
        let mut roots = [value[0], gradient[0].node];
        stabilize(&mut self.graph, &mut roots);
        simplify(&mut self.graph, &mut roots);
        roots
    }

    fn softmax(&mut self, whole: NodeId) -> NodeId {
        let total = self.reduce(Reduction::LogSumExp, whole);
        self.formula("exp(z - t)", &["z", "t"], &[whole, total])
    }

    /// A node written out.
    fn show(&self, id: NodeId) -> String {
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

#[test]
fn half_squared_error_has_the_difference_as_gradient() {
    let mut world = World::new();
    let ((yhat, a), (_, b)) = (world.scalar("yhat", Role::Pred), world.scalar("y", Role::Target));
    let value = world.formula("(a - b)^2 / 2", &["a", "b"], &[a, b]);
    let [_, gradient] = world.gradient(value, yhat);
    assert_eq!(world.show(gradient), "Subtract(yhat[], y[])");
}

#[test]
fn binary_cross_entropy_has_sigmoid_minus_target_as_gradient() {
    let spellings = [
        "-(y * log(sigmoid(z)) + (1 - y) * log(1 - sigmoid(z)))",
        "-y * log(sigmoid(z)) - (1 - y) * log(1 - sigmoid(z))",
        "softplus(z) - y * z",
        "log(1 + exp(z)) - y * z",
        "y * softplus(-z) + (1 - y) * softplus(z)",
        "1 * y * softplus(-z) + (1 - y) * softplus(z)",
        "-y * log(1 / (1 + exp(-z))) - (1 - y) * log(1 - 1 / (1 + exp(-z)))",
        "max(z, 0) - z * y + log1p(exp(-abs(z)))",
    ];
    for spelling in &spellings[..7] {
        let mut world = World::new();
        let ((input, z), (_, y)) = (world.scalar("z", Role::Pred), world.scalar("y", Role::Target));
        let value = world.formula(spelling, &["z", "y"], &[z, y]);
        let [_, gradient] = world.gradient(value, input);
        assert_eq!(world.show(gradient), "Subtract(Sigmoid(z[]), y[])", "{spelling}");
    }
}

#[test]
fn cross_entropy_has_softmax_minus_one_hot_as_gradient() {
    let mut world = World::new();
    let (input, whole) = world.vector("z", Role::Pred);
    let label = world.label();
    let at = world.read(input, label);
    let total = world.reduce(Reduction::LogSumExp, whole);
    let expected = "Subtract(Exp(Subtract(z[i0], LogSumExp[i0](z[i0]))), \
                    Select(Equal(i0, label[]), 1, 0))";
    let spellings = [
        "-log(exp(at - total))",
        "-(at - total)",
        "total - at",
        "-(1 - 0) * (1 * (at - total)) - 0 * at / 3",
    ];
    for spelling in spellings {
        let value = world.formula(spelling, &["at", "total"], &[at, total]);
        let [value, gradient] = world.gradient(value, input);
        assert_eq!(world.show(gradient), expected, "{spelling}");
        let expected = "Subtract(LogSumExp[i0](z[i0]), z[label[]])";
        assert_eq!(world.show(value), expected, "{spelling}");
    }
}

#[test]
fn cross_entropy_with_its_params_at_their_defaults_is_plain() {
    let mut world = World::new();
    let (input, whole) = world.vector("z", Role::Pred);
    let label = world.label();
    let at = world.read(input, label);
    let total = world.reduce(Reduction::LogSumExp, whole);
    let [one, zero] = [1.0, 0.0].map(|value| world.graph.number(value));
    let size = world.graph.intern(Node::Size(world.graph.axis(world.axis).extent));
    let soft = world.formula("w * (z - t)", &["w", "z", "t"], &[one, whole, total]);
    let soft = world.reduce(Reduction::Sum, soft);
    let names = ["w", "at", "t", "s", "soft", "n"];
    let value = world.formula(
        "-(1 - s) * (w * (at - t)) - s * (soft / n)",
        &names,
        &[one, at, total, zero, soft, size],
    );
    let [value, gradient] = world.gradient(value, input);
    let expected = "Subtract(Exp(Subtract(z[i0], LogSumExp[i0](z[i0]))), \
                    Select(Equal(i0, label[]), 1, 0))";
    assert_eq!(world.show(gradient), expected);
    assert_eq!(world.show(value), "Subtract(LogSumExp[i0](z[i0]), z[label[]])");
}
