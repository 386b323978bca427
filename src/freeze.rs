//! Params made constants: in come a model and values, out goes a model that no longer reads those inputs.
//!
//! The inputs keep their ids; the graph's value, weight, defaults and domains have the numbers in place.

use std::fmt::{Display, Formatter};

use crate::domain;
use crate::evaluate::{Environment, evaluate};
use crate::graph::{Domain, Graph, InputId, InputKind, Node, NodeId, Role};
use crate::model::Model;

/// Why an input cannot be made that constant.
#[derive(Clone, Debug, PartialEq)]
pub enum FreezeError {
    /// Every example has its own.
    NotShared {
        /// The input.
        name: String,
    },
    /// The value makes no sense for it.
    OutOfDomain {
        /// The input.
        name: String,
        /// The value.
        value: f64,
        /// What it must belong to.
        domain: String,
    },
}

impl std::error::Error for FreezeError {}

impl Display for FreezeError {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotShared { name } => write!(
                formatter,
                "`{name}` cannot be a constant: only params and learned inputs can"
            ),
            Self::OutOfDomain { name, value, domain } => {
                write!(formatter, "`{name}` cannot be {value}, outside of its domain {domain}")
            }
        }
    }
}

/// The model with inputs replaced by numbers; a number fills an array.
///
/// # Errors
/// If an input is not shared by all examples, or a number is outside of its domain, as far as that
/// does not depend on the sizes of a call.
///
/// # Panics
/// Never on a model that the checker made.
pub fn freeze(model: &Model, values: &[(InputId, f64)]) -> Result<Model, FreezeError> {
    for (id, value) in values {
        test_value(&model.graph, *id, *value)?;
    }
    let mut frozen = model.clone();
    if values.is_empty() {
        return Ok(frozen);
    }
    let mut roots = vec![model.value];
    roots.extend(model.per.into_iter().chain(model.missing));
    for id in model.graph.input_ids() {
        let input = model.graph.input(id);
        roots.extend(input.default);
        roots.extend(input.domain.as_ref().map_or_else(Vec::new, domain::bounds));
    }
    let moved = replace_reads(&mut frozen.graph, &roots, values);
    let at = |id: NodeId| moved[id.index()].expect("every root has been rebuilt");
    frozen.per = model.per.map(at);
    frozen.missing = model.missing.map(at);
    frozen.value = at(model.value);
    for id in model.graph.input_ids() {
        let input = frozen.graph.input_mut(id);
        input.default = input.default.map(at);
        input.domain = input.domain.take().map(|domain| map_bounds(domain, at));
    }
    for (id, value) in values {
        if let InputKind::Index { extent, .. } = model.graph.input(*id).kind {
            frozen.least_extents.push((extent, position(*value) + 1));
        }
    }
    Ok(frozen)
}

/// Rebuilds what the roots need, with constants in place of the inputs; gives where each node went.
fn replace_reads(
    graph: &mut Graph,
    roots: &[NodeId],
    values: &[(InputId, f64)],
) -> Vec<Option<NodeId>> {
    let mut moved = vec![None; graph.len()];
    for id in graph.reachable(roots) {
        let constant = if let Node::Read(input, _) = graph.node(id) {
            values.iter().find(|(frozen, _)| frozen == input)
        } else {
            None
        };
        let new = if let Some((input, value)) = constant {
            constant_node(graph, *input, *value)
        } else {
            let node = graph.node(id).with_arguments(|argument| {
                moved[argument.index()].expect("arguments come before their users")
            });
            rebuild(graph, node)
        };
        moved[id.index()] = Some(new);
    }
    moved
}

/// Interns a node; a reduction may have lost its axis with an array that became a number.
fn rebuild(graph: &mut Graph, node: Node) -> NodeId {
    match node {
        Node::Reduce(reduction, axis, argument) => graph.reduce(reduction, axis, argument),
        Node::Rename { argument, from, .. } if !graph.axes(argument).contains(from) => argument,
        node => graph.intern(node),
    }
}

fn constant_node(graph: &mut Graph, input: InputId, value: f64) -> NodeId {
    match graph.input(input).kind {
        InputKind::Real => graph.number(value),
        InputKind::Switch => graph.intern(Node::Bool(value != 0.0)),
        InputKind::Index { extent, .. } => graph.intern(Node::Position(position(value), extent)),
    }
}

fn map_bounds(domain: Domain, at: impl Fn(NodeId) -> NodeId) -> Domain {
    match domain {
        Domain::Interval { low, low_open, high, high_open } => {
            Domain::Interval { low: at(low), low_open, high: at(high), high_open }
        }
        Domain::Set(members) => Domain::Set(members.into_iter().map(at).collect()),
        Domain::Whole { low, high } => Domain::Whole { low: at(low), high: high.map(at) },
        Domain::Simplex => Domain::Simplex,
    }
}

fn test_value(graph: &Graph, id: InputId, value: f64) -> Result<(), FreezeError> {
    let input = graph.input(id);
    let name = || input.name.clone();
    match input.role {
        Role::Pred | Role::Target => return Err(FreezeError::NotShared { name: name() }),
        Role::Learned | Role::Param => {}
    }
    let refuse = |domain: String| Err(FreezeError::OutOfDomain { name: name(), value, domain });
    match (input.kind, &input.domain) {
        (InputKind::Switch, _) if ![0.0, 1.0].contains(&value) => refuse("{false, true}".into()),
        (InputKind::Index { extent, .. }, _)
            if !(0.0..=f64::from(i32::MAX)).contains(&value) || value.floor() < value =>
        {
            refuse(graph.extent(extent).to_string())
        }
        (InputKind::Real, Some(domain)) if !matches!(domain, Domain::Simplex) => {
            let nodes = domain::bounds(domain);
            let varies = |id: &NodeId| !matches!(graph.node(*id), Node::Number(_) | Node::Map(..));
            if graph.reachable(&nodes).iter().any(varies) {
                return Ok(());
            }
            let bounds: Vec<f64> = evaluate(graph, &nodes, &Environment::default())
                .into_iter()
                .map(|array| array.data[0])
                .collect();
            match domain::first_outside(domain, &bounds, &[value], 1) {
                Some(_) => refuse(domain::spell_numbers(domain, &bounds)),
                None => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "tested to be a whole number of 31 bits"
)]
fn position(value: f64) -> u32 {
    value as u32
}
