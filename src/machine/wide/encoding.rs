//! Instructions into bytes, quickly.
//!
//! In comes an instruction, out come the bytes that iced encodes it to. What iced makes of an instruction's plainest form tells
//! once how all of its forms are encoded; filling in registers, distances and numbers is then little work. What is out of the
//! ordinary is left to iced. Unit tests compare all that they write with it.
//! (Intel's Software Developer's Manual, volume 2, sections 2.1 to 2.3 and 2.7.)

#[cfg(test)]
mod tests;

use std::sync::OnceLock;

use iced_x86::{Encoder, Instruction, OpKind, Register, RoundingControl};

/// The bytes of an instruction, 15 at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bytes {
    /// The first one lowest.
    all: u128,
    count: u32,
}

impl Bytes {
    /// Adds so many bytes of a number, the lowest first; the others are 0.
    fn push(&mut self, bytes: u32, count: u32) {
        self.all |= u128::from(bytes) << (8 * self.count);
        self.count += count;
    }

    /// Adds others.
    fn append(&mut self, other: Self) {
        self.all |= other.all << (8 * self.count);
        self.count += other.count;
    }

    /// Puts them behind code.
    pub(super) fn append_to(self, code: &mut Vec<u8>) {
        let end = code.len() + self.count as usize;
        code.extend_from_slice(&self.all.to_le_bytes());
        code.truncate(end);
    }
}

/// Which part of the encoding an operand goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
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

/// What comes last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
    Nothing,
    /// The number of the register that is this operand.
    Register(usize),
    Byte,
    FourBytes,
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
enum Known {
    /// With the distance behind these bytes.
    Jump(Bytes),
    Ordinary(Pattern),
}

/// How an instruction is encoded that is no jump.
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
    /// Which operands go where; [`NO_OPERAND`] where none does.
    reg: usize,
    vvvv: usize,
    rm: usize,
    last: Last,
    /// The binary logarithms of what distances in one byte count in: of vectors, and of single elements.
    shifts: [u32; 2],
}

/// Behind the operands of an instruction.
const NO_OPERAND: usize = 4;

/// At least as many as there are kinds of instructions.
const MOST_CODES: usize = 5000;

/// What is known of them, each learned when it is needed first.
static KNOWN: [OnceLock<Option<Known>>; MOST_CODES] = [const { OnceLock::new() }; MOST_CODES];

/// The bytes of an instruction, if it is an ordinary one.
pub(super) fn encode(instruction: &Instruction) -> Option<Bytes> {
    let known = KNOWN.get(instruction.code() as usize)?;
    let known = known.get_or_init(|| Known::learn(instruction)).as_ref()?;
    let bytes = known.fill(instruction)?;
    if cfg!(test) {
        assert_eq!(Some(bytes), by_iced(instruction), "{instruction:?} as {known:?}");
    }
    Some(bytes)
}

/// What iced makes of an instruction.
fn by_iced(instruction: &Instruction) -> Option<Bytes> {
    let mut encoder = Encoder::new(64);
    encoder.encode(instruction, 0).ok()?;
    let mut bytes = Bytes::default();
    encoder.take_buffer().into_iter().for_each(|byte| bytes.push(byte.into(), 1));
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
fn behind_prefix(bytes: &[u8]) -> Option<usize> {
    match bytes {
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

impl Known {
    fn learn(instruction: &Instruction) -> Option<Self> {
        if instruction.op0_kind() != OpKind::NearBranch64 {
            return Pattern::learn(instruction).map(Self::Ordinary);
        }
        let mut bytes = by_iced(instruction)?;
        bytes.count = bytes.count.checked_sub(4)?;
        bytes.all &= !(u128::MAX << (8 * bytes.count));
        Some(Self::Jump(bytes))
    }

    fn fill(&self, instruction: &Instruction) -> Option<Bytes> {
        match self {
            Self::Jump(opcode) => {
                let mut bytes = *opcode;
                let target = u32::try_from(instruction.near_branch64()).ok()?;
                bytes.push(target.wrapping_sub(opcode.count + 4), 4);
                Some(bytes)
            }
            Self::Ordinary(pattern) => pattern.fill(instruction),
        }
    }
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
        let encoded = by_iced(&plain)?;
        let bytes = encoded.all.to_le_bytes();
        let prefix = behind_prefix(&bytes[..encoded.count as usize])?;
        let [opcode, modrm] = [bytes[prefix], bytes[prefix + 1]];
        let (kind, map, w, length) = match bytes[..prefix] {
            [] => (Prefix::Rex, 0, 0, 0),
            [0x0f] => (Prefix::Rex, 1, 0, 0),
            [rex] => (Prefix::Rex, 0, rex, 0),
            [rex, 0x0f] => (Prefix::Rex, 1, rex, 0),
            [_, w] => (Prefix::Vex, 1, w & 0x07, 0),
            [_, map, w] => (Prefix::Vex, map & 0x1f, w & 0x87, 0),
            [_, map, w, length] => (Prefix::Evex, map & 0x07, w & 0x87, length & 0x60),
            _ => return None,
        };
        let [mut reg, mut vvvv, mut rm] = [NO_OPERAND; 3];
        let mut last = Last::Nothing;
        for operand in operands {
            let place = match instruction.op_kind(operand) {
                OpKind::Register => Self::place(&plain, operand, encoded, prefix)?,
                OpKind::Memory => Place::Rm,
                OpKind::Immediate32 | OpKind::Immediate32to64 => Place::LongImmediate,
                _ => Place::Immediate,
            };
            let operand = operand as usize;
            match place {
                _ if operand >= NO_OPERAND => return None,
                Place::Reg => reg = operand,
                Place::Vvvv => vvvv = operand,
                Place::Rm => rm = operand,
                Place::Last => last = Last::Register(operand),
                Place::Immediate => last = Last::Byte,
                Place::LongImmediate => last = Last::FourBytes,
            }
        }
        if rm == NO_OPERAND {
            return None;
        }
        let extension = if reg == NO_OPERAND { modrm >> 3 & 7 } else { 0 };
        // How the distance 64 is written tells what distances count in.
        let shift = |is_broadcast| {
            let mut far = plain;
            set_memory(&mut far, u32::try_from(rm).ok()?, 64, is_broadcast);
            let encoded = by_iced(&far)?;
            let bytes = encoded.all.to_le_bytes();
            let distance = bytes[behind_prefix(&bytes[..encoded.count as usize])? + 2];
            (1..=64).contains(&distance).then(|| 6 - distance.ilog2())
        };
        let shifts = [shift(false).unwrap_or(0), shift(true).unwrap_or(0)];
        let prefix = kind;
        Some(Self { prefix, map, w, length, opcode, extension, reg, vvvv, rm, last, shifts })
    }

    /// Where a register goes: what changes if it is another one.
    fn place(plain: &Instruction, operand: u32, bytes: Bytes, prefix: usize) -> Option<Place> {
        let mut other = *plain;
        other.set_op_register(operand, plain.op_register(operand) + 1);
        let changed = (bytes.all ^ by_iced(&other)?.all).to_le_bytes();
        let vvvv = if prefix == 2 { 1 } else { 2 };
        let places = [
            (Place::Reg, prefix + 1, 0x38),
            (Place::Rm, prefix + 1, 0x07),
            (Place::Vvvv, vvvv, 0x78),
            (Place::Last, bytes.count as usize - 1, 0xf0),
        ];
        places.into_iter().find(|(_, at, bits)| changed[*at] & bits != 0).map(|(place, ..)| place)
    }

    /// The bytes of an instruction.
    fn fill(&self, instruction: &Instruction) -> Option<Bytes> {
        let is_rounded = instruction.rounding_control() != RoundingControl::None
            || instruction.suppress_all_exceptions();
        if is_rounded || instruction.segment_prefix() != Register::None {
            return None;
        }
        // What is no operand is the register with the number 0.
        let registers = [
            instruction.op0_register(),
            instruction.op1_register(),
            instruction.op2_register(),
            instruction.op3_register(),
            Register::RAX,
        ];
        let number_at = |operand: usize| NUMBERS[registers[operand] as usize];
        let [reg, vvvv] = [self.reg, self.vvvv].map(number_at);
        let kinds = [
            instruction.op0_kind(),
            instruction.op1_kind(),
            instruction.op2_kind(),
            instruction.op3_kind(),
        ];
        let is_memory = kinds[self.rm] == OpKind::Memory;
        let rm = if is_memory { 0 } else { number_at(self.rm) };
        let last = match self.last {
            Last::Register(operand) => number_at(operand),
            Last::Nothing | Last::Byte | Last::FourBytes => 0,
        };
        // Without EVEX there are sixteen; what asks for more is refused by iced.
        let most = if self.prefix == Prefix::Evex { 31 } else { 15 };
        if reg | vvvv | rm | last > most {
            return None;
        }
        let rm = if is_memory { self.memory(instruction)? } else { Operand::register(rm) };
        let mut bytes = self.prefix(instruction, [reg, vvvv], &rm);
        let modrm = rm.modrm | (self.extension | reg & 7) << 3;
        bytes.push(u16::from_le_bytes([self.opcode, modrm]).into(), 2);
        bytes.append(rm.behind);
        match self.last {
            Last::Nothing => {}
            Last::Register(_) => bytes.push(u32::from(last) << 4, 1),
            Last::Byte => bytes.push(instruction.immediate8().into(), 1),
            Last::FourBytes => bytes.push(instruction.immediate32(), 4),
        }
        Some(bytes)
    }

    fn prefix(&self, instruction: &Instruction, [reg, vvvv]: [u8; 2], rm: &Operand) -> Bytes {
        let bit = |number: u8, at: u8| number >> at & 1;
        let high = !(bit(reg, 3) << 7 | rm.high << 5) & 0xe0;
        let second = self.w | (!vvvv & 0x0f) << 3;
        let mut bytes = Bytes::default();
        if self.prefix == Prefix::Rex {
            let rex = self.w | bit(reg, 3) << 2 | rm.high;
            if rex != 0 {
                bytes.push(u32::from(0x40 | rex), 1);
            }
            if self.map == 1 {
                bytes.push(0x0f, 1);
            }
        } else if self.prefix == Prefix::Evex {
            let broadcast = u8::from(instruction.is_broadcast()) << 4;
            let zeroing = u8::from(instruction.zeroing_masking()) << 7;
            let mask = number(instruction.op_mask()).unwrap_or(0);
            let first = high | !(bit(reg, 4) << 4) & 0x10 | self.map;
            let third = zeroing | self.length | broadcast | !(bit(vvvv, 4) << 3) & 0x08 | mask;
            bytes.push(u32::from_le_bytes([0x62, first, second, third]), 4);
        } else if self.map == 1 && self.w & 0x80 == 0 && rm.high == 0 {
            bytes.push(u32::from_le_bytes([0xc5, high & 0x80 | second, 0, 0]), 2);
        } else {
            bytes.push(u32::from_le_bytes([0xc4, high | self.map, second, 0]), 3);
        }
        bytes
    }

    /// The memory that an instruction reads or writes; none that is not at a register.
    fn memory(&self, instruction: &Instruction) -> Option<Operand> {
        let is_general = |register: &Register| (Register::RAX..=Register::R15).contains(register);
        let general = |register| Some(register).filter(is_general).and_then(number);
        let base = general(instruction.memory_base())?;
        let scale = instruction.memory_index_scale();
        let index = match instruction.memory_index() {
            Register::None if scale != 1 => return None,
            Register::None => None,
            register => Some(general(register)?),
        };
        if instruction.memory_displ_size() != 1 {
            return None;
        }
        let distance = i32::try_from(instruction.memory_displacement64().cast_signed()).ok()?;
        let shift = self.shifts[usize::from(instruction.is_broadcast())];
        let short = i8::try_from(distance >> shift).ok();
        let short = short.filter(|short| i32::from(*short) << shift == distance);
        let mut behind = Bytes::default();
        let needs_index = index.is_some() || base & 7 == 4;
        if needs_index {
            let scale = u8::try_from(scale.trailing_zeros()).ok()?;
            let sib = scale << 6 | (index.unwrap_or(4) & 7) << 3 | base & 7;
            behind.push(sib.into(), 1);
        }
        match short {
            Some(short) => behind.push(short.cast_unsigned().into(), 1),
            None => behind.push(distance.cast_unsigned(), 4),
        }
        let mode = if short.is_some() { 0x40 } else { 0x80 };
        let modrm = mode | if needs_index { 4 } else { base & 7 };
        let high = (index.unwrap_or(0) >> 3) << 1 | base >> 3;
        Some(Operand { high, modrm, behind })
    }
}

/// What the `ModRM` byte is of.
struct Operand {
    /// The highest bits of the two numbers in it that are no other operand's.
    high: u8,
    /// That byte without other operands, and what stands behind it.
    modrm: u8,
    behind: Bytes,
}

impl Operand {
    fn register(number: u8) -> Self {
        Self { high: number >> 3, modrm: 0xc0 | number & 7, behind: Bytes::default() }
    }
}
