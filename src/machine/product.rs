//! Products of matrices: row by row, a vector of columns at a time, in the order that [`crate::loops`] states.

use cranelift::codegen::ir::{self, InstBuilder, MemFlagsData};

use super::address::{Amount, Known};
use super::clif::Writer;
use crate::loops::{DEPTH, Element, Index, Kind, LoopId, MatrixProduct};

impl Writer<'_> {
    /// Writes a product of matrices.
    pub(super) fn write_product(&mut self, product: &MatrixProduct) {
        let (rows, columns) = (self.extent(product.row.extent), self.extent(product.column.extent));
        let Some(row) = self.enter(Amount::Literal(0), rows, &[], &[]) else { return };
        self.counters.insert(product.row.id, self.counter_of(&row));
        let width = self.vector_width();
        let whole = self.round_down(columns, i64::try_from(width).expect("a few lanes"));
        self.width = width;
        self.write_columns(product, Amount::Literal(0), whole);
        self.width = 1;
        self.write_columns(product, whole, columns);
        self.leave(&row, Some(1), &[]);
    }

    /// Writes the elements of a row from one column to another, a vector at a time.
    fn write_columns(&mut self, product: &MatrixProduct, start: Amount, end: Amount) {
        let Some(column) = self.enter(start, end, &[], &[]) else { return };
        self.counters.insert(product.column.id, self.counter_of(&column));
        let total = self.write_element(product);
        let place = self.place(product.to.array, &product.to.subscripts, 0, 0);
        self.ins().store(flags(), total, place.pointer, place.offset);
        let step = i64::try_from(self.width).expect("a few lanes");
        self.leave(&column, Some(step), &[]);
    }

    /// Sums along the depth, in blocks.
    fn write_element(&mut self, product: &MatrixProduct) -> ir::Value {
        let Index { id, extent } = product.depth;
        let end = self.extent(extent);
        let zero = self.real_constant(0.0);
        let of = self.type_of(Kind::Real);
        let Some(block) = self.enter(Amount::Literal(0), end, &[zero; 2], &[of; 2]) else {
            return zero;
        };
        let depth = self.materialize(end);
        let full = self.ins().iadd_imm_s(block.counter, i64::from(DEPTH));
        let value = self.ins().umin(full, depth);
        let last = Amount::Computed(Known { value, depth: self.scopes.len() - 1 });
        let first = Amount::Computed(self.counter_of(&block));
        let sum = self.write_block_of_products(product, id, first, last);
        let (total, lost) = self.add_with_compensation(block.carried[0], block.carried[1], sum);
        self.leave(&block, Some(i64::from(DEPTH)), &[total, lost])[0]
    }

    fn write_block_of_products(
        &mut self,
        product: &MatrixProduct,
        id: LoopId,
        first: Amount,
        last: Amount,
    ) -> ir::Value {
        let zero = self.real_constant(0.0);
        let of = self.type_of(Kind::Real);
        let Some(repeat) = self.enter(first, last, &[zero], &[of]) else { return zero };
        self.counters.insert(id, self.counter_of(&repeat));
        let left = self.load_factor(&product.left, 1);
        let right = self.load_factor(&product.right, self.width);
        let left = if self.width == 1 { left } else { self.ins().splat(of, left) };
        let next = if self.program.fused {
            self.ins().fma(left, right, repeat.carried[0])
        } else {
            let product = self.ins().fmul(left, right);
            self.ins().fadd(product, repeat.carried[0])
        };
        self.leave(&repeat, Some(1), &[next])[0]
    }

    /// Loads an element, or as many from there on as there are lanes.
    fn load_factor(&mut self, element: &Element, width: usize) -> ir::Value {
        let place = self.place(element.array, &element.subscripts, 0, 0);
        let of = if width == 1 { self.real } else { self.type_of(Kind::Real) };
        self.ins().load(of, flags(), place.pointer, place.offset)
    }
}

fn flags() -> MemFlagsData {
    MemFlagsData::new().with_notrap()
}
