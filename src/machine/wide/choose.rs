//! Elements of a tile at a position of each lane.
//!
//! A row is short: comparing every position with those of the lanes takes less than reading lanes one by one.

use iced_x86::{Code, Instruction, MemoryOperand, Register};

use super::assembler::{at, indexed};
use super::codes::{Form, Op, code};
use super::memory::{SCRATCH, SECOND};
use super::tiles::Tile;
use super::values::{Source, mask};
use super::{STACK, Writer};
use crate::loops::{Extent, ExtentId, Operation, Value};

impl Writer<'_> {
    /// Defines a value: in each lane the element of a tile at a position, which lies in the row.
    pub(super) fn choose(&mut self, value: Value, tile: &Tile, position: Value, copy: usize) {
        let positions = self.register(position, copy);
        let buffer = tile.place(copy);
        let number = self.take(false);
        let into = self.vector(number);
        self.load_vector(into, at(STACK, buffer));
        let masks = self.form == Form::Zmm;
        let chosen = self.take(masks);
        let chosen = if masks { mask(chosen) } else { self.vector(chosen) };
        match tile.length {
            Extent::Literal(length) => {
                let bytes = self.vector_bytes();
                for place in 1..i32::try_from(length).expect("a short axis") {
                    let element = at(STACK, buffer + place * bytes);
                    let place = self.constant(&Operation::Integer(place.into()));
                    self.choose_where(into, [positions, chosen], Source::Memory(place), element);
                }
            }
            Extent::Given(id) => self.choose_in_loop(into, [positions, chosen], id, buffer),
        }
        self.release([position], copy);
        self.define(value, copy, number);
    }

    fn vector_bytes(&self) -> i32 {
        i32::try_from(self.form.bytes()).expect("64 at most")
    }

    fn choose_in_loop(
        &mut self,
        into: Register,
        [positions, chosen]: [Register; 2],
        length: ExtentId,
        buffer: i32,
    ) {
        let (again, after) = (self.code.label(), self.code.label());
        let slot = self.extents[length.0 as usize];
        let place = self.take(false);
        let place = self.vector(place);
        self.clear(place);
        self.clear_general(SECOND);
        self.code.load(Code::Mov_r64_rm64, SCRATCH, at(STACK, slot));
        self.code.two(Code::Test_rm64_r64, SCRATCH, SCRATCH);
        self.code.jump(Code::Je_rel32_64, after);
        self.code.bind(again);
        let element = indexed(STACK, SECOND, 1, buffer);
        self.choose_where(into, [positions, chosen], Source::Register(place), element);
        let one = self.constant(&Operation::Integer(1));
        let add = code(Op::IntegerAdd, self.program.precision, self.form);
        self.three(add, place, place, Source::Memory(one));
        self.code.number(Code::Add_rm64_imm32, SECOND, self.vector_bytes());
        self.code.number(Code::Sub_rm64_imm32, SCRATCH, 1);
        self.code.jump(Code::Jne_rel32_64, again);
        self.code.bind(after);
    }

    /// `into = positions == place ? element : into`, by way of a register for the comparison.
    fn choose_where(
        &mut self,
        into: Register,
        [positions, chosen]: [Register; 2],
        place: Source,
        element: MemoryOperand,
    ) {
        let equal = code(Op::IntegerEqual, self.program.precision, self.form);
        self.three(equal, chosen, positions, place);
        if self.form == Form::Zmm {
            let load = code(Op::Load, self.program.precision, self.form);
            let mut load = Instruction::with2(load, into, element).expect("a register and memory");
            load.set_op_mask(chosen);
            return self.code.put(&load);
        }
        let blend = code(Op::Blend, self.program.precision, self.form);
        let blend = Instruction::with4(blend, into, into, element, chosen);
        self.code.put(&blend.expect("four operands"));
    }
}
