//! What there is to do, in the order of the code: arguments before their users.
//!
//! In come the nodes that the outputs need, out goes a table of the values to compute, of the reductions to add to and of the
//! outputs to write. What the schedule asks of each of them at every axis is noted there once.

use std::ops::Range;

use super::cost::is_constant;
use super::emit::Emitter;
use crate::graph::{AxisId, AxisSet, Node, NodeId};

/// What is to be done with the node of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Task {
    /// Compute it.
    Compute,
    /// Add it to a reduction that takes it.
    Accumulate(NodeId),
    /// Write it to an output.
    Write(usize),
}

/// A piece of work.
pub(super) struct Item {
    /// The node that is computed, or whose value is used.
    pub(super) node: NodeId,
    pub(super) task: Task,
    /// The axes of the loops that it stands in.
    pub(super) axes: AxisSet,
    /// The axes that have been run over to their end where the node that it computes or adds to has a value.
    pub(super) consumed: AxisSet,
    /// Of a reduction: its axis, and the item that adds to it.
    pub(super) added: Option<(AxisId, ItemId)>,
    /// Where what it needs is listed.
    needs: Range<usize>,
}

/// A place in the table of items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ItemId(u32);

impl ItemId {
    /// Its place.
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

/// All items.
pub(super) struct Items {
    items: Vec<Item>,
    /// The items that others need, those of one after those of another one.
    needed: Vec<ItemId>,
}

impl Items {
    /// The items of nodes, which are in order, and of the outputs.
    pub(super) fn of(emitter: &Emitter<'_>, nodes: &[NodeId]) -> Self {
        let graph = emitter.graph;
        let mut tasks = Vec::with_capacity(2 * nodes.len());
        for id in nodes.iter().copied().filter(|id| !is_constant(graph, *id)) {
            tasks.push((id, Task::Compute));
            if let Node::Reduce(_, _, argument) = graph.node(id)
                && emitter.own_axes(id).is_none()
            {
                tasks.push((*argument, Task::Accumulate(id)));
            }
        }
        let outputs = emitter.outputs.iter().enumerate();
        tasks.extend(outputs.map(|(index, output)| (output.node, Task::Write(index))));
        tasks.sort_unstable();
        let mut writer = Writer {
            emitter,
            computed: vec![None; graph.len()],
            added: vec![None; graph.len()],
            needed: Vec::with_capacity(2 * tasks.len()),
        };
        let items = (0..).map(ItemId).zip(tasks);
        let items = items.map(|(id, (node, task))| writer.item(id, node, task)).collect();
        Self { items, needed: writer.needed }
    }

    /// An item.
    pub(super) fn get(&self, id: ItemId) -> &Item {
        &self.items[id.index()]
    }

    /// The items that compute what an item uses where it stands.
    pub(super) fn needs(&self, id: ItemId) -> &[ItemId] {
        &self.needed[self.get(id).needs.clone()]
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// All of them in order.
    pub(super) fn ids(&self) -> impl Iterator<Item = ItemId> + use<> {
        (0..).map(ItemId).take(self.items.len())
    }
}

/// Writes items, those of arguments before those of their users.
struct Writer<'e, 'g> {
    emitter: &'e Emitter<'g>,
    /// For each node the item that computes it, and the one that adds to it.
    computed: Vec<Option<ItemId>>,
    added: Vec<Option<ItemId>>,
    needed: Vec<ItemId>,
}

impl Writer<'_, '_> {
    fn item(&mut self, id: ItemId, node: NodeId, task: Task) -> Item {
        let (emitter, graph) = (self.emitter, self.emitter.graph);
        let first = self.needed.len();
        let (axes, consumed, added) = match task {
            Task::Compute => {
                self.need_for(node);
                self.computed[node.index()] = Some(id);
                let (axes, added) = (graph.axes(node), self.added[node.index()]);
                match (emitter.own_axes(node), graph.node(node)) {
                    (Some(own), _) => (axes.minus(own), own, None),
                    (None, Node::Reduce(_, axis, _)) => {
                        (axes, AxisSet::of(*axis), added.map(|item| (*axis, item)))
                    }
                    (None, Node::Rename { from, .. }) => (axes, AxisSet::of(*from), None),
                    (None, _) => (axes, AxisSet::EMPTY, None),
                }
            }
            Task::Accumulate(reduction) => {
                self.need(node);
                self.added[reduction.index()] = Some(id);
                let Node::Reduce(_, axis, _) = graph.node(reduction) else {
                    unreachable!("only reductions are added to")
                };
                (graph.axes(node), AxisSet::of(*axis), None)
            }
            Task::Write(output) => {
                self.need(node);
                (set_of(&emitter.outputs[output].axes), AxisSet::EMPTY, None)
            }
        };
        Item { node, task, axes, consumed, added, needs: first..self.needed.len() }
    }

    /// Notes what the code of a node uses where it stands.
    fn need_for(&mut self, node: NodeId) {
        let graph = self.emitter.graph;
        match (self.emitter.own_factors(node), graph.node(node)) {
            (Some(factors), _) => factors.into_iter().for_each(|it| self.need(it)),
            (None, Node::Read(_, subscripts)) => {
                let plain = |id: &&NodeId| !matches!(graph.node(**id), Node::Index(_));
                subscripts.iter().filter(plain).for_each(|it| self.need(*it));
            }
            (None, other) => other.arguments().iter().for_each(|it| self.need(*it)),
        }
    }

    /// Constants are written wherever they are used.
    fn need(&mut self, node: NodeId) {
        self.needed.extend(self.computed[node.index()]);
    }
}

/// Axes as a set.
pub(super) fn set_of(axes: &[AxisId]) -> AxisSet {
    axes.iter().fold(AxisSet::EMPTY, |set, axis| set.with(*axis))
}

/// A set of items, a bit for each.
#[derive(Clone, Debug, Default)]
pub(super) struct ItemSet(Vec<u64>);

impl ItemSet {
    /// Adds an item; whether it is new.
    pub(super) fn insert(&mut self, item: ItemId) -> bool {
        let (word, bit) = (item.index() / 64, 1 << (item.index() % 64));
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        let is_new = self.0[word] & bit == 0;
        self.0[word] |= bit;
        is_new
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The items in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = ItemId> {
        (0..).zip(&self.0).flat_map(|(word, bits)| {
            let mut left = *bits;
            std::iter::from_fn(move || {
                let first = left.trailing_zeros();
                left &= left.checked_sub(1)?;
                Some(ItemId(word * 64 + first))
            })
        })
    }
}
