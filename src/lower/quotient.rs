//! Quotients of products that neither overflow nor vanish on the way.
//!
//! In comes a quotient as it stands in the graph, out comes the same in words that the machine has.
//! - `x / (c + x^2)` is `1 / x` where the square is large: both numerator and denominator are selected, and divided once.
//! - A quotient by several norms, or by a power of one, is taken factor by factor, each by a norm of what it is made
//!   of, so that `dot(a, b) / (norm(a) * norm(b))` has no product of norms.
//! - `x^2 / c^2` is `(x / c)^2`, and `x^2 / v` is `(x / v) * x`.

use std::collections::BTreeSet;

use super::expand::Expanded;
use super::root::unscaled;
use super::square::{Squares, Sum};
use crate::builtins::{Function, Reduction};
use crate::graph::{AxisSet, Graph, InputId, Node, NodeId, Role, Type};

/// How many nodes of a quotient are looked at to find its factors, and how many of a factor.
const FACTORS: usize = 32;
const BUDGET: usize = 128;

/// A factor of a denominator.
#[derive(Clone)]
struct Divisor {
    node: NodeId,
    /// What it is made of.
    inputs: BTreeSet<InputId>,
    /// Whether the numerator has been divided by it.
    is_used: bool,
}

/// The quotient; none, if nothing in it may be large that the result is not.
pub(super) fn quotient(
    squares: &mut Squares,
    expanded: &Expanded,
    [above, below]: [NodeId; 2],
) -> Option<NodeId> {
    let product = factors(squares.graph, expanded, above, below)?;
    let Product { number, mut above, mut below } = product;
    if !number.is_normal() {
        return None;
    }
    let quotient = match over_square(squares, &above, &below) {
        Some(quotient) => quotient,
        None => over_hazards(squares, &mut above, &mut below)?,
    };
    Some(times_number(squares.graph, number, quotient))
}

/// A number times a quotient of products, the factors expanded.
struct Product {
    number: f64,
    above: Vec<NodeId>,
    below: Vec<NodeId>,
}

/// The factors of a quotient; none, if they are many.
fn factors(graph: &Graph, expanded: &Expanded, above: NodeId, below: NodeId) -> Option<Product> {
    let mut product = Product { number: 1.0, above: Vec::new(), below: Vec::new() };
    let mut open = vec![(below, true), (above, false)];
    let mut left = FACTORS;
    while let Some((id, is_below)) = open.pop() {
        left = left.checked_sub(1)?;
        match graph.node(id) {
            Node::Map(Function::Multiply, of) => {
                open.extend(of.as_slice().iter().rev().map(|id| (*id, is_below)));
            }
            Node::Map(Function::Negate, of) => {
                product.number = -product.number;
                open.push((of.as_slice()[0], is_below));
            }
            Node::Map(Function::Divide, of) if graph.as_number(of.as_slice()[1]).is_some() => {
                open.push((of.as_slice()[1], !is_below));
                open.push((of.as_slice()[0], is_below));
            }
            Node::Number(bits) if is_below => product.number /= f64::from_bits(*bits),
            Node::Number(bits) => product.number *= f64::from_bits(*bits),
            _ if is_below => product.below.push(expanded[&id]),
            _ => product.above.push(expanded[&id]),
        }
    }
    Some(product)
}

/// `x^2 / c^2`, `x^2 / v`, `x^2 / (c^2 * v)` and `x / c^2`, where both sides may be large.
fn over_square(squares: &mut Squares, above: &[NodeId], below: &[NodeId]) -> Option<NodeId> {
    let first = *above.first()?;
    if !squares.may_be_large(first) || !below.iter().any(|id| squares.may_be_large(*id)) {
        return None;
    }
    let is_twice = |id: &&NodeId| below.iter().filter(|other| other == id).count() == 2;
    let twice = below.iter().find(is_twice).copied();
    let rest: Vec<NodeId> = below.iter().copied().filter(|id| Some(*id) != twice).collect();
    match *above {
        [a, b] if a == b => {
            let is_variance =
                |id: &NodeId| squares.sum(*id).is_none() && squares.is_nonnegative(*id);
            if !rest.iter().all(is_variance) {
                return None;
            }
            let graph = &mut *squares.graph;
            let base = twice.map_or(a, |by| graph.map(Function::Divide, &[a, by]));
            let other = over(graph, &[base], &rest);
            Some(graph.map(Function::Multiply, &[other, base]))
        }
        [_] if rest.is_empty() => {
            let by = twice.filter(|by| !is_norm(squares.graph, *by))?;
            let once = squares.graph.map(Function::Divide, &[first, by]);
            Some(squares.graph.map(Function::Divide, &[once, by]))
        }
        _ => None,
    }
}

/// A quotient by sums of squares or norms; none, if there are none.
fn over_hazards(
    squares: &mut Squares,
    above: &mut Vec<NodeId>,
    below: &mut Vec<NodeId>,
) -> Option<NodeId> {
    if !below.clone().iter().any(|id| is_hazard(squares, below, *id)) {
        return None;
    }
    cancel(squares, above, below);
    let hazards: Vec<NodeId> =
        below.clone().into_iter().filter(|id| is_hazard(squares, below, *id)).collect();
    match hazards[..] {
        [] => Some(over(squares.graph, above, below)),
        [only] => {
            let sum = squares.sum(only)?;
            over_sum(squares, above, below, sum)
        }
        _ => Some(balanced(squares.graph, above, below, &hazards)),
    }
}

/// Whether a divisor may be too large where the quotient is not, alone or with the others.
fn is_hazard(squares: &mut Squares, below: &[NodeId], id: NodeId) -> bool {
    if is_norm(squares.graph, id) {
        return below.len() > 1 && squares.may_be_large(id);
    }
    squares.sum(id).is_some()
}

/// Whether a node is a root, perhaps scaled back, or a sum of roots.
fn is_norm(graph: &Graph, id: NodeId) -> bool {
    let mut open = vec![id];
    let mut left = 8;
    while let Some(id) = open.pop() {
        let Node::Map(function, of) = graph.node(id) else { continue };
        left -= 1;
        match function {
            Function::Sqrt => return true,
            Function::Add | Function::Multiply if left > 0 => open.extend(of.as_slice()),
            _ => {}
        }
    }
    false
}

/// Takes off what stands on both sides and is not 0, or stands below once more.
fn cancel(squares: &mut Squares, above: &mut Vec<NodeId>, below: &mut Vec<NodeId>) {
    let mut at = 0;
    while at < above.len() {
        let id = above[at];
        let same = below.iter().filter(|other| **other == id).count();
        if same > 1 || same == 1 && squares.is_nonzero(id) {
            above.remove(at);
            let place = below.iter().position(|other| *other == id).expect("it was counted");
            below.remove(place);
        } else {
            at += 1;
        }
    }
}

fn times_number(graph: &mut Graph, number: f64, id: NodeId) -> NodeId {
    if number == 1.0 {
        id
    } else if number == -1.0 {
        graph.map(Function::Negate, &[id])
    } else {
        let number = graph.number(number);
        graph.map(Function::Multiply, &[number, id])
    }
}

fn product(graph: &mut Graph, factors: &[NodeId]) -> NodeId {
    match factors {
        [] => graph.number(1.0),
        [first, rest @ ..] => rest
            .iter()
            .fold(*first, |so_far, factor| graph.map(Function::Multiply, &[so_far, *factor])),
    }
}

fn over(graph: &mut Graph, above: &[NodeId], below: &[NodeId]) -> NodeId {
    let above = product(graph, above);
    if below.is_empty() {
        return above;
    }
    let below = product(graph, below);
    graph.map(Function::Divide, &[above, below])
}

/// A product over a sum of squares, and perhaps over others.
fn over_sum(squares: &mut Squares, above: &[NodeId], below: &[NodeId], sum: Sum) -> Option<NodeId> {
    let (mut above, mut below) = (above.to_vec(), below.to_vec());
    let place = below.iter().position(|id| *id == sum.whole).expect("the sum is a divisor");
    let found = above
        .iter()
        .enumerate()
        .find_map(|(at, id)| Some((at, quotient_by_factor(squares.graph, sum.main, *id, 8)?)));
    if let Some((at, [top, bottom])) = found {
        let graph = &mut *squares.graph;
        let one = graph.number(1.0);
        above[at] = graph.select(sum.is_large, top.unwrap_or(one), above[at]);
        below[place] = graph.select(sum.is_large, bottom.unwrap_or(one), sum.whole);
        return Some(over(graph, &above, &below));
    }
    // All that is squared, and two factors above, are scaled by the same.
    let carriers: Vec<usize> = (0..above.len())
        .filter(|at| {
            let id = above[*at];
            squares.graph.as_number(id).is_none() && squares.may_be_large(id)
        })
        .take(2)
        .collect();
    if carriers.is_empty() {
        return None;
    }
    let (scaled, factor) = squares.scaled(sum.whole);
    let graph = &mut *squares.graph;
    for at in &carriers {
        let carried = graph.map(Function::Multiply, &[above[*at], factor]);
        above[*at] = graph.select(sum.is_large, carried, above[*at]);
    }
    below[place] = graph.select(sum.is_large, scaled, sum.whole);
    let quotient = over(graph, &above, &below);
    if carriers.len() == 2 {
        return Some(quotient);
    }
    let one = graph.number(1.0);
    let back = graph.select(sum.is_large, factor, one);
    Some(graph.map(Function::Multiply, &[quotient, back]))
}

/// What `factor / main` is, above and below, if the one is a factor of the other; none stands for 1.
fn quotient_by_factor(
    graph: &mut Graph,
    main: NodeId,
    factor: NodeId,
    depth: usize,
) -> Option<[Option<NodeId>; 2]> {
    if main == factor {
        return Some([None, None]);
    }
    let Node::Map(function @ (Function::Multiply | Function::Divide), of) = *graph.node(main)
    else {
        return None;
    };
    let [a, b] = [of.as_slice()[0], of.as_slice()[1]];
    let depth = depth.checked_sub(1)?;
    let times = |graph: &mut Graph, so_far: Option<NodeId>, more| match so_far {
        Some(so_far) => Some(graph.map(Function::Multiply, &[so_far, more])),
        None => Some(more),
    };
    if let Some([above, below]) = quotient_by_factor(graph, a, factor, depth) {
        return Some(match function {
            Function::Multiply => [above, times(graph, below, b)],
            _ => [times(graph, above, b), below],
        });
    }
    if function == Function::Divide {
        return None;
    }
    let [above, below] = quotient_by_factor(graph, b, factor, depth)?;
    Some(match graph.as_number(a) {
        Some(number) => {
            let reciprocal = graph.number(number.recip());
            [times(graph, above, reciprocal), below]
        }
        None => [above, times(graph, below, a)],
    })
}

/// A product over several divisors, each taken off a factor that is made of the same.
fn balanced(graph: &mut Graph, above: &[NodeId], below: &[NodeId], hazards: &[NodeId]) -> NodeId {
    let mut divisors: Vec<Divisor> = hazards
        .iter()
        .map(|id| Divisor { node: *id, inputs: inputs(graph, *id), is_used: false })
        .collect();
    let plain: Vec<NodeId> = below.iter().copied().filter(|id| !hazards.contains(id)).collect();
    let parts: Vec<NodeId> = above.iter().map(|id| divided(graph, *id, &mut divisors)).collect();
    let left: Vec<Divisor> = divisors.into_iter().filter(|divisor| !divisor.is_used).collect();
    let axes = left.iter().fold(AxisSet::EMPTY, |axes, it| axes.union(graph.axes(it.node)));
    // What has no more axes than what is left to be divided by comes first: it is computed less often.
    let (first, then): (Vec<NodeId>, Vec<NodeId>) =
        parts.into_iter().partition(|part| graph.axes(*part).is_subset_of(axes));
    let mut result = if first.is_empty() && (left.is_empty() || then.is_empty()) {
        None
    } else if first.is_empty() {
        let same = then.iter().all(|part| graph.axes(*part) == axes);
        (!same).then(|| graph.number(1.0))
    } else {
        Some(product(graph, &first))
    };
    let mut then = then.into_iter();
    if result.is_none() {
        result = then.next();
    }
    let mut result = result.unwrap_or_else(|| graph.number(1.0));
    for divisor in left {
        result = over_one(graph, result, divisor.node);
    }
    for part in then {
        result = graph.map(Function::Multiply, &[result, part]);
    }
    over(graph, &[result], &plain)
}

/// A factor, divided by as many divisors of its inputs as it has degrees.
fn divided(graph: &mut Graph, id: NodeId, divisors: &mut [Divisor]) -> NodeId {
    let all: BTreeSet<InputId> = divisors.iter().flat_map(|it| it.inputs.clone()).collect();
    let most = degree(graph, id, &all, &mut BUDGET.clone());
    let mut taken: Vec<Divisor> = Vec::new();
    for divisor in divisors.iter_mut().filter(|divisor| !divisor.is_used) {
        if taken.len() == most {
            break;
        }
        let own = degree(graph, id, &divisor.inputs, &mut BUDGET.clone());
        let used = taken.iter().filter(|other| other.inputs == divisor.inputs).count();
        if used < own {
            divisor.is_used = true;
            taken.push(divisor.clone());
        }
    }
    if let [a, b] = &taken[..]
        && let Some(quotient) = dot_over_norms(graph, id, a, b)
    {
        return quotient;
    }
    taken.iter().fold(id, |so_far, divisor| over_one(graph, so_far, divisor.node))
}

/// `sum(u * v)` over two norms, all of them before what is squared in the norms is scaled back.
///
/// That costs nothing where the norms scale the same elements; products of all pairs of vectors stay as they are.
fn dot_over_norms(graph: &mut Graph, id: NodeId, a: &Divisor, b: &Divisor) -> Option<NodeId> {
    if [a, b].iter().any(|norm| graph.axes(norm.node) != graph.axes(id)) {
        return None;
    }
    let (mut body, mut axes) = (id, Vec::new());
    while let Node::Reduce(Reduction::Sum, axis, inner) = *graph.node(body) {
        axes.push(axis);
        body = inner;
    }
    let Node::Map(Function::Multiply, of) = *graph.node(body) else { return None };
    let [u, v] = [of.as_slice()[0], of.as_slice()[1]];
    let is_of = |graph: &Graph, id, divisor: &Divisor| {
        degree(graph, id, &divisor.inputs, &mut BUDGET.clone()) == 1
    };
    let [of_u, of_v] = if is_of(graph, u, a) && is_of(graph, v, b) {
        [a, b]
    } else if is_of(graph, u, b) && is_of(graph, v, a) {
        [b, a]
    } else {
        return None;
    };
    let [(root_u, factor_u), (root_v, factor_v)] =
        [unscaled(graph, of_u.node)?, unscaled(graph, of_v.node)?];
    let u = graph.map(Function::Multiply, &[u, factor_u]);
    let v = graph.map(Function::Multiply, &[v, factor_v]);
    let mut sum = graph.map(Function::Multiply, &[u, v]);
    for axis in axes.into_iter().rev() {
        sum = graph.reduce(Reduction::Sum, axis, sum);
    }
    // In the order of the divisors.
    let [first, second] = if of_u.node == a.node { [root_u, root_v] } else { [root_v, root_u] };
    let once = over_one(graph, sum, first);
    Some(over_one(graph, once, second))
}

/// A quotient by one divisor: times its reciprocal, which is often computed once for many, and always, so that an element
/// of all pairs has the bits that it has alone.
fn over_one(graph: &mut Graph, id: NodeId, divisor: NodeId) -> NodeId {
    let one = graph.number(1.0);
    let reciprocal = graph.map(Function::Divide, &[one, divisor]);
    if id == one { reciprocal } else { graph.map(Function::Multiply, &[id, reciprocal]) }
}

/// The data under a node that are numbers.
fn inputs(graph: &Graph, id: NodeId) -> BTreeSet<InputId> {
    let of = |id: &NodeId| match graph.node(*id) {
        Node::Read(input, _) => {
            let is_data = graph.ty(*id) == Type::Real && graph.input(*input).role != Role::Param;
            is_data.then_some(*input)
        }
        _ => None,
    };
    graph.reachable(&[id]).iter().filter_map(of).collect()
}

/// The power with which a node grows with some inputs, at most.
fn degree(graph: &Graph, id: NodeId, of_inputs: &BTreeSet<InputId>, budget: &mut usize) -> usize {
    let Some(left) = budget.checked_sub(1) else { return 0 };
    *budget = left;
    let mut degree_of = |id| degree(graph, id, of_inputs, budget);
    match *graph.node(id) {
        Node::Read(input, _) => usize::from(of_inputs.contains(&input)),
        Node::Reduce(_, _, body) => degree_of(body),
        Node::Rename { argument, .. } => degree_of(argument),
        Node::Map(function, of) => {
            let of = of.as_slice();
            match function {
                Function::Multiply | Function::ZeroProduct => degree_of(of[0]) + degree_of(of[1]),
                Function::Divide => degree_of(of[0]).saturating_sub(degree_of(of[1])),
                Function::Add | Function::Subtract | Function::Max | Function::Min => {
                    degree_of(of[0]).max(degree_of(of[1]))
                }
                Function::Select => degree_of(of[1]).max(degree_of(of[2])),
                Function::Negate | Function::Abs | Function::StopGradient => degree_of(of[0]),
                Function::Sqrt => degree_of(of[0]) / 2,
                _ => 0,
            }
        }
        _ => 0,
    }
}
