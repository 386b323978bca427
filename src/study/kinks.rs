//! Where a loss has no derivative, or jumps: in come a graph and the inputs of interest, out go its kinks by name, and
//! whether a point lies on one of them or between two sides of it.

use crate::builtins::{Function, Reduction};
use crate::evaluate::{Array, Dual};
use crate::graph::{AxisId, Graph, InputId, Node, NodeId, Type};
use crate::model::Model;
use crate::print::to_text_within;

/// How many operators and calls of an expression its name shows.
const NAME_BUDGET: usize = 24;

/// A place where the derivative of a node jumps or ends.
#[derive(Clone, Debug)]
pub(super) struct Kink {
    /// What it is called: the expression, and when.
    pub(super) name: String,
    /// What tells on which side of it a point lies.
    pub(super) margin: NodeId,
    side: Side,
    /// The inputs that the margin depends on.
    inputs: Vec<InputId>,
}

/// How a margin tells the side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    /// By its sign.
    Sign,
    /// By its sign, also where the margin has derivative 0: the root of a square has a kink.
    Root,
    /// By the whole number below it.
    Whole,
    /// By where along an axis it is 0.
    Winner(AxisId),
}

/// The kinks of a model's value and weight that move with one of the inputs. Margins are added to its graph.
pub(super) fn find(model: &mut Model, wrt: &[InputId]) -> Vec<Kink> {
    let mut roots = vec![model.value];
    roots.extend(model.per);
    let graph = &mut model.graph;
    let order = graph.reachable(&roots);
    let depends = dependencies(graph, &order, wrt);
    let mut kinks = Vec::new();
    for id in order {
        let Some((margin, side, when)) = margin(graph, id) else { continue };
        let mut inputs: Vec<InputId> = graph
            .arguments(margin)
            .iter()
            .chain([&margin])
            .filter_map(|id| depends.get(id.index()))
            .flatten()
            .copied()
            .collect();
        inputs.sort_unstable();
        inputs.dedup();
        if !inputs.is_empty() {
            let name = format!("{} {when}", words(graph, id));
            kinks.push(Kink { name, margin, side, inputs });
        }
    }
    kinks
}

/// An expression on one line; one that needs indices is followed by them: `x[i] * y [i in K]`.
fn words(graph: &Graph, id: NodeId) -> String {
    let text = to_text_within(graph, id, NAME_BUDGET);
    let element = || {
        let (definition, name) = text.strip_prefix("let ")?.rsplit_once("; ")?;
        let (brackets, expression) = definition.strip_prefix(name)?.split_once(" = ")?;
        Some(format!("{expression} {brackets}"))
    };
    element().unwrap_or(text)
}

/// What tells the side at a node that has a kink, and when it is on it.
fn margin(graph: &mut Graph, id: NodeId) -> Option<(NodeId, Side, &'static str)> {
    match *graph.node(id) {
        Node::Map(function, arguments) => {
            let of = arguments.as_slice();
            match function {
                Function::Abs | Function::Sign | Function::ZeroProduct => {
                    Some((of[0], Side::Sign, "at 0"))
                }
                Function::Sqrt => Some((of[0], Side::Root, "at 0")),
                Function::Power if !is_polynomial(graph, of[1]) => {
                    Some((of[0], Side::Sign, "at base 0"))
                }
                Function::Floor => Some((of[0], Side::Whole, "at a whole number")),
                Function::Max | Function::Min => {
                    Some((graph.map(Function::Subtract, of), Side::Sign, "at a tie"))
                }
                Function::Equal | Function::Less | Function::LessEqual
                    if graph.ty(of[0]) == Type::Real =>
                {
                    Some((graph.map(Function::Subtract, of), Side::Sign, "at equality"))
                }
                _ => None,
            }
        }
        Node::Reduce(Reduction::Max | Reduction::Min, axis, argument) => {
            let margin = graph.map(Function::Subtract, &[argument, id]);
            Some((margin, Side::Winner(axis), "at a tie"))
        }
        _ => None,
    }
}

fn is_polynomial(graph: &Graph, exponent: NodeId) -> bool {
    graph.as_number(exponent).is_some_and(|number| number >= 0.0 && number == number.floor())
}

/// The inputs of interest that each node depends on.
fn dependencies(graph: &Graph, order: &[NodeId], wrt: &[InputId]) -> Vec<Vec<InputId>> {
    let mut depends: Vec<Vec<InputId>> = vec![Vec::new(); graph.len()];
    for id in order {
        let mut inputs: Vec<InputId> = graph
            .arguments(*id)
            .iter()
            .flat_map(|argument| depends[argument.index()].iter().copied())
            .collect();
        match graph.node(*id) {
            Node::Read(input, _) if wrt.contains(input) => inputs.push(*input),
            _ => {}
        }
        inputs.sort_unstable();
        inputs.dedup();
        depends[id.index()] = inputs;
    }
    depends
}

/// The expressions that each input of interest is held constant in; the first, for those that have one.
pub(super) fn held(model: &Model, wrt: &[InputId]) -> Vec<Option<String>> {
    let graph = &model.graph;
    let mut roots = vec![model.value];
    roots.extend(model.per);
    let order = graph.reachable(&roots);
    let depends = dependencies(graph, &order, wrt);
    let holds = |input: &InputId| {
        let found = order.iter().find(|id| {
            matches!(graph.node(**id), Node::Map(Function::StopGradient, _))
                && depends[id.index()].contains(input)
        });
        found.map(|id| words(graph, *id))
    };
    wrt.iter().map(holds).collect()
}

impl Kink {
    /// Whether an element of the margin lies on the kink and moves along a lane, which is that of an element of an
    /// input.
    pub(super) fn is_met(&self, margin: &Array<Dual>, lane: usize, input: InputId) -> bool {
        let is_zero = |at: &usize| margin.data[*at].value == 0.0;
        let moves = |at: &usize| margin.data[*at].slopes[lane] != 0.0;
        let mut all = 0..margin.data.len();
        match self.side {
            Side::Sign => all.any(|at| is_zero(&at) && moves(&at)),
            Side::Root => {
                all.any(|at| is_zero(&at) && (moves(&at) || self.inputs.contains(&input)))
            }
            Side::Whole => all.any(|at| {
                let value = margin.data[at].value;
                value == value.floor() && moves(&at)
            }),
            Side::Winner(axis) => {
                let mates = |at: usize| mates(margin, axis, at);
                all.any(|at| is_zero(&at) && moves(&at) && mates(at).any(|mate| is_zero(&mate)))
            }
        }
    }

    /// Whether two points near each other lie on different sides, and the input has to do with it.
    pub(super) fn lies_between(&self, a: &Array<Dual>, b: &Array<Dual>, input: InputId) -> bool {
        let side = |dual: &Dual| match self.side {
            Side::Sign | Side::Root if dual.value == 0.0 => 0.0,
            Side::Sign | Side::Root => dual.value.signum(),
            Side::Whole => dual.value.floor(),
            Side::Winner(_) => f64::from(u8::from(dual.value == 0.0)),
        };
        let differs = |(a, b): (&Dual, &Dual)| side(a).total_cmp(&side(b)).is_ne();
        self.inputs.contains(&input) && a.data.iter().zip(&b.data).any(differs)
    }
}

/// The other elements of an array that differ from one in their position along an axis only.
fn mates(array: &Array<Dual>, axis: AxisId, at: usize) -> impl Iterator<Item = usize> {
    let place = array.axes.iter().position(|own| *own == axis).expect("the margin has the axis");
    let step: usize = array.shape[place + 1..].iter().product();
    let length = array.shape[place];
    let start = at - (at / step % length) * step;
    (0..length).map(move |k| start + k * step).filter(move |mate| *mate != at)
}
