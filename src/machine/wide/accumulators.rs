//! What loops leave behind: partial results and totals, joined in the order that [`crate::loops`] states.

use iced_x86::{Code, Instruction, MemoryOperand, Register};

use super::assembler::at;
use super::codes::{Form, Op, Order, code, multiply_add};
use super::signs::Signs;
use super::values::{Home, Source, mask};
use super::{STACK, Writer};
use crate::loops::{Accumulator, Join, Kind, PARTIALS, Precision, Value};

/// Where the partial results of an accumulator of a loop in lanes lie.
#[derive(Clone, Debug)]
pub(super) struct Partials {
    pub(super) join: Join,
    element: Value,
    factor: Option<Value>,
    /// Vectors of partial results, one behind the other.
    pub(super) partial: i32,
    /// Those of the totals of a sum that goes in blocks, and of what they have lost.
    pub(super) total: Option<[i32; 2]>,
    /// The registers that hold the partial results in the section that is being written, and in the end what is to be
    /// joined.
    pub(super) registers: Vec<usize>,
    /// The registers that hold totals, and what they have lost, where those are in registers too: none, or two for each
    /// vector.
    pub(super) totals: Vec<[usize; 2]>,
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
            let Accumulator { join, element, factor, .. } = *accumulator;
            let partial = self.frame.vectors(space);
            let total =
                (blocks && join == Join::Sum).then(|| [(); 2].map(|()| self.frame.vectors(space)));
            if !in_registers {
                [Some(partial), total.map(|[total, _]| total)]
                    .into_iter()
                    .flatten()
                    .for_each(|place| self.fill(place, join));
            }
            all.push(Partials {
                join,
                element,
                factor,
                partial,
                total,
                registers: vec![],
                totals: vec![],
            });
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
    pub(super) fn fill(&mut self, partial: i32, join: Join) {
        let neutral = self.take(false);
        self.load_constant(neutral, &join.neutral());
        let neutral = self.vector(neutral);
        for at_vector in 0..self.vectors_of_partials() {
            self.store_vector(self.partial_at(partial, at_vector), neutral);
        }
        self.unlock();
    }

    pub(super) fn partial_at(&self, partial: i32, vector: usize) -> MemoryOperand {
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
                let vector = copy % self.vectors_of_partials();
                if let Some(register) = partials.registers.get(vector) {
                    let register = self.vector(*register);
                    self.join_element(partials, register, copy);
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
                    self.join_element(partials, joined, copy);
                    self.store_vector(memory, joined);
                }
                self.unlock();
            }
        }
    }

    /// Joins an element, or adds its product with a factor.
    fn join_element(&mut self, partials: &Partials, into: Register, copy: usize) {
        if let Some([which, number]) = self.sums.get(&partials.element).copied() {
            let counted = self.mask_register(which, copy);
            let number = self.source(number, copy);
            return self.add_where(counted, into, number);
        }
        let Some(factor) = partials.factor else {
            let element = self.element(partials.join, partials.element, copy);
            return self.join(partials.join, into, into, element);
        };
        let precision = self.program.precision;
        let a = self.register(partials.element, copy);
        let b = self.source(factor, copy);
        if !self.program.fused {
            let product = self.take(false);
            let product = self.vector(product);
            self.three(code(Op::Multiply, precision, self.form), product, a, b);
            return self.join(Join::Sum, into, into, Source::Register(product));
        }
        let add = multiply_add(Order::Last, Signs::default(), precision, self.form);
        if !self.tail {
            return self.three(add, into, a, b);
        }
        if self.form == Form::Zmm {
            return self.three_where(add, into, (a, b), mask(1));
        }
        let sum = self.take(false);
        let sum = self.vector(sum);
        self.move_register(sum, into);
        self.three(add, sum, a, b);
        self.blend_by(into, into, sum, self.vector(self.tail_lanes));
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
            return self.three_where(code, into, (a, b), mask(1));
        }
        let joined = self.take(false);
        let joined = self.vector(joined);
        self.three(code, joined, a, b);
        self.blend_by(into, a, joined, self.vector(self.tail_lanes));
    }

    /// Adds a number in the lanes of a mask, those of the tail past the end left out.
    pub(super) fn add_where(&mut self, which: Register, into: Register, number: Source) {
        let add = code(Op::Add, self.program.precision, self.form);
        if !self.tail {
            return self.three_where(add, into, (into, number), which);
        }
        let counted = mask(self.take(true));
        let both = Code::VEX_Kandw_kr_kr_kr;
        self.three(both, counted, which, Source::Register(mask(1)));
        self.three_where(add, into, (into, number), counted);
    }

    /// `into = lanes ? chosen : otherwise`, in VEX.
    fn blend_by(&mut self, into: Register, otherwise: Register, chosen: Register, lanes: Register) {
        let code = code(Op::Blend, self.program.precision, self.form);
        let blend = Instruction::with4(code, into, otherwise, chosen, lanes);
        self.code.put(&blend.expect("four registers"));
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
