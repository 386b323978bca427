//! Sums in blocks: totals, which take with compensation what the partial results of each block come to, as [`crate::loops`]
//! states. In small loops they stay in registers.

use iced_x86::{Code, Instruction, MemoryOperand, Register};

use super::Writer;
use super::accumulators::Partials;
use super::assembler::Label;
use super::codes::{Form, Op, code};
use super::memory::COUNTER;
use super::values::Source;
use crate::loops::{BLOCK, Extent, Join, Operation, Precision, TOTALS};

/// What becomes of numbers, four bits for each sort (Intel's Software Developer's Manual, volume 2, VFIXUPIMMPS): of quiet and
/// signaling NaN (0 and 1) and of infinities (4 and 5) it is 0, and others stay what they are.
const ONLY_FINITE: i64 = 0x0088_0088;

impl Writer<'_> {
    /// Keeps totals in registers of their own, from 0, if as many are left.
    pub(super) fn pin_totals_of_blocks(&mut self, all: &mut [Partials], left: usize) {
        let vectors = self.vectors_of_totals();
        let needed = 2 * vectors * all.iter().filter(|partials| partials.total.is_some()).count();
        if needed > left || all.iter().any(|partials| partials.registers.is_empty()) {
            return;
        }
        for partials in all.iter_mut().filter(|partials| partials.total.is_some()) {
            partials.totals = (0..vectors).map(|_| [(); 2].map(|()| self.pin())).collect();
            for register in partials.totals.iter().flatten() {
                self.clear(self.vector(*register));
            }
        }
    }

    /// Gives those registers back.
    pub(super) fn unpin_totals_of_blocks(&mut self, all: &mut [Partials]) {
        for register in all.iter_mut().flat_map(|partials| partials.totals.drain(..)).flatten() {
            self.unpin(register);
        }
    }

    /// Makes the totals of a loop that need not begin with the first block.
    pub(super) fn begin_totals_of_blocks(&mut self, all: &[Partials]) {
        for partials in all.iter().filter(|partials| partials.totals.is_empty()) {
            for place in partials.total.into_iter().flatten() {
                self.fill(place, partials.join, self.vectors_of_totals());
            }
        }
    }

    /// Lets the totals of sums take the partial results of a block, which begin anew for the next one, and goes there or
    /// to what comes after the last. After the first block the totals are the partial results, and nothing has been
    /// lost; if it is the only one, those in registers stay there.
    pub(super) fn end_block(
        &mut self,
        all: &[Partials],
        extent: Extent,
        [block, after]: [Label; 2],
    ) {
        let (later, done) = (self.code.label(), self.code.label());
        let first = i32::try_from(BLOCK).expect("a small number");
        self.code.number(Code::Cmp_rm64_imm32, COUNTER, first);
        self.code.jump(Code::Ja_rel32_64, later);
        if all.iter().all(|partials| !partials.registers.is_empty()) {
            self.compare_with_extent(extent);
            self.code.jump(Code::Jae_rel32_64, after);
        }
        // Totals in registers are 0 at first, to which this adds nothing.
        if all.iter().all(|partials| partials.totals.is_empty()) {
            self.take_partials(all, |writer, [total, lost], element| {
                writer.store_vector(total, element);
                writer.clear(element);
                writer.store_vector(lost, element);
            });
            self.code.jump(Code::Jmp_rel32_64, done);
        }
        self.code.bind(later);
        self.take_partials(all, |writer, places, element| {
            let [total, lost] = [(); 2].map(|()| writer.take(false)).map(|at| writer.vector(at));
            writer.load_vector(total, places[0]);
            writer.load_vector(lost, places[1]);
            writer.add_with_compensation(total, lost, element);
            writer.store_vector(places[0], total);
            writer.store_vector(places[1], lost);
        });
        self.code.bind(done);
        self.compare_with_extent(extent);
        self.code.jump(Code::Jb_rel32_64, block);
        for partials in all.iter().filter(|partials| partials.total.is_some()) {
            self.load_totals(partials);
        }
    }

    /// Moves the totals of a sum to where its partial results are in registers, with 0 behind them.
    fn load_totals(&mut self, partials: &Partials) {
        let Some([total, _]) = partials.total else { return };
        for (vector, at) in partials.registers.iter().enumerate() {
            let register = self.vector(*at);
            if vector >= self.vectors_of_totals() {
                self.clear(register);
                continue;
            }
            match partials.totals.get(vector) {
                Some([total, _]) => self.move_register(register, self.vector(*total)),
                None => self.load_vector(register, self.partial_at(total, vector)),
            }
            self.clear_past_totals(*at);
        }
    }

    /// Takes the partial results of sums, which begin anew: `take` is given where a vector of totals is, and what they have
    /// lost, and a register with what they take, which it may write.
    fn take_partials(
        &mut self,
        all: &[Partials],
        take: impl Fn(&mut Self, [MemoryOperand; 2], Register),
    ) {
        for partials in all {
            let Some(slots) = partials.total else { continue };
            self.join_until_totals(partials);
            for vector in 0..self.vectors_of_totals() {
                let element = partials.registers.get(vector).copied().unwrap_or_else(|| {
                    let register = self.take(false);
                    let memory = self.partial_at(partials.partial, vector);
                    self.load_vector(self.vector(register), memory);
                    register
                });
                self.join_past_totals(element);
                let element = self.vector(element);
                if let Some(totals) = partials.totals.get(vector) {
                    let [total, lost] = totals.map(|register| self.vector(register));
                    self.add_with_compensation(total, lost, element);
                } else {
                    take(self, slots.map(|slot| self.partial_at(slot, vector)), element);
                }
                self.unlock();
            }
            for register in &partials.registers {
                self.clear(self.vector(*register));
            }
            if partials.registers.is_empty() {
                self.fill(partials.partial, Join::Sum, self.vectors_of_partials());
            }
        }
    }

    /// Joins the vectors of partial results of a sum until there are as many as of totals.
    fn join_until_totals(&mut self, partials: &Partials) {
        let add = code(Op::Add, self.program.precision, self.form);
        let mut count = self.vectors_of_partials();
        while count > self.vectors_of_totals() {
            count /= 2;
            for vector in 0..count {
                if let Some(register) = partials.registers.get(vector) {
                    let high = self.vector(partials.registers[vector + count]);
                    let low = self.vector(*register);
                    self.three(add, low, low, Source::Register(high));
                    continue;
                }
                let [low, high] =
                    [vector, vector + count].map(|at| self.partial_at(partials.partial, at));
                let sum = self.take(false);
                let sum = self.vector(sum);
                self.load_vector(sum, low);
                self.three(add, sum, sum, Source::Memory(high));
                self.store_vector(low, sum);
                self.unlock();
            }
        }
    }

    /// Joins the upper half of a vector with the lower one where only this has totals.
    fn join_past_totals(&mut self, register: usize) {
        if self.lane_count() <= TOTALS {
            return;
        }
        let upper = self.take(false);
        self.half(register, upper, 1);
        let add = code(Op::Add, self.program.precision, self.form);
        let [register, upper] = [register, upper].map(|at| self.vector(at));
        self.three(add, register, register, Source::Register(upper));
    }

    /// Makes the lanes of a vector of totals 0 that have none.
    pub(super) fn clear_past_totals(&mut self, register: usize) {
        if self.lane_count() > TOTALS {
            self.half(register, register, 0);
        }
    }

    /// A half of a vector of 512 bits, with 0 above it.
    fn half(&mut self, of: usize, into: usize, which: i32) {
        let into = Register::YMM0 + u32::try_from(into).expect("a register");
        let of = self.vector(of);
        let code = Code::EVEX_Vextractf64x4_ymmm256_k1z_zmm_imm8;
        let half = Instruction::with3(code, into, of, which);
        self.code.put(&half.expect("two registers and a number"));
    }

    /// Adds an element, which is destroyed, to a total that is too large by what was lost (Kahan 1965).
    pub(super) fn add_with_compensation(
        &mut self,
        total: Register,
        lost: Register,
        element: Register,
    ) {
        let [add, subtract, and] =
            [Op::Add, Op::Subtract, Op::And].map(|op| code(op, self.program.precision, self.form));
        let sum = self.take(false);
        let sum = self.vector(sum);
        self.three(subtract, element, element, Source::Register(lost));
        self.three(add, sum, total, Source::Register(element));
        self.three(subtract, lost, sum, Source::Register(total));
        self.three(subtract, lost, lost, Source::Register(element));
        self.move_register(total, sum);
        if self.form == Form::Zmm {
            return self.clear_unless_finite(lost);
        }
        // What is left of an infinity or NaN is not equal to itself.
        self.three(subtract, sum, lost, Source::Register(lost));
        let compare = code(Op::Compare, self.program.precision, self.form);
        let test = Instruction::with4(compare, sum, sum, sum, 0);
        self.code.put(&test.expect("operands of a comparison"));
        self.three(and, lost, lost, Source::Register(sum));
    }

    /// Makes infinities and NaN 0, with the instruction for such numbers that AVX-512 has.
    fn clear_unless_finite(&mut self, register: Register) {
        let clear = match self.program.precision {
            Precision::F32 => Code::EVEX_Vfixupimmps_zmm_k1z_zmm_zmmm512b32_imm8_sae,
            Precision::F64 => Code::EVEX_Vfixupimmpd_zmm_k1z_zmm_zmmm512b64_imm8_sae,
        };
        let table = self.constant(&Operation::Integer(ONLY_FINITE));
        let clear = Instruction::with4(clear, register, register, table, 0);
        self.code.put(&clear.expect("two registers, memory and a number"));
    }
}
