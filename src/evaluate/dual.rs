//! Forward-mode derivatives: numbers that carry their derivatives along some directions come in and go out.
//!
//! The partial derivatives are closed forms in f64 that are written here for themselves, not those of
//! [`crate::builtins`], so that one is a test of the other. A direction along which an argument does not change is not
//! touched by that argument's partial derivative, however infinite that is, and a partial derivative of 0 passes
//! nothing on.

use std::cell::Cell;
use std::f64::consts::{FRAC_1_SQRT_2, LN_2, PI};

use super::arithmetic::Arithmetic;
use crate::builtins::{Function, Reduction};
use crate::graph::{Graph, Node, NodeId, Role};

/// How many directions a [`Dual`] has derivatives along.
pub const LANES: usize = 8;

/// Numbers closer to 0 may have lost digits on the way.
const SMALLEST: f64 = f64::MIN_POSITIVE * 1e16;

/// A number and its derivatives along [`LANES`] directions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dual {
    /// The number.
    pub value: f64,
    /// Its derivatives.
    pub slopes: [f64; LANES],
}

impl Dual {
    /// A number that does not change.
    #[must_use]
    pub fn constant(value: f64) -> Self {
        Self { value, slopes: [0.0; LANES] }
    }

    /// A number that is itself the direction of a lane.
    #[must_use]
    pub fn variable(value: f64, lane: usize) -> Self {
        let mut slopes = [0.0; LANES];
        slopes[lane] = 1.0;
        Self { value, slopes }
    }
}

/// The side of a `max` or `min` that is made only of numbers, params and sizes, where one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fixed {
    Neither,
    First,
    Second,
}

/// The arithmetic of [`Dual`] numbers.
#[derive(Clone, Debug)]
pub struct Duals {
    /// The side to which a tie goes, for every node.
    fixed: Vec<Fixed>,
    /// That of the node that is being computed.
    here: Cell<Fixed>,
    /// Whether derivatives are the sums of the absolute values along all paths.
    is_absolute: bool,
    /// Whether something has become too small for f64 that is not 0.
    has_underflowed: Cell<bool>,
}

impl Duals {
    /// For the nodes of a graph, with its conventions at ties.
    #[must_use]
    pub fn new(graph: &Graph, roots: &[NodeId]) -> Self {
        let mut is_fixed = vec![true; graph.len()];
        let mut fixed = vec![Fixed::Neither; graph.len()];
        for id in graph.reachable(roots) {
            let node = graph.node(id);
            let of = node.arguments();
            let is_read =
                matches!(node, Node::Read(input, _) if graph.input(*input).role != Role::Param);
            is_fixed[id.index()] = !is_read && of.iter().all(|argument| is_fixed[argument.index()]);
            if let Node::Map(Function::Max | Function::Min, _) = node {
                fixed[id.index()] = match (is_fixed[of[0].index()], is_fixed[of[1].index()]) {
                    (true, false) => Fixed::First,
                    (false, true) => Fixed::Second,
                    _ => Fixed::Neither,
                };
            }
        }
        Self {
            fixed,
            here: Cell::new(Fixed::Neither),
            is_absolute: false,
            has_underflowed: Cell::new(false),
        }
    }

    /// The same, but in place of a derivative, which is a sum over all paths from the input, comes the sum of the
    /// absolute values of its terms: times the unit roundoff, what rounding may do to the derivative.
    #[must_use]
    pub fn of_sizes(&self) -> Self {
        Self { is_absolute: true, ..self.clone() }
    }

    /// Whether something has become too small for f64 that is not 0, since this was last asked.
    pub fn take_underflow(&self) -> bool {
        self.has_underflowed.replace(false)
    }

    /// The derivatives of what changes by so much with each of its arguments.
    fn joined<'a>(&self, parts: impl Iterator<Item = (&'a Dual, f64)>) -> [f64; LANES] {
        let mut slopes = [0.0; LANES];
        for (argument, partial) in parts {
            let partial = if self.is_absolute { partial.abs() } else { partial };
            for (slope, own) in slopes.iter_mut().zip(argument.slopes) {
                if own != 0.0 && partial != 0.0 {
                    self.note(own * partial);
                    *slope += own * partial;
                }
            }
        }
        slopes
    }

    /// Takes notice of a number that is not 0 but may have become so small that digits are lost.
    fn note(&self, number: f64) {
        if number.abs() < SMALLEST {
            self.has_underflowed.set(true);
        }
    }

    /// An extremum, with the mean derivative of the elements that reach it.
    fn shared(&self, value: f64, elements: &[Dual]) -> Dual {
        let is_tied = |element: &&Dual| value.is_nan() || element.value == value;
        let ties = elements.iter().filter(is_tied);
        #[expect(clippy::cast_precision_loss, reason = "extents are far below 2^53")]
        let share = if value.is_nan() { value } else { 1.0 / ties.clone().count() as f64 };
        Dual { value, slopes: self.joined(ties.map(|element| (element, share))) }
    }

    /// What each of the two sides of a `max` or `min` passes on.
    fn shares(&self, first_wins: bool, second_wins: bool) -> [f64; 2] {
        match (first_wins, second_wins, self.here.get()) {
            (true, false, _) | (false, false, Fixed::First) => [1.0, 0.0],
            (false, true, _) | (false, false, Fixed::Second) => [0.0, 1.0],
            _ => [0.5, 0.5],
        }
    }
}

impl Arithmetic for Duals {
    type Number = Dual;

    fn enter(&self, node: NodeId) {
        self.here.set(self.fixed[node.index()]);
    }

    fn constant(&self, value: f64) -> Dual {
        Dual::constant(value)
    }

    fn nearest(&self, number: &Dual) -> f64 {
        number.value
    }

    fn less(&self, a: &Dual, b: &Dual) -> bool {
        a.value < b.value
    }

    fn equal(&self, a: &Dual, b: &Dual) -> bool {
        a.value == b.value
    }

    fn map(&self, function: Function, arguments: &[Dual]) -> Dual {
        let mut numbers = [0.0; 3];
        for (number, argument) in numbers.iter_mut().zip(arguments) {
            *number = argument.value;
        }
        let numbers = &numbers[..arguments.len()];
        let value = (function.row().reference)(numbers);
        if may_underflow(function)
            && numbers.iter().all(|number| *number != 0.0 && number.is_finite())
        {
            self.note(value);
        }
        let is_still = |argument: &Dual| argument.slopes == [0.0; LANES];
        if arguments.iter().all(is_still) {
            return Dual::constant(value);
        }
        let partials = match function {
            Function::Max => self.shares(numbers[0] > numbers[1], numbers[1] > numbers[0]),
            Function::Min => self.shares(numbers[0] < numbers[1], numbers[1] < numbers[0]),
            _ => partials(function, numbers, value),
        };
        Dual { value, slopes: self.joined(arguments.iter().zip(partials)) }
    }

    fn reduce(&self, reduction: Reduction, elements: &[Dual]) -> Dual {
        let value = |function: Function, first: f64| {
            let join = |a: f64, b: &Dual| (function.row().reference)(&[a, b.value]);
            elements.iter().fold(first, join)
        };
        match reduction {
            Reduction::Sum | Reduction::Any => {
                let sum = elements.iter().map(|element| element.value).sum::<f64>() + 0.0;
                Dual {
                    value: sum,
                    slopes: self.joined(elements.iter().map(|element| (element, 1.0))),
                }
            }
            Reduction::Product | Reduction::All => elements
                .iter()
                .fold(Dual::constant(1.0), |a, b| self.map(Function::Multiply, &[a, *b])),
            Reduction::Max => self.shared(value(Function::Max, f64::NEG_INFINITY), elements),
            Reduction::Min => self.shared(value(Function::Min, f64::INFINITY), elements),
            Reduction::LogSumExp => {
                let largest = value(Function::Max, f64::NEG_INFINITY);
                if largest.is_infinite() {
                    return self.shared(largest, elements);
                }
                let parts: Vec<f64> =
                    elements.iter().map(|element| (element.value - largest).exp()).collect();
                for part in &parts {
                    self.note(*part);
                }
                let sum: f64 = parts.iter().sum();
                let shares = parts.iter().map(|part| part / sum);
                Dual { value: largest + sum.ln(), slopes: self.joined(elements.iter().zip(shares)) }
            }
        }
    }
}

/// Whether the function of numbers other than 0 is never 0, but may be too small for f64.
fn may_underflow(function: Function) -> bool {
    matches!(
        function,
        Function::Multiply
            | Function::ZeroProduct
            | Function::Divide
            | Function::Power
            | Function::Exp
            | Function::Sigmoid
            | Function::Softplus
            | Function::Erfc
            | Function::NormalCdf
    )
}

/// The partial derivatives of a function in its first and second argument.
fn partials(function: Function, of: &[f64], y: f64) -> [f64; 2] {
    let (x, b) = (of[0], of.get(1).copied().unwrap_or(0.0));
    let one = |partial: f64| [partial, 0.0];
    match function {
        Function::Negate => one(-1.0),
        Function::Add => [1.0, 1.0],
        Function::Subtract => [1.0, -1.0],
        Function::Multiply | Function::ZeroProduct => [b, x],
        Function::Divide => [b.recip(), -(x / b) / b],
        Function::Power => power(x, b, y),
        Function::Abs => one(if x == 0.0 { 0.0 } else { 1.0_f64.copysign(x) }),
        Function::Sqrt => one(if x == 0.0 { 0.0 } else { 0.5 / x.sqrt() }),
        Function::Exp | Function::Expm1 => one(x.exp()),
        Function::Log => one(x.recip()),
        Function::Log1p => one((1.0 + x).recip()),
        Function::Log2 => one((x * LN_2).recip()),
        Function::Sigmoid => one(bell(x)),
        Function::Softplus => one((1.0 + (-x).exp()).recip()),
        Function::LogAddExp => [(1.0 + (b - x).exp()).recip(), (1.0 + (x - b).exp()).recip()],
        Function::Tanh => one(4.0 * bell(2.0 * x)),
        Function::LogCosh => one(x.tanh()),
        Function::Sin => one(x.cos()),
        Function::Cos => one(-x.sin()),
        Function::Atan => one(x.hypot(1.0).recip().powi(2)),
        Function::Erf => one(2.0 / PI.sqrt() * (-(x * x)).exp()),
        Function::Erfc => one(-2.0 / PI.sqrt() * (-(x * x)).exp()),
        Function::NormalCdf => one((-0.5 * x * x).exp() / (2.0 * PI).sqrt()),
        Function::LogNormalCdf => one(hazard(x)[0]),
        Function::InverseMills => one(-hazard(x)[0] * hazard(x)[1]),
        Function::Lgamma => one((Function::Digamma.row().reference)(&[x])),
        Function::Digamma => one((Function::Trigamma.row().reference)(&[x])),
        Function::Trigamma => one(tetragamma(x)),
        Function::Boxcox1p => boxcox1p(x, b),
        // Flat wherever they have a derivative, held constant, or no function of reals.
        Function::Sign
        | Function::Floor
        | Function::StopGradient
        | Function::Max
        | Function::Min
        | Function::Equal
        | Function::Less
        | Function::LessEqual
        | Function::And
        | Function::Or
        | Function::Not
        | Function::Select
        | Function::Real
        | Function::Missing => [0.0, 0.0],
    }
}

/// `a ^ b`: 0 in `a` where `b` is 0, and 0 in `b` where `a` is.
fn power(a: f64, b: f64, y: f64) -> [f64; 2] {
    let in_base = if b == 0.0 { 0.0 } else { b * a.powf(b - 1.0) };
    let in_exponent = if a == 0.0 || y == 0.0 { 0.0 } else { y * a.ln() };
    [in_base, in_exponent]
}

/// `exp(x) / (1 + exp(x))^2`
fn bell(x: f64) -> f64 {
    let e = (-x.abs()).exp();
    e / ((1.0 + e) * (1.0 + e))
}

/// The density of the normal distribution over its distribution function, and `x` more than that.
fn hazard(x: f64) -> [f64; 2] {
    if x > -10.0 {
        let density = (-(x * x) / 2.0).exp() / (2.0 * PI).sqrt();
        let hazard = density / (libm::erfc(-x * FRAC_1_SQRT_2) / 2.0);
        return [hazard, x + hazard];
    }
    // The inverse of Mills' ratio is the continued fraction t + 1/(t + 2/(t + 3/(t + ...))) (Laplace 1805).
    let t = -x;
    let rest = (2..100).rev().fold(t, |tail, k| t + f64::from(k) / tail).recip();
    [t + rest, rest]
}

/// The derivative of trigamma, by recurrence to x ≥ 10 and the asymptotic series (Abramowitz & Stegun 1964, 6.4.13),
/// and by reflection for x ≤ 0 (6.4.7).
fn tetragamma(x: f64) -> f64 {
    if x <= 0.0 {
        let (sin, cos) = (PI * x).sin_cos();
        return tetragamma(1.0 - x) - 2.0 * PI.powi(3) * cos / sin.powi(3);
    }
    let (mut x, mut shift) = (x, 0.0);
    while x < 10.0 {
        shift -= 2.0 / (x * x * x);
        x += 1.0;
    }
    let r = 1.0 / (x * x);
    let series = 0.5 - r * (1.0 / 6.0 - r * (1.0 / 6.0 - r * (0.3 - r * (5.0 / 6.0))));
    shift - r * (1.0 + 1.0 / x + r * series)
}

/// `((1 + x)^lambda - 1) / lambda`
fn boxcox1p(x: f64, lambda: f64) -> [f64; 2] {
    let log = x.ln_1p();
    let u = lambda * log;
    // (1 + (u - 1) exp(u)) / u^2 is the sum of u^k / (k! (k + 2)).
    let share = if u.abs() < 1.0 {
        let mut term = 1.0;
        (0..20).map(f64::from).fold(0.0, |sum, k| {
            let next = sum + term / (k + 2.0);
            term *= u / (k + 1.0);
            next
        })
    } else {
        (1.0 + (u - 1.0) * u.exp()) / (u * u)
    };
    [((lambda - 1.0) * log).exp(), log * log * share]
}
