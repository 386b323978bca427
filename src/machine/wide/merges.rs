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
use crate::loops::{Accumulator, Loop, Operation, Program, Statement, Value};

/// Moves operations to the selections that read them, in loops in lanes; `powers` are no plain products.
pub(super) fn fold(program: &mut Program, powers: &HashSet<Value>) {
    let mut body = std::mem::take(&mut program.body);
    for statement in &mut body {
        fold_around(statement, program, powers);
    }
    program.body = body;
}

fn fold_around(statement: &mut Statement, program: &mut Program, powers: &HashSet<Value>) {
    let Statement::Loop(inner) = statement else { return };
    if inner.lanes {
        return fold_loop(inner, program, powers);
    }
    for statement in &mut inner.body {
        fold_around(statement, program, powers);
    }
}

fn fold_loop(inner: &mut Loop, program: &mut Program, powers: &HashSet<Value>) {
    let moved = moved(inner, powers);
    for mut statement in std::mem::take(&mut inner.body) {
        match &mut statement {
            Statement::Let(value, _) if moved.contains_key(value) => continue,
            Statement::Let(_, Operation::Select(_, chosen, _)) => {
                if let Some(operation) = moved.get(chosen) {
                    let count = u32::try_from(program.kinds.len());
                    let own = Value(count.expect("fewer than 2^32 values"));
                    program.kinds.push(program.kinds[chosen.0 as usize]);
                    *chosen = own;
                    inner.body.push(Statement::Let(own, operation.clone()));
                }
            }
            Statement::Loop(nested) => fold_loop(nested, program, powers),
            Statement::Let(..) | Statement::Store { .. } | Statement::Product(_) => {}
        }
        inner.body.push(statement);
    }
}

/// What is known of the reads of a value.
#[derive(Clone, Copy, Default)]
struct Reads {
    count: usize,
    /// How many of them are selections that have it where their masks hold.
    chosen: usize,
    last: usize,
}

/// The operations of a loop that go to selections: which nothing else reads, and which keep no more registers in use there.
fn moved(inner: &Loop, powers: &HashSet<Value>) -> HashMap<Value, Operation> {
    let mut reads: HashMap<Value, Reads> = HashMap::default();
    let mut read = |value: Value, place: usize| {
        let known = reads.entry(value).or_default();
        (known.count, known.last) = (known.count + 1, place);
    };
    let mut constants: HashSet<Value> = HashSet::default();
    for (place, statement) in inner.body.iter().enumerate() {
        read_by(statement, &mut |value| read(value, place));
        if let Statement::Let(value, Operation::Real(_) | Operation::Integer(_)) = statement {
            constants.insert(*value);
        }
    }
    for value in inner.accumulators.iter().flat_map(Accumulator::reads) {
        read(value, inner.body.len());
    }
    for statement in &inner.body {
        if let Statement::Let(_, Operation::Select(_, chosen, otherwise)) = statement
            && chosen != otherwise
            && let Some(known) = reads.get_mut(chosen)
        {
            known.chosen += 1;
        }
    }
    let goes = |value: &Value, operation: &Operation| {
        let (Some((_, operands)), Some(known)) = (masked(operation), reads.get(value)) else {
            return false;
        };
        let ends = |it: &&Value| !constants.contains(it) && reads[it].last < known.last;
        let may_be_copied = known.count == 1 || !matches!(operation, Operation::Divide(..));
        !powers.contains(value)
            && may_be_copied
            && known.count == known.chosen
            && operands.iter().filter(ends).count() <= 1
    };
    let operations = inner.body.iter().filter_map(|statement| match statement {
        Statement::Let(value, operation) => Some((value, operation)),
        Statement::Store { .. } | Statement::Loop(_) | Statement::Product(_) => None,
    });
    let moved = operations.filter(|(value, operation)| goes(value, operation));
    moved.map(|(value, operation)| (*value, operation.clone())).collect()
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
