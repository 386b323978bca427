//! Prints a value and its gradients, checks the texts again, and evaluates both.

use lossc::builtins::Function;
use lossc::differentiate::differentiate;
use lossc::evaluate::{Environment, evaluate};
use lossc::graph::{AxisId, Graph, InputKind, Node, NodeId};
use lossc::model::Model;
use lossc::print::{signature, to_block};
use lossc::rewrite::{simplify, stabilize};

use super::examine::model_of;

/// The value as it is written, and the stabilized gradients, print as texts that mean the same numbers.
pub(super) fn against_print(
    model: &Model,
    extents: &[usize],
    inputs: &[Vec<f64>],
) -> Result<(), String> {
    same_again(model, &model.graph, model.value, extents, inputs)?;
    let mut graph = model.graph.clone();
    let mut roots = vec![model.value];
    stabilize(&mut graph, &mut roots);
    let wrt: Vec<_> =
        graph.input_ids().filter(|id| graph.input(*id).kind == InputKind::Real).collect();
    let gradients = differentiate(&mut graph, roots[0], &wrt);
    let mut roots: Vec<NodeId> = gradients.iter().map(|gradient| gradient.node).collect();
    stabilize(&mut graph, &mut roots);
    simplify(&mut graph, &mut roots);
    for root in roots {
        same_again(model, &graph, root, extents, inputs)?;
    }
    Ok(())
}

/// Whether it chooses between a constant position and another index, which has no text of its own.
fn chooses_position(graph: &Graph, root: NodeId) -> bool {
    graph.reachable(&[root]).into_iter().any(|id| {
        let is_position = |id: &NodeId| matches!(graph.node(*id), Node::Position(..));
        matches!(graph.node(id), Node::Map(Function::Select, _))
            && graph.arguments(id).iter().any(is_position)
    })
}

/// The axes of a root by the names of their extents; none: a name occurs twice.
fn axes_by_name(graph: &Graph, root: NodeId) -> Option<Vec<AxisId>> {
    let name = |axis: &AxisId| graph.extent(graph.axis(*axis).extent).to_string();
    let mut axes: Vec<AxisId> = graph.axes(root).iter().collect();
    axes.sort_by_key(name);
    let distinct = axes.windows(2).all(|pair| name(&pair[0]) != name(&pair[1]));
    distinct.then_some(axes)
}

fn numbers(
    graph: &Graph,
    root: NodeId,
    axes: &[AxisId],
    extents: &[usize],
    inputs: &[Vec<f64>],
) -> Vec<f64> {
    let environment = Environment { extents: extents.to_vec(), inputs: inputs.to_vec() };
    evaluate(graph, &[root], &environment)[0].arranged(graph, axes, &environment)
}

fn same_again(
    model: &Model,
    graph: &Graph,
    root: NodeId,
    extents: &[usize],
    inputs: &[Vec<f64>],
) -> Result<(), String> {
    let Some(axes) = axes_by_name(graph, root) else { return Ok(()) };
    if chooses_position(graph, root) {
        return Ok(());
    }
    let text = to_block(graph, root);
    let body = match text.rfind([';', '\n']).filter(|_| !axes.is_empty()) {
        _ if axes.is_empty() => text.clone(),
        None => format!("sum({text})"),
        Some(at) => format!("{} sum({})", &text[..=at], &text[at + 1..]),
    };
    let whole = format!("loss {} {{ {body} }}", signature(model));
    let again = model_of(&whole).map_err(|error| format!("printed text {error}\n{whole}"))?;
    let Some(again) = again else { return Ok(()) };
    let mut node = again.value;
    for _ in &axes {
        let Node::Reduce(_, _, argument) = *again.graph.node(node) else {
            return Err(format!("printed text has fewer axes: {whole}"));
        };
        node = argument;
    }
    let new_axes = axes_by_name(&again.graph, node).ok_or("printed text has other axes")?;
    let names = |graph: &Graph| -> Vec<String> {
        graph.extent_ids().map(|id| graph.extent(id).to_string()).collect()
    };
    let (old_names, new_names) = (names(graph), names(&again.graph));
    let length = |name: &String| {
        let known = old_names.iter().position(|old| old == name);
        known.map_or_else(|| name.parse().unwrap_or(1), |at| extents[at])
    };
    let new_extents: Vec<usize> = new_names.iter().map(length).collect();
    let old = numbers(graph, root, &axes, extents, inputs);
    let new = numbers(&again.graph, node, &new_axes, &new_extents, inputs);
    let same = |a: f64, b: f64| {
        a == b || a.is_nan() || b.is_nan() || (a - b).abs() <= 1e-12 * (1.0 + a.abs())
    };
    if old.len() != new.len() || !old.iter().zip(&new).all(|(a, b)| same(*a, *b)) {
        return Err(format!("printed text gives other numbers: {old:?}, then {new:?}\n{whole}"));
    }
    Ok(())
}
