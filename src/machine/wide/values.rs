//! Where values are: in registers while there are enough, else in memory.
//!
//! Inside of a body a value stays in its register until its last use. Where registers run out, the value
//! whose next use is farthest away goes to memory (L. A. Belady, A study of replacement algorithms for a
//! virtual-storage computer, 1966). Around a loop everything that lives on is in memory.

use std::ops::Range;

use iced_x86::{Code, Instruction, MemoryOperand, Register};

use super::assembler::{POOL, at};
use super::codes::{Form, Op, code};
use super::registers::Registers;
use super::{STACK, Writer};
use crate::loops::{Kind, Operation, Precision, Value};

/// A value, in one copy of a body.
pub(super) type Key = (Value, usize);

/// Where a value is; small, as there are many.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Location {
    register: Option<u8>,
    pub(super) home: Option<Home>,
}

impl Location {
    fn in_register(at: usize) -> Self {
        Self { register: Some(u8::try_from(at).expect("32 at most")), home: None }
    }

    pub(super) fn register(&self) -> Option<usize> {
        self.register.map(usize::from)
    }
}

/// Memory on the stack that holds a value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Home {
    /// One element, the same in all lanes. A mask is an integer of all ones or zeros.
    Scalar(i32),
    /// A vector, likewise.
    Vector(i32),
    /// A mask register.
    Mask(i32),
}

/// What an instruction reads.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source {
    Register(Register),
    Memory(MemoryOperand),
}

impl Writer<'_> {
    /// How many vector registers instructions of a form reach.
    pub(super) fn register_count(&self) -> usize {
        if self.form == Form::Zmm { 32 } else { 16 }
    }

    /// The vector register of a number.
    pub(super) fn vector(&self, at: usize) -> Register {
        let first = match self.form {
            Form::Xmm => Register::XMM0,
            Form::Ymm => Register::YMM0,
            Form::Zmm => Register::ZMM0,
        };
        first + u32::try_from(at).expect("a register")
    }

    /// Whether a value is kept in a mask register.
    pub(super) fn is_masked(&self, value: Value) -> bool {
        self.form == Form::Zmm && self.program.kinds[value.0 as usize] == Kind::Mask
    }

    /// What a copy has of its own differs between lanes; the rest all copies share.
    pub(super) fn key(&self, value: Value, copy: usize) -> Key {
        if self.is_shared(value) { (value, 0) } else { (value, copy) }
    }

    pub(super) fn is_shared(&self, value: Value) -> bool {
        !self.wide[value.0 as usize] || self.constants.has(value)
    }

    pub(super) fn is_pinned(&self, value: Value, copy: usize) -> bool {
        self.pinned.get(&self.key(value, copy)).is_some()
    }

    fn file(&mut self, masks: bool) -> &mut Registers {
        if masks { &mut self.masks } else { &mut self.vectors }
    }

    /// A register for a result or for something in between, locked until the operation is written.
    pub(super) fn take(&mut self, masks: bool) -> usize {
        // The first two mask registers stand for "all lanes" and for the lanes of the tail.
        let all = if masks { 2..8 } else { 0..self.register_count() };
        let chosen = self.file(masks).first_free(all.clone());
        let chosen = chosen.unwrap_or_else(|| self.make_room(masks, all));
        self.file(masks).lock(chosen);
        chosen
    }

    /// Moves the value whose next use is farthest away to memory.
    fn make_room(&mut self, masks: bool, all: Range<usize>) -> usize {
        let place = self.body().place;
        let file = if masks { &self.masks } else { &self.vectors };
        let candidates = all.filter(|at| file.may_move(*at));
        let next = |at: &usize| {
            let key = file.content(*at);
            let next = self.body().uses.next(key.0, place).unwrap_or(usize::MAX);
            (next, self.values[&key].home.is_some())
        };
        let chosen = candidates.max_by_key(next).expect("an operation leaves some registers");
        let key = file.content(chosen);
        self.file(masks).free(chosen);
        self.keep(key);
        self.values.get_mut(&key).expect("it has a place").register = None;
        chosen
    }

    /// Makes sure that a value is in memory.
    fn keep(&mut self, key: Key) {
        let location = self.values[&key];
        let (None, Some(register)) = (location.home, location.register()) else { return };
        let home = if self.is_masked(key.0) {
            let slot = self.frame.word();
            self.code.store(Code::VEX_Kmovw_m16_kr, at(STACK, slot), mask(register));
            Home::Mask(slot)
        } else if self.form == Form::Xmm {
            let slot = self.frame.word();
            self.store_element(at(STACK, slot), self.vector(register));
            Home::Scalar(slot)
        } else {
            let slot = self.frame.vector();
            self.store_vector(at(STACK, slot), self.vector(register));
            Home::Vector(slot)
        };
        self.values.get_mut(&key).expect("it has a place").home = Some(home);
    }

    /// Moves what is used at this place of the body or behind it to memory, and leaves all registers free.
    pub(super) fn flush(&mut self) {
        let place = self.body().place;
        for masks in [false, true] {
            while let Some(key) = self.file(masks).take_first() {
                if self.body().uses.is_read_from(key.0, place) {
                    self.keep(key);
                }
                self.values.get_mut(&key).expect("it has a place").register = None;
            }
        }
    }

    /// Forgets what is in registers: it is in memory, or never used again.
    pub(super) fn forget_registers(&mut self) {
        for masks in [false, true] {
            while let Some(key) = self.file(masks).take_first() {
                if let Some(location) = self.values.get_mut(&key) {
                    location.register = None;
                }
            }
        }
    }

    /// A value in a vector register.
    pub(super) fn register(&mut self, value: Value, copy: usize) -> Register {
        let key = self.key(value, copy);
        let register = if let Some(register) = self.pinned.get(&key) {
            register
        } else if let Some(constant) = self.constants.get(value).cloned() {
            let register = self.take(false);
            self.load_constant(register, &constant);
            register
        } else {
            self.in_register(key, false)
        };
        self.vectors.lock(register);
        self.vector(register)
    }

    fn in_register(&mut self, key: Key, masks: bool) -> usize {
        let location = self.values[&key];
        if let Some(register) = location.register() {
            self.file(masks).lock(register);
            return register;
        }
        let home = location.home.expect("a value is in a register or in memory");
        let register = self.take(masks);
        if masks {
            self.load_mask(mask(register), home);
        } else {
            self.load_home(self.vector(register), key.0, home);
        }
        self.file(masks).hold(register, key);
        self.values.insert(key, Location { home: Some(home), ..Location::in_register(register) });
        register
    }

    pub(super) fn load_home(&mut self, register: Register, value: Value, home: Home) {
        match home {
            Home::Scalar(_) if self.broadcasts.contains_key(&value) => {
                let slot = self.broadcasts[&value];
                self.load_vector(register, at(STACK, slot));
            }
            Home::Scalar(slot) => self.broadcast(register, at(STACK, slot)),
            Home::Vector(slot) => self.load_vector(register, at(STACK, slot)),
            Home::Mask(_) => unreachable!("only mask registers are kept so"),
        }
    }

    pub(super) fn load_mask(&mut self, register: Register, home: Home) {
        let bits = match home {
            Home::Mask(slot) => {
                return self.code.load(Code::VEX_Kmovw_kr_km16, register, at(STACK, slot));
            }
            Home::Scalar(slot) | Home::Vector(slot) => slot,
        };
        let vector = self.take(false);
        let vector = self.vector(vector);
        match home {
            Home::Scalar(_) => self.broadcast(vector, at(STACK, bits)),
            Home::Vector(_) | Home::Mask(_) => self.load_vector(vector, at(STACK, bits)),
        }
        self.test_bits(register, vector);
    }

    /// The mask of the lanes that are not 0.
    pub(super) fn test_bits(&mut self, into: Register, vector: Register) {
        let code = match self.program.precision {
            Precision::F32 => Code::EVEX_Vptestmd_kr_k1_zmm_zmmm512b32,
            Precision::F64 => Code::EVEX_Vptestmq_kr_k1_zmm_zmmm512b64,
        };
        self.code.put(&Instruction::with3(code, into, vector, vector).expect("three registers"));
    }

    /// A mask in a mask register.
    pub(super) fn mask_register(&mut self, value: Value, copy: usize) -> Register {
        if let Some(constant) = self.constants.get(value) {
            let holds = *constant == Operation::Mask(true);
            let register = mask(self.take(true));
            let code = if holds { Code::VEX_Kxnorw_kr_kr_kr } else { Code::VEX_Kxorw_kr_kr_kr };
            let set = Instruction::with3(code, register, register, register);
            self.code.put(&set.expect("three registers"));
            return register;
        }
        let key = self.key(value, copy);
        if let Some(register) = self.pinned.get(&key) {
            return mask(register);
        }
        mask(self.in_register(key, true))
    }

    /// A value as an instruction's last operand reads it: from a register, or from memory where it is there.
    pub(super) fn source(&mut self, value: Value, copy: usize) -> Source {
        let key = self.key(value, copy);
        if let Some(register) = self.pinned.get(&key) {
            self.vectors.lock(register);
            return Source::Register(self.vector(register));
        }
        if let Some(constant) = self.constants.get(value).cloned() {
            return Source::Memory(self.constant(&constant));
        }
        let location = self.values[&key];
        if let Some(register) = location.register() {
            self.vectors.lock(register);
            return Source::Register(self.vector(register));
        }
        match (location.home, self.broadcasts.get(&value).copied()) {
            (Some(Home::Vector(slot)), _) | (_, Some(slot)) => Source::Memory(at(STACK, slot)),
            (Some(Home::Scalar(slot)), None) if self.form == Form::Zmm => {
                Source::Memory(in_all_lanes(at(STACK, slot)))
            }
            _ => {
                let register = self.in_register(key, false);
                self.vectors.lock(register);
                Source::Register(self.vector(register))
            }
        }
    }

    /// Whether reading a value takes no register of its own.
    pub(super) fn is_in_memory(&self, value: Value, copy: usize) -> bool {
        !self.is_pinned(value, copy)
            && (self.constants.has(value) || self.values[&self.key(value, copy)].register.is_none())
    }

    /// Lets go of operands that are not used again, so that the result can take their registers.
    pub(super) fn release(&mut self, operands: impl IntoIterator<Item = Value>, copy: usize) {
        operands.into_iter().for_each(|value| self.release_one(value, copy));
    }

    fn release_one(&mut self, value: Value, copy: usize) {
        let body = self.body();
        let Some(is_own) = body.uses.ends_before(value, body.place + 1) else { return };
        if self.constants.has(value) || (self.is_shared(value) && copy + 1 < self.copies) {
            return;
        }
        let key = self.key(value, copy);
        let masks = self.is_masked(value);
        let Some(location) = self.values.get_mut(&key) else { return };
        if let Some(register) = location.register.take() {
            self.file(masks).free(register.into());
        }
        if is_own {
            self.release_home(key);
        }
    }

    /// The instruction being written may read the memory yet: nothing goes there before it is.
    fn release_home(&mut self, key: Key) {
        self.left.extend(self.values.remove(&key).and_then(|location| location.home));
    }

    /// Ends an operation: its registers may be taken, and memory that is not read again.
    pub(super) fn unlock(&mut self) {
        self.vectors.unlock();
        self.masks.unlock();
        for home in self.left.drain(..) {
            match home {
                Home::Scalar(slot) | Home::Mask(slot) => self.frame.release_word(slot),
                Home::Vector(slot) => self.frame.release_vector(slot),
            }
        }
    }

    /// Says that a register holds a value from here on.
    pub(super) fn define(&mut self, value: Value, copy: usize, register: usize) {
        let masks = self.is_masked(value);
        self.file(masks).hold(register, (value, copy));
        self.values.insert((value, copy), Location::in_register(register));
        self.release_one(value, copy);
    }

    /// Says that memory holds a value from here on.
    pub(super) fn define_in_memory(&mut self, value: Value, copy: usize, home: Home) {
        self.values.insert((value, copy), Location { register: None, home: Some(home) });
        self.release_one(value, copy);
    }

    /// A constant as an instruction's last operand reads it.
    pub(super) fn constant(&mut self, constant: &Operation) -> MemoryOperand {
        let (bytes, size) = constant_bytes(constant, self.program.precision);
        if self.form == Form::Zmm {
            return in_all_lanes(at(POOL, self.code.constant(&bytes[..size])));
        }
        at(POOL, self.code.constant([bytes; 4].as_flattened()))
    }

    pub(super) fn load_constant(&mut self, register: usize, constant: &Operation) {
        let (bytes, size) = constant_bytes(constant, self.program.precision);
        let bytes = &bytes[..size];
        let register = self.vector(register);
        if bytes.iter().all(|byte| *byte == 0) {
            return self.clear(register);
        }
        let place = self.code.constant(bytes);
        self.broadcast(register, at(POOL, place));
    }

    pub(super) fn clear(&mut self, register: Register) {
        let xor = code(Op::Xor, self.program.precision, self.form);
        let clear = Instruction::with3(xor, register, register, register);
        self.code.put(&clear.expect("three registers"));
    }

    /// An element of memory in all lanes.
    pub(super) fn broadcast(&mut self, register: Register, memory: MemoryOperand) {
        let broadcast = code(Op::Broadcast, self.program.precision, self.form);
        self.code.load(broadcast, register, memory);
    }

    pub(super) fn load_vector(&mut self, register: Register, memory: MemoryOperand) {
        let load = code(Op::Load, self.program.precision, self.form);
        self.code.load(load, register, memory);
    }

    pub(super) fn store_vector(&mut self, memory: MemoryOperand, register: Register) {
        let store = code(Op::Store, self.program.precision, self.form);
        self.code.store(store, memory, register);
    }

    /// Writes the lowest lane.
    pub(super) fn store_element(&mut self, memory: MemoryOperand, register: Register) {
        let number = number(register);
        let low = Register::XMM0 + u32::try_from(number).expect("a register");
        let code = match (self.program.precision, number < 16) {
            (Precision::F32, true) => Code::VEX_Vmovss_m32_xmm,
            (Precision::F64, true) => Code::VEX_Vmovsd_m64_xmm,
            (Precision::F32, false) => Code::EVEX_Vmovss_m32_k1_xmm,
            (Precision::F64, false) => Code::EVEX_Vmovsd_m64_k1_xmm,
        };
        self.code.store(code, memory, low);
    }
}

/// The number of a vector register.
pub(super) fn number(register: Register) -> usize {
    let at = register as usize;
    let first = [Register::ZMM0, Register::YMM0, Register::XMM0].map(|first| first as usize);
    at - first.into_iter().find(|first| *first <= at).expect("a vector register")
}

/// The mask register of a number.
pub(super) fn mask(at: usize) -> Register {
    Register::K0 + u32::try_from(at).expect("a register")
}

/// One element, read into all lanes.
fn in_all_lanes(mut memory: MemoryOperand) -> MemoryOperand {
    memory.is_broadcast = true;
    memory
}

/// The bytes of a constant in one lane or two, and how many there are in one.
fn constant_bytes(constant: &Operation, precision: Precision) -> ([u8; 8], usize) {
    let integer = match (constant, precision) {
        #[expect(clippy::cast_possible_truncation, reason = "rounding is what is asked for")]
        (Operation::Real(bits), Precision::F32) => {
            i64::from((f64::from_bits(*bits) as f32).to_bits())
        }
        (Operation::Real(bits), Precision::F64) => bits.cast_signed(),
        (Operation::Integer(integer), _) => *integer,
        (Operation::Mask(mask), _) => -i64::from(*mask),
        (other, _) => unreachable!("{} is no constant", other.name()),
    };
    let bytes = integer.to_le_bytes();
    match precision {
        Precision::F32 => {
            let [a, b, c, d, ..] = bytes;
            ([a, b, c, d, a, b, c, d], 4)
        }
        Precision::F64 => (bytes, 8),
    }
}
