//! Sums over pairs of places along one axis: every pair once, not both ways round.
//!
//! In come sums of `f[i, j]` over all pairs, over `j` for each `i`, and over `i` for each `j`, where `i` and `j` run over
//! the same extent and `f` is made of functions of what stands at `i` and at `j`. Where its dear functions are of
//! differences, such as `softplus(s[j] - s[i])`, whose value at `(j, i)` shares its exponentials with that at `(i, j)`, only
//! pairs with `i < j` are computed, each together with its mirror image. Out go sums of such terms,
//! `if i < j { f[i, j] + f[j, i] } else { 0 }`, and what stands on the diagonal apart. What all terms are multiplied with,
//! divided by or 0 for is done once, to the sum, so that it may depend on other sums.

use super::cost::cost_of;
use crate::builtins::{Function, Reduction};
use crate::graph::{AxisId, Graph, Moved, Node, NodeId};
use crate::hash::{HashMap, HashSet};

/// What a function costs at least that is worth to be shared.
const DEAR: u32 = 20;

/// The sums that leave out pairs: which of their axes runs behind which.
#[derive(Default)]
pub(super) struct Pairs {
    /// The terms, and the axes of the first and the second place.
    terms: HashMap<NodeId, [AxisId; 2]>,
}

impl Pairs {
    /// The axis of the first places, where a term is 0 unless the second place, on an axis, is behind the first.
    pub(super) fn first(&self, term: NodeId, second: AxisId) -> Option<AxisId> {
        let [first, last] = *self.terms.get(&term)?;
        (last == second).then_some(first)
    }

    /// Takes note of what terms have become.
    pub(super) fn move_terms(&mut self, moved: &Moved) {
        let terms = std::mem::take(&mut self.terms).into_iter();
        self.terms = terms.filter_map(|(term, axes)| Some((moved.get(term)?, axes))).collect();
    }
}

/// A sum over pairs.
#[derive(Clone, PartialEq)]
struct Sum {
    /// The axes of the two places, outer first.
    axes: [AxisId; 2],
    /// What is summed, over the second place, for each first one; or over both.
    term: NodeId,
    /// The axis of the sums; none if both are summed over.
    along: Option<AxisId>,
    /// What is done to each term, the last first.
    scale: Vec<Scale>,
}

/// Something that is done to all terms alike.
#[derive(Clone, Copy, PartialEq)]
enum Scale {
    Negated,
    Times(NodeId),
    Over(NodeId),
    /// 0 where a condition does not hold.
    Where(NodeId),
}

/// The roots with sums over pairs that compute each pair once.
pub(super) fn halve_pairs(
    graph: &mut Graph,
    roots: &[NodeId],
    order: &[AxisId],
) -> (Vec<NodeId>, Pairs) {
    let mut pairs = Pairs::default();
    let needed = graph.reachable(roots);
    let mut sums: HashMap<NodeId, Sum> = HashMap::default();
    for id in &needed {
        if let Some(sum) = sum_of(graph, &sums, *id, order) {
            sums.insert(*id, sum);
        }
    }
    let asked = asked_for(graph, &needed, roots, &sums);
    let worthy: HashSet<[AxisId; 2]> = needed
        .iter()
        .filter(|id| asked.contains(id))
        .map(|id| sums[id].clone())
        .filter(|sum| shares_what_is_dear(graph, sum))
        .map(|sum| sum.axes)
        .collect();
    if worthy.is_empty() {
        return (roots.to_vec(), pairs);
    }
    let mut moved = Moved::of(graph);
    for id in needed {
        let sum = sums.get(&id).filter(|sum| asked.contains(&id) && worthy.contains(&sum.axes));
        let new = match sum {
            Some(sum) => written(graph, &mut pairs, sum, &moved),
            None => graph.rebuild(id, |argument| moved[argument]),
        };
        moved.insert(id, new);
    }
    (roots.iter().map(|root| moved[*root]).collect(), pairs)
}

/// The sums that something other than another sum uses.
fn asked_for(
    graph: &Graph,
    needed: &[NodeId],
    roots: &[NodeId],
    sums: &HashMap<NodeId, Sum>,
) -> HashSet<NodeId> {
    let users = needed.iter().filter(|id| !sums.contains_key(id));
    let used = users.flat_map(|id| graph.arguments(*id)).chain(roots);
    used.copied().filter(|id| sums.contains_key(id)).collect()
}

/// The sum over pairs that a node is.
fn sum_of(
    graph: &mut Graph,
    sums: &HashMap<NodeId, Sum>,
    id: NodeId,
    order: &[AxisId],
) -> Option<Sum> {
    match *graph.node(id) {
        Node::Reduce(Reduction::Sum, axis, body) => {
            let Some(sum) = sums.get(&body) else { return plain_sum(graph, axis, body, order) };
            (sum.along == Some(axis)).then(|| Sum { along: None, ..sum.clone() })
        }
        Node::Rename { argument, from, to } => {
            let sum = sums.get(&argument)?;
            (sum.along == Some(from)).then(|| Sum { along: Some(to), ..sum.clone() })
        }
        Node::Map(Function::Negate, of) => {
            let sum = sums.get(&of.as_slice()[0])?;
            let term = graph.map(Function::Negate, &[sum.term]);
            Some(Sum { term, ..sum.clone() })
        }
        Node::Map(function @ (Function::Add | Function::Subtract), of) => {
            let [a, b] = [0, 1].map(|at| sums.get(&of.as_slice()[at]));
            let (a, b) = (a?, b?);
            let term = graph.map(function, &[a.term, b.term]);
            let sum = Sum { term, ..a.clone() };
            (Sum { term, ..b.clone() } == sum).then_some(sum)
        }
        _ => None,
    }
}

/// The sum of terms over one of the two innermost axes, if those have one extent.
fn plain_sum(graph: &mut Graph, axis: AxisId, body: NodeId, order: &[AxisId]) -> Option<Sum> {
    let own = graph.axes(body);
    let own: Vec<AxisId> = order.iter().copied().filter(|axis| own.contains(*axis)).collect();
    let [.., first, second] = own[..] else { return None };
    let [a, b] = [first, second].map(|axis| graph.axis(axis).extent);
    if a != b || (axis != first && axis != second) {
        return None;
    }
    let (term, scale) = without_scale(graph, body, [first, second]);
    let has_both = |id: &NodeId| [first, second].iter().any(|axis| graph.axes(*id).contains(*axis));
    let is_plain = |id: NodeId| {
        let node = graph.node(id);
        matches!(node, Node::Read(..) | Node::Map(..) | Node::Index(_))
    };
    if !graph.reachable(&[term]).into_iter().filter(has_both).all(is_plain) {
        return None;
    }
    let axes = [first, second];
    let term = if axis == second { term } else { mirrored(graph, term, axes) };
    let along = Some(if axis == second { first } else { second });
    Some(Sum { axes, term, along, scale })
}

/// A term without what is the same for all pairs.
fn without_scale(graph: &mut Graph, body: NodeId, axes: [AxisId; 2]) -> (NodeId, Vec<Scale>) {
    let is_same =
        |graph: &Graph, id: NodeId| axes.iter().all(|axis| !graph.axes(id).contains(*axis));
    let mut conditions = Vec::new();
    let mut scale = Vec::new();
    let mut term = body;
    while let Node::Map(function, of) = *graph.node(term) {
        let of = of.as_slice();
        term = match function {
            Function::Negate => {
                scale.push(Scale::Negated);
                of[0]
            }
            Function::Multiply if is_same(graph, of[1]) => {
                scale.push(Scale::Times(of[1]));
                of[0]
            }
            Function::Multiply if is_same(graph, of[0]) => {
                scale.push(Scale::Times(of[0]));
                of[1]
            }
            Function::Divide if is_same(graph, of[1]) => {
                scale.push(Scale::Over(of[1]));
                of[0]
            }
            Function::Select if graph.as_number(of[2]) == Some(0.0) => {
                let mut open = vec![of[0]];
                while let Some(condition) = open.pop() {
                    match graph.node(condition) {
                        Node::Map(Function::And, both) => open.extend(both.as_slice()),
                        _ if is_same(graph, condition) => scale.push(Scale::Where(condition)),
                        _ => conditions.push(condition),
                    }
                }
                of[1]
            }
            _ => break,
        };
    }
    let zero = graph.number(0.0);
    conditions.sort_unstable();
    if let Some(all) = conditions.into_iter().reduce(|a, b| graph.map(Function::And, &[a, b])) {
        term = graph.select(all, term, zero);
    }
    (term, scale)
}

/// The term at `(j, i)`: differences of the two places are negations of those at `(i, j)`, and so are their multiples.
fn mirrored(graph: &mut Graph, term: NodeId, [first, second]: [AxisId; 2]) -> NodeId {
    let known: HashSet<NodeId> = graph.reachable(&[term]).into_iter().collect();
    let [at_first, at_second] = [first, second].map(|axis| graph.intern(Node::Index(axis)));
    let mirror = graph.substitute(term, &[(first, at_second), (second, at_first)]);
    let mut moved: HashMap<NodeId, NodeId> = HashMap::default();
    for id in graph.reachable(&[mirror]) {
        let node = graph.node(id).with_arguments(|argument| moved[&argument]);
        let new = with_sign_outside(graph, &node, &known);
        moved.insert(id, new);
    }
    moved[&mirror]
}

fn with_sign_outside(graph: &mut Graph, node: &Node, known: &HashSet<NodeId>) -> NodeId {
    let id = graph.intern(node.clone());
    let Node::Map(function, of) = node else { return id };
    let of = of.as_slice();
    let negated = |graph: &Graph, id: NodeId| match graph.node(id) {
        Node::Map(Function::Negate, of) => Some(of.as_slice()[0]),
        _ => None,
    };
    let inside = match function {
        Function::Subtract if !known.contains(&id) => {
            let reverse = graph.map(Function::Subtract, &[of[1], of[0]]);
            known.contains(&reverse).then_some(reverse)
        }
        Function::Negate => return negated(graph, of[0]).unwrap_or(id),
        Function::Multiply => match (negated(graph, of[0]), negated(graph, of[1])) {
            (Some(a), None) => Some(graph.map(*function, &[a, of[1]])),
            (None, Some(b)) => Some(graph.map(*function, &[of[0], b])),
            _ => None,
        },
        Function::Divide => negated(graph, of[0]).map(|a| graph.map(*function, &[a, of[1]])),
        _ => None,
    };
    inside.map_or(id, |inside| graph.map(Function::Negate, &[inside]))
}

/// Whether the terms have dear functions, all of which share most of their code with their mirror images.
fn shares_what_is_dear(graph: &mut Graph, sum: &Sum) -> bool {
    let mirror = mirrored(graph, sum.term, sum.axes);
    let dear = |graph: &Graph, term: NodeId| -> HashSet<NodeId> {
        let all = graph.reachable(&[term]).into_iter();
        let both = all.filter(|id| sum.axes.iter().all(|axis| graph.axes(*id).contains(*axis)));
        both.filter_map(|id| match graph.node(id) {
            Node::Map(function, of) if cost_of(*function) >= DEAR => Some(of.as_slice()[0]),
            _ => None,
        })
        .map(|argument| match graph.node(argument) {
            Node::Map(Function::Negate, of) => of.as_slice()[0],
            _ => argument,
        })
        .collect()
    };
    let (here, there) = (dear(graph, sum.term), dear(graph, mirror));
    !here.is_empty() && here == there
}

/// Writes a sum that computes each pair once.
fn written(graph: &mut Graph, pairs: &mut Pairs, sum: &Sum, moved: &Moved) -> NodeId {
    let [first, second] = sum.axes;
    let mirror = mirrored(graph, sum.term, sum.axes);
    let at_first = graph.intern(Node::Index(first));
    let diagonal = graph.substitute(sum.term, &[(second, at_first)]);
    let diagonal = without_self_comparison(graph, diagonal);
    let zero = graph.number(0.0);
    let total = if sum.along.is_none() {
        let both = one_of(graph, Function::Add, [sum.term, mirror], sum.axes)
            .unwrap_or_else(|| graph.map(Function::Add, &[sum.term, mirror]));
        let both = behind(graph, pairs, both, sum.axes);
        let rows = graph.reduce(Reduction::Sum, second, both);
        let rows =
            if diagonal == zero { rows } else { graph.map(Function::Add, &[rows, diagonal]) };
        graph.reduce(Reduction::Sum, first, rows)
    } else {
        let is_opposite = opposite(graph, sum.term, sum.axes);
        let parts = match *graph.node(sum.term) {
            Node::Map(Function::Subtract, of) if is_opposite => {
                let [there, here] = [0, 1].map(|at| of.as_slice()[at]);
                one_of(graph, Function::Subtract, [here, there], sum.axes)
            }
            _ => None,
        };
        let above = behind(graph, pairs, parts.unwrap_or(sum.term), sum.axes);
        let rows = graph.reduce(Reduction::Sum, second, above);
        let below = if is_opposite { above } else { behind(graph, pairs, mirror, sum.axes) };
        let columns = graph.reduce(Reduction::Sum, first, below);
        let columns = graph.intern(Node::Rename { argument: columns, from: second, to: first });
        let join = if is_opposite { Function::Subtract } else { Function::Add };
        let all = graph.map(join, &[rows, columns]);
        if diagonal == zero { all } else { graph.map(Function::Add, &[all, diagonal]) }
    };
    let scaled = scaled(graph, sum, total, moved);
    match sum.along {
        Some(along) if along != first => {
            graph.intern(Node::Rename { argument: scaled, from: first, to: along })
        }
        Some(_) | None => scaled,
    }
}

/// Does to a sum what would be done to its terms; nothing to 0, which it is where there are no terms.
fn scaled(graph: &mut Graph, sum: &Sum, total: NodeId, moved: &Moved) -> NodeId {
    let zero = graph.number(0.0);
    let new = |id: &NodeId| moved.get(*id).unwrap_or(*id);
    let mut scaled = total;
    for scale in sum.scale.iter().rev() {
        scaled = match scale {
            Scale::Negated => graph.map(Function::Negate, &[scaled]),
            Scale::Times(factor) => graph.map(Function::Multiply, &[scaled, new(factor)]),
            Scale::Over(divisor) => graph.map(Function::Divide, &[scaled, new(divisor)]),
            Scale::Where(condition) => graph.select(new(condition), scaled, zero),
        };
    }
    if scaled == total {
        return total;
    }
    let is_none = graph.map(Function::Equal, &[total, zero]);
    graph.select(is_none, zero, scaled)
}

/// The term where the second place is behind the first, else 0.
fn behind(graph: &mut Graph, pairs: &mut Pairs, term: NodeId, axes: [AxisId; 2]) -> NodeId {
    let [first, second] = axes.map(|axis| graph.intern(Node::Index(axis)));
    let is_behind = graph.map(Function::Less, &[first, second]);
    let zero = graph.number(0.0);
    let term = graph.select(is_behind, term, zero);
    pairs.terms.insert(term, axes);
    term
}

/// Whether the mirror image of a term is its negation.
fn opposite(graph: &mut Graph, term: NodeId, axes: [AxisId; 2]) -> bool {
    let Node::Map(Function::Subtract, of) = *graph.node(term) else { return false };
    let [a, b] = [0, 1].map(|at| of.as_slice()[at]);
    mirrored(graph, a, axes) == b && mirrored(graph, b, axes) == a
}

/// `here + there`, or `there - here`, of a term and its mirror image, where not both can be other than 0: what is made of
/// differences of the two places is then computed once, of the difference or its negation.
fn one_of(
    graph: &mut Graph,
    function: Function,
    [here, there]: [NodeId; 2],
    axes: [AxisId; 2],
) -> Option<NodeId> {
    let guarded = |graph: &Graph, id: NodeId| match graph.node(id) {
        Node::Map(Function::Select, of) if graph.as_number(of.as_slice()[2]) == Some(0.0) => {
            Some((of.as_slice()[0], of.as_slice()[1]))
        }
        _ => None,
    };
    let ((is_here, term), (is_there, mirror)) = (guarded(graph, here)?, guarded(graph, there)?);
    let reverse = match graph.node(is_here) {
        Node::Map(Function::Less, of) => {
            let [a, b] = [0, 1].map(|at| of.as_slice()[at]);
            graph.map(Function::Less, &[b, a])
        }
        _ => return None,
    };
    if is_there != reverse || mirrored(graph, term, axes) != mirror {
        return None;
    }
    let term = of_either(graph, term, is_here, axes)?;
    let zero = graph.number(0.0);
    let other = graph.select(is_there, term, zero);
    let own = if function == Function::Add { term } else { graph.map(Function::Negate, &[term]) };
    Some(graph.select(is_here, own, other))
}

/// The term at `(i, j)` where a condition holds, else that at `(j, i)`; none, if it is not made of differences only.
fn of_either(
    graph: &mut Graph,
    term: NodeId,
    is_here: NodeId,
    axes: [AxisId; 2],
) -> Option<NodeId> {
    let mut moved: HashMap<NodeId, NodeId> = HashMap::default();
    for id in graph.reachable(&[term]) {
        let has = |axis: &AxisId| graph.axes(id).contains(*axis);
        let new = match *graph.node(id) {
            _ if !axes.iter().any(has) => Some(id),
            Node::Map(Function::Subtract, _) if axes.iter().all(has) => {
                let negated = graph.map(Function::Negate, &[id]);
                let is_odd = mirrored(graph, id, axes) == negated;
                is_odd.then(|| graph.select(is_here, id, negated))
            }
            _ => None,
        };
        let has_all = || graph.arguments(id).iter().all(|it| moved.contains_key(it));
        if let Some(new) = new {
            moved.insert(id, new);
        } else if !graph.arguments(id).is_empty() && has_all() {
            let node = graph.node(id).with_arguments(|argument| moved[&argument]);
            let new = graph.intern(node);
            moved.insert(id, new);
        }
    }
    moved.get(&term).copied()
}

/// A term in which no number is less than itself.
fn without_self_comparison(graph: &mut Graph, term: NodeId) -> NodeId {
    let mut moved: HashMap<NodeId, NodeId> = HashMap::default();
    for id in graph.reachable(&[term]) {
        let node = graph.node(id).with_arguments(|argument| moved[&argument]);
        let id_of = |graph: &mut Graph, node: &Node| graph.intern(node.clone());
        let new = match &node {
            Node::Map(Function::Less, of) if of.as_slice()[0] == of.as_slice()[1] => {
                graph.intern(Node::Bool(false))
            }
            Node::Map(Function::Select, of)
                if *graph.node(of.as_slice()[0]) == Node::Bool(false) =>
            {
                of.as_slice()[2]
            }
            Node::Map(Function::Subtract | Function::Add, of)
                if graph.as_number(of.as_slice()[1]) == Some(0.0) =>
            {
                of.as_slice()[0]
            }
            _ => id_of(graph, &node),
        };
        moved.insert(id, new);
    }
    moved[&term]
}
