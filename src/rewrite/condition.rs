//! The conditions of rules: what is proved of a matched node from its structure and its range.

use crate::builtins::{Function, Reduction};
use crate::graph::{Graph, Node, NodeId};
use crate::rewrite::ranges::{self, Ranges};
use crate::rewrite::rule::Match;

macro_rules! conditions {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+) => {
        /// What a rule can ask of a matched node.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Condition { $($(#[doc = $doc])+ $variant,)+ }

        impl Condition {
            /// The condition of this name.
            pub(crate) fn named(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

conditions! {
    /// A real constant.
    Number = "number",
    /// No real constant.
    Symbolic = "symbolic",
    /// A real constant below 0.
    NegativeNumber = "negative_number",
    /// Never below 0.
    Nonnegative = "nonnegative",
    /// Always above 0.
    Positive = "positive",
    /// Never 0.
    Nonzero = "nonzero",
    /// Never below 0 nor above 1.
    Unit = "unit",
    /// A constant whose sum and difference with every other matched constant is exact in both precisions.
    Exact = "exact",
    /// Never infinite.
    Finite = "finite",
    /// Its exponential may overflow.
    Large = "large",
    /// It may be below -0.7.
    MayBeLow = "may_be_low",
    /// It may be above -0.68.
    MayBeHigh = "may_be_high",
    /// Its logarithm is simpler than itself: built from exponentials by sums, products, quotients.
    Exponential = "exponential",
    /// It does not have the axis of the matched reduction.
    Outside = "outside",
    /// A log-softmax along the axis of the matched reduction.
    LogSoftmax = "log_softmax",
    /// Nothing of it; but the rule is tried in the order as written only.
    InOrder = "in_order",
}

impl Condition {
    /// Whether it holds of real constants alone.
    pub(crate) fn wants_number(self) -> bool {
        matches!(self, Self::Number | Self::NegativeNumber | Self::Exact)
    }
}

/// How deep a structure is looked into.
const DEPTH: usize = 12;

/// Whether a condition is proved.
pub(crate) fn holds(
    condition: Condition,
    graph: &Graph,
    ranges: &Ranges,
    id: NodeId,
    found: &Match,
) -> bool {
    let number = graph.as_number(id);
    match condition {
        Condition::Number => number.is_some(),
        Condition::Symbolic => number.is_none(),
        Condition::NegativeNumber => number.is_some_and(|value| value < 0.0),
        Condition::Nonnegative => ranges.get(id).is_nonnegative(),
        Condition::Positive => ranges.get(id).is_positive(),
        Condition::Nonzero => ranges.get(id).is_nonzero(),
        Condition::Unit => ranges.get(id).is_unit(),
        Condition::Exact => {
            number.is_some_and(|value| is_exact_with_others(graph, value, id, found))
        }
        Condition::Finite => ranges.get(id).is_finite(),
        Condition::Large => ranges.get(id).high > 80.0,
        Condition::MayBeLow => ranges.get(id).low < -0.7,
        Condition::MayBeHigh => ranges.get(id).high > -0.68,
        Condition::Exponential => is_exponential(graph, ranges, id, DEPTH),
        Condition::LogSoftmax => {
            found.axis.is_some_and(|axis| ranges::is_log_softmax_along(graph, id, axis))
        }
        Condition::InOrder => true,
        Condition::Outside => found.axis.is_some_and(|axis| !graph.axes(id).contains(axis)),
    }
}

/// Whether a constant can be joined with the others that were matched without rounding, in single precision too.
fn is_exact_with_others(graph: &Graph, value: f64, own: NodeId, found: &Match) -> bool {
    #[expect(clippy::cast_possible_truncation, reason = "whether it truncates is the question")]
    let is_single = |value: f64| f64::from(value as f32) == value;
    let others = found.nodes().filter(|node| *node != own).filter_map(|it| graph.as_number(it));
    is_single(value)
        && others.into_iter().all(|other| {
            // The sum of two singles is exact in double precision unless they are far apart, and then it is no single.
            is_single(other)
                && is_single(value + other)
                && is_single(value - other)
                && (value + other) - value == other
        })
}

fn is_exponential(graph: &Graph, ranges: &Ranges, id: NodeId, depth: usize) -> bool {
    if depth == 0 {
        return false;
    }
    let inner = |id: NodeId| is_exponential(graph, ranges, id, depth - 1);
    let is_zero = |id: NodeId| graph.as_number(id) == Some(0.0);
    let is_positive = |id: NodeId| ranges.get(id).is_positive() || inner(id);
    match graph.node(id) {
        Node::Map(function, arguments) => {
            let arguments = arguments.as_slice();
            match function {
                Function::Exp => true,
                Function::Add | Function::Multiply | Function::Divide => {
                    let (a, b) = (arguments[0], arguments[1]);
                    (inner(a) && is_positive(b)) || (inner(b) && is_positive(a))
                }
                Function::Select => {
                    let (a, b) = (arguments[1], arguments[2]);
                    (inner(a) && (is_zero(b) || is_positive(b))) || (inner(b) && is_zero(a))
                }
                Function::Sqrt | Function::Power => inner(arguments[0]),
                _ => false,
            }
        }
        Node::Reduce(Reduction::Sum | Reduction::Product, _, argument) => inner(*argument),
        _ => false,
    }
}
