//! How many digits the functions of a loss keep.
//!
//! A loss that is a function of inputs alone, perhaps with its sign turned or multiplied by a number, gives that function's digits. In
//! a loss that computes with functions every step rounds, and a last place of a function is lost among them: there functions take
//! fewer steps. The value alone decides, so that no result's bits depend on which others are asked for.

use crate::builtins::{Function, Reduction};
use crate::graph::{Graph, Node, NodeId};
use crate::hash::HashSet;
use crate::loops::Accuracy;

/// The accuracy of the functions in a loss with this value and in its derivatives.
pub(super) fn accuracy(graph: &Graph, value: NodeId) -> Accuracy {
    let (mut ends, mut seen) = (vec![value], HashSet::default());
    while let Some(end) = ends.pop() {
        if !seen.insert(end) {
            continue;
        }
        let (function, arguments) = match graph.node(end) {
            Node::Map(function, arguments) => (function, arguments.as_slice()),
            Node::Reduce(Reduction::LogSumExp, _, of) if is_plain(graph, *of) => {
                return Accuracy::Exact;
            }
            _ => continue,
        };
        let is_number = |id: &NodeId| graph.as_number(*id).is_some();
        match (function, arguments) {
            (Function::Exp | Function::Sigmoid | Function::Softplus | Function::LogAddExp, of)
                if of.iter().all(|argument| is_plain(graph, *argument)) =>
            {
                return Accuracy::Exact;
            }
            (Function::Negate, [of]) => ends.push(*of),
            (Function::Select, [_, a, b]) => ends.extend([a, b]),
            (
                Function::Multiply | Function::Divide | Function::Add | Function::Subtract,
                [a, b],
            ) if is_number(a) || is_number(b) => ends.extend([a, b]),
            _ => {}
        }
    }
    Accuracy::Close
}

/// Whether a value is arithmetic on inputs, without functions or reductions that round many times.
fn is_plain(graph: &Graph, value: NodeId) -> bool {
    graph.reachable(&[value]).into_iter().all(|id| match graph.node(id) {
        Node::Map(function, _) => rounds_at_most_once(*function),
        Node::Reduce(..) => false,
        _ => true,
    })
}

fn rounds_at_most_once(function: Function) -> bool {
    use Function as F;
    matches!(
        function,
        F::Negate
            | F::Add
            | F::Subtract
            | F::Multiply
            | F::ZeroProduct
            | F::Divide
            | F::Sqrt
            | F::Equal
            | F::Less
            | F::LessEqual
            | F::And
            | F::Or
            | F::Not
            | F::Select
            | F::Real
            | F::Missing
            | F::StopGradient
            | F::Max
            | F::Min
            | F::Abs
            | F::Sign
            | F::Floor
    )
}
