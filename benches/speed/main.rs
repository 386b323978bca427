//! Measures how long losses take to compile and to run, and prints a page of it in Markdown.
//!
//! `cargo bench --bench speed > benches/RESULTS.md`

mod data;
mod host;
mod measure;
mod plain;

use std::time::Instant;

use data::Inputs;
use lossc::check::{Source, check};
use lossc::compile::Target;
use lossc::graph::{AxisId, Extent, Graph};
use lossc::library::{LOSSES, Shipped};
use lossc::{Compiler, Loss, Reduction};
use measure::{Times, alternate, once};

/// How often a loss is compiled.
const COMPILATIONS: usize = 101;

/// How long the axes of a loss with axes are, and how many examples then make a batch.
const SHAPES: &[(usize, &[usize])] = &[(10, &[64, 4096, 100_000]), (1000, &[64, 4096])];

/// The same for losses of scalars.
const SCALAR_SHAPES: &[(usize, &[usize])] = &[(1, &[64, 4096, 1_000_000])];

/// A call that takes more seconds is left out.
const LONGEST: f64 = 1.0;

/// A batch with an input of more elements is left out.
const MOST_ELEMENTS: usize = 20_000_000;

fn main() {
    // Tests of all targets run benchmarks too, without this word.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    println!("# Measured times\n");
    println!(
        "Printed by `cargo bench --bench speed > benches/RESULTS.md; cargo bench --bench memory >> benches/RESULTS.md`.\n"
    );
    print!("{}", host::lines("on a busy machine the fastest times say most"));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    println!("- lossc {}, {threads} threads of which one is used\n", env!("CARGO_PKG_VERSION"));
    print_compile_times();
    print_comparison();
    print_run_times();
}

fn print_compile_times() {
    println!("## Compile time\n");
    println!(
        "Milliseconds from text to callable, values and default gradients, f32, in a process that has compiled before; \
         medians and fastest of {COMPILATIONS}. The parts are of the fastest. Front: parsed and checked. Middle: stabilized, differentiated, lowered \
         to loops. Machine: machine code, until it can be called.\n"
    );
    println!("| loss | median | fastest | front | middle | machine |");
    println!("|---|---|---|---|---|---|");
    for shipped in LOSSES {
        let source = Source::Library(shipped.name.into());
        let checked = check(&source).expect("shipped losses are right");
        let model = checked
            .models
            .iter()
            .find(|model| model.name == shipped.name)
            .expect("a shipped file defines the loss of its name");
        let to_loops = Compiler::new().target(Target::Interpreter);
        let [whole, front, middle] = compile_times([
            &mut || drop(compile(shipped)),
            &mut || drop(check(&source)),
            &mut || drop(to_loops.model::<f32>(model)),
        ]);
        let machine = whole.fastest - front.fastest - middle.fastest;
        println!(
            "| {} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} |",
            shipped.name,
            whole.median * 1e3,
            whole.fastest * 1e3,
            front.fastest * 1e3,
            middle.fastest * 1e3,
            machine * 1e3
        );
    }
    println!();
}

/// Times of single runs in seconds, one run of each in turn.
fn compile_times<const N: usize>(mut runs: [&mut dyn FnMut(); N]) -> [Times; N] {
    let mut times: [Vec<f64>; N] = std::array::from_fn(|_| Vec::new());
    for round in 0..COMPILATIONS + 3 {
        for (run, times) in runs.iter_mut().zip(&mut times) {
            let start = Instant::now();
            run();
            if round >= 3 {
                times.push(start.elapsed().as_secs_f64());
            }
        }
    }
    times.map(Times::of)
}

fn compile(shipped: &Shipped) -> Loss<f32> {
    Compiler::new().text(shipped.path, shipped.text).expect("shipped losses compile")
}

fn print_comparison() {
    println!("## Beside plain Rust\n");
    println!(
        "Microseconds for the mean of a batch and its gradient, f32, one thread, median (fastest), both in turn in one run. \
         Plain: a loop over slices with the functions of `std`, as rustc makes it for its default target \
         (`benches/speed/plain.rs`). lossc: a whole call, names and shapes checked each time.\n"
    );
    println!("| loss | examples | lossc | plain | plain / lossc |");
    println!("|---|---|---|---|---|");
    for plain in plain::LOSSES {
        let shipped = lossc::library::find(plain.name).expect("a shipped loss");
        let loss = compile(shipped);
        for (length, examples) in plain.shapes {
            for examples in *examples {
                compare(&loss, plain, *length, *examples);
            }
        }
    }
    println!();
}

fn compare(loss: &Loss<f32>, plain: &plain::Plain, length: usize, examples: usize) {
    let inputs = Inputs::new(loss.model(), length, examples);
    let (mut ours, mut theirs) = (inputs.gradients(), inputs.gradients());
    let mut means = [0.0; 2];
    {
        let [ours_mean, theirs_mean] = &mut means;
        *ours_mean = call(loss, &inputs, &mut ours);
        *theirs_mean = (plain.run)(&inputs, &mut theirs[0].1);
    }
    assert!((means[0] - means[1]).abs() <= 1e-4 * means[0].abs(), "{}: {means:?}", plain.name);
    for (a, b) in ours[0].1.iter().zip(&theirs[0].1) {
        let size = 1.0 / inputs.rows();
        assert!((a - b).abs() <= 1e-4 * size.max(b.abs()), "{}: {a} and {b}", plain.name);
    }
    let [lossc, rust] =
        alternate([&mut || std::hint::black_box(call(loss, &inputs, &mut ours)), &mut || {
            std::hint::black_box((plain.run)(&inputs, &mut theirs[0].1))
        }]);
    println!(
        "| {} | {} | {} | {} | {:.1} |",
        plain.name,
        shape(length, examples),
        microseconds(&lossc),
        microseconds(&rust),
        rust.median / lossc.median
    );
}

fn print_run_times() {
    println!("## Every shipped loss\n");
    println!(
        "The same call for all of them: the mean and its default gradients, f32, one thread. An element is one of the largest input. \
         Slow calls have few samples.\n"
    );
    println!("| loss | examples | µs, median (fastest) | ns per example | ns per element |");
    println!("|---|---|---|---|---|");
    for shipped in LOSSES {
        let loss = compile(shipped);
        for (length, batches) in shapes(&loss) {
            // What an example took in the batch before.
            let mut seconds = 0.0;
            for examples in *batches {
                let measured = measure(&loss, *length, *examples, seconds);
                let shape = shape(*length, *examples);
                match measured {
                    Ok((times, inputs)) => {
                        seconds = times.fastest / f64::from(inputs.rows());
                        println!(
                            "| {} | {shape} | {} | {:.2} | {:.2} |",
                            shipped.name,
                            microseconds(&times),
                            times.median * 1e9 / f64::from(inputs.rows()),
                            times.median * 1e9 / f64::from(inputs.largest()),
                        );
                    }
                    Err(why) => println!("| {} | {shape} | left out: {why} | | |", shipped.name),
                }
            }
        }
    }
    println!();
}

/// The times of a call and its inputs, or why that takes too long; in a batch before, an example took so many seconds.
fn measure(
    loss: &Loss<f32>,
    length: usize,
    examples: usize,
    seconds: f64,
) -> Result<(Times, Inputs), String> {
    let graph = &loss.model().graph;
    let axes = |id| graph.input(id).axes.iter().filter(|axis| is_named(graph, **axis)).count();
    let most = graph.input_ids().map(axes).max().unwrap_or(0);
    let most = u32::try_from(most).expect("a few axes");
    if examples.saturating_mul(length.saturating_pow(most)) > MOST_ELEMENTS {
        return Err(format!("an input of more than {MOST_ELEMENTS} elements"));
    }
    let rows = f64::from(u32::try_from(examples).expect("a few millions"));
    let too_long = || format!("one call takes more than {LONGEST} s");
    if seconds * rows > LONGEST {
        return Err(too_long());
    }
    let inputs = Inputs::new(loss.model(), length, examples);
    let mut gradients = inputs.gradients();
    let mut run = || std::hint::black_box(call(loss, &inputs, &mut gradients));
    if once(&mut run) > LONGEST {
        return Err(too_long());
    }
    let [times] = alternate([&mut run]);
    Ok((times, inputs))
}

fn is_named(graph: &Graph, axis: AxisId) -> bool {
    matches!(graph.extent(graph.axis(axis).extent), Extent::Named(_))
}

fn shapes(loss: &Loss<f32>) -> &'static [(usize, &'static [usize])] {
    let graph = &loss.model().graph;
    let mut axes = graph.input_ids().flat_map(|id| graph.input(id).axes.iter());
    if axes.any(|axis| is_named(graph, *axis)) { SHAPES } else { SCALAR_SHAPES }
}

/// One call: the mean of the batch and its gradients.
fn call(loss: &Loss<f32>, inputs: &Inputs, gradients: &mut [(String, Vec<f32>)]) -> f64 {
    let mut call = loss.call();
    for input in &inputs.reals {
        call = call.bind(&input.name, &input.data, &input.shape);
    }
    for input in &inputs.labels {
        call = call.bind(&input.name, &input.data, &input.shape);
    }
    for (name, gradient) in gradients {
        call = call.gradient(name, gradient);
    }
    call.run(Reduction::Mean).expect("the inputs fit").total
}

fn shape(length: usize, examples: usize) -> String {
    match length {
        1 => examples.to_string(),
        _ => format!("{examples} × {length}"),
    }
}

fn microseconds(times: &Times) -> String {
    let digits = if times.median < 1e-4 { 2 } else { 0 };
    format!("{:.digits$} ({:.digits$})", times.median * 1e6, times.fastest * 1e6)
}
