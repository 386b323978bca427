//! Rounding to whole numbers, also where the machine has no instruction for it: the same bits.

use cranelift::codegen::ir::condcodes::FloatCC;
use cranelift::codegen::ir::{self, InstBuilder, types};

use super::clif::Writer;

impl Writer<'_> {
    /// The nearest whole number, ties to even.
    pub(super) fn nearest(&mut self, a: ir::Value) -> ir::Value {
        if self.rounds {
            return self.ins().nearest(a);
        }
        // Next to this number, and up to twice of it, all reals are whole and adding rounds to one.
        let whole =
            self.real_constant(if self.real == types::F32 { 2f64.powi(23) } else { 2f64.powi(52) });
        let size = self.absolute(a);
        let moved = self.ins().fadd(size, whole);
        let rounded = self.ins().fsub(moved, whole);
        let rounded = self.with_sign(rounded, a);
        let fraction = self.ins().fcmp(FloatCC::LessThan, size, whole);
        self.choose(fraction, rounded, a)
    }

    /// The largest whole number not above `a`.
    pub(super) fn floor(&mut self, a: ir::Value) -> ir::Value {
        if self.rounds {
            return self.ins().floor(a);
        }
        let rounded = self.nearest(a);
        let one = self.real_constant(1.0);
        let below = self.ins().fsub(rounded, one);
        let above = self.ins().fcmp(FloatCC::LessThan, a, rounded);
        self.choose(above, below, rounded)
    }

    /// A real that is not negative, with the sign of another.
    fn with_sign(&mut self, a: ir::Value, sign: ir::Value) -> ir::Value {
        if self.width == 1 {
            return self.ins().fcopysign(a, sign);
        }
        let bits = self.sign_bits();
        let sign = self.ins().band(sign, bits);
        self.ins().bor(a, sign)
    }
}
