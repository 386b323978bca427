//! Are the brackets of a text balanced, and not too deep? A text in, the first mistake out.
//!
//! Afterwards the grammar's recursion is bounded: it nests only at brackets and at conditions between `if` and its
//! brace. Comments and strings are known here; `[0, 1)` is balanced where an interval stands: after `in`.

use super::regions::{Region, is_word};
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

/// A piece of text that matters to brackets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Token {
    Open(Opener),
    Close(char),
    Word,
    Other,
}

/// The first bracket of a region that nests too deep, closes nothing or is never closed.
pub(super) fn check(text: Text<'_>, region: &Region) -> Result<(), Diagnostic> {
    let open = scan(text, region)?;
    match open.into_iter().rfind(|open| open.opener != Opener::If) {
        None => Ok(()),
        Some(open) => Err(never_closed(text, region, open)),
    }
}

/// The brackets that are open at the end of a region, outermost first.
pub(super) fn scan(text: Text<'_>, region: &Region) -> Result<Vec<Open>, Diagnostic> {
    let mut stack: Vec<Open> = Vec::new();
    let mut at = region.start;
    let mut after_in = false;
    while at < region.end {
        let (token, length) = next_token(&text.all[at..region.end], after_in);
        match token {
            Some(Token::Open(opener)) => {
                if opener == Opener::Brace {
                    stack.pop_if(|top| top.opener == Opener::If);
                }
                stack.push(Open { opener, at });
                if stack.len() > MAX_DEPTH {
                    return Err(too_deep(text, at, length));
                }
            }
            Some(Token::Close(close)) => {
                while stack.pop_if(|top| top.opener == Opener::If).is_some() {}
                match stack.pop() {
                    None => return Err(closes_nothing(text, at, close)),
                    Some(open) if closes(open.opener, close) => {}
                    Some(open) => return Err(closes_another(text, open, at, close)),
                }
            }
            Some(Token::Word | Token::Other) | None => {}
        }
        if token.is_some() {
            after_in = token == Some(Token::Word) && &text.all[at..at + length] == "in";
        }
        at += length;
    }
    Ok(stack)
}

/// What stands at the beginning of a text that is not empty, and its length; none: a blank or a comment.
fn next_token(rest: &str, after_in: bool) -> (Option<Token>, usize) {
    let to_line_end = || rest.find('\n').unwrap_or(rest.len());
    let first = rest.chars().next().expect("the text is not empty");
    let token = match first {
        '/' if rest.starts_with("//") => return (None, to_line_end()),
        '"' => {
            let line = &rest[..to_line_end()];
            let end = line[1..].find('"').map_or(line.len(), |at| at + 2);
            return (Some(Token::Other), end);
        }
        '(' | '[' if after_in => Token::Open(Opener::Interval),
        '(' => Token::Open(Opener::Round),
        '[' => Token::Open(Opener::Square),
        '{' => Token::Open(Opener::Brace),
        ')' | ']' | '}' => Token::Close(first),
        _ if is_word(first) => {
            let end = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
            let is_if = &rest[..end] == "if";
            return (Some(if is_if { Token::Open(Opener::If) } else { Token::Word }), end);
        }
        _ if first.is_whitespace() => return (None, first.len_utf8()),
        _ => Token::Other,
    };
    (Some(token), first.len_utf8())
}

fn closes(opener: Opener, close: char) -> bool {
    match opener {
        Opener::Round => close == ')',
        Opener::Square => close == ']',
        Opener::Brace => close == '}',
        Opener::Interval => close == ')' || close == ']',
        Opener::If => false,
    }
}

fn too_deep(text: Text<'_>, at: usize, length: usize) -> Diagnostic {
    let message = format!("brackets and conditions nest more than {MAX_DEPTH} levels deep");
    Diagnostic::error(Code::NestingTooDeep, text.span(at, at + length), message)
        .at("one level too many")
        .help("give an inner part a name with `let`, or make it a `fn`")
}

fn closes_nothing(text: Text<'_>, at: usize, close: char) -> Diagnostic {
    let message = format!("this `{close}` closes nothing");
    Diagnostic::error(Code::UnbalancedBrackets, text.span(at, at + 1), message)
        .at("no bracket is open here")
}

fn closes_another(text: Text<'_>, open: Open, at: usize, close: char) -> Diagnostic {
    let opened = &text.all[open.at..=open.at];
    let message = format!("`{opened}` is closed by `{close}`");
    Diagnostic::error(Code::UnbalancedBrackets, text.span(at, at + 1), message)
        .at(format!("expected {}", closers(open.opener)))
        .label(text.span(open.at, open.at + 1), "opened here")
}

fn never_closed(text: Text<'_>, region: &Region, open: Open) -> Diagnostic {
    let opened = &text.all[open.at..=open.at];
    let end = super::explain::last_token_end(text, region, region.end);
    let message = format!("this `{opened}` is never closed");
    Diagnostic::error(Code::UnbalancedBrackets, text.span(open.at, open.at + 1), message)
        .at("opened here")
        .label(
            text.span(end, end),
            format!("{} is missing, here at the latest", closers(open.opener)),
        )
}

/// The brackets that may close one, in words.
pub(super) fn closers(opener: Opener) -> &'static str {
    match opener {
        Opener::Round => "`)`",
        Opener::Square => "`]`",
        Opener::Brace => "`}`",
        Opener::Interval => "`]` or `)`",
        Opener::If => "`{`",
    }
}
