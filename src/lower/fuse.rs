//! Loops in lanes that stand side by side over one extent, as one loop.
//!
//! In come two such loops, one right behind the other, where what one writes the other reads and writes at the same places
//! only; out goes one that does the work of both. What both compute is computed once, and what the first one writes the
//! second one has as the value that it is.

use super::rows::access;
use crate::hash::HashMap;
use crate::loops::{
    Accumulator, ArrayId, Loop, LoopId, Operation, Program, Statement, Subscript, Value,
};

/// Makes one loop of those that stand side by side.
pub(super) fn fuse_neighbours(program: &mut Program) {
    fuse_in(&mut program.body);
}

fn fuse_in(body: &mut Vec<Statement>) {
    for statement in &mut *body {
        if let Statement::Loop(inner) = statement
            && !inner.lanes
        {
            fuse_in(&mut inner.body);
        }
    }
    body.dedup_by(|second, first| match (first, second) {
        (Statement::Loop(first), Statement::Loop(second)) if may_be_one(first, second) => {
            join(first, second);
            true
        }
        _ => false,
    });
}

/// Whether two loops, one right behind the other, may be one.
fn may_be_one(first: &Loop, second: &Loop) -> bool {
    let is_plain =
        |it: &Loop| it.lanes && it.guard.is_none() && it.behind.is_none() && !it.holds_loops();
    if first.extent != second.extent || !is_plain(first) || !is_plain(second) {
        return false;
    }
    let uses_result = |value: Value| first.accumulators.iter().any(|it| it.result == value);
    let reads_result = second.body.iter().any(|statement| match statement {
        Statement::Let(_, operation) => operation.operands().any(uses_result),
        Statement::Store { value, .. } => uses_result(*value),
        Statement::Loop(_) | Statement::Product(_) => true,
    });
    if reads_result || second.accumulators.iter().flat_map(Accumulator::reads).any(uses_result) {
        return false;
    }
    let elements: Vec<_> = first.body.iter().filter_map(access).collect();
    second.body.iter().filter_map(access).all(|(array, subscripts, writes)| {
        elements.iter().all(|(other, places, is_written)| {
            let are_apart = array != *other || !(writes || *is_written);
            are_apart
                || places.contains(&Subscript::Counter(first.id))
                    && is_same_place(places, subscripts, [first.id, second.id])
        })
    })
}

/// Whether subscripts in one loop and in another one are the same place for the same iteration.
fn is_same_place(first: &[Subscript], second: &[Subscript], [to, from]: [LoopId; 2]) -> bool {
    first.iter().zip(second).all(|(a, b)| *a == b.renamed(|value| value, |id| moved(id, from, to)))
}

fn moved(id: LoopId, from: LoopId, to: LoopId) -> LoopId {
    if id == from { to } else { id }
}

/// Appends the work of the second loop to that of the first one.
fn join(first: &mut Loop, second: &mut Loop) {
    let mut known = Known::default();
    known.operations.reserve(first.body.len() + second.body.len());
    for statement in &first.body {
        known.note(statement);
    }
    let counter = |id| moved(id, second.id, first.id);
    let mut renamed: HashMap<Value, Value> = HashMap::default();
    for statement in second.body.drain(..) {
        let of = |value: Value| renamed.get(&value).copied().unwrap_or(value);
        let statement = match statement {
            Statement::Let(value, operation) => {
                let operation = operation.renamed(of, counter);
                if let Some(same) = known.get(&operation) {
                    renamed.insert(value, same);
                    continue;
                }
                Statement::Let(value, operation)
            }
            Statement::Store { array, mut subscripts, value } => {
                for subscript in &mut subscripts {
                    *subscript = subscript.renamed(of, counter);
                }
                Statement::Store { array, subscripts, value: of(value) }
            }
            other @ (Statement::Loop(_) | Statement::Product(_)) => other,
        };
        known.note(&statement);
        first.body.push(statement);
    }
    let of = |value: Value| renamed.get(&value).copied().unwrap_or(value);
    first.accumulators.extend(second.accumulators.drain(..).map(|mut accumulator| {
        accumulator.element = of(accumulator.element);
        accumulator.factor = accumulator.factor.map(of);
        accumulator
    }));
}

/// The values of operations, and of the elements of arrays as they are by now.
#[derive(Default)]
struct Known {
    operations: HashMap<Operation, Value>,
    elements: HashMap<ArrayId, Vec<(Vec<Subscript>, Value)>>,
}

impl Known {
    fn get(&self, operation: &Operation) -> Option<Value> {
        let Operation::Load(array, subscripts) = operation else {
            return self.operations.get(operation).copied();
        };
        let elements = self.elements.get(array)?;
        elements.iter().find(|(place, _)| place == subscripts).map(|(_, value)| *value)
    }

    fn note(&mut self, statement: &Statement) {
        match statement {
            Statement::Let(value, Operation::Load(array, subscripts)) => {
                self.elements.entry(*array).or_default().push((subscripts.clone(), *value));
            }
            Statement::Let(value, operation) => {
                self.operations.insert(operation.clone(), *value);
            }
            Statement::Store { array, subscripts, value } => {
                self.elements.insert(*array, vec![(subscripts.clone(), *value)]);
            }
            Statement::Loop(_) | Statement::Product(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loops::{Extent, Join};

    const OUTER: LoopId = LoopId(9);

    /// A loop that writes twice an element of one array to an element of another one.
    fn doubling(id: u32, value: u32, [from, to]: [(u32, &[Subscript]); 2]) -> Statement {
        let [read, twice] = [0, 1].map(|next| Value(value + next));
        let body = vec![
            Statement::Let(read, Operation::Load(ArrayId(from.0), from.1.to_vec())),
            Statement::Let(twice, Operation::Add(read, read)),
            Statement::Store { array: ArrayId(to.0), subscripts: to.1.to_vec(), value: twice },
        ];
        let total = Value(value + 2);
        let sum = Accumulator { join: Join::Sum, element: twice, factor: None, result: total };
        Statement::Loop(Box::new(Loop {
            id: LoopId(id),
            extent: Extent::Literal(8),
            lanes: true,
            guard: None,
            behind: None,
            body,
            accumulators: vec![sum],
        }))
    }

    fn fused(mut body: Vec<Statement>) -> Vec<Statement> {
        fuse_in(&mut body);
        body
    }

    #[test]
    fn what_is_written_at_the_same_place_is_not_read_again() {
        let [own, next] =
            [0, 1].map(|id| [Subscript::Counter(OUTER), Subscript::Counter(LoopId(id))]);
        let body =
            vec![doubling(0, 0, [(0, &own), (1, &own)]), doubling(1, 10, [(1, &next), (2, &next)])];
        let fused = fused(body);
        let [Statement::Loop(one)] = &fused[..] else { panic!("{fused:?}") };
        let store = |array, value| Statement::Store {
            array: ArrayId(array),
            subscripts: own.to_vec(),
            value: Value(value),
        };
        assert_eq!(
            one.body[1..],
            [
                Statement::Let(Value(1), Operation::Add(Value(0), Value(0))),
                store(1, 1),
                Statement::Let(Value(11), Operation::Add(Value(1), Value(1))),
                store(2, 11),
            ]
        );
        let elements: Vec<Value> = one.accumulators.iter().map(|it| it.element).collect();
        assert_eq!(elements, [Value(1), Value(11)]);
    }

    #[test]
    fn what_both_compute_is_computed_once_unless_it_changes_in_between() {
        let [own, next] = [0, 1].map(|id| [Subscript::Counter(LoopId(id))]);
        for (written, additions) in [(1, 1), (0, 2)] {
            let body = vec![
                doubling(0, 0, [(0, &own), (written, &own)]),
                doubling(1, 10, [(0, &next), (2, &next)]),
            ];
            let fused = fused(body);
            let [Statement::Loop(one)] = &fused[..] else { panic!("{fused:?}") };
            let count = |is: fn(&Operation) -> bool| {
                let of =
                    |it: &&Statement| matches!(it, Statement::Let(_, operation) if is(operation));
                one.body.iter().filter(of).count()
            };
            assert_eq!(count(|it| matches!(it, Operation::Load(..))), 1, "{one:?}");
            assert_eq!(count(|it| matches!(it, Operation::Add(..))), additions, "{one:?}");
        }
    }

    #[test]
    fn loops_stay_apart_where_one_needs_the_other_to_be_over() {
        let [own, next] = [0, 1].map(|id| [Subscript::Counter(LoopId(id))]);
        let first = || doubling(0, 0, [(0, &own), (1, &own)]);
        let elsewhere = [Subscript::Literal(3)];
        let mut uses_total = doubling(1, 10, [(2, &next), (3, &next)]);
        let mut shorter = doubling(1, 10, [(2, &next), (3, &next)]);
        let (Statement::Loop(with_total), Statement::Loop(short)) = (&mut uses_total, &mut shorter)
        else {
            unreachable!("both are loops")
        };
        with_total.accumulators[0].element = Value(2);
        short.extent = Extent::Literal(7);
        for second in [
            doubling(1, 10, [(1, &elsewhere), (2, &next)]),
            doubling(1, 10, [(2, &next), (0, &[Subscript::Counter(OUTER)])]),
            uses_total,
            shorter,
        ] {
            let pair = vec![first(), second];
            assert_eq!(fused(pair.clone()), pair);
        }
    }
}
