//! Are the brackets of a text balanced, and not too deep? A text in, the first mistake out.
//!
//! Afterwards the grammar's recursion is bounded: it nests only at brackets and at conditions between `if` and its
//! brace. Comments and strings are known here; `[0, 1)` is balanced where an interval stands: after `in`.

use super::regions::Region;
use super::tokens::{last_token_end, tokens};
use super::{MAX_DEPTH, Text};
use crate::diagnostic::{Code, Diagnostic};

/// A bracket, or an `if` whose brace has not come yet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Opener {
    /// `(`
    Round,
    /// `[`
    Square,
    /// `{`
    Brace,
    /// `(` or `[` after `in`
    Interval,
    /// `if`
    If,
}

/// A bracket that is open, and where it was opened.
#[derive(Clone, Copy)]
pub(super) struct Open {
    /// What was opened.
    pub(super) opener: Opener,
    /// The byte at which it stands.
    pub(super) at: usize,
}

/// How deep the brackets of a region nest, or the first that nests too deep, closes nothing or is never closed.
pub(super) fn check(text: Text<'_>, region: &Region) -> Result<usize, Diagnostic> {
    let (open, deepest) = scan(text, region)?;
    match open.into_iter().rfind(|open| open.opener != Opener::If) {
        None => Ok(deepest),
        Some(open) => Err(never_closed(text, region, open)),
    }
}

/// The brackets that are open at the end of a region, outermost first, and how deep they nested before.
pub(super) fn scan(text: Text<'_>, region: &Region) -> Result<(Vec<Open>, usize), Diagnostic> {
    let mut stack: Vec<Open> = Vec::new();
    let mut deepest = 0;
    let mut after_in = false;
    for token in tokens(text.all, region.clone()) {
        let (at, written) = (token.start, &text.all[token.clone()]);
        if let Some(opener) = opener_of(written, after_in) {
            if opener == Opener::Brace {
                stack.pop_if(|top| top.opener == Opener::If);
            }
            stack.push(Open { opener, at });
            deepest = deepest.max(stack.len());
            if stack.len() > MAX_DEPTH {
                return Err(too_deep(text, token));
            }
        } else if matches!(written, ")" | "]" | "}") {
            while stack.pop_if(|top| top.opener == Opener::If).is_some() {}
            match stack.pop() {
                None => return Err(closes_nothing(text, at)),
                Some(open) if closes(open.opener, written) => {}
                Some(open) => return Err(closes_another(text, open, at)),
            }
        }
        after_in = written == "in";
    }
    Ok((stack, deepest))
}

fn opener_of(token: &str, after_in: bool) -> Option<Opener> {
    match token {
        "(" | "[" if after_in => Some(Opener::Interval),
        "(" => Some(Opener::Round),
        "[" => Some(Opener::Square),
        "{" => Some(Opener::Brace),
        "if" => Some(Opener::If),
        _ => None,
    }
}

fn closes(opener: Opener, close: &str) -> bool {
    match opener {
        Opener::Round => close == ")",
        Opener::Square => close == "]",
        Opener::Brace => close == "}",
        Opener::Interval => matches!(close, ")" | "]"),
        Opener::If => false,
    }
}

fn too_deep(text: Text<'_>, token: Region) -> Diagnostic {
    let message = format!("brackets and conditions nest more than {MAX_DEPTH} levels deep");
    Diagnostic::error(Code::NestingTooDeep, text.span(token.start, token.end), message)
        .at("one level too many")
        .help("give an inner part a name with `let`, or make it a `fn`")
}

fn closes_nothing(text: Text<'_>, at: usize) -> Diagnostic {
    let message = format!("this `{}` closes nothing", &text.all[at..=at]);
    Diagnostic::error(Code::UnbalancedBrackets, text.span(at, at + 1), message)
        .at("no bracket is open here")
}

fn closes_another(text: Text<'_>, open: Open, at: usize) -> Diagnostic {
    let (opened, close) = (&text.all[open.at..=open.at], &text.all[at..=at]);
    let message = format!("`{opened}` is closed by `{close}`");
    Diagnostic::error(Code::UnbalancedBrackets, text.span(at, at + 1), message)
        .at(format!("expected {}", closers(open.opener)))
        .label(text.span(open.at, open.at + 1), "opened here")
}

fn never_closed(text: Text<'_>, region: &Region, open: Open) -> Diagnostic {
    let opened = &text.all[open.at..=open.at];
    let end = last_token_end(text.all, region.clone());
    let message = format!("this `{opened}` is never closed");
    Diagnostic::error(Code::UnbalancedBrackets, text.span(open.at, open.at + 1), message)
        .at("opened here")
        .label(
            text.span(end, end),
            format!("{} is missing, here at the latest", closers(open.opener)),
        )
}

/// The brackets that may close one, in words.
fn closers(opener: Opener) -> &'static str {
    match opener {
        Opener::Round => "`)`",
        Opener::Square => "`]`",
        Opener::Brace => "`}`",
        Opener::Interval => "`]` or `)`",
        Opener::If => "`{`",
    }
}
