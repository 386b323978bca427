//! Random programs over the whole language: no panic, the same bits on every target, the plain evaluator's values,
//! and gradients that are the limits of differences.

mod data;
mod examine;
mod leaf;
mod program;
mod reprint;
mod tape;
mod term;
mod writer;

use std::cell::Cell;

use examine::{Counts, examine};
use lossc::check::{Source, check};
use lossc::compile::{Compiler, Target};
use lossc::library::LOSSES;
use program::write_program;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

/// So many cases, scaled by `PROPTEST_CASES`, which is 256 if it is not set.
fn cases(count: u32) -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig { cases: (count * default.cases / 256).max(1), ..default }
}

/// Words and signs of a text, blanks left out.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut joins = false;
    let text = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    for sign in text.flat_map(|line| line.chars().chain([' '])) {
        let is_word = sign.is_alphanumeric() || sign == '_' || sign == '.';
        match tokens.last_mut() {
            Some(last) if joins && is_word => last.push(sign),
            _ if sign.is_whitespace() => {}
            _ => tokens.push(sign.into()),
        }
        joins = is_word;
    }
    tokens
}

/// Checks and, if it is right, compiles a text; it may be anything.
fn survive(text: &str) {
    let source = Source::Text { name: "test.loss".into(), text: text.into() };
    let Ok(checked) = check(&source) else { return };
    for model in &checked.models {
        // A refusal is fine, a panic is not.
        drop(Compiler::new().target(Target::Interpreter).model::<f32>(model));
    }
}

const SOUP: &[&str] = &[
    "loss", "fn", "const", "use", "example", "let", "if", "else", "in", "per", "within", "grad",
    "pred", "target", "learned", "param", "inf", "pi", "true", "false", "simplex", "sum", "max",
    "softmax", "size", "one_hot", "missing", "real", "exp", "huber", "x", "y", "K", "N", "i", "0",
    "1", "2.5", "1e999", "(", ")", "[", "]", "{", "}", ",", ";", "=", "==", "<", "^", "*", "/",
    "+", "-", "!", "&&", "||", "?", "..", "..=", "\"", "//", "é", "\n",
];

proptest! {
    #![proptest_config(cases(500))]
    #[test]
    fn no_soup_of_words_panics(words in prop::collection::vec(0..SOUP.len(), 0..60), sensible in any::<bool>()) {
        let words: Vec<&str> = words.into_iter().map(|at| SOUP[at]).collect();
        let text = words.join(" ");
        survive(&if sensible { format!("loss test(pred x, y[K], target z in K) = {text}") } else { text });
    }

    #[test]
    fn no_change_to_a_shipped_file_panics(
        file in 0..LOSSES.len(),
        changes in prop::collection::vec((0..3, any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..4),
    ) {
        let mut words = tokens(LOSSES[file].text);
        for (change, at, other) in changes {
            let (at, other) = (at.index(words.len()), other.index(words.len()));
            match change {
                0 => drop(words.remove(at)),
                1 => words.insert(at, words[other].clone()),
                _ => words.swap(at, other),
            }
        }
        survive(&words.join(" ").replace("= =", "==").replace("& &", "&&").replace("| |", "||").replace(". .", "..").replace("< =", "<=").replace("> =", ">="));
    }
}

#[test]
fn random_programs_are_the_same_everywhere() {
    let total = Cell::new(Counts::default());
    let outcome =
        TestRunner::new(cases(100)).run(&prop::collection::vec(any::<u16>(), 0..800), |choices| {
            let program = write_program(&choices);
            let counts = examine(&program)
                .map_err(|error| TestCaseError::fail(format!("{error}\n{program}")))?;
            total.set(total.get().and(counts));
            Ok(())
        });
    if let Err(error) = outcome {
        panic!("{error}");
    }
    let Counts { values, slopes, skipped } = total.get();
    assert!(values > 0 && slopes > 4 * skipped, "{:?} says little", total.get());
}
