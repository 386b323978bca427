//! The passes from a checked loss to a program, in order: in come a stabilized loss and what a call asks
//! of it, out goes the program that gives it, with what each of its arrays and extents stands for.
//!
//! What runs the program, in this process or in an object, is no concern of this file.

mod accuracy;
mod nan;
mod work;

use crate::batch::{
    Batched, Derivative, Extra, Part, Root, Roots, Weighting, batch, batch_weights,
};
use crate::differentiate::{Gradient, differentiate};
use crate::graph::{
    AXIS_LIMIT, AxisId, Extent, ExtentId, Graph, InputId, NODE_LIMIT, Node, NodeId,
};
use crate::loops::{self, Precision, Program};
use crate::lower::{ArraySource, Lowered, Output, Rounding, explain, lower};
use crate::model::Model;
use crate::rewrite::{simplify, stabilize};
use accuracy::accuracy;
use nan::keep_nan;
pub(crate) use work::Work;

/// A combination of results that a call can ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// What each example counts for in the mean.
    Weights(Weighting),
    /// The total of the values, and some gradients.
    Values {
        /// Whether the value of each example is asked for.
        each: bool,
        /// Which gradients, in the order of declaration.
        gradients: Vec<InputId>,
        /// Which further inputs there are.
        weighting: Weighting,
    },
}

/// A program and what it is called with.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// What computes.
    pub(crate) program: Program,
    /// Its arrays, in order.
    pub(crate) arrays: Vec<Array>,
    /// Its extents, in order.
    pub(crate) extents: Vec<Length>,
    /// How much it does.
    pub(crate) work: Work,
}

/// An array of a program.
#[derive(Clone, Debug)]
pub(crate) struct Array {
    /// Where it comes from or goes to.
    pub(crate) source: Source,
    /// How long each axis is, outermost first.
    pub(crate) lengths: Vec<Length>,
}

/// Where an array comes from or goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// An input of the loss.
    Input(InputId),
    /// An input that the batch brings in.
    Extra(Extra),
    /// A result.
    Output(Part),
    /// Scratch memory.
    Temporary,
}

/// How long an axis of a program is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    /// As the file says.
    Literal(usize),
    /// As the arrays of the call say.
    Given(ExtentId),
    /// How many examples this run has.
    Batch,
}

/// The roots of a model brought into forms that neither overflow nor cancel: further nodes of its graph.
pub(crate) fn stabilized(model: &mut Model) -> Roots {
    let mut all = vec![model.value];
    all.extend(model.per.into_iter().chain(model.missing));
    stabilize(&mut model.graph, &mut all);
    let mut all = all.into_iter();
    Roots {
        value: all.next().expect("the value is the first root"),
        per: model.per.and_then(|_| all.next()),
        missing: model.missing.and_then(|_| all.next()),
        gradients: Vec::new(),
    }
}

/// The passes from a stabilized loss to a program, one a line.
///
/// # Errors
/// If the loss becomes too large.
pub(crate) fn plan(
    graph: &Graph,
    stable: &Roots,
    request: &Request,
    precision: Precision,
    fused: bool,
) -> Result<Plan, String> {
    let (batched, lowered) = lowered(graph, stable, request, precision, fused)?;
    Ok(name_arrays(&batched, lowered))
}

/// The program that [`plan`] makes as text, with what is stored in it and why.
///
/// # Errors
/// If the loss becomes too large.
pub(crate) fn explained(
    graph: &Graph,
    stable: &Roots,
    request: &Request,
    precision: Precision,
    fused: bool,
) -> Result<String, String> {
    let (batched, lowered) = lowered(graph, stable, request, precision, fused)?;
    Ok(explain(&batched.graph, &lowered))
}

fn lowered(
    graph: &Graph,
    stable: &Roots,
    request: &Request,
    precision: Precision,
    fused: bool,
) -> Result<(Batched, Lowered), String> {
    let mut graph = graph.clone();
    let gradients = match request {
        Request::Values { gradients, .. } => gradients.as_slice(),
        Request::Weights(_) => &[],
    };
    let mut roots = derive(&mut graph, stable, gradients);
    if let Request::Weights(_) = request {
        // What examples count for has nothing to do with their values.
        roots.value = graph.number(0.0);
    }
    tidy(&mut graph, &mut roots);
    keep_nan(&mut graph, &mut roots);
    within_limits(&graph)?;
    let accuracy = accuracy(&graph, roots.value);
    let mut batched = batch_request(graph, &roots, request)?;
    let outputs = outputs(&batched);
    let rounding = Rounding { precision, is_fused: fused, accuracy };
    let lowered = lower(&mut batched.graph, &outputs, rounding);
    within_limits(&batched.graph)?;
    countable(&batched.graph, precision)?;
    Ok((batched, lowered))
}

/// Makes sure that code in a precision, whose integers are as wide, can count along every axis.
fn countable(graph: &Graph, precision: Precision) -> Result<(), String> {
    let is_too_long = |extent: &Extent| match extent {
        Extent::Literal(length) => precision == Precision::F32 && i32::try_from(*length).is_err(),
        Extent::Named(_) => false,
    };
    match graph.extent_ids().map(|id| graph.extent(id)).find(|extent| is_too_long(extent)) {
        Some(extent) => {
            Err(format!("an axis of {extent} elements is longer than f32 code can count: use f64"))
        }
        None => Ok(()),
    }
}

/// The value and its derivatives as roots of one graph.
fn derive(graph: &mut Graph, stable: &Roots, wrt: &[InputId]) -> Roots {
    let gradients = differentiate(graph, stable.value, wrt);
    let derivatives = wrt.iter().zip(gradients).map(|(input, gradient)| {
        let reads = |per: &NodeId| {
            let needed = graph.reachable(&[*per]);
            needed.iter().any(|id| matches!(graph.node(*id), Node::Read(read, _) if read == input))
        };
        let per = stable.per.filter(reads).map(|per| {
            let mut gradients = differentiate(graph, per, std::slice::from_ref(input));
            let of_per = gradients.pop().expect("one gradient an input");
            along(graph, &of_per, &gradient.axes)
        });
        Derivative { input: *input, node: gradient.node, per, axes: gradient.axes.clone() }
    });
    let gradients = derivatives.collect();
    Roots { gradients, ..stable.clone() }
}

/// A gradient with other axes standing for those of the input.
fn along(graph: &mut Graph, gradient: &Gradient, axes: &[AxisId]) -> NodeId {
    let changed: Vec<_> = gradient
        .axes
        .iter()
        .zip(axes)
        .filter(|(from, to)| from != to)
        .map(|(from, to)| (*from, graph.intern(Node::Index(*to))))
        .collect();
    graph.substitute(gradient.node, &changed)
}

/// Stabilizes and simplifies all roots together.
fn tidy(graph: &mut Graph, roots: &mut Roots) {
    let mut all = vec![roots.value];
    all.extend(roots.per.into_iter().chain(roots.missing));
    all.extend(roots.gradients.iter().flat_map(|it| [Some(it.node), it.per]).flatten());
    stabilize(graph, &mut all);
    simplify(graph, &mut all);
    let mut all = all.into_iter();
    let mut next = || all.next().expect("as many roots as before");
    roots.value = next();
    roots.per = roots.per.map(|_| next());
    roots.missing = roots.missing.map(|_| next());
    for gradient in &mut roots.gradients {
        gradient.node = next();
        gradient.per = gradient.per.map(|_| next());
    }
}

fn batch_request(graph: Graph, roots: &Roots, request: &Request) -> Result<Batched, String> {
    match request {
        Request::Values { each, weighting, .. } => Ok(batch(graph, roots, *weighting, *each)),
        Request::Weights(weighting) => batch_weights(graph, roots, *weighting)
            .ok_or_else(|| "every example counts for 1".to_owned()),
    }
}

fn outputs(batched: &Batched) -> Vec<Output> {
    let name = |part| match part {
        Part::Values => "values".to_owned(),
        Part::Total => "total".to_owned(),
        Part::Gradient(id) => format!("gradient.{}", batched.graph.input(id).name),
    };
    let output =
        |root: &Root| Output { name: name(root.part), node: root.node, axes: root.axes.clone() };
    batched.roots.iter().map(output).collect()
}

fn within_limits(graph: &Graph) -> Result<(), String> {
    if graph.is_within_limits() {
        return Ok(());
    }
    Err(format!(
        "the loss is too large: with its derivative it has {} expressions and {} axes, and {NODE_LIMIT} and {AXIS_LIMIT} are possible",
        graph.len(),
        graph.axis_ids().count()
    ))
}

/// Names the arrays and extents of a program as a call knows them.
fn name_arrays(batched: &Batched, lowered: Lowered) -> Plan {
    let graph = &batched.graph;
    let length = |extent| match graph.extent(extent) {
        _ if extent == batched.batch => Length::Batch,
        Extent::Literal(length) => Length::Literal(*length as usize),
        Extent::Named(_) => Length::Given(extent),
    };
    let extents: Vec<Length> = lowered.extents.iter().map(|extent| length(*extent)).collect();
    let arrays = lowered.arrays.iter().zip(&lowered.program.arrays).map(|(source, array)| Array {
        source: match source {
            ArraySource::Input(id) => {
                let extra = batched.extras.iter().find(|(extra, _)| extra == id);
                extra.map_or(Source::Input(*id), |(_, extra)| Source::Extra(*extra))
            }
            ArraySource::Output(place) => Source::Output(batched.roots[*place].part),
            ArraySource::Temporary => Source::Temporary,
        },
        lengths: array
            .extents
            .iter()
            .map(|extent| match extent {
                loops::Extent::Literal(length) => Length::Literal(*length as usize),
                loops::Extent::Given(id) => extents[id.0 as usize],
            })
            .collect(),
    });
    let arrays = arrays.collect();
    let work = Work::of(&lowered.program, &extents);
    Plan { program: lowered.program, arrays, extents, work }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Source as Text, check};
    use crate::graph::{InputKind, Role};
    use crate::loops::validate;
    use crate::lower::{Known, for_lengths};

    #[test]
    fn every_shipped_loss_has_a_valid_program_for_each_short_length() {
        for shipped in crate::library::LOSSES {
            let checked = check(&Text::Library(shipped.name.to_owned())).expect("it is right");
            for mut model in checked.models {
                let reals = |id: &InputId| {
                    let input = model.graph.input(*id);
                    input.role == Role::Pred && matches!(input.kind, InputKind::Real)
                };
                let gradients: Vec<_> = model.graph.input_ids().filter(reals).collect();
                let weighting = Weighting::default();
                let request = Request::Values { each: false, gradients, weighting };
                let stable = stabilized(&mut model);
                let plan = plan(&model.graph, &stable, &request, Precision::F32, true);
                let plan = plan.expect("it is small");
                for length in (2..=16).chain([17]) {
                    let known = |it: &Length| match it {
                        Length::Given(_) if length > 16 => Known::Long,
                        Length::Given(_) => Known::Length(length),
                        Length::Literal(_) | Length::Batch => Known::Nothing,
                    };
                    let known: Vec<_> = plan.extents.iter().map(known).collect();
                    let program = for_lengths(&plan.program, &known);
                    validate(&program).unwrap_or_else(|error| {
                        panic!("{} of {length}: {error}\n{program}", model.name)
                    });
                }
            }
        }
    }
}
