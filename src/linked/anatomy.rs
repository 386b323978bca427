//! What the entry of a linked loss is put together from: the passes over the examples and the numbers that
//! defaults and bounds come to, all of them defined in the object as local functions.

use cranelift_module::{FuncId, Linkage};

use super::describe::{Described, constant, describe, reads_arrays};
use crate::batch::Weighting;
use crate::chunk::Chunking;
use crate::compile::Chosen;
use crate::domain;
use crate::graph::{AxisId, Domain, ExtentId, Graph, InputId, InputKind, NodeId};
use crate::loops::{Accuracy, Array, ArrayRole, Operation, Precision, Program, Statement};
use crate::lower::{ArraySource, Output, Rounding, lower};
use crate::machine::{Machine, MachineError, ObjectWriter};
use crate::plan::{self, Length, Plan, Request, Source, stabilized};

/// Everything that the entry of a loss calls or goes by.
pub(super) struct Anatomy {
    pub(super) described: Described,
    pub(super) graph: Graph,
    pub(super) precision: Precision,
    /// How its examples are cut.
    pub(super) chunking: Chunking,
    /// The levels of CPUs that there is code for, as a call names them, the lowest first.
    pub(super) levels: Vec<u64>,
    /// What examples count for, without and with sample weights; none: how many there are.
    pub(super) weights: [Option<Pass>; 2],
    /// The values alone, without and with sample weights.
    pub(super) values: [Pass; 2],
    /// Values and gradients, without and with sample weights; none: there are no gradients.
    pub(super) gradients: Option<[Pass; 2]>,
    /// What each argument is when it is null.
    pub(super) defaults: Vec<Option<Filling>>,
    /// The bounds of each argument's domain.
    pub(super) bounds: Vec<Vec<Number>>,
}

/// One pass over the examples.
pub(super) struct Pass {
    pub(super) plan: Plan,
    /// Its code, for each level.
    pub(super) code: Vec<Code>,
}

/// The code of a pass.
pub(super) struct Code {
    /// Where all arrays are in memory.
    pub(super) full: FuncId,
    /// Where the arrays that default to one number are that number; none: there are no such arrays.
    pub(super) uniform: Option<FuncId>,
}

/// What an argument is when it is null.
pub(super) enum Filling {
    /// A number: of a scalar.
    Scalar(Number),
    /// A number in every place, for which the passes have code that reads it once.
    Uniform(Number),
    /// A number in every place, which must be written there.
    Filled(Number),
    /// An array over the argument's axes.
    Array(Computed),
}

/// A number that an expression comes to.
pub(super) enum Number {
    Constant(f64),
    Computed(Computed),
}

/// A local function that computes an expression in `f64`.
pub(super) struct Computed {
    pub(super) function: FuncId,
    /// Its arrays: inputs, which are scalars, or (none) the result.
    pub(super) arrays: Vec<Option<InputId>>,
    pub(super) extents: Vec<ExtentId>,
}

/// Defines all local functions of a loss.
///
/// # Errors
/// What stands in the way of linking it.
pub(super) fn define(
    object: &mut ObjectWriter,
    machines: &[Machine],
    chosen: &Chosen,
    precision: Precision,
    symbol: &str,
) -> Result<Anatomy, String> {
    let mut model = chosen.model.clone();
    let stable = stabilized(&mut model);
    let graph = &chosen.model.graph;
    let mut described = describe(chosen, precision, symbol.to_owned(), &[]);
    let wrt = described.gradients();
    let mut definer =
        Definer { object, machines, graph, symbol, uniform: Vec::new(), extents: Vec::new() };
    let defaults = definer.defaults(&described)?;
    definer.uniform = described
        .arguments
        .iter()
        .zip(&defaults)
        .filter(|(_, filling)| matches!(filling, Some(Filling::Uniform(_))))
        .map(|(id, _)| *id)
        .collect();
    let bounds = definer.bounds(chosen, &described)?;
    let [plain, weighted] =
        [false, true].map(|sample_weights| Weighting { sample_weights, upstream: false });
    let mut pass = |name: &str, request: Request| {
        definer
            .pass(name, |is_fused| plan::plan(&model.graph, &stable, &request, precision, is_fused))
    };
    let has_weights = stable.per.is_some() || stable.missing.is_some();
    let mut weights = |name: &str, weighting| pass(name, Request::Weights(weighting));
    let without = has_weights.then(|| weights("weights", plain)).transpose()?;
    let weights = [without, Some(weights("weights_weighted", weighted)?)];
    let mut values = |name: &str, gradients: &[InputId]| {
        let request =
            |weighting| Request::Values { each: true, gradients: gradients.to_vec(), weighting };
        let without = pass(name, request(plain))?;
        let with = pass(&format!("{name}_weighted"), request(weighted))?;
        Ok::<_, String>([without, with])
    };
    let gradients = match wrt.as_slice() {
        [] => None,
        _ => Some(values("gradients", &wrt)?),
    };
    let values = values("values", &[])?;
    let all = weights.iter().flatten().chain(&values).chain(gradients.iter().flatten());
    let mut extents: Vec<ExtentId> = definer.extents;
    for pass in all {
        extents.extend(pass.plan.extents.iter().filter_map(given));
    }
    let chunking = Chunking::of(graph, chosen.model.value);
    extents.extend(chunking.arrays.iter().chain(&chunking.shared).flatten().filter_map(given));
    described = describe(chosen, precision, symbol.to_owned(), &extents);
    let levels = machines.iter().map(|machine| machine.level() as u64).collect();
    let graph = graph.clone();
    Ok(Anatomy {
        described,
        graph,
        precision,
        chunking,
        levels,
        weights,
        values,
        gradients,
        defaults,
        bounds,
    })
}

fn given(length: &Length) -> Option<ExtentId> {
    match length {
        Length::Given(extent) => Some(*extent),
        Length::Literal(_) | Length::Batch => None,
    }
}

struct Definer<'d> {
    object: &'d mut ObjectWriter,
    machines: &'d [Machine],
    graph: &'d Graph,
    symbol: &'d str,
    /// The inputs that default to one number in every place.
    uniform: Vec<InputId>,
    /// The extents that expressions go by.
    extents: Vec<ExtentId>,
}

impl Definer<'_> {
    /// The code of a pass: for every level, and where arrays have their defaults.
    ///
    /// Plans for machines that fuse multiplication and addition, and for others, differ in nothing but their statements.
    fn pass(
        &mut self,
        name: &str,
        plan: impl Fn(bool) -> Result<Plan, String>,
    ) -> Result<Pass, String> {
        let mut code = Vec::new();
        let mut plans = [None, None];
        for machine in self.machines {
            let is_fused = machine.fuses();
            let plan = match &mut plans[usize::from(is_fused)] {
                Some(plan) => plan,
                place => place.insert(plan(is_fused)?),
            };
            let symbol = format!("{}_{name}_{}", self.symbol, machine.level() as u64);
            let mut write = |symbol: &str, program: &Program| {
                self.object.program(machine, symbol, program, Linkage::Local).map_err(told)
            };
            let full = write(&symbol, &plan.program)?;
            let uniform = match one_element_each(plan, &self.uniform) {
                Some(program) => Some(write(&format!("{symbol}_uniform"), &program)?),
                None => None,
            };
            code.push(Code { full, uniform });
        }
        let plan = plans.into_iter().flatten().next().expect("code is for some machine");
        Ok(Pass { plan, code })
    }

    fn defaults(&mut self, described: &Described) -> Result<Vec<Option<Filling>>, String> {
        let graph = self.graph;
        let fill = |id: &InputId| {
            let input = graph.input(*id);
            let Some(node) = input.default.filter(|node| !reads_arrays(graph, *node)) else {
                return Ok(None);
            };
            if matches!(input.kind, InputKind::Index { .. }) {
                return Ok(None);
            }
            let name = format!("default_{}", input.name);
            if graph.axes(node).iter().next().is_some() {
                return Ok(Some(Filling::Array(self.computed(&name, node, &input.axes)?)));
            }
            let number = self.number(&name, node)?;
            Ok(Some(match input.domain {
                _ if input.axes.is_empty() => Filling::Scalar(number),
                // Whether equal numbers sum to 1 depends on how many there are.
                Some(Domain::Simplex) => Filling::Filled(number),
                _ => Filling::Uniform(number),
            }))
        };
        described.arguments.iter().map(fill).collect()
    }

    fn bounds(
        &mut self,
        chosen: &Chosen,
        described: &Described,
    ) -> Result<Vec<Vec<Number>>, String> {
        let graph = self.graph;
        let bounds =
            |id: InputId| graph.input(id).domain.as_ref().map_or_else(Vec::new, domain::bounds);
        for (id, value) in &chosen.frozen {
            if bounds(*id).iter().any(|node| constant(graph, *node).is_none()) {
                let name = &graph.input(*id).name;
                return Err(format!(
                    "`{name}` cannot be frozen at {value} in linked code: its domain depends on what a call gives"
                ));
            }
        }
        let number = |(id, nodes): (&InputId, Vec<NodeId>)| {
            let name = &graph.input(*id).name;
            if nodes.iter().any(|node| reads_arrays(graph, *node)) {
                return Err(format!(
                    "the domain of `{name}` depends on elements of an array, which linked code cannot test"
                ));
            }
            let numbered = nodes.into_iter().enumerate();
            numbered.map(|(at, node)| self.number(&format!("bound_{name}_{at}"), node)).collect()
        };
        described.arguments.iter().map(|id| (id, bounds(*id))).map(number).collect()
    }

    fn number(&mut self, name: &str, node: NodeId) -> Result<Number, String> {
        match constant(self.graph, node) {
            Some(number) => Ok(Number::Constant(number)),
            None => Ok(Number::Computed(self.computed(name, node, &[])?)),
        }
    }

    /// A local function for an expression, in plain code: it runs once a call.
    fn computed(&mut self, name: &str, node: NodeId, axes: &[AxisId]) -> Result<Computed, String> {
        let machine = self.object.machine().clone();
        let output = Output { name: name.to_owned(), node, axes: axes.to_vec() };
        let mut graph = self.graph.clone();
        let rounding = Rounding {
            precision: Precision::F64,
            is_fused: machine.fuses(),
            accuracy: Accuracy::Exact,
        };
        let lowered = lower(&mut graph, &[output], rounding);
        let symbol = format!("{}_{name}", self.symbol);
        let array = |source: &ArraySource| match source {
            ArraySource::Input(id) => Ok(Some(*id)),
            ArraySource::Output(_) => Ok(None),
            ArraySource::Temporary => {
                Err(format!("`{}` is too intricate for linked code", name.replacen('_', " of ", 1)))
            }
        };
        let arrays = lowered.arrays.iter().map(array).collect::<Result<_, _>>()?;
        let function = self
            .object
            .program(&machine, &symbol, &lowered.program, Linkage::Local)
            .map_err(told)?;
        self.extents.extend(&lowered.extents);
        Ok(Computed { function, arrays, extents: lowered.extents })
    }
}

/// The program in which some inputs have one element, which is read for all; none: it reads none of them.
fn one_element_each(plan: &Plan, inputs: &[InputId]) -> Option<Program> {
    let chosen: Vec<bool> = plan
        .arrays
        .iter()
        .map(|array| matches!(array.source, Source::Input(id) if inputs.contains(&id)))
        .collect();
    if !chosen.contains(&true) {
        return None;
    }
    let mut program = plan.program.clone();
    for (Array { extents, role, .. }, chosen) in program.arrays.iter_mut().zip(&chosen) {
        if *chosen {
            debug_assert_eq!(*role, ArrayRole::Input, "only inputs have defaults");
            extents.clear();
        }
    }
    let mut open = vec![&mut program.body];
    while let Some(body) = open.pop() {
        for statement in body {
            match statement {
                Statement::Let(_, Operation::Load(array, subscripts))
                    if chosen[array.0 as usize] =>
                {
                    subscripts.clear();
                }
                Statement::Let(..) | Statement::Store { .. } | Statement::Product(_) => {}
                Statement::Loop(inner) => open.push(&mut inner.body),
            }
        }
    }
    Some(program)
}

#[expect(clippy::needless_pass_by_value, reason = "what `map_err` hands over")]
fn told(error: MachineError) -> String {
    error.to_string()
}
