//! Which values of an input make sense: in come a domain, its bounds as numbers and elements, out goes the
//! first element that does not belong to it.

use crate::graph::{Domain, NodeId};

/// How far the sum of a row of a simplex may be from 1.
pub const SIMPLEX_TOLERANCE: f64 = 1e-4;

/// The bounds of a domain in the order in which [`first_outside`] and [`spell`] take them.
#[must_use]
pub fn bounds(domain: &Domain) -> Vec<NodeId> {
    match domain {
        Domain::Interval { low, high, .. } => vec![*low, *high],
        Domain::Set(members) => members.clone(),
        Domain::Whole { low, high } => std::iter::once(*low).chain(*high).collect(),
        Domain::Simplex => Vec::new(),
    }
}

/// The first element outside of a domain, and what to say of it. NaN is outside of every domain.
///
/// Bounds and elements are numbers of the same precision; `row` is the length of the elements' last
/// axis, along which a simplex sums to 1.
pub fn first_outside<T: Copy + Into<f64>>(
    domain: &Domain,
    bounds: &[f64],
    elements: &[T],
    row: usize,
) -> Option<(usize, String)> {
    match domain {
        Domain::Interval { low_open, high_open, .. } => {
            let (low, high) = (bounds[0], bounds[1]);
            first(elements, |x| {
                (x > low || (x >= low && !low_open)) && (x < high || (x <= high && !high_open))
            })
        }
        Domain::Set(_) => first(elements, |x| bounds.contains(&x)),
        Domain::Whole { high, .. } => first(elements, |x| {
            let whole = x.floor() >= x && x < f64::INFINITY;
            whole && x >= bounds[0] && (high.is_none() || x <= bounds[1])
        }),
        Domain::Simplex => outside_simplex(elements, row),
    }
}

/// Whether a number can lie inside, as far as the bounds that `value` knows tell. One number may be part
/// of a simplex if it lies between 0 and 1.
pub fn may_contain(domain: &Domain, number: f64, value: impl Fn(NodeId) -> Option<f64>) -> bool {
    let known: Vec<Option<f64>> = bounds(domain).into_iter().map(value).collect();
    match domain {
        Domain::Simplex => (0.0..=1.0).contains(&number),
        Domain::Set(_) if known.contains(&None) => true,
        Domain::Set(_) | Domain::Interval { .. } | Domain::Whole { .. } => {
            let unknown = [f64::NEG_INFINITY, f64::INFINITY].into_iter().cycle();
            let limits: Vec<f64> =
                known.iter().zip(unknown).map(|(known, limit)| known.unwrap_or(limit)).collect();
            first_outside(domain, &limits, &[number], 1).is_none()
        }
    }
}

fn first<T: Copy + Into<f64>>(
    elements: &[T],
    belongs: impl Fn(f64) -> bool,
) -> Option<(usize, String)> {
    let at = elements.iter().position(|element| !belongs((*element).into()))?;
    Some((at, elements[at].into().to_string()))
}

/// The first row that has an element under 0 or does not sum to 1.
fn outside_simplex<T: Copy + Into<f64>>(elements: &[T], row: usize) -> Option<(usize, String)> {
    // Rows without elements are told by their shape.
    for (number, elements) in elements.chunks_exact(row.max(1)).enumerate() {
        if let Some((at, found)) = first(elements, |x| x >= 0.0) {
            return Some((number * row + at, found));
        }
        let sum: f64 = elements.iter().map(|element| (*element).into()).sum();
        if (sum - 1.0).abs() > SIMPLEX_TOLERANCE {
            return Some((number * row, format!("the start of a row that sums to {sum}")));
        }
    }
    None
}

/// A domain as it is written, given its bounds in words.
pub fn spell(domain: &Domain, mut bound: impl FnMut(NodeId) -> String) -> String {
    match domain {
        Domain::Interval { low, low_open, high, high_open } => {
            let open = if *low_open { '(' } else { '[' };
            let close = if *high_open { ')' } else { ']' };
            format!("{open}{}, {}{close}", bound(*low), bound(*high))
        }
        Domain::Set(members) => {
            let members: Vec<String> = members.iter().map(|member| bound(*member)).collect();
            format!("{{{}}}", members.join(", "))
        }
        Domain::Whole { low, high: Some(high) } => format!("{}..={}", bound(*low), bound(*high)),
        Domain::Whole { low, high: None } => format!("{}..", bound(*low)),
        Domain::Simplex => "simplex".into(),
    }
}

/// A domain with numbers for its bounds.
#[must_use]
pub fn spell_numbers(domain: &Domain, bounds: &[f64]) -> String {
    let mut next = bounds.iter();
    spell(domain, |_| next.next().map_or_else(String::new, f64::to_string))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Graph;

    const NAN: f64 = f64::NAN;
    const INF: f64 = f64::INFINITY;

    /// A domain, its bounds, its spelling, what belongs to it and what does not.
    type Kind = (Domain, &'static [f64], &'static str, &'static [f64], &'static [f64]);

    fn node() -> NodeId {
        Graph::default().number(0.0)
    }

    #[test]
    fn every_kind_of_domain_knows_what_belongs_to_it() {
        let interval = |low_open, high_open| Domain::Interval {
            low: node(),
            low_open,
            high: node(),
            high_open,
        };
        let table: &[Kind] = &[
            (interval(true, true), &[0.0, INF], "(0, inf)", &[1e-300, 5.0], &[0.0, INF, -1.0, NAN]),
            (interval(false, true), &[0.0, 1.0], "[0, 1)", &[0.0, -0.0, 0.5], &[1.0, -INF, NAN]),
            (interval(true, false), &[0.0, 1.0], "(0, 1]", &[1.0, 0.5], &[0.0, 1.5, NAN]),
            (interval(false, false), &[-INF, 1.0], "[-inf, 1]", &[-INF, 1.0], &[INF, NAN]),
            (Domain::Set(vec![node(); 2]), &[-1.0, 1.0], "{-1, 1}", &[-1.0, 1.0], &[0.0, NAN]),
            (
                Domain::Whole { low: node(), high: None },
                &[0.0],
                "0..",
                &[0.0, 7.0],
                &[-1.0, 0.5, INF, NAN],
            ),
            (
                Domain::Whole { low: node(), high: Some(node()) },
                &[1.0, 5.0],
                "1..=5",
                &[1.0, 5.0],
                &[0.0, 6.0, 2.5, NAN],
            ),
        ];
        for (domain, bounds, text, inside, outside) in table {
            assert_eq!(spell_numbers(domain, bounds), *text);
            assert_eq!(first_outside(domain, bounds, inside, 1), None, "{text}");
            for element in *outside {
                let elements = [inside[0], *element];
                let found = first_outside(domain, bounds, &elements, 1);
                assert_eq!(found, Some((1, element.to_string())), "{text}");
            }
        }
    }

    #[test]
    fn a_simplex_is_tested_row_by_row() {
        type Row = (&'static [f64], Option<(usize, &'static str)>);
        let table: &[Row] = &[
            (&[0.5, 0.5, 0.0, 1.0], None),
            (&[0.5, 0.50009, 1.0, 0.0], None),
            (&[0.5, 0.5, 0.5, 0.5002], Some((2, "the start of a row that sums to 1.0002"))),
            (&[0.5, 0.5, 1.5, -0.5], Some((3, "-0.5"))),
            (&[f64::NAN, 0.5, 1.0, 0.0], Some((0, "NaN"))),
        ];
        for (elements, expected) in table {
            let got = first_outside(&Domain::Simplex, &[], elements, 2);
            assert_eq!(got, expected.map(|(at, found)| (at, found.to_owned())), "{elements:?}");
        }
    }
}
