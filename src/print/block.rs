//! Definitions for shared parts: which nodes get one, and the lines of a block.

use std::collections::HashMap;

use super::aspects::Shared;
use super::form::View;
use super::names::fresh;
use super::pen::{Pen, Style};
use crate::graph::{AxisId, AxisKind, AxisSet, Graph, NodeId};

/// From how many operands and operators on a part that is used again gets a name.
const LARGE: usize = 8;

/// A root as the inside of a block, one definition a line.
/// Axes that need an index are bound in the given order; none: in that of the graph.
pub(super) fn write(graph: &Graph, root: NodeId, axes: Option<&[AxisId]>) -> String {
    let shared = choose(graph, root);
    let mut parts: Vec<NodeId> = shared.keys().copied().collect();
    parts.sort_unstable();
    let mut pen = Pen::new(graph, root, Style::Text, shared, usize::MAX);
    let mut lines = String::new();
    for id in parts {
        let order = pen.view.shared[&id].clone();
        let needs_order = pen.needs_indices(id)
            || (order.len() > 1
                && pen.view.silent_order(id, AxisSet::EMPTY).as_ref() != Some(&order));
        let (brackets, text) = pen.write(id, needs_order.then_some(&order[..]));
        let brackets = brackets.unwrap_or_default();
        lines.extend(["let ", pen.part(id), &brackets, " = ", &text, ";\n"]);
    }
    let order = axes.filter(|_| pen.needs_indices(root));
    let (brackets, text) = pen.write(root, order);
    lines + &whole(graph, brackets.as_deref(), &text, "\n")
}

/// An expression, or the definition of an array that needs indices and its name.
pub(super) fn whole(graph: &Graph, brackets: Option<&str>, text: &str, space: &str) -> String {
    match brackets {
        None => text.to_owned(),
        Some(brackets) => {
            let name = fresh(graph, "g");
            format!("let {name}{brackets} = {text};{space}{name}")
        }
    }
}

/// The large parts that are used more than once, with an order of their axes: indices before declared
/// axes, so that the latter can stay silent.
fn choose(graph: &Graph, root: NodeId) -> Shared {
    let view = View::new(graph, root, Style::Text, Shared::new());
    let mut uses = vec![0_usize; root.index() + 1];
    let mut parts: HashMap<NodeId, Vec<NodeId>> = HashMap::new();
    let mut shown = Vec::new();
    uses[root.index()] = 1;
    for id in graph.reachable(&[root]).into_iter().rev() {
        if uses[id.index()] == 0 {
            continue;
        }
        let form = view.form_in_full(id, view.aspects.in_full(id).forced);
        for part in form.parts() {
            uses[part.index()] += 1;
        }
        parts.insert(id, form.parts());
        shown.push(id);
    }
    let mut shared = Shared::new();
    let mut sizes = vec![1_usize; root.index() + 1];
    for id in shown.into_iter().rev() {
        let inside =
            parts[&id].iter().fold(1_usize, |sum, part| sum.saturating_add(sizes[part.index()]));
        if id != root && uses[id.index()] > 1 && inside >= LARGE {
            shared.insert(id, order_of_axes(graph, &view, id));
        } else {
            sizes[id.index()] = inside;
        }
    }
    shared
}

fn order_of_axes(graph: &Graph, view: &View, id: NodeId) -> Vec<AxisId> {
    let mut order: Vec<AxisId> = graph.axes(id).iter().collect();
    order.sort_by_key(|axis| graph.axis(*axis).kind == AxisKind::Declared);
    view.silent_order(id, AxisSet::EMPTY)
        .filter(|silent| silent.len() == order.len())
        .unwrap_or(order)
}
