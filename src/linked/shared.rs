//! Shared libraries without a linker: in come ELF objects whose code refers to nothing but themselves and
//! each other, out comes a library that any program can load.
//!
//! The library exports what the objects export and needs no other one. It is position independent and has
//! nothing for the loader to relocate; no page of it is both writable and executable. The same
//! objects give the same bytes.

mod read;
mod relocate;
mod write;

use std::error::Error;
use std::fmt::{self, Display, Formatter};

use read::{Part, Place};

/// Why objects did not become a shared library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SharedError {
    /// The name of the library is empty or holds a zero byte.
    Name(String),
    /// Objects, or something that they must hold, are missing.
    Nothing(&'static str),
    /// An object, counted from 0, holds something that is not linked here.
    Object {
        /// Which object.
        place: usize,
        /// What it holds.
        what: String,
    },
    /// A symbol is defined twice, or not at all.
    Symbol {
        /// Its name.
        name: String,
        /// What is wrong with it.
        what: &'static str,
    },
}

impl Display for SharedError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let why = "no shared library is written";
        let instead = "write the objects alone and give them to a linker (`cc -shared`)";
        match self {
            Self::Name(name) => write!(
                f,
                "{why}: {name:?} cannot be the name of one, which needs a character and has no zero byte"
            ),
            Self::Nothing(what) => write!(f, "{why}: there is no {what}"),
            Self::Object { place, what } => write!(f, "{why}: object {place} {what}; {instead}"),
            Self::Symbol { name, what } => write!(f, "{why}: the symbol `{name}` {what}"),
        }
    }
}

impl Error for SharedError {}

/// Links ELF objects for one machine (x86-64, aarch64, riscv64 or s390x) into a shared library, of which
/// programs linked with it remember the name.
///
/// # Errors
/// Where the objects are not of that kind, hold data that can be written, or refer to something
/// that none of them defines.
pub fn shared_library(name: &str, objects: &[&[u8]]) -> Result<Vec<u8>, SharedError> {
    if name.is_empty() || name.contains('\0') {
        return Err(SharedError::Name(name.to_owned()));
    }
    let mut parts = read::read(objects)?;
    if parts.code.bytes.is_empty() {
        return Err(SharedError::Nothing("code in the objects"));
    }
    if !parts.symbols.iter().any(read::Symbol::is_exported) {
        return Err(SharedError::Nothing("exported symbol in the objects"));
    }
    let addresses = write::lay_out(name, &parts).addresses;
    for patch in relocate::patches(&parts, addresses)? {
        let refused = |what| SharedError::Object { place: patch.object, what };
        let bytes = &mut parts.region(patch.place.part).bytes;
        relocate::apply(&patch, bytes).map_err(refused)?;
    }
    Ok(write::write(name, &parts))
}

/// Where the parts of a library are in memory, from where it is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Addresses {
    code: u64,
    constants: u64,
}

impl Addresses {
    fn of(self, place: Place) -> u64 {
        let part = match place.part {
            Part::Code => self.code,
            Part::Constants => self.constants,
        };
        part + place.offset
    }
}

/// The largest page of the machines of an architecture, whose loader maps whole pages.
fn page_bytes(machine: u16) -> u64 {
    if machine == object::elf::EM_AARCH64 { 1 << 16 } else { 1 << 12 }
}

#[cfg(test)]
mod tests;
