//! Asks memory for the next row while this one is computed.
//!
//! A row is gone along several times, and only the first time reads it from memory. What makes a CPU ask for memory by
//! itself begins anew with each row; so the loop along a row that has the most to compute asks for the elements of the
//! next one, a vector at a time. Past the last row there may be nothing, which does no harm.

use iced_x86::{Code, Instruction};

use super::assembler::indexed;
use super::memory::{Access, BASES, Base, COUNTER, Factor, SECOND};
use super::{Body, Writer};
use crate::loops::ArrayRole;

impl Writer<'_> {
    /// Computes where the next rows lie that an innermost loop in lanes asks for, as far as there are registers.
    pub(super) fn write_bases_ahead(&mut self, body: &mut Body) {
        for (key, base) in body.bases.clone() {
            let Base::Register(base) = base else { continue };
            let [(Factor::Counter(_), stride)] = &key.terms[..] else { continue };
            let Some(register) = BASES.get(body.bases.len() + body.ahead.len()) else { return };
            if self.program.arrays[key.array.0 as usize].role == ArrayRole::Temporary {
                continue;
            }
            self.load_number(SECOND, 1);
            self.multiply(SECOND, stride);
            self.code.load(Code::Lea_r64_m, *register, indexed(base, SECOND, 1, 0));
            body.ahead.insert(key, *register);
        }
    }

    /// Asks for what an access reads or writes in the next row.
    pub(super) fn ask_ahead(&mut self, access: &Access, copy: usize, code: Code) {
        let Some(base) = self.body().ahead.get(&access.base) else { return };
        let size = self.element_size();
        let [own] = &access.own[..] else { return };
        if self.tail || own.literal() != Some(size) {
            return;
        }
        let lanes = i32::try_from(copy * self.lane_count()).expect("a few lanes");
        let place = indexed(*base, COUNTER, size.unsigned_abs(), access.offset + lanes * size);
        self.code.put(&Instruction::with1(code, place).expect("an operand in memory"));
    }
}
