//! Writes Cranelift code for the entry of a linked loss: a thin layer of structured control flow over
//! Cranelift's builder, in which a branch or a loop is a closure.

use cranelift::codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift::codegen::ir::{
    AbiParam, Block, BlockArg, FuncRef, Function, InstBuilder, MemFlagsData, Signature,
    StackSlotData, StackSlotKind, Type, UserFuncName, Value, types,
};
use cranelift::prelude::{FunctionBuilder, FunctionBuilderContext, Variable};

use cranelift_module::FuncId;

use super::interface::Status;
use crate::loops::Precision;
use crate::machine::ObjectWriter;

/// A function being written.
pub(super) struct Pen<'a> {
    pub(super) builder: FunctionBuilder<'a>,
    pub(super) object: &'a mut ObjectWriter,
    /// The type of the loss's numbers.
    pub(super) real: Type,
    /// The type of its integers, as wide.
    pub(super) label: Type,
    /// Where a call goes that fails: with a status, an argument, a row and an element.
    pub(super) failure: Option<Block>,
}

/// Writes a function of integers and pointers, 64 bits each, with the result that a block ends in.
pub(super) fn write_function(
    object: &mut ObjectWriter,
    precision: Precision,
    parameters: usize,
    result: Option<Type>,
    body: impl FnOnce(&mut Pen, &[Value]) -> Option<Value>,
) -> Function {
    let signature = signature(object, parameters, result);
    let mut function = Function::with_name_signature(UserFuncName::default(), signature);
    let mut context = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut function, &mut context);
    let entry = builder.create_block();
    builder.append_block_params_for_function_params(entry);
    builder.switch_to_block(entry);
    let arguments = builder.block_params(entry).to_vec();
    let config = object.machine().isa().frontend_config();
    let (real, label) = match precision {
        Precision::F32 => (types::F32, types::I32),
        Precision::F64 => (types::F64, types::I64),
    };
    let mut pen = Pen { builder, object, real, label, failure: None };
    let result = body(&mut pen, &arguments);
    pen.builder.ins().return_(result.as_slice());
    pen.builder.seal_all_blocks();
    pen.builder.finalize(config);
    function
}

/// The signature of a function of integers and pointers, 64 bits each.
pub(super) fn signature(
    object: &ObjectWriter,
    parameters: usize,
    result: Option<Type>,
) -> Signature {
    let mut signature = object.signature();
    signature.params = vec![AbiParam::new(types::I64); parameters];
    signature.returns = result.into_iter().map(AbiParam::new).collect();
    signature
}

impl Pen<'_> {
    /// An integer of 64 bits.
    pub(super) fn integer(&mut self, value: i64) -> Value {
        self.builder.ins().iconst(types::I64, value)
    }

    /// A count, as an integer.
    pub(super) fn count(&mut self, value: u64) -> Value {
        self.integer(value.cast_signed())
    }

    /// A number of the loss, or an `f64`.
    pub(super) fn number(&mut self, of: Type, value: f64) -> Value {
        #[expect(clippy::cast_possible_truncation, reason = "rounded as a call would round it")]
        if of == types::F32 {
            self.builder.ins().f32const(value as f32)
        } else {
            self.builder.ins().f64const(value)
        }
    }

    /// How many bytes a number of the loss has.
    pub(super) fn size(&self) -> u32 {
        self.real.bytes()
    }

    /// A value in memory. Callers' arrays are aligned to an element, not to a vector.
    pub(super) fn load(&mut self, of: Type, address: Value, offset: i32) -> Value {
        self.builder.ins().load(of, MemFlagsData::new().with_notrap(), address, offset)
    }

    pub(super) fn store(&mut self, value: Value, address: Value, offset: i32) {
        self.builder.ins().store(MemFlagsData::new().with_notrap(), value, address, offset);
    }

    /// The address of an element of an array of numbers as wide as `of`.
    pub(super) fn element(&mut self, of: Type, array: Value, index: Value) -> Value {
        let offset = self.builder.ins().ishl_imm_u(index, i64::from(of.bytes().ilog2()));
        self.builder.ins().iadd(array, offset)
    }

    /// Memory of the function's own, aligned to 64 bytes, undefined at the start.
    pub(super) fn stack(&mut self, bytes: u32) -> Value {
        let data = StackSlotData::new(StackSlotKind::ExplicitSlot, bytes, 6);
        let slot = self.builder.create_sized_stack_slot(data);
        self.builder.ins().stack_addr(types::I64, slot, 0)
    }

    pub(super) fn compare(&mut self, how: IntCC, a: Value, b: Value) -> Value {
        self.builder.ins().icmp(how, a, b)
    }

    pub(super) fn is_null(&mut self, value: Value) -> Value {
        self.builder.ins().icmp_imm_s(IntCC::Equal, value, 0)
    }

    pub(super) fn is_given(&mut self, value: Value) -> Value {
        self.builder.ins().icmp_imm_s(IntCC::NotEqual, value, 0)
    }

    pub(super) fn compare_numbers(&mut self, how: FloatCC, a: Value, b: Value) -> Value {
        self.builder.ins().fcmp(how, a, b)
    }

    pub(super) fn and(&mut self, a: Value, b: Value) -> Value {
        self.builder.ins().band(a, b)
    }

    pub(super) fn or(&mut self, a: Value, b: Value) -> Value {
        self.builder.ins().bor(a, b)
    }

    pub(super) fn not(&mut self, condition: Value) -> Value {
        self.builder.ins().icmp_imm_s(IntCC::Equal, condition, 0)
    }

    pub(super) fn add(&mut self, a: Value, b: Value) -> Value {
        self.builder.ins().iadd(a, b)
    }

    pub(super) fn multiply(&mut self, a: Value, b: Value) -> Value {
        self.builder.ins().imul(a, b)
    }

    /// The first value where the condition holds, else the second.
    pub(super) fn select(&mut self, condition: Value, yes: Value, no: Value) -> Value {
        self.builder.ins().select(condition, yes, no)
    }

    /// A number of the loss as an `f64`.
    pub(super) fn widen(&mut self, value: Value) -> Value {
        if self.real == types::F64 { value } else { self.builder.ins().fpromote(types::F64, value) }
    }

    /// A label as an integer of 64 bits.
    pub(super) fn widen_label(&mut self, label: Value) -> Value {
        if self.label == types::I64 { label } else { self.builder.ins().sextend(types::I64, label) }
    }

    /// A function of the object, to be called here.
    pub(super) fn refer(&mut self, function: FuncId) -> FuncRef {
        self.object.refer(function, self.builder.func)
    }

    /// Calls a function of the object that gives nothing.
    pub(super) fn call(&mut self, function: FuncId, arguments: &[Value]) {
        let function = self.refer(function);
        self.builder.ins().call(function, arguments);
    }

    /// An `f64` rounded to a number of the loss.
    pub(super) fn narrow(&mut self, value: Value) -> Value {
        if self.real == types::F64 { value } else { self.builder.ins().fdemote(self.real, value) }
    }

    /// Something that changes.
    pub(super) fn variable(&mut self, of: Type, value: Value) -> Variable {
        let variable = self.builder.declare_var(of);
        self.builder.def_var(variable, value);
        variable
    }

    pub(super) fn get(&mut self, variable: Variable) -> Value {
        self.builder.use_var(variable)
    }

    pub(super) fn set(&mut self, variable: Variable, value: Value) {
        self.builder.def_var(variable, value);
    }

    /// Ends the call if a condition holds, with a status and where the mistake is.
    pub(super) fn fail_if(&mut self, condition: Value, status: Status, place: [Value; 3]) {
        let failure = self.failure.expect("calls that can fail have a place to go to");
        let [next] = self.blocks();
        let status = self.builder.ins().iconst(types::I32, status as i64);
        let [argument, row, element] = place;
        let arguments = [status, argument, row, element].map(BlockArg::from);
        self.builder.ins().brif(condition, failure, &arguments, next, &[]);
        self.builder.switch_to_block(next);
    }

    /// Ends the call if a condition holds, with a status and an argument.
    pub(super) fn fail_argument_if(&mut self, condition: Value, status: Status, argument: usize) {
        let argument = self.count(argument as u64);
        let zero = self.integer(0);
        self.fail_if(condition, status, [argument, zero, zero]);
    }

    /// Does something if a condition holds.
    pub(super) fn when(&mut self, condition: Value, body: impl FnOnce(&mut Self)) {
        self.choose(condition, body, |_| {});
    }

    /// Does one thing if a condition holds, else the other.
    pub(super) fn choose(
        &mut self,
        condition: Value,
        yes: impl FnOnce(&mut Self),
        no: impl FnOnce(&mut Self),
    ) {
        let [first, second, after] = self.blocks();
        self.builder.ins().brif(condition, first, &[], second, &[]);
        self.builder.switch_to_block(first);
        yes(self);
        self.builder.ins().jump(after, &[]);
        self.builder.switch_to_block(second);
        no(self);
        self.builder.ins().jump(after, &[]);
        self.builder.switch_to_block(after);
    }

    /// Does something while a condition holds, which is tested before each time.
    pub(super) fn repeat(
        &mut self,
        condition: impl FnOnce(&mut Self) -> Value,
        body: impl FnOnce(&mut Self),
    ) {
        let [test, round, after] = self.blocks();
        self.builder.ins().jump(test, &[]);
        self.builder.switch_to_block(test);
        let goes_on = condition(self);
        self.builder.ins().brif(goes_on, round, &[], after, &[]);
        self.builder.switch_to_block(round);
        body(self);
        self.builder.ins().jump(test, &[]);
        self.builder.switch_to_block(after);
    }

    /// Does something for each index from 0 up to a count.
    pub(super) fn for_each(&mut self, count: Value, body: impl FnOnce(&mut Self, Value)) {
        let zero = self.integer(0);
        let index = self.variable(types::I64, zero);
        self.repeat(
            |pen| {
                let at = pen.get(index);
                pen.compare(IntCC::UnsignedLessThan, at, count)
            },
            |pen| {
                let at = pen.get(index);
                body(pen, at);
                let next = pen.builder.ins().iadd_imm_s(at, 1);
                pen.set(index, next);
            },
        );
    }

    pub(super) fn blocks<const N: usize>(&mut self) -> [Block; N] {
        std::array::from_fn(|_| self.builder.create_block())
    }
}
