//! Turns the rows of a tile on their side.
//!
//! Elements move in blocks of 4 by 4 f32 or 2 by 2 f64, as many side by side as a vector has parts of 128 bits, the
//! last block of a row overlapping the one before where the axis does not divide; rows that are shorter than a
//! block, or past the end, move element by element.

use std::ops::Range;

use iced_x86::{Code, Instruction, MemoryOperand, Register};

use super::assembler::{Label, at, indexed};
use super::codes::Form;
use super::memory::{SCRATCH, SECOND, THIRD};
use super::tiles::{Tile, Way};
use super::values::Source;
use super::{STACK, Writer};
use crate::loops::{ArrayId, Extent, Precision};

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
/// How many vector registers, the first ones, turning takes.
pub(super) const TURNING: usize = 8;

impl Writer<'_> {
    /// Fills the tile of a copy of the body, or writes it back.
    pub(super) fn move_tile(&mut self, array: ArrayId, tile: &Tile, copy: usize, way: Way) {
        let access = self.access(array, &tile.first, self.body());
        let first = self.place(&access, copy);
        self.code.load(Code::Lea_r64_m, ROWS[0], first);
        let block = self.block();
        let length = match tile.length {
            Extent::Literal(literal) => i32::try_from(literal).ok(),
            Extent::Given(_) => None,
        };
        let known = length.filter(|length| *length >= block);
        if let Some(length) = known
            && !self.tail
        {
            return self.move_known_blocks(tile.place(copy), length, way);
        }
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
        let (small, done) = (self.code.label(), self.code.label());
        if self.tail {
            let lanes = i32::try_from(self.lane_count()).expect("a few lanes");
            self.code.number_in_memory(Code::Cmp_rm64_imm32, at(STACK, self.remaining), lanes);
            self.code.jump(Code::Jb_rel32_64, small);
        }
        if let Some(length) = known {
            self.move_known_blocks(tile.place(copy), length, way);
        } else {
            self.code.load(Code::Lea_r64_m, LAST, at(LENGTH, -block));
            self.code.two(Code::Test_rm64_r64, LAST, LAST);
            self.code.jump(Code::Js_rel32_64, small);
            self.move_blocks(tile.place(copy), way);
        }
        self.code.jump(Code::Jmp_rel32_64, done);
        self.code.bind(small);
        self.code.load(Code::Lea_r64_m, LANE, at(STACK, tile.place(copy)));
        self.move_elements(way, done);
        self.code.bind(done);
    }

    /// How many rows and columns a block has.
    fn block(&self) -> i32 {
        16 / self.element_size()
    }

    /// Moves a vector of whole rows whose length is a number, at least that of a block.
    fn move_known_blocks(&mut self, buffer: i32, length: i32, way: Way) {
        let (block, size) = (self.block(), self.element_size());
        let bytes = i32::try_from(self.form.bytes()).expect("64 at most");
        for first in (0..length).step_by(usize::try_from(block).expect("2 or 4")) {
            let column = first.min(length - block);
            // So many are where the block before has brought them.
            let known = first - column;
            let inside = |row: i32| at(STACK, buffer + (column + row) * bytes);
            let all = || (0..bytes / 16).flat_map(|part| (0..block).map(move |row| (part, row)));
            let outside =
                |(part, row)| at(ROWS[0], (part * block + row) * length * size + column * size);
            let place = |number: i32| usize::try_from(number).expect("a few rows and parts");
            if way == Way::In {
                for (part, row) in all() {
                    self.move_part(place(part), place(row), outside((part, row)), way);
                }
                self.turn(place(known));
            }
            for row in if way == Way::In { known } else { 0 }..block {
                let register = self.vector(place(row));
                match way {
                    Way::In => self.store_vector(inside(row), register),
                    Way::Out => self.load_vector(register, inside(row)),
                }
            }
            if way == Way::Out {
                self.turn(0);
                for (part, row) in all() {
                    self.move_part(place(part), place(row), outside((part, row)), way);
                }
            }
        }
    }

    /// Moves a vector of whole rows, some columns at a time: rows as far apart as a block is tall share a register.
    fn move_blocks(&mut self, buffer: i32, way: Way) {
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
            let inside = indexed(STACK, SCRATCH, 1, buffer + row_bytes);
            if way == Way::Out {
                self.load_vector(self.vector(row), inside);
            } else {
                self.store_vector(inside, self.vector(row));
            }
        }
        if way == Way::Out {
            self.turn(0);
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
            self.turn(0);
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

    /// Turns blocks, a row in each of the first registers, on their side; of what comes out the first few may not be wanted.
    fn turn(&mut self, unwanted: usize) {
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
        let mut pair =
            |codes: &[Code; 2], into: [usize; 2], a: usize, b: usize, halves: Range<usize>| {
                for half in halves {
                    let [into, a, b] = [into[half], a, b].map(|at| self.vector(at));
                    self.three(codes[half], into, a, Source::Register(b));
                }
            };
        match precision {
            Precision::F32 => {
                let singles_wanted = unwanted / 2..2;
                pair(&singles, [4, 5], 0, 1, singles_wanted.clone());
                pair(&singles, [6, 7], 2, 3, singles_wanted);
                pair(&doubles, [0, 1], 4, 6, unwanted.min(2)..2);
                pair(&doubles, [2, 3], 5, 7, unwanted.saturating_sub(2)..2);
            }
            Precision::F64 => {
                pair(&doubles, [2, 3], 0, 1, unwanted..2);
                for row in unwanted..2 {
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
}

/// A vector register of 128 bits.
fn low(at: usize) -> Register {
    Register::XMM0 + u32::try_from(at).expect("a register")
}
