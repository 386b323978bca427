//! The parser against texts that are out to hurt it, and its promises about places.

use lossc::diagnostic::{Code, Diagnostic, Sources};
use lossc::syntax::ast::File;
use lossc::syntax::parse::{self, MAX_DEPTH, MAX_FILE_BYTES};

fn parse_text(text: &str) -> Result<File, Vec<Diagnostic>> {
    let mut sources = Sources::default();
    let id = sources.add("<test>", text);
    parse::parse_file(id, &sources)
}

fn codes(text: &str) -> Vec<Code> {
    match parse_text(text) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.iter().map(|error| error.code).collect(),
    }
}

/// Ways to nest: what opens a level, what closes it, and how many levels of each kind a repetition adds.
const NESTINGS: &[(&str, &str, &str)] = &[
    ("(", "x", ")"),
    ("f(", "x", ")"),
    ("x[", "0", "]"),
    ("[", "x", "]"),
    ("sum[K](", "x", ")"),
    ("if a { 1 } else { ", "x", " }"),
    ("if a { ", "x", " } else { 1 }"),
    ("if ", "true", " { 1 } else { 2 }"),
    ("-(", "x", ")"),
    ("1 + (", "x", ")"),
    ("f(a = ", "x", ")"),
    ("sum[i in K if ", "a", "](1)"),
    ("if a { let b = ", "x", "; b } else { 1 }"),
];

fn nested(levels: usize, (open, middle, close): (&str, &str, &str)) -> String {
    let [open, close] = [open, close].map(|part| part.repeat(levels));
    format!("loss l(pred x) = {open}{middle}{close}")
}

#[test]
fn a_hundred_and_twenty_levels_are_fine_and_a_thousand_are_an_error() {
    for nesting in NESTINGS {
        assert_eq!(codes(&nested(120, *nesting)), [], "{nesting:?}");
        for levels in [MAX_DEPTH + 1, 1_000, 100_000] {
            assert_eq!(codes(&nested(levels, *nesting)), [Code::NestingTooDeep], "{nesting:?}");
        }
    }
}
