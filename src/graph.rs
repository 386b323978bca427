//! The expression graph: typed, named axes, hash-consed; one constructor.
//!
//! A node stands for an array over a *set* of named axes. Operations align by name, so a node never has
//! an order of axes: only declared inputs do, in memory. An array is indexed by substituting its axes, and
//! the constructor of the checker does that down to the inputs: [`Node::Read`] is the only place where
//! subscripts stand. Node ids are a topological order: arguments come before their users.

mod moved;
mod node;
mod substitute;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod world;

use indexmap::IndexSet;

pub use node::{
    Arguments, Axis, AxisId, AxisKind, AxisSet, Domain, Extent, ExtentId, Input, InputId,
    InputKind, Node, NodeId, Role, Type,
};

pub(crate) use moved::Moved;

use crate::builtins::{Function, Reduction};
use crate::hash::BuildIdHasher;

/// How many nodes a graph may have before the compiler refuses it.
pub const NODE_LIMIT: usize = 1_000_000;

/// How many axes a graph may have when it leaves the checker; differentiation may add a few.
pub const AXIS_LIMIT: usize = 48;

/// The arena of a loss: nodes, and the axes and inputs that they name.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    nodes: IndexSet<Node, BuildIdHasher>,
    facts: Vec<Facts>,
    axes: Vec<Axis>,
    extents: Vec<Extent>,
    inputs: Vec<Input>,
}

/// What is known of a node from its construction.
#[derive(Clone, Copy, Debug)]
struct Facts {
    ty: Type,
    axes: AxisSet,
}

impl Graph {
    /// The id of a node: the one it has, or a new one.
    ///
    /// # Panics
    /// If the types of the arguments do not fit: the checker has made sure that they do.
    pub fn intern(&mut self, node: Node) -> NodeId {
        let (index, is_new) = self.nodes.insert_full(node);
        if is_new {
            let node = &self.nodes[index];
            self.facts.push(Facts { ty: self.type_of(node), axes: self.axes_of(node) });
        }
        NodeId::from_index(index)
    }

    /// The id of a node, if it has one.
    pub(crate) fn find(&self, node: &Node) -> Option<NodeId> {
        self.nodes.get_index_of(node).map(NodeId::from_index)
    }

    /// A real constant.
    pub fn number(&mut self, value: f64) -> NodeId {
        // One zero: the sign of a constant zero means nothing in the language.
        self.intern(Node::Number((value + 0.0).to_bits()))
    }

    /// A function of elements.
    pub fn map(&mut self, function: Function, arguments: &[NodeId]) -> NodeId {
        self.intern(Node::Map(function, Arguments::new(arguments)))
    }

    /// A reduction along an axis. Along an axis that the argument lacks, it repeats the argument.
    pub fn reduce(&mut self, reduction: Reduction, axis: AxisId, argument: NodeId) -> NodeId {
        if self.axes(argument).contains(axis) {
            return self.intern(Node::Reduce(reduction, axis, argument));
        }
        let size = self.size(self.axis(axis).extent);
        match reduction {
            Reduction::Sum => self.map(Function::Multiply, &[size, argument]),
            Reduction::Product => self.map(Function::Power, &[argument, size]),
            Reduction::LogSumExp => {
                let log = self.map(Function::Log, &[size]);
                self.map(Function::Add, &[argument, log])
            }
            Reduction::Max | Reduction::Min | Reduction::Any | Reduction::All => argument,
        }
    }

    /// How long an axis is: a constant where the file says it.
    pub fn size(&mut self, extent: ExtentId) -> NodeId {
        match self.extent(extent) {
            Extent::Literal(length) => self.number(f64::from(*length)),
            Extent::Named(_) => self.intern(Node::Size(extent)),
        }
    }

    /// `if condition { a } else { b }`
    pub fn select(&mut self, condition: NodeId, a: NodeId, b: NodeId) -> NodeId {
        self.map(Function::Select, &[condition, a, b])
    }

    /// A node with each argument replaced: itself if none is.
    pub fn rebuild(&mut self, id: NodeId, replace: impl Fn(NodeId) -> NodeId) -> NodeId {
        let node = self.node(id);
        if node.arguments().iter().all(|argument| replace(*argument) == *argument) {
            return id;
        }
        let node = node.with_arguments(replace);
        self.intern(node)
    }

    /// The node behind an id.
    #[must_use]
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    /// The value of a node that is a real constant.
    #[must_use]
    pub fn as_number(&self, id: NodeId) -> Option<f64> {
        match self.node(id) {
            Node::Number(bits) => Some(f64::from_bits(*bits)),
            _ => None,
        }
    }

    /// What a node's elements are.
    #[must_use]
    pub fn ty(&self, id: NodeId) -> Type {
        self.facts[id.index()].ty
    }

    /// The axes that a node has.
    #[must_use]
    pub fn axes(&self, id: NodeId) -> AxisSet {
        self.facts[id.index()].axes
    }

    /// How many nodes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are no nodes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// An axis.
    #[must_use]
    pub fn axis(&self, id: AxisId) -> &Axis {
        &self.axes[id.index()]
    }

    /// All axes.
    pub fn axis_ids(&self) -> impl Iterator<Item = AxisId> + use<> {
        (0..self.axes.len()).map(AxisId::from_index)
    }

    /// An extent.
    #[must_use]
    pub fn extent(&self, id: ExtentId) -> &Extent {
        &self.extents[id.index()]
    }

    /// All extents.
    pub fn extent_ids(&self) -> impl Iterator<Item = ExtentId> + use<> {
        (0..self.extents.len()).map(ExtentId::from_index)
    }

    /// An input.
    #[must_use]
    pub fn input(&self, id: InputId) -> &Input {
        &self.inputs[id.index()]
    }

    /// An input, to complete it.
    pub fn input_mut(&mut self, id: InputId) -> &mut Input {
        &mut self.inputs[id.index()]
    }

    /// All inputs in the order of their declaration.
    pub fn input_ids(&self) -> impl Iterator<Item = InputId> + use<> {
        (0..self.inputs.len()).map(InputId::from_index)
    }

    /// Adds an input.
    pub fn add_input(&mut self, input: Input) -> InputId {
        self.inputs.push(input);
        InputId::from_index(self.inputs.len() - 1)
    }

    /// The extent itself: the one it has, or a new one.
    pub fn add_extent(&mut self, extent: Extent) -> ExtentId {
        let index = self.extents.iter().position(|known| *known == extent).unwrap_or_else(|| {
            self.extents.push(extent);
            self.extents.len() - 1
        });
        ExtentId::from_index(index)
    }

    /// The axis that arrays declare with this extent.
    pub fn declared_axis(&mut self, extent: ExtentId) -> AxisId {
        self.find_axis(extent, AxisKind::Declared)
    }

    /// The first axis for an index over this extent that is not to be avoided. Indices that are never
    /// in scope together share an axis, so that equal reductions become equal nodes.
    pub fn index_axis(&mut self, extent: ExtentId, avoid: AxisSet) -> AxisId {
        (0..=u32::MAX)
            .map(|number| self.find_axis(extent, AxisKind::Index(number)))
            .find(|axis| !avoid.contains(*axis) || axis.index() > AXIS_LIMIT)
            .expect("there are more numbers than axes")
    }

    fn find_axis(&mut self, extent: ExtentId, kind: AxisKind) -> AxisId {
        let axis = Axis { extent, kind };
        let index = self.axes.iter().position(|known| *known == axis).unwrap_or_else(|| {
            self.axes.push(axis);
            self.axes.len() - 1
        });
        AxisId::from_index(index)
    }

    /// Whether the graph is still within [`NODE_LIMIT`] and [`AXIS_LIMIT`].
    #[must_use]
    pub fn is_within_limits(&self) -> bool {
        self.nodes.len() <= NODE_LIMIT && self.axes.len() <= AXIS_LIMIT
    }

    /// The arguments of a node, subscripts included.
    #[must_use]
    pub fn arguments(&self, id: NodeId) -> &[NodeId] {
        self.node(id).arguments()
    }

    /// Every node that the roots need, arguments before their users.
    #[must_use]
    pub fn reachable(&self, roots: &[NodeId]) -> Vec<NodeId> {
        let end = roots.iter().map(|root| root.index() + 1).max().unwrap_or(0);
        // A bit a node: most of a large graph belongs to none of the roots.
        let mut needed = vec![0_u64; end.div_ceil(64)];
        for root in roots {
            needed[root.index() / 64] |= 1 << (root.index() % 64);
        }
        let mut count = 0;
        for word in (0..needed.len()).rev() {
            let mut below = u64::MAX;
            // Downwards: whatever needs a node has been met before it.
            while let Some(bit) = (needed[word] & below).checked_ilog2() {
                below = (1 << bit) - 1;
                count += 1;
                for argument in self.nodes[word * 64 + bit as usize].arguments() {
                    needed[argument.index() / 64] |= 1 << (argument.index() % 64);
                }
            }
        }
        let mut found = Vec::with_capacity(count);
        for (word, mut bits) in needed.into_iter().enumerate() {
            while bits != 0 {
                found.push(NodeId::from_index(word * 64 + bits.trailing_zeros() as usize));
                bits &= bits - 1;
            }
        }
        found
    }

    fn type_of(&self, node: &Node) -> Type {
        match node {
            Node::Number(_) | Node::Size(_) => Type::Real,
            Node::Bool(_) => Type::Bool,
            Node::Position(_, extent) => Type::Index(*extent),
            Node::Index(axis) => Type::Index(self.axis(*axis).extent),
            Node::Read(input, _) => match self.input(*input).kind {
                InputKind::Real => Type::Real,
                InputKind::Switch => Type::Bool,
                InputKind::Index { extent, .. } => Type::Index(extent),
            },
            Node::Map(function, arguments) => self.type_of_map(*function, arguments.as_slice()),
            Node::Reduce(reduction, _, argument) => {
                let is_truth = matches!(reduction, Reduction::Any | Reduction::All);
                let expected = if is_truth { Type::Bool } else { Type::Real };
                assert_eq!(self.ty(*argument), expected, "a {reduction:?} of another type");
                expected
            }
            Node::Rename { argument, .. } => self.ty(*argument),
        }
    }

    fn type_of_map(&self, function: Function, arguments: &[NodeId]) -> Type {
        assert_eq!(
            arguments.len(),
            function.row().arguments.len(),
            "{function:?} with another number of arguments"
        );
        let all = |expected: Type| {
            for argument in arguments {
                assert_eq!(self.ty(*argument), expected, "{function:?} of another type");
            }
        };
        match function {
            Function::Equal | Function::Less | Function::LessEqual => {
                all(self.ty(arguments[0]));
                Type::Bool
            }
            Function::And | Function::Or | Function::Not => {
                all(Type::Bool);
                Type::Bool
            }
            Function::Select => {
                assert_eq!(self.ty(arguments[0]), Type::Bool, "a select by another type");
                assert_eq!(self.ty(arguments[1]), self.ty(arguments[2]), "a select between types");
                self.ty(arguments[1])
            }
            Function::Real | Function::Missing => {
                assert!(
                    matches!(self.ty(arguments[0]), Type::Index(_)),
                    "{function:?} of no index"
                );
                if function == Function::Real { Type::Real } else { Type::Bool }
            }
            _ => {
                all(Type::Real);
                Type::Real
            }
        }
    }

    fn axes_of(&self, node: &Node) -> AxisSet {
        match node {
            Node::Index(axis) => AxisSet::of(*axis),
            Node::Reduce(_, axis, argument) => self.axes(*argument).without(*axis),
            Node::Rename { argument, from, to } => {
                let axes = self.axes(*argument);
                assert!(
                    axes.contains(*from) && !axes.contains(*to),
                    "a rename between axes that do not fit"
                );
                axes.without(*from).with(*to)
            }
            Node::Number(_)
            | Node::Bool(_)
            | Node::Position(..)
            | Node::Size(_)
            | Node::Read(..)
            | Node::Map(..) => node
                .arguments()
                .iter()
                .fold(AxisSet::EMPTY, |axes, argument| axes.union(self.axes(*argument))),
        }
    }
}
