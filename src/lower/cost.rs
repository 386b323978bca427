//! What it costs to have an element of a node in another loop than its own.

use super::emit::Emitter;
use crate::builtins::Function;
use crate::graph::{AxisId, Extent, Graph, Node, NodeId};
use crate::loops::SHORT;

/// What reading an element from memory costs, in additions of a vector machine whose memory is its cache.
pub(super) const LOAD: u32 = 1;

/// What writing an element costs.
pub(super) const STORE: u32 = 2;

/// The dearest computation that is done again rather than stored.
const CHEAP: u32 = 6;

/// Whether a node is written out wherever it is used.
pub(super) fn is_constant(graph: &Graph, id: NodeId) -> bool {
    matches!(graph.node(id), Node::Number(_) | Node::Bool(_) | Node::Position(..))
}

/// Whether sums up to each place along an axis are done in one pass. A step of that takes four additions that wait for each
/// other and is done once for each place; a sum of its own for each place takes all elements, as many at a time as there are
/// lanes, and then joins the lanes, which alone is more. Axes so short that rows are lanes need no joining.
pub(super) fn is_worth_running(graph: &Graph, axis: AxisId) -> bool {
    match graph.extent(graph.axis(axis).extent) {
        Extent::Literal(length) => *length > SHORT,
        Extent::Named(_) => true,
    }
}

/// What it takes to have an element of a node in another loop than its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    /// Computing it from the inputs; the maximum if that cannot be.
    pub(super) whole: u32,
    /// Whether it is computed again: cheaply, from inputs and at most one array in memory.
    pub(super) is_again: bool,
    /// What that takes; if it is stored, loading it.
    pub(super) there: u32,
    /// The array in memory that it is computed from.
    core: Option<NodeId>,
}

/// What nodes cost for the loops over each axis.
pub(super) struct Costs {
    /// Where each node of the graph is among those that are needed.
    places: Vec<u32>,
    /// Over how many axes there are loops.
    levels: usize,
    /// For each of those nodes what it costs for the loops over each axis, outermost first.
    table: Vec<Cost>,
}

impl Costs {
    /// What nodes, which are in order, cost within loops over axes.
    pub(super) fn of(emitter: &Emitter<'_>, nodes: &[NodeId], axes: &[AxisId]) -> Self {
        let places = vec![0; emitter.graph.len()];
        let room = Vec::with_capacity(nodes.len() * axes.len());
        let mut costs = Self { places, levels: axes.len(), table: room };
        let own = own_costs(emitter, nodes);
        for (place, (id, own)) in (0..).zip(nodes.iter().zip(own)) {
            costs.places[id.index()] = place;
            costs.add(emitter.graph, *id, own, axes);
        }
        costs
    }

    /// What a node costs for the loop over the first of the innermost axes.
    pub(super) fn get(&self, axes: &[AxisId], id: NodeId) -> Cost {
        self.table[self.first(id) + self.levels - axes.len()]
    }

    /// Where the costs of a node begin.
    fn first(&self, id: NodeId) -> usize {
        self.places[id.index()] as usize * self.levels
    }

    /// Adds the next node, given what it costs without its arguments.
    fn add(&mut self, graph: &Graph, id: NodeId, own: u32, axes: &[AxisId]) {
        let first = self.table.len();
        let alone = Cost { whole: own, is_again: true, there: own, core: None };
        self.table.resize(first + self.levels, alone);
        for argument in graph.arguments(id) {
            let has_its_axes = graph.axes(*argument) == graph.axes(id);
            let reduced = match graph.node(*argument) {
                Node::Reduce(_, axis, _) => Some(*axis),
                _ => None,
            };
            let theirs = self.first(*argument);
            let (before, costs) = self.table.split_at_mut(first);
            for (level, (cost, of)) in costs.iter_mut().zip(&before[theirs..]).enumerate() {
                // What lacks an axis is computed once for all that lies along it, and a reduction over a loop around is there.
                let is_there = reduced.is_some_and(|axis| !axes[level + 1..].contains(&axis));
                let there =
                    if has_its_axes { is_there.then_some(1) } else { Some(of.whole.min(1)) };
                cost.whole = cost.whole.saturating_add(there.unwrap_or(of.whole));
                cost.there = cost.there.saturating_add(there.unwrap_or(of.there));
                if there.is_none()
                    && let Some(core) = of.core
                {
                    cost.is_again &= cost.core.is_none_or(|known| known == core);
                    cost.core = Some(core);
                }
            }
        }
        for cost in &mut self.table[first..] {
            cost.is_again &= cost.there <= CHEAP;
            if !cost.is_again {
                (cost.there, cost.core) = (LOAD, Some(id));
            }
        }
    }
}

/// What nodes cost without their arguments, in order; the maximum for what must lie in memory.
fn own_costs(emitter: &Emitter<'_>, nodes: &[NodeId]) -> Vec<u32> {
    let graph = emitter.graph;
    // An array that is read under another axis name must lie in memory.
    let mut is_renamed = vec![false; graph.len()];
    for id in nodes {
        if let Node::Rename { argument, .. } = graph.node(*id) {
            is_renamed[argument.index()] = true;
        }
    }
    let own = |id: &NodeId| match graph.node(*id) {
        _ if is_renamed[id.index()] || emitter.is_in_memory(*id) => u32::MAX,
        // Another name costs nothing but reading what has it.
        Node::Number(_) | Node::Bool(_) | Node::Position(..) | Node::Rename { .. } => 0,
        Node::Index(_) | Node::Size(_) => 1,
        Node::Read(..) => LOAD,
        Node::Map(function, _) => cost_of(*function),
        Node::Reduce(..) => u32::MAX,
    };
    nodes.iter().map(own).collect()
}

/// What a function costs, in additions: about the number of operations of its code, divisions and roots
/// by how long vector machines take.
pub(super) fn cost_of(function: Function) -> u32 {
    match function {
        Function::StopGradient => 0,
        Function::Negate
        | Function::Add
        | Function::Subtract
        | Function::Multiply
        | Function::Equal
        | Function::Less
        | Function::LessEqual
        | Function::And
        | Function::Or
        | Function::Not
        | Function::Select
        | Function::Real
        | Function::Missing
        | Function::Floor
        | Function::Abs => 1,
        // With what keeps NaN, or the sign of zero.
        Function::Max | Function::Min | Function::ZeroProduct => 3,
        Function::Sign => 4,
        Function::Divide => 8,
        Function::Sqrt => 10,
        Function::Exp | Function::Expm1 => 20,
        Function::Log | Function::Log1p | Function::Log2 => 25,
        Function::Sigmoid | Function::Tanh => 30,
        Function::Sin
        | Function::Cos
        | Function::Atan
        | Function::Erf
        | Function::Erfc
        | Function::Softplus
        | Function::LogCosh
        | Function::LogAddExp => 45,
        Function::Power
        | Function::Boxcox1p
        | Function::NormalCdf
        | Function::LogNormalCdf
        | Function::InverseMills
        | Function::Lgamma
        | Function::Digamma
        | Function::Trigamma => 80,
    }
}
