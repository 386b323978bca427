//! Adjoints and how they are joined: a value, and the condition outside of which it does not exist.
//!
//! Outside of its guard an adjoint is 0 whatever its value is. Multiplying keeps the guard, so an infinite
//! local derivative of a branch that is not taken does nothing; the select is made where the value is used.

use crate::builtins::{Function, Reduction};
use crate::graph::{AxisId, Graph, Node, NodeId};
use crate::rewrite::ranges::Ranges;

/// The derivative of the root in a node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Adjoint {
    value: NodeId,
    /// Where the node matters; everywhere, if none.
    guard: Option<NodeId>,
    /// Whether the value is 0 outside of the guard.
    is_clean: bool,
    /// Whether it holds a logarithm of what it is the derivative in, which may be infinite where a
    /// factor that follows is 0.
    has_log: bool,
}

impl Adjoint {
    /// A value that matters everywhere.
    pub(super) fn of(value: NodeId) -> Self {
        Self { value, guard: None, is_clean: true, has_log: false }
    }
}

/// What adjoints are joined with: the graph, and the ranges of its nodes.
pub(super) struct Calculus<'a> {
    pub(super) graph: &'a mut Graph,
    ranges: Ranges,
}

impl<'a> Calculus<'a> {
    /// Ready for the nodes of a value, which stand in topological order.
    pub(super) fn new(graph: &'a mut Graph, order: &[NodeId]) -> Self {
        let mut ranges = Ranges::new(graph);
        for id in order {
            ranges.find(graph, *id);
        }
        Self { graph, ranges }
    }

    /// The adjoint as a node.
    pub(super) fn settled(&mut self, adjoint: Adjoint) -> NodeId {
        match adjoint.guard {
            Some(guard) if !adjoint.is_clean => {
                let zero = self.graph.number(0.0);
                self.graph.select(guard, adjoint.value, zero)
            }
            _ => adjoint.value,
        }
    }

    /// The adjoint where a condition holds.
    pub(super) fn guarded(&mut self, adjoint: Adjoint, condition: NodeId) -> Adjoint {
        let guard = match adjoint.guard {
            Some(guard) if guard == condition => return adjoint,
            Some(guard) => self.graph.map(Function::And, &[guard, condition]),
            None => condition,
        };
        Adjoint { guard: Some(guard), is_clean: false, ..adjoint }
    }

    /// The adjoint where a node is not 0.
    pub(super) fn guarded_nonzero(&mut self, adjoint: Adjoint, node: NodeId) -> Adjoint {
        if self.ranges.get(node).is_nonzero() {
            return adjoint;
        }
        let condition = self.nonzero(node);
        self.guarded(adjoint, condition)
    }

    fn nonzero(&mut self, node: NodeId) -> NodeId {
        let zero = self.graph.number(0.0);
        let is_zero = self.graph.map(Function::Equal, &[node, zero]);
        self.graph.map(Function::Not, &[is_zero])
    }

    /// The adjoint times a local derivative.
    pub(super) fn scaled(&mut self, adjoint: Adjoint, local: NodeId) -> Adjoint {
        let value = if adjoint.has_log && !self.is_nonzero(local) {
            self.graph.map(Function::ZeroProduct, &[local, adjoint.value])
        } else {
            self.product(adjoint.value, local)
        };
        let is_clean = adjoint.guard.is_none() || (adjoint.is_clean && self.is_finite(local));
        Adjoint { value, is_clean, ..adjoint }
    }

    /// The adjoint times a logarithm, which may be infinite where what follows is 0.
    pub(super) fn scaled_by_log(&mut self, adjoint: Adjoint, log: NodeId) -> Adjoint {
        let has_log = !self.is_finite(log);
        Adjoint { has_log, ..self.scaled(adjoint, log) }
    }

    /// The adjoint times a local derivative that is infinite where `pole` is 0: an adjoint of 0 stays 0 there.
    pub(super) fn scaled_by_infinite(
        &mut self,
        adjoint: Adjoint,
        local: NodeId,
        pole: NodeId,
    ) -> Adjoint {
        if self.is_nonzero(pole) || self.is_nonzero(adjoint.value) {
            return self.scaled(adjoint, local);
        }
        let value = self.graph.map(Function::ZeroProduct, &[adjoint.value, local]);
        Adjoint { value, is_clean: adjoint.guard.is_none(), ..adjoint }
    }

    /// The adjoint times a factor, and nothing where the factor is 0.
    pub(super) fn zero_scaled(&mut self, adjoint: Adjoint, factor: NodeId) -> Adjoint {
        if self.is_nonzero(factor) {
            return self.scaled(adjoint, factor);
        }
        let value = if self.is_finite(adjoint.value) {
            self.product(adjoint.value, factor)
        } else {
            self.graph.map(Function::ZeroProduct, &[factor, adjoint.value])
        };
        let is_clean = adjoint.is_clean;
        let condition = self.nonzero(factor);
        Adjoint { is_clean, ..self.guarded(Adjoint { value, ..adjoint }, condition) }
    }

    /// The sum of two adjoints of a node.
    pub(super) fn added(&mut self, a: Adjoint, b: Adjoint) -> Adjoint {
        let has_log = a.has_log || b.has_log;
        if a.guard == b.guard {
            let value = self.graph.map(Function::Add, &[a.value, b.value]);
            return Adjoint { value, is_clean: a.is_clean && b.is_clean, has_log, ..a };
        }
        if let (Some(here), Some(there)) = (a.guard, b.guard) {
            if self.is_opposite(here, there) {
                return Adjoint { has_log, ..Adjoint::of(self.choice(here, a.value, b.value)) };
            }
            if let Some((shared, condition)) = self.shared_guard(here, there) {
                let value = self.choice(condition, a.value, b.value);
                return Adjoint { value, guard: Some(shared), is_clean: false, has_log };
            }
            let guard = self.graph.map(Function::Or, &[here, there]);
            let value = self.settled_sum(a, b);
            return Adjoint { value, guard: Some(guard), is_clean: true, has_log };
        }
        Adjoint { has_log, ..Adjoint::of(self.settled_sum(a, b)) }
    }

    /// The two branches of one selection: the guard of both, and the condition of the first.
    fn shared_guard(&self, a: NodeId, b: NodeId) -> Option<(NodeId, NodeId)> {
        match (self.graph.node(a), self.graph.node(b)) {
            (Node::Map(Function::And, a), Node::Map(Function::And, b)) => {
                let ([outer, here, ..], [same, there, ..]) = (a.as_slice(), b.as_slice()) else {
                    return None;
                };
                (outer == same && self.is_opposite(*here, *there)).then_some((*outer, *here))
            }
            _ => None,
        }
    }

    fn settled_sum(&mut self, a: Adjoint, b: Adjoint) -> NodeId {
        let (a, b) = (self.settled(a), self.settled(b));
        self.graph.map(Function::Add, &[a, b])
    }

    /// `if condition { a } else { b }`, with a condition that is no negation.
    fn choice(&mut self, condition: NodeId, a: NodeId, b: NodeId) -> NodeId {
        match self.graph.node(condition) {
            Node::Map(Function::Not, arguments) => {
                let condition = arguments.as_slice()[0];
                self.graph.select(condition, b, a)
            }
            _ => self.graph.select(condition, a, b),
        }
    }

    fn is_opposite(&self, a: NodeId, b: NodeId) -> bool {
        let negates = |a: NodeId, b: NodeId| matches!(self.graph.node(a), Node::Map(Function::Not, of) if of.as_slice()[0] == b);
        negates(a, b) || negates(b, a)
    }

    /// The adjoint summed over an axis; along one that it lacks it is the same everywhere.
    pub(super) fn summed(&mut self, adjoint: Adjoint, axis: AxisId) -> Adjoint {
        match adjoint.guard {
            Some(guard) if self.graph.axes(guard).contains(axis) => {
                let value = self.settled(adjoint);
                let value = self.graph.reduce(Reduction::Sum, axis, value);
                let guard = self.graph.reduce(Reduction::Any, axis, guard);
                Adjoint { value, guard: Some(guard), is_clean: true, ..adjoint }
            }
            _ => {
                let value = self.graph.reduce(Reduction::Sum, axis, adjoint.value);
                Adjoint { value, ..adjoint }
            }
        }
    }

    /// The adjoint with one axis called another.
    pub(super) fn renamed(&mut self, adjoint: Adjoint, from: AxisId, to: AxisId) -> Adjoint {
        let mut rename = |argument: NodeId| {
            if self.graph.axes(argument).contains(from) {
                self.graph.intern(Node::Rename { argument, from, to })
            } else {
                argument
            }
        };
        Adjoint { value: rename(adjoint.value), guard: adjoint.guard.map(&mut rename), ..adjoint }
    }

    /// `value * local`, without what is plainly superfluous.
    fn product(&mut self, value: NodeId, local: NodeId) -> NodeId {
        let graph = &mut *self.graph;
        match (graph.as_number(value), graph.as_number(local)) {
            (Some(1.0), _) => return local,
            (_, Some(1.0)) => return value,
            (Some(-1.0), _) => return graph.map(Function::Negate, &[local]),
            (_, Some(-1.0)) => return graph.map(Function::Negate, &[value]),
            _ => {}
        }
        match *graph.node(local) {
            Node::Map(Function::Negate, of) => {
                let product = self.product(value, of.as_slice()[0]);
                self.graph.map(Function::Negate, &[product])
            }
            Node::Map(Function::Divide, of) if graph.as_number(of.as_slice()[0]) == Some(1.0) => {
                graph.map(Function::Divide, &[value, of.as_slice()[1]])
            }
            _ => graph.map(Function::Multiply, &[value, local]),
        }
    }

    fn is_finite(&mut self, node: NodeId) -> bool {
        self.ranges.find_all(self.graph, node);
        self.ranges.get(node).is_finite()
    }

    fn is_nonzero(&mut self, node: NodeId) -> bool {
        self.ranges.find_all(self.graph, node);
        self.ranges.get(node).is_nonzero()
    }
}
