//! Loads and stores. Lanes that do not lie one behind the other are read and written one by one.

use iced_x86::{Code, Instruction, MemoryOperand, Register};

use super::assembler::at;
use super::codes::{Form, Op, code};
use super::memory::Access;
use super::values::mask;
use super::{STACK, Writer};
use crate::loops::{ArrayId, Precision, Subscript, Value, subscript_values};

impl<'p> Writer<'p> {
    pub(super) fn write_load(
        &mut self,
        value: Value,
        array: ArrayId,
        subscripts: &[Subscript],
        copy: usize,
    ) {
        if let Some(memory) = self.tile_place(array, subscripts, copy) {
            self.release(subscript_values(subscripts), copy);
            let register = self.take(false);
            self.load_vector(self.vector(register), memory);
            return self.define(value, copy, register);
        }
        let access = self.access_here(array, subscripts);
        let pattern = self.is_contiguous(&access);
        if pattern == Some(false) {
            if let Some((tile, position)) = self.position_in_tile(array, subscripts) {
                return self.choose(value, &tile, position, copy);
            }
            return self.gather(value, &access, subscripts, copy);
        }
        let memory = self.place(&access, copy);
        self.release(subscript_values(subscripts), copy);
        let register = self.take(false);
        let into = self.vector(register);
        match (pattern, self.tail) {
            (None, _) => self.broadcast(into, memory),
            (_, false) => {
                if self.comes_from_memory(array) {
                    self.ask_for_inputs(memory);
                }
                self.load_vector(into, memory);
            }
            (_, true) => self.load_tail(into, memory),
        }
        self.ask_ahead(&access, copy, Code::Prefetcht1_m8);
        self.define(value, copy, register);
    }

    pub(super) fn write_store(&mut self, array: ArrayId, subscripts: &[Subscript], value: Value) {
        for copy in 0..self.copies {
            self.write_store_of(array, subscripts, value, copy);
        }
    }

    /// Writes an element of one copy of the body.
    pub(super) fn write_store_of(
        &mut self,
        array: ArrayId,
        subscripts: &[Subscript],
        value: Value,
        copy: usize,
    ) {
        let access = self.access_here(array, subscripts);
        let pattern = self.is_contiguous(&access);
        let from = self.register(value, copy);
        if let Some(memory) = self.tile_place(array, subscripts, copy) {
            self.store_vector(memory, from);
        } else if pattern == Some(false) {
            self.scatter(&access, from, copy);
        } else {
            let memory = self.place(&access, copy);
            match (pattern, self.tail) {
                (None, _) => self.store_element(memory, from),
                (_, false) if self.goes_past(array) => self.stream_vector(memory, from),
                (_, false) => self.store_vector(memory, from),
                (_, true) => self.store_tail(memory, from),
            }
            self.ask_ahead(&access, copy, Code::Prefetchw_m8);
        }
        self.release(subscript_values(subscripts).chain([value]), copy);
        self.unlock();
    }

    /// Reads those lanes that are not past the end, zeros into the others.
    pub(super) fn load_tail(&mut self, into: Register, memory: MemoryOperand) {
        let load = if self.form == Form::Zmm {
            let load = code(Op::Load, self.program.precision, self.form);
            let mut load = Instruction::with2(load, into, memory).expect("a register and memory");
            load.set_op_mask(mask(1));
            load.set_zeroing_masking(true);
            load
        } else {
            let code = match self.program.precision {
                Precision::F32 => Code::VEX_Vmaskmovps_ymm_ymm_m256,
                Precision::F64 => Code::VEX_Vmaskmovpd_ymm_ymm_m256,
            };
            let lanes = self.vector(self.tail_lanes);
            Instruction::with3(code, into, lanes, memory).expect("two registers and memory")
        };
        self.code.put(&load);
    }

    /// Writes those lanes that are not past the end.
    pub(super) fn store_tail(&mut self, memory: MemoryOperand, from: Register) {
        let store = if self.form == Form::Zmm {
            let store = code(Op::Store, self.program.precision, self.form);
            let mut store = Instruction::with2(store, memory, from).expect("memory and a register");
            store.set_op_mask(mask(1));
            store
        } else {
            let code = match self.program.precision {
                Precision::F32 => Code::VEX_Vmaskmovps_m256_ymm_ymm,
                Precision::F64 => Code::VEX_Vmaskmovpd_m256_ymm_ymm,
            };
            let lanes = self.vector(self.tail_lanes);
            Instruction::with3(code, memory, lanes, from).expect("memory and two registers")
        };
        self.code.put(&store);
    }

    fn gather(&mut self, value: Value, access: &Access<'p>, subscripts: &[Subscript], copy: usize) {
        let lanes = self.frame.vector();
        let cleared = self.take(false);
        let register = self.vector(cleared);
        if self.tail {
            self.clear(register);
            self.store_vector(at(STACK, lanes), register);
        }
        let (real, integer) = self.element_moves();
        self.for_each_lane(access, copy, |writer, lane, memory| {
            writer.code.load(real, writer.element_register(), memory);
            let slot = at(STACK, lanes + lane * writer.element_size());
            writer.code.store(integer, slot, writer.element_register());
        });
        self.load_vector(register, at(STACK, lanes));
        self.frame.release_vector(lanes);
        self.release(subscript_values(subscripts), copy);
        self.define(value, copy, cleared);
    }

    fn scatter(&mut self, access: &Access<'p>, from: Register, copy: usize) {
        let lanes = self.frame.vector();
        self.store_vector(at(STACK, lanes), from);
        let (read, write) = self.element_moves();
        self.for_each_lane(access, copy, |writer, lane, memory| {
            let slot = at(STACK, lanes + lane * writer.element_size());
            writer.code.load(read, writer.element_register(), slot);
            writer.code.store(write, memory, writer.element_register());
        });
        self.frame.release_vector(lanes);
    }

    /// Instructions that move an element between memory and a general register.
    pub(super) fn element_moves(&self) -> (Code, Code) {
        match self.program.precision {
            Precision::F32 => (Code::Mov_r32_rm32, Code::Mov_rm32_r32),
            Precision::F64 => (Code::Mov_r64_rm64, Code::Mov_rm64_r64),
        }
    }

    pub(super) fn element_register(&self) -> Register {
        match self.program.precision {
            Precision::F32 => Register::EDX,
            Precision::F64 => Register::RDX,
        }
    }
}
