//! What FILE means: a path, `-` or the name of a shipped loss comes in, checked losses go out.

use std::io::Read;
use std::path::Path;

use lossc::check::{self, Checked, Source};
use lossc::diagnostic::suggest;
use lossc::library;
use lossc::model::Model;

use super::failure::{Failure, list};
use super::terminal::Terminal;

/// More than any source file may have.
const LONGEST: u64 = (4 << 20) + 1;

/// The source that FILE names: standard input, a file, or a shipped loss, in this order.
///
/// # Errors
/// If there is no such thing, or it cannot be read.
pub(crate) fn find(file: &str) -> Result<Source, Failure> {
    if file == "-" {
        return from_stdin();
    }
    let path = Path::new(file);
    // A folder does not hide a shipped loss of its name.
    let is_shipped = library::find(file).is_some();
    if path.is_dir() && is_shipped {
        return Ok(Source::Library(file.to_owned()));
    }
    if path.is_dir() {
        return Err(Failure::usage(
            format!("`{file}` is a folder, not a file"),
            format!("name the files in it, such as {}", path.join("my.loss").display()),
        ));
    }
    match std::fs::File::open(path) {
        Ok(_) => Ok(Source::Path(path.to_owned())),
        Err(_) if is_shipped => Ok(Source::Library(file.to_owned())),
        Err(why) => Err(missing(file, &why)),
    }
}

fn missing(file: &str, why: &std::io::Error) -> Failure {
    let stem = stem(file);
    let is_shipped = library::find(stem).is_some();
    let near = suggest(stem, library::LOSSES.iter().map(|shipped| shipped.name));
    let help = match near.or(is_shipped.then_some(stem)) {
        Some(near) => {
            format!("there is a shipped loss `{near}`: give its name without a path or an ending")
        }
        None => {
            "give a .loss file, - for standard input, or a name that `lossc list` shows".to_owned()
        }
    };
    Failure::usage(format!("cannot read `{file}`: {why}"), help)
}

fn from_stdin() -> Result<Source, Failure> {
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().take(LONGEST).read_to_end(&mut bytes);
    read.map_err(|why| {
        Failure::usage(format!("cannot read standard input: {why}"), "give a file")
    })?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Source::Text { name: "<stdin>".to_owned(), text }),
        Err(why) => Err(Failure::data(
            super::failure::DataCode::Format,
            format!("<stdin>: byte {}", why.utf8_error().valid_up_to()),
            "the text is not UTF-8",
            "save the loss as UTF-8 text",
        )),
    }
}

/// The losses of FILE; warnings have been told.
///
/// # Errors
/// If it cannot be read or has mistakes, which have been told.
pub(crate) fn load(terminal: &Terminal, file: &str) -> Result<Checked, Failure> {
    checked(terminal, &find(file)?)
}

/// The losses of a source; warnings have been told.
///
/// # Errors
/// If it has mistakes, which have been told.
pub(crate) fn checked(terminal: &Terminal, source: &Source) -> Result<Checked, Failure> {
    match check::check(source) {
        Ok(checked) => {
            terminal.tell(&checked.warnings, &checked.sources);
            Ok(checked)
        }
        Err(failure) => {
            terminal.tell(&failure.diagnostics, &failure.sources);
            Err(Failure::told())
        }
    }
}

/// The loss of that name; without a name the only one, or the one named like the file.
///
/// # Errors
/// If there is none, or there are several to choose from.
pub(crate) fn choose(file: &str, models: Vec<Model>, name: Option<&str>) -> Result<Model, Failure> {
    let names: Vec<String> = models.iter().map(|model| model.name.clone()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let at = match name {
        Some(name) => names
            .iter()
            .position(|known| *known == name)
            .ok_or_else(|| unknown_loss(file, name, &names)),
        None if names.len() == 1 => Ok(0),
        None => names
            .iter()
            .position(|known| *known == stem(file))
            .ok_or_else(|| no_choice(file, &names)),
    }?;
    Ok(models.into_iter().nth(at).expect("a position among the losses"))
}

fn unknown_loss(file: &str, name: &str, names: &[&str]) -> Failure {
    let help = match suggest(name, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("its losses are {}", list(names)),
    };
    Failure::usage(format!("`{file}` defines no loss `{name}`"), help)
}

fn no_choice(file: &str, names: &[&str]) -> Failure {
    match names {
        [] => no_loss(file),
        _ => Failure::usage(
            format!("`{file}` defines {} losses", names.len()),
            format!("choose one with --loss: {}", list(names)),
        ),
    }
}

/// The name of a file without folder and ending.
fn stem(file: &str) -> &str {
    Path::new(file).file_stem().and_then(|stem| stem.to_str()).unwrap_or(file)
}

fn no_loss(file: &str) -> Failure {
    Failure::data(
        super::failure::DataCode::Missing,
        file,
        format!("`{file}` defines no loss"),
        "write one, such as: loss squared_error(pred yhat, target y) = (yhat - y)^2",
    )
}
