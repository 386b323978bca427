//! Totals of accumulators: what goes round while a loop runs, sums with what they have lost.

use cranelift::codegen::ir::condcodes::FloatCC;
use cranelift::codegen::ir::{self, InstBuilder, Type};

use super::address::Amount;
use super::clif::{Repeat, Writer};
use crate::loops::{Accumulator, Join};

impl Writer<'_> {
    /// Writes a loop from 0, the body of which gives an element for each accumulator, and
    /// gives the totals after it, in the order that [`crate::loops`] states.
    pub(super) fn repeat_totals(
        &mut self,
        accumulators: &[Accumulator],
        end: Amount,
        body: impl FnOnce(&mut Self, &Repeat) -> Vec<ir::Value>,
    ) -> Vec<ir::Value> {
        let mut totals: Vec<ir::Value> =
            accumulators.iter().map(|of| self.neutral(of.join)).collect();
        for _ in sums(accumulators) {
            totals.push(self.neutral(Join::Sum));
        }
        let types: Vec<Type> =
            totals.iter().map(|value| self.cursor.func.dfg.value_type(*value)).collect();
        if let Some(repeat) = self.enter(Amount::Literal(0), end, &totals, &types) {
            let elements = body(self, &repeat);
            let next = self.take(accumulators, &repeat.carried, &elements);
            totals = self.leave(&repeat, Some(1), &next);
        }
        totals.truncate(accumulators.len());
        totals
    }

    /// What goes round after the totals have taken an element each.
    fn take(
        &mut self,
        accumulators: &[Accumulator],
        before: &[ir::Value],
        elements: &[ir::Value],
    ) -> Vec<ir::Value> {
        let (totals, lost) = before.split_at(accumulators.len());
        let mut lost = lost.iter();
        let (mut next, mut next_lost) = (vec![], vec![]);
        for ((accumulator, total), element) in accumulators.iter().zip(totals).zip(elements) {
            if accumulator.join == Join::Sum {
                let lost = lost.next().expect("one for each sum");
                let (total, lost) = self.add_with_compensation(*total, *lost, *element);
                next.push(total);
                next_lost.push(lost);
            } else {
                next.push(self.join(accumulator.join, *total, *element));
            }
        }
        next.extend(next_lost);
        next
    }

    /// Adds an element to a total that is too large by what was lost; gives both anew (Kahan 1965).
    pub(super) fn add_with_compensation(
        &mut self,
        total: ir::Value,
        lost: ir::Value,
        element: ir::Value,
    ) -> (ir::Value, ir::Value) {
        let element = self.ins().fsub(element, lost);
        let sum = self.ins().fadd(total, element);
        let taken = self.ins().fsub(sum, total);
        let lost = self.ins().fsub(taken, element);
        let rest = self.ins().fsub(lost, lost);
        let finite = self.ins().fcmp(FloatCC::Equal, rest, rest);
        let zero = self.real_constant(0.0);
        (sum, self.choose(finite, lost, zero))
    }
}

/// The accumulators that lose something.
fn sums(accumulators: &[Accumulator]) -> impl Iterator<Item = &Accumulator> {
    accumulators.iter().filter(|accumulator| accumulator.join == Join::Sum)
}
