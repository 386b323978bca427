//! Asks memory for the next row while this one is computed.
//!
//! A row is gone along several times, and only the first time reads it from memory. What makes a CPU ask for memory by
//! itself begins anew with each row; so the loop along a row that has the most to compute asks for the elements of the
//! next one, a vector at a time. Past the last row there may be nothing, which does no harm.

use iced_x86::{Code, Instruction};

use super::assembler::indexed;
use super::memory::{Access, BASES, Base, COUNTER, Factor, Place, SECOND};
use super::{Body, Writer};
use crate::loops::ArrayRole;

impl Writer<'_> {
    /// Computes where the next rows lie that an innermost loop in lanes asks for, as far as there are registers.
    pub(super) fn write_bases_ahead(&mut self, body: &mut Body<'_>) {
        let mut registers = BASES.iter().skip(body.bases.len());
        let mut order: Vec<&mut Base<'_>> = body.bases.iter_mut().collect();
        order.sort_by(|a, b| a.of.base.cmp(&b.of.base));
        for base in order {
            let Place::Register(from) = base.place else { continue };
            let [(Factor::Counter(_), stride)] = base.of.base.terms[..] else { continue };
            let array = base.of.base.array;
            if self.program.arrays[array.0 as usize].role == ArrayRole::Temporary {
                continue;
            }
            let Some(register) = registers.next() else { return };
            self.load_number(SECOND, 1);
            self.multiply(SECOND, stride);
            self.code.load(Code::Lea_r64_m, *register, indexed(from, SECOND, 1, 0));
            base.ahead = Some(*register);
        }
    }

    /// Asks for what an access reads or writes in the next row.
    pub(super) fn ask_ahead(&mut self, access: &Access<'_>, copy: usize, code: Code) {
        let base = access.number.and_then(|number| self.body().bases[number].ahead);
        let Some(base) = base else { return };
        let size = self.element_size();
        let [own] = &access.own[..] else { return };
        if self.tail || own.literal() != Some(size) {
            return;
        }
        let lanes = i32::try_from(copy * self.lane_count()).expect("a few lanes");
        let place = indexed(base, COUNTER, size.unsigned_abs(), access.offset + lanes * size);
        self.code.put(&Instruction::with1(code, place).expect("an operand in memory"));
    }
}
