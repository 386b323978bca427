//! Where elements lie.
//!
//! An address is a base, which stays the same inside of a loop and is computed in front of it, a part that
//! goes with the loop's own counter, and what must be computed on the spot.

use iced_x86::{Code, Instruction, MemoryOperand, Register};

use super::assembler::{at, indexed};
use super::values::Home;
use super::{Body, STACK, Writer};
use crate::loops::{
    ArrayId, Extent, ExtentId, LoopId, Operation, PARTIALS, Precision, Statement, Subscript, Value,
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

/// How many bytes lie between neighbours along an axis.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stride {
    pub(super) bytes: i64,
    pub(super) extents: Vec<ExtentId>,
}

impl Stride {
    pub(super) fn literal(&self) -> Option<i32> {
        i32::try_from(self.bytes).ok().filter(|_| self.extents.is_empty())
    }
}

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
pub(super) struct BaseKey {
    pub(super) array: ArrayId,
    pub(super) terms: Vec<(Factor, Stride)>,
}

/// Where a base is kept.
#[derive(Clone, Copy, Debug)]
pub(super) enum Base {
    Register(Register),
    Slot(i32),
}

/// An access to an array, taken apart for the loop around it.
pub(super) struct Access {
    pub(super) base: BaseKey,
    pub(super) offset: i32,
    /// The strides of the loop's own counter, one for each axis that it goes along.
    pub(super) own: Vec<Stride>,
    /// What is computed on the spot, the same in all lanes.
    here: Vec<(Value, Stride)>,
    /// What differs between lanes.
    pub(super) lanes: Vec<(Value, Stride)>,
    /// The strides from lane to lane, one for each axis that they go along.
    pub(super) lane: Vec<Stride>,
}

impl Access {
    fn add_literal(&mut self, literal: i64, stride: Stride) {
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

impl Writer<'_> {
    pub(super) fn element_size(&self) -> i32 {
        match self.program.precision {
            Precision::F32 => 4,
            Precision::F64 => 8,
        }
    }

    pub(super) fn lane_count(&self) -> usize {
        self.form.bytes() / usize::try_from(self.element_size()).expect("4 or 8")
    }

    pub(super) fn access(&self, array: ArrayId, subscripts: &[Subscript], body: &Body) -> Access {
        let stated = &self.program.arrays[array.0 as usize];
        let mut stride = Stride { bytes: self.element_size().into(), extents: vec![] };
        let mut access = Access {
            base: BaseKey { array, terms: vec![] },
            offset: 0,
            own: vec![],
            here: vec![],
            lanes: vec![],
            lane: vec![],
        };
        for (subscript, extent) in subscripts.iter().zip(&stated.extents).rev() {
            self.take_apart(&mut access, *subscript, &stride, body);
            match extent {
                Extent::Literal(literal) => {
                    stride.bytes = stride.bytes.wrapping_mul((*literal).into());
                }
                Extent::Given(id) => stride.extents.push(*id),
            }
        }
        access
    }

    fn take_apart(&self, access: &mut Access, subscript: Subscript, stride: &Stride, body: &Body) {
        let stride = stride.clone();
        match subscript {
            Subscript::Counter(id) => {
                if self.lanes == Some(id) {
                    access.lane.push(stride.clone());
                }
                if body.counter == Some(id) {
                    access.own.push(stride);
                } else {
                    access.base.terms.push((Factor::Counter(id), stride));
                }
            }
            Subscript::Partial(id) => {
                access.lane.push(stride.clone());
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

    /// Computes the bases of a body's accesses, as many as may be in registers.
    pub(super) fn write_bases(
        &mut self,
        body: &mut Body,
        statements: &[Statement],
        innermost: bool,
    ) {
        for statement in statements {
            let (array, subscripts) = match statement {
                Statement::Let(_, Operation::Load(array, subscripts))
                | Statement::Store { array, subscripts, .. } => (array, subscripts),
                Statement::Let(..) | Statement::Loop(_) | Statement::Product(_) => continue,
            };
            let key = self.access(*array, subscripts, body).base;
            if body.bases.contains_key(&key) {
                continue;
            }
            let base = match BASES.get(body.bases.len()) {
                Some(register) if innermost && (self.scaled.is_none() || *register != SCALED) => {
                    self.compute_base(&key, *register);
                    Base::Register(*register)
                }
                _ => {
                    self.compute_base(&key, SCRATCH);
                    let slot = self.frame.word();
                    self.code.store(Code::Mov_rm64_r64, at(STACK, slot), SCRATCH);
                    Base::Slot(slot)
                }
            };
            body.bases.insert(key, base);
        }
    }

    /// Lets go of the memory of bases.
    pub(super) fn release_bases(&mut self, body: &Body) {
        for base in body.bases.values() {
            if let Base::Slot(slot) = base {
                self.frame.release_word(*slot);
            }
        }
    }

    /// Computes a base into a general register.
    pub(super) fn compute_base(&mut self, key: &BaseKey, into: Register) {
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
            self.multiply(SECOND, stride);
            self.code.two(Code::Add_r64_rm64, into, SECOND);
        }
    }

    /// Reads an integer that is the same in all lanes into the second scratch register.
    pub(super) fn read_integer(&mut self, value: Value) {
        let location = self.values[&self.key(value, 0)];
        match (location.register, location.home) {
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

    pub(super) fn multiply(&mut self, register: Register, stride: &Stride) {
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
        for extent in &stride.extents {
            let slot = self.extents[extent.0 as usize];
            self.code.load(Code::Imul_r64_rm64, register, at(STACK, slot));
        }
    }

    /// Where the first lane of an access lies, for one copy of the body.
    pub(super) fn place(&mut self, access: &Access, copy: usize) -> MemoryOperand {
        let base = match self.body().bases.get(&access.base) {
            Some(Base::Register(register)) => *register,
            Some(Base::Slot(slot)) => {
                let slot = *slot;
                self.code.load(Code::Mov_r64_rm64, SCRATCH, at(STACK, slot));
                SCRATCH
            }
            None => {
                self.compute_base(&access.base, SCRATCH);
                SCRATCH
            }
        };
        let mut base = base;
        for (value, stride) in &access.here {
            self.read_integer(*value);
            self.multiply(SECOND, stride);
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
            self.multiply(SECOND, own);
            base = self.add_second(base);
        }
        at(base, offset)
    }

    /// The distance at which the first lane of a copy of the body lies, and the strides of lanes that are no numbers.
    fn behind<'a>(&self, access: &'a Access, copy: usize) -> (i32, Vec<&'a Stride>) {
        let lanes = i32::try_from(copy * self.lane_count()).expect("a few lanes");
        let (mut offset, mut far) = (access.offset, vec![]);
        for stride in access.lane.iter().filter(|_| copy > 0) {
            let bytes = stride.literal().and_then(|bytes| bytes.checked_mul(lanes));
            match bytes.and_then(|bytes| bytes.checked_add(offset)) {
                Some(sum) => offset = sum,
                None => far.push(stride),
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
    pub(super) fn is_contiguous(&self, access: &Access) -> Option<bool> {
        match (&access.lane[..], access.lanes.is_empty()) {
            ([], true) => None,
            ([stride], true) => Some(stride.literal() == Some(self.element_size())),
            _ => Some(false),
        }
    }
}
