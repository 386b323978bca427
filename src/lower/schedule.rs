//! Which loop holds which node.

use std::collections::BTreeSet;

use super::cost::{Cost, costs, is_constant};
use super::emit::Emitter;
use crate::graph::{AxisId, AxisSet, Node, NodeId};
use crate::hash::HashMap;

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

/// Writes the code of all outputs.
pub(super) fn schedule(emitter: &mut Emitter<'_>, axes: &[AxisId]) {
    let items: BTreeSet<Item> = (0..emitter.outputs.len())
        .map(|index| Item { node: emitter.outputs[index].node, task: Task::Write(index) })
        .collect();
    let mut items = items;
    let roots: Vec<NodeId> = items.iter().map(|item| item.node).collect();
    let nodes = emitter.graph.reachable(&roots);
    let costs = (0..axes.len()).map(|at| costs(emitter, &nodes, &axes[at + 1..])).collect();
    items.extend(
        nodes
            .iter()
            .filter(|id| !is_constant(emitter.graph, **id))
            .map(|id| Item { node: *id, task: Task::Compute }),
    );
    let scheduler = Scheduler { costs };
    scheduler.run(emitter, &Group { items, wanted: BTreeSet::new() }, axes);
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
        let concerned =
            |item: &Item| axes_of(emitter, item).contains(*axis) || consumes(emitter, item, *axis);
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
                Task::Accumulate(reduction) if consumes(emitter, item, axis) => Some(reduction),
                _ => None,
            })
            .collect();
        for reduction in &reductions {
            let inner = set_of(rest).intersection(emitter.graph.axes(*reduction));
            if !inner.is_empty() {
                emitter.begin_array_accumulator(*reduction, &in_order(rest, inner));
            }
        }
        emitter.open_loop(axis, first_of_pairs(emitter, inside, axis));
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
                    producer(emitter, item.node, axes[0], &homes).expect("it is an item");
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
            for argument in needs(emitter, &item) {
                let Some((theirs, producer)) = producer(emitter, argument, axes[0], homes) else {
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
                    let order = emitter.products.in_order(argument, in_order(axes, inner));
                    emitter.store(argument, &order);
                    let array = emitter.stored[&argument].array;
                    emitter.choose(argument, costs[argument.index()].whole, Some(array));
                }
                groups.want(theirs, producer);
            }
        }
    }
}

/// The axis of a loop around, if all that is done along an axis adds what is 0 unless this one stands behind that one.
fn first_of_pairs(emitter: &Emitter<'_>, inside: &Group, axis: AxisId) -> Option<AxisId> {
    let mut firsts = inside.items.iter().filter_map(|item| match item.task {
        Task::Compute => None,
        Task::Accumulate(_) => Some(emitter.pairs.first(item.node, axis)),
        Task::Write(_) => Some(None),
    });
    let first = firsts.next()??;
    (inside.wanted.is_empty() && firsts.all(|it| it == Some(first))).then_some(first)
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
    emitter: &Emitter<'_>,
    id: NodeId,
    axis: AxisId,
    homes: &HashMap<Item, Home>,
) -> Option<(Home, Item)> {
    let computed = Item { node: id, task: Task::Compute };
    let home = *homes.get(&computed)?;
    if let Node::Reduce(_, reduced, argument) = emitter.graph.node(id)
        && *reduced == axis
        && emitter.own_axes(id).is_none()
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
    let mut stages: HashMap<NodeId, usize> = HashMap::default();
    let mut homes = HashMap::default();
    for item in items {
        let stage = match item.task {
            Task::Compute => {
                let arguments = emitter
                    .own_factors(item.node)
                    .unwrap_or_else(|| graph.arguments(item.node).to_vec());
                let stage = arguments
                    .iter()
                    .filter_map(|argument| stages.get(argument))
                    .max()
                    .copied()
                    .unwrap_or(0);
                let stage = stage + usize::from(consumes(emitter, item, axis));
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

/// Whether the node that an item computes or adds to has a value only when an axis has been run over to its end.
fn consumes(emitter: &Emitter<'_>, item: &Item, axis: AxisId) -> bool {
    let node = match item.task {
        Task::Compute => item.node,
        Task::Accumulate(reduction) => reduction,
        Task::Write(_) => return false,
    };
    match (emitter.own_axes(node), emitter.graph.node(node)) {
        (Some(axes), _) => axes.contains(axis),
        (None, Node::Reduce(_, along, _)) => *along == axis,
        (None, Node::Rename { from, .. }) => *from == axis,
        (None, _) => false,
    }
}

fn axes_of(emitter: &Emitter<'_>, item: &Item) -> AxisSet {
    match item.task {
        Task::Compute => {
            let own = emitter.own_axes(item.node).unwrap_or(AxisSet::EMPTY);
            emitter.graph.axes(item.node).minus(own)
        }
        Task::Accumulate(_) => emitter.graph.axes(item.node),
        Task::Write(output) => set_of(&emitter.outputs[output].axes),
    }
}

/// The nodes whose values an item uses where it stands.
fn needs(emitter: &Emitter<'_>, item: &Item) -> Vec<NodeId> {
    let graph = emitter.graph;
    match item.task {
        Task::Accumulate(_) | Task::Write(_) => vec![item.node],
        Task::Compute if let Some(factors) = emitter.own_factors(item.node) => factors,
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
