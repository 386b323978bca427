//! `lossc check`: files come in, their mistakes and the examples that do not hold go out.

use lossc::call::{Call, Loss, Reduction};
use lossc::check::{Checked, Source, check as check_source};
use lossc::compile::Compiler;
use lossc::diagnostic::{Code, Diagnostic};
use lossc::graph::{InputId, InputKind};
use lossc::library::LOSSES;
use lossc::model::{Example, Model, Tensor};
use lossc::study::numerics::Options;

use super::failure::Failure;
use super::numerics::{self, Format};
use super::source;
use super::terminal::{Terminal, print};

/// How far off an element may be where the example does not say, relative to the largest element.
const RELATIVE: f64 = 1e-12;

/// How far off it may be besides, absolutely.
const ABSOLUTE: f64 = 1e-15;

/// Check files, and run the examples in them.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The examples of a file are run in f64, values and gradients. They hold if every element is within the
tolerance that they state, or else within 1e-12 of the largest element.

Examples:
  lossc check my.loss other.loss
  lossc check                      the shipped library
  cat my.loss | lossc check -
  lossc check --numerics my.loss   how far f32 is from the exact numbers, at the worst points found
  lossc check --numerics huber --samples 20000 --format json | jq '.[].stable'")]
pub(crate) struct Arguments {
    /// .loss files, - for standard input, or names of shipped losses; the shipped library if left out.
    #[arg(value_name = "FILE")]
    files: Vec<String>,
    /// Search the domains of each loss for the points where f32 is furthest from exact numbers; the status is 1 if one is
    /// further off than 16 last places and than rounding its inputs explains.
    #[arg(long)]
    numerics: bool,
    /// How many points are drawn for each loss.
    #[arg(long, default_value_t = 4096, value_name = "N", requires = "numerics", value_parser = clap::value_parser!(u32).range(1..))]
    samples: u32,
    /// What the points are drawn by.
    #[arg(long, default_value_t = 0, value_name = "S", requires = "numerics")]
    seed: u64,
    /// For people, or for programs.
    #[arg(long, value_enum, default_value_t = Format::Text, requires = "numerics")]
    format: Format,
}

/// Checks files.
///
/// # Errors
/// If one of them has mistakes, which have been told, or cannot be read.
pub(crate) fn check(terminal: &Terminal, arguments: &Arguments) -> Result<(), Failure> {
    let sources: Vec<(String, Source)> = match arguments.files.as_slice() {
        [] => LOSSES
            .iter()
            .map(|it| (it.name.to_owned(), Source::Library(it.name.to_owned())))
            .collect(),
        files => files
            .iter()
            .map(|file| Ok((file.clone(), source::find(file)?)))
            .collect::<Result<_, Failure>>()?,
    };
    if arguments.numerics {
        let files: Vec<(String, Checked)> = sources
            .iter()
            .map(|(name, source)| Ok((name.clone(), source::checked(terminal, source)?)))
            .collect::<Result<_, Failure>>()?;
        let options = Options { samples: arguments.samples as usize, seed: arguments.seed };
        return numerics::certify_all(terminal, &files, options, arguments.format);
    }
    let mut outcome = Ok(());
    for (name, source) in &sources {
        let (summary, is_right) = check_one(terminal, source);
        if !is_right {
            outcome = Err(Failure::told());
        }
        if !is_right || !terminal.is_quiet() {
            let shown = if name == "-" { "<stdin>" } else { name };
            print(&format!("{shown}: {summary}\n"))?;
        }
    }
    outcome
}

/// Tells what is wrong with one file; returns a summary, and whether nothing is.
fn check_one(terminal: &Terminal, source: &Source) -> (String, bool) {
    let checked = match check_source(source) {
        Ok(checked) => checked,
        Err(failure) => {
            terminal.tell(&failure.diagnostics, &failure.sources);
            let errors = failure.diagnostics.iter();
            let errors =
                errors.filter(|it| it.severity == lossc::diagnostic::Severity::Error).count();
            return (count(errors, "error"), false);
        }
    };
    terminal.tell(&checked.warnings, &checked.sources);
    let (mut examples, mut failed) = (0, 0);
    for model in &checked.models {
        examples += model.examples.len();
        match Compiler::new().model::<f64>(model) {
            Ok(loss) => failed += run_examples(terminal, &checked, &loss),
            Err(error) => {
                terminal.tell_failure(&Failure::file(format!(
                    "`{}` cannot be compiled: {error}",
                    model.name
                )));
                return (
                    format!(
                        "{}, of which `{}` cannot be compiled",
                        count(checked.models.len(), "loss"),
                        model.name
                    ),
                    false,
                );
            }
        }
    }
    let losses = count(checked.models.len(), "loss");
    match failed {
        0 => (format!("{losses}, {} hold", count(examples, "example")), true),
        _ => (format!("{losses}, {failed} of {} fail", count(examples, "example")), false),
    }
}

fn count(number: usize, noun: &str) -> String {
    let ending = match (number, noun.ends_with('s')) {
        (1, _) => "",
        (_, true) => "es",
        (_, false) => "s",
    };
    format!("{number} {noun}{ending}")
}

/// Runs the examples of a loss; returns how many fail.
fn run_examples(terminal: &Terminal, checked: &Checked, loss: &Loss<f64>) -> usize {
    let mut failed = 0;
    for example in &loss.model().examples {
        let diagnostics = run_example(loss, example);
        terminal.tell(&diagnostics, &checked.sources);
        failed += usize::from(!diagnostics.is_empty());
    }
    failed
}

/// What does not come out as the example says.
fn run_example(loss: &Loss<f64>, example: &Example) -> Vec<Diagnostic> {
    let graph = &loss.model().graph;
    let mut value = [0.0];
    let mut gradients: Vec<Vec<f64>> =
        example.gradients.iter().map(|(_, expected, _)| vec![0.0; expected.data.len()]).collect();
    if let Err(error) = call_example(loss, example, &mut value, &mut gradients) {
        let message = format!("the example of `{}` cannot be run: {error}", loss.name());
        return vec![Diagnostic::error(Code::ExampleFails, example.span, message)];
    }
    let mut diagnostics = Vec::new();
    let (expected, within) = example.value;
    let expected = Tensor { shape: Vec::new(), data: vec![expected] };
    diagnostics.extend(compare(example, "the value", &expected, within, &value));
    for ((id, expected, within), got) in example.gradients.iter().zip(&gradients) {
        let what = format!("the gradient of `{}`", graph.input(*id).name);
        diagnostics.extend(compare(example, &what, expected, *within, got));
    }
    diagnostics
}

/// Elements as inputs of their kind take them.
enum Constant<'a> {
    Real(&'a [f64]),
    Label(Vec<i64>),
    Switch(Vec<bool>),
}

fn call_example(
    loss: &Loss<f64>,
    example: &Example,
    value: &mut [f64],
    gradients: &mut [Vec<f64>],
) -> Result<(), String> {
    let model = loss.model();
    let name = |id: InputId| model.graph.input(id).name.as_str();
    let constants: Vec<Constant> =
        example.inputs.iter().map(|(id, tensor)| constant(model, *id, &tensor.data)).collect();
    let mut call = loss.call().checked(true).values(value);
    for ((id, tensor), constant) in example.inputs.iter().zip(&constants) {
        call = give(call, name(*id), constant, &tensor.shape);
    }
    for ((id, _, _), gradient) in example.gradients.iter().zip(gradients) {
        call = call.gradient(name(*id), gradient);
    }
    call.run(Reduction::None).map(drop).map_err(|error| error.to_string())
}

#[expect(clippy::cast_possible_truncation, reason = "the checker has found the labels to be whole")]
fn constant<'a>(model: &Model, id: InputId, data: &'a [f64]) -> Constant<'a> {
    match model.graph.input(id).kind {
        InputKind::Real => Constant::Real(data),
        InputKind::Switch => Constant::Switch(data.iter().map(|value| *value != 0.0).collect()),
        InputKind::Index { .. } => {
            Constant::Label(data.iter().map(|value| *value as i64).collect())
        }
    }
}

fn give<'c>(
    call: Call<'c, f64>,
    name: &str,
    constant: &'c Constant,
    shape: &[usize],
) -> Call<'c, f64> {
    match constant {
        Constant::Real(values) => call.bind(name, *values, shape),
        Constant::Label(labels) => call.bind(name, labels, shape),
        Constant::Switch(switches) => call.bind(name, switches, shape),
    }
}

/// The element that is furthest off, if it is too far.
fn compare(
    example: &Example,
    what: &str,
    expected: &Tensor,
    within: Option<f64>,
    got: &[f64],
) -> Option<Diagnostic> {
    let largest = expected
        .data
        .iter()
        .filter(|value| value.is_finite())
        .fold(0.0_f64, |most, value| most.max(value.abs()));
    let allowed = within.unwrap_or(RELATIVE * largest + ABSOLUTE);
    let off = |at: usize| distance(expected.data[at], got[at]);
    let worst = (0..got.len()).reduce(|worst, at| if off(at) > off(worst) { at } else { worst })?;
    if off(worst) <= allowed {
        return None;
    }
    let place = match expected.shape.len() {
        0 => String::new(),
        _ => format!(" at {:?}", unravel(worst, &expected.shape)),
    };
    let (wanted, found) = (expected.data[worst], got[worst]);
    let message = format!("{what}{place} is {found:?}, expected {wanted:?}");
    let diagnostic = Diagnostic::error(Code::ExampleFails, example.span, message);
    let diagnostic =
        diagnostic.at(format!("off by {:.3e}, and {allowed:.3e} is allowed", off(worst)));
    Some(match within {
        Some(_) => diagnostic.help("correct the example or the loss"),
        None => diagnostic
            .help("correct the example or the loss, or say how far off it may be: `within 1e-9`"),
    })
}

/// How far apart two numbers are; equal infinities and two NaNs are not.
fn distance(expected: f64, got: f64) -> f64 {
    match expected.total_cmp(&got).is_eq() || expected.is_nan() && got.is_nan() {
        true => 0.0,
        false if expected.is_finite() && got.is_finite() => (expected - got).abs(),
        false => f64::INFINITY,
    }
}

fn unravel(mut at: usize, shape: &[usize]) -> Vec<usize> {
    let mut numbers = Vec::with_capacity(shape.len());
    for length in shape.iter().rev() {
        numbers.insert(0, at % length);
        at /= length;
    }
    numbers
}
