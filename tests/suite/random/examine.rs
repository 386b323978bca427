//! Runs a random program on every target and tells what differs.

use lossc::call::{Element, Loss, Reduction};
use lossc::check::{Source, check};
use lossc::compile::{CompileError, Compiler, Target};
use lossc::diagnostic::Code;
use lossc::evaluate::{Environment, evaluate};
use lossc::model::Model;

use super::data::{Bound, Sample, bind, converted, draw, extents, spoil};
use super::program::Program;
use super::reprint::against_print;
use super::tape::Random;

const TARGETS: [Target; 3] = [Target::Interpreter, Target::NativeScalar, Target::Native];

/// What was compared.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    /// Values compared with the plain evaluator.
    pub(super) values: usize,
    /// Derivatives compared with differences.
    pub(super) slopes: usize,
    /// Derivatives at kinks, or where differences tell nothing.
    pub(super) skipped: usize,
}

impl Counts {
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            values: self.values + other.values,
            slopes: self.slopes + other.slopes,
            skipped: self.skipped + other.skipped,
        }
    }
}

/// The last loss of a text; none: it is too large.
pub(super) fn model_of(text: &str) -> Result<Option<Model>, String> {
    match check(&Source::Text { name: "test.loss".into(), text: text.into() }) {
        Ok(checked) => Ok(checked.models.into_iter().next_back()),
        Err(failure) => {
            if failure.diagnostics.iter().any(|it| it.code == Code::GraphTooLarge) {
                return Ok(None);
            }
            Err(format!("refused: {failure}"))
        }
    }
}

/// Everything that must hold of a program.
pub(super) fn examine(program: &Program) -> Result<Counts, String> {
    let Some(model) = model_of(&program.text)? else { return Ok(Counts::default()) };
    let extents = extents(&model, program);
    let mut samples = draw(&model, &extents, program.examples, program.seed);
    let smooth: Vec<&str> =
        samples.iter().filter(|it| it.smooth).map(|it| it.name.as_str()).collect();
    let wrt: Vec<String> = smooth.iter().map(|name| (*name).to_owned()).collect();
    let compiler =
        if program.choice.is_multiple_of(3) { Compiler::new().wrt(wrt) } else { Compiler::new() };
    let Some(native) = compile::<f64>(&compiler, &model)? else { return Ok(Counts::default()) };
    let mut counts = Counts::default();
    if program.evaluated {
        counts.values = against_evaluator(program, &native, &samples, &extents)?;
    }
    if program.differentiable && program.evaluated {
        against_differences(program, &native, &samples, &mut counts)?;
    }
    if (program.choice / 512).is_multiple_of(2) {
        against_print(&model, &extents, &row(&samples, 0))?;
    }
    if (program.choice / 16).is_multiple_of(4) {
        spoil(&mut samples, program.seed);
    }
    against_targets::<f64>(program, &compiler, &model, &samples)?;
    against_targets::<f32>(program, &compiler, &model, &samples)?;
    Ok(counts)
}

fn compile<T: Element>(compiler: &Compiler, model: &Model) -> Result<Option<Loss<T>>, String> {
    match compiler.model::<T>(model) {
        Ok(loss) => Ok(Some(loss)),
        Err(CompileError::Code(reason)) if reason.contains("too large") => Ok(None),
        Err(error) => Err(format!("not compiled: {error}")),
    }
}

/// The values and the gradients of every example for itself.
fn run_each(
    loss: &Loss<f64>,
    samples: &[Sample],
    bound: &[Bound<f64>],
) -> Result<(Vec<f64>, Vec<Vec<f64>>), String> {
    let examples = samples.iter().find(|it| it.batched).map_or(1, |it| it.shape[0]);
    let mut values = vec![0.0; examples];
    let names = loss.gradients();
    let mut gradients: Vec<Vec<f64>> =
        names.iter().map(|name| vec![0.0; elements_of(samples, name)]).collect();
    let mut call = bind(loss, samples, bound, false).values(&mut values);
    for (name, gradient) in names.iter().zip(&mut gradients) {
        call = call.gradient(name, gradient);
    }
    call.run(Reduction::None).map_err(|error| format!("not run: {error}"))?;
    Ok((values, gradients))
}

fn elements_of(samples: &[Sample], name: &str) -> usize {
    samples.iter().find(|it| it.name == name).expect("an input").elements.len()
}

/// The inputs of one example.
fn row(samples: &[Sample], at: usize) -> Vec<Vec<f64>> {
    let of_row = |sample: &Sample| {
        let start = if sample.batched { at * sample.row() } else { 0 };
        sample.elements[start..start + sample.row()].to_vec()
    };
    samples.iter().map(of_row).collect()
}

fn against_evaluator(
    program: &Program,
    loss: &Loss<f64>,
    samples: &[Sample],
    extents: &[usize],
) -> Result<usize, String> {
    let bound = converted(samples);
    let (values, _) = run_each(loss, samples, &bound)?;
    let model = loss.model();
    let mut compared = 0;
    for (at, got) in values.iter().enumerate().take(4) {
        let environment = Environment { extents: extents.to_vec(), inputs: row(samples, at) };
        let roots: Vec<_> = [model.value].into_iter().chain(model.missing).collect();
        let found = evaluate(&model.graph, &roots, &environment);
        let missing = found.get(1).is_some_and(|array| array.data[0] != 0.0);
        let expected = if missing { 0.0 } else { found[0].data[0] };
        if !expected.is_finite() {
            continue;
        }
        compared += 1;
        if (got - expected).abs() > 1e-10 * (1.0 + expected.abs()) || got.is_nan() {
            return Err(format!(
                "value of example {at} of {}: {got}, evaluated {expected}",
                program.examples
            ));
        }
    }
    Ok(compared)
}

/// The derivative of a function at 0 by differences, unless there is a kink nearby.
fn difference(
    f: &mut dyn FnMut(f64) -> Result<Vec<f64>, String>,
) -> Result<Vec<Option<f64>>, String> {
    const STEP: f64 = 1e-4;
    let at = [-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0].map(|steps: f64| f(steps * STEP));
    let at: Vec<Vec<f64>> = at.into_iter().collect::<Result<_, _>>()?;
    let slope = |row: usize| {
        let v: Vec<f64> = at.iter().map(|values| values[row]).collect();
        // Richardson's extrapolation of two central differences, with two pairs of steps.
        let (wide, middle, narrow) =
            ((v[6] - v[0]) / (4.0 * STEP), (v[5] - v[1]) / (2.0 * STEP), (v[4] - v[2]) / STEP);
        let (coarse, fine) = ((4.0 * middle - wide) / 3.0, (4.0 * narrow - middle) / 3.0);
        // How much the slope changes at 0: in proportion to the step, or by a kink.
        let bend = |by: usize, step: f64| (v[3 + by] - 2.0 * v[3] + v[3 - by]) / step;
        let (near, far) = (bend(1, STEP / 2.0), bend(2, STEP));
        let scale = 1.0 + fine.abs() + v[3].abs();
        let is_smooth = (coarse - fine).abs() <= 2e-7 * scale
            && (far - 2.0 * near).abs() <= 0.25 * near.abs() + 1e-9 * scale;
        (is_smooth && fine.is_finite()).then_some(fine)
    };
    Ok((0..at[0].len()).map(slope).collect())
}

fn against_differences(
    program: &Program,
    loss: &Loss<f64>,
    samples: &[Sample],
    counts: &mut Counts,
) -> Result<(), String> {
    let (values, gradients) = run_each(loss, samples, &converted(samples))?;
    for (name, gradient) in loss.gradients().iter().zip(&gradients) {
        let place = samples.iter().position(|it| it.name == *name).expect("an input");
        let sample = &samples[place];
        let mut random = Random(program.seed ^ 0x63);
        let direction: Vec<f64> = sample.elements.iter().map(|_| random.inside() - 0.45).collect();
        let mut moved = |by: f64| {
            let mut moved = samples.to_vec();
            for (element, direction) in moved[place].elements.iter_mut().zip(&direction) {
                *element += by * direction;
            }
            let (values, _) = run_each(loss, &moved, &converted(&moved))?;
            Ok(if sample.batched { values } else { vec![values.iter().sum()] })
        };
        let slopes = difference(&mut moved)?;
        let length = if sample.batched { sample.row() } else { sample.elements.len() };
        for (at, slope) in slopes.iter().enumerate() {
            let range = at * length..(at + 1) * length;
            let products = gradient[range.clone()].iter().zip(&direction[range]);
            let got: f64 = products.map(|(g, d)| g * d).sum();
            let Some(slope) = slope else {
                counts.skipped += 1;
                continue;
            };
            counts.slopes += 1;
            let value = if sample.batched {
                values[at].abs()
            } else {
                values.iter().map(|v| v.abs()).sum()
            };
            if (got - slope).abs() > 1e-6 * (1.0 + slope.abs() + 1e-2 * value) || got.is_nan() {
                return Err(format!(
                    "gradient in {name}, example {at}: {got}, by differences {slope}"
                ));
            }
        }
    }
    Ok(())
}

/// Every number that a call gives, as bits: the total, the weight, values, gradients.
fn all_bits<T: Element>(
    program: &Program,
    loss: &Loss<T>,
    samples: &[Sample],
) -> Result<Vec<u64>, String> {
    let bound = converted::<T>(samples);
    let examples = samples.iter().find(|it| it.batched).map_or(1, |it| it.shape[0]);
    let weights: Vec<T> = (0..examples).map(|at| T::from_f64([1.5, 0.0, 0.25][at % 3])).collect();
    let mut values = vec![T::default(); examples];
    let names = loss.gradients();
    let mut gradients: Vec<Vec<T>> =
        names.iter().map(|name| vec![T::default(); elements_of(samples, name)]).collect();
    let mut call =
        bind(loss, samples, &bound, (program.choice / 64).is_multiple_of(2)).values(&mut values);
    if (program.choice / 128).is_multiple_of(4) {
        call = call.sample_weights(&weights);
    }
    for (name, gradient) in names.iter().zip(&mut gradients) {
        call = call.gradient(name, gradient);
    }
    let reduction = [Reduction::Mean, Reduction::Sum, Reduction::None][program.choice % 3];
    let summary = call.run(reduction).map_err(|error| format!("not run: {error}"))?;
    // The sign and payload of a NaN are nobody's promise.
    let bits = |number: f64| if number.is_nan() { f64::NAN.to_bits() } else { number.to_bits() };
    let totals = [summary.total, summary.sum, summary.weight];
    let elements = values.into_iter().chain(gradients.into_iter().flatten()).map(T::to_f64);
    Ok(totals.into_iter().chain(elements).map(bits).collect())
}

fn against_targets<T: Element>(
    program: &Program,
    compiler: &Compiler,
    model: &Model,
    samples: &[Sample],
) -> Result<(), String> {
    let mut expected: Option<Vec<u64>> = None;
    for target in TARGETS {
        let Some(loss) = compile::<T>(&compiler.clone().target(target), model)? else {
            return Ok(());
        };
        let got = all_bits(program, &loss, samples)?;
        let expected = expected.get_or_insert_with(|| got.clone());
        if let Some(at) = (0..got.len()).find(|at| got[*at] != expected[*at]) {
            let (got, expected) = (f64::from_bits(got[at]), f64::from_bits(expected[at]));
            return Err(format!(
                "bits of {} on {target:?}: element {at} is {got:?}, interpreted {expected:?}",
                T::NAME
            ));
        }
    }
    Ok(())
}
