//! Loops in lanes: vectors all the way, partial results joined in the order that [`crate::loops`] states.
//!
//! A loop becomes up to three sections one behind the other: several vectors a trip, one vector a
//! trip, and the tail. The tail is one more vector whose lanes past the end repeat the last element:
//! they read and write what the last lane reads and writes, so that memory holds what scalars would
//! have left, and accumulators leave them out. Partial results lie in memory, [`PARTIALS`] for each
//! accumulator, so that each section goes on where the one before stopped; where a trip covers all of
//! them, they stay in registers. Where a loop goes in blocks, one more loop is around its sections,
//! at the end of which the totals of the sums take their partial results.

use cranelift::codegen::ir::condcodes::IntCC;
use cranelift::codegen::ir::{
    self, InstBuilder, MemFlagsData, StackSlot, StackSlotData, StackSlotKind, Type, types,
};

use super::address::{Amount, Known};
use super::clif::{Binding, Repeat, Tail, Writer};
use crate::loops::{Accumulator, BLOCK, Join, Kind, Loop, Operation, PARTIALS, Statement, TRIP};

/// Bodies of at most so many operations get as many copies as it takes to fill a trip with all
/// partial results, up to [`MOST_COPIES`].
const TINY_BODY: usize = 12;
/// The most copies that a body gets.
const MOST_COPIES: usize = 8;
/// Bodies of at most so many operations get four copies: more gain nothing.
const SMALL_BODY: usize = 24;
/// Bodies of at most so many operations get two copies.
const MEDIUM_BODY: usize = 48;

/// A stretch of the iterations, run in trips of `copies` vectors of `width` lanes.
#[derive(Clone, Copy, Debug)]
struct Section {
    width: usize,
    copies: usize,
    /// Whether it is a single trip that the iterations do not fill.
    tail: bool,
}

impl Section {
    fn step(self) -> usize {
        self.width * self.copies
    }

    /// Whether a trip covers all partial results, which then stay in registers.
    fn in_registers(self) -> bool {
        self.step() == PARTIALS && self.width > 1
    }
}

/// Where the partial results of an accumulator lie.
#[derive(Clone, Copy, Debug)]
struct Partials {
    join: Join,
    partial: StackSlot,
    /// The totals of a sum.
    total: Option<StackSlot>,
    /// What they have lost.
    lost: Option<StackSlot>,
}

impl<'a> Writer<'a> {
    /// Writes a loop in lanes.
    pub(super) fn write_lanes(&mut self, inner: &'a Loop) {
        self.lane_loop = Some(inner.id);
        self.outside = self.scopes.len() - 1;
        let slots: Vec<Partials> = self.partials(&inner.accumulators);
        let start = self.start(inner);
        let (end, block) = (self.end(inner), i64::from(BLOCK));
        let alone = matches!(end, Amount::Literal(end) if end <= block);
        if inner.in_blocks() && !alone {
            self.write_blocks(inner, start, end, &slots);
        } else {
            if !self.plan(inner)[0].in_registers() {
                for slots in &slots {
                    self.clear(slots.join, slots.partial);
                }
            }
            self.write_block(inner, start, end, &slots, false);
        }
        self.lane_loop = None;
        for (accumulator, slots) in inner.accumulators.iter().zip(slots) {
            let joined = if inner.in_blocks() && !alone { slots.total } else { None };
            let result = self.join_tree(slots.join, joined.unwrap_or(slots.partial));
            self.bind(accumulator.result, result);
        }
    }

    /// Where a loop begins.
    fn start(&mut self, inner: &Loop) -> Amount {
        let Some(around) = inner.behind else { return Amount::Literal(0) };
        self.round_down(Amount::Computed(self.counters[&around]), i64::from(TRIP))
    }

    /// Writes the iterations in blocks, at the end of which the totals of sums take the partial results.
    fn write_blocks(&mut self, inner: &'a Loop, start: Amount, end: Amount, slots: &[Partials]) {
        for slots in slots {
            self.clear(slots.join, slots.partial);
            for slot in [slots.total, slots.lost].into_iter().flatten() {
                self.clear(slots.join, slot);
            }
        }
        let Some(repeat) = self.enter(start, end, &[], &[]) else { return };
        let depth = self.scopes.len() - 1;
        let end = self.materialize(end);
        let full = self.ins().iadd_imm_s(repeat.counter, i64::from(BLOCK));
        let value = self.ins().umin(full, end);
        let start = Amount::Computed(self.counter_of(&repeat));
        let end = Amount::Computed(Known { value, depth });
        self.write_block(inner, start, end, slots, true);
        for slots in slots {
            if let (Some(total), Some(lost)) = (slots.total, slots.lost) {
                self.take_partials(slots.partial, total, lost);
                self.clear(slots.join, slots.partial);
            }
        }
        self.leave(&repeat, Some(i64::from(BLOCK)), &[]);
    }

    /// Writes a loop inside of a loop in lanes.
    pub(super) fn write_in_lanes(&mut self, inner: &'a Loop) {
        let end = self.extent(inner.extent);
        let mut totals: Vec<ir::Value> =
            inner.accumulators.iter().map(|of| self.neutral(of.join)).collect();
        let types: Vec<Type> =
            totals.iter().map(|value| self.cursor.func.dfg.value_type(*value)).collect();
        if let Some(repeat) = self.enter(Amount::Literal(0), end, &totals, &types) {
            self.write_trip(inner, &repeat);
            let mut next = vec![];
            for (accumulator, total) in inner.accumulators.iter().zip(&repeat.carried) {
                let element = self.operand(accumulator.element, 0);
                next.push(self.join(accumulator.join, *total, element));
            }
            totals = self.leave(&repeat, Some(1), &next);
        }
        for (accumulator, total) in inner.accumulators.iter().zip(totals) {
            if self.width == 1 {
                self.bind(accumulator.result, total);
            } else {
                self.values[accumulator.result.0 as usize] = Binding::Varying(vec![total]);
            }
        }
    }

    /// Writes some of the iterations, beginning at a multiple of [`PARTIALS`], which join the partial
    /// results: those in memory where they go on, else what is neutral.
    fn write_block(
        &mut self,
        inner: &'a Loop,
        mut start: Amount,
        end: Amount,
        slots: &[Partials],
        goes_on: bool,
    ) {
        for section in self.plan(inner) {
            let step = i64::try_from(section.step()).expect("a few lanes");
            let part_end = if section.tail { end } else { self.round_down(end, step) };
            self.width = section.width;
            self.copies = section.copies;
            if section.in_registers() {
                self.write_in_registers(inner, section, (start, part_end), slots, goes_on);
            } else if let Some(repeat) = self.enter(start, part_end, &[], &[]) {
                if section.tail {
                    self.tail = Some(self.tail_lanes(&repeat, part_end));
                }
                self.write_trip(inner, &repeat);
                self.join_in_memory(&inner.accumulators, slots, &repeat);
                self.tail = None;
                self.leave(&repeat, (!section.tail).then_some(step), &[]);
            }
            start = part_end;
        }
        self.width = 1;
        self.copies = 1;
    }

    /// Which sections a loop gets: more copies of small bodies, which hide each other's latency.
    fn plan(&self, inner: &Loop) -> Vec<Section> {
        let width = self.vector_width();
        let single = Section { width, copies: 1, tail: false };
        if width == 1 {
            return vec![single];
        }
        let operations = inner.body.iter().filter(|statement| !is_constant(statement)).count();
        let copies = if inner.holds_loops() {
            1
        } else if operations <= TINY_BODY && !inner.accumulators.is_empty() {
            (PARTIALS / width).min(MOST_COPIES)
        } else if operations <= SMALL_BODY {
            4
        } else if operations <= MEDIUM_BODY {
            2
        } else {
            1
        };
        let several = (copies > 1).then_some(Section { copies, ..single });
        several.into_iter().chain([single, Section { tail: true, ..single }]).collect()
    }

    /// The position of each lane of the tail, which starts at the counter, and which lanes count.
    fn tail_lanes(&mut self, repeat: &Repeat, end: Amount) -> Tail {
        let depth = self.scopes.len() - 1;
        let end = self.materialize(end);
        let last = self.ins().iadd_imm_s(end, -1);
        let mut lanes = vec![self.counter_of(repeat)];
        for lane in 1..self.width {
            let lane = i64::try_from(lane).expect("a few lanes");
            let at = self.ins().iadd_imm_s(repeat.counter, lane);
            let value = self.ins().umin(at, last);
            lanes.push(Known { value, depth });
        }
        let left = self.ins().isub(end, repeat.counter);
        let left = self.narrow(left);
        let of = self.type_of(Kind::Integer);
        let left = self.ins().splat(of, left);
        let numbers = self.lane_numbers(0);
        let counting = self.ins().icmp(IntCC::SignedLessThan, numbers, left);
        Tail { lanes, counting }
    }

    /// How many lanes the widest value has.
    pub(super) fn vector_width(&self) -> usize {
        match self.real {
            _ if !self.lanes => 1,
            types::F32 => 4,
            _ => 2,
        }
    }

    /// One trip: the body once for each copy, statement by statement.
    fn write_trip(&mut self, inner: &'a Loop, repeat: &Repeat) {
        self.counters.insert(inner.id, self.counter_of(repeat));
        self.write_body(&inner.body);
    }

    fn write_in_registers(
        &mut self,
        inner: &'a Loop,
        section: Section,
        (start, end): (Amount, Amount),
        slots: &[Partials],
        goes_on: bool,
    ) {
        let mut carried = vec![];
        for slots in slots {
            if goes_on {
                carried.extend(self.load_partials(slots.join, slots.partial));
            } else {
                let neutral = self.neutral_partial(slots.join);
                carried.extend(vec![neutral; section.copies]);
            }
        }
        let types: Vec<Type> =
            carried.iter().map(|value| self.cursor.func.dfg.value_type(*value)).collect();
        if let Some(repeat) = self.enter(start, end, &carried, &types) {
            self.write_trip(inner, &repeat);
            let mut next = vec![];
            for (at, accumulator) in inner.accumulators.iter().enumerate() {
                for copy in 0..section.copies {
                    let before = repeat.carried[at * section.copies + copy];
                    next.push(self.join_element(accumulator, before, copy));
                }
            }
            let step = i64::try_from(section.step()).expect("a few lanes");
            carried = self.leave(&repeat, Some(step), &next);
        }
        for (at, slots) in slots.iter().enumerate() {
            let partials = &carried[at * section.copies..][..section.copies];
            self.store_partials(slots.partial, partials);
        }
    }

    /// Joins the elements of a trip with the partial results that they belong to.
    fn join_in_memory(
        &mut self,
        accumulators: &[Accumulator],
        slots: &[Partials],
        repeat: &Repeat,
    ) {
        if accumulators.is_empty() {
            return;
        }
        let element_size = i64::from(self.integer.bytes());
        let partials = i64::try_from(PARTIALS).expect("16");
        let phase = self.ins().band_imm_s(repeat.counter, partials - 1);
        let phase = self.ins().imul_imm_s(phase, element_size);
        for (accumulator, slot) in accumulators.iter().zip(slots) {
            let slot = self.ins().stack_addr(types::I64, slot.partial, 0);
            let pointer = self.ins().iadd(slot, phase);
            let of = self.partial_type(accumulator.join);
            for copy in 0..self.copies {
                let offset = partial_offset(of, copy);
                let before = self.ins().load(of, partial_flags(), pointer, offset);
                let mut after = self.join_element(accumulator, before, copy);
                if let Some(counting) = self.tail.as_ref().map(|tail| tail.counting) {
                    after = self.choose(counting, after, before);
                }
                self.ins().store(partial_flags(), after, pointer, offset);
            }
        }
    }

    /// What a partial result has after the element of an iteration.
    fn join_element(&mut self, of: &Accumulator, before: ir::Value, copy: usize) -> ir::Value {
        let mut element = self.operand(of.element, copy);
        if let Some(factor) = of.factor {
            let factor = self.operand(factor, copy);
            return self.multiply_add(element, factor, before);
        }
        if self.width == 1 && of.join.kind() == Kind::Mask {
            let integer = self.partial_type(of.join);
            element = self.ins().bmask(integer, element);
        }
        self.join(of.join, before, element)
    }

    /// Joins all partial results: `p` takes `p + 16`, then `p + 8` and so on.
    fn join_tree(&mut self, join: Join, slot: StackSlot) -> ir::Value {
        self.width = self.vector_width();
        let mut partials = self.load_partials(join, slot);
        while partials.len() > 1 {
            partials = self.fold(join, &partials);
        }
        if self.width > 1 {
            let lanes = u8::try_from(self.width).expect("a few lanes");
            let vector = partials[0];
            partials = (0..lanes).map(|lane| self.ins().extractlane(vector, lane)).collect();
            self.width = 1;
        }
        while partials.len() > 1 {
            partials = self.fold(join, &partials);
        }
        match join.kind() {
            Kind::Mask => self.ins().icmp_imm_s(IntCC::NotEqual, partials[0], 0),
            Kind::Real | Kind::Integer => partials[0],
        }
    }

    /// Joins the lower half with the upper half.
    fn fold(&mut self, join: Join, partials: &[ir::Value]) -> Vec<ir::Value> {
        let (low, high) = partials.split_at(partials.len() / 2);
        low.iter().zip(high).map(|(a, b)| self.join(join, *a, *b)).collect()
    }

    /// Makes all partial results in a slot neutral.
    fn clear(&mut self, join: Join, slot: StackSlot) {
        self.width = self.vector_width();
        let neutral = self.neutral_partial(join);
        self.store_partials(slot, &vec![neutral; PARTIALS / self.width]);
        self.width = 1;
    }

    /// Lets the totals of a sum take its partial results.
    fn take_partials(&mut self, partial: StackSlot, total: StackSlot, lost: StackSlot) {
        let bytes = i64::try_from(PARTIALS).expect("16") * i64::from(self.integer.bytes());
        let end = Amount::Literal(bytes);
        let Some(repeat) = self.enter(Amount::Literal(0), end, &[], &[]) else { return };
        self.width = self.vector_width();
        let of = self.type_of(Kind::Real);
        let pointers = [partial, total, lost].map(|slot| {
            let slot = self.ins().stack_addr(types::I64, slot, 0);
            self.ins().iadd(slot, repeat.counter)
        });
        let [element, before, lost] =
            pointers.map(|pointer| self.ins().load(of, partial_flags(), pointer, 0));
        let (after, lost) = self.add_with_compensation(before, lost, element);
        self.ins().store(partial_flags(), after, pointers[1], 0);
        self.ins().store(partial_flags(), lost, pointers[2], 0);
        self.width = 1;
        self.leave(&repeat, Some(i64::from(of.bytes())), &[]);
    }

    fn load_partials(&mut self, join: Join, slot: StackSlot) -> Vec<ir::Value> {
        let of = self.partial_type(join);
        let pointer = self.ins().stack_addr(types::I64, slot, 0);
        let offsets = (0..PARTIALS / self.width).map(|at| partial_offset(of, at));
        offsets.map(|offset| self.ins().load(of, partial_flags(), pointer, offset)).collect()
    }

    fn store_partials(&mut self, slot: StackSlot, partials: &[ir::Value]) {
        let pointer = self.ins().stack_addr(types::I64, slot, 0);
        for (at, partial) in partials.iter().enumerate() {
            let offset = partial_offset(self.cursor.func.dfg.value_type(*partial), at);
            self.ins().store(partial_flags(), *partial, pointer, offset);
        }
    }

    /// The type of partial results: masks are kept as integers with all bits alike.
    fn partial_type(&self, join: Join) -> Type {
        match join.kind() {
            Kind::Mask => self.type_of(Kind::Integer),
            kind => self.type_of(kind),
        }
    }

    /// The memory for the partial results of accumulators.
    fn partials(&mut self, accumulators: &[Accumulator]) -> Vec<Partials> {
        let mut count = 0;
        let mut slot = || {
            count += 1;
            self.slot(count - 1)
        };
        let of = |accumulator: &Accumulator| {
            let join = accumulator.join;
            let partial = slot();
            let is_sum = join == Join::Sum;
            let [total, lost] = [(); 2].map(|()| is_sum.then(&mut slot));
            Partials { join, partial, total, lost }
        };
        accumulators.iter().map(of).collect()
    }

    /// The memory for partial results at some place.
    fn slot(&mut self, at: usize) -> StackSlot {
        if self.slots.len() == at {
            let partials = u32::try_from(PARTIALS).expect("16");
            let size = self.integer.bytes() * partials;
            let data = StackSlotData::new(StackSlotKind::ExplicitSlot, size, 4);
            self.slots.push(self.cursor.func.create_sized_stack_slot(data));
        }
        self.slots[at]
    }
}

/// Where a partial result of a type lies in its slot.
fn partial_offset(of: Type, at: usize) -> i32 {
    let size = i32::try_from(of.bytes()).expect("16 bytes");
    i32::try_from(at).expect("a few partial results") * size
}

/// Stack memory: always there, aligned to 16 bytes.
fn partial_flags() -> MemFlagsData {
    MemFlagsData::new().with_notrap()
}

fn is_constant(statement: &Statement) -> bool {
    matches!(
        statement,
        Statement::Let(_, Operation::Real(_) | Operation::Integer(_) | Operation::Mask(_))
    )
}
