//! The exact value and gradients of a loss as it was written: in comes a point, out come numbers that f64 is too coarse
//! to doubt.
//!
//! No rule has touched the graph but those of meaning (a product with a logarithm is 0 where its factor is 0). It is
//! computed with more and more bits until the bounds of the errors say that it is enough.

use std::cell::Cell;

use crate::builtins::{Function, Reduction};
use crate::differentiate::differentiate;
use crate::evaluate::{Array, Environment, evaluate_in};
use crate::graph::{AxisId, Graph, InputId, Node, NodeId};
use crate::model::Model;
use crate::rewrite::guard_products;
use crate::study::precise::{Precise, PreciseNumber};
use crate::study::sample::Sample;

/// The bits that are tried: log(1 + exp(-1e4)) as written needs 14,500, its square in an exponent twice as many.
const BITS: [u32; 5] = [128, 512, 2048, 8192, 40_000];

/// About how much longer than with the fewest bits a function takes with so many.
const COSTS: [u64; 5] = [1, 3, 50, 800, 10_000];

/// What a costly function takes of the work of adding two numbers.
const COSTLY: u64 = 10;

/// Two numbers that so many bits cannot tell apart are taken to be equal.
const EQUAL_BITS: u32 = 2048;

/// A loss as it was written, and its derivatives.
#[derive(Debug)]
pub(super) struct Truth {
    graph: Graph,
    outputs: Vec<Output>,
    arithmetics: Vec<Precise>,
    /// How much work may still be done.
    budget: Cell<u64>,
}

/// The value or a gradient.
#[derive(Debug)]
struct Output {
    node: NodeId,
    axes: Vec<AxisId>,
}

/// Elements of an output, row-major; nothing for what is not known.
pub(super) type Elements = Vec<Option<f64>>;

impl Truth {
    /// The value of a checked loss and its gradients in some inputs.
    pub(super) fn new(model: &Model, wrt: &[InputId], budget: u64) -> Self {
        let mut graph = model.graph.clone();
        let mut roots = vec![model.value];
        roots.extend(model.missing);
        guard_products(&mut graph, &mut roots);
        let gradients = differentiate(&mut graph, roots[0], wrt);
        let mut outputs = vec![Output { node: roots[0], axes: Vec::new() }];
        outputs.extend(gradients.into_iter().map(|it| Output { node: it.node, axes: it.axes }));
        if let Some(missing) = roots.get(1) {
            let zero = graph.number(0.0);
            for output in &mut outputs {
                output.node = graph.select(*missing, zero, output.node);
            }
        }

        let arithmetics = BITS.map(Precise::new).into();
        Self { graph, outputs, arithmetics, budget: Cell::new(budget) }
    }

    /// Whether there is work left to do for a point.
    pub(super) fn has_budget(&self, sample: &Sample) -> bool {
        self.work(sample) <= self.budget.get()
    }

    /// How much work a point is with the fewest bits.
    pub(super) fn work(&self, sample: &Sample) -> u64 {
        let nodes: Vec<NodeId> = self.outputs.iter().map(|output| output.node).collect();
        let [cheap, costly] = count(&self.graph, &nodes, &sample.extents);
        cheap + COSTLY * costly
    }

    /// The value, then the gradients, at a point.
    pub(super) fn at(&self, sample: &Sample) -> Vec<Elements> {
        let nodes: Vec<NodeId> = self.outputs.iter().map(|output| output.node).collect();
        let arrays = self.settle(&self.graph, &nodes, sample);
        let environment = sample.environment(&self.graph, 0);
        let arranged = |(output, array): (&Output, Array<Option<f64>>)| {
            let plain = Environment { extents: environment.extents.clone(), inputs: Vec::new() };
            array.arranged(&self.graph, &output.axes, &plain)
        };
        self.outputs.iter().zip(arrays).map(arranged).collect()
    }

    /// The exact values of nodes of a graph, each element known or not.
    pub(super) fn settle(
        &self,
        graph: &Graph,
        nodes: &[NodeId],
        sample: &Sample,
    ) -> Vec<Array<Option<f64>>> {
        let plain = sample.environment(graph, 0);
        let mut known: Vec<Option<Array<Option<f64>>>> = vec![None; nodes.len()];
        let mut open: Vec<usize> = (0..nodes.len()).collect();
        for ((arithmetic, bits), cost) in self.arithmetics.iter().zip(BITS).zip(COSTS) {
            let wanted: Vec<NodeId> = open.iter().map(|at| nodes[*at]).collect();
            let [cheap, costly] = count(graph, &wanted, &plain.extents);
            let work = cheap + COSTLY * costly * cost;
            if bits > BITS[1] && work > self.budget.get() / 4 {
                break;
            }
            self.budget.set(self.budget.get().saturating_sub(work));

            let arrays = evaluate_at(arithmetic, graph, &wanted, &plain);
            let undecided = arithmetic.take_undecided() && bits < EQUAL_BITS;
            let mut still_open = Vec::new();
            for (at, array) in open.into_iter().zip(arrays) {
                let data: Elements = array
                    .data
                    .iter()
                    .map(|it| Precise::settled(it).filter(|_| !undecided))
                    .collect();
                let is_open = |(element, settled): (&PreciseNumber, &Option<f64>)| {
                    settled.is_none() && !Precise::is_hopeless(element)
                };
                if array.data.iter().zip(&data).any(is_open) {
                    still_open.push(at);
                }
                known[at] = Some(Array { axes: array.axes, shape: array.shape, data });
            }
            open = still_open;
            if open.is_empty() {
                break;
            }
        }
        known.into_iter().map(|array| array.expect("the first precision gives them all")).collect()
    }

    /// A function of some numbers, rounded once; nothing, if it is not known.
    pub(super) fn apply(&self, evaluate: impl Fn(&Precise) -> PreciseNumber) -> Option<f64> {
        self.arithmetics[..3].iter().find_map(|arithmetic| Precise::settled(&evaluate(arithmetic)))
    }
}

fn evaluate_at(
    arithmetic: &Precise,
    graph: &Graph,
    nodes: &[NodeId],
    plain: &Environment,
) -> Vec<Array<PreciseNumber>> {
    use crate::evaluate::Arithmetic;
    let exact = |elements: &Vec<f64>| elements.iter().map(|it| arithmetic.constant(*it)).collect();
    let environment = Environment {
        extents: plain.extents.clone(),
        inputs: plain.inputs.iter().map(exact).collect(),
    };
    evaluate_in(arithmetic, graph, nodes, &environment)
}

/// How many elements the nodes need: of cheap functions, and of costly ones.
fn count(graph: &Graph, nodes: &[NodeId], extents: &[usize]) -> [u64; 2] {
    let length = |id: NodeId| -> u64 {
        let axes = graph.axes(id).iter();
        axes.map(|axis| extents[graph.axis(axis).extent.index()] as u64).product()
    };
    let mut counts = [1, 0];
    for id in graph.reachable(nodes) {
        match graph.node(id) {
            Node::Map(function, _) => counts[usize::from(is_costly(*function))] += length(id),
            Node::Reduce(Reduction::LogSumExp, _, argument) => counts[1] += length(*argument),
            Node::Reduce(_, _, argument) => counts[0] += length(*argument),
            _ => counts[0] += length(id),
        }
    }
    counts
}

fn is_costly(function: Function) -> bool {
    match function {
        Function::Negate
        | Function::Add
        | Function::Subtract
        | Function::Multiply
        | Function::ZeroProduct
        | Function::Divide
        | Function::Equal
        | Function::Less
        | Function::LessEqual
        | Function::And
        | Function::Or
        | Function::Not
        | Function::Select
        | Function::Real
        | Function::Missing
        | Function::StopGradient
        | Function::Max
        | Function::Min
        | Function::Abs
        | Function::Sign
        | Function::Floor
        | Function::Sqrt => false,
        Function::Power
        | Function::Exp
        | Function::Expm1
        | Function::Log
        | Function::Log1p
        | Function::Log2
        | Function::Sigmoid
        | Function::Softplus
        | Function::LogAddExp
        | Function::LogCosh
        | Function::InverseMills
        | Function::Tanh
        | Function::Sin
        | Function::Cos
        | Function::Atan
        | Function::Erf
        | Function::Erfc
        | Function::NormalCdf
        | Function::LogNormalCdf
        | Function::Lgamma
        | Function::Digamma
        | Function::Trigamma
        | Function::Boxcox1p => true,
    }
}
