//! Derivatives of small expressions, against what they are on paper.

use super::*;
use crate::formula::Formula;
use crate::graph::world::World;
use crate::rewrite::{simplify, stabilize};

/// The whole middle: value and gradient.
fn gradient(world: &mut World, value: NodeId, input: InputId) -> [NodeId; 2] {
    let mut value = [value];
    stabilize(&mut world.graph, &mut value);
    let gradient = differentiate(&mut world.graph, value[0], &[input]);
    let mut roots = [value[0], gradient[0].node];
    stabilize(&mut world.graph, &mut roots);
    simplify(&mut world.graph, &mut roots);
    roots
}

fn formula(world: &mut World, text: &str, names: &[&str], nodes: &[NodeId]) -> NodeId {
    Formula::parse(text, names).instantiate(&mut world.graph, nodes)
}

#[test]
fn half_squared_error_has_the_difference_as_gradient() {
    let mut world = World::new();
    let ((yhat, a), (_, b)) = (world.scalar("yhat", Role::Pred), world.scalar("y", Role::Target));
    let value = formula(&mut world, "(a - b)^2 / 2", &["a", "b"], &[a, b]);
    let [_, gradient] = gradient(&mut world, value, yhat);
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
    ];
    for spelling in spellings {
        let mut world = World::new();
        let ((input, z), (_, y)) = (world.scalar("z", Role::Pred), world.scalar("y", Role::Target));
        let value = formula(&mut world, spelling, &["z", "y"], &[z, y]);
        let [_, gradient] = gradient(&mut world, value, input);
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
        let value = formula(&mut world, spelling, &["at", "total"], &[at, total]);
        let [value, gradient] = gradient(&mut world, value, input);
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
    let soft = formula(&mut world, "w * (z - t)", &["w", "z", "t"], &[one, whole, total]);
    let soft = world.reduce(Reduction::Sum, soft);
    let names = ["w", "at", "t", "s", "soft", "n"];
    let value = formula(
        &mut world,
        "-(1 - s) * (w * (at - t)) - s * (soft / n)",
        &names,
        &[one, at, total, zero, soft, size],
    );
    let [value, gradient] = gradient(&mut world, value, input);
    let expected = "Subtract(Exp(Subtract(z[i0], LogSumExp[i0](z[i0]))), \
                    Select(Equal(i0, label[]), 1, 0))";
    assert_eq!(world.show(gradient), expected);
    assert_eq!(world.show(value), "Subtract(LogSumExp[i0](z[i0]), z[label[]])");
}

#[test]
fn every_kink_has_the_derivative_that_is_stated() {
    for kink in KINKS {
        let (body, slope) = kink.example;
        let text = format!("loss f(pred x, z, param p = 0) = {body}");
        let source = crate::check::Source::Text { name: "kink.loss".into(), text };
        let model = crate::check::check(&source).expect("the example is right").models.remove(0);
        let mut graph = model.graph.clone();
        let x = graph.input_ids().next().expect("x comes first");
        let mut value = [model.value];
        crate::rewrite::stabilize(&mut graph, &mut value);
        let gradient = differentiate(&mut graph, value[0], &[x]).remove(0);
        let mut printed = [gradient.node];
        crate::rewrite::stabilize(&mut graph, &mut printed);
        crate::rewrite::simplify(&mut graph, &mut printed);
        let extents = graph.extent_ids().map(|id| match graph.extent(id) {
            crate::graph::Extent::Literal(length) => *length as usize,
            crate::graph::Extent::Named(_) => 1,
        });
        let environment = crate::evaluate::Environment {
            extents: extents.collect(),
            inputs: vec![vec![0.0]; graph.input_ids().count()],
        };
        for node in [gradient.node, printed[0]] {
            let got = crate::evaluate::evaluate(&graph, &[node], &environment)[0].data[0];
            assert_eq!(got, slope, "{body} at 0");
        }
    }
}

#[test]
fn the_readme_lists_every_kink() {
    let readme = include_str!("../../README.md");
    for Kink { form, place, derivative, .. } in KINKS {
        let row = format!("| `{form}` | {place} | {derivative} |");
        assert!(readme.contains(&row), "the README lacks: {row}");
    }
}
