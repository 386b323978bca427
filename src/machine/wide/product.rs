//! Products of matrices: tiles of a few rows and columns whose sums stay in registers while the depth is gone through.
//!
//! A tile has some rows and two vectors of columns; what is left at the edges goes one row, or one vector with lanes that do
//! not count, at a time. Totals, and what they have lost, lie on the stack, and go to memory when a tile is done.

use iced_x86::{Code, MemoryOperand, Register};

use super::assembler::{Label, at, indexed};
use super::codes::{Form, Op, Order, code, multiply_add};
use super::memory::{BaseKey, Factor, SCRATCH, SECOND};
use super::signs::Signs;
use super::strides::Stride;
use super::values::Source;
use super::{STACK, Writer};
use crate::loops::{DEPTH, Element, Extent, MatrixProduct, Program, Subscript};

/// How many vectors of columns a tile has.
const VECTORS: usize = 2;
/// The first, fourth and seventh row of the left matrix, at the depth that it is gone through.
const LEFT: [Register; 3] = [Register::R8, Register::R9, Register::R10];
/// How far it is from row to row of the left matrix.
const LEFT_ROW: Register = Register::R11;
/// How far it is from depth to depth of the left matrix.
const LEFT_DEPTH: Register = Register::RBX;
/// The columns of the right matrix, at the depth that it is gone through.
const RIGHT: Register = Register::RSI;
/// How far it is from depth to depth of the right matrix.
const RIGHT_DEPTH: Register = Register::RDI;
/// How much of the depth is left in a block, and behind it.
const LEFT_IN_BLOCK: Register = Register::RAX;
const LEFT_BEHIND: Register = Register::R12;
/// The columns of the product, of the row that is written.
const TO: Register = Register::R13;

/// Where a product lies, in slots of the frame.
struct Product {
    /// The first elements.
    left: i32,
    right: i32,
    to: i32,
    /// How many bytes lie between rows or depths.
    left_row: i32,
    left_depth: i32,
    right_depth: i32,
    to_row: i32,
    /// The row and the column that the tile at hand begins with.
    row: i32,
    column: i32,
    /// Totals, and what they have lost.
    totals: [i32; 2],
    rows: Extent,
    columns: Extent,
    depth: Extent,
}

/// How large a tile is.
#[derive(Clone, Copy)]
struct Size {
    rows: usize,
    vectors: usize,
    /// Whether there are lanes past the end.
    tail: bool,
}

impl<'p> Writer<'p> {
    /// Writes a product of matrices, where no value is in a register.
    pub(super) fn write_product(&mut self, product: &MatrixProduct) {
        let plain = std::mem::replace(&mut self.form, self.wide_form);
        let product = self.find_product(product);
        let after = self.code.label();
        for extent in [product.rows, product.columns] {
            self.load_extent(extent);
            self.code.two(Code::Test_rm64_r64, SECOND, SECOND);
            self.code.jump(Code::Je_rel32_64, after);
        }
        self.set(product.column, 0);
        self.write_panels(&product, false);
        self.write_panels(&product, true);
        self.code.bind(after);
        self.release_product(&product);
        self.form = plain;
    }

    fn find_product(&mut self, product: &MatrixProduct) -> Product {
        let [row, column, depth] = product.indices().map(|index| Subscript::Counter(index.id));
        let indices = [row, column, depth];
        let [left, right, to] = product.elements().map(|element| {
            let key = self.first_element(element, &indices);
            self.compute_base(&key, SCRATCH);
            self.keep_general(SCRATCH)
        });
        let [left_row, left_depth, right_depth, to_row] = [
            (&product.left, row),
            (&product.left, depth),
            (&product.right, depth),
            (&product.to, row),
        ]
        .map(|(element, index)| self.step(element, index));
        let [at_row, at_column] = [(); 2].map(|()| self.frame.word());
        let totals = [(); 2].map(|()| self.frame.vectors(self.tile_rows() * VECTORS));
        Product {
            left,
            right,
            to,
            left_row,
            left_depth,
            right_depth,
            to_row,
            row: at_row,
            column: at_column,
            totals,
            rows: product.row.extent,
            columns: product.column.extent,
            depth: product.depth.extent,
        }
    }

    fn release_product(&mut self, of: &Product) {
        let strides = [of.left_row, of.left_depth, of.right_depth, of.to_row];
        for slot in [of.left, of.right, of.to, of.row, of.column].into_iter().chain(strides) {
            self.frame.release_word(slot);
        }
        for slot in of.totals {
            self.frame.release_vectors(slot, self.tile_rows() * VECTORS);
        }
    }

    /// How many rows a tile has, so that its sums leave some registers.
    fn tile_rows(&self) -> usize {
        if self.form == Form::Zmm { 8 } else { 4 }
    }

    /// The address of the element with all indices 0.
    fn first_element(&self, element: &Element, indices: &[Subscript]) -> BaseKey<'p> {
        let terms = self.strides(element);
        let terms = terms.filter(|(subscript, _)| !indices.contains(subscript));
        let terms = terms.map(|(subscript, stride)| match subscript {
            Subscript::Counter(id) => (Factor::Counter(id), stride),
            Subscript::Literal(literal) => (Factor::Literal(literal), stride),
            Subscript::Partial(_) | Subscript::Value(_) => unreachable!("no lanes are around"),
        });
        BaseKey { array: element.array, terms: terms.collect() }
    }

    /// The subscripts of an element, and how many bytes lie between neighbours along each.
    fn strides<'e>(
        &self,
        element: &'e Element,
    ) -> impl Iterator<Item = (Subscript, Stride<'p>)> + use<'e, 'p> {
        let program: &'p Program = self.program;
        let array = &program.arrays[element.array.0 as usize];
        let strides = Stride::all(&array.extents, self.element_size());
        element.subscripts.iter().copied().rev().zip(strides)
    }

    /// How many bytes an element moves when an index goes on, in a slot.
    fn step(&mut self, element: &Element, index: Subscript) -> i32 {
        self.clear_general(SCRATCH);
        for (subscript, stride) in self.strides(element) {
            if subscript != index {
                continue;
            }
            self.load_number(SECOND, 1);
            self.multiply(SECOND, stride);
            self.code.two(Code::Add_r64_rm64, SCRATCH, SECOND);
        }
        self.keep_general(SCRATCH)
    }

    fn keep_general(&mut self, register: Register) -> i32 {
        let slot = self.frame.word();
        self.code.store(Code::Mov_rm64_r64, at(STACK, slot), register);
        slot
    }

    fn set(&mut self, slot: i32, number: i32) {
        self.code.number_in_memory(Code::Mov_rm64_imm32, at(STACK, slot), number);
    }

    /// Writes the columns that fill whole panels, or what is left of them, a vector at a time.
    fn write_panels(&mut self, product: &Product, tail: bool) {
        let vectors = if tail { 1 } else { VECTORS };
        let width = i32::try_from(vectors * self.lane_count()).expect("a few lanes");
        let (again, after) = (self.code.label(), self.code.label());
        self.code.bind(again);
        self.load_extent(product.columns);
        self.code.load(Code::Sub_r64_rm64, SECOND, at(STACK, product.column));
        self.code.number(Code::Cmp_rm64_imm32, SECOND, if tail { 1 } else { width });
        self.code.jump(Code::Jl_rel32_64, after);
        if tail {
            self.code.two(Code::Mov_r64_rm64, SCRATCH, SECOND);
            self.find_tail_lanes();
        }
        self.set(product.row, 0);
        self.write_tiles(product, Size { rows: self.tile_rows(), vectors, tail });
        self.write_tiles(product, Size { rows: 1, vectors, tail });
        if tail && self.form != Form::Zmm {
            self.unpin(self.tail_lanes);
        }
        self.code.number_in_memory(Code::Add_rm64_imm32, at(STACK, product.column), width);
        self.code.jump(Code::Jmp_rel32_64, again);
        self.code.bind(after);
    }

    /// Writes tile below tile, as long as there are rows for a whole one.
    fn write_tiles(&mut self, product: &Product, size: Size) {
        let rows = i32::try_from(size.rows).expect("a few rows");
        let (again, after) = (self.code.label(), self.code.label());
        self.code.bind(again);
        self.load_extent(product.rows);
        self.code.load(Code::Sub_r64_rm64, SECOND, at(STACK, product.row));
        self.code.number(Code::Cmp_rm64_imm32, SECOND, rows);
        self.code.jump(Code::Jl_rel32_64, after);
        self.begin_tile(product, size);
        let sums: Vec<usize> = (0..size.rows * size.vectors).map(|_| self.pin()).collect();
        let done = self.code.label();
        self.code.two(Code::Test_rm64_r64, LEFT_BEHIND, LEFT_BEHIND);
        self.code.jump(Code::Je_rel32_64, done);
        self.write_blocks(product, size, &sums);
        self.code.bind(done);
        for sum in sums {
            self.unpin(sum);
        }
        self.end_tile(product, size);
        self.code.number_in_memory(Code::Add_rm64_imm32, at(STACK, product.row), rows);
        self.code.jump(Code::Jmp_rel32_64, again);
        self.code.bind(after);
    }

    /// Finds where a tile begins, and clears its totals.
    fn begin_tile(&mut self, product: &Product, size: Size) {
        for (register, slot) in [
            (LEFT_ROW, product.left_row),
            (LEFT_DEPTH, product.left_depth),
            (RIGHT_DEPTH, product.right_depth),
            (RIGHT, product.right),
            (LEFT[0], product.row),
            (SECOND, product.column),
        ] {
            self.code.load(Code::Mov_r64_rm64, register, at(STACK, slot));
        }
        let element = self.element_size().unsigned_abs();
        self.code.load(Code::Lea_r64_m, RIGHT, indexed(RIGHT, SECOND, element, 0));
        self.code.two(Code::Imul_r64_rm64, LEFT[0], LEFT_ROW);
        self.code.load(Code::Add_r64_rm64, LEFT[0], at(STACK, product.left));
        for third in 1..size.rows.div_ceil(3) {
            let two = indexed(LEFT[third - 1], LEFT_ROW, 2, 0);
            self.code.load(Code::Lea_r64_m, LEFT[third], two);
            self.code.two(Code::Add_r64_rm64, LEFT[third], LEFT_ROW);
        }
        let zero = self.take(false);
        self.clear(self.vector(zero));
        for (slot, sum) in product
            .totals
            .into_iter()
            .flat_map(|slot| (0..size.rows * size.vectors).map(move |at| (slot, at)))
        {
            self.store_vector(self.sum_place(slot, sum), self.vector(zero));
        }
        self.unlock();
        self.load_extent(product.depth);
        self.code.two(Code::Mov_r64_rm64, LEFT_BEHIND, SECOND);
    }

    fn sum_place(&self, slot: i32, sum: usize) -> MemoryOperand {
        at(STACK, slot + i32::try_from(sum * self.form.bytes()).expect("a few vectors"))
    }

    /// Goes through the depth, block by block.
    fn write_blocks(&mut self, product: &Product, size: Size, sums: &[usize]) {
        let (block, again) = (self.code.label(), self.code.label());
        self.code.bind(block);
        self.load_number(LEFT_IN_BLOCK, DEPTH);
        self.code.two(Code::Cmp_r64_rm64, LEFT_IN_BLOCK, LEFT_BEHIND);
        self.code.two(Code::Cmova_r64_rm64, LEFT_IN_BLOCK, LEFT_BEHIND);
        self.code.two(Code::Sub_r64_rm64, LEFT_BEHIND, LEFT_IN_BLOCK);
        for sum in sums {
            self.clear(self.vector(*sum));
        }
        self.write_products(size, sums, again);
        for (at, sum) in sums.iter().enumerate() {
            let places = product.totals.map(|slot| self.sum_place(slot, at));
            let registers = [(); 2].map(|()| self.take(false)).map(|at| self.vector(at));
            for (register, place) in registers.into_iter().zip(places) {
                self.load_vector(register, place);
            }
            let [total, lost] = registers;
            self.add_with_compensation(total, lost, self.vector(*sum));
            for (register, place) in registers.into_iter().zip(places) {
                self.store_vector(place, register);
            }
            self.unlock();
        }
        self.code.two(Code::Test_rm64_r64, LEFT_BEHIND, LEFT_BEHIND);
        self.code.jump(Code::Jne_rel32_64, block);
    }

    /// Adds the products of a block to the sums.
    fn write_products(&mut self, size: Size, sums: &[usize], again: Label) {
        let columns: Vec<usize> = (0..size.vectors).map(|_| self.take(false)).collect();
        let columns: Vec<Register> = columns.into_iter().map(|at| self.vector(at)).collect();
        let factors = [(); 2].map(|()| self.take(false)).map(|at| self.vector(at));
        self.code.align();
        self.code.bind(again);
        for (at_vector, column) in columns.iter().enumerate() {
            let bytes = i32::try_from(at_vector * self.form.bytes()).expect("a few vectors");
            if size.tail {
                self.load_tail(*column, at(RIGHT, bytes));
            } else {
                self.load_vector(*column, at(RIGHT, bytes));
            }
        }
        for row in 0..size.rows {
            let factor = factors[row % 2];
            let third = LEFT[row / 3];
            let place = match row % 3 {
                0 => at(third, 0),
                steps => indexed(third, LEFT_ROW, if steps == 1 { 1 } else { 2 }, 0),
            };
            self.broadcast(factor, place);
            for (column, sum) in columns.iter().zip(&sums[row * size.vectors..]) {
                self.add_product(self.vector(*sum), factor, *column);
            }
        }
        self.code.two(Code::Add_r64_rm64, RIGHT, RIGHT_DEPTH);
        for third in &LEFT[..size.rows.div_ceil(3)] {
            self.code.two(Code::Add_r64_rm64, *third, LEFT_DEPTH);
        }
        self.code.number(Code::Sub_rm64_imm32, LEFT_IN_BLOCK, 1);
        self.code.jump(Code::Jne_rel32_64, again);
        self.unlock();
    }

    fn add_product(&mut self, sum: Register, factor: Register, column: Register) {
        let (precision, form) = (self.program.precision, self.form);
        if self.program.fused {
            let code = multiply_add(Order::Last, Signs::default(), precision, form);
            return self.three(code, sum, factor, Source::Register(column));
        }
        let product = self.take(false);
        let product = self.vector(product);
        self.three(code(Op::Multiply, precision, form), product, factor, Source::Register(column));
        self.three(code(Op::Add, precision, form), sum, product, Source::Register(sum));
    }

    /// Writes the totals of a tile to memory.
    fn end_tile(&mut self, product: &Product, size: Size) {
        self.code.load(Code::Mov_r64_rm64, TO, at(STACK, product.row));
        self.code.load(Code::Imul_r64_rm64, TO, at(STACK, product.to_row));
        self.code.load(Code::Add_r64_rm64, TO, at(STACK, product.to));
        self.code.load(Code::Mov_r64_rm64, SECOND, at(STACK, product.column));
        let element = self.element_size().unsigned_abs();
        self.code.load(Code::Lea_r64_m, TO, indexed(TO, SECOND, element, 0));
        let total = self.take(false);
        let total = self.vector(total);
        for row in 0..size.rows {
            for vector in 0..size.vectors {
                let sum = self.sum_place(product.totals[0], row * size.vectors + vector);
                self.load_vector(total, sum);
                let bytes = i32::try_from(vector * self.form.bytes()).expect("a few vectors");
                if size.tail {
                    self.store_tail(at(TO, bytes), total);
                } else {
                    self.store_vector(at(TO, bytes), total);
                }
            }
            self.code.load(Code::Add_r64_rm64, TO, at(STACK, product.to_row));
        }
        self.unlock();
    }
}
