//! The interpreter against arithmetic done by hand, and what it refuses.

use super::*;
use crate::loops::{Accumulator, Array, PARTIALS, validate};

/// `total[] = join of a[i]`, and `last[at[i]] = a[i] * a[i] + total`, over `N`.
fn program(precision: Precision, lanes: bool, join: Join) -> Program {
    let extent = Extent::Given(crate::loops::ExtentId(0));
    let array = |name: &str, kind, role, extents: &[Extent]| Array {
        name: name.into(),
        kind,
        role,
        extents: extents.to_vec(),
    };
    let here = |id| vec![Subscript::Counter(LoopId(id))];
    let first = Loop {
        id: LoopId(0),
        extent,
        lanes,
        guard: None,
        behind: None,
        body: vec![Statement::Let(Value(0), Operation::Load(ArrayId(0), here(0)))],
        accumulators: vec![Accumulator { join, element: Value(0), factor: None, result: Value(1) }],
    };
    let total = |value| Statement::Store { array: ArrayId(2), subscripts: vec![], value };
    let at = vec![Subscript::Value(Value(3))];
    let second = Loop {
        id: LoopId(1),
        extent,
        lanes: false,
        guard: None,
        behind: None,
        body: vec![
            Statement::Let(Value(2), Operation::Load(ArrayId(0), here(1))),
            Statement::Let(Value(3), Operation::Load(ArrayId(1), here(1))),
            Statement::Let(Value(4), Operation::FusedMultiplyAdd(Value(2), Value(2), Value(1))),
            Statement::Store { array: ArrayId(3), subscripts: at, value: Value(4) },
        ],
        accumulators: vec![],
    };
    let program = Program {
        precision,
        fused: true,
        extents: vec!["N".into()],
        arrays: vec![
            array("a", Kind::Real, ArrayRole::Input, &[extent]),
            array("at", Kind::Integer, ArrayRole::Input, &[extent]),
            array("total", Kind::Real, ArrayRole::Output, &[]),
            array("last", Kind::Real, ArrayRole::Output, &[extent]),
        ],
        kinds: vec![Kind::Real, Kind::Real, Kind::Real, Kind::Integer, Kind::Real],
        body: vec![Statement::Loop(first), total(Value(1)), Statement::Loop(second)],
    };
    assert_eq!(validate(&program), Ok(()));
    program
}

fn run_f32(lanes: bool, join: Join, a: &[f32], at: &[i32]) -> (f32, Vec<f32>) {
    let program = program(Precision::F32, lanes, join);
    let mut arrays = [
        ArrayData::F32(a.to_vec()),
        ArrayData::I32(at.to_vec()),
        ArrayData::F32(vec![0.0]),
        ArrayData::F32(vec![0.0; a.len()]),
    ];
    interpret(&program, &[a.len() as u64], &mut arrays);
    let [ArrayData::F32(before), _, ArrayData::F32(total), ArrayData::F32(last)] = arrays else {
        panic!("reals stay reals");
    };
    assert_eq!(before, a, "inputs stay");
    (total[0], last)
}

#[test]
fn values_go_where_the_subscripts_say() {
    let (total, last) = run_f32(false, Join::Sum, &[1.0, 2.0, 3.0], &[2, 0, 1]);
    assert_eq!((total, last), (6.0, vec![10.0, 15.0, 7.0]));
}

#[test]
fn an_empty_loop_leaves_what_it_starts_from() {
    let table = [
        (Join::Sum, 0.0),
        (Join::Product, 1.0),
        (Join::Maximum, f32::NEG_INFINITY),
        (Join::Minimum, f32::INFINITY),
    ];
    for (join, expected) in table {
        for lanes in [false, true] {
            assert_eq!(run_f32(lanes, join, &[], &[]).0.to_bits(), f32::to_bits(expected));
        }
    }
}

/// Kahan's sum, as the contract spells it.
fn compensated(elements: &[f32]) -> f32 {
    let (mut total, mut lost) = (0f32, 0f32);
    for element in elements {
        let y = element - lost;
        let t = total + y;
        lost = (t - total) - y;
        total = t;
    }
    total
}

/// The partial sums of a block.
fn partials(elements: &[f32]) -> [f32; PARTIALS] {
    let mut partials = [0f32; PARTIALS];
    for (at, element) in elements.iter().enumerate() {
        partials[at % PARTIALS] += element;
    }
    partials
}

fn tree(partials: [f32; PARTIALS]) -> f32 {
    let two = |at: usize| partials[at] + partials[at + 16];
    let four = |at: usize| two(at) + two(at + 8);
    let eight = |at: usize| four(at) + four(at + 4);
    (eight(0) + eight(2)) + (eight(1) + eight(3))
}

#[test]
fn lanes_join_partial_results_as_a_tree() {
    let a: Vec<f32> = (0..41u8).map(|at| 1.0 / (1.0 + f32::from(at))).collect();
    let at = vec![0; a.len()];
    let one_by_one = compensated(&a);
    let tree = tree(partials(&a));
    assert_eq!(run_f32(false, Join::Sum, &a, &at).0.to_bits(), one_by_one.to_bits());
    assert_eq!(run_f32(true, Join::Sum, &a, &at).0.to_bits(), tree.to_bits());
    assert_ne!(tree.to_bits(), one_by_one.to_bits(), "the order shows in this sum");
}

#[test]
fn lanes_add_blocks_with_compensation() {
    let count = 9 * BLOCK as usize + 1;
    // One large element in the first block; the others are lost beside it unless blocks keep them.
    let a: Vec<f32> =
        (0..count).map(|at| if at == 0 { 16_777_216.0 } else { 1.0 / 20.0 }).collect();
    let at = vec![0; count];
    let blocks: Vec<[f32; PARTIALS]> = a.chunks(BLOCK as usize).map(partials).collect();
    let total = |at: usize| compensated(&blocks.iter().map(|block| block[at]).collect::<Vec<_>>());
    let sum = run_f32(true, Join::Sum, &a, &at).0;
    assert_eq!(sum.to_bits(), tree(std::array::from_fn(total)).to_bits());
    let plain = |at: usize| blocks.iter().map(|block| block[at]).sum::<f32>();
    assert_ne!(sum.to_bits(), tree(std::array::from_fn(plain)).to_bits(), "the compensation shows");
}

#[test]
fn a_sum_without_lanes_keeps_what_an_addition_loses() {
    let (total, _) = run_f32(false, Join::Sum, &[16_777_216.0, 1.0, 1.0], &[0; 3]);
    assert_eq!(total.to_bits(), 16_777_218f32.to_bits());
    let infinite = [f32::MAX, f32::MAX, 1.0];
    let (total, _) = run_f32(false, Join::Sum, &infinite, &[0; 3]);
    assert_eq!(total.to_bits(), f32::INFINITY.to_bits());
}

#[test]
fn f32_programs_round_to_f32() {
    let (total, _) = run_f32(false, Join::Sum, &[16_777_216.0, 1.0], &[0; 2]);
    assert_eq!(total.to_bits(), 16_777_216f32.to_bits());
    let program = program(Precision::F64, false, Join::Sum);
    let mut arrays = [
        ArrayData::F64(vec![16_777_216.0, 1.0]),
        ArrayData::I64(vec![0; 2]),
        ArrayData::F64(vec![0.0]),
        ArrayData::F64(vec![0.0; 2]),
    ];
    interpret(&program, &[2], &mut arrays);
    assert_eq!(arrays[2], ArrayData::F64(vec![16_777_217.0]));
}

#[test]
#[should_panic(expected = "array `last`, axis 0: -1 lies outside of 0..2")]
fn a_negative_subscript_panics() {
    run_f32(false, Join::Sum, &[1.0, 2.0], &[1, -1]);
}

#[test]
#[should_panic(expected = "array `last`, axis 0: 2 lies outside of 0..2")]
fn a_subscript_past_the_end_panics() {
    run_f32(true, Join::Sum, &[1.0, 2.0], &[1, 2]);
}

#[test]
#[should_panic(expected = "elements of array `a`")]
fn an_array_of_the_wrong_length_panics() {
    let mut arrays = [
        ArrayData::F32(vec![1.0]),
        ArrayData::I32(vec![0, 0]),
        ArrayData::F32(vec![0.0]),
        ArrayData::F32(vec![0.0; 2]),
    ];
    interpret(&program(Precision::F32, false, Join::Sum), &[2], &mut arrays);
}
