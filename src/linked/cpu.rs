//! The function that says which code a machine can run: a number of levels, each with all of those below.

use cranelift::codegen::ir::{Function, InstBuilder, types};

use super::pen::write_function;
use crate::loops::Precision;
use crate::machine::ObjectWriter;

/// The function `cpu() -> level` of a machine that has but one: 0.
pub(super) fn write_only_level(object: &mut ObjectWriter) -> Function {
    write_function(object, Precision::F64, 0, Some(types::I64), |pen, _| {
        Some(pen.builder.ins().iconst(types::I64, 0))
    })
}

/// What the first leaf of CPUID must have in ECX for x86-64-v3: SSE3, SSSE3, FMA, SSE4.1, SSE4.2, POPCNT,
/// OSXSAVE, AVX (Intel's Software Developer's Manual, volume 2, CPUID).
const LEAF_1: u32 = bits(&[0, 9, 12, 19, 20, 23, 27, 28]);
/// What leaf 7 must have in EBX: BMI1, AVX2, BMI2.
const LEAF_7: u32 = bits(&[3, 5, 8]);
/// What the operating system must keep of each thread: the registers of SSE and AVX.
const KEPT: u8 = 6;
/// What leaf 7 must have in EBX for x86-64-v4: AVX-512 F, DQ, CD, BW, VL.
const WIDE_LEAF_7: u32 = bits(&[16, 17, 28, 30, 31]);
/// What the operating system must keep then: all registers of AVX-512 as well.
const WIDE_KEPT: u32 = bits(&[1, 2, 5, 6, 7]);

const fn bits(positions: &[u32]) -> u32 {
    let mut all = 0;
    let mut at = 0;
    while at < positions.len() {
        all |= 1 << positions[at];
        at += 1;
    }
    all
}

/// The machine code of the function `cpu() -> level` of x86-64: 2 where there is x86-64-v4, 1 where there is
/// x86-64-v3, else 0.
pub(super) fn x86_levels() -> Vec<u8> {
    let mut code = Code::default();
    code.push(&[0x53]); // push rbx
    code.push(&[0x31, 0xC0, 0x31, 0xC9, 0x0F, 0xA2]); // xor eax, eax; xor ecx, ecx; cpuid
    code.push(&[0x83, 0xF8, 0x07]); // cmp eax, 7
    code.leave(0x72); // jb
    code.cpuid(1);
    code.push(&[0x81, 0xE1]); // and ecx, LEAF_1
    code.push(&LEAF_1.to_le_bytes());
    code.push(&[0x81, 0xF9]); // cmp ecx, LEAF_1
    code.push(&LEAF_1.to_le_bytes());
    code.leave(0x75); // jne
    code.push(&[0x31, 0xC9, 0x0F, 0x01, 0xD0]); // xor ecx, ecx; xgetbv
    code.push(&[0x83, 0xE0, KEPT, 0x83, 0xF8, KEPT]); // and eax, KEPT; cmp eax, KEPT
    code.leave(0x75);
    code.cpuid(7);
    code.push(&[0x81, 0xE3]); // and ebx, LEAF_7
    code.push(&LEAF_7.to_le_bytes());
    code.push(&[0x81, 0xFB]); // cmp ebx, LEAF_7
    code.push(&LEAF_7.to_le_bytes());
    code.leave(0x75);
    code.cpuid(0x8000_0001);
    code.push(&[0xF6, 0xC1, 0x20]); // test cl, LZCNT
    code.leave(0x74); // je
    code.push(&[0xEB, 4]); // jmp over what comes next
    let below = code.finish(&[0x31, 0xC0, 0x5B, 0xC3]); // xor eax, eax; pop rbx; ret
    let mut code = Code { bytes: below, jumps: vec![] };
    code.push(&[0x31, 0xC9, 0x0F, 0x01, 0xD0]); // xor ecx, ecx; xgetbv
    code.push(&[0x25]); // and eax, WIDE_KEPT
    code.push(&WIDE_KEPT.to_le_bytes());
    code.push(&[0x35]); // xor eax, WIDE_KEPT
    code.push(&WIDE_KEPT.to_le_bytes());
    code.push(&[0x50]); // push rax
    code.cpuid(7);
    code.push(&[0x58]); // pop rax
    code.push(&[0xF7, 0xD3, 0x81, 0xE3]); // not ebx; and ebx, WIDE_LEAF_7
    code.push(&WIDE_LEAF_7.to_le_bytes());
    code.push(&[0x09, 0xD8, 0x0F, 0x94, 0xC0]); // or eax, ebx; sete al
    code.push(&[0x0F, 0xB6, 0xC0, 0x83, 0xC0, 1]); // movzx eax, al; add eax, 1
    code.push(&[0x5B, 0xC3]); // pop rbx; ret
    code.bytes
}

/// Machine code with jumps to its end.
#[derive(Default)]
struct Code {
    bytes: Vec<u8>,
    /// Where distances to the end are to be written.
    jumps: Vec<usize>,
}

impl Code {
    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    /// `mov eax, leaf; xor ecx, ecx; cpuid`
    fn cpuid(&mut self, leaf: u32) {
        self.push(&[0xB8]);
        self.push(&leaf.to_le_bytes());
        self.push(&[0x31, 0xC9, 0x0F, 0xA2]);
    }

    /// A short jump to the end.
    fn leave(&mut self, jump: u8) {
        self.push(&[jump, 0]);
        self.jumps.push(self.bytes.len());
    }

    fn finish(mut self, end: &[u8]) -> Vec<u8> {
        let target = self.bytes.len();
        for after in self.jumps {
            self.bytes[after - 1] = u8::try_from(target - after).expect("a short jump");
        }
        self.bytes.extend(end);
        self.bytes
    }
}
