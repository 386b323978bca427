//! How a build script speaks: in come what was built and why not, out come instructions to Cargo, and an end.
//!
//! This is the only file of the library that prints or exits: for a build script that is the interface.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::find::Found;
use super::test::word;
use super::{BuildError, Input, Products, warnings};

/// What is peculiar to the package: its name and version.
pub(super) fn package_prefix() -> String {
    let package = ["CARGO_PKG_NAME", "CARGO_PKG_VERSION"].map(|name| std::env::var(name).ok());
    let parts = package.into_iter().flatten();
    word(&parts.fold("lossc".to_owned(), |prefix, part| format!("{prefix}_{part}")))
}

/// Rust that links a library into whatever includes it. Cargo would link it into the library of a package only,
/// where a program of the same package may be what calls it.
pub(super) fn link_attribute(library: &str) -> String {
    format!(
        "\n#[allow(unsafe_code)]\n#[link(name = \"{library}\", kind = \"static\")]\nunsafe extern \"C\" {{}}\n"
    )
}

/// What Cargo needs to know: where the library lies, and what to build anew after.
pub(super) fn instructions(folder: &Path, found: &Found, inputs: &[Input]) -> Vec<String> {
    let mut changes: Vec<PathBuf> = Vec::new();
    let mut odd = warnings(inputs);
    for searched in &found.folders {
        if holds(searched, folder) {
            odd.push(format!(
                "a new file in `{}` will not be noticed, since what is built lies in there too: put the losses \
                 into a folder of their own",
                searched.display()
            ));
        } else {
            changes.push(searched.clone());
        }
    }
    for (input, (_, source)) in inputs.iter().zip(&found.sources) {
        if let crate::check::Source::Path(path) = source {
            changes.push(path.clone());
            changes.extend(input.used().iter().cloned());
        }
    }
    if changes.is_empty() {
        // Shipped losses do not change. Told of nothing, Cargo would watch the whole package.
        changes.push(PathBuf::from("Cargo.toml"));
    }
    let mut known = Vec::new();
    changes.retain(|path| {
        let path = path.canonicalize().unwrap_or_else(|_| path.clone());
        let is_new = !known.contains(&path);
        known.push(path);
        is_new
    });
    let changes = changes.iter().map(|path| format!("cargo::rerun-if-changed={}", path.display()));
    let search = format!("cargo::rustc-link-search=native={}", folder.display());
    let odd = odd.iter().map(|warning| format!("cargo::warning={warning}"));
    changes.chain([search]).chain(odd).collect()
}

/// Whether a folder is that of the package, or what is built lies in it.
fn holds(searched: &Path, folder: &Path) -> bool {
    let full = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let searched = full(searched);
    full(folder).starts_with(&searched) || full(Path::new(".")).starts_with(&searched)
}

/// Says something to Cargo.
pub(super) fn tell(instructions: &[String]) -> Result<(), BuildError> {
    let mut output = std::io::stdout().lock();
    let mut write = || {
        instructions.iter().try_for_each(|line| writeln!(output, "{line}"))?;
        output.flush()
    };
    write().map_err(|why| {
        BuildError::usage(format!("cannot write to standard output: {why}"), "let Cargo read it")
    })
}

/// Says why nothing was built, and ends the process.
pub(super) fn give_up(error: &BuildError) -> ! {
    // Nobody is left to be told if that fails.
    let _ = writeln!(std::io::stderr().lock(), "{}", error.told());
    std::process::exit(1)
}

/// Makes sure that no other build of this process has written the same files or defined the same symbols.
pub(super) fn claim(folder: &Path, products: &Products) -> Result<(), BuildError> {
    static CLAIMED: Mutex<Vec<(PathBuf, String)>> = Mutex::new(Vec::new());
    let mut claimed = CLAIMED.lock().unwrap_or_else(PoisonError::into_inner);
    let own: Vec<String> = products.claims();
    let known = |name: &&String| claimed.iter().any(|(at, known)| at == folder && known == *name);
    if let Some(name) = own.iter().find(known) {
        return Err(BuildError::usage(
            format!("an earlier build of this build script has made `{name}` already"),
            "give one of them a name of its own, such as `.name(\"more_losses\")`; a prefix of its own, if both have the same",
        ));
    }
    claimed.extend(own.into_iter().map(|name| (folder.to_owned(), name)));
    Ok(())
}
