//! Runs a program plainly, one statement after the other: the oracle for every machine.
//!
//! In come a valid program, its extents and the caller's arrays; the outputs hold the results
//! afterwards. Everything is computed in the program's precision, in the order that
//! [`crate::loops`] states. A subscript outside its axis panics and says which.

mod number;

use std::collections::HashMap;

use crate::loops::{
    ArrayId, ArrayRole, BLOCK, DEPTH, Element, Extent, Join, Kind, Loop, LoopId, MatrixProduct,
    Operation, PARTIALS, Precision, Program, SHORT, Statement, Subscript, TRIP, Value,
};
use number::Number;

/// The elements of an array, row-major.
#[derive(Clone, Debug, PartialEq)]
pub enum ArrayData {
    /// Reals of an f32 program.
    F32(Vec<f32>),
    /// Reals of an f64 program.
    F64(Vec<f64>),
    /// Integers of an f32 program.
    I32(Vec<i32>),
    /// Integers of an f64 program.
    I64(Vec<i64>),
}

/// Runs a program on the caller's arrays: inputs and outputs in the program's order, temporaries left out.
///
/// # Panics
/// Where an array does not have the length or type that the program states, or a subscript lies
/// outside its axis.
pub fn interpret(program: &Program, extents: &[u64], arrays: &mut [ArrayData]) {
    match program.precision {
        Precision::F32 => run::<f32>(program, extents, arrays),
        Precision::F64 => run::<f64>(program, extents, arrays),
    }
}

/// How many elements an array has.
///
/// # Panics
/// Where that is more than memory has addresses.
#[must_use]
pub fn element_count(program: &Program, array: ArrayId, extents: &[u64]) -> usize {
    let axes = &program.arrays[array.0 as usize].extents;
    let count = axes.iter().map(|extent| extent_of(*extent, extents)).product::<u64>();
    usize::try_from(count).expect("an array fits into memory")
}

fn extent_of(extent: Extent, extents: &[u64]) -> u64 {
    match extent {
        Extent::Literal(literal) => u64::from(literal),
        Extent::Given(id) => extents[id.0 as usize],
    }
}

fn run<T: Number>(program: &Program, extents: &[u64], arrays: &mut [ArrayData]) {
    assert_eq!(extents.len(), program.extents.len(), "one length for each extent");
    let mut callers = arrays.iter_mut();
    let all = (0..).map(ArrayId).zip(&program.arrays).map(|(id, array)| {
        let count = element_count(program, id, extents);
        if array.role == ArrayRole::Temporary {
            return Storage::undefined(array.kind, count);
        }
        let data = callers.next().expect("an array for each input and output");
        let storage = T::take(data, array.kind);
        assert_eq!(storage.len(), count, "elements of array `{}`", array.name);
        storage
    });
    let storages: Vec<Storage<T>> = all.collect();
    assert!(callers.next().is_none(), "more arrays than the program has inputs and outputs");
    let values = vec![Scalar::Mask(false); program.kinds.len()];
    let mut machine = Machine {
        program,
        extents,
        arrays: storages,
        values,
        counters: HashMap::new(),
        in_lanes: false,
    };
    machine.run_body(&program.body);
    let owned = machine.arrays.into_iter().zip(&program.arrays);
    let kept = owned.filter(|(_, array)| array.role != ArrayRole::Temporary);
    for ((storage, _), data) in kept.zip(arrays) {
        *data = T::give(storage);
    }
}

/// A value as it runs.
#[derive(Clone, Copy, Debug)]
enum Scalar<T> {
    Real(T),
    /// Kept in the range of the program's integers.
    Integer(i64),
    Mask(bool),
}

/// An array as it runs.
#[derive(Debug)]
enum Storage<T> {
    Reals(Vec<T>),
    Integers(Vec<i64>),
}

impl<T: Number> Storage<T> {
    /// Scratch memory: what is read before it is written shows as NaN, or as an index out of range.
    fn undefined(kind: Kind, count: usize) -> Self {
        match kind {
            Kind::Real => Self::Reals(vec![T::from_f64(f64::NAN); count]),
            Kind::Integer => Self::Integers(vec![T::wrap(i64::MIN >> 1); count]),
            Kind::Mask => unreachable!("arrays hold no masks"),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Reals(reals) => reals.len(),
            Self::Integers(integers) => integers.len(),
        }
    }
}

struct Machine<'a, T> {
    program: &'a Program,
    extents: &'a [u64],
    arrays: Vec<Storage<T>>,
    values: Vec<Scalar<T>>,
    counters: HashMap<LoopId, u64>,
    /// Whether a loop in lanes is around what runs.
    in_lanes: bool,
}

impl<T: Number> Machine<'_, T> {
    fn run_body(&mut self, body: &[Statement]) {
        for statement in body {
            match statement {
                Statement::Let(value, operation) => {
                    self.values[value.0 as usize] = self.compute(operation);
                }
                Statement::Store { array, subscripts, value } => {
                    let at = self.position(*array, subscripts);
                    let scalar = self.values[value.0 as usize];
                    match (&mut self.arrays[array.0 as usize], scalar) {
                        (Storage::Reals(reals), Scalar::Real(real)) => reals[at] = real,
                        (Storage::Integers(all), Scalar::Integer(integer)) => all[at] = integer,
                        (storage, scalar) => panic!("{scalar:?} stored into {storage:?}"),
                    }
                }
                Statement::Loop(inner) => self.run_loop(inner),
                Statement::Product(product) => self.run_product(product),
            }
        }
    }

    fn run_loop(&mut self, inner: &Loop) {
        let runs = inner.guard.is_none_or(|guard| self.mask(guard));
        let extent = if runs { extent_of(inner.extent, self.extents) } else { 0 };
        let count = if inner.lanes { PARTIALS } else { 1 };
        let block = match (inner.lanes, self.in_lanes) {
            (true, _) => u64::from(BLOCK),
            (false, true) => extent,
            (false, false) => 1,
        };
        assert!(!self.in_lanes || extent <= u64::from(SHORT), "{} is too long", inner.id);
        self.in_lanes |= inner.lanes;
        let mut all: Vec<Vec<Partial<T>>> =
            inner.accumulators.iter().map(|of| vec![Partial::new(of.join); count]).collect();
        let start = inner.behind.map_or(0, |around| self.counters[&around]);
        let start = start - start % u64::from(TRIP);
        for at in start..extent {
            self.counters.insert(inner.id, at);
            self.run_body(&inner.body);
            for (partials, accumulator) in all.iter_mut().zip(&inner.accumulators) {
                let element = self.values[accumulator.element.0 as usize];
                let partial = &mut partials[usize::try_from(at).expect("a length") % count];
                match accumulator.factor {
                    None => partial.join(element),
                    Some(factor) => {
                        let [a, b] = [accumulator.element, factor].map(|it| self.real(it));
                        partial.add_product(a, b, self.program.fused);
                    }
                }
                if (at + 1 - start).is_multiple_of(block) || at + 1 == extent {
                    partials.iter_mut().for_each(Partial::end_block);
                }
            }
        }
        self.in_lanes &= !inner.lanes;
        self.counters.remove(&inner.id);
        for (partials, accumulator) in all.iter().zip(&inner.accumulators) {
            let totals = partials.iter().map(|partial| partial.total).collect();
            self.values[accumulator.result.0 as usize] = join_tree(accumulator.join, totals);
        }
    }

    fn run_product(&mut self, product: &MatrixProduct) {
        let [rows, columns, depth] =
            product.indices().map(|index| extent_of(index.extent, self.extents));
        let [row, column, deep] = product.indices().map(|index| index.id);
        for (at_row, at_column) in (0..rows).flat_map(|row| (0..columns).map(move |at| (row, at))) {
            self.counters.extend([(row, at_row), (column, at_column)]);
            let mut sum = Partial::new(Join::Sum);
            for at in 0..depth {
                self.counters.insert(deep, at);
                let [left, right] = [&product.left, &product.right].map(|it| self.element(it));
                let Scalar::Real(so_far) = sum.value else { unreachable!("sums are reals") };
                let next = if self.program.fused {
                    left.mul_add(right, so_far)
                } else {
                    left * right + so_far
                };
                sum.value = Scalar::Real(next);
                if (at + 1).is_multiple_of(u64::from(DEPTH)) || at + 1 == depth {
                    sum.end_block();
                }
            }
            let at = self.position(product.to.array, &product.to.subscripts);
            let Scalar::Real(total) = sum.total else { unreachable!("sums are reals") };
            let Storage::Reals(to) = &mut self.arrays[product.to.array.0 as usize] else {
                unreachable!("matrices hold reals")
            };
            to[at] = total;
        }
        for id in [row, column, deep] {
            self.counters.remove(&id);
        }
    }

    fn element(&self, element: &Element) -> T {
        let at = self.position(element.array, &element.subscripts);
        match &self.arrays[element.array.0 as usize] {
            Storage::Reals(reals) => reals[at],
            Storage::Integers(_) => unreachable!("matrices hold reals"),
        }
    }

    fn position(&self, array: ArrayId, subscripts: &[Subscript]) -> usize {
        let stated = &self.program.arrays[array.0 as usize];
        let mut position = 0;
        for (axis, (subscript, extent)) in subscripts.iter().zip(&stated.extents).enumerate() {
            let at = match subscript {
                Subscript::Counter(id) => self.counters[id].cast_signed(),
                Subscript::Partial(id) => (self.counters[id] % PARTIALS as u64).cast_signed(),
                Subscript::Value(value) => self.integer(*value),
                Subscript::Literal(at) => i64::from(*at),
            };
            let extent = extent_of(*extent, self.extents);
            let inside = u64::try_from(at).ok().filter(|at| *at < extent);
            let Some(inside) = inside else {
                panic!("array `{}`, axis {axis}: {at} lies outside of 0..{extent}", stated.name);
            };
            position = position * extent + inside;
        }
        usize::try_from(position).expect("an array fits into memory")
    }

    fn real(&self, value: Value) -> T {
        match self.values[value.0 as usize] {
            Scalar::Real(real) => real,
            other => panic!("{value} is not a real but {other:?}"),
        }
    }

    fn integer(&self, value: Value) -> i64 {
        match self.values[value.0 as usize] {
            Scalar::Integer(integer) => integer,
            other => panic!("{value} is not an integer but {other:?}"),
        }
    }

    fn mask(&self, value: Value) -> bool {
        match self.values[value.0 as usize] {
            Scalar::Mask(mask) => mask,
            other => panic!("{value} is not a mask but {other:?}"),
        }
    }

    fn compute(&self, operation: &Operation) -> Scalar<T> {
        use Scalar::{Integer, Mask, Real};
        let real = |value: &Value| self.real(*value);
        let integer = |value: &Value| self.integer(*value);
        let mask = |value: &Value| self.mask(*value);
        match operation {
            Operation::Real(bits) => Real(T::from_f64(f64::from_bits(*bits))),
            Operation::Integer(constant) => Integer(T::wrap(*constant)),
            Operation::Mask(constant) => Mask(*constant),
            Operation::Counter(id) => Integer(T::wrap(self.counters[id].cast_signed())),
            Operation::Extent(extent) => {
                Integer(T::wrap(extent_of(*extent, self.extents).cast_signed()))
            }
            Operation::Load(array, subscripts) => {
                let at = self.position(*array, subscripts);
                match &self.arrays[array.0 as usize] {
                    Storage::Reals(reals) => Real(reals[at]),
                    Storage::Integers(integers) => Integer(integers[at]),
                }
            }
            Operation::Add(a, b) => Real(real(a) + real(b)),
            Operation::Subtract(a, b) => Real(real(a) - real(b)),
            Operation::Multiply(a, b) => Real(real(a) * real(b)),
            Operation::Divide(a, b) => Real(real(a) / real(b)),
            Operation::FusedMultiplyAdd(a, b, c) if self.program.fused => {
                Real(real(a).mul_add(real(b), real(c)))
            }
            Operation::FusedMultiplyAdd(a, b, c) => Real(real(a) * real(b) + real(c)),
            Operation::Negate(a) => Real(-real(a)),
            Operation::Absolute(a) => Real(real(a).abs()),
            Operation::SquareRoot(a) => Real(real(a).sqrt()),
            Operation::Floor(a) => Real(real(a).floor()),
            Operation::Nearest(a) => Real(real(a).round_ties_even()),
            Operation::Minimum(a, b) => Real(minimum(real(a), real(b))),
            Operation::Maximum(a, b) => Real(maximum(real(a), real(b))),
            Operation::Less(a, b) => Mask(real(a) < real(b)),
            Operation::LessEqual(a, b) => Mask(real(a) <= real(b)),
            Operation::Equal(a, b) => Mask(real(a) == real(b)),
            Operation::IntegerLess(a, b) => Mask(integer(a) < integer(b)),
            Operation::IntegerEqual(a, b) => Mask(integer(a) == integer(b)),
            Operation::And(a, b) => Mask(mask(a) && mask(b)),
            Operation::Or(a, b) => Mask(mask(a) || mask(b)),
            Operation::Not(a) => Mask(!mask(a)),
            Operation::Select(which, a, b) => {
                self.values[if mask(which) { a.0 } else { b.0 } as usize]
            }
            Operation::Bits(a) => Integer(real(a).bits()),
            Operation::FromBits(a) => Real(T::from_bits(integer(a))),
            Operation::ToReal(a) => Real(T::from_integer(integer(a))),
            Operation::IntegerAdd(a, b) => Integer(T::wrap(integer(a).wrapping_add(integer(b)))),
            Operation::IntegerSubtract(a, b) => {
                Integer(T::wrap(integer(a).wrapping_sub(integer(b))))
            }
            Operation::BitAnd(a, b) => Integer(integer(a) & integer(b)),
            Operation::BitOr(a, b) => Integer(integer(a) | integer(b)),
            Operation::BitXor(a, b) => Integer(integer(a) ^ integer(b)),
            Operation::ShiftLeft(a, by) => Integer(T::wrap(integer(a) << by)),
            Operation::ShiftRight(a, by) => Integer(integer(a) >> by),
            Operation::ShiftRightUnsigned(a, by) => Integer(T::shift_unsigned(integer(a), *by)),
        }
    }
}

/// A partial result of an accumulator.
#[derive(Clone, Copy, Debug)]
struct Partial<T> {
    join: Join,
    /// What the elements of this block have come to.
    value: Scalar<T>,
    /// What the blocks before have come to; of joins that are no sums, all elements.
    total: Scalar<T>,
    /// By how much a sum is too large.
    lost: T,
}

impl<T: Number> Partial<T> {
    fn new(join: Join) -> Self {
        let neutral = neutral(join);
        Self { join, value: neutral, total: neutral, lost: T::from_f64(0.0) }
    }

    fn join(&mut self, element: Scalar<T>) {
        self.value = join(self.join, self.value, element);
    }

    fn add_product(&mut self, a: T, b: T, fused: bool) {
        let Scalar::Real(sum) = self.value else { unreachable!("a sum is a real") };
        self.value = Scalar::Real(if fused { a.mul_add(b, sum) } else { sum + a * b });
    }

    fn end_block(&mut self) {
        let (Join::Sum, Scalar::Real(total), Scalar::Real(element)) =
            (self.join, self.total, self.value)
        else {
            self.total = self.value;
            return;
        };
        let element = element - self.lost;
        let sum = total + element;
        let lost = (sum - total) - element;
        // Of an infinity nothing was lost.
        let is_finite = lost.abs() < T::from_f64(f64::INFINITY);
        self.total = Scalar::Real(sum);
        self.lost = if is_finite { lost } else { T::from_f64(0.0) };
        self.value = neutral(Join::Sum);
    }
}

/// Joins the lower half with the upper half until one is left.
fn join_tree<T: Number>(of: Join, mut partials: Vec<Scalar<T>>) -> Scalar<T> {
    while partials.len() > 1 {
        let (low, high) = partials.split_at(partials.len() / 2);
        partials = low.iter().zip(high).map(|(a, b)| join(of, *a, *b)).collect();
    }
    partials[0]
}

fn neutral<T: Number>(join: Join) -> Scalar<T> {
    match join {
        Join::Sum => Scalar::Real(T::from_f64(0.0)),
        Join::Product => Scalar::Real(T::from_f64(1.0)),
        Join::Maximum => Scalar::Real(T::from_f64(f64::NEG_INFINITY)),
        Join::Minimum => Scalar::Real(T::from_f64(f64::INFINITY)),
        Join::Any => Scalar::Mask(false),
        Join::All => Scalar::Mask(true),
    }
}

fn join<T: Number>(join: Join, a: Scalar<T>, b: Scalar<T>) -> Scalar<T> {
    match (join, a, b) {
        (Join::Sum, Scalar::Real(a), Scalar::Real(b)) => Scalar::Real(a + b),
        (Join::Product, Scalar::Real(a), Scalar::Real(b)) => Scalar::Real(a * b),
        (Join::Maximum, Scalar::Real(a), Scalar::Real(b)) => Scalar::Real(maximum(a, b)),
        (Join::Minimum, Scalar::Real(a), Scalar::Real(b)) => Scalar::Real(minimum(a, b)),
        (Join::Any, Scalar::Mask(a), Scalar::Mask(b)) => Scalar::Mask(a || b),
        (Join::All, Scalar::Mask(a), Scalar::Mask(b)) => Scalar::Mask(a && b),
        (_, a, b) => panic!("{a:?} and {b:?} cannot be joined as a {}", join.name()),
    }
}

fn maximum<T: Number>(a: T, b: T) -> T {
    if a > b { a } else { b }
}

fn minimum<T: Number>(a: T, b: T) -> T {
    if a < b { a } else { b }
}

#[cfg(test)]
mod tests;
