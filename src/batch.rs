//! From one example to a batch of them: in come a graph and its roots for one example, out goes a graph
//! in which "batch" is the outermost axis of every `pred` and `target` input, and the roots of a call.
//!
//! Afterwards nothing is special about the batch: lowering sees one more axis. A row of weight 0 and a
//! missing one select 0, so that nothing of theirs reaches any output, not even a NaN.

use crate::builtins::{Function, Reduction};
use crate::diagnostic::{FileId, Span};
use crate::graph::{
    AxisId, Extent, ExtentId, Graph, Input, InputId, InputKind, Node, NodeId, Role,
};

/// What of a loss is known before the batch: nodes over one example.
#[derive(Clone, Debug)]
pub struct Roots {
    /// The loss of the example: a real without axes.
    pub value: NodeId,
    /// What the example counts for in the mean: a real without axes; none: 1.
    pub per: Option<NodeId>,
    /// Whether the example is missing: a boolean without axes; none: never.
    pub missing: Option<NodeId>,
    /// The derivative of `value` in each input that is asked for.
    pub gradients: Vec<Derivative>,
}

/// The derivative in one input.
#[derive(Clone, Debug)]
pub struct Derivative {
    /// The input.
    pub input: InputId,
    /// The derivative of the value.
    pub node: NodeId,
    /// The derivative of `per`, over the same axes, where it depends on the input.
    pub per: Option<NodeId>,
    /// The axes of both in the order of the input's memory.
    pub axes: Vec<AxisId>,
}

/// Which further inputs a batch takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Weighting {
    /// A weight for each example.
    pub sample_weights: bool,
    /// A factor for each example's gradient.
    pub upstream: bool,
}

/// A loss over a batch.
#[derive(Clone, Debug)]
pub struct Batched {
    /// Its expressions; inputs that are not [`Extra`] keep their ids.
    pub graph: Graph,
    /// How many examples there are.
    pub batch: ExtentId,
    /// The inputs that the batch brought in.
    pub extras: Vec<(InputId, Extra)>,
    /// What it computes.
    pub roots: Vec<Root>,
}

/// An input that the batch brings in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Extra {
    /// What each example counts for: `[batch]`.
    SampleWeight,
    /// What each example's gradient is multiplied by: `[batch]`.
    Upstream,
    /// What the gradients of batched inputs are multiplied by: a scalar.
    Scale,
    /// The mean of the batch, or 0 for a sum: a scalar, where a gradient of `per` takes part.
    Center,
}

/// Something that a batch computes.
#[derive(Clone, Debug)]
pub struct Root {
    /// Which part of the results it is.
    pub part: Part,
    /// The expression.
    pub node: NodeId,
    /// Its axes in the order of memory, outermost first.
    pub axes: Vec<AxisId>,
}

/// A part of the results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// The sum over the batch of what each example has, its loss times its weight or what it counts for in
    /// the mean: a scalar.
    Total,
    /// The loss of each example, times its weight: `[batch]`.
    Values,
    /// The gradient in an input: `[batch, axes…]` and scaled if the input is batched, else `[axes…]`,
    /// summed over the batch and not scaled.
    Gradient(InputId),
}

/// Whether each example of a batch has its own.
#[must_use]
pub fn is_batched(role: Role) -> bool {
    match role {
        Role::Pred | Role::Target => true,
        Role::Learned | Role::Param => false,
    }
}

/// The total of a batch, the value of each example where they are asked for, and gradients.
#[must_use]
pub fn batch(graph: Graph, roots: &Roots, weighting: Weighting, with_values: bool) -> Batched {
    let mut builder = Builder::new(graph);
    let weight = weighting.sample_weights.then(|| builder.extra(Extra::SampleWeight));
    let upstream = weighting.upstream.then(|| builder.extra(Extra::Upstream));
    let mut all = vec![roots.value];
    all.extend(roots.missing);
    all.extend(
        roots.gradients.iter().flat_map(|gradient| [Some(gradient.node), gradient.per]).flatten(),
    );
    let moved = builder.move_in(&all);
    let guard = builder.guard(roots.missing.map(&moved), weight);
    let weighted = builder.product(weight, moved(roots.value));
    let values = builder.guarded(guard, weighted);
    builder.total(values);
    if with_values {
        builder.root(Part::Values, values, vec![builder.axis]);
    }
    let center = roots
        .gradients
        .iter()
        .any(|gradient| gradient.per.is_some())
        .then(|| builder.extra(Extra::Center));
    for gradient in &roots.gradients {
        let mut node = moved(gradient.node);
        if let (Some(per), Some(center)) = (gradient.per, center) {
            let drift = builder.product(Some(center), moved(per));
            node = builder.graph.map(Function::Subtract, &[node, drift]);
        }
        let factor = builder.factor(weight, upstream);
        let batched = is_batched(builder.graph.input(gradient.input).role);
        let factor = if batched {
            let scale = builder.extra(Extra::Scale);
            Some(builder.product(factor, scale))
        } else {
            factor
        };
        let scaled = builder.product(factor, node);
        let kept = builder.guarded(guard, scaled);
        let part = Part::Gradient(gradient.input);
        if batched {
            let axes = std::iter::once(builder.axis).chain(gradient.axes.iter().copied()).collect();
            builder.root(part, kept, axes);
        } else {
            let sum = builder.graph.reduce(Reduction::Sum, builder.axis, kept);
            builder.root(part, sum, gradient.axes.clone());
        }
    }
    builder.finish()
}

/// What the examples of a batch count for together in the mean; none: how many there are.
#[must_use]
pub fn batch_weights(graph: Graph, roots: &Roots, weighting: Weighting) -> Option<Batched> {
    if roots.per.is_none() && roots.missing.is_none() && !weighting.sample_weights {
        return None;
    }
    let mut builder = Builder::new(graph);
    let weight = weighting.sample_weights.then(|| builder.extra(Extra::SampleWeight));
    let all: Vec<NodeId> = roots.per.into_iter().chain(roots.missing).collect();
    let moved = builder.move_in(&all);
    let guard = builder.guard(roots.missing.map(&moved), weight);
    let weighted = match (roots.per.map(&moved), weight) {
        (Some(per), weight) => builder.product(weight, per),
        (None, Some(weight)) => weight,
        (None, None) => builder.graph.number(1.0),
    };
    let kept = builder.guarded(guard, weighted);
    builder.total(kept);
    Some(builder.finish())
}

/// A batched loss under construction.
struct Builder {
    graph: Graph,
    batch: ExtentId,
    axis: AxisId,
    extras: Vec<(InputId, Extra)>,
    roots: Vec<Root>,
}

impl Builder {
    /// The graph, whose batched inputs have the batch as their outermost axis from now on.
    fn new(mut graph: Graph) -> Self {
        // No axis of a file starts with a small letter.
        let batch = graph.add_extent(Extent::Named("batch".into()));
        let axis = graph.declared_axis(batch);
        for id in graph.input_ids() {
            if is_batched(graph.input(id).role) {
                graph.input_mut(id).axes.insert(0, axis);
            }
        }
        Self { graph, batch, axis, extras: Vec::new(), roots: Vec::new() }
    }

    /// Rebuilds what the roots need over the batched inputs; gives where each node went.
    fn move_in(&mut self, roots: &[NodeId]) -> impl Fn(NodeId) -> NodeId + use<> {
        let mut moved: Vec<Option<NodeId>> = vec![None; self.graph.len()];
        let row = self.graph.intern(Node::Index(self.axis));
        for id in self.graph.reachable(roots) {
            let mut node = self.graph.node(id).with_arguments(|argument| {
                moved[argument.index()].expect("arguments come before their users")
            });
            if let Node::Read(input, subscripts) = &mut node
                && is_batched(self.graph.input(*input).role)
            {
                *subscripts = std::iter::once(row).chain(subscripts.iter().copied()).collect();
            }
            moved[id.index()] = Some(self.graph.intern(node));
        }
        move |id| moved[id.index()].expect("only nodes under the roots are asked for")
    }

    /// The extra input as an expression.
    fn extra(&mut self, extra: Extra) -> NodeId {
        let known = self.extras.iter().find(|(_, known)| *known == extra).map(|(id, _)| *id);
        let (name, batched) = match extra {
            Extra::SampleWeight => ("batch.weight", true),
            Extra::Upstream => ("batch.upstream", true),
            Extra::Scale => ("batch.scale", false),
            Extra::Center => ("batch.center", false),
        };
        let id = known.unwrap_or_else(|| {
            let id = self.graph.add_input(Input {
                name: name.into(),
                doc: String::new(),
                role: if batched { Role::Target } else { Role::Param },
                kind: InputKind::Real,
                axes: if batched { vec![self.axis] } else { Vec::new() },
                domain: None,
                default: None,
                span: Span { file: FileId(0), start: 0, end: 0 },
            });
            self.extras.push((id, extra));
            id
        });
        let row = batched.then(|| self.graph.intern(Node::Index(self.axis)));
        self.graph.intern(Node::Read(id, row.into_iter().collect()))
    }

    /// Whether a row adds nothing.
    fn guard(&mut self, missing: Option<NodeId>, weight: Option<NodeId>) -> Option<NodeId> {
        let weightless = weight.map(|weight| {
            let zero = self.graph.number(0.0);
            self.graph.map(Function::Equal, &[weight, zero])
        });
        match (missing, weightless) {
            (Some(a), Some(b)) => Some(self.graph.map(Function::Or, &[a, b])),
            (a, b) => a.or(b),
        }
    }

    /// `node`, or 0 in the rows that add nothing.
    fn guarded(&mut self, guard: Option<NodeId>, node: NodeId) -> NodeId {
        match guard {
            Some(guard) => {
                let zero = self.graph.number(0.0);
                self.graph.select(guard, zero, node)
            }
            None => node,
        }
    }

    /// What a row's gradient is multiplied by, the scale left out.
    fn factor(&mut self, weight: Option<NodeId>, upstream: Option<NodeId>) -> Option<NodeId> {
        match (weight, upstream) {
            (Some(weight), Some(upstream)) => {
                Some(self.graph.map(Function::Multiply, &[weight, upstream]))
            }
            (weight, upstream) => weight.or(upstream),
        }
    }

    /// `factor * node`
    fn product(&mut self, factor: Option<NodeId>, node: NodeId) -> NodeId {
        match factor {
            Some(factor) => self.graph.map(Function::Multiply, &[factor, node]),
            None => node,
        }
    }

    /// Asks for the sum of a number of each example.
    fn total(&mut self, node: NodeId) {
        let sum = self.graph.reduce(Reduction::Sum, self.axis, node);
        self.root(Part::Total, sum, Vec::new());
    }

    fn root(&mut self, part: Part, node: NodeId, axes: Vec<AxisId>) {
        self.roots.push(Root { part, node, axes });
    }

    fn finish(self) -> Batched {
        Batched { graph: self.graph, batch: self.batch, extras: self.extras, roots: self.roots }
    }
}
