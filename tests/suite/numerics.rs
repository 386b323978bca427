//! Certificates: plain spellings come out as exact as careful ones, what cannot is shown with its place, and every
//! shipped loss gets one.

use std::path::Path;
use std::process::{Command, Output};

use lossc::check::{Checked, Source, check};
use lossc::library::LOSSES;
use lossc::study::numerics::{Certificate, Culprit, Options, Reason, certify};
use serde_json::Value;

fn checked(text: &str) -> Checked {
    let source = Source::Text { name: "plain.loss".into(), text: text.into() };
    check(&source).unwrap_or_else(|failure| panic!("{text}: {failure}"))
}

fn certificate(text: &str, samples: usize) -> Certificate {
    let checked = checked(text);
    certify(&checked.models[0], Options { samples, seed: 0 }).unwrap()
}

/// The faults of a certificate in words.
fn faults(certificate: &Certificate) -> String {
    let faults = certificate.outputs.iter().filter_map(|outcome| outcome.fault.as_ref());
    faults.map(|(worst, culprit)| format!("{worst:?} {culprit:?}")).collect::<Vec<_>>().join("\n")
}

/// Plain spellings.
const STABLE: &[&str] = &[
    "loss l(pred z[K], target y in K) = -log(softmax(z)[y])",
    "loss l(pred z) = log(1 + exp(z))",
    "loss l(pred z, target y in [0, 1]) =
        -y * log(1 / (1 + exp(-z))) - (1 - y) * log(1 - 1 / (1 + exp(-z)))",
    "loss l(pred r) = log((exp(r) + exp(-r)) / 2)",
    "loss l(pred a, target b) = log(exp(a) + exp(b))",
    "loss l(pred z) = -log(1 / (1 + exp(-z)))",
    "loss l(pred x[D]) = sqrt(sum(x^2) + 1)",
];

#[test]
fn plain_spellings_are_stable() {
    for text in STABLE {
        let certificate = certificate(text, 400);
        assert!(certificate.is_stable(), "{text}: {}", faults(&certificate));
        assert_eq!(certificate.points, 400, "{text}");
        assert!(certificate.judged >= 40, "{text}: {}", certificate.judged);
        assert!(!certificate.rewritten.is_empty(), "{text}: nothing fired");
    }
}

/// A loss that loses digits: the text, the source to blame for the value, how, and a word of what to write instead.
type Unstable = (&'static str, &'static str, fn(&Reason) -> bool, Option<&'static str>);

const UNSTABLE: &[Unstable] = &[
    (
        "loss l(pred x in [0.000001, 3]) = (1 - cos(x)) / x^2",
        "1 - cos(x)",
        |reason| matches!(reason, Reason::Cancellation { size, .. } if (0.5..2.0).contains(size)),
        Some("sin(x / 2)"),
    ),
    (
        "loss l(pred x in [0, 1e30]) = sqrt(x + 1) - sqrt(x)",
        "sqrt(x + 1) - sqrt(x)",
        |reason| matches!(reason, Reason::Cancellation { .. }),
        Some("sqrt(a) + sqrt(b)"),
    ),
    (
        "fn gap(a, b) = exp(a) - exp(b)\nloss l(pred a in [-9, 9], pred b in [-9, 9]) = gap(a, b) / (a - b)",
        "exp(a) - exp(b)",
        |reason| matches!(reason, Reason::Cancellation { .. }),
        Some("expm1(a - b)"),
    ),
    (
        "loss l(pred x in [1e10, 1e15]) { let big = x^3; big / (1 + big) }",
        "x^3",
        |reason| matches!(reason, Reason::Overflow { size } if *size > 3.4e38),
        Some("divide by the largest"),
    ),
];

#[test]
fn what_cannot_be_stable_is_shown_with_its_place() {
    for (text, source, reason, instead) in UNSTABLE {
        let checked = checked(text);
        let certificate = certify(&checked.models[0], Options { samples: 400, seed: 0 }).unwrap();
        let fault = certificate.outputs[0].fault.as_ref();
        let (worst, culprit) = fault.unwrap_or_else(|| panic!("{text}: no fault"));
        assert!(worst.places > 16.0, "{text}: {worst:?}");
        let culprit: &Culprit = culprit.as_ref().unwrap_or_else(|| panic!("{text}: {worst:?}"));
        let span = culprit.span.expect("a place");
        assert_eq!(checked.sources.text(span), *source, "{culprit:?}");
        assert!(reason(&culprit.reason), "{text}: {culprit:?}");
        match instead {
            Some(words) => {
                assert!(culprit.instead.is_some_and(|it| it.contains(words)), "{culprit:?}");
            }
            None => assert_eq!(culprit.instead, None, "{text}"),
        }
    }
}

#[test]
fn the_same_seed_finds_the_same() {
    let text = "loss l(pred x in [0.000001, 3]) = (1 - cos(x)) / x^2";
    let [a, b] = [certificate(text, 100), certificate(text, 100)];
    assert_eq!(faults(&a), faults(&b));
    assert!(!faults(&a).is_empty());
}

fn lossc(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lossc"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments).output().expect("it runs")
}

#[test]
fn the_command_says_what_was_rewritten_and_where_digits_are_lost() {
    let run = lossc(&["check", "--numerics", "--samples", "100", "tests/bad/loses-digits.loss"]);
    let (output, errors) =
        (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert_eq!(run.status.code(), Some(1), "{output}{errors}");
    assert!(output.starts_with("versine: not stable: value within "), "{output}");
    for expected in [
        "error[loses-digits]: the value of `versine` is not stable in f32: ",
        "--> tests/bad/loses-digits.loss:4:6",
        "nearly equal numbers of size 1 cancel",
        "help: `1 - cos(x)` is `2 * sin(x / 2)^2`",
    ] {
        assert!(errors.contains(expected), "{expected}: {errors}");
    }

    let plain = Path::new(env!("CARGO_TARGET_TMPDIR")).join("plain.loss");
    std::fs::write(&plain, "loss plain(pred z) =\n    -log(1 / (1 + exp(-z)))\n").unwrap();
    let plain = plain.to_str().expect("a path of UTF-8");
    let run = lossc(&["check", "--numerics", "--samples", "100", "--seed", "7", plain]);
    let output = String::from_utf8_lossy(&run.stdout);
    assert_eq!(run.status.code(), Some(0), "{output}");
    for expected in [
        "plain: stable: value within ",
        "(100 points, seed 7)",
        "rewritten: `-log(1 / (1 + exp(-z)))` line 2 by",
    ] {
        assert!(output.contains(expected), "{expected}: {output}");
    }

    let run =
        lossc(&["check", "--numerics", "--samples", "100", "--format", "json", plain, "huber"]);
    let all: Value = serde_json::from_slice(&run.stdout).expect("JSON");
    assert_eq!(run.status.code(), Some(0), "{all}");
    for (at, name) in ["plain", "huber"].into_iter().enumerate() {
        assert_eq!((&all[at]["loss"], &all[at]["stable"]), (&name.into(), &true.into()), "{all}");
        assert_eq!(all[at]["points"], 100, "{all}");
        assert!(all[at]["outputs"][0]["worst"]["point"].is_object(), "{all}");
    }
    assert_eq!(all[0]["rewritten"][0]["line"], 2, "{all}");
    let run = lossc(&["check", "--samples", "5", "huber"]);
    assert_eq!(run.status.code(), Some(2), "samples without a search");
}

/// The shipped losses that lose digits somewhere in their domains, most of them only where numbers of 1e19 and more are
/// squared: a thorough search finds it, a short one may not.
const KNOWN: &[&str] = &[
    "asymmetric_multilabel",
    "auc_squared_hinge",
    "barlow_twins",
    "barron",
    "beta_nll",
    "cauchy",
    "cosine_embedding",
    "cross_entropy",
    "dice",
    "distillation",
    "earth_mover_squared",
    "focal",
    "gamma_nll",
    "gaussian_nll",
    "generalized_cross_entropy",
    "giou",
    "hard_example_cross_entropy",
    "info_nce",
    "iou",
    "lambdarank",
    "listmle",
    "listnet",
    "lovasz_hinge",
    "mixture_density",
    "multiclass_dice",
    "policy_gradient",
    "quantiles",
    "ranknet",
    "ridge",
    "soft_cross_entropy",
    "softmax_squared_error",
    "squared_log_error",
    "triplet_margin",
    "variational_kl",
    "wing",
    "z_loss",
];

#[test]
fn every_shipped_loss_has_a_certificate() {
    let mut wrong = String::new();
    for shipped in LOSSES {
        let checked = check(&Source::Library(shipped.name.into())).unwrap();
        for model in &checked.models {
            let certificate = certify(model, Options { samples: 24, seed: 0 }).unwrap();
            assert!(certificate.points > 0 && certificate.judged >= 4, "{}", model.name);
            if !certificate.is_stable() && !KNOWN.contains(&model.name.as_str()) {
                wrong += &format!("{}: {}", model.name, faults(&certificate));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
