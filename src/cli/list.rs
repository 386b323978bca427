//! `lossc list` and `lossc show`: names come in, what the shipped library says goes out.

use lossc::check::{Source, check};
use lossc::diagnostic::suggest;
use lossc::library::{LOSSES, PRELUDE, find};
use lossc::print::signature;

use super::failure::Failure;
use super::terminal::{Terminal, print};

/// List the shipped losses, by field.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  lossc list
  lossc show huber        the text of one of them")]
pub(crate) struct ListArguments {}

/// Show the text of a shipped loss.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  lossc show cross_entropy
  lossc show prelude                 the helper functions that every file sees
  lossc show huber > my_huber.loss   a copy to change")]
pub(crate) struct ShowArguments {
    /// The name, as `lossc list` shows it.
    name: String,
}

/// Prints the shipped losses.
///
/// # Errors
/// If a shipped file has a mistake, or standard output cannot be written.
pub(crate) fn list(terminal: &Terminal, _: &ListArguments) -> Result<(), Failure> {
    let mut text = String::new();
    let mut field = "";
    for shipped in LOSSES {
        if shipped.field != field {
            let gap = if field.is_empty() { "" } else { "\n" };
            field = shipped.field;
            text += &format!("{gap}{field}\n");
        }
        let checked = check(&Source::Library(shipped.name.to_owned())).map_err(|failure| {
            terminal.tell(&failure.diagnostics, &failure.sources);
            Failure::told()
        })?;
        for model in checked.models.iter().filter(|model| model.name == shipped.name) {
            text += &format!("  {}\n      {}\n", signature(model), first_sentence(&model.doc));
        }
    }
    print(&text)
}

/// The first sentence of a doc text, on one line.
fn first_sentence(doc: &str) -> String {
    let paragraph: Vec<&str> =
        doc.trim().lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    let paragraph = paragraph.join(" ");
    match paragraph.split_once(". ") {
        Some((sentence, _)) => format!("{sentence}."),
        None => paragraph,
    }
}

/// Prints a shipped file.
///
/// # Errors
/// If there is none of that name, or standard output cannot be written.
pub(crate) fn show(arguments: &ShowArguments) -> Result<(), Failure> {
    let name = arguments.name.as_str();
    let shipped = Some(&PRELUDE).filter(|prelude| prelude.name == name).or_else(|| find(name));
    let shipped = shipped.ok_or_else(|| {
        let help = match suggest(name, LOSSES.iter().map(|shipped| shipped.name)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`lossc list` shows the names".to_owned(),
        };
        Failure::usage(format!("there is no shipped loss `{name}`"), help)
    })?;
    print(shipped.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_sentence_ends_at_a_full_stop_or_a_blank_line() {
        for (doc, sentence) in [
            ("Squared error.", "Squared error."),
            ("One,\nof two lines. Two.", "One, of two lines."),
            ("No full stop\n\nMore. And more.", "No full stop"),
            ("", ""),
        ] {
            assert_eq!(first_sentence(doc), sentence);
        }
    }
}
