//! Prepared calls and threads: the same bits as an ordinary call on one thread, and what does not fit is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use lossc::call::{Data, Pool, PreparedCall, Threads};
use lossc::machine::Isa;
use lossc::{Compiler, Loss, Reduction, Summary};

/// A loss, its inputs, and those whose gradients are asked for.
type Case = (&'static str, &'static [&'static str], &'static [&'static str]);

const LOSSES: [Case; 5] = [
    ("loss l(pred x[K]) = sum(softplus(x))", &["x"], &["x"]),
    ("loss l(pred x[K], target c in K?) = -log_softmax(x)[c]", &["x", "c"], &["x"]),
    (
        "loss l(pred x[K], learned w[K], learned t) = tanh(sum(w * x)) + t * x[0]^2",
        &["t", "x", "w"],
        &["x", "w", "t"],
    ),
    (
        "loss l(pred x[K], target c in K?, param w[K] in [-9, 9]) = (9 + w[c]) * x[c]^2 per 9 + w[c]",
        &["x", "c", "w"],
        &["w", "x"],
    ),
    (
        "loss l(pred x[K], learned w[I, K]) = max[I](sum[K](x * w) / 4) * max(x)",
        &["x", "w"],
        &["x", "w"],
    ),
];

/// Rows and classes: within a chunk, and over many.
const SHAPES: [(usize, usize); 7] =
    [(1, 3), (64, 10), (70, 16), (70, 17), (5000, 3), (40_000, 2), (200, 2000)];

/// What the losses are given.
struct Inputs {
    rows: usize,
    classes: usize,
    x: Vec<f32>,
    c: Vec<i64>,
    w: Vec<f32>,
    t: [f32; 1],
    weights: Vec<f32>,
}

impl Inputs {
    fn new(rows: usize, classes: usize) -> Self {
        let numbers = |count: usize| -> Vec<f32> {
            (0..=u16::MAX).cycle().take(count).map(|at| (f32::from(at) * 0.7).sin() * 3.0).collect()
        };
        let last = i64::try_from(classes).unwrap();
        let labels = (0i64..).map(|row| if row % 5 == 0 { -1 } else { row % last });
        Self {
            rows,
            classes,
            x: numbers(rows * classes),
            c: labels.take(rows).collect(),
            w: numbers(3 * classes),
            t: [0.75],
            weights: numbers(rows).into_iter().map(|it| it.abs().floor()).collect(),
        }
    }

    fn shape(&self, text: &str, name: &str) -> Vec<usize> {
        match name {
            "x" => vec![self.rows, self.classes],
            "c" => vec![self.rows],
            "w" if text.contains("w[I, K]") => vec![3, self.classes],
            "w" => vec![self.classes],
            "t" => vec![],
            other => panic!("no input {other}"),
        }
    }

    fn data(&self, text: &str, name: &str) -> Data<'_, f32> {
        match name {
            "x" => (&self.x).into(),
            "c" => (&self.c).into(),
            "w" => self.w[..self.shape(text, "w").iter().product()].into(),
            "t" => (&self.t).into(),
            other => panic!("no input {other}"),
        }
    }

    /// Slices for the gradients and the values.
    fn results(&self, (text, _, wrt): Case) -> Vec<Vec<f32>> {
        let lengths = wrt.iter().map(|name| self.shape(text, name).iter().product());
        lengths.chain([self.rows]).map(|length| vec![7.0; length]).collect()
    }
}

/// What a call comes to, as bits.
fn bits(summary: &Summary, results: &[Vec<f32>]) -> Vec<u64> {
    let numbers = [summary.total, summary.sum, summary.weight].map(f64::to_bits);
    let elements = results.iter().flatten().map(|element| u64::from(element.to_bits()));
    numbers.into_iter().chain(elements).collect()
}

/// What a call may use.
#[derive(Clone)]
enum Lent {
    Threads(usize),
    Pool(Arc<dyn Pool>),
}

fn call(
    loss: &Loss<f32>,
    case: Case,
    inputs: &Inputs,
    (weighted, reduction): (bool, Reduction),
    lent: &Lent,
) -> Vec<u64> {
    let (text, names, wrt) = case;
    let mut results = inputs.results(case);
    let mut call = match lent {
        Lent::Threads(most) => loss.call().threads(*most),
        Lent::Pool(pool) => loss.call().pool(&**pool),
    };
    for name in names {
        call = call.bind(name, inputs.data(text, name), &inputs.shape(text, name));
    }
    if weighted {
        call = call.sample_weights(&inputs.weights);
    }
    let (values, gradients) = results.split_last_mut().unwrap();
    for (name, gradient) in wrt.iter().zip(gradients) {
        call = call.gradient(name, gradient);
    }
    let summary = call.values(values).run(reduction).unwrap();
    bits(&summary, &results)
}

fn prepare(
    loss: &Loss<f32>,
    (text, names, wrt): Case,
    inputs: &Inputs,
    (weighted, reduction): (bool, Reduction),
    lent: &Lent,
) -> PreparedCall<f32> {
    let mut call = match lent {
        Lent::Threads(most) => loss.prepare_call().threads(*most),
        Lent::Pool(pool) => loss.prepare_call().pool(Arc::clone(pool)),
    };
    for name in names {
        call = call.input(name, &inputs.shape(text, name));
    }
    if weighted {
        call = call.sample_weights();
    }
    for name in wrt {
        call = call.gradient(name);
    }
    call.values().finish(reduction).unwrap()
}

fn run(prepared: &mut PreparedCall<f32>, case: Case, inputs: &Inputs, weighted: bool) -> Vec<u64> {
    let (text, names, _) = case;
    let mut data: Vec<Data<'_, f32>> = names.iter().map(|name| inputs.data(text, name)).collect();
    if weighted {
        data.push((&inputs.weights).into());
    }
    let mut results = inputs.results(case);
    let mut slices: Vec<&mut [f32]> = results.iter_mut().map(Vec::as_mut_slice).collect();
    let summary = prepared.run(&data, &mut slices).unwrap();
    bits(&summary, &results)
}

/// A pool that runs jobs one after the other, in its own order, and says how many it was given.
struct Backwards {
    threads: usize,
    jobs: AtomicUsize,
}

impl Pool for Backwards {
    fn threads(&self) -> usize {
        self.threads
    }

    fn run(&self, jobs: usize, job: &(dyn Fn(usize) + Sync)) {
        self.jobs.fetch_add(jobs, Ordering::Relaxed);
        (0..jobs).rev().for_each(job);
    }
}

/// A pool that forgets its jobs, or runs too many.
struct Careless(usize);

impl Pool for Careless {
    fn threads(&self) -> usize {
        4
    }

    fn run(&self, jobs: usize, job: &(dyn Fn(usize) + Sync)) {
        std::thread::scope(|scope| {
            for at in 0..self.0 {
                scope.spawn(move || job(at % (jobs + 1)));
            }
        });
    }
}

#[test]
fn prepared_calls_and_threads_give_the_bits_of_one_call_on_one_thread() {
    let backwards = Arc::new(Backwards { threads: 5, jobs: AtomicUsize::new(0) });
    let mut lent = vec![Lent::Threads(1), Lent::Threads(usize::MAX)];
    lent.extend([1, 2, 3, 7].map(|threads| Lent::Pool(Arc::new(Threads::new(threads)))));
    lent.extend([0, 9].map(|jobs| Lent::Pool(Arc::new(Careless(jobs)))));
    lent.push(Lent::Pool(backwards.clone()));
    let mut nan_free = 0;
    for case in LOSSES {
        let loss = Compiler::new().wrt(case.2.iter().copied()).text::<f32>("l.loss", case.0);
        let loss = loss.unwrap();
        for (rows, classes) in SHAPES {
            let inputs = Inputs::new(rows, classes);
            for how in [(false, Reduction::Sum), (true, Reduction::Mean)] {
                let expected = call(&loss, case, &inputs, how, &lent[0]);
                nan_free += usize::from(!f64::from_bits(expected[0]).is_nan());
                for (at, lent) in lent.iter().enumerate() {
                    let found = call(&loss, case, &inputs, how, lent);
                    assert!(found == expected, "{}, {rows} × {classes}, {how:?}, {at}", case.0);
                    let mut prepared = prepare(&loss, case, &inputs, how, lent);
                    let found = run(&mut prepared, case, &inputs, how.0);
                    assert!(found == expected, "run: {}, {rows} × {classes}, {at}", case.0);
                }
            }
        }
    }
    assert!(nan_free > 40, "{nan_free} cases have a mean");
    assert!(backwards.jobs.load(Ordering::Relaxed) > 0, "some batches are worth threads");
}

#[test]
fn results_larger_than_caches_are_the_same_bits_wherever_they_lie() {
    let loss = Compiler::new().library::<f32>("squared_error").unwrap();
    let count = 7_000_001;
    let yhat: Vec<f32> =
        (0u8..16).map(|at| f32::from(at) * 0.37 - 2.0).cycle().take(count).collect();
    let y: Vec<f32> = (0u8..23).map(|at| f32::from(at) * 0.21 - 1.0).cycle().take(count).collect();
    let mut room = vec![0f32; count + 32];
    let mut totals = Vec::new();
    // Elements behind a multiple of 64 bytes.
    for (at, threads) in [(0, 1), (4, 1), (4, 2), (3, 1), (1, 2)] {
        room.fill(f32::NAN);
        let first = room.as_ptr().align_offset(64) + at;
        let slopes = &mut room[first..first + count];
        let call = loss.prepare_call().threads(threads);
        let call = call.input("yhat", &[count]).input("y", &[count]).gradient("yhat");
        let mut call = call.finish(Reduction::Sum).unwrap();
        let summary = call.run(&[(&yhat).into(), (&y).into()], &mut [&mut *slopes]).unwrap();
        totals.push(summary.total.to_bits());
        let wrong = (0..count).find(|at| slopes[*at] != 2.0 * (yhat[*at] - y[*at]));
        assert_eq!(wrong, None, "{at} elements behind, {threads} threads");
        assert!(room[first + count..].iter().chain(&room[..first]).all(|slope| slope.is_nan()));
    }
    assert!(totals.iter().all(|total| *total == totals[0]), "{totals:?}");
}

#[test]
fn rows_larger_than_caches_together_are_those_of_small_calls() {
    let compiler = Compiler::new();
    compare_large_rows(&compiler);
    // What is left then has small loops over classes, as vectors of half a line want them.
    compare_large_rows(&compiler.freeze("weight", 1.0).freeze("smoothing", 0.0));
}

fn compare_large_rows(compiler: &Compiler) {
    let isas = Isa::ALL.into_iter().filter(|isa| isa.is_on_host());
    let compiled = |isa| compiler.clone().isa(isa).library::<f32>("cross_entropy").unwrap();
    let losses: Vec<_> = isas.map(compiled).collect();
    // Rows of whole lines, rows that are not, and rows so short that each is in a lane.
    for (rows, classes) in [(3450, 2048), (3400, 2064), (6400, 1000), (170_000, 8)] {
        let count = rows * classes;
        let logits: Vec<f32> =
            (0u16..997).map(|at| f32::from(at % 89) * 0.21 - 9.0).cycle().take(count).collect();
        let label: Vec<i32> = (-1..7).cycle().take(rows).collect();
        let prepared = |loss: &Loss<f32>, rows: usize, threads: usize| {
            let call = loss.prepare_call().threads(threads).input("logits", &[rows, classes]);
            call.input("label", &[rows]).gradient("logits").finish(Reduction::Sum).unwrap()
        };
        let mut expected = vec![0f32; count];
        let few = 50;
        let mut small = prepared(&compiler.library("cross_entropy").unwrap(), few, 1);
        for first in (0..rows).step_by(few) {
            let (elements, rows) = (first * classes..(first + few) * classes, first..first + few);
            let given = [(&logits[elements.clone()]).into(), (&label[rows]).into()];
            small.run(&given, &mut [&mut expected[elements]]).unwrap();
        }
        let mut room = vec![0f32; count + 32];
        // Elements behind a multiple of 64 bytes.
        let ways = [(0, 1), (4, 1), (4, 2), (3, 1)];
        for (loss, (at, threads)) in losses.iter().flat_map(|loss| ways.map(|way| (loss, way))) {
            room.fill(f32::NAN);
            let first = room.as_ptr().align_offset(64) + at;
            let slopes = &mut room[first..first + count];
            let given = [(&logits).into(), (&label).into()];
            prepared(loss, rows, threads).run(&given, &mut [&mut *slopes]).unwrap();
            let wrong = (0..count).find(|at| slopes[*at].to_bits() != expected[*at].to_bits());
            assert_eq!(wrong, None, "{rows} of {classes}, {at} elements behind, {threads} threads");
            assert!(room[first + count..].iter().chain(&room[..first]).all(|slope| slope.is_nan()));
        }
    }
}

#[test]
fn shared_gradients_beside_results_larger_than_caches_need_no_alignment() {
    let text =
        "loss l(pred x, learned w[N, M]) = (x - stop_gradient(sum[n in N, m in M](w[n, m]^2)))^2";
    let loss = Compiler::new().text::<f32>("l.loss", text).unwrap();
    let (count, [rows, columns]) = (7_000_000, [2, 101]);
    let (x, w) = (vec![3f32; count], vec![0f32; rows * columns]);
    let mut for_x = vec![0f32; count + 16];
    let first = for_x.as_ptr().align_offset(64);
    let for_x = &mut for_x[first..first + count];
    let mut for_w = vec![9f32; rows * columns];
    let call = loss.prepare_call().threads(1).input("x", &[count]).input("w", &[rows, columns]);
    let mut call = call.gradient("x").gradient("w").finish(Reduction::Sum).unwrap();
    call.run(&[(&x).into(), (&w).into()], &mut [&mut *for_x, &mut for_w]).unwrap();
    assert!(for_x.iter().all(|slope| *slope == 6.0));
    assert!(for_w.iter().all(|slope| *slope == 0.0));
}

#[test]
fn runs_of_a_prepared_call_follow_what_they_are_given() {
    let text = "loss l(pred x, target on in {false, true}, learned t, param a in (0, 9) = 2)
        = if on { a * t * x } else { x^2 }";
    let loss = Compiler::new().text::<f64>("l.loss", text).unwrap();
    let mut prepared = loss
        .prepare_call()
        .gradient("t")
        .input("on", &[3])
        .input("x", &[3])
        .input("t", &[])
        .set("a", 3)
        .gradient("x")
        .finish(Reduction::Sum)
        .unwrap();
    for (t, factor) in [(2.0, 1.0), (-1.0, 0.5)] {
        prepared.set_upstream(factor);
        let (mut for_t, mut for_x) = ([9.0], [9.0; 3]);
        let summary = prepared
            .run(
                &[(&[true, false, true]).into(), (&[1.0, 2.0, 5.0]).into(), (&[t]).into()],
                &mut [&mut for_t, &mut for_x],
            )
            .unwrap();
        assert_eq!((summary.total, summary.examples), (3.0 * t * 6.0 + 4.0, 3));
        assert_eq!(for_t, [18.0 * factor]);
        assert_eq!(for_x, [3.0 * t * factor, 4.0 * factor, 3.0 * t * factor]);
    }
}

#[test]
fn each_example_can_have_its_upstream_factor_in_a_prepared_call() {
    let loss = Compiler::new().text::<f64>("l.loss", "loss l(pred x) = x^2").unwrap();
    let mut prepared = loss
        .prepare_call()
        .upstream_each()
        .input("x", &[2])
        .gradient("x")
        .values()
        .finish(Reduction::None)
        .unwrap();
    let (mut gradient, mut values) = ([0.0; 2], [0.0; 2]);
    let inputs: [Data<'_, f64>; 2] = [(&[1.0, -2.0]).into(), (&[3.0, 5.0]).into()];
    prepared.run(&inputs, &mut [&mut gradient, &mut values]).unwrap();
    assert_eq!((gradient, values), ([6.0, -20.0], [9.0, 25.0]));
}

const LABELS: &str =
    "loss l(pred x[K] in [-9, 9], target c in K, learned t in (0, inf), param a in [0, 1] = 0.5,
    param b[K] in [0, a] = a) = t * (a + b[c]) * x[c]";

#[test]
fn mistakes_in_a_preparation_are_told() {
    let loss = Compiler::new().text::<f32>("l.loss", LABELS).unwrap();
    let begin = || loss.prepare_call().input("x", &[2, 3]);
    let table = [
        (begin().input("x", &[2, 3]), "`x` is given twice"),
        (begin().input("z", &[2]), "there is no input `z`; the inputs are x, c, t, a, b"),
        (begin(), "`c` is not given and has no default: name it with `input`"),
        (
            begin().input("c", &[2]),
            "`t` is not given and has no default: fix it with `set` or name it with `input`",
        ),
        (
            begin().input("c", &[3]).set("t", 1.0),
            "`x[K]` of shape [2, 3] is a batch of [2], but `c` of shape [3] is a batch of [3]",
        ),
        (
            begin().input("c", &[2]).set("t", 1.0).set("a", 2),
            "`a` is 2, outside of its domain [0, 1]",
        ),
        (
            begin().input("c", &[2]).set("t", 1.0).input("a", &[]),
            "a default or a domain depends on `a`, which comes with each run: fix it with `set`",
        ),
        (
            begin().input("c", &[2]).set("t", 1.0).gradient("c"),
            "`c` has no gradient: only real inputs have one (x, t, a, b)",
        ),
        (
            begin().input("c", &[2]).set("t", 1.0).values().values(),
            "the slice for the values is given twice",
        ),
        (
            begin().input("c", &[2]).set("t", 1.0).upstream_each(),
            "an upstream factor for each example needs Reduction::None: a mean or a sum has one",
        ),
    ];
    for (preparation, expected) in table {
        let error = preparation.finish(Reduction::Mean).expect_err(expected);
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn mistakes_in_a_run_are_told_and_nothing_is_written() {
    let loss = Compiler::new().text::<f32>("l.loss", LABELS).unwrap();
    let mut prepared = loss
        .prepare_call()
        .input("x", &[2, 3])
        .input("c", &[2])
        .input("t", &[])
        .sample_weights()
        .checked(true)
        .gradient("x")
        .values()
        .finish(Reduction::Mean)
        .unwrap();
    let x: Data<'_, f32> = (&[1.0; 6]).into();
    let c: Data<'_, f32> = (&[0u16, 2]).into();
    let t: Data<'_, f32> = (&[1.0]).into();
    let w: Data<'_, f32> = (&[1.0, 3.0]).into();
    let far: Data<'_, f32> = (&[1.0, 1.0, 1.0, 1.0, 10.0, 1.0]).into();
    let short = [0.0f32; 5];
    let table: [(&[Data<'_, f32>], &str); 9] = [
        (
            &[x, c, t],
            "the call was prepared for 4 inputs (`x`, `c`, `t`, the slice of sample weights), and was given 3",
        ),
        (&[(&short).into(), c, t, w], "`x` has 5 elements, but its shape [2, 3] has 6"),
        (&[x, (&[0]).into(), t, w], "`c` has 1 elements, but its shape [2] has 2"),
        (
            &[x, (&[0, 3]).into(), t, w],
            "`c` in row 1 is 3, outside of axis K, which goes from 0 to 2",
        ),
        (
            &[x, (&[-1, 0]).into(), t, w],
            "`c` in row 0 is -1, outside of axis K, which goes from 0 to 2",
        ),
        (&[x, w, t, w], "`c` takes integer positions along K, and was given f32"),
        (&[far, c, t, w], "`x`[1] in row 1 is 10, outside of its domain [-9, 9]"),
        (&[x, c, (&[0.0]).into(), w], "`t` is 0, outside of its domain (0, inf)"),
        (&[x, c, t, c], "`sample weights` takes f32 numbers, and was given integers"),
    ];
    for (inputs, expected) in table {
        let (mut gradient, mut values) = ([7.0; 6], [7.0; 2]);
        let error = prepared.run(inputs, &mut [&mut gradient, &mut values]).expect_err(expected);
        assert_eq!(error.to_string(), expected);
        assert_eq!((gradient, values), ([7.0; 6], [7.0; 2]));
    }
    let (mut gradient, mut values) = ([7.0; 6], [7.0; 3]);
    let error = prepared.run(&[x, c, t, w], &mut [&mut gradient, &mut values]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the slice for the values has 3 elements, but its shape [2] has 2"
    );
    let error = prepared.run(&[x, c, t, w], &mut [&mut gradient]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the call was prepared for 2 results (the slice for the gradient of `x`, the slice for the values), and was given 1"
    );
    assert_eq!(gradient, [7.0; 6]);
    let mut values = [7.0; 2];
    let summary = prepared.run(&[x, c, t, w], &mut [&mut gradient, &mut values]).unwrap();
    assert_eq!((summary.total, values), (1.0, [1.0, 3.0]));
}

#[test]
fn a_prepared_call_keeps_what_is_fixed_and_its_code() {
    let text = "loss l(pred x[K], target c in K, param w[K] = 1) = w[c] * x[c]";
    let mut prepared = {
        let loss = Compiler::new().text::<f64>("l.loss", text).unwrap();
        let weights = vec![2.0, 3.0];
        let call = loss.prepare_call().input("x", &[1, 2]).input("c", &[1]).set("w", &weights);
        call.finish(Reduction::Mean).unwrap()
    };
    let run =
        move || prepared.run(&[(&[5.0, 7.0]).into(), (&[1i8]).into()], &mut []).unwrap().total;
    assert_eq!(std::thread::spawn(run).join().unwrap(), 21.0);
}
