//! Rows as lanes: a few rows of an array at a time are turned on their side, so that its short last axis can
//! be gone along with a row in each lane.
//!
//! A tile lies on the stack: for each position of the last axis a vector with an element of each row.
//! It is filled before a trip of the loop in lanes and written back after it. Elements move in blocks
//! of 4 by 4 f32 or 2 by 2 f64, as many side by side as a vector has parts of 128 bits, the last block of a row overlapping the one before where the axis does not
//! divide; rows that are shorter than a block, or past the end, move element by element.

use std::collections::BTreeMap;

use iced_x86::{Code, Instruction, MemoryOperand, Register};

use super::assembler::{Label, at, indexed};
use super::codes::Form;
use super::memory::{SCRATCH, SECOND, THIRD};
use super::values::Source;
use super::{Body, STACK, Writer};
use crate::loops::{
    Array, ArrayId, ArrayRole, Extent, Loop, LoopId, Operation, Precision, SHORT, Statement,
    Subscript, Value,
};

/// The first row, and those as far behind one another as a block is tall.
const ROWS: [Register; 4] = [Register::RBX, Register::RSI, Register::RDI, Register::R8];
/// The last place where a block begins.
const LAST: Register = Register::R9;
/// The place where this block begins, but for overlaps.
const COLUMN: Register = Register::R10;
/// How far it is from row to row.
const STRIDE: Register = Register::R13;
/// Three times that.
const THREE: Register = Register::RAX;
/// The lane of the first row.
const LANE: Register = Register::R12;
/// How many elements a row has.
const LENGTH: Register = Register::R11;

/// Some rows of an array, on the stack.
#[derive(Clone, Debug)]
pub(super) struct Tile {
    /// The subscripts of the first element of the first row.
    first: Vec<Subscript>,
    /// How many elements a row has.
    length: Extent,
    /// Where it lies.
    buffer: i32,
    is_read: bool,
    is_written: bool,
}

/// Which way elements go.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    In,
    Out,
}

impl Writer<'_> {
    /// Finds the arrays that a loop in lanes goes along row by row.
    pub(super) fn find_tiles(&mut self, inner: &Loop) {
        let mut accesses = BTreeMap::new();
        collect(&inner.body, &mut accesses);
        for (array, accesses) in accesses {
            if let Some(tile) = self.tile_of(inner, array, &accesses) {
                self.tiles.insert(array, tile);
            }
        }
    }

    fn tile_of(&mut self, inner: &Loop, id: ArrayId, accesses: &[Found<'_>]) -> Option<Tile> {
        let array = &self.program.arrays[id.0 as usize];
        let length = *array.extents.last()?;
        let is_row = |access: &&Found<'_>| self.is_row(inner, access.subscripts);
        let (rows, others): (Vec<_>, Vec<_>) = accesses.iter().partition(is_row);
        let row = rows.first()?;
        let (_, outer) = row.subscripts.split_last()?;
        let alike = rows.iter().all(|access| access.subscripts.starts_with(outer));
        let is_written = accesses.iter().any(|access| access.is_store);
        let looped = rows.iter().any(|access| access.is_inside);
        if !alike || !looped || (is_written && !others.is_empty()) || !is_short(length, inner) {
            return None;
        }
        let first = outer.iter().copied().chain([Subscript::Literal(0)]).collect();
        // What is seen nowhere else neither comes from memory nor goes there, nor comes what is written first.
        let is_private = self.is_private(array, id, inner);
        let is_read = !(row.is_store && (is_private || is_covered(inner, row.subscripts, length)));
        let buffer = self.frame.vectors(SHORT as usize);
        Some(Tile { first, length, buffer, is_read, is_written: is_written && !is_private })
    }

    /// Whether an access goes along the last axis, the lanes along the one before, all else staying the same.
    fn is_row(&self, inner: &Loop, subscripts: &[Subscript]) -> bool {
        let [outer @ .., lane, last] = subscripts else { return false };
        let stays = |subscript: &Subscript| match subscript {
            Subscript::Counter(id) | Subscript::Partial(id) => *id != inner.id,
            Subscript::Literal(_) => true,
            Subscript::Value(value) => !defines(&inner.body, *value),
        };
        let is_outside = |subscript: &Subscript| match subscript {
            Subscript::Counter(id) | Subscript::Partial(id) => {
                self.counters.contains_key(id) && *id != inner.id
            }
            Subscript::Literal(_) | Subscript::Value(_) => true,
        };
        *lane == Subscript::Counter(inner.id)
            && stays(last)
            && outer.iter().all(|subscript| stays(subscript) && is_outside(subscript))
    }

    /// Whether nothing but a loop sees an array of the call's own.
    fn is_private(&self, array: &Array, id: ArrayId, inner: &Loop) -> bool {
        let mut inside = BTreeMap::new();
        collect(&inner.body, &mut inside);
        let mut all = BTreeMap::new();
        collect(&self.program.body, &mut all);
        let count = |found: &BTreeMap<ArrayId, Vec<Found<'_>>>| found.get(&id).map_or(0, Vec::len);
        array.role == ArrayRole::Temporary && count(&inside) == count(&all)
    }

    /// Where the vector of a position of a tile lies, if an access goes to one.
    pub(super) fn tile_place(
        &mut self,
        array: ArrayId,
        subscripts: &[Subscript],
    ) -> Option<MemoryOperand> {
        let tile = self.tiles.get(&array)?;
        let (last, outer) = subscripts.split_last()?;
        if !tile.first.starts_with(outer) || outer.len() + 1 != tile.first.len() {
            return None;
        }
        let buffer = tile.buffer;
        match last {
            Subscript::Literal(literal) => {
                let bytes = i32::try_from(self.form.bytes()).expect("64 at most");
                let literal = i32::try_from(*literal).expect("a short axis");
                return Some(at(STACK, buffer + literal * bytes));
            }
            Subscript::Counter(id) => self.read_any_counter(*id),
            Subscript::Partial(_) => return None,
            Subscript::Value(value) if self.wide[value.0 as usize] => return None,
            Subscript::Value(value) => match self.constants.get(*value) {
                Some(Operation::Integer(literal)) => {
                    let literal = u32::try_from(*literal).expect("a position in an axis");
                    return self
                        .tile_place(array, &[outer, &[Subscript::Literal(literal)]].concat());
                }
                _ => self.read_integer(*value),
            },
        }
        let shift = i32::try_from(self.form.bytes().ilog2()).expect("6 at most");
        self.code.number(Code::Shl_rm64_imm8, SECOND, shift);
        Some(indexed(STACK, SECOND, 1, buffer))
    }

    /// Lets go of the tiles.
    pub(super) fn release_tiles(&mut self) {
        for (_, tile) in std::mem::take(&mut self.tiles) {
            self.frame.release_vectors(tile.buffer, SHORT as usize);
        }
    }

    /// Fills the tiles of a trip, or writes them back.
    pub(super) fn move_tiles(&mut self, body: Body, way: Way) -> Body {
        self.bodies.push(body);
        for (array, tile) in self.tiles.clone() {
            let goes = if way == Way::In { tile.is_read } else { tile.is_written };
            if goes {
                self.move_tile(array, &tile, way);
            }
        }
        self.bodies.pop().expect("it was just pushed")
    }

    fn move_tile(&mut self, array: ArrayId, tile: &Tile, way: Way) {
        let access = self.access(array, &tile.first, self.body());
        let first = self.place(&access, 0);
        self.code.load(Code::Lea_r64_m, ROWS[0], first);
        match tile.length {
            Extent::Literal(literal) => self.load_number(LENGTH, literal),
            Extent::Given(id) => {
                let slot = self.extents[id.0 as usize];
                self.code.load(Code::Mov_r64_rm64, LENGTH, at(STACK, slot));
            }
        }
        let shift = self.element_size().ilog2().cast_signed();
        self.code.two(Code::Mov_r64_rm64, STRIDE, LENGTH);
        self.code.number(Code::Shl_rm64_imm8, STRIDE, shift);
        self.code.load(Code::Lea_r64_m, LANE, at(STACK, tile.buffer));
        let done = self.code.label();
        if !self.tail {
            let small = self.code.label();
            self.code.load(Code::Lea_r64_m, LAST, at(LENGTH, -self.block()));
            self.code.two(Code::Test_rm64_r64, LAST, LAST);
            self.code.jump(Code::Js_rel32_64, small);
            self.move_blocks(tile, way);
            self.code.jump(Code::Jmp_rel32_64, done);
            self.code.bind(small);
        }
        self.move_elements(way, done);
        self.code.bind(done);
    }

    /// How many rows and columns a block has.
    fn block(&self) -> i32 {
        16 / self.element_size()
    }

    /// Moves a vector of whole rows, some columns at a time: rows as far apart as a block is tall share a register.
    fn move_blocks(&mut self, tile: &Tile, way: Way) {
        let column = self.code.label();
        let block = self.block();
        let height = usize::try_from(block).expect("2 or 4");
        let parts = self.form.bytes() / 16;
        for part in 1..parts {
            let (from, to) = (ROWS[part - 1], ROWS[part]);
            self.code.load(Code::Lea_r64_m, to, indexed(from, STRIDE, block.unsigned_abs(), 0));
        }
        self.code.load(Code::Lea_r64_m, THREE, indexed(STRIDE, STRIDE, 2, 0));
        self.code.two(Code::Xor_r64_rm64, COLUMN, COLUMN);
        self.code.bind(column);
        self.code.two(Code::Mov_r64_rm64, SECOND, COLUMN);
        self.code.two(Code::Cmp_r64_rm64, SECOND, LAST);
        self.code.two(Code::Cmovg_r64_rm64, SECOND, LAST);
        self.code.two(Code::Mov_r64_rm64, SCRATCH, SECOND);
        let bytes = i32::try_from(self.form.bytes()).expect("64 at most");
        self.code.number(Code::Shl_rm64_imm8, SCRATCH, bytes.ilog2().cast_signed());
        if way == Way::In {
            self.move_parts(parts, height, way);
        }
        for row in 0..height {
            let row_bytes = i32::try_from(row).expect("2 or 4") * bytes;
            let inside = indexed(STACK, SCRATCH, 1, tile.buffer + row_bytes);
            if way == Way::Out {
                self.load_vector(self.vector(row), inside);
            } else {
                self.store_vector(inside, self.vector(row));
            }
        }
        if way == Way::Out {
            self.turn();
            self.move_parts(parts, height, way);
        }
        self.code.number(Code::Add_rm64_imm32, COLUMN, block);
        self.code.two(Code::Cmp_r64_rm64, COLUMN, LENGTH);
        self.code.jump(Code::Jb_rel32_64, column);
    }

    /// Moves the columns of a block between the rows and the first registers, and turns them if they come in.
    fn move_parts(&mut self, parts: usize, height: usize, way: Way) {
        let size = self.element_size().unsigned_abs();
        for (part, rows) in ROWS.into_iter().enumerate().take(parts) {
            self.code.load(Code::Lea_r64_m, THIRD, indexed(rows, SECOND, size, 0));
            for row in 0..height {
                let outside = match row {
                    0 => at(THIRD, 0),
                    3 => indexed(THIRD, THREE, 1, 0),
                    steps => indexed(THIRD, STRIDE, if steps == 1 { 1 } else { 2 }, 0),
                };
                self.move_part(part, row, outside, way);
            }
        }
        if way == Way::In {
            self.turn();
        }
    }

    /// Moves 128 bits between memory and a part of a vector.
    fn move_part(&mut self, part: usize, at: usize, memory: MemoryOperand, way: Way) {
        let byte = i32::try_from(part).expect("a few parts");
        let whole = self.vector(at);
        let wide = self.form == Form::Zmm;
        let instruction = match (part, way) {
            (0, Way::In) => Instruction::with2(Code::VEX_Vmovups_xmm_xmmm128, low(at), memory),
            (0, Way::Out) => Instruction::with2(Code::VEX_Vmovups_xmmm128_xmm, memory, low(at)),
            (_, Way::In) => {
                let narrow = Code::VEX_Vinsertf128_ymm_ymm_xmmm128_imm8;
                let code =
                    if wide { Code::EVEX_Vinsertf32x4_zmm_k1z_zmm_xmmm128_imm8 } else { narrow };
                Instruction::with4(code, whole, whole, memory, byte)
            }
            (_, Way::Out) => {
                let narrow = Code::VEX_Vextractf128_xmmm128_ymm_imm8;
                let code =
                    if wide { Code::EVEX_Vextractf32x4_xmmm128_k1z_zmm_imm8 } else { narrow };
                Instruction::with3(code, memory, whole, byte)
            }
        };
        self.code.put(&instruction.expect("operands of a move"));
    }

    /// Turns blocks, a row in each of the first registers, on their side.
    fn turn(&mut self) {
        let wide = self.form == Form::Zmm;
        let singles = if wide {
            [
                Code::EVEX_Vunpcklps_zmm_k1z_zmm_zmmm512b32,
                Code::EVEX_Vunpckhps_zmm_k1z_zmm_zmmm512b32,
            ]
        } else {
            [Code::VEX_Vunpcklps_ymm_ymm_ymmm256, Code::VEX_Vunpckhps_ymm_ymm_ymmm256]
        };
        let doubles = if wide {
            [
                Code::EVEX_Vunpcklpd_zmm_k1z_zmm_zmmm512b64,
                Code::EVEX_Vunpckhpd_zmm_k1z_zmm_zmmm512b64,
            ]
        } else {
            [Code::VEX_Vunpcklpd_ymm_ymm_ymmm256, Code::VEX_Vunpckhpd_ymm_ymm_ymmm256]
        };
        let precision = self.program.precision;
        let mut pair = |codes: [Code; 2], into: [usize; 2], a: usize, b: usize| {
            for (code, into) in codes.into_iter().zip(into) {
                let [into, a, b] = [into, a, b].map(|at| self.vector(at));
                self.three(code, into, a, Source::Register(b));
            }
        };
        match precision {
            Precision::F32 => {
                pair(singles, [4, 5], 0, 1);
                pair(singles, [6, 7], 2, 3);
                pair(doubles, [0, 1], 4, 6);
                pair(doubles, [2, 3], 5, 7);
            }
            Precision::F64 => {
                pair(doubles, [2, 3], 0, 1);
                for row in 0..2 {
                    self.move_register(self.vector(row), self.vector(row + 2));
                }
            }
        }
    }

    /// Moves the rows that count element by element.
    fn move_elements(&mut self, way: Way, done: Label) {
        let (again, column) = (self.code.label(), self.code.label());
        let (size, lanes) = (self.element_size(), self.lane_count());
        let bytes = i32::try_from(self.form.bytes()).expect("64 at most");
        let (load, store) = self.element_moves();
        if self.tail {
            self.code.load(Code::Mov_r64_rm64, LAST, at(STACK, self.remaining));
        } else {
            self.load_number(LAST, u32::try_from(lanes).expect("a few lanes"));
        }
        self.load_number(THIRD, u32::try_from(lanes).expect("a few lanes"));
        self.code.two(Code::Cmp_r64_rm64, LAST, THIRD);
        self.code.two(Code::Cmova_r64_rm64, LAST, THIRD);
        self.code.two(Code::Test_rm64_r64, LENGTH, LENGTH);
        self.code.jump(Code::Je_rel32_64, done);
        self.code.bind(again);
        self.code.two(Code::Xor_r64_rm64, COLUMN, COLUMN);
        self.code.two(Code::Mov_r64_rm64, SCRATCH, LANE);
        self.code.bind(column);
        let outside = indexed(ROWS[0], COLUMN, size.unsigned_abs(), 0);
        let (from, to) =
            if way == Way::In { (outside, at(SCRATCH, 0)) } else { (at(SCRATCH, 0), outside) };
        self.code.load(load, self.element_register(), from);
        self.code.store(store, to, self.element_register());
        self.code.number(Code::Add_rm64_imm32, SCRATCH, bytes);
        self.code.number(Code::Add_rm64_imm32, COLUMN, 1);
        self.code.two(Code::Cmp_r64_rm64, COLUMN, LENGTH);
        self.code.jump(Code::Jb_rel32_64, column);
        self.code.two(Code::Add_r64_rm64, ROWS[0], STRIDE);
        self.code.number(Code::Add_rm64_imm32, LANE, size);
        self.code.number(Code::Sub_rm64_imm32, LAST, 1);
        self.code.jump(Code::Jne_rel32_64, again);
    }

    fn read_any_counter(&mut self, id: LoopId) {
        if self.body().counter == Some(id) {
            return self.read_counter();
        }
        let slot = self.counters[&id];
        self.code.load(Code::Mov_r64_rm64, SECOND, at(STACK, slot));
    }
}

/// An access that was found.
struct Found<'p> {
    subscripts: &'p [Subscript],
    is_store: bool,
    /// Whether it is inside of a loop.
    is_inside: bool,
}

/// Collects the accesses of a body by array, in order.
fn collect<'p>(body: &'p [Statement], accesses: &mut BTreeMap<ArrayId, Vec<Found<'p>>>) {
    fn walk<'p>(
        body: &'p [Statement],
        is_inside: bool,
        accesses: &mut BTreeMap<ArrayId, Vec<Found<'p>>>,
    ) {
        for statement in body {
            let (array, subscripts, is_store) = match statement {
                Statement::Let(_, Operation::Load(array, subscripts)) => (array, subscripts, false),
                Statement::Store { array, subscripts, .. } => (array, subscripts, true),
                Statement::Let(..) | Statement::Product(_) => continue,
                Statement::Loop(inner) => {
                    walk(&inner.body, true, accesses);
                    continue;
                }
            };
            accesses.entry(*array).or_default().push(Found { subscripts, is_store, is_inside });
        }
    }
    walk(body, false, accesses);
}

/// Whether an axis is as short as the loops in a loop in lanes.
fn is_short(length: Extent, inner: &Loop) -> bool {
    let runs_along = |statement: &Statement| match statement {
        Statement::Loop(loops) => loops.extent == length,
        Statement::Let(..) | Statement::Store { .. } | Statement::Product(_) => false,
    };
    match length {
        Extent::Literal(literal) => literal <= SHORT,
        Extent::Given(_) => inner.body.iter().any(runs_along),
    }
}

/// Whether an access goes along its whole last axis.
fn is_covered(inner: &Loop, subscripts: &[Subscript], length: Extent) -> bool {
    inner.body.iter().any(|statement| match statement {
        Statement::Loop(loops) => {
            subscripts.last() == Some(&Subscript::Counter(loops.id)) && loops.extent == length
        }
        Statement::Let(..) | Statement::Store { .. } | Statement::Product(_) => false,
    })
}

/// Whether a body or a loop in it defines a value.
fn defines(body: &[Statement], value: Value) -> bool {
    body.iter().any(|statement| match statement {
        Statement::Let(defined, operation) => {
            let is_constant = matches!(operation, Operation::Integer(_));
            *defined == value && !is_constant
        }
        Statement::Store { .. } | Statement::Product(_) => false,
        Statement::Loop(inner) => {
            inner.accumulators.iter().any(|it| it.result == value) || defines(&inner.body, value)
        }
    })
}

/// A vector register of 128 bits.
fn low(at: usize) -> Register {
    Register::XMM0 + u32::try_from(at).expect("a register")
}
