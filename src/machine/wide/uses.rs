//! When values are used: what a body reads, and where.

use std::num::NonZero;
use std::rc::Rc;

use super::codes::Form;
use super::zeros::Sums;
use crate::hash::HashMap;
use crate::loops::{
    Accumulator, Kind, LoopId, Operation, Precision, Program, Statement, Value, subscript_values,
};

/// The constants of a program.
pub(super) struct Constants {
    operations: Vec<Operation>,
    /// How many of them there are up to that of a value, by value.
    numbers: Vec<Option<NonZero<u32>>>,
    /// Which values registers for masks hold.
    masked: Vec<bool>,
}

impl Constants {
    /// Of a program in vectors of a form.
    pub(super) fn of(program: &Program, form: Form) -> Self {
        let numbers = vec![None; program.kinds.len()];
        let is_masked = |kind: &Kind| form == Form::Zmm && *kind == Kind::Mask;
        let masked = program.kinds.iter().map(is_masked).collect();
        let mut constants = Self { operations: vec![], numbers, masked };
        constants.collect(&program.body, program.precision);
        constants
    }

    fn collect(&mut self, body: &[Statement], precision: Precision) {
        for statement in body {
            match statement {
                Statement::Let(
                    value,
                    constant @ (Operation::Real(_) | Operation::Integer(_) | Operation::Mask(_)),
                ) => self.add(*value, constant.clone()),
                Statement::Let(value, Operation::Bits(of)) => {
                    if let Some(bits) = self.get(*of).and_then(|of| bits(of, precision)) {
                        self.add(*value, bits);
                    }
                }
                Statement::Let(..) | Statement::Store { .. } | Statement::Product(_) => {}
                Statement::Loop(inner) => self.collect(&inner.body, precision),
            }
        }
    }

    fn add(&mut self, value: Value, constant: Operation) {
        self.operations.push(constant);
        self.numbers[value.0 as usize] = Some(number(self.operations.len()));
    }

    pub(super) fn get(&self, value: Value) -> Option<&Operation> {
        let number = self.numbers[value.0 as usize]?;
        Some(&self.operations[number.get() as usize - 1])
    }

    /// Whether a value is one.
    pub(super) fn has(&self, value: Value) -> bool {
        self.numbers[value.0 as usize].is_some()
    }
}

/// How many there are of what each value has at most one of.
fn number(count: usize) -> NonZero<u32> {
    let number = u32::try_from(count).ok().and_then(NonZero::new);
    number.expect("at least one, and not more than there are values")
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

/// Where the bodies of loops use values.
pub(super) type UsesOfLoops = HashMap<LoopId, Rc<Uses>>;

/// Where a body uses values: places in it, in order. What a loop uses that is defined outside of it is used where it stands.
#[derive(Debug, Default)]
pub(super) struct Uses {
    /// Where what is known of a value stands in `entries`: of those from the first definition to the last, and of others.
    near: Vec<Option<NonZero<u32>>>,
    first: usize,
    far: HashMap<Value, usize>,
    entries: Vec<Entry>,
    /// The places of one entry behind those of another.
    places: Vec<usize>,
    /// Which values are used last at a loop or at the end, in order.
    ends: Vec<(usize, Value)>,
    /// How often statements use each constant.
    constants: Vec<(Value, usize)>,
    pressure: usize,
}

/// How many values of others may stand between two definitions of a body, on average.
const MOST_BETWEEN: usize = 16;

/// For how many values of others there is room at first.
const FAR: usize = 24;

/// What is known of a value that a body uses or defines.
#[derive(Debug)]
struct Entry {
    value: Value,
    /// Where the body itself defines it, as a result of one of its loops too.
    definition: Option<usize>,
    /// Where its places begin, how many there are, and which is the last.
    first: usize,
    count: usize,
    last: usize,
}

impl Uses {
    /// Of the body of a program, and of its loops; `sums` are those of what masks select.
    pub(super) fn find(
        program: &Program,
        constants: &Constants,
        sums: &Sums,
    ) -> (Rc<Self>, UsesOfLoops) {
        let mut loops = UsesOfLoops::default();
        find_in_loops(&program.body, constants, sums, &mut loops);
        let body = Self::of(constants, &program.body, [], &loops);
        (Rc::new(body), loops)
    }

    /// Of a body, at whose end some values are used once more, given those of its loops.
    fn of(
        constants: &Constants,
        body: &[Statement],
        end: impl IntoIterator<Item = Value>,
        loops: &UsesOfLoops,
    ) -> Self {
        let mut uses = Self::default();
        uses.make_room(body);
        uses.entries.reserve(body.len());
        // Which entry is used where.
        let mut notes: Vec<(usize, usize)> = Vec::with_capacity(2 * body.len());
        // Constants, as often as statements use them.
        let mut used = vec![];
        for (place, statement) in body.iter().enumerate() {
            let mut give = |value: Value| {
                if constants.has(value) {
                    used.push(value);
                } else {
                    notes.extend(uses.note(value, place));
                }
            };
            if let Statement::Loop(inner) = statement {
                loops[&inner.id].used_outside().for_each(|entry| give(entry.value));
                inner.guard.into_iter().for_each(give);
            } else {
                read_by(statement, &mut give);
            }
            defined_by(statement).for_each(|value| uses.entry(value).definition = Some(place));
        }
        for value in end.into_iter().filter(|value| !constants.has(*value)) {
            notes.extend(uses.note(value, body.len()));
        }
        used.sort_unstable();
        let alike = used.chunk_by(|a, b| a == b);
        uses.constants = alike.map(|alike| (alike[0], alike.len())).collect();
        uses.sort(&notes, body);
        uses.pressure = uses.most_at_once(constants, body);
        uses
    }

    /// Definitions mostly come in the order of their numbers, with few others between them.
    fn make_room(&mut self, body: &[Statement]) {
        let (mut first, mut last) = (usize::MAX, 0);
        for value in body.iter().flat_map(defined_by) {
            first = first.min(value.0 as usize);
            last = last.max(value.0 as usize);
        }
        if first <= last && last - first < MOST_BETWEEN * (body.len() + MOST_BETWEEN) {
            (self.first, self.near) = (first, vec![None; last - first + 1]);
        }
    }

    /// Where what is known of a value stands.
    fn place(&self, value: Value) -> Option<usize> {
        match (value.0 as usize).checked_sub(self.first).and_then(|at| self.near.get(at)) {
            Some(near) => near.map(|number| number.get() as usize - 1),
            None => self.far.get(&value).copied(),
        }
    }

    fn number(&mut self, value: Value) -> usize {
        if let Some(known) = self.place(value) {
            return known;
        }
        self.entries.push(Entry { value, definition: None, first: 0, count: 0, last: 0 });
        let count = self.entries.len();
        let place = (value.0 as usize).checked_sub(self.first);
        if let Some(near) = place.and_then(|at| self.near.get_mut(at)) {
            *near = Some(number(count));
        } else {
            if self.far.is_empty() {
                self.far.reserve(FAR);
            }
            self.far.insert(value, count - 1);
        }
        count - 1
    }

    fn entry(&mut self, value: Value) -> &mut Entry {
        let number = self.number(value);
        &mut self.entries[number]
    }

    /// Counts a use; gives the number of the entry and the place if that is new.
    fn note(&mut self, value: Value, place: usize) -> Option<(usize, usize)> {
        let number = self.number(value);
        let entry = &mut self.entries[number];
        let is_new = entry.count == 0 || entry.last != place;
        entry.last = place;
        entry.count += usize::from(is_new);
        is_new.then_some((number, place))
    }

    /// Puts the places of each entry behind each other.
    fn sort(&mut self, notes: &[(usize, usize)], body: &[Statement]) {
        let mut end = 0;
        for entry in self.entries.iter_mut().filter(|entry| entry.count > 0) {
            end += entry.count;
            entry.first = end;
            if matches!(body.get(entry.last), None | Some(Statement::Loop(_))) {
                self.ends.push((entry.last, entry.value));
            }
        }
        self.ends.sort_unstable();
        self.places = vec![0; end];
        for (number, place) in notes.iter().rev() {
            let entry = &mut self.entries[*number];
            if entry.count > 0 {
                entry.first -= 1;
                self.places[entry.first] = *place;
            }
        }
    }

    fn known(&self, value: Value) -> Option<&Entry> {
        self.place(value).map(|place| &self.entries[place])
    }

    /// The first use at a place or behind it.
    pub(super) fn next(&self, value: Value, place: usize) -> Option<usize> {
        let entry = self.known(value).filter(|entry| entry.count > 0 && place <= entry.last)?;
        let places = &self.places[entry.first..][..entry.count];
        places.get(places.partition_point(|used| *used < place)).copied()
    }

    /// Whether there is a use at a place or behind it.
    pub(super) fn is_read_from(&self, value: Value, place: usize) -> bool {
        self.known(value).is_some_and(|entry| entry.count > 0 && place <= entry.last)
    }

    /// Of a value without such a use, whether the body itself defines it.
    pub(super) fn ends_before(&self, value: Value, place: usize) -> Option<bool> {
        match self.known(value) {
            Some(entry) if entry.count > 0 && place <= entry.last => None,
            known => Some(known.is_some_and(|entry| entry.definition.is_some())),
        }
    }

    /// The values whose last use is at a place, which is that of a loop or the end.
    pub(super) fn ending(&self, place: usize) -> impl Iterator<Item = Value> + Clone {
        let first = self.ends.partition_point(|(last, _)| *last < place);
        let ends = self.ends[first..].iter().take_while(move |(last, _)| *last == place);
        ends.map(|(_, value)| *value)
    }

    /// Whether the body itself defines a value.
    pub(super) fn defines(&self, value: Value) -> bool {
        self.known(value).is_some_and(|entry| entry.definition.is_some())
    }

    fn used_outside(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.definition.is_none() && entry.count > 0)
    }

    /// How often the body uses each value that it does not define.
    pub(super) fn outside(&self) -> Vec<(Value, usize)> {
        let outside = self.used_outside().map(|entry| (entry.value, entry.count));
        let mut outside: Vec<_> = outside.collect();
        outside.sort_unstable();
        outside
    }

    /// How often the body itself uses each constant.
    pub(super) fn constants(&self) -> &[(Value, usize)] {
        &self.constants
    }

    /// How many values that the body defines are in vector registers at the same time, at most.
    pub(super) fn pressure(&self) -> usize {
        self.pressure
    }

    /// What is stored at once needs a register for all copies of the body together.
    fn most_at_once(&self, constants: &Constants, body: &[Statement]) -> usize {
        // How many begin and how many end at each place.
        let mut changes = vec![[0; 2]; body.len() + 1];
        let in_vectors = |entry: &&Entry| !constants.masked[entry.value.0 as usize];
        for entry in self.entries.iter().filter(|entry| entry.count > 0).filter(in_vectors) {
            if let Some(definition) =
                entry.definition.filter(|place| !is_stored_at_once(self, body, *place))
            {
                changes[definition][0] += 1;
                changes[entry.last][1] += 1;
            }
        }
        let (mut now, mut most) = (0usize, 0);
        for [begin, end] in changes {
            now = now.saturating_sub(end) + begin;
            most = most.max(now);
        }
        most
    }
}

/// Whether what a statement defines is read by the store behind it alone.
pub(super) fn is_stored_at_once(uses: &Uses, body: &[Statement], place: usize) -> bool {
    match body.get(place..place + 2) {
        Some([Statement::Let(value, _), Statement::Store { value: stored, .. }]) => {
            stored == value && !uses.is_read_from(*value, place + 2)
        }
        _ => false,
    }
}

/// Finds the uses of the loops of a body, those of the innermost ones first.
fn find_in_loops(body: &[Statement], constants: &Constants, sums: &Sums, loops: &mut UsesOfLoops) {
    for statement in body {
        let Statement::Loop(inner) = statement else { continue };
        find_in_loops(&inner.body, constants, sums, loops);
        let read = inner.accumulators.iter().flat_map(Accumulator::reads);
        let read = read.flat_map(|read| match sums.get(&read) {
            Some([mask, number]) => [Some(*mask), Some(*number)],
            None => [Some(read), None],
        });
        let uses = Uses::of(constants, &inner.body, read.flatten(), loops);
        loops.insert(inner.id, Rc::new(uses));
    }
}

/// Gives the values that a statement reads, those of loops inside included.
pub(super) fn read_by(statement: &Statement, give: &mut impl FnMut(Value)) {
    match statement {
        Statement::Let(_, operation) => operation.operands().for_each(give),
        Statement::Store { subscripts, value, .. } => {
            give(*value);
            subscript_values(subscripts).for_each(give);
        }
        Statement::Loop(inner) => {
            inner.body.iter().for_each(|statement| read_by(statement, give));
            inner.accumulators.iter().flat_map(Accumulator::reads).for_each(&mut *give);
            inner.guard.into_iter().for_each(give);
        }
        Statement::Product(_) => {}
    }
}

fn defined_by(statement: &Statement) -> impl Iterator<Item = Value> {
    let (value, results) = match statement {
        Statement::Let(value, _) => (Some(*value), [].as_slice()),
        Statement::Store { .. } | Statement::Product(_) => (None, [].as_slice()),
        Statement::Loop(inner) => (None, inner.accumulators.as_slice()),
    };
    value.into_iter().chain(results.iter().map(|accumulator| accumulator.result))
}
