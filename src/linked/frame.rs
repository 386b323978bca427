//! What a call gave, in the registers of the entry: its fields, lengths and where each input is; and how
//! scratch memory is laid out.

use cranelift::codegen::ir::condcodes::IntCC;
use cranelift::codegen::ir::{InstBuilder, Value, types};
use cranelift::prelude::Variable;

use super::anatomy::{Anatomy, Filling};
use super::interface::{AxisLength, Field};
use super::pen::Pen;
use crate::batch::is_batched;
use crate::graph::{ExtentId, InputId};
use crate::plan::Length;

/// What a call gave.
pub(super) struct Frame<'l> {
    pub(super) anatomy: &'l Anatomy,
    fields: Vec<(Field, Value)>,
    /// How many elements the own axes of each argument have.
    pub(super) rows: Vec<Value>,
    /// Whether something is larger than can be addressed; an 8-bit truth value.
    pub(super) overflow: Variable,
    /// Whether all arguments that default to one number in every place are null; none: there are none.
    pub(super) is_uniform: Option<Value>,
}

impl<'l> Frame<'l> {
    /// Reads a call.
    pub(super) fn read(pen: &mut Pen, anatomy: &'l Anatomy, call: Value) -> Self {
        let interface = &anatomy.described.interface;
        let mut fields = Vec::new();
        for (at, field) in (0i32..).zip(interface.fields()) {
            fields.push((field, pen.load(types::I64, call, 8 * at)));
        }
        let no = pen.builder.ins().iconst(types::I8, 0);
        let overflow = pen.variable(types::I8, no);
        let mut frame = Self { anatomy, fields, rows: Vec::new(), overflow, is_uniform: None };
        for argument in &interface.arguments {
            let lengths: Vec<Value> =
                argument.axes.iter().map(|length| frame.axis(pen, *length)).collect();
            let row = frame.product(pen, &lengths);
            if is_batched(argument.role) {
                let all = frame.field(Field::Examples);
                frame.product(pen, &[row, all]);
            }
            frame.rows.push(row);
        }
        for (at, filling) in anatomy.defaults.iter().enumerate() {
            if matches!(filling, Some(Filling::Uniform(_))) {
                let given = frame.field(Field::Argument(at));
                let null = pen.is_null(given);
                frame.is_uniform =
                    Some(frame.is_uniform.map_or(null, |others| pen.and(others, null)));
            }
        }
        frame
    }

    /// What the call has in a field.
    pub(super) fn field(&self, field: Field) -> Value {
        let found = self.fields.iter().find(|(known, _)| *known == field);
        found.expect("a field of this interface").1
    }

    /// Which argument an input is.
    pub(super) fn place(&self, id: InputId) -> usize {
        let mut arguments = self.anatomy.described.arguments.iter();
        arguments.position(|known| *known == id).expect("code reads only arguments")
    }

    /// The length of an axis of an argument.
    pub(super) fn axis(&self, pen: &mut Pen, length: AxisLength) -> Value {
        match length {
            AxisLength::Literal(length) => pen.count(length),
            AxisLength::Named(place) => self.field(Field::Extent(place)),
        }
    }

    /// The length that an extent has in this call.
    pub(super) fn extent(&self, pen: &mut Pen, id: ExtentId) -> Value {
        match self.anatomy.graph.extent(id) {
            crate::graph::Extent::Literal(length) => pen.count(u64::from(*length)),
            crate::graph::Extent::Named(_) => {
                let known = &self.anatomy.described.extents;
                let place = known.iter().position(|known| *known == id);
                self.field(Field::Extent(place.expect("the extents of code are listed")))
            }
        }
    }

    /// The lengths of the axes of an array of a pass over `batch` examples.
    fn lengths(&self, pen: &mut Pen, lengths: &[Length], batch: Value) -> Vec<Value> {
        let length = |length: &Length| match length {
            Length::Literal(length) => pen.count(*length as u64),
            Length::Given(extent) => self.extent(pen, *extent),
            Length::Batch => batch,
        };
        lengths.iter().map(length).collect()
    }

    /// How many elements an array of a pass over `batch` examples has.
    pub(super) fn elements(&self, pen: &mut Pen, lengths: &[Length], batch: Value) -> Value {
        let lengths = self.lengths(pen, lengths, batch);
        self.product(pen, &lengths)
    }

    /// How many elements lengths make. Where their bytes cannot be addressed, `overflow` is set.
    fn product(&self, pen: &mut Pen, lengths: &[Value]) -> Value {
        let mut all: Option<Value> = None;
        for length in lengths {
            let product = match all {
                None => *length,
                Some(product) => {
                    let high = pen.builder.ins().umulhi(product, *length);
                    let beyond = pen.is_given(high);
                    self.note_overflow(pen, beyond);
                    pen.multiply(product, *length)
                }
            };
            let most = pen.integer(MOST_ELEMENTS);
            let beyond = pen.compare(IntCC::UnsignedGreaterThan, product, most);
            self.note_overflow(pen, beyond);
            all = Some(product);
        }
        all.unwrap_or_else(|| pen.integer(1))
    }

    fn note_overflow(&self, pen: &mut Pen, beyond: Value) {
        let known = pen.get(self.overflow);
        let either = pen.or(known, beyond);
        pen.set(self.overflow, either);
    }
}

/// The most elements that an array can have, and the most bytes of scratch memory: with the bytes of one more
/// array that is still a number.
const MOST_ELEMENTS: i64 = 1 << 56;
const MOST_BYTES: i64 = 1 << 60;

/// Scratch memory that is being laid out: offsets from its aligned start.
#[derive(Clone, Copy)]
pub(super) struct Scratch {
    next: Value,
}

/// Scratch memory is laid out in units of so many bytes.
pub(super) const ALIGNMENT: i64 = 64;

impl Scratch {
    /// From an offset on.
    pub(super) fn new(next: Value) -> Self {
        Self { next }
    }

    /// The offset of so many elements, if they are needed. Where the end cannot be addressed, the frame's
    /// `overflow` is set.
    pub(super) fn reserve_if(
        &mut self,
        pen: &mut Pen,
        frame: &Frame,
        needed: Value,
        elements: Value,
        size: u32,
    ) -> Value {
        let bytes = pen.builder.ins().imul_imm_s(elements, i64::from(size));
        let nothing = pen.integer(0);
        let bytes = pen.select(needed, bytes, nothing);
        let here = self.next;
        let end = pen.add(here, bytes);
        let end = pen.builder.ins().iadd_imm_s(end, ALIGNMENT - 1);
        self.next = pen.builder.ins().band_imm_s(end, -ALIGNMENT);
        // Noted each time, so that no sum has wrapped that has not been noted before.
        let most = pen.integer(MOST_BYTES);
        let beyond = pen.compare(IntCC::UnsignedGreaterThan, end, most);
        frame.note_overflow(pen, beyond);
        here
    }

    /// The offset of what comes next.
    pub(super) fn end(self) -> Value {
        self.next
    }
}
