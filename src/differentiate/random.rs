//! Derivatives against central differences: of every function of the table, and of random graphs.

use super::*;
use crate::builtins::FUNCTIONS;
use crate::evaluate::{Environment, evaluate};
use crate::formula::Formula;
use crate::graph::InputKind;
use crate::graph::world::World;
use crate::rewrite::{simplify, stabilize};
use proptest::prelude::*;

/// How long the axis is.
const LENGTH: usize = 3;

/// The derivative of a value by differences, unless there is a kink nearby.
fn difference(f: impl Fn(f64) -> f64) -> Option<f64> {
    // Richardson's extrapolation of two central differences.
    let central = |h: f64| (f(h) - f(-h)) / (2.0 * h);
    let coarse = (4.0 * central(1e-4) - central(2e-4)) / 3.0;
    let fine = (4.0 * central(5e-5) - central(1e-4)) / 3.0;
    let one_sided = |h: f64| (f(h) - f(0.0)) / h;
    let smooth = (coarse - fine).abs() <= 1e-7 * (1.0 + fine.abs())
        && (one_sided(1e-7) - one_sided(-1e-7)).abs() <= 1e-4 * (1.0 + fine.abs());
    (smooth && fine.is_finite()).then_some(fine)
}

#[test]
fn the_derivative_of_every_function_is_the_limit_of_its_differences() {
    for row in FUNCTIONS.iter().filter(|row| !row.name.is_empty()) {
        let mut world = World::new();
        let (inputs, nodes): (Vec<InputId>, Vec<NodeId>) =
            row.arguments.iter().map(|name| world.scalar(name, Role::Pred)).unzip();
        let is_of_reals = !matches!(
            row.function,
            Function::And
                | Function::Or
                | Function::Not
                | Function::Real
                | Function::Missing
                | Function::Equal
                | Function::Less
                | Function::LessEqual
                | Function::StopGradient
                | Function::Trigamma
        );
        if !is_of_reals {
            continue;
        }
        let value = world.graph.map(row.function, &nodes);
        let gradients = differentiate(&mut world.graph, value, &inputs);
        let mut compared = 0;
        for point in [0.3, 0.8, 1.7, 2.6, -0.4, -1.3, -3.2] {
            let at: Vec<f64> =
                (0..inputs.len()).map(|index| if index == 0 { point } else { 1.4 }).collect();
            let environment = Environment {
                extents: vec![LENGTH],
                inputs: at.iter().map(|value| vec![*value]).collect(),
            };
            for (index, gradient) in gradients.iter().enumerate() {
                let difference = difference(|h| {
                    let mut at = at.clone();
                    at[index] += h;
                    (row.reference)(&at)
                });
                let Some(difference) = difference else { continue };
                let got = evaluate(&world.graph, &[gradient.node], &environment)[0].data[0];
                let same = (got - difference).abs() <= 1e-7 * (1.0 + got.abs());
                assert!(same, "{} in argument {index} at {at:?}: {got}, {difference}", row.name);
                compared += 1;
            }
        }
        assert!(compared >= 3, "{}: only {compared} points", row.name);
    }
}

/// A random value over the inputs `z[K]`, `w[K]`, `s` and `m[K, K]`.
struct Random {
    world: World,
    inputs: [InputId; 4],
    value: NodeId,
}

/// What a program does with the arrays on its stack, one operation a byte.
struct Builder {
    world: World,
    leaves: Vec<NodeId>,
    stack: Vec<NodeId>,
    matrix: InputId,
    depth: usize,
}

const UNARY: &[&str] = &[
    "tanh(a)",
    "sigmoid(a)",
    "softplus(a)",
    "exp(tanh(a))",
    "sqrt(1 + a * a)",
    "log(1 + a ^ 2)",
    "a ^ 2 / 4",
    "atan(-a)",
    "if a > 0.1 { a / 2 } else { tanh(a) }",
    "abs(a)",
    "clamp(a, -1, 1)",
    "log(1 + exp(a)) - log(sigmoid(a))",
    "1 - sigmoid(a)",
];

const BINARY: &[&str] = &[
    "a + b",
    "a - b",
    "tanh(a) * b",
    "a / (2 + tanh(b))",
    "max(a, b)",
    "min(a, b)",
    "if a < b { tanh(a) } else { b }",
    "zero_product(sigmoid(a), tanh(b))",
    "logaddexp(a, b)",
    "(1 + a * a) ^ tanh(b)",
    "xlogy(sigmoid(a), sigmoid(b))",
    "exp(a) / (exp(a) + exp(b))",
];

impl Builder {
    fn new() -> (Self, [InputId; 4]) {
        let mut world = World::new();
        let (z, whole_z) = world.vector("z", Role::Pred);
        let (w, whole_w) = world.vector("w", Role::Pred);
        let (s, scalar) = world.scalar("s", Role::Pred);
        let axis = world.axis;
        let matrix = world.input("m", Role::Pred, InputKind::Real, vec![axis, axis]);
        let label = world.label();
        let index = world.graph.intern(Node::Index(axis));
        let at_label = world.read(z, label);
        let mut element =
            |subscripts: [NodeId; 2]| world.graph.intern(Node::Read(matrix, subscripts.into()));
        let elements = [element([index, label]), element([index, index]), element([label, index])];
        let mut leaves = vec![whole_z, whole_w, scalar, at_label];
        leaves.extend(elements);
        leaves.push(world.graph.number(0.7));
        let builder = Self { world, leaves, stack: vec![whole_z], matrix, depth: 0 };
        (builder, [z, w, s, matrix])
    }

    fn pop(&mut self) -> NodeId {
        self.stack.pop().unwrap_or(self.leaves[0])
    }

    fn formula(&mut self, text: &str, of: &[NodeId]) -> NodeId {
        Formula::parse(text, &["a", "b"][..of.len()]).instantiate(&mut self.world.graph, of)
    }

    fn step(&mut self, byte: u8) {
        let (kind, choice) = (byte % 5, usize::from(byte / 5));
        let node = match kind {
            0 => self.leaves[choice % self.leaves.len()],
            1 => {
                let a = self.pop();
                self.formula(UNARY[choice % UNARY.len()], &[a])
            }
            2 => {
                let of = [self.pop(), self.pop()];
                self.formula(BINARY[choice % BINARY.len()], &of)
            }
            3 => {
                let a = self.pop();
                self.reduction(choice, a)
            }
            _ => {
                let a = self.pop();
                self.pairs(choice, a)
            }
        };
        self.stack.push(node);
        self.depth += 1;
    }

    fn reduction(&mut self, choice: usize, a: NodeId) -> NodeId {
        match choice % 5 {
            0 => self.world.reduce(Reduction::Sum, a),
            1 => self.world.reduce(Reduction::LogSumExp, a),
            2 => self.world.reduce(Reduction::Max, a),
            3 => {
                let a = self.formula("1 + tanh(a)", &[a]);
                self.world.reduce(Reduction::Product, a)
            }
            _ => {
                let a = self.formula("if a > 0 { a } else { inf }", &[a]);
                let least = self.world.reduce(Reduction::Min, a);
                self.formula("min(a, 9)", &[least])
            }
        }
    }

    /// What is known of each pair of places, joined along one of them.
    fn pairs(&mut self, choice: usize, a: NodeId) -> NodeId {
        let axis = self.world.axis;
        let graph = &mut self.world.graph;
        let other = graph.index_axis(graph.axis(axis).extent, graph.axes(a).with(axis));
        let [here, there] = [axis, other].map(|axis| graph.intern(Node::Index(axis)));
        let b = graph.substitute(a, &[(axis, there)]);
        let order = if choice.is_multiple_of(2) { [here, there] } else { [there, here] };
        let element = graph.intern(Node::Read(self.matrix, order.into()));
        let differs = graph.map(Function::Less, &[here, there]);
        let gap = self.formula("tanh(a - b)", &[a, b]);
        let pair = self.formula("a * b", &[element, gap]);
        let graph = &mut self.world.graph;
        let zero = graph.number(0.0);
        let pair = if choice.is_multiple_of(3) { graph.select(differs, pair, zero) } else { pair };
        let reduction = if choice % 4 < 2 { Reduction::Sum } else { Reduction::LogSumExp };
        let bound = if choice % 5 < 3 { other } else { axis };
        let joined = graph.reduce(reduction, bound, pair);
        if bound == axis { graph.substitute(joined, &[(other, here)]) } else { joined }
    }

    fn finish(mut self) -> (World, NodeId) {
        let mut total = self.world.graph.number(0.0);
        for node in std::mem::take(&mut self.stack) {
            let node = self.formula("tanh(a / 4)", &[node]);
            let node = self.world.reduce(Reduction::Sum, node);
            total = self.world.graph.map(Function::Add, &[total, node]);
        }
        (self.world, total)
    }
}

fn random(program: &[u8]) -> Random {
    let (mut builder, inputs) = Builder::new();
    for byte in program {
        builder.step(*byte);
    }
    let (world, value) = builder.finish();
    Random { world, inputs, value }
}

fn value_at(graph: &Graph, root: NodeId, inputs: Vec<Vec<f64>>) -> f64 {
    evaluate(graph, &[root], &Environment { extents: vec![LENGTH], inputs })[0].data[0]
}

/// Compares all gradients with differences, and says how many elements were compared.
fn compare(program: &[u8], numbers: &[f64], whole_middle: bool) -> Result<usize, TestCaseError> {
    let Random { mut world, inputs, value } = random(program);
    let graph = &mut world.graph;
    let mut roots = vec![value];
    if whole_middle {
        stabilize(graph, &mut roots);
    }
    let gradients = differentiate(graph, roots[0], &inputs);
    roots.extend(gradients.iter().map(|gradient| gradient.node));
    if whole_middle {
        stabilize(graph, &mut roots);
        simplify(graph, &mut roots);
    }
    let point: Vec<Vec<f64>> = vec![
        numbers[..3].to_vec(),
        numbers[3..6].to_vec(),
        numbers[6..7].to_vec(),
        numbers[7..16].to_vec(),
        vec![1.0],
    ];
    let environment = Environment { extents: vec![LENGTH], inputs: point.clone() };
    let arrays = evaluate(graph, &roots, &environment);
    let plain = value_at(graph, value, point.clone());
    prop_assert!((arrays[0].data[0] - plain).abs() <= 1e-9 * (1.0 + plain.abs()));
    let mut compared = 0;
    for (place, (gradient, array)) in gradients.iter().zip(&arrays[1..]).enumerate() {
        let got = array.arranged(graph, &gradient.axes, &environment);
        prop_assert_eq!(got.len(), point[place].len());
        for (element, got) in got.iter().enumerate() {
            let difference = difference(|h| {
                let mut point = point.clone();
                point[place][element] += h;
                value_at(graph, value, point)
            });
            let Some(difference) = difference else { continue };
            let same = (got - difference).abs() <= 1e-5 * (1.0 + got.abs());
            prop_assert!(same, "input {place} [{element}]: {got} is not {difference}");
            compared += 1;
        }
    }
    Ok(compared)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_graphs_have_the_derivative_of_their_differences(
        program in prop::collection::vec(any::<u8>(), 1..14),
        numbers in prop::collection::vec(-2.0..2.0_f64, 16),
        whole_middle in any::<bool>(),
    ) {
        compare(&program, &numbers, whole_middle)?;
    }
}

#[test]
fn the_differences_of_random_graphs_are_mostly_smooth() {
    let numbers: Vec<f64> = (0..16).map(|index| (f64::from(index) * 1.7).sin() * 1.5).collect();
    let programs = (0..60_u8).map(|seed| [seed, seed.wrapping_mul(37), seed.wrapping_mul(11), 3]);
    let compared: usize =
        programs.map(|program| compare(&program, &numbers, true).expect("they agree")).sum();
    assert!(compared > 400, "only {compared} elements were compared");
}
