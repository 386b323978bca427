//! Short loops written out.
//!
//! In comes a program with short rows as lanes: loops in lanes whose inner loops go along a row. Where the length of that row is
//! a number, out goes straight-line code instead of the inner loops, with the same operations in the same order. What one of
//! them leaves to a later one in an array is then a value, which needs no memory. Where all of them would be too long, those with
//! little in them are written out alone.

use super::rows::access;
use crate::hash::HashMap;
use crate::loops::{
    ArrayId, Extent, Join, Kind, Loop, LoopId, Operation, Program, SHORT, Statement, Subscript,
    Value,
};

/// How many statements the body of a loop in lanes may come to have: of more, as machine code, a CPU keeps too few decoded.
const MOST_STATEMENTS: usize = 256;

/// How many statements a loop may come to that is written out though others beside it are not: it takes less than counting does.
/// All of them together come to no more than [`MOST_STATEMENTS`].
const FEW_STATEMENTS: usize = 128;

/// Writes out the short loops inside of loops in lanes.
pub(super) fn unroll(program: &mut Program) {
    unroll_body(&mut program.kinds, &mut program.body);
}

fn unroll_body(kinds: &mut Vec<Kind>, body: &mut [Statement]) {
    for statement in body {
        let Statement::Loop(inner) = statement else { continue };
        if !inner.lanes {
            unroll_body(kinds, &mut inner.body);
        } else if inner.holds_loops() && !is_short(&inner.body) {
            let body = std::mem::take(&mut inner.body);
            inner.body = with_small_loops_written_out(kinds, body);
        } else if inner.holds_loops() {
            let mut writer = Writer::new(kinds);
            for statement in &inner.body {
                writer.statement(statement);
            }
            let Some(direct) = without_arrays(inner, writer.written) else { continue };
            inner.body = direct.body;
            let renamed = |value| direct.renamed.of(writer.renamed.of(value));
            for accumulator in &mut inner.accumulators {
                accumulator.element = renamed(accumulator.element);
                accumulator.factor = accumulator.factor.map(renamed);
            }
        }
    }
}

/// A body whose loops with little in them are straight-line code; what they come to keeps its name.
fn with_small_loops_written_out(kinds: &mut Vec<Kind>, body: Vec<Statement>) -> Vec<Statement> {
    let mut writer = Writer::new(kinds);
    let mut left = MOST_STATEMENTS;
    for statement in body {
        match statement {
            Statement::Loop(inner) => match statements_of_small(&inner) {
                Some(statements) if statements <= left => {
                    left -= statements;
                    writer.write_out(&inner);
                    inner.accumulators.iter().for_each(|it| writer.keep_name(it.result));
                }
                _ => writer.written.push(Statement::Loop(inner)),
            },
            other => writer.written.push(other),
        }
    }
    writer.written
}

/// How many statements a loop comes to, if they are few.
fn statements_of_small(inner: &Loop) -> Option<usize> {
    let Extent::Literal(length) = inner.extent else { return None };
    // Partial results have a place only inside of loops.
    let is_partial = |subscript: &Subscript| matches!(subscript, Subscript::Partial(_));
    let is_plain = inner.guard.is_none()
        && !inner.holds_loops()
        && !inner.body.iter().filter_map(access).any(|(_, at, _)| at.iter().any(is_partial));
    if !is_plain || !(2..=SHORT).contains(&length) {
        return None;
    }
    let statements = length as usize * (inner.body.len() + inner.accumulators.len());
    (statements <= FEW_STATEMENTS).then_some(statements)
}

/// Whether the loops of a body have lengths that are small numbers, and hold none themselves.
fn is_short(body: &[Statement]) -> bool {
    let mut statements = 0;
    for statement in body {
        statements += match statement {
            Statement::Let(..) | Statement::Store { .. } => 1,
            Statement::Product(_) => return false,
            Statement::Loop(inner) => match inner.extent {
                Extent::Literal(length) if length <= SHORT && !inner.holds_loops() => {
                    length as usize * (inner.body.len() + inner.accumulators.len())
                }
                Extent::Literal(_) | Extent::Given(_) => return false,
            },
        };
    }
    statements <= MOST_STATEMENTS
}

/// What values are called now.
#[derive(Default)]
struct Renamed(HashMap<Value, Value>);

impl Renamed {
    fn of(&self, value: Value) -> Value {
        self.0.get(&value).copied().unwrap_or(value)
    }
}

struct Writer<'a> {
    kinds: &'a mut Vec<Kind>,
    written: Vec<Statement>,
    renamed: Renamed,
    /// Constants are written once.
    constants: HashMap<Operation, Value>,
}

impl<'a> Writer<'a> {
    fn new(kinds: &'a mut Vec<Kind>) -> Self {
        Self { kinds, written: vec![], renamed: Renamed::default(), constants: HashMap::default() }
    }

    fn statement(&mut self, statement: &Statement) {
        match statement {
            Statement::Let(..) | Statement::Store { .. } => self.copy(statement, None),
            Statement::Loop(inner) => self.write_out(inner),
            Statement::Product(_) => unreachable!("there are none inside of lanes"),
        }
    }

    fn write_out(&mut self, inner: &Loop) {
        let Extent::Literal(length) = inner.extent else {
            unreachable!("the length is a number");
        };
        let mut totals: Vec<Option<Value>> = vec![None; inner.accumulators.len()];
        for place in 0..length {
            for statement in &inner.body {
                self.copy(statement, Some((inner.id, place)));
            }
            for (accumulator, total) in inner.accumulators.iter().zip(&mut totals) {
                let element = self.renamed.of(accumulator.element);
                *total = Some(self.join(accumulator.join, *total, element));
            }
        }
        for (accumulator, total) in inner.accumulators.iter().zip(totals) {
            let total = total.unwrap_or_else(|| self.neutral(accumulator.join));
            self.renamed.0.insert(accumulator.result, total);
        }
    }

    /// Gives what a loop came to the name that it had; it was joined from at least two elements.
    fn keep_name(&mut self, result: Value) {
        let total = self.renamed.of(result);
        let joined = self.written.iter_mut().rev().find_map(|statement| match statement {
            Statement::Let(value, _) if *value == total => Some(value),
            _ => None,
        });
        *joined.expect("it is joined by a statement") = result;
        self.renamed.0.remove(&result);
    }

    /// A statement, that of one iteration of a loop if it is from there.
    fn copy(&mut self, statement: &Statement, iteration: Option<(LoopId, u32)>) {
        let place = |subscript: &Subscript| match (subscript, iteration) {
            (Subscript::Counter(id), Some((own, at))) if *id == own => Subscript::Literal(at),
            _ => subscript.renamed(|value| self.renamed.of(value), |id| id),
        };
        let places = |subscripts: &[Subscript]| subscripts.iter().map(place).collect();
        match statement {
            Statement::Let(value, operation) => {
                let operation = match (operation, iteration) {
                    (Operation::Counter(id), Some((own, at))) if *id == own => {
                        Operation::Integer(at.into())
                    }
                    (Operation::Load(array, subscripts), _) => {
                        Operation::Load(*array, places(subscripts))
                    }
                    _ => operation.renamed(|value| self.renamed.of(value), |id| id),
                };
                let kind = self.kinds[value.0 as usize];
                let new = self.set(kind, operation);
                self.renamed.0.insert(*value, new);
            }
            Statement::Store { array, subscripts, value } => {
                let (subscripts, value) = (places(subscripts), self.renamed.of(*value));
                self.written.push(Statement::Store { array: *array, subscripts, value });
            }
            Statement::Loop(_) | Statement::Product(_) => unreachable!("inner loops hold none"),
        }
    }

    fn set(&mut self, kind: Kind, operation: Operation) -> Value {
        use Operation::{Integer, Mask, Real};
        let is_constant = matches!(operation, Real(_) | Integer(_) | Mask(_));
        if is_constant && let Some(known) = self.constants.get(&operation) {
            return *known;
        }
        self.kinds.push(kind);
        let value = Value(u32::try_from(self.kinds.len() - 1).expect("fewer than 2^32 values"));
        if is_constant {
            self.constants.insert(operation.clone(), value);
        }
        self.written.push(Statement::Let(value, operation));
        value
    }

    /// What an accumulator has after an element. What is neutral to a maximum, a minimum, or masks changes no bits of the first.
    fn join(&mut self, join: Join, total: Option<Value>, element: Value) -> Value {
        let total = match (total, join) {
            (Some(total), _) => total,
            (None, Join::Sum | Join::Product) => self.neutral(join),
            (None, Join::Maximum | Join::Minimum | Join::Any | Join::All) => return element,
        };
        let operation = match join {
            Join::Sum => Operation::Add(total, element),
            Join::Product => Operation::Multiply(total, element),
            Join::Maximum => Operation::Maximum(total, element),
            Join::Minimum => Operation::Minimum(total, element),
            Join::Any => Operation::Or(total, element),
            Join::All => Operation::And(total, element),
        };
        self.set(join.kind(), operation)
    }

    fn neutral(&mut self, join: Join) -> Value {
        self.set(join.kind(), join.neutral())
    }
}

/// A body in which values go from one statement to another without memory.
struct Direct {
    body: Vec<Statement>,
    renamed: Renamed,
}

/// Reads what was written as the value that it is, and writes no element twice; none if lanes would need memory of their own.
fn without_arrays(lanes: &Loop, written: Vec<Statement>) -> Option<Direct> {
    let mut apart: HashMap<ArrayId, Option<Vec<Subscript>>> = HashMap::default();
    for (array, subscripts, _) in written.iter().filter_map(access) {
        let known = apart.entry(array).or_insert_with(|| Some(subscripts.to_vec()));
        let is_apart = |known: &Vec<Subscript>| known.iter().zip(subscripts).all(are_apart);
        *known = known.take().filter(is_apart);
    }
    let is_apart = |array: &ArrayId| apart.get(array).is_some_and(Option::is_some);
    let own = |subscripts: &[Subscript]| subscripts.contains(&Subscript::Partial(lanes.id));
    let mut renamed = Renamed::default();
    let mut elements: HashMap<(ArrayId, Vec<Subscript>), (Value, usize)> = HashMap::default();
    let mut body: Vec<Option<Statement>> = Vec::with_capacity(written.len());
    for statement in written {
        let statement = match statement {
            Statement::Let(value, Operation::Load(array, subscripts)) => {
                let place = (array, renamed_places(&renamed, &subscripts));
                if let Some((known, _)) = elements.get(&place) {
                    renamed.0.insert(value, *known);
                    continue;
                }
                if own(&place.1) {
                    return None;
                }
                Statement::Let(value, Operation::Load(place.0, place.1))
            }
            Statement::Let(value, operation) => {
                Statement::Let(value, operation.renamed(|it| renamed.of(it), |id| id))
            }
            Statement::Store { array, subscripts, value } => {
                let (value, subscripts) =
                    (renamed.of(value), renamed_places(&renamed, &subscripts));
                if is_apart(&array) {
                    let place = (array, subscripts.clone());
                    let last = elements.insert(place, (value, body.len()));
                    if let Some((_, overwritten)) = last {
                        body[overwritten] = None;
                    }
                    if own(&subscripts) {
                        body.push(None);
                        continue;
                    }
                } else if own(&subscripts) {
                    return None;
                }
                Statement::Store { array, subscripts, value }
            }
            Statement::Loop(_) | Statement::Product(_) => unreachable!("loops are written out"),
        };
        body.push(Some(statement));
    }
    Some(Direct { body: body.into_iter().flatten().collect(), renamed })
}

fn renamed_places(renamed: &Renamed, subscripts: &[Subscript]) -> Vec<Subscript> {
    subscripts.iter().map(|it| it.renamed(|value| renamed.of(value), |id| id)).collect()
}

/// Whether two subscripts of one axis that are written differently are different places.
fn are_apart((a, b): (&Subscript, &Subscript)) -> bool {
    match (a, b) {
        (Subscript::Literal(_), Subscript::Literal(_)) => true,
        (Subscript::Counter(a), Subscript::Counter(b))
        | (Subscript::Partial(a), Subscript::Partial(b)) => a == b,
        _ => false,
    }
}
