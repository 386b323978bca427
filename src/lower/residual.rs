//! Sums of multiples of a softmax, such as `softmax(z) - one_hot(y)`, without the cancellation where it is all but certain.
//!
//! In comes a sum as it stands in the graph, out comes the same sum in words that the machine has. Where an
//! element `p` of a softmax is above one half, it is the complement `1 - r` of what the other elements take, and `r` is
//! known to all digits. So of every term `c * p` the `c` is added to the other terms first, where it cancels exactly
//! if it can, and `c * r` is taken off at the end. A mean under the softmax, `sum(p * g)`, is likewise
//! `top + sum(p * (g - top))`, where `top` is the `g` of the element above one half, as softmaxes sum to 1.
//! Terms of an element that is not above one half are one, `(c + d) * p`, where their coefficients are the same for all elements;
//! and all elements are such where a number multiplies them that is much larger than what stands beside them.

mod coefficient;
mod share;

use super::expand::Expanded;
use super::scale::{Scaled, scaled};
use crate::builtins::{Function, Reduction};
use crate::graph::{Graph, Node, NodeId};
use crate::rewrite::ranges::Ranges;
use coefficient::{
    Signed, Split, added, coefficient, complement, joined, one_term, product, zero_product,
};
use share::{Share, Top, has_zero_product, share_in, top};

/// How many terms a sum may have, and how deep they lie; a longer one stays as it is.
const TERMS: usize = 24;

/// How many times as large as what stands beside it a multiple of a softmax is at least, for it to be taken as it is.
const LARGE: f64 = 4.0;

/// The sum without cancellation; none, if the node is no sum of multiples of a softmax, or nothing in it can cancel.
pub(super) fn residual(
    graph: &mut Graph,
    ranges: &mut Ranges,
    expanded: &mut Expanded,
    id: NodeId,
) -> Option<NodeId> {
    let terms = terms(graph, id)?;
    let mut shares: Vec<Share> = Vec::new();
    for (_, term) in &terms {
        // What another loop leaves is as it is: beside it nothing would cancel better than it does.
        if let Node::Rename { argument, .. } = *graph.node(*term)
            && share_in(graph, argument).is_some()
        {
            return None;
        }
        if let Some(share) = share_in(graph, *term)
            && !shares.contains(&share)
        {
            shares.push(share);
        }
    }
    if shares.is_empty() || shares.len() > 2 || have_one_sign(graph, ranges, &terms) {
        return None;
    }
    if let [share] = shares[..]
        && is_large(graph, ranges, expanded, &terms, &share)
    {
        return Some(sum(graph, expanded, &terms, &shares, &[], &[false]));
    }
    let tops: Vec<Top> = shares.iter().map(|share| top(graph, expanded, share)).collect();
    Some(choose(graph, expanded, &terms, &shares, &tops, &mut Vec::new()))
}

/// Whether all terms are known to be of one sign, or 0.
fn have_one_sign(graph: &Graph, ranges: &mut Ranges, terms: &[Signed]) -> bool {
    let signs = terms.iter().map(|(is_negative, term)| {
        ranges.find_all(graph, *term);
        let range = ranges.get(*term);
        [(range.low, *is_negative), (-range.high, !*is_negative)]
            .into_iter()
            .find_map(|(least, sign)| (least >= 0.0).then_some(sign))
    });
    let mut signs = signs.collect::<Option<Vec<bool>>>().into_iter().flatten();
    signs.next().is_some_and(|first| signs.all(|sign| sign == first))
}

/// Whether the multiples of a share are so large where it is above one half that what else there is takes at most half of them
/// away: then the sum has the digits of the share, but for one bit.
fn is_large(
    graph: &mut Graph,
    ranges: &mut Ranges,
    expanded: &Expanded,
    terms: &[Signed],
    share: &Share,
) -> bool {
    let (mut whole, mut others) = (0.0, 0.0);
    for (is_negative, term) in terms {
        if share_in(graph, *term) == Some(*share) {
            let Split { main, rest } = coefficient(graph, expanded, share, *term, false);
            for (minus, part) in main {
                let Some(number) = graph.as_number(part) else { return false };
                whole += if minus == *is_negative { number } else { -number };
            }
            if rest.is_some() {
                return false;
            }
        } else {
            ranges.find_all(graph, *term);
            let range = ranges.get(*term);
            others += range.low.abs().max(range.high.abs());
        }
    }
    whole != 0.0 && LARGE * others <= f64::abs(whole)
}

/// The sum, whichever of the shares are above one half.
fn choose(
    graph: &mut Graph,
    expanded: &mut Expanded,
    terms: &[Signed],
    shares: &[Share],
    tops: &[Top],
    above: &mut Vec<bool>,
) -> NodeId {
    if above.len() == shares.len() {
        return sum(graph, expanded, terms, shares, tops, above);
    }
    let condition = tops[above.len()].is_above;
    let [yes, no] = [true, false].map(|is_above| {
        above.push(is_above);
        let sum = choose(graph, expanded, terms, shares, tops, above);
        above.pop();
        sum
    });
    graph.select(condition, yes, no)
}

/// The sum, where it is known which of the shares are above one half.
fn sum(
    graph: &mut Graph,
    expanded: &mut Expanded,
    terms: &[Signed],
    shares: &[Share],
    tops: &[Top],
    above: &[bool],
) -> NodeId {
    let multiples: Vec<Option<NodeId>> = shares
        .iter()
        .zip(above)
        .map(|(share, is_above)| match is_above {
            true => None,
            false => one_multiple(graph, expanded, terms, share),
        })
        .collect();
    let mut main: Vec<Signed> = multiples.iter().flatten().map(|one| (false, *one)).collect();
    let mut rest = None;
    for (is_negative, term) in terms {
        let place = share_in(graph, *term)
            .and_then(|share| shares.iter().position(|known| *known == share));
        if place.is_some_and(|place| multiples[place].is_some()) {
            continue;
        }
        let split = match place {
            None => one_term(expanded[term]),
            Some(place) => {
                let coefficient = coefficient(graph, expanded, &shares[place], *term, above[place]);
                if above[place] {
                    complement(graph, coefficient, tops[place].others)
                } else if coefficient.rest.is_none() {
                    one_term(expanded[term])
                } else {
                    let whole = joined(graph, coefficient);
                    one_term(zero_product(graph, expanded[&shares[place].node], whole))
                }
            }
        };
        main.extend(split.main.into_iter().map(|(minus, node)| (minus != *is_negative, node)));
        if let Some(more) = split.rest {
            rest = Some(added(graph, rest, *is_negative, more));
        }
    }
    joined(graph, Split { main, rest })
}

/// All terms with a share as one multiple of it; none, if there is but one, or they are multiplied by what is not the same for all
/// elements, or may be infinite where an element is 0.
fn one_multiple(
    graph: &mut Graph,
    expanded: &mut Expanded,
    terms: &[Signed],
    share: &Share,
) -> Option<NodeId> {
    let (mut main, mut count) = (Vec::new(), 0);
    for (is_negative, term) in terms {
        if share_in(graph, *term) != Some(*share) {
            continue;
        }
        let split = coefficient(graph, expanded, share, *term, false);
        if split.rest.is_some() || has_zero_product(graph, *term) {
            return None;
        }
        main.extend(split.main.into_iter().map(|(minus, node)| (minus != *is_negative, node)));
        count += 1;
    }
    if count < 2 {
        return None;
    }
    let whole = joined(graph, Split { main, rest: None });
    if graph.axes(share.node).is_subset_of(graph.axes(whole)) {
        return None;
    }
    let known = expanded[&share.node];
    Some(match scaled(graph, expanded, known) {
        Some(parts) => {
            let scale = product(graph, whole, parts.scale);
            expanded.scaled(graph, Scaled { scale, ..parts })
        }
        None => product(graph, whole, known),
    })
}

/// The terms of a sum with their signs, true for minus; none if it is no sum or has too many.
fn terms(graph: &Graph, id: NodeId) -> Option<Vec<Signed>> {
    let is_sum = matches!(graph.node(id), Node::Map(Function::Add | Function::Subtract, _));
    is_sum.then(|| terms_of_any(graph, id)).flatten()
}

/// The terms of a sum; a node that is no sum is its own only term.
fn terms_of_any(graph: &Graph, id: NodeId) -> Option<Vec<Signed>> {
    let mut terms = Vec::new();
    let mut open = vec![(false, id)];
    while let Some((is_negative, id)) = open.pop() {
        match graph.node(id) {
            Node::Map(Function::Add, of) => {
                open.push((is_negative, of.as_slice()[1]));
                open.push((is_negative, of.as_slice()[0]));
            }
            // A log-softmax is one thing.
            Node::Map(Function::Subtract, of) if !is_logsumexp(graph, of.as_slice()) => {
                open.push((!is_negative, of.as_slice()[1]));
                open.push((is_negative, of.as_slice()[0]));
            }
            Node::Map(Function::Negate, of) => open.push((!is_negative, of.as_slice()[0])),
            _ => terms.push((is_negative, id)),
        }
        if terms.len() + open.len() > TERMS {
            return None;
        }
    }
    Some(terms)
}

fn is_logsumexp(graph: &Graph, of: &[NodeId]) -> bool {
    of.iter().any(|id| matches!(graph.node(*id), Node::Reduce(Reduction::LogSumExp, ..)))
}
