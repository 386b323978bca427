//! Loops in lanes that begin where a loop around stands.

use super::*;
use crate::loops::{Join, Subscript};

/// `first[i]` is the sum of `a[i] * a[j]` over all j behind i, and `second[j]` gets 1 for each i in front of j.
fn program(precision: Precision) -> Program {
    let mut maker = Maker::new(precision);
    let extent = maker.extent("N");
    let [a, first, second] = [ArrayRole::Input, ArrayRole::Output, ArrayRole::Output]
        .map(|role| maker.array(role, Kind::Real, &[extent]));
    let clear = maker.open();
    let zero = maker.set(Kind::Real, Operation::Real(0f64.to_bits()));
    let subscripts = vec![Subscript::Counter(clear)];
    maker.push(Statement::Store { array: second, subscripts, value: zero });
    maker.close(clear, extent, true, vec![]);
    let (row, guard) = (maker.open(), maker.open());
    let [i, j] = [row, guard].map(|id| vec![Subscript::Counter(id)]);
    let places = [row, guard].map(|id| maker.set(Kind::Integer, Operation::Counter(id)));
    let is_behind = maker.set(Kind::Mask, Operation::IntegerLess(places[0], places[1]));
    let [left, right] = [&i, &j].map(|at| maker.set(Kind::Real, Operation::Load(a, at.clone())));
    let product = maker.set(Kind::Real, Operation::Multiply(left, right));
    let [zero, one] =
        [0f64, 1.0].map(|real| maker.set(Kind::Real, Operation::Real(real.to_bits())));
    let element = maker.set(Kind::Real, Operation::Select(is_behind, product, zero));
    let before = maker.set(Kind::Real, Operation::Load(second, j.clone()));
    let more = maker.set(Kind::Real, Operation::Select(is_behind, one, zero));
    let value = maker.set(Kind::Real, Operation::Add(before, more));
    maker.push(Statement::Store { array: second, subscripts: j, value });
    let result = maker.value(Kind::Real);
    let accumulators = vec![Accumulator { join: Join::Sum, element, factor: None, result }];
    maker.close_behind(Some(row), guard, extent, true, accumulators);
    maker.push(Statement::Store { array: first, subscripts: i, value: result });
    maker.close(row, extent, false, vec![]);
    maker.finish()
}

#[test]
fn loops_behind_others_give_the_same_bits() {
    let mut choice = choices();
    for precision in [Precision::F32, Precision::F64] {
        let program = program(precision);
        let kernels = kernels(&program);
        for count in [0, 1, 31, 32, 33, 65, 300] {
            let arrays = fill(&program, &[count], &mut choice);
            compare(&program, &kernels, &[count], &arrays).unwrap();
        }
    }
}
