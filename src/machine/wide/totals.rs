//! What accumulators of plain loops come to: totals in memory, or in registers while an innermost loop runs.

use super::assembler::at;
use super::values::{Home, Source};
use super::{STACK, Writer};
use crate::loops::{Accumulator, Join, Operation, Value};

/// How many registers operations want beside those that are reserved.
pub(super) const SPARE: usize = 6;

/// What an accumulator of a plain loop has come to, in memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Totals {
    join: Join,
    element: Value,
    /// The copy of the body whose elements it takes.
    copy: usize,
    total: i32,
    /// By how much a sum is too large.
    lost: Option<i32>,
    /// The register that has the total inside of the loop.
    register: Option<usize>,
}

impl Writer<'_> {
    /// Makes neutral totals of a plain loop: for each accumulator one for each copy of the body.
    pub(super) fn begin_totals(&mut self, accumulators: &[Accumulator]) -> Vec<Totals> {
        let mut all = vec![];
        for accumulator in accumulators {
            let Accumulator { join, element, .. } = *accumulator;
            let compensated = join == Join::Sum && self.lanes.is_none();
            for copy in 0..self.copies {
                let total = self.plain_total(&join.neutral());
                let lost = compensated.then(|| self.plain_total(&join.neutral()));
                all.push(Totals { join, element, copy, total, lost, register: None });
            }
        }
        all
    }

    /// Moves totals that are not compensated into registers of their own, if so many are left beside those that the
    /// body needs.
    pub(super) fn pin_totals(&mut self, all: &mut [Totals], needed: usize) {
        let count = all.iter().filter(|totals| totals.lost.is_none()).count();
        if needed.max(SPARE) + count > self.register_count() {
            return;
        }
        for totals in all.iter_mut().filter(|totals| totals.lost.is_none()) {
            let register = self.pin();
            self.load_vector(self.vector(register), at(STACK, totals.total));
            totals.register = Some(register);
        }
    }

    /// Moves totals back to memory.
    pub(super) fn unpin_totals(&mut self, all: &mut [Totals]) {
        for totals in all {
            if let Some(register) = totals.register.take() {
                self.store_vector(at(STACK, totals.total), self.vector(register));
                self.unpin(register);
            }
        }
    }

    fn plain_total(&mut self, neutral: &Operation) -> i32 {
        let register = self.take(false);
        self.load_constant(register, neutral);
        let slot = self.frame.vector();
        self.store_vector(at(STACK, slot), self.vector(register));
        self.unlock();
        slot
    }

    /// Lets the totals of a plain loop take the elements of an iteration.
    pub(super) fn join_totals(&mut self, all: &[Totals]) {
        let tail = std::mem::replace(&mut self.tail, false);
        for totals in all {
            let memory = at(STACK, totals.total);
            if let Some([which, number]) = self.sums.get(&totals.element).copied() {
                let counted = self.mask_register(which, totals.copy);
                let number = self.source(number, totals.copy);
                let register = totals.register.unwrap_or_else(|| self.take(false));
                let register = self.vector(register);
                if totals.register.is_none() {
                    self.load_vector(register, memory);
                }
                self.add_where(counted, register, number);
                if totals.register.is_none() {
                    self.store_vector(memory, register);
                }
                self.unlock();
                continue;
            }
            let source = self.element(totals.join, totals.element, totals.copy);
            if let Some(register) = totals.register {
                let register = self.vector(register);
                self.join(totals.join, register, register, source);
                self.unlock();
                continue;
            }
            let total = self.take(false);
            let total = self.vector(total);
            self.load_vector(total, memory);
            if let Some(slot) = totals.lost {
                let [lost, element] = [(); 2].map(|()| self.take(false)).map(|at| self.vector(at));
                self.load_vector(lost, at(STACK, slot));
                match source {
                    Source::Register(from) => self.move_register(element, from),
                    Source::Memory(from) => self.load_vector(element, from),
                }
                self.add_with_compensation(total, lost, element);
                self.store_vector(at(STACK, slot), lost);
            } else {
                self.join(totals.join, total, total, source);
            }
            self.store_vector(memory, total);
            self.unlock();
        }
        self.tail = tail;
    }

    /// What the totals of a plain loop have come to.
    pub(super) fn end_totals(&mut self, all: Vec<Totals>) -> Vec<Home> {
        let mut homes = vec![];
        for totals in all {
            if let Some(slot) = totals.lost {
                self.frame.release_vector(slot);
            }
            if self.lanes.is_some() {
                homes.push(Home::Vector(totals.total));
                continue;
            }
            let register = self.take(false);
            self.load_vector(self.vector(register), at(STACK, totals.total));
            let slot = self.frame.word();
            self.store_element(at(STACK, slot), self.vector(register));
            self.frame.release_vector(totals.total);
            self.unlock();
            homes.push(Home::Scalar(slot));
        }
        homes
    }
}
