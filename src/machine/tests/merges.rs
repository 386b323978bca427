//! Selections of what is computed for them alone: the same bits, whatever becomes of the operands.

use super::*;
use crate::loops::{Join, Subscript};

/// `for i < N { out[i] = … }` in lanes: operations that one selection reads, or two, or something else as well, and what is to
/// be there otherwise ends in the selection, lives on, is a constant, or comes from outside.
fn program(precision: Precision) -> Program {
    use Operation as O;
    let mut maker = Maker::new(precision);
    let extent = maker.extent("N");
    let [a, b] = [(); 2].map(|()| maker.array(ArrayRole::Input, Kind::Real, &[extent]));
    let outs = [(); 3].map(|()| maker.array(ArrayRole::Output, Kind::Real, &[extent]));
    let total = maker.array(ArrayRole::Output, Kind::Real, &[]);
    let outside = maker.set(Kind::Real, O::Real(0.3f64.to_bits()));
    let outside = maker.set(Kind::Real, O::SquareRoot(outside));
    let id = maker.open();
    let here = vec![Subscript::Counter(id)];
    let [a, b] = [a, b].map(|array| maker.set(Kind::Real, O::Load(array, here.clone())));
    let half = maker.set(Kind::Real, O::Real(0.5f64.to_bits()));
    let p = maker.set(Kind::Mask, O::Less(a, b));
    let q = maker.set(Kind::Mask, O::Less(half, b));
    let product = maker.set(Kind::Real, O::Multiply(a, b));
    let first = maker.set(Kind::Real, O::Select(p, product, b));
    let second = maker.set(Kind::Real, O::Select(q, product, first));
    let less = maker.set(Kind::Real, O::Subtract(second, a));
    let third = maker.set(Kind::Real, O::Select(p, less, half));
    let larger = maker.set(Kind::Real, O::Maximum(third, outside));
    let fourth = maker.set(Kind::Real, O::Select(q, larger, outside));
    let sum = maker.set(Kind::Real, O::Add(half, fourth));
    let fifth = maker.set(Kind::Real, O::Select(p, sum, sum));
    let read_twice = maker.set(Kind::Real, O::Minimum(fifth, a));
    let sixth = maker.set(Kind::Real, O::Select(q, read_twice, b));
    let seventh = maker.set(Kind::Real, O::Add(sixth, read_twice));
    let element = maker.set(Kind::Real, O::Subtract(seventh, half));
    let eighth = maker.set(Kind::Real, O::Select(p, element, seventh));
    for (array, value) in outs.into_iter().zip([second, third, eighth]) {
        maker.push(Statement::Store { array, subscripts: here.clone(), value });
    }
    let result = maker.value(Kind::Real);
    let largest = Accumulator { join: Join::Maximum, element: fourth, factor: None, result };
    maker.close(id, extent, true, vec![largest]);
    maker.push(Statement::Store { array: total, subscripts: vec![], value: result });
    maker.finish()
}

#[test]
fn selections_of_operations_give_the_same_bits() {
    let mut choice = choices();
    for program in [Precision::F32, Precision::F64].map(program) {
        let kernels = kernels(&program);
        for extent in EXTENTS {
            let arrays = fill(&program, &[extent], &mut choice);
            compare(&program, &kernels, &[extent], &arrays).unwrap();
        }
    }
}
