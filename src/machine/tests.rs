//! Programs through the interpreter, the scalar machine and lanes: the same bits.

mod behind;
mod memory;
mod foreign;
mod merges;
mod objects;
mod operations;
mod product;
mod random;
mod registers;
mod rows;
mod streams;
mod sums;
mod zeros;

use super::{Isa, Kernel, Options, compile};
use crate::interpret::{ArrayData, element_count, interpret};
use crate::loops::{
    Accumulator, Array, ArrayId, ArrayRole, Extent, ExtentId, Kind, Loop, LoopId, Operation,
    Precision, Program, Statement, Value, validate,
};

/// Extents around the widths of vectors and of partial results.
const EXTENTS: [u64; 11] = [0, 1, 3, 4, 5, 15, 16, 17, 63, 64, 65];

/// Numbers that have broken code before: zeros, ties, the least and the largest, what is no number.
const REALS: [f64; 27] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    1.5,
    2.5,
    -2.5,
    1e-3,
    -3.25,
    7.75,
    100.125,
    -1234.5,
    -0.5,
    8_388_607.5,
    8_388_609.0,
    -4_503_599_627_370_495.5,
    1e30,
    -1e30,
    3e38,
    1e-40,
    -1e-45,
    0.1,
    std::f64::consts::PI,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
];

/// Writes programs statement by statement.
struct Maker {
    program: Program,
    /// The bodies that are open, innermost last.
    bodies: Vec<Vec<Statement>>,
    loops: u32,
}

impl Maker {
    fn new(precision: Precision) -> Self {
        let program = Program {
            precision,
            fused: super::host_fuses(),
            extents: vec![],
            arrays: vec![],
            kinds: vec![],
            body: vec![],
        };
        Self { program, bodies: vec![vec![]], loops: 0 }
    }

    fn extent(&mut self, name: &str) -> Extent {
        self.program.extents.push(name.into());
        Extent::Given(ExtentId(u32::try_from(self.program.extents.len()).unwrap() - 1))
    }

    fn array(&mut self, role: ArrayRole, kind: Kind, extents: &[Extent]) -> ArrayId {
        let id = u32::try_from(self.program.arrays.len()).unwrap();
        let name = format!("a{id}");
        self.program.arrays.push(Array { name, kind, role, extents: extents.to_vec() });
        ArrayId(id)
    }

    fn value(&mut self, kind: Kind) -> Value {
        self.program.kinds.push(kind);
        Value(u32::try_from(self.program.kinds.len()).unwrap() - 1)
    }

    fn set(&mut self, kind: Kind, operation: Operation) -> Value {
        let value = self.value(kind);
        self.push(Statement::Let(value, operation));
        value
    }

    fn push(&mut self, statement: Statement) {
        self.bodies.last_mut().unwrap().push(statement);
    }

    fn open(&mut self) -> LoopId {
        self.bodies.push(vec![]);
        self.loops += 1;
        LoopId(self.loops - 1)
    }

    /// Ends the innermost body, which is that of a loop.
    fn close(&mut self, id: LoopId, extent: Extent, lanes: bool, accumulators: Vec<Accumulator>) {
        self.close_behind(None, id, extent, lanes, accumulators);
    }

    /// The same for a loop that begins at the counter of another one.
    fn close_behind(
        &mut self,
        behind: Option<LoopId>,
        id: LoopId,
        extent: Extent,
        lanes: bool,
        accumulators: Vec<Accumulator>,
    ) {
        let body = self.bodies.pop().unwrap();
        let inner = Loop { id, extent, lanes, guard: None, behind, body, accumulators };
        self.push(Statement::Loop(Box::new(inner)));
    }

    fn finish(mut self) -> Program {
        self.program.body = self.bodies.pop().unwrap();
        assert!(self.bodies.is_empty(), "every loop is closed");
        assert_eq!(validate(&self.program), Ok(()), "{}", self.program);
        self.program
    }
}

/// A stream of choices, always the same.
fn choices() -> impl FnMut(usize) -> usize {
    let mut seed = 0usize;
    move |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    }
}

/// Arrays for a program: those of the caller, filled from a stream of choices.
fn fill(
    program: &Program,
    extents: &[u64],
    choice: &mut impl FnMut(usize) -> usize,
) -> Vec<ArrayData> {
    let callers = (0..).map(ArrayId).zip(&program.arrays);
    let callers = callers.filter(|(_, array)| array.role != ArrayRole::Temporary);
    let make = |(id, array): (ArrayId, &Array)| {
        let count = element_count(program, id, extents);
        let mut real = || REALS[choice(REALS.len())];
        match (array.kind, program.precision) {
            #[expect(clippy::cast_possible_truncation, reason = "rounding is fine")]
            (Kind::Real, Precision::F32) => {
                ArrayData::F32((0..count).map(|_| real() as f32).collect())
            }
            (Kind::Real, Precision::F64) => ArrayData::F64((0..count).map(|_| real()).collect()),
            (_, Precision::F32) => {
                ArrayData::I32((0..count).map(|_| i32::try_from(choice(8)).unwrap()).collect())
            }
            (_, Precision::F64) => {
                ArrayData::I64((0..count).map(|_| i64::try_from(choice(8)).unwrap()).collect())
            }
        }
    };
    callers.map(make).collect()
}

/// Runs machine code on arrays.
fn run_machine(program: &Program, kernel: &Kernel, extents: &[u64], arrays: &mut [ArrayData]) {
    let mut callers = arrays.iter_mut();
    let mut temporaries = vec![];
    let mut pointers = vec![];
    for (id, array) in (0..).map(ArrayId).zip(&program.arrays) {
        if array.role == ArrayRole::Temporary {
            let poison = poison(program.precision, array.kind);
            let mut scratch = vec![poison; element_count(program, id, extents)];
            pointers.push(scratch.as_mut_ptr().cast());
            temporaries.push(scratch);
            continue;
        }
        pointers.push(match callers.next().unwrap() {
            ArrayData::F32(all) => all.as_mut_ptr().cast(),
            ArrayData::F64(all) => all.as_mut_ptr().cast(),
            ArrayData::I32(all) => all.as_mut_ptr().cast(),
            ArrayData::I64(all) => all.as_mut_ptr().cast(),
        });
    }
    // SAFETY: every array has as many elements as its extents say, and test programs keep their
    // subscripts inside, as the interpreter has just shown.
    unsafe { kernel.call(&pointers, extents) };
}

/// Scratch memory as the interpreter has it before it is written, for whichever width is read.
fn poison(precision: Precision, kind: Kind) -> u64 {
    let halves = |bits: u32| (u64::from(bits) << 32) | u64::from(bits);
    match (precision, kind) {
        (Precision::F32, Kind::Real) => halves(f32::NAN.to_bits()),
        (Precision::F64, Kind::Real) => f64::NAN.to_bits(),
        (Precision::F32, _) => 0,
        (Precision::F64, _) => (i64::MIN >> 1).cast_unsigned(),
    }
}

/// Each element as bits, NaN as one pattern.
fn bits(data: &ArrayData) -> Vec<u64> {
    match data {
        ArrayData::F32(all) => all
            .iter()
            .map(|real| if real.is_nan() { u64::MAX } else { u64::from(real.to_bits()) })
            .collect(),
        ArrayData::F64(all) => {
            all.iter().map(|real| if real.is_nan() { u64::MAX } else { real.to_bits() }).collect()
        }
        ArrayData::I32(all) => all.iter().map(|at| i64::from(*at).cast_unsigned()).collect(),
        ArrayData::I64(all) => all.iter().map(|at| at.cast_unsigned()).collect(),
    }
}

/// Every way in which this machine runs a program: as scalar code, and in lanes of each width.
fn ways() -> impl Iterator<Item = Options> {
    let lanes = Isa::ALL.into_iter().filter(|isa| isa.is_on_host());
    let lanes = lanes.map(|isa| Options { lanes: true, isa });
    std::iter::once(Options { lanes: false, isa: Isa::Portable }).chain(lanes)
}

/// A program compiled in every way.
fn kernels(program: &Program) -> Vec<Kernel> {
    ways().map(|options| compile(program.clone(), options).unwrap()).collect()
}

/// Runs a program in every way and says where they differ.
fn compare(
    program: &Program,
    kernels: &[Kernel],
    extents: &[u64],
    arrays: &[ArrayData],
) -> Result<(), String> {
    let mut expected = arrays.to_vec();
    interpret(program, extents, &mut expected);
    for (options, kernel) in ways().zip(kernels) {
        let mut found = arrays.to_vec();
        run_machine(program, kernel, extents, &mut found);
        for (at, (found, expected)) in found.iter().zip(&expected).enumerate() {
            let (found_bits, expected_bits) = (bits(found), bits(expected));
            if let Some(element) =
                (0..found_bits.len()).find(|k| found_bits[*k] != expected_bits[*k])
            {
                return Err(format!(
                    "{options:?}, extents {extents:?}, caller's array {at}, element {element}: \
                     {:x} instead of {:x}\n{program}\n{found:?}\n{expected:?}",
                    found_bits[element], expected_bits[element]
                ));
            }
        }
    }
    Ok(())
}
