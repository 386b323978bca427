//! The parser of `grammar/loss.pest`: text in, a flat list of matched rules out, or where it could go no further.

use pest::Parser;
use pest::error::Error;
use pest::iterators::Pairs;

use super::matching::matches;
use super::pair::Token;

/// What pest makes of the grammar: its rules, and a parser that knows why a text does not match.
#[derive(pest_derive::Parser)]
#[grammar = "../grammar/loss.pest"]
struct Grammar;

/// What the rules of the grammar match in a text.
///
/// # Errors
/// Where the rule does not match, and what would have matched there.
pub(super) fn parse(rule: Rule, text: &str) -> Result<Vec<Token>, Box<Error<Rule>>> {
    match matches(rule, text) {
        Some(tokens) => Ok(tokens),
        None => tokens_of_pest(rule, text),
    }
}

/// The same by pest alone.
pub(super) fn tokens_of_pest(rule: Rule, text: &str) -> Result<Vec<Token>, Box<Error<Rule>>> {
    let mut tokens = Vec::new();
    collect(Grammar::parse(rule, text).map_err(Box::new)?, &mut tokens);
    Ok(tokens)
}

fn collect(pairs: Pairs<'_, Rule>, tokens: &mut Vec<Token>) {
    for pair in pairs {
        let (place, span) = (tokens.len(), pair.as_span());
        let token =
            Token { rule: pair.as_rule(), start: span.start(), end: span.end(), after: place };
        tokens.push(token);
        collect(pair.into_inner(), tokens);
        tokens[place].after = tokens.len();
    }
}

/// Whether a rule only marks a place: a reserved word, a semicolon or the end of the text.
pub(super) fn is_mark(rule: Rule) -> bool {
    matches!(
        rule,
        Rule::use_word
            | Rule::const_word
            | Rule::fn_word
            | Rule::loss_word
            | Rule::example_word
            | Rule::let_word
            | Rule::if_word
            | Rule::else_word
            | Rule::in_word
            | Rule::per_word
            | Rule::within_word
            | Rule::grad_word
            | Rule::where_word
            | Rule::semicolon
            | Rule::defined_as
            | Rule::must_equal
            | Rule::colon
            | Rule::axes_end
            | Rule::EOI
    )
}
