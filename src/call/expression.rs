//! Defaults and bounds of domains: small expressions over constants, params and sizes, worked out at the
//! call. Constants are worked out once; the others again only when what they read has changed.

use super::element::Element;
use super::scratch::Cached;
use super::shape::Extents;
use crate::domain;
use crate::evaluate::{Environment, evaluate};
use crate::graph::{AxisId, ExtentId, Graph, InputId, Node, NodeId};

/// An expression that a call works out.
#[derive(Clone, Debug)]
pub(super) struct Expression {
    node: NodeId,
    /// The axes of its elements in the order of memory: those of the input, or none.
    axes: Vec<AxisId>,
    reads: Vec<InputId>,
    sizes: Vec<ExtentId>,
    /// The number that it is, whatever the call gives.
    constant: Option<[f64; 1]>,
    /// Its place in the cache.
    place: usize,
}

/// The default and the bounds of the domain of every input.
pub(super) fn of_inputs(graph: &Graph) -> (Vec<Option<Expression>>, Vec<Vec<Expression>>) {
    let mut place = 0..;
    let mut expression = |node: NodeId| Expression::new(graph, node, place.next().unwrap_or(0));
    graph
        .input_ids()
        .map(|id| {
            let input = graph.input(id);
            let bounds = input.domain.as_ref().map_or_else(Vec::new, domain::bounds);
            let default = input.default.map(&mut expression);
            (default, bounds.into_iter().map(&mut expression).collect())
        })
        .unzip()
}

impl Expression {
    fn new(graph: &Graph, node: NodeId, place: usize) -> Self {
        let mut reads = Vec::new();
        let mut sizes: Vec<ExtentId> = Vec::new();
        let needed = graph.reachable(&[node]);
        for id in &needed {
            match graph.node(*id) {
                Node::Read(input, _) if !reads.contains(input) => reads.push(*input),
                Node::Size(extent) => sizes.push(*extent),
                Node::Index(axis) | Node::Reduce(_, axis, _) => {
                    sizes.push(graph.axis(*axis).extent);
                }
                _ => {}
            }
        }
        for input in &reads {
            sizes.extend(graph.input(*input).axes.iter().map(|axis| graph.axis(*axis).extent));
        }
        sizes.sort_unstable();
        sizes.dedup();
        let constant = (reads.is_empty() && sizes.is_empty()).then(|| {
            let worked_out = || evaluate(graph, &[node], &Environment::default())[0].data[0];
            [graph.as_number(node).unwrap_or_else(worked_out)]
        });
        let axes = graph.axes(node).iter().collect();
        Self { node, axes, reads, sizes, constant, place }
    }

    /// The inputs that it reads.
    pub(super) fn reads(&self) -> &[InputId] {
        &self.reads
    }

    /// Its elements: one, or one for each of the input's. `read` gives the elements of an input.
    pub(super) fn elements<'s, T: Element>(
        &'s self,
        graph: &Graph,
        input: InputId,
        extents: &Extents,
        read: impl Fn(InputId) -> &'s [T],
        cache: &'s mut Vec<Cached>,
    ) -> &'s [f64] {
        if let Some(constant) = &self.constant {
            return constant;
        }
        let length = |extent: &ExtentId| extents.get(*extent).unwrap_or(0);
        if cache.len() <= self.place {
            cache.resize_with(self.place + 1, Cached::default);
        }
        let cached = &mut cache[self.place];
        let key = || {
            let sizes = self.sizes.iter().map(|extent| length(extent) as u64);
            let reads = self.reads.iter().flat_map(|id| read(*id));
            sizes.chain(reads.map(|element| element.to_f64().to_bits()))
        };
        if cached.key.is_empty() || !key().eq(cached.key.iter().copied()) {
            cached.key.clear();
            cached.key.extend(key());
            let environment = Environment {
                extents: graph.extent_ids().map(|id| length(&id)).collect(),
                inputs: graph
                    .input_ids()
                    .map(|id| {
                        let elements: &[T] = if self.reads.contains(&id) { read(id) } else { &[] };
                        elements.iter().map(|element| element.to_f64()).collect()
                    })
                    .collect(),
            };
            let value = &evaluate(graph, &[self.node], &environment)[0];
            cached.elements = if self.axes.is_empty() {
                value.data.clone()
            } else {
                value.arranged(graph, &graph.input(input).axes, &environment)
            };
        }
        &cached.elements
    }
}
