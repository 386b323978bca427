//! Standard output and standard error: texts come in and are written, whoever reads them or has stopped to.

use std::io::{ErrorKind, IsTerminal, Write};

use lossc::diagnostic::{Diagnostic, Sources, render};

use super::failure::Failure;

/// When diagnostics are coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Into files and pipes too.
    Always,
    /// Not at all.
    Never,
}

/// How to speak to the user.
#[derive(Debug)]
pub(crate) struct Terminal {
    is_colored: bool,
    is_quiet: bool,
}

impl Terminal {
    /// As the options say.
    pub(crate) fn new(color: Color, is_quiet: bool) -> Self {
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        let is_colored = match color {
            Color::Auto => std::io::stderr().is_terminal() && !is_set("NO_COLOR") && !is_dumb,
            Color::Always => true,
            Color::Never => false,
        };
        Self { is_colored, is_quiet }
    }

    /// Whether only results and mistakes are wanted.
    pub(crate) fn is_quiet(&self) -> bool {
        self.is_quiet
    }

    /// Progress and notes, unless nobody wants them.
    pub(crate) fn note(&self, text: &str) {
        if !self.is_quiet {
            complain(text);
        }
    }

    /// Something that looks odd in the data, in the layout of diagnostics.
    pub(crate) fn warn(&self, text: &str) {
        let (start, end) = if self.is_colored { ("\x1b[1m\x1b[33m", "\x1b[0m") } else { ("", "") };
        complain(&format!("{start}warning{end}: {text}"));
    }

    /// Diagnostics with their places.
    pub(crate) fn tell(&self, diagnostics: &[Diagnostic], sources: &Sources) {
        if !diagnostics.is_empty() {
            complain(&render(diagnostics, sources, self.is_colored));
        }
    }

    /// Why a command stops.
    pub(crate) fn tell_failure(&self, failure: &Failure) {
        if failure.is_silent() {
            return;
        }
        let text = failure.to_string();
        match text.split_once(": ").filter(|_| self.is_colored) {
            Some((title, rest)) => complain(&format!("\x1b[1m\x1b[91m{title}\x1b[0m: {rest}")),
            None => complain(&text),
        }
    }
}

/// Writes a line to standard error. Nobody is left to be told if that fails.
fn complain(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", text.trim_end_matches('\n'));
}

/// Writes results to standard output; a reader that has had enough is no mistake.
///
/// # Errors
/// If it cannot be written for another reason.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut output = std::io::stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(why) if why.kind() != ErrorKind::BrokenPipe => Err(Failure::usage(
            format!("cannot write to standard output: {why}"),
            "make room, or send the output elsewhere",
        )),
        _ => Ok(()),
    }
}
