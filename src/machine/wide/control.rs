//! Loops: counters, sections of loops in lanes, and what surrounds the code.

use std::rc::Rc;

use iced_x86::{Code, Instruction, Register};

use super::assembler::{Label, at};
use super::codes::Form;
use super::memory::{COUNTER, SCALED, SCRATCH};
use super::totals::SPARE;
use super::uses::{Uses, is_stored_at_once};
use super::values::Home;
use super::{Body, STACK, Writer};
use crate::loops::{Extent, Loop, LoopId, Operation, Precision, Statement, Value};

/// How many registers an operation wants between those of its operands and of its result.
const BETWEEN: usize = 2;

impl<'p> Writer<'p> {
    /// Writes the statements of a body; some values are used once more at its end, by `end`.
    pub(super) fn write_body(
        &mut self,
        body: Body<'p>,
        statements: &[Statement],
        end: impl FnOnce(&mut Self),
    ) -> Body<'p> {
        self.bodies.push(body);
        let mut is_written = false;
        for (place, statement) in statements.iter().enumerate() {
            if std::mem::take(&mut is_written) {
                continue;
            }
            self.go_to(place);
            match statement {
                Statement::Let(value, operation) => {
                    is_written = is_stored_at_once(&self.body().uses, statements, place)
                        && self.write_and_store(*value, operation, &statements[place + 1])
                        || statements
                            .get(place + 1)
                            .is_some_and(|next| self.write_merged(*value, operation, next));
                    if !is_written {
                        self.write_let(*value, operation);
                    }
                }
                Statement::Store { array, subscripts, value } => {
                    self.write_store(*array, subscripts, *value);
                }
                Statement::Loop(inner) => {
                    self.flush();
                    if inner.lanes {
                        self.write_lanes(inner);
                    } else {
                        self.write_loop(inner);
                    }
                    self.release_ending(place);
                }
                Statement::Product(product) => {
                    self.flush();
                    self.write_product(product);
                }
            }
        }
        self.go_to(statements.len());
        end(self);
        self.release_ending(statements.len());
        self.forget_registers();
        self.bodies.pop().expect("it was just pushed")
    }

    /// Lets go of the values whose last use is at a place.
    fn release_ending(&mut self, place: usize) {
        let uses = Rc::clone(&self.body().uses);
        (0..self.copies).for_each(|copy| self.release(uses.ending(place), copy));
    }

    pub(super) fn go_to(&mut self, place: usize) {
        self.bodies.last_mut().expect("code belongs to a body").place = place;
    }

    /// Writes an operation, and the store behind it that alone reads its result, for one copy after the other, so that
    /// results need one register; says whether it has.
    fn write_and_store(&mut self, value: Value, operation: &Operation, next: &Statement) -> bool {
        let Statement::Store { array, subscripts, .. } = next else { return false };
        if self.is_shared(value) {
            return false;
        }
        let place = self.body().place;
        for copy in 0..self.copies {
            self.go_to(place);
            self.write_operation(value, operation, copy);
            self.unlock();
            self.go_to(place + 1);
            self.write_store_of(*array, subscripts, value, copy);
        }
        true
    }

    /// Finds which operations of a body give something else in each lane; of what is the same in all, the counters of loops
    /// inside of that in lanes are worth knowing.
    pub(super) fn find_what_differs(&mut self, statements: &[Statement]) {
        for statement in statements {
            if let Statement::Let(value, operation) = statement {
                self.wide[value.0 as usize] = match operation {
                    Operation::Counter(id) => self.lanes == Some(*id),
                    _ => self.lanes.is_some(),
                };
            }
        }
    }

    /// Where the body of a loop uses values.
    pub(super) fn uses(&self, inner: &Loop) -> Rc<Uses> {
        Rc::clone(&self.uses[&inner.id])
    }

    /// Writes a loop without lanes.
    fn write_loop(&mut self, inner: &Loop) {
        let mut totals = self.begin_totals(&inner.accumulators);
        let innermost = !inner.holds_loops();
        let mut body = Body::new(self.uses(inner), Some(inner.id), innermost);
        let counter = self.frame.word();
        self.counters.insert(inner.id, counter);
        let in_lanes = innermost && self.lanes.is_some();
        self.scaled = in_lanes.then_some(inner.id);
        self.find_what_differs(&inner.body);
        self.write_bases(&mut body, &inner.body, innermost);
        let (again, after) = (self.code.label(), self.code.label());
        self.skip_unless_it_runs(inner, after);
        if innermost {
            self.pin_totals(&mut totals, self.copies * body.uses.pressure());
        }
        if in_lanes {
            let values = self.copies * body.uses.pressure() + BETWEEN;
            let needed = values.max(SPARE) + totals.len();
            self.pin_most_used(&inner.body, &body.uses, needed);
            self.clear_general(SCALED);
        }
        self.clear_general(COUNTER);
        if !innermost {
            self.code.store(Code::Mov_rm64_r64, at(STACK, counter), COUNTER);
        }
        self.code.bind(again);
        let body = self.write_body(body, &inner.body, |writer| writer.join_totals(&totals));
        if !innermost {
            self.code.load(Code::Mov_r64_rm64, COUNTER, at(STACK, counter));
        }
        self.code.number(Code::Add_rm64_imm32, COUNTER, 1);
        if in_lanes {
            let bytes = i32::try_from(self.form.bytes()).expect("64 at most");
            self.code.number(Code::Add_rm64_imm32, SCALED, bytes);
        }
        if !innermost {
            self.code.store(Code::Mov_rm64_r64, at(STACK, counter), COUNTER);
        }
        self.compare_with_extent(inner.extent);
        self.code.jump(Code::Jb_rel32_64, again);
        self.unpin_totals(&mut totals);
        if in_lanes {
            self.unpin_most_used();
        }
        self.scaled = None;
        self.code.bind(after);
        self.release_bases(&body);
        self.frame.release_word(counter);
        let homes = self.end_totals(totals);
        for (accumulator, homes) in inner.accumulators.iter().zip(homes.chunks(self.copies)) {
            if self.lanes.is_some() {
                self.wide[accumulator.result.0 as usize] = true;
            }
            for (copy, home) in homes.iter().enumerate() {
                self.define_in_memory(accumulator.result, copy, *home);
            }
        }
    }

    /// Goes past a loop that does not run.
    pub(super) fn skip_unless_it_runs(&mut self, inner: &Loop, after: Label) {
        match inner.extent {
            Extent::Literal(0) => self.code.jump(Code::Jmp_rel32_64, after),
            Extent::Literal(_) => {}
            Extent::Given(id) => self.skip_if_zero(self.extents[id.0 as usize], after),
        }
        let Some(guard) = inner.guard else { return };
        match (self.constants.get(guard), self.values.get(&(guard, 0)).and_then(|it| it.home)) {
            (Some(Operation::Mask(true)), _) => {}
            (Some(_), _) => self.code.jump(Code::Jmp_rel32_64, after),
            (None, Some(Home::Scalar(slot))) => self.skip_if_zero(slot, after),
            (None, other) => unreachable!("a guard outside of lanes is kept as {other:?}"),
        }
    }

    /// Jumps if an integer of the program in the frame is 0.
    fn skip_if_zero(&mut self, slot: i32, after: Label) {
        let compare = match self.program.precision {
            Precision::F32 => Code::Cmp_rm32_imm32,
            Precision::F64 => Code::Cmp_rm64_imm32,
        };
        self.code.number_in_memory(compare, at(STACK, slot), 0);
        self.code.jump(Code::Je_rel32_64, after);
    }

    pub(super) fn compare_with_extent(&mut self, extent: Extent) {
        match extent {
            Extent::Literal(literal) => {
                if let Ok(literal) = i32::try_from(literal) {
                    self.code.number(Code::Cmp_rm64_imm32, COUNTER, literal);
                } else {
                    self.load_number(SCRATCH, literal);
                    self.code.two(Code::Cmp_r64_rm64, COUNTER, SCRATCH);
                }
            }
            Extent::Given(id) => {
                let slot = self.extents[id.0 as usize];
                self.code.load(Code::Cmp_r64_rm64, COUNTER, at(STACK, slot));
            }
        }
    }

    pub(super) fn load_number(&mut self, register: Register, number: u32) {
        let load = Instruction::with2(Code::Mov_r64_imm64, register, u64::from(number));
        self.code.put(&load.expect("a register and a number"));
    }

    pub(super) fn clear_general(&mut self, register: Register) {
        let clear = Instruction::with2(Code::Xor_r64_rm64, register, register);
        self.code.put(&clear.expect("two registers"));
    }

    /// Writes the counter of a loop.
    pub(super) fn write_counter(&mut self, value: Value, id: LoopId, copy: usize) {
        let register = self.take(false);
        let into = self.vector(register);
        if self.body().counter == Some(id) && self.body().counter_in_register {
            self.broadcast_general(into, COUNTER);
        } else {
            let slot = self.counters[&id];
            self.broadcast(into, at(STACK, slot));
        }
        if self.lanes == Some(id) {
            let lanes = self.lane_count();
            let size = self.form.bytes() / lanes;
            let mut bytes = Vec::with_capacity(self.form.bytes());
            for lane in 0..lanes {
                bytes.extend_from_slice(&(copy * lanes + lane).to_le_bytes()[..size]);
            }
            let numbers = self.code.constant(&bytes);
            let add =
                super::codes::code(super::codes::Op::IntegerAdd, self.program.precision, self.form);
            let numbers = super::values::Source::Memory(at(super::assembler::POOL, numbers));
            self.three(add, into, into, numbers);
        }
        self.define(value, copy, register);
    }

    /// A general register in all lanes, where there is no instruction for that by way of memory.
    fn broadcast_general(&mut self, into: Register, from: Register) {
        if self.form == Form::Zmm {
            return match self.program.precision {
                Precision::F32 => {
                    let low = from as u32 - Register::RAX as u32;
                    self.code.two(Code::EVEX_Vpbroadcastd_zmm_k1z_r32, into, Register::EAX + low);
                }
                Precision::F64 => self.code.two(Code::EVEX_Vpbroadcastq_zmm_k1z_r64, into, from),
            };
        }
        let slot = self.frame.word();
        self.code.store(Code::Mov_rm64_r64, at(STACK, slot), from);
        self.broadcast(into, at(STACK, slot));
        self.frame.release_word(slot);
    }

    pub(super) fn write_extent(&mut self, value: Value, extent: Extent, copy: usize) {
        let register = self.take(false);
        match extent {
            Extent::Literal(literal) => {
                self.load_constant(register, &Operation::Integer(literal.into()));
            }
            Extent::Given(id) => {
                let slot = self.extents[id.0 as usize];
                self.broadcast(self.vector(register), at(STACK, slot));
            }
        }
        self.define(value, copy, register);
    }
}
