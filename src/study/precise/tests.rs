//! Every function against exact values, and against itself at another precision.

use super::*;
use crate::builtins::FUNCTIONS;

/// Exact results: function, arguments, the result as f64, and what that lacks in units of its last place.
const EXACT: &str = include_str!("../../../tests/data/kernels_f64.txt");

fn of(name: &str) -> Function {
    let name = if name == "pow" { "^" } else { name };
    let row = FUNCTIONS.iter().find(|row| row.name == name);
    row.unwrap_or_else(|| panic!("no function `{name}`")).function
}

fn apply(precise: &Precise, function: Function, arguments: &[f64]) -> PreciseNumber {
    let numbers: Vec<PreciseNumber> = arguments.iter().map(|it| precise.constant(*it)).collect();
    precise.map(function, &numbers)
}

#[test]
fn every_function_has_its_exact_values() {
    let arithmetics = [128, 512, 2048].map(Precise::new);
    let mut settled = [0; 3];
    let mut seen = std::collections::BTreeSet::new();
    for (number, line) in EXACT.lines().enumerate().filter(|(_, line)| !line.starts_with('#')) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let function = of(words[0]);
        seen.insert(words[0]);
        let count = function.row().arguments.len();
        let parse = |word: &str| word.parse::<f64>().unwrap();
        let arguments: Vec<f64> = words[1..=count].iter().map(|word| parse(word)).collect();
        let expected = parse(words[count + 1]);
        // The slow precision takes its turn.
        let tried = if number % 16 == 0 { 3 } else { 2 };
        for (at, precise) in arithmetics[..tried].iter().enumerate() {
            let result = apply(precise, function, &arguments);
            if let Some(got) = Precise::settled(&result) {
                settled[at] += 1;
                // What is only known to be less than any f32 by far counts for nothing.
                let is_nothing = got == 0.0 && expected.abs() < 1e-66;
                let same = got == expected || got.is_nan() && expected.is_nan() || is_nothing;
                assert!(same, "{line}: {got:?} at {at}");
            } else {
                assert!(at == 0 || expected.is_infinite(), "{line}: {result:?} at {at}");
            }
        }
    }
    assert!(seen.len() >= 19, "{seen:?}");
    assert!(settled[0] > 1500 && settled[1] > 2000, "{settled:?}");
}

/// Whether two numbers can be the same one.
fn overlap(a: &PreciseNumber, b: &PreciseNumber) -> bool {
    match (&a.0, &b.0) {
        (Number::Real(a), Number::Real(b)) => a.minus(b, 4096).sign().is_none_or(Ordering::is_eq),
        (Number::Unsettled | Number::Vast, _)
        | (_, Number::Unsettled | Number::Vast)
        | (Number::Undefined, Number::Undefined) => true,
        (Number::Infinite { negative: a }, Number::Infinite { negative: b }) => a == b,
        _ => false,
    }
}

const SAMPLES: [f64; 25] = [
    0.0,
    1.0,
    -1.0,
    0.5,
    -0.5,
    2.0,
    -2.5,
    1e-3,
    -1e-3,
    1e-30,
    -1e-30,
    1e-300,
    7.25,
    -20.0,
    40.0,
    -1e4,
    1e4,
    1e9,
    -1e9,
    0.999_999,
    -0.999_999,
    1e30,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
];

#[test]
fn a_bound_holds_whatever_the_precision() {
    let (coarse, fine) = (Precise::new(64), Precise::new(320));
    let fuzzy =
        |value: f64| coarse.map(Function::Divide, &[coarse.constant(value), coarse.constant(3.0)]);
    let sharp =
        |value: f64| fine.map(Function::Divide, &[fine.constant(value), fine.constant(3.0)]);
    let takes_reals = |function: &Function| {
        !matches!(
            function,
            Function::Equal
                | Function::Less
                | Function::LessEqual
                | Function::And
                | Function::Or
                | Function::Not
                | Function::Select
                | Function::Missing
        )
    };
    for function in FUNCTIONS.iter().map(|row| row.function).filter(takes_reals) {
        let is_unary = function.row().arguments.len() == 1;
        let seconds = if is_unary { &SAMPLES[..1] } else { &SAMPLES[..] };
        for a in SAMPLES {
            for b in seconds {
                let keep = |mut numbers: Vec<PreciseNumber>| {
                    numbers.truncate(function.row().arguments.len());
                    numbers
                };
                // Arguments that are off themselves, and such that are exact.
                let rough = coarse.map(function, &keep(vec![fuzzy(a), fuzzy(*b)]));
                let good = fine.map(function, &keep(vec![sharp(a), sharp(*b)]));
                assert!(overlap(&rough, &good), "{function:?}({a}/3, {b}/3): {rough:?} {good:?}");
                let rough = apply(&coarse, function, &keep_f64(function, a, *b));
                let good = apply(&fine, function, &keep_f64(function, a, *b));
                assert!(overlap(&rough, &good), "{function:?}({a}, {b}): {rough:?} {good:?}");
            }
        }
    }
}

fn keep_f64(function: Function, a: f64, b: f64) -> Vec<f64> {
    [a, b][..function.row().arguments.len()].to_vec()
}

#[test]
fn what_cancels_takes_more_bits_and_is_then_exact() {
    let log_of_one_plus_exp = |bits: u32, logs: usize| {
        let precise = Precise::new(bits);
        let exp = apply(&precise, Function::Exp, &[-1e4]);
        let mut value = precise.map(Function::Add, &[precise.constant(1.0), exp]);
        for _ in 0..logs {
            value = precise.map(Function::Log, &[value]);
        }
        Precise::settled(&value)
    };
    // e^-10000 itself is nothing beside any f32, but its logarithm is an ordinary number.
    assert_eq!(log_of_one_plus_exp(512, 1), Some(0.0));
    assert_eq!(log_of_one_plus_exp(512, 2), None);
    assert_eq!(log_of_one_plus_exp(2048, 2), None);
    assert_eq!(log_of_one_plus_exp(16384, 2), Some(-1e4));
}

#[test]
fn numbers_too_close_to_tell_are_taken_as_equal_and_told() {
    let precise = Precise::new(128);
    let third = apply(&precise, Function::Divide, &[1.0, 3.0]);
    let sum = precise.map(Function::Add, &[third.clone(), third.clone()]);
    let other = apply(&precise, Function::Divide, &[2.0, 3.0]);
    assert!(precise.equal(&third, &third) && !precise.take_undecided());
    assert!(precise.less(&third, &sum) && !precise.take_undecided());
    let nearly = precise.map(Function::Subtract, &[sum, precise.constant(1e-60)]);
    assert!(precise.equal(&nearly, &other) && precise.take_undecided());
    assert!(!precise.equal(&precise.constant(f64::NAN), &third) && !precise.take_undecided());
}
