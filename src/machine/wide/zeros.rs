//! Selections between a number and 0, which AVX-512 makes with what computes the number.
//!
//! In comes a program, out goes the same one in which masks that mostly select a 0 are the other way round: `select(m, 0, x)` is
//! `select(not m, x, 0)`, where `not m` is found once. Behind the operation that computes an `x` which nothing else reads, such a
//! selection takes no instruction.

use super::uses::read_by;
use crate::hash::{HashMap, HashSet};
use crate::loops::{Accumulator, Join, Kind, Loop, Operation, Program, Statement, Value};

/// Sums of what a mask selects: for each element that an accumulator adds, the mask, and the number that is added where it holds.
pub(super) type Sums = HashMap<Value, [Value; 2]>;

/// Turns masks round, and finds such sums: the selection in front of them is gone, as adding nothing is adding 0. Sums begin with
/// 0, and so never come to −0.
pub(super) fn fold(program: &mut Program) -> Sums {
    let mut finder = Finder {
        constants: HashSet::default(),
        zeros: HashSet::default(),
        counts: vec![[0; 2]; program.kinds.len()],
        uses: vec![0; program.kinds.len()],
        sums: Sums::default(),
    };
    finder.count(&program.body);
    let body = std::mem::take(&mut program.body);
    program.body = finder.turned(&mut program.kinds, body, &mut vec![], false);
    finder.sums
}

struct Finder {
    constants: HashSet<Value>,
    /// Those without bits.
    zeros: HashSet<Value>,
    /// How often each mask selects a 0 where it holds, and where it does not.
    counts: Vec<[usize; 2]>,
    /// How often each value is read.
    uses: Vec<usize>,
    sums: Sums,
}

impl Finder {
    fn count(&mut self, body: &[Statement]) {
        for statement in body {
            match statement {
                Statement::Let(value, Operation::Real(bits)) => {
                    self.constants.insert(*value);
                    self.zeros.extend((*bits == 0).then_some(*value));
                }
                Statement::Let(value, Operation::Integer(0)) => _ = self.zeros.insert(*value),
                Statement::Let(_, Operation::Select(mask, a, b)) => {
                    let counts = &mut self.counts[mask.0 as usize];
                    counts[0] += usize::from(self.zeros.contains(a));
                    counts[1] += usize::from(self.zeros.contains(b));
                }
                Statement::Loop(inner) => self.count(&inner.body),
                _ => {}
            }
            if let Statement::Loop(inner) = statement {
                let read = inner.accumulators.iter().flat_map(Accumulator::reads);
                read.for_each(|value| self.uses[value.0 as usize] += 1);
            } else {
                read_by(statement, &mut |value| self.uses[value.0 as usize] += 1);
            }
        }
    }

    /// A body with masks turned round, given those around it and whether it runs in lanes.
    fn turned(
        &mut self,
        kinds: &mut Vec<Kind>,
        body: Vec<Statement>,
        known: &mut Vec<[Value; 2]>,
        in_lanes: bool,
    ) -> Vec<Statement> {
        let around = known.len();
        let mut written = Vec::with_capacity(body.len());
        for mut statement in body {
            if let Statement::Let(value, Operation::Select(mask, a, b)) = &mut statement
                && kinds[value.0 as usize] != Kind::Mask
                && let Some([_, other]) = known.iter().find(|[of, _]| of == mask)
            {
                *mask = *other;
                std::mem::swap(a, b);
            }
            if let Statement::Loop(inner) = &mut statement {
                let in_lanes = in_lanes || inner.lanes;
                inner.body = self.turned(kinds, std::mem::take(&mut inner.body), known, in_lanes);
                if in_lanes {
                    self.find_sums(kinds, inner);
                }
            }
            let mask = match &statement {
                Statement::Let(value, operation) if self.is_worth_it(*value, operation) => *value,
                _ => {
                    written.push(statement);
                    continue;
                }
            };
            written.push(statement);
            let other = new_mask(kinds);
            written.push(Statement::Let(other, Operation::Not(mask)));
            known.push([mask, other]);
        }
        known.truncate(around);
        written
    }

    fn is_worth_it(&self, value: Value, operation: &Operation) -> bool {
        let Some([holds, fails]) = self.counts.get(value.0 as usize) else { return false };
        !matches!(operation, Operation::Mask(_)) && *holds >= 2 && holds > fails
    }

    /// Takes selections between a number and 0 out of the sums of a loop.
    fn find_sums(&mut self, kinds: &mut Vec<Kind>, inner: &mut Loop) {
        for accumulator in &inner.accumulators {
            let element = accumulator.element;
            let is_sum = accumulator.join == Join::Sum && accumulator.factor.is_none();
            if !is_sum || self.uses[element.0 as usize] != 1 {
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
            let number = if self.zeros.contains(&b) { a } else { b };
            let is_known = self.constants.contains(&number) || find(number).is_some();
            if !is_own || !is_known {
                continue;
            }
            if self.zeros.contains(&b) {
                inner.body.remove(at);
                self.sums.insert(element, [mask, a]);
            } else if self.zeros.contains(&a) {
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
