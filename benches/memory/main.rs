//! Compiles and drops a small loss 100,000 times, and prints how much memory the process holds meanwhile.
//!
//! `cargo bench --bench memory >> benches/RESULTS.md`, after the bench `speed`; needs Linux.

use lossc::{Compiler, Loss, Reduction};

const CYCLES: u32 = 100_000;
const STEP: u32 = 10_000;

fn main() {
    // Tests of all targets run benchmarks too, without this word.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    println!("## Compile and drop\n");
    if resident_kib().is_none() {
        println!("Not measured: memory is read from `/proc/self/statm`, which only Linux has.");
        return;
    }
    println!(
        "Memory of the process while a loss is compiled, called once and dropped {CYCLES} times:\n"
    );
    println!("| cycles | resident memory, KiB |\n|---|---|");
    print_memory(0);
    for cycle in 1..=CYCLES {
        compile_and_drop();
        if cycle.is_multiple_of(STEP) || cycle == 100 {
            print_memory(cycle);
        }
    }
}

fn compile_and_drop() {
    let text = "loss small(pred yhat, target y) = (yhat - y)^2 / 2";
    let loss: Loss<f32> = Compiler::new().text("small.loss", text).expect("it is right");
    let mut gradient = [0.0; 2];
    let call = loss.call().bind("yhat", &[1.0, 4.0], &[2]).bind("y", &[0.0, 1.0], &[2]);
    let summary = call.gradient("yhat", &mut gradient).run(Reduction::Sum).expect("it fits");
    assert_eq!((summary.total.to_bits(), gradient), (5f64.to_bits(), [1.0, 3.0]));
}

fn print_memory(cycles: u32) {
    println!("| {cycles} | {} |", resident_kib().unwrap_or(0));
}

/// The memory of this process that is in use, in KiB; pages of 4 KiB.
fn resident_kib() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * 4)
}
