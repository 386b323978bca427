//! Loops in lanes: blocks, a section of whole trips and one for what is left, and what stays in registers.

use iced_x86::{Code, Instruction, Register};

use super::accumulators::Partials;
use super::assembler::at;
use super::codes::Form;
use super::memory::{COUNTER, SCRATCH, SECOND};
use super::tiles::Way;
use super::totals::SPARE;
use super::turn::TURNING;
use super::uses::Uses;
use super::values::mask;
use super::{Body, STACK, Writer};
use crate::loops::{BLOCK, Extent, Loop, PARTIALS, Precision, Statement, TRIP};

/// Bodies of at most so many operations get four copies, or as many as there are vectors of partial results.
const SMALL_BODY: usize = 12;
/// Bodies of at most so many operations get two copies; larger ones if there are registers for them: side by side, copies hide how
/// long each operation takes. More copies would leave no registers for constants, and reading these takes longer than it hides.
const MEDIUM_BODY: usize = 28;

impl<'p> Writer<'p> {
    /// Writes a loop in lanes.
    pub(super) fn write_lanes(&mut self, inner: &Loop) {
        let plain = std::mem::replace(&mut self.form, self.wide_form);
        let alone = matches!(inner.extent, Extent::Literal(end) if end <= BLOCK);
        let blocks = inner.in_blocks() && !alone;
        let after = self.code.label();
        let tiles = self.find_tiles(inner);
        let sections = Sections::new(self, inner, !tiles.is_empty());
        let mut partials = self.begin_partials(&inner.accumulators, blocks, sections.in_registers);
        self.lanes = Some(inner.id);
        self.form = plain;
        let in_register = sections.stored_counter().is_none();
        let mut body = Body::new(self.uses(inner), Some(inner.id), in_register);
        self.place_tiles(tiles, sections.copies);
        self.find_what_differs(&inner.body);
        self.write_bases(&mut body, &inner.body, in_register);
        if in_register && sections.operations > MEDIUM_BODY / 2 {
            self.write_bases_ahead(&mut body);
        }
        self.form = self.wide_form;
        if sections.in_registers {
            self.pin_partials(&mut partials);
        }
        self.skip_unless_it_runs(inner, after);
        let left = self.pin_what_stays(inner, &body.uses, &sections, partials.len());
        if blocks && sections.in_registers {
            self.pin_totals_of_blocks(&mut partials, left);
        }
        self.begin_counter(inner);
        if inner.behind.is_some() {
            self.begin_totals_of_blocks(&partials);
        }
        let block = self.code.label();
        self.code.bind(block);
        if blocks {
            self.find_end_of_block(inner.extent, sections.end);
        } else {
            self.load_extent(inner.extent);
            self.code.store(Code::Mov_rm64_r64, at(STACK, sections.end), SECOND);
        }
        body = self.write_main_section(inner, body, &sections, &partials);
        body = self.write_tail_section(inner, body, &sections, &mut partials);
        if blocks {
            self.end_block(&partials, inner.extent, [block, after]);
        }
        self.unpin_what_stays();
        self.unpin_totals_of_blocks(&mut partials);
        self.code.bind(after);
        self.release_tiles();
        self.lanes = None;
        self.release_bases(&body);
        sections.release(self);
        let homes: Vec<_> = partials.iter().map(|partials| self.join_tree(partials)).collect();
        self.release_partials(&partials);
        self.form = plain;
        for (accumulator, home) in inner.accumulators.iter().zip(homes) {
            self.define_in_memory(accumulator.result, 0, home);
        }
    }

    /// Where a loop begins, in the counter.
    fn begin_counter(&mut self, inner: &Loop) {
        let Some(around) = inner.behind else { return self.clear_general(COUNTER) };
        self.code.load(Code::Mov_r64_rm64, COUNTER, at(STACK, self.counters[&around]));
        let trip = i32::try_from(TRIP).expect("a small number");
        self.code.number(Code::And_rm64_imm32, COUNTER, -trip);
    }

    /// An extent in the second scratch register.
    pub(super) fn load_extent(&mut self, extent: Extent) {
        match extent {
            Extent::Literal(literal) => self.load_number(SECOND, literal),
            Extent::Given(id) => {
                let slot = self.extents[id.0 as usize];
                self.code.load(Code::Mov_r64_rm64, SECOND, at(STACK, slot));
            }
        }
    }

    /// The end of the block that begins at the counter, into memory.
    fn find_end_of_block(&mut self, extent: Extent, end: i32) {
        self.load_extent(extent);
        let block = i32::try_from(BLOCK).expect("a small number");
        self.code.load(Code::Lea_r64_m, SCRATCH, at(COUNTER, block));
        self.code.two(Code::Cmp_r64_rm64, SCRATCH, SECOND);
        self.code.two(Code::Cmova_r64_rm64, SCRATCH, SECOND);
        self.code.store(Code::Mov_rm64_r64, at(STACK, end), SCRATCH);
    }

    /// The iterations that fill whole trips.
    fn write_main_section(
        &mut self,
        inner: &Loop,
        body: Body<'p>,
        sections: &Sections,
        partials: &[Partials],
    ) -> Body<'p> {
        let step = i32::try_from(sections.copies * self.lane_count()).expect("a few lanes");
        let (again, after) = (self.code.label(), self.code.label());
        self.code.load(Code::Mov_r64_rm64, SCRATCH, at(STACK, sections.end));
        self.code.number(Code::And_rm64_imm32, SCRATCH, -step);
        self.code.store(Code::Mov_rm64_r64, at(STACK, sections.main_end), SCRATCH);
        self.code.two(Code::Cmp_r64_rm64, COUNTER, SCRATCH);
        self.code.jump(Code::Jae_rel32_64, after);
        self.copies = sections.copies;
        self.code.align();
        self.code.bind(again);
        let body = self.begin_trip(body, sections);
        let body = self.write_trip(inner, body, sections, partials);
        self.advance(sections, step);
        self.code.load(Code::Cmp_r64_rm64, COUNTER, at(STACK, sections.main_end));
        self.code.jump(Code::Jb_rel32_64, again);
        self.copies = 1;
        self.code.bind(after);
        body
    }

    /// What is left, a vector at a time, the last one with lanes that do not count.
    fn write_tail_section(
        &mut self,
        inner: &Loop,
        body: Body<'p>,
        sections: &Sections,
        partials: &mut [Partials],
    ) -> Body<'p> {
        let (again, after) = (self.code.label(), self.code.label());
        let end = at(STACK, sections.end);
        self.code.load(Code::Cmp_r64_rm64, COUNTER, end);
        self.code.jump(Code::Jae_rel32_64, after);
        self.tail = true;
        let registers = self.store_partials(partials);
        self.code.bind(again);
        self.code.load(Code::Mov_r64_rm64, SCRATCH, end);
        self.code.two(Code::Sub_r64_rm64, SCRATCH, COUNTER);
        self.code.store(Code::Mov_rm64_r64, at(STACK, self.remaining), SCRATCH);
        let body = self.begin_trip(body, sections);
        self.code.load(Code::Mov_r64_rm64, SCRATCH, at(STACK, self.remaining));
        self.find_tail_lanes();
        let body = self.write_trip(inner, body, sections, partials);
        if self.form != Form::Zmm {
            self.unpin(self.tail_lanes);
        }
        let step = i32::try_from(self.lane_count()).expect("a few lanes");
        self.advance(sections, step);
        self.code.load(Code::Cmp_r64_rm64, COUNTER, end);
        self.code.jump(Code::Jb_rel32_64, again);
        self.tail = false;
        self.load_partials(partials, registers);
        self.code.bind(after);
        body
    }

    fn write_trip(
        &mut self,
        inner: &Loop,
        body: Body<'p>,
        sections: &Sections,
        partials: &[Partials],
    ) -> Body<'p> {
        let in_register = body.counter_in_register;
        let body = self.write_body(body, &inner.body, |writer| {
            let whole = writer.copies * writer.lane_count() >= PARTIALS;
            if partials.is_empty() {
                return;
            }
            if !in_register {
                writer.code.load(Code::Mov_r64_rm64, COUNTER, at(STACK, sections.counter));
            }
            let phase = (!whole).then(|| {
                let partials = i32::try_from(PARTIALS).expect("a small number");
                writer.code.two(Code::Mov_r64_rm64, SCRATCH, COUNTER);
                writer.code.number(Code::And_rm64_imm32, SCRATCH, partials - 1);
                let shift = if writer.program.precision == Precision::F32 { 2 } else { 3 };
                writer.code.number(Code::Shl_rm64_imm8, SCRATCH, shift);
                SCRATCH
            });
            writer.join_partials(partials, phase);
        });
        self.move_tiles(body, Way::Out)
    }

    /// What comes in front of a trip.
    fn begin_trip(&mut self, body: Body<'p>, sections: &Sections) -> Body<'p> {
        if let Some(counter) = sections.stored_counter() {
            self.code.store(Code::Mov_rm64_r64, at(STACK, counter), COUNTER);
        }
        self.move_tiles(body, Way::In)
    }

    /// Goes on by some iterations.
    fn advance(&mut self, sections: &Sections, step: i32) {
        if let Some(counter) = sections.stored_counter() {
            self.code.load(Code::Mov_r64_rm64, COUNTER, at(STACK, counter));
        }
        self.code.number(Code::Add_rm64_imm32, COUNTER, step);
    }

    /// Finds which lanes are not past the end, given how many there are in the scratch register.
    pub(super) fn find_tail_lanes(&mut self) {
        let lanes = i32::try_from(self.lane_count()).expect("a few lanes");
        self.code.number(Code::Mov_rm64_imm32, SECOND, lanes);
        self.code.two(Code::Cmp_r64_rm64, SCRATCH, SECOND);
        self.code.two(Code::Cmova_r64_rm64, SCRATCH, SECOND);
        if self.form == Form::Zmm {
            self.code.number(Code::Mov_rm64_imm32, SECOND, -1);
            let bits = Instruction::with3(
                Code::VEX_Bzhi_r32_rm32_r32,
                Register::EDX,
                Register::EDX,
                Register::ECX,
            );
            self.code.put(&bits.expect("three registers"));
            return self.code.two(Code::VEX_Kmovw_kr_r32, mask(1), Register::EDX);
        }
        // All ones, then zeros: lanes that count begin as far in front of the zeros as there are.
        let bytes = self.form.bytes();
        let table = [vec![0xff; bytes], vec![0; bytes]].concat();
        let table = self.code.constant(&table);
        let size = bytes / self.lane_count();
        let shift = i32::try_from(size.ilog2()).expect("2 or 3");
        self.code.number(Code::Shl_rm64_imm8, SCRATCH, shift);
        self.code.load(Code::Lea_r64_m, SECOND, at(super::assembler::POOL, table));
        self.code.number(Code::Add_rm64_imm32, SECOND, i32::try_from(bytes).expect("32"));
        self.code.two(Code::Sub_r64_rm64, SECOND, SCRATCH);
        self.tail_lanes = self.pin();
        self.load_vector(self.vector(self.tail_lanes), at(SECOND, 0));
    }

    /// Keeps the constants and the values from outside that a loop in lanes uses most in registers, and says how
    /// many of those are left.
    fn pin_what_stays(
        &mut self,
        inner: &Loop,
        uses: &Uses,
        sections: &Sections,
        partials: usize,
    ) -> usize {
        if self.form == Form::Ymm {
            for (value, _) in uses.outside() {
                self.broadcast_to_memory(value);
            }
        }
        if !sections.is_straight {
            return 0;
        }
        let taken = if sections.in_registers { partials * self.vectors_of_partials() } else { 0 };
        // Registers for what is in between; the tail, which needs some too, has one copy.
        let spare = if self.form == Form::Zmm || sections.copies >= 4 { 2 } else { 4 };
        let mut needed = (uses.pressure() * sections.copies + spare).max(SPARE) + taken;
        if !self.tiles.is_empty() {
            needed = needed.max(TURNING);
        }
        self.pin_most_used(&inner.body, uses, needed);
        self.register_count().saturating_sub(needed + self.pinned.len())
    }

    fn unpin_what_stays(&mut self) {
        self.unpin_most_used();
        let slots: Vec<i32> = std::mem::take(&mut self.broadcasts).into_values().collect();
        for slot in slots {
            self.frame.release_vector(slot);
        }
    }
}

/// How a loop in lanes is divided.
pub(super) struct Sections {
    /// How many copies of the body a trip of the main section has.
    copies: usize,
    /// Whether partial results are in registers there.
    in_registers: bool,
    /// Whether the body holds no loops.
    is_straight: bool,
    has_tiles: bool,
    /// How many operations the body has.
    operations: usize,
    counter: i32,
    /// Where a block ends, and its whole trips.
    end: i32,
    main_end: i32,
}

impl Sections {
    fn new(writer: &mut Writer<'_>, inner: &Loop, has_tiles: bool) -> Self {
        let is_straight = !inner.holds_loops();
        let [counter, end, main_end] = [(); 3].map(|()| writer.frame.word());
        writer.counters.insert(inner.id, counter);
        let operations = inner.body.len() - own_constants(writer, inner);
        let vectors = writer.vectors_of_partials();
        let room = if writer.form == Form::Zmm { 8 } else { 4 };
        let fits = inner.accumulators.len() * vectors <= room && !inner.accumulators.is_empty();
        let pressure = writer.uses(inner).pressure();
        let taken = if fits { inner.accumulators.len() * vectors } else { 0 };
        // A value a copy in memory costs less than it helps.
        let has_room = 2 * pressure + taken <= writer.register_count() + 2;
        let copies = match operations {
            _ if !is_straight => 2,
            most if most <= SMALL_BODY && !has_tiles => {
                if fits {
                    vectors.max(4)
                } else {
                    4
                }
            }
            _ if has_tiles => 2,
            most if most <= MEDIUM_BODY => 2,
            _ if has_room => 2,
            _ => 1,
        };
        let in_registers = is_straight && fits && copies % vectors == 0;
        Self { copies, in_registers, is_straight, has_tiles, operations, counter, end, main_end }
    }

    /// Where the counter is kept while general registers are wanted for other things.
    fn stored_counter(&self) -> Option<i32> {
        (!self.is_straight || self.has_tiles).then_some(self.counter)
    }

    fn release(self, writer: &mut Writer<'_>) {
        for slot in [self.counter, self.end, self.main_end] {
            writer.frame.release_word(slot);
        }
    }
}

fn own_constants(writer: &Writer<'_>, inner: &Loop) -> usize {
    let is_constant = |statement: &&Statement| match statement {
        Statement::Let(value, _) => writer.constants.has(*value),
        Statement::Store { .. } | Statement::Loop(_) | Statement::Product(_) => false,
    };
    inner.body.iter().filter(is_constant).count()
}
