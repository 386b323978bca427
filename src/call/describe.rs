//! What a loss says of itself: its inputs, axes, domains and defaults, as words.

use super::Loss;
use super::element::Element;
use crate::builtins::Function;
use crate::domain;
use crate::graph::{Extent, Graph, InputId, InputKind, Node, NodeId, Role};

/// An input of a loss, in words.
#[derive(Clone, Debug, PartialEq)]
pub struct InputDescription {
    /// Its name.
    pub name: String,
    /// The part it plays.
    pub role: Role,
    /// What its elements are.
    pub kind: KindDescription,
    /// The name or the length of each axis, outermost first, the batch left out.
    pub axes: Vec<String>,
    /// Which values make sense; none: any.
    pub domain: Option<String>,
    /// Its value when none is given; none: it must be given.
    pub default: Option<String>,
    /// The constant that it was made when the loss was compiled.
    pub frozen: Option<f64>,
}

/// What the elements of an input are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KindDescription {
    /// Numbers.
    Real,
    /// Truth values.
    Switch,
    /// Positions along an axis.
    Index {
        /// The axis.
        axis: String,
        /// Whether a negative one says that the label is missing.
        optional: bool,
    },
}

impl<T: Element> Loss<T> {
    /// Its inputs in the order of declaration.
    #[must_use]
    pub fn inputs(&self) -> Vec<InputDescription> {
        let graph = self.graph();
        let describe = |id| InputDescription { frozen: self.frozen(id), ..describe(graph, id) };
        graph.input_ids().map(describe).collect()
    }

    /// The names of the extents that the arrays of a call give.
    #[must_use]
    pub fn extents(&self) -> Vec<&str> {
        let graph = self.graph();
        let named = |id| match graph.extent(id) {
            Extent::Named(name) => Some(name.as_str()),
            Extent::Literal(_) => None,
        };
        graph.extent_ids().filter_map(named).collect()
    }

    pub(super) fn is_frozen(&self, id: InputId) -> bool {
        self.frozen(id).is_some()
    }

    /// An input as declared: `logits[K]`.
    pub(super) fn declared(&self, id: InputId) -> String {
        declared(self.graph(), id)
    }

    /// The inputs that have a gradient.
    pub(super) fn differentiable(&self) -> Vec<String> {
        let graph = self.graph();
        graph
            .input_ids()
            .filter(|id| graph.input(*id).kind == InputKind::Real && !self.is_frozen(*id))
            .map(|id| graph.input(id).name.clone())
            .collect()
    }
}

/// An input in words, as its file declares it.
#[must_use]
pub fn describe(graph: &Graph, id: InputId) -> InputDescription {
    let input = graph.input(id);
    let axis = |extent| graph.extent(extent).to_string();
    InputDescription {
        name: input.name.clone(),
        role: input.role,
        kind: match input.kind {
            InputKind::Real => KindDescription::Real,
            InputKind::Switch => KindDescription::Switch,
            InputKind::Index { extent, optional } => {
                KindDescription::Index { axis: axis(extent), optional }
            }
        },
        axes: input.axes.iter().map(|id| axis(graph.axis(*id).extent)).collect(),
        domain: match input.kind {
            InputKind::Real => {
                input.domain.as_ref().map(|it| domain::spell(it, |id| words(graph, id)))
            }
            InputKind::Switch => Some("{false, true}".into()),
            InputKind::Index { extent, optional } => {
                Some(format!("{}{}", axis(extent), if optional { "?" } else { "" }))
            }
        },
        default: input.default.map(|id| words(graph, id)),
        frozen: None,
    }
}

fn declared(graph: &Graph, id: InputId) -> String {
    let InputDescription { name, axes, .. } = describe(graph, id);
    if axes.is_empty() { name } else { format!("{name}[{}]", axes.join(", ")) }
}

/// A small expression in words; a large one as dots.
fn words(graph: &Graph, root: NodeId) -> String {
    const LONGEST: usize = 256;
    let needed = graph.reachable(&[root]);
    let mut texts: Vec<(NodeId, String)> = Vec::with_capacity(needed.len());
    for id in needed {
        let of = |id: &NodeId| {
            texts.iter().find(|(known, _)| known == id).map_or("", |(_, text)| text.as_str())
        };
        let text = match graph.node(id) {
            Node::Number(bits) => f64::from_bits(*bits).to_string(),
            Node::Bool(value) => value.to_string(),
            Node::Position(position, _) => position.to_string(),
            Node::Size(extent) => format!("size({})", graph.extent(*extent)),
            Node::Index(axis) => graph.extent(graph.axis(*axis).extent).to_string().to_lowercase(),
            Node::Read(input, _) => graph.input(*input).name.clone(),
            Node::Map(function, arguments) => {
                let arguments: Vec<&str> = arguments.as_slice().iter().map(of).collect();
                map_words(*function, &arguments)
            }
            Node::Reduce(reduction, _, argument) => {
                format!("{}({})", format!("{reduction:?}").to_lowercase(), of(argument))
            }
            Node::Rename { argument, .. } => of(argument).to_owned(),
        };
        if text.len() > LONGEST {
            return "…".into();
        }
        texts.push((id, text));
    }
    texts.pop().map_or_else(String::new, |(_, text)| text)
}

fn map_words(function: Function, arguments: &[&str]) -> String {
    let name = function.row().name;
    match (name.chars().next(), arguments) {
        (Some(first), [a, b]) if !first.is_alphabetic() => format!("({a} {name} {b})"),
        (Some(first), [a]) if !first.is_alphabetic() => format!("{name}{a}"),
        (None, [c, a, b]) => format!("if {c} {{ {a} }} else {{ {b} }}"),
        _ => format!("{name}({})", arguments.join(", ")),
    }
}
