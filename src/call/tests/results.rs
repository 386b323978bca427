//! What calls come to, worked out by hand.

use super::standin::{cross_entropy, plain, scaled};
use crate::call::{Element, Loss, Reduction, Summary};

fn close(got: f64, expected: f64) -> bool {
    (got - expected).abs() <= 1e-12 * expected.abs().max(1.0)
}

fn all_close(got: &[f64], expected: &[f64]) {
    assert_eq!(got.len(), expected.len());
    for (at, (got, expected)) in got.iter().zip(expected).enumerate() {
        assert!(close(*got, *expected), "element {at}: {got}, expected {expected}");
    }
}

#[test]
fn one_example_is_a_batch_of_one() {
    let loss = plain::<f64>(scaled());
    let (mut value, mut for_x, mut for_t) = ([0.0], [0.0], [0.0]);
    let summary = loss
        .call()
        .bind("x", &[5.0], &[])
        .bind("y", &[2.0], &[])
        .set("t", 2.0)
        .set("delta", 3)
        .values(&mut value)
        .gradient("x", &mut for_x)
        .gradient("t", &mut for_t)
        .run(Reduction::Mean)
        .unwrap();
    assert_eq!(summary, Summary { total: 27.0, sum: 27.0, weight: 1.0, examples: 1 });
    assert_eq!((value, for_x, for_t), ([27.0], [18.0], [13.5]));
}

#[test]
fn reductions_scale_the_gradients() {
    let loss = plain::<f64>(scaled());
    let x = [1.0, 2.0, 4.0, 8.0];
    let y = [0.0; 4];
    for (reduction, scale, total) in
        [(Reduction::Mean, 0.25, 21.25), (Reduction::Sum, 1.0, 85.0), (Reduction::None, 1.0, 85.0)]
    {
        for upstream in [1.0, 0.5] {
            let (mut values, mut for_x, mut for_t) = ([0.0; 4], [0.0; 4], [0.0]);
            let summary = loss
                .call()
                .bind("x", &x, &[2, 2])
                .bind("y", &y, &[2, 2])
                .set("t", 2.0)
                .upstream(upstream)
                .values(&mut values)
                .gradient("x", &mut for_x)
                .gradient("t", &mut for_t)
                .run(reduction)
                .unwrap();
            let factor = scale * upstream;
            assert!(close(summary.total, total), "{reduction:?}: {summary:?}");
            all_close(&values, &x.map(|x| x * x));
            all_close(&for_x, &x.map(|x| 2.0 * x * factor));
            all_close(&for_t, &[42.5 * factor]);
        }
    }
}

#[test]
fn each_example_can_have_its_upstream_factor() {
    let loss = plain::<f64>(scaled());
    let (mut for_x, mut for_t) = ([0.0; 3], [0.0]);
    let factors = [1.0, 0.0, -2.0];
    loss.call()
        .bind("x", &[1.0, 2.0, 3.0], &[3])
        .bind("y", &[0.0; 3], &[3])
        .set("t", 1.0)
        .upstream(&factors)
        .gradient("x", &mut for_x)
        .gradient("t", &mut for_t)
        .run(Reduction::None)
        .unwrap();
    all_close(&for_x, &[1.0, 0.0, -6.0]);
    all_close(&for_t, &[0.5 - 9.0]);
}

#[test]
fn a_row_of_weight_0_adds_nothing_even_if_it_is_nan() {
    let loss = plain::<f64>(scaled());
    let (mut values, mut for_x, mut for_t) = ([9.0; 3], [9.0; 3], [9.0]);
    let summary = loss
        .call()
        .bind("x", &[1.0, f64::NAN, 3.0], &[3])
        .bind("y", &[0.0, f64::INFINITY, 0.0], &[3])
        .set("t", 2.0)
        .sample_weights(&[3.0, 0.0, 1.0])
        .values(&mut values)
        .gradient("x", &mut for_x)
        .gradient("t", &mut for_t)
        .run(Reduction::Mean)
        .unwrap();
    assert!(close(summary.weight, 4.0) && close(summary.total, 3.0), "{summary:?}");
    all_close(&values, &[3.0, 0.0, 9.0]);
    all_close(&for_x, &[1.5, 0.0, 1.5]);
    all_close(&for_t, &[(1.5 + 4.5) / 4.0]);
}

/// Cross-entropy by definition: values, what they count for, and gradients of the mean.
fn reference(
    logits: &[f64],
    labels: &[i64],
    weight: &[f64],
) -> (Vec<f64>, Vec<f64>, Vec<f64>, Vec<f64>) {
    let k = weight.len();
    let (mut values, mut counts) = (Vec::new(), Vec::new());
    for (row, label) in logits.chunks(k).zip(labels) {
        let total = row.iter().map(|z| z.exp()).sum::<f64>().ln();
        let label = usize::try_from(*label).ok();
        values.push(label.map_or(0.0, |label| weight[label] * (total - row[label])));
        counts.push(label.map_or(0.0, |label| weight[label]));
    }
    let mean = |logits: &[f64], weight: &[f64]| {
        let (mut sum, mut count) = (0.0, 0.0);
        for (row, label) in logits.chunks(k).zip(labels) {
            if let Ok(label) = usize::try_from(*label) {
                let total = row.iter().map(|z| z.exp()).sum::<f64>().ln();
                sum += weight[label] * (total - row[label]);
                count += weight[label];
            }
        }
        sum / count
    };
    let step = 1e-6;
    let slope = |at: usize, of_logits: bool| {
        let moved = |by: f64| {
            let (mut logits, mut weight) = (logits.to_vec(), weight.to_vec());
            let moved = if of_logits { &mut logits } else { &mut weight };
            moved[at] += by;
            mean(&logits, &weight)
        };
        (moved(step) - moved(-step)) / (2.0 * step)
    };
    let for_logits = (0..logits.len()).map(|at| slope(at, true)).collect();
    let for_weight = (0..k).map(|at| slope(at, false)).collect();
    (values, counts, for_logits, for_weight)
}

fn run_cross_entropy<T: Element>(loss: &Loss<T>) -> (Summary, Vec<f64>, Vec<f64>, Vec<f64>) {
    let logits: Vec<T> =
        [0.5, -1.0, 2.0, 0.0, 0.25, -0.5, 9.0, 9.0, 9.0, 1.0, -2.0, 0.0].map(T::from_f64).into();
    let weight = [1.0, 2.0, 0.5].map(T::from_f64);
    let zeros = |count: usize| vec![T::from_f64(7.0); count];
    let (mut values, mut for_logits, mut for_weight) = (zeros(4), zeros(12), zeros(3));
    let summary = loss
        .call()
        .bind("logits", &logits, &[4, 3])
        .bind("label", &[2i8, 1, -1, 0], &[4])
        .set("weight", &weight)
        .values(&mut values)
        .gradient("logits", &mut for_logits)
        .gradient("weight", &mut for_weight)
        .run(Reduction::Mean)
        .unwrap();
    let wide = |from: Vec<T>| from.into_iter().map(Element::to_f64).collect();
    (summary, wide(values), wide(for_logits), wide(for_weight))
}

#[test]
fn the_mean_divides_by_what_the_examples_count_for() {
    let logits = [0.5, -1.0, 2.0, 0.0, 0.25, -0.5, 9.0, 9.0, 9.0, 1.0, -2.0, 0.0];
    let expected = reference(&logits, &[2, 1, -1, 0], &[1.0, 2.0, 0.5]);
    let (summary, values, for_logits, for_weight) =
        run_cross_entropy(&plain::<f64>(cross_entropy()));
    assert!(close(summary.weight, 3.5) && summary.examples == 4, "{summary:?}");
    assert!(close(summary.total, expected.0.iter().sum::<f64>() / 3.5));
    all_close(&values, &expected.0);
    for (got, expected) in
        for_logits.iter().zip(&expected.2).chain(for_weight.iter().zip(&expected.3))
    {
        assert!((got - expected).abs() < 1e-8, "{got}, expected {expected}");
    }
    assert_eq!(for_logits[6..9], [0.0; 3], "a missing label has no gradient");
    let narrow = run_cross_entropy(&plain::<f32>(cross_entropy()));
    assert!((narrow.0.total - summary.total).abs() < 1e-6);
}

#[test]
fn a_batch_of_missing_labels_has_no_mean_and_no_gradient() {
    let loss = plain::<f32>(cross_entropy());
    let (mut values, mut gradient) = ([1.0; 2], [1.0; 4]);
    let summary = loss
        .call()
        .bind("logits", &[f32::NAN; 4], &[2, 2])
        .bind("label", &[-1i64, i64::MIN], &[2])
        .values(&mut values)
        .gradient("logits", &mut gradient)
        .run(Reduction::Mean)
        .unwrap();
    assert!(summary.total.is_nan() && summary.weight == 0.0 && summary.sum == 0.0);
    assert_eq!((values, gradient), ([0.0; 2], [0.0; 4]));
}

#[test]
fn labels_of_every_type_mean_the_same() {
    let loss = plain::<f64>(cross_entropy());
    let logits = [0.5, -1.0, 2.0, 0.0, 0.25, -0.5];
    let expected = loss
        .call()
        .bind("logits", &logits, &[2, 3])
        .bind("label", &[2i64, 1], &[2])
        .run(Reduction::Sum)
        .unwrap();
    macro_rules! same {
        ($($integer:ident)+) => { $(
            let labels: Vec<$integer> = vec![2, 1];
            let call = loss.call().bind("logits", &logits, &[2, 3]).bind("label", &labels, &[2]);
            assert_eq!(call.run(Reduction::Sum), Ok(expected), stringify!($integer));
        )+ };
    }
    same!(i8 i16 i32 i64 isize u8 u16 u32 u64 usize);
}

#[test]
fn sums_do_not_depend_on_what_else_is_asked_for_or_on_the_clone() {
    let loss = plain::<f32>(scaled());
    let count = 10_000;
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let x: Vec<f32> = (0..count).map(|at| ((at * 7919) % 10_007) as f32 / 128.0 - 39.0).collect();
    let y = vec![0.1f32; count];
    let run = |loss: &Loss<f32>, with_gradient: bool| {
        let mut for_x = vec![0.0f32; count];
        let mut for_t = [0.0f32];
        let call = loss.call().bind("x", &x, &[count]).bind("y", &y, &[count]).set("t", 1.5);
        let call = if with_gradient {
            call.gradient("x", &mut for_x).gradient("t", &mut for_t)
        } else {
            call
        };
        let total = call.run(Reduction::Mean).unwrap().total;
        (total.to_bits(), for_x.iter().map(|g| g.to_bits()).collect::<Vec<_>>(), for_t[0].to_bits())
    };
    let expected = run(&loss, true);
    assert_eq!(run(&loss, false).0, expected.0);
    let plain_sum: f64 =
        x.iter().zip(&y).map(|(x, y)| 0.75 * (f64::from(*x) - f64::from(*y)).powi(2)).sum();
    let relative = f64::from_bits(expected.0) * 10_000.0 / plain_sum - 1.0;
    assert!(relative.abs() < 1e-7, "{relative}");
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let clone = loss.clone();
                scope.spawn(move || (0..5).map(|_| run(&clone, true)).collect::<Vec<_>>())
            })
            .collect();
        for thread in threads {
            for got in thread.join().unwrap() {
                assert!(got == expected, "another thread got other bits");
            }
        }
    });
}

#[test]
fn defaults_follow_the_extents_of_the_call() {
    let loss = plain::<f64>(cross_entropy());
    for extent in [2usize, 4, 2] {
        let logits = vec![0.0; extent];
        let call = loss.call().bind("logits", &logits, &[extent]).bind("label", &[1i32], &[]);
        let summary = call.run(Reduction::Sum).unwrap();
        let size = f64::from(u32::try_from(extent).unwrap());
        assert!(close(summary.weight, 1.0 / size), "{summary:?}");
        assert!(close(summary.total, size.ln() / size), "{summary:?}");
    }
}

#[test]
fn a_loss_can_be_sent_and_shared() {
    fn is_shared<T: Send + Sync + Clone + 'static>() {}
    is_shared::<Loss<f32>>();
    is_shared::<Loss<f64>>();
}

#[test]
fn a_loss_describes_its_inputs() {
    let loss = plain::<f32>(cross_entropy());
    let described: Vec<String> = loss
        .inputs()
        .into_iter()
        .map(|input| {
            format!(
                "{:?} {} {:?} {:?} {:?}",
                input.role, input.name, input.axes, input.domain, input.default
            )
        })
        .collect();
    assert_eq!(
        described,
        [
            r#"Pred logits ["K"] None None"#,
            r#"Target label [] Some("K?") None"#,
            r#"Param weight ["K"] Some("[0, inf)") Some("(1 / size(K))")"#,
        ]
    );
    assert_eq!(loss.extents(), ["K"]);
    assert_eq!(loss.gradients(), ["logits", "weight"]);
}
