//! Roots of sums of squares that neither overflow nor vanish on the way.
//!
//! In comes the argument of a square root, in words that the machine has. Where it is made of squares, they are
//! scaled by a power of two, which loses nothing, if the largest of them might overflow or the smallest count for
//! nothing; the root is scaled back. In between, where nearly all numbers lie, the factor is 1.

use crate::builtins::{Function, Reduction};
use crate::graph::{Graph, Node, NodeId};
use crate::loops::Precision;

/// Roots between these need no scaling; by how many powers of two others are scaled.
struct Scales {
    small: f64,
    large: f64,
    power: i32,
}

/// The square root of an argument; none, if it is no sum of squares.
pub(super) fn root(graph: &mut Graph, precision: Precision, argument: NodeId) -> Option<NodeId> {
    let is_sum = matches!(
        graph.node(argument),
        Node::Map(Function::Add | Function::Divide | Function::Multiply, _)
            | Node::Reduce(Reduction::Sum, ..)
    );
    let size = is_sum.then(|| size(graph, argument)).flatten()?;
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

/// The first number where the size is small, the second where it is large, else 1.
fn choice(graph: &mut Graph, size: NodeId, scales: &Scales, [small, large]: [f64; 2]) -> NodeId {
    let [least, most] = [scales.small, scales.large].map(|bound| graph.number(bound));
    let [small, large, one] = [small, large, 1.0].map(|number| graph.number(number));
    let is_small = graph.map(Function::Less, &[size, least]);
    let is_large = graph.map(Function::Less, &[most, size]);
    let other = graph.select(is_large, large, one);
    graph.select(is_small, small, other)
}

/// About how large the root is: the largest of what is squared.
fn size(graph: &mut Graph, id: NodeId) -> Option<NodeId> {
    match *graph.node(id) {
        Node::Number(bits) => {
            let number = f64::from_bits(bits);
            (number >= 0.0).then(|| graph.number(number.sqrt()))
        }
        Node::Reduce(Reduction::Sum, axis, body) => {
            let inner = size(graph, body)?;
            Some(graph.reduce(Reduction::Max, axis, inner))
        }
        Node::Map(function, of) => {
            let of = of.as_slice();
            match function {
                Function::Multiply if of[0] == of[1] => Some(graph.map(Function::Abs, &[of[0]])),
                Function::Multiply if is_moderate(graph, of[0]) => size(graph, of[1]),
                Function::Divide if is_moderate(graph, of[1]) => size(graph, of[0]),
                Function::Add => {
                    let (a, b) = (size(graph, of[0])?, size(graph, of[1])?);
                    Some(graph.map(Function::Max, &[a, b]))
                }
                Function::Select => {
                    let (yes, no) = (size(graph, of[1])?, size(graph, of[2])?);
                    Some(graph.select(of[0], yes, no))
                }
                _ => None,
            }
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
fn scaled(graph: &mut Graph, id: NodeId, factor: NodeId) -> NodeId {
    match *graph.node(id) {
        Node::Reduce(Reduction::Sum, axis, body) => {
            let inner = scaled(graph, body, factor);
            graph.reduce(Reduction::Sum, axis, inner)
        }
        Node::Map(function, of) => {
            let of = of.as_slice();
            match function {
                Function::Multiply if of[0] == of[1] => {
                    let base = graph.map(Function::Multiply, &[of[0], factor]);
                    graph.map(Function::Multiply, &[base, base])
                }
                Function::Multiply => {
                    let inner = scaled(graph, of[1], factor);
                    graph.map(Function::Multiply, &[of[0], inner])
                }
                Function::Divide => {
                    let inner = scaled(graph, of[0], factor);
                    graph.map(Function::Divide, &[inner, of[1]])
                }
                Function::Add => {
                    let [a, b] = [0, 1].map(|at| scaled(graph, of[at], factor));
                    graph.map(Function::Add, &[a, b])
                }
                Function::Select => {
                    let [yes, no] = [1, 2].map(|at| scaled(graph, of[at], factor));
                    graph.select(of[0], yes, no)
                }
                _ => unreachable!("its size was found"),
            }
        }
        _ => {
            let once = graph.map(Function::Multiply, &[id, factor]);
            graph.map(Function::Multiply, &[once, factor])
        }
    }
}
