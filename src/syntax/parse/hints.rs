//! What people type first, and what to write instead: a place where the grammar could go no further in, a diagnostic
//! out if the mistake is a known one.

use super::brackets::Opener;
use super::domain::DOMAINS;
use super::explain::Place;
use super::grammar::Rule;
use super::regions::{ITEM_WORDS, is_word};
use crate::diagnostic::{Code, Diagnostic, suggest};

/// The words that cannot be names.
pub const RESERVED_WORDS: [&str; 20] = [
    "use", "loss", "const", "fn", "example", "pred", "target", "learned", "param", "let", "if",
    "else", "in", "per", "within", "wrt", "true", "false", "inf", "pi",
];

/// The words that say what part an input plays.
const ROLE_WORDS: [&str; 4] = ["pred", "target", "learned", "param"];

/// A name to use instead of a word that belongs to the language.
#[must_use]
pub fn replacement_name(word: &str) -> String {
    match word {
        "pred" => "yhat".to_owned(),
        "target" => "y".to_owned(),
        "param" => "theta".to_owned(),
        "pi" => "prior".to_owned(),
        _ => format!("{word}_value"),
    }
}

/// Says what is wrong at a place and what to write instead, if people are known to make this mistake.
pub(super) fn hint(place: &Place<'_>) -> Option<Diagnostic> {
    let hints = [
        reserved_name,
        missing_semicolon,
        missing_else,
        block_value,
        missing_let,
        number,
        foreign,
        not_ascii,
        misspelled,
        in_its_place,
    ];
    hints.iter().find_map(|hint| hint(place))
}

fn error(place: &Place<'_>, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(Code::Syntax, place.span, message)
}

/// `pred pred`, `yhat - pred`
fn reserved_name(place: &Place<'_>) -> Option<Diagnostic> {
    let word = place.found;
    let wants_name = (place.wants(Rule::name) || place.wants(Rule::axis)) && !place.wants_operand();
    let as_value = ROLE_WORDS.contains(&word) && place.wants_operand();
    if !RESERVED_WORDS.contains(&word) || !(wants_name || as_value) {
        return None;
    }
    let message = format!("`{word}` is a reserved word");
    let label = if as_value { "it is no value" } else { "it cannot be a name" };
    Some(
        Diagnostic::error(Code::ReservedName, place.span, message)
            .at(label)
            .help(format!("use another name, such as `{}`", replacement_name(word))),
    )
}

/// A `let` that the next line or a brace follows.
fn missing_semicolon(place: &Place<'_>) -> Option<Diagnostic> {
    let ends = place.on_new_line || matches!(place.found, "let" | "}");
    let use_ends = !place.wants(Rule::infix);
    if !place.wants(Rule::semicolon) || !(ends || use_ends) {
        return None;
    }
    let end = place.before_span.end;
    let span = crate::diagnostic::Span { start: end, end, ..place.span };
    let item = if use_ends { "use" } else { "let" };
    let message = format!("this `{item}` has no `;` at its end");
    Some(Diagnostic::error(Code::Syntax, span, message).at("write `;` here"))
}

/// `if c { a }`, `if c { a } elif d { b }`
fn missing_else(place: &Place<'_>) -> Option<Diagnostic> {
    if !place.wants(Rule::else_word) {
        return None;
    }
    if ["elif", "elsif", "elseif"].contains(&place.found) {
        return Some(error(place, format!("`{}` is written `else if`", place.found)));
    }
    Some(
        Diagnostic::error(Code::Syntax, place.before_span, "this `if` has no `else`")
            .at("`else { … }` is missing after this")
            .help("an `if` is a value, so both branches must be there"),
    )
}

/// `{ }`, `{ let x = 1; }`, `{ x; }`
fn block_value(place: &Place<'_>) -> Option<Diagnostic> {
    let help = "a block ends with an expression, its value, without a `;`";
    if place.opener != Some(Opener::Brace) {
        return None;
    }
    match (place.found, place.before) {
        ("}", "{" | ";") if place.wants_operand() => {
            Some(error(place, "this block has no value").at("an expression is missing before this"))
        }
        (";", _) if place.wants(Rule::infix) && !place.wants(Rule::semicolon) => {
            Some(error(place, "a block's value has no `;` after it").at("remove this"))
        }
        _ => None,
    }
    .map(|found| found.help(help))
}

/// `{ r = abs(x); r }`
fn missing_let(place: &Place<'_>) -> Option<Diagnostic> {
    let in_block = place.opener == Some(Opener::Brace);
    if !in_block || place.found != "=" || !place.wants(Rule::infix) || place.wants(Rule::semicolon)
    {
        return None;
    }
    Some(error(place, "a definition begins with `let`").help("write `let name = value;`"))
}

/// `2x`, `.5`, `0x1f`
fn number(place: &Place<'_>) -> Option<Diagnostic> {
    if !place.wants_operand() {
        return None;
    }
    let run = place.rest.find(|c: char| !is_word(c) && c != '.').unwrap_or(place.rest.len());
    let written = &place.rest[..run];
    if let Some(digits) = written.strip_prefix('.') {
        let digits = digits.starts_with(|c: char| c.is_ascii_digit()).then_some(digits)?;
        let found = error(place, "a number has a digit before its point");
        return Some(found.help(format!("write `0.{digits}`")));
    }
    let letters = written.find(|c: char| c.is_ascii_alphabetic() || c == '_')?;
    if !written.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let (digits, letters) = written.split_at(letters);
    let found = error(place, format!("`{written}` is neither a number nor a name"));
    Some(found.help(format!("a product is written `{digits} * {letters}`, a power of ten `1e-3`")))
}

/// Where a foreign word or sign was met.
#[derive(Clone, Copy)]
enum Met {
    /// Where an operator would have fitted.
    AsOperator,
    /// Where an operand would have fitted, the sign before it included.
    AsOperand,
    /// Where an item would have fitted.
    AsItem,
    /// Just before a place where an operator would have fitted.
    Before,
}

/// Words and signs of other languages: where, which, what is wrong, what to write instead.
#[rustfmt::skip]
const FOREIGN: &[(Met, &[&str], &str, &str)] = &[
    (Met::AsOperand, &["**"], "a power is written `^`", "write `x^2`"),
    (Met::AsOperand, &["<>"], "unequal is written `!=`", "write `a != b`"),
    (Met::AsOperand, &["=="], "equality has two signs", "write `a == b`"),
    (Met::AsOperand, &["/*"], "comments begin with `//`", "a comment reaches to the end of its line"),
    (Met::AsOperand, &["+=", "-=", "*=", "/=", "^="], "nothing is ever changed here", "define a new name: `let b = a + 1;`"),
    (Met::AsOperand, &["->"], "there are no arrows here", "a body is written `= expression` or `{ block }`"),
    (Met::AsOperator, &["&"], "“and” is written `&&`", "write `a && b`"),
    (Met::AsOperator, &["|"], "“or” is written `||`", "write `a || b`"),
    (Met::AsOperator, &["and"], "“and” is written `&&`", "write `a && b`"),
    (Met::AsOperator, &["or"], "“or” is written `||`", "write `a || b`"),
    (Met::AsOperator, &["="], "`=` gives a value to a name, and does not compare", "write `a == b`"),
    (Met::AsOperator, &["?"], "a choice is written with `if`", "write `if condition { a } else { b }`"),
    (Met::AsOperator, &["if"], "an `if` stands before what it selects", "write `if condition { a } else { b }`"),
    (Met::AsOperator, &["then"], "what an `if` selects stands in braces", "write `if condition { a } else { b }`"),
    (Met::AsOperator, &["for"], "there are no loops here", "a reduction runs over an axis: `sum[i in K](x[i])`"),
    (Met::AsOperator, &["%"], "there is no operator for a remainder", "write `x - floor(x / n) * n`"),
    (Met::AsOperator, &["@"], "there is no operator for a matrix product", "write `sum[k in K](a[i, k] * b[k, j])`"),
    (Met::AsOperator, &["."], "there are no methods or fields here", "write `f(x)`"),
    (Met::AsOperator, &["#"], "comments begin with `//`", "`#` means nothing here"),
    (Met::Before, &["return"], "there is no `return` here", "the last expression of a block is its value"),
    (Met::Before, &["lambda"], "there are no functions without a name", "define one: `fn name(a, b) = a + b`"),
    (Met::Before, &["not"], "“not” is written `!`", "write `!a`"),
    (Met::Before, &["for", "while"], "there are no loops here", "a reduction runs over an axis: `sum[i in K](x[i])`"),
    (Met::Before, &["var", "val", "auto", "float", "double"], "a definition begins with `let`", "write `let name = value;`"),
    (Met::AsItem, &["def", "func", "function", "fun", "define"], "a loss begins with `loss`, a helper with `fn`", "write `loss name(pred yhat, target y) = …` or `fn name(a) = …`"),
    (Met::AsItem, &["import", "from", "include"], "another file is brought in with `use`", "write `use \"path.loss\";`"),
    (Met::AsItem, &["let", "var"], "a constant of the file begins with `const`", "write `const NAME = value`"),
    (Met::AsItem, &["#"], "comments begin with `//`", "`#` means nothing here"),
    (Met::AsItem, &["pred", "target", "learned", "param"], "an input stands in the brackets of its loss", "write `loss name(pred yhat, target y) = …`"),
];

/// A word or sign of another language.
fn foreign(place: &Place<'_>) -> Option<Diagnostic> {
    let adjacent = place.before_span.end == place.span.start;
    let both = format!("{}{}", place.before, place.found);
    for (met, signs, message, help) in FOREIGN {
        let has = |sign: &str| signs.contains(&sign);
        let span = match met {
            Met::AsOperator if place.wants(Rule::infix) && has(place.found) => place.span,
            Met::AsOperand if place.wants_operand() && adjacent && has(&both) => {
                place.before_span.to(place.span)
            }
            Met::AsItem if place.wants_item() && has(place.found) => place.span,
            Met::Before if place.wants(Rule::infix) && has(place.before) => place.before_span,
            _ => continue,
        };
        return Some(Diagnostic::error(Code::Syntax, span, *message).help(*help));
    }
    None
}

/// Characters that look like what was meant, and what is to be written.
const LOOKALIKES: &[(&[char], &str)] = &[
    (&['≤', '⩽'], "<="),
    (&['≥', '⩾'], ">="),
    (&['≠'], "!="),
    (&['×', '·', '⋅', '∗', '∙'], "*"),
    (&['−', '–', '—'], "-"),
    (&['÷', '∕'], "/"),
    (&['²'], "^2"),
    (&['³'], "^3"),
    (&['π'], "pi"),
    (&['∞'], "inf"),
    (&['√'], "sqrt(x)"),
    (&['Σ', '∑'], "sum[i in K](x[i])"),
    (&['“', '”', '„', '\'', '‘', '’'], "\""),
    (&['…'], ".."),
    (&['∈'], "in"),
    (&['∧'], "&&"),
    (&['∨'], "||"),
    (&['¬'], "!"),
    (&['\u{a0}', '\u{202f}', '\u{2009}', '\u{3000}', '\u{200b}', '\u{feff}'], " "),
];

/// A character that only looks right, or a letter that names cannot have.
fn not_ascii(place: &Place<'_>) -> Option<Diagnostic> {
    let first = place.rest.chars().next()?;
    let looks = LOOKALIKES.iter().find(|(characters, _)| characters.contains(&first));
    if let Some((_, plain)) = looks {
        let message = format!("the character U+{:04X} means nothing here", u32::from(first));
        return Some(error(place, message).help(format!("write `{plain}`")));
    }
    (!first.is_ascii() && first.is_alphabetic()).then(|| {
        error(place, format!("`{first}` cannot be part of a name"))
            .help("names are made of the letters a to z and A to Z, digits and `_`")
    })
}

/// `los f(…)`, `targt y`
fn misspelled(place: &Place<'_>) -> Option<Diagnostic> {
    if place.wants_item() && (place.on_new_line || place.wants(Rule::file)) {
        let meant = suggest(place.found, ITEM_WORDS)?;
        let message = format!("expected an item, found `{}`", place.found);
        return Some(error(place, message).help(format!("did you mean `{meant}`?")));
    }
    let after_role = ROLE_WORDS.contains(&place.previous);
    if place.wants(Rule::axes) && place.found.starts_with(is_word) && !after_role {
        let help = match suggest(place.before, ROLE_WORDS) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "the roles are `pred`, `target`, `learned` and `param`".to_owned(),
        };
        let message = format!("`{}` is no role", place.before);
        let span = place.before_span;
        return Some(Diagnostic::error(Code::Syntax, span, message).help(help));
    }
    None
}

/// What only the place tells: a type after an input, an example's form, a domain.
fn in_its_place(place: &Place<'_>) -> Option<Diagnostic> {
    if place.found.starts_with('"') && !(place.found.len() > 1 && place.found.ends_with('"')) {
        return Some(
            error(place, "this path is never closed").help("end it with `\"` on its line"),
        );
    }
    if place.wants(Rule::axes) && place.found == ":" {
        let found = error(place, "inputs have no types; they may have axes and a domain");
        return Some(found.help("write `pred logits[K]`, or `target y in [0, 1]`"));
    }
    if place.wants(Rule::domain) {
        return Some(error(place, "expected a domain").help(DOMAINS));
    }
    if place.wants(Rule::grad_word) {
        let found = error(place, "expected `grad` and the name of an input");
        return Some(found.help("write `, grad yhat == 1`"));
    }
    if place.wants(Rule::must_equal) {
        let found = error(place, "expected `==` and what must come out");
        return Some(found.help("write `example name(yhat = 3, y = 0) == 2.5, grad yhat == 1`"));
    }
    let product = place.found == "(" && place.wants(Rule::infix);
    product.then(|| error(place, "only a name can be called").help("a product is written `a * b`"))
}
