//! The coefficient of a share in a term of a sum, taken apart into what may cancel and what is small.

use super::super::expand::Expanded;
use super::share::{Kind, Share, factors, masked, share_in, top};
use super::terms_of_any;
use crate::builtins::{Function, Reduction};
use crate::graph::{AxisId, Graph, Node, NodeId};

/// A value in two parts: terms that may cancel against others, and what is to be added after that.
#[derive(Clone)]
pub(super) struct Split {
    pub(super) main: Vec<Signed>,
    pub(super) rest: Option<NodeId>,
}

/// A term of a sum, and whether it is taken off.
pub(super) type Signed = (bool, NodeId);

pub(super) fn one_term(node: NodeId) -> Split {
    Split { main: vec![(false, node)], rest: None }
}

/// `c * (1 - r)`
pub(super) fn complement(graph: &mut Graph, coefficient: Split, others: NodeId) -> Split {
    let whole = joined(graph, coefficient.clone());
    let lost = product(graph, whole, others);
    let rest = match coefficient.rest {
        Some(rest) => graph.map(Function::Subtract, &[rest, lost]),
        None => graph.map(Function::Negate, &[lost]),
    };
    Split { rest: Some(rest), ..coefficient }
}

/// The value of both parts: numbers first, then what is a number in either case, so that these cancel exactly.
pub(super) fn joined(graph: &mut Graph, split: Split) -> NodeId {
    let (numbers, mut others): (Vec<Signed>, Vec<Signed>) = without_opposites(split.main)
        .into_iter()
        .partition(|(_, node)| graph.as_number(*node).is_some());
    others.sort_by_key(|(_, node)| !is_choice_of_numbers(graph, *node));
    let value = |(is_negative, node): &Signed| {
        let number = graph.as_number(*node).expect("numbers were sorted out");
        if *is_negative { -number } else { number }
    };
    let constant: f64 = numbers.iter().map(value).sum();
    let mut sum = (constant != 0.0).then(|| graph.number(constant));
    for (is_negative, node) in others {
        sum = Some(added(graph, sum, is_negative, node));
    }
    if let Some(rest) = split.rest {
        sum = Some(added(graph, sum, false, rest));
    }
    sum.unwrap_or_else(|| graph.number(0.0))
}

/// The terms but for those that cancel each other.
fn without_opposites(terms: Vec<Signed>) -> Vec<Signed> {
    let mut left: Vec<Signed> = Vec::with_capacity(terms.len());
    for (is_negative, node) in terms {
        match left.iter().position(|known| *known == (!is_negative, node)) {
            Some(opposite) => drop(left.remove(opposite)),
            None => left.push((is_negative, node)),
        }
    }
    left
}

fn is_choice_of_numbers(graph: &Graph, node: NodeId) -> bool {
    let Node::Map(Function::Select, of) = graph.node(node) else { return false };
    of.as_slice()[1..].iter().all(|branch| graph.as_number(*branch).is_some())
}

pub(super) fn added(
    graph: &mut Graph,
    sum: Option<NodeId>,
    is_negative: bool,
    term: NodeId,
) -> NodeId {
    match (sum, is_negative) {
        (None, false) => term,
        (None, true) => graph.map(Function::Negate, &[term]),
        (Some(sum), false) => graph.map(Function::Add, &[sum, term]),
        (Some(sum), true) => graph.map(Function::Subtract, &[sum, term]),
    }
}

/// `a * b`, where either may be the number 1, or both may be numbers.
pub(super) fn product(graph: &mut Graph, a: NodeId, b: NodeId) -> NodeId {
    match (graph.as_number(a), graph.as_number(b)) {
        (Some(a), Some(b)) => graph.number(a * b),
        (Some(1.0), _) => b,
        (_, Some(1.0)) => a,
        _ => graph.map(Function::Multiply, &[a, b]),
    }
}

/// `a * b`, and 0 where `a` is: a softmax may be 0 where what it is multiplied by is infinite.
pub(super) fn zero_product(graph: &mut Graph, a: NodeId, b: NodeId) -> NodeId {
    graph.map(Function::ZeroProduct, &[a, b])
}

/// The coefficient of a share in a term; `is_top`: for where the share is above one half.
pub(super) fn coefficient(
    graph: &mut Graph,
    expanded: &Expanded,
    share: &Share,
    term: NodeId,
    is_top: bool,
) -> Split {
    if term == share.node {
        return one_term(graph.number(1.0));
    }
    match *graph.node(term) {
        Node::Map(Function::Negate, of) => {
            let inner = coefficient(graph, expanded, share, of.as_slice()[0], is_top);
            negated(graph, inner)
        }
        Node::Map(Function::Divide, of) => {
            let divisor = expanded[&of.as_slice()[1]];
            let inner = coefficient(graph, expanded, share, of.as_slice()[0], is_top);
            each(graph, inner, |graph, part| graph.map(Function::Divide, &[part, divisor]))
        }
        Node::Map(Function::Select, of) => {
            let [condition, yes, no] = [0, 1, 2].map(|at| of.as_slice()[at]);
            let inner = masked(graph, of.as_slice()).expect("a factor of a selection is masked");
            let (condition, zero) = (expanded[&condition], graph.number(0.0));
            let is_first = inner == yes && inner != no;
            let inner = coefficient(graph, expanded, share, inner, is_top);
            each(graph, inner, |graph, part| {
                let (yes, no) = if is_first { (part, zero) } else { (zero, part) };
                graph.select(condition, yes, no)
            })
        }
        Node::Map(Function::Multiply | Function::ZeroProduct, of) => {
            let [a, b] = [of.as_slice()[0], of.as_slice()[1]];
            let (with, other) =
                if factors(graph, a).contains(&share.node) { (a, b) } else { (b, a) };
            let other = centered(graph, expanded, share, other, is_top);
            let inner = coefficient(graph, expanded, share, with, is_top);
            times(graph, inner, other)
        }
        _ => unreachable!("the share is a factor of its term"),
    }
}

fn each(
    graph: &mut Graph,
    split: Split,
    mut change: impl FnMut(&mut Graph, NodeId) -> NodeId,
) -> Split {
    let main = split.main.into_iter().map(|(minus, part)| (minus, change(graph, part))).collect();
    Split { main, rest: split.rest.map(|rest| change(graph, rest)) }
}

fn negated(graph: &mut Graph, split: Split) -> Split {
    let main = split.main.into_iter().map(|(minus, part)| (!minus, part)).collect();
    let rest = split.rest.map(|rest| graph.map(Function::Negate, &[rest]));
    Split { main, rest }
}

/// The product of two coefficients; of two that are no single values, both are joined.
fn times(graph: &mut Graph, a: Split, b: Split) -> Split {
    let single = |split: &Split| match (&split.main[..], split.rest) {
        ([signed], None) => Some(*signed),
        _ => None,
    };
    match (single(&a), single(&b)) {
        (Some((is_negative, factor)), _) => {
            let product = each(graph, b, |graph, part| product(graph, factor, part));
            if is_negative { negated(graph, product) } else { product }
        }
        (_, Some((is_negative, factor))) => {
            let product = each(graph, a, |graph, part| product(graph, part, factor));
            if is_negative { negated(graph, product) } else { product }
        }
        _ => {
            let (a, b) = (joined(graph, a), joined(graph, b));
            one_term(product(graph, a, b))
        }
    }
}

/// A coefficient as its terms: means under the softmax are taken about the value at the top.
fn centered(
    graph: &mut Graph,
    expanded: &Expanded,
    share: &Share,
    id: NodeId,
    is_top: bool,
) -> Split {
    let plain = one_term(expanded[&id]);
    let Some(terms) = terms_of_any(graph, id) else { return plain };
    let (mut main, mut rest) = (Vec::new(), None);
    for (is_negative, term) in terms {
        let split = centered_product(graph, expanded, share, term, is_top);
        main.extend(split.main.into_iter().map(|(minus, node)| (minus != is_negative, node)));
        if let Some(more) = split.rest {
            rest = Some(added(graph, rest, is_negative, more));
        }
    }
    // Taken apart, a difference of two that are alike loses what it knows; only numbers may cancel against others.
    let is_number =
        |node: NodeId| graph.as_number(node).is_some() || is_choice_of_numbers(graph, node);
    if rest.is_none() && !main.iter().any(|(_, node)| is_number(*node)) {
        return plain;
    }
    Split { main, rest }
}

fn centered_product(
    graph: &mut Graph,
    expanded: &Expanded,
    share: &Share,
    id: NodeId,
    is_top: bool,
) -> Split {
    let plain = one_term(expanded[&id]);
    match *graph.node(id) {
        Node::Reduce(Reduction::Sum, axis, body) => {
            mean_under(graph, expanded, share, (axis, body), is_top).unwrap_or(plain)
        }
        Node::Map(Function::Multiply | Function::ZeroProduct, of) => {
            let [a, b] = [0, 1]
                .map(|at| centered_product(graph, expanded, share, of.as_slice()[at], is_top));
            if a.rest.is_none() && b.rest.is_none() { plain } else { times(graph, a, b) }
        }
        Node::Map(Function::Divide, of) => {
            let inner = centered_product(graph, expanded, share, of.as_slice()[0], is_top);
            let divisor = expanded[&of.as_slice()[1]];
            if inner.rest.is_none() {
                return plain;
            }
            each(graph, inner, |graph, part| graph.map(Function::Divide, &[part, divisor]))
        }
        _ => plain,
    }
}

/// `sum(p * g)` about the top, if the body is made of multiples of the same softmax along the axis of the sum.
fn mean_under(
    graph: &mut Graph,
    expanded: &Expanded,
    share: &Share,
    (axis, body): (AxisId, NodeId),
    is_top: bool,
) -> Option<Split> {
    let (here, index) = (share.place, graph.intern(Node::Index(axis)));
    let mut inner: Option<Share> = None;
    let (mut constant, mut varying) = (Vec::new(), Vec::new());
    for (is_negative, term) in terms_of_any(graph, body)? {
        let found = share_in(graph, term)
            .filter(|found| found.place == index && matches!(found.kind, Kind::Element { .. }))?;
        let is_alike = graph.ty(index) == graph.ty(here);
        if !is_alike || graph.substitute(found.node, &[(axis, here)]) != share.node {
            return None;
        }
        inner = Some(found);
        let split = coefficient(graph, expanded, &found, term, false);
        for (minus, node) in split.main.into_iter().chain(split.rest.map(|rest| (false, rest))) {
            let varies = graph.axes(node).contains(axis);
            let terms = if varies { &mut varying } else { &mut constant };
            terms.push((minus != is_negative, node));
        }
    }
    let inner = inner?;
    if varying.is_empty() {
        return Some(Split { main: constant, rest: None });
    }
    let value = joined(graph, Split { main: varying, rest: None });
    let top = top(graph, expanded, &inner);
    let zero = graph.number(0.0);
    let at_top = graph.select(top.is_above, value, zero);
    let at_top = graph.reduce(Reduction::Sum, axis, at_top);
    let difference = graph.map(Function::Subtract, &[value, at_top]);
    let weighted = zero_product(graph, expanded[&inner.node], difference);
    let weighted = graph.select(top.is_above, zero, weighted);
    let rest = graph.reduce(Reduction::Sum, axis, weighted);
    // Where the share itself is the top, in the very form in which it may stand beside this mean, to cancel exactly.
    let main = if is_top { graph.substitute(value, &[(axis, here)]) } else { at_top };
    constant.push((false, main));
    Some(Split { main: constant, rest: Some(rest) })
}
