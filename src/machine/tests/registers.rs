//! Bodies that leave next to no registers for what stands between their operations.

use super::*;
use crate::loops::Subscript;

/// `for i < N { out[i] = if mask { a } else { b } … }` in lanes, of masks and numbers from outside, so that nothing that the
/// body defines needs a register.
fn program(precision: Precision, count: usize) -> Program {
    let mut maker = Maker::new(precision);
    let extent = maker.extent("N");
    let from = maker.array(ArrayRole::Input, Kind::Real, &[Extent::Literal(64)]);
    let outs: Vec<_> =
        (0..count).map(|_| maker.array(ArrayRole::Output, Kind::Real, &[extent])).collect();
    let mut at = 0;
    let mut outside = |maker: &mut Maker| {
        at += 1;
        maker.set(Kind::Real, Operation::Load(from, vec![Subscript::Literal(at)]))
    };
    let choices: Vec<_> = (0..count)
        .map(|_| {
            let [a, b] = [(); 2].map(|()| outside(&mut maker));
            (maker.set(Kind::Mask, Operation::Less(a, b)), a, b)
        })
        .collect();
    let id = maker.open();
    for (array, (mask, a, b)) in outs.into_iter().zip(choices) {
        let value = maker.set(Kind::Real, Operation::Select(mask, a, b));
        maker.push(Statement::Store { array, subscripts: vec![Subscript::Counter(id)], value });
    }
    maker.close(id, extent, true, vec![]);
    maker.finish()
}

#[test]
fn operations_have_registers_when_nothing_else_needs_any() {
    let mut choice = choices();
    for precision in [Precision::F32, Precision::F64] {
        for count in [1, 4, 5, 6, 8, 12, 16] {
            let program = program(precision, count);
            let kernels = kernels(&program);
            for extent in EXTENTS {
                let arrays = fill(&program, &[extent], &mut choice);
                compare(&program, &kernels, &[extent], &arrays).unwrap();
            }
        }
    }
}
