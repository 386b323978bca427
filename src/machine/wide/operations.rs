//! Single operations as instructions, for one copy of a body after the other.

use iced_x86::{Code, Instruction, Register};

use super::Writer;
use super::codes::{Form, Op, Order, code, multiply_add, scale};
use super::values::{Source, mask, number};
use crate::loops::{Kind, Operation, Precision, Value};

/// Predicates of comparisons, quiet, false with NaN.
const EQUAL: i32 = 0x00;
const LESS: i32 = 0x11;
const LESS_EQUAL: i32 = 0x12;
/// Ways to round, without the flag of inexactness.
const TO_NEAREST: i32 = 0x08;
const DOWN: i32 = 0x09;

/// 2^52 + 2^51: added to the bits of an integer below 2^51 and subtracted as a real, it converts.
const MAGIC: f64 = 6_755_399_441_055_744.0;

impl Writer<'_> {
    /// Writes the operation that defines a value, for all copies.
    pub(super) fn write_let(&mut self, value: Value, operation: &Operation) {
        if self.constants.has(value) {
            return;
        }
        let copies = if self.is_shared(value) { 1 } else { self.copies };
        for copy in 0..copies {
            self.write_operation(value, operation, copy);
            self.unlock();
        }
    }

    fn code(&self, op: Op) -> Code {
        code(op, self.program.precision, self.form)
    }

    pub(super) fn write_operation(&mut self, value: Value, operation: &Operation, copy: usize) {
        use Operation as O;
        match operation {
            O::Real(_) | O::Integer(_) | O::Mask(_) => unreachable!("constants are not computed"),
            O::Counter(id) => self.write_counter(value, *id, copy),
            O::Extent(extent) => self.write_extent(value, *extent, copy),
            O::Load(array, subscripts) => self.write_load(value, *array, subscripts, copy),
            O::Add(a, b) => self.commutative(Op::Add, value, [*a, *b], copy),
            O::Subtract(a, b) => self.binary(Op::Subtract, value, [*a, *b], copy),
            O::Multiply(a, b) if self.powers.contains(&value) => {
                let scale = scale(self.program.precision, self.form);
                self.binary_as(scale, value, [*a, *b], copy);
            }
            O::Multiply(a, b) => self.commutative(Op::Multiply, value, [*a, *b], copy),
            O::Divide(a, b) => self.binary(Op::Divide, value, [*a, *b], copy),
            O::FusedMultiplyAdd(a, b, c) => self.multiply_add(value, [*a, *b, *c], copy),
            O::Negate(a) => self.with_bits(Op::Xor, value, *a, copy, sign(self.program.precision)),
            O::Absolute(a) => {
                self.with_bits(Op::And, value, *a, copy, !sign(self.program.precision));
            }
            O::SquareRoot(a) => self.unary(Op::SquareRoot, value, *a, None, copy),
            O::Floor(a) => self.unary(Op::Round, value, *a, Some(DOWN), copy),
            O::Nearest(a) => self.unary(Op::Round, value, *a, Some(TO_NEAREST), copy),
            O::Minimum(a, b) => self.binary(Op::Minimum, value, [*a, *b], copy),
            O::Maximum(a, b) => self.binary(Op::Maximum, value, [*a, *b], copy),
            O::Less(a, b) => self.compare(Op::Compare, value, [*a, *b], Some(LESS), copy),
            O::LessEqual(a, b) => {
                self.compare(Op::Compare, value, [*a, *b], Some(LESS_EQUAL), copy);
            }
            O::Equal(a, b) => {
                self.compare(Op::Compare, value, self.constant_last(*a, *b), Some(EQUAL), copy);
            }
            O::IntegerLess(a, b) => self.compare(Op::IntegerGreater, value, [*b, *a], None, copy),
            O::IntegerEqual(a, b) => {
                self.compare(Op::IntegerEqual, value, self.constant_last(*a, *b), None, copy);
            }
            O::And(a, b) => {
                self.join_masks(Op::And, Code::VEX_Kandw_kr_kr_kr, value, [*a, *b], copy);
            }
            O::Or(a, b) => self.join_masks(Op::Or, Code::VEX_Korw_kr_kr_kr, value, [*a, *b], copy),
            O::Not(a) => self.not(value, *a, copy),
            O::Select(which, a, b) => self.select(value, [*which, *a, *b], copy),
            O::Bits(a) | O::FromBits(a) => self.copy(value, *a, copy),
            O::ToReal(a) => self.convert(value, *a, copy),
            O::IntegerAdd(a, b) => self.commutative(Op::IntegerAdd, value, [*a, *b], copy),
            O::IntegerSubtract(a, b) => self.binary(Op::IntegerSubtract, value, [*a, *b], copy),
            O::BitAnd(a, b) => self.commutative(Op::And, value, [*a, *b], copy),
            O::BitOr(a, b) => self.commutative(Op::Or, value, [*a, *b], copy),
            O::BitXor(a, b) => self.commutative(Op::Xor, value, [*a, *b], copy),
            O::ShiftLeft(a, by) => self.shift(Op::ShiftLeft, value, *a, *by, copy),
            O::ShiftRight(a, by) => self.shift_right(value, *a, *by, copy),
            O::ShiftRightUnsigned(a, by) => {
                self.shift(Op::ShiftRightUnsigned, value, *a, *by, copy);
            }
        }
    }

    /// `into = op(a, b)`
    pub(super) fn three(&mut self, code: Code, into: Register, a: Register, b: Source) {
        self.code.put(&on_three(code, into, a, b));
    }

    /// `into = mask ? op(a, b) : into`, in EVEX.
    pub(super) fn three_where(
        &mut self,
        code: Code,
        into: Register,
        operands: (Register, Source),
        mask: Register,
    ) {
        self.three_masked(code, into, operands, mask, false);
    }

    /// `into = mask ? op(a, b) : 0`, in EVEX, or what it had instead of 0.
    pub(super) fn three_masked(
        &mut self,
        code: Code,
        into: Register,
        (a, b): (Register, Source),
        mask: Register,
        is_zero_otherwise: bool,
    ) {
        let mut instruction = on_three(code, into, a, b);
        instruction.set_op_mask(mask);
        instruction.set_zeroing_masking(is_zero_otherwise);
        self.code.put(&instruction);
    }

    /// `into = op(a)`, perhaps with a byte.
    pub(super) fn two(&mut self, code: Code, into: Register, a: Source, byte: Option<i32>) {
        let instruction = match (a, byte) {
            (Source::Register(a), None) => Instruction::with2(code, into, a),
            (Source::Memory(a), None) => Instruction::with2(code, into, a),
            (Source::Register(a), Some(byte)) => Instruction::with3(code, into, a, byte),
            (Source::Memory(a), Some(byte)) => Instruction::with3(code, into, a, byte),
        };
        self.code.put(&instruction.expect("two operands"));
    }

    fn result<const N: usize>(&mut self, operands: [Value; N], copy: usize) -> (usize, Register) {
        self.release(operands, copy);
        let register = self.take(false);
        (register, self.vector(register))
    }

    fn binary(&mut self, op: Op, value: Value, of: [Value; 2], copy: usize) {
        self.binary_as(self.code(op), value, of, copy);
    }

    fn binary_as(&mut self, code: Code, value: Value, [a, b]: [Value; 2], copy: usize) {
        let first = self.register(a, copy);
        let second = self.source(b, copy);
        let (register, into) = self.result([a, b], copy);
        self.three(code, into, first, second);
        self.define(value, copy, register);
    }

    /// Likewise, where what is in memory may as well come last.
    fn commutative(&mut self, op: Op, value: Value, [a, b]: [Value; 2], copy: usize) {
        let swap = self.is_in_memory(a, copy) && !self.is_in_memory(b, copy);
        self.binary(op, value, if swap { [b, a] } else { [a, b] }, copy);
    }

    /// Two values of which either may come first: a constant is read from memory where it comes last.
    fn constant_last(&self, a: Value, b: Value) -> [Value; 2] {
        let is_first = self.constants.has(a) && !self.constants.has(b);
        if is_first { [b, a] } else { [a, b] }
    }

    fn unary(&mut self, op: Op, value: Value, a: Value, byte: Option<i32>, copy: usize) {
        let source = self.source(a, copy);
        let (register, into) = self.result([a], copy);
        self.two(self.code(op), into, source, byte);
        self.define(value, copy, register);
    }

    /// Joins a vector with the same bits in all lanes.
    fn with_bits(&mut self, op: Op, value: Value, a: Value, copy: usize, bits: i64) {
        let first = self.register(a, copy);
        let bits = Source::Memory(self.constant(&Operation::Integer(bits)));
        let (register, into) = self.result([a], copy);
        self.three(self.code(op), into, first, bits);
        self.define(value, copy, register);
    }

    /// `a * b + c` into the register of an operand that is not used again, or of a copy.
    #[expect(clippy::many_single_char_names, reason = "factors and an addend")]
    fn multiply_add(&mut self, value: Value, [a, b, c]: [Value; 3], copy: usize) {
        if !self.program.fused {
            return self.multiply_and_add(value, [a, b, c], copy);
        }
        let [mut x, mut y] = [a, b];
        let ends = |writer: &Self, it: Value| writer.ends_here(it, copy);
        // The first factor is the one whose register may be written, the other one may be in memory.
        if (!ends(self, x) && ends(self, y))
            || (self.is_in_memory(x, copy) && !self.is_in_memory(y, copy))
        {
            (x, y) = (y, x);
        }
        let (register, order) = if ends(self, c) && x != c && y != c {
            (None, Order::Last)
        } else if ends(self, x) && x != y && x != c {
            (None, if self.is_in_memory(c, copy) { Order::Middle } else { Order::First })
        } else if self.is_in_memory(c, copy) {
            (Some(c), Order::Last)
        } else {
            (Some(x), if self.is_in_memory(y, copy) { Order::First } else { Order::Middle })
        };
        let (destroyed, second, third) = match order {
            Order::Last => (c, x, y),
            Order::Middle => (x, y, c),
            Order::First => (x, c, y),
        };
        let second_register = self.register(second, copy);
        let third_source = self.source(third, copy);
        let into = match register {
            None => self.register(destroyed, copy),
            Some(_) => self.copied(destroyed, copy),
        };
        let signs = self.signs[value.0 as usize];
        let code = multiply_add(order, signs, self.program.precision, self.form);
        self.three(code, into, second_register, third_source);
        let number = number(into);
        self.release([a, b, c], copy);
        self.define(value, copy, number);
    }

    /// Whether a value is in a register that nothing reads behind the statement being written.
    pub(super) fn ends_here(&self, value: Value, copy: usize) -> bool {
        self.body().uses.ends_before(value, self.body().place + 1) == Some(true)
            && !self.is_in_memory(value, copy)
            && !self.is_pinned(value, copy)
    }

    /// A value in a register that may be written.
    pub(super) fn copied(&mut self, value: Value, copy: usize) -> Register {
        let source = self.source(value, copy);
        let register = self.take(false);
        let into = self.vector(register);
        match source {
            Source::Register(from) => self.move_register(into, from),
            Source::Memory(memory) if memory.is_broadcast => {
                let mut memory = memory;
                memory.is_broadcast = false;
                self.broadcast(into, memory);
            }
            Source::Memory(memory) => self.load_vector(into, memory),
        }
        into
    }

    pub(super) fn move_register(&mut self, into: Register, from: Register) {
        if into != from {
            self.two(self.code(Op::Load), into, Source::Register(from), None);
        }
    }

    #[expect(clippy::many_single_char_names, reason = "factors and an addend")]
    fn multiply_and_add(&mut self, value: Value, [a, b, c]: [Value; 3], copy: usize) {
        let (x, y) = (self.register(a, copy), self.source(b, copy));
        let between = self.take(false);
        let between = self.vector(between);
        self.three(self.code(Op::Multiply), between, x, y);
        let addend = self.source(c, copy);
        let (register, into) = self.result([a, b, c], copy);
        self.three(self.code(Op::Add), into, between, addend);
        self.define(value, copy, register);
    }

    fn compare(
        &mut self,
        op: Op,
        value: Value,
        [a, b]: [Value; 2],
        byte: Option<i32>,
        copy: usize,
    ) {
        let first = self.register(a, copy);
        let second = self.source(b, copy);
        self.release([a, b], copy);
        let masks = self.form == Form::Zmm;
        let register = self.take(masks);
        let into = if masks { mask(register) } else { self.vector(register) };
        let code = self.code(op);
        let instruction = match (second, byte) {
            (Source::Register(b), Some(byte)) => Instruction::with4(code, into, first, b, byte),
            (Source::Memory(b), Some(byte)) => Instruction::with4(code, into, first, b, byte),
            (Source::Register(b), None) => Instruction::with3(code, into, first, b),
            (Source::Memory(b), None) => Instruction::with3(code, into, first, b),
        };
        self.code.put(&instruction.expect("operands of a comparison"));
        self.define(value, copy, register);
    }

    fn join_masks(&mut self, op: Op, masked: Code, value: Value, [a, b]: [Value; 2], copy: usize) {
        if self.form != Form::Zmm {
            return self.commutative(op, value, [a, b], copy);
        }
        let (first, second) = (self.mask_register(a, copy), self.mask_register(b, copy));
        self.release([a, b], copy);
        let register = self.take(true);
        self.three(masked, mask(register), first, Source::Register(second));
        self.define(value, copy, register);
    }

    fn not(&mut self, value: Value, a: Value, copy: usize) {
        if self.form != Form::Zmm {
            return self.with_bits(Op::Xor, value, a, copy, -1);
        }
        let source = self.mask_register(a, copy);
        self.release([a], copy);
        let register = self.take(true);
        self.two(Code::VEX_Knotw_kr_kr, mask(register), Source::Register(source), None);
        self.define(value, copy, register);
    }

    fn select(&mut self, value: Value, [which, a, b]: [Value; 3], copy: usize) {
        // A mask has all bits set or none: where one side is 0, it takes them or leaves them.
        if self.form != Form::Zmm && self.is_zero(a) {
            return self.binary(Op::AndNot, value, [which, b], copy);
        }
        if self.form != Form::Zmm && self.is_zero(b) {
            return self.binary(Op::And, value, [which, a], copy);
        }
        if self.form != Form::Zmm {
            let mask = self.register(which, copy);
            let (otherwise, chosen) = (self.register(b, copy), self.source(a, copy));
            let (register, into) = self.result([which, a, b], copy);
            let code = self.code(Op::Blend);
            let blend = match chosen {
                Source::Register(chosen) => Instruction::with4(code, into, otherwise, chosen, mask),
                Source::Memory(chosen) => Instruction::with4(code, into, otherwise, chosen, mask),
            };
            self.code.put(&blend.expect("four operands"));
            return self.define(value, copy, register);
        }
        let which_register = self.mask_register(which, copy);
        if self.program.kinds[value.0 as usize] == Kind::Mask {
            return self.select_mask(value, which_register, [which, a, b], copy);
        }
        let (otherwise, chosen) = (self.register(b, copy), self.source(a, copy));
        let (register, into) = self.result([which, a, b], copy);
        self.blend(into, otherwise, chosen, which_register);
        self.define(value, copy, register);
    }

    /// Whether a value is a constant without bits.
    pub(super) fn is_zero(&self, value: Value) -> bool {
        matches!(
            self.constants.get(value),
            Some(Operation::Real(0) | Operation::Integer(0) | Operation::Mask(false))
        )
    }

    /// `into = mask ? chosen : otherwise`, with a mask register.
    fn blend(&mut self, into: Register, otherwise: Register, chosen: Source, mask: Register) {
        self.three_where(self.code(Op::Blend), into, (otherwise, chosen), mask);
    }

    fn select_mask(&mut self, value: Value, which: Register, all: [Value; 3], copy: usize) {
        let [_, a, b] = all;
        let (a, b) = (self.mask_register(a, copy), self.mask_register(b, copy));
        let (chosen, otherwise) = (mask(self.take(true)), mask(self.take(true)));
        self.three(Code::VEX_Kandw_kr_kr_kr, chosen, which, Source::Register(a));
        self.three(Code::VEX_Kandnw_kr_kr_kr, otherwise, which, Source::Register(b));
        self.release(all, copy);
        let register = self.take(true);
        self.three(Code::VEX_Korw_kr_kr_kr, mask(register), chosen, Source::Register(otherwise));
        self.define(value, copy, register);
    }

    /// The same bits under another name.
    fn copy(&mut self, value: Value, a: Value, copy: usize) {
        let from = self.register(a, copy);
        let (register, into) = self.result([a], copy);
        self.move_register(into, from);
        self.define(value, copy, register);
    }

    fn convert(&mut self, value: Value, a: Value, copy: usize) {
        if self.program.precision == Precision::F32 {
            return self.unary(Op::FromInteger, value, a, None, copy);
        }
        let first = self.register(a, copy);
        let magic = MAGIC.to_bits();
        let bits = Source::Memory(self.constant(&Operation::Integer(magic.cast_signed())));
        let (register, into) = self.result([a], copy);
        self.three(self.code(Op::IntegerAdd), into, first, bits);
        let real = Source::Memory(self.constant(&Operation::Real(magic)));
        self.three(self.code(Op::Subtract), into, into, real);
        self.define(value, copy, register);
    }

    fn shift(&mut self, op: Op, value: Value, a: Value, by: u8, copy: usize) {
        let source = Source::Register(self.register(a, copy));
        let (register, into) = self.result([a], copy);
        self.two(self.code(op), into, source, Some(by.into()));
        self.define(value, copy, register);
    }

    fn shift_right(&mut self, value: Value, a: Value, by: u8, copy: usize) {
        if self.program.precision == Precision::F32 || self.form == Form::Zmm {
            return self.shift(Op::ShiftRight, value, a, by, copy);
        }
        // Zeros come in; where the sign was set, flipping and subtracting it sets what lies above.
        let source = Source::Register(self.register(a, copy));
        let (register, into) = self.result([a], copy);
        self.two(self.code(Op::ShiftRightUnsigned), into, source, Some(by.into()));
        let sign = (i64::MIN.cast_unsigned() >> by).cast_signed();
        let sign = Source::Memory(self.constant(&Operation::Integer(sign)));
        self.three(self.code(Op::Xor), into, into, sign);
        self.three(self.code(Op::IntegerSubtract), into, into, sign);
        self.define(value, copy, register);
    }
}

/// The sign bit alone.
fn sign(precision: Precision) -> i64 {
    match precision {
        Precision::F32 => i64::from(i32::MIN),
        Precision::F64 => i64::MIN,
    }
}

/// An instruction on two registers and a last operand.
fn on_three(code: Code, into: Register, a: Register, b: Source) -> Instruction {
    let instruction = match b {
        Source::Register(b) => Instruction::with3(code, into, a, b),
        Source::Memory(b) => Instruction::with3(code, into, a, b),
    };
    instruction.expect("three operands")
}
