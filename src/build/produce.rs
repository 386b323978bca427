//! Checked files to linked losses: in come the files of a build and what is asked of it, out come all their
//! losses as objects with interfaces. No two losses have the same name.

use std::path::PathBuf;

use target_lexicon::Triple;

use super::{BuildError, Emit, test};
use crate::check::Checked;
use crate::compile::Compiler;
use crate::diagnostic::{Code, Diagnostic, Failure, Sources, Span};
use crate::linked::{self, Cpu, Linked, link};
use crate::loops::Precision;
use crate::machine::{Level, Machine};
use crate::model::Model;

/// What losses are built for. Symbols begin with `prefix`.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The kinds of files, in the order in which they are made.
    pub emit: Vec<Emit>,
    /// What the Rust module and the header are called, without an ending.
    pub name: String,
    /// What static and shared libraries are called, without `lib` and an ending; none: as `name`.
    pub library: Option<String>,
    /// What symbols begin with.
    pub prefix: String,
    /// The types of numbers: each loss is built in each of them.
    pub precisions: Vec<Precision>,
    /// Inputs that become constants, in each loss that has them.
    pub frozen: Vec<(String, f64)>,
    /// The inputs to take gradients in; a loss that has none of them keeps every pred and learned input.
    pub wrt: Option<Vec<String>>,
    /// Which CPUs of the target.
    pub cpu: Cpu,
    /// The target, as Rust names it; none: this machine.
    pub target: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            emit: vec![Emit::StaticLibrary, Emit::Header],
            name: "losses".to_owned(),
            library: None,
            prefix: "lossc".to_owned(),
            precisions: vec![Precision::F32],
            frozen: Vec::new(),
            wrt: None,
            cpu: Cpu::Any,
            target: None,
        }
    }
}

impl Settings {
    /// What libraries are called.
    pub(super) fn library(&self) -> &str {
        self.library.as_ref().unwrap_or(&self.name)
    }
}

/// A file that losses are built from.
#[derive(Debug)]
pub struct Input {
    /// What it is called in messages.
    pub name: String,
    /// What it means.
    pub checked: Checked,
}

impl Input {
    /// Where it lies on the disk, if it does.
    fn own(&self) -> Option<&PathBuf> {
        self.checked.paths.last()
    }

    /// The files on the disk that it uses.
    pub(super) fn used(&self) -> &[PathBuf] {
        self.checked.paths.split_last().map_or(&[], |(_, used)| used)
    }
}

/// Losses that were built.
#[derive(Clone, Debug)]
pub struct Products {
    pub(super) settings: Settings,
    pub(super) target: Triple,
    pub(super) losses: Vec<Product>,
}

/// A loss that was built.
#[derive(Clone, Debug)]
pub(super) struct Product {
    pub(super) name: String,
    pub(super) linked: Linked,
}

/// Builds every loss of some files.
///
/// # Errors
/// Where a file has no losses and no other uses it, two losses have the same name, a setting makes no sense,
/// or a loss cannot be built as it says.
pub fn produce(inputs: &[Input], settings: &Settings) -> Result<Products, BuildError> {
    let machine = match &settings.target {
        Some(target) => Machine::new(target, Level::Baseline),
        None => Machine::host(Level::Baseline),
    };
    let machine = machine.map_err(|why| {
        BuildError::usage(why.to_string(), "choose another target, or compile at run time there")
    })?;
    test::settings(settings, machine.triple())?;
    let losses = losses(inputs)?;
    test::input_names(settings, losses.iter().map(|(_, model)| *model))?;
    let options = linked::Options {
        precisions: settings.precisions.clone(),
        prefix: settings.prefix.clone(),
        target: settings.target.clone(),
        cpu: settings.cpu,
        texts: settings.emit.iter().any(|kind| matches!(kind, Emit::Clif | Emit::Assembly)),
    };
    let build = |(input, model): &(&Input, &Model)| {
        let linked = link(&compiler(settings, model), model, &options)
            .map_err(|error| BuildError::of_loss(&model.name, &input.name, error))?;
        Ok(Product { name: model.name.clone(), linked })
    };
    let losses = losses.iter().map(build).collect::<Result<_, BuildError>>()?;
    Ok(Products { settings: settings.clone(), target: machine.triple().clone(), losses })
}

/// Asks for what a loss has of the settings.
fn compiler(settings: &Settings, model: &Model) -> Compiler {
    let has = |name: &String| has_input(model, name);
    let mut compiler = Compiler::new();
    for (name, value) in settings.frozen.iter().filter(|(name, _)| has(name)) {
        compiler = compiler.freeze(name, *value);
    }
    match &settings.wrt {
        // No gradients at all are asked for by an empty list.
        Some(names) if names.is_empty() => compiler.wrt::<String>([]),
        Some(names) if names.iter().any(has) => {
            compiler.wrt(names.iter().filter(|name| has(name)).cloned())
        }
        Some(_) | None => compiler,
    }
}

/// Whether a loss has an input of that name.
pub(super) fn has_input(model: &Model, name: &str) -> bool {
    model.graph.input_ids().any(|id| model.graph.input(id).name == name)
}

/// The losses of all files, in order.
fn losses(inputs: &[Input]) -> Result<Vec<(&Input, &Model)>, BuildError> {
    let mut losses: Vec<(&Input, &Model)> = Vec::new();
    for (at, input) in inputs.iter().enumerate() {
        let own = input.own();
        if own.is_some() && inputs[..at].iter().any(|known| known.own() == own) {
            continue;
        }
        if input.checked.models.is_empty() && !is_used(input, inputs) {
            return Err(no_losses(&input.name));
        }
        for model in &input.checked.models {
            if let Some((other, first)) = losses.iter().find(|(_, known)| known.name == model.name)
            {
                return Err(clash((other, first), (input, model)));
            }
            losses.push((input, model));
        }
    }
    if losses.is_empty() {
        let names: Vec<&str> = inputs.iter().map(|input| input.name.as_str()).collect();
        return Err(no_losses(&names.join("`, `")));
    }
    Ok(losses)
}

/// Whether another file takes helpers from this one.
fn is_used(input: &Input, inputs: &[Input]) -> bool {
    let used = |own| inputs.iter().any(|other| other.used().contains(own));
    input.own().is_some_and(used)
}

fn no_losses(file: &str) -> BuildError {
    BuildError::loss(
        format!("`{file}` defines no loss"),
        "write one, such as `loss squared_error(pred yhat, target y) = (yhat - y)^2`, or leave the file out",
    )
}

/// Two losses of one name, with both places.
fn clash(first: (&Input, &Model), second: (&Input, &Model)) -> BuildError {
    let mut sources = Sources::default();
    let mut place = |(input, model): (&Input, &Model)| {
        let known = input.checked.sources.file(model.span.file);
        Span { file: sources.add(&known.name, &known.text), ..model.span }
    };
    let (first_span, second_span) = (place(first), place(second));
    let message = format!("two losses of this build are called `{}`", second.1.name);
    let diagnostic = Diagnostic::error(Code::DuplicateName, second_span, message)
        .at("again here")
        .label(first_span, "first here")
        .help("rename one of them, or leave one of the files out");
    Failure { diagnostics: vec![diagnostic], sources }.into()
}
