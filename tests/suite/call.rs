//! Calls from outside of the crate: what they allocate, and what is left when a loss goes.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use lossc::call::Reduction;
use lossc::compile::Compiler;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

/// Counts the allocations of each thread.
struct Counting;

// SAFETY: everything is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread that is being torn down has no counter left.
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: as the caller vouches.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller vouches.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: as the caller vouches.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

const TEXT: &str = "
    loss weighted(pred z[K], target label in K?, truth, learned t in (0, inf) = 1 / size(K),
                  param w[K] in [0, inf) = [k in K] (1 + real(k)) / size(K), param lambda in [0, size(K)] = 1)
        = t * sum(softmax(z) * w) - w[label] * log_softmax(z)[label] + lambda * (z[0] - truth)^2
        per w[label]";

#[test]
fn a_repeated_call_allocates_nothing() {
    let loss = Compiler::new().text::<f32>("weighted.loss", TEXT).unwrap();
    let (rows, classes) = (1000, 5);
    let logits = vec![0.25f32; rows * classes];
    let labels: Vec<u8> = (0..rows).map(|row| u8::try_from(row % classes).unwrap()).collect();
    let truth = vec![1.0f32; rows];
    let weights = vec![0.5f32; rows];
    let (mut values, mut gradient) = (vec![0.0f32; rows], vec![0.0f32; rows * classes]);
    let (mut for_t, mut for_w) = ([0.0f32], [0.0f32; 5]);
    let mut totals = Vec::with_capacity(10);
    let mut run = |total: &mut Vec<f64>| {
        let summary = loss
            .call()
            .bind("z", &logits, &[rows, classes])
            .bind("label", &labels, &[rows])
            .bind("truth", &truth, &[rows])
            .set("lambda", 0.5)
            .sample_weights(&weights)
            .checked(true)
            .values(&mut values)
            .gradient("z", &mut gradient)
            .gradient("t", &mut for_t)
            .gradient("w", &mut for_w)
            .run(Reduction::Mean);
        total.push(summary.unwrap().total);
    };
    run(&mut totals);
    let before = ALLOCATIONS.get();
    assert!(before > 0, "allocations are counted");
    for _ in 0..5 {
        run(&mut totals);
    }
    assert_eq!(ALLOCATIONS.get() - before, 0, "allocations in five repeated calls");
    assert!(totals.iter().all(|total| total.to_bits() == totals[0].to_bits()));
}

#[test]
fn a_run_of_a_prepared_call_allocates_nothing() {
    let loss = Compiler::new().text::<f32>("weighted.loss", TEXT).unwrap();
    let (rows, classes) = (1000, 5);
    let logits = vec![0.25f32; rows * classes];
    let labels: Vec<u8> = (0..rows).map(|row| u8::try_from(row % classes).unwrap()).collect();
    let ones = vec![1.0f32; rows];
    let (mut values, mut gradient) = (vec![0.0f32; rows], vec![0.0f32; rows * classes]);
    let (mut for_t, mut for_w) = ([0.0f32], [0.0f32; 5]);
    let mut prepared = loss
        .prepare_call()
        .input("z", &[rows, classes])
        .input("label", &[rows])
        .input("truth", &[rows])
        .set("lambda", 0.5)
        .sample_weights()
        .checked(true)
        .values()
        .gradient("z")
        .gradient("t")
        .gradient("w")
        .finish(Reduction::Mean)
        .unwrap();
    let inputs = [(&logits).into(), (&labels).into(), (&ones).into(), (&ones).into()];
    let mut totals = Vec::with_capacity(10);
    let mut run = |totals: &mut Vec<f64>| {
        let results: &mut [&mut [f32]] = &mut [&mut values, &mut gradient, &mut for_t, &mut for_w];
        totals.push(prepared.run(&inputs, results).unwrap().total);
    };
    run(&mut totals);
    let before = ALLOCATIONS.get();
    for _ in 0..5 {
        run(&mut totals);
    }
    assert_eq!(ALLOCATIONS.get() - before, 0, "allocations in five runs");
    assert!(totals.iter().all(|total| total.to_bits() == totals[0].to_bits()));
}

/// Set for the process that measures its own memory, undisturbed by other tests.
#[cfg(target_os = "linux")]
const ALONE: &str = "LOSSC_TEST_ALONE";

#[cfg(target_os = "linux")]
#[test]
fn two_thousand_losses_leave_memory_flat() {
    if std::env::var_os(ALONE).is_none() {
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "call::two_thousand_losses_leave_memory_flat"])
            .env(ALONE, "1")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
        return;
    }
    let text = "loss half(pred yhat, target y) = (yhat - y)^2 / 2";
    let cycles = |count| {
        for _ in 0..count {
            let loss = Compiler::new().text::<f32>("half.loss", text).unwrap();
            let clone = loss.clone();
            drop(loss);
            let call = clone.call().bind("yhat", &[3.0], &[]).bind("y", &[1.0], &[]);
            assert_eq!(call.run(Reduction::Mean).unwrap().total.to_bits(), 2f64.to_bits());
        }
        pages()
    };
    let (mapped, resident) = cycles(200);
    let (mapped_later, resident_later) = cycles(2000);
    assert!(mapped_later < mapped + 500, "{mapped} pages mapped, then {mapped_later}");
    assert!(resident_later < resident + 500, "{resident} pages resident, then {resident_later}");
}

/// Pages mapped and pages resident.
#[cfg(target_os = "linux")]
fn pages() -> (u64, u64) {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    let mut pages = text.split_whitespace().map(|number| number.parse().unwrap());
    (pages.next().unwrap(), pages.next().unwrap())
}
