//! A checked loss: what the checker hands to mathematics and machines.

use crate::diagnostic::Span;
use crate::graph::{ExtentId, Graph, InputId, NodeId};

/// One loss whose names, axes, types and domains have been found right.
#[derive(Clone, Debug)]
pub struct Model {
    /// Its name.
    pub name: String,
    /// Where the file names it.
    pub span: Span,
    /// Its doc text.
    pub doc: String,
    /// Its expressions and inputs.
    pub graph: Graph,
    /// Where the nodes that the checker made were first written, by their ids; nodes made later have none.
    pub spans: Vec<Span>,
    /// The loss of one example: a real without axes.
    pub value: NodeId,
    /// What the example counts for in the batch mean: a real without axes that no pred or learned input
    /// reaches; none: 1.
    pub per: Option<NodeId>,
    /// Whether the example is missing because a scalar label of it is: a boolean without axes; none: never.
    pub missing: Option<NodeId>,
    /// Axes that constant positions need to be longer than 1, and how long at least.
    pub least_extents: Vec<(ExtentId, u32)>,
    /// The worked examples that the file gives for it.
    pub examples: Vec<Example>,
}

/// A worked example: constant inputs, and what must come out.
#[derive(Clone, Debug)]
pub struct Example {
    /// The inputs that it gives.
    pub inputs: Vec<(InputId, Tensor)>,
    /// The value, and how far off it may be absolutely (none: what rounding explains).
    pub value: (f64, Option<f64>),
    /// The gradients, likewise.
    pub gradients: Vec<(InputId, Tensor, Option<f64>)>,
    /// The whole item.
    pub span: Span,
}

/// A dense row-major array of constants.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// The length of each axis, outermost first.
    pub shape: Vec<usize>,
    /// Its elements.
    pub data: Vec<f64>,
}
