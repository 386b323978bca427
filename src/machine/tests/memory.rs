//! Code is freed with its last owner, and runs on whatever thread.

use super::*;
use crate::loops::Subscript;

/// `out[i] = a[i] + 1`.
fn increment() -> Program {
    let mut maker = Maker::new(Precision::F64);
    let extent = maker.extent("N");
    let input = maker.array(ArrayRole::Input, Kind::Real, &[extent]);
    let output = maker.array(ArrayRole::Output, Kind::Real, &[extent]);
    let id = maker.open();
    let here = vec![Subscript::Counter(id)];
    let a = maker.set(Kind::Real, Operation::Load(input, here.clone()));
    let one = maker.set(Kind::Real, Operation::Real(1f64.to_bits()));
    let value = maker.set(Kind::Real, Operation::Add(a, one));
    maker.push(Statement::Store { array: output, subscripts: here, value });
    maker.close(id, extent, true, vec![]);
    maker.finish()
}

#[test]
fn a_clone_outlives_the_first_owner_and_runs_on_another_thread() {
    let program = increment();
    let first = compile(program.clone(), Options::default()).unwrap();
    let clone = first.clone();
    drop(first);
    let thread = std::thread::spawn(move || {
        let mut arrays = [ArrayData::F64(vec![1.0; 19]), ArrayData::F64(vec![0.0; 19])];
        run_machine(&program, &clone, &[19], &mut arrays);
        arrays
    });
    let [_, output] = thread.join().unwrap();
    assert_eq!(output, ArrayData::F64(vec![2.0; 19]));
}

#[test]
#[should_panic(expected = "one length for each extent")]
fn a_call_with_too_few_extents_panics() {
    let kernel = compile(increment(), Options::default()).unwrap();
    let mut data = [0u8; 8];
    // SAFETY: the call panics before it runs anything.
    unsafe { kernel.call(&[data.as_mut_ptr(); 2], &[]) };
}

/// Set for the process that measures its own memory, undisturbed by other tests.
#[cfg(target_os = "linux")]
const ALONE: &str = "LOSSC_TEST_ALONE";

#[cfg(target_os = "linux")]
#[test]
fn compiling_and_dropping_leaves_memory_flat() {
    if std::env::var_os(ALONE).is_none() {
        let name = "machine::tests::memory::compiling_and_dropping_leaves_memory_flat";
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name])
            .env(ALONE, "1")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
        return;
    }
    let program = increment();
    let cycles = |count| {
        for _ in 0..count {
            compile(program.clone(), Options::default()).unwrap();
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

#[test]
fn a_loop_whose_guard_does_not_hold_does_not_run() {
    for (mask, lanes) in [(false, false), (false, true), (true, false), (true, true)] {
        let mut program = increment();
        let Some(Statement::Loop(inner)) = program.body.last_mut() else { unreachable!() };
        let guard = Value(u32::try_from(program.kinds.len()).unwrap());
        (inner.lanes, inner.guard) = (lanes, Some(guard));
        program.kinds.push(Kind::Mask);
        program.body.insert(0, Statement::Let(guard, Operation::Mask(mask)));
        let arrays = [ArrayData::F64(vec![1.0; 19]), ArrayData::F64(vec![0.0; 19])];
        assert_eq!(compare(&program, &kernels(&program), &[19], &arrays), Ok(()));
    }
}
