//! Products with a logarithm: `a * log(b)` becomes the product that is 0 where `a` is 0.
//!
//! This comes before any rule, while logarithms can still be told from what they are rewritten to.
//! Factors that are constants other than 0 need no guard.

use crate::builtins::{Function, Reduction};
use crate::graph::{Graph, Node, NodeId};

/// Guards the products under the roots, and says what each node has become.
pub(super) fn guard_products(graph: &mut Graph, roots: &mut [NodeId]) -> Vec<(NodeId, NodeId)> {
    let mut new: Vec<Option<Guarded>> = vec![None; graph.len()];
    let order = graph.reachable(roots);
    let known =
        |new: &[Option<Guarded>], id: NodeId| new[id.index()].expect("arguments come first");
    for &id in &order {
        let node = graph.node(id);
        if node.arguments().is_empty() {
            new[id.index()] = Some(Guarded { node: id, is_log: false });
            continue;
        }
        let node = node.with_arguments(|argument| known(&new, argument).node);
        let is_log = |at: usize| known(&new, graph.arguments(id)[at]).is_log;
        let (node, is_log) = match &node {
            Node::Map(function, arguments) => {
                let arguments = arguments.as_slice();
                match function {
                    Function::Log | Function::Log1p | Function::Log2 | Function::ZeroProduct => {
                        (node, true)
                    }
                    Function::Multiply => match (is_log(0), is_log(1)) {
                        (false, true) => (product(graph, arguments[0], arguments[1]), true),
                        (true, false) => (product(graph, arguments[1], arguments[0]), true),
                        (both, _) => (node, both),
                    },
                    Function::Subtract => {
                        let is_softmax = matches!(
                            graph.node(arguments[1]),
                            Node::Reduce(Reduction::LogSumExp, ..)
                        );
                        let is_log = is_softmax || is_log(0) || is_log(1);
                        (node, is_log)
                    }
                    Function::Add => {
                        let is_log = is_log(0) || is_log(1);
                        (node, is_log)
                    }
                    Function::Negate | Function::Divide | Function::StopGradient => {
                        let is_log = is_log(0);
                        (node, is_log)
                    }
                    Function::Select => {
                        let is_log = is_log(1) || is_log(2);
                        (node, is_log)
                    }
                    _ => (node, false),
                }
            }
            Node::Reduce(Reduction::Sum, ..) | Node::Rename { .. } => {
                let is_log = is_log(0);
                (node, is_log)
            }
            _ => (node, false),
        };
        let node = if node == *graph.node(id) { id } else { graph.intern(node) };
        new[id.index()] = Some(Guarded { node, is_log });
    }
    for root in roots {
        *root = known(&new, *root).node;
    }
    order.into_iter().map(|id| (id, known(&new, id).node)).collect()
}

/// What became of a node.
#[derive(Clone, Copy, Debug)]
struct Guarded {
    node: NodeId,
    /// Whether it is infinite where a logarithm is.
    is_log: bool,
}

fn product(graph: &Graph, factor: NodeId, log: NodeId) -> Node {
    let is_safe = match graph.node(factor) {
        Node::Number(bits) => f64::from_bits(*bits) != 0.0,
        Node::Map(Function::Negate, arguments) => {
            graph.as_number(arguments.as_slice()[0]).is_some_and(|value| value != 0.0)
        }
        _ => false,
    };
    let function = if is_safe { Function::Multiply } else { Function::ZeroProduct };
    Node::Map(function, crate::graph::Arguments::new(&[factor, log]))
}
