//! The element that a label picks out, apart from all others.
//!
//! In comes an array of which an element depends on whether it stands at a label, such as `softmax(z) - one_hot(y)`; out
//! goes `if k == label { there } else { elsewhere }`. What is there has the axis no more, so that it is computed once for
//! all elements; either side knows which it is, so that what is elsewhere comes down to `softmax(z)`.

use crate::builtins::{Function, Reduction};
use crate::graph::{Arguments, AxisId, Graph, Node, NodeId, Type};
use crate::hash::HashMap;

/// The array with the element at a label apart, if a label picks one out along one of these axes.
pub(super) fn split(graph: &mut Graph, root: NodeId, axes: &[AxisId]) -> NodeId {
    let Some((condition, axis, label)) = label_test(graph, root, axes) else { return root };
    let there = graph.substitute(root, &[(axis, label)]);
    let itself = graph.map(Function::Equal, &[label, label]);
    let there = knowing(graph, there, itself, true);
    let elsewhere = knowing(graph, root, condition, false);
    graph.select(condition, there, elsewhere)
}

/// A comparison of a position along an axis of the root with a label that is the same all along it.
fn label_test(graph: &Graph, root: NodeId, axes: &[AxisId]) -> Option<(NodeId, AxisId, NodeId)> {
    let own = graph.axes(root);
    graph.reachable(&[root]).into_iter().find_map(|id| {
        let Node::Map(Function::Equal, of) = graph.node(id) else { return None };
        let [a, b] = [of.as_slice()[0], of.as_slice()[1]];
        if !matches!(graph.ty(a), Type::Index(_)) {
            return None;
        }
        [(a, b), (b, a)].into_iter().find_map(|(index, label)| match graph.node(index) {
            Node::Index(axis)
                if axes.contains(axis)
                    && own.contains(*axis)
                    && !graph.axes(label).contains(*axis)
                    && is_free(graph, root, id) =>
            {
                Some((id, *axis, label))
            }
            _ => None,
        })
    })
}

/// Whether a node is used under the root where its axes are those of the root.
fn is_free(graph: &Graph, root: NodeId, wanted: NodeId) -> bool {
    let axes = graph.axes(wanted);
    if !axes.minus(graph.axes(root)).is_empty() {
        return false;
    }
    let mut open = vec![root];
    let mut seen = vec![false; graph.len()];
    while let Some(id) = open.pop() {
        if id == wanted {
            return true;
        }
        let has_axes = axes.minus(graph.axes(id)).is_empty();
        if seen[id.index()] || !has_axes || axes.iter().any(|axis| binds(graph, id, axis)) {
            continue;
        }
        seen[id.index()] = true;
        open.extend(graph.arguments(id));
    }
    false
}

/// Whether an axis of the node's argument is another one than outside.
fn binds(graph: &Graph, id: NodeId, axis: AxisId) -> bool {
    match graph.node(id) {
        Node::Reduce(_, bound, _) => *bound == axis,
        Node::Rename { from, to, .. } => *from == axis || *to == axis,
        _ => false,
    }
}

/// The root where it is known whether a condition holds.
fn knowing(graph: &mut Graph, root: NodeId, condition: NodeId, holds: bool) -> NodeId {
    let truth = graph.intern(Node::Bool(holds));
    let mut moved: HashMap<NodeId, NodeId> = HashMap::from_iter([(condition, truth)]);
    for id in graph.reachable(&[root]) {
        let is_bound = graph.axes(condition).iter().any(|axis| binds(graph, id, axis));
        let same = |argument: &NodeId| moved.get(argument).is_none_or(|new| new == argument);
        let is_kept = is_bound || is_log_softmax(graph, id);
        if moved.contains_key(&id) || is_kept || graph.arguments(id).iter().all(same) {
            continue;
        }
        let node = graph.node(id).with_arguments(|it| moved.get(&it).copied().unwrap_or(it));
        let new = fold(graph, node);
        moved.insert(id, new);
    }
    moved.get(&root).copied().unwrap_or(root)
}

/// Whether a node is less a logsumexp: such elements must be known as what was summed.
fn is_log_softmax(graph: &Graph, id: NodeId) -> bool {
    let Node::Map(Function::Subtract, of) = graph.node(id) else { return false };
    matches!(graph.node(of.as_slice()[1]), Node::Reduce(Reduction::LogSumExp, ..))
}

/// A node whose arguments may have become constants.
pub(super) fn fold(graph: &mut Graph, node: Node) -> NodeId {
    let (function, of) = match &node {
        Node::Map(function, of) => (function, of),
        Node::Reduce(reduction, axis, argument) => {
            return graph.reduce(*reduction, *axis, *argument);
        }
        Node::Rename { argument, from, .. } if !graph.axes(*argument).contains(*from) => {
            return *argument;
        }
        _ => return graph.intern(node),
    };
    let of = of.as_slice();
    let truth = |at: usize| match graph.node(of[at]) {
        Node::Bool(truth) => Some(*truth),
        _ => None,
    };
    let number = |at: usize| of.get(at).and_then(|id| graph.as_number(*id));
    let known = match (function, number(0), number(1)) {
        (Function::Select, ..) => truth(0).map(|is_first| of[if is_first { 1 } else { 2 }]),
        (Function::Not, ..) => truth(0).map(|truth| graph.intern(Node::Bool(!truth))),
        (Function::And | Function::Or, ..) => {
            let neutral = *function == Function::And;
            [(0, 1), (1, 0)].into_iter().find_map(|(at, other)| {
                truth(at).map(|truth| of[if truth == neutral { other } else { at }])
            })
        }
        (Function::Negate, Some(a), _) => Some(graph.number(-a)),
        (Function::Add, Some(a), Some(b)) => Some(graph.number(a + b)),
        (Function::Subtract, Some(a), Some(b)) => Some(graph.number(a - b)),
        (Function::Multiply | Function::ZeroProduct, Some(a), Some(b)) => Some(graph.number(a * b)),
        (Function::Add, Some(0.0), _)
        | (Function::Multiply | Function::ZeroProduct, Some(1.0), _) => Some(of[1]),
        (Function::Add | Function::Subtract, _, Some(0.0))
        | (Function::Multiply | Function::ZeroProduct | Function::Divide, _, Some(1.0))
        | (Function::ZeroProduct, Some(0.0), _) => Some(of[0]),
        (Function::Subtract, Some(0.0), _) => Some(graph.map(Function::Negate, &[of[1]])),
        _ => None,
    };
    known.unwrap_or_else(|| graph.intern(node))
}

/// A node whose arguments may have become constants, with what follows from that.
pub(super) fn simple(graph: &mut Graph, node: Node) -> NodeId {
    let truth = |graph: &Graph, id: NodeId| match graph.node(id) {
        Node::Bool(truth) => Some(*truth),
        _ => None,
    };
    match &node {
        Node::Map(Function::Select, of) if of.as_slice()[1] == of.as_slice()[2] => of.as_slice()[1],
        Node::Map(Function::Equal, of) => {
            let [a, b] = [0, 1].map(|at| of.as_slice()[at]);
            match (truth(graph, a), truth(graph, b)) {
                (Some(true), _) => b,
                (_, Some(true)) => a,
                (Some(false), _) => simple(graph, Node::Map(Function::Not, Arguments::new(&[b]))),
                (_, Some(false)) => simple(graph, Node::Map(Function::Not, Arguments::new(&[a]))),
                (None, None) => graph.intern(node),
            }
        }
        Node::Map(Function::Negate, of) if graph.as_number(of.as_slice()[0]) == Some(0.0) => {
            of.as_slice()[0]
        }
        Node::Reduce(Reduction::Sum, _, argument) if graph.as_number(*argument) == Some(0.0) => {
            *argument
        }
        _ => fold(graph, node),
    }
}
