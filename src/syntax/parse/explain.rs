//! Syntax errors in human words: what the grammar could not match in, a diagnostic out.

use super::Text;
use super::grammar::Rule;
use super::regions::Region;
use crate::diagnostic::{Code, Diagnostic};
use pest::error::{Error, ErrorVariant, InputLocation};

/// Says what is wrong where the grammar could go no further.
pub(super) fn explain(text: Text<'_>, region: &Region, error: &Error<Rule>) -> Diagnostic {
    let at = region.start
        + match error.location {
            InputLocation::Pos(at) | InputLocation::Span((at, _)) => at,
        };
    let expected = match &error.variant {
        ErrorVariant::ParsingError { positives, .. } => format!("{positives:?}"),
        ErrorVariant::CustomError { message } => message.clone(),
    };
    let message = format!("expected {expected}");
    Diagnostic::error(Code::Syntax, text.span(at, at), message)
}

/// Where the last word or sign before a place ends, blanks and comments left aside.
pub(super) fn last_token_end(text: Text<'_>, region: &Region, at: usize) -> usize {
    let _ = (text, region);
    at
}

/// A name to use instead of a reserved word or a builtin.
#[must_use]
pub fn replacement_name(word: &str) -> String {
    match word {
        "pred" => "yhat".to_owned(),
        _ => format!("{word}_"),
    }
}
