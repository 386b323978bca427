//! Selections between a number and 0, which AVX-512 makes with what computes the number.
//!
//! In comes a program, out goes the same one in which masks that mostly select a 0 are the other way round: `select(m, 0, x)` is
//! `select(not m, x, 0)`, where `not m` is found once. Behind the operation that computes an `x` which nothing else reads, such a
//! selection takes no instruction.

use super::uses::read_by;
use crate::hash::HashMap;
use crate::loops::{Accumulator, Join, Kind, Loop, Operation, Program, Statement, Value, insert};

/// Sums of what a mask selects: for each element that an accumulator adds, the mask, and the number that is added where it holds.
pub(super) type Sums = HashMap<Value, [Value; 2]>;

/// Turns masks round, and finds such sums: the selection in front of them is gone, as adding nothing is adding 0. Sums begin with
/// 0, and so never come to −0.
pub(super) fn fold(program: &mut Program) -> Sums {
    let mut finder = Finder {
        constants: vec![false; program.kinds.len()],
        zeros: vec![false; program.kinds.len()],
        counts: vec![[0; 2]; program.kinds.len()],
        sums: Sums::default(),
    };
    finder.count(&program.body);
    finder.turn(&mut program.kinds, &mut program.body, &mut vec![], false);
    finder.sums
}

struct Finder {
    /// Which values are real constants.
    constants: Vec<bool>,
    /// Which are constants without bits.
    zeros: Vec<bool>,
    /// How often each mask selects a 0 where it holds, and where it does not.
    counts: Vec<[usize; 2]>,
    sums: Sums,
}

impl Finder {
    fn count(&mut self, body: &[Statement]) {
        for statement in body {
            match statement {
                Statement::Let(value, Operation::Real(bits)) => {
                    self.constants[value.0 as usize] = true;
                    self.zeros[value.0 as usize] = *bits == 0;
                }
                Statement::Let(value, Operation::Integer(0)) => {
                    self.zeros[value.0 as usize] = true;
                }
                Statement::Let(_, Operation::Select(mask, a, b)) => {
                    let counts = &mut self.counts[mask.0 as usize];
                    counts[0] += usize::from(self.zeros[a.0 as usize]);
                    counts[1] += usize::from(self.zeros[b.0 as usize]);
                }
                Statement::Loop(inner) => self.count(&inner.body),
                _ => {}
            }
        }
    }

    /// Turns masks of a body round, given those around it that were and whether it runs in lanes.
    fn turn(
        &mut self,
        kinds: &mut Vec<Kind>,
        body: &mut Vec<Statement>,
        known: &mut Vec<[Value; 2]>,
        in_lanes: bool,
    ) {
        let around = known.len();
        let mut opposites = vec![];
        for (at, statement) in body.iter_mut().enumerate() {
            match statement {
                Statement::Let(value, operation) => {
                    if let Operation::Select(mask, a, b) = operation
                        && kinds[value.0 as usize] != Kind::Mask
                        && let Some([_, other]) = known.iter().find(|[of, _]| of == mask)
                    {
                        *mask = *other;
                        std::mem::swap(a, b);
                    }
                    if self.is_worth_it(*value, operation) {
                        let other = new_mask(kinds);
                        opposites.push((at + 1, Statement::Let(other, Operation::Not(*value))));
                        known.push([*value, other]);
                    }
                }
                Statement::Loop(inner) => {
                    let in_lanes = in_lanes || inner.lanes;
                    self.turn(kinds, &mut inner.body, known, in_lanes);
                    if in_lanes {
                        self.find_sums(kinds, inner);
                    }
                }
                Statement::Store { .. } | Statement::Product(_) => {}
            }
        }
        insert(body, opposites);
        known.truncate(around);
    }

    fn is_worth_it(&self, value: Value, operation: &Operation) -> bool {
        let Some([holds, fails]) = self.counts.get(value.0 as usize) else { return false };
        !matches!(operation, Operation::Mask(_)) && *holds >= 2 && holds > fails
    }

    /// How often a loop reads a value, those of its sums included that were found.
    fn count_reads(&self, inner: &Loop, value: Value) -> usize {
        let mut count = 0;
        let mut read = |it: Value| count += usize::from(it == value);
        inner.body.iter().for_each(|statement| read_by(statement, &mut read));
        for element in inner.accumulators.iter().flat_map(Accumulator::reads) {
            read(element);
            self.sums.get(&element).into_iter().flatten().copied().for_each(&mut read);
        }
        count
    }

    /// Takes selections between a number and 0 out of the sums of a loop.
    fn find_sums(&mut self, kinds: &mut Vec<Kind>, inner: &mut Loop) {
        for accumulator in &inner.accumulators {
            let element = accumulator.element;
            let is_sum = accumulator.join == Join::Sum && accumulator.factor.is_none();
            if !is_sum {
                continue;
            }
            let defines = |statement: &Statement, wanted: Value| match statement {
                Statement::Let(value, operation) if *value == wanted => Some(operation.clone()),
                _ => None,
            };
            let find = |wanted: Value| {
                let mut all = inner.body.iter().enumerate();
                all.find_map(|(at, it)| Some((at, defines(it, wanted)?)))
            };
            let Some((at, Operation::Select(mask, a, b))) = find(element) else { continue };
            let is_own = find(mask).is_some_and(|(_, it)| !matches!(it, Operation::Mask(_)));
            // What is used in a loop is known by what its statements and accumulators read: nothing else may come from outside.
            let number = if self.zeros[b.0 as usize] { a } else { b };
            let is_known = self.constants[number.0 as usize] || find(number).is_some();
            if !is_own || !is_known || self.count_reads(inner, element) != 1 {
                continue;
            }
            if self.zeros[b.0 as usize] {
                inner.body.remove(at);
                self.sums.insert(element, [mask, a]);
            } else if self.zeros[a.0 as usize] {
                let other = new_mask(kinds);
                inner.body[at] = Statement::Let(other, Operation::Not(mask));
                self.sums.insert(element, [other, b]);
            }
        }
    }
}

fn new_mask(kinds: &mut Vec<Kind>) -> Value {
    kinds.push(Kind::Mask);
    Value(u32::try_from(kinds.len() - 1).expect("fewer than 2^32 values"))
}
