//! Short rows as lanes.
//!
//! In comes a program whose innermost loops run in lanes, along rows. Where the rows are independent and short, one
//! row a lane is better: no lane stands idle, and nothing is joined across lanes. Out goes a program in which the loop
//! over the rows runs in lanes and those along them do not. Temporaries with an element for each place of a row get one
//! for each lane too. Where the call alone knows how long rows are, both loops
//! stand there, and a guard chooses by the length; that is done for outermost loops, which is for examples of one axis.

use crate::hash::HashMap;
use crate::loops::{
    Accumulator, Array, ArrayId, ArrayRole, Extent, Kind, Loop, LoopId, Operation, PARTIALS,
    Program, SHORT, Statement, Subscript, Value, insert,
};

/// How many loops along a row, and how many statements, may be written twice.
const MOST_LOOPS: usize = 8;
const MOST_STATEMENTS: usize = 1000;

/// Makes lanes of short rows.
pub(super) fn rows_as_lanes(program: &mut Program) {
    let mut body = std::mem::take(&mut program.body);
    let mut writer = Writer { accesses: vec![0; program.arrays.len()], program, loops: 0 };
    writer.count(&body);
    writer.body(&mut body, true);
    program.body = body;
}

struct Writer<'a> {
    program: &'a mut Program,
    /// How many names of loops are taken.
    loops: u32,
    /// How often the program names each array.
    accesses: Vec<usize>,
}

impl Writer<'_> {
    /// Counts the loops of a body, and how often it names each array.
    fn count(&mut self, body: &[Statement]) {
        for statement in body {
            if let Statement::Loop(inner) = statement {
                self.loops = self.loops.max(inner.id.0 + 1);
                self.count(&inner.body);
            } else if let Statement::Product(product) = statement {
                for index in product.indices() {
                    self.loops = self.loops.max(index.id.0 + 1);
                }
                for element in product.elements() {
                    self.accesses[element.array.0 as usize] += 1;
                }
            } else if let Some((array, ..)) = access(statement) {
                self.accesses[array.0 as usize] += 1;
            }
        }
    }

    fn body(&mut self, body: &mut Vec<Statement>, is_outermost: bool) {
        let mut beside = Vec::new();
        for (at, statement) in body.iter_mut().enumerate() {
            let Statement::Loop(inner) = statement else { continue };
            if let Some(extent) = self.length_of_rows(inner, is_outermost) {
                let [before, behind] = self.rows(inner, extent);
                beside.extend(before.into_iter().map(|statement| (at, statement)));
                beside.extend(behind.into_iter().map(|statement| (at + 1, statement)));
            } else {
                self.body(&mut inner.body, false);
            }
        }
        insert(body, beside);
    }

    /// Makes lanes of the rows that a loop goes over, if they are short; gives what goes before and behind it.
    fn rows(&mut self, long: &mut Loop, extent: Extent) -> [Vec<Statement>; 2] {
        let private = self.private(long);
        if let Extent::Literal(_) = extent {
            self.turn(long, &private);
            return [Vec::new(), Vec::new()];
        }
        let mut before = Vec::new();
        let length = self.set(&mut before, Kind::Integer, Operation::Extent(extent));
        let most = self.set(&mut before, Kind::Integer, Operation::Integer(i64::from(SHORT)));
        let is_long = self.set(&mut before, Kind::Mask, Operation::IntegerLess(most, length));
        let is_short = self.set(&mut before, Kind::Mask, Operation::Not(is_long));
        let mut copies = Copies::default();
        let mut short = self.copy_loop(long, &mut copies);
        self.turn(&mut short, &private);
        short.guard = Some(is_short);
        long.guard = Some(is_long);
        let mut behind = Vec::new();
        for (long, short) in long.accumulators.iter_mut().zip(&short.accumulators) {
            let result = std::mem::replace(&mut long.result, self.value(long.join.kind()));
            let choice = Operation::Select(is_short, short.result, long.result);
            behind.push(Statement::Let(result, choice));
        }
        before.push(Statement::Loop(Box::new(short)));
        [before, behind]
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
            factor: of.factor.map(|factor| copies.value(factor)),
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
            Statement::Loop(inner) => Statement::Loop(Box::new(self.copy_loop(inner, copies))),
            Statement::Product(_) => unreachable!("loops over rows hold none"),
        }
    }

    /// Puts a loop in lanes, and those in its body not; each lane has private temporaries of its own.
    fn turn(&mut self, outer: &mut Loop, private: &[ArrayId]) {
        outer.lanes = true;
        let id = outer.id;
        let widened: HashMap<ArrayId, ArrayId> =
            private.iter().map(|array| (*array, self.widened(*array))).collect();
        for statement in &mut outer.body {
            let Statement::Loop(inner) = statement else { continue };
            inner.lanes = false;
            for statement in &mut inner.body {
                match statement {
                    Statement::Let(_, Operation::Load(array, subscripts))
                    | Statement::Store { array, subscripts, .. } => {
                        if let Some(widened) = widened.get(array) {
                            *array = *widened;
                            subscripts.push(Subscript::Partial(id));
                        }
                    }
                    Statement::Let(..) | Statement::Loop(_) | Statement::Product(_) => {}
                }
            }
        }
    }

    /// A temporary like one along a row, for each lane.
    fn widened(&mut self, array: ArrayId) -> ArrayId {
        let partials = u32::try_from(PARTIALS).expect("a small number");
        let Array { name, kind, .. } = &self.program.arrays[array.0 as usize];
        let (name, kind, role) = (format!("{name}_in_lanes"), *kind, ArrayRole::Temporary);
        let extents = vec![Extent::Literal(SHORT), Extent::Literal(partials)];
        self.program.arrays.push(Array { name, kind, role, extents });
        ArrayId(u32::try_from(self.program.arrays.len() - 1).expect("fewer than 2^32 arrays"))
    }

    /// The temporaries along rows that are written anew for each row, and seen nowhere else.
    fn private(&self, outer: &Loop) -> Vec<ArrayId> {
        let mut first_is_store: Vec<(ArrayId, bool)> = Vec::new();
        let mut counts: HashMap<ArrayId, usize> = HashMap::default();
        for statement in &outer.body {
            let Statement::Loop(inner) = statement else { continue };
            for (array, subscripts, is_store) in inner.body.iter().filter_map(access) {
                if !first_is_store.iter().any(|(known, _)| *known == array) {
                    first_is_store.push((array, is_store));
                }
                if subscripts == [Subscript::Counter(inner.id)] {
                    *counts.entry(array).or_default() += 1;
                }
            }
        }
        let is_private = |(array, is_store): &(ArrayId, bool)| {
            let is_temporary = self.program.arrays[array.0 as usize].role == ArrayRole::Temporary;
            let count = counts.get(array);
            is_temporary && *is_store && count == self.accesses.get(array.0 as usize)
        };
        first_is_store.into_iter().filter(is_private).map(|(array, _)| array).collect()
    }

    /// How long the rows are that a loop goes over, if it may run in lanes in place of the loops along them.
    fn length_of_rows(&self, outer: &Loop, is_outermost: bool) -> Option<Extent> {
        let mut extent = None;
        let (mut loops, mut statements) = (0, outer.body.len());
        for statement in &outer.body {
            let inner = match statement {
                Statement::Let(..) | Statement::Store { .. } => continue,
                Statement::Product(_) => return None,
                Statement::Loop(inner) => inner,
            };
            loops += 1;
            statements += inner.body.len();
            let is_alike = extent.is_none_or(|known| known == inner.extent);
            let is_whole = inner.guard.is_none() && inner.behind.is_none();
            if !inner.lanes || inner.holds_loops() || !is_whole || !is_alike {
                return None;
            }
            extent = Some(inner.extent);
        }
        let is_short = match extent? {
            Extent::Literal(literal) => literal <= SHORT,
            Extent::Given(_) => {
                is_outermost && loops <= MOST_LOOPS && statements <= MOST_STATEMENTS
            }
        };
        let is_independent = || is_independent(outer, &self.private(outer));
        (!outer.lanes && is_short && is_independent()).then_some(extent?)
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

/// Whether no iteration reads or writes what another one writes, but for private temporaries.
fn is_independent(outer: &Loop, private: &[ArrayId]) -> bool {
    let mut accesses: Vec<(ArrayId, &[Subscript])> = Vec::new();
    let mut written: Vec<ArrayId> = Vec::new();
    let mut open = vec![&outer.body];
    while let Some(body) = open.pop() {
        for statement in body {
            if let Statement::Loop(inner) = statement {
                open.push(&inner.body);
            } else if let Some((array, subscripts, is_store)) = access(statement)
                && !private.contains(&array)
            {
                accesses.push((array, subscripts));
                written.extend(is_store.then_some(array));
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

/// The array and the place that a statement reads or writes, and whether it writes.
pub(super) fn access(statement: &Statement) -> Option<(ArrayId, &[Subscript], bool)> {
    match statement {
        Statement::Let(_, Operation::Load(array, subscripts)) => Some((*array, subscripts, false)),
        Statement::Store { array, subscripts, .. } => Some((*array, subscripts, true)),
        Statement::Let(..) | Statement::Loop(_) | Statement::Product(_) => None,
    }
}
