//! `lossc explain-lowering`: a loss comes in, the loop program of its value and gradients goes out as text, with what
//! it stores and what it computes again.

use clap::ValueEnum;
use lossc::Compiler;
use lossc::loops::Precision;

use super::failure::Failure;
use super::settings::{Setting, Value, parse_setting};
use super::source;
use super::terminal::{Terminal, print};

/// Print the loops that a loss becomes, and what they cost.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
What comes out is the program that `lossc run` and `lossc build` make machine code of: loops, what each computes,
and what it adds up. Below it stands what one loop leaves to a later one: stored, or computed again if that is cheaper.

Examples:
  lossc explain-lowering cross_entropy
  lossc explain-lowering focal --freeze gamma=2 --dtype f64
  lossc explain-lowering my.loss --loss detection --wrt logits,box")]
pub(crate) struct Arguments {
    /// A .loss file, - for standard input, or the name of a shipped loss.
    file: String,
    /// Which loss of the file.
    #[arg(long, value_name = "NAME")]
    loss: Option<String>,
    /// The inputs to take gradients in, params too. Every prediction and learned input if left out.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    wrt: Vec<String>,
    /// A param or learned input that becomes a constant: a number, true or false.
    #[arg(long, value_parser = parse_setting, value_name = "NAME=VALUE", allow_hyphen_values = true)]
    freeze: Vec<Setting>,
    /// The precision.
    #[arg(long, value_enum, default_value_t = Dtype::F32)]
    dtype: Dtype,
    /// For a machine without fused multiply-add.
    #[arg(long)]
    no_fma: bool,
}

/// The type of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Dtype {
    F32,
    F64,
}

/// Prints the loops of a loss.
///
/// # Errors
/// If the file is wrong, does not have what is asked for, or cannot be read.
pub(crate) fn explain(terminal: &Terminal, arguments: &Arguments) -> Result<(), Failure> {
    let checked = source::load(terminal, &arguments.file)?;
    let model = source::choose(&arguments.file, checked.models, arguments.loss.as_deref())?;
    let mut compiler = Compiler::new();
    if !arguments.wrt.is_empty() {
        compiler = compiler.wrt(&arguments.wrt);
    }
    for setting in &arguments.freeze {
        let Value::Number(number) = setting.value else {
            return Err(Failure::usage(
                format!("--freeze: `{}` can only be one number", setting.name),
                "one number fills an array",
            ));
        };
        compiler = compiler.freeze(&setting.name, number);
    }
    let precision = match arguments.dtype {
        Dtype::F32 => Precision::F32,
        Dtype::F64 => Precision::F64,
    };
    let text = compiler.explain(&model, precision, !arguments.no_fma).map_err(|error| {
        Failure::usage(error.to_string(), "the declaration of the loss says what it has")
    })?;
    print(&text)
}
