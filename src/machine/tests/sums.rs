//! Sums in blocks and with compensation: the same bits on every machine, and hardly any error.

use super::*;
use crate::loops::{BLOCK, Join, PARTIALS, Subscript};

/// Extents around the ends of blocks.
const LONG: [u64; 13] = [0, 1, 127, 128, 255, 256, 257, 511, 512, 513, 1000, 4096 + 3, 20_000 + 17];

/// `out = [sum of a, maximum of a, sum of a * a]` over an extent.
fn program(precision: Precision, lanes: bool, literal: Option<u32>) -> Program {
    let mut maker = Maker::new(precision);
    let extent = literal.map_or_else(|| maker.extent("N"), Extent::Literal);
    let numbers = maker.array(ArrayRole::Input, Kind::Real, &[extent]);
    let out = maker.array(ArrayRole::Output, Kind::Real, &[Extent::Literal(3)]);
    let id = maker.open();
    let a = maker.set(Kind::Real, Operation::Load(numbers, vec![Subscript::Counter(id)]));
    let square = maker.set(Kind::Real, Operation::Multiply(a, a));
    let joins = [(Join::Sum, a), (Join::Maximum, a), (Join::Sum, square)];
    let accumulators: Vec<Accumulator> = joins
        .into_iter()
        .map(|(join, element)| Accumulator {
            join,
            element,
            factor: None,
            result: maker.value(Kind::Real),
        })
        .collect();
    let results: Vec<Value> = accumulators.iter().map(|accumulator| accumulator.result).collect();
    maker.close(id, extent, lanes, accumulators);
    for (at, value) in (0..).zip(results) {
        let subscripts = vec![Subscript::Literal(at)];
        maker.push(Statement::Store { array: out, subscripts, value });
    }
    maker.finish()
}

/// The arrays of the program, of numbers rounded to its precision.
fn arrays(precision: Precision, numbers: impl Iterator<Item = f64>) -> Vec<ArrayData> {
    match precision {
        #[expect(clippy::cast_possible_truncation, reason = "rounding is what is asked for")]
        Precision::F32 => vec![
            ArrayData::F32(numbers.map(|number| number as f32).collect()),
            ArrayData::F32(vec![0.0; 3]),
        ],
        Precision::F64 => vec![ArrayData::F64(numbers.collect()), ArrayData::F64(vec![0.0; 3])],
    }
}

/// What a machine computes from the first of the program's arrays.
fn run(program: &Program, kernel: &Kernel, extent: usize, mut arrays: Vec<ArrayData>) -> [f64; 3] {
    run_machine(program, kernel, &[extent as u64], &mut arrays);
    match &arrays[1] {
        ArrayData::F32(all) => [0, 1, 2].map(|at| f64::from(all[at])),
        ArrayData::F64(all) => [0, 1, 2].map(|at| all[at]),
        other => panic!("reals stay reals: {other:?}"),
    }
}

/// Every precision, in lanes and without.
fn variants() -> impl Iterator<Item = (Precision, bool)> {
    [Precision::F32, Precision::F64]
        .into_iter()
        .flat_map(|precision| [false, true].map(|lanes| (precision, lanes)))
}

#[test]
fn blocks_give_the_same_bits_on_every_machine() {
    for (precision, lanes) in variants() {
        let program = program(precision, lanes, None);
        let kernels = kernels(&program);
        let real = |at: u64| f64::from(u32::try_from(at).unwrap());
        for extent in LONG {
            let waves = (0..extent).map(|at| (real(at) * 0.7).sin() * 1e3);
            let falling = (0..extent).map(|at| 1.0 / (1.0 + real(at)));
            let zeros = (0..extent).map(|_| -0.0);
            let large = (0..extent).map(|at| if at % 300 == 7 { 3e38 } else { 0.1 });
            let mut all: Vec<Vec<f64>> =
                vec![waves.collect(), falling.collect(), zeros.collect(), large.collect()];
            let specials = [f64::INFINITY, f64::NEG_INFINITY, f64::NAN, -0.0, 1e300];
            for special in specials.into_iter().filter(|_| extent < 600) {
                for at in [0, 255, 256, 300, extent.saturating_sub(1)] {
                    let one = |other| if other == at { special } else { 0.1 };
                    all.push((0..extent).map(one).collect());
                }
            }
            for numbers in all {
                let arrays = arrays(precision, numbers.into_iter());
                compare(&program, &kernels, &[extent], &arrays).unwrap();
            }
        }
    }
}

#[test]
fn an_extent_known_at_compile_time_changes_no_bits() {
    for (precision, lanes) in variants() {
        for extent in [1, 15, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 1000] {
            let numbers = || (0..extent).map(|at| (f64::from(at) * 0.7).sin() * 1e3);
            let of = |literal| {
                let program = program(precision, lanes, literal);
                let mut arrays = arrays(precision, numbers());
                let extents = [u64::from(extent)];
                let extents = if literal.is_some() { &[][..] } else { &extents };
                compare(&program, &kernels(&program), extents, &arrays).unwrap();
                interpret(&program, extents, &mut arrays);
                bits(&arrays[1])
            };
            assert_eq!(of(Some(extent)), of(None), "{extent}, lanes {lanes}");
        }
    }
}

#[test]
fn infinities_stay_what_they_are() {
    let (up, down) = (f64::INFINITY, f64::NEG_INFINITY);
    for (precision, lanes) in variants() {
        let program = program(precision, lanes, None);
        let large = if precision == Precision::F32 { 3e38 } else { 1.7e308 };
        // Numbers at places, and what the sum is; 1 everywhere else.
        let table: [(&[(usize, f64)], f64); 8] = [
            (&[(5, up)], up),
            (&[(700, down)], down),
            (&[(5, up), (900, up)], up),
            (&[(5, up), (900, down)], f64::NAN),
            (&[(5, up), (6, down)], f64::NAN),
            (&[(300, f64::NAN)], f64::NAN),
            (&[(5, large), (900, large)], up),
            (&[(5, -large), (300, -large), (301, -large)], down),
        ];
        for kernel in kernels(&program) {
            for (places, expected) in table {
                let mut numbers = vec![1.0; 1000];
                for (at, number) in places {
                    numbers[*at] = *number;
                }
                let arrays = arrays(precision, numbers.into_iter());
                let [sum, ..] = run(&program, &kernel, 1000, arrays);
                let same =
                    sum.to_bits() == expected.to_bits() || (sum.is_nan() && expected.is_nan());
                assert!(same, "{sum} instead of {expected} for {places:?}, lanes {lanes}");
            }
        }
    }
}

#[test]
fn ten_million_numbers_of_one_sign_keep_their_digits() {
    let (count, number) = (10_000_000, 0.1f32);
    for lanes in [false, true] {
        let program = program(Precision::F32, lanes, None);
        let kernel = compile(program.clone(), Options::default()).unwrap();
        let arrays = vec![ArrayData::F32(vec![number; count]), ArrayData::F32(vec![0.0; 3])];
        let [sum, _, squares] = run(&program, &kernel, count, arrays);
        for (found, each) in [(sum, number), (squares, number * number)] {
            let exact = f64::from(each) * 1e7;
            let error = (found - exact).abs() / exact;
            assert!(error < 1e-6, "{found} instead of {exact}, off by {error:e}, lanes {lanes}");
        }
    }
}

#[test]
fn numbers_that_round_away_are_within_the_bound() {
    // In each partial result a large number and then such as disappear beside it one by one; the same
    // among the partial results and among the blocks.
    let blocks = 1000;
    let tiny = 2f64.powi(-24);
    let partials = u32::try_from(PARTIALS).unwrap();
    let at = |k: u32| {
        let (block, k) = (k / BLOCK, k % BLOCK);
        let first = if k < partials { 1.0 } else { tiny };
        let partial = if k % partials == 0 { 1.0 } else { tiny };
        let of_block = if block == 0 { 1.0 } else { tiny * 0.99 };
        first * partial * of_block
    };
    let numbers: Vec<f64> = (0..blocks * BLOCK).map(at).collect();
    let exact: f64 = numbers.iter().sum();
    for lanes in [false, true] {
        let program = program(Precision::F32, lanes, None);
        for kernel in kernels(&program) {
            let arrays = arrays(Precision::F32, numbers.iter().copied());
            let [sum, ..] = run(&program, &kernel, numbers.len(), arrays);
            let error = (sum - exact).abs() / exact;
            assert!(
                error < 14.0 * tiny,
                "{sum} instead of {exact}, off by {error:e}, lanes {lanes}"
            );
        }
    }
}
