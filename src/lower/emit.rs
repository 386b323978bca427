//! Writes the statements: bodies within bodies, values once a body, arrays for what crosses loops.

use super::cost::is_constant;
use super::items::Task;
use super::largest::{is_below_largest, is_rest};
use super::logistic::fall;
use super::memory::Stored;
use super::pairs::Pairs;
use super::product::Products;
use super::totals::RunningSums;
use super::{ArraySource, Choice, Lowered, Output, Rounding};
use crate::builtins::{Function, Reduction};
use crate::graph::{self, AxisId, Graph, InputId, Node, NodeId};
use crate::hash::{BuildIdHasher, HashMap, HashSet};
use crate::kernels;
use crate::loops::{
    Accumulator, Accuracy, ArrayId, ArrayRole, Emit, Join, Loop, LoopId, Operation, Program,
    Statement, Subscript, Value,
};
use crate::rewrite::ranges::Ranges;

/// The program so far.
pub(super) struct Emitter<'a> {
    pub(super) graph: &'a Graph,
    pub(super) outputs: &'a [Output],
    pub(super) products: &'a Products,
    pub(super) pairs: &'a Pairs,
    pub(super) running: &'a RunningSums,
    pub(super) program: Program,
    pub(super) sources: Vec<ArraySource>,
    pub(super) extents: Vec<graph::ExtentId>,
    pub(super) inputs: HashMap<InputId, ArrayId>,
    written: Vec<ArrayId>,
    pub(super) stored: HashMap<NodeId, Stored>,
    pub(super) choices: Vec<Choice>,
    /// What is known of the nodes that were asked about.
    pub(super) ranges: Option<Ranges>,
    /// What is among the choices.
    pub(super) chosen: HashSet<Choice>,
    pub(super) bodies: Vec<Body>,
    /// How many bodies there have been.
    pub(super) numbered: u32,
    /// What each operation came to last, and the number of the body that has it: it is known as long as that is open.
    /// Constants are cheaper to make where they are used than to keep: each body has its own, and says so in the key.
    pub(super) operations: HashMap<(Operation, Option<u32>), (Value, u32)>,
    /// The values of nodes in the bodies of these numbers.
    values: HashMap<(NodeId, u32), Value>,
    pub(super) accuracy: Accuracy,
    /// What each negation negates.
    pub(super) negations: HashMap<Value, Value>,
    loops: u32,
    /// The loop of running sums that was written last.
    pub(super) running_loop: Option<LoopId>,
}

/// A body that is being written.
#[derive(Default)]
pub(super) struct Body {
    pub(super) number: u32,
    counter: Option<(AxisId, LoopId)>,
    behind: Option<LoopId>,
    pub(super) statements: Vec<Statement>,
    accumulators: Vec<(NodeId, Accumulator)>,
}

impl<'a> Emitter<'a> {
    pub(super) fn new(
        graph: &'a Graph,
        outputs: &'a [Output],
        (products, pairs, running): (&'a Products, &'a Pairs, &'a RunningSums),
        rounding: Rounding,
    ) -> Self {
        let program = Program {
            precision: rounding.precision,
            fused: rounding.is_fused,
            extents: Vec::new(),
            arrays: Vec::new(),
            kinds: Vec::new(),
            body: Vec::new(),
        };
        let mut emitter = Self {
            graph,
            outputs,
            products,
            pairs,
            running,
            program,
            sources: Vec::new(),
            extents: Vec::new(),
            inputs: HashMap::default(),
            written: Vec::new(),
            stored: HashMap::default(),
            choices: Vec::new(),
            ranges: None,
            chosen: HashSet::default(),
            bodies: vec![Body::default()],
            numbered: 1,
            values: HashMap::with_capacity_and_hasher(2 * graph.len(), BuildIdHasher::default()),
            operations: HashMap::with_capacity_and_hasher(
                2 * graph.len(),
                BuildIdHasher::default(),
            ),
            accuracy: rounding.accuracy,
            negations: HashMap::default(),
            loops: 0,
            running_loop: None,
        };
        for (index, output) in outputs.iter().enumerate() {
            let kind = emitter.element_kind(output.node);
            let array = emitter.add_array(
                &output.name,
                kind,
                ArrayRole::Output,
                &output.axes,
                ArraySource::Output(index),
            );
            emitter.written.push(array);
        }
        emitter
    }

    pub(super) fn finish(mut self) -> Lowered {
        let body = self.bodies.pop().expect("the outermost body");
        assert!(self.bodies.is_empty(), "every loop is closed");
        self.program.body = body.statements;
        let Self { program, sources: arrays, extents, choices, .. } = self;
        Lowered { program, arrays, extents, choices }
    }

    /// Does one piece of straight-line work.
    pub(super) fn item(&mut self, node: NodeId, task: Task) {
        match task {
            Task::Compute if self.own_axes(node).is_some() => self.write_whole(node),
            Task::Compute => {
                let value = self.compute(node);
                self.define(node, value);
            }
            Task::Accumulate(reduction) => self.accumulate(reduction, node),
            Task::Write(output) => {
                let value = self.value(node);
                let value = self.as_element(node, value);
                let subscripts = self.counters(&self.outputs[output].axes);
                let array = self.written[output];
                self.body().statements.push(Statement::Store { array, subscripts, value });
            }
        }
    }

    /// A name for a loop.
    pub(super) fn loop_id(&mut self) -> LoopId {
        self.loops += 1;
        LoopId(self.loops - 1)
    }

    /// Begins a loop over an axis, perhaps where that over another one stands.
    pub(super) fn open_loop(&mut self, axis: AxisId, behind: Option<AxisId>) {
        let behind = behind.map(|around| self.counter(around));
        let id = self.loop_id();
        self.open_body(Vec::new());
        let body = self.body();
        (body.counter, body.behind) = (Some((axis, id)), behind);
    }

    /// Begins a body that goes on behind statements.
    pub(super) fn open_body(&mut self, statements: Vec<Statement>) {
        self.bodies.push(Body { number: self.numbered, statements, ..Body::default() });
        self.numbered += 1;
    }

    /// Ends the innermost body.
    pub(super) fn close_body(&mut self) -> Body {
        self.bodies.pop().expect("a loop is open")
    }

    /// Ends the innermost loop, and defines the reductions that it was for.
    pub(super) fn close_loop(&mut self, axis: AxisId, reductions: &[NodeId]) {
        let body = self.close_body();
        let (_, id) = body.counter.expect("only loops are closed");
        let holds_loop = |it: &Statement| matches!(it, Statement::Loop(_) | Statement::Product(_));
        let lanes = !body.statements.iter().any(holds_loop);
        let extent = self.extent(self.graph.axis(axis).extent);
        let (nodes, accumulators): (Vec<NodeId>, Vec<Accumulator>) =
            body.accumulators.into_iter().unzip();
        let results: Vec<Value> =
            accumulators.iter().map(|accumulator| accumulator.result).collect();
        let behind = body.behind.filter(|_| lanes);
        let body = body.statements;
        let done = Loop { id, extent, lanes, guard: None, behind, body, accumulators };
        self.body().statements.push(Statement::Loop(Box::new(done)));
        debug_assert!(
            nodes.iter().all(|node| reductions.contains(node)),
            "only what the loop was opened for"
        );
        for (node, result) in nodes.into_iter().zip(results) {
            self.define(node, result);
        }
    }

    /// Clears the array that a reduction accumulates into, over the axes that are left inside of its loop.
    pub(super) fn begin_array_accumulator(&mut self, reduction: NodeId, inner: &[AxisId]) {
        self.store(reduction, inner);
        if self.join(reduction) == Join::Sum && self.stored[&reduction].lost.is_none() {
            self.store_lost(reduction);
        }
        for axis in inner {
            self.open_loop(*axis, None);
        }
        let identity = match self.join(reduction) {
            Join::Sum => self.real(0.0),
            Join::Product => self.real(1.0),
            Join::Maximum => self.real(f64::NEG_INFINITY),
            Join::Minimum => self.real(f64::INFINITY),
            Join::Any => self.emit(Operation::Mask(false)),
            Join::All => self.emit(Operation::Mask(true)),
        };
        self.store_element(reduction, identity);
        if let Some(lost) = self.stored[&reduction].lost {
            let subscripts = self.counters(&self.stored[&reduction].axes);
            let statement = Statement::Store { array: lost, subscripts, value: identity };
            self.body().statements.push(statement);
        }
        for axis in inner.iter().rev() {
            self.close_loop(*axis, &[]);
        }
    }

    /// Joins the value of a node to a reduction that takes it.
    fn accumulate(&mut self, reduction: NodeId, argument: NodeId) {
        let element = self.value(argument);
        let join = self.join(reduction);
        let Node::Reduce(_, axis, _) = *self.graph.node(reduction) else {
            unreachable!("only reductions accumulate")
        };
        let innermost = self.bodies.last().and_then(|body| body.counter).map(|(axis, _)| axis);
        if innermost == Some(axis) {
            let result = self.new_value(self.program.kinds[element.0 as usize]);
            self.body()
                .accumulators
                .push((reduction, Accumulator { join, element, factor: None, result }));
            return;
        }
        let so_far = self.load_stored(reduction);
        if let Some(lost) = self.stored[&reduction].lost {
            let Stored { axes, is_bounded, .. } = self.stored[&reduction].clone();
            let place = self.counters(&axes);
            let sum = self.add_with_compensation(lost, place, so_far, element, is_bounded);
            self.store_element(reduction, sum);
            return;
        }
        let joined = self.emit(match join {
            Join::Sum => Operation::Add(so_far, element),
            Join::Product => Operation::Multiply(so_far, element),
            Join::Maximum => Operation::Maximum(so_far, element),
            Join::Minimum => Operation::Minimum(so_far, element),
            Join::Any => Operation::Or(so_far, element),
            Join::All => Operation::And(so_far, element),
        });
        self.store_element(reduction, joined);
    }

    /// Adds an element to an element of a stored sum that is too large by what was lost (Kahan 1965),
    /// as the totals of loops do it.
    pub(super) fn add_with_compensation(
        &mut self,
        lost: ArrayId,
        subscripts: Vec<Subscript>,
        total: Value,
        element: Value,
        is_bounded: bool,
    ) -> Value {
        let before = self.emit(Operation::Load(lost, subscripts.clone()));
        let element = self.emit(Operation::Subtract(element, before));
        let sum = self.emit(Operation::Add(total, element));
        let taken = self.emit(Operation::Subtract(sum, total));
        let after = self.emit(Operation::Subtract(taken, element));
        let value = if is_bounded {
            after
        } else {
            let rest = self.emit(Operation::Subtract(after, after));
            let finite = self.emit(Operation::Equal(rest, rest));
            let zero = self.real(0.0);
            self.emit(Operation::Select(finite, after, zero))
        };
        let statement = Statement::Store { array: lost, subscripts, value };
        self.body().statements.push(statement);
        sum
    }

    fn join(&self, reduction: NodeId) -> Join {
        let Node::Reduce(reduction, ..) = self.graph.node(reduction) else {
            unreachable!("only reductions accumulate")
        };
        match reduction {
            Reduction::Sum => Join::Sum,
            Reduction::Product => Join::Product,
            Reduction::Max => Join::Maximum,
            Reduction::Min => Join::Minimum,
            Reduction::Any => Join::Any,
            Reduction::All => Join::All,
            Reduction::LogSumExp => unreachable!("logsumexp has been expanded"),
        }
    }

    /// Gives a node its value in the body at hand, and writes it to memory if it lies there.
    fn define(&mut self, node: NodeId, value: Value) {
        self.set_value(node, value);
        if self.is_stored(node) {
            self.store_element(node, value);
        }
    }

    fn set_value(&mut self, node: NodeId, value: Value) {
        let number = self.body().number;
        self.values.insert((node, number), value);
    }

    /// The value of a node where the code stands.
    pub(super) fn value(&mut self, node: NodeId) -> Value {
        if let Some(known) =
            self.bodies.iter().rev().find_map(|body| self.values.get(&(node, body.number)))
        {
            return *known;
        }
        let value =
            if is_constant(self.graph, node) { self.compute(node) } else { self.load_stored(node) };
        self.set_value(node, value);
        value
    }

    fn compute(&mut self, id: NodeId) -> Value {
        match self.graph.node(id) {
            Node::Number(bits) => self.emit(Operation::Real(*bits)),
            Node::Bool(truth) => self.emit(Operation::Mask(*truth)),
            Node::Position(position, _) => self.integer(i64::from(*position)),
            Node::Size(extent) => {
                let extent = self.extent(*extent);
                let size = self.emit(Operation::Extent(extent));
                self.emit(Operation::ToReal(size))
            }
            Node::Index(axis) => {
                let counter = self.counter(*axis);
                self.emit(Operation::Counter(counter))
            }
            Node::Read(input, subscripts) => self.read(*input, subscripts),
            Node::Map(function, arguments) => {
                let nodes = arguments.as_slice();
                if *function == Function::Softplus
                    && let Some(size) = fall(self.graph, nodes[0])
                {
                    let size = self.value(size);
                    return kernels::softplus_fall(self, size);
                }
                let mut values = [Value(0); 3];
                for (value, node) in values.iter_mut().zip(nodes) {
                    *value = self.value(*node);
                }
                let values = &values[..nodes.len()];
                match function {
                    Function::Exp if is_below_largest(self.graph, nodes[0]) => {
                        kernels::exp_nonpositive(self, values[0])
                    }
                    Function::Log1p if is_rest(self.graph, nodes[0]) => {
                        kernels::log1p_of_rest(self, values[0])
                    }
                    _ => self.function(*function, nodes, values),
                }
            }
            Node::Rename { argument, from, to } => {
                let stored = &self.stored[argument];
                let renamed = stored.axes.iter().map(|axis| if axis == from { to } else { axis });
                let place = renamed.map(|axis| Subscript::Counter(self.counter(*axis)));
                let load = Operation::Load(stored.array, place.collect());
                let loaded = self.emit(load);
                self.stored_element(*argument, loaded)
            }
            Node::Reduce(..) => unreachable!("a reduction gets its value from its loop"),
        }
    }

    pub(super) fn counters(&self, axes: &[AxisId]) -> Vec<Subscript> {
        axes.iter().map(|axis| Subscript::Counter(self.counter(*axis))).collect()
    }

    pub(super) fn counter(&self, axis: AxisId) -> LoopId {
        let open = self.bodies.iter().rev().filter_map(|body| body.counter);
        open.into_iter().find(|(open, _)| *open == axis).expect("the loop over the axis is open").1
    }

    pub(super) fn body(&mut self) -> &mut Body {
        self.bodies.last_mut().expect("the program has a body")
    }
}
