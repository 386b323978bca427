//! Rows as lanes: arrays whose short last axis every lane goes along by itself.

use super::*;
use crate::loops::{Join, PARTIALS, SHORT, Subscript};
use crate::lower::{Known, for_lengths};

/// For each row of `a[N, K]`: its maximum m and the sum s of `a - m`, `out[n, k] = (a[n, k] - m) * s + a[n, at[n]]`
/// by way of a temporary, which has an element of each row or of each lane, and `first[n, 0] = s`, the other elements of
/// `first` staying as they are.
fn program(precision: Precision, length: Option<u32>, of_lanes: bool) -> Program {
    let mut maker = Maker::new(precision);
    let rows = maker.extent("N");
    let length = length.map_or_else(|| maker.extent("K"), Extent::Literal);
    let [a, out, first] = [ArrayRole::Input, ArrayRole::Output, ArrayRole::Output]
        .map(|role| maker.array(role, Kind::Real, &[rows, length]));
    let partials = Extent::Literal(u32::try_from(PARTIALS).unwrap());
    let extents = if of_lanes { [Extent::Literal(SHORT), partials] } else { [rows, length] };
    let between = maker.array(ArrayRole::Temporary, Kind::Real, &extents);
    let at = maker.array(ArrayRole::Input, Kind::Integer, &[rows]);
    let row = maker.open();
    let [i, n] = [(); 2].map(|()| Subscript::Counter(row));
    let place = |k| if of_lanes { vec![k, Subscript::Partial(row)] } else { vec![n, k] };
    let label = maker.set(Kind::Integer, Operation::Load(at, vec![i]));
    let chosen = maker.set(Kind::Real, Operation::Load(a, vec![i, Subscript::Value(label)]));
    let largest = short(&mut maker, length, Join::Maximum, |maker, k| {
        maker.set(Kind::Real, Operation::Load(a, vec![n, k]))
    });
    let sum = short(&mut maker, length, Join::Sum, |maker, k| {
        let element = maker.set(Kind::Real, Operation::Load(a, vec![n, k]));
        let value = maker.set(Kind::Real, Operation::Subtract(element, largest));
        maker.push(Statement::Store { array: between, subscripts: place(k), value });
        value
    });
    short(&mut maker, length, Join::Sum, |maker, k| {
        let element = maker.set(Kind::Real, Operation::Load(between, place(k)));
        let operation = Operation::FusedMultiplyAdd(element, sum, chosen);
        let value = maker.set(Kind::Real, operation);
        maker.push(Statement::Store { array: out, subscripts: vec![n, k], value });
        value
    });
    let subscripts = vec![n, Subscript::Literal(0)];
    maker.push(Statement::Store { array: first, subscripts, value: sum });
    maker.close(row, rows, true, vec![]);
    maker.finish()
}

/// A plain loop with one accumulator; gives its result.
fn short(
    maker: &mut Maker,
    extent: Extent,
    join: Join,
    body: impl FnOnce(&mut Maker, Subscript) -> Value,
) -> Value {
    let id = maker.open();
    let element = body(maker, Subscript::Counter(id));
    let result = maker.value(Kind::Real);
    let accumulators = vec![Accumulator { join, element, factor: None, result }];
    maker.close(id, extent, false, accumulators);
    result
}

#[test]
fn rows_as_lanes_give_the_same_bits() {
    let mut choice = choices();
    for (precision, of_lanes) in
        [Precision::F32, Precision::F64].into_iter().flat_map(|it| [(it, false), (it, true)])
    {
        let given = program(precision, None, of_lanes);
        let given = (kernels(&given), given);
        for length in 1..=SHORT {
            if of_lanes && ![1, 5, SHORT].contains(&length) {
                continue;
            }
            let literal = program(precision, Some(length), of_lanes);
            let literal = (kernels(&literal), literal);
            let fixed = for_lengths(&given.1, &[Known::Nothing, Known::Length(length)]);
            let fixed = (kernels(&fixed), fixed);
            for rows in EXTENTS {
                let all = [rows, u64::from(length)];
                for ((kernels, program), extents) in
                    [(&given, &all[..]), (&literal, &all[..1]), (&fixed, &all[..])]
                {
                    let mut arrays = fill(program, extents, &mut choice);
                    let bound = i64::from(length);
                    match arrays.last_mut().unwrap() {
                        ArrayData::I32(at) => {
                            let bound = i32::try_from(bound).unwrap();
                            for at in at {
                                *at %= bound;
                            }
                        }
                        ArrayData::I64(at) => {
                            for at in at {
                                *at %= bound;
                            }
                        }
                        other => panic!("positions are integers: {other:?}"),
                    }
                    compare(program, kernels, extents, &arrays).unwrap();
                    if std::ptr::eq(program, &raw const fixed.1) {
                        compare(&given.1, kernels, extents, &arrays).unwrap();
                    }
                }
            }
        }
    }
}
