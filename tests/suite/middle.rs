//! The mathematics in the middle, on its own: the examples of every shipped loss, evaluated plainly.

use lossc::check::{Source, check};
use lossc::differentiate::differentiate;
use lossc::evaluate::{Environment, evaluate};
use lossc::graph::{Extent, Graph, InputId};
use lossc::library::LOSSES;
use lossc::model::{Example, Model};
use lossc::rewrite::{simplify, stabilize};

/// The value and gradients of a model, as they go on to lowering.
fn run_middle(model: &Model, example: &Example, whole: bool) -> (f64, Vec<Vec<f64>>) {
    let mut graph = model.graph.clone();
    let environment = environment(&graph, example);
    let wrt: Vec<InputId> = example.gradients.iter().map(|(input, ..)| *input).collect();
    let mut value = [model.value];
    stabilize(&mut graph, &mut value);
    let gradients = differentiate(&mut graph, value[0], &wrt);
    let mut roots = vec![value[0]];
    roots.extend(gradients.iter().map(|gradient| gradient.node));
    if let Some(missing) = model.missing {
        roots.push(missing);
    }
    if whole {
        stabilize(&mut graph, &mut roots);
        simplify(&mut graph, &mut roots);
    }
    let arrays = evaluate(&graph, &roots, &environment);
    let is_missing = model.missing.is_some() && arrays[roots.len() - 1].data[0] != 0.0;
    let there = |value: f64| if is_missing { 0.0 } else { value };
    let gradients = gradients.iter().zip(&arrays[1..]).map(|(gradient, array)| {
        let elements = array.arranged(&graph, &gradient.axes, &environment);
        elements.into_iter().map(there).collect()
    });
    (there(arrays[0].data[0]), gradients.collect())
}

fn environment(graph: &Graph, example: &Example) -> Environment {
    let mut extents: Vec<usize> = graph
        .extent_ids()
        .map(|id| match graph.extent(id) {
            Extent::Literal(length) => *length as usize,
            Extent::Named(_) => 0,
        })
        .collect();
    for (input, tensor) in &example.inputs {
        for (axis, length) in graph.input(*input).axes.iter().zip(&tensor.shape) {
            extents[graph.axis(*axis).extent.index()] = *length;
        }
    }
    let mut environment = Environment { extents, inputs: Vec::new() };
    for id in graph.input_ids() {
        let given = example.inputs.iter().find(|(input, _)| *input == id);
        let elements = match (given, graph.input(id).default) {
            (Some((_, tensor)), _) => tensor.data.clone(),
            (None, Some(default)) => evaluate(graph, &[default], &environment)[0].arranged(
                graph,
                &graph.input(id).axes,
                &environment,
            ),
            (None, None) => Vec::new(),
        };
        environment.inputs.push(elements);
    }
    environment
}

fn assert_near(got: f64, expected: f64, within: Option<f64>, what: &str) {
    let allowed = within.unwrap_or(4e-15 * (1.0 + expected.abs())).max(1e-14 * expected.abs());
    assert!(got == expected || (got - expected).abs() <= allowed, "{what}: {got}, not {expected}");
}

#[test]
fn the_examples_of_shipped_losses_hold_in_plain_evaluation() {
    for shipped in LOSSES {
        let checked = check(&Source::Library(shipped.name.into())).expect("it is shipped");
        for model in &checked.models {
            for (number, example) in model.examples.iter().enumerate() {
                for whole in [false, true] {
                    let what = format!("{} {number} {whole}", model.name);
                    let (value, gradients) = run_middle(model, example, whole);
                    assert_near(value, example.value.0, example.value.1, &what);
                    for ((_, expected, within), got) in example.gradients.iter().zip(gradients) {
                        assert_eq!(got.len(), expected.data.len(), "{what}");
                        for (got, expected) in got.iter().zip(&expected.data) {
                            assert_near(*got, *expected, *within, &what);
                        }
                    }
                }
            }
        }
    }
}
