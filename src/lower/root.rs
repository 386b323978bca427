//! Roots of sums of squares that neither overflow nor vanish on the way.
//!
//! In comes the argument of a square root, in words that the machine has. Where it is made of squares, they are
//! scaled by a power of two, which loses nothing, if the largest of them might overflow or the smallest count for
//! nothing; the root is scaled back. In between, where nearly all numbers lie, the factor is 1.
//!
//! A root less a part of it, `sqrt(a + b^2) - b`, is `a / (sqrt(a + b^2) + b)` where `a` is not the larger by far.

use super::square::variance;
use crate::builtins::{Function, Reduction};
use crate::graph::{Graph, Node, NodeId};
use crate::loops::Precision;
use crate::rewrite::ranges::Ranges;

/// Roots between these need no scaling; by how many powers of two others are scaled.
struct Scales {
    small: f64,
    large: f64,
    power: i32,
}

/// The square root of an argument; none, if it is no sum of squares.
pub(super) fn root(
    graph: &mut Graph,
    ranges: &mut Ranges,
    precision: Precision,
    argument: NodeId,
) -> Option<NodeId> {
    let is_sum = matches!(
        graph.node(argument),
        Node::Map(Function::Add | Function::Divide | Function::Multiply, _)
            | Node::Reduce(Reduction::Sum, ..)
    );
    let size = is_sum.then(|| size(graph, ranges, argument)).flatten()?;
    let scales = match precision {
        Precision::F32 => Scales { small: 1e-16, large: 1e16, power: 100 },
        Precision::F64 => Scales { small: 1e-140, large: 1e140, power: 600 },
    };
    let up = f64::from(scales.power).exp2();
    let factor = choice(graph, size, &scales, [up, up.recip()]);
    let back = choice(graph, size, &scales, [up.recip(), up]);
    let scaled = scaled(graph, argument, factor);
    let root = graph.map(Function::Sqrt, &[scaled]);
    Some(graph.map(Function::Multiply, &[root, back]))
}

/// The parts of `sqrt(a + b^2) - b` as the graph has them: the rest `a`, and the root.
pub(super) fn rest_under_root(graph: &Graph, ranges: &Ranges, of: &[NodeId]) -> Option<NodeId> {
    let (root, part) = (of[0], of[1]);
    let Node::Map(Function::Sqrt, root) = graph.node(root) else { return None };
    let Node::Map(Function::Add, sum) = graph.node(root.as_slice()[0]) else { return None };
    let is_square = |id: NodeId| match (graph.node(id), graph.as_number(part)) {
        (Node::Number(bits), Some(part)) => f64::from_bits(*bits) == part * part,
        (Node::Map(Function::Multiply, of), _) => of.as_slice() == [part, part],
        _ => false,
    };
    let [a, b] = [sum.as_slice()[0], sum.as_slice()[1]];
    if !ranges.get(part).is_positive() {
        return None;
    }
    match (is_square(a), is_square(b)) {
        (_, true) => Some(a),
        (true, false) => Some(b),
        (false, false) => None,
    }
}

/// `root - part` where `rest` is what the root has beside the square of the part.
pub(super) fn root_less_part(graph: &mut Graph, [root, part, rest]: [NodeId; 3]) -> NodeId {
    let plain = graph.map(Function::Subtract, &[root, part]);
    let sum = graph.map(Function::Add, &[root, part]);
    let quotient = graph.map(Function::Divide, &[rest, sum]);
    let many = graph.number(16.0);
    let bound = graph.map(Function::Multiply, &[many, part]);
    let is_near = graph.map(Function::Less, &[root, bound]);
    graph.select(is_near, quotient, plain)
}

/// The first number where the size is small, the second where it is large, else 1.
fn choice(graph: &mut Graph, size: NodeId, scales: &Scales, [small, large]: [f64; 2]) -> NodeId {
    let [least, most] = [scales.small, scales.large].map(|bound| graph.number(bound));
    let [small, large, one] = [small, large, 1.0].map(|number| graph.number(number));
    let is_small = graph.map(Function::Less, &[size, least]);
    let is_large = graph.map(Function::Less, &[most, size]);
    let other = graph.select(is_large, large, one);
    graph.select(is_small, small, other)
}

/// A root before it was scaled back, and the factor of what is squared in it.
pub(super) fn unscaled(graph: &mut Graph, id: NodeId) -> Option<(NodeId, NodeId)> {
    let Node::Map(Function::Multiply, of) = *graph.node(id) else { return None };
    let [root, back] = [of.as_slice()[0], of.as_slice()[1]];
    let is_root = matches!(graph.node(root), Node::Map(Function::Sqrt, _));
    let Node::Map(Function::Select, outer) = *graph.node(back) else { return None };
    let [is_small, small, other] = *outer.as_slice() else { return None };
    let Node::Map(Function::Select, inner) = *graph.node(other) else { return None };
    let [is_large, large, one] = *inner.as_slice() else { return None };
    let [small, large, one] =
        [graph.as_number(small)?, graph.as_number(large)?, graph.as_number(one)?];
    if !is_root || one != 1.0 {
        return None;
    }
    let [small, large, one] = [small.recip(), large.recip(), one].map(|it| graph.number(it));
    let other = graph.select(is_large, large, one);
    Some((root, graph.select(is_small, small, other)))
}

/// About how large the root is: the largest of what is squared.
fn size(graph: &mut Graph, ranges: &mut Ranges, id: NodeId) -> Option<NodeId> {
    match *graph.node(id) {
        Node::Number(bits) => {
            let number = f64::from_bits(bits);
            (number >= 0.0).then(|| graph.number(number.sqrt()))
        }
        Node::Reduce(Reduction::Sum, axis, body) => {
            let inner = size(graph, ranges, body)?;
            Some(graph.reduce(Reduction::Max, axis, inner))
        }
        Node::Map(function, of) => {
            let of = of.as_slice();
            match function {
                Function::Multiply if of[0] == of[1] => Some(graph.map(Function::Abs, &[of[0]])),
                Function::Multiply if is_moderate(graph, of[0]) => size(graph, ranges, of[1]),
                Function::Divide if is_moderate(graph, of[1]) => size(graph, ranges, of[0]),
                Function::Add => {
                    let (a, b) = (size(graph, ranges, of[0])?, size(graph, ranges, of[1])?);
                    Some(graph.map(Function::Max, &[a, b]))
                }
                Function::Select => {
                    let (yes, no) = (size(graph, ranges, of[1])?, size(graph, ranges, of[2])?);
                    Some(graph.select(of[0], yes, no))
                }
                _ => None,
            }
        }
        // A number that is the same for all examples.
        Node::Read(..) if graph.axes(id).is_empty() => {
            ranges.find_all(graph, id);
            ranges.get(id).is_nonnegative().then(|| graph.map(Function::Sqrt, &[id]))
        }
        _ => None,
    }
}

/// Whether a factor moves no number out of the range of the squares.
fn is_moderate(graph: &Graph, id: NodeId) -> bool {
    match graph.node(id) {
        Node::Size(_) => true,
        Node::Number(bits) => (1e-3..=1e6).contains(&f64::from_bits(*bits)),
        _ => false,
    }
}

/// The sum with everything that is squared multiplied by a factor.
pub(super) fn scaled(graph: &mut Graph, id: NodeId, factor: NodeId) -> NodeId {
    match *graph.node(id) {
        Node::Reduce(Reduction::Sum, axis, body) => {
            let inner = scaled(graph, body, factor);
            return graph.reduce(Reduction::Sum, axis, inner);
        }
        Node::Map(function, of) => {
            let of = of.as_slice();
            match function {
                Function::Multiply if of[0] == of[1] => {
                    let base = graph.map(Function::Multiply, &[of[0], factor]);
                    return graph.map(Function::Multiply, &[base, base]);
                }
                Function::Multiply if is_constant(graph, of[0]) => {
                    let inner = scaled(graph, of[1], factor);
                    return graph.map(Function::Multiply, &[of[0], inner]);
                }
                Function::Multiply => {
                    if let Some(variance) = variance(graph, of[0], of[1]) {
                        let base = graph.map(Function::Multiply, &[of[1], factor]);
                        let quotient = graph.map(Function::Divide, &[base, variance]);
                        return graph.map(Function::Multiply, &[quotient, base]);
                    }
                }
                Function::Divide if is_constant(graph, of[1]) => {
                    let inner = scaled(graph, of[0], factor);
                    return graph.map(Function::Divide, &[inner, of[1]]);
                }
                Function::Add => {
                    let [a, b] = [0, 1].map(|at| scaled(graph, of[at], factor));
                    return graph.map(Function::Add, &[a, b]);
                }
                Function::Select => {
                    let [yes, no] = [1, 2].map(|at| scaled(graph, of[at], factor));
                    return graph.select(of[0], yes, no);
                }
                _ => {}
            }
        }
        _ => {}
    }
    match (graph.as_number(id), graph.as_number(factor)) {
        (Some(number), Some(factor)) => graph.number(number * factor * factor),
        _ => {
            let once = graph.map(Function::Multiply, &[id, factor]);
            graph.map(Function::Multiply, &[once, factor])
        }
    }
}

fn is_constant(graph: &Graph, id: NodeId) -> bool {
    matches!(graph.node(id), Node::Size(_) | Node::Number(_))
}
