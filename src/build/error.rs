//! Why losses were not built: in come mistakes in files, settings and surroundings, out comes what the user reads.

use std::fmt::{self, Debug, Display, Formatter};
use std::path::Path;

use crate::compile::CompileError;
use crate::diagnostic::Failure;

/// Why losses were not built. `Debug` is the same text as `Display`, so that a `main` which returns it
/// prints no dump.
#[derive(Clone)]
#[non_exhaustive]
pub enum BuildError {
    /// A file is wrong, or two of them clash: with their places.
    Source(Box<Failure>),
    /// The files are right, but one of their losses cannot be built like this.
    Loss {
        /// What is wrong.
        message: String,
        /// What to do.
        help: String,
    },
    /// What is asked for makes no sense, or something cannot be found, read or written.
    Usage {
        /// What is wrong.
        message: String,
        /// What to do.
        help: String,
    },
}

impl BuildError {
    pub(super) fn loss(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Loss { message: message.into(), help: help.into() }
    }

    pub(super) fn usage(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), help: help.into() }
    }

    /// A file or folder that cannot be written.
    pub(super) fn unwritable(path: &Path, why: &std::io::Error) -> Self {
        Self::usage(
            format!("cannot write `{}`: {why}", path.display()),
            "name a folder that can be written to, with room in it",
        )
    }

    /// What is wrong with one loss of a file.
    pub(super) fn of_loss(loss: &str, file: &str, error: CompileError) -> Self {
        let message = |what: &dyn Display| format!("`{loss}` of {file}: {what}");
        match error {
            CompileError::Source(failure) => Self::Source(failure),
            CompileError::Choice(what) => {
                Self::usage(message(&what), "ask for what the loss has, or build it apart")
            }
            CompileError::Freeze(why) => {
                Self::loss(message(&why), "freeze it at another value, or leave it to the caller")
            }
            CompileError::Code(what) => Self::loss(
                message(&what),
                "change the loss or what is asked of it, or compile it in process, with `Compiler`",
            ),
        }
    }

    /// The text as an error of a command, beginning with `error`.
    pub(super) fn told(&self) -> String {
        match self {
            Self::Source(_) => self.to_string(),
            Self::Loss { .. } | Self::Usage { .. } => format!("error: {self}"),
        }
    }
}

impl Display for BuildError {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source(failure) => Display::fmt(failure, formatter),
            Self::Loss { message, help } | Self::Usage { message, help } => {
                write!(formatter, "{message}\n  = help: {help}")
            }
        }
    }
}

impl Debug for BuildError {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(self, formatter)
    }
}

impl std::error::Error for BuildError {}

impl From<Failure> for BuildError {
    fn from(failure: Failure) -> Self {
        Self::Source(Box::new(failure))
    }
}
