//! What a build script names: in come paths, patterns and names of shipped losses, out come the files that
//! they stand for, each once, and the folders in which new ones may appear.

use std::path::{Path, PathBuf};

use glob::{MatchOptions, glob_with};

use super::BuildError;
use crate::check::Source;
use crate::diagnostic::suggest;
use crate::library;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The files, with the names to show them under.
    pub(super) sources: Vec<(String, Source)>,
    /// The folders that patterns search.
    pub(super) folders: Vec<PathBuf>,
}

/// Finds the files of a build. A path that exists is meant before a pattern, and that before a shipped loss.
///
/// # Errors
/// Where something named is not there, or no file matches a pattern.
pub(super) fn find(names: &[PathBuf]) -> Result<Found, BuildError> {
    if names.is_empty() {
        return Err(BuildError::usage(
            "no files are named, so there is nothing to build",
            "name some, such as `.compile([\"losses/*.loss\"])`",
        ));
    }
    let mut found = Found::default();
    for name in names {
        let text = name.to_str().unwrap_or("");
        // A folder does not hide a shipped loss of its name.
        if name.is_dir() && library::find(text).is_none() {
            return Err(folder(name));
        } else if name.exists() && !name.is_dir() {
            found.add_path(name.clone());
        } else if text.contains(['*', '?', '[']) {
            found.add_pattern(text)?;
        } else if library::find(text).is_some() {
            found.add_library(text);
        } else {
            return Err(missing(name));
        }
    }
    Ok(found)
}

impl Found {
    fn add_path(&mut self, path: PathBuf) {
        let same = |known: &Path| match (known.canonicalize(), path.canonicalize()) {
            (Ok(known), Ok(path)) => known == path,
            _ => known == path,
        };
        let is_known = self.sources.iter().any(|(_, source)| match source {
            Source::Path(known) => same(known),
            Source::Text { .. } | Source::Library(_) => false,
        });
        if !is_known {
            self.sources.push((path.display().to_string(), Source::Path(path)));
        }
    }

    fn add_library(&mut self, name: &str) {
        if !self.sources.iter().any(|(known, _)| known == name) {
            self.sources.push((name.to_owned(), Source::Library(name.to_owned())));
        }
    }

    fn add_pattern(&mut self, pattern: &str) -> Result<(), BuildError> {
        // What editors keep beside a file, such as `.#focal.loss`, begins with a dot.
        let options = MatchOptions { require_literal_leading_dot: true, ..MatchOptions::new() };
        let paths = glob_with(pattern, options).map_err(|why| no_pattern(pattern, why.msg))?;
        let mut matched = false;
        for path in paths {
            let path = path.map_err(|why| unsearchable(pattern, &why))?;
            if !path.is_dir() {
                matched = true;
                self.add_path(path);
            }
        }
        if !matched {
            return Err(no_match(pattern));
        }
        let folder = fixed_folder(pattern);
        if !self.folders.contains(&folder) {
            self.folders.push(folder);
        }
        Ok(())
    }
}

/// The folder that all matches of a pattern lie in.
fn fixed_folder(pattern: &str) -> PathBuf {
    let is_fixed = |part: &Path| !part.to_string_lossy().contains(['*', '?', '[']);
    let pattern = Path::new(pattern);
    let folder = pattern.ancestors().skip(1).find(|folder| is_fixed(folder));
    match folder {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn folder(path: &Path) -> BuildError {
    BuildError::usage(
        format!("`{}` is a folder, not a file", path.display()),
        format!("name the files in it: `{}`", path.join("*.loss").display()),
    )
}

fn missing(path: &Path) -> BuildError {
    let shown = path.display();
    let stem = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into());
    let shipped = library::find(&stem).map(|shipped| shipped.name);
    let near = shipped.or_else(|| suggest(&stem, library::LOSSES.iter().map(|it| it.name)));
    let help = match near {
        Some(near) => {
            format!("there is a shipped loss `{near}`: give its name without a path or an ending")
        }
        None => format!(
            "give a path from {}, a pattern such as `losses/*.loss`, or the name of a shipped loss",
            here()
        ),
    };
    BuildError::usage(format!("there is no file `{shown}`"), help)
}

fn no_match(pattern: &str) -> BuildError {
    BuildError::usage(
        format!("no file matches `{pattern}`"),
        format!("put a .loss file there, or correct the pattern; it starts from {}", here()),
    )
}

fn no_pattern(pattern: &str, why: &str) -> BuildError {
    BuildError::usage(
        format!("`{pattern}` is no pattern: {why}"),
        "`*` stands for any part of a name, `**` for any folders, `?` for a character, `[ab]` for one of these",
    )
}

fn unsearchable(pattern: &str, why: &glob::GlobError) -> BuildError {
    BuildError::usage(
        format!("cannot search `{}` for `{pattern}`: {}", why.path().display(), why.error()),
        "make the folder readable, or name the files",
    )
}

/// Where paths start from.
fn here() -> String {
    std::env::current_dir()
        .map_or_else(|_| "the current folder".to_owned(), |folder| folder.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_has_a_folder_that_all_matches_lie_in() {
        for (pattern, expected) in [
            ("losses/*.loss", "losses"),
            ("losses/**/*.loss", "losses"),
            ("a/b/c?/x.loss", "a/b"),
            ("../common/[ab].loss", "../common"),
            ("/all/*/x.loss", "/all"),
            ("*.loss", "."),
            ("*/x.loss", "."),
        ] {
            assert_eq!(fixed_folder(pattern), Path::new(expected), "{pattern}");
        }
    }
}
