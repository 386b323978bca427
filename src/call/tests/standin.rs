//! Losses built by hand, and code that evaluates their graphs plainly.

use std::sync::Arc;

use crate::batch::{Batched, Derivative, Part, Roots, batch, batch_weights};
use crate::builtins::{Function, Reduction};
use crate::call::{Code, Element, Loss, Variant};
use crate::diagnostic::{FileId, Span};
use crate::evaluate::{Environment, evaluate};
use crate::graph::{
    AxisId, Domain, Extent, ExtentId, Graph, Input, InputId, InputKind, Node, NodeId, Role,
};
use crate::loops::Precision;
use crate::model::Model;
use crate::plan::{Array, Length, Request, Source, Work};

pub(super) const SPAN: Span = Span { file: FileId(0), start: 0, end: 0 };

/// A model and its derivatives, by hand.
pub(super) struct Sketch {
    pub(super) model: Model,
    pub(super) derivatives: Vec<Derivative>,
}

/// `a op b …`
fn map(graph: &mut Graph, function: Function, arguments: &[NodeId]) -> NodeId {
    graph.map(function, arguments)
}

pub(super) fn add_input(
    graph: &mut Graph,
    name: &str,
    role: Role,
    axes: &[AxisId],
    domain: Option<Domain>,
    default: Option<NodeId>,
) -> (InputId, NodeId) {
    let id = graph.add_input(Input {
        name: name.into(),
        doc: String::new(),
        role,
        kind: InputKind::Real,
        axes: axes.to_vec(),
        domain,
        default,
        span: SPAN,
    });
    let subscripts = axes.iter().map(|axis| graph.intern(Node::Index(*axis))).collect();
    (id, graph.intern(Node::Read(id, subscripts)))
}

pub(super) fn interval(graph: &mut Graph, low: f64, high: f64, open: bool) -> Domain {
    let (low, high) = (graph.number(low), graph.number(high));
    Domain::Interval { low, low_open: open, high, high_open: open }
}

fn sketch(name: &str, graph: Graph, value: NodeId, derivatives: Vec<Derivative>) -> Sketch {
    let model = Model {
        name: name.into(),
        span: Span { file: FileId(0), start: 0, end: 0 },
        doc: "A loss by hand.".into(),
        graph,
        spans: Vec::new(),
        value,
        per: None,
        missing: None,
        least_extents: Vec::new(),
        examples: Vec::new(),
    };
    Sketch { model, derivatives }
}

/// `loss scaled(pred x in [-100, 100], target y, learned t in (0, inf), param delta in (0, 9) = 1) = t * delta * (x - y)^2 / 2`
pub(super) fn scaled() -> Sketch {
    let mut graph = Graph::default();
    let g = &mut graph;
    let near = interval(g, -100.0, 100.0, false);
    let positive = interval(g, 0.0, f64::INFINITY, true);
    let small = interval(g, 0.0, 9.0, true);
    let one = g.number(1.0);
    let (x_id, x) = add_input(g, "x", Role::Pred, &[], Some(near), None);
    let (_, y) = add_input(g, "y", Role::Target, &[], None, None);
    let (t_id, t) = add_input(g, "t", Role::Learned, &[], Some(positive), None);
    let (_, delta) = add_input(g, "delta", Role::Param, &[], Some(small), Some(one));
    let difference = map(g, Function::Subtract, &[x, y]);
    let square = map(g, Function::Multiply, &[difference, difference]);
    let two = g.number(2.0);
    let half = map(g, Function::Divide, &[square, two]);
    let for_t = map(g, Function::Multiply, &[delta, half]);
    let value = map(g, Function::Multiply, &[t, for_t]);
    let factor = map(g, Function::Multiply, &[t, delta]);
    let for_x = map(g, Function::Multiply, &[factor, difference]);
    let derivatives = vec![
        Derivative { input: x_id, node: for_x, per: None, axes: Vec::new() },
        Derivative { input: t_id, node: for_t, per: None, axes: Vec::new() },
    ];
    sketch("scaled", graph, value, derivatives)
}

/// `loss cross_entropy(pred logits[K], target label in K?, param weight[K] in [0, inf) = 1 / size(K))
///  = -weight[label] * log_softmax(logits)[label] per weight[label]`
pub(super) fn cross_entropy() -> Sketch {
    let mut graph = Graph::default();
    let g = &mut graph;
    let extent = g.add_extent(Extent::Named("K".into()));
    let axis = g.declared_axis(extent);
    let inner = g.index_axis(extent, crate::graph::AxisSet::of(axis));
    let (one, size) = (g.number(1.0), g.intern(Node::Size(extent)));
    let default = map(g, Function::Divide, &[one, size]);
    let zero = g.number(0.0);
    let infinity = g.number(f64::INFINITY);
    let domain = Domain::Interval { low: zero, low_open: false, high: infinity, high_open: true };
    let (logits_id, logits) = add_input(g, "logits", Role::Pred, &[axis], None, None);
    let label_id = g.add_input(Input {
        name: "label".into(),
        doc: String::new(),
        role: Role::Target,
        kind: InputKind::Index { extent, optional: true },
        axes: Vec::new(),
        domain: None,
        default: None,
        span: SPAN,
    });
    let label = g.intern(Node::Read(label_id, [].into()));
    let (weight_id, _) = add_input(g, "weight", Role::Param, &[axis], Some(domain), Some(default));
    let own = g.intern(Node::Read(weight_id, [label].into()));
    let picked = g.intern(Node::Read(logits_id, [label].into()));
    let renamed = g.intern(Node::Index(inner));
    let all = g.substitute(logits, &[(axis, renamed)]);
    let total = g.reduce(Reduction::LogSumExp, inner, all);
    let plain = map(g, Function::Subtract, &[total, picked]);
    let value = map(g, Function::Multiply, &[own, plain]);
    let index = g.intern(Node::Index(axis));
    let is_label = map(g, Function::Equal, &[index, label]);
    let one_hot = g.select(is_label, one, zero);
    let log_softmax = map(g, Function::Subtract, &[logits, total]);
    let softmax = map(g, Function::Exp, &[log_softmax]);
    let difference = map(g, Function::Subtract, &[softmax, one_hot]);
    let for_logits = map(g, Function::Multiply, &[own, difference]);
    let for_weight = map(g, Function::Multiply, &[one_hot, plain]);
    let missing = map(g, Function::Missing, &[label]);
    let derivatives = vec![
        Derivative { input: logits_id, node: for_logits, per: None, axes: vec![axis] },
        Derivative { input: weight_id, node: for_weight, per: Some(one_hot), axes: vec![axis] },
    ];
    let mut sketch = sketch("cross_entropy", graph, value, derivatives);
    sketch.model.per = Some(own);
    sketch.model.missing = Some(missing);
    sketch
}

/// A loss whose code evaluates the graph.
pub(super) fn plain<T: Element>(sketch: Sketch) -> Loss<T> {
    let gradients = sketch.derivatives.iter().map(|derivative| derivative.input).collect();
    let model = Arc::new(sketch.model.clone());
    Loss::new(model, &[], gradients, Box::new(move |request| build::<T>(&sketch, request)))
}

fn build<T: Element>(sketch: &Sketch, request: &Request) -> Result<Variant, String> {
    let Model { graph, value, per, missing, .. } = &sketch.model;
    let roots = |gradients| Roots { value: *value, per: *per, missing: *missing, gradients };
    let batched = match request {
        Request::Weights(weighting) => {
            batch_weights(graph.clone(), &roots(Vec::new()), *weighting).ok_or("no weights")?
        }
        Request::Values { each, gradients, weighting } => {
            let derivative = |id: &InputId| {
                let found = sketch.derivatives.iter().find(|known| known.input == *id);
                found.cloned().ok_or_else(|| format!("no derivative in {id:?}"))
            };
            let gradients: Result<Vec<_>, _> = gradients.iter().map(derivative).collect();
            batch(graph.clone(), &roots(gradients?), *weighting, *each)
        }
    };
    Ok(variant::<T>(batched))
}

/// Lists the arrays of a batched graph, and evaluates it as the code.
fn variant<T: Element>(batched: Batched) -> Variant {
    let graph = &batched.graph;
    let length = |extent: ExtentId| match graph.extent(extent) {
        _ if extent == batched.batch => Length::Batch,
        Extent::Literal(length) => Length::Literal(*length as usize),
        Extent::Named(_) => Length::Given(extent),
    };
    let lengths = |axes: &[AxisId]| axes.iter().map(|id| length(graph.axis(*id).extent)).collect();
    let inputs = graph.input_ids().map(|id| {
        let extra = batched.extras.iter().find(|(extra, _)| *extra == id);
        Array {
            source: extra.map_or(Source::Input(id), |(_, extra)| Source::Extra(*extra)),
            lengths: lengths(&graph.input(id).axes),
        }
    });
    let outputs = batched
        .roots
        .iter()
        .map(|root| Array { source: Source::Output(root.part), lengths: lengths(&root.axes) });
    let arrays: Vec<Array> = inputs.chain(outputs).collect();
    let extents: Vec<Length> = graph.extent_ids().map(length).collect();
    let run = move |addresses: &[*mut u8], lengths: &[u64]| {
        run::<T>(&batched, addresses, lengths);
    };
    // SAFETY: `run` reads and writes the elements of the arrays and nothing else.
    Variant { arrays, extents, work: Work::default(), code: unsafe { Code::new(run) } }
}

fn run<T: Element>(batched: &Batched, addresses: &[*mut u8], lengths: &[u64]) {
    let graph = &batched.graph;
    let extents: Vec<usize> =
        lengths.iter().map(|length| usize::try_from(*length).unwrap()).collect();
    let size = |axes: &[AxisId]| -> usize {
        axes.iter().map(|axis| extents[graph.axis(*axis).extent.index()]).product()
    };
    let inputs = graph.input_ids().zip(addresses).map(|(id, address)| {
        let count = size(&graph.input(id).axes);
        // SAFETY: the caller gives as many elements as the variant lists.
        unsafe { read::<T>(*address, count, graph.input(id).kind) }
    });
    let environment = Environment { inputs: inputs.collect(), extents: extents.clone() };
    let nodes: Vec<NodeId> = batched.roots.iter().map(|root| root.node).collect();
    let outputs = &addresses[graph.input_ids().count()..];
    let values = evaluate(graph, &nodes, &environment);
    for ((root, value), address) in batched.roots.iter().zip(values).zip(outputs) {
        let elements = value.arranged(graph, &root.axes, &environment);
        assert!(matches!(root.part, Part::Total | Part::Values | Part::Gradient(_)));
        for (at, element) in elements.iter().enumerate() {
            // SAFETY: the caller gives as many elements as the variant lists.
            unsafe { address.cast::<T>().add(at).write(T::from_f64(*element)) };
        }
    }
}

unsafe fn read<T: Element>(address: *const u8, count: usize, kind: InputKind) -> Vec<f64> {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_ptr_alignment,
        reason = "small labels, and the address is that of elements of this type"
    )]
    let element = |at: usize| match (kind, T::PRECISION) {
        // SAFETY: as of this function.
        (InputKind::Index { .. }, Precision::F32) => {
            f64::from(unsafe { *address.cast::<i32>().add(at) })
        }
        // SAFETY: as of this function.
        (InputKind::Index { .. }, Precision::F64) => unsafe {
            *address.cast::<i64>().add(at) as f64
        },
        // SAFETY: as of this function.
        (InputKind::Real | InputKind::Switch, _) => unsafe {
            (*address.cast::<T>().add(at)).to_f64()
        },
    };
    (0..count).map(element).collect()
}
