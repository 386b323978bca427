//! Graph to text: in comes a node, out comes what a person reads, in the loss language or in LaTeX.
//!
//! The text of [`to_text`] and [`to_block`] is the inside of a block of the language, and means what the node
//! means. Checking it again gives the node back, but for names of bound axes, and for what the
//! language says in one way only: a `ZeroProduct` prints as `*`, `-1 * x` as `-x`, `b > a` as `a < b`,
//! `label == k` of a one-hot as `one_hot(label)`, the size of an axis of literal extent as that number.
//!
//! **Whole arrays and indices.** An axis that arrays declare prints silently where the language aligns by name:
//! `softmax(logits) - one_hot(label)`, `sum[N](x * w)`. It gets an index where that cannot say what is
//! meant: a position along it counts as a number or is compared, an outer product has to
//! be spelled, or a later axis of the same array is indexed already. The axis of a reduction is then bound in
//! its brackets, `sum[i in K](real(i) * x[i])`; those of the whole expression are bound, all of them, by a
//! definition: `let g[i in K] = real(i) * x[i]; g`. Axes of indices keep an index always.
//!
//! **Sharing.** [`to_text`] repeats what is used twice, so that the text may be exponentially longer than the
//! graph; [`to_block`] names large shared parts with `let`, and stays linear in the graph. Nothing is left out
//! unless the caller gives a budget ([`to_text_within`], [`to_latex_within`]): then `…` stands for the rest.
//!
//! One form has no text of its own in the language: a choice between a constant position and
//! an index, `if c { 0 } else { label }`, which only indexing such an array by a constant makes. It prints so, and the
//! checker refuses it.

mod aspects;
mod block;
mod form;
mod latex;
mod names;
mod number;
mod pen;
mod reduction;
mod signature;
mod softmax;
#[cfg(test)]
mod tests;
mod text;

use std::borrow::Cow;
use std::collections::HashMap;

use crate::graph::{AxisId, Graph, Node, NodeId};
use pen::{Pen, Style};

pub use signature::{declaration, domain_text, signature};

/// A node in the loss language, on one line: an expression, or `let g[i in K] = …; g` for an array that
/// cannot be said whole.
#[must_use]
pub fn to_text(graph: &Graph, root: NodeId) -> String {
    line(graph, root, Style::Text, usize::MAX)
}

/// As [`to_text`], but after `budget` operators and calls `…` stands for each one that is left.
#[must_use]
pub fn to_text_within(graph: &Graph, root: NodeId, budget: usize) -> String {
    line(graph, root, Style::Text, budget)
}

/// A node in the loss language: lines `let t1 = …;` for large parts that are used more than once, then the expression.
#[must_use]
pub fn to_block(graph: &Graph, root: NodeId) -> String {
    let (graph, root) = without_renames(graph, root);
    block::write(&graph, root, None)
}

/// As [`to_block`], but an array that cannot be said whole is defined over these axes, in this order: those of the
/// input that a gradient belongs to, of which it may lack some.
#[must_use]
pub fn to_block_over(graph: &Graph, root: NodeId, axes: &[AxisId]) -> String {
    let (graph, root) = without_renames(graph, root);
    block::write(&graph, root, Some(axes))
}

/// A node in LaTeX, for maths mode; an array is given by its element at the indices `i`, `j`, ….
#[must_use]
pub fn to_latex(graph: &Graph, root: NodeId) -> String {
    line(graph, root, Style::Latex, usize::MAX)
}

/// As [`to_latex`], but after `budget` operators and calls `\ldots` stands for each one that is left.
#[must_use]
pub fn to_latex_within(graph: &Graph, root: NodeId, budget: usize) -> String {
    line(graph, root, Style::Latex, budget)
}

fn line(graph: &Graph, root: NodeId, style: Style, budget: usize) -> String {
    let (graph, root) = without_renames(graph, root);
    let mut pen = Pen::new(&graph, root, style, HashMap::new(), budget);
    let (brackets, text) = pen.write(root, None);
    match style {
        Style::Text => block::whole(&graph, brackets.as_deref(), &text, " "),
        Style::Latex => text,
    }
}

/// The same array without a [`Node::Rename`], which the language has no word for.
fn without_renames(graph: &Graph, root: NodeId) -> (Cow<'_, Graph>, NodeId) {
    let reachable = graph.reachable(&[root]);
    if !reachable.iter().any(|id| matches!(graph.node(*id), Node::Rename { .. })) {
        return (Cow::Borrowed(graph), root);
    }
    let mut graph = graph.clone();
    let mut replaced = HashMap::new();
    for id in reachable {
        let node = graph.node(id).with_arguments(|argument| replaced[&argument]);
        let new = match node {
            Node::Rename { argument, from, to } => {
                let index = graph.intern(Node::Index(to));
                graph.substitute(argument, &[(from, index)])
            }
            node => graph.intern(node),
        };
        replaced.insert(id, new);
    }
    let root = replaced[&root];
    (Cow::Owned(graph), root)
}
