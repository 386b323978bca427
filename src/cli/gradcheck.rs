//! `lossc gradcheck`: losses come in, how far their gradients are off at many points goes out.

mod json;
mod text;

use clap::ValueEnum;
use lossc::graph::InputKind;
use lossc::model::Model;
use lossc::study::gradcheck::{GradcheckError, Options, Report, gradcheck as study};

use super::bind::{find, given};
use super::failure::{DataCode, Failure};
use super::settings::{Setting, parse_setting};
use super::source;
use super::terminal::{Terminal, print};

/// Check gradients at many points against dual numbers and differences.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The points are drawn from the declared domains, the same for the same seed. The compiled gradient of the batch mean is
compared with forward-mode dual numbers on the loss as it is written (1e-9 relatively in f64, 1e-5 in f32, and what rounding
does to them) and with central differences of the value (1e-5, 1e-4). Points on a kink, or within a step of one, have no
difference: they are counted by the name of the kink. The worst point is printed as a command that meets it again.

Examples:
  lossc gradcheck huber
  lossc gradcheck my.loss other.loss --samples 2000 --seed 7
  lossc gradcheck my.loss --loss detection --wrt logits,lambda_box --dtype f32
  lossc gradcheck focal --set gamma=2 --format json | jq '.[].passed'")]
pub(crate) struct Arguments {
    /// .loss files, - for standard input, or names of shipped losses.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<String>,
    /// Which loss of the files; all of them if left out.
    #[arg(long, value_name = "NAME")]
    loss: Option<String>,
    /// How many points are drawn for each loss.
    #[arg(long, default_value_t = 200, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    samples: u32,
    /// What the points are drawn by.
    #[arg(long, default_value_t = 0, value_name = "S")]
    seed: u64,
    /// The precision of the gradients.
    #[arg(long, value_enum, default_value_t = Precision::F64)]
    dtype: Precision,
    /// The inputs to take gradients in, params too. Every prediction and learned input if left out.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    wrt: Vec<String>,
    /// A param or learned input that is not drawn: a number, true, false, or numbers separated by commas.
    #[arg(long, value_parser = parse_setting, value_name = "NAME=VALUE", allow_hyphen_values = true)]
    set: Vec<Setting>,
    /// For people, or for programs.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// The precision that gradients are computed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Precision {
    F32,
    F64,
}

/// How the reports are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// A report and the file that the loss is from.
struct Checked {
    file: String,
    report: Report,
}

/// Checks the gradients of losses.
///
/// # Errors
/// If one of them is wrong, a file has mistakes, a name is not known, or something cannot be read or written.
pub(crate) fn gradcheck(terminal: &Terminal, arguments: &Arguments) -> Result<(), Failure> {
    if arguments.files.iter().filter(|file| *file == "-").count() > 1 {
        return Err(Failure::usage("standard input can be read once only", "name it once"));
    }
    let mut all = Vec::new();
    for file in &arguments.files {
        for model in models(terminal, arguments, file)? {
            let report = check(arguments, &model)?;
            let checked = Checked { file: file.clone(), report };
            if arguments.format == Format::Text
                && (!terminal.is_quiet() || !checked.report.passed())
            {
                print(&text::write(&checked))?;
            }
            all.push(checked);
        }
    }
    if arguments.format == Format::Json {
        print(&json::write(&all))?;
    }
    if all.iter().all(|checked| checked.report.passed()) { Ok(()) } else { Err(Failure::told()) }
}

/// The losses of a file that are meant.
fn models(terminal: &Terminal, arguments: &Arguments, file: &str) -> Result<Vec<Model>, Failure> {
    let models = source::load(terminal, file)?.models;
    match &arguments.loss {
        Some(name) => Ok(vec![source::choose(file, models, Some(name))?]),
        None if models.is_empty() => Ok(vec![source::choose(file, models, None)?]),
        None => Ok(models),
    }
}

fn check(arguments: &Arguments, model: &Model) -> Result<Report, Failure> {
    let options = Options {
        samples: arguments.samples as usize,
        seed: arguments.seed,
        wrt: wrt(model, &arguments.wrt)?,
        given: given(model, "--set", &arguments.set)?,
    };
    let report = match arguments.dtype {
        Precision::F32 => study::<f32>(model, &options),
        Precision::F64 => study::<f64>(model, &options),
    };
    report.map_err(|error| match error {
        GradcheckError::Compile(error) => {
            Failure::file(format!("`{}` cannot be compiled: {error}", model.name))
        }
        GradcheckError::Call(error) => Failure::data(
            DataCode::Domain,
            format!("`{}`", model.name),
            error.to_string(),
            "its declaration says what --set can give: see `lossc grad`",
        ),
    })
}

/// The inputs of `--wrt`, if it is there.
fn wrt(model: &Model, names: &[String]) -> Result<Option<Vec<String>>, Failure> {
    for name in names {
        let id = find(model, "--wrt", name)?;
        if model.graph.input(id).kind != InputKind::Real {
            return Err(Failure::usage(
                format!("--wrt: `{name}` is no number, and nothing has a derivative in it"),
                "name inputs that are real",
            ));
        }
    }
    Ok((!names.is_empty()).then(|| names.to_vec()))
}
