//! Where elements lie.
//!
//! An address is a base, which stays the same inside of a loop and is computed in front of it, a part that
//! goes with the loop's own counter, and what must be computed on the spot.

use std::rc::Rc;

use iced_x86::{Code, Instruction, MemoryOperand, Register};

use super::assembler::{at, indexed};
use super::strides::Stride;
use super::values::Home;
use super::{Body, STACK, Writer};
use crate::loops::{
    ArrayId, LoopId, Operation, PARTIALS, Precision, Program, Statement, Subscript, Value,
};

/// General registers that any piece of code may use.
pub(super) const SCRATCH: Register = Register::RCX;
pub(super) const SECOND: Register = Register::RDX;
pub(super) const THIRD: Register = Register::R14;
/// The counter of an innermost loop.
pub(super) const COUNTER: Register = Register::RAX;
/// General registers that hold bases inside of innermost loops.
pub(super) const BASES: [Register; 9] = [
    Register::RBX,
    Register::RSI,
    Register::RDI,
    Register::R8,
    Register::R9,
    Register::R10,
    Register::R11,
    Register::R12,
    Register::R13,
];

/// The counter of an innermost loop inside of a loop in lanes, times the bytes of a vector: no base then.
pub(super) const SCALED: Register = Register::R13;

/// What a stride is multiplied with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Factor {
    Counter(LoopId),
    /// A counter modulo [`PARTIALS`].
    Partial(LoopId),
    Value(Value),
    Literal(u32),
}

/// An address that stays the same in a loop.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct BaseKey<'p> {
    pub(super) array: ArrayId,
    pub(super) terms: Vec<(Factor, Stride<'p>)>,
}

/// Where a base is kept.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    Register(Register),
    Slot(i32),
}

/// An address that was computed in front of a loop.
pub(super) struct Base<'p> {
    /// The first access that has it.
    pub(super) of: Rc<Access<'p>>,
    pub(super) place: Place,
    /// The register with the place that it has in the next row.
    pub(super) ahead: Option<Register>,
}

/// An access to an array, taken apart for the loop around it.
pub(super) struct Access<'p> {
    pub(super) base: BaseKey<'p>,
    /// Which one of the bases of its body that is.
    pub(super) number: Option<usize>,
    pub(super) offset: i32,
    /// The strides of the loop's own counter, one for each axis that it goes along.
    pub(super) own: Vec<Stride<'p>>,
    /// What is computed on the spot, the same in all lanes.
    here: Vec<(Value, Stride<'p>)>,
    /// What differs between lanes.
    pub(super) lanes: Vec<(Value, Stride<'p>)>,
    /// The strides from lane to lane, one for each axis that they go along.
    pub(super) lane: Vec<Stride<'p>>,
}

impl<'p> Access<'p> {
    fn add_literal(&mut self, literal: i64, stride: Stride<'p>) {
        let bytes = stride.literal().and_then(|bytes| literal.checked_mul(bytes.into()));
        let sum = bytes.and_then(|bytes| bytes.checked_add(self.offset.into()));
        // Far ones would not fit the distances inside of instructions.
        let near = sum.and_then(|sum| i32::try_from(sum).ok()).filter(|sum| sum.abs() < 1 << 30);
        if let Some(sum) = near {
            self.offset = sum;
        } else {
            let literal = u32::try_from(literal).expect("a position in an axis");
            self.base.terms.push((Factor::Literal(literal), stride));
        }
    }
}

impl<'p> Writer<'p> {
    pub(super) fn element_size(&self) -> i32 {
        match self.program.precision {
            Precision::F32 => 4,
            Precision::F64 => 8,
        }
    }

    pub(super) fn lane_count(&self) -> usize {
        self.form.bytes() / usize::try_from(self.element_size()).expect("4 or 8")
    }

    /// Takes an access of a body apart.
    pub(super) fn access(
        &self,
        array: ArrayId,
        subscripts: &[Subscript],
        body: &Body<'p>,
    ) -> Access<'p> {
        let program: &'p Program = self.program;
        let mut access = Access {
            base: BaseKey { array, terms: vec![] },
            number: None,
            offset: 0,
            own: vec![],
            here: vec![],
            lanes: vec![],
            lane: vec![],
        };
        let strides = Stride::all(&program.arrays[array.0 as usize].extents, self.element_size());
        for (subscript, stride) in subscripts.iter().rev().zip(strides) {
            self.take_apart(&mut access, *subscript, stride, body);
        }
        access.number = body.bases.iter().position(|base| base.of.base == access.base);
        access
    }

    fn take_apart(
        &self,
        access: &mut Access<'p>,
        subscript: Subscript,
        stride: Stride<'p>,
        body: &Body<'p>,
    ) {
        match subscript {
            Subscript::Counter(id) => {
                if self.lanes == Some(id) {
                    access.lane.push(stride);
                }
                if body.counter == Some(id) {
                    access.own.push(stride);
                } else {
                    access.base.terms.push((Factor::Counter(id), stride));
                }
            }
            Subscript::Partial(id) => {
                access.lane.push(stride);
                access.base.terms.push((Factor::Partial(id), stride));
            }
            Subscript::Literal(literal) => access.add_literal(literal.into(), stride),
            Subscript::Value(value) => match self.constants.get(value) {
                Some(Operation::Integer(literal)) => access.add_literal(*literal, stride),
                Some(other) => unreachable!("a subscript {}", other.name()),
                None if self.wide[value.0 as usize] => access.lanes.push((value, stride)),
                None if body.uses.defines(value) => access.here.push((value, stride)),
                None => access.base.terms.push((Factor::Value(value), stride)),
            },
        }
    }

    /// The access of the statement being written.
    pub(super) fn access_here(&self, array: ArrayId, subscripts: &[Subscript]) -> Rc<Access<'p>> {
        let body = self.body();
        match body.accesses.get(body.place) {
            Some(Some(access)) => Rc::clone(access),
            _ => Rc::new(self.access(array, subscripts, body)),
        }
    }

    /// Takes a body's accesses apart and computes their bases, as many as may be in registers.
    pub(super) fn write_bases(
        &mut self,
        body: &mut Body<'p>,
        statements: &[Statement],
        innermost: bool,
    ) {
        body.accesses = vec![None; statements.len()];
        for (at_place, statement) in statements.iter().enumerate() {
            let (array, subscripts) = match statement {
                Statement::Let(_, Operation::Load(array, subscripts))
                | Statement::Store { array, subscripts, .. } => (array, subscripts),
                Statement::Let(..) | Statement::Loop(_) | Statement::Product(_) => continue,
            };
            let mut access = self.access(*array, subscripts, body);
            let count = body.bases.len();
            let is_new = access.number.is_none();
            access.number.get_or_insert(count);
            let access = Rc::new(access);
            if is_new {
                let place = match BASES.get(count) {
                    Some(register) if innermost && !self.is_scaled(*register) => {
                        self.compute_base(&access.base, *register);
                        Place::Register(*register)
                    }
                    _ => {
                        self.compute_base(&access.base, SCRATCH);
                        let slot = self.frame.word();
                        self.code.store(Code::Mov_rm64_r64, at(STACK, slot), SCRATCH);
                        Place::Slot(slot)
                    }
                };
                body.bases.push(Base { of: Rc::clone(&access), place, ahead: None });
            }
            body.accesses[at_place] = Some(access);
        }
    }

    /// Whether a register holds a counter times the bytes of a vector.
    fn is_scaled(&self, register: Register) -> bool {
        self.scaled.is_some() && register == SCALED
    }

    /// Lets go of the memory of bases.
    pub(super) fn release_bases(&mut self, body: &Body<'_>) {
        let is_slot = |base: &&Base<'_>| matches!(base.place, Place::Slot(_));
        let mut slots: Vec<&Base<'_>> = body.bases.iter().filter(is_slot).collect();
        slots.sort_by(|a, b| a.of.base.cmp(&b.of.base));
        for base in slots {
            if let Place::Slot(slot) = base.place {
                self.frame.release_word(slot);
            }
        }
    }

    /// Computes a base into a general register.
    pub(super) fn compute_base(&mut self, key: &BaseKey<'_>, into: Register) {
        let place = 8 * i32::try_from(key.array.0).expect("fewer than 2^28 arrays");
        self.code.load(Code::Mov_r64_rm64, into, at(STACK, self.arrays));
        self.code.load(Code::Mov_r64_rm64, into, at(into, place));
        for (factor, stride) in &key.terms {
            match factor {
                Factor::Counter(id) => {
                    let slot = self.counters[id];
                    self.code.load(Code::Mov_r64_rm64, SECOND, at(STACK, slot));
                }
                Factor::Partial(id) => {
                    let slot = self.counters[id];
                    self.code.load(Code::Mov_r64_rm64, SECOND, at(STACK, slot));
                    let partials = i32::try_from(PARTIALS).expect("32");
                    self.code.number(Code::And_rm64_imm32, SECOND, partials - 1);
                }
                Factor::Value(value) => self.read_integer(*value),
                Factor::Literal(literal) => {
                    let load = Instruction::with2(Code::Mov_r64_imm64, SECOND, u64::from(*literal));
                    self.code.put(&load.expect("a register and a number"));
                }
            }
            self.multiply(SECOND, *stride);
            self.code.two(Code::Add_r64_rm64, into, SECOND);
        }
    }

    /// Reads an integer that is the same in all lanes into the second scratch register.
    pub(super) fn read_integer(&mut self, value: Value) {
        let location = self.values[&self.key(value, 0)];
        match (location.register(), location.home) {
            (Some(register), _) => {
                let low = Register::XMM0 + u32::try_from(register).expect("a register");
                match self.program.precision {
                    Precision::F32 => {
                        self.code.two(Code::VEX_Vmovd_rm32_xmm, Register::EDX, low);
                        self.code.two(Code::Movsxd_r64_rm32, SECOND, Register::EDX);
                    }
                    Precision::F64 => self.code.two(Code::VEX_Vmovq_rm64_xmm, SECOND, low),
                }
            }
            (None, Some(Home::Scalar(slot) | Home::Vector(slot))) => {
                self.read_element(at(STACK, slot));
            }
            (None, other) => unreachable!("an integer outside of lanes is kept as {other:?}"),
        }
    }

    /// Reads an integer of the program into the second scratch register.
    pub(super) fn read_element(&mut self, memory: MemoryOperand) {
        let code = match self.program.precision {
            Precision::F32 => Code::Movsxd_r64_rm32,
            Precision::F64 => Code::Mov_r64_rm64,
        };
        self.code.load(code, SECOND, memory);
    }

    pub(super) fn multiply(&mut self, register: Register, stride: Stride<'_>) {
        if let Ok(bytes) = i32::try_from(stride.bytes) {
            if bytes != 1 {
                let product =
                    Instruction::with3(Code::Imul_r64_rm64_imm32, register, register, bytes);
                self.code.put(&product.expect("two registers and a number"));
            }
        } else {
            let load = Instruction::with2(Code::Mov_r64_imm64, THIRD, stride.bytes);
            self.code.put(&load.expect("a register and a number"));
            self.code.two(Code::Imul_r64_rm64, register, THIRD);
        }
        for extent in stride.given() {
            let slot = self.extents[extent.0 as usize];
            self.code.load(Code::Imul_r64_rm64, register, at(STACK, slot));
        }
    }

    /// Where the first lane of an access lies, for one copy of the body.
    pub(super) fn place(&mut self, access: &Access<'_>, copy: usize) -> MemoryOperand {
        let mut base = match access.number.map(|number| self.body().bases[number].place) {
            Some(Place::Register(register)) => register,
            Some(Place::Slot(slot)) => {
                self.code.load(Code::Mov_r64_rm64, SCRATCH, at(STACK, slot));
                SCRATCH
            }
            None => {
                self.compute_base(&access.base, SCRATCH);
                SCRATCH
            }
        };
        for (value, stride) in &access.here {
            self.read_integer(*value);
            self.multiply(SECOND, *stride);
            base = self.add_second(base);
        }
        let (offset, far) = self.behind(access, copy);
        for stride in far {
            let lanes = u32::try_from(copy * self.lane_count()).expect("a few lanes");
            self.load_number(SECOND, lanes);
            self.multiply(SECOND, stride);
            base = self.add_second(base);
        }
        let size = self.element_size();
        let innermost = self.body().counter_in_register;
        if let [own] = &access.own[..]
            && own.literal() == Some(size)
            && innermost
        {
            return indexed(base, COUNTER, size.unsigned_abs(), offset);
        }
        // A row of partial results has a few vectors.
        let row = i32::try_from(PARTIALS).expect("a small number") * size;
        if let [own] = &access.own[..]
            && own.literal() == Some(row)
            && self.scaled.is_some()
            && self.scaled == self.body().counter
        {
            let vectors = u32::try_from(self.vectors_of_partials()).expect("a few vectors");
            return indexed(base, SCALED, vectors, offset);
        }
        for own in &access.own {
            self.read_counter();
            self.multiply(SECOND, *own);
            base = self.add_second(base);
        }
        at(base, offset)
    }

    /// The distance at which the first lane of a copy of the body lies, and the strides of lanes that are no numbers.
    fn behind<'s>(&self, access: &Access<'s>, copy: usize) -> (i32, Vec<Stride<'s>>) {
        let lanes = i32::try_from(copy * self.lane_count()).expect("a few lanes");
        let (mut offset, mut far) = (access.offset, vec![]);
        for stride in access.lane.iter().filter(|_| copy > 0) {
            let bytes = stride.literal().and_then(|bytes| bytes.checked_mul(lanes));
            match bytes.and_then(|bytes| bytes.checked_add(offset)) {
                Some(sum) => offset = sum,
                None => far.push(*stride),
            }
        }
        (offset, far)
    }

    /// The base and the second scratch register together.
    fn add_second(&mut self, base: Register) -> Register {
        if base == SCRATCH {
            self.code.two(Code::Add_r64_rm64, SCRATCH, SECOND);
        } else {
            self.code.load(Code::Lea_r64_m, SCRATCH, indexed(base, SECOND, 1, 0));
        }
        SCRATCH
    }

    /// Reads the counter of the loop around into the second scratch register.
    pub(super) fn read_counter(&mut self) {
        if self.body().counter_in_register {
            return self.code.two(Code::Mov_r64_rm64, SECOND, COUNTER);
        }
        let id = self.body().counter.expect("an own counter belongs to a loop");
        let slot = self.counters[&id];
        self.code.load(Code::Mov_r64_rm64, SECOND, at(STACK, slot));
    }

    /// Whether lanes lie one behind the other; `None` where they all read one element.
    pub(super) fn is_contiguous(&self, access: &Access<'_>) -> Option<bool> {
        match (&access.lane[..], access.lanes.is_empty()) {
            ([], true) => None,
            ([stride], true) => Some(stride.literal() == Some(self.element_size())),
            _ => Some(false),
        }
    }
}
