//! Operations that are done only where a mask holds.
//!
//! In comes a program, out goes the same one in which an operation that nothing but selections reads, to have it where their
//! masks hold, stands right in front of each of them. AVX-512 does it in these lanes and leaves in others what its register had,
//! or 0, so that it costs nothing to select.

use super::Writer;
use super::codes::{Form, Op, code};
use super::uses::read_by;
use super::values::number;
use crate::hash::{HashMap, HashSet};
use crate::loops::{Accumulator, Kind, Loop, Operation, Program, Statement, Value};

/// Moves operations to the selections that read them, in loops in lanes; `powers` are no plain products.
pub(super) fn fold(program: &mut Program, powers: &HashSet<Value>) {
    let reads = vec![Reads::default(); program.kinds.len()];
    let mut merger = Merger { kinds: &mut program.kinds, powers, reads, noted: vec![] };
    merger.fold(&mut program.body);
}

struct Merger<'a> {
    kinds: &'a mut Vec<Kind>,
    powers: &'a HashSet<Value>,
    /// By value; all of them 0 between one body and the next.
    reads: Vec<Reads>,
    /// Of which values reads were noted.
    noted: Vec<Value>,
}

/// What is known of the reads of a value.
#[derive(Clone, Copy, Default)]
struct Reads {
    count: usize,
    /// How many of them are selections that have it where their masks hold.
    chosen: usize,
    last: usize,
    is_constant: bool,
}

impl Merger<'_> {
    fn fold(&mut self, body: &mut [Statement]) {
        for statement in body {
            match statement {
                Statement::Loop(inner) if inner.lanes => self.fold_loop(inner),
                Statement::Loop(inner) => self.fold(&mut inner.body),
                Statement::Let(..) | Statement::Store { .. } | Statement::Product(_) => {}
            }
        }
    }

    fn fold_loop(&mut self, inner: &mut Loop) {
        let moved = self.moved(inner);
        if moved.is_empty() {
            for statement in &mut inner.body {
                let Statement::Loop(nested) = statement else { continue };
                self.fold_loop(nested);
            }
            return;
        }
        let room = Vec::with_capacity(inner.body.len() + moved.len());
        for mut statement in std::mem::replace(&mut inner.body, room) {
            match &mut statement {
                Statement::Let(value, _) if moved.contains_key(value) => continue,
                Statement::Let(_, Operation::Select(_, chosen, _)) => {
                    if let Some(operation) = moved.get(chosen) {
                        let count = u32::try_from(self.kinds.len());
                        let own = Value(count.expect("fewer than 2^32 values"));
                        self.kinds.push(self.kinds[chosen.0 as usize]);
                        self.reads.push(Reads::default());
                        *chosen = own;
                        inner.body.push(Statement::Let(own, operation.clone()));
                    }
                }
                Statement::Loop(nested) => self.fold_loop(nested),
                Statement::Let(..) | Statement::Store { .. } | Statement::Product(_) => {}
            }
            inner.body.push(statement);
        }
    }

    /// The operations of a loop that go to selections: which nothing else reads, and which keep no more registers in use there.
    fn moved(&mut self, inner: &Loop) -> HashMap<Value, Operation> {
        let is_selection =
            |statement: &Statement| matches!(statement, Statement::Let(_, Operation::Select(..)));
        if !inner.body.iter().any(is_selection) {
            return HashMap::default();
        }
        self.note_reads(inner);
        let operations = inner.body.iter().filter_map(|statement| match statement {
            Statement::Let(value, operation) => Some((value, operation)),
            Statement::Store { .. } | Statement::Loop(_) | Statement::Product(_) => None,
        });
        let moved = operations.filter(|(value, operation)| self.goes(**value, operation));
        let moved = moved.map(|(value, operation)| (*value, operation.clone())).collect();
        for value in self.noted.drain(..) {
            self.reads[value.0 as usize] = Reads::default();
        }
        moved
    }

    fn note_reads(&mut self, inner: &Loop) {
        each_read(inner, |value, place| {
            let known = &mut self.reads[value.0 as usize];
            if known.count == 0 {
                self.noted.push(value);
            }
            (known.count, known.last) = (known.count + 1, place);
        });
        for statement in &inner.body {
            match statement {
                Statement::Let(_, Operation::Select(_, chosen, otherwise))
                    if chosen != otherwise =>
                {
                    self.reads[chosen.0 as usize].chosen += 1;
                }
                // What nothing reads is asked for by nothing.
                Statement::Let(value, Operation::Real(_) | Operation::Integer(_)) => {
                    let known = &mut self.reads[value.0 as usize];
                    known.is_constant = known.count > 0;
                }
                _ => {}
            }
        }
    }

    fn goes(&self, value: Value, operation: &Operation) -> bool {
        let known = self.reads[value.0 as usize];
        let Some((_, operands)) = masked(operation).filter(|_| known.count > 0) else {
            return false;
        };
        let of = |operand: &Value| self.reads[operand.0 as usize];
        let ends = |it: &&Value| !of(it).is_constant && of(it).last < known.last;
        let may_be_copied = known.count == 1 || !matches!(operation, Operation::Divide(..));
        !self.powers.contains(&value)
            && may_be_copied
            && known.count == known.chosen
            && operands.iter().filter(ends).count() <= 1
    }
}

/// Gives the values that a loop reads, and where.
fn each_read(inner: &Loop, mut give: impl FnMut(Value, usize)) {
    for (place, statement) in inner.body.iter().enumerate() {
        read_by(statement, &mut |value| give(value, place));
    }
    for value in inner.accumulators.iter().flat_map(Accumulator::reads) {
        give(value, inner.body.len());
    }
}

/// The operations that are done where a mask holds, and what on.
fn masked(operation: &Operation) -> Option<(Op, [Value; 2])> {
    match operation {
        Operation::Add(a, b) => Some((Op::Add, [*a, *b])),
        Operation::Subtract(a, b) => Some((Op::Subtract, [*a, *b])),
        Operation::Multiply(a, b) => Some((Op::Multiply, [*a, *b])),
        Operation::Divide(a, b) => Some((Op::Divide, [*a, *b])),
        Operation::Minimum(a, b) => Some((Op::Minimum, [*a, *b])),
        Operation::Maximum(a, b) => Some((Op::Maximum, [*a, *b])),
        _ => None,
    }
}

impl Writer<'_> {
    /// Writes an operation together with the selection behind it that alone reads it; says whether it has.
    pub(super) fn write_merged(
        &mut self,
        value: Value,
        operation: &Operation,
        next: &Statement,
    ) -> bool {
        let Statement::Let(selected, Operation::Select(which, chosen, otherwise)) = next else {
            return false;
        };
        let place = self.body().place + 1;
        let is_read_again = self.body().uses.is_read_from(value, place + 1);
        let Some((op, operands)) = masked(operation) else { return false };
        if self.form != Form::Zmm
            || *chosen != value
            || is_read_again
            || [which, otherwise].contains(&&value)
            || self.powers.contains(&value)
        {
            return false;
        }
        self.go_to(place);
        let copies = if self.is_shared(*selected) { 1 } else { self.copies };
        for copy in 0..copies {
            self.write_where(*selected, (op, operands), [*which, *otherwise], copy);
            self.unlock();
        }
        true
    }

    /// `value = which ? op(a, b) : otherwise`
    fn write_where(
        &mut self,
        value: Value,
        (op, [a, b]): (Op, [Value; 2]),
        [which, otherwise]: [Value; 2],
        copy: usize,
    ) {
        let which_register = self.mask_register(which, copy);
        let swap = matches!(op, Op::Add | Op::Multiply)
            && self.is_in_memory(a, copy)
            && !self.is_in_memory(b, copy);
        let [a, b] = if swap { [b, a] } else { [a, b] };
        let (first, second) = (self.register(a, copy), self.source(b, copy));
        let is_zero_otherwise = self.is_zero(otherwise);
        let into = if is_zero_otherwise {
            let register = self.take(false);
            self.vector(register)
        } else if self.ends_here(otherwise, copy) {
            self.register(otherwise, copy)
        } else {
            self.copied(otherwise, copy)
        };
        let code = code(op, self.program.precision, self.form);
        self.three_masked(code, into, (first, second), which_register, is_zero_otherwise);
        self.release([which, a, b, otherwise], copy);
        self.define(value, copy, number(into));
    }
}

#[cfg(test)]
mod tests {
    use super::fold;
    use crate::hash::HashSet;
    use crate::loops::{
        Extent, Kind, Loop, LoopId, Operation, Precision, Program, Statement, Value,
    };

    /// A program of one loop in lanes, with a mask and two numbers in front of it.
    fn program(operations: &[Operation]) -> Program {
        let let_of =
            |(at, operation): (u32, &Operation)| Statement::Let(Value(at), operation.clone());
        let mut kinds = vec![Kind::Mask];
        kinds.resize(3 + operations.len(), Kind::Real);
        let inner = Loop {
            id: LoopId(0),
            extent: Extent::Literal(64),
            lanes: true,
            guard: None,
            behind: None,
            body: (3..).zip(operations).map(let_of).collect(),
            accumulators: vec![],
        };
        let body = vec![Statement::Loop(Box::new(inner))];
        Program {
            precision: Precision::F32,
            fused: true,
            extents: vec![],
            arrays: vec![],
            kinds,
            body,
        }
    }

    fn folded(operations: &[Operation]) -> Vec<Operation> {
        let mut program = program(operations);
        fold(&mut program, &HashSet::default());
        let Statement::Loop(inner) = &program.body[0] else { unreachable!("it is a loop") };
        let operation = |statement: &Statement| match statement {
            Statement::Let(_, operation) => operation.clone(),
            other => unreachable!("{other:?} is no operation"),
        };
        inner.body.iter().map(operation).collect()
    }

    #[test]
    fn what_only_selections_choose_stands_in_front_of_each() {
        use Operation::{Add, Multiply, Select};
        let [mask, a, b, product, first] = [0, 1, 2, 3, 4].map(Value);
        let before =
            [Multiply(a, b), Select(mask, product, a), Select(mask, product, first), Add(a, b)];
        let after = [
            Multiply(a, b),
            Select(mask, Value(7), a),
            Multiply(a, b),
            Select(mask, Value(8), first),
            Add(a, b),
        ];
        assert_eq!(folded(&before), after);
    }

    #[test]
    fn what_else_is_read_stays() {
        use Operation::{Add, Multiply, Select};
        let [mask, a, b, product] = [0, 1, 2, 3].map(Value);
        for reader in [Add(product, a), Select(mask, a, product), Select(mask, product, product)] {
            let all = [Multiply(a, b), Select(mask, product, a), reader, Add(a, b)];
            assert_eq!(folded(&all), all);
        }
    }
}
