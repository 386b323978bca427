//! Real losses through the whole pipeline.
#![expect(clippy::float_cmp, reason = "numbers that are exact, and bits that are the same")]

mod sample;

use super::{Compiler, Target};
use crate::call::{Element, Loss, Reduction};
use crate::graph::InputKind;
use sample::{Elements, Random, bind, draw};

const TARGETS: [Target; 3] = [Target::Interpreter, Target::NativeScalar, Target::Native];

const CROSS_ENTROPY: &str = "
    loss cross_entropy(pred logits[K], target label in K?, param weight[K] in [0, inf) = 1,
                       param smoothing in [0, 1] = 0) {
        let logp = log_softmax(logits);
        -(1 - smoothing) * weight[label] * logp[label] - smoothing * sum(weight * logp) / size(K)
    } per weight[label]";

fn compile<T: Element>(text: &str) -> Loss<T> {
    Compiler::new().text("test.loss", text).unwrap_or_else(|error| panic!("{error}"))
}

fn shipped<T: Element>(compiler: &Compiler, name: &str) -> Loss<T> {
    compiler.library(name).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Every number that a call gives, as bits: the total, the weight, values, gradients.
fn all_bits<T: Element>(loss: &Loss<T>, examples: usize, weighted: bool) -> Vec<u64> {
    let samples = draw(loss, examples, &mut Random(7));
    let weights: Vec<T> = (0..examples).map(|at| T::from_f64([1.5, 0.0, 0.25][at % 3])).collect();
    let mut values = vec![T::default(); examples];
    let mut gradients: Vec<Vec<T>> =
        samples.iter().map(|sample| vec![T::default(); sample.shape.iter().product()]).collect();
    let mut call = bind(loss.call(), &samples).values(&mut values);
    if weighted {
        call = call.sample_weights(&weights);
    }
    for (sample, gradient) in samples.iter().zip(&mut gradients) {
        if loss.gradients().contains(&sample.name.as_str()) {
            call = call.gradient(&sample.name, gradient);
        }
    }
    let summary = call.run(Reduction::Mean).unwrap_or_else(|error| panic!("{error}"));
    if !weighted {
        let mut again = gradients.clone();
        let mut call = bind(loss.call(), &samples);
        for (sample, gradient) in samples.iter().zip(&mut again) {
            if loss.gradients().contains(&sample.name.as_str()) {
                call = call.gradient(&sample.name, gradient);
            }
        }
        let without_values = call.run(Reduction::Mean).unwrap();
        let [with, without] = [summary, without_values].map(|it| it.sum.to_bits());
        assert_eq!(with, without, "{} with and without values", loss.name());
    }
    let elements = values.into_iter().chain(gradients.into_iter().flatten());
    let totals = [summary.total.to_bits(), summary.weight.to_bits()];
    // The sign and payload of a NaN are nobody's promise.
    let bits = |element: T| match element.to_f64() {
        number if number.is_nan() => f64::NAN.to_bits(),
        number => number.to_bits(),
    };
    totals.into_iter().chain(elements.map(bits)).collect()
}

#[test]
fn every_shipped_loss_gives_the_same_bits_on_every_target() {
    fn compare<T: Element>(name: &str) {
        for (examples, weighted) in [(1, false), (37, false), (37, true)] {
            let expected: Vec<Vec<u64>> = TARGETS
                .iter()
                .map(|target| {
                    all_bits(
                        &shipped::<T>(&Compiler::new().target(*target), name),
                        examples,
                        weighted,
                    )
                })
                .collect();
            for (target, got) in TARGETS.iter().zip(&expected) {
                assert!(*got == expected[0], "{name} of {examples} in {} on {target:?}", T::NAME);
            }
        }
    }
    for loss in crate::library::LOSSES {
        compare::<f32>(loss.name);
        compare::<f64>(loss.name);
    }
}

#[test]
fn gradients_of_the_mean_in_every_input_follow_the_mean() {
    const STEP: f64 = 1e-6;
    for shipped_loss in crate::library::LOSSES {
        let name = shipped_loss.name;
        let loss = shipped::<f64>(&Compiler::new(), name);
        let graph = &loss.model().graph;
        let samples = draw(&loss, 5, &mut Random(11));
        let mean = |samples: &[_]| {
            let call = bind(loss.call(), samples);
            call.run(Reduction::Mean).unwrap_or_else(|error| panic!("{name}: {error}")).total
        };
        for (at, sample) in samples.iter().enumerate().filter(|(_, it)| it.is_smooth(graph)) {
            let Elements::Real(elements) = &sample.elements else { continue };
            let mut gradient = vec![0.0; elements.len()];
            let call = bind(loss.call(), &samples).gradient(&sample.name, &mut gradient);
            call.run(Reduction::Mean).unwrap_or_else(|error| panic!("{name}: {error}"));
            let mut random = Random(13);
            let direction: Vec<f64> = elements.iter().map(|_| random.inside() - 0.4).collect();
            let moved = |by: f64| {
                let mut moved = samples.clone();
                let shifted = elements.iter().zip(&direction).map(|(x, d)| x + by * d);
                moved[at].elements = Elements::Real(shifted.collect());
                mean(&moved)
            };
            let slope = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
            let got: f64 = gradient.iter().zip(&direction).map(|(g, d)| g * d).sum();
            let scale = got.abs().max(slope.abs()).max(mean(&samples).abs()).max(1e-3);
            assert!(
                (got - slope).abs() <= 2e-6 * scale,
                "{name} in {}: {got}, not {slope}",
                sample.name
            );
        }
    }
}

#[test]
fn half_squared_error_and_its_gradient() {
    let loss = compile::<f32>("loss half(pred yhat, target y) = (yhat - y)^2 / 2");
    let (mut values, mut gradient) = ([0.0; 3], [0.0; 3]);
    let summary = loss
        .call()
        .bind("yhat", &[1.0, 2.0, 4.0], &[3])
        .bind("y", &[0.0, 0.0, 1.0], &[3])
        .values(&mut values)
        .gradient("yhat", &mut gradient)
        .run(Reduction::Mean)
        .unwrap();
    assert_eq!(values, [0.5, 2.0, 4.5]);
    assert_eq!(gradient, [1.0f32, 2.0, 3.0].map(|g| g * (1.0 / 3.0)));
    assert!((summary.total - 7.0 / 3.0).abs() < 1e-12);
}

#[test]
fn large_logits_cost_cross_entropy_no_digits() {
    // ln(1 + 1/e), ln(1 + e) and e^-20 to the precision of f32
    let cases =
        [([1e4, 9999.0], 0.313_261_7), ([9999.0, 1e4], 1.313_261_7), ([20.0, 0.0], 2.061_153_6e-9)];
    for body in ["logsumexp(z) - z[y]", "-log_softmax(z)[y]", "-log(softmax(z)[y])"] {
        let loss = compile::<f32>(&format!("loss l(pred z[K], target y in K) = {body}"));
        for (logits, want) in cases {
            let mut values = [0.0f32];
            let call = loss.call().bind("z", &logits, &[2]).bind("y", &[0_i64][..], &[]);
            call.values(&mut values).run(Reduction::Sum).unwrap();
            assert!((values[0] - want).abs() <= 4e-7 * want, "{body}: {}, not {want}", values[0]);
        }
    }
}

#[test]
fn a_missing_label_of_an_array_selects_no_number() {
    for target in TARGETS {
        let text = "loss l(pred z[K], target y[T] in K?) = sum[t in T](z[y[t]])";
        let loss: Loss<f64> = Compiler::new().target(target).text("test.loss", text).unwrap();
        for (labels, want) in [([1_i64, 0, 1], 19.0), ([1, -1, 1], f64::NAN)] {
            let mut values = [0.0];
            let call = loss.call().bind("z", &[5.0, 7.0], &[2]).bind("y", &labels[..], &[3]);
            call.values(&mut values).run(Reduction::Sum).unwrap();
            assert!(
                values[0] == want || values[0].is_nan() && want.is_nan(),
                "{target:?}: {values:?}"
            );
        }
    }
}

#[test]
fn missing_labels_and_rows_without_weight_add_nothing() {
    let loss = compile::<f32>(CROSS_ENTROPY);
    let mut logits =
        [[1.0f32, 2.0, 0.5], [f32::NAN; 3], [f32::INFINITY; 3], [0.0, 0.0, 0.0]].concat();
    let run = |logits: &[f32]| {
        let (mut values, mut gradient) = ([5.0f32; 4], [5.0f32; 12]);
        let summary = loss
            .call()
            .bind("logits", logits, &[4, 3])
            .bind("label", &[1, -1, 2, 0], &[4])
            .set("smoothing", 0.1)
            .sample_weights(&[1.0, 1.0, 0.0, 3.0])
            .values(&mut values)
            .gradient("logits", &mut gradient)
            .run(Reduction::Mean)
            .unwrap();
        (summary, values, gradient)
    };
    let poisoned = run(&logits);
    assert!(poisoned.0.total.is_finite());
    assert!((poisoned.0.weight - 4.0).abs() < 1e-12);
    assert_eq!(poisoned.1[1..3], [0.0; 2]);
    assert_eq!(poisoned.2[3..9], [0.0; 6]);
    logits[3..9].fill(0.25);
    assert_eq!(run(&logits), poisoned, "what does not count leaves no trace");
}

#[test]
fn a_frozen_param_is_gone_from_the_call_and_gives_the_same() {
    let text = "loss huber(pred yhat, target y, param delta in (0, inf) = 1) {
        let r = abs(yhat - y);
        if r <= delta { r^2 / 2 } else { delta * (r - delta / 2) }
    }";
    let run = |loss: &Loss<f64>, delta: Option<f64>| {
        let mut gradient = [0.0; 4];
        let call =
            loss.call().bind("yhat", &[0.5, 3.0, -9.0, 2.0], &[4]).bind("y", &[0.0; 4], &[4]);
        let call = delta.into_iter().fold(call, |call, delta| call.set("delta", delta));
        let total = call.gradient("yhat", &mut gradient).run(Reduction::Sum);
        total.map(|summary| (summary.total, gradient)).map_err(|error| error.to_string())
    };
    let frozen: Loss<f64> = Compiler::new().freeze("delta", 2.5).text("huber.loss", text).unwrap();
    let open = compile::<f64>(text);
    assert_eq!(run(&frozen, None), run(&open, Some(2.5)));
    assert_ne!(run(&frozen, None), run(&open, None));
    let message = "`delta` was frozen at 2.5 when the loss was compiled";
    assert_eq!(run(&frozen, Some(1.0)), Err(message.to_owned()));
    assert_eq!(frozen.inputs()[2].frozen, Some(2.5));
}

#[test]
fn choices_that_do_not_fit_are_told() {
    let two =
        "loss a(pred x, target n in K, param w[K] = 1, param on in {false, true} = true) = x * w[n]
               loss b(pred x) = x^2";
    let table: &[(Compiler, &str)] = &[
        (Compiler::new(), "the file defines several losses, name one: a, b"),
        (Compiler::new().loss("c"), "there is no loss `c`; there is a, b"),
        (Compiler::new().loss("b").wrt(["y"]), "`b` has no input `y`"),
        (
            Compiler::new().loss("a").wrt(["n"]),
            "no gradient in `n`: only real inputs have a gradient",
        ),
        (
            Compiler::new().loss("a").freeze("w", 2.0).wrt(["w"]),
            "no gradient in `w`: it is made a constant",
        ),
        (Compiler::new().loss("a").freeze("x", 2.0), "`x` cannot be a constant"),
        (
            Compiler::new().loss("a").freeze("on", 2.0),
            "`on` cannot be 2, outside of its domain {false, true}",
        ),
    ];
    for (compiler, expected) in table {
        let error = compiler.text::<f32>("two.loss", two).expect_err(expected).to_string();
        assert!(error.starts_with(expected), "{error}\nshould start with\n{expected}");
    }
    assert_eq!(Compiler::new().text::<f32>("b.loss", two).unwrap().name(), "b");
    assert_eq!(Compiler::new().loss("a").text::<f32>("b.loss", two).unwrap().name(), "a");
}

#[test]
fn four_threads_get_the_same_bits() {
    let loss = compile::<f32>(CROSS_ENTROPY);
    let expected = all_bits(&loss, 5000, true);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let loss = loss.clone();
            let expected = &expected;
            scope.spawn(move || {
                for _ in 0..3 {
                    assert!(all_bits(&loss, 5000, true) == *expected);
                }
            });
        }
    });
}

#[test]
fn a_chunk_boundary_changes_no_example() {
    let loss = compile::<f32>(CROSS_ENTROPY);
    let samples = draw(&loss, 9000, &mut Random(3));
    let (mut values, mut gradient) = (vec![0.0; 9000], vec![0.0; 27000]);
    let call = bind(loss.call(), &samples).values(&mut values).gradient("logits", &mut gradient);
    let total = call.run(Reduction::None).unwrap().total;
    let mut sum = 0.0;
    for at in (0..9000).step_by(451) {
        let mut one = samples.clone();
        for sample in &mut one {
            match &mut sample.elements {
                Elements::Real(all) if sample.shape.first() == Some(&9000) => {
                    *all = all[at * 3..at * 3 + 3].to_vec();
                }
                Elements::Label(all) => *all = vec![all[at]],
                _ => continue,
            }
            sample.shape[0] = 1;
        }
        let (mut value, mut slope) = ([0.0], [0.0; 3]);
        let call = bind(loss.call(), &one).values(&mut value).gradient("logits", &mut slope);
        call.run(Reduction::None).unwrap();
        assert_eq!((value[0], &slope[..]), (values[at], &gradient[at * 3..at * 3 + 3]), "{at}");
    }
    for block in values.chunks(4096) {
        sum += block.iter().map(|value| f64::from(*value)).sum::<f64>();
    }
    // As near as sums in f32 are.
    assert!((sum - total).abs() <= 1e-6 * total.abs());
}

#[test]
fn an_empty_axis_sums_to_nothing() {
    let loss = compile::<f64>("loss s(pred x[F], param scale = 2) = scale * sum(x^2) + 1");
    let (mut values, mut gradient, mut for_scale) = ([0.0; 2], [0.0; 0], [9.0]);
    let call = loss.call().bind("x", &[0.0; 0], &[2, 0]).values(&mut values);
    let call = call.gradient("x", &mut gradient).gradient("scale", &mut for_scale);
    let summary = call.run(Reduction::Mean).unwrap();
    assert_eq!((summary.examples, values, for_scale), (2, [1.0; 2], [0.0]));
}

#[test]
fn a_loss_without_examples_has_one() {
    let loss = compile::<f64>(
        "loss penalty(learned w[F], param rate in [0, inf) = 0.5) = rate * sum(w^2)",
    );
    let mut gradient = [0.0; 3];
    let call = loss.call().set("w", &[1.0, 2.0, -1.0]).gradient("w", &mut gradient);
    let summary = call.run(Reduction::Mean).unwrap();
    assert_eq!((summary.total.to_bits(), summary.examples), (3f64.to_bits(), 1));
    assert_eq!(gradient, [1.0, 2.0, -1.0]);
}

#[test]
fn constant_positions_ask_for_long_enough_axes() {
    let loss = compile::<f64>("loss third(pred x[F]) = x[2]");
    let error = loss.call().bind("x", &[1.0, 2.0], &[2]).run(Reduction::Mean).unwrap_err();
    assert_eq!(error.to_string(), "axis F is 2 long, but the loss names position 2 of it");
}

#[test]
fn inputs_are_described_as_declared() {
    let loss = compile::<f32>(CROSS_ENTROPY);
    let described: Vec<String> = loss
        .inputs()
        .iter()
        .map(|it| format!("{} {:?} {:?} {:?}", it.name, it.axes, it.domain, it.default))
        .collect();
    assert_eq!(
        described,
        [
            r#"logits ["K"] None None"#,
            r#"label [] Some("K?") None"#,
            r#"weight ["K"] Some("[0, inf)") Some("1")"#,
            r#"smoothing [] Some("[0, 1]") Some("0")"#,
        ]
    );
    assert!(loss.model().graph.input_ids().any(|id| {
        matches!(loss.model().graph.input(id).kind, InputKind::Index { optional: true, .. })
    }));
}
