//! Writes a program as a Cranelift function: in comes a valid program, out goes its code, not yet compiled.

use cranelift::codegen::cursor::{Cursor, FuncCursor};
use cranelift::codegen::ir::condcodes::IntCC;
use cranelift::codegen::ir::{
    self, AbiParam, Block, BlockArg, Function, InsertBuilder, Inst, InstBuilder, MemFlagsData,
    Signature, StackSlot, Type, UserFuncName, types,
};
use cranelift::codegen::isa::TargetIsa;

use super::Options;
use super::address::{Amount, Known, Pure};
use super::reads::count_reads;
use super::target::has;
use crate::hash::HashMap;
use crate::loops::{Kind, Loop, LoopId, Operation, Precision, Program, Statement, Value};

/// Writes the code of a program for a machine.
pub(super) fn write(program: &Program, options: Options, isa: &dyn TargetIsa) -> Function {
    let mut signature = Signature::new(isa.default_call_conv());
    signature.params = vec![AbiParam::new(types::I64); 2];
    let mut func = Function::with_name_signature(UserFuncName::default(), signature);
    let entry = func.dfg.make_block();
    func.layout.append_block(entry);
    let tables = [(); 2].map(|()| func.dfg.append_block_param(entry, types::I64));
    let (real, integer) = match program.precision {
        Precision::F32 => (types::F32, types::I32),
        Precision::F64 => (types::F64, types::I64),
    };
    let reads = count_reads(program);
    let mut writer = Writer {
        program,
        lanes: options.lanes,
        blend: has(isa, "has_sse41"),
        rounds: isa.name() != "x64" || has(isa, "has_sse41"),
        negated_in_fma: reads.iter().map(|reads| program.fused && reads.is_in_fma()).collect(),
        cursor: FuncCursor::new(&mut func).at_bottom(entry),
        scopes: vec![],
        real,
        integer,
        width: 1,
        copies: 1,
        lane_loop: None,
        outside: 0,
        tail: None,
        values: vec![Binding::Unbound; program.kinds.len()],
        counters: HashMap::default(),
        arrays: vec![],
        extents: vec![],
        slots: vec![],
    };
    writer.arrays = writer.read_table(tables[0], program.arrays.len());
    writer.extents = writer.read_table(tables[1], program.extents.len());
    let body = writer.new_block();
    let enter = writer.ins().jump(body, &[]);
    writer.scopes.push(Scope { branch: enter, entry: enter, known: HashMap::default() });
    writer.cursor.goto_bottom(body);
    writer.write_body(&program.body);
    writer.ins().return_(&[]);
    func
}

/// What the code being written knows.
pub(super) struct Writer<'a> {
    pub(super) program: &'a Program,
    pub(super) lanes: bool,
    /// Whether the machine selects by the top bit of a lane.
    pub(super) blend: bool,
    /// Whether the machine rounds to whole numbers.
    pub(super) rounds: bool,
    /// Values that are negations read only by fused multiply-adds, which negate for nothing.
    pub(super) negated_in_fma: Vec<bool>,
    /// The code, and where it goes on.
    pub(super) cursor: FuncCursor<'a>,
    /// The function, then each loop around the code being written.
    pub(super) scopes: Vec<Scope>,
    pub(super) real: Type,
    pub(super) integer: Type,
    /// How many lanes a value of the code being written has.
    pub(super) width: usize,
    /// How many copies of the body are written side by side.
    pub(super) copies: usize,
    /// The loop in lanes around the code being written.
    pub(super) lane_loop: Option<LoopId>,
    /// How many loops are around that loop.
    pub(super) outside: usize,
    /// In the tail of that loop.
    pub(super) tail: Option<Tail>,
    pub(super) values: Vec<Binding>,
    pub(super) counters: HashMap<LoopId, Known>,
    pub(super) arrays: Vec<ir::Value>,
    pub(super) extents: Vec<ir::Value>,
    /// Memory for partial results, shared by all loops in lanes.
    pub(super) slots: Vec<StackSlot>,
}

/// The last iterations of a loop in lanes, fewer than there are lanes.
#[derive(Debug)]
pub(super) struct Tail {
    /// Where each lane stands: those past the end stand on the last element.
    pub(super) lanes: Vec<Known>,
    /// Which lanes are not past the end, as a mask.
    pub(super) counting: ir::Value,
}

/// A loop around the code being written.
#[derive(Debug)]
pub(super) struct Scope {
    /// The branch that decides whether it runs, in front of which stands what stays the same inside.
    pub(super) branch: Inst,
    /// The jump into it once that is decided.
    pub(super) entry: Inst,
    /// What is computed and stays in reach.
    pub(super) known: HashMap<Pure, ir::Value>,
}

/// What a value of the program is in the code.
#[derive(Clone, Debug)]
pub(super) enum Binding {
    Unbound,
    /// Written anew wherever it is used: that is cheaper than keeping it.
    Constant(Operation),
    /// A scalar.
    Uniform(Known),
    /// Vectors, one for each copy of the body.
    Varying(Vec<ir::Value>),
}

impl<'a> Writer<'a> {
    /// Writes one more instruction.
    pub(super) fn ins(&mut self) -> InsertBuilder<'_, &mut FuncCursor<'a>> {
        self.cursor.ins()
    }

    pub(super) fn new_block(&mut self) -> Block {
        let block = self.cursor.func.dfg.make_block();
        self.cursor.func.layout.append_block(block);
        block
    }

    fn read_table(&mut self, table: ir::Value, count: usize) -> Vec<ir::Value> {
        let offsets = (0..count).map(|at| i32::try_from(8 * at).expect("fewer than 2^28 arrays"));
        let load = |offset| self.ins().load(types::I64, MemFlagsData::trusted(), table, offset);
        offsets.map(load).collect()
    }

    /// The type of a value here.
    pub(super) fn type_of(&self, kind: Kind) -> Type {
        let lane = match kind {
            Kind::Real => self.real,
            Kind::Mask if self.width == 1 => types::I8,
            Kind::Integer | Kind::Mask => self.integer,
        };
        let lanes = u32::try_from(self.width).expect("a few lanes");
        lane.by(lanes).expect("128 bits at most")
    }

    pub(super) fn write_body(&mut self, body: &'a [Statement]) {
        for statement in body {
            match statement {
                Statement::Let(value, operation) => self.write_let(*value, operation),
                Statement::Store { array, subscripts, value } => {
                    for copy in 0..self.copies {
                        self.write_store(*array, subscripts, *value, copy);
                    }
                }
                Statement::Loop(inner) if inner.lanes => self.write_lanes(inner),
                Statement::Loop(inner) if self.lane_loop.is_some() => self.write_in_lanes(inner),
                Statement::Loop(inner) => self.write_loop(inner),
                Statement::Product(product) => self.write_product(product),
            }
        }
    }

    fn write_let(&mut self, value: Value, operation: &Operation) {
        let binding = match operation {
            Operation::Real(_) | Operation::Integer(_) | Operation::Mask(_) => {
                Binding::Constant(operation.clone())
            }
            _ => {
                let copies: Vec<ir::Value> = (0..self.copies)
                    .map(|copy| self.write_operation(value, operation, copy))
                    .collect();
                if self.width == 1 {
                    Binding::Uniform(Known { value: copies[0], depth: self.scopes.len() - 1 })
                } else {
                    Binding::Varying(copies)
                }
            }
        };
        self.values[value.0 as usize] = binding;
    }

    pub(super) fn bind(&mut self, value: Value, result: ir::Value) {
        let depth = self.scopes.len() - 1;
        self.values[value.0 as usize] = Binding::Uniform(Known { value: result, depth });
    }

    /// A loop without lanes: a counter and the accumulators go round as block parameters.
    fn write_loop(&mut self, inner: &'a Loop) {
        let end = self.end(inner);
        let totals = self.repeat_totals(&inner.accumulators, end, |writer, repeat| {
            writer.counters.insert(inner.id, writer.counter_of(repeat));
            writer.write_body(&inner.body);
            let elements = inner.accumulators.iter().map(|of| of.element);
            elements.map(|element| writer.operand(element, 0)).collect()
        });
        for (accumulator, total) in inner.accumulators.iter().zip(totals) {
            self.bind(accumulator.result, total);
        }
    }

    /// How often a loop runs: not at all where its guard does not hold.
    pub(super) fn end(&mut self, inner: &Loop) -> Amount {
        let end = self.extent(inner.extent);
        let Some(guard) = inner.guard else { return end };
        let (guard, end) = (self.operand(guard, 0), self.materialize(end));
        let none = self.ins().iconst(types::I64, 0);
        let value = self.ins().select(guard, end, none);
        Amount::Computed(Known { value, depth: self.scopes.len() - 1 })
    }

    pub(super) fn counter_of(&self, repeat: &Repeat) -> Known {
        Known { value: repeat.counter, depth: self.scopes.len() - 1 }
    }

    /// Opens a loop from `start` to `end`, with values that go round. `None` where it never runs.
    pub(super) fn enter(
        &mut self,
        start: Amount,
        end: Amount,
        carried: &[ir::Value],
        types: &[Type],
    ) -> Option<Repeat> {
        let runs = match (start, end) {
            (Amount::Literal(start), Amount::Literal(end)) if start >= end => return None,
            (Amount::Literal(_), Amount::Literal(_)) => None,
            _ => {
                let (start, end) = (self.materialize(start), self.materialize(end));
                Some(self.ins().icmp(IntCC::UnsignedLessThan, start, end))
            }
        };
        let arguments = arguments(carried);
        let [before, body, after] = [(); 3].map(|()| self.cursor.func.dfg.make_block());
        let branch = match runs {
            Some(runs) => self.ins().brif(runs, before, &[], after, &arguments),
            None => self.ins().jump(before, &[]),
        };
        self.cursor.func.layout.append_block(before);
        self.cursor.func.layout.append_block(body);
        self.cursor.goto_bottom(before);
        let mut entering = vec![self.materialize(start).into()];
        entering.extend(arguments);
        let entry = self.ins().jump(body, &entering);
        let counter = self.cursor.func.dfg.append_block_param(body, types::I64);
        let [carried, results] = [body, after].map(|block| {
            types.iter().map(|of| self.cursor.func.dfg.append_block_param(block, *of)).collect()
        });
        self.cursor.goto_bottom(body);
        self.scopes.push(Scope { branch, entry, known: HashMap::default() });
        Some(Repeat { counter, carried, results, start, end, body, after })
    }

    /// Closes a loop, giving what the carried values are after it.
    ///
    /// Without a step it runs but once.
    pub(super) fn leave(
        &mut self,
        repeat: &Repeat,
        step: Option<i64>,
        carried: &[ir::Value],
    ) -> Vec<ir::Value> {
        let arguments = arguments(carried);
        let step = step.filter(|step| match (repeat.start, repeat.end) {
            (Amount::Literal(start), Amount::Literal(end)) => start + step < end,
            _ => true,
        });
        match step {
            Some(step) => self.repeat(repeat, step, &arguments),
            None => drop(self.ins().jump(repeat.after, &arguments)),
        }
        self.scopes.pop();
        self.cursor.func.layout.append_block(repeat.after);
        self.cursor.goto_bottom(repeat.after);
        repeat.results.clone()
    }

    fn repeat(&mut self, repeat: &Repeat, step: i64, arguments: &[BlockArg]) {
        let next = self.ins().iadd_imm_s(repeat.counter, step);
        let end = self.materialize(repeat.end);
        let again = self.ins().icmp(IntCC::UnsignedLessThan, next, end);
        let mut round = vec![next.into()];
        round.extend(arguments.iter().copied());
        self.ins().brif(again, repeat.body, &round, repeat.after, arguments);
    }
}

/// A loop being written.
#[derive(Debug)]
pub(super) struct Repeat {
    pub(super) counter: ir::Value,
    /// What goes round, inside of the loop.
    pub(super) carried: Vec<ir::Value>,
    results: Vec<ir::Value>,
    start: Amount,
    end: Amount,
    body: Block,
    after: Block,
}

fn arguments(values: &[ir::Value]) -> Vec<BlockArg> {
    values.iter().map(|value| (*value).into()).collect()
}
