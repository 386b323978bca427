//! Lanes one by one, wherever they lie in memory.

use iced_x86::{Code, MemoryOperand};

use super::assembler::at;
use super::memory::{Access, SCRATCH, SECOND, THIRD};
use super::strides::Stride;
use super::values::Home;
use super::{STACK, Writer};
use crate::loops::Value;

/// What a position that differs between lanes adds to an address.
struct Term<'p> {
    /// Where the positions lie, one behind the other.
    positions: i32,
    is_copy: bool,
    stride: Stride<'p>,
    /// Where the stride lies if it is not a number.
    product: Option<i32>,
}

impl<'p> Writer<'p> {
    /// Writes code for each lane that is not past the end, given where it lies.
    pub(super) fn for_each_lane(
        &mut self,
        access: &Access<'p>,
        copy: usize,
        write: impl Fn(&mut Self, i32, MemoryOperand),
    ) {
        let steps: Vec<(Stride<'p>, Option<i32>)> =
            access.lane.iter().map(|stride| (*stride, self.product(*stride))).collect();
        let terms: Vec<Term<'p>> =
            access.lanes.iter().map(|(value, stride)| self.term(*value, *stride, copy)).collect();
        let first = self.place(access, copy);
        self.code.load(Code::Lea_r64_m, SCRATCH, first);
        let end = self.code.label();
        for lane in 0..i32::try_from(self.lane_count()).expect("a few lanes") {
            if self.tail {
                let remaining = at(STACK, self.remaining);
                self.code.number_in_memory(Code::Cmp_rm64_imm32, remaining, lane);
                self.code.jump(Code::Jbe_rel32_64, end);
            }
            for (stride, product) in steps.iter().filter(|_| lane > 0) {
                match (product, stride.literal()) {
                    (Some(slot), _) => {
                        self.code.load(Code::Add_r64_rm64, SCRATCH, at(STACK, *slot));
                    }
                    (None, bytes) => {
                        let bytes = bytes.expect("strides that are no numbers have a product");
                        self.code.number(Code::Add_rm64_imm32, SCRATCH, bytes);
                    }
                }
            }
            let place = self.lane_place(&terms, lane);
            write(self, lane, place);
        }
        self.code.bind(end);
        let products =
            terms.iter().map(|term| term.product).chain(steps.iter().map(|(_, slot)| *slot));
        products.flatten().for_each(|slot| self.frame.release_word(slot));
        for term in terms.iter().filter(|term| term.is_copy) {
            self.frame.release_vector(term.positions);
        }
    }

    /// Where a lane lies, the scratch register holding what all have in common.
    fn lane_place(&mut self, terms: &[Term<'_>], lane: i32) -> MemoryOperand {
        if terms.is_empty() {
            return at(SCRATCH, 0);
        }
        self.code.two(Code::Mov_r64_rm64, THIRD, SCRATCH);
        for term in terms {
            self.read_element(at(STACK, term.positions + lane * self.element_size()));
            match (term.product, term.stride.literal()) {
                (Some(slot), _) => {
                    self.code.load(Code::Imul_r64_rm64, SECOND, at(STACK, slot));
                }
                (None, _) => self.multiply(SECOND, term.stride),
            }
            self.code.two(Code::Add_r64_rm64, THIRD, SECOND);
        }
        at(THIRD, 0)
    }

    fn term(&mut self, value: Value, stride: Stride<'p>, copy: usize) -> Term<'p> {
        let location = self.values[&self.key(value, copy)];
        let product = self.product(stride);
        let (positions, is_copy) = match (location.home, location.register()) {
            (Some(Home::Vector(slot)), _) => (slot, false),
            (_, Some(register)) => {
                let slot = self.frame.vector();
                self.store_vector(at(STACK, slot), self.vector(register));
                (slot, true)
            }
            (other, None) => unreachable!("positions in lanes are kept as {other:?}"),
        };
        Term { positions, is_copy, stride, product }
    }

    /// The memory with a stride that is no number.
    fn product(&mut self, stride: Stride<'_>) -> Option<i32> {
        if stride.literal().is_some() {
            return None;
        }
        let slot = self.frame.word();
        self.code.number(Code::Mov_rm64_imm32, SECOND, 1);
        self.multiply(SECOND, stride);
        self.code.store(Code::Mov_rm64_r64, at(STACK, slot), SECOND);
        Some(slot)
    }
}
