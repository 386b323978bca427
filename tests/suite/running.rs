//! Sums up to each place along an axis, and from each place on: written in one pass, with the same bits on every target, and
//! what a sum for each place comes to.
//!
//! Along an axis whose short length the file states each place has a sum of its own, so that the same text with the length
//! in place of the name is what running sums are compared with.

use lossc::Loss;
use lossc::call::Reduction;
use lossc::check::{Source, check};
use lossc::compile::{Compiler, Target};
use lossc::loops::Precision;
use lossc::machine::Isa;

/// How long the axis is, which is short enough to be stated.
const LENGTH: usize = 13;

/// What is asked of a text.
struct Case {
    text: String,
    /// How many running sums its value and gradients have.
    sums: usize,
}

fn case(text: &str, sums: usize) -> Case {
    Case { text: text.into(), sums }
}

const HEAD: &str = "loss l(pred x[K], pred w[K], target y[K], target c in K) = ";

fn spellings() -> Vec<Case> {
    let table = [
        ("sum[k in K](sum[j in K if j <= k](x[j])^3)", 2),
        ("sum[k in K](sum[j in K if j < k](x[j])^3)", 2),
        ("sum[k in K](sum[j in K if j >= k](x[j])^3)", 2),
        ("sum[k in K](sum[j in K if j > k](x[j])^3)", 2),
        ("sum[k in K](sum[j in K if k >= j](x[j])^3)", 2),
        ("sum[k in K](sum[j in K if k > j](x[j])^3)", 2),
        ("sum[k in K](sum[j in K if !(k <= j)](x[j])^3)", 2),
        // One place is left out: what is before and what is behind.
        ("sum[k in K](sum[j in K if j != k](x[j])^3)", 4),
        // One place only: no sum at all.
        ("sum[k in K](sum[j in K if j == k](x[j])^3)", 0),
        // Conditions that do not depend on the axis of the sum choose the range, in the gradient the terms.
        ("sum[k in K](sum[j in K if (j <= k) != (c <= k)](x[j])^3)", 4),
        ("sum[k in K](sum[j in K if (j <= k) == (c <= k)](x[j])^3)", 4),
        ("sum[k in K](sum[j in K if j <= k && y[k] > 0](x[j])^3)", 2),
        ("sum[k in K](sum[j in K if j <= k || y[k] > 0](x[j])^3)", 3),
        // Conditions on terms.
        ("sum[k in K](sum[j in K if j < k && y[j] > 0](x[j])^3)", 2),
        ("sum[k in K](sum[j in K if j < k || y[j] > 0](x[j])^3)", 3),
        // Other terms on both sides.
        ("sum[k in K](sum[j in K](if j < k { x[j] } else { w[j]^2 })^3)", 4),
        ("sum[k in K](sum[j in K](if j < k { x[j] } else { -x[j] })^3)", 4),
        // Factors that are the same for all terms.
        ("sum[k in K](sum[j in K if j < k](w[k] * x[j])^3)", 2),
        ("sum[k in K](sum[j in K if j <= k](x[j] / (1 + w[k]^2))^3)", 3),
        // How many there are need not be summed.
        ("sum[k in K](mean[j in K if j <= k](x[j])^3)", 2),
        ("sum[k in K](count[j in K if j < k](true) * x[k]^2)", 0),
        // In sums and of sums.
        ("sum[k in K, j in K if j < k](w[k] * x[j])", 2),
        ("sum[k in K](sum[j in K if j <= k](sum[i in K if i <= j](x[i])^2)^2)", 4),
        ("sum[k in K](log(1 + sum[j in K if j <= k](x[j]^2)))", 3),
        ("max[k in K](sum[j in K if j <= k](x[j]))", 2),
        ("log(sum[k in K](exp(sum[j in K if j >= k](x[j]))))", 2),
        // Whether there is any, and whether all are.
        ("sum[k in K](if any[j in K if j < k](y[j] > 0) { x[k]^2 } else { x[k] })", 1),
        ("sum[k in K](if all[j in K if j < k](y[j] > 0) { x[k]^2 } else { x[k] })", 1),
    ];
    let mut cases: Vec<Case> =
        table.iter().map(|(text, sums)| case(&format!("{HEAD}{text}"), *sums)).collect();
    cases.extend([
        case(
            "loss l(pred x[K], target c in K) { let p = softmax(x); \
             mean[k in K](sum[j in K if (j <= k) != (c <= k)](p[j])^2) }",
            4,
        ),
        case(
            "loss l(pred x[K], target c in K) { let p = softmax(x); \
             mean[k in K]((sum[j in K if j <= k](p[j]) - (if c <= k { 1 } else { 0 }))^2) }",
            3,
        ),
        // Another axis inside of the axis of the sum, and around it.
        case("loss l(pred x[K, M]) = sum[k in K, m in M](sum[j in K if j <= k](x[j, m])^3)", 2),
        case("loss l(pred x[M, K]) = sum[k in K, m in M](sum[j in K if j > k](x[m, j])^3)", 2),
        case("loss l(pred x[M, K]) = sum[k in K](sum[j in K, m in M if j > k](x[m, j])^3)", 2),
    ]);
    cases
}

/// Numbers that look random, the same ones for the same seed.
fn numbers(seed: u32, count: usize) -> Vec<f64> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(state >> 8) / f64::from(1 << 23) - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// The number of each example, all gradients behind them.
fn run<T>(loss: &Loss<T>, length: usize, to: impl Fn(f64) -> T) -> Vec<T>
where
    T: lossc::Element + Copy + Default,
{
    const EXAMPLES: usize = 3;
    let graph = &loss.model().graph;
    let mut data = Vec::new();
    for (seed, id) in graph.input_ids().enumerate() {
        let input = graph.input(id);
        let lengths = input.axes.iter().map(|axis| match graph.extent(graph.axis(*axis).extent) {
            lossc::graph::Extent::Named(name) if name == "M" => 3,
            _ => length,
        });
        let shape: Vec<usize> = std::iter::once(EXAMPLES).chain(lengths).collect();
        let count = shape.iter().product();
        let reals = numbers(u32::try_from(seed).unwrap() + 1, count).into_iter().map(&to).collect();
        let labels: Vec<i32> =
            [0, 4, 12].map(|label| label % i32::try_from(length).unwrap()).to_vec();
        data.push((input.name.clone(), shape, reals, labels));
    }
    let mut values = vec![T::default(); EXAMPLES];
    let mut gradients: Vec<(String, Vec<T>)> = data
        .iter()
        .filter(|(name, ..)| name == "x" || name == "w")
        .map(|(name, shape, ..)| (name.clone(), vec![T::default(); shape.iter().product()]))
        .collect();
    let mut call = loss.call();
    for (name, shape, reals, labels) in &data {
        let reals: &Vec<T> = reals;
        call = match name.as_str() {
            "c" => call.bind(name, labels, shape),
            _ => call.bind(name, reals, shape),
        };
    }
    for (name, gradient) in &mut gradients {
        call = call.gradient(name, gradient);
    }
    call.values(&mut values).run(Reduction::Sum).unwrap();
    values.into_iter().chain(gradients.into_iter().flat_map(|(_, gradient)| gradient)).collect()
}

fn compiled<T: lossc::Element>(text: &str, target: Target) -> Loss<T> {
    let compiler = Compiler::new().target(target);
    compiler.text("running.loss", text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The loops of values and gradients as text.
fn loops(text: &str) -> String {
    let source = Source::Text { name: "running.loss".into(), text: text.into() };
    let model = check(&source).expect("the text is right").models.remove(0);
    Compiler::new().explain(&model, Precision::F32, true).expect("it has loops")
}

/// Compares the running sums of a text with sums for each place, and all targets.
fn examine(case: &Case) {
    let Case { text, sums } = case;
    let shown = loops(text);
    let running = shown.matches(", a running sum, ").count();
    assert_eq!(running, *sums, "{text}\n{shown}");
    // Of loops along the axis none is in another one.
    let depth = if text.contains("M]") || text.contains("M,") { 12 } else { 8 };
    let nested = format!("{}loop ", " ".repeat(depth));
    assert!(!shown.lines().any(|line| line.starts_with(&nested)), "{text}\n{shown}");
    let stated = text
        .replace("[K", &format!("[{LENGTH}"))
        .replace("K]", &format!("{LENGTH}]"))
        .replace("in K", &format!("in {LENGTH}"));
    let shown = loops(&stated);
    assert!(!shown.contains(", a running sum, "), "{stated}\n{shown}");
    let wanted = run(&compiled::<f64>(&stated, Target::Interpreter), LENGTH, |x| x);
    let found = run(&compiled::<f64>(text, Target::Interpreter), LENGTH, |x| x);
    assert_eq!(wanted.len(), found.len());
    for (at, (found, wanted)) in found.iter().zip(&wanted).enumerate() {
        let close = (found - wanted).abs() <= 1e-13 * wanted.abs().max(1.0);
        assert!(close, "{text}, {at}: {found} instead of {wanted}");
    }
    let to = |x: f64| {
        #[expect(clippy::cast_possible_truncation, reason = "rounding is what is asked for")]
        let single = x as f32;
        single
    };
    for length in [1, 37] {
        let plain = run(&compiled::<f32>(text, Target::Interpreter), length, to);
        let plain: Vec<u32> = plain.iter().map(|x| x.to_bits()).collect();
        for isa in Isa::ALL.into_iter().filter(|isa| isa.is_on_host()) {
            let loss = Compiler::new().isa(isa).text::<f32>("running.loss", text).unwrap();
            let wide: Vec<u32> = run(&loss, length, to).iter().map(|x| x.to_bits()).collect();
            assert_eq!(plain, wide, "{text}, {isa:?}, {length}");
        }
    }
}

#[test]
fn running_sums_are_written_in_one_pass_and_are_what_sums_for_each_place_are() {
    for case in spellings() {
        examine(&case);
    }
}

#[test]
fn random_running_sums_are_what_sums_for_each_place_are() {
    let places = ["j <= k", "j < k", "j >= k", "k < j", "j != k"];
    let conditions = ["true", "c <= k", "y[j] > 0", "y[k] > 0"];
    let joints = ["&&", "||", "!=", "=="];
    let terms = ["x[j]", "x[j] * w[k]", "exp(x[j])", "if y[j] > 0.5 { -x[j] } else { w[j] }"];
    let around = ["sum[k in K](S^2)", "sum[k in K](w[k] * sin(S))", "sum[k in K](y[k] * cos(S))"];
    let mut state = 7_u32;
    let mut draw = |of: &[&'static str]| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        of[(state >> 16) as usize % of.len()]
    };
    for _ in 0..16 {
        let (place, condition, joint) = (draw(&places), draw(&conditions), draw(&joints));
        let (term, around) = (draw(&terms), draw(&around));
        let sum = format!("sum[j in K if ({place}) {joint} ({condition})]({term})");
        let text = format!("{HEAD}{}", around.replace('S', &sum));
        let shown = loops(&text);
        let running = shown.matches(", a running sum, ").count();
        // Whether a condition leaves a range at all depends on how it is joined.
        examine(&Case { text, sums: running });
    }
}

#[test]
fn running_sums_of_a_long_axis_keep_their_digits() {
    let text = "loss l(pred w[K], target x[K], target v[K]) = \
                sum[k in K](w[k] * sum[j in K if j <= k](x[j]) + w[k] * sum[j in K if j > k](v[j]))";
    let length = 300_000;
    let loss = Compiler::new().text::<f32>("running.loss", text).unwrap();
    let table: [[&dyn Fn(usize) -> f32; 2]; 3] = [
        [&|_| 0.1, &|_| 0.3],
        // Growing, so that a whole less what is behind would have no digits left.
        [&|at| 1.0001_f32.powi(i32::try_from(at / 4).unwrap()), &|_| 0.1],
        [&|at| if at % 7 == 0 { 1e6 } else { 1e-3 }, &|at| 1e-6 * f32::from(at % 1000 == 0)],
    ];
    for [upwards, downwards] in table {
        let [x, v] = [upwards, downwards].map(|of| (0..length).map(of).collect::<Vec<f32>>());
        let (w, mut gradient) = (vec![1.0; length], vec![0.0; length]);
        let call = loss.call().bind("w", &w, &[1, length]).bind("x", &x, &[1, length]);
        let call = call.bind("v", &v, &[1, length]).gradient("w", &mut gradient);
        call.run(Reduction::Sum).unwrap();
        let mut behind: f64 = v.iter().map(|x| f64::from(*x)).sum();
        let mut up_to = 0.0;
        for (at, found) in gradient.iter().enumerate() {
            up_to += f64::from(x[at]);
            behind -= f64::from(v[at]);
            let wanted = up_to + behind;
            let error = (f64::from(*found) - wanted).abs() / wanted;
            assert!(error < 2.5e-7, "{at}: {found} instead of {wanted}, off by {error:e}");
        }
    }
}

#[test]
fn a_count_that_is_the_same_at_all_places_has_no_axis() {
    let text = "loss l(pred x, target p[N], target q[K]) = x + p[0] + q[0]
        + logsumexp(tanh(sum[i in N, j in K](one_hot(i))))";
    let loss = Compiler::new().text::<f64>("l.loss", text).unwrap();
    let (x, p, q) = ([0.5], [0.25, 0.0, 0.0], [0.0, 0.0]);
    let call = loss.call().bind("x", &x, &[1]).bind("p", &p, &[1, 3]).bind("q", &q, &[1, 2]);
    let total = call.run(Reduction::Sum).unwrap().total;
    assert!((total - (0.75 + 2f64.tanh() + 3f64.ln())).abs() < 1e-14, "{total}");
}
