//! Results past the caches: the same bits as in them.

use super::*;
use crate::loops::{Accumulator, Join, Loop, Subscript};
use crate::machine::{Aligned, compile_streaming, staged};

/// `out = (a - b)^2`, `slope = a - b` and the sum of `out`, in lanes.
fn program(precision: Precision, lanes: bool) -> Program {
    let mut maker = Maker::new(precision);
    let extent = maker.extent("N");
    let [a, b] = [(); 2].map(|()| maker.array(ArrayRole::Input, Kind::Real, &[extent]));
    let [out, slope] = [(); 2].map(|()| maker.array(ArrayRole::Output, Kind::Real, &[extent]));
    let total = maker.array(ArrayRole::Output, Kind::Real, &[]);
    let id = maker.open();
    let here = || vec![Subscript::Counter(id)];
    let [a, b] = [a, b].map(|array| maker.set(Kind::Real, Operation::Load(array, here())));
    let difference = maker.set(Kind::Real, Operation::Subtract(a, b));
    let square = maker.set(Kind::Real, Operation::Multiply(difference, difference));
    for (array, value) in [(slope, difference), (out, square)] {
        maker.push(Statement::Store { array, subscripts: here(), value });
    }
    let body = maker.bodies.pop().unwrap();
    let result = maker.value(Kind::Real);
    let accumulators = vec![Accumulator { join: Join::Sum, element: square, factor: None, result }];
    let (guard, behind) = (None, None);
    maker.push(Statement::Loop(Loop { id, extent, lanes, guard, behind, body, accumulators }));
    maker.push(Statement::Store { array: total, subscripts: vec![], value: result });
    maker.finish()
}

/// Runs code on numbers; results begin so many times 16 bytes behind a multiple of 64. Gives their bytes.
fn run(program: &Program, kernel: &Kernel, extent: usize, offset: usize) -> Vec<u128> {
    #[repr(C, align(64))]
    #[derive(Clone, Copy)]
    struct Line([u128; 4]);
    let wide = match program.precision {
        Precision::F32 => 4,
        Precision::F64 => 8,
    };
    let lines = (extent * wide).div_ceil(64) + 2;
    let mut all = vec![Line([u128::MAX; 4]); 3 * lines];
    let number = |at: usize, seed: usize| {
        f64::from(u32::try_from((at * 7919 + seed) % 1009).unwrap()) / 64.0 - 7.0
    };
    #[expect(clippy::cast_possible_truncation, reason = "these are exact")]
    let narrow =
        [1, 2].map(|seed| (0..extent).map(|at| number(at, seed) as f32).collect::<Vec<_>>());
    let double = [1, 2].map(|seed| (0..extent).map(|at| number(at, seed)).collect::<Vec<_>>());
    let inputs = [0, 1].map(|at| match program.precision {
        Precision::F32 => narrow[at].as_ptr().cast::<u8>().cast_mut(),
        Precision::F64 => double[at].as_ptr().cast::<u8>().cast_mut(),
    });
    let first = all.as_mut_ptr().cast::<u128>().wrapping_add(offset);
    let results = [0, 1, 2].map(|at| first.wrapping_add(4 * lines * at).cast::<u8>());
    let pointers: Vec<*mut u8> = inputs.into_iter().chain(results).collect();
    // SAFETY: there are as many elements as the extent says, of results with room in front and behind.
    unsafe { kernel.call(&pointers, &[extent as u64]) };
    all.iter().flat_map(|line| line.0).skip(offset).collect()
}

#[test]
fn results_past_the_caches_have_the_same_bits_and_nothing_else_is_written() {
    let extents = EXTENTS.map(|extent| usize::try_from(extent).unwrap());
    for precision in [Precision::F32, Precision::F64] {
        let program = program(precision, true);
        for options in ways().filter(|options| staged(&program, *options).is_some()) {
            let plain = compile(&program, options).unwrap();
            let streaming = [Aligned::Quarter, Aligned::Line]
                .map(|aligned| compile_streaming(&program, options, aligned).unwrap().unwrap());
            for extent in extents.into_iter().chain([255, 256, 257, 1000, 4096]) {
                for offset in 0..4 {
                    let expected = run(&program, &plain, extent, offset);
                    for streaming in &streaming[..if offset == 0 { 2 } else { 1 }] {
                        let found = run(&program, streaming, extent, offset);
                        assert!(
                            found == expected,
                            "{precision:?}, {options:?}, {extent}, {offset}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn what_is_not_written_in_lanes_has_no_code_past_the_caches() {
    for options in ways() {
        let wide = options.lanes && options.isa != Isa::Portable;
        assert_eq!(staged(&program(Precision::F32, true), options).is_some(), wide);
        let plain = program(Precision::F32, false);
        assert!(staged(&plain, options).is_none());
        assert!(compile_streaming(&plain, options, Aligned::Quarter).unwrap().is_none());
    }
}
