//! Whole programs as AVX2 or AVX-512 code of our own, in vectors that Cranelift does not have.
//!
//! In comes a valid program, out goes the machine code of a function with the signature of
//! [`crate::machine`], constants behind it, that runs wherever it lies and has no relocations. It follows
//! the calling convention of System V. What stays the same in all lanes is computed in 128 bits with
//! all lanes alike, and what loops in lanes compute in 256 or 512; so there is one way to write an
//! operation. The bits that come out are those of [`crate::interpret`].

mod accumulators;
mod ahead;
mod assembler;
mod blocks;
mod choose;
mod codes;
mod control;
mod encoding;
mod frame;
mod lanes;
mod locations;
mod memory;
mod merges;
mod operations;
mod pins;
mod powers;
mod product;
mod registers;
mod sections;
mod signs;
mod streams;
mod strides;
mod tiles;
mod totals;
mod transfer;
mod turn;
mod uses;
mod values;
mod zeros;

use std::collections::BTreeMap;
use std::rc::Rc;

use iced_x86::{Code, Register};

use super::reads::count_reads;
use super::{Aligned, Isa};
use crate::hash::{HashMap, HashSet};
use crate::loops::{ArrayId, Kind, LoopId, Program, Value};
use assembler::{Assembler, POOL, at};
use codes::Form;
use frame::{Frame, WORD};
use locations::Locations;
use memory::{Access, Base};
use pins::Pinned;
use registers::Registers;
use signs::Signs;
use tiles::Tile;
use uses::{Constants, Uses, UsesOfLoops};
use values::{Home, Key, Location};

/// The vectors of an instruction set, if it has wide ones.
fn form(isa: Isa) -> Option<Form> {
    match isa {
        Isa::Portable => None,
        Isa::Avx2 => Some(Form::Ymm),
        Isa::Avx512 => Some(Form::Zmm),
    }
}

/// Points at the frame throughout.
const STACK: Register = Register::RSP;
/// Registers that the caller wants back, in the order in which they are saved.
const SAVED: [Register; 5] =
    [Register::RBX, Register::R12, Register::R13, Register::R14, Register::R15];
/// How far the stack may grow at a time so that a guard page is met.
const PAGE: i32 = 4096;

/// Writes the machine code of a program; gives it back for an instruction set without wide vectors.
pub(super) fn write(program: Program, isa: Isa) -> Result<Vec<u8>, Program> {
    match form(isa) {
        Some(form) => Ok(write_with(program, form, None)),
        None => Err(program),
    }
}

/// The results that code past the caches keeps in further arrays until they are whole; `None` where [`write_streaming`] has no code.
pub(super) fn staged(program: &Program, isa: Isa) -> Option<Vec<ArrayId>> {
    form(isa).and_then(|form| streams::staged(program, form))
}

/// Writes machine code whose results go past the caches, and gives the program that it runs: that with further arrays, one for
/// each result in `staged`. Results, and each row of them, must be aligned as stated; `None` where there is no such code. Other
/// threads see them after a fence.
pub(super) fn write_streaming(
    program: &Program,
    isa: Isa,
    aligned: Aligned,
) -> Option<(Vec<u8>, Program)> {
    let form = form(isa)?;
    let staged = streams::staged(program, form)?;
    let program = streams::with_staged(program, &staged);
    Some((write_with(program.clone(), form, Some(aligned)), program))
}

fn write_with(mut program: Program, wide: Form, streams: Option<Aligned>) -> Vec<u8> {
    // What a negation reads, multiply-adds read without it: what is read once by others stays so.
    let reads = count_reads(&program);
    let signs = signs::fold(&mut program, &reads);
    let (mut powers, mut sums) = (HashSet::default(), zeros::Sums::default());
    if wide == Form::Zmm {
        powers = powers::fold(&mut program, &reads);
        merges::fold(&mut program, &powers);
        // What such sums read is in no statement any more, nor in their accumulators.
        sums = zeros::fold(&mut program);
    }
    let mut frame = Frame::default();
    let [arrays, remaining] = [(); 2].map(|()| frame.word());
    let extents: Vec<i32> = program.extents.iter().map(|_| frame.word()).collect();
    let constants = Constants::of(&program, wide);
    let (uses, uses_of_loops) = Uses::find(&program, &constants, &sums);
    let mut writer = Writer {
        program: &program,
        signs,
        powers,
        sums,
        wide_form: wide,
        constants,
        code: Assembler::new(),
        frame,
        arrays,
        remaining,
        extents,
        form: Form::Xmm,
        copies: 1,
        lanes: None,
        tail: false,
        tail_lanes: 0,
        streams,
        bodies: vec![],
        uses: uses_of_loops,
        values: Locations::new(program.kinds.len()),
        left: vec![],
        wide: vec![false; program.kinds.len()],
        vectors: Registers::new(),
        masks: Registers::new(),
        pinned: Pinned::new(program.kinds.len()),
        broadcasts: BTreeMap::new(),
        counters: HashMap::default(),
        scaled: None,
        tiles: BTreeMap::new(),
    };
    writer.read_tables();
    writer.write_body(Body::new(uses, None, false), &program.body, |_| ());
    writer.leave();
    let start = enter(writer.frame.size());
    writer.code.finish(start)
}

/// What the code being written knows.
struct Writer<'a> {
    program: &'a Program,
    /// The signs in fused multiply-adds.
    signs: Vec<Signs>,
    /// The products with a power of two, of which the second factor is the exponent.
    powers: HashSet<Value>,
    /// The sums of what masks select.
    sums: zeros::Sums,
    /// The vectors of loops in lanes.
    wide_form: Form,
    constants: Constants,
    code: Assembler,
    frame: Frame,
    /// Where the table of the arrays stands, in the frame.
    arrays: i32,
    /// Where it stands how many lanes of a tail count.
    remaining: i32,
    /// Where the extents stand.
    extents: Vec<i32>,
    /// The vectors that operations are on.
    form: Form,
    /// How many copies of the body are written side by side.
    copies: usize,
    /// The loop in lanes around the code being written.
    lanes: Option<LoopId>,
    /// Whether there may be lanes past the end.
    tail: bool,
    /// The register with the lanes that are not, where there are no mask registers.
    tail_lanes: usize,
    /// How results are aligned that go past the caches, if they do.
    streams: Option<Aligned>,
    /// The bodies around the code being written, outermost first.
    bodies: Vec<Body<'a>>,
    /// Where the bodies of loops use values.
    uses: UsesOfLoops,
    values: Locations<Location>,
    /// Memory that is free as soon as the operation is written.
    left: Vec<Home>,
    /// Values that differ between lanes.
    wide: Vec<bool>,
    vectors: Registers,
    masks: Registers,
    /// Values that stay in a register throughout a loop.
    pinned: Pinned,
    /// Vectors in memory of values that are the same in all lanes.
    broadcasts: BTreeMap<Value, i32>,
    /// Where counters stand, of loops that are not innermost.
    counters: HashMap<LoopId, i32>,
    /// The loop whose counter stands in a register too, times the bytes of a vector.
    scaled: Option<LoopId>,
    /// Rows of arrays as lanes, in the loop around.
    tiles: BTreeMap<ArrayId, Tile>,
}

/// A body being written.
struct Body<'p> {
    uses: Rc<Uses>,
    /// The statement being written.
    place: usize,
    /// The loop whose body it is.
    counter: Option<LoopId>,
    counter_in_register: bool,
    /// The accesses of its statements.
    accesses: Vec<Option<Rc<Access<'p>>>>,
    bases: Vec<Base<'p>>,
}

impl Body<'_> {
    fn new(uses: Rc<Uses>, counter: Option<LoopId>, counter_in_register: bool) -> Self {
        Self { uses, place: 0, counter, counter_in_register, accesses: vec![], bases: vec![] }
    }
}

impl<'p> Writer<'p> {
    fn body(&self) -> &Body<'p> {
        self.bodies.last().expect("code belongs to a body")
    }

    fn is_mask(&self, value: Value) -> bool {
        self.program.kinds[value.0 as usize] == Kind::Mask
    }

    /// Moves what the call gives into the frame.
    fn read_tables(&mut self) {
        self.code.store(Code::Mov_rm64_r64, at(STACK, self.arrays), Register::RDI);
        for (number, slot) in self.extents.clone().into_iter().enumerate() {
            let offset = WORD * i32::try_from(number).expect("fewer than 2^28 extents");
            self.code.load(Code::Mov_r64_rm64, Register::RAX, at(Register::RSI, offset));
            self.code.store(Code::Mov_rm64_r64, at(STACK, slot), Register::RAX);
        }
    }

    /// Makes a vector in memory of a value that is the same in all lanes.
    fn broadcast_to_memory(&mut self, value: Value) {
        let Some(Location { home: Some(Home::Scalar(slot)), .. }) = self.values.get(&(value, 0))
        else {
            return;
        };
        let slot = *slot;
        let register = self.take(false);
        let register = self.vector(register);
        self.broadcast(register, at(STACK, slot));
        let vector = self.frame.vector();
        self.store_vector(at(STACK, vector), register);
        self.broadcasts.insert(value, vector);
        self.unlock();
    }

    /// Loads a constant or a value from outside of a loop into its register.
    fn fill_pinned(&mut self, (value, copy): Key, register: usize) {
        if let Some(constant) = self.constants.get(value).cloned() {
            return self.load_constant(register, &constant);
        }
        let home = self.values[&(value, copy)].home.expect("around loops values are in memory");
        self.load_home(self.vector(register), value, home);
    }

    /// Gives everything back to the caller.
    fn leave(&mut self) {
        self.code.zero(Code::VEX_Vzeroupper);
        let saved = -WORD * i32::try_from(SAVED.len()).expect("a few registers");
        self.code.load(Code::Lea_r64_m, STACK, at(Register::RBP, saved));
        for register in SAVED.iter().rev() {
            self.code.one(Code::Pop_r64, *register);
        }
        self.code.one(Code::Pop_r64, Register::RBP);
        self.code.zero(Code::Retnq);
    }
}

/// How many bytes the instruction has that finds the constants.
const LEA_BYTES: usize = 7;

/// The beginning of the function, which ends with the address of the constants.
fn enter(frame: i32) -> Vec<u8> {
    let mut code = Assembler::new();
    code.one(Code::Push_r64, Register::RBP);
    code.two(Code::Mov_r64_rm64, Register::RBP, STACK);
    for register in SAVED {
        code.one(Code::Push_r64, register);
    }
    let mut left = frame;
    while left > PAGE {
        code.number(Code::Sub_rm64_imm32, STACK, PAGE);
        code.number_in_memory(Code::Or_rm64_imm8, at(STACK, 0), 0);
        left -= PAGE;
    }
    code.number(Code::Sub_rm64_imm32, STACK, left);
    code.number(Code::And_rm64_imm8, STACK, -64);
    // What follows begins at a multiple of the alignment.
    code.pad(LEA_BYTES);
    code.load(Code::Lea_r64_m, POOL, at(Register::RIP, i32::MAX));
    code.into_bytes()
}
