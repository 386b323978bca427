//! What is not selected does not exist, 0 log 0 is 0, and kinks have one derivative: with poison in every
//! place that should not matter.

use super::*;
use crate::evaluate::{Environment, evaluate};
use crate::formula::Formula;
use crate::graph::world::World;
use crate::rewrite::{simplify, stabilize};

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

/// The gradient in an input, as it is differentiated and as it comes out of the whole middle.
fn gradients(world: &World, value: NodeId, input: InputId, inputs: &[Vec<f64>]) -> [Vec<f64>; 2] {
    let extents = vec![inputs.iter().map(Vec::len).max().expect("there are inputs")];
    let environment = Environment { extents, inputs: inputs.to_vec() };
    [false, true].map(|whole_middle| {
        let mut graph = world.graph.clone();
        let mut value = [value];
        // The guards of products belong to what a program means: they are part of both ways.
        stabilize(&mut graph, &mut value);
        let gradient = differentiate(&mut graph, value[0], &[input]).remove(0);
        let mut roots = [gradient.node];
        if whole_middle {
            stabilize(&mut graph, &mut roots);
            simplify(&mut graph, &mut roots);
        }
        let array = &evaluate(&graph, &roots, &environment)[0];
        array.arranged(&graph, &gradient.axes, &environment)
    })
}

fn is_same(got: f64, expected: f64) -> bool {
    got == expected
        || (got - expected).abs() <= 1e-14 * expected.abs()
        || (got.is_nan() && expected.is_nan())
}

/// Scalar programs over preds `x`, `z` and the param `p`: where, and the derivative in `x` there.
const SCALARS: &[(&str, [f64; 3], f64)] = &[
    // The branch not taken.
    ("if x > 0 { log(x) } else { x }", [0.0, 0.0, 0.0], 1.0),
    ("if x > 0 { log(x) } else { 3 * x }", [-1.0, 0.0, 0.0], 3.0),
    ("if x < 1 { x } else { exp(x * x * x) }", [0.5, 0.0, 0.0], 1.0),
    ("if p > 0 { x / p } else { x }", [2.0, 0.0, 0.0], 1.0),
    ("if p > 0 { z * x } else { 2 * x }", [2.0, NAN, 0.0], 2.0),
    ("(if x > 0 { sqrt(x) } else { 0 }) * z", [0.0, 5.0, 0.0], 0.0),
    ("(if p > 0 { log(x) } else { 0 }) * z + x", [0.0, INF, 0.0], 1.0),
    ("exp(if p > 0 { x * z } else { x })", [0.0, INF, -1.0], 1.0),
    // The side that loses.
    ("max(log(x), -3)", [0.0, 0.0, 0.0], 0.0),
    ("max(x, z / x)", [0.0, -1.0, 0.0], 1.0),
    ("min(exp(x), 7)", [1e4, 0.0, 0.0], 0.0),
    ("clamp(exp(x), 0, 1)", [1e4, 0.0, 0.0], 0.0),
    ("clamp(x, 0, 1)", [0.25, 0.0, 0.0], 1.0),
    ("relu(-exp(x * x))", [1e4, 0.0, 0.0], 0.0),
    // Kinks.
    ("abs(x)", [0.0, 0.0, 0.0], 0.0),
    ("max(0, 1 - x)", [1.0, 0.0, 0.0], 0.0),
    ("relu(x)", [0.0, 0.0, 0.0], 0.0),
    ("max(x, p)", [2.0, 0.0, 2.0], 0.0),
    ("min(p, x)", [2.0, 0.0, 2.0], 0.0),
    ("clamp(x, 0, 1)", [1.0, 0.0, 0.0], 0.0),
    ("max(x, z)", [2.0, 2.0, 0.0], 0.5),
    ("min(x, z)", [2.0, 2.0, 0.0], 0.5),
    ("max(x, 2 * x)", [0.0, 0.0, 0.0], 1.5),
    ("if x <= 0 { x } else { 2 * x }", [0.0, 0.0, 0.0], 1.0),
    ("sqrt(x)", [0.0, 0.0, 0.0], 0.0),
    ("sqrt(x * x + z * z)", [0.0, 0.0, 0.0], 0.0),
    ("3 + sqrt(x * x + z * z)", [3.0, 4.0, 0.0], 0.6),
    ("sqrt(abs(x))", [0.0, 0.0, 0.0], 0.0),
    ("sign(x) + floor(x)", [0.5, 0.0, 0.0], 0.0),
    ("stop_gradient(x) * x", [3.0, 0.0, 0.0], 3.0),
    // 0 log 0.
    ("z * log(x)", [0.0, 0.0, 0.0], 0.0),
    ("z * log(x) * 5", [0.0, 0.0, 0.0], 0.0),
    ("z * (p * log(x))", [0.0, 1.0, 0.0], 0.0),
    ("z * log(x) + (1 - z) * log(1 - x)", [1.0, 1.0, 0.0], 1.0),
    ("-(p * log(sigmoid(x)) + (1 - p) * log(1 - sigmoid(x)))", [1e4, 0.0, 1.0], 0.0),
    ("sigmoid(x) * log(sigmoid(x))", [-INF, 0.0, 0.0], 0.0),
    ("exp(x) * log(exp(x))", [-INF, 0.0, 0.0], 0.0),
    ("xlogy(z, x)", [0.0, 0.0, 0.0], 0.0),
    // Powers.
    ("x ^ p", [0.0, 0.0, 0.0], 0.0),
    ("x ^ p", [0.0, 0.0, 1.0], 1.0),
    ("x ^ p", [0.0, 0.0, 2.0], 0.0),
    ("x ^ 2", [-3.0, 0.0, 0.0], -6.0),
    ("x ^ 5", [-1.0, 0.0, 0.0], 5.0),
    ("x ^ -3", [2.0, 0.0, 0.0], -0.1875),
    ("z ^ x", [2.0, 0.0, 0.0], 0.0),
    ("(1 - sigmoid(x)) ^ p", [1e4, 0.0, 0.0], 0.0),
    ("(1 - sigmoid(x)) ^ p * log(sigmoid(x))", [1e4, 0.0, 2.0], 0.0),
    ("(1 - sigmoid(x)) ^ p * log(sigmoid(x))", [-1e4, 0.0, 2.0], 1.0),
    // Far out.
    ("log(1 + exp(x))", [1e4, 0.0, 0.0], 1.0),
    ("log(exp(x) + exp(z))", [1e4, 1e4, 0.0], 0.5),
    ("log(1 - exp(x))", [-1e-8, 0.0, 0.0], -99_999_999.5),
    ("log(1 - exp(x))", [-1e4, 0.0, 0.0], 0.0),
    ("tanh(x)", [1e4, 0.0, 0.0], 0.0),
];

#[test]
fn scalar_programs_have_the_stated_derivative_at_their_edges() {
    for (text, at, expected) in SCALARS {
        let mut world = World::new();
        let roles = [("x", Role::Pred), ("z", Role::Pred), ("p", Role::Param)];
        let read = roles.map(|(name, role)| world.scalar(name, role));
        let nodes = read.map(|(_, node)| node);
        let value = Formula::parse(text, &["x", "z", "p"]).instantiate(&mut world.graph, &nodes);
        let inputs: Vec<Vec<f64>> = at.iter().map(|value| vec![*value]).collect();
        for got in gradients(&world, value, read[0].0, &inputs) {
            assert!(is_same(got[0], *expected), "{text} at {at:?}: {} is not {expected}", got[0]);
        }
    }
}

/// Programs over the preds `z[K]` and `w[K]`; `a` is what reduces: where, and the derivative in `z`.
type Vectors = (&'static str, Reduction, &'static str, [[f64; 3]; 2], [f64; 3]);

const VECTORS: &[Vectors] = &[
    // What is filtered out.
    (
        "if w > 0 { log(z) } else { 0 }",
        Reduction::Sum,
        "a",
        [[0.0, 2.0, NAN], [0.0, 1.0, -1.0]],
        [0.0, 0.5, 0.0],
    ),
    (
        "if w > 0 { z * z } else { 0 }",
        Reduction::Sum,
        "sqrt(a)",
        [[3.0, INF, NAN], [1.0, 0.0, 0.0]],
        [1.0, 0.0, 0.0],
    ),
    (
        "if w > 0 { 1 / z } else { 1 }",
        Reduction::Product,
        "a",
        [[0.0, 2.0, NAN], [0.0, 1.0, 0.0]],
        [0.0, -0.25, 0.0],
    ),
    (
        "if w > 0 { z } else { -inf }",
        Reduction::LogSumExp,
        "a",
        [[NAN, 2.0, INF], [0.0, 1.0, 0.0]],
        [0.0, 1.0, 0.0],
    ),
    (
        "if w > 0 { z } else { -inf }",
        Reduction::LogSumExp,
        "a",
        [[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]],
        [0.0, 0.0, 0.0],
    ),
    (
        "if w > 0 { exp(z) } else { 0 }",
        Reduction::Sum,
        "log(a)",
        [[NAN, 800.0, 800.0], [0.0, 1.0, 1.0]],
        [0.0, 0.5, 0.5],
    ),
    (
        "if w > 0 { z } else { -inf }",
        Reduction::Max,
        "a",
        [[NAN, 2.0, INF], [0.0, 1.0, 0.0]],
        [0.0, 1.0, 0.0],
    ),
    (
        "if w > 0 { z } else { -inf }",
        Reduction::Max,
        "a",
        [[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]],
        [0.0, 0.0, 0.0],
    ),
    // Ties and zeros.
    ("z", Reduction::Max, "a", [[2.0, 2.0, 1.0], [0.0; 3]], [0.5, 0.5, 0.0]),
    ("z", Reduction::Min, "3 * a", [[2.0, 2.0, 2.0], [0.0; 3]], [1.0, 1.0, 1.0]),
    ("z", Reduction::Product, "a", [[0.0, 2.0, 5.0], [0.0; 3]], [10.0, 0.0, 0.0]),
    ("z", Reduction::Product, "a", [[0.0, 0.0, 5.0], [0.0; 3]], [0.0, 0.0, 0.0]),
    ("z * z", Reduction::Sum, "sqrt(a)", [[0.0; 3], [0.0; 3]], [0.0; 3]),
    // 0 log 0.
    ("w * log(z)", Reduction::Sum, "a", [[0.0, 2.0, 0.0], [0.0, 1.0, 0.0]], [0.0, 0.5, 0.0]),
    (
        "w * (log(w) - log(z))",
        Reduction::Sum,
        "a",
        [[0.0, 2.0, 4.0], [0.0, 1.0, 0.0]],
        [0.0, -0.5, 0.0],
    ),
    // A row of logits far apart, and with a class that is masked.
    ("exp(z)", Reduction::Sum, "log(a)", [[1e4, 0.0, -1e4], [0.0; 3]], [1.0, 0.0, 0.0]),
    ("z", Reduction::LogSumExp, "a", [[0.0, 0.0, -INF], [0.0; 3]], [0.5, 0.5, 0.0]),
];

/// Plain evaluation rounds `z - logsumexp(z)` to the last bit of the logits.
fn is_near(got: f64, expected: f64) -> bool {
    is_same(got, expected) || (got - expected).abs() <= 1e-12
}

#[test]
fn reductions_have_the_stated_derivative_whatever_is_filtered_out() {
    for (inner, reduction, outer, at, expected) in VECTORS {
        let mut world = World::new();
        let ((input, z), (_, w)) = (world.vector("z", Role::Pred), world.vector("w", Role::Pred));
        let inner_node = Formula::parse(inner, &["z", "w"]).instantiate(&mut world.graph, &[z, w]);
        let reduced = world.reduce(*reduction, inner_node);
        let value = Formula::parse(outer, &["a"]).instantiate(&mut world.graph, &[reduced]);
        let inputs: Vec<Vec<f64>> = at.iter().map(|row| row.to_vec()).collect();
        for got in gradients(&world, value, input, &inputs) {
            let same = got.iter().zip(expected).all(|(got, expected)| is_near(*got, *expected));
            assert!(same, "{outer} of {reduction:?} {inner} at {at:?}: {got:?}, not {expected:?}");
        }
    }
}

#[test]
fn the_entropy_of_a_softmax_has_no_gradient_at_a_masked_class() {
    for text in ["-p * log(p)", "p * log(p) * -1", "-(t * p) * log(p) / t"] {
        let mut world = World::new();
        let (input, z) = world.vector("z", Role::Pred);
        let total = world.reduce(Reduction::LogSumExp, z);
        let p =
            Formula::parse("exp(z - t)", &["z", "t"]).instantiate(&mut world.graph, &[z, total]);
        let entropy = Formula::parse(text, &["p", "t"]).instantiate(&mut world.graph, &[p, total]);
        let value = world.reduce(Reduction::Sum, entropy);
        let logits = vec![0.0, 3.0_f64.ln(), -INF];
        // d(-sum p log p)/dz_k = -p_k (log p_k + H)
        let h = 0.25 * 4.0_f64.ln() + 0.75 * (4.0_f64 / 3.0).ln();
        let expected = [-0.25 * (0.25_f64.ln() + h), -0.75 * (0.75_f64.ln() + h), 0.0];
        for got in gradients(&world, value, input, std::slice::from_ref(&logits)) {
            for (got, expected) in got.iter().zip(expected) {
                assert!((got - expected).abs() <= 1e-15, "{text}: {got} is not {expected}");
            }
        }
    }
}

#[test]
fn focal_loss_has_a_gradient_at_any_logits() {
    for logits in
        [vec![1e4, 0.0, -1e4], vec![-1e4, 1e4, 0.0], vec![0.0, -INF, 2.0], vec![700.0, 0.0, 1.0]]
    {
        for gamma in [0.0, 1.0, 2.0] {
            let mut world = World::new();
            let (input, z) = world.vector("z", Role::Pred);
            let label = world.label();
            let (_, power) = world.scalar("gamma", Role::Param);
            let (at, total) = (world.read(input, label), world.reduce(Reduction::LogSumExp, z));
            let value = Formula::parse("-(1 - exp(z - t)) ^ g * log(exp(z - t))", &["z", "t", "g"])
                .instantiate(&mut world.graph, &[at, total, power]);
            let inputs = [logits.clone(), vec![0.0], vec![gamma]];
            for got in gradients(&world, value, input, &inputs) {
                let sum: f64 = got.iter().sum();
                assert!(sum.abs() < 1e-12, "{logits:?}, {gamma}: {got:?}");
            }
        }
    }
}
