//! What can be proved of a node from its structure: the interval that its elements lie in.
//!
//! NaN is left out of account: it comes from NaN inputs or from points where the program means nothing.
//! Bounds are those of floating point: `exp` may be 0.

use crate::builtins::{Function, Reduction};
use crate::evaluate::evaluate_constant;
use crate::graph::{AxisId, Domain, Extent, Graph, Input, InputId, InputKind, Node, NodeId, Role};

/// An interval; an infinite bound that is open is never reached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Range {
    /// The lower bound.
    pub(crate) low: f64,
    /// The upper bound.
    pub(crate) high: f64,
    /// Whether the lower bound itself is left out.
    low_open: bool,
    /// Whether the upper bound itself is left out.
    high_open: bool,
    /// Whether all elements are whole numbers.
    pub(crate) whole: bool,
}

impl Range {
    /// Anything.
    const ANY: Self = Self::closed(f64::NEG_INFINITY, f64::INFINITY);

    /// Any number but the infinities.
    const REAL: Self = Self { low_open: true, high_open: true, ..Self::ANY };

    const fn closed(low: f64, high: f64) -> Self {
        Self { low, high, low_open: false, high_open: false, whole: false }
    }

    /// Whether no element is infinite.
    pub(crate) fn is_finite(self) -> bool {
        (self.low > f64::NEG_INFINITY || self.low_open)
            && (self.high < f64::INFINITY || self.high_open)
    }

    /// Whether no element is below 0.
    pub(crate) fn is_nonnegative(self) -> bool {
        self.low >= 0.0
    }

    /// Whether every element lies between 0 and 1, both included.
    pub(crate) fn is_unit(self) -> bool {
        self.low >= 0.0 && self.high <= 1.0
    }

    /// Whether every element is above 0.
    pub(crate) fn is_positive(self) -> bool {
        self.low > 0.0 || (self.low == 0.0 && self.low_open)
    }

    /// Whether no element is 0.
    pub(crate) fn is_nonzero(self) -> bool {
        self.is_positive() || self.high < 0.0 || (self.high == 0.0 && self.high_open)
    }

    fn negated(self) -> Self {
        Self {
            low: -self.high,
            high: -self.low,
            low_open: self.high_open,
            high_open: self.low_open,
            whole: self.whole,
        }
    }

    fn hull(self, other: Self) -> Self {
        let (low, low_open) = lower((self.low, self.low_open), (other.low, other.low_open));
        let high = lower((-self.high, self.high_open), (-other.high, other.high_open));
        Self { low, low_open, high: -high.0, high_open: high.1, whole: self.whole && other.whole }
    }

    fn sum(self, other: Self) -> Self {
        let add = |a: (f64, bool), b: (f64, bool)| {
            // An infinite bound that only one side excludes may be reached.
            let open = if a.0.is_infinite() || b.0.is_infinite() {
                (a.1 || a.0.is_finite()) && (b.1 || b.0.is_finite())
            } else {
                a.1 || b.1
            };
            (a.0 + b.0, open)
        };
        let (low, low_open) = add((self.low, self.low_open), (other.low, other.low_open));
        let (high, high_open) = add((self.high, self.high_open), (other.high, other.high_open));
        Self { low, high, low_open, high_open, whole: self.whole && other.whole }.without_nan()
    }

    fn product(self, other: Self) -> Self {
        let whole = self.whole && other.whole;
        let finite = self.is_finite() && other.is_finite();
        let corners = [
            self.low * other.low,
            self.low * other.high,
            self.high * other.low,
            self.high * other.high,
        ];
        // 0 times an unbounded side: 0 if infinity is excluded, and both infinities else.
        let corners = corners.map(|corner| if corner.is_nan() && finite { 0.0 } else { corner });
        if corners.iter().any(|corner| corner.is_nan()) {
            let nonnegative = self.is_nonnegative() && other.is_nonnegative();
            let low = if nonnegative { 0.0 } else { f64::NEG_INFINITY };
            return Self { whole, ..Self::closed(low, f64::INFINITY) };
        }
        let low = corners.iter().copied().fold(f64::INFINITY, f64::min);
        let high = corners.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let open = |bound: f64| finite && bound.is_infinite();
        Self { low, high, low_open: open(low), high_open: open(high), whole }
    }

    fn quotient(self, other: Self) -> Self {
        if self.low < 0.0 && self.high <= 0.0 {
            return self.negated().quotient(other).negated();
        }
        let finite = self.is_finite() && other.is_positive();
        if !(self.is_nonnegative() && other.is_nonnegative()) {
            return if finite { Self::REAL } else { Self::ANY };
        }
        let high = if other.low > 0.0 { self.high / other.low } else { f64::INFINITY };
        // A quotient of small and large numbers may be 0 in floating point.
        let is_above = self.low > f64::MIN_POSITIVE * other.high;
        Self {
            low: 0.0,
            high,
            low_open: is_above && other.high.is_finite(),
            high_open: finite && high.is_infinite(),
            whole: false,
        }
    }

    /// The range of a function that never falls.
    fn rising(self, function: Function) -> Self {
        let value = |bound: f64| (function.row().reference)(&[bound]);
        let open = |bound: f64, open: bool| open && value(bound).is_infinite();
        Self {
            low: value(self.low),
            high: value(self.high),
            low_open: open(self.low, self.low_open),
            high_open: open(self.high, self.high_open),
            whole: false,
        }
        .without_nan()
    }

    fn without_nan(self) -> Self {
        if self.low.is_nan() || self.high.is_nan() { Self::ANY } else { self }
    }
}

fn lower(a: (f64, bool), b: (f64, bool)) -> (f64, bool) {
    if a.0 == b.0 {
        (a.0, a.1 && b.1)
    } else if a.0 < b.0 {
        a
    } else {
        b
    }
}

/// The ranges of nodes, found once each.
#[derive(Debug, Default)]
pub(crate) struct Ranges {
    inputs: Vec<Range>,
    nodes: Vec<Option<Range>>,
}

impl Ranges {
    /// Ready for the nodes of a graph.
    pub(crate) fn new(graph: &Graph) -> Self {
        let inputs = graph
            .input_ids()
            .map(|input: InputId| input_range(graph, graph.input(input)))
            .collect();
        Self { inputs, nodes: vec![None; graph.len()] }
    }

    /// Finds the range of a node whose arguments have been found.
    pub(crate) fn find(&mut self, graph: &Graph, id: NodeId) {
        if self.nodes.len() <= id.index() {
            self.nodes.resize(graph.len(), None);
        }
        if self.nodes[id.index()].is_none() {
            self.nodes[id.index()] = Some(self.range_of(graph, id));
        }
    }

    /// Finds the ranges of a node and of all under it.
    pub(crate) fn find_all(&mut self, graph: &Graph, id: NodeId) {
        if self.is_found(id) {
            return;
        }
        let mut stack = vec![id];
        while let Some(id) = stack.last().copied() {
            let before = stack.len();
            let arguments = graph.arguments(id).iter().copied();
            stack.extend(arguments.filter(|argument| !self.is_found(*argument)));
            if stack.len() == before {
                self.find(graph, id);
                stack.pop();
            }
        }
    }

    fn is_found(&self, id: NodeId) -> bool {
        self.nodes.get(id.index()).is_some_and(Option::is_some)
    }

    /// The range of a node; anything, if it has not been found.
    pub(crate) fn get(&self, id: NodeId) -> Range {
        self.nodes.get(id.index()).copied().flatten().unwrap_or(Range::ANY)
    }

    fn range_of(&self, graph: &Graph, id: NodeId) -> Range {
        match graph.node(id) {
            Node::Number(bits) => {
                let value = f64::from_bits(*bits);
                Range { whole: value.fract() == 0.0, ..Range::closed(value, value) }
            }
            // Nothing is divided by the size of an axis that has no elements.
            Node::Size(_) => Range { low: 1.0, low_open: false, whole: true, ..Range::REAL },
            Node::Bool(_) | Node::Position(..) | Node::Index(_) => Range::ANY,
            Node::Read(input, _) => self.inputs[input.index()],
            Node::Map(function, arguments) => {
                self.range_of_map(graph, *function, arguments.as_slice())
            }
            Node::Reduce(reduction, axis, argument) => {
                self.range_of_reduction(graph, *reduction, *axis, *argument)
            }
            Node::Rename { argument, .. } => self.get(*argument),
        }
    }

    fn range_of_map(&self, graph: &Graph, function: Function, arguments: &[NodeId]) -> Range {
        let a = self.get(arguments[0]);
        let b = || self.get(arguments[1]);
        match function {
            Function::Negate => a.negated(),
            Function::Add => a.sum(b()),
            Function::Subtract => {
                if is_log_softmax(graph, arguments[0], arguments[1]) {
                    return Range::closed(f64::NEG_INFINITY, 0.0);
                }
                a.sum(b().negated())
            }
            Function::Multiply | Function::ZeroProduct => {
                if arguments[0] == arguments[1] {
                    let square = a.product(a);
                    return Range { low: square.low.max(0.0), low_open: false, ..square };
                }
                a.product(b())
            }
            Function::Divide => a.quotient(b()),
            Function::Power if a.is_nonnegative() => Range::closed(0.0, f64::INFINITY),
            Function::Select => b().hull(self.get(arguments[2])),
            Function::Real => index_range(graph, arguments[0]),
            Function::StopGradient => a,
            Function::Max => {
                let b = b();
                Range { low: a.low.max(b.low), low_open: false, ..a.hull(b) }
            }
            Function::Min => {
                let b = b();
                Range { high: a.high.min(b.high), high_open: false, ..a.hull(b) }
            }
            Function::Abs => {
                let hull = a.hull(a.negated());
                Range { low: 0.0, low_open: false, ..hull }
            }
            Function::Floor => Range { whole: true, low: a.low.floor(), ..a },
            Function::Sign => Range { whole: true, ..Range::closed(-1.0, 1.0) },
            Function::Sin | Function::Cos | Function::Erf => Range::closed(-1.0, 1.0),
            Function::Erfc => Range::closed(0.0, 2.0),
            Function::NormalCdf => Range::closed(0.0, 1.0),
            Function::LogNormalCdf => Range::closed(f64::NEG_INFINITY, 0.0),
            Function::InverseMills | Function::LogCosh => Range::closed(0.0, f64::INFINITY),
            Function::Sqrt
            | Function::Exp
            | Function::Expm1
            | Function::Log
            | Function::Log1p
            | Function::Log2
            | Function::Sigmoid
            | Function::Softplus
            | Function::Tanh
            | Function::Atan => a.rising(function),
            Function::Power
            | Function::LogAddExp
            | Function::Lgamma
            | Function::Digamma
            | Function::Trigamma
            | Function::Boxcox1p
            | Function::Equal
            | Function::Less
            | Function::LessEqual
            | Function::And
            | Function::Or
            | Function::Not
            | Function::Missing => Range::ANY,
        }
    }

    fn range_of_reduction(
        &self,
        graph: &Graph,
        reduction: Reduction,
        axis: AxisId,
        argument: NodeId,
    ) -> Range {
        let range = self.get(argument);
        let is_never_empty = matches!(graph.extent(graph.axis(axis).extent), Extent::Literal(1..));
        match reduction {
            Reduction::Sum => {
                // A finite bound of one sign bounds the sum by 0 on that side only.
                let open = range.is_finite();
                let low = if range.is_nonnegative() { 0.0 } else { f64::NEG_INFINITY };
                let high = if range.high <= 0.0 { 0.0 } else { f64::INFINITY };
                Range {
                    low,
                    high,
                    low_open: open && low.is_infinite(),
                    high_open: open && high.is_infinite(),
                    whole: range.whole,
                }
            }
            Reduction::Product if range.is_nonnegative() => Range::closed(0.0, f64::INFINITY),
            Reduction::Max | Reduction::Min if is_never_empty => range,
            Reduction::Max => Range { low: f64::NEG_INFINITY, low_open: false, ..range },
            Reduction::Min => Range { high: f64::INFINITY, high_open: false, ..range },
            Reduction::Product | Reduction::LogSumExp | Reduction::Any | Reduction::All => {
                Range::ANY
            }
        }
    }
}

/// Whether this is `x[i] - logsumexp(x)`, which is never above 0.
fn is_log_softmax(graph: &Graph, element: NodeId, total: NodeId) -> bool {
    place_in_total(graph, element, total).is_some()
}

/// Whether a node is a `log_softmax` along an axis, which its total does not have.
pub(crate) fn is_log_softmax_along(graph: &Graph, id: NodeId, axis: AxisId) -> bool {
    let Node::Map(Function::Subtract, of) = graph.node(id) else { return false };
    let [element, total, ..] = *of.as_slice() else { return false };
    let place = place_in_total(graph, element, total);
    !graph.axes(total).contains(axis)
        && place.is_some_and(|place| *graph.node(place) == Node::Index(axis))
}

/// The index at which `element` stands in the elements of the logsumexp `total`.
fn place_in_total(graph: &Graph, element: NodeId, total: NodeId) -> Option<NodeId> {
    let Node::Reduce(Reduction::LogSumExp, axis, body) = graph.node(total) else { return None };
    place_in(graph, element, *body, *axis)
}

/// The index along `axis` at which `body` is `element`.
pub(crate) fn place_in(
    graph: &Graph,
    element: NodeId,
    body: NodeId,
    axis: AxisId,
) -> Option<NodeId> {
    let mut place = None;
    let is_element = is_instance(graph, element, body, axis, &mut place, 16);
    place.filter(|_| is_element)
}

/// Whether `element` is surely `body` at one `place` along `axis`; looks only so deep.
fn is_instance(
    graph: &Graph,
    element: NodeId,
    body: NodeId,
    axis: AxisId,
    place: &mut Option<NodeId>,
    depth: usize,
) -> bool {
    if !graph.axes(body).contains(axis) {
        return element == body;
    }
    if depth == 0 {
        return false;
    }
    let mut all = |a: &[NodeId], b: &[NodeId]| {
        a.iter().zip(b).all(|(a, b)| is_instance(graph, *a, *b, axis, place, depth - 1))
    };
    match (graph.node(element), graph.node(body)) {
        (_, Node::Index(_)) => *place.get_or_insert(element) == element,
        (Node::Read(a, at), Node::Read(b, bt)) if a == b => all(at, bt),
        (Node::Map(f, a), Node::Map(g, b)) if f == g => all(a.as_slice(), b.as_slice()),
        (Node::Reduce(f, along, a), Node::Reduce(g, other, b)) if (f, along) == (g, other) => {
            all(&[*a], &[*b])
        }
        _ => false,
    }
}

fn index_range(graph: &Graph, index: NodeId) -> Range {
    let may_be_missing = match graph.node(index) {
        Node::Read(input, _) => {
            matches!(graph.input(*input).kind, InputKind::Index { optional: true, .. })
        }
        _ => false,
    };
    let whole = Range { whole: true, ..Range::REAL };
    if may_be_missing { whole } else { Range { low: 0.0, low_open: false, ..whole } }
}

/// What the declaration says: params and learned inputs are numbers, what a model puts out may be anything.
fn input_range(graph: &Graph, input: &Input) -> Range {
    let unbounded = match input.role {
        Role::Param | Role::Learned => Range::REAL,
        Role::Pred | Role::Target => Range::ANY,
    };
    let bound = |node: NodeId| evaluate_constant(graph, node).filter(|value| !value.is_nan());
    match &input.domain {
        None => unbounded,
        Some(Domain::Simplex) => Range::closed(0.0, 1.0),
        Some(Domain::Interval { low, low_open, high, high_open }) => {
            let (low, low_open) = bound(*low).map_or((f64::NEG_INFINITY, true), |v| (v, *low_open));
            let (high, high_open) = bound(*high).map_or((f64::INFINITY, true), |v| (v, *high_open));
            Range { low, high, low_open, high_open, whole: false }
        }
        Some(Domain::Set(values)) => {
            let values: Option<Vec<f64>> = values.iter().map(|value| bound(*value)).collect();
            values.map_or(Range::REAL, |values| Range {
                whole: values.iter().all(|value| value.fract() == 0.0),
                ..Range::closed(
                    values.iter().copied().fold(f64::INFINITY, f64::min),
                    values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                )
            })
        }
        Some(Domain::Whole { low, high }) => {
            let low = bound(*low).unwrap_or(f64::NEG_INFINITY);
            let high = high.and_then(bound).unwrap_or(f64::INFINITY);
            Range {
                low,
                high,
                low_open: low.is_infinite(),
                high_open: high.is_infinite(),
                whole: true,
            }
        }
    }
}
