//! Running sums in one pass: an array of what the sum comes to at each place.
//!
//! In comes a node `sum[j](if j <= k { a[j] } else { 0 })`, or one with `<`, `>=` or `>`, where `a` does not depend on `k`;
//! out goes one loop along the axis, backwards where places behind count, which has a total in memory, takes an
//! element at a time with compensation as the totals of other sums do, and writes what it is at each place. Several sums
//! that stand beside each other share a loop, so that none has to wait for the others.

use super::ArraySource;
use super::cost::{cost_of, is_worth_running};
use super::emit::Emitter;
use crate::builtins::{Function, Reduction};
use crate::graph::{AxisId, AxisSet, Graph, InputKind, Node, NodeId};
use crate::hash::{HashMap, HashSet};
use crate::loops::{
    ArrayId, ArrayRole, Emit, Extent, Kind, Loop, LoopId, Operation, Statement, Subscript, Value,
};

/// What a function costs at least whose values lie in memory anyway where more than one loop needs them.
const DEAR: u32 = 20;

/// Which places count for a place along an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Range {
    Before,
    UpTo,
    Behind,
    From,
}

/// The running sums of a program, by their nodes.
#[derive(Default)]
pub(super) struct RunningSums {
    sums: HashMap<NodeId, RunningSum>,
    /// The arrays that are summed, those that are to lie in memory.
    terms: HashSet<NodeId>,
}

/// A running sum.
#[derive(Clone, Copy, Debug)]
pub(super) struct RunningSum {
    axis: AxisId,
    place: AxisId,
    range: Range,
    term: NodeId,
}

impl Range {
    /// Whether a place along the first axis is in the range of that along the second one.
    pub(super) fn condition(self, graph: &mut Graph, axes: [AxisId; 2]) -> NodeId {
        let [axis, place] = axes.map(|axis| graph.intern(Node::Index(axis)));
        let (function, of) = match self {
            Self::Before => (Function::Less, [axis, place]),
            Self::UpTo => (Function::LessEqual, [axis, place]),
            Self::Behind => (Function::Less, [place, axis]),
            Self::From => (Function::LessEqual, [place, axis]),
        };
        graph.map(function, &of)
    }

    /// The range that a condition states for a place along an axis, and the other axis.
    fn stated(graph: &Graph, condition: NodeId, axis: AxisId) -> Option<(Self, AxisId)> {
        let Node::Map(function, of) = graph.node(condition) else { return None };
        let places = [0, 1].map(|at| of.as_slice().get(at).map(|id| graph.node(*id)));
        let [Some(Node::Index(left)), Some(Node::Index(right))] = places else { return None };
        let other = if *left == axis { *right } else { *left };
        let range = match (function, *left == axis, *right == axis) {
            (Function::Less, true, false) => Self::Before,
            (Function::LessEqual, true, false) => Self::UpTo,
            (Function::Less, false, true) => Self::Behind,
            (Function::LessEqual, false, true) => Self::From,
            _ => return None,
        };
        Some((range, other))
    }

    fn is_backward(self) -> bool {
        matches!(self, Self::Behind | Self::From)
    }

    /// Whether the place itself counts.
    fn has_place(self) -> bool {
        matches!(self, Self::UpTo | Self::From)
    }
}

impl RunningSum {
    /// The axis that it is summed over, and that of its places.
    pub(super) fn axes(&self) -> AxisSet {
        AxisSet::of(self.axis).with(self.place)
    }
}

impl RunningSums {
    /// The running sums that roots need.
    pub(super) fn of(graph: &Graph, roots: &[NodeId]) -> Self {
        let mut found = Self::default();
        for id in graph.reachable(roots) {
            let Some(sum) = running_sum(graph, id) else { continue };
            if !is_input(graph, sum.term) {
                found.terms.insert(sum.term);
            }
            found.sums.insert(id, sum);
        }
        found
    }

    /// The running sum that a node is, if it is one.
    pub(super) fn get(&self, node: NodeId) -> Option<&RunningSum> {
        self.sums.get(&node)
    }

    /// Whether a node must lie in memory.
    pub(super) fn is_in_memory(&self, node: NodeId) -> bool {
        self.terms.contains(&node) || self.sums.contains_key(&node)
    }

    /// What must lie in memory before a sum begins.
    pub(super) fn stored(&self, sum: &RunningSum) -> Vec<NodeId> {
        self.terms.contains(&sum.term).then_some(sum.term).into_iter().collect()
    }
}

fn running_sum(graph: &Graph, id: NodeId) -> Option<RunningSum> {
    let Node::Reduce(Reduction::Sum, axis, body) = *graph.node(id) else { return None };
    let Node::Map(Function::Select, of) = graph.node(body) else { return None };
    let [condition, term, zero] = *of.as_slice() else { return None };
    let (range, place) = Range::stated(graph, condition, axis)?;
    let axes = graph.axes(term);
    let is_running = graph.as_number(zero) == Some(0.0)
        && is_worth_running(graph, axis)
        && graph.axis(axis).extent == graph.axis(place).extent
        && axes.contains(axis)
        && !axes.contains(place)
        && (is_input(graph, term) || is_there(graph, term));
    is_running.then_some(RunningSum { axis, place, range, term })
}

/// Whether elements of an array lie in memory anyway where a later loop needs them, or have a name so that they do.
pub(super) fn is_there(graph: &Graph, id: NodeId) -> bool {
    match graph.node(id) {
        Node::Map(Function::StopGradient, _) | Node::Rename { .. } => true,
        Node::Map(function, _) => cost_of(*function) >= DEAR,
        _ => false,
    }
}

/// Whether elements of an array are those of an input as they stand.
pub(super) fn is_input(graph: &Graph, id: NodeId) -> bool {
    let Node::Read(input, subscripts) = graph.node(id) else { return false };
    let declared = graph.input(*input);
    declared.kind == InputKind::Real
        && declared.default.is_none()
        && subscripts.iter().all(|it| matches!(graph.node(*it), Node::Index(_)))
}

impl Emitter<'_> {
    /// Writes a running sum of an array that lies in memory.
    pub(super) fn write_running_sum(&mut self, node: NodeId) {
        let sum = *self.running.get(node).expect("it is a running sum");
        let extent = self.extent(self.graph.axis(sum.axis).extent);
        let beside = self.take_running_loop(extent);
        let [total, lost] = ["total", "lost"].map(|name| {
            let name = format!("{name}{}", self.program.arrays.len());
            let kind = Kind::Real;
            self.add_array(&name, kind, ArrayRole::Temporary, &[], ArraySource::Temporary)
        });
        let zero = self.real(0.0);
        self.write(total, vec![], zero);
        self.write(lost, vec![], zero);
        let last = sum.range.is_backward().then(|| {
            let (size, one) = (self.emit(Operation::Extent(extent)), self.integer(1));
            self.emit(Operation::IntegerSubtract(size, one))
        });
        let id = self.open_running_loop(beside);
        let at = match last {
            Some(last) => {
                let counter = self.emit(Operation::Counter(id));
                Subscript::Value(self.emit(Operation::IntegerSubtract(last, counter)))
            }
            None => Subscript::Counter(id),
        };
        let place = |emitter: &Self, axis: &AxisId| {
            if sum.axes().contains(*axis) { at } else { Subscript::Counter(emitter.counter(*axis)) }
        };
        let (terms, axes) = self.array_of(sum.term);
        let from = axes.iter().map(|axis| place(self, axis)).collect();
        let element = self.emit(Operation::Load(terms, from));
        let stored = self.stored[&node].clone();
        let to: Vec<Subscript> = stored.axes.iter().map(|axis| place(self, axis)).collect();
        let before = self.emit(Operation::Load(total, vec![]));
        let is_bounded = self.is_bounded(sum.term);
        let after = self.add_with_compensation(lost, vec![], before, element, is_bounded);
        let result = if sum.range.has_place() { after } else { before };
        self.write(stored.array, to, result);
        self.write(total, vec![], after);
        self.close_running_loop(id, extent);
    }

    /// Takes back the loop of running sums that was written last, if nothing has been read from memory since.
    fn take_running_loop(&mut self, extent: Extent) -> Option<Box<Loop>> {
        let running = self.running_loop?;
        let statements = &mut self.body().statements;
        let is_free = |it: &Statement| match it {
            Statement::Let(_, operation) => !matches!(operation, Operation::Load(..)),
            Statement::Store { .. } | Statement::Loop(_) | Statement::Product(_) => false,
        };
        let at = statements.iter().rposition(|it| !is_free(it))?;
        match &statements[at] {
            Statement::Loop(last) if last.id == running && last.extent == extent => {}
            _ => return None,
        }
        match statements.remove(at) {
            Statement::Loop(last) => Some(last),
            _ => unreachable!("it was one just now"),
        }
    }

    /// Begins a loop of running sums, or goes on with one that was taken back.
    fn open_running_loop(&mut self, beside: Option<Box<Loop>>) -> LoopId {
        let (id, statements) = match beside {
            Some(beside) => (beside.id, beside.body),
            None => (self.loop_id(), Vec::new()),
        };
        self.open_body(statements);
        id
    }

    /// Ends it.
    fn close_running_loop(&mut self, id: LoopId, extent: Extent) {
        let body = self.close_body().statements;
        self.running_loop = Some(id);
        let (guard, behind, accumulators) = (None, None, Vec::new());
        let done = Loop { id, extent, lanes: false, guard, behind, body, accumulators };
        self.body().statements.push(Statement::Loop(Box::new(done)));
    }

    fn write(&mut self, array: ArrayId, subscripts: Vec<Subscript>, value: Value) {
        self.body().statements.push(Statement::Store { array, subscripts, value });
    }
}
