//! `lossc build`: files come in, objects, libraries and bindings that link into other programs go out.

use std::path::PathBuf;

use clap::ValueEnum;
use lossc::build::{self, BuildError, Cpu, Emit, F32, F64, Input, Precision, Settings, write};
use lossc::diagnostic::suggest;

use super::failure::{Failure, list};
use super::settings::{Setting, Value, parse_setting};
use super::source;
use super::terminal::Terminal;

/// Build losses into objects, libraries and bindings for other programs.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Every loss of the files is built. What comes out needs nothing at run time, not even an allocator: a program
links the library and calls the functions of the header or of the Rust module. A Rust crate is better off with
`lossc::build::Config` in its build script, which does all this for Cargo.

Kinds:
  obj          focal.o         an object a loss (focal.obj for Microsoft's linker)
  staticlib    liblosses.a     all of them, as a static library (losses.lib)
  shared       liblosses.so    all of them, as a shared library; ELF targets only
  header       losses.h        for C and C++
  rust         losses.rs       a module of safe functions, to be included
  clif, asm    focal.clif, .s  the code of a loss, for reading

Examples:
  lossc build focal
  lossc build losses/*.loss --dtype f32,f64 -o target/losses
  lossc build focal --freeze gamma=2 --emit obj,header
  lossc build my.loss --target aarch64-unknown-linux-gnu --emit staticlib,header,rust
  lossc build my.loss --loss detection --wrt logits,box --emit asm -o /tmp")]
pub(crate) struct Arguments {
    /// .loss files, - for standard input, or names of shipped losses.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<String>,
    /// What to write.
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "staticlib,header",
        value_name = "KINDS"
    )]
    emit: Vec<Kind>,
    /// The folder to write into; it is made if there is none.
    #[arg(long, short, default_value = ".", value_name = "DIR")]
    out_dir: PathBuf,
    /// The target, as Rust names it; this machine if left out.
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,
    /// The precisions: each loss is built in each of them.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "f32", value_name = "DTYPES")]
    dtype: Vec<Dtype>,
    /// A param or learned input that becomes a constant, in each loss that has it: a number, true or false.
    #[arg(long, value_parser = parse_setting, value_name = "NAME=VALUE", allow_hyphen_values = true)]
    freeze: Vec<Setting>,
    /// The inputs to take gradients in, params too. Every prediction and learned input if left out.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    wrt: Vec<String>,
    /// Which CPUs of the target: any of them, any but with plain code only, or those like this one.
    #[arg(long, value_enum, default_value_t = Cpus::Any)]
    cpu: Cpus,
    /// Which losses of the files; all of them if left out.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    loss: Vec<String>,
    /// What libraries, module and header are called.
    #[arg(long, default_value = "losses")]
    name: String,
    /// What symbols begin with.
    #[arg(long, default_value = "lossc")]
    prefix: String,
}

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    Obj,
    Staticlib,
    Shared,
    Rust,
    Header,
    Clif,
    Asm,
}

impl From<Kind> for Emit {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Obj => Self::Objects,
            Kind::Staticlib => Self::StaticLibrary,
            Kind::Shared => Self::SharedLibrary,
            Kind::Rust => Self::Rust,
            Kind::Header => Self::Header,
            Kind::Clif => Self::Clif,
            Kind::Asm => Self::Assembly,
        }
    }
}

/// The type of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Dtype {
    F32,
    F64,
}

impl From<Dtype> for Precision {
    fn from(dtype: Dtype) -> Self {
        match dtype {
            Dtype::F32 => F32,
            Dtype::F64 => F64,
        }
    }
}

/// Which CPUs code is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Cpus {
    Any,
    Baseline,
    Native,
}

impl From<Cpus> for Cpu {
    fn from(cpus: Cpus) -> Self {
        match cpus {
            Cpus::Any => Self::Any,
            Cpus::Baseline => Self::Baseline,
            Cpus::Native => Self::Native,
        }
    }
}

/// Builds losses.
///
/// # Errors
/// If a file is wrong, what is asked for does not fit, or something cannot be read or written.
pub(crate) fn build(terminal: &Terminal, arguments: &Arguments) -> Result<(), Failure> {
    if arguments.files.iter().filter(|file| *file == "-").count() > 1 {
        return Err(Failure::usage("standard input can be read once only", "give a path"));
    }
    let mut inputs: Vec<Input> = Vec::new();
    for file in distinct(arguments.files.iter()) {
        let name = if file == "-" { "<stdin>" } else { file };
        inputs.push(Input { name: name.to_owned(), checked: source::load(terminal, file)? });
    }
    choose(&mut inputs, &arguments.loss)?;
    let settings = settings(arguments)?;
    let explain = |error| explain(terminal, error);
    let products = build::produce(&inputs, &settings).map_err(explain)?;
    let artifacts = products.artifacts().map_err(explain)?;
    let paths = write(&arguments.out_dir, &artifacts).map_err(explain)?;
    for (path, artifact) in paths.iter().zip(&artifacts) {
        terminal.note(&format!("wrote {} ({} bytes)", path.display(), artifact.bytes.len()));
    }
    Ok(())
}

/// Leaves only the named losses, if any are.
fn choose(inputs: &mut Vec<Input>, names: &[String]) -> Result<(), Failure> {
    let models = inputs.iter().flat_map(|input| &input.checked.models);
    let known: Vec<&str> = models.map(|model| model.name.as_str()).collect();
    for name in names {
        if !known.contains(&name.as_str()) {
            let help = match suggest(name, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the losses are {}", list(&known)),
            };
            return Err(Failure::usage(format!("the files define no loss `{name}`"), help));
        }
    }
    if !names.is_empty() {
        for input in &mut *inputs {
            input.checked.models.retain(|model| names.contains(&model.name));
        }
        inputs.retain(|input| !input.checked.models.is_empty());
    }
    Ok(())
}

fn settings(arguments: &Arguments) -> Result<Settings, Failure> {
    let mut frozen = Vec::new();
    for setting in &arguments.freeze {
        let Value::Number(number) = setting.value else {
            return Err(Failure::usage(
                format!("--freeze: `{}` can only be one number", setting.name),
                "one number fills an array",
            ));
        };
        frozen.push((setting.name.clone(), number));
    }
    Ok(Settings {
        emit: distinct(arguments.emit.iter().map(|kind| Emit::from(*kind))),
        name: arguments.name.clone(),
        library: None,
        prefix: arguments.prefix.clone(),
        precisions: distinct(arguments.dtype.iter().map(|dtype| Precision::from(*dtype))),
        frozen,
        wrt: Some(arguments.wrt.clone()).filter(|names| !names.is_empty()),
        cpu: arguments.cpu.into(),
        target: arguments.target.clone(),
    })
}

/// Each once, in the order of their first places.
fn distinct<T: PartialEq>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut distinct = Vec::new();
    for item in items {
        if !distinct.contains(&item) {
            distinct.push(item);
        }
    }
    distinct
}

/// What the build says, as a command does.
fn explain(terminal: &Terminal, error: BuildError) -> Failure {
    match error {
        BuildError::Source(failure) => {
            terminal.tell(&failure.diagnostics, &failure.sources);
            Failure::told()
        }
        BuildError::Loss { message, help } => Failure::file(message).help(help),
        BuildError::Usage { message, help } => Failure::usage(message, help),
        other => Failure::file(other.to_string()),
    }
}
