//! Products with powers of two, which AVX-512 has an instruction for.
//!
//! In comes a program, out goes the same one in which `p * 2^n`, where kernels shift n out of a sum with a magic number into the
//! exponent of a factor that is a power of two too large, and divide by that, is `p * n`, and the set of such products. The bits of
//! the result are the same: both round once, where the product is subnormal.

use crate::hash::{HashMap, HashSet};
use crate::loops::{Operation, Precision, Program, Statement, Value};
use crate::machine::reads::Reads;

/// A number with this added has its whole part in the low bits of the sum.
const MAGIC: f64 = 12_582_912.0;
/// How many bits of the significand are stored.
const SHIFT: u8 = 23;
/// The exponent bias.
const BIAS: f64 = 127.0;

/// Finds products with powers of two, and writes them with the exponent, given how often values are read.
pub(super) fn fold(program: &mut Program, reads: &[Reads]) -> HashSet<Value> {
    if program.precision != Precision::F32 {
        return HashSet::default();
    }
    let mut body = std::mem::take(&mut program.body);
    let mut finder = Finder {
        definitions: vec![None; program.kinds.len()],
        reads,
        wholes: HashMap::default(),
        products: HashSet::default(),
    };
    finder.fold(&mut body);
    program.body = body;
    finder.products
}

struct Finder<'r> {
    /// The operations so far, by value.
    definitions: Vec<Option<Operation>>,
    /// How often each value is read.
    reads: &'r [Reads],
    /// For each sum with a magic number the value that is the sum less that number, and the number.
    wholes: HashMap<Value, (Value, f64)>,
    products: HashSet<Value>,
}

/// `p * 2^n`
struct Product {
    number: Value,
    exponent: Value,
    /// What nothing reads any more.
    done: Vec<Value>,
}

impl Finder<'_> {
    fn fold(&mut self, body: &mut Vec<Statement>) {
        let outside = self.wholes.clone();
        let mut done = HashSet::default();
        for statement in body.iter_mut() {
            match statement {
                Statement::Let(value, operation) => {
                    if let Some(product) = self.product(operation) {
                        *operation = Operation::Multiply(product.number, product.exponent);
                        self.products.insert(*value);
                        done.extend(product.done);
                    }
                    if let Operation::Subtract(sum, magic) = *operation
                        && let Some(magic) = self.real(magic)
                    {
                        self.wholes.insert(sum, (*value, magic));
                    }
                    // Of what is read from memory nothing is asked.
                    if !matches!(operation, Operation::Load(..)) {
                        self.definitions[value.0 as usize] = Some(operation.clone());
                    }
                }
                Statement::Loop(inner) => self.fold(&mut inner.body),
                Statement::Store { .. } | Statement::Product(_) => {}
            }
        }
        if !done.is_empty() {
            body.retain(|it| !matches!(it, Statement::Let(value, _) if done.contains(value)));
        }
        self.wholes = outside;
    }

    /// Reads `p * power * down`, with `from_bits(bits(sum) << 23)` or `from_bits((bits(sum) << 23) - bits(down))` for the power.
    fn product(&self, operation: &Operation) -> Option<Product> {
        let Operation::Multiply(lifted, down) = *operation else { return None };
        let Operation::Multiply(number, power) = *self.only(lifted)? else { return None };
        let Operation::FromBits(made) = *self.only(power)? else { return None };
        let mut done = vec![lifted, power, made];
        let (shifted, up) = match *self.only(made)? {
            Operation::IntegerSubtract(shifted, bits) => {
                done.push(bits);
                done.extend(self.choice(bits, down)?);
                done.push(shifted);
                (shifted, BIAS)
            }
            _ => (made, -self.real(down)?.log2()),
        };
        let Operation::ShiftLeft(bits, SHIFT) = *self.only(shifted)? else { return None };
        let Operation::Bits(sum) = *self.only(bits)? else { return None };
        done.push(bits);
        let (exponent, magic) = *self.wholes.get(&sum)?;
        (magic == MAGIC + BIAS + up).then_some(Product { number, exponent, done })
    }

    /// The choice between two powers of two that `bits` are of and nothing else reads but a product; and its mask.
    fn choice(&self, bits: Value, chosen: Value) -> Option<[Value; 2]> {
        let is_power = |of: Value| {
            self.real(of).is_some_and(|real| real.log2().fract() == 0.0 && real.is_normal())
        };
        let Operation::Bits(of) = *self.only(bits)? else { return None };
        let Some(Operation::Select(mask, a, b)) = self.definitions[chosen.0 as usize] else {
            return None;
        };
        let is_own = of == chosen && self.reads[chosen.0 as usize].all == 2;
        (is_own && self.only(mask).is_some() && is_power(a) && is_power(b))
            .then_some([chosen, mask])
    }

    /// The definition of a value that is read once.
    fn only(&self, value: Value) -> Option<&Operation> {
        let definition = self.definitions[value.0 as usize].as_ref()?;
        (self.reads[value.0 as usize].all == 1).then_some(definition)
    }

    fn real(&self, value: Value) -> Option<f64> {
        match self.definitions[value.0 as usize] {
            Some(Operation::Real(bits)) => Some(f64::from_bits(bits)),
            _ => None,
        }
    }
}
