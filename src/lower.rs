//! Graph to loops: what is fused, stored or recomputed, and which axis runs in lanes.
//!
//! The batch is nothing special: it is the outermost axis. `schedule` runs the axes from the outside in; at
//! each axis it counts, for every node, the reductions over that axis on its way from the inputs. That is
//! the node's stage, and one loop a stage holds all that have the axis. What a later loop needs of an
//! earlier one is recomputed if cheap, else stored, by the costs that `explain` shows. The innermost loops run in lanes.
//!
//! Around that stand passes of their own: `cases` sets the element at a label apart, `renames` makes multiples of a softmax
//! known as such, `expand` writes what machines have no word for, `running` finds sums up to each place of an axis, which
//! `totals` writes in one pass, `pairs` leaves out what is known by symmetry, `product` finds products of matrices, and `twins`
//! computes once what stands on both sides of pairs; `reuse` moves temporaries into outputs, `fuse` makes one loop of those that
//! stand side by side, `rows` makes lanes of short rows, `unroll` writes out loops along rows whose length
//! is a number, as it is in a program that `lengths` makes of another one for calls that know how long rows are, and
//! `contract` rounds sums with products once.

mod cases;
mod clamp;
mod contract;
mod cost;
mod emit;
mod expand;
mod explain;
mod fuse;
mod items;
mod labels;
mod largest;
mod lengths;
mod logistic;
mod memory;
mod operations;
mod order;
mod pairs;
mod primitive;
mod product;
mod quotient;
mod renames;
mod residual;
mod reuse;
mod root;
mod rows;
mod running;
mod scale;
mod schedule;
mod shares;
mod square;
#[cfg(test)]
mod tests;
mod totals;
mod twins;
mod unroll;
mod whole;

use crate::graph::{AxisId, ExtentId, Graph, InputId, Node, NodeId, Role};
use crate::loops::{Accuracy, ArrayId, Precision, Program};

pub use explain::explain;
pub use lengths::{Known, for_lengths, tells_lengths_apart};

/// An array that the program is to write.
#[derive(Clone, Debug)]
pub struct Output {
    /// Its name, for display.
    pub name: String,
    /// Its elements.
    pub node: NodeId,
    /// Its axes in the order of memory, outermost first: all axes of the node, and perhaps more.
    pub axes: Vec<AxisId>,
}

/// A program, and what its arrays and extents stand for.
#[derive(Clone, Debug)]
pub struct Lowered {
    /// The program.
    pub program: Program,
    /// What each of its arrays is.
    pub arrays: Vec<ArraySource>,
    /// The extent of the graph that each of its extents is.
    pub extents: Vec<ExtentId>,
    /// What earlier loops leave to later ones, and how.
    pub choices: Vec<Choice>,
}

/// An array that one loop computes and a later one needs too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Choice {
    /// Its elements.
    pub node: NodeId,
    /// What an element costs where it is computed again, in additions.
    pub cost: u32,
    /// Where it is stored, if it is.
    pub stored: Kept,
    /// Whether it is a sum up to each place along an axis, or from there on, written in one pass.
    pub is_running: bool,
}

/// How an array gets to a later loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kept {
    /// In an array of the program.
    In(ArrayId),
    /// In an output, until that is written.
    InOutput,
    /// Not at all: it is computed again.
    Nowhere,
}

/// What an array of a program is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArraySource {
    /// An input of the graph.
    Input(InputId),
    /// An output, by its place in the list that was lowered.
    Output(usize),
    /// Scratch memory.
    Temporary,
}

/// How a program rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rounding {
    /// The precision of its numbers.
    pub precision: Precision,
    /// Whether the machine rounds a fused multiply-add once.
    pub is_fused: bool,
    /// How many digits functions keep.
    pub accuracy: Accuracy,
}

/// Writes a program that computes the outputs.
pub fn lower(graph: &mut Graph, outputs: &[Output], rounding: Rounding) -> Lowered {
    let mut outputs: Vec<Output> =
        outputs.iter().map(|output| without_renames(graph, output)).collect();
    for output in &mut outputs {
        output.node = cases::split(graph, output.node, &output.axes);
    }
    let roots: Vec<NodeId> = outputs.iter().map(|output| output.node).collect();
    let roots = renames::push_renames(graph, &roots);
    let expanded = expand::expand(graph, &roots, rounding.precision);
    let expanded = running::find_running_sums(graph, &expanded);
    let outputs: Vec<Output> =
        outputs.into_iter().zip(expanded).map(|(output, node)| Output { node, ..output }).collect();
    let axes = order::order_axes(graph, &outputs);
    let roots: Vec<NodeId> = outputs.iter().map(|output| output.node).collect();
    let (roots, mut pairs) = pairs::halve_pairs(graph, &roots, &axes);
    let (roots, mut products) = product::find_products(graph, &roots, &axes);
    let roots = twins::share_twins(graph, &roots, &axes, (&mut products, &mut pairs));
    let outputs: Vec<Output> =
        outputs.into_iter().zip(roots).map(|(output, node)| Output { node, ..output }).collect();
    let roots: Vec<NodeId> = outputs.iter().map(|output| output.node).collect();
    let running = totals::RunningSums::of(graph, &roots);
    let sums = (&products, &pairs, &running);
    let mut emitter = emit::Emitter::new(graph, &outputs, sums, rounding);
    schedule::schedule(&mut emitter, &axes);
    let mut lowered = emitter.finish();
    let moved = reuse::reuse_outputs(&mut lowered.program);
    lowered.move_arrays(&moved);
    fuse::fuse_neighbours(&mut lowered.program);
    if !has_learned_rows(graph) {
        rows::rows_as_lanes(&mut lowered.program);
        unroll::unroll(&mut lowered.program);
    }
    labels::write_labels_apart(&mut lowered.program);
    contract::contract(&mut lowered.program);
    lowered.arrays.resize(lowered.program.arrays.len(), ArraySource::Temporary);
    lowered
}

/// Whether a learned array has axes: its gradient is summed over the rows, which then are no lanes; and the bits of one result
/// are not to depend on which others are asked for.
fn has_learned_rows(graph: &Graph) -> bool {
    let mut inputs = graph.input_ids().map(|id| graph.input(id));
    inputs.any(|input| input.role == Role::Learned && !input.axes.is_empty())
}

impl Lowered {
    /// Takes note of where arrays went; those that are gone live in outputs.
    fn move_arrays(&mut self, moved: &[Option<ArrayId>]) {
        let mut places = moved.iter();
        self.arrays.retain(|_| places.next().is_some_and(Option::is_some));
        for choice in &mut self.choices {
            if let Kept::In(array) = choice.stored {
                choice.stored = moved[array.0 as usize].map_or(Kept::InOutput, Kept::In);
            }
        }
    }
}

/// An output whose array is another one under other axis names: that array itself.
fn without_renames(graph: &Graph, output: &Output) -> Output {
    let mut output = output.clone();
    while let Node::Rename { argument, from, to } = *graph.node(output.node) {
        for axis in &mut output.axes {
            if *axis == to {
                *axis = from;
            }
        }
        output.node = argument;
    }
    output
}
