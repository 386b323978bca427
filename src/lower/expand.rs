//! What the machine has no word for, in the words that it has: logsumexp, softmax, maxima that keep NaN.
//!
//! `logsumexp(z)` is `c + log1p(rest)`, where `c` is the largest element (0 if that is infinite) and `rest` the sum
//! of `exp(z - c)` without one largest element. So `z - logsumexp(z)` loses nothing where it is close to 0: it is
//! `(z - c) - log1p(rest)`, and `logsumexp(z) - a` is `(c - a) + log1p(rest)`, which keeps the digits of large logits.
//! `softmax(z)` is `exp(z - c) / (1 + rest)`. A row of −∞ has no mass: its softmax is 0, its log-softmax −∞.
//! What a softmax is multiplied by goes to its `1 / (1 + rest)` if that is done once for all elements.

use std::ops::Index;

use super::clamp::clamp;
use super::logistic::{cross_entropy, product_of_sigmoids};
use super::quotient;
use super::residual::residual;
use super::root::{rest_under_root, root, root_less_part};
use super::scale::{Scaled, negation, product, quotient, scaled, zero_product};
use super::shares::{share_less_one, sum_of_logs};
use super::square::Squares;
use crate::builtins::{Function, Reduction};
use crate::graph::{AxisId, Graph, Moved, Node, NodeId};
use crate::hash::HashSet;
use crate::loops::Precision;
use crate::rewrite::ranges::{Ranges, place_in};

/// What each node has become.
pub(super) struct Expanded {
    nodes: Moved,
    /// What the exponentials of softmaxes are multiplied by, once for all elements.
    scales: HashSet<NodeId>,
    /// The factors of products, in order.
    products: HashSet<[NodeId; 2]>,
}

impl Index<&NodeId> for Expanded {
    type Output = NodeId;

    fn index(&self, id: &NodeId) -> &NodeId {
        &self.nodes[*id]
    }
}

impl Expanded {
    /// The product of two numbers, which is the same the other way round.
    pub(super) fn product(&mut self, graph: &mut Graph, a: NodeId, b: NodeId) -> NodeId {
        let [a, b] = if self.products.contains(&[b, a]) { [b, a] } else { [a, b] };
        self.products.insert([a, b]);
        graph.map(Function::Multiply, &[a, b])
    }

    /// What a node becomes.
    pub(super) fn set(&mut self, id: NodeId, new: NodeId) {
        self.nodes.insert(id, new);
    }

    /// Whether a node is what exponentials of a softmax are multiplied by.
    pub(super) fn is_scale(&self, id: NodeId) -> bool {
        self.scales.contains(&id)
    }

    /// A multiple of a softmax.
    pub(super) fn scaled(&mut self, graph: &mut Graph, parts: Scaled) -> NodeId {
        self.scales.insert(parts.scale);
        let product = graph.map(Function::Multiply, &[parts.exponential, parts.scale]);
        match parts.zero {
            None => product,
            Some(test) => {
                let zero = graph.number(0.0);
                let is_zero = graph.map(Function::Equal, &[parts.exponential, test]);
                graph.select(is_zero, zero, product)
            }
        }
    }
}

/// The roots in those words.
pub(super) fn expand(graph: &mut Graph, roots: &[NodeId], precision: Precision) -> Vec<NodeId> {
    let mut expanded = Expanded {
        nodes: Moved::of(graph),
        scales: HashSet::default(),
        products: HashSet::default(),
    };
    let mut ranges = Ranges::new(graph);
    for id in graph.reachable(roots) {
        let node = graph.node(id).clone();
        let new = match &node {
            Node::Reduce(Reduction::LogSumExp, axis, argument) => {
                let parts = logsumexp_parts(graph, *axis, expanded[argument]);
                let sum = graph.map(Function::Add, &[parts.center, parts.log_total]);
                less_offset(graph, sum, &parts)
            }
            Node::Reduce(Reduction::Max | Reduction::Min, axis, argument) => {
                extremum(graph, &node, *axis, expanded[argument])
            }
            Node::Reduce(Reduction::Sum, axis, argument) => {
                sum_of_logs(graph, &expanded, *axis, *argument)
                    .unwrap_or_else(|| graph.reduce(Reduction::Sum, *axis, expanded[argument]))
            }
            Node::Map(Function::Subtract, _) => difference(graph, &mut ranges, &mut expanded, id),
            Node::Map(Function::Multiply, arguments) => {
                let [a, b] = [0, 1].map(|at| arguments.as_slice()[at]);
                match zero_factor(graph, &mut ranges, a, b) {
                    Some(of) => product_with_exponential(graph, of.map(|part| expanded[&part])),
                    None => product(graph, &mut expanded, a, b),
                }
            }
            Node::Map(Function::Divide, of) => {
                let sides = [of.as_slice()[0], of.as_slice()[1]];
                let mut squares = Squares::new(graph, &mut ranges, precision);
                let balanced = match scaled(squares.graph, &expanded, expanded[&sides[0]]) {
                    Some(_) => None,
                    None => quotient::quotient(&mut squares, &expanded, sides),
                };
                balanced.unwrap_or_else(|| quotient(graph, &mut expanded, sides))
            }
            Node::Map(
                function @ (Function::Log
                | Function::Log1p
                | Function::Log2
                | Function::Power
                | Function::Boxcox1p),
                of,
            ) => {
                let of: Vec<NodeId> = of.as_slice().iter().map(|id| expanded[id]).collect();
                Squares::new(graph, &mut ranges, precision)
                    .function(*function, &of)
                    .unwrap_or_else(|| graph.map(*function, &of))
            }
            Node::Map(Function::Select, of) => {
                let of: Vec<NodeId> = of.as_slice().iter().map(|id| expanded[id]).collect();
                clamp(graph, &of).unwrap_or_else(|| graph.select(of[0], of[1], of[2]))
            }
            Node::Map(Function::Negate, of) => negation(graph, &mut expanded, of.as_slice()[0]),
            Node::Map(Function::Sqrt, of) => {
                let argument = expanded[&of.as_slice()[0]];
                root(graph, &mut ranges, precision, argument)
                    .unwrap_or_else(|| graph.map(Function::Sqrt, &[argument]))
            }
            Node::Map(Function::Add, of) => cross_entropy(graph, of.as_slice(), |id| expanded[&id])
                .unwrap_or_else(|| plain_sum(graph, &mut ranges, &mut expanded, id)),
            Node::Map(Function::Exp, of) => exponential(graph, &mut expanded, of.as_slice()[0]),
            Node::Map(Function::Expm1, of) => {
                let of = of.as_slice()[0];
                share_less_one(graph, &mut ranges, &mut expanded, of)
                    .unwrap_or_else(|| graph.map(Function::Expm1, &[expanded[&of]]))
            }
            Node::Map(Function::ZeroProduct, of) => {
                zero_product(graph, &mut expanded, of.as_slice()[0], of.as_slice()[1])
            }
            _ => {
                let node = node.with_arguments(|argument| expanded[&argument]);
                graph.intern(node)
            }
        };
        expanded.nodes.insert(id, new);
    }
    roots.iter().map(|root| expanded[root]).collect()
}

/// `a - b`, where either may be a logsumexp, or `a` the root of a sum of squares.
fn difference(
    graph: &mut Graph,
    ranges: &mut Ranges,
    expanded: &mut Expanded,
    id: NodeId,
) -> NodeId {
    let node = graph.node(id).clone();
    let [a, b] = [0, 1].map(|at| node.arguments()[at]);
    if logsumexp(graph, b).is_some() {
        let (centered, log_total) = log_softmax_parts(graph, expanded, id);
        return graph.map(Function::Subtract, &[centered, log_total]);
    }
    if let Some((axis, argument)) = logsumexp(graph, a) {
        let parts = logsumexp_parts(graph, axis, expanded[&argument]);
        let centered = graph.map(Function::Subtract, &[parts.center, expanded[&b]]);
        let sum = graph.map(Function::Add, &[centered, parts.log_total]);
        return less_offset(graph, sum, &parts);
    }
    ranges.find_all(graph, b);
    match rest_under_root(graph, ranges, &[a, b]) {
        Some(rest) => root_less_part(graph, [a, b, rest].map(|part| expanded[&part])),
        None => plain_sum(graph, ranges, expanded, id),
    }
}

/// The two sides of a difference with a logsumexp on its right: an element less the largest, and the logarithm of the total.
pub(super) fn log_softmax_parts(
    graph: &mut Graph,
    expanded: &Expanded,
    id: NodeId,
) -> (NodeId, NodeId) {
    let [a, b] = [0, 1].map(|at| graph.arguments(id)[at]);
    let (axis, argument) = logsumexp(graph, b).expect("less a logsumexp");
    let parts = logsumexp_parts(graph, axis, expanded[&argument]);
    let element = with_offset(graph, expanded[&a], &parts);
    let centered = graph.map(Function::Subtract, &[element, parts.center]);
    let is_part = softmax(graph, id).is_some();
    (centered, if is_part { parts.log_share } else { parts.log_total })
}

/// An exponential, which may be an element of a softmax.
pub(super) fn exponential(graph: &mut Graph, expanded: &mut Expanded, argument: NodeId) -> NodeId {
    let Some(Softmax { element, axis, argument, .. }) = softmax(graph, argument) else {
        return product_of_sigmoids(graph, argument, |part| expanded[&part])
            .unwrap_or_else(|| graph.map(Function::Exp, &[expanded[&argument]]));
    };
    let parts = logsumexp_parts(graph, axis, expanded[&argument]);
    let exponential = centered_exponential(graph, expanded[&element], &parts);
    expanded.scales.insert(parts.share);
    graph.map(Function::Multiply, &[exponential, parts.share])
}

/// The factor that may be 0, and the exponential that may overflow though it is a number as maths has it.
fn zero_factor(graph: &Graph, ranges: &mut Ranges, a: NodeId, b: NodeId) -> Option<[NodeId; 2]> {
    [[a, b], [b, a]].into_iter().find(|[factor, exponential]| {
        let Node::Map(Function::Exp, of) = graph.node(*exponential) else { return false };
        ranges.find_all(graph, *factor);
        ranges.find_all(graph, of.as_slice()[0]);
        !ranges.get(*factor).is_nonzero() && ranges.get(of.as_slice()[0]).high > 80.0
    })
}

/// The product that is 0 where the factor is, even if the exponential overflows; NaN if either is.
fn product_with_exponential(graph: &mut Graph, [factor, exponential]: [NodeId; 2]) -> NodeId {
    let [zero, any] = [0.0, 1e30].map(|number| graph.number(number));
    let is_zero = graph.map(Function::Equal, &[factor, zero]);
    let finite = graph.map(Function::Min, &[exponential, any]);
    let exponential = graph.select(is_zero, finite, exponential);
    graph.map(Function::Multiply, &[factor, exponential])
}

/// The axis and argument of a logsumexp.
fn logsumexp(graph: &Graph, id: NodeId) -> Option<(AxisId, NodeId)> {
    match *graph.node(id) {
        Node::Reduce(Reduction::LogSumExp, axis, argument) => Some((axis, argument)),
        _ => None,
    }
}

/// `z - logsumexp(z)`, or `z[i] - logsumexp(z)`.
pub(super) struct Softmax {
    pub(super) element: NodeId,
    /// The index at which it stands along the axis.
    pub(super) place: NodeId,
    pub(super) axis: AxisId,
    pub(super) argument: NodeId,
}

/// The parts of a log-softmax.
pub(super) fn softmax(graph: &mut Graph, id: NodeId) -> Option<Softmax> {
    let Node::Map(Function::Subtract, arguments) = *graph.node(id) else { return None };
    let element = arguments.as_slice()[0];
    let (axis, argument) = logsumexp(graph, arguments.as_slice()[1])?;
    let place = if element == argument {
        Some(graph.intern(Node::Index(axis)))
    } else {
        place_in(graph, element, argument, axis)
            .or_else(|| other_axis(graph, element, axis, argument))
    };
    Some(Softmax { element, place: place?, axis, argument })
}

/// The index of an axis that an element has instead of the axis of the argument.
fn other_axis(
    graph: &mut Graph,
    element: NodeId,
    axis: AxisId,
    argument: NodeId,
) -> Option<NodeId> {
    graph.axes(element).minus(graph.axes(argument)).iter().find_map(|own| {
        if graph.axis(own).extent != graph.axis(axis).extent {
            return None;
        }
        let index = graph.intern(Node::Index(own));
        (graph.substitute(argument, &[(axis, index)]) == element).then_some(index)
    })
}

/// A sum or difference, without cancellation if it has multiples of a softmax.
fn plain_sum(
    graph: &mut Graph,
    ranges: &mut Ranges,
    expanded: &mut Expanded,
    id: NodeId,
) -> NodeId {
    residual(graph, ranges, expanded, id).unwrap_or_else(|| {
        let node = graph.node(id).with_arguments(|argument| expanded[&argument]);
        graph.intern(node)
    })
}

pub(super) struct LogSumExpParts {
    /// What all elements were without; the logarithm of another total.
    offset: Option<NodeId>,
    /// The largest element, or 0 where that is −∞.
    pub(super) center: NodeId,
    /// The sum of the exponentials but one of the largest elements.
    pub(super) rest: NodeId,
    /// The sum of the exponentials.
    pub(super) total: NodeId,
    /// Its logarithm.
    log_total: NodeId,
    /// The same, but 0 in a row without mass, each element of which has the log-softmax −∞.
    log_share: NodeId,
    /// What the exponential of each element is to be multiplied by; 0 in a row without mass.
    share: NodeId,
}

pub(super) fn logsumexp_parts(graph: &mut Graph, axis: AxisId, argument: NodeId) -> LogSumExpParts {
    let (zero, one, infinity) = (graph.number(0.0), graph.number(1.0), graph.number(f64::INFINITY));
    let least = graph.number(f64::NEG_INFINITY);
    let offset = offset_of(graph, argument, axis);
    let argument = offset.map_or(argument, |offset| without(graph, argument, offset));
    let largest = graph.intern(Node::Reduce(Reduction::Max, axis, argument));
    let is_least = graph.map(Function::Equal, &[largest, least]);
    let center = graph.select(is_least, zero, largest);
    let centered = graph.map(Function::Subtract, &[argument, center]);
    let exponential = graph.map(Function::Exp, &[centered]);
    let is_top = graph.map(Function::Equal, &[exponential, one]);
    let lower = graph.select(is_top, zero, exponential);
    let lower = graph.intern(Node::Reduce(Reduction::Sum, axis, lower));
    let top = graph.select(is_top, one, zero);
    let tops = graph.intern(Node::Reduce(Reduction::Sum, axis, top));
    let other_tops = graph.map(Function::Subtract, &[tops, one]);
    let rest = graph.map(Function::Add, &[lower, other_tops]);
    // Less infinity, infinity is no number; but its exponential is infinite.
    let is_infinite = graph.map(Function::Equal, &[largest, infinity]);
    let rest = graph.select(is_infinite, infinity, rest);
    let total = graph.map(Function::Add, &[one, rest]);
    // A row of −∞, or without elements, has no mass.
    let nothing = graph.number(-1.0);
    let is_massless = graph.map(Function::Equal, &[rest, nothing]);
    let log_total = graph.map(Function::Log1p, &[rest]);
    let log_share = graph.select(is_massless, zero, log_total);
    let share = graph.map(Function::Divide, &[one, total]);
    let share = graph.select(is_massless, zero, share);
    LogSumExpParts { offset, center, rest, total, log_total, log_share, share }
}

/// `exp(z - c)`, which is 1 for the largest elements.
pub(super) fn centered_exponential(
    graph: &mut Graph,
    element: NodeId,
    parts: &LogSumExpParts,
) -> NodeId {
    let element = with_offset(graph, element, parts);
    let centered = graph.map(Function::Subtract, &[element, parts.center]);
    graph.map(Function::Exp, &[centered])
}

/// The logarithm of another total that all elements are less alike, such as that of a log-softmax: taken off at the end
/// instead, it need not be known before the largest element is.
fn offset_of(graph: &Graph, mut element: NodeId, axis: AxisId) -> Option<NodeId> {
    let is_log = |id: NodeId| matches!(graph.node(id), Node::Map(Function::Log1p, _));
    let is_log_total = |id: NodeId| match graph.node(id) {
        Node::Map(Function::Select, of) => {
            graph.as_number(of.as_slice()[1]) == Some(0.0) && is_log(of.as_slice()[2])
        }
        _ => is_log(id),
    };
    while let Node::Map(function @ (Function::Add | Function::Subtract), of) = graph.node(element) {
        let other = of.as_slice()[1];
        if *function == Function::Subtract
            && !graph.axes(other).contains(axis)
            && is_log_total(other)
        {
            return Some(other);
        }
        element = of.as_slice()[0];
    }
    None
}

/// An element without what was taken off.
fn without(graph: &mut Graph, element: NodeId, offset: NodeId) -> NodeId {
    let mut around = Vec::new();
    let mut inner = element;
    while let Node::Map(function @ (Function::Add | Function::Subtract), of) = *graph.node(inner) {
        let [a, b] = [of.as_slice()[0], of.as_slice()[1]];
        inner = a;
        if function == Function::Subtract && b == offset {
            let outwards = around.into_iter().rev();
            return outwards.fold(inner, |inner, (function, b)| graph.map(function, &[inner, b]));
        }
        around.push((function, b));
    }
    graph.map(Function::Add, &[element, offset])
}

fn with_offset(graph: &mut Graph, element: NodeId, parts: &LogSumExpParts) -> NodeId {
    parts.offset.map_or(element, |offset| without(graph, element, offset))
}

fn less_offset(graph: &mut Graph, sum: NodeId, parts: &LogSumExpParts) -> NodeId {
    parts.offset.map_or(sum, |offset| graph.map(Function::Subtract, &[sum, offset]))
}

/// A maximum or minimum that is NaN where an element is.
fn extremum(graph: &mut Graph, node: &Node, axis: AxisId, argument: NodeId) -> NodeId {
    let plain = graph.intern(node.with_arguments(|_| argument));
    let same = graph.map(Function::Equal, &[argument, argument]);
    let nan = graph.number(f64::NAN);
    let all_numbers = graph.intern(Node::Reduce(Reduction::All, axis, same));
    graph.select(all_numbers, plain, nan)
}
