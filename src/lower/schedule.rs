//! Which loop holds which node.

use std::collections::{BTreeSet, HashMap};

use super::emit::Emitter;
use crate::builtins::Function;
use crate::graph::{AxisId, AxisSet, Graph, Node, NodeId};

/// A piece of work. The order is that of the code: arguments before their users.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Item {
    /// The node that is computed, or whose value is used.
    node: NodeId,
    task: Task,
}

/// What is to be done with the node of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Task {
    /// Compute it.
    Compute,
    /// Add it to a reduction that takes it.
    Accumulate(NodeId),
    /// Write it to an output.
    Write(usize),
}

/// What reading an element from memory costs, in additions of a vector machine whose memory is its cache.
pub(super) const LOAD: u32 = 1;

/// What writing an element costs.
pub(super) const STORE: u32 = 2;

/// The dearest computation that is done again rather than stored.
const CHEAP: u32 = 6;

/// Writes the code of all outputs.
pub(super) fn schedule(emitter: &mut Emitter<'_>, axes: &[AxisId]) {
    let items: BTreeSet<Item> = (0..emitter.outputs.len())
        .map(|index| Item { node: emitter.outputs[index].node, task: Task::Write(index) })
        .collect();
    let mut items = items;
    let roots: Vec<NodeId> = items.iter().map(|item| item.node).collect();
    let nodes = emitter.graph.reachable(&roots);
    let costs = (0..axes.len()).map(|at| costs(emitter.graph, &nodes, &axes[at + 1..])).collect();
    items.extend(
        nodes
            .iter()
            .filter(|id| !is_constant(emitter.graph, **id))
            .map(|id| Item { node: *id, task: Task::Compute }),
    );
    let scheduler = Scheduler { costs };
    scheduler.run(emitter, &Group { items, wanted: BTreeSet::new() }, axes);
}

/// Whether a node is written out wherever it is used.
pub(super) fn is_constant(graph: &Graph, id: NodeId) -> bool {
    matches!(graph.node(id), Node::Number(_) | Node::Bool(_) | Node::Position(..))
}

/// What it takes to have an element of a node in another loop than its own.
#[derive(Clone, Copy, Debug)]
struct Cost {
    /// Computing it from the inputs; the maximum if that cannot be.
    whole: u32,
    /// Whether it is computed again: cheaply, from inputs and at most one array in memory.
    is_again: bool,
    /// What that takes; if it is stored, loading it.
    there: u32,
    /// The array in memory that it is computed from.
    core: Option<NodeId>,
}

/// What each node costs in another loop than its own, around those over `inner`.
fn costs(graph: &Graph, nodes: &[NodeId], inner: &[AxisId]) -> Vec<Cost> {
    let mut costs = vec![Cost { whole: 0, is_again: true, there: 0, core: None }; graph.len()];
    // An array that is read under another axis name must lie in memory.
    let mut is_renamed = vec![false; graph.len()];
    for id in nodes {
        if let Node::Rename { argument, .. } = graph.node(*id) {
            is_renamed[argument.index()] = true;
        }
    }
    for id in nodes {
        let own = match graph.node(*id) {
            _ if is_renamed[id.index()] => u32::MAX,
            Node::Number(_) | Node::Bool(_) | Node::Position(..) => 0,
            Node::Index(_) | Node::Size(_) => 1,
            Node::Read(..) => LOAD,
            Node::Map(function, _) => cost_of(*function),
            Node::Reduce(..) | Node::Rename { .. } => u32::MAX,
        };
        let (mut whole, mut cost, mut core, mut has_one_core) = (own, own, None, true);
        for argument in graph.arguments(*id) {
            let of = costs[argument.index()];
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
        costs[id.index()] = if is_again {
            Cost { whole, is_again, there: cost, core }
        } else {
            Cost { whole, is_again, there: LOAD, core: Some(*id) }
        };
    }
    costs
}

/// What a function costs, in additions: about the number of operations of its code, divisions and roots
/// by how long vector machines take.
fn cost_of(function: Function) -> u32 {
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

struct Scheduler {
    /// What each node costs to compute again, for the loops over each axis.
    costs: Vec<Vec<Cost>>,
}

/// Work that is scheduled together.
#[derive(Clone, Debug, Default)]
struct Group {
    items: BTreeSet<Item>,
    /// The nodes among them whose values others need as well.
    wanted: BTreeSet<NodeId>,
}

/// The groups of work at one axis: what lies before the loop of each stage, and what lies in it.
struct Groups {
    before: Vec<Group>,
    inside: Vec<Group>,
}

/// Where the node of an item is computed at one axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Home {
    Before(usize),
    Inside(usize),
}

impl Scheduler {
    fn run(&self, emitter: &mut Emitter<'_>, group: &Group, axes: &[AxisId]) {
        let Some((axis, rest)) = axes.split_first() else {
            for item in &group.items {
                emitter.item(item.node, item.task);
            }
            return;
        };
        let concerned = |item: &Item| {
            axes_of(emitter, item).contains(*axis)
                || consumed_axis(emitter.graph, item) == Some(*axis)
        };
        if !group.items.iter().any(concerned) {
            return self.run(emitter, group, rest);
        }
        let groups = self.divide(emitter, group, axes);
        for (before, inside) in groups.before.iter().zip(&groups.inside) {
            if !before.items.is_empty() {
                self.run(emitter, before, rest);
            }
            if !inside.items.is_empty() {
                self.run_loop(emitter, inside, *axis, rest);
            }
        }
    }

    fn run_loop(&self, emitter: &mut Emitter<'_>, inside: &Group, axis: AxisId, rest: &[AxisId]) {
        let reductions: Vec<NodeId> = inside
            .items
            .iter()
            .filter_map(|item| match item.task {
                Task::Accumulate(reduction) if consumed_axis(emitter.graph, item) == Some(axis) => {
                    Some(reduction)
                }
                _ => None,
            })
            .collect();
        for reduction in &reductions {
            let inner = set_of(rest).intersection(emitter.graph.axes(*reduction));
            if !inner.is_empty() {
                emitter.begin_array_accumulator(*reduction, &in_order(rest, inner));
            }
        }
        emitter.open_loop(axis);
        self.run(emitter, inside, rest);
        emitter.close_loop(axis, &reductions);
    }

    /// Finds the group of every item, later groups first, so that each knows what is asked of it.
    fn divide(&self, emitter: &mut Emitter<'_>, group: &Group, axes: &[AxisId]) -> Groups {
        let homes = homes(emitter, &group.items, axes[0]);
        let stages = 1 + homes.values().map(|home| home.stage()).max().unwrap_or(0);
        let mut groups = Groups {
            before: vec![Group::default(); stages],
            inside: vec![Group::default(); stages],
        };
        for item in &group.items {
            if item.task != Task::Compute {
                groups.of(homes[item]).items.insert(*item);
            } else if group.wanted.contains(&item.node) {
                let (home, producer) =
                    producer(emitter.graph, item.node, axes[0], &homes).expect("it is an item");
                groups.want(home, producer);
            }
        }
        for stage in (0..stages).rev() {
            for home in [Home::Inside(stage), Home::Before(stage)] {
                self.demand(emitter, &mut groups, home, &homes, axes);
            }
        }
        groups
    }

    /// Follows what a group needs: into the group itself, or to the group where it is computed.
    fn demand(
        &self,
        emitter: &mut Emitter<'_>,
        groups: &mut Groups,
        home: Home,
        homes: &HashMap<Item, Home>,
        axes: &[AxisId],
    ) {
        let costs = &self.costs[self.costs.len() - axes.len()];
        let mut open: Vec<Item> = groups.of(home).items.iter().copied().collect();
        while let Some(item) = open.pop() {
            for argument in needs(emitter.graph, &item) {
                let Some((theirs, producer)) = producer(emitter.graph, argument, axes[0], homes)
                else {
                    continue;
                };
                let inner = emitter.graph.axes(argument).intersection(set_of(axes));
                let in_memory = !inner.is_empty() && producer.task == Task::Compute;
                let again = theirs != home
                    && in_memory
                    && costs[argument.index()].is_again
                    && !emitter.is_stored(argument);
                if again {
                    emitter.choose(argument, costs[argument.index()].there, None);
                }
                if theirs == home || again {
                    if groups.of(home).items.insert(producer) {
                        open.push(producer);
                    }
                    continue;
                }
                if in_memory {
                    emitter.store(argument, &in_order(axes, inner));
                    let array = emitter.stored[&argument].array;
                    emitter.choose(argument, costs[argument.index()].whole, Some(array));
                }
                groups.want(theirs, producer);
            }
        }
    }
}

impl Groups {
    fn of(&mut self, home: Home) -> &mut Group {
        match home {
            Home::Before(stage) => &mut self.before[stage],
            Home::Inside(stage) => &mut self.inside[stage],
        }
    }

    /// Asks a group for a value that is used outside of it.
    fn want(&mut self, home: Home, producer: Item) {
        let group = self.of(home);
        group.items.insert(producer);
        if producer.task == Task::Compute {
            group.wanted.insert(producer.node);
        }
    }
}

impl Home {
    fn stage(self) -> usize {
        match self {
            Self::Before(stage) | Self::Inside(stage) => stage,
        }
    }
}

/// Where the value of a node comes from at this axis: a reduction over the axis comes from its accumulation.
fn producer(
    graph: &Graph,
    id: NodeId,
    axis: AxisId,
    homes: &HashMap<Item, Home>,
) -> Option<(Home, Item)> {
    let computed = Item { node: id, task: Task::Compute };
    let home = *homes.get(&computed)?;
    if let Node::Reduce(_, reduced, argument) = graph.node(id)
        && *reduced == axis
    {
        let Home::Before(stage) = home else {
            unreachable!("a reduction has not the axis that it reduces")
        };
        return Some((
            Home::Inside(stage - 1),
            Item { node: *argument, task: Task::Accumulate(id) },
        ));
    }
    Some((home, computed))
}

/// The group of each item at an axis, by its stage: the reductions over the axis on its way from the inputs.
fn homes(emitter: &Emitter<'_>, items: &BTreeSet<Item>, axis: AxisId) -> HashMap<Item, Home> {
    let graph = emitter.graph;
    let mut stages: HashMap<NodeId, usize> = HashMap::new();
    let mut homes = HashMap::new();
    for item in items {
        let stage = match item.task {
            Task::Compute => {
                let arguments = graph.arguments(item.node);
                let stage = arguments
                    .iter()
                    .filter_map(|argument| stages.get(argument))
                    .max()
                    .copied()
                    .unwrap_or(0);
                let stage = stage + usize::from(consumes(graph, item.node) == Some(axis));
                stages.insert(item.node, stage);
                stage
            }
            Task::Accumulate(_) | Task::Write(_) => stages.get(&item.node).copied().unwrap_or(0),
        };
        let has_axis = axes_of(emitter, item).contains(axis);
        homes.insert(*item, if has_axis { Home::Inside(stage) } else { Home::Before(stage) });
    }
    homes
}

/// The axis that a node runs over to its end before it has a value.
fn consumes(graph: &Graph, id: NodeId) -> Option<AxisId> {
    match graph.node(id) {
        Node::Reduce(_, axis, _) => Some(*axis),
        Node::Rename { from, .. } => Some(*from),
        _ => None,
    }
}

fn consumed_axis(graph: &Graph, item: &Item) -> Option<AxisId> {
    match item.task {
        Task::Compute => consumes(graph, item.node),
        Task::Accumulate(reduction) => consumes(graph, reduction),
        Task::Write(_) => None,
    }
}

fn axes_of(emitter: &Emitter<'_>, item: &Item) -> AxisSet {
    match item.task {
        Task::Compute | Task::Accumulate(_) => emitter.graph.axes(item.node),
        Task::Write(output) => set_of(&emitter.outputs[output].axes),
    }
}

/// The nodes whose values an item uses where it stands.
fn needs(graph: &Graph, item: &Item) -> Vec<NodeId> {
    match item.task {
        Task::Accumulate(_) | Task::Write(_) => vec![item.node],
        Task::Compute => match graph.node(item.node) {
            Node::Read(_, subscripts) => {
                let plain = |id: &&NodeId| !matches!(graph.node(**id), Node::Index(_));
                subscripts.iter().filter(plain).copied().collect()
            }
            _ => graph.arguments(item.node).to_vec(),
        },
    }
}

fn set_of(axes: &[AxisId]) -> AxisSet {
    axes.iter().fold(AxisSet::EMPTY, |set, axis| set.with(*axis))
}

fn in_order(axes: &[AxisId], set: AxisSet) -> Vec<AxisId> {
    axes.iter().filter(|axis| set.contains(**axis)).copied().collect()
}
