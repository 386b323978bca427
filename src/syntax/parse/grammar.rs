//! The parser that pest makes of `grammar/loss.pest`: text in, a flat list of matched rules out.

use pest::iterators;

/// The parser behind every `parse_…` function.
#[derive(pest_derive::Parser)]
#[grammar = "../grammar/loss.pest"]
pub(super) struct Grammar;

/// What a rule matched.
pub(super) type Pair<'a> = iterators::Pair<'a, Rule>;

/// What the rules inside of a rule matched, in order.
pub(super) type Pairs<'a> = iterators::Pairs<'a, Rule>;

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
