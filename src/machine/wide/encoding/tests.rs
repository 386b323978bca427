//! Instructions of every sort, with every sort of operands, beside what iced encodes them to.

use iced_x86::{Code, MemoryOperand};

use super::*;
use crate::loops::Precision;
use crate::machine::wide::assembler::{at, indexed};
use crate::machine::wide::codes::{Form, Op, Order, code, multiply_add};
use crate::machine::wide::signs::Signs;

fn check(instruction: &Instruction) {
    let bytes = encode(instruction);
    assert!(bytes.is_some(), "{instruction:?}");
    assert_eq!(bytes, by_iced(instruction), "{instruction:?}");
}

fn memories() -> Vec<MemoryOperand> {
    let mut all = Vec::new();
    for base in [Register::RAX, Register::RSP, Register::RBP, Register::R12, Register::R13] {
        for distance in [0, 4, 60, 64, -128, 508, 512, 8128, 8192, -8192, 1 << 20] {
            all.push(at(base, distance));
            all.push(indexed(base, Register::RCX, 4, distance));
            all.push(indexed(base, Register::R13, 8, distance));
        }
    }
    all
}

const FORMS: [(Form, Register, usize); 3] = [
    (Form::Xmm, Register::XMM0, 16),
    (Form::Ymm, Register::YMM0, 16),
    (Form::Zmm, Register::ZMM0, 32),
];

#[test]
fn operations_are_encoded_as_iced_does() {
    let binary = [Op::Add, Op::Multiply, Op::Divide, Op::Minimum, Op::And, Op::IntegerAdd];
    let unary = [Op::SquareRoot, Op::FromInteger];
    for precision in [Precision::F32, Precision::F64] {
        for (form, first, count) in FORMS {
            let register = |at: usize| first + u32::try_from(at % count).unwrap();
            let mut three: Vec<Code> = binary.map(|op| code(op, precision, form)).to_vec();
            for order in [Order::First, Order::Middle, Order::Last] {
                three.push(multiply_add(order, Signs::default(), precision, form));
            }
            for (number, code) in three.into_iter().enumerate() {
                for at in 0..count {
                    let [a, b, c] = [at, at * 7 + number, at * 5 + 3].map(register);
                    check(&Instruction::with3(code, a, b, c).unwrap());
                }
                for (at, mut memory) in memories().into_iter().enumerate() {
                    let [a, b] = [at, at * 3 + number].map(register);
                    check(&Instruction::with3(code, a, b, memory).unwrap());
                    memory.is_broadcast = form == Form::Zmm;
                    check(&Instruction::with3(code, a, b, memory).unwrap());
                }
            }
            for op in unary {
                for at in 0..count {
                    let [a, b] = [at, at * 7 + 1].map(register);
                    check(&Instruction::with2(code(op, precision, form), a, b).unwrap());
                }
            }
            for (at, memory) in memories().into_iter().enumerate() {
                let a = register(at);
                let [load, store, all] =
                    [Op::Load, Op::Store, Op::Broadcast].map(|op| code(op, precision, form));
                check(&Instruction::with2(load, a, memory).unwrap());
                check(&Instruction::with2(store, memory, a).unwrap());
                check(&Instruction::with2(all, a, memory).unwrap());
            }
            for at in 0..count {
                let shift = code(Op::ShiftLeft, precision, form);
                let [a, b] = [at, at * 7 + 1].map(register);
                check(&Instruction::with3(shift, a, b, 23).unwrap());
            }
        }
    }
}

#[test]
fn masks_are_encoded_as_iced_does() {
    let [a, b] = [Register::ZMM9, Register::ZMM30];
    for mask in (1..8).map(|at| Register::K0 + at) {
        let compare = code(Op::Compare, Precision::F32, Form::Zmm);
        check(&Instruction::with4(compare, mask, a, b, 1).unwrap());
        check(&Instruction::with3(Code::VEX_Kxnorw_kr_kr_kr, mask, mask, Register::K3).unwrap());
        check(&Instruction::with2(Code::VEX_Kmovw_kr_r32, mask, Register::EDX).unwrap());
        check(&Instruction::with2(Code::VEX_Kmovw_m16_kr, at(Register::RSP, 6), mask).unwrap());
        for memory in memories() {
            let load = code(Op::Load, Precision::F64, Form::Zmm);
            let mut load = Instruction::with2(load, b, memory).unwrap();
            load.set_op_mask(mask);
            load.set_zeroing_masking(mask != Register::K1);
            check(&load);
        }
        let blend = code(Op::Blend, Precision::F32, Form::Zmm);
        let mut blend = Instruction::with3(blend, a, b, a).unwrap();
        blend.set_op_mask(mask);
        check(&blend);
    }
    let blend = code(Op::Blend, Precision::F32, Form::Ymm);
    for at in 0..16 {
        let lanes = Register::YMM0 + at;
        check(&Instruction::with4(blend, Register::YMM1, Register::YMM9, lanes, lanes).unwrap());
    }
}

#[test]
fn general_registers_are_encoded_as_iced_does() {
    let general = |at: usize| Register::RAX + u32::try_from(at % 16).unwrap();
    let two = [
        Code::Mov_r64_rm64,
        Code::Mov_rm64_r64,
        Code::Add_r64_rm64,
        Code::Cmp_r64_rm64,
        Code::Test_rm64_r64,
        Code::Imul_r64_rm64,
        Code::Cmova_r64_rm64,
    ];
    for (number, code) in two.into_iter().enumerate() {
        for at in 0..16 {
            check(&Instruction::with2(code, general(at), general(at * 7 + number)).unwrap());
        }
    }
    for (at, memory) in memories().into_iter().enumerate() {
        for code in [Code::Mov_r64_rm64, Code::Lea_r64_m, Code::Imul_r64_rm64] {
            check(&Instruction::with2(code, general(at), memory).unwrap());
        }
        check(&Instruction::with2(Code::Mov_rm64_r64, memory, general(at)).unwrap());
        check(&Instruction::with2(Code::Mov_rm64_imm32, memory, -1).unwrap());
        check(&Instruction::with1(Code::Prefetcht0_m8, memory).unwrap());
        let narrow = Register::EAX + u32::try_from(at % 16).unwrap();
        check(&Instruction::with2(Code::Mov_rm32_r32, memory, narrow).unwrap());
        check(&Instruction::with2(Code::Mov_r32_rm32, narrow, memory).unwrap());
        check(&Instruction::with2(Code::Movsxd_r64_rm32, general(at), memory).unwrap());
    }
    for (at, number) in [0, 1, -1, 127, 128, -128, -129, i32::MAX, i32::MIN].into_iter().enumerate()
    {
        for a in [at, at + 7].map(general) {
            for code in [Code::Add_rm64_imm32, Code::Cmp_rm64_imm32, Code::And_rm64_imm32] {
                check(&Instruction::with2(code, a, number).unwrap());
            }
            check(&Instruction::with3(Code::Imul_r64_rm64_imm32, a, general(at), number).unwrap());
            check(&Instruction::with2(Code::Shl_rm64_imm8, a, number & 63).unwrap());
        }
    }
}

#[test]
fn jumps_are_encoded_as_iced_does() {
    for code in [Code::Jmp_rel32_64, Code::Je_rel32_64, Code::Jb_rel32_64, Code::Jle_rel32_64] {
        for target in [0, 3, 1000, 1 << 20] {
            check(&Instruction::with_branch(code, target).unwrap());
        }
    }
}

#[test]
fn the_rest_is_left_to_iced() {
    let moved = Instruction::with2(Code::Mov_r64_imm64, Register::RAX, 1_u64).unwrap();
    assert_eq!(encode(&moved), None);
    let shift = Instruction::with2(Code::Shl_rm64_CL, Register::RAX, Register::CL).unwrap();
    assert_eq!(encode(&shift), None);
    assert_eq!(encode(&Instruction::with(Code::Retnq)), None);
    let far = at(Register::RIP, 100);
    let load = Instruction::with2(Code::VEX_Vmovups_ymm_ymmm256, Register::YMM1, far).unwrap();
    assert_eq!(encode(&load), None);
    assert_eq!(encode(&Instruction::with(Code::VEX_Vzeroupper)), None);
}
