//! Which loop holds which node.

use super::cost::Costs;
use super::emit::Emitter;
use super::items::{ItemId, ItemSet, Items, Task, set_of};
use crate::graph::{AxisId, AxisSet, Node, NodeId};

/// Writes the code of all outputs.
pub(super) fn schedule(emitter: &mut Emitter<'_>, axes: &[AxisId]) {
    let roots: Vec<NodeId> = emitter.outputs.iter().map(|output| output.node).collect();
    let nodes = emitter.graph.reachable(&roots);
    let items = Items::of(emitter, &nodes);
    let mut group = Group::default();
    for id in items.ids() {
        if !matches!(items.get(id).task, Task::Accumulate(_)) {
            group.items.insert(id);
        }
    }
    let costs = Costs::of(emitter, &nodes, axes);
    let homes = Homes { items: vec![(0, Home::before(0)); items.len()], round: 0 };
    Scheduler { items, costs, homes }.run(emitter, &group, axes);
}

struct Scheduler {
    items: Items,
    /// What each node costs to compute again, for the loops over each axis.
    costs: Costs,
    homes: Homes,
}

/// The homes of the items of a group, at one axis.
struct Homes {
    /// For each item the last round that it was in, and its home then.
    items: Vec<(u32, Home)>,
    /// How many groups have been divided: what was found before counts no more.
    round: u32,
}

impl Homes {
    fn get(&self, id: ItemId) -> Option<Home> {
        let (round, home) = self.items[id.index()];
        (round == self.round).then_some(home)
    }
}

/// Work that is scheduled together.
#[derive(Default)]
struct Group {
    items: ItemSet,
    /// The items among them that compute what others need as well.
    wanted: ItemSet,
}

/// The groups of work at one axis.
#[derive(Default)]
struct Groups {
    /// For each stage what lies before its loop, and what lies in it.
    stages: Vec<[Group; 2]>,
    /// What has joined the group at hand, the needs of which are still to be followed.
    open: Vec<ItemId>,
}

/// Where an item stands at one axis: in the loop of a stage, or before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Home {
    stage: usize,
    is_inside: bool,
}

impl Home {
    fn before(stage: usize) -> Self {
        Self { stage, is_inside: false }
    }

    fn inside(stage: usize) -> Self {
        Self { stage, is_inside: true }
    }
}

impl Scheduler {
    fn run(&mut self, emitter: &mut Emitter<'_>, group: &Group, axes: &[AxisId]) {
        let items = group.items.iter().map(|id| self.items.get(id));
        let concerned =
            items.fold(AxisSet::EMPTY, |axes, item| axes.union(item.axes).union(item.consumed));
        let Some(at) = axes.iter().position(|axis| concerned.contains(*axis)) else {
            for item in group.items.iter().map(|id| self.items.get(id)) {
                emitter.item(item.node, item.task);
            }
            return;
        };
        let (axis, rest) = (axes[at], &axes[at + 1..]);
        for [before, inside] in self.divide(emitter, group, &axes[at..]).stages {
            if !before.items.is_empty() {
                self.run(emitter, &before, rest);
            }
            if !inside.items.is_empty() {
                self.run_loop(emitter, &inside, axis, rest);
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
        let items = inside.items.iter().map(|id| self.items.get(id));
        let reductions: Vec<NodeId> = items
            .filter_map(|item| match item.task {
                Task::Accumulate(reduction) if item.consumed.contains(axis) => Some(reduction),
                _ => None,
            })
            .collect();
        for reduction in &reductions {
            let inner = set_of(rest).intersection(emitter.graph.axes(*reduction));
            if !inner.is_empty() {
                emitter.begin_array_accumulator(*reduction, &in_order(rest, inner));
            }
        }
        emitter.open_loop(axis, self.first_of_pairs(emitter, inside, axis));
        self.run(emitter, inside, rest);
        emitter.close_loop(axis, &reductions);
    }

    /// The axis of a loop around, if all that is done along an axis adds what is 0 unless this one stands behind that one.
    fn first_of_pairs(
        &self,
        emitter: &Emitter<'_>,
        inside: &Group,
        axis: AxisId,
    ) -> Option<AxisId> {
        let items = inside.items.iter().map(|id| self.items.get(id));
        let mut firsts = items.filter_map(|item| match item.task {
            Task::Compute => None,
            Task::Accumulate(_) => Some(emitter.pairs.first(item.node, axis)),
            Task::Write(_) => Some(None),
        });
        let first = firsts.next()??;
        (inside.wanted.is_empty() && firsts.all(|it| it == Some(first))).then_some(first)
    }

    /// Finds the group of every item, later groups first, so that each knows what is asked of it.
    fn divide(&mut self, emitter: &mut Emitter<'_>, group: &Group, axes: &[AxisId]) -> Groups {
        let mut groups = self.find_homes(emitter, group, axes[0]);
        for id in group.wanted.iter() {
            groups.want(id, self.producer(id, axes[0]).expect("an item of the group"));
        }
        for stage in (0..groups.stages.len()).rev() {
            for home in [Home::inside(stage), Home::before(stage)] {
                self.demand(emitter, &mut groups, home, axes);
            }
        }
        groups
    }

    /// Follows what a group needs: into the group itself, or to the group where it is computed.
    fn demand(&self, emitter: &mut Emitter<'_>, groups: &mut Groups, home: Home, axes: &[AxisId]) {
        let around = set_of(axes);
        groups.open_all(home);
        while let Some(id) = groups.open.pop() {
            for need in self.items.needs(id) {
                let Some((theirs, producer)) = self.producer(*need, axes[0]) else {
                    continue;
                };
                if theirs == home {
                    groups.join(home, producer);
                    continue;
                }
                let argument = self.items.get(*need).node;
                let inner = emitter.graph.axes(argument).intersection(around);
                if !inner.is_empty() && producer == *need {
                    let cost = self.costs.get(axes, argument);
                    let is_stored = emitter.is_stored(argument);
                    if cost.is_again && !is_stored {
                        emitter.choose(argument, cost.there, None);
                        groups.join(home, producer);
                        continue;
                    }
                    if !is_stored {
                        let order = emitter.products.in_order(argument, in_order(axes, inner));
                        emitter.store(argument, &order);
                    }
                    let array = emitter.stored[&argument].array;
                    emitter.choose(argument, cost.whole, Some(array));
                }
                groups.want(*need, (theirs, producer));
            }
        }
    }

    /// Where a value comes from at this axis: that of a reduction over the axis comes from what adds to it.
    fn producer(&self, id: ItemId, axis: AxisId) -> Option<(Home, ItemId)> {
        let home = self.homes.get(id)?;
        match self.items.get(id).added {
            Some((along, added)) if along == axis => {
                assert!(!home.is_inside, "a reduction has not the axis that it reduces");
                Some((Home::inside(home.stage - 1), added))
            }
            _ => Some((home, id)),
        }
    }

    /// Finds the home of each item at an axis, by its stage: the reductions over the axis on its way from the inputs. Gives
    /// the groups with what adds and writes; what is computed joins them when it is needed.
    fn find_homes(&mut self, emitter: &Emitter<'_>, group: &Group, axis: AxisId) -> Groups {
        let mut groups = Groups::default();
        self.homes.round += 1;
        for id in group.items.iter() {
            let item = self.items.get(id);
            let needs = self.items.needs(id).iter();
            let before = needs.filter_map(|it| self.homes.get(*it)).map(|home| home.stage).max();
            // What is renamed elsewhere lies in memory.
            let is_there =
                || before.is_none() && matches!(emitter.graph.node(item.node), Node::Rename { .. });
            let consumes =
                item.task == Task::Compute && item.consumed.contains(axis) && !is_there();
            let stage = before.unwrap_or(0) + usize::from(consumes);
            let home = Home { stage, is_inside: item.axes.contains(axis) };
            self.homes.items[id.index()] = (self.homes.round, home);
            while groups.stages.len() <= stage {
                groups.stages.push(<[Group; 2]>::default());
            }
            if item.task != Task::Compute {
                groups.of(home).items.insert(id);
            }
        }
        groups
    }
}

impl Groups {
    fn of(&mut self, home: Home) -> &mut Group {
        &mut self.stages[home.stage][usize::from(home.is_inside)]
    }

    /// Takes all of a group as open.
    fn open_all(&mut self, home: Home) {
        self.open.extend(self.stages[home.stage][usize::from(home.is_inside)].items.iter());
    }

    /// Lets the group at hand have an item as well.
    fn join(&mut self, home: Home, item: ItemId) {
        if self.of(home).items.insert(item) {
            self.open.push(item);
        }
    }

    /// Asks a group for a value that is used outside of it. That of a reduction is there only behind the loop that adds to it.
    fn want(&mut self, value: ItemId, (home, producer): (Home, ItemId)) {
        let group = self.of(home);
        group.items.insert(producer);
        if producer == value {
            group.wanted.insert(value);
        }
    }
}

fn in_order(axes: &[AxisId], set: AxisSet) -> Vec<AxisId> {
    axes.iter().filter(|axis| set.contains(**axis)).copied().collect()
}
