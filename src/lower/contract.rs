//! Sums with products, rounded once.
//!
//! In comes a program, out goes the same one with `x * c + y` as one operation where `c` is a power of two: the product has
//! the digits of `x`, so that not a bit changes where it is a normal number. And sums along loops in lanes take products that are
//! not rounded. As it does not matter what else reads a product, the bits of one result do not depend on which others are
//! asked for. Numbers that are multiplied by bits are left alone: machines have operations for these.

use crate::loops::{
    Accumulator, Join, Kind, Loop, Operation, Program, Statement, Value, insert, subscript_values,
};

/// Writes such sums as one operation each, in a program for machines that have it.
pub(super) fn contract(program: &mut Program) {
    if !program.fused {
        return;
    }
    let facts = vec![(0, Fact::Other); program.kinds.len()];
    let mut pass = Pass { kinds: &mut program.kinds, facts, bodies: 0, replaced: Vec::new() };
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
    /// What is known of each value, and the number of the body that it is known in.
    facts: Vec<(u32, Fact)>,
    /// How many bodies there have been.
    bodies: u32,
    /// Products that some sums read no more.
    replaced: Vec<Value>,
}

/// What is known of a value.
#[derive(Clone, Copy)]
enum Fact {
    Other,
    /// It is this power of two.
    Power(f64),
    /// It is made of bits, or such a number times another one.
    Bits,
    /// It is another one times a power of two.
    Product(Value, f64),
}

/// A body at hand.
struct Body {
    number: u32,
    /// The powers of two so far, by their bits.
    powers: Vec<(u64, Value)>,
    /// Definitions, and the numbers of the statements that they go before.
    added: Vec<(usize, Statement)>,
}

/// A sum: the product in it, which is a value times a power of two, negated where it is subtracted; and the other term.
struct Sum {
    product: Value,
    of: Value,
    factor: f64,
    term: Value,
    is_term_negated: bool,
}

impl Pass<'_> {
    /// Writes the sums of a body; gives its number.
    fn contract(&mut self, statements: &mut Vec<Statement>) -> u32 {
        self.bodies += 1;
        let mut body = Body { number: self.bodies, powers: Vec::new(), added: Vec::new() };
        for (at, statement) in statements.iter_mut().enumerate() {
            match statement {
                Statement::Loop(inner) => {
                    let inside = self.contract(&mut inner.body);
                    if inner.lanes {
                        self.sum_products(inside, inner);
                    }
                }
                Statement::Let(value, operation) => {
                    if let Some(sum) = self.sum(body.number, operation) {
                        *operation = self.in_one(&mut body, at, &sum);
                        self.replaced.push(sum.product);
                    }
                    self.note(&mut body, *value, operation);
                }
                Statement::Store { .. } | Statement::Product(_) => {}
            }
        }
        insert(statements, body.added);
        body.number
    }

    /// What is known of a value in a body.
    fn fact(&self, body: u32, value: Value) -> Fact {
        let (known_in, fact) = self.facts[value.0 as usize];
        if known_in == body { fact } else { Fact::Other }
    }

    fn sum_products(&mut self, body: u32, inner: &mut Loop) {
        for accumulator in inner.accumulators.iter_mut().filter(|it| it.join == Join::Sum) {
            let element = accumulator.element;
            let product = inner.body.iter().rev().find_map(|statement| match statement {
                Statement::Let(value, Operation::Multiply(a, b)) if *value == element => {
                    Some((*a, *b))
                }
                _ => None,
            });
            let is_of_bits = matches!(self.fact(body, element), Fact::Bits);
            if let Some((a, b)) = product.filter(|_| !is_of_bits) {
                self.replaced.push(element);
                (accumulator.element, accumulator.factor) = (a, Some(b));
            }
        }
    }

    /// The sum with a product that an operation is.
    fn sum(&self, body: u32, operation: &Operation) -> Option<Sum> {
        let (a, b, is_difference) = match operation {
            Operation::Add(a, b) => (*a, *b, false),
            Operation::Subtract(a, b) => (*a, *b, true),
            _ => return None,
        };
        let sum = |product, term, is_product_negated, is_term_negated| {
            let Fact::Product(of, factor) = self.fact(body, product) else { return None };
            let factor = if is_product_negated { -factor } else { factor };
            Some(Sum { product, of, factor, term, is_term_negated })
        };
        sum(b, a, is_difference, false).or_else(|| sum(a, b, false, is_difference))
    }

    fn in_one(&mut self, body: &mut Body, at: usize, sum: &Sum) -> Operation {
        let bits = sum.factor.to_bits();
        let factor = match body.powers.iter().rev().find(|(known, _)| *known == bits) {
            Some((_, constant)) => *constant,
            None => self.define(body, at, Operation::Real(bits)),
        };
        let term = if sum.is_term_negated {
            self.define(body, at, Operation::Negate(sum.term))
        } else {
            sum.term
        };
        Operation::FusedMultiplyAdd(sum.of, factor, term)
    }

    fn define(&mut self, body: &mut Body, at: usize, operation: Operation) -> Value {
        let value = Value(u32::try_from(self.kinds.len()).expect("fewer than 2^32 values"));
        self.kinds.push(Kind::Real);
        self.facts.push((body.number, Fact::Other));
        self.note(body, value, &operation);
        body.added.push((at, Statement::Let(value, operation)));
        value
    }

    fn note(&mut self, body: &mut Body, value: Value, operation: &Operation) {
        let fact = match operation {
            Operation::Real(bits) if is_power(f64::from_bits(*bits)) => {
                body.powers.push((*bits, value));
                Fact::Power(f64::from_bits(*bits))
            }
            Operation::FromBits(_) => Fact::Bits,
            Operation::Multiply(a, b) => {
                match [*a, *b].map(|factor| self.fact(body.number, factor)) {
                    [Fact::Bits, _] | [_, Fact::Bits] => Fact::Bits,
                    [_, Fact::Power(factor)] => Fact::Product(*a, factor),
                    [Fact::Power(factor), _] => Fact::Product(*b, factor),
                    _ => return,
                }
            }
            _ => return,
        };
        self.facts[value.0 as usize] = (body.number, fact);
    }
}

/// Whether a number is a power of two, and normal in single precision.
fn is_power(number: f64) -> bool {
    let has_one_digit = number.to_bits() << 12 == 0;
    has_one_digit && (1e-37..=1e37).contains(&number.abs())
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
