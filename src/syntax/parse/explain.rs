//! Syntax errors in human words: where the grammar could go no further in, a diagnostic out.

use super::Text;
use super::brackets::{Opener, scan};
use super::grammar::Rule;
use super::hints;
use super::regions::Region;
use super::tokens::tokens;
use crate::diagnostic::{Code, Diagnostic, Span};
use pest::error::{Error, ErrorVariant, InputLocation};

/// The place where the grammar could go no further, and what is known of it.
pub(super) struct Place<'a> {
    /// The token that did not fit; empty at the end of the region.
    pub(super) found: &'a str,
    /// Where that token lies; at the end of the region: where the last one ends.
    pub(super) span: Span,
    /// The token before it; empty if there is none.
    pub(super) before: &'a str,
    /// The token before that one; empty if there is none.
    pub(super) previous: &'a str,
    /// Where the token before it lies.
    pub(super) before_span: Span,
    /// The text from the token that did not fit, to the end of the region.
    pub(super) rest: &'a str,
    /// Whether the token that did not fit begins a line, or there is none.
    pub(super) on_new_line: bool,
    /// The innermost bracket that is open.
    pub(super) opener: Option<Opener>,
    /// Whether that bracket follows a name, as that of a call does.
    after_name: bool,
    /// The rules that would have fitted.
    expected: Vec<Rule>,
    /// What the end of the region is.
    end: &'static str,
}

/// Says what is wrong where the grammar could go no further.
pub(super) fn explain(text: Text<'_>, region: &Region, error: &Error<Rule>) -> Diagnostic {
    let at = region.start
        + match error.location {
            InputLocation::Pos(at) | InputLocation::Span((at, _)) => at,
        };
    match &error.variant {
        ErrorVariant::ParsingError { positives, .. } => {
            let place = Place::new(text, region, at, positives.clone());
            hints::hint(&place).unwrap_or_else(|| unexpected(&place))
        }
        // The grammar has no errors of its own, so this is the stack guard.
        ErrorVariant::CustomError { .. } => stack_exhausted(text.span(at, at)),
    }
}

impl<'a> Place<'a> {
    fn new(text: Text<'a>, region: &Region, at: usize, expected: Vec<Rule>) -> Self {
        let none = region.start..region.start;
        let (previous, before) = tokens(text.all, region.start..at)
            .fold((none.clone(), none), |(_, last), token| (last, token));
        let found = tokens(text.all, at..region.end).next();
        let open = scan(text, &(region.start..at)).ok().and_then(|(open, _)| open.last().copied());
        let bracket = open.map_or(region.start, |open| open.at);
        let caller = tokens(text.all, region.start..bracket).last().map(|token| &text.all[token]);
        let place = found.clone().unwrap_or(before.end..before.end);
        Self {
            span: text.span(place.start, place.end),
            on_new_line: found.as_ref().is_none_or(|found| {
                before.is_empty() || text.all[before.end..found.start].contains('\n')
            }),
            rest: &text.all[place.start..region.end],
            found: found.map_or("", |found| &text.all[found]),
            before_span: text.span(before.start, before.end),
            before: &text.all[before],
            previous: &text.all[previous],
            opener: open.map(|open| open.opener),
            after_name: caller
                .is_some_and(|caller| caller.ends_with(|c: char| c.is_alphanumeric())),
            expected,
            end: if region.end == text.all.len() { "the end of the text" } else { "the next item" },
        }
    }

    /// Whether a rule would have fitted.
    pub(super) fn wants(&self, rule: Rule) -> bool {
        self.expected.contains(&rule)
    }

    /// Whether an expression would have fitted.
    pub(super) fn wants_operand(&self) -> bool {
        [Rule::expr, Rule::argument, Rule::indexed].iter().any(|rule| self.wants(*rule))
    }

    /// Whether an item would have fitted.
    pub(super) fn wants_item(&self) -> bool {
        [Rule::file, Rule::loss_word].iter().any(|rule| self.wants(*rule))
    }

    /// What would have fitted, in words.
    fn wanted(&self) -> String {
        let after_operand = self.wants(Rule::infix);
        let mut words: Vec<&str> = Vec::new();
        for (rule, word) in WORDS {
            let hidden = match rule {
                Rule::name => self.wants_operand() || self.wants(Rule::axis),
                // A block is one of the expressions.
                Rule::block => self.wants_operand(),
                Rule::arguments | Rule::if_word | Rule::in_word => {
                    after_operand || self.wants_operand() || self.wants(Rule::axes)
                }
                _ => false,
            };
            if self.wants(*rule) && !hidden && !words.contains(word) {
                words.push(word);
            }
        }
        if (after_operand || self.wants(Rule::axes)) && !self.wants(Rule::semicolon) {
            words.extend(self.closers());
        }
        match words.as_slice() {
            [] => "something else".to_owned(),
            [one] => (*one).to_owned(),
            [some @ .., last] => format!("{} or {last}", some.join(", ")),
        }
    }

    /// What may end the innermost bracket, or go on in it.
    fn closers(&self) -> &'static [&'static str] {
        match self.opener {
            Some(Opener::Round) if self.after_name => &["`,`", "`)`"],
            Some(Opener::Round) => &["`)`"],
            Some(Opener::Square) => &["`,`", "`]`"],
            Some(Opener::Brace) => &["`}`"],
            Some(Opener::Interval) => &["`,`", "`]`", "`)`"],
            Some(Opener::If) | None => &[],
        }
    }
}

/// The rules that an error may name, in the order in which it does.
const WORDS: &[(Rule, &str)] = &[
    (Rule::expr, "an expression"),
    (Rule::argument, "an expression"),
    (Rule::indexed, "an expression"),
    (Rule::infix, "an operator"),
    (Rule::name, "a name"),
    (Rule::path, "a path in quotes"),
    (Rule::axis, "an axis"),
    (Rule::axes_end, "`,` or `]`"),
    (Rule::domain, "a domain"),
    (Rule::input, "an input"),
    (Rule::parameter, "a parameter"),
    (Rule::inputs, "`(`"),
    (Rule::parameters, "`(`"),
    (Rule::arguments, "`(`"),
    (Rule::in_word, "`in`"),
    (Rule::defined_as, "`=`"),
    (Rule::must_equal, "`==`"),
    (Rule::block, "`{`"),
    (Rule::if_word, "`if`"),
    (Rule::else_word, "`else`"),
    (Rule::grad_word, "`grad`"),
    (Rule::semicolon, "`;`"),
    (Rule::colon, "`:`"),
    (Rule::rewrite, "a rule"),
    (Rule::rewrite_file, "a rule"),
    (Rule::rewrite_name, "the next rule"),
    (Rule::file, "an item"),
    (Rule::loss_word, "the next item"),
];

fn unexpected(place: &Place<'_>) -> Diagnostic {
    let wanted = place.wanted();
    let found = match place.found {
        "" => place.end.to_owned(),
        _ if place.rest.starts_with("==") => "`==`".to_owned(),
        token => format!("`{token}`"),
    };
    Diagnostic::error(Code::Syntax, place.span, format!("expected {wanted}, found {found}"))
        .at(format!("expected {wanted}"))
}

/// The thread has too little stack left for what the text nests.
pub(super) fn stack_exhausted(span: Span) -> Diagnostic {
    let message = "this nests deeper than there is memory for";
    Diagnostic::error(Code::NestingTooDeep, span, message)
        .help("give an inner part a name with `let`, or make it a `fn`")
}
