//! Which loop holds which node.

use super::cost::{Costs, is_constant};
use super::emit::Emitter;
use crate::graph::{AxisId, AxisSet, Node, NodeId};

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
    let graph = emitter.graph;
    let roots: Vec<NodeId> = emitter.outputs.iter().map(|output| output.node).collect();
    let nodes = graph.reachable(&roots);
    let costs = Costs::of(emitter, &nodes, axes);
    let mut group = Group::default();
    for node in nodes.into_iter().filter(|id| !is_constant(graph, *id)) {
        group.insert(Item { node, task: Task::Compute });
    }
    for (index, node) in roots.into_iter().enumerate() {
        group.insert(Item { node, task: Task::Write(index) });
    }
    let homes = Homes { nodes: vec![(0, 0, Home::Before(0)); graph.len()], round: 0 };
    Scheduler { costs, homes }.run(emitter, &group.in_order(), axes);
}

struct Scheduler {
    /// What each node costs to compute again, for the loops over each axis.
    costs: Costs,
    homes: Homes,
}

/// The homes of the nodes that are computed in a group, at one axis.
struct Homes {
    /// For each node the last round that it was in, its stage and its home then.
    nodes: Vec<(usize, usize, Home)>,
    /// How many groups have been divided: what was found before counts no more.
    round: usize,
}

impl Homes {
    /// The stage and the home of a node.
    fn get(&self, node: NodeId) -> Option<(usize, Home)> {
        let (round, stage, home) = self.nodes[node.index()];
        (round == self.round).then_some((stage, home))
    }
}

/// Work that is scheduled together.
#[derive(Clone, Debug, Default)]
struct Group {
    items: Vec<Item>,
    /// The nodes that are computed, and the reductions that are added to.
    computed: Bits,
    added: Bits,
    /// The nodes among those computed whose values others need as well.
    wanted: Bits,
}

impl Group {
    /// Adds an item; whether it is new.
    fn insert(&mut self, item: Item) -> bool {
        let is_new = match item.task {
            Task::Compute => self.computed.insert(item.node),
            Task::Accumulate(reduction) => self.added.insert(reduction),
            // Each output is written once.
            Task::Write(_) => true,
        };
        if is_new {
            self.items.push(item);
        }
        is_new
    }

    /// With the items in the order of the code.
    fn in_order(mut self) -> Self {
        self.items.sort_unstable();
        self
    }
}

/// A set of nodes, a bit for each.
#[derive(Clone, Debug, Default)]
struct Bits(Vec<u64>);

impl Bits {
    /// Adds a node; whether it is new.
    fn insert(&mut self, node: NodeId) -> bool {
        let (word, bit) = (node.index() / 64, 1 << (node.index() % 64));
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        let is_new = self.0[word] & bit == 0;
        self.0[word] |= bit;
        is_new
    }

    fn contains(&self, node: NodeId) -> bool {
        self.0.get(node.index() / 64).is_some_and(|word| word >> (node.index() % 64) & 1 == 1)
    }

    fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }
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
    fn run(&mut self, emitter: &mut Emitter<'_>, group: &Group, axes: &[AxisId]) {
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
        for (before, inside) in groups.before.into_iter().zip(groups.inside) {
            if !before.items.is_empty() {
                self.run(emitter, &before.in_order(), rest);
            }
            if !inside.items.is_empty() {
                self.run_loop(emitter, &inside.in_order(), *axis, rest);
            }
        }
    }

    fn run_loop(
        &mut self,
        emitter: &mut Emitter<'_>,
        inside: &Group,
        axis: AxisId,
        rest: &[AxisId],
    ) {
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
    fn divide(&mut self, emitter: &mut Emitter<'_>, group: &Group, axes: &[AxisId]) -> Groups {
        let others = self.find_homes(emitter, &group.items, axes[0]);
        let computed = group.items.iter().filter_map(|item| self.homes.get(item.node));
        let all = computed.map(|(_, home)| home).chain(others.iter().map(|(_, home)| *home));
        let stages = 1 + all.map(Home::stage).max().unwrap_or(0);
        let mut groups = Groups {
            before: vec![Group::default(); stages],
            inside: vec![Group::default(); stages],
        };
        for (item, home) in others {
            groups.of(home).insert(item);
        }
        let is_wanted =
            |item: &&Item| item.task == Task::Compute && group.wanted.contains(item.node);
        for item in group.items.iter().filter(is_wanted) {
            let (home, producer) = self.producer(emitter, item.node, axes[0]).expect("an item");
            groups.want(home, producer);
        }
        for stage in (0..stages).rev() {
            for home in [Home::Inside(stage), Home::Before(stage)] {
                self.demand(emitter, &mut groups, home, axes);
            }
        }
        groups
    }

    /// Follows what a group needs: into the group itself, or to the group where it is computed.
    fn demand(&self, emitter: &mut Emitter<'_>, groups: &mut Groups, home: Home, axes: &[AxisId]) {
        let mut open = groups.of(home).items.clone();
        open.sort_unstable();
        let mut needed = Vec::new();
        while let Some(item) = open.pop() {
            needs(emitter, &item, &mut needed);
            for argument in needed.drain(..) {
                let Some((theirs, producer)) = self.producer(emitter, argument, axes[0]) else {
                    continue;
                };
                let inner = emitter.graph.axes(argument).intersection(set_of(axes));
                let in_memory = !inner.is_empty() && producer.task == Task::Compute;
                let cost = self.costs.get(axes, argument);
                let again =
                    theirs != home && in_memory && cost.is_again && !emitter.is_stored(argument);
                if again {
                    emitter.choose(argument, cost.there, None);
                }
                if theirs == home || again {
                    if groups.of(home).insert(producer) {
                        open.push(producer);
                    }
                    continue;
                }
                if in_memory {
                    let order = emitter.products.in_order(argument, in_order(axes, inner));
                    emitter.store(argument, &order);
                    let array = emitter.stored[&argument].array;
                    emitter.choose(argument, cost.whole, Some(array));
                }
                groups.want(theirs, producer);
            }
        }
    }

    /// Where the value of a node comes from at this axis: a reduction over the axis comes from its accumulation.
    fn producer(&self, emitter: &Emitter<'_>, id: NodeId, axis: AxisId) -> Option<(Home, Item)> {
        let (_, home) = self.homes.get(id)?;
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
        Some((home, Item { node: id, task: Task::Compute }))
    }

    /// Finds the group of each item at an axis, by its stage: the reductions over the axis on its way from the inputs. Gives
    /// those of items that are not computed.
    fn find_homes(
        &mut self,
        emitter: &Emitter<'_>,
        items: &[Item],
        axis: AxisId,
    ) -> Vec<(Item, Home)> {
        let homes = &mut self.homes;
        homes.round += 1;
        let mut others = Vec::new();
        for item in items {
            let stage_of = |node: &NodeId| homes.get(*node).map(|(stage, _)| stage);
            let stage = match item.task {
                Task::Compute => {
                    let before = match emitter.own_factors(item.node) {
                        Some(factors) => factors.iter().filter_map(stage_of).max(),
                        None => {
                            emitter.graph.arguments(item.node).iter().filter_map(stage_of).max()
                        }
                    };
                    // What is renamed elsewhere lies in memory.
                    let is_there = before.is_none()
                        && matches!(emitter.graph.node(item.node), Node::Rename { .. });
                    let consumes = !is_there && consumes(emitter, item, axis);
                    before.unwrap_or(0) + usize::from(consumes)
                }
                Task::Accumulate(_) | Task::Write(_) => stage_of(&item.node).unwrap_or(0),
            };
            let has_axis = axes_of(emitter, item).contains(axis);
            let home = if has_axis { Home::Inside(stage) } else { Home::Before(stage) };
            if item.task == Task::Compute {
                homes.nodes[item.node.index()] = (homes.round, stage, home);
            } else {
                others.push((*item, home));
            }
        }
        others
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
        group.insert(producer);
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

/// Adds the nodes whose values an item uses where it stands.
fn needs(emitter: &Emitter<'_>, item: &Item, needed: &mut Vec<NodeId>) {
    let graph = emitter.graph;
    match item.task {
        Task::Accumulate(_) | Task::Write(_) => needed.push(item.node),
        Task::Compute if let Some(factors) = emitter.own_factors(item.node) => {
            needed.extend(factors);
        }
        Task::Compute => match graph.node(item.node) {
            Node::Read(_, subscripts) => {
                let plain = |id: &&NodeId| !matches!(graph.node(**id), Node::Index(_));
                needed.extend(subscripts.iter().filter(plain));
            }
            _ => needed.extend(graph.arguments(item.node)),
        },
    }
}

fn set_of(axes: &[AxisId]) -> AxisSet {
    axes.iter().fold(AxisSet::EMPTY, |set, axis| set.with(*axis))
}

fn in_order(axes: &[AxisId], set: AxisSet) -> Vec<AxisId> {
    axes.iter().filter(|axis| set.contains(**axis)).copied().collect()
}
