//! Text to callable: the list of passes, in order.
//!
//! In comes a `.loss` text, path or library name, out comes a [`Loss`] whose code for values and default
//! gradients is ready. The code for other combinations of results is made from the same stabilized
//! graph when a call first asks for one.

mod assemble;
#[cfg(test)]
mod tests;

use std::fmt::{Display, Formatter};
use std::path::Path;
use std::sync::Arc;

use crate::batch::Weighting;
use crate::call::{Element, Loss};
use crate::check::{self, check};
use crate::diagnostic::{Failure, suggest};
use crate::freeze::{FreezeError, freeze};
use crate::graph::{InputId, InputKind, Role};
use crate::loops::Precision;
use crate::machine::{Isa, host_fuses};
use crate::model::Model;
use crate::plan::{Request, explained, plan, stabilized};
use assemble::assemble;

/// Why a loss was not compiled.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum CompileError {
    /// The text is wrong.
    Source(Box<Failure>),
    /// What was asked of it does not fit it.
    Choice(String),
    /// A param cannot be made that constant.
    Freeze(FreezeError),
    /// It is right, but no code can be made for it.
    Code(String),
}

impl Display for CompileError {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Source(failure) => failure.fmt(formatter),
            Self::Choice(text) | Self::Code(text) => formatter.write_str(text),
            Self::Freeze(error) => error.fmt(formatter),
        }
    }
}

impl std::error::Error for CompileError {}

impl From<Failure> for CompileError {
    fn from(failure: Failure) -> Self {
        Self::Source(Box::new(failure))
    }
}

impl From<FreezeError> for CompileError {
    fn from(error: FreezeError) -> Self {
        Self::Freeze(error)
    }
}

/// What runs the programs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Target {
    /// Machine code of this machine, in vector lanes.
    #[default]
    Native,
    /// Machine code of this machine, one element after the other.
    NativeScalar,
    /// The interpreter: slow, and the same bits.
    Interpreter,
}

/// Chooses what is compiled, and compiles it.
#[derive(Clone, Debug, Default)]
pub struct Compiler {
    loss: Option<String>,
    wrt: Option<Vec<String>>,
    frozen: Vec<(String, f64)>,
    target: Target,
    isa: Option<Isa>,
}

impl Compiler {
    /// The only loss of a file or the one named like it, gradients in every `pred` and `learned` input.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the loss of this name from a file of several.
    #[must_use]
    pub fn loss(mut self, name: impl Into<String>) -> Self {
        self.loss = Some(name.into());
        self
    }

    /// Names the inputs whose gradients come by default; any real input can be named.
    #[must_use]
    pub fn wrt<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.wrt = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Makes a param or learned input a constant, which the code is simplified for; calls no longer take it.
    #[must_use]
    pub fn freeze(mut self, name: impl Into<String>, value: f64) -> Self {
        self.frozen.push((name.into(), value));
        self
    }

    /// Chooses what runs the programs.
    #[must_use]
    pub fn target(mut self, target: Target) -> Self {
        self.target = target;
        self
    }

    /// Chooses the vectors of [`Target::Native`], which are the widest of this machine otherwise. The bits of
    /// results do not depend on it.
    #[must_use]
    pub fn isa(mut self, isa: Isa) -> Self {
        self.isa = Some(isa);
        self
    }

    /// Compiles a text, which is shown under a name in diagnostics.
    ///
    /// # Errors
    /// If the text is wrong, or does not have what is asked for.
    pub fn text<T: Element>(
        &self,
        name: impl Into<String>,
        text: impl Into<String>,
    ) -> Result<Loss<T>, CompileError> {
        let name = name.into();
        let stem = stem(&name);
        self.source(&check::Source::Text { name, text: text.into() }, &stem)
    }

    /// Compiles a file and what it uses.
    ///
    /// # Errors
    /// If a file cannot be read or is wrong, or does not have what is asked for.
    pub fn path<T: Element>(&self, path: impl AsRef<Path>) -> Result<Loss<T>, CompileError> {
        let path = path.as_ref();
        self.source(&check::Source::Path(path.to_owned()), &stem(path))
    }

    /// Compiles a loss of the shipped library.
    ///
    /// # Errors
    /// If there is none of that name, or it does not have what is asked for.
    pub fn library<T: Element>(&self, name: &str) -> Result<Loss<T>, CompileError> {
        self.source(&check::Source::Library(name.into()), name)
    }

    fn source<T: Element>(
        &self,
        source: &check::Source,
        stem: &str,
    ) -> Result<Loss<T>, CompileError> {
        let mut models = check(source)?.models;
        let place = position(&models, self.loss.as_deref(), stem)?;
        self.finish(models.swap_remove(place))
    }

    /// Compiles a checked loss.
    ///
    /// # Errors
    /// If it does not have what is asked for, or becomes too large.
    pub fn model<T: Element>(&self, model: &Model) -> Result<Loss<T>, CompileError> {
        self.finish(model.clone())
    }

    fn finish<T: Element>(&self, model: Model) -> Result<Loss<T>, CompileError> {
        let Chosen { mut model, frozen, wrt } = self.choose_inputs(model)?;
        let stable = stabilized(&mut model);
        let model = Arc::new(model);
        let (target, isa) = (self.target, self.isa.unwrap_or_else(Isa::host));
        let meaning = Arc::clone(&model);
        let build = move |request: &Request| {
            let plan = plan(&meaning.graph, &stable, request, T::PRECISION, host_fuses())?;
            assemble(plan, target, isa)
        };
        let loss = Loss::new(model, &frozen, wrt, Box::new(build));
        loss.compile_default().map_err(CompileError::Code)?;
        Ok(loss)
    }

    /// The loop program of values and default gradients as text, with what it stores and why; `fused` says
    /// whether the machine multiplies and adds in one instruction.
    ///
    /// # Errors
    /// If the loss does not have what is asked for, or becomes too large.
    pub fn explain(
        &self,
        model: &Model,
        precision: Precision,
        fused: bool,
    ) -> Result<String, CompileError> {
        let Chosen { mut model, wrt, .. } = self.choose_inputs(model.clone())?;
        let request =
            Request::Values { gradients: wrt, weighting: Weighting::default(), each: false };
        let stable = stabilized(&mut model);
        explained(&model.graph, &stable, &request, precision, fused).map_err(CompileError::Code)
    }

    /// Makes constants of the inputs that are to be, and finds those whose gradients come by default.
    pub(crate) fn choose_inputs(&self, model: Model) -> Result<Chosen, CompileError> {
        let frozen: Vec<(InputId, f64)> = self
            .frozen
            .iter()
            .map(|(name, value)| Ok((find_input(&model, name)?, *value)))
            .collect::<Result<_, CompileError>>()?;
        let model = if frozen.is_empty() { model } else { freeze(&model, &frozen)? };
        let wrt = match &self.wrt {
            Some(names) => {
                let find = |name: &String| find_input(&model, name);
                let mut wrt = names.iter().map(find).collect::<Result<Vec<_>, _>>()?;
                wrt.sort_unstable();
                wrt.dedup();
                wrt
            }
            None => default_gradients(&model),
        };
        for id in &wrt {
            test_differentiable(&model, *id, &frozen)?;
        }
        Ok(Chosen { model, frozen, wrt })
    }
}

/// A loss whose inputs have been chosen.
pub(crate) struct Chosen {
    /// Its meaning, with the constants put in.
    pub(crate) model: Model,
    /// The inputs that were made constants, and which.
    pub(crate) frozen: Vec<(InputId, f64)>,
    /// The inputs whose gradients come by default, in the order of declaration.
    pub(crate) wrt: Vec<InputId>,
}

/// The inputs whose gradients come by default, those read by the value or not.
fn default_gradients(model: &Model) -> Vec<InputId> {
    let graph = &model.graph;
    let comes = |id: &InputId| {
        let input = graph.input(*id);
        matches!(input.role, Role::Pred | Role::Learned) && input.kind == InputKind::Real
    };
    graph.input_ids().filter(comes).collect()
}

/// The loss that is meant: the named one, the only one, or the one named like its file.
///
/// # Errors
/// If none or several could be meant.
pub fn choose<'m>(
    models: &'m [Model],
    name: Option<&str>,
    stem: &str,
) -> Result<&'m Model, CompileError> {
    position(models, name, stem).map(|place| &models[place])
}

/// Where the loss that is meant stands.
fn position(models: &[Model], name: Option<&str>, stem: &str) -> Result<usize, CompileError> {
    let names = || models.iter().map(|model| model.name.as_str());
    let wanted = name.unwrap_or(stem);
    if let Some(place) = names().position(|name| name == wanted) {
        return Ok(place);
    }
    let all = names().collect::<Vec<_>>().join(", ");
    Err(CompileError::Choice(match (name, models) {
        (_, []) => "the file defines no loss".into(),
        (None, [_]) => return Ok(0),
        (None, _) => format!("the file defines several losses, name one: {all}"),
        (Some(name), _) => match suggest(name, names()) {
            Some(meant) => format!("there is no loss `{name}`; did you mean `{meant}`?"),
            None => format!("there is no loss `{name}`; there is {all}"),
        },
    }))
}

fn stem(path: impl AsRef<Path>) -> String {
    path.as_ref().file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned())
}

fn find_input(model: &Model, name: &str) -> Result<InputId, CompileError> {
    let graph = &model.graph;
    graph.input_ids().find(|id| graph.input(*id).name == name).ok_or_else(|| {
        let names = || graph.input_ids().map(|id| graph.input(id).name.as_str());
        CompileError::Choice(match suggest(name, names()) {
            Some(meant) => {
                format!("`{}` has no input `{name}`; did you mean `{meant}`?", model.name)
            }
            None => format!(
                "`{}` has no input `{name}`; its inputs are {}",
                model.name,
                names().collect::<Vec<_>>().join(", ")
            ),
        })
    })
}

fn test_differentiable(
    model: &Model,
    id: InputId,
    frozen: &[(InputId, f64)],
) -> Result<(), CompileError> {
    let input = model.graph.input(id);
    let problem = if input.kind != InputKind::Real {
        "only real inputs have a gradient"
    } else if frozen.iter().any(|(known, _)| *known == id) {
        "it is made a constant"
    } else {
        return Ok(());
    };
    Err(CompileError::Choice(format!("no gradient in `{}`: {problem}", input.name)))
}
