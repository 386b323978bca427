//! Why a command stops: in come mistakes in files, data and usage, out comes what is printed and the exit status.

use std::fmt;
use std::process::ExitCode;

macro_rules! data_codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+) => {
        /// The kind of a mistake in data, printed in square brackets: `error[data-ragged]`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum DataCode { $($(#[doc = $doc])+ $variant,)+ }

        impl DataCode {
            /// The name as printed.
            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

data_codes! {
    /// The bytes do not follow the format of the file.
    Format = "data-format",
    /// Something that is no number stands where one is needed.
    Number = "data-number",
    /// A field is empty, or there are no rows at all.
    Empty = "data-empty",
    /// Rows or nested lists of different lengths.
    Ragged = "data-ragged",
    /// Two columns, keys or arrays have the same name.
    Duplicate = "data-duplicate",
    /// Numbered columns leave one out.
    Gap = "data-gap",
    /// Elements of a type that cannot be used, or not for this input.
    Type = "data-type",
    /// A shape does not fit its elements, its input or the other arrays.
    Shape = "data-shape",
    /// A name that is no input of the loss, or no column of the data.
    Unknown = "data-unknown",
    /// An input has neither data nor a default.
    Missing = "data-missing",
    /// An index lies outside its axis.
    Index = "data-index",
    /// A value lies outside the domain of its input.
    Domain = "data-domain",
}

/// Whose mistake it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Data(DataCode),
    File,
    Usage,
    /// Everything has been printed already.
    Told,
}

/// The end of a command that did not do what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    kind: Kind,
    message: String,
    place: Option<String>,
    help: Option<String>,
}

impl Failure {
    /// The data are wrong: exit status 1.
    pub(crate) fn data(
        code: DataCode,
        place: impl Into<String>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self {
            kind: Kind::Data(code),
            message: message.into(),
            place: Some(place.into()),
            help: Some(help.into()),
        }
    }

    /// What was asked for makes no sense or cannot be read or written: exit status 2.
    pub(crate) fn usage(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { kind: Kind::Usage, message: message.into(), place: None, help: Some(help.into()) }
    }

    /// The file means something that cannot be done: exit status 1.
    pub(crate) fn file(message: impl Into<String>) -> Self {
        Self { kind: Kind::File, message: message.into(), place: None, help: None }
    }

    /// Says what to do about it.
    #[must_use]
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Diagnostics have been printed, and nothing is left to say: exit status 1.
    pub(crate) fn told() -> Self {
        Self { kind: Kind::Told, message: String::new(), place: None, help: None }
    }

    /// The exit status of the process.
    pub(crate) fn status(&self) -> ExitCode {
        match self.kind {
            Kind::Data(_) | Kind::File | Kind::Told => ExitCode::from(1),
            Kind::Usage => ExitCode::from(2),
        }
    }

    /// Whether there is something to print.
    pub(crate) fn is_silent(&self) -> bool {
        self.kind == Kind::Told
    }

    /// The kind of mistake in the data, if it is one.
    #[cfg(test)]
    pub(crate) fn code(&self) -> Option<DataCode> {
        match self.kind {
            Kind::Data(code) => Some(code),
            Kind::File | Kind::Usage | Kind::Told => None,
        }
    }
}

/// `error[data-ragged]: … --> place = help: …`, in the layout of the compiler's diagnostics.
impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Data(code) => write!(formatter, "error[{}]: {}", code.name(), self.message)?,
            Kind::File | Kind::Usage | Kind::Told => write!(formatter, "error: {}", self.message)?,
        }
        if let Some(place) = &self.place {
            write!(formatter, "\n --> {place}")?;
        }
        if let Some(help) = &self.help {
            write!(formatter, "\n  = help: {help}")?;
        }
        Ok(())
    }
}

/// Names in backticks, separated by commas; the first twelve if there are more.
pub(crate) fn list(names: &[&str]) -> String {
    let shown: Vec<String> = names.iter().take(12).map(|name| format!("`{name}`")).collect();
    match names.len() {
        0 => "none".to_owned(),
        more if more > shown.len() => {
            format!("{} and {} more", shown.join(", "), more - shown.len())
        }
        _ => shown.join(", "),
    }
}
