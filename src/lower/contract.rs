//! Sums with products, rounded once.
//!
//! In comes a program, out goes the same one with `x * c + y` as one operation where `c` is a power of two: the product has
//! the digits of `x`, so that not a bit changes where it is a normal number. And sums along loops in lanes take products that are
//! not rounded. As it does not matter what else reads a product, the bits of one result do not depend on which others are
//! asked for. Numbers that are multiplied by bits are left alone: machines have operations for these.

use crate::hash::{HashMap, HashSet};
use crate::loops::{
    Accumulator, Join, Kind, Loop, Operation, Program, Statement, Value, subscript_values,
};

/// Writes such sums as one operation each, in a program for machines that have it.
pub(super) fn contract(program: &mut Program) {
    if !program.fused {
        return;
    }
    let mut pass = Pass { kinds: &mut program.kinds, replaced: Vec::new() };
    pass.contract(&mut program.body);
    let replaced = pass.replaced;
    if !replaced.is_empty() {
        let mut unread = vec![false; program.kinds.len()];
        for value in replaced {
            unread[value.0 as usize] = true;
        }
        find_reads(&program.body, &mut |value| unread[value.0 as usize] = false);
        remove(&mut program.body, &unread);
    }
}

struct Pass<'a> {
    kinds: &'a mut Vec<Kind>,
    /// Products that some sums read no more.
    replaced: Vec<Value>,
}

/// What is known of the values of a body.
#[derive(Default)]
struct Known {
    /// Constants by their bits, and the other way round.
    constants: HashMap<u64, Value>,
    numbers: HashMap<Value, f64>,
    /// Which are made of bits, or such a number times another one.
    bits: HashSet<Value>,
    /// Which are another one times a power of two.
    products: HashMap<Value, (Value, f64)>,
}

/// A sum: the product in it, the other term, and which of them are subtracted.
struct Sum {
    product: Value,
    term: Value,
    is_product_negated: bool,
    is_term_negated: bool,
}

impl Pass<'_> {
    fn contract(&mut self, body: &mut Vec<Statement>) -> Known {
        let mut known = Known::default();
        let room = Vec::with_capacity(body.len());
        for mut statement in std::mem::replace(body, room) {
            match &mut statement {
                Statement::Loop(inner) => {
                    let inside = self.contract(&mut inner.body);
                    if inner.lanes {
                        self.sum_products(&inside, inner);
                    }
                }
                Statement::Let(value, operation) => {
                    if let Some(sum) = known.sum(operation) {
                        *operation = self.in_one(&mut known, &sum, body);
                        self.replaced.push(sum.product);
                    }
                    known.note(*value, operation);
                }
                Statement::Store { .. } | Statement::Product(_) => {}
            }
            body.push(statement);
        }
        known
    }

    fn sum_products(&mut self, known: &Known, inner: &mut Loop) {
        for accumulator in inner.accumulators.iter_mut().filter(|it| it.join == Join::Sum) {
            let element = accumulator.element;
            let product = inner.body.iter().rev().find_map(|statement| match statement {
                Statement::Let(value, Operation::Multiply(a, b)) if *value == element => {
                    Some((*a, *b))
                }
                _ => None,
            });
            if let Some((a, b)) = product.filter(|_| !known.bits.contains(&element)) {
                self.replaced.push(element);
                (accumulator.element, accumulator.factor) = (a, Some(b));
            }
        }
    }

    fn in_one(&mut self, known: &mut Known, sum: &Sum, body: &mut Vec<Statement>) -> Operation {
        let (x, factor) = known.products[&sum.product];
        let factor = if sum.is_product_negated { -factor } else { factor };
        let factor = match known.constants.get(&factor.to_bits()) {
            Some(constant) => *constant,
            None => self.define(known, Operation::Real(factor.to_bits()), body),
        };
        let term = if sum.is_term_negated {
            self.define(known, Operation::Negate(sum.term), body)
        } else {
            sum.term
        };
        Operation::FusedMultiplyAdd(x, factor, term)
    }

    fn define(
        &mut self,
        known: &mut Known,
        operation: Operation,
        body: &mut Vec<Statement>,
    ) -> Value {
        let value = Value(u32::try_from(self.kinds.len()).expect("fewer than 2^32 values"));
        self.kinds.push(Kind::Real);
        known.note(value, &operation);
        body.push(Statement::Let(value, operation));
        value
    }
}

impl Known {
    fn note(&mut self, value: Value, operation: &Operation) {
        match operation {
            Operation::Real(bits) => {
                self.constants.insert(*bits, value);
                self.numbers.insert(value, f64::from_bits(*bits));
            }
            Operation::FromBits(_) => _ = self.bits.insert(value),
            Operation::Multiply(a, b) if self.bits.contains(a) || self.bits.contains(b) => {
                self.bits.insert(value);
            }
            Operation::Multiply(a, b) => {
                let product = self.power(*b).map(|factor| (*a, factor));
                let product = product.or_else(|| Some((*b, self.power(*a)?)));
                self.products.extend(product.map(|product| (value, product)));
            }
            _ => {}
        }
    }

    /// The power of two that a value is.
    fn power(&self, value: Value) -> Option<f64> {
        // Normal in single precision.
        let number = *self.numbers.get(&value)?;
        let is_power = number.abs().log2().fract() == 0.0;
        (is_power && (1e-37..=1e37).contains(&number.abs())).then_some(number)
    }

    fn sum(&self, operation: &Operation) -> Option<Sum> {
        let (a, b, is_difference) = match operation {
            Operation::Add(a, b) => (*a, *b, false),
            Operation::Subtract(a, b) => (*a, *b, true),
            _ => return None,
        };
        let sum = |product, term, is_product_negated, is_term_negated| {
            let is_product = self.products.contains_key(&product);
            is_product.then_some(Sum { product, term, is_product_negated, is_term_negated })
        };
        sum(b, a, is_difference, false).or_else(|| sum(a, b, false, is_difference))
    }
}

/// Gives the values that statements read.
fn find_reads(body: &[Statement], give: &mut impl FnMut(Value)) {
    for statement in body {
        match statement {
            Statement::Let(_, operation) => operation.operands().for_each(&mut *give),
            Statement::Store { subscripts, value, .. } => {
                subscript_values(subscripts).for_each(&mut *give);
                give(*value);
            }
            Statement::Loop(inner) => {
                inner.guard.into_iter().for_each(&mut *give);
                inner.accumulators.iter().flat_map(Accumulator::reads).for_each(&mut *give);
                find_reads(&inner.body, give);
            }
            Statement::Product(_) => {}
        }
    }
}

fn remove(body: &mut Vec<Statement>, unread: &[bool]) {
    body.retain_mut(|statement| match statement {
        Statement::Let(value, _) => !unread[value.0 as usize],
        Statement::Loop(inner) => {
            remove(&mut inner.body, unread);
            true
        }
        Statement::Store { .. } | Statement::Product(_) => true,
    });
}
