//! Losses built into programs: in come `.loss` files, out come objects, libraries and bindings as files.
//!
//! A build script says what it wants with a [`Config`]:
//!
//! ```no_run
//! // In `main` of build.rs; `lossc` is a build dependency, with `default-features = false`.
//! lossc::build::Config::new().compile(["losses/*.loss"]);
//! ```
//!
//! and the crate takes the module in, which needs nothing of lossc:
//!
//! ```ignore
//! pub mod losses {
//!     include!(concat!(env!("OUT_DIR"), "/losses.rs"));
//! }
//! ```
//!
//! The command line does the same with [`produce()`] and [`write()`].

mod archive;
mod artifacts;
mod cargo;
mod error;
mod find;
mod produce;
mod test;

use std::path::{Path, PathBuf};

use crate::check::check;
use crate::diagnostic::Diagnostic;

pub use crate::linked::Cpu;
pub use crate::loops::Precision::{self, F32, F64};
pub use artifacts::{Artifact, Emit, write};
pub use error::BuildError;
pub use produce::{Input, Products, Settings, produce};

/// Builds losses from a build script: into a static library that Cargo links, and a Rust module that calls it.
#[derive(Clone, Debug, Default)]
pub struct Config {
    precisions: Vec<Precision>,
    frozen: Vec<(String, f64)>,
    wrt: Option<Vec<String>>,
    cpu: Cpu,
    target: Option<String>,
    folder: Option<PathBuf>,
    name: Option<String>,
    prefix: Option<String>,
    has_header: bool,
    is_silent: bool,
}

/// What a build script has built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// The names of the losses, in order.
    pub losses: Vec<String>,
    /// The Rust module, to be included.
    pub rust: PathBuf,
    /// The static library that it calls.
    pub library: PathBuf,
    /// The header, if one is asked for.
    pub header: Option<PathBuf>,
    /// What Cargo is told: one instruction a line.
    pub instructions: Vec<String>,
}

impl Config {
    /// Losses in f32, with gradients in every `pred` and `learned` input, for the target and folder that Cargo
    /// names, as the module `losses`.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Builds each loss in these numbers, [`F32`] or [`F64`]; once for each call. With both of them a loss
    /// `focal` becomes the modules `focal_f32` and `focal_f64`.
    #[must_use]
    pub fn dtype(mut self, precision: Precision) -> Self {
        if !self.precisions.contains(&precision) {
            self.precisions.push(precision);
        }
        self
    }

    /// Makes a param or learned input a constant in each loss that has it, which the code is simplified for.
    #[must_use]
    pub fn freeze(mut self, name: impl Into<String>, value: f64) -> Self {
        self.frozen.push((name.into(), value));
        self
    }

    /// Names the inputs to take gradients in. A loss that has none of them keeps every `pred` and `learned`
    /// input.
    #[must_use]
    pub fn wrt<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.wrt = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Chooses the CPUs of the target: any of them, if this is not called.
    #[must_use]
    pub fn cpu(mut self, cpu: Cpu) -> Self {
        self.cpu = cpu;
        self
    }

    /// Names the target, as Rust does: by default what Cargo builds for, in `TARGET`.
    #[must_use]
    pub fn target(mut self, target: impl Into<String>) -> Self {
        self.target = Some(target.into());
        self
    }

    /// Names the folder to write into: by default Cargo's, in `OUT_DIR`.
    #[must_use]
    pub fn out_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Names the module's file, `losses` by default. Builds of one build script need names of their own.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Says what symbols and the static library's name begin with. By default that is made of the package's
    /// name and version, so that two versions live in one program, and of the name where one is given.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = Some(prefix.into());
        self
    }

    /// Writes a header for C and C++ beside the module.
    #[must_use]
    pub fn header(mut self, is_wanted: bool) -> Self {
        self.has_header = is_wanted;
        self
    }

    /// Whether Cargo is told on standard output what to link and when to build anew; it is by default.
    #[must_use]
    pub fn cargo_metadata(mut self, is_wanted: bool) -> Self {
        self.is_silent = !is_wanted;
        self
    }

    /// Builds every loss of some files: paths, patterns such as `losses/*.loss`, or names of shipped losses.
    ///
    /// Where that fails, it says so on standard error, with file, line and caret, and ends the process with
    /// status 1: a build script that cannot build has nothing else to do.
    pub fn compile<P: AsRef<Path>>(&self, files: impl IntoIterator<Item = P>) -> Built {
        self.try_compile(files).unwrap_or_else(|error| cargo::give_up(&error))
    }

    /// Builds like [`Config::compile`], and leaves it to the caller what to do where that fails.
    ///
    /// # Errors
    /// Where a file is missing or wrong, two losses have the same name, a loss lacks what is asked of it, there is
    /// no code for the target, or something cannot be written.
    pub fn try_compile<P: AsRef<Path>>(
        &self,
        files: impl IntoIterator<Item = P>,
    ) -> Result<Built, BuildError> {
        let files: Vec<PathBuf> = files.into_iter().map(|it| it.as_ref().to_owned()).collect();
        let folder = self.folder()?;
        let settings = self.settings();
        let found = find::find(&files)?;
        let mut inputs = Vec::new();
        for (name, source) in &found.sources {
            inputs.push(Input { name: name.clone(), checked: check(source)? });
        }
        let products = produce(&inputs, &settings)?;
        cargo::claim(&folder, &products)?;
        let mut artifacts = products.artifacts()?;
        for artifact in artifacts.iter_mut().filter(|artifact| artifact.kind == Emit::Rust) {
            artifact.bytes.extend(cargo::link_attribute(settings.library()).into_bytes());
        }
        let paths = write(&folder, &artifacts)?;
        let built = Built {
            losses: products.names().map(str::to_owned).collect(),
            library: paths[0].clone(),
            rust: paths[1].clone(),
            header: paths.get(2).cloned(),
            instructions: cargo::instructions(&folder, &found, &inputs),
        };
        if !self.is_silent {
            cargo::tell(&built.instructions)?;
        }
        Ok(built)
    }

    fn folder(&self) -> Result<PathBuf, BuildError> {
        let folder = self.folder.clone().or_else(|| std::env::var_os("OUT_DIR").map(PathBuf::from));
        folder.ok_or_else(|| {
            BuildError::usage(
                "there is no folder to write into: `OUT_DIR` is not set, so Cargo does not run this as a build script",
                "call it from build.rs, or name a folder with `.out_dir(…)`",
            )
        })
    }

    fn settings(&self) -> Settings {
        let defaults = Settings::default();
        let package = self.prefix.clone().unwrap_or_else(cargo::package_prefix);
        let library = match &self.name {
            Some(name) => format!("{package}_{name}"),
            None => package,
        };
        let mut emit = vec![Emit::StaticLibrary, Emit::Rust];
        emit.extend(self.has_header.then_some(Emit::Header));
        Settings {
            emit,
            prefix: self.prefix.clone().unwrap_or_else(|| library.clone()),
            library: Some(library),
            name: self.name.clone().unwrap_or(defaults.name),
            precisions: match self.precisions.as_slice() {
                [] => defaults.precisions,
                precisions => precisions.to_vec(),
            },
            frozen: self.frozen.clone(),
            wrt: self.wrt.clone(),
            cpu: self.cpu,
            target: self.target.clone().or_else(|| std::env::var("TARGET").ok()),
        }
    }
}

/// What looks odd in the files, one line each.
fn warnings(inputs: &[Input]) -> Vec<String> {
    let line = |input: &Input, warning: &Diagnostic| {
        let (sources, span) = (&input.checked.sources, warning.labels[0].span);
        let (line, column) = sources.position(span);
        let help = warning.help.as_ref().map_or_else(String::new, |help| format!(": {help}"));
        format!("{}:{line}:{column}: {}{help}", sources.file(span.file).name, warning.message)
    };
    let all =
        inputs.iter().flat_map(|input| input.checked.warnings.iter().map(move |it| (input, it)));
    all.map(|(input, warning)| line(input, warning)).collect()
}
