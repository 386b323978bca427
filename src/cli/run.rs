//! `lossc run`: a loss and data come in, its values and gradients go out.

mod json;
mod report;

use std::time::Instant;

use clap::ValueEnum;
use lossc::call::{CallError, Element, Loss, Reduction, Summary};
use lossc::compile::{CompileError, Compiler};
use lossc::graph::{Extent, InputId, Role};
use lossc::machine::Isa;
use lossc::model::Model;

use super::bind::{Bound, Given, Typed, bind, unknown_input};
use super::data::{self, Format, Numbers, Table, write_npz};
use super::failure::{DataCode, Failure};
use super::settings::{Mapping, Setting, parse_mapping, parse_setting};
use super::source;
use super::terminal::{Terminal, print};

/// Run a loss on data: its mean, values and gradients.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Data:
  .csv         columns named as the inputs; `logits.0`, `logits.1`, … make an axis, `x.0.0`, … two
  .json        an object from input names to numbers, nested lists or {\"shape\": …, \"data\": …};
               \"NaN\", \"Infinity\" and \"-Infinity\" are strings
  .npz, .npy   NumPy arrays named as the inputs; one array alone is the prediction
Labels are integers from 0; a negative one is missing where the loss allows it.

Examples:
  lossc run cross_entropy --data digits.csv --grad
  lossc run huber --data house.csv --map yhat=predicted --map y=price --set delta=2
  lossc run cross_entropy --data batch.npz --dtype f32 --reduction sum --grad-out gradients.npz
  lossc run cross_entropy --data batch.json --format json | jq .mean
  cat batch.json | lossc run my.loss --loss detection --data -")]
pub(crate) struct Arguments {
    /// A .loss file, - for standard input, or the name of a shipped loss.
    file: String,
    /// Which loss of the file, if it defines several.
    #[arg(long, value_name = "NAME")]
    loss: Option<String>,
    /// A data file, or - for standard input; several if the inputs lie in several files.
    #[arg(long, required = true, value_name = "DATA")]
    data: Vec<String>,
    /// The format of the data, if neither their name nor their first byte tells.
    #[arg(long, value_enum, value_name = "FORMAT")]
    data_format: Option<Format>,
    /// A param or learned input: a number, true, false, or numbers separated by commas.
    #[arg(long, value_parser = parse_setting, value_name = "NAME=VALUE", allow_hyphen_values = true)]
    set: Vec<Setting>,
    /// Which columns or arrays make an input.
    #[arg(long, value_parser = parse_mapping, value_name = "INPUT=COLUMN,…")]
    map: Vec<Mapping>,
    /// The precision.
    #[arg(long, value_enum, default_value_t = Precision::F64)]
    dtype: Precision,
    /// How the values become one number, which gradients are of.
    #[arg(long, value_enum, default_value_t = Reduced::Mean)]
    reduction: Reduced,
    /// Compute gradients too.
    #[arg(long)]
    grad: bool,
    /// The inputs to take gradients in, params too; implies --grad. Every prediction and learned input if left out.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    wrt: Vec<String>,
    /// Write the gradients to this .npz file; implies --grad.
    #[arg(long, value_name = "FILE.npz")]
    grad_out: Option<String>,
    /// For people, or exact for programs.
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    format: OutputFormat,
    /// At most so many threads; the results are the same on any number. As many as there are processors if left out.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    threads: Option<u32>,
    /// The vectors of its code, which change no bits: portable, avx2, avx512, or native for the widest of this machine.
    #[arg(long, default_value = "native", value_name = "ISA")]
    isa: Isa,
    /// Do not test the values of predictions and targets against their domains.
    #[arg(long)]
    unchecked: bool,
}

/// The precision that a loss is computed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Precision {
    F32,
    F64,
}

/// How values become one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Reduced {
    Mean,
    Sum,
    None,
}

impl From<Reduced> for Reduction {
    fn from(reduced: Reduced) -> Self {
        match reduced {
            Reduced::Mean => Self::Mean,
            Reduced::Sum => Self::Sum,
            Reduced::None => Self::None,
        }
    }
}

/// How results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum OutputFormat {
    Text,
    Json,
}

/// What a run comes to.
#[derive(Debug)]
struct Results<T> {
    loss: String,
    data: String,
    reduction: Reduction,
    summary: Summary,
    /// The axes of the batch.
    batch: Vec<usize>,
    values: Vec<T>,
    gradients: Vec<Gradient<T>>,
}

/// A gradient in the shape of its input.
#[derive(Debug)]
struct Gradient<T> {
    input: String,
    shape: Vec<usize>,
    elements: Vec<T>,
}

/// Elements that are written to files and as digits.
trait Digits: Element + std::fmt::Debug {
    /// As an archive takes them.
    fn numbers(elements: &[Self]) -> Numbers<'_>;
}

impl Digits for f32 {
    fn numbers(elements: &[Self]) -> Numbers<'_> {
        Numbers::F32(elements)
    }
}

impl Digits for f64 {
    fn numbers(elements: &[Self]) -> Numbers<'_> {
        Numbers::F64(elements)
    }
}

/// Runs a loss on data.
///
/// # Errors
/// If the file or the data are wrong, or something cannot be read or written.
pub(crate) fn run(terminal: &Terminal, arguments: &Arguments) -> Result<(), Failure> {
    let stdins = arguments.data.iter().chain([&arguments.file]).filter(|name| *name == "-").count();
    if stdins > 1 {
        return Err(Failure::usage(
            "standard input can be read once only",
            "give the file or the data as a path",
        ));
    }
    let checked = source::load(terminal, &arguments.file)?;
    let model = source::choose(&arguments.file, checked.models, arguments.loss.as_deref())?;
    let tables: Result<Vec<Table>, Failure> =
        arguments.data.iter().map(|path| data::read(path, arguments.data_format)).collect();
    match arguments.dtype {
        Precision::F32 => run_in::<f32>(terminal, arguments, &model, &tables?),
        Precision::F64 => run_in::<f64>(terminal, arguments, &model, &tables?),
    }
}

fn run_in<T: Digits>(
    terminal: &Terminal,
    arguments: &Arguments,
    model: &Model,
    tables: &[Table],
) -> Result<(), Failure> {
    for name in &arguments.wrt {
        if !model.graph.input_ids().any(|id| model.graph.input(id).name == *name) {
            return Err(unknown_input(model, "--wrt", name));
        }
    }
    let given = Given { tables, mappings: &arguments.map, settings: &arguments.set };
    let (bound, unused) = bind::<T>(model, given)?;
    if !unused.is_empty() {
        terminal.note(&format!("note: not used: {}", unused.join(", ")));
    }
    let started = Instant::now();
    let loss = compile::<T>(arguments, model)?;
    let milliseconds = started.elapsed().as_secs_f64() * 1e3;
    terminal.note(&format!("compiled {} for {} in {milliseconds:.1} ms", model.name, T::NAME));
    let results = compute(arguments, &loss, &bound)?;
    if let Some(path) = &arguments.grad_out {
        write_gradients(path, &results.gradients)?;
    }
    match arguments.format {
        OutputFormat::Text => {
            for warning in report::warnings(&results) {
                terminal.warn(&warning);
            }
            print(&report::write(&results))
        }
        OutputFormat::Json => print(&json::write(&results)),
    }
}

fn compile<T: Element>(arguments: &Arguments, model: &Model) -> Result<Loss<T>, Failure> {
    let compiler = Compiler::new().isa(arguments.isa);
    let wants_gradients =
        arguments.grad || arguments.grad_out.is_some() || !arguments.wrt.is_empty();
    let compiler = if wants_gradients && arguments.wrt.is_empty() {
        compiler
    } else {
        compiler.wrt(arguments.wrt.iter().cloned())
    };
    compiler.model::<T>(model).map_err(|error| match error {
        CompileError::Choice(_) => Failure::usage(error.to_string(), "see `lossc run --help`"),
        _ => Failure::file(error.to_string()),
    })
}

fn compute<T: Digits>(
    arguments: &Arguments,
    loss: &Loss<T>,
    bound: &[Bound<T>],
) -> Result<Results<T>, Failure> {
    let model = loss.model();
    let batch = batch_shape(model, bound)?;
    let reduction = arguments.reduction.into();
    let examples = batch.iter().product();
    let mut values = vec![T::from_f64(0.0); examples];
    let mut gradients: Vec<Gradient<T>> = loss
        .gradients()
        .into_iter()
        .map(|name| {
            let shape = gradient_shape(model, bound, name, &batch);
            let elements = vec![T::from_f64(0.0); shape.iter().product()];
            Gradient { input: name.to_owned(), shape, elements }
        })
        .collect();
    let threads = arguments.threads.map_or(usize::MAX, |most| most as usize);
    let call = loss.call().checked(!arguments.unchecked).threads(threads);
    let mut call = call.values(&mut values);
    for input in bound {
        call = input.give(call);
    }
    for gradient in &mut gradients {
        call = call.gradient(&gradient.input, &mut gradient.elements);
    }
    let summary = call.run(reduction).map_err(|error| explain(&error, arguments, bound))?;
    let data = arguments.data.join(", ");
    Ok(Results { loss: loss.name().to_owned(), data, reduction, summary, batch, values, gradients })
}

/// The axes before the declared ones of the first input that each example has its own of.
fn batch_shape<T>(model: &Model, bound: &[Bound<T>]) -> Result<Vec<usize>, Failure> {
    let graph = &model.graph;
    let Some((input, given)) = graph
        .input_ids()
        .map(|id| graph.input(id))
        .filter(|input| matches!(input.role, Role::Pred | Role::Target))
        .find_map(|input| {
            bound.iter().find(|given| given.name == input.name).map(|given| (input, given))
        })
    else {
        return Ok(Vec::new());
    };
    let batch = given.shape[..given.shape.len().saturating_sub(input.axes.len())].to_vec();
    let held = match &given.elements {
        Typed::Real(values) => values.len(),
        Typed::Label(labels) => labels.len(),
        Typed::Switch(switches) => switches.len(),
        Typed::Number(_) => 1,
    };
    // Room for the results is made for as many examples as there are data only.
    match batch.iter().try_fold(1_usize, |product, length| product.checked_mul(*length)) {
        Some(0) => Err(no_examples(&given.place.to_string())),
        Some(examples) if examples <= held.max(1) => Ok(batch),
        _ => Err(Failure::data(
            DataCode::Shape,
            &given.place,
            format!("`{}` of shape {:?} holds no elements", given.name, given.shape),
            "give every axis at least one element",
        )),
    }
}

fn no_examples(place: &str) -> Failure {
    Failure::data(DataCode::Empty, place, "there are no examples", "give at least one")
}

/// The shape of a gradient: that of its input, given or not.
fn gradient_shape<T>(model: &Model, bound: &[Bound<T>], name: &str, batch: &[usize]) -> Vec<usize> {
    let graph = &model.graph;
    let Some(id) = graph.input_ids().find(|id| graph.input(*id).name == name) else {
        return Vec::new();
    };
    let input = graph.input(id);
    let own = input.axes.iter().map(|axis| match graph.extent(graph.axis(*axis).extent) {
        Extent::Literal(length) => *length as usize,
        Extent::Named(_) => extent_length(model, bound, id, *axis),
    });
    let batch = if matches!(input.role, Role::Pred | Role::Target) { batch } else { &[] };
    batch.iter().copied().chain(own).collect()
}

/// How long the arrays say that an axis is; 0 if none does, which the call then refuses.
fn extent_length<T>(
    model: &Model,
    bound: &[Bound<T>],
    wanted: InputId,
    axis: lossc::graph::AxisId,
) -> usize {
    let graph = &model.graph;
    let extent = graph.axis(axis).extent;
    let own = std::iter::once(wanted);
    for id in own.chain(graph.input_ids()) {
        let input = graph.input(id);
        let Some(given) = bound.iter().find(|given| given.name == input.name) else { continue };
        let Some(leading) = given.shape.len().checked_sub(input.axes.len()) else { continue };
        let place = input.axes.iter().position(|axis| graph.axis(*axis).extent == extent);
        if let Some(place) = place {
            return given.shape[leading + place];
        }
    }
    0
}

/// What the call says, with the place in the data.
fn explain<T>(error: &CallError, arguments: &Arguments, bound: &[Bound<T>]) -> Failure {
    let (code, name, help) = match error {
        CallError::EmptyBatch => return no_examples(&arguments.data.join(", ")),
        CallError::MissingInput { name, .. } => {
            (DataCode::Missing, name, "give it with --data or --set")
        }
        CallError::WrongType { name, .. } => {
            (DataCode::Type, name, "labels are integers, switches 0 or 1")
        }
        CallError::IndexOutOfRange { name, .. } => {
            (DataCode::Index, name, "labels count from 0; rows are counted from 0 here too")
        }
        CallError::OutOfDomain { name, .. } => (
            DataCode::Domain,
            name,
            "mend the data (rows are counted from 0), or run with --unchecked",
        ),
        CallError::WrongShape { name, .. } | CallError::TooLarge { name } => (
            DataCode::Shape,
            name,
            "the axes of the examples come first, then those that the loss declares",
        ),
        CallError::WrongLength { .. }
        | CallError::BatchMismatch { .. }
        | CallError::ExtentMismatch { .. }
        | CallError::UnknownExtent { .. }
        | CallError::AxisTooShort { .. } => {
            let help = "the axes of the examples come first and are the same for all; axes of one name have one length";
            return Failure::data(
                DataCode::Shape,
                arguments.data.join(", "),
                error.to_string(),
                help,
            );
        }
        _ => return Failure::usage(error.to_string(), "see `lossc run --help`"),
    };
    let found = bound.iter().find(|given| given.name == *name);
    let help = if matches!(found, Some(found) if found.is_shared) {
        "its declaration says what it takes: see `lossc grad`"
    } else {
        help
    };
    let place = match (found, row_of(error)) {
        (Some(found), Some(row)) => found.place.of_row(row),
        (Some(found), None) => found.place.to_string(),
        (None, _) => arguments.data.join(", "),
    };
    Failure::data(code, place, error.to_string(), help)
}

/// The row that an error is about.
fn row_of(error: &CallError) -> Option<usize> {
    match error {
        CallError::IndexOutOfRange { place, .. } | CallError::OutOfDomain { place, .. } => {
            place.row
        }
        _ => None,
    }
}

fn write_gradients<T: Digits>(path: &str, gradients: &[Gradient<T>]) -> Result<(), Failure> {
    let arrays: Vec<(&str, &[usize], Numbers)> = gradients
        .iter()
        .map(|gradient| {
            (gradient.input.as_str(), gradient.shape.as_slice(), T::numbers(&gradient.elements))
        })
        .collect();
    let bytes = write_npz(&arrays)?;
    std::fs::write(path, bytes).map_err(|why| {
        Failure::usage(
            format!("cannot write the gradients to `{path}`: {why}"),
            "name a file that can be written",
        )
    })
}
