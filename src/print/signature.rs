//! A loss on one line: its name and inputs as they are declared.

use super::block::whole;
use super::number::digits;
use super::pen::{Pen, Style};
use crate::builtins::Function;
use crate::graph::{Domain, Graph, Input, InputKind, Node, NodeId, Role};
use crate::model::Model;

/// The declaration of a loss, `cross_entropy(pred logits[K], target label in K?, param weight[K] in [0, inf) = 1)`.
#[must_use]
pub fn signature(model: &Model) -> String {
    let graph = &model.graph;
    let mut role = None;
    let inputs: Vec<String> = graph
        .input_ids()
        .map(|id| {
            let input = graph.input(id);
            // A role word holds until the next one.
            let word = if role == Some(input.role) { "" } else { role_word(input.role) };
            role = Some(input.role);
            format!("{word}{}", declaration(graph, input))
        })
        .collect();
    format!("{}({})", model.name, inputs.join(", "))
}

/// The values that make sense for an input, as its declaration says them; none: any real.
#[must_use]
pub fn domain_text(graph: &Graph, input: &Input) -> Option<String> {
    let value = |id: &NodeId| super::to_text(graph, *id);
    match input.kind {
        InputKind::Switch => return Some("{false, true}".to_owned()),
        InputKind::Index { extent, optional } => {
            let mark = if optional { "?" } else { "" };
            return Some(format!("{}{mark}", graph.extent(extent)));
        }
        InputKind::Real => {}
    }
    Some(match input.domain.as_ref()? {
        Domain::Interval { low, low_open, high, high_open } => {
            let (open, close) =
                (if *low_open { "(" } else { "[" }, if *high_open { ")" } else { "]" });
            format!("{open}{}, {}{close}", value(low), value(high))
        }
        Domain::Set(values) => {
            let values: Vec<String> = values.iter().map(value).collect();
            format!("{{{}}}", values.join(", "))
        }
        Domain::Whole { low, high: None } => format!("{}..", value(low)),
        Domain::Whole { low, high: Some(high) } => format!("{}..={}", value(low), value(high)),
        Domain::Simplex => "simplex".to_owned(),
    })
}

/// How an input is declared, without its role: `weight[K] in [0, inf) = 1`.
#[must_use]
pub fn declaration(graph: &Graph, input: &Input) -> String {
    let mut text = input.name.clone();
    if !input.axes.is_empty() {
        let axes: Vec<String> = input
            .axes
            .iter()
            .map(|axis| graph.extent(graph.axis(*axis).extent).to_string())
            .collect();
        text.extend(["[", &axes.join(", "), "]"]);
    }
    if let Some(domain) = domain_text(graph, input) {
        text.extend([" in ", &domain]);
    }
    if let Some(default) = input.default {
        text.extend([" = ", &default_text(graph, input, default)]);
    }
    text
}

/// A default: a number, or an array by a formula over its axes.
fn default_text(graph: &Graph, input: &Input, default: NodeId) -> String {
    if input.kind == InputKind::Switch
        && let Some(number) = graph.as_number(default)
    {
        return (number != 0.0).to_string();
    }
    if let Some((is_negative, digits)) = graph.as_number(default).and_then(digits) {
        return if is_negative { format!("-{digits}") } else { digits };
    }
    if let Some(elements) = elements(graph, default) {
        let elements: Vec<String> =
            elements.into_iter().map(|element| super::to_text(graph, element)).collect();
        return format!("[{}]", elements.join(", "));
    }
    let mut pen = Pen::new(graph, default, Style::Text, super::HashMap::new(), usize::MAX);
    let (brackets, text) = pen.write(default, None);
    match brackets {
        Some(brackets) => format!("{brackets} {text}"),
        None => whole(graph, None, &text, " "),
    }
}

/// The elements of a default that is given as a list: a choice by position, from 0 on, and the last.
fn elements(graph: &Graph, default: NodeId) -> Option<Vec<NodeId>> {
    let mut elements = Vec::new();
    let mut at = default;
    while let Node::Map(Function::Select, arguments) = graph.node(at) {
        let [condition, element, rest] = *arguments.as_slice() else { return None };
        let Node::Map(Function::Equal, sides) = graph.node(condition) else { return None };
        let [index, position] = *sides.as_slice() else { return None };
        let is_next = matches!(
            (graph.node(index), graph.node(position)),
            (Node::Index(_), Node::Position(..))
        );
        if !is_next {
            return None;
        }
        elements.push((position, element));
        at = rest;
    }
    // The first position is innermost.
    elements.sort_by_key(|(position, _)| match graph.node(*position) {
        Node::Position(position, _) => *position,
        _ => u32::MAX,
    });
    let mut elements: Vec<NodeId> = elements.into_iter().map(|(_, element)| element).collect();
    elements.push(at);
    (elements.len() > 1).then_some(elements)
}

fn role_word(role: Role) -> &'static str {
    match role {
        Role::Pred => "pred ",
        Role::Target => "target ",
        Role::Learned => "learned ",
        Role::Param => "param ",
    }
}
