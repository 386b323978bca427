//! From a loss whose inputs have been chosen to what it looks like from outside.

use super::interface::{Argument, AxisLength, Default, Elements, Interface, NamedExtent};
use crate::compile::Chosen;
use crate::evaluate::{Environment, evaluate};
use crate::graph::{Extent, ExtentId, Graph, InputId, InputKind, Node, NodeId};
use crate::loops::Precision;
use crate::print::{declaration, domain_text, signature};

/// What a loss looks like from outside, and what its parts are in the graph.
pub(super) struct Described {
    pub(super) interface: Interface,
    /// The extent of each named extent of the interface.
    pub(super) extents: Vec<ExtentId>,
    /// The input of each argument of the interface.
    pub(super) arguments: Vec<InputId>,
}

impl Described {
    /// The inputs that have a gradient, in order.
    pub(super) fn gradients(&self) -> Vec<InputId> {
        self.interface.gradients.iter().map(|place| self.arguments[*place]).collect()
    }
}

/// Describes a loss under a symbol, whose code goes by some extents. Whether it needs a workspace is found
/// out later.
pub(super) fn describe(
    chosen: &Chosen,
    precision: Precision,
    symbol: String,
    used: &[ExtentId],
) -> Described {
    let model = &chosen.model;
    let graph = &model.graph;
    let frozen = |id: &InputId| chosen.frozen.iter().find(|(known, _)| known == id);
    let arguments: Vec<InputId> = graph.input_ids().filter(|id| frozen(id).is_none()).collect();
    let extents = extents_of(graph, &arguments, used);
    let name = |id: InputId| graph.input(id).name.clone();
    let interface = Interface {
        name: model.name.clone(),
        doc: model.doc.clone(),
        signature: signature(model),
        precision,
        symbol,
        extents: extents
            .iter()
            .map(|id| NamedExtent {
                name: graph.extent(*id).to_string(),
                least: model
                    .least_extents
                    .iter()
                    .find(|(extent, _)| extent == id)
                    .map_or(0, |(_, least)| u64::from(*least)),
            })
            .collect(),
        arguments: arguments.iter().map(|id| argument(graph, *id, &extents)).collect(),
        gradients: chosen
            .wrt
            .iter()
            .filter_map(|id| arguments.iter().position(|known| known == id))
            .collect(),
        frozen: chosen.frozen.iter().map(|(id, value)| (name(*id), *value)).collect(),
        least_cpu: 0,
        needs_workspace: false,
    };
    Described { interface, extents, arguments }
}

/// The named extents that the arguments have, that their labels go along, or that the code goes by.
fn extents_of(graph: &Graph, arguments: &[InputId], used: &[ExtentId]) -> Vec<ExtentId> {
    let mut extents: Vec<ExtentId> = used.to_vec();
    for id in arguments {
        let input = graph.input(*id);
        let label = match input.kind {
            InputKind::Index { extent, .. } => Some(extent),
            InputKind::Real | InputKind::Switch => None,
        };
        extents.extend(input.axes.iter().map(|axis| graph.axis(*axis).extent).chain(label));
    }
    extents.retain(|id| matches!(graph.extent(*id), Extent::Named(_)));
    extents.sort_unstable();
    extents.dedup();
    extents
}

fn argument(graph: &Graph, id: InputId, extents: &[ExtentId]) -> Argument {
    let input = graph.input(id);
    let length = |id: ExtentId| match graph.extent(id) {
        Extent::Literal(length) => AxisLength::Literal(u64::from(*length)),
        Extent::Named(_) => {
            let place = extents.iter().position(|known| *known == id);
            AxisLength::Named(place.expect("the extents of arguments are listed"))
        }
    };
    Argument {
        name: input.name.clone(),
        doc: input.doc.clone(),
        declaration: declaration(graph, input),
        role: input.role,
        elements: match input.kind {
            InputKind::Real => Elements::Real,
            InputKind::Switch => Elements::Switch,
            InputKind::Index { extent, optional } => {
                Elements::Index { along: length(extent), optional }
            }
        },
        axes: input.axes.iter().map(|axis| length(graph.axis(*axis).extent)).collect(),
        domain: domain_text(graph, input),
        default: input.default.map_or(Default::Required, |node| default(graph, input, node)),
    }
}

fn default(graph: &Graph, input: &crate::graph::Input, node: NodeId) -> Default {
    if reads_arrays(graph, node) {
        return Default::Required;
    }
    if let Some(number) = constant(graph, node) {
        return Default::Number(number);
    }
    let text = declaration(graph, input);
    let words = text.split_once(" = ").map_or(text.as_str(), |(_, words)| words);
    Default::Computed(words.to_owned())
}

/// Whether elements of arrays take part in an expression.
pub(super) fn reads_arrays(graph: &Graph, node: NodeId) -> bool {
    graph.reachable(&[node]).into_iter().any(|id| match graph.node(id) {
        Node::Read(input, _) => !graph.input(*input).axes.is_empty(),
        _ => false,
    })
}

/// The number that an expression is whatever a call gives.
pub(super) fn constant(graph: &Graph, node: NodeId) -> Option<f64> {
    let fixed = |id: &NodeId| {
        !matches!(
            graph.node(*id),
            Node::Read(..) | Node::Size(_) | Node::Index(_) | Node::Reduce(..)
        )
    };
    let is_constant = graph.reachable(&[node]).iter().all(fixed);
    is_constant.then(|| evaluate(graph, &[node], &Environment::default())[0].data[0])
}
