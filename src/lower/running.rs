//! Sums up to each place along an axis, and from each place on: one pass for all places instead of one for each.
//!
//! In come sums over an axis whose terms depend on another axis of the same length only by comparing the two places, and by
//! conditions and factors that are the same for all terms, such as `sum[j](if (j <= k) != late[k] { p[j] } else { 0 })`.
//! Out go `sum[j](if j <= k { p[j] } else { 0 })` and `sum[j](if k < j { p[j] } else { 0 })`, which
//! [`super::totals`] finds again and writes in one pass each, and what chooses between them at each `k`. What comes from a
//! place on is never the whole less what comes before it, which would cancel.

use super::cases::{fold, simple};
use super::cost::is_worth_running;
use super::largest::is_below_largest;
use super::totals::{Range, is_input, is_there};
use crate::builtins::{Function, Reduction};
use crate::graph::{AxisId, AxisSet, Graph, Moved, Node, NodeId, Type};
use crate::hash::{HashMap, HashSet};

/// How many conditions that are the same for all terms may be told apart: each may double the number of sums.
const CONDITIONS: usize = 2;

/// How many conditions are tried for that.
const TRIED: usize = 3;

/// The roots with running sums in the forms that are written in one pass.
pub(super) fn find_running_sums(graph: &mut Graph, roots: &[NodeId]) -> Vec<NodeId> {
    let needed = graph.reachable(roots);
    if !needed.iter().any(|id| compared(graph, *id).is_some()) {
        return roots.to_vec();
    }
    let mut moved = Moved::of(graph);
    let mut found = HashMap::default();
    let mut axes = ComparedAxes::default();
    for id in &needed {
        // A count may be the same at all places where it was found: its axis is gone.
        let node = graph.node(*id).with_arguments(|argument| moved[argument]);
        let new = fold(graph, node);
        let new = match *graph.node(new) {
            Node::Reduce(_, axis, _) if !axes.hold(graph, axis) => None,
            Node::Reduce(Reduction::Sum, axis, body) => {
                running_sum(graph, &needed, &mut found, axis, body)
            }
            // Whether there is any is whether there are more than none.
            Node::Reduce(of @ (Reduction::Any | Reduction::All), axis, body) => {
                let [zero, one] = [0.0, 1.0].map(|number| graph.number(number));
                let is_any = of == Reduction::Any;
                let term = if is_any { [one, zero] } else { [zero, one] };
                let body = graph.select(body, term[0], term[1]);
                running_sum(graph, &needed, &mut found, axis, body).map(|count| {
                    let function = if is_any { Function::Less } else { Function::Equal };
                    graph.map(function, &[zero, count])
                })
            }
            _ => None,
        }
        .unwrap_or(new);
        moved.insert(*id, new);
    }
    roots.iter().map(|root| moved[*root]).collect()
}

/// The two axes whose places a node compares.
fn compared(graph: &Graph, id: NodeId) -> Option<[AxisId; 2]> {
    let Node::Map(Function::Less | Function::LessEqual | Function::Equal, of) = graph.node(id)
    else {
        return None;
    };
    match [0, 1].map(|at| graph.node(of.as_slice()[at])) {
        [Node::Index(a), Node::Index(b)] if a != b => Some([*a, *b]),
        _ => None,
    }
}

/// The axes whose places are compared, in as many nodes as have been looked at.
#[derive(Default)]
struct ComparedAxes {
    axes: AxisSet,
    looked_at: usize,
}

impl ComparedAxes {
    /// Whether any node compares places of an axis.
    fn hold(&mut self, graph: &Graph, axis: AxisId) -> bool {
        for index in self.looked_at..graph.len() {
            if let Some([a, b]) = compared(graph, NodeId::from_index(index)) {
                self.axes = self.axes.with(a).with(b);
            }
        }
        self.looked_at = graph.len();
        self.axes.contains(axis)
    }
}

/// The running sums so far: of what over which axis in which range, with the axis of their places.
type Found = HashMap<(NodeId, AxisId, Range), (AxisId, NodeId)>;

/// The sum of terms over an axis by way of running sums; none if it is no such sum.
fn running_sum(
    graph: &mut Graph,
    needed: &[NodeId],
    found: &mut Found,
    axis: AxisId,
    body: NodeId,
) -> Option<NodeId> {
    if !is_worth_running(graph, axis) {
        return None;
    }
    let other = |[a, b]: [AxisId; 2]| if a == axis { Some(b) } else { (b == axis).then_some(a) };
    let within = region(graph, body, AxisSet::of(axis));
    let compared_with = within.iter().filter_map(|id| compared(graph, *id)).filter_map(other);
    let mut places: Vec<AxisId> = compared_with.collect();
    places.sort_unstable();
    places.dedup();
    places.into_iter().find_map(|place| {
        // What a sum inside binds is another place.
        let both = region(graph, body, AxisSet::of(axis).with(place));
        if !both.iter().any(|id| compared(graph, *id).and_then(other) == Some(place)) {
            return None;
        }
        let failed = HashSet::default();
        let mut sums = Sums { graph, needed, found, failed, axis, place };
        sums.total(body, CONDITIONS)
    })
}

/// The nodes under a root with these axes, arguments before their users.
fn region(graph: &Graph, root: NodeId, axes: AxisSet) -> Vec<NodeId> {
    let mut needed = vec![false; root.index() + 1];
    needed[root.index()] = true;
    let mut found = Vec::new();
    for index in (0..needed.len()).rev() {
        let id = NodeId::from_index(index);
        if !needed[index] || !axes.is_subset_of(graph.axes(id)) {
            continue;
        }
        found.push(id);
        if let Node::Map(..) | Node::Reduce(..) = graph.node(id) {
            graph.arguments(id).iter().for_each(|argument| needed[argument.index()] = true);
        }
    }
    found.reverse();
    found
}

/// The sums over an axis for each place along another one.
struct Sums<'a> {
    graph: &'a mut Graph,
    needed: &'a [NodeId],
    found: &'a mut Found,
    /// The terms that have no such sum, though so many conditions were told apart.
    failed: HashSet<(NodeId, usize)>,
    axis: AxisId,
    place: AxisId,
}

/// Something that is done to all terms alike.
#[derive(Clone, Copy)]
enum Scale {
    Negated,
    Times(NodeId),
    Over(NodeId),
}

impl Sums<'_> {
    /// The sum of terms over the axis.
    fn total(&mut self, body: NodeId, conditions: usize) -> Option<NodeId> {
        if self.failed.contains(&(body, conditions)) {
            return None;
        }
        let total =
            self.sum_of_parts(body).or_else(|| self.chosen(body, conditions.checked_sub(1)?));
        if total.is_none() {
            self.failed.insert((body, conditions));
        }
        total
    }

    /// The sum where a condition that is the same for all terms holds, and where it does not.
    fn chosen(&mut self, body: NodeId, conditions: usize) -> Option<NodeId> {
        let along = region(self.graph, body, AxisSet::of(self.place));
        let alike = self.alike(&along);
        if !self.may_be_chosen(body, &along, &alike) {
            return None;
        }
        alike.into_iter().rev().take(TRIED).find_map(|condition| {
            let where_it_is = |sums: &mut Self, truth| {
                let known = |_: &Graph, id: NodeId| (id == condition).then_some(truth);
                sums.where_known(body, &along, known)
            };
            let yes = where_it_is(self, true);
            let sum = self.total(yes, conditions)?;
            let no = where_it_is(self, false);
            if yes == no {
                return None;
            }
            let (yes, no) = (sum, self.total(no, conditions)?);
            Some(self.graph.select(condition, yes, no))
        })
    }

    /// The conditions in a region along the places that are the same for all terms.
    fn alike(&self, along: &[NodeId]) -> Vec<NodeId> {
        let graph = &*self.graph;
        let bound = along.iter().fold(AxisSet::of(self.axis), |bound, id| match graph.node(*id) {
            Node::Reduce(_, axis, _) => bound.with(*axis),
            _ => bound,
        });
        let free = |id: &NodeId| graph.axes(*id).intersection(bound).is_empty();
        let all = along.iter().copied();
        all.filter(|id| graph.ty(*id) == Type::Bool && free(id)).collect()
    }

    /// Whether the terms before the place may have a sum: most that have none are found out here. Where some conditions choose
    /// between sums, those are sums also where all conditions hold, and where none does: the others only make terms simpler.
    fn may_be_chosen(&mut self, body: NodeId, along: &[NodeId], alike: &[NodeId]) -> bool {
        let axes = [self.axis, self.place];
        let mut is_part_where = |truth| {
            let before = self.where_known(body, along, |graph, id| {
                let is_alike = || alike.binary_search(&id).is_ok().then_some(truth);
                comparison(graph, id, axes, (true, false)).or_else(is_alike)
            });
            self.is_part(before)
        };
        !alike.is_empty() && is_part_where(true) && is_part_where(false)
    }

    /// The sum of the terms before the place, of that at the place, and of those behind it.
    fn sum_of_parts(&mut self, body: NodeId) -> Option<NodeId> {
        let axes = [self.axis, self.place];
        let both = region(self.graph, body, AxisSet::of(axes[0]).with(axes[1]));
        let case = |sums: &mut Self, case| {
            sums.where_known(body, &both, |graph, id| comparison(graph, id, axes, case))
        };
        let before = case(self, (true, false));
        if !self.is_part(before) {
            return None;
        }
        let [at, behind] = [true, false].map(|is_same| case(self, (false, is_same)));
        if before == at && at == behind {
            return self.part(at, None);
        }
        let upper = if before == at { Range::UpTo } else { Range::Before };
        let lower = if at == behind { Range::From } else { Range::Behind };
        let mut parts = vec![self.part(before, Some(upper))?];
        if before != at && at != behind {
            let place = self.graph.intern(Node::Index(self.place));
            parts.push(self.graph.substitute(at, &[(self.axis, place)]));
        }
        parts.push(self.part(behind, Some(lower))?);
        let zero = self.graph.number(0.0);
        let terms = parts.into_iter().filter(|part| *part != zero);
        let sum = |a, b| self.graph.map(Function::Add, &[a, b]);
        Some(terms.reduce(sum).unwrap_or(zero))
    }

    /// A term where the truth of some conditions is known, among the nodes of a region of it.
    fn where_known(
        &mut self,
        body: NodeId,
        region: &[NodeId],
        known: impl Fn(&Graph, NodeId) -> Option<bool>,
    ) -> NodeId {
        let mut moved: HashMap<NodeId, NodeId> = HashMap::default();
        for id in region.iter().copied() {
            let (mut new, node) = (id, self.graph.node(id));
            if matches!(node, Node::Map(..) | Node::Reduce(..))
                && node.arguments().iter().any(|argument| moved.contains_key(argument))
            {
                let node = node.with_arguments(|id| moved.get(&id).copied().unwrap_or(id));
                new = simple(self.graph, node);
            }
            // What follows from the truth of other conditions is not open any more.
            if !matches!(self.graph.node(new), Node::Bool(_))
                && let Some(truth) = known(self.graph, id)
            {
                new = self.graph.intern(Node::Bool(truth));
            }
            if new != id {
                moved.insert(id, new);
            }
        }
        moved.get(&body).copied().unwrap_or(body)
    }

    /// Whether there is a sum of terms in a range.
    fn is_part(&self, term: NodeId) -> bool {
        self.graph.as_number(term) == Some(0.0) || self.taken_apart(term).is_some()
    }

    /// The sum of terms in a range, all of them without one; none if they depend on the place in another way.
    fn part(&mut self, term: NodeId, range: Option<Range>) -> Option<NodeId> {
        if self.graph.as_number(term) == Some(0.0) {
            return Some(term);
        }
        let (scale, rest) = self.taken_apart(term)?;
        let sum = match (rest, range) {
            (Some(rest), Some(range)) => self.running(rest, range),
            (Some(rest), None) => self.graph.reduce(Reduction::Sum, self.axis, rest),
            (None, Some(range)) => self.count(range),
            (None, None) => self.graph.size(self.graph.axis(self.axis).extent),
        };
        let scaled = scale.iter().rev().fold(sum, |sum, scale| match scale {
            Scale::Negated => self.graph.map(Function::Negate, &[sum]),
            Scale::Times(factor) => self.graph.map(Function::Multiply, &[sum, *factor]),
            Scale::Over(divisor) => self.graph.map(Function::Divide, &[sum, *divisor]),
        });
        let may_be_empty = matches!(range, Some(Range::Before | Range::Behind));
        match range.filter(|_| may_be_empty && scaled != sum) {
            // No terms are 0 whatever they would be multiplied with.
            Some(range) => {
                let (count, zero) = (self.count(range), self.graph.number(0.0));
                let is_empty = self.graph.map(Function::Equal, &[count, zero]);
                Some(self.graph.select(is_empty, zero, scaled))
            }
            None => Some(scaled),
        }
    }

    /// What a term is multiplied with that is the same for all terms, and the rest, which is the same for all places; none
    /// if that is 1.
    fn taken_apart(&self, mut term: NodeId) -> Option<(Vec<Scale>, Option<NodeId>)> {
        let graph = &*self.graph;
        let is_alike = |id: NodeId| !graph.axes(id).contains(self.axis);
        let mut scale = Vec::new();
        loop {
            if is_alike(term) {
                if graph.as_number(term) != Some(1.0) {
                    scale.push(Scale::Times(term));
                }
                return Some((scale, None));
            }
            let is_whole = !graph.axes(term).contains(self.place);
            let Node::Map(function, of) = graph.node(term) else {
                return is_whole.then_some((scale, Some(term)));
            };
            let of = of.as_slice();
            term = match function {
                // A softmax: its exponentials are there already, and none is above 1.
                Function::Multiply if is_whole => {
                    let is_exponential = |id: NodeId| match graph.node(id) {
                        Node::Map(Function::Exp, of) => is_below_largest(graph, of.as_slice()[0]),
                        _ => false,
                    };
                    if !is_exponential(of[0]) || !is_alike(of[1]) {
                        return Some((scale, Some(term)));
                    }
                    scale.push(Scale::Times(of[1]));
                    of[0]
                }
                _ if is_whole => return Some((scale, Some(term))),
                Function::Negate => {
                    scale.push(Scale::Negated);
                    of[0]
                }
                Function::Multiply if is_alike(of[1]) => {
                    scale.push(Scale::Times(of[1]));
                    of[0]
                }
                Function::Multiply if is_alike(of[0]) => {
                    scale.push(Scale::Times(of[0]));
                    of[1]
                }
                Function::Divide if is_alike(of[1]) => {
                    scale.push(Scale::Over(of[1]));
                    of[0]
                }
                _ => return None,
            };
        }
    }

    /// The sum of an array in a range, in the form that is written in one pass.
    fn running(&mut self, term: NodeId, range: Range) -> NodeId {
        let (axis, term) = self.elsewhere(term);
        // A name of its own, so that whatever else reads these elements need not read them from memory.
        let term = if is_input(self.graph, term) || is_there(self.graph, term) {
            term
        } else {
            self.graph.map(Function::StopGradient, &[term])
        };
        let place = self.place;
        if let Some((from, argument)) = self.found.get(&(term, axis, range)).copied() {
            let renamed = Node::Rename { argument, from, to: place };
            return if from == place { argument } else { self.graph.intern(renamed) };
        }
        let condition = range.condition(self.graph, [axis, place]);
        let zero = self.graph.number(0.0);
        let element = self.graph.select(condition, term, zero);
        let sum = self.graph.intern(Node::Reduce(Reduction::Sum, axis, element));
        self.found.insert((term, axis, range), (place, sum));
        sum
    }

    /// The same array along an axis where it is computed anyway, the first of them.
    fn elsewhere(&mut self, term: NodeId) -> (AxisId, NodeId) {
        let extent = self.graph.axis(self.axis).extent;
        let own = self.graph.axes(term);
        for axis in self.graph.axis_ids() {
            if axis == self.axis {
                break;
            }
            if axis == self.place || own.contains(axis) || self.graph.axis(axis).extent != extent {
                continue;
            }
            let index = self.graph.intern(Node::Index(axis));
            let there = self.graph.substitute(term, &[(self.axis, index)]);
            if self.needed.binary_search(&there).is_ok() {
                return (axis, there);
            }
        }
        (self.axis, term)
    }

    /// How many places there are in a range.
    fn count(&mut self, range: Range) -> NodeId {
        let graph = &mut *self.graph;
        let index = graph.intern(Node::Index(self.place));
        let before = graph.map(Function::Real, &[index]);
        let one = graph.number(1.0);
        let size = graph.size(graph.axis(self.place).extent);
        let up_to = graph.map(Function::Add, &[before, one]);
        match range {
            Range::Before => before,
            Range::UpTo => up_to,
            Range::Behind => graph.map(Function::Subtract, &[size, up_to]),
            Range::From => graph.map(Function::Subtract, &[size, before]),
        }
    }
}

/// The truth of a comparison of two places of which the first is before the second, the same, or behind it.
fn comparison(
    graph: &Graph,
    id: NodeId,
    [first, second]: [AxisId; 2],
    (is_before, is_same): (bool, bool),
) -> Option<bool> {
    let [left, right] = compared(graph, id)?;
    let is_less = if [left, right] == [first, second] {
        is_before
    } else if [left, right] == [second, first] {
        !is_before && !is_same
    } else {
        return None;
    };
    match graph.node(id) {
        Node::Map(Function::Less, _) => Some(is_less),
        Node::Map(Function::LessEqual, _) => Some(is_less || is_same),
        Node::Map(Function::Equal, _) => Some(is_same),
        _ => unreachable!("it compares two places"),
    }
}
