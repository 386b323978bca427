//! Where elements lie: sums of subscripts times strides, each part computed as far out as it is known.
//!
//! Every term is computed once, in front of the outermost loop inside of which it stays the same.
//! That is integer arithmetic, harmless where the loop then does not run.

use cranelift::codegen::cursor::{Cursor, FuncCursor};
use cranelift::codegen::ir::{self, InstBuilder, MemFlagsData, Type, types};

use super::clif::{Binding, Writer};
use crate::loops::{ArrayId, Extent, Operation, PARTIALS, Subscript};

/// A computed value, and how many loops around it it depends on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Known {
    pub(super) value: ir::Value,
    pub(super) depth: usize,
}

/// A number of bytes or elements: known now, or by the code.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Amount {
    Literal(i64),
    Computed(Known),
}

/// A computation without effects: computed once for the same operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Pure {
    Add(ir::Value, ir::Value),
    Multiply(ir::Value, ir::Value),
    Scale(ir::Value, i64),
    ShiftLeft(ir::Value, u32),
    /// Clears low bits: the largest multiple of a power of two.
    RoundDown(ir::Value, i64),
    /// A 32-bit integer as 64 bits.
    Extend(ir::Value),
    /// What is left modulo a power of two.
    Remainder(ir::Value, i64),
    /// The low bits of a counter or extent as an integer of the program.
    Narrow(ir::Value),
    Lane(ir::Value, u8),
    Splat(ir::Value, Type),
    /// A scalar mask, in all lanes.
    SplatMask(ir::Value, Type),
    Constant(ir::Constant, Type),
    /// An element of an array that does not change in the loop, in all lanes.
    LoadSplat(Type, ir::Value, i32),
}

/// The address of an element.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) pointer: ir::Value,
    pub(super) offset: i32,
    depth: usize,
}

impl Writer<'_> {
    /// The value of a computation that depends on `depth` loops: one that is in reach, or else
    /// written as far out as may be.
    ///
    /// Arithmetic goes in front of the branch into the loop, harmless where the loop then does not
    /// run, and stays in reach after the loop. A load goes behind that branch.
    pub(super) fn pure(&mut self, what: Pure, depth: usize) -> Known {
        for scope in self.scopes.iter().rev() {
            if let Some(&value) = scope.known.get(&what) {
                return Known { value, depth };
            }
        }
        let here = self.scopes.len() - 1;
        let position = self.cursor.position();
        let mut scope = depth.min(here);
        if depth < here {
            let inner = &self.scopes[depth + 1];
            if matches!(what, Pure::LoadSplat(..)) {
                scope = depth + 1;
                self.cursor.goto_inst(inner.entry);
            } else {
                self.cursor.goto_inst(inner.branch);
            }
        }
        let value = write_pure(&mut self.cursor, what);
        self.cursor.set_position(position);
        self.scopes[scope].known.insert(what, value);
        Known { value, depth }
    }

    pub(super) fn extent(&self, extent: Extent) -> Amount {
        match extent {
            Extent::Literal(literal) => Amount::Literal(i64::from(literal)),
            Extent::Given(id) => {
                Amount::Computed(Known { value: self.extents[id.0 as usize], depth: 0 })
            }
        }
    }

    fn add(&mut self, a: Known, b: Known) -> Known {
        self.pure(Pure::Add(a.value, b.value), a.depth.max(b.depth))
    }

    fn multiply(&mut self, a: Amount, b: Amount) -> Amount {
        match (a, b) {
            (Amount::Literal(a), Amount::Literal(b)) => Amount::Literal(a.wrapping_mul(b)),
            (Amount::Computed(a), Amount::Literal(b))
            | (Amount::Literal(b), Amount::Computed(a)) => match b {
                0 => Amount::Literal(0),
                1 => Amount::Computed(a),
                b if b > 0 && b & (b - 1) == 0 => Amount::Computed(
                    self.pure(Pure::ShiftLeft(a.value, b.trailing_zeros()), a.depth),
                ),
                b => Amount::Computed(self.pure(Pure::Scale(a.value, b), a.depth)),
            },
            (Amount::Computed(a), Amount::Computed(b)) => {
                Amount::Computed(self.pure(Pure::Multiply(a.value, b.value), a.depth.max(b.depth)))
            }
        }
    }

    /// The largest multiple of a power of two that is not above an amount.
    pub(super) fn round_down(&mut self, amount: Amount, step: i64) -> Amount {
        match amount {
            Amount::Literal(literal) => Amount::Literal(literal & -step),
            Amount::Computed(known) if step > 1 => {
                Amount::Computed(self.pure(Pure::RoundDown(known.value, step), known.depth))
            }
            Amount::Computed(known) => Amount::Computed(known),
        }
    }

    /// An amount as a value.
    pub(super) fn materialize(&mut self, amount: Amount) -> ir::Value {
        match amount {
            Amount::Literal(literal) => self.ins().iconst(types::I64, literal),
            Amount::Computed(known) => known.value,
        }
    }

    /// Where an element lies, for one copy of the body and one lane of it.
    pub(super) fn place(
        &mut self,
        array: ArrayId,
        subscripts: &[Subscript],
        copy: usize,
        lane: usize,
    ) -> Place {
        let stated = &self.program.arrays[array.0 as usize];
        let mut stride = Amount::Literal(i64::from(self.integer.bytes()));
        let mut literal = 0i64;
        let mut terms = vec![];
        for (subscript, extent) in subscripts.iter().zip(&stated.extents).rev() {
            let (known, constant) = self.subscript(*subscript, copy, lane);
            for part in [known.map(Amount::Computed), Some(Amount::Literal(constant))] {
                match part.map(|part| self.multiply(part, stride)) {
                    Some(Amount::Literal(bytes)) => literal = literal.wrapping_add(bytes),
                    Some(Amount::Computed(bytes)) => terms.push(bytes),
                    None => {}
                }
            }
            stride = self.multiply(stride, self.extent(*extent));
        }
        terms.sort_by_key(|term| term.depth);
        let mut pointer = Known { value: self.arrays[array.0 as usize], depth: 0 };
        for term in terms {
            pointer = self.add(pointer, term);
        }
        let offset = i32::try_from(literal).unwrap_or_else(|_| {
            let value = self.ins().iconst(types::I64, literal);
            let depth = self.scopes.len() - 1;
            pointer = self.add(pointer, Known { value, depth });
            0
        });
        Place { pointer: pointer.value, offset, depth: pointer.depth }
    }

    /// A subscript as a computed part and a constant.
    fn subscript(
        &mut self,
        subscript: Subscript,
        copy: usize,
        lane: usize,
    ) -> (Option<Known>, i64) {
        match subscript {
            Subscript::Literal(at) => (None, i64::from(at)),
            Subscript::Counter(id) if self.lane_loop != Some(id) => (Some(self.counters[&id]), 0),
            Subscript::Counter(id) => {
                if let Some(tail) = &self.tail {
                    return (Some(tail.lanes[lane]), 0);
                }
                let constant = i64::try_from(copy * self.width + lane).expect("a few lanes");
                (Some(self.counters[&id]), constant)
            }
            Subscript::Partial(id) => {
                let (counter, constant) = self.subscript(Subscript::Counter(id), copy, lane);
                let counter = counter.expect("a counter is computed");
                let partials = i64::try_from(PARTIALS).expect("32");
                let what = Pure::Remainder(counter.value, partials);
                (Some(self.pure(what, counter.depth)), constant)
            }
            Subscript::Value(value) => match &self.values[value.0 as usize] {
                Binding::Constant(Operation::Integer(constant)) => (None, *constant),
                Binding::Constant(other) => unreachable!("a subscript {}", other.name()),
                Binding::Uniform(known) => {
                    let known = *known;
                    (Some(self.extend(known)), 0)
                }
                Binding::Varying(copies) => {
                    let (vector, depth) = (copies[copy], self.scopes.len() - 1);
                    let lane = u8::try_from(lane).expect("a few lanes");
                    let known = self.pure(Pure::Lane(vector, lane), depth);
                    (Some(self.extend(known)), 0)
                }
                Binding::Unbound => unreachable!("{value} has no value here"),
            },
        }
    }

    fn extend(&mut self, known: Known) -> Known {
        if self.integer == types::I64 {
            known
        } else {
            self.pure(Pure::Extend(known.value), known.depth)
        }
    }

    /// Whether a subscript differs between lanes.
    fn varies(&self, subscript: Subscript) -> bool {
        match subscript {
            Subscript::Literal(_) => false,
            Subscript::Counter(id) | Subscript::Partial(id) => self.lane_loop == Some(id),
            Subscript::Value(value) => {
                matches!(self.values[value.0 as usize], Binding::Varying(_))
            }
        }
    }

    /// How the lanes of an access lie in memory.
    pub(super) fn pattern(&self, subscripts: &[Subscript]) -> Pattern {
        let Some((last, rest)) = subscripts.split_last() else { return Pattern::Same };
        let rest_varies = rest.iter().any(|subscript| self.varies(*subscript));
        match (rest_varies, self.varies(*last), *last) {
            (false, false, _) => Pattern::Same,
            (false, true, Subscript::Counter(_) | Subscript::Partial(_)) if self.tail.is_none() => {
                Pattern::Contiguous
            }
            _ => Pattern::Scattered,
        }
    }

    /// Loads an element that is the same in all lanes, as far out as it is known where: what all
    /// iterations read, none writes.
    pub(super) fn load_once(&mut self, of: Type, place: Place) -> ir::Value {
        let depth = place.depth.max(self.outside);
        self.pure(Pure::LoadSplat(of, place.pointer, place.offset), depth).value
    }
}

/// How the lanes of an access lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pattern {
    /// All lanes read one element.
    Same,
    /// One after the other.
    Contiguous,
    /// Anywhere.
    Scattered,
}

fn write_pure(cursor: &mut FuncCursor<'_>, what: Pure) -> ir::Value {
    match what {
        Pure::Add(a, b) => cursor.ins().iadd(a, b),
        Pure::Multiply(a, b) => cursor.ins().imul(a, b),
        Pure::Scale(a, by) => cursor.ins().imul_imm_s(a, by),
        Pure::ShiftLeft(a, by) => cursor.ins().ishl_imm_u(a, i64::from(by)),
        Pure::RoundDown(a, step) => cursor.ins().band_imm_s(a, -step),
        Pure::Remainder(a, by) => cursor.ins().band_imm_s(a, by - 1),
        Pure::Extend(a) => cursor.ins().sextend(types::I64, a),
        Pure::Narrow(a) => cursor.ins().ireduce(types::I32, a),
        Pure::Lane(a, lane) => cursor.ins().extractlane(a, lane),
        Pure::Splat(a, vector) => cursor.ins().splat(vector, a),
        Pure::SplatMask(a, vector) => {
            let lane = cursor.ins().bmask(vector.lane_type(), a);
            cursor.ins().splat(vector, lane)
        }
        Pure::Constant(constant, vector) => cursor.ins().vconst(vector, constant),
        Pure::LoadSplat(of, pointer, offset) => {
            let flags = MemFlagsData::new().with_notrap();
            let element = cursor.ins().load(of.lane_type(), flags, pointer, offset);
            cursor.ins().splat(of, element)
        }
    }
}
