//! When values are used: what a body reads, and where.

use std::collections::{BTreeMap, HashSet};

use crate::loops::{Loop, Operation, Precision, Program, Statement, Value, subscript_values};

/// The constants of a program, by value.
pub(super) struct Constants(Vec<Option<Operation>>);

impl Constants {
    pub(super) fn of(program: &Program) -> Self {
        let mut constants = Self(vec![None; program.kinds.len()]);
        constants.collect(&program.body, program.precision);
        constants
    }

    fn collect(&mut self, body: &[Statement], precision: Precision) {
        for statement in body {
            match statement {
                Statement::Let(
                    value,
                    constant @ (Operation::Real(_) | Operation::Integer(_) | Operation::Mask(_)),
                ) => self.0[value.0 as usize] = Some(constant.clone()),
                Statement::Let(value, Operation::Bits(of)) => {
                    self.0[value.0 as usize] = self.get(*of).and_then(|of| bits(of, precision));
                }
                Statement::Let(..) | Statement::Store { .. } | Statement::Product(_) => {}
                Statement::Loop(inner) => self.collect(&inner.body, precision),
            }
        }
    }

    pub(super) fn get(&self, value: Value) -> Option<&Operation> {
        self.0[value.0 as usize].as_ref()
    }
}

/// The bits of a constant real, as a constant integer.
fn bits(real: &Operation, precision: Precision) -> Option<Operation> {
    let Operation::Real(real) = real else { return None };
    let bits = match precision {
        #[expect(clippy::cast_possible_truncation, reason = "rounding is what is asked for")]
        Precision::F32 => (f64::from_bits(*real) as f32).to_bits().cast_signed().into(),
        Precision::F64 => real.cast_signed(),
    };
    Some(Operation::Integer(bits))
}

/// Where a body uses values: places in it, in order.
#[derive(Debug, Default)]
pub(super) struct Uses {
    places: BTreeMap<Value, Vec<usize>>,
    /// Where the body itself defines values, results of its loops included.
    definitions: BTreeMap<Value, usize>,
}

impl Uses {
    /// Of a body, at whose end some values are used once more. Constants do not count.
    pub(super) fn of(
        constants: &Constants,
        body: &[Statement],
        end: impl IntoIterator<Item = Value>,
    ) -> Self {
        let mut uses = Self::default();
        for (place, statement) in body.iter().enumerate() {
            let mut read = vec![];
            read_by(statement, &mut read);
            for value in read {
                uses.note(constants, value, place);
            }
            for value in defined_by(statement) {
                uses.definitions.insert(value, place);
            }
        }
        for value in end {
            uses.note(constants, value, body.len());
        }
        // What a loop inside defines for itself is nobody's concern here.
        let definitions = &uses.definitions;
        let inside = definitions_inside(body);
        uses.places.retain(|value, _| definitions.contains_key(value) || !inside.contains(value));
        uses
    }

    fn note(&mut self, constants: &Constants, value: Value, place: usize) {
        if constants.get(value).is_some() {
            return;
        }
        let places = self.places.entry(value).or_default();
        if places.last() != Some(&place) {
            places.push(place);
        }
    }

    /// The first use at a place or behind it.
    pub(super) fn next(&self, value: Value, place: usize) -> Option<usize> {
        let places = self.places.get(&value)?;
        places.get(places.partition_point(|used| *used < place)).copied()
    }

    /// The values whose last use is at a place.
    pub(super) fn ending(&self, place: usize) -> Vec<Value> {
        let ends = self.places.iter().filter(|(_, places)| places.last() == Some(&place));
        ends.map(|(value, _)| *value).collect()
    }

    /// Whether the body itself defines a value.
    pub(super) fn defines(&self, value: Value) -> bool {
        self.definitions.contains_key(&value)
    }

    /// How often the body uses each value that it does not define.
    pub(super) fn outside(&self) -> Vec<(Value, usize)> {
        let outside = self.places.iter().filter(|(value, _)| !self.defines(**value));
        let mut outside: Vec<_> = outside.map(|(value, places)| (*value, places.len())).collect();
        outside.sort_unstable();
        outside
    }

    /// How many values that the body defines are in use at the same time, at most.
    pub(super) fn pressure(&self) -> usize {
        let mut changes: Vec<(usize, bool)> = vec![];
        for (value, places) in &self.places {
            if let Some(definition) = self.definitions.get(value) {
                changes.push((*definition, true));
                changes.push((*places.last().expect("a place of use"), false));
            }
        }
        changes.sort_unstable();
        let (mut now, mut most) = (0usize, 0);
        for (_, begins) in changes {
            now = if begins { now + 1 } else { now.saturating_sub(1) };
            most = most.max(now);
        }
        most
    }
}

/// The values that a statement reads, those of loops inside included.
pub(super) fn read_by(statement: &Statement, read: &mut Vec<Value>) {
    match statement {
        Statement::Let(_, operation) => read.extend(operation.operands()),
        Statement::Store { subscripts, value, .. } => {
            read.push(*value);
            read.extend(subscript_values(subscripts));
        }
        Statement::Loop(inner) => {
            inner.body.iter().for_each(|statement| read_by(statement, read));
            read.extend(inner.accumulators.iter().map(|accumulator| accumulator.element));
            read.extend(inner.guard);
        }
        Statement::Product(_) => {}
    }
}

fn defined_by(statement: &Statement) -> Vec<Value> {
    match statement {
        Statement::Let(value, _) => vec![*value],
        Statement::Store { .. } | Statement::Product(_) => vec![],
        Statement::Loop(inner) => inner.accumulators.iter().map(|it| it.result).collect(),
    }
}

/// What the loops of a body define inside of themselves.
fn definitions_inside(body: &[Statement]) -> HashSet<Value> {
    fn collect(inner: &Loop, all: &mut HashSet<Value>) {
        for statement in &inner.body {
            all.extend(defined_by(statement));
            if let Statement::Loop(deeper) = statement {
                collect(deeper, all);
            }
        }
    }
    let mut all = HashSet::new();
    for statement in body {
        if let Statement::Loop(inner) = statement {
            collect(inner, &mut all);
        }
    }
    all
}

/// How often a body without loops uses each constant.
pub(super) fn constants_used(constants: &Constants, body: &[Statement]) -> Vec<(Value, usize)> {
    let mut counts: BTreeMap<Value, usize> = BTreeMap::new();
    let mut read = vec![];
    for statement in body {
        read_by(statement, &mut read);
    }
    for value in read.into_iter().filter(|value| constants.get(*value).is_some()) {
        *counts.entry(value).or_default() += 1;
    }
    counts.into_iter().collect()
}
