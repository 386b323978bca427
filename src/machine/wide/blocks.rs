//! Sums in blocks: totals, which take the partial results of each block with compensation, as [`crate::loops`] states. In small
//! loops they stay in registers.

use iced_x86::{Code, Instruction, MemoryOperand, Register};

use super::Writer;
use super::accumulators::Partials;
use super::assembler::Label;
use super::codes::{Form, Op, code};
use super::memory::COUNTER;
use super::values::Source;
use crate::loops::{BLOCK, Extent, Operation, Precision};

/// What becomes of numbers, four bits for each sort (Intel's Software Developer's Manual, volume 2, VFIXUPIMMPS): of quiet and
/// signaling NaN (0 and 1) and of infinities (4 and 5) it is 0, and others stay what they are.
const ONLY_FINITE: i64 = 0x0088_0088;

impl Writer<'_> {
    /// Keeps totals in registers of their own, from 0, if as many are left.
    pub(super) fn pin_totals_of_blocks(&mut self, all: &mut [Partials], left: usize) {
        let vectors = self.vectors_of_partials();
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
                self.fill(place, partials.join);
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
            self.take_partials(all, |writer, [_, total, lost], [a, _, _]| {
                writer.store_vector(total, a);
                writer.clear(a);
                writer.store_vector(lost, a);
            });
            self.code.jump(Code::Jmp_rel32_64, done);
        }
        self.code.bind(later);
        self.take_partials(all, |writer, [_, total, lost], [a, b, c]| {
            writer.load_vector(b, total);
            writer.load_vector(c, lost);
            writer.add_with_compensation(b, c, a);
            writer.store_vector(total, b);
            writer.store_vector(lost, c);
            writer.clear(a);
        });
        self.code.bind(done);
        self.compare_with_extent(extent);
        self.code.jump(Code::Jb_rel32_64, block);
        for partials in all {
            let Some([total, _]) = partials.total else { continue };
            for (vector, register) in partials.registers.iter().enumerate() {
                let register = self.vector(*register);
                match partials.totals.get(vector) {
                    Some([total, _]) => self.move_register(register, self.vector(*total)),
                    None => self.load_vector(register, self.partial_at(total, vector)),
                }
            }
        }
    }

    /// Takes the partial results of sums: `take` is given where a vector of them is, its total and what was lost, and
    /// registers for these, the first of them with the partial results, which it clears.
    fn take_partials(
        &mut self,
        all: &[Partials],
        take: impl Fn(&mut Self, [MemoryOperand; 3], [Register; 3]),
    ) {
        for partials in all {
            let Some([total, lost]) = partials.total else { continue };
            for (register, totals) in partials.registers.iter().zip(&partials.totals) {
                let [total, lost, element] =
                    [totals[0], totals[1], *register].map(|register| self.vector(register));
                self.add_with_compensation(total, lost, element);
                self.clear(element);
                self.unlock();
            }
            if !partials.totals.is_empty() {
                continue;
            }
            for vector in 0..self.vectors_of_partials() {
                let slots = [partials.partial, total, lost];
                let slots = slots.map(|slot| self.partial_at(slot, vector));
                let pinned = partials.registers.get(vector).copied();
                let registers = [pinned, None, None].map(|register| {
                    let register = register.unwrap_or_else(|| self.take(false));
                    self.vector(register)
                });
                if pinned.is_none() {
                    self.load_vector(registers[0], slots[0]);
                }
                take(self, slots, registers);
                if pinned.is_none() {
                    self.store_vector(slots[0], registers[0]);
                }
                self.unlock();
            }
        }
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
