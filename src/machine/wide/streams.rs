//! Results past the caches: stores that do not read what they overwrite, for loops over so much memory that it would
//! be gone from the caches before anybody reads it.
//!
//! They go 16 bytes at a time, as far as the memory of programs is aligned; a CPU gathers them to lines.

use iced_x86::{Code, Instruction, MemoryOperand, Register};

use super::Writer;
use super::codes::Form;
use super::values::number;
use crate::loops::{ArrayId, ArrayRole, Loop, Operation, Program, Statement, Subscript};

/// How many bytes a store takes, and is aligned to.
const STORE: i64 = 16;

/// How far ahead memory is asked for inputs, in bytes.
const AHEAD: i64 = 1024;

/// Whether all results of a program in lanes can go past the caches: there are no loops but those over examples, which
/// write an element of a result each time, and read none.
pub(super) fn can_stream(program: &Program) -> bool {
    let is_result = |array: ArrayId| program.arrays[array.0 as usize].role == ArrayRole::Output;
    let fits = |inner: &Loop, statement: &Statement| match statement {
        Statement::Let(_, Operation::Load(array, _)) => !is_result(*array),
        Statement::Let(..) => true,
        Statement::Store { array, subscripts, .. } => {
            is_result(*array) && subscripts[..] == [Subscript::Counter(inner.id)]
        }
        Statement::Loop(_) | Statement::Product(_) => false,
    };
    let mut loops = 0;
    program.body.iter().all(|statement| match statement {
        Statement::Let(..) | Statement::Store { .. } => true,
        Statement::Loop(inner) => {
            loops += 1;
            let is_simple = inner.lanes && inner.guard.is_none() && inner.behind.is_none();
            is_simple && inner.body.iter().all(|statement| fits(inner, statement))
        }
        Statement::Product(_) => false,
    }) && loops > 0
}

impl Writer<'_> {
    /// Writes a vector of a result past the caches.
    pub(super) fn stream_vector(&mut self, to: MemoryOperand, from: Register) {
        let part = self.take(false);
        let low = |at: usize| Register::XMM0 + u32::try_from(at).expect("a register");
        let (extract, parts) = match self.form {
            Form::Zmm => (Code::EVEX_Vextractf32x4_xmmm128_k1z_zmm_imm8, 4),
            Form::Ymm | Form::Xmm => (Code::VEX_Vextractf128_xmmm128_ymm_imm8, 2),
        };
        for at in 0..parts {
            let mut register = number(from);
            if at > 0 {
                register = part;
                let extract = Instruction::with3(extract, low(part), from, at);
                self.code.put(&extract.expect("two registers and a number"));
            }
            let store = if register < 16 {
                Code::VEX_Vmovntps_m128_xmm
            } else {
                Code::EVEX_Vmovntps_m128_xmm
            };
            let mut place = to;
            place.displacement += i64::from(at) * STORE;
            self.code.store(store, place, low(register));
        }
    }

    /// Asks memory for inputs that lie ahead.
    pub(super) fn ask_for_inputs(&mut self, at: MemoryOperand) {
        let mut place = at;
        place.displacement += AHEAD;
        self.code.put(&Instruction::with1(Code::Prefetcht0_m8, place).expect("memory"));
    }
}
