//! Instructions into bytes, quickly.
//!
//! In comes an instruction, out come the bytes that iced encodes it to. What iced makes of an instruction's plainest form tells
//! once how all of its forms are encoded; filling in registers, distances and numbers is then little work. Jumps, and what is
//! out of the ordinary, are left to iced. Unit tests compare all that they write with it.
//! (Intel's Software Developer's Manual, volume 2, sections 2.1 to 2.3 and 2.7.)

#[cfg(test)]
mod tests;

use std::sync::OnceLock;

use iced_x86::{Encoder, Instruction, OpKind, Register, RoundingControl};

/// The bytes of an instruction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bytes {
    all: [u8; 16],
    count: usize,
}

impl Bytes {
    fn push(&mut self, byte: u8) {
        self.all[self.count] = byte;
        self.count += 1;
    }

    /// All of them.
    pub(super) fn as_slice(&self) -> &[u8] {
        &self.all[..self.count]
    }
}

/// Which part of the encoding an operand goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// There is no such operand.
    Nowhere,
    /// The register field of the `ModRM` byte.
    Reg,
    /// The other field there, which memory goes to as well.
    Rm,
    /// The field of the prefix.
    Vvvv,
    /// The upper half of the last byte.
    Last,
    /// The last byte.
    Immediate,
    /// The last four bytes.
    LongImmediate,
}

/// What stands in front of the opcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Prefix {
    /// Of instructions on general registers; there may be none.
    Rex,
    Vex,
    Evex,
}

/// How all forms of an instruction are encoded.
#[derive(Clone, Copy, Debug)]
struct Pattern {
    prefix: Prefix,
    map: u8,
    /// The byte of the prefix with W, without registers.
    w: u8,
    /// The last byte of an EVEX prefix, without registers.
    length: u8,
    opcode: u8,
    /// The register field where no operand goes there.
    extension: u8,
    places: [Place; 4],
    /// What distances in one byte count in: of vectors, and of single elements.
    steps: [i32; 2],
}

/// At least as many as there are kinds of instructions.
const MOST_CODES: usize = 5000;

/// The patterns, each learned when it is needed first.
static PATTERNS: [OnceLock<Option<Pattern>>; MOST_CODES] = [const { OnceLock::new() }; MOST_CODES];

/// The bytes of an instruction, if it is an ordinary one.
pub(super) fn encode(instruction: &Instruction) -> Option<Bytes> {
    let known = PATTERNS.get(instruction.code() as usize)?;
    let pattern = known.get_or_init(|| Pattern::learn(instruction)).as_ref()?;
    let bytes = pattern.fill(instruction)?;
    if cfg!(test) {
        assert_eq!(Some(bytes), by_iced(instruction), "{instruction:?} as {pattern:?}");
    }
    Some(bytes)
}

/// What iced makes of an instruction.
fn by_iced(instruction: &Instruction) -> Option<Bytes> {
    let mut encoder = Encoder::new(64);
    encoder.encode(instruction, 0).ok()?;
    let mut bytes = Bytes::default();
    encoder.take_buffer().into_iter().for_each(|byte| bytes.push(byte));
    Some(bytes)
}

/// Sorts of registers, each from its first to its last.
const SORTS: [[Register; 2]; 6] = [
    [Register::ZMM0, Register::ZMM31],
    [Register::YMM0, Register::YMM31],
    [Register::XMM0, Register::XMM31],
    [Register::K0, Register::K7],
    [Register::RAX, Register::R15],
    [Register::EAX, Register::R15D],
];

/// Stands for registers of other sorts.
const NO_NUMBER: u8 = u8::MAX;

/// Which one of its sort each register is.
static NUMBERS: [u8; 256] = {
    let mut numbers = [NO_NUMBER; 256];
    let mut sort = 0;
    while sort < SORTS.len() {
        let [first, last] = SORTS[sort];
        let mut number = 0;
        while first as usize + number as usize <= last as usize {
            numbers[first as usize + number as usize] = number;
            number += 1;
        }
        sort += 1;
    }
    numbers
};

/// Which one of its sort a register is.
fn number(register: Register) -> Option<u8> {
    NUMBERS.get(register as usize).copied().filter(|number| *number != NO_NUMBER)
}

/// The first register of the same sort.
fn first_of_sort(register: Register) -> Option<Register> {
    Some(register - u32::from(number(register)?))
}

/// Where the opcode of an instruction on registers without REX bits stands, if the byte behind it is its operands'.
fn behind_prefix(bytes: &Bytes) -> Option<usize> {
    match bytes.as_slice() {
        [0x66 | 0xf2 | 0xf3, ..] | [0x0f, 0x38 | 0x3a, ..] | [0x48, 0x0f, 0x38 | 0x3a, ..] => None,
        [0xc4, _, _, _, _, ..] => Some(3),
        [0x62, _, _, _, _, _, ..] => Some(4),
        [0xc5, _, _, _, ..] | [0x48, 0x0f, _, _, ..] => Some(2),
        [0x48 | 0x0f, _, _, ..] => Some(1),
        [_, _, ..] => Some(0),
        _ => None,
    }
}

/// Makes an operand the memory at a distance from RAX.
fn set_memory(instruction: &mut Instruction, operand: u32, distance: u64, is_broadcast: bool) {
    instruction.set_op_kind(operand, OpKind::Memory);
    instruction.set_memory_base(Register::RAX);
    instruction.set_memory_index(Register::None);
    instruction.set_memory_index_scale(1);
    instruction.set_memory_displacement64(distance);
    instruction.set_memory_displ_size(1);
    instruction.set_is_broadcast(is_broadcast);
}

impl Pattern {
    /// What iced makes of an instruction in its plainest form, with the first register of each sort and no mask.
    fn learn(instruction: &Instruction) -> Option<Self> {
        let mut plain = *instruction;
        plain.set_op_mask(Register::None);
        plain.set_zeroing_masking(false);
        let operands = 0..instruction.op_count();
        for operand in operands.clone() {
            match instruction.op_kind(operand) {
                OpKind::Register => {
                    plain
                        .set_op_register(operand, first_of_sort(instruction.op_register(operand))?);
                }
                OpKind::Memory => set_memory(&mut plain, operand, 0, false),
                OpKind::Immediate8 | OpKind::Immediate8to32 | OpKind::Immediate8to64 => {
                    plain.set_immediate8(0);
                }
                OpKind::Immediate32 | OpKind::Immediate32to64 => plain.set_immediate32(0),
                _ => return None,
            }
        }
        let bytes = by_iced(&plain)?;
        let prefix = behind_prefix(&bytes)?;
        let [opcode, modrm] = [bytes.all[prefix], bytes.all[prefix + 1]];
        let (kind, map, w, length) = match bytes.all[..prefix] {
            [] => (Prefix::Rex, 0, 0, 0),
            [0x0f] => (Prefix::Rex, 1, 0, 0),
            [rex] => (Prefix::Rex, 0, rex, 0),
            [rex, 0x0f] => (Prefix::Rex, 1, rex, 0),
            [_, w] => (Prefix::Vex, 1, w & 0x07, 0),
            [_, map, w] => (Prefix::Vex, map & 0x1f, w & 0x87, 0),
            [_, map, w, length] => (Prefix::Evex, map & 0x07, w & 0x87, length & 0x60),
            _ => return None,
        };
        let mut places = [Place::Nowhere; 4];
        let mut rm = None;
        for operand in operands {
            let place = match instruction.op_kind(operand) {
                OpKind::Register => Self::place(&plain, operand, &bytes, prefix)?,
                OpKind::Memory => Place::Rm,
                OpKind::Immediate32 | OpKind::Immediate32to64 => Place::LongImmediate,
                _ => Place::Immediate,
            };
            *places.get_mut(operand as usize)? = place;
            rm = rm.or((place == Place::Rm).then_some(operand));
        }
        let extension = if places.contains(&Place::Reg) { 0 } else { modrm >> 3 & 7 };
        // How the distance 64 is written tells what distances count in.
        let step = |is_broadcast| {
            let mut far = plain;
            set_memory(&mut far, rm?, 64, is_broadcast);
            let bytes = by_iced(&far)?;
            let distance = bytes.all[behind_prefix(&bytes)? + 2];
            (1..=64).contains(&distance).then(|| 64 / i32::from(distance))
        };
        let steps = [step(false).unwrap_or(1), step(true).unwrap_or(1)];
        Some(Self { prefix: kind, map, w, length, opcode, extension, places, steps })
    }

    /// Where a register goes: what changes if it is another one.
    fn place(plain: &Instruction, operand: u32, bytes: &Bytes, prefix: usize) -> Option<Place> {
        let mut other = *plain;
        other.set_op_register(operand, plain.op_register(operand) + 1);
        let other = by_iced(&other)?;
        let differs = |at: usize, bits: u8| (bytes.all[at] ^ other.all[at]) & bits != 0;
        let vvvv = if prefix == 2 { 1 } else { 2 };
        let places = [
            (Place::Reg, differs(prefix + 1, 0x38)),
            (Place::Rm, differs(prefix + 1, 0x07)),
            (Place::Vvvv, differs(vvvv, 0x78)),
            (Place::Last, differs(bytes.count - 1, 0xf0)),
        ];
        places.into_iter().find(|(_, differs)| *differs).map(|(place, _)| place)
    }

    /// The bytes of an instruction.
    fn fill(&self, instruction: &Instruction) -> Option<Bytes> {
        let is_rounded = instruction.rounding_control() != RoundingControl::None
            || instruction.suppress_all_exceptions();
        if is_rounded || instruction.segment_prefix() != Register::None {
            return None;
        }
        let (mut reg, mut vvvv, mut last, mut number_behind) = (self.extension, 0, None, None);
        let mut rm = None;
        for (operand, place) in (0..).zip(self.places) {
            let register = || number(instruction.op_register(operand));
            match place {
                Place::Nowhere => break,
                Place::Reg => reg = register()?,
                Place::Vvvv => vvvv = register()?,
                Place::Last => last = Some(register()? << 4),
                Place::Immediate => last = Some(instruction.immediate8()),
                Place::LongImmediate => number_behind = Some(instruction.immediate32()),
                Place::Rm if instruction.op_kind(operand) == OpKind::Register => {
                    rm = Some(Operand::Register(register()?));
                }
                Place::Rm => rm = Some(self.memory(instruction)?),
            }
        }
        let rm = rm?;
        // Without EVEX there are sixteen; what asks for more is refused by iced.
        let is_high = |number: u8| number >= 16;
        let rm_is_high = matches!(&rm, Operand::Register(number) if is_high(*number));
        if self.prefix != Prefix::Evex && (is_high(reg) || is_high(vvvv) || rm_is_high) {
            return None;
        }
        let mut bytes = Bytes::default();
        self.push_prefix(&mut bytes, instruction, [reg, vvvv], &rm);
        bytes.push(self.opcode);
        rm.push(&mut bytes, reg);
        if let Some(last) = last {
            bytes.push(last);
        }
        let number_behind = number_behind.map(u32::to_le_bytes);
        number_behind.iter().flatten().for_each(|byte| bytes.push(*byte));
        Some(bytes)
    }

    fn push_prefix(
        &self,
        bytes: &mut Bytes,
        instruction: &Instruction,
        [reg, vvvv]: [u8; 2],
        rm: &Operand,
    ) {
        let bit = |number: u8, at: u8| number >> at & 1;
        let (x, b) = match rm {
            Operand::Register(number) => (bit(*number, 4), bit(*number, 3)),
            Operand::Memory { base, index, .. } => (bit(index.unwrap_or(0), 3), bit(*base, 3)),
        };
        let high = !(bit(reg, 3) << 7 | x << 6 | b << 5) & 0xe0;
        let second = self.w | (!vvvv & 0x0f) << 3;
        if self.prefix == Prefix::Rex {
            let rex = self.w | bit(reg, 3) << 2 | x << 1 | b;
            if rex != 0 {
                bytes.push(0x40 | rex);
            }
            if self.map == 1 {
                bytes.push(0x0f);
            }
        } else if self.prefix == Prefix::Evex {
            let broadcast = u8::from(instruction.is_broadcast()) << 4;
            let zeroing = u8::from(instruction.zeroing_masking()) << 7;
            let mask = number(instruction.op_mask()).unwrap_or(0);
            bytes.push(0x62);
            bytes.push(high | !(bit(reg, 4) << 4) & 0x10 | self.map);
            bytes.push(second);
            bytes.push(zeroing | self.length | broadcast | !(bit(vvvv, 4) << 3) & 0x08 | mask);
        } else if self.map == 1 && self.w & 0x80 == 0 && x == 0 && b == 0 {
            bytes.push(0xc5);
            bytes.push(high & 0x80 | second);
        } else {
            bytes.push(0xc4);
            bytes.push(high | self.map);
            bytes.push(second);
        }
    }

    /// The memory that an instruction reads or writes; none that is not at a register.
    fn memory(&self, instruction: &Instruction) -> Option<Operand> {
        let is_general = |register: &Register| (Register::RAX..=Register::R15).contains(register);
        let general = |register| Some(register).filter(is_general).and_then(number);
        let base = general(instruction.memory_base())?;
        let index = match instruction.memory_index() {
            Register::None if instruction.memory_index_scale() != 1 => return None,
            Register::None => None,
            register => Some(general(register)?),
        };
        if instruction.memory_displ_size() != 1 {
            return None;
        }
        let scale = u8::try_from(instruction.memory_index_scale().ilog2()).ok()?;
        let distance = i32::try_from(instruction.memory_displacement64().cast_signed()).ok()?;
        let step = self.steps[usize::from(instruction.is_broadcast())];
        let short = (distance % step == 0).then(|| i8::try_from(distance / step).ok()).flatten();
        Some(Operand::Memory { base, index, scale, distance, short })
    }
}

/// What the `ModRM` byte is of.
enum Operand {
    Register(u8),
    Memory {
        base: u8,
        index: Option<u8>,
        scale: u8,
        distance: i32,
        /// The distance in one byte, if it goes there.
        short: Option<i8>,
    },
}

impl Operand {
    fn push(&self, bytes: &mut Bytes, reg: u8) {
        let modrm = |mode: u8, rm: u8| mode << 6 | (reg & 7) << 3 | rm & 7;
        match self {
            Self::Register(number) => bytes.push(modrm(3, *number)),
            Self::Memory { base, index, scale, distance, short } => {
                let mode = if short.is_some() { 1 } else { 2 };
                let needs_index = index.is_some() || base & 7 == 4;
                bytes.push(modrm(mode, if needs_index { 4 } else { *base }));
                if needs_index {
                    bytes.push(scale << 6 | (index.unwrap_or(4) & 7) << 3 | base & 7);
                }
                match short {
                    Some(short) => bytes.push(short.cast_unsigned()),
                    None => distance.to_le_bytes().into_iter().for_each(|byte| bytes.push(byte)),
                }
            }
        }
    }
}
