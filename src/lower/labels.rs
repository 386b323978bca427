//! The element at a label, written behind the loop that writes its row.
//!
//! In comes a program in which a loop in lanes writes `if k == label { there } else { elsewhere }` for each place `k` of a row; out
//! goes one in which it writes what is elsewhere, and the row's element at the label is written once more, behind the loop. That
//! is done where the label is known to point into the row: there is a load from that very place. The place of a label that
//! may be missing is 0 then, where both sides are the same.

use std::collections::BTreeMap;

use crate::loops::{
    Accumulator, ArrayId, Extent, Loop, LoopId, Operation, Program, Statement, Subscript, Value,
    subscript_values,
};

/// Writes the elements at labels behind the loops over their rows.
pub(super) fn write_labels_apart(program: &mut Program) {
    if !has_places(&program.body) {
        return;
    }
    let mut body = std::mem::take(&mut program.body);
    let mut writer = Writer { program, open: Vec::new(), places: BTreeMap::new() };
    writer.body(&mut body);
    program.body = body;
}

struct Writer<'a> {
    program: &'a Program,
    /// What has been written of the bodies around.
    open: Vec<Vec<Statement>>,
    /// Values in scope that point into axes of these extents.
    places: BTreeMap<Value, Vec<Extent>>,
}

/// A store of what is at a label, or elsewhere.
struct Choice {
    at: usize,
    selected: Value,
    there: Value,
    elsewhere: Value,
    place: Value,
}

impl Writer<'_> {
    fn body(&mut self, body: &mut Vec<Statement>) {
        self.open.push(Vec::with_capacity(body.len()));
        for mut statement in std::mem::take(body) {
            let mut behind = Vec::new();
            match &mut statement {
                Statement::Let(_, operation) => self.note_places(operation),
                Statement::Loop(inner) if !inner.lanes => self.body(&mut inner.body),
                Statement::Loop(inner) if inner.guard.is_none() && inner.behind.is_none() => {
                    self.row(inner, &mut behind);
                }
                Statement::Loop(_) | Statement::Store { .. } | Statement::Product(_) => {}
            }
            let written = self.open.last_mut().expect("the body at hand");
            written.push(statement);
            written.extend(behind);
        }
        *body = self.open.pop().expect("the body at hand");
        self.places.retain(|place, _| definition(body, *place).is_none());
    }

    /// What a value in scope is.
    fn definition(&self, value: Value) -> Option<&Operation> {
        self.open.iter().rev().find_map(|body| definition(body, value))
    }

    fn note_places(&mut self, operation: &Operation) {
        let Operation::Load(array, subscripts) = operation else { return };
        let extents = &self.program.arrays[array.0 as usize].extents;
        for (subscript, extent) in subscripts.iter().zip(extents) {
            if let Subscript::Value(place) = subscript {
                self.places.entry(*place).or_default().push(*extent);
            }
        }
    }

    /// Takes the choices of a loop along a row apart.
    fn row(&self, row: &mut Loop, behind: &mut Vec<Statement>) {
        if row.holds_loops() {
            return;
        }
        let is_store = |statement: &Statement| matches!(statement, Statement::Store { .. });
        for nth in 0..row.body.iter().filter(|it| is_store(it)).count() {
            let mut stores = (0..row.body.len()).filter(|at| is_store(&row.body[*at]));
            let at = stores.nth(nth).expect("stores stay");
            let Some(choice) = self.choice(row, at) else { continue };
            let Statement::Store { array, subscripts, value } = &mut row.body[choice.at] else {
                unreachable!("it was found by its store")
            };
            *value = choice.elsewhere;
            let subscripts = subscripts.iter().map(|subscript| match *subscript {
                Subscript::Counter(id) if id == row.id => Subscript::Value(choice.place),
                other => other,
            });
            let (array, subscripts) = (*array, subscripts.collect());
            behind.push(Statement::Store { array, subscripts, value: choice.there });
            // What nobody uses any more goes.
            let mut unused = vec![choice.selected];
            while let Some(value) = unused.pop() {
                if let Some(at) = position_of(&row.body, value)
                    && uses(row, value) == 0
                    && let Statement::Let(_, operation) = row.body.remove(at)
                {
                    unused.extend(operation.operands());
                }
            }
        }
    }

    fn choice(&self, row: &Loop, at: usize) -> Option<Choice> {
        let Statement::Store { array, subscripts, value: selected } = &row.body[at] else {
            return None;
        };
        let Operation::Select(mask, there, elsewhere) = *definition(&row.body, *selected)? else {
            return None;
        };
        let Operation::IntegerEqual(a, b) = *definition(&row.body, mask)? else { return None };
        let is_counter = |value: Value| {
            definition(&row.body, value).is_some_and(|it| *it == Operation::Counter(row.id))
        };
        let label = match (is_counter(a), is_counter(b)) {
            (true, false) => b,
            (false, true) => a,
            _ => return None,
        };
        let is_outside = |value: Value| self.definition(value).is_some();
        let is_whole = self.is_along(*array, subscripts, row.id, row.extent)
            && uses(row, *selected) == 1
            && !row.body[at..].iter().any(|it| loads(it, *array));
        if !is_whole || !is_outside(label) || !is_outside(there) {
            return None;
        }
        let place = self.place(row, label, [there, elsewhere])?;
        Some(Choice { at, selected: *selected, there, elsewhere, place })
    }

    /// Whether an array is written along just the axis of a loop.
    fn is_along(
        &self,
        array: ArrayId,
        subscripts: &[Subscript],
        id: LoopId,
        extent: Extent,
    ) -> bool {
        let extents = &self.program.arrays[array.0 as usize].extents;
        let mut along = subscripts
            .iter()
            .zip(extents)
            .filter(|(subscript, _)| **subscript == Subscript::Counter(id));
        along.next().is_some_and(|(_, own)| *own == extent) && along.next().is_none()
    }

    /// Where a label points to in a row, if it surely does, or if both sides are the same where it does not.
    fn place(&self, row: &Loop, label: Value, sides: [Value; 2]) -> Option<Value> {
        let is_place = |value: &Value| {
            self.places.get(value).is_some_and(|extents| extents.contains(&row.extent))
        };
        if is_place(&label) {
            return Some(label);
        }
        let is_zero = |value: Value| self.definition(value) == Some(&Operation::Integer(0));
        let mut optional = self.places.keys().filter(|value| is_place(value)).filter_map(|place| {
            let Operation::Select(missing, zero, other) = *self.definition(*place)? else {
                return None;
            };
            let Operation::IntegerLess(tested, least) = *self.definition(missing)? else {
                return None;
            };
            let fits = other == label && tested == label && is_zero(zero) && is_zero(least);
            fits.then_some((*place, missing))
        });
        let (place, missing) = optional.next()?;
        let [there, elsewhere] = sides.map(|side| self.constant_where(row, side, missing));
        (there? == elsewhere?).then_some(place)
    }

    /// The constant that a value is where a mask holds.
    fn constant_where(&self, row: &Loop, value: Value, mask: Value) -> Option<u64> {
        let known = |value: Value| self.definition(value).or_else(|| definition(&row.body, value));
        match known(value)? {
            Operation::Select(condition, constant, _) if *condition == mask => {
                match known(*constant)? {
                    Operation::Real(bits) => Some(*bits),
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

/// Whether there is a value outside of lanes that points to an element.
fn has_places(body: &[Statement]) -> bool {
    body.iter().any(|statement| match statement {
        Statement::Let(_, Operation::Load(_, subscripts)) => {
            subscript_values(subscripts).next().is_some()
        }
        Statement::Loop(inner) => !inner.lanes && has_places(&inner.body),
        Statement::Let(..) | Statement::Store { .. } | Statement::Product(_) => false,
    })
}

fn position_of(body: &[Statement], value: Value) -> Option<usize> {
    body.iter().position(|it| matches!(it, Statement::Let(defined, _) if *defined == value))
}

fn definition(body: &[Statement], value: Value) -> Option<&Operation> {
    match &body[position_of(body, value)?] {
        Statement::Let(_, operation) => Some(operation),
        _ => None,
    }
}

fn loads(statement: &Statement, array: ArrayId) -> bool {
    matches!(statement, Statement::Let(_, Operation::Load(from, _)) if *from == array)
}

/// How often a loop uses a value.
fn uses(row: &Loop, value: Value) -> usize {
    let of = |statement: &Statement| match statement {
        Statement::Let(_, operation) => operation.operands().filter(|used| *used == value).count(),
        Statement::Store { subscripts, value: stored, .. } => {
            let places = subscript_values(subscripts).filter(|used| *used == value).count();
            places + usize::from(*stored == value)
        }
        Statement::Loop(_) | Statement::Product(_) => 0,
    };
    let joined =
        row.accumulators.iter().flat_map(Accumulator::reads).filter(|read| *read == value).count();
    joined + row.body.iter().map(of).sum::<usize>()
}
