//! Instructions into bytes: in come instructions, labels and constants, out goes code that runs wherever it
//! lies, its constants behind it.

use iced_x86::{Code, Encoder, Instruction, MemoryOperand, Register};

use super::encoding::encode;
use crate::hash::HashMap;

/// Holds the address of the constants throughout.
pub(super) const POOL: Register = Register::R15;

/// What loops begin at a multiple of.
const ALIGNMENT: usize = 64;

/// How many bytes of code there is room for at first.
const CAPACITY: usize = 1 << 13;

/// Instructions that do nothing, by length (Intel's Software Developer's Manual, volume 2, NOP).
const NOPS: [&[u8]; 9] = [
    &[0x90],
    &[0x66, 0x90],
    &[0x0f, 0x1f, 0x00],
    &[0x0f, 0x1f, 0x40, 0x00],
    &[0x0f, 0x1f, 0x44, 0x00, 0x00],
    &[0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00],
    &[0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00],
    &[0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
    &[0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
];

/// A place in the code that branches go to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Label(usize);

/// Code being written.
pub(super) struct Assembler {
    encoder: Encoder,
    bytes: Vec<u8>,
    labels: Vec<Option<usize>>,
    /// Where a distance to a label is to stand.
    branches: Vec<(usize, Label)>,
    pool: Vec<u8>,
    constants: HashMap<Vec<u8>, i32>,
}

impl Assembler {
    pub(super) fn new() -> Self {
        Self {
            encoder: Encoder::try_with_capacity(64, 16).expect("64 bits are known"),
            bytes: Vec::with_capacity(CAPACITY),
            labels: vec![],
            branches: vec![],
            pool: vec![],
            constants: HashMap::default(),
        }
    }

    pub(super) fn put(&mut self, instruction: &Instruction) {
        if let Some(bytes) = encode(instruction) {
            return bytes.append_to(&mut self.bytes);
        }
        let length = self.encoder.encode(instruction, self.bytes.len() as u64);
        length.expect("operands that the instruction has a form for");
        let mut encoded = self.encoder.take_buffer();
        self.bytes.append(&mut encoded);
        self.encoder.set_buffer(encoded);
    }

    /// An instruction with one operand.
    pub(super) fn one(&mut self, code: Code, a: Register) {
        self.put(&Instruction::with1(code, a).expect("one operand"));
    }

    /// An instruction without operands.
    pub(super) fn zero(&mut self, code: Code) {
        self.put(&Instruction::with(code));
    }

    /// An instruction on two general registers.
    pub(super) fn two(&mut self, code: Code, a: Register, b: Register) {
        self.put(&Instruction::with2(code, a, b).expect("two operands"));
    }

    /// An instruction on a general register and a number.
    pub(super) fn number(&mut self, code: Code, a: Register, number: i32) {
        self.put(&Instruction::with2(code, a, number).expect("a register and a number"));
    }

    /// An instruction that reads memory into a register.
    pub(super) fn load(&mut self, code: Code, a: Register, memory: MemoryOperand) {
        self.put(&Instruction::with2(code, a, memory).expect("a register and memory"));
    }

    /// An instruction that writes a register into memory.
    pub(super) fn store(&mut self, code: Code, memory: MemoryOperand, a: Register) {
        self.put(&Instruction::with2(code, memory, a).expect("memory and a register"));
    }

    /// An instruction on memory and a number.
    pub(super) fn number_in_memory(&mut self, code: Code, memory: MemoryOperand, number: i32) {
        self.put(&Instruction::with2(code, memory, number).expect("memory and a number"));
    }

    pub(super) fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() - 1)
    }

    /// Makes a label stand here.
    pub(super) fn bind(&mut self, label: Label) {
        self.labels[label.0] = Some(self.bytes.len());
    }

    /// Goes on where a loop may begin, after instructions that do nothing.
    pub(super) fn align(&mut self) {
        self.pad(0);
    }

    /// Likewise, so many bytes in front of there.
    pub(super) fn pad(&mut self, bytes: usize) {
        let after = self.bytes.len() + bytes;
        let mut gap = after.next_multiple_of(ALIGNMENT) - after;
        while gap > 0 {
            let nop = NOPS[gap.min(NOPS.len()) - 1];
            self.bytes.extend_from_slice(nop);
            gap -= nop.len();
        }
    }

    /// A jump to a label, with a distance of 32 bits.
    pub(super) fn jump(&mut self, code: Code, label: Label) {
        let instruction = Instruction::with_branch(code, self.bytes.len() as u64 + 1000);
        self.put(&instruction.expect("a jump"));
        self.branches.push((self.bytes.len() - 4, label));
    }

    /// Where in the constants these bytes lie; as many as a power of two.
    pub(super) fn constant(&mut self, bytes: &[u8]) -> i32 {
        if let Some(offset) = self.constants.get(bytes) {
            return *offset;
        }
        let aligned = self.pool.len().next_multiple_of(bytes.len());
        self.pool.resize(aligned, 0);
        self.pool.extend_from_slice(bytes);
        let offset = i32::try_from(aligned).expect("fewer than 2^31 bytes of constants");
        self.constants.insert(bytes.to_vec(), offset);
        offset
    }

    /// Code that branches nowhere and has no constants.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The finished code behind another one, which ends with the distance to the constants.
    pub(super) fn finish(mut self, mut start: Vec<u8>) -> Vec<u8> {
        let mut code = self.bytes;
        for (place, label) in self.branches {
            let target = self.labels[label.0].expect("labels are bound");
            let distance = i64::try_from(target).and_then(|to| Ok(to - i64::try_from(place + 4)?));
            let distance =
                i32::try_from(distance.expect("a length")).expect("less than 2^31 bytes");
            code[place..place + 4].copy_from_slice(&distance.to_le_bytes());
        }
        let lea = start.len();
        start.append(&mut code);
        let pool = start.len().next_multiple_of(64);
        start.resize(pool, 0xcc);
        let distance = i32::try_from(pool - lea).expect("less than 2^31 bytes");
        start[lea - 4..lea].copy_from_slice(&distance.to_le_bytes());
        start.append(&mut self.pool);
        start
    }
}

/// Memory at a distance from a register.
pub(super) fn at(base: Register, offset: i32) -> MemoryOperand {
    MemoryOperand::with_base_displ_size(base, i64::from(offset), 1)
}

/// Memory at an index times its scale, and a distance, from a register.
pub(super) fn indexed(base: Register, index: Register, scale: u32, offset: i32) -> MemoryOperand {
    MemoryOperand::with_base_index_scale_displ_size(base, index, scale, i64::from(offset), 1)
}
