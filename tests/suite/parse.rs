//! The parser against texts that are out to hurt it, and its promises about places.

use lossc::diagnostic::{Code, Diagnostic, Sources, render};
use lossc::syntax::ast::{ExprKind, File, Item};
use lossc::syntax::parse::{
    MAX_DEPTH, MAX_FILE_BYTES, RESERVED_WORDS, parse_file, replacement_name,
};
use proptest::prelude::*;

/// Every construct of the language, in one file.
const PAGE: &str = include_str!("../data/language_page.loss");

fn parse_text(text: &str) -> Result<File, Vec<Diagnostic>> {
    let mut sources = Sources::default();
    let id = sources.add("<test>", text);
    parse_file(id, &sources)
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

#[test]
fn a_mistake_at_the_bottom_of_many_levels_is_found_without_trying_each_level_twice() {
    for (open, _, close) in NESTINGS {
        for middle in ["$", "x $"] {
            let codes = codes(&nested(120, (open, middle, close)));
            assert!(!codes.is_empty(), "{open}{middle}{close}");
        }
    }
}

#[test]
fn long_chains_are_flat() {
    let terms = 100_000;
    for (operator, operand) in
        [("+", "a"), ("*", "(b + 1)"), ("||", "!c"), ("==", "-2^x"), ("-", "f(x)[i]")]
    {
        let chain = vec![operand; terms].join(operator);
        let file = parse_text(&format!("const A = {chain}")).expect("a long chain is fine");
        let Item::Const(constant) = &file.items[0] else { panic!("a constant") };
        let ExprKind::Chain { rest, .. } = &constant.value.kind else { panic!("a chain") };
        assert_eq!(rest.len(), terms - 1, "{operator}");
    }
    let arms = "if a { 1 } else ".repeat(terms);
    let file = parse_text(&format!("const A = {arms} {{ 2 }}")).expect("a long `else if` is fine");
    let Item::Const(constant) = &file.items[0] else { panic!("a constant") };
    let ExprKind::If { arms, .. } = &constant.value.kind else { panic!("an if") };
    assert_eq!(arms.len(), terms);
    let many = "let a = 1; ".repeat(terms);
    assert_eq!(codes(&format!("fn f() {{ {many} a }} {}", "const A = 1 ".repeat(terms))), []);
}

#[test]
fn towers_are_bounded() {
    let many = 100_000;
    let deep = [Code::NestingTooDeep];
    let cases: &[(&str, &str, &[Code])] = &[
        ("-", "x", &deep),
        ("!", "x", &deep),
        ("x^", "x", &deep),
        ("x^-", "x", &deep),
        ("", "x[0]", &[]),
        ("(", "x", &deep),
        ("[", "x", &deep),
        ("{", "x", &deep),
        ("if ", "x", &deep),
        (")", "x", &[Code::UnbalancedBrackets]),
        ("[i in K]", "x", &[Code::Syntax]),
        ("let a = ", "x", &[Code::Syntax]),
        ("sum[i in K if x[i if ", "x", &deep),
    ];
    for (part, end, expected) in cases {
        let text = format!("loss l(pred x) = {}{end}", part.repeat(many));
        assert_eq!(codes(&text), *expected, "{part}");
    }
    assert_eq!(codes(&format!("const A = x{}", "[0]".repeat(many))), deep);
    assert_eq!(codes(&format!("const A = {}x", "-".repeat(MAX_DEPTH - 1))), []);
    assert_eq!(codes(&format!("const A = {}x", "-".repeat(MAX_DEPTH))), deep);
    assert_eq!(codes(&format!("const A = {}x", "x^".repeat(MAX_DEPTH - 1))), []);
    assert_eq!(codes(&nested(MAX_DEPTH, ("(", "x", ")"))), []);
}

#[test]
fn every_bad_item_is_reported() {
    let text = "loss a(pred x) = x +\n".repeat(1_000) + "const A = 1\n";
    assert_eq!(codes(&text), [Code::Syntax; 1_000]);
}

#[test]
fn size_is_bounded() {
    let room = MAX_FILE_BYTES - "const A = 1\n".len();
    for (filler, at_limit) in [(" ", vec![]), ("x", vec![Code::Syntax])] {
        let fits = format!("const A = 1\n{}", filler.repeat(room));
        assert_eq!(codes(&fits), at_limit);
        assert_eq!(codes(&format!("{fits} ")), [Code::FileTooLarge]);
    }
}

#[test]
fn reserved_words_are_no_names() {
    for word in RESERVED_WORDS {
        for text in [format!("const {word} = 1"), format!("loss l(pred {word}) = 1")] {
            assert_eq!(codes(&text), [Code::ReservedName], "{text}");
        }
        assert_eq!(codes(&format!("const {} = {word}_", replacement_name(word))), []);
    }
}

/// Every span of a tree, as its debug form lists them.
fn spans(file: &File) -> Vec<(usize, usize)> {
    let listed = format!("{file:?}");
    let number = |text: &str| {
        let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<usize>().expect("a number")
    };
    let pieces = listed.split(", start: ").skip(1);
    pieces
        .map(|piece| {
            let (_, end) = piece.split_once(", end: ").expect("an end after a start");
            (number(piece), number(end))
        })
        .collect()
}

/// Parses a text, whatever it is, and checks every place that comes out.
fn check_places(text: &str) {
    match parse_text(text) {
        Ok(file) => {
            for (start, end) in spans(&file) {
                assert!(
                    start < end && text.get(start..end).is_some(),
                    "{start}..{end} of {text:?}"
                );
                assert_eq!(text[start..end].trim(), &text[start..end], "of {text:?}");
            }
        }
        Err(errors) => {
            assert!(!errors.is_empty());
            for label in errors.iter().flat_map(|error| &error.labels) {
                let (start, end) = (label.span.start as usize, label.span.end as usize);
                assert!(text.get(start..end).is_some(), "{start}..{end} of {text:?}");
            }
            let mut sources = Sources::default();
            sources.add("<test>", text);
            assert!(render(&errors, &sources, false).contains("error["));
        }
    }
}

#[test]
fn places_lie_inside_of_the_page() {
    let file = parse_text(PAGE).expect("the page is valid");
    assert_eq!(spans(&file).len(), 274);
    check_places(PAGE);
}

#[test]
fn truncations_never_panic() {
    for end in (0..PAGE.len()).filter(|end| PAGE.is_char_boundary(*end)) {
        check_places(&PAGE[..end]);
    }
}

/// Pieces that random texts are made of.
const PIECES: &[&str] = &[
    "loss ", "fn ", "use ", "const ", "example ", "pred ", "param ", "let ", "if ", "else ", "in ",
    "per ", "within ", "grad ", "x", "K", "1", "2.5", "0..", "(", ")", "[", "]", "{", "}", ",",
    ";", "=", "==", "+", "-", "^", "*", "&&", "!", "?", "\"", "//", "///", "\n", "\r\n", " ", "é",
    "≤", "\u{feff}", "\u{0}", "f(", "x[", ".",
];

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        check_places(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn random_pieces_never_panic(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..60)) {
        check_places(&pieces.concat());
        check_places(&format!("loss l(pred x) = {}", pieces.concat()));
    }

    #[test]
    fn a_page_with_a_piece_too_many_never_panics(at in 0..PAGE.len(), piece in prop::sample::select(PIECES)) {
        if PAGE.is_char_boundary(at) {
            check_places(&format!("{}{piece}{}", &PAGE[..at], &PAGE[at..]));
        }
    }
}
