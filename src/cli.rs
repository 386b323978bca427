//! The commands: what is asked for comes in, what is printed and the exit status go out.
//!
//! Data go to standard output, diagnostics and progress to standard error. The exit status is 0 when it
//! is done, 1 when a file or the data are wrong, 2 for usage and for what cannot be read or written.

mod bench;
mod bind;
mod build;
mod check;
mod data;
mod explain;
mod failure;
mod grad;
mod gradcheck;
mod list;
mod numerics;
mod run;
mod settings;
mod source;
mod terminal;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use terminal::{Color, Terminal};

/// The compiler for loss functions: write the loss as maths, get its value and gradient as native code.
///
/// FILE is a .loss file, - for standard input, or the name of a shipped loss (see `lossc list`).
#[derive(Debug, Parser)]
#[command(
    name = "lossc",
    version,
    after_help = "\
Examples:
  lossc list
  lossc show cross_entropy
  lossc grad cross_entropy
  lossc run cross_entropy --data digits.csv --grad
  lossc check my.loss
  lossc gradcheck my.loss
  lossc bench my.loss -n 4096
  lossc build my.loss -o target/losses
  lossc explain-lowering my.loss

Exit status: 0 done, 1 the file or the data are wrong, 2 usage, or something cannot be read or written."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Whether diagnostics are coloured; auto: on a terminal, unless `NO_COLOR` is set.
    #[arg(long, value_enum, default_value_t = Color::Auto, global = true, value_name = "WHEN")]
    color: Color,
    /// Say nothing but results and mistakes.
    #[arg(long, short, global = true)]
    quiet: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(check::Arguments),
    Grad(grad::Arguments),
    Gradcheck(gradcheck::Arguments),
    Run(run::Arguments),
    Bench(bench::Arguments),
    Build(build::Arguments),
    ExplainLowering(explain::Arguments),
    List(list::ListArguments),
    Show(list::ShowArguments),
}

/// Does what the arguments of the process say.
pub(crate) fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let terminal = Terminal::new(arguments.color, arguments.quiet);
    let outcome = match &arguments.command {
        Command::Check(arguments) => check::check(&terminal, arguments),
        Command::Grad(arguments) => grad::grad(&terminal, arguments),
        Command::Gradcheck(arguments) => gradcheck::gradcheck(&terminal, arguments),
        Command::Run(arguments) => run::run(&terminal, arguments),
        Command::Bench(arguments) => bench::bench(&terminal, arguments),
        Command::Build(arguments) => build::build(&terminal, arguments),
        Command::ExplainLowering(arguments) => explain::explain(&terminal, arguments),
        Command::List(arguments) => list::list(&terminal, arguments),
        Command::Show(arguments) => list::show(arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            terminal.tell_failure(&failure);
            failure.status()
        }
    }
}
