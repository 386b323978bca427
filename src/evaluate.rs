//! Plain f64 values of nodes: in come the extents and the inputs, out come dense arrays over the axes of the roots.
//!
//! Defaults, bounds of domains and examples are evaluated here, and tests take it as the oracle that shares
//! nothing with lowering. Nothing is fused and nothing is clever: every node becomes a whole array.

use crate::builtins::Reduction;
use crate::graph::{AxisId, AxisSet, ExtentId, Graph, InputId, Node, NodeId};

/// What a graph is evaluated with.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// The length of every extent, by its id.
    pub extents: Vec<usize>,
    /// The elements of every input, by its id, row-major over its declared axes. Indices and truth
    /// values are numbers.
    pub inputs: Vec<Vec<f64>>,
}

impl Environment {
    /// How long an axis is.
    fn length(&self, graph: &Graph, axis: AxisId) -> usize {
        self.extent(graph.axis(axis).extent)
    }

    fn extent(&self, extent: ExtentId) -> usize {
        self.extents[extent.index()]
    }
}

/// The elements of a node over its axes.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Its axes, in the order of their ids.
    pub axes: Vec<AxisId>,
    /// The length of each axis.
    pub shape: Vec<usize>,
    /// The elements, row-major. Indices and truth values are numbers.
    pub data: Vec<f64>,
}

impl Array {
    fn strides(&self) -> Vec<(AxisId, usize)> {
        let mut strides = Vec::with_capacity(self.axes.len());
        let mut stride = 1;
        for (axis, length) in self.axes.iter().zip(&self.shape).rev() {
            strides.push((*axis, stride));
            stride *= length;
        }
        strides
    }

    /// The elements with the axes in another order, repeated along those that it lacks.
    ///
    /// # Panics
    /// If `axes` lacks one of its axes.
    #[must_use]
    pub fn arranged(&self, graph: &Graph, axes: &[AxisId], environment: &Environment) -> Vec<f64> {
        assert!(self.axes.iter().all(|axis| axes.contains(axis)), "an axis would be lost");
        let shape: Vec<usize> = axes.iter().map(|axis| environment.length(graph, *axis)).collect();
        let view = view(self, axes);
        let mut data = Vec::with_capacity(shape.iter().product());
        each_index(&shape, |index| data.push(self.data[offset(&view, index)]));
        data
    }
}

/// The values of the roots, in order.
///
/// An element that is read outside of its array (a missing label) is NaN.
///
/// # Panics
/// If the environment lacks an extent or an input that the roots need.
#[must_use]
pub fn evaluate(graph: &Graph, roots: &[NodeId], environment: &Environment) -> Vec<Array> {
    let mut arrays: Vec<Option<Array>> = vec![None; graph.len()];
    for id in graph.reachable(roots) {
        let arguments: Vec<&Array> = graph
            .arguments(id)
            .iter()
            .map(|argument| arrays[argument.index()].as_ref().expect("arguments come first"))
            .collect();
        let array = evaluate_node(graph, id, &arguments, environment);
        arrays[id.index()] = Some(array);
    }
    let value = |root: &NodeId| arrays[root.index()].clone().expect("roots are reachable");
    roots.iter().map(value).collect()
}

fn evaluate_node(
    graph: &Graph,
    id: NodeId,
    arguments: &[&Array],
    environment: &Environment,
) -> Array {
    let axes: Vec<AxisId> = graph.axes(id).iter().collect();
    let shape: Vec<usize> = axes.iter().map(|axis| environment.length(graph, *axis)).collect();
    let scalar = |value: f64| vec![value];
    let data = match graph.node(id) {
        Node::Number(bits) => scalar(f64::from_bits(*bits)),
        Node::Bool(value) => scalar(f64::from(u8::from(*value))),
        Node::Position(position, _) => scalar(f64::from(*position)),
        Node::Size(extent) => scalar(real(environment.extent(*extent))),
        Node::Index(_) => (0..shape[0]).map(real).collect(),
        Node::Read(input, _) => read(graph, *input, arguments, &axes, &shape, environment),
        Node::Map(function, _) => {
            let views: Vec<Vec<usize>> =
                arguments.iter().map(|argument| view(argument, &axes)).collect();
            let reference = function.row().reference;
            let mut values = vec![0.0; arguments.len()];
            let mut data = Vec::with_capacity(shape.iter().product());
            each_index(&shape, |index| {
                for ((value, view), argument) in values.iter_mut().zip(&views).zip(arguments) {
                    *value = argument.data[offset(view, index)];
                }
                data.push(reference(&values));
            });
            data
        }
        Node::Reduce(reduction, axis, _) => reduce(*reduction, *axis, arguments[0], &axes, &shape),
        Node::Rename { from, to, .. } => {
            let inner: Vec<AxisId> =
                axes.iter().map(|axis| if axis == to { *from } else { *axis }).collect();
            arguments[0].arranged(graph, &inner, environment)
        }
    };
    Array { axes, shape, data }
}

fn read(
    graph: &Graph,
    input: InputId,
    subscripts: &[&Array],
    axes: &[AxisId],
    shape: &[usize],
    environment: &Environment,
) -> Vec<f64> {
    let lengths: Vec<usize> =
        graph.input(input).axes.iter().map(|axis| environment.length(graph, *axis)).collect();
    let views: Vec<Vec<usize>> = subscripts.iter().map(|array| view(array, axes)).collect();
    let elements = &environment.inputs[input.index()];
    let mut data = Vec::with_capacity(shape.iter().product());
    each_index(shape, |index| {
        let mut place = Some(0);
        for ((subscript, view), length) in subscripts.iter().zip(&views).zip(&lengths) {
            let at = subscript.data[offset(view, index)];
            let inside = at >= 0.0 && at < real(*length);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a whole number within the extent"
            )]
            let step = at as usize;
            place = place.filter(|_| inside).map(|place| place * length + step);
        }
        data.push(place.map_or(f64::NAN, |place| elements[place]));
    });
    data
}

fn reduce(
    reduction: Reduction,
    axis: AxisId,
    argument: &Array,
    axes: &[AxisId],
    shape: &[usize],
) -> Vec<f64> {
    let outer = view(argument, axes);
    let place = argument.axes.iter().position(|own| *own == axis).expect("it has the bound axis");
    let (length, step) = (argument.shape[place], view(argument, &[axis])[0]);
    let mut data = Vec::with_capacity(shape.iter().product());
    each_index(shape, |index| {
        let start = offset(&outer, index);
        data.push(fold(reduction, (0..length).map(|at| argument.data[start + at * step])));
    });
    data
}

fn fold(reduction: Reduction, elements: impl Iterator<Item = f64> + Clone) -> f64 {
    let binary = |function: crate::builtins::Function| function.row().reference;
    let maximum = binary(crate::builtins::Function::Max);
    let minimum = binary(crate::builtins::Function::Min);
    match reduction {
        Reduction::Sum => elements.sum::<f64>() + 0.0,
        Reduction::Product => elements.product(),
        Reduction::Max => elements.fold(f64::NEG_INFINITY, |a, b| maximum(&[a, b])),
        Reduction::Min => elements.fold(f64::INFINITY, |a, b| minimum(&[a, b])),
        Reduction::LogSumExp => {
            let shift = elements.clone().fold(f64::NEG_INFINITY, |a, b| maximum(&[a, b]));
            if shift.is_infinite() {
                return shift;
            }
            shift + elements.map(|element| (element - shift).exp()).sum::<f64>().ln()
        }
        Reduction::Any => f64::from(u8::from(elements.clone().any(|element| element != 0.0))),
        Reduction::All => f64::from(u8::from(elements.clone().all(|element| element != 0.0))),
    }
}

/// How far apart neighbours along each of `axes` are in the array; 0 along one that it lacks.
fn view(array: &Array, axes: &[AxisId]) -> Vec<usize> {
    let strides = array.strides();
    let stride = |axis: &AxisId| {
        strides.iter().find(|(own, _)| own == axis).map_or(0, |(_, stride)| *stride)
    };
    axes.iter().map(stride).collect()
}

fn offset(view: &[usize], index: &[usize]) -> usize {
    view.iter().zip(index).map(|(stride, at)| stride * at).sum()
}

/// Calls with every index of a shape, the last axis fastest.
fn each_index(shape: &[usize], mut call: impl FnMut(&[usize])) {
    if shape.contains(&0) {
        return;
    }
    let mut index = vec![0; shape.len()];
    loop {
        call(&index);
        let Some(axis) = (0..shape.len()).rev().find(|axis| index[*axis] + 1 < shape[*axis]) else {
            return;
        };
        index[axis] += 1;
        index[axis + 1..].fill(0);
    }
}

#[expect(clippy::cast_precision_loss, reason = "extents are far below 2^53")]
fn real(length: usize) -> f64 {
    length as f64
}

/// The value of a node that needs neither inputs nor extents.
#[must_use]
pub fn evaluate_constant(graph: &Graph, root: NodeId) -> Option<f64> {
    let is_constant =
        |id: &NodeId| !matches!(graph.node(*id), Node::Read(..) | Node::Size(_) | Node::Index(_));
    let constant =
        graph.axes(root) == AxisSet::EMPTY && graph.reachable(&[root]).iter().all(is_constant);
    constant.then(|| evaluate(graph, &[root], &Environment::default())[0].data[0])
}
