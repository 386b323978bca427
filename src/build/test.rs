//! Whether settings make sense: in come settings, losses and a target, out comes what is wrong.

use target_lexicon::Triple;

use super::produce::has_input;
use super::{BuildError, Settings};
use crate::diagnostic::suggest;
use crate::linked::Cpu;
use crate::model::Model;

/// Tests what does not depend on the losses.
pub(super) fn settings(settings: &Settings, target: &Triple) -> Result<(), BuildError> {
    if settings.precisions.is_empty() {
        return Err(BuildError::usage("no dtype is asked for", "ask for f32, f64 or both"));
    }
    for (what, text) in [("name", &settings.name), ("prefix", &settings.prefix)] {
        if !is_word(text) {
            return Err(BuildError::usage(
                format!("the {what} `{text}` is no word that files and symbols can be called by"),
                format!("write letters, digits and `_`, such as `{}`", word(text)),
            ));
        }
    }
    for (at, (name, _)) in settings.frozen.iter().enumerate() {
        if settings.frozen[..at].iter().any(|(known, _)| known == name) {
            return Err(BuildError::usage(
                format!("`{name}` is frozen twice"),
                "give it one value; build twice under two names to have both",
            ));
        }
    }
    let host = Triple::host();
    let is_here = (host.architecture, host.operating_system)
        == (target.architecture, target.operating_system);
    if settings.cpu == Cpu::Native && !is_here {
        return Err(BuildError::usage(
            format!("the CPU of this machine says nothing about `{target}`"),
            "ask for native code only where it is built for the machine that builds it",
        ));
    }
    Ok(())
}

/// Tests that some loss has each input that is named.
pub(super) fn input_names<'m>(
    settings: &Settings,
    models: impl Iterator<Item = &'m Model> + Clone,
) -> Result<(), BuildError> {
    let frozen = settings.frozen.iter().map(|(name, _)| ("freeze", name));
    let wrt = settings.wrt.iter().flatten().map(|name| ("wrt", name));
    for (option, name) in frozen.chain(wrt) {
        if !models.clone().any(|model| has_input(model, name)) {
            return Err(unknown_input(option, name, models));
        }
    }
    Ok(())
}

fn unknown_input<'m>(
    option: &str,
    name: &str,
    models: impl Iterator<Item = &'m Model> + Clone,
) -> BuildError {
    let mut inputs: Vec<&str> = Vec::new();
    for model in models.clone() {
        inputs.extend(model.graph.input_ids().map(|id| model.graph.input(id).name.as_str()));
    }
    inputs.sort_unstable();
    inputs.dedup();
    let help = match suggest(name, inputs.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("their inputs are `{}`", inputs.join("`, `")),
    };
    let losses: Vec<String> = models.map(|model| format!("`{}`", model.name)).collect();
    let message = match losses.as_slice() {
        [loss] => format!("{option}: {loss} has no input `{name}`"),
        [first, .., last] if losses.len() > 4 => {
            format!("{option}: none of {first} … {last} has an input `{name}`")
        }
        _ => format!("{option}: none of {} has an input `{name}`", losses.join(", ")),
    };
    BuildError::usage(message, help)
}

/// Whether it can be called so in every language.
fn is_word(text: &str) -> bool {
    text == word(text)
}

/// A word like a text: what is no letter, digit or `_` becomes `_`.
pub(super) fn word(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let word: String = text.chars().map(plain).collect();
    if word.starts_with(|c: char| c.is_ascii_digit()) || word.is_empty() {
        format!("_{word}")
    } else {
        word
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_made_of_anything() {
        for (text, expected) in [
            ("losses", "losses"),
            ("my-losses", "my_losses"),
            ("1.0.0-rc.1+é", "_1_0_0_rc_1__"),
            ("", "_"),
            ("../up", "___up"),
        ] {
            assert_eq!(word(text), expected);
            assert!(is_word(&word(text)), "{text}");
        }
    }
}
