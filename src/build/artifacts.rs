//! What was built as files: in come linked losses, out come names and bytes, and files that are whole or not there.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use target_lexicon::BinaryFormat;

use super::archive::{archive, is_msvc};
use super::produce::Product;
use super::{BuildError, Products};
use crate::bind;
use crate::linked::{Interface, shared_library};
use crate::machine::FunctionText;

/// A kind of file that losses are built into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Emit {
    /// An object a loss: `focal.o`, or `focal.obj` for Microsoft's linker.
    Objects,
    /// All objects as a static library: `liblosses.a`, or `losses.lib` for Microsoft's linker.
    StaticLibrary,
    /// All objects as a shared library: `liblosses.so`.
    SharedLibrary,
    /// A Rust module with safe functions: `losses.rs`.
    Rust,
    /// A header for C and C++: `losses.h`.
    Header,
    /// Cranelift's intermediate code of each loss, for reading: `focal.clif`.
    Clif,
    /// The instructions of each loss, for reading: `focal.s`.
    Assembly,
}

/// A file that has not been written yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// What kind of file it is.
    pub kind: Emit,
    /// Its name, without a folder.
    pub name: String,
    /// What it holds.
    pub bytes: Vec<u8>,
}

impl Products {
    /// The files that were asked for, in the order of their kinds.
    ///
    /// # Errors
    /// Where the target has no such files, or two would have the same name.
    pub fn artifacts(&self) -> Result<Vec<Artifact>, BuildError> {
        let mut artifacts = Vec::new();
        for kind in &self.settings.emit {
            artifacts.extend(self.of_kind(*kind)?);
        }
        for (at, artifact) in artifacts.iter().enumerate() {
            // Some file systems do not tell capital letters from small ones.
            let same = |other: &&Artifact| other.name.eq_ignore_ascii_case(&artifact.name);
            if let Some(other) = artifacts[..at].iter().find(same) {
                return Err(two_of_a_name(&other.name, &artifact.name));
            }
        }
        Ok(artifacts)
    }

    fn of_kind(&self, kind: Emit) -> Result<Vec<Artifact>, BuildError> {
        let one = |name: String, bytes: Vec<u8>| Ok(vec![Artifact { kind, name, bytes }]);
        let each = |ending: &str, text: &dyn Fn(&Product) -> Vec<u8>| {
            let file = |loss: &Product| Artifact {
                kind,
                name: format!("{}.{ending}", loss.name),
                bytes: text(loss),
            };
            Ok(self.losses.iter().map(file).collect())
        };
        match kind {
            Emit::Objects => each(self.object_ending(), &|loss| loss.linked.object.clone()),
            Emit::StaticLibrary => one(self.static_library_name(), self.static_library()?),
            Emit::SharedLibrary => {
                one(format!("lib{}.so", self.settings.library()), self.shared_library()?)
            }
            Emit::Rust => one(format!("{}.rs", self.settings.name), self.rust().into_bytes()),
            Emit::Header => one(format!("{}.h", self.settings.name), self.header().into_bytes()),
            Emit::Clif => each("clif", &|loss| texts(loss, |function| &function.clif)),
            Emit::Assembly => each("s", &|loss| texts(loss, |function| &function.assembly)),
        }
    }

    /// The names of the losses, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.losses.iter().map(|loss| loss.name.as_str())
    }

    /// What no other build of the same program may have: its files, and its symbols.
    pub(super) fn claims(&self) -> Vec<String> {
        let symbols = self.losses.iter().flat_map(|loss| &loss.linked.interfaces);
        let module = format!("{}.rs", self.settings.name);
        [module, self.static_library_name()]
            .into_iter()
            .chain(symbols.map(|interface| interface.symbol.clone()))
            .collect()
    }

    /// What the losses look like from outside, one after the other.
    #[must_use]
    pub fn interfaces(&self) -> Vec<Interface> {
        self.losses.iter().flat_map(|loss| loss.linked.interfaces.iter().cloned()).collect()
    }

    fn rust(&self) -> String {
        bind::rust_module(&self.interfaces())
    }

    fn header(&self) -> String {
        bind::header(&self.settings.name, &self.interfaces())
    }

    fn object_ending(&self) -> &'static str {
        if is_msvc(&self.target) { "obj" } else { "o" }
    }

    /// The objects with their names.
    fn objects(&self) -> Vec<(String, &[u8])> {
        let ending = self.object_ending();
        let name = |loss: &Product| format!("{}.{ending}", loss.name);
        self.losses.iter().map(|loss| (name(loss), loss.linked.object.as_slice())).collect()
    }

    /// The name of the static library's file.
    pub(super) fn static_library_name(&self) -> String {
        let library = self.settings.library();
        if is_msvc(&self.target) { format!("{library}.lib") } else { format!("lib{library}.a") }
    }

    fn static_library(&self) -> Result<Vec<u8>, BuildError> {
        archive(&self.target, &self.objects())
    }

    fn shared_library(&self) -> Result<Vec<u8>, BuildError> {
        if self.target.binary_format != BinaryFormat::Elf {
            return Err(BuildError::usage(
                format!("no shared library can be made for `{}`, only ELF ones", self.target),
                "build the object or static library, and link it with the linker of the platform",
            ));
        }
        let objects: Vec<&[u8]> =
            self.losses.iter().map(|it| it.linked.object.as_slice()).collect();
        shared_library(&format!("lib{}.so", self.settings.library()), &objects).map_err(|why| {
            BuildError::loss(why.to_string(), "emit `obj` or `staticlib` instead of `shared`")
        })
    }
}

/// The functions of a loss, each under a line that says what it is made for.
fn texts(loss: &Product, text: impl Fn(&FunctionText) -> &String) -> Vec<u8> {
    let mut all = String::new();
    for function in &loss.linked.texts {
        let gap = if all.is_empty() { "" } else { "\n" };
        all += &format!("{gap}; {} for {}\n", function.symbol, function.machine);
        all += text(function).trim_end();
        all.push('\n');
    }
    all.into_bytes()
}

/// Writes files into a folder, which is made where there is none, and gives their paths: all of them or, where
/// one cannot be written, none. Whoever reads meanwhile sees old files or new ones; a file that holds the same
/// already is left as it is.
///
/// # Errors
/// Where the folder or a file cannot be written.
pub fn write(folder: &Path, artifacts: &[Artifact]) -> Result<Vec<PathBuf>, BuildError> {
    std::fs::create_dir_all(folder).map_err(|why| BuildError::unwritable(folder, &why))?;
    let paths: Vec<PathBuf> = artifacts.iter().map(|it| folder.join(&it.name)).collect();
    let mut finished: Vec<(PathBuf, &PathBuf)> = Vec::new();
    let staged = artifacts.iter().zip(&paths).try_for_each(|(artifact, path)| {
        if std::fs::read(path).is_ok_and(|known| known == artifact.bytes) {
            return Ok(());
        }
        let unfinished = folder.join(format!(".{}.{}", artifact.name, std::process::id()));
        finished.push((unfinished.clone(), path));
        if path.is_dir() {
            return Err(BuildError::unwritable(path, &ErrorKind::IsADirectory.into()));
        }
        let written =
            std::fs::File::create(&unfinished).and_then(|mut file| file.write_all(&artifact.bytes));
        written.map_err(|why| BuildError::unwritable(path, &why))
    });
    let renamed = staged.and_then(|()| {
        finished.iter().try_for_each(|(from, to)| {
            std::fs::rename(from, to).map_err(|why| BuildError::unwritable(to, &why))
        })
    });
    renamed.inspect_err(|_| {
        for (unfinished, _) in &finished {
            // What is left of it is of no use; the first mistake is the one to tell.
            let _ = std::fs::remove_file(unfinished);
        }
    })?;
    Ok(paths)
}

fn two_of_a_name(first: &str, second: &str) -> BuildError {
    let (message, help) = if first == second {
        (format!("two files would be called `{first}`"), "rename the loss, or the build")
    } else {
        (
            format!("`{first}` and `{second}` are one file where capital letters do not count"),
            "rename one of the losses",
        )
    };
    BuildError::usage(message, help)
}
