//! Every operation and every join, over a table of inputs and extents.

use super::*;
use crate::loops::{Join, Subscript};

/// The kind of an operation's result, and how to write it.
type Row = (Kind, Box<dyn Fn(&Operands) -> Operation>);

/// The operations on values, with the kind of each operand: of two reals `a`, `b`, two integers, two masks.
fn table() -> Vec<Row> {
    fn row(kind: Kind, make: impl Fn(&Operands) -> Operation + 'static) -> Row {
        (kind, Box::new(make))
    }
    use Kind::{Integer, Mask, Real};
    use Operation as O;
    vec![
        row(Real, |_| O::Real((-0.0f64).to_bits())),
        row(Real, |_| O::Real(0.1f64.to_bits())),
        row(Integer, |_| O::Integer(-7)),
        row(Mask, |_| O::Mask(true)),
        row(Mask, |_| O::Mask(false)),
        row(Integer, |of| O::Counter(of.counter)),
        row(Integer, |of| O::Counter(of.outer)),
        row(Integer, |of| O::Extent(of.extent)),
        row(Integer, |_| O::Extent(Extent::Literal(9))),
        row(Real, |of| O::Add(of.a, of.b)),
        row(Real, |of| O::Subtract(of.a, of.b)),
        row(Real, |of| O::Multiply(of.a, of.b)),
        row(Real, |of| O::Divide(of.a, of.b)),
        row(Real, |of| O::FusedMultiplyAdd(of.a, of.b, of.a)),
        row(Real, |of| O::FusedMultiplyAdd(of.minus_a, of.b, of.outside)),
        row(Real, |of| O::Negate(of.a)),
        row(Real, |of| O::Absolute(of.a)),
        row(Real, |of| O::SquareRoot(of.a)),
        row(Real, |of| O::Floor(of.a)),
        row(Real, |of| O::Nearest(of.a)),
        row(Real, |of| O::Minimum(of.a, of.b)),
        row(Real, |of| O::Maximum(of.a, of.b)),
        row(Mask, |of| O::Less(of.a, of.b)),
        row(Mask, |of| O::LessEqual(of.a, of.b)),
        row(Mask, |of| O::Equal(of.a, of.b)),
        row(Mask, |of| O::IntegerLess(of.m, of.n)),
        row(Mask, |of| O::IntegerEqual(of.m, of.n)),
        row(Mask, |of| O::And(of.p, of.q)),
        row(Mask, |of| O::Or(of.p, of.q)),
        row(Mask, |of| O::Not(of.p)),
        row(Real, |of| O::Select(of.p, of.a, of.b)),
        row(Real, |of| O::Select(of.joined, of.a, of.outside)),
        row(Integer, |of| O::Select(of.p, of.m, of.n)),
        row(Mask, |of| O::Select(of.p, of.q, of.joined)),
        row(Integer, |of| O::Bits(of.number)),
        row(Real, |of| O::FromBits(of.bits)),
        row(Real, |of| O::ToReal(of.m)),
        row(Real, |of| O::ToReal(of.bits)),
        row(Integer, |of| O::IntegerAdd(of.bits, of.bits)),
        row(Integer, |of| O::IntegerSubtract(of.m, of.bits)),
        row(Integer, |of| O::BitAnd(of.bits, of.m)),
        row(Integer, |of| O::BitOr(of.bits, of.m)),
        row(Integer, |of| O::BitXor(of.bits, of.m)),
        row(Integer, |of| O::ShiftLeft(of.bits, 0)),
        row(Integer, |of| O::ShiftLeft(of.bits, 23)),
        row(Integer, |of| O::ShiftRight(of.bits, 31)),
        row(Integer, |of| O::ShiftRightUnsigned(of.bits, 5)),
        row(Real, |of| {
            O::Load(of.reals, vec![Subscript::Counter(of.outer), Subscript::Counter(of.counter)])
        }),
        row(Real, |of| {
            O::Load(of.reals, vec![Subscript::Value(of.n), Subscript::Counter(of.counter)])
        }),
        row(Real, |of| O::Load(of.table, vec![Subscript::Value(of.n), Subscript::Literal(3)])),
        row(Real, |of| O::Load(of.table, vec![Subscript::Literal(2), Subscript::Value(of.n)])),
        row(Real, |of| O::Load(of.table, vec![Subscript::Literal(2), Subscript::Literal(5)])),
    ]
}

/// What an operation of the table may use.
struct Operands {
    a: Value,
    b: Value,
    /// `-a`, which only this table's fused multiply-adds use.
    minus_a: Value,
    /// A real from outside of the loops.
    outside: Value,
    m: Value,
    /// An integer from 0 to 7.
    n: Value,
    /// A real that is a number, and its bits.
    number: Value,
    bits: Value,
    p: Value,
    q: Value,
    joined: Value,
    counter: LoopId,
    outer: LoopId,
    extent: Extent,
    reals: ArrayId,
    table: ArrayId,
}

/// `for o < 8 { for i < N { out[o, i] = operation; join it } store joined }`, in lanes.
#[expect(clippy::many_single_char_names, reason = "operands have no better names")]
fn program_of(
    precision: Precision,
    fused: bool,
    kind: Kind,
    make: &dyn Fn(&Operands) -> Operation,
) -> Program {
    let mut maker = Maker::new(precision);
    maker.program.fused = fused;
    let (eight, extent) = (Extent::Literal(8), maker.extent("N"));
    let reals = maker.array(ArrayRole::Input, Kind::Real, &[eight, extent]);
    let table = maker.array(ArrayRole::Input, Kind::Real, &[eight, eight]);
    let indices = maker.array(ArrayRole::Input, Kind::Integer, &[eight, extent]);
    let out_kind = if kind == Kind::Integer { Kind::Integer } else { Kind::Real };
    let out = maker.array(ArrayRole::Output, out_kind, &[eight, extent]);
    let joined_out = maker.array(ArrayRole::Output, Kind::Real, &[eight, eight]);
    let outside = maker.set(Kind::Real, Operation::Real(0.3f64.to_bits()));
    let outside = maker.set(Kind::Real, Operation::SquareRoot(outside));
    let outer = maker.open();
    let counter = maker.open();
    let here = vec![Subscript::Counter(outer), Subscript::Counter(counter)];
    let a = maker.set(Kind::Real, Operation::Load(reals, here.clone()));
    let n = maker.set(Kind::Integer, Operation::Load(indices, here.clone()));
    let gathered = vec![Subscript::Counter(outer), Subscript::Value(n)];
    let b = maker.set(Kind::Real, Operation::Load(table, gathered));
    let minus_a = maker.set(Kind::Real, Operation::Negate(a));
    let is_number = maker.set(Kind::Mask, Operation::Equal(a, a));
    let number = maker.set(Kind::Real, Operation::Select(is_number, a, outside));
    let bits = maker.set(Kind::Integer, Operation::Bits(number));
    let three = maker.set(Kind::Integer, Operation::Integer(3));
    let m = maker.set(Kind::Integer, Operation::IntegerSubtract(n, three));
    let p = maker.set(Kind::Mask, Operation::Less(a, b));
    let q = maker.set(Kind::Mask, Operation::IntegerLess(m, n));
    let joined = maker.set(Kind::Mask, Operation::Or(p, is_number));
    let operands = Operands {
        a,
        b,
        minus_a,
        outside,
        m,
        n,
        number,
        bits,
        p,
        q,
        joined,
        counter,
        outer,
        extent,
        reals,
        table,
    };
    let result = maker.set(kind, make(&operands));
    let (stored, element_mask) = match kind {
        Kind::Real => (result, p),
        Kind::Integer => (result, q),
        Kind::Mask => (maker.set(Kind::Real, Operation::Select(result, a, b)), result),
    };
    maker.push(Statement::Store { array: out, subscripts: here, value: stored });
    let element = if kind == Kind::Integer {
        maker.set(Kind::Real, Operation::ToReal(result))
    } else {
        stored
    };
    let accumulators: Vec<Accumulator> = Join::ALL
        .iter()
        .map(|join| {
            let element = if join.kind() == Kind::Mask { element_mask } else { element };
            Accumulator { join: *join, element, factor: None, result: maker.value(join.kind()) }
        })
        .collect();
    maker.close(counter, extent, true, accumulators.clone());
    for (at, accumulator) in (0..).zip(&accumulators) {
        let real = match accumulator.join.kind() {
            Kind::Mask => {
                let one = maker.set(Kind::Real, Operation::Real(1f64.to_bits()));
                maker.set(Kind::Real, Operation::Select(accumulator.result, one, outside))
            }
            _ => accumulator.result,
        };
        let subscripts = vec![Subscript::Counter(outer), Subscript::Literal(at)];
        maker.push(Statement::Store { array: joined_out, subscripts, value: real });
    }
    maker.close(outer, eight, false, vec![]);
    maker.finish()
}

/// A program for each operation and precision.
pub(super) fn every_operation(fused: bool) -> Vec<Program> {
    let of = |precision| {
        table().into_iter().map(move |(kind, make)| program_of(precision, fused, kind, &*make))
    };
    [Precision::F32, Precision::F64].into_iter().flat_map(of).collect()
}

#[test]
fn every_operation_gives_the_same_bits() {
    let mut choice = choices();
    for fused in [false, true] {
        for program in every_operation(fused && crate::machine::host_fuses()) {
            let kernels = kernels(&program);
            for extent in EXTENTS {
                let arrays = fill(&program, &[extent], &mut choice);
                compare(&program, &kernels, &[extent], &arrays).unwrap();
            }
        }
    }
}
