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
    /// For the loops over each axis, outermost first.
    levels: Vec<Vec<Cost>>,
}

impl Costs {
    /// What nodes, which are in order, cost within loops over axes.
    pub(super) fn of(emitter: &Emitter<'_>, nodes: &[NodeId], axes: &[AxisId]) -> Self {
        let mut places = vec![0; emitter.graph.len()];
        for (place, id) in (0..).zip(nodes) {
            places[id.index()] = place;
        }
        let own = own_costs(emitter, nodes);
        let inner = (1..=axes.len()).map(|at| &axes[at..]);
        let levels = inner.map(|inner| costs(emitter.graph, nodes, &places, &own, inner)).collect();
        Self { places, levels }
    }

    /// What a node costs for the loop over the first of the innermost axes.
    pub(super) fn get(&self, axes: &[AxisId], id: NodeId) -> Cost {
        self.levels[self.levels.len() - axes.len()][self.places[id.index()] as usize]
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

/// What each node costs in another loop than its own, around those over `inner`; of nodes in order, with what they cost
/// without their arguments.
fn costs(
    graph: &Graph,
    nodes: &[NodeId],
    places: &[u32],
    own: &[u32],
    inner: &[AxisId],
) -> Vec<Cost> {
    let mut costs: Vec<Cost> = Vec::with_capacity(nodes.len());
    for (id, own) in nodes.iter().zip(own.iter().copied()) {
        let (mut whole, mut cost, mut core, mut has_one_core) = (own, own, None, true);
        for argument in graph.arguments(*id) {
            let of = costs[places[argument.index()] as usize];
            // What lacks an axis is computed once for all that lies along it, and a reduction over a loop around is there.
            let there = match graph.node(*argument) {
                _ if graph.axes(*argument) != graph.axes(*id) => Some(of.whole.min(1)),
                Node::Reduce(_, axis, _) if !inner.contains(axis) => Some(1),
                _ => None,
            };
            whole = whole.saturating_add(there.unwrap_or(of.whole));
            cost = cost.saturating_add(there.unwrap_or(of.there));
            if there.is_none()
                && let Some(theirs) = of.core
            {
                has_one_core &= core.is_none_or(|known| known == theirs);
                core = Some(theirs);
            }
        }
        let is_again = cost <= CHEAP && has_one_core;
        costs.push(if is_again {
            Cost { whole, is_again, there: cost, core }
        } else {
            Cost { whole, is_again, there: LOAD, core: Some(*id) }
        });
    }
    costs
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
