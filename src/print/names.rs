//! Names that the printer invents: for indices and for shared parts.

use crate::builtins;
use crate::graph::Graph;

/// The words that the grammar reserves.
const KEYWORDS: [&str; 20] = [
    "use", "loss", "const", "fn", "example", "pred", "target", "learned", "param", "let", "if",
    "else", "in", "per", "within", "wrt", "true", "false", "inf", "pi",
];

/// What indices are called, outermost first; then again with a number.
const INDICES: [&str; 6] = ["i", "j", "k", "l", "m", "n"];

/// Whether a name is neither an input nor a word of the language.
fn is_free(graph: &Graph, name: &str) -> bool {
    !KEYWORDS.contains(&name)
        && !builtins::has_name(name)
        && !graph.input_ids().any(|id| graph.input(id).name == name)
}

/// The name itself, or with the first number that makes it free.
pub(super) fn fresh(graph: &Graph, stem: &str) -> String {
    if is_free(graph, stem) {
        return stem.to_owned();
    }
    // One of so many is free.
    (2..=graph.input_ids().count() + 2)
        .map(|number| format!("{stem}{number}"))
        .find(|name| is_free(graph, name))
        .expect("inputs are finitely many")
}

/// A stem that gives free names with every number behind it.
pub(super) fn numbered_stem(graph: &Graph) -> String {
    let clashes = |stem: &str| {
        graph.input_ids().any(|id| {
            let rest = graph.input(id).name.strip_prefix(stem);
            rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        })
    };
    let stem = (1..=graph.input_ids().count() + 1)
        .map(|times| "t".repeat(times))
        .find(|stem| !clashes(stem));
    stem.expect("inputs are finitely many")
}

/// The name of an index under so many others.
pub(super) fn index_name(graph: &Graph, depth: usize) -> String {
    let mut left = depth;
    for round in 0.. {
        for stem in INDICES {
            let name = if round == 0 { stem.to_owned() } else { format!("{stem}{round}") };
            if !is_free(graph, &name) {
                continue;
            }
            if left == 0 {
                return name;
            }
            left -= 1;
        }
    }
    unreachable!("rounds do not end")
}
