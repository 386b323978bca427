//! Results past the caches: the same bits as in them.

use super::*;
use crate::loops::{Join, Subscript};
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
    let result = maker.value(Kind::Real);
    let accumulators = vec![Accumulator { join: Join::Sum, element: square, factor: None, result }];
    maker.close(id, extent, lanes, accumulators);
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
            let plain = compile(program.clone(), options).unwrap();
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

#[test]
fn vectors_of_half_a_line_go_past_the_caches_only_from_small_bodies() {
    for plain in [program(Precision::F32, true), program_with_elements()] {
        let mut large = plain.clone();
        let mut kinds = std::mem::take(&mut large.kinds);
        lengthen(last_loop(&mut large.body), &mut kinds);
        large.kinds = kinds;
        for options in ways().filter(|options| options.lanes) {
            assert_eq!(staged(&plain, options).is_some(), options.isa != Isa::Portable);
            assert_eq!(staged(&large, options).is_some(), options.isa == Isa::Avx512);
        }
    }
}

/// The last innermost loop.
fn last_loop(body: &mut [Statement]) -> &mut Loop {
    let is_loop = |statement: &Statement| matches!(statement, Statement::Loop(_));
    let last = body.iter().rposition(is_loop).expect("a loop");
    let Statement::Loop(inner) = &mut body[last] else { unreachable!("it is a loop") };
    if inner.body.iter().any(is_loop) { last_loop(&mut inner.body) } else { inner }
}

/// Adds so many operations that a body is large.
fn lengthen(inner: &mut Loop, kinds: &mut Vec<Kind>) {
    for number in 0..12 {
        let value = Value(u32::try_from(kinds.len()).unwrap());
        kinds.push(Kind::Integer);
        inner.body.insert(0, Statement::Let(value, Operation::Integer(number)));
    }
}

/// Rows `out = x^2`, then `out = 2 out` in lanes, and then `out[at] = x[at]`.
fn program_with_elements() -> Program {
    let mut maker = Maker::new(Precision::F32);
    let extents = ["N", "K"].map(|name| maker.extent(name));
    let x = maker.array(ArrayRole::Input, Kind::Real, &extents);
    let at = maker.array(ArrayRole::Input, Kind::Integer, &extents[..1]);
    let out = maker.array(ArrayRole::Output, Kind::Real, &extents);
    let example = maker.open();
    let row = Subscript::Counter(example);
    let at = maker.set(Kind::Integer, Operation::Load(at, vec![row]));
    for (from, twice) in [(x, false), (out, true)] {
        let id = maker.open();
        let here = vec![row, Subscript::Counter(id)];
        let element = maker.set(Kind::Real, Operation::Load(from, here.clone()));
        let value = if twice {
            Operation::Add(element, element)
        } else {
            Operation::Multiply(element, element)
        };
        let value = maker.set(Kind::Real, value);
        maker.push(Statement::Store { array: out, subscripts: here, value });
        maker.close(id, extents[1], true, vec![]);
    }
    let there = vec![row, Subscript::Value(at)];
    let value = maker.set(Kind::Real, Operation::Load(x, there.clone()));
    maker.push(Statement::Store { array: out, subscripts: there, value });
    maker.close(example, extents[0], false, vec![]);
    maker.finish()
}

#[test]
fn single_elements_are_written_over_rows_past_the_caches() {
    #[repr(C, align(64))]
    #[derive(Clone, Copy)]
    struct Line([f32; 16]);
    let program = program_with_elements();
    for options in ways().filter(|options| staged(&program, *options).is_some()) {
        assert_eq!(staged(&program, options), Some(vec![2]));
        for aligned in [Aligned::Quarter, Aligned::Line] {
            let kernel = compile_streaming(&program, options, aligned).unwrap().unwrap();
            let (rows, lines) = (3, 5);
            let at = [0i32, 37, 79];
            let mut x = vec![Line([0.0; 16]); rows * lines];
            for (index, x) in x.iter_mut().flat_map(|line| &mut line.0).enumerate() {
                *x = f32::from(u8::try_from(index).unwrap()) / 8.0 - 9.0;
            }
            let (mut out, mut other) = (vec![Line([7.0; 16]); rows * lines], x.clone());
            let pointers = [
                x.as_mut_ptr().cast::<u8>(),
                at.as_ptr().cast::<u8>().cast_mut(),
                out.as_mut_ptr().cast(),
                other.as_mut_ptr().cast(),
            ];
            // SAFETY: there are as many elements as the extents say.
            unsafe { kernel.call(&pointers, &[rows as u64, 16 * lines as u64]) };
            let elements =
                |lines: &[Line]| lines.iter().flat_map(|line| line.0).collect::<Vec<_>>();
            let mut want: Vec<f32> = elements(&x).iter().map(|x| 2.0 * x * x).collect();
            for (row, at) in at.iter().enumerate() {
                let at = row * 16 * lines + usize::try_from(*at).unwrap();
                want[at] = elements(&x)[at];
            }
            assert_eq!(elements(&out), want, "{options:?}, {aligned:?}");
        }
    }
}
