//! Dual numbers against central differences, for every function of the table, and at kinks.

use super::{Arithmetic, Dual, Duals, Environment, evaluate_in};
use crate::builtins::{FUNCTIONS, Function, FunctionRow, Reduction};
use crate::graph::world::World;
use crate::graph::{Graph, Role};

/// The functions whose arguments or results are truth values or indices, and what is held constant.
const DISCRETE: &[Function] = &[
    Function::StopGradient,
    Function::Equal,
    Function::Less,
    Function::LessEqual,
    Function::And,
    Function::Or,
    Function::Not,
    Function::Select,
    Function::Real,
    Function::Missing,
];

const POINTS: &[f64] = &[
    -25.3, -11.7, -6.6, -3.4, -1.7, -0.8, -0.3, -1e-3, 1e-3, 0.07, 0.4, 0.9, 1.3, 2.6, 4.4, 9.2,
    11.5, 30.1,
];

fn duals() -> Duals {
    Duals::new(&Graph::default(), &[])
}

/// The derivative by central differences of eighth order in the step and of several steps, and how far those are apart.
fn difference(value: impl Fn(f64) -> f64, x: f64) -> (f64, f64) {
    let central = |h: f64| (value(x + h) - value(x - h)) / ((x + h) - (x - h));
    let extrapolated = |h: f64| {
        let mut table: Vec<f64> = (0..4).map(|k| central(h / f64::from(1 << k))).collect();
        for order in 1..4 {
            let factor = f64::from(1 << (2 * order));
            for k in 0..4 - order {
                table[k] = (factor * table[k + 1] - table[k]) / (factor - 1.0);
            }
        }
        table[0]
    };
    let scale = x.abs().min(1.0);
    let steps = [0.2, 0.1, 0.05, 0.025, 0.01].map(|h| extrapolated(h * scale));
    let apart = |k: usize| (steps[k] - steps[k + 1]).abs();
    let best = (0..4).min_by(|a, b| apart(*a).total_cmp(&apart(*b))).unwrap();
    (steps[best], apart(best))
}

fn compare(row: &FunctionRow, at: &[f64]) -> usize {
    let arguments: Vec<Dual> =
        at.iter().enumerate().map(|(lane, x)| Dual::variable(*x, lane)).collect();
    let got = duals().map(row.function, &arguments);
    assert_eq!(got.value.to_bits(), (row.reference)(at).to_bits(), "{} at {at:?}", row.name);
    let mut compared = 0;
    for lane in 0..at.len() {
        let value = |x: f64| {
            let mut at = at.to_vec();
            at[lane] = x;
            (row.reference)(&at)
        };
        let (want, doubt) = difference(value, at[lane]);
        let is_clear = doubt <= 1e-7 * want.abs() && want.abs() > 1e-5 * got.value.abs();
        if got.value.is_finite() && want.is_finite() && is_clear {
            compared += 1;
            let slope = got.slopes[lane];
            assert!(
                (slope - want).abs() <= 1e-6 * want.abs(),
                "{} at {at:?} in {lane}: {slope}, but {want} by differences",
                row.name
            );
        }
    }
    compared
}

#[test]
fn every_function_of_the_table_agrees_with_central_differences() {
    for row in FUNCTIONS.iter().filter(|row| !DISCRETE.contains(&row.function)) {
        let mut compared = 0;
        for x in POINTS {
            if row.arguments.len() == 1 {
                compared += compare(row, &[*x]);
                continue;
            }
            for b in POINTS {
                compared += compare(row, &[*x, *b + 0.01]);
            }
        }
        if !matches!(row.function, Function::Sign | Function::Floor) {
            let least = if row.arguments.len() == 1 { 8 } else { 250 };
            assert!(compared >= least, "{} was compared at {compared} points", row.name);
        }
    }
}

#[test]
fn kinks_have_their_stated_derivative() {
    let slope =
        |function: Function, at: f64| duals().map(function, &[Dual::variable(at, 0)]).slopes[0];
    for (function, at, want) in [
        (Function::Abs, 0.0, 0.0),
        (Function::Abs, -2.0, -1.0),
        (Function::Sqrt, 0.0, 0.0),
        (Function::Sign, 0.0, 0.0),
        (Function::Floor, 2.0, 0.0),
        (Function::StopGradient, 2.0, 0.0),
    ] {
        assert_eq!(slope(function, at), want, "{function:?} at {at}");
    }
    let tied = [Dual::variable(2.0, 0), Dual::variable(2.0, 1), Dual::variable(1.0, 2)];
    for function in [Function::Max, Function::Min] {
        assert_eq!(duals().map(function, &tied[..2]).slopes[..2], [0.5, 0.5], "{function:?}");
    }
    assert_eq!(duals().reduce(Reduction::Max, &tied).slopes[..3], [0.5, 0.5, 0.0]);
    assert_eq!(duals().reduce(Reduction::Min, &tied).slopes[..3], [0.0, 0.0, 1.0]);
    // What does not change along a direction does nothing there, however steep it is.
    let steep = duals().map(Function::Power, &[Dual::constant(0.0), Dual::variable(0.5, 0)]);
    assert_eq!(steep, Dual::constant(0.0));
    let zeros = [Dual::variable(0.0, 0), Dual::variable(0.0, 1), Dual::variable(3.0, 2)];
    assert_eq!(duals().reduce(Reduction::Product, &zeros[1..]).slopes[..3], [0.0, 3.0, 0.0]);
}

#[test]
fn a_tie_goes_to_the_side_made_of_params() {
    let mut world = World::new();
    let (x_input, x) = world.scalar("x", Role::Pred);
    let (margin_input, margin) = world.scalar("margin", Role::Param);
    for (arguments, want) in
        [([x, margin], [0.0, 1.0]), ([margin, x], [0.0, 1.0]), ([x, x], [1.0, 0.0])]
    {
        for function in [Function::Max, Function::Min] {
            let root = world.graph.map(function, &arguments);
            let mut environment = Environment { extents: vec![1], inputs: vec![Vec::new(); 2] };
            environment.inputs[x_input.index()] = vec![Dual::variable(1.0, 0)];
            environment.inputs[margin_input.index()] = vec![Dual::variable(1.0, 1)];
            let duals = Duals::new(&world.graph, &[root]);
            let got = &evaluate_in(&duals, &world.graph, &[root], &environment)[0].data[0];
            assert_eq!(got.slopes[..2], want, "{function:?} {arguments:?}");
        }
    }
}
