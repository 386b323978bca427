//! Gradients that are right, wrong, and on kinks.

use super::{Options, Report, Runner, Sample, Sources, compare, gradcheck};
use crate::check::{Source, check};
use crate::compile::Compiler;
use crate::graph::InputId;
use crate::loops::Precision;
use crate::model::Model;

fn model(text: &str) -> Model {
    let source = Source::Text { name: "loss.loss".into(), text: text.into() };
    check(&source).unwrap_or_else(|why| panic!("{text}: {why}")).models.remove(0)
}

fn options(samples: usize) -> Options {
    Options { samples, ..Options::default() }
}

fn passes(text: &str, options: &Options) -> Report {
    let report = gradcheck::<f64>(&model(text), options).expect("it compiles");
    assert!(report.passed(), "{text}: {report:#?}");
    report
}

/// The report on gradients of the compiled loss that are changed before they are judged.
fn changed(text: &str, change: impl Fn(&Sample, &mut [Vec<f64>])) -> Report {
    let model = model(text);
    let loss = Compiler::new().model::<f64>(&model).expect("it compiles");
    let names = loss.gradients();
    let is_wanted = |id: &InputId| names.contains(&model.graph.input(*id).name.as_str());
    let wrt: Vec<InputId> = model.graph.input_ids().filter(is_wanted).collect();
    let runner = Runner::new(&loss, &wrt);
    let sources = Sources {
        gradients: &mut |sample| {
            let (_, mut gradients) = runner.run(sample)?;
            change(sample, &mut gradients);
            Ok(gradients)
        },
        value: &mut |sample| runner.run(sample).map_or(f64::NAN, |(value, _)| value),
    };
    compare(&model, &wrt, &options(60), Precision::F64, sources).expect("it runs")
}

const CROSS_ENTROPY: &str = "loss l(pred z[K], target y in K?, param w[K] in (0, 4] = 1) = -w[y] * log(softmax(z)[y]) per w[y]";

#[test]
fn a_gradient_that_is_a_millionth_off_is_caught() {
    for text in [
        CROSS_ENTROPY,
        "loss l(pred x, target y) = (x - y)^2",
        "loss l(pred p in (0, 1), target y in {0, 1}) = -y * log(p) - (1 - y) * log(1 - p)",
    ] {
        assert!(changed(text, |_, _| {}).passed(), "{text}");
        let off = changed(text, |_, gradients| {
            gradients.iter_mut().flatten().for_each(|element| *element *= 1.0 + 1e-6);
        });
        assert!(!off.passed(), "{text}");
        let worst = off.inputs[0].worst.as_ref().expect("something was compared");
        assert!((0.9e-6..1.1e-6).contains(&worst.finding.relative_error), "{worst:?}");
    }
}

#[test]
fn wrong_gradients_are_caught_and_the_worst_point_is_told() {
    type Change = fn(&Sample, &mut [Vec<f64>]);
    let table: &[(&str, Change)] = &[
        ("a sign", |_, gradients| gradients[0][0] = -gradients[0][0]),
        ("nothing", |_, gradients| gradients[0].fill(0.0)),
        ("a NaN", |_, gradients| gradients[0][0] = f64::NAN),
        ("an infinity", |_, gradients| gradients[0][0] = f64::INFINITY),
        ("one more example", |sample, gradients| {
            let rows: f64 = (0..sample.rows).map(|_| 1.0).sum();
            gradients[0].iter_mut().for_each(|it| *it *= rows);
        }),
        ("the neighbour's", |_, gradients| gradients[0].rotate_left(1)),
        ("a little at 0", |_, gradients| gradients[0].iter_mut().for_each(|it| *it += 1e-8)),
    ];
    for (what, change) in table {
        let report = changed(CROSS_ENTROPY, change);
        assert!(!report.passed() && report.inputs[0].failed > 0, "{what}: {report:?}");
        let worst = report.inputs[0].worst.as_ref().expect("something was compared");
        assert!(worst.finding.use_of_tolerance() > 1.0, "{what}: {worst:?}");
        assert!(worst.inputs.starts_with("{\"z\": [["), "{what}: {worst:?}");
        assert!(worst.finding.dual.is_some() || worst.finding.difference.is_some(), "{worst:?}");
    }
}

#[test]
fn a_wrong_rule_is_caught_where_the_stable_form_is_wrong_as_a_whole() {
    // The value and the gradient agree with each other, but not with what was written.
    let written = model("loss l(pred x) = log(1 + exp(x))");
    let other = model("loss l(pred x) = log(1 + exp(x)) + x / 1000000");
    let loss = Compiler::new().model::<f64>(&other).expect("it compiles");
    let wrt: Vec<InputId> = other.graph.input_ids().collect();
    let runner = Runner::new(&loss, &wrt);
    let sources = Sources {
        gradients: &mut |sample| runner.run(sample).map(|(_, gradients)| gradients),
        value: &mut |sample| runner.run(sample).map_or(f64::NAN, |(value, _)| value),
    };
    let report = compare(&written, &wrt, &options(60), Precision::F64, sources).expect("it runs");
    assert!(report.inputs[0].failed > 5, "{report:?}");
}

#[test]
fn kinks_are_left_out_by_name() {
    let table: &[(&str, &str)] = &[
        ("loss l(pred x, target y) = abs(x - y)", "abs(x - y) at 0"),
        ("loss l(pred x, target y) = max(x, y)", "max(x, y) at a tie"),
        ("loss l(pred x) = max(x, 0)", "max(x, 0) at a tie"),
        ("loss l(pred x) = relu(x)", "max(x, 0) at a tie"),
        ("loss l(pred x) = clamp(x, -1, 1)", "max(x, -1) at a tie"),
        ("loss l(pred x) = clamp(x, -1, 1)", "min(max(x, -1), 1) at a tie"),
        ("loss l(pred x[K]) = max(x) + min(x)", "max(x) at a tie"),
        ("loss l(pred x[K]) = max(x) + min(x)", "min(x) at a tie"),
        ("loss l(pred x, target y) = if x < y { x } else { 2 * y }", "x < y at equality"),
        ("loss l(pred x, target y) = if x == y { x } else { 2 * x }", "x == y at equality"),
        ("loss l(pred x[K]) = sum[i in K if x[i] > 0](x[i])", "x[i] > 0 [i in K] at equality"),
        ("loss l(pred x) = x * floor(x)", "floor(x) at a whole number"),
        ("loss l(pred x) = x * sign(x - 1)", "sign(x - 1) at 0"),
        ("loss l(pred x, target y) = sqrt(abs(x - y))", "abs(x - y) at 0"),
        ("loss l(pred x[K]) = norm(x)", "norm(x) at 0"),
        ("loss l(pred x in [0, inf)) = sqrt(x)", "sqrt(x) at 0"),
        ("loss l(pred x in [0, inf)) = x^1.5", "x^1.5 at base 0"),
        ("loss l(pred p in [0, 1]) = p * log(p)", "p * log(p) at 0"),
        ("loss l(pred x, target y in K?, t[K]) = x * t[y]", "every label is missing"),
        ("loss l(pred x) = x * stop_gradient(x)", "stop_gradient(x) held constant"),
    ];
    for (text, kink) in table {
        let report = passes(text, &options(400));
        let left_out = &report.inputs[0].left_out;
        let found = left_out.iter().find(|left_out| left_out.kink == *kink);
        assert!(found.is_some_and(|found| found.points > 0), "{text}: {left_out:?}");
        let input = &report.inputs[0];
        assert!(input.with_duals > 200, "{text}: {report:?}");
        assert!(input.with_differences > 200 || kink.contains("held"), "{text}: {report:?}");
    }
}

#[test]
fn every_input_can_be_asked_for() {
    let text = "loss l(pred x[K], target y[K], learned s in (0, inf), param a in [0.5, 2] = 1, on in {false, true} = true)
        = s * sum(abs(x - y)^(1 + a)) / (1 + a) - log(s) + if on { x[0] * a } else { 0 } per a";
    for names in [&["x", "s"][..], &["y"], &["a"], &["x", "y", "s", "a"]] {
        let wrt = Some(names.iter().map(ToString::to_string).collect());
        let report = passes(text, &Options { wrt, ..options(120) });
        let inputs: Vec<&str> = report.inputs.iter().map(|input| input.name.as_str()).collect();
        assert_eq!(inputs, names);
    }
    assert_eq!(passes(text, &options(20)).inputs.len(), 2);
}

#[test]
fn what_was_written_may_overflow_and_cancel() {
    for text in [
        "loss l(pred z[K], target y in K) = -log(softmax(z)[y])",
        "loss l(pred z) = log(1 + exp(z))",
        "loss l(pred z, target y in [0, 1]) = -y * log(1 / (1 + exp(-z))) - (1 - y) * log(1 - 1 / (1 + exp(-z)))",
        "loss l(pred z[K]) = log(sum(exp(z)))",
    ] {
        let report = passes(text, &options(200));
        assert!(report.inputs[0].compared > 200, "{text}: {report:?}");
    }
}

#[test]
fn gradients_in_f32_are_held_to_f32() {
    for text in [
        "loss l(pred z[K], target y in K) = -log(softmax(z)[y])",
        "loss l(pred x, target y, param d in (0, inf) = 1) = if abs(x - y) < d { (x - y)^2 } else { d * abs(x - y) }",
    ] {
        let report = gradcheck::<f32>(&model(text), &options(200)).expect("it compiles");
        assert!(report.passed(), "{text}: {report:#?}");
        assert_eq!(report.dtype(), "f32");
        let worst = report.inputs[0].worst.as_ref().expect("something was compared");
        assert!(worst.finding.relative_error > 1e-12, "f32 is not that exact: {worst:?}");
    }
}

#[test]
fn a_seed_gives_the_same_report_every_time() {
    let report = |seed| passes(CROSS_ENTROPY, &Options { seed, ..options(40) });
    assert_eq!(report(3), report(3));
    assert_ne!(report(3).inputs, report(4).inputs);
}

#[test]
fn what_can_nowhere_be_compared_does_not_pass() {
    let report = gradcheck::<f64>(&model("loss l(pred x) = log(-1 - x^2)"), &options(20));
    let report = report.expect("it compiles");
    assert!(!report.passed() && report.inputs[0].compared == 0, "{report:?}");
}
