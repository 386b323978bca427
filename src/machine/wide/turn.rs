//! Turns the rows of a tile on their side.
//!
//! Elements move in blocks of 4 f32 of all rows, or of 2 by 2 f64, the last block of a row overlapping the one
//! before where the axis does not divide; rows that are shorter than a block, or past the end, move element by
//! element.

use iced_x86::{Code, Instruction, MemoryOperand, Register};

use super::assembler::{Label, at, indexed};
use super::codes::Form;
use super::memory::{SCRATCH, SECOND, THIRD};
use super::tiles::{Tile, Way};
use super::values::Source;
use super::{STACK, Writer};
use crate::loops::{ArrayId, Extent, Precision};

/// The first row of a block, and the one behind it.
const ROWS: [Register; 2] = [Register::RBX, Register::RSI];
/// Where a block of every fourth row begins.
const GROUPS: [Register; 4] = [Register::RSI, Register::RDI, Register::R8, THIRD];
/// The last place where a block begins.
const LAST: Register = Register::R9;
/// The place where this block begins, but for overlaps.
const COLUMN: Register = Register::R10;
/// How far it is from row to row.
const STRIDE: Register = Register::R13;
/// The lane of the first row.
const LANE: Register = Register::R12;
/// How many elements a row has.
const LENGTH: Register = Register::R11;

impl Writer<'_> {
    /// Fills a tile, or writes it back.
    pub(super) fn move_tile(&mut self, array: ArrayId, tile: &Tile, way: Way) {
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
            match self.program.precision {
                Precision::F32 => self.move_columns(tile, way),
                Precision::F64 => self.move_blocks(tile, way),
            }
            self.code.jump(Code::Jmp_rel32_64, done);
            self.code.bind(small);
        }
        self.move_elements(way, done);
        self.code.bind(done);
    }

    /// How many columns a block has.
    fn block(&self) -> i32 {
        16 / self.element_size()
    }

    /// Moves blocks of two by two f64, row by row of them.
    fn move_blocks(&mut self, tile: &Tile, way: Way) {
        let (again, column) = (self.code.label(), self.code.label());
        let bytes = i32::try_from(self.form.bytes()).expect("64 at most");
        self.code.bind(again);
        self.code.load(Code::Lea_r64_m, ROWS[1], indexed(ROWS[0], STRIDE, 1, 0));
        self.code.two(Code::Xor_r64_rm64, COLUMN, COLUMN);
        self.code.bind(column);
        self.code.two(Code::Mov_r64_rm64, SECOND, COLUMN);
        self.code.two(Code::Cmp_r64_rm64, SECOND, LAST);
        self.code.two(Code::Cmovg_r64_rm64, SECOND, LAST);
        self.code.two(Code::Mov_r64_rm64, SCRATCH, SECOND);
        self.code.number(Code::Shl_rm64_imm8, SCRATCH, bytes.ilog2().cast_signed());
        self.code.two(Code::Add_r64_rm64, SCRATCH, LANE);
        let outside = [0, 1].map(|row: usize| indexed(ROWS[row], SECOND, 8, 0));
        let inside = [0, 1].map(|row| at(SCRATCH, row * bytes));
        let (from, to) = if way == Way::In { (outside, inside) } else { (inside, outside) };
        for row in 0..2 {
            self.code.load(Code::VEX_Vmovups_xmm_xmmm128, low(row), from[row]);
        }
        let turn = [Code::VEX_Vunpcklpd_xmm_xmm_xmmm128, Code::VEX_Vunpckhpd_xmm_xmm_xmmm128];
        for row in 0..2 {
            self.three(turn[row], low(row + 2), low(0), Source::Register(low(1)));
            self.code.store(Code::VEX_Vmovups_xmmm128_xmm, to[row], low(row + 2));
        }
        self.code.number(Code::Add_rm64_imm32, COLUMN, 2);
        self.code.two(Code::Cmp_r64_rm64, COLUMN, LENGTH);
        self.code.jump(Code::Jb_rel32_64, column);
        self.code.load(Code::Lea_r64_m, ROWS[0], indexed(ROWS[1], STRIDE, 1, 0));
        self.code.number(Code::Add_rm64_imm32, LANE, 16);
        self.code.load(Code::Lea_r64_m, THIRD, at(STACK, tile.buffer + bytes));
        self.code.two(Code::Cmp_r64_rm64, LANE, THIRD);
        self.code.jump(Code::Jb_rel32_64, again);
    }

    /// Moves blocks of four f32 of all rows: the rows `4 g`, `4 g + 1` and so on stand in part `g` of four vectors,
    /// the parts of which are turned on their sides together.
    fn move_columns(&mut self, tile: &Tile, way: Way) {
        let column = self.code.label();
        let groups = self.form.bytes() / 16;
        let triple = LANE;
        self.code.load(Code::Lea_r64_m, triple, indexed(STRIDE, STRIDE, 2, 0));
        self.code.two(Code::Xor_r64_rm64, COLUMN, COLUMN);
        self.code.bind(column);
        self.code.two(Code::Mov_r64_rm64, SECOND, COLUMN);
        self.code.two(Code::Cmp_r64_rm64, SECOND, LAST);
        self.code.two(Code::Cmovg_r64_rm64, SECOND, LAST);
        self.code.load(Code::Lea_r64_m, GROUPS[0], indexed(ROWS[0], SECOND, 4, 0));
        for group in 1..groups {
            let next = indexed(GROUPS[group - 1], STRIDE, 4, 0);
            self.code.load(Code::Lea_r64_m, GROUPS[group], next);
        }
        let bytes = i32::try_from(self.form.bytes()).expect("64 at most");
        self.code.number(Code::Shl_rm64_imm8, SECOND, bytes.ilog2().cast_signed());
        let inside = |row: usize| {
            indexed(STACK, SECOND, 1, tile.buffer + i32::try_from(row).expect("4") * bytes)
        };
        let outside = |group: usize, row: usize| match row {
            0 => at(GROUPS[group], 0),
            3 => indexed(GROUPS[group], triple, 1, 0),
            _ => indexed(GROUPS[group], STRIDE, u32::try_from(row).expect("1 or 2"), 0),
        };
        if way == Way::In {
            for row in 0..4 {
                self.code.load(Code::VEX_Vmovups_xmm_xmmm128, low(row), outside(0, row));
                for group in 1..groups {
                    self.insert_part(row, outside(group, row), group);
                }
            }
            self.turn();
            (0..4).for_each(|row| self.store_vector(inside(row), self.vector(row)));
        } else {
            (0..4).for_each(|row| self.load_vector(self.vector(row), inside(row)));
            self.turn();
            for row in 0..4 {
                self.code.store(Code::VEX_Vmovups_xmmm128_xmm, outside(0, row), low(row));
                for group in 1..groups {
                    self.extract_part(outside(group, row), row, group);
                }
            }
        }
        self.code.number(Code::Add_rm64_imm32, COLUMN, 4);
        self.code.two(Code::Cmp_r64_rm64, COLUMN, LENGTH);
        self.code.jump(Code::Jb_rel32_64, column);
    }

    /// Reads 128 bits into a part of a vector.
    fn insert_part(&mut self, into: usize, from: MemoryOperand, part: usize) {
        let code = match self.form {
            Form::Zmm => Code::EVEX_Vinsertf32x4_zmm_k1z_zmm_xmmm128_imm8,
            Form::Xmm | Form::Ymm => Code::VEX_Vinsertf128_ymm_ymm_xmmm128_imm8,
        };
        let (into, part) = (self.vector(into), i32::try_from(part).expect("a few parts"));
        let insert = Instruction::with4(code, into, into, from, part);
        self.code.put(&insert.expect("two registers, memory and a number"));
    }

    /// Writes 128 bits from a part of a vector.
    fn extract_part(&mut self, to: MemoryOperand, from: usize, part: usize) {
        let code = match self.form {
            Form::Zmm => Code::EVEX_Vextractf32x4_xmmm128_k1z_zmm_imm8,
            Form::Xmm | Form::Ymm => Code::VEX_Vextractf128_xmmm128_ymm_imm8,
        };
        let part = i32::try_from(part).expect("a few parts");
        let extract = Instruction::with3(code, to, self.vector(from), part);
        self.code.put(&extract.expect("memory, a register and a number"));
    }

    /// Turns blocks of four by four f32, in the parts of the first vectors, on their sides.
    fn turn(&mut self) {
        let [low, high] = match self.form {
            Form::Zmm => [
                Code::EVEX_Vunpcklps_zmm_k1z_zmm_zmmm512b32,
                Code::EVEX_Vunpckhps_zmm_k1z_zmm_zmmm512b32,
            ],
            Form::Xmm | Form::Ymm => {
                [Code::VEX_Vunpcklps_ymm_ymm_ymmm256, Code::VEX_Vunpckhps_ymm_ymm_ymmm256]
            }
        };
        let [low_pair, high_pair] = match self.form {
            Form::Zmm => [
                Code::EVEX_Vunpcklpd_zmm_k1z_zmm_zmmm512b64,
                Code::EVEX_Vunpckhpd_zmm_k1z_zmm_zmmm512b64,
            ],
            Form::Xmm | Form::Ymm => {
                [Code::VEX_Vunpcklpd_ymm_ymm_ymmm256, Code::VEX_Vunpckhpd_ymm_ymm_ymmm256]
            }
        };
        let steps = [
            (low, 4, 0, 1),
            (high, 5, 0, 1),
            (low, 6, 2, 3),
            (high, 7, 2, 3),
            (low_pair, 0, 4, 6),
            (high_pair, 1, 4, 6),
            (low_pair, 2, 5, 7),
            (high_pair, 3, 5, 7),
        ];
        for (code, into, a, b) in steps {
            self.three(code, self.vector(into), self.vector(a), Source::Register(self.vector(b)));
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
