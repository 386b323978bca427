//! What loops leave behind: partial results and totals, joined in the order that [`crate::loops`] states.

use iced_x86::{Code, Instruction, MemoryOperand, Register};

use super::assembler::{Label, at};
use super::codes::{Form, Op, code};
use super::memory::COUNTER;
use super::values::{Home, Source, mask};
use super::{STACK, Writer};
use crate::loops::{Accumulator, BLOCK, Extent, Join, Kind, PARTIALS, Precision, Value};

/// Where the partial results of an accumulator of a loop in lanes lie.
#[derive(Clone, Debug)]
pub(super) struct Partials {
    join: Join,
    element: Value,
    /// Vectors of partial results, one behind the other.
    pub(super) partial: i32,
    /// Those of the totals of a sum that goes in blocks, and of what they have lost.
    total: Option<[i32; 2]>,
    /// The registers that hold the partial results in the section that is being written, and in the end what is to be
    /// joined.
    pub(super) registers: Vec<usize>,
}

impl Writer<'_> {
    /// How many vectors the partial results of an accumulator fill.
    pub(super) fn vectors_of_partials(&self) -> usize {
        PARTIALS / self.lane_count()
    }

    fn bytes(&self) -> i32 {
        i32::try_from(self.form.bytes()).expect("64 at most")
    }

    /// Makes room for the partial results of a loop in lanes; neutral ones if they are to stay in memory.
    pub(super) fn begin_partials(
        &mut self,
        accumulators: &[Accumulator],
        blocks: bool,
        in_registers: bool,
    ) -> Vec<Partials> {
        let space = self.space_of_partials();
        let mut all = vec![];
        for accumulator in accumulators {
            let (join, element) = (accumulator.join, accumulator.element);
            let partial = self.frame.vectors(space);
            let total =
                (blocks && join == Join::Sum).then(|| [(); 2].map(|()| self.frame.vectors(space)));
            if !in_registers {
                [Some(partial), total.map(|[total, _]| total)]
                    .into_iter()
                    .flatten()
                    .for_each(|place| self.fill(place, join));
            }
            all.push(Partials { join, element, partial, total, registers: vec![] });
        }
        all
    }

    /// Lets go of the memory of partial results.
    pub(super) fn release_partials(&mut self, all: &[Partials]) {
        for partials in all {
            let [total, lost] = partials.total.map_or([None; 2], |slots| slots.map(Some));
            for slot in [Some(partials.partial), total, lost].into_iter().flatten() {
                self.frame.release_vectors(slot, self.space_of_partials());
            }
        }
    }

    /// How much memory they take, in the widest vectors.
    fn space_of_partials(&self) -> usize {
        (self.vectors_of_partials() * self.form.bytes()).div_ceil(64)
    }

    /// Writes what is neutral to a join into all partial results.
    fn fill(&mut self, partial: i32, join: Join) {
        let neutral = self.take(false);
        self.load_constant(neutral, &join.neutral());
        let neutral = self.vector(neutral);
        for at_vector in 0..self.vectors_of_partials() {
            self.store_vector(self.partial_at(partial, at_vector), neutral);
        }
        self.unlock();
    }

    fn partial_at(&self, partial: i32, vector: usize) -> MemoryOperand {
        let vector = i32::try_from(vector).expect("a few vectors");
        at(STACK, partial + vector * self.bytes())
    }

    /// Makes neutral partial results in registers of their own.
    pub(super) fn pin_partials(&mut self, all: &mut [Partials]) {
        for partials in all {
            partials.registers = (0..self.vectors_of_partials()).map(|_| self.pin()).collect();
            for register in &partials.registers {
                self.load_constant(*register, &partials.join.neutral());
            }
        }
    }

    /// Moves partial results to memory, and says which registers they had.
    pub(super) fn store_partials(&mut self, all: &mut [Partials]) -> Vec<Vec<usize>> {
        let mut taken = vec![];
        for partials in all {
            let registers = std::mem::take(&mut partials.registers);
            for (vector, register) in registers.iter().enumerate() {
                self.store_vector(
                    self.partial_at(partials.partial, vector),
                    self.vector(*register),
                );
            }
            taken.push(registers);
        }
        taken
    }

    /// Moves partial results from memory to registers.
    pub(super) fn load_partials(&mut self, all: &mut [Partials], registers: Vec<Vec<usize>>) {
        for (partials, registers) in all.iter_mut().zip(registers) {
            for (vector, register) in registers.iter().enumerate() {
                self.load_vector(self.vector(*register), self.partial_at(partials.partial, vector));
            }
            partials.registers = registers;
        }
    }

    /// Joins the elements of a trip with the partial results, which begin at an address if they lie in memory.
    pub(super) fn join_partials(&mut self, all: &[Partials], phase: Option<Register>) {
        for partials in all {
            for copy in 0..self.copies {
                let element = self.element(partials.join, partials.element, copy);
                let vector = copy % self.vectors_of_partials();
                if let Some(register) = partials.registers.get(vector) {
                    let register = self.vector(*register);
                    self.join(partials.join, register, register, element);
                } else {
                    let memory = match phase {
                        Some(phase) => {
                            let offset = partials.partial
                                + i32::try_from(copy).expect("a few copies") * self.bytes();
                            super::assembler::indexed(STACK, phase, 1, offset)
                        }
                        None => self.partial_at(partials.partial, vector),
                    };
                    let joined = self.take(false);
                    let joined = self.vector(joined);
                    self.load_vector(joined, memory);
                    self.join(partials.join, joined, joined, element);
                    self.store_vector(memory, joined);
                }
                self.unlock();
            }
        }
    }

    /// An element to be joined; masks as integers.
    pub(super) fn element(&mut self, join: Join, element: Value, copy: usize) -> Source {
        if join.kind() != Kind::Mask || self.form != Form::Zmm {
            return self.source(element, copy);
        }
        let mask = self.mask_register(element, copy);
        let bits = self.take(false);
        let bits = self.vector(bits);
        self.code.two(self.mask_to_vector(), bits, mask);
        Source::Register(bits)
    }

    fn mask_to_vector(&self) -> Code {
        match self.program.precision {
            Precision::F32 => Code::EVEX_Vpmovm2d_zmm_kr,
            Precision::F64 => Code::EVEX_Vpmovm2q_zmm_kr,
        }
    }

    /// `into = a joined with b`; in the tail lanes past the end stay as they are in `into`, which is `a` then.
    pub(super) fn join(&mut self, join: Join, into: Register, a: Register, b: Source) {
        let code = code(operation(join), self.program.precision, self.form);
        if !self.tail {
            return self.three(code, into, a, b);
        }
        if self.form == Form::Zmm {
            let instruction = match b {
                Source::Register(b) => Instruction::with3(code, into, a, b),
                Source::Memory(b) => Instruction::with3(code, into, a, b),
            };
            let mut instruction = instruction.expect("three operands");
            instruction.set_op_mask(mask(1));
            return self.code.put(&instruction);
        }
        let joined = self.take(false);
        let joined = self.vector(joined);
        self.three(code, joined, a, b);
        self.blend_by(into, a, joined, self.vector(self.tail_lanes));
    }

    /// `into = lanes ? chosen : otherwise`, in VEX.
    fn blend_by(&mut self, into: Register, otherwise: Register, chosen: Register, lanes: Register) {
        let code = code(Op::Blend, self.program.precision, self.form);
        let blend = Instruction::with4(code, into, otherwise, chosen, lanes);
        self.code.put(&blend.expect("four registers"));
    }

    /// Makes the totals of a loop that need not begin with the first block.
    pub(super) fn begin_totals_of_blocks(&mut self, all: &[Partials]) {
        for partials in all {
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
        self.take_partials(all, |writer, [_, total, lost], [a, _, _]| {
            writer.store_vector(total, a);
            writer.clear(a);
            writer.store_vector(lost, a);
        });
        self.code.jump(Code::Jmp_rel32_64, done);
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
                self.load_vector(self.vector(*register), self.partial_at(total, vector));
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
        // What is left of an infinity or NaN is not equal to itself.
        self.three(subtract, sum, lost, Source::Register(lost));
        let compare = code(Op::Compare, self.program.precision, self.form);
        if self.form == Form::Zmm {
            let finite = mask(self.take(true));
            let test = Instruction::with4(compare, finite, sum, sum, 0);
            self.code.put(&test.expect("operands of a comparison"));
            let load = code(Op::Load, self.program.precision, self.form);
            let mut keep = Instruction::with2(load, lost, lost).expect("two registers");
            keep.set_op_mask(finite);
            keep.set_zeroing_masking(true);
            self.code.put(&keep);
        } else {
            let test = Instruction::with4(compare, sum, sum, sum, 0);
            self.code.put(&test.expect("operands of a comparison"));
            self.three(and, lost, lost, Source::Register(sum));
        }
    }

    /// Joins all partial results as a tree, into the lowest lane of the first register, and keeps that.
    pub(super) fn join_tree(&mut self, partials: &Partials) -> Home {
        let mut vectors: Vec<usize> = partials.registers.clone();
        if vectors.is_empty() {
            let first = partials.total.map_or(partials.partial, |[total, _]| total);
            for vector in 0..self.vectors_of_partials() {
                let register = self.take(false);
                self.load_vector(self.vector(register), self.partial_at(first, vector));
                vectors.push(register);
            }
        }
        while vectors.len() > 1 {
            let high = vectors.split_off(vectors.len() / 2);
            for (low, high) in vectors.iter().zip(high) {
                let [low, high] = [*low, high].map(|at| self.vector(at));
                self.join(partials.join, low, low, Source::Register(high));
            }
        }
        let low = vectors[0];
        let other = self.take(false);
        let form = self.form;
        if form == Form::Zmm {
            self.halve(
                Code::EVEX_Vextractf64x4_ymmm256_k1z_zmm_imm8,
                Form::Ymm,
                (low, other),
                partials.join,
            );
        }
        self.halve(Code::VEX_Vextractf128_xmmm128_ymm_imm8, Form::Xmm, (low, other), partials.join);
        self.form = Form::Xmm;
        let (low, other) = (self.vector(low), self.vector(other));
        self.three(Code::VEX_Vmovhlps_xmm_xmm_xmm, other, low, Source::Register(low));
        self.join(partials.join, low, low, Source::Register(other));
        if self.program.precision == Precision::F32 {
            self.two(Code::VEX_Vmovshdup_xmm_xmmm128, other, Source::Register(low), None);
            self.join(partials.join, low, low, Source::Register(other));
        }
        let slot = self.frame.word();
        self.store_element(at(STACK, slot), low);
        self.form = form;
        partials.registers.iter().for_each(|register| self.unpin(*register));
        self.unlock();
        Home::Scalar(slot)
    }

    /// Joins the lower half of a vector with the upper one; the form is that of the halves then.
    fn halve(&mut self, extract: Code, half: Form, (low, other): (usize, usize), join: Join) {
        let whole = self.vector(low);
        self.form = half;
        let (low, other) = (self.vector(low), self.vector(other));
        let upper = Instruction::with3(extract, other, whole, 1);
        self.code.put(&upper.expect("two registers and a number"));
        self.join(join, low, low, Source::Register(other));
    }
}

fn operation(join: Join) -> Op {
    match join {
        Join::Sum => Op::Add,
        Join::Product => Op::Multiply,
        Join::Maximum => Op::Maximum,
        Join::Minimum => Op::Minimum,
        Join::Any => Op::Or,
        Join::All => Op::And,
    }
}
