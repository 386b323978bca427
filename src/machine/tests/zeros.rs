//! Selections between a number and 0: in sums, behind what computes the number, of masks from inside and outside of a loop.

use super::*;
use crate::loops::{Join, SHORT, Subscript};
use crate::lower::{Known, for_lengths};

/// Sums along each row of `a[N, K]`: of the first element wherever one is below 1, of those below 1, of those that are not, and of
/// how many are 1. `out[n, k] = a[n, k] * how many`, and at `at[n]` the sums of elements less one another; 0 where `at[n]` is below
/// 0. The loop with the sums has so much in it that it stays a loop where that with the products is written out. `total[]` adds up
/// what rows have at `at[n]`.
fn program(precision: Precision, rows_in_lanes: bool) -> Program {
    let mut maker = Maker::new(precision);
    let [rows, length] = ["N", "K"].map(|name| maker.extent(name));
    let total = maker.array(ArrayRole::Output, Kind::Real, &[]);
    let out = maker.array(ArrayRole::Output, Kind::Real, &[rows, length]);
    let a = maker.array(ArrayRole::Input, Kind::Real, &[rows, length]);
    let at = maker.array(ArrayRole::Input, Kind::Integer, &[rows]);
    let row = maker.open();
    let label = maker.set(Kind::Integer, Operation::Load(at, vec![Subscript::Counter(row)]));
    let none = maker.set(Kind::Integer, Operation::Integer(0));
    let missing = maker.set(Kind::Mask, Operation::IntegerLess(label, none));
    let sums = write_sums(&mut maker, row, (a, length), !rows_in_lanes);
    let zero = maker.set(Kind::Real, Operation::Real(0));
    let both = maker.set(Kind::Real, Operation::Subtract(sums[0], sums[1]));
    let kept = maker.set(Kind::Real, Operation::Select(missing, zero, both));
    let inside = maker.open();
    let [n, k] = [row, inside].map(Subscript::Counter);
    let here = maker.set(Kind::Integer, Operation::Counter(inside));
    let is_here = maker.set(Kind::Mask, Operation::IntegerEqual(here, label));
    let element = maker.set(Kind::Real, Operation::Load(a, vec![n, k]));
    let product = maker.set(Kind::Real, Operation::Multiply(element, sums[2]));
    let product = maker.set(Kind::Real, Operation::Select(missing, zero, product));
    let value = maker.set(Kind::Real, Operation::Select(is_here, kept, product));
    maker.push(Statement::Store { array: out, subscripts: vec![n, k], value });
    maker.close(inside, length, !rows_in_lanes, vec![]);
    let sum = maker.value(Kind::Real);
    let accumulators =
        vec![Accumulator { join: Join::Sum, element: kept, factor: None, result: sum }];
    maker.close(row, rows, rows_in_lanes, accumulators);
    maker.push(Statement::Store { array: total, subscripts: vec![], value: sum });
    maker.finish()
}

fn write_sums(
    maker: &mut Maker,
    row: LoopId,
    (a, length): (ArrayId, Extent),
    lanes: bool,
) -> [Value; 3] {
    let first = vec![Subscript::Counter(row), Subscript::Literal(0)];
    let outside = maker.set(Kind::Real, Operation::Load(a, first));
    let inside = maker.open();
    let subscripts = [row, inside].map(Subscript::Counter).to_vec();
    let element = maker.set(Kind::Real, Operation::Load(a, subscripts));
    let mut number = element;
    for _ in 0..30 {
        number = maker.set(Kind::Real, Operation::Maximum(number, element));
    }
    let [zero, one] = [0.0f64, 1.0].map(|it| maker.set(Kind::Real, Operation::Real(it.to_bits())));
    let is_less = maker.set(Kind::Mask, Operation::Less(number, one));
    let is_one = maker.set(Kind::Mask, Operation::Equal(number, one));
    let of = [
        Operation::Select(is_less, outside, zero),
        Operation::Select(is_less, number, zero),
        Operation::Select(is_less, zero, number),
        Operation::Select(is_one, one, zero),
    ];
    let accumulators: Vec<Accumulator> = of
        .into_iter()
        .map(|operation| {
            let element = maker.set(Kind::Real, operation);
            let result = maker.value(Kind::Real);
            Accumulator { join: Join::Sum, element, factor: None, result }
        })
        .collect();
    let results = [1, 2, 3].map(|at: usize| accumulators[at].result);
    maker.close(inside, length, lanes, accumulators);
    results
}

#[test]
fn selections_with_zero_give_the_same_bits() {
    let mut choice = choices();
    for (precision, rows_in_lanes) in
        [Precision::F32, Precision::F64].into_iter().flat_map(|it| [(it, false), (it, true)])
    {
        let given = program(precision, rows_in_lanes);
        let open = kernels(&given);
        let lengths: &[u32] = if rows_in_lanes { &[1, 2, 5, 10, SHORT] } else { &[1, 15, 33, 70] };
        for length in lengths {
            let fixed = for_lengths(&given, &[Known::Nothing, Known::Length(*length)]);
            let fixed = kernels(&fixed);
            for rows in EXTENTS {
                let extents = [rows, u64::from(*length)];
                let arrays = fill(&given, &extents, &mut choice);
                compare(&given, &open, &extents, &arrays).unwrap();
                compare(&given, &fixed, &extents, &arrays).unwrap();
            }
        }
    }
}
