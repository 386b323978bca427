//! Single operations, as scalars or in lanes.
//!
//! Reals are F32 or F64, integers as wide. A mask is an I8 that is 0 or 1, and in lanes an integer of
//! all ones or all zeros.

use cranelift::codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift::codegen::ir::{
    self, ConstantData, Endianness, InstBuilder, MemFlagsData, Type, types,
};

use super::address::{Amount, Known, Pattern, Pure};
use super::clif::{Binding, Writer};
use crate::loops::{ArrayId, Join, Kind, LoopId, Operation, Subscript, Value};

/// 2^52 + 2^51: added to the bits of an integer below 2^51 and subtracted as a real, it converts.
const MAGIC: f64 = 6_755_399_441_055_744.0;

impl Writer<'_> {
    /// A value of the program, for one copy of the body.
    pub(super) fn operand(&mut self, value: Value, copy: usize) -> ir::Value {
        match &self.values[value.0 as usize] {
            Binding::Constant(constant) => {
                let constant = constant.clone();
                self.constant(&constant)
            }
            Binding::Varying(copies) => copies[copy],
            Binding::Uniform(known) if self.width == 1 => known.value,
            Binding::Uniform(known) => {
                let scalar = known.value;
                self.splat(scalar, self.program.kinds[value.0 as usize])
            }
            Binding::Unbound => unreachable!("{value} has no value here"),
        }
    }

    /// A scalar from outside of a loop in lanes, in all lanes.
    fn splat(&mut self, scalar: ir::Value, kind: Kind) -> ir::Value {
        let of = self.type_of(kind);
        let splat = match kind {
            Kind::Real | Kind::Integer => Pure::Splat(scalar, of),
            Kind::Mask => Pure::SplatMask(scalar, of),
        };
        self.pure(splat, self.outside).value
    }

    fn constant(&mut self, constant: &Operation) -> ir::Value {
        match constant {
            Operation::Real(bits) => self.real_constant(f64::from_bits(*bits)),
            Operation::Integer(integer) => self.integer_constant(*integer),
            Operation::Mask(mask) if self.width == 1 => {
                self.ins().iconst(types::I8, i64::from(*mask))
            }
            Operation::Mask(mask) => self.integer_constant(-i64::from(*mask)),
            other => unreachable!("{} is no constant", other.name()),
        }
    }

    pub(super) fn real_constant(&mut self, value: f64) -> ir::Value {
        match (self.real, self.width) {
            (types::F32, 1) => self.ins().f32const(nearest(value)),
            (types::F32, _) => {
                let bits = nearest(value).to_bits();
                self.vector_constant(self.type_of(Kind::Real), |_| i64::from(bits))
            }
            (_, 1) => self.ins().f64const(value),
            _ => {
                let bits = value.to_bits().cast_signed();
                self.vector_constant(self.type_of(Kind::Real), |_| bits)
            }
        }
    }

    fn integer_constant(&mut self, integer: i64) -> ir::Value {
        match (self.integer, self.width) {
            // A 32-bit constant must come without the sign's copies.
            (types::I32, 1) => self.ins().iconst(types::I32, integer & 0xffff_ffff),
            (_, 1) => self.ins().iconst(types::I64, integer),
            _ => self.vector_constant(self.type_of(Kind::Integer), |_| integer),
        }
    }

    /// A vector with the low bits of an integer in each lane.
    fn vector_constant(&mut self, of: Type, lane: impl Fn(usize) -> i64) -> ir::Value {
        let size = 16 / self.width;
        let bytes = (0..self.width).flat_map(|at| lane(at).to_le_bytes().into_iter().take(size));
        let data = ConstantData::from(bytes.collect::<Vec<u8>>());
        let constant = self.cursor.func.dfg.constants.insert(data);
        self.pure(Pure::Constant(constant, of), self.scopes.len() - 1).value
    }

    /// Writes an operation for one copy of the body.
    pub(super) fn write_operation(
        &mut self,
        value: Value,
        operation: &Operation,
        copy: usize,
    ) -> ir::Value {
        match operation {
            Operation::Real(_) | Operation::Integer(_) | Operation::Mask(_) => {
                self.constant(operation)
            }
            Operation::Counter(id) => self.counter(*id, copy),
            Operation::Extent(extent) => match self.extent(*extent) {
                Amount::Literal(literal) => self.integer_constant(literal),
                Amount::Computed(known) => self.narrow_splat(known),
            },
            Operation::Load(array, subscripts) => self.write_load(value, *array, subscripts, copy),
            Operation::FusedMultiplyAdd(a, b, c) => {
                let (a, b) = (self.operand(*a, copy), self.operand(*b, copy));
                let c = self.operand(*c, copy);
                self.multiply_add(a, b, c)
            }
            Operation::Select(mask, a, b) => {
                let (a, b) = (self.operand(*a, copy), self.operand(*b, copy));
                let mask = self.operand(*mask, copy);
                self.choose(mask, a, b)
            }
            _ => match operation.operands().collect::<Vec<_>>()[..] {
                [a] => {
                    let a = self.operand(a, copy);
                    self.unary(value, operation, a)
                }
                [a, b] => {
                    let (a, b) = (self.operand(a, copy), self.operand(b, copy));
                    self.binary(operation, a, b)
                }
                _ => unreachable!("{} is written above", operation.name()),
            },
        }
    }

    fn unary(&mut self, value: Value, operation: &Operation, a: ir::Value) -> ir::Value {
        let lanes = self.width > 1;
        match operation {
            Operation::Negate(_) if lanes && !self.negated_in_fma[value.0 as usize] => {
                let sign = self.sign_bits();
                self.ins().bxor(a, sign)
            }
            Operation::Negate(_) => self.ins().fneg(a),
            Operation::Absolute(_) => self.absolute(a),
            Operation::SquareRoot(_) => self.ins().sqrt(a),
            Operation::Floor(_) => self.floor(a),
            Operation::Nearest(_) => self.nearest(a),
            Operation::Not(_) if lanes => self.ins().bnot(a),
            Operation::Not(_) => self.ins().bxor_imm_u(a, 1),
            Operation::Bits(_) => self.cast(a, Kind::Integer),
            Operation::FromBits(_) => self.cast(a, Kind::Real),
            Operation::ToReal(_) => self.convert(a),
            Operation::ShiftLeft(_, by) => self.ins().ishl_imm_u(a, i64::from(*by)),
            Operation::ShiftRight(_, by) => self.ins().sshr_imm_u(a, i64::from(*by)),
            Operation::ShiftRightUnsigned(_, by) => self.ins().ushr_imm_u(a, i64::from(*by)),
            other => unreachable!("{} has not one operand", other.name()),
        }
    }

    fn binary(&mut self, operation: &Operation, a: ir::Value, b: ir::Value) -> ir::Value {
        match operation {
            Operation::Add(..) => self.ins().fadd(a, b),
            Operation::Subtract(..) => self.ins().fsub(a, b),
            Operation::Multiply(..) => self.ins().fmul(a, b),
            Operation::Divide(..) => self.ins().fdiv(a, b),
            Operation::Minimum(..) => self.minimum(a, b),
            Operation::Maximum(..) => self.maximum(a, b),
            Operation::Less(..) => self.ins().fcmp(FloatCC::LessThan, a, b),
            Operation::LessEqual(..) => self.ins().fcmp(FloatCC::LessThanOrEqual, a, b),
            Operation::Equal(..) => self.ins().fcmp(FloatCC::Equal, a, b),
            Operation::IntegerLess(..) => self.ins().icmp(IntCC::SignedLessThan, a, b),
            Operation::IntegerEqual(..) => self.ins().icmp(IntCC::Equal, a, b),
            Operation::And(..) | Operation::BitAnd(..) => self.ins().band(a, b),
            Operation::Or(..) | Operation::BitOr(..) => self.ins().bor(a, b),
            Operation::BitXor(..) => self.ins().bxor(a, b),
            Operation::IntegerAdd(..) => self.ins().iadd(a, b),
            Operation::IntegerSubtract(..) => self.ins().isub(a, b),
            other => unreachable!("{} has not two operands", other.name()),
        }
    }

    /// The same bits as another kind of number.
    fn cast(&mut self, a: ir::Value, kind: Kind) -> ir::Value {
        let of = self.type_of(kind);
        self.bitcast(of, a)
    }

    fn bitcast(&mut self, of: Type, a: ir::Value) -> ir::Value {
        if self.cursor.func.dfg.value_type(a) == of {
            return a;
        }
        let flags = MemFlagsData::new().with_endianness(Endianness::Little);
        self.ins().bitcast(of, flags, a)
    }

    pub(super) fn absolute(&mut self, a: ir::Value) -> ir::Value {
        if self.width == 1 {
            return self.ins().fabs(a);
        }
        let sign = self.sign_bits();
        self.ins().band_not(a, sign)
    }

    pub(super) fn sign_bits(&mut self) -> ir::Value {
        self.real_constant(-0.0)
    }

    fn convert(&mut self, a: ir::Value) -> ir::Value {
        let of = self.type_of(Kind::Real);
        if self.integer == types::I32 {
            return self.ins().fcvt_from_sint(of, a);
        }
        let (magic, bits) = (self.real_constant(MAGIC), MAGIC.to_bits().cast_signed());
        let bits = self.integer_constant(bits);
        let moved = self.ins().iadd(a, bits);
        let moved = self.bitcast(of, moved);
        self.ins().fsub(moved, magic)
    }

    /// `if a < b { a } else { b }`, in the one form that becomes a single instruction on x86.
    fn minimum(&mut self, a: ir::Value, b: ir::Value) -> ir::Value {
        let less = self.ins().fcmp(FloatCC::LessThan, a, b);
        self.choose(less, a, b)
    }

    /// `if a > b { a } else { b }`, likewise.
    fn maximum(&mut self, a: ir::Value, b: ir::Value) -> ir::Value {
        let less = self.ins().fcmp(FloatCC::LessThan, b, a);
        self.choose(less, a, b)
    }

    /// `a` where the mask holds, else `b`.
    pub(super) fn choose(&mut self, mask: ir::Value, a: ir::Value, b: ir::Value) -> ir::Value {
        if self.width == 1 {
            return self.ins().select(mask, a, b);
        }
        let dfg = &self.cursor.func.dfg;
        let (of, integers) = (dfg.value_type(a), dfg.value_type(mask));
        // Cranelift sees that such a mask is all ones or all zeros.
        let plain = dfg.value_def(mask).inst().is_some_and(|inst| match dfg.insts[inst].opcode() {
            ir::Opcode::Fcmp => true,
            ir::Opcode::Icmp => of == integers,
            _ => false,
        });
        if plain || !self.blend {
            let mask = self.bitcast(of, mask);
            return self.ins().bitselect(mask, a, b);
        }
        let (a, b) = (self.bitcast(integers, a), self.bitcast(integers, b));
        let chosen = self.ins().blendv(mask, a, b);
        self.bitcast(of, chosen)
    }

    /// The counter of a loop as an integer.
    fn counter(&mut self, id: LoopId, copy: usize) -> ir::Value {
        let counter = self.counters[&id];
        if self.width == 1 || self.lane_loop != Some(id) {
            return self.narrow_splat(counter);
        }
        let of = self.type_of(Kind::Integer);
        if let Some(tail) = &self.tail {
            let lanes: Vec<ir::Value> = tail.lanes.iter().map(|lane| lane.value).collect();
            let lanes = lanes.into_iter().map(|lane| self.narrow(lane)).collect::<Vec<_>>();
            return self.gather_lanes(of, lanes);
        }
        let base = self.narrow(counter.value);
        let depth = self.scopes.len() - 1;
        let base = self.pure(Pure::Splat(base, of), depth).value;
        let lanes = self.lane_numbers(copy);
        self.ins().iadd(base, lanes)
    }

    /// The number of each lane of a copy of the body.
    pub(super) fn lane_numbers(&mut self, copy: usize) -> ir::Value {
        let first = copy * self.width;
        let of = self.type_of(Kind::Integer);
        self.vector_constant(of, |lane| i64::try_from(first + lane).expect("a lane"))
    }

    /// A vector of scalars.
    fn gather_lanes(&mut self, of: Type, lanes: Vec<ir::Value>) -> ir::Value {
        let mut lanes = (0..).zip(lanes);
        let (_, first) = lanes.next().expect("a vector has lanes");
        let vector = self.ins().scalar_to_vector(of, first);
        lanes.fold(vector, |vector, (lane, element)| {
            let lane: u8 = lane;
            self.ins().insertlane(vector, element, lane)
        })
    }

    pub(super) fn narrow(&mut self, value: ir::Value) -> ir::Value {
        if self.integer == types::I64 {
            return value;
        }
        self.pure(Pure::Narrow(value), self.scopes.len() - 1).value
    }

    /// An extent, or the counter of another loop than that in lanes, in all lanes.
    fn narrow_splat(&mut self, known: Known) -> ir::Value {
        if self.width == 1 {
            return self.narrow(known.value);
        }
        let depth = known.depth.max(self.outside);
        let scalar = match self.integer {
            types::I64 => known.value,
            _ => self.pure(Pure::Narrow(known.value), depth).value,
        };
        let of = self.type_of(Kind::Integer);
        self.pure(Pure::Splat(scalar, of), depth).value
    }

    fn write_load(
        &mut self,
        value: Value,
        array: ArrayId,
        subscripts: &[Subscript],
        copy: usize,
    ) -> ir::Value {
        let kind = self.program.kinds[value.0 as usize];
        let of = self.type_of(kind);
        let flags = MemFlagsData::new().with_notrap();
        if self.width == 1 {
            let place = self.place(array, subscripts, copy, 0);
            return self.ins().load(of, flags, place.pointer, place.offset);
        }
        match self.pattern(subscripts) {
            Pattern::Contiguous => {
                let place = self.place(array, subscripts, copy, 0);
                self.ins().load(of, flags, place.pointer, place.offset)
            }
            Pattern::Same => {
                let place = self.place(array, subscripts, copy, 0);
                self.load_once(of, place)
            }
            Pattern::Scattered => {
                let mut lanes = vec![];
                for lane in 0..self.width {
                    let place = self.place(array, subscripts, copy, lane);
                    let (pointer, offset) = (place.pointer, place.offset);
                    lanes.push(self.ins().load(of.lane_type(), flags, pointer, offset));
                }
                self.gather_lanes(of, lanes)
            }
        }
    }

    pub(super) fn write_store(
        &mut self,
        array: ArrayId,
        subscripts: &[Subscript],
        value: Value,
        copy: usize,
    ) {
        let flags = MemFlagsData::new().with_notrap();
        let value = self.operand(value, copy);
        if self.width == 1 || self.pattern(subscripts) == Pattern::Contiguous {
            let place = self.place(array, subscripts, copy, 0);
            self.ins().store(flags, value, place.pointer, place.offset);
            return;
        }
        for lane in 0..self.width {
            let place = self.place(array, subscripts, copy, lane);
            let lane = u8::try_from(lane).expect("a few lanes");
            let element = self.ins().extractlane(value, lane);
            self.ins().store(flags, element, place.pointer, place.offset);
        }
    }

    /// `a * b + c`, rounded once where the program is fused.
    pub(super) fn multiply_add(&mut self, a: ir::Value, b: ir::Value, c: ir::Value) -> ir::Value {
        if self.program.fused {
            return self.ins().fma(a, b, c);
        }
        let product = self.ins().fmul(a, b);
        self.ins().fadd(product, c)
    }

    /// What an accumulator starts from.
    pub(super) fn neutral(&mut self, join: Join) -> ir::Value {
        match join {
            Join::Any | Join::All => self.constant(&Operation::Mask(join == Join::All)),
            _ => self.neutral_partial(join),
        }
    }

    /// What a partial result starts from; masks are integers of all ones or all zeros.
    pub(super) fn neutral_partial(&mut self, join: Join) -> ir::Value {
        match join {
            Join::Sum => self.real_constant(0.0),
            Join::Product => self.real_constant(1.0),
            Join::Maximum => self.real_constant(f64::NEG_INFINITY),
            Join::Minimum => self.real_constant(f64::INFINITY),
            Join::Any => self.integer_constant(0),
            Join::All => self.integer_constant(-1),
        }
    }

    pub(super) fn join(&mut self, join: Join, a: ir::Value, b: ir::Value) -> ir::Value {
        match join {
            Join::Sum => self.ins().fadd(a, b),
            Join::Product => self.ins().fmul(a, b),
            Join::Maximum => self.maximum(a, b),
            Join::Minimum => self.minimum(a, b),
            Join::Any => self.ins().bor(a, b),
            Join::All => self.ins().band(a, b),
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "rounding is what is asked for")]
fn nearest(value: f64) -> f32 {
    value as f32
}
