//! Which operation loses the digits: in comes the worst point of an output, out goes the node where rounding the
//! arguments to f32 hurts most.
//!
//! This is the local error of Herbie (Panchekha, Sanchez-Stern, Wilcox & Tatlock 2015): each node's arguments are computed
//! exactly and rounded, the function is applied to them and rounded, and the result compared with the exact one.

use super::measure::{is_representable, off, rounded};
use super::spans::Spans;
use super::truth::Truth;
use super::{BOUND, Worst};
use crate::builtins::{Function, Reduction};
use crate::diagnostic::Span;
use crate::differentiate::differentiate;
use crate::evaluate::{Arithmetic, Array, Environment};
use crate::graph::{Graph, InputId, Node, NodeId, Type};
use crate::model::Model;
use crate::rewrite::{simplify, stabilize, stabilize_traced};

/// The operation that loses the digits.
#[derive(Clone, Debug, PartialEq)]
pub struct Culprit {
    /// Where it was written.
    pub span: Option<Span>,
    /// What happens there.
    pub reason: Reason,
    /// What to write instead, if there is a standard form.
    pub instead: Option<&'static str>,
}

/// How digits are lost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reason {
    /// Two nearly equal numbers are subtracted.
    Cancellation {
        /// Their size.
        size: f64,
        /// What is left.
        left: f64,
    },
    /// The terms of a sum cancel.
    Sum {
        /// The largest of them.
        size: f64,
        /// What is left.
        left: f64,
    },
    /// A result on the way is too large for f32.
    Overflow {
        /// Its size; infinite, if it is too large for f64 too.
        size: f64,
    },
    /// A result on the way is too small for f32.
    Underflow {
        /// Its size.
        size: f64,
    },
    /// A function makes the rounding of its argument larger.
    Amplification {
        /// The function; none: a reduction.
        function: Option<Function>,
        /// The argument.
        argument: f64,
        /// The result.
        result: f64,
    },
}

/// A node at fault, and how much.
struct Suspect {
    node: NodeId,
    places: f64,
    reason: Reason,
}

/// The culprit for an output: 0 is the value, then come the gradients.
pub(super) fn find(
    model: &Model,
    wrt: &[InputId],
    truth: &Truth,
    output: usize,
    worst: &Worst,
) -> Option<Culprit> {
    let mut graph = model.graph.clone();
    let mut roots = vec![model.value];
    let trace = stabilize_traced(&mut graph, &mut roots);
    let spans = Spans::new(model, &graph, &trace);
    let mut root = [roots[0]];
    if output > 0 {
        let input = std::slice::from_ref(&wrt[output - 1]);
        let gradient = differentiate(&mut graph, roots[0], input).remove(0);
        root = [gradient.node];
        stabilize(&mut graph, &mut root);
        simplify(&mut graph, &mut root);
    }
    let nodes: Vec<NodeId> =
        graph.reachable(&root).into_iter().filter(|id| graph.ty(*id) == Type::Real).collect();
    let arrays = truth.settle(&graph, &nodes, &worst.sample);
    let mut values: Vec<Option<Array<Option<f64>>>> = vec![None; graph.len()];
    for (id, array) in nodes.iter().zip(arrays) {
        values[id.index()] = Some(array);
    }
    let scene =
        Scene { graph: &graph, truth, values, environment: worst.sample.environment(&graph, 0) };
    let mut suspect: Option<Suspect> = None;
    for id in nodes {
        let Some(next) = scene.local(id) else { continue };
        // What is too large or lost altogether spoils all that comes after it: the first is the cause.
        let is_worse =
            |known: &Suspect| known.places.is_finite() && next.places > 1.5 * known.places;
        if suspect.as_ref().is_none_or(is_worse) {
            suspect = Some(next);
        }
    }
    let mut suspect = suspect.filter(|suspect| suspect.places > BOUND / 4.0)?;
    if let Reason::Underflow { size } = suspect.reason {
        suspect.node = scene.holding(suspect.node, size).unwrap_or(suspect.node);
    }
    let instead = advice(&graph, suspect.node, suspect.reason);
    Some(Culprit { span: spans.near(&graph, suspect.node), reason: suspect.reason, instead })
}

/// A graph with the exact values of its nodes.
struct Scene<'a> {
    graph: &'a Graph,
    truth: &'a Truth,
    values: Vec<Option<Array<Option<f64>>>>,
    environment: Environment,
}

impl Scene<'_> {
    /// The largest local error among the elements of a node.
    fn local(&self, id: NodeId) -> Option<Suspect> {
        let result = self.values[id.index()].as_ref()?;
        let count = result.data.len();
        let of = |at: usize| -> Option<Suspect> {
            let exact = result.data[at].filter(|exact| !exact.is_nan())?;
            let (places, reason) = match self.graph.node(id) {
                Node::Map(function, arguments) => {
                    let arguments: Option<Vec<f64>> =
                        arguments.as_slice().iter().map(|it| self.element(*it, id, at)).collect();
                    self.local_of_map(*function, &arguments?, exact)?
                }
                Node::Reduce(reduction, axis, argument) => {
                    let elements = self.along(*argument, *axis, id, at)?;
                    self.local_of_reduction(*reduction, &elements, exact)?
                }
                _ => return None,
            };
            Some(Suspect { node: id, places, reason })
        };
        (0..count).filter_map(of).max_by(|a, b| a.places.total_cmp(&b.places))
    }

    /// The argument of a node that has an element of this size.
    fn holding(&self, node: NodeId, size: f64) -> Option<NodeId> {
        let has = |id: &NodeId| {
            let data = self.values[id.index()].as_ref().map(|array| &array.data);
            let same = |element: &Option<f64>| element.is_some_and(|it| it.abs() == size);
            data.is_some_and(|data| data.iter().any(same))
        };
        self.graph.arguments(node).iter().copied().find(has)
    }

    /// The element of an argument that belongs to one of its user.
    fn element(&self, argument: NodeId, user: NodeId, at: usize) -> Option<f64> {
        if self.graph.ty(argument) != Type::Real {
            // Conditions are not rounded; which branch is taken shows in the result.
            return Some(f64::NAN);
        }
        let axes: Vec<_> = self.graph.axes(user).iter().collect();
        let plain = self.plain();
        self.values[argument.index()].as_ref()?.arranged(self.graph, &axes, &plain)[at]
    }

    /// The elements that a reduction joins into one of its own.
    fn along(
        &self,
        argument: NodeId,
        axis: crate::graph::AxisId,
        user: NodeId,
        at: usize,
    ) -> Option<Vec<f64>> {
        let mut axes: Vec<_> = self.graph.axes(user).iter().collect();
        axes.push(axis);
        let all =
            self.values[argument.index()].as_ref()?.arranged(self.graph, &axes, &self.plain());
        let length = self.environment.extents[self.graph.axis(axis).extent.index()];
        all[at * length..(at + 1) * length].iter().copied().collect()
    }

    fn plain(&self) -> Environment<Option<f64>> {
        Environment { extents: self.environment.extents.clone(), inputs: Vec::new() }
    }

    fn local_of_map(&self, function: Function, of: &[f64], exact: f64) -> Option<(f64, Reason)> {
        if function == Function::Select {
            return None;
        }
        if let Some(lost) = lost(exact) {
            return Some(lost);
        }
        let exact_now = self.truth.apply(|precise| {
            let rounded: Vec<_> = of.iter().map(|it| precise.constant(rounded(*it))).collect();
            precise.map(function, &rounded)
        })?;
        let places = off(rounded(exact_now), exact, 0.0)?;
        Some((places, reason_of_map(function, of, exact)))
    }

    fn local_of_reduction(
        &self,
        reduction: Reduction,
        of: &[f64],
        exact: f64,
    ) -> Option<(f64, Reason)> {
        if let Some(lost) = lost(exact) {
            return Some(lost);
        }
        let exact_now = self.truth.apply(|precise| {
            let rounded: Vec<_> = of.iter().map(|it| precise.constant(rounded(*it))).collect();
            precise.reduce(reduction, &rounded)
        })?;
        let places = off(rounded(exact_now), exact, 0.0)?;
        let size = of.iter().fold(0.0_f64, |size, it| size.max(it.abs()));
        let reason = match reduction {
            Reduction::Sum if exact.abs() < size / 4.0 => Reason::Sum { size, left: exact },
            _ => Reason::Amplification { function: None, argument: size, result: exact },
        };
        Some((places, reason))
    }
}

/// What f32 cannot hold at all.
fn lost(exact: f64) -> Option<(f64, Reason)> {
    if !is_representable(exact) && exact.is_finite() || exact.is_infinite() {
        return Some((f64::INFINITY, Reason::Overflow { size: exact.abs() }));
    }
    None
}

fn reason_of_map(function: Function, of: &[f64], exact: f64) -> Reason {
    let size = of.iter().fold(0.0_f64, |size, it| size.max(it.abs()));
    let tiny = |it: &&f64| **it != 0.0 && it.abs() < f64::from(f32::MIN_POSITIVE);
    if let Some(small) = of.iter().find(tiny) {
        return Reason::Underflow { size: small.abs() };
    }
    match function {
        Function::Add | Function::Subtract if exact.abs() < size / 4.0 => {
            Reason::Cancellation { size, left: exact }
        }
        _ => Reason::Amplification { function: Some(function), argument: of[0], result: exact },
    }
}

/// What is better written otherwise.
fn advice(graph: &Graph, node: NodeId, reason: Reason) -> Option<&'static str> {
    let function = |id: NodeId| match graph.node(id) {
        Node::Map(function, _) => Some(*function),
        _ => None,
    };
    let arguments: Vec<Option<Function>> =
        graph.arguments(node).iter().map(|argument| function(*argument)).collect();
    let pair = [arguments.first().copied().flatten(), arguments.get(1).copied().flatten()];
    match (reason, function(node), pair) {
        (Reason::Cancellation { .. }, _, [_, Some(Function::Cos)] | [Some(Function::Cos), _]) => {
            Some("`1 - cos(x)` is `2 * sin(x / 2)^2`")
        }
        (Reason::Cancellation { .. }, _, [Some(Function::Sqrt), _] | [_, Some(Function::Sqrt)]) => {
            Some("`sqrt(a) - sqrt(b)` is `(a - b) / (sqrt(a) + sqrt(b))`")
        }
        (Reason::Cancellation { .. }, _, [Some(Function::Log), Some(Function::Log)]) => {
            Some("`log(a) - log(b)` is `log1p((a - b) / b)`")
        }
        (Reason::Cancellation { .. }, _, [Some(Function::Exp), Some(Function::Exp)]) => {
            Some("`exp(a) - exp(b)` is `exp(b) * expm1(a - b)`")
        }
        (Reason::Cancellation { .. }, _, [Some(Function::Multiply), Some(Function::Multiply)]) => {
            Some("`a^2 - b^2` is `(a - b) * (a + b)`")
        }
        (Reason::Overflow { .. }, Some(Function::Exp | Function::Expm1), _) => {
            Some("stay with logarithms: `logsumexp`, `log_softmax`, `softplus`, `log_sigmoid`")
        }
        (Reason::Overflow { .. }, Some(Function::Multiply | Function::Power), _) => {
            Some("divide by the largest before squaring, or use `norm`")
        }
        _ => None,
    }
}
