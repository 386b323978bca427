//! Values of nodes: in come the extents and the inputs, out come dense arrays over the axes of the roots.
//!
//! Defaults, bounds of domains and examples are evaluated here, and tests take it as the oracle that shares
//! nothing with lowering. Nothing is fused and nothing is clever: every node becomes a whole array.
//! [`evaluate`] computes with plain f64, [`evaluate_in`] with any other [`Arithmetic`].

mod arithmetic;
mod dual;
#[cfg(test)]
mod tests;

pub use arithmetic::{Arithmetic, Plain};
pub use dual::{Dual, Duals, LANES};

use crate::builtins::{Function, Reduction};
use crate::graph::{AxisId, AxisSet, ExtentId, Graph, InputId, Node, NodeId};

/// What a graph is evaluated with.
#[derive(Clone, Debug, Default)]
pub struct Environment<N = f64> {
    /// The length of every extent, by its id.
    pub extents: Vec<usize>,
    /// The elements of every input, by its id, row-major over its declared axes. Indices and truth
    /// values are numbers.
    pub inputs: Vec<Vec<N>>,
}

impl<N> Environment<N> {
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
pub struct Array<N = f64> {
    /// Its axes, in the order of their ids.
    pub axes: Vec<AxisId>,
    /// The length of each axis.
    pub shape: Vec<usize>,
    /// The elements, row-major. Indices and truth values are numbers.
    pub data: Vec<N>,
}

impl<N: Clone> Array<N> {
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
    pub fn arranged(&self, graph: &Graph, axes: &[AxisId], environment: &Environment<N>) -> Vec<N> {
        assert!(self.axes.iter().all(|axis| axes.contains(axis)), "an axis would be lost");
        let shape: Vec<usize> = axes.iter().map(|axis| environment.length(graph, *axis)).collect();
        let view = view(self, axes);
        let mut data = Vec::with_capacity(shape.iter().product());
        each_index(&shape, |index| data.push(self.data[offset(&view, index)].clone()));
        data
    }
}

/// The values of the roots in plain f64, in order.
///
/// An element that is read outside of its array (a missing label) is NaN.
///
/// # Panics
/// If the environment lacks an extent or an input that the roots need.
#[must_use]
pub fn evaluate(graph: &Graph, roots: &[NodeId], environment: &Environment) -> Vec<Array> {
    evaluate_in(&Plain, graph, roots, environment)
}

/// The values of the roots in an arithmetic, in order; otherwise as [`evaluate`].
///
/// # Panics
/// If the environment lacks an extent or an input that the roots need.
#[must_use]
pub fn evaluate_in<A: Arithmetic>(
    arithmetic: &A,
    graph: &Graph,
    roots: &[NodeId],
    environment: &Environment<A::Number>,
) -> Vec<Array<A::Number>> {
    let evaluation = Evaluation { arithmetic, graph, environment };
    let mut arrays: Vec<Option<Array<A::Number>>> = vec![None; graph.len()];
    for id in graph.reachable(roots) {
        let arguments: Vec<&Array<A::Number>> = graph
            .arguments(id)
            .iter()
            .map(|argument| arrays[argument.index()].as_ref().expect("arguments come first"))
            .collect();
        let array = evaluation.node(id, &arguments);
        arrays[id.index()] = Some(array);
    }
    let value = |root: &NodeId| arrays[root.index()].clone().expect("roots are reachable");
    roots.iter().map(value).collect()
}

/// What every node is evaluated with.
struct Evaluation<'a, A: Arithmetic> {
    arithmetic: &'a A,
    graph: &'a Graph,
    environment: &'a Environment<A::Number>,
}

impl<A: Arithmetic> Evaluation<'_, A> {
    /// A node, given its arguments.
    fn node(&self, id: NodeId, arguments: &[&Array<A::Number>]) -> Array<A::Number> {
        let (graph, environment) = (self.graph, self.environment);
        self.arithmetic.enter(id);
        let axes: Vec<AxisId> = graph.axes(id).iter().collect();
        let shape: Vec<usize> = axes.iter().map(|axis| environment.length(graph, *axis)).collect();
        let scalar = |value: f64| vec![self.arithmetic.constant(value)];
        let data = match graph.node(id) {
            Node::Number(bits) => scalar(f64::from_bits(*bits)),
            Node::Bool(value) => vec![self.truth(*value)],
            Node::Position(position, _) => scalar(f64::from(*position)),
            Node::Size(extent) => scalar(real(environment.extent(*extent))),
            Node::Index(_) => (0..shape[0]).map(|at| self.arithmetic.constant(real(at))).collect(),
            Node::Read(input, _) => self.read(*input, arguments, &axes, &shape),
            Node::Map(function, _) => {
                let views: Vec<Vec<usize>> =
                    arguments.iter().map(|argument| view(argument, &axes)).collect();
                let mut values = Vec::with_capacity(arguments.len());
                let mut data = Vec::with_capacity(shape.iter().product());
                each_index(&shape, |index| {
                    values.clear();
                    values.extend(
                        views
                            .iter()
                            .zip(arguments)
                            .map(|(view, argument)| argument.data[offset(view, index)].clone()),
                    );
                    data.push(self.map(*function, &values));
                });
                data
            }
            Node::Reduce(reduction, axis, _) => {
                self.reduce(*reduction, *axis, arguments[0], &axes, &shape)
            }
            Node::Rename { from, to, .. } => {
                let inner: Vec<AxisId> =
                    axes.iter().map(|axis| if axis == to { *from } else { *axis }).collect();
                arguments[0].arranged(graph, &inner, environment)
            }
        };
        Array { axes, shape, data }
    }

    /// A function of elements: those that ask or choose here, the others in the arithmetic.
    fn map(&self, function: Function, of: &[A::Number]) -> A::Number {
        let arithmetic = self.arithmetic;
        let holds = |at: usize| self.holds(&of[at]);
        match function {
            Function::Equal => self.truth(arithmetic.equal(&of[0], &of[1])),
            Function::Less => self.truth(arithmetic.less(&of[0], &of[1])),
            Function::LessEqual => {
                self.truth(arithmetic.less(&of[0], &of[1]) || arithmetic.equal(&of[0], &of[1]))
            }
            Function::And => self.truth(holds(0) && holds(1)),
            Function::Or => self.truth(holds(0) || holds(1)),
            Function::Not => self.truth(!holds(0)),
            Function::Select => of[if holds(0) { 1 } else { 2 }].clone(),
            Function::Real => of[0].clone(),
            Function::Missing => self.truth(arithmetic.nearest(&of[0]) < 0.0),
            function => arithmetic.map(function, of),
        }
    }

    fn truth(&self, value: bool) -> A::Number {
        self.arithmetic.constant(f64::from(u8::from(value)))
    }

    fn holds(&self, truth: &A::Number) -> bool {
        self.arithmetic.nearest(truth) != 0.0
    }

    fn read(
        &self,
        input: InputId,
        subscripts: &[&Array<A::Number>],
        axes: &[AxisId],
        shape: &[usize],
    ) -> Vec<A::Number> {
        let declared = self.graph.input(input).axes.iter();
        let lengths: Vec<usize> =
            declared.map(|axis| self.environment.length(self.graph, *axis)).collect();
        let views: Vec<Vec<usize>> = subscripts.iter().map(|array| view(array, axes)).collect();
        let elements = &self.environment.inputs[input.index()];
        let mut data = Vec::with_capacity(shape.iter().product());
        each_index(shape, |index| {
            let mut place = Some(0);
            for ((subscript, view), length) in subscripts.iter().zip(&views).zip(&lengths) {
                let at = self.arithmetic.nearest(&subscript.data[offset(view, index)]);
                let inside = at >= 0.0 && at < real(*length);
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a whole number within the extent"
                )]
                let step = at as usize;
                place = place.filter(|_| inside).map(|place| place * length + step);
            }
            data.push(match place {
                Some(place) => elements[place].clone(),
                None => self.arithmetic.constant(f64::NAN),
            });
        });
        data
    }

    fn reduce(
        &self,
        reduction: Reduction,
        axis: AxisId,
        argument: &Array<A::Number>,
        axes: &[AxisId],
        shape: &[usize],
    ) -> Vec<A::Number> {
        let outer = view(argument, axes);
        let place = argument.axes.iter().position(|own| *own == axis);
        let place = place.expect("it has the bound axis");
        let (length, step) = (argument.shape[place], view(argument, &[axis])[0]);
        let mut elements = Vec::with_capacity(length);
        let mut data = Vec::with_capacity(shape.iter().product());
        each_index(shape, |index| {
            let start = offset(&outer, index);
            elements.clear();
            elements.extend((0..length).map(|at| argument.data[start + at * step].clone()));
            data.push(match reduction {
                Reduction::Any => self.truth(elements.iter().any(|truth| self.holds(truth))),
                Reduction::All => self.truth(elements.iter().all(|truth| self.holds(truth))),
                reduction => self.arithmetic.reduce(reduction, &elements),
            });
        });
        data
    }
}

/// How far apart neighbours along each of `axes` are in the array; 0 along one that it lacks.
fn view<N: Clone>(array: &Array<N>, axes: &[AxisId]) -> Vec<usize> {
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
    if let Some(value) = graph.as_number(root) {
        return Some(value);
    }
    let is_constant =
        |id: &NodeId| !matches!(graph.node(*id), Node::Read(..) | Node::Size(_) | Node::Index(_));
    let constant =
        graph.axes(root) == AxisSet::EMPTY && graph.reachable(&[root]).iter().all(is_constant);
    constant.then(|| evaluate(graph, &[root], &Environment::default())[0].data[0])
}
