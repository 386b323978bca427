//! Products of matrices, around the sizes of tiles and blocks, each matrix lying the one way and the other.

use super::*;
use crate::loops::{DEPTH, Element, Index, MatrixProduct, Subscript};

/// For each of two batches: `to = left * right`, where the left matrix lies row by row, or column by column.
fn program(precision: Precision, literal: Option<[u32; 3]>, is_turned: bool) -> Program {
    let mut maker = Maker::new(precision);
    let given = literal.map(|extents| extents.map(Extent::Literal));
    let [rows, columns, depth] =
        given.unwrap_or_else(|| ["R", "C", "D"].map(|name| maker.extent(name)));
    let batch = Extent::Literal(2);
    let of_left = if is_turned { [batch, depth, rows] } else { [batch, rows, depth] };
    let left = maker.array(ArrayRole::Input, Kind::Real, &of_left);
    let right = maker.array(ArrayRole::Input, Kind::Real, &[depth, columns]);
    let to = maker.array(ArrayRole::Output, Kind::Real, &[rows, batch, columns]);
    let outer = maker.open();
    let [row, column, deep] = [1, 2, 3].map(|at| LoopId(outer.0 + at));
    let [n, i, j, k] = [outer, row, column, deep].map(Subscript::Counter);
    let of_left = if is_turned { vec![n, k, i] } else { vec![n, i, k] };
    maker.push(Statement::Product(Box::new(MatrixProduct {
        row: Index { id: row, extent: rows },
        column: Index { id: column, extent: columns },
        depth: Index { id: deep, extent: depth },
        left: Element { array: left, subscripts: of_left },
        right: Element { array: right, subscripts: vec![k, j] },
        to: Element { array: to, subscripts: vec![i, n, j] },
    })));
    maker.close(outer, batch, false, vec![]);
    maker.finish()
}

#[test]
fn products_of_matrices_give_the_same_bits() {
    let mut choice = choices();
    let deep = u64::from(DEPTH);
    for precision in [Precision::F32, Precision::F64] {
        for is_turned in [false, true] {
            let given = program(precision, None, is_turned);
            let kernels = kernels(&given);
            for rows in [0, 1, 11] {
                for columns in [0, 1, 35] {
                    for depth in [0, 3, deep + 1] {
                        let extents = [rows, columns, depth];
                        let arrays = numbers(&given, &extents, &mut choice);
                        compare(&given, &kernels, &extents, &arrays).unwrap();
                    }
                }
            }
            let literal = program(precision, Some([9, 37, 70]), is_turned);
            let arrays = fill(&literal, &[], &mut choice);
            compare(&literal, &super::kernels(&literal), &[], &arrays).unwrap();
        }
    }
}

/// Arrays of numbers whose products round.
fn numbers(
    program: &Program,
    extents: &[u64],
    choice: &mut impl FnMut(usize) -> usize,
) -> Vec<ArrayData> {
    let mut arrays = fill(program, extents, choice);
    let mut number = || f64::from(u32::try_from(choice(1 << 20)).unwrap()) / 7e4 - 7.0;
    for array in &mut arrays {
        match array {
            #[expect(clippy::cast_possible_truncation, reason = "rounding is fine")]
            ArrayData::F32(all) => all.iter_mut().for_each(|it| *it = number() as f32),
            ArrayData::F64(all) => all.iter_mut().for_each(|it| *it = number()),
            ArrayData::I32(_) | ArrayData::I64(_) => unreachable!("matrices hold reals"),
        }
    }
    arrays
}
