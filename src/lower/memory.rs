//! Arrays: what crosses loops is stored, inputs are read, labels are kept inside of their axes.

use super::emit::Emitter;
use super::{ArraySource, Choice, Kept};
use crate::builtins::Function;
use crate::graph::{self, AxisId, InputId, InputKind, Node, NodeId, Type};
use crate::loops::{
    Array, ArrayId, ArrayRole, Emit, Extent, ExtentId, Kind, Operation, Statement, Subscript, Value,
};
use crate::rewrite::ranges::Ranges;

/// A node that lies in memory.
#[derive(Clone)]
pub(super) struct Stored {
    pub(super) array: ArrayId,
    /// The axes of the array in order. Other axes of the node are those of loops around it.
    pub(super) axes: Vec<AxisId>,
    /// For a sum that is accumulated there: by how much each element is too large.
    pub(super) lost: Option<ArrayId>,
    /// For such a sum: whether what it adds is never infinite.
    pub(super) is_bounded: bool,
}

/// Between this and its negation lies what no sum of so many terms as there may be makes infinite.
const BOUND: f64 = 1e6;

impl Emitter<'_> {
    /// Makes a node lie in memory over these axes, unless it does already.
    pub(super) fn store(&mut self, node: NodeId, axes: &[AxisId]) {
        if self.stored.contains_key(&node) {
            return;
        }
        let kind = self.element_kind(node);
        let name = format!("t{}", self.stored.len());
        let array = self.add_array(&name, kind, ArrayRole::Temporary, axes, ArraySource::Temporary);
        self.stored
            .insert(node, Stored { array, axes: axes.to_vec(), lost: None, is_bounded: false });
    }

    /// Notes how an array gets to a later loop.
    pub(super) fn choose(&mut self, mut node: NodeId, cost: u32, array: Option<ArrayId>) {
        // The names of factors of matrix products and of terms of running sums say nothing.
        while let Node::Map(Function::StopGradient, of) = self.graph.node(node) {
            node = of.as_slice()[0];
        }
        let stored = array.map_or(Kept::Nowhere, Kept::In);
        let is_running = self.running.get(node).is_some();
        let choice = Choice { node, cost, stored, is_running };
        if self.chosen.insert(choice) {
            self.choices.push(choice);
        }
    }

    /// Makes room beside a stored sum for what it loses.
    pub(super) fn store_lost(&mut self, sum: NodeId) {
        let Stored { axes, .. } = self.stored[&sum].clone();
        let name = format!("lost{}", self.stored.len());
        let kind = Kind::Real;
        let array =
            self.add_array(&name, kind, ArrayRole::Temporary, &axes, ArraySource::Temporary);
        let is_bounded = self.is_bounded(self.graph.arguments(sum)[0]);
        let stored = self.stored.get_mut(&sum).expect("it is stored");
        stored.lost = Some(array);
        stored.is_bounded = is_bounded;
    }

    /// Whether sums of so many of these terms as there may be are never infinite.
    pub(super) fn is_bounded(&mut self, term: NodeId) -> bool {
        let ranges = self.ranges.get_or_insert_with(|| Ranges::new(self.graph));
        ranges.find_all(self.graph, term);
        let range = ranges.get(term);
        range.low >= -BOUND && range.high <= BOUND
    }

    pub(super) fn is_stored(&self, node: NodeId) -> bool {
        self.stored.contains_key(&node)
    }

    pub(super) fn load_stored(&mut self, node: NodeId) -> Value {
        let stored = self.stored.get(&node).unwrap_or_else(|| {
            panic!("{node:?} = {:?} is used where it has no value", self.graph.node(node))
        });
        let load = Operation::Load(stored.array, self.counters(&stored.axes));
        let element = self.emit(load);
        self.stored_element(node, element)
    }

    pub(super) fn store_element(&mut self, node: NodeId, value: Value) {
        let value = self.as_element(node, value);
        let Stored { array, axes, .. } = &self.stored[&node];
        let (array, subscripts) = (*array, self.counters(axes));
        self.body().statements.push(Statement::Store { array, subscripts, value });
    }

    /// Truth values lie in memory as the reals 0 and 1.
    pub(super) fn as_element(&mut self, node: NodeId, value: Value) -> Value {
        if self.graph.ty(node) != Type::Bool {
            return value;
        }
        let (one, zero) = (self.real(1.0), self.real(0.0));
        self.emit(Operation::Select(value, one, zero))
    }

    pub(super) fn stored_element(&mut self, node: NodeId, element: Value) -> Value {
        if self.graph.ty(node) == Type::Bool { self.nonzero(element) } else { element }
    }

    pub(super) fn element_kind(&self, node: NodeId) -> Kind {
        match self.graph.ty(node) {
            Type::Real | Type::Bool => Kind::Real,
            Type::Index(_) => Kind::Integer,
        }
    }

    pub(super) fn read(&mut self, input: InputId, subscripts: &[NodeId]) -> Value {
        let array = self.input_array(input);
        let subscripts: Vec<(Subscript, Option<Value>)> =
            subscripts.iter().map(|node| self.subscript(*node)).collect();
        let missing: Vec<Value> = subscripts.iter().filter_map(|(_, missing)| *missing).collect();
        let subscripts = subscripts.into_iter().map(|(subscript, _)| subscript).collect();
        let element = self.emit(Operation::Load(array, subscripts));
        match self.graph.input(input).kind {
            InputKind::Real => missing.into_iter().fold(element, |element, missing| {
                let nan = self.real(f64::NAN);
                self.emit(Operation::Select(missing, nan, element))
            }),
            InputKind::Index { .. } => element,
            InputKind::Switch => self.nonzero(element),
        }
    }

    /// A place along an axis, and whether the label there is missing, where that can be: what it selects is no number.
    fn subscript(&mut self, node: NodeId) -> (Subscript, Option<Value>) {
        match self.graph.node(node) {
            Node::Index(axis) => (Subscript::Counter(self.counter(*axis)), None),
            Node::Position(position, _) => (Subscript::Literal(*position), None),
            Node::Read(input, _) => {
                let label = self.value(node);
                let optional = matches!(
                    self.graph.input(*input).kind,
                    InputKind::Index { optional: true, .. }
                );
                if optional {
                    self.nearest_position(label)
                } else {
                    (Subscript::Value(label), None)
                }
            }
            _ => {
                let index = self.value(node);
                self.nearest_position(index)
            }
        }
    }

    /// A missing label points nowhere, but memory is read somewhere: at position 0.
    fn nearest_position(&mut self, label: Value) -> (Subscript, Option<Value>) {
        let zero = self.integer(0);
        let missing = self.emit(Operation::IntegerLess(label, zero));
        (Subscript::Value(self.emit(Operation::Select(missing, zero, label))), Some(missing))
    }

    pub(super) fn nonzero(&mut self, real: Value) -> Value {
        let zero = self.real(0.0);
        let is_zero = self.emit(Operation::Equal(real, zero));
        self.emit(Operation::Not(is_zero))
    }

    pub(super) fn input_array(&mut self, input: InputId) -> ArrayId {
        if let Some(known) = self.inputs.get(&input) {
            return *known;
        }
        let graph = self.graph;
        let declared = graph.input(input);
        let kind = match declared.kind {
            InputKind::Real | InputKind::Switch => Kind::Real,
            InputKind::Index { .. } => Kind::Integer,
        };
        let array = self.add_array(
            &declared.name,
            kind,
            ArrayRole::Input,
            &declared.axes,
            ArraySource::Input(input),
        );
        self.inputs.insert(input, array);
        array
    }

    pub(super) fn add_array(
        &mut self,
        name: &str,
        kind: Kind,
        role: ArrayRole,
        axes: &[AxisId],
        source: ArraySource,
    ) -> ArrayId {
        let extents = axes.iter().map(|axis| self.extent(self.graph.axis(*axis).extent)).collect();
        self.program.arrays.push(Array { name: name.to_owned(), kind, role, extents });
        self.sources.push(source);
        ArrayId(u32::try_from(self.sources.len() - 1).expect("fewer than 2^32 arrays"))
    }

    pub(super) fn extent(&mut self, extent: graph::ExtentId) -> Extent {
        let name = match self.graph.extent(extent) {
            graph::Extent::Literal(length) => return Extent::Literal(*length),
            graph::Extent::Named(name) => name,
        };
        let index = self.extents.iter().position(|known| *known == extent).unwrap_or_else(|| {
            self.extents.push(extent);
            self.program.extents.push(name.clone());
            self.extents.len() - 1
        });
        Extent::Given(ExtentId(u32::try_from(index).expect("fewer than 2^32 extents")))
    }
}
