//! The derivative of the batch mean by forward-mode dual numbers: a graph, a point and directions come in, the
//! derivatives and the values of the nodes that are watched go out.
//!
//! A second evaluation, in which every operation is off by a rounding error of random sign, tells how far rounding may
//! carry the result (Monte Carlo arithmetic: Parker 1997).

use std::cell::RefCell;

use crate::builtins::{Function, Reduction};
use crate::evaluate::{Arithmetic, Array, Dual, Duals, Environment, LANES, evaluate_in};
use crate::graph::{Graph, InputId, NodeId};
use crate::model::Model;

use super::random::Random;
use super::sample::Sample;

/// A loss of one example whose roots are evaluated.
pub(super) struct Subject {
    pub(super) graph: Graph,
    roots: Vec<NodeId>,
    has_per: bool,
    has_missing: bool,
    duals: Duals,
    sizes: Duals,
}

/// What came out at a point.
pub(super) struct Derived {
    /// The batch mean and its derivatives; where every example is missing it is NaN and has derivative 0.
    pub(super) mean: Dual,
    /// Whether something has become too small for f64 that is not 0.
    pub(super) has_underflowed: bool,
    /// Whether every example is missing.
    pub(super) is_missing: bool,
    /// The nodes that are watched, for one example after the other.
    pub(super) watched: Vec<Vec<Array<Dual>>>,
}

/// How a loss is evaluated.
#[derive(Clone, Copy, Debug)]
pub(super) enum Manner {
    /// As well as f64 can.
    Plainly,
    /// With rounding errors that are added: how large relatively, and the seed of their signs.
    Shaken(f64, u64),
    /// With the sums of the absolute values of all terms in place of the derivatives.
    Sizes,
}

impl Subject {
    /// The loss of a model, and nodes of its graph whose values are wanted too.
    pub(super) fn new(model: &Model, watched: &[NodeId]) -> Self {
        let mut roots = vec![model.value];
        roots.extend(model.per.into_iter().chain(model.missing));
        roots.extend(watched);
        let duals = Duals::new(&model.graph, &roots);
        Self {
            graph: model.graph.clone(),
            roots,
            has_per: model.per.is_some(),
            has_missing: model.missing.is_some(),
            sizes: duals.of_sizes(),
            duals,
        }
    }

    /// The derivatives of the batch mean in the elements of inputs that are listed, one a lane.
    pub(super) fn derive(
        &self,
        sample: &Sample,
        lanes: &[(InputId, usize)],
        manner: Manner,
    ) -> Derived {
        let mut sum = Dual::constant(0.0);
        let mut weight = Dual::constant(0.0);
        let (mut present, mut watched) = (0, Vec::with_capacity(sample.rows));
        let duals = if matches!(manner, Manner::Sizes) { &self.sizes } else { &self.duals };
        let add = |a: Dual, b: Dual| duals.reduce(Reduction::Sum, &[a, b]);
        duals.take_underflow();
        for row in 0..sample.rows {
            let environment = self.environment(sample, row, lanes);
            let mut arrays = match manner {
                Manner::Plainly | Manner::Sizes => {
                    evaluate_in(duals, &self.graph, &self.roots, &environment)
                }
                Manner::Shaken(size, seed) => {
                    let random = RefCell::new(Random::new(seed, row as u64));
                    let noisy = Noisy { duals, size, random };
                    evaluate_in(&noisy, &self.graph, &self.roots, &environment)
                }
            }
            .into_iter();
            let mut next = || arrays.next().expect("as many arrays as roots").data[0];
            let value = next();
            let per = if self.has_per { next() } else { Dual::constant(1.0) };
            if !self.has_missing || next().value == 0.0 {
                (sum, weight, present) = (add(sum, value), add(weight, per), present + 1);
            }
            watched.push(arrays.collect());
        }
        let mut mean = duals.map(Function::Divide, &[sum, weight]);
        if present == 0 {
            mean = Dual::constant(f64::NAN);
        }
        let has_underflowed = duals.take_underflow();
        Derived { mean, has_underflowed, is_missing: present == 0, watched }
    }

    /// What one example is evaluated with, its lanes seeded.
    fn environment(
        &self,
        sample: &Sample,
        row: usize,
        lanes: &[(InputId, usize)],
    ) -> Environment<Dual> {
        assert!(lanes.len() <= LANES, "one lane an element");
        let elements = |id: InputId| {
            let all = &sample.inputs[id.index()];
            let own = sample.row(&self.graph, id, row);
            let start = if own.len() == all.len() { 0 } else { row * own.len() };
            let mut duals: Vec<Dual> = own.iter().map(|value| Dual::constant(*value)).collect();
            for (lane, (_, at)) in lanes.iter().enumerate().filter(|(_, (of, _))| *of == id) {
                if let Some(dual) = at.checked_sub(start).and_then(|at| duals.get_mut(at)) {
                    dual.slopes[lane] = 1.0;
                }
            }
            duals
        };
        let inputs = self.graph.input_ids().map(elements).collect();
        Environment { extents: sample.extents.clone(), inputs }
    }
}

/// Dual numbers with a rounding error of random sign after every operation that may round.
struct Noisy<'a> {
    duals: &'a Duals,
    size: f64,
    random: RefCell<Random>,
}

impl Noisy<'_> {
    /// The result of an operation, with the error that it may have.
    fn shaken(&self, result: Dual, of: &[Dual]) -> Dual {
        // Of small whole numbers f64 makes whole numbers without an error.
        if is_whole(&result) && of.iter().all(is_whole) {
            return result;
        }
        let mut signs = self.random.borrow_mut().next();
        let mut factor = || {
            let up = signs & 1 == 1;
            signs >>= 1;
            if up { 1.0 + self.size } else { 1.0 - self.size }
        };
        Dual { value: result.value * factor(), slopes: result.slopes.map(|slope| slope * factor()) }
    }
}

fn is_whole(number: &Dual) -> bool {
    let is_whole = |part: f64| part == part.round() && part.abs() < 1e9;
    is_whole(number.value) && number.slopes.into_iter().all(is_whole)
}

impl Arithmetic for Noisy<'_> {
    type Number = Dual;

    fn enter(&self, node: NodeId) {
        self.duals.enter(node);
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
        let result = self.duals.map(function, arguments);
        match function {
            Function::Negate
            | Function::Abs
            | Function::Sign
            | Function::Floor
            | Function::Max
            | Function::Min
            | Function::StopGradient => result,
            _ => self.shaken(result, arguments),
        }
    }

    fn reduce(&self, reduction: Reduction, elements: &[Dual]) -> Dual {
        match reduction {
            Reduction::Max | Reduction::Min => self.duals.reduce(reduction, elements),
            Reduction::Sum | Reduction::Product if elements.len() < 2 => {
                self.duals.reduce(reduction, elements)
            }
            _ => {
                let shaken: Vec<Dual> =
                    elements.iter().map(|element| self.shaken(*element, &[])).collect();
                self.shaken(self.duals.reduce(reduction, &shaken), elements)
            }
        }
    }
}
