//! Short rows as lanes.
//!
//! In comes a program whose innermost loops run in lanes, along rows. Where the rows are independent and short, one
//! row a lane is better: no lane stands idle, and nothing is joined across lanes. Out goes a program in which the loop
//! over the rows runs in lanes and those along them do not. Where the call alone knows how long rows are, both loops
//! stand there, and a guard chooses by the length; that is done for outermost loops, which is for examples of one axis.

use std::collections::HashMap;

use crate::loops::{
    Accumulator, ArrayId, Extent, Kind, Loop, LoopId, Operation, Program, SHORT, Statement,
    Subscript, Value,
};

/// How many loops along a row, and how many statements, may be written twice.
const MOST_LOOPS: usize = 8;
const MOST_STATEMENTS: usize = 1000;

/// Makes lanes of short rows.
pub(super) fn rows_as_lanes(program: &mut Program) {
    let body = std::mem::take(&mut program.body);
    let loops = count_loops(&body);
    let mut writer = Writer { program, loops };
    let body = writer.body(body, true);
    program.body = body;
}

struct Writer<'a> {
    program: &'a mut Program,
    /// How many names of loops are taken.
    loops: u32,
}

impl Writer<'_> {
    fn body(&mut self, body: Vec<Statement>, is_outermost: bool) -> Vec<Statement> {
        let mut written = Vec::with_capacity(body.len());
        for statement in body {
            match statement {
                Statement::Loop(inner) => match length_of_rows(&inner) {
                    Some(extent) if is_outermost || matches!(extent, Extent::Literal(_)) => {
                        self.rows(inner, extent, &mut written);
                    }
                    _ => {
                        let body = self.body(inner.body, false);
                        written.push(Statement::Loop(Loop { body, ..inner }));
                    }
                },
                other => written.push(other),
            }
        }
        written
    }

    /// Writes a loop over independent rows of some length.
    fn rows(&mut self, long: Loop, extent: Extent, written: &mut Vec<Statement>) {
        if let Extent::Literal(_) = extent {
            written.push(Statement::Loop(turned(long)));
            return;
        }
        let length = self.set(written, Kind::Integer, Operation::Extent(extent));
        let most = self.set(written, Kind::Integer, Operation::Integer(i64::from(SHORT)));
        let is_long = self.set(written, Kind::Mask, Operation::IntegerLess(most, length));
        let is_short = self.set(written, Kind::Mask, Operation::Not(is_long));
        let mut copies = Copies::default();
        let short = Loop { guard: Some(is_short), ..turned(self.copy_loop(&long, &mut copies)) };
        let mut long = Loop { guard: Some(is_long), ..long };
        let mut joined = Vec::new();
        for (long, short) in long.accumulators.iter_mut().zip(&short.accumulators) {
            let result = std::mem::replace(&mut long.result, self.value(long.join.kind()));
            let choice = Operation::Select(is_short, short.result, long.result);
            joined.push(Statement::Let(result, choice));
        }
        written.extend([Statement::Loop(short), Statement::Loop(long)]);
        written.extend(joined);
    }

    fn set(&mut self, written: &mut Vec<Statement>, kind: Kind, operation: Operation) -> Value {
        let value = self.value(kind);
        written.push(Statement::Let(value, operation));
        value
    }

    fn value(&mut self, kind: Kind) -> Value {
        self.program.kinds.push(kind);
        Value(u32::try_from(self.program.kinds.len() - 1).expect("fewer than 2^32 values"))
    }

    /// The same loop with names of its own.
    fn copy_loop(&mut self, inner: &Loop, copies: &mut Copies) -> Loop {
        let id = LoopId(self.loops);
        self.loops += 1;
        copies.loops.insert(inner.id, id);
        let body = inner.body.iter().map(|statement| self.copy(statement, copies)).collect();
        let copy = |of: &Accumulator| Accumulator {
            join: of.join,
            element: copies.value(of.element),
            result: self.value(of.join.kind()),
        };
        let accumulators: Vec<Accumulator> = inner.accumulators.iter().map(copy).collect();
        for (old, new) in inner.accumulators.iter().zip(&accumulators) {
            copies.values.insert(old.result, new.result);
        }
        Loop { id, body, accumulators, ..*inner }
    }

    fn copy(&mut self, statement: &Statement, copies: &mut Copies) -> Statement {
        match statement {
            Statement::Let(value, operation) => {
                let new = self.value(self.program.kinds[value.0 as usize]);
                let operation =
                    operation.renamed(|value| copies.value(value), |id| copies.counter(id));
                copies.values.insert(*value, new);
                Statement::Let(new, operation)
            }
            Statement::Store { array, subscripts, value } => Statement::Store {
                array: *array,
                subscripts: copies.subscripts(subscripts),
                value: copies.value(*value),
            },
            Statement::Loop(inner) => Statement::Loop(self.copy_loop(inner, copies)),
        }
    }
}

/// What copies are called.
#[derive(Default)]
struct Copies {
    values: HashMap<Value, Value>,
    loops: HashMap<LoopId, LoopId>,
}

impl Copies {
    fn value(&self, value: Value) -> Value {
        self.values.get(&value).copied().unwrap_or(value)
    }

    fn counter(&self, id: LoopId) -> LoopId {
        self.loops.get(&id).copied().unwrap_or(id)
    }

    fn subscripts(&self, subscripts: &[Subscript]) -> Vec<Subscript> {
        let copy = |it: &Subscript| it.renamed(|value| self.value(value), |id| self.counter(id));
        subscripts.iter().map(copy).collect()
    }
}

/// The loop in lanes, and those in its body not.
fn turned(mut outer: Loop) -> Loop {
    outer.lanes = true;
    for statement in &mut outer.body {
        if let Statement::Loop(inner) = statement {
            inner.lanes = false;
        }
    }
    outer
}

/// How long the rows are that a loop goes over, if it may run in lanes in place of the loops along them.
fn length_of_rows(outer: &Loop) -> Option<Extent> {
    let mut extent = None;
    let (mut loops, mut statements) = (0, outer.body.len());
    for statement in &outer.body {
        let Statement::Loop(inner) = statement else { continue };
        loops += 1;
        statements += inner.body.len();
        let is_alike = extent.is_none_or(|known| known == inner.extent);
        if !inner.lanes || inner.holds_loops() || inner.guard.is_some() || !is_alike {
            return None;
        }
        extent = Some(inner.extent);
    }
    let is_short = match extent? {
        Extent::Literal(literal) => literal <= SHORT,
        Extent::Given(_) => loops <= MOST_LOOPS && statements <= MOST_STATEMENTS,
    };
    (!outer.lanes && is_short && is_independent(outer)).then_some(extent?)
}

/// Whether no iteration reads or writes what another one writes.
fn is_independent(outer: &Loop) -> bool {
    let mut accesses: Vec<(ArrayId, &[Subscript])> = Vec::new();
    let mut written: Vec<ArrayId> = Vec::new();
    let mut open = vec![&outer.body];
    while let Some(body) = open.pop() {
        for statement in body {
            match statement {
                Statement::Let(_, Operation::Load(array, subscripts)) => {
                    accesses.push((*array, subscripts));
                }
                Statement::Let(..) => {}
                Statement::Store { array, subscripts, .. } => {
                    accesses.push((*array, subscripts));
                    written.push(*array);
                }
                Statement::Loop(inner) => open.push(&inner.body),
            }
        }
    }
    let own = Subscript::Counter(outer.id);
    written.iter().all(|array| {
        let mut places = accesses
            .iter()
            .filter(|(accessed, _)| accessed == array)
            .map(|(_, subscripts)| subscripts.iter().position(|subscript| *subscript == own));
        let first = places.next().flatten();
        first.is_some() && places.all(|place| place == first)
    })
}

fn count_loops(body: &[Statement]) -> u32 {
    let in_body = body.iter().map(|statement| match statement {
        Statement::Loop(inner) => (inner.id.0 + 1).max(count_loops(&inner.body)),
        Statement::Let(..) | Statement::Store { .. } => 0,
    });
    in_body.max().unwrap_or(0)
}
