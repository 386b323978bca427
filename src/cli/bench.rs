//! `lossc bench`: a loss and sizes come in, how long its value and gradient take goes out.

mod batch;
mod measure;
mod report;
mod runner;
mod sizes;
mod stream;

use clap::ValueEnum;
use lossc::call::{CallError, Data, Element, Loss, PreparedCall, Reduction};
use lossc::check::{Source, check};
use lossc::compile::{self, CompileError, Compiler};
use lossc::graph::InputId;
use lossc::machine::Isa;
use lossc::model::Model;

use super::bind::given;
use super::failure::{DataCode, Failure};
use super::settings::{Setting, Value, parse_setting};
use super::source;
use super::terminal::{Terminal, print};
use batch::{Batch, Elements, Gradients, Input};
use measure::{alternate, compile_times};
use report::Row;
use runner::{Runner, parse_rival};
use sizes::{Lengths, Size, parse_lengths};
use stream::{Streamed, stream};

/// Measure how long the value and gradient of a loss take.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
What is timed is a prepared call for the mean of a batch and its default gradients, on inputs of order 1 from the declared
domains. Samples of at least 50 us are taken in turn: the loss, its rivals, and a stream that reads and writes the same memory
and computes nothing, on as many threads. Medians stand beside the fastest, and the spread is that of the middle half of the samples.

Rivals that this program runs itself:
  portable, avx2, avx512  vectors of 128, 256 and 512 bits
  scalar                  machine code without vectors
  interpreter             the same programs without machine code
Others (hand-written vector code, candle, burn; JAX, PyTorch) are compared in the folder benches/ of lossc's repository.

A row of JSON:
  loss, dtype, threads           what ran
  examples, axis                 the batch; one example of a loss with axes counts once; axis is {\"K\": 1000}, or null
  isa                            the vectors of its code, or the name of a rival
  ns_per_example_median, _min    nanoseconds for value and gradient, per example; _iqr is the spread
  bytes_per_example              of the inputs read and the gradients written
  stream_share                   the time of the stream, as a share of the median: near 1 the memory is the limit
  compile_us                     microseconds from text to callable in a warm process, median

Examples:
  lossc bench huber
  lossc bench cross_entropy -n 4096 --axis K=10,1000
  lossc bench sigmoid_focal --freeze gamma=2 --against scalar,interpreter --format markdown
  lossc bench info_nce -n 1 --axis N=256 --axis F=128 --dtype f32,f64
  lossc bench my.loss --loss detection --format json | jq '.[].ns_per_example_median'")]
pub(crate) struct Arguments {
    /// A .loss file, - for standard input, or the name of a shipped loss.
    file: String,
    /// Which loss of the file, if it defines several.
    #[arg(long, value_name = "NAME")]
    loss: Option<String>,
    /// How many examples a batch has; by default 64, 4096 and 1000000, unless they take more than 1 GiB.
    #[arg(short = 'n', long, value_delimiter = ',', value_name = "SIZES", value_parser = sizes::parse_count)]
    examples: Vec<usize>,
    /// How long an axis is, 10 if left out; with several lengths all are measured.
    #[arg(long, value_parser = parse_lengths, value_name = "AXIS=LENGTHS")]
    axis: Vec<Lengths>,
    /// How many threads share a batch at most.
    #[arg(long, value_delimiter = ',', default_value = "1", value_name = "COUNTS", value_parser = sizes::parse_count)]
    threads: Vec<usize>,
    /// The precisions.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "f32", value_name = "DTYPES")]
    dtype: Vec<Precision>,
    /// A param or learned input that is neither at its default nor drawn: a number, true, false, or numbers separated by commas.
    #[arg(long, value_parser = parse_setting, value_name = "NAME=VALUE", allow_hyphen_values = true)]
    set: Vec<Setting>,
    /// A param or learned input that becomes a constant when the loss is compiled: a number, true or false.
    #[arg(long, value_parser = parse_setting, value_name = "NAME=VALUE", allow_hyphen_values = true)]
    freeze: Vec<Setting>,
    /// The vectors of the code: portable, avx2, avx512, or native for the widest of this machine.
    #[arg(long, default_value = "native", value_name = "ISA")]
    isa: Isa,
    /// What else runs the same loss, in turn with it: portable, avx2, avx512, scalar, interpreter.
    #[arg(long, value_delimiter = ',', value_name = "RIVALS", value_parser = parse_rival)]
    against: Vec<Runner>,
    /// For people, for programs, or for a page.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// How many seconds are spent on each row.
    #[arg(long, default_value_t = 0.5, value_name = "S", value_parser = parse_seconds)]
    seconds: f64,
}

/// The precision that a loss is computed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Precision {
    F32,
    F64,
}

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
    Markdown,
}

/// What is measured, whatever the precision.
struct Plan<'a> {
    terminal: &'a Terminal,
    source: &'a Source,
    model: &'a Model,
    compiler: Compiler,
    runners: Vec<Runner>,
    threads: Vec<usize>,
    sizes: Vec<Size>,
    /// Inputs that are not drawn.
    given: Vec<(InputId, Vec<f64>)>,
    /// Those of them that are constants of the code.
    frozen: Vec<InputId>,
    seconds: f64,
}

/// A compiled loss that takes part.
struct Contender<T: Element> {
    runner: Runner,
    threads: usize,
    loss: Loss<T>,
    compile_us: f64,
}

/// Measures a loss.
///
/// # Errors
/// If the file is wrong, an option does not fit the loss, or something cannot be read or written.
pub(crate) fn bench(terminal: &Terminal, arguments: &Arguments) -> Result<(), Failure> {
    let source = source::find(&arguments.file)?;
    let checked = source::checked(terminal, &source)?;
    let model = source::choose(&arguments.file, checked.models, arguments.loss.as_deref())?;
    let plan = plan(terminal, arguments, &source, &model)?;
    let mut rows = Vec::new();
    for dtype in distinct(&arguments.dtype) {
        rows.extend(match dtype {
            Precision::F32 => measure_all::<f32>(&plan)?,
            Precision::F64 => measure_all::<f64>(&plan)?,
        });
    }
    print(&match arguments.format {
        Format::Text => report::text(&rows),
        Format::Json => report::json(&rows),
        Format::Markdown => report::markdown(&rows),
    })
}

fn plan<'a>(
    terminal: &'a Terminal,
    arguments: &Arguments,
    source: &'a Source,
    model: &'a Model,
) -> Result<Plan<'a>, Failure> {
    let frozen = given(model, "--freeze", &arguments.freeze)?;
    let mut compiler = Compiler::new();
    for setting in &arguments.freeze {
        let Value::Number(number) = setting.value else {
            return Err(Failure::usage(
                format!("--freeze: `{}` can only be one number", setting.name),
                "one number fills an array",
            ));
        };
        compiler = compiler.freeze(&setting.name, number);
    }
    let set = given(model, "--set", &arguments.set)?;
    if let Some((id, _)) = set.iter().find(|(id, _)| frozen.iter().any(|(known, _)| known == id)) {
        return Err(Failure::usage(
            format!("`{}` is given by --set and by --freeze", model.graph.input(*id).name),
            "leave one of them out",
        ));
    }
    let given: Vec<_> = frozen.iter().chain(&set).cloned().collect();
    let bytes = if arguments.dtype.contains(&Precision::F64) { 8 } else { 4 };
    let sizes = sizes::sizes(model, &given, &arguments.examples, &arguments.axis, bytes)?;
    Ok(Plan {
        terminal,
        source,
        model,
        compiler,
        runners: runner::runners(terminal, arguments.isa, &distinct(&arguments.against))?,
        threads: distinct(&arguments.threads),
        sizes,
        given,
        frozen: frozen.into_iter().map(|(id, _)| id).collect(),
        seconds: arguments.seconds,
    })
}

fn measure_all<T: Streamed>(plan: &Plan) -> Result<Vec<Row>, Failure> {
    let contenders = contenders::<T>(plan)?;
    let mut rows = Vec::new();
    for size in &plan.sizes {
        plan.terminal.note(&format!("measuring {size} in {}", T::NAME));
        rows.extend(measure_one(plan, size, &contenders)?);
    }
    Ok(rows)
}

/// Compiles the loss for everything that runs it.
fn contenders<T: Element>(plan: &Plan) -> Result<Vec<Contender<T>>, Failure> {
    let name = &plan.model.name;
    let mut contenders = Vec::new();
    for runner in &plan.runners {
        let compiler = runner.choose(plan.compiler.clone());
        let loss = compile::<T>(plan.source, name, &compiler).map_err(|error| match error {
            CompileError::Choice(text) => Failure::usage(text, "see `lossc bench --help`"),
            CompileError::Freeze(error) => Failure::usage(
                format!("--freeze: {error}"),
                "its declaration says what it can be: see `lossc grad`",
            ),
            other => Failure::file(format!("`{name}` cannot be compiled: {other}")),
        })?;
        let times = compile_times(plan.seconds, || {
            drop(std::hint::black_box(compile::<T>(plan.source, name, &compiler)));
        });
        for threads in &plan.threads {
            let compile_us = times.median * 1e6;
            let (runner, loss) = (*runner, loss.clone());
            contenders.push(Contender { runner, threads: *threads, loss, compile_us });
        }
    }
    Ok(contenders)
}

/// All the way from the text.
fn compile<T: Element>(
    source: &Source,
    name: &str,
    compiler: &Compiler,
) -> Result<Loss<T>, CompileError> {
    let checked = check(source)?;
    compiler.model(compile::choose(&checked.models, Some(name), name)?)
}

/// A row for each contender at one size.
fn measure_one<T: Streamed>(
    plan: &Plan,
    size: &Size,
    contenders: &[Contender<T>],
) -> Result<Vec<Row>, Failure> {
    let batch = Batch::<T>::draw(plan.model, &plan.given, &plan.frozen, size);
    let mut gradients = batch.gradients();
    let varying = batch.inputs.iter().filter(|input| !input.is_fixed);
    let inputs: Vec<Data<T>> = varying.map(Input::data).collect();
    let mut calls = Vec::new();
    for contender in contenders {
        let explain = |error| explain(plan.model, &error);
        let mut call = prepare(contender, &batch).map_err(explain)?;
        let mut slices = slices(&mut gradients);
        call.run(&inputs, &mut slices).map_err(explain)?;
        calls.push(call);
    }
    let streams = &plan.threads;
    let mut times = alternate(calls.len() + streams.len(), plan.seconds, |at, runs| {
        let Some(call) = calls.get_mut(at) else {
            return stream(&batch, &mut gradients, streams[at - contenders.len()], runs);
        };
        let mut slices = slices(&mut gradients);
        for _ in 0..runs {
            let summary = call.run(&inputs, &mut slices);
            std::hint::black_box(summary.expect("it has run on the same"));
        }
    });
    let streamed = times.split_off(contenders.len());
    let rows = contenders.iter().zip(times).map(|(contender, times)| {
        let threads = streams.iter().position(|threads| *threads == contender.threads);
        let streamed = streamed[threads.expect("each has its stream")].median;
        Row {
            loss: plan.model.name.clone(),
            examples: size.examples,
            axis: size.named.clone(),
            threads: contender.threads,
            dtype: T::NAME,
            isa: contender.runner.name(),
            stream_share: streamed / times.median,
            times: times.per(size.examples),
            bytes_per_example: batch.bytes_per_example,
            compile_us: contender.compile_us,
        }
    });
    Ok(rows.collect())
}

/// The call for the mean of a batch and its gradients, all names and shapes known.
fn prepare<T: Element>(
    contender: &Contender<T>,
    batch: &Batch<T>,
) -> Result<PreparedCall<T>, CallError> {
    let mut call = contender.loss.prepare_call().threads(contender.threads);
    for input in &batch.inputs {
        call = match &input.elements {
            Elements::Real(elements) if input.is_fixed => call.set(&input.name, elements),
            _ => call.input(&input.name, &input.shape),
        };
    }
    for (name, _) in &batch.lengths {
        call = call.gradient(name);
    }
    call.finish(Reduction::Mean)
}

fn slices<T>(gradients: &mut Gradients<T>) -> Vec<&mut [T]> {
    gradients.iter_mut().map(|(_, gradient)| gradient.as_mut_slice()).collect()
}

/// What the call says of `--set` and `--axis`, which give all that can be wrong.
fn explain(model: &Model, error: &CallError) -> Failure {
    let (code, help) = match error {
        CallError::OutOfDomain { .. } => {
            (DataCode::Domain, "its declaration says what --set can give: see `lossc grad`")
        }
        CallError::IndexOutOfRange { .. } => (DataCode::Index, "labels count from 0"),
        _ => (DataCode::Shape, "see `lossc bench --help`"),
    };
    Failure::data(code, format!("`{}`", model.name), error.to_string(), help)
}

/// Each once, in the order of their first places.
fn distinct<I: PartialEq + Copy>(items: &[I]) -> Vec<I> {
    let mut distinct = Vec::new();
    for item in items {
        if !distinct.contains(item) {
            distinct.push(*item);
        }
    }
    distinct
}

/// Reads a number of seconds that makes sense.
fn parse_seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds <= 3600.0 => Ok(seconds),
        _ => Err("write a number of seconds above 0 and up to 3600, such as 0.5".to_owned()),
    }
}
