//! Checks that a program keeps the rules of the loop language; every machine below relies on them.

use std::collections::HashSet;

use super::{
    Array, ArrayId, ArrayRole, Extent, Kind, Loop, LoopId, Operation, Precision, Program, SHORT,
    Statement, Subscript, Value, parts::subscript_values,
};

/// How deep loops may nest.
pub const MAX_DEPTH: usize = 256;

/// Says what is wrong with a program, if anything: kinds, scopes, subscripts, roles, loops in lanes.
///
/// # Errors
/// The first broken rule, in words.
pub fn validate(program: &Program) -> Result<(), String> {
    for (at, array) in program.arrays.iter().enumerate() {
        check_array(program, array)
            .map_err(|what| format!("array {at} `{}`: {what}", array.name))?;
    }
    let mut checker = Checker {
        program,
        in_scope: vec![false; program.kinds.len()],
        defined: vec![false; program.kinds.len()],
        loops: vec![],
        seen_loops: HashSet::new(),
    };
    checker.check_body(&program.body)?;
    Ok(())
}

fn check_array(program: &Program, array: &Array) -> Result<(), String> {
    if array.kind == Kind::Mask {
        return Err("an array cannot hold masks".into());
    }
    array.extents.iter().try_for_each(|extent| check_extent(program, *extent))
}

fn check_extent(program: &Program, extent: Extent) -> Result<(), String> {
    match extent {
        Extent::Given(id) if id.0 as usize >= program.extents.len() => {
            Err(format!("there is no extent {}", id.0))
        }
        Extent::Given(_) | Extent::Literal(_) => Ok(()),
    }
}

struct Checker<'a> {
    program: &'a Program,
    /// Which values can be read here.
    in_scope: Vec<bool>,
    /// Which values have a definition anywhere so far.
    defined: Vec<bool>,
    /// The enclosing loops, outermost first, and whether they run in lanes.
    loops: Vec<(LoopId, bool)>,
    seen_loops: HashSet<LoopId>,
}

impl Checker<'_> {
    /// Checks a body and gives what it defines, still in scope.
    fn check_body(&mut self, body: &[Statement]) -> Result<Vec<Value>, String> {
        let mut local = vec![];
        for statement in body {
            match statement {
                Statement::Let(value, operation) => {
                    let kind = self
                        .check_operation(operation)
                        .map_err(|what| format!("{value} = {}: {what}", operation.name()))?;
                    self.define(*value, kind, &mut local)?;
                }
                Statement::Store { array, subscripts, value } => {
                    self.check_store(*array, subscripts, *value)?;
                }
                Statement::Loop(inner) => {
                    self.check_loop(inner).map_err(|what| format!("{}: {what}", inner.id))?;
                    for accumulator in &inner.accumulators {
                        self.define(accumulator.result, accumulator.join.kind(), &mut local)?;
                    }
                }
            }
        }
        Ok(local)
    }

    fn check_loop(&mut self, inner: &Loop) -> Result<(), String> {
        check_extent(self.program, inner.extent)?;
        if !self.seen_loops.insert(inner.id) {
            return Err("the loop's name is used twice".into());
        }
        let in_lanes = self.lane_loop().is_some();
        if in_lanes && inner.lanes {
            return Err("a loop in lanes inside a loop in lanes".into());
        }
        if let Some(guard) = inner.guard {
            if in_lanes {
                return Err("a guard inside a loop in lanes".into());
            }
            self.expect_in_scope(guard)?;
            self.expect_kind(guard, Kind::Mask)?;
        }
        if in_lanes && matches!(inner.extent, Extent::Literal(extent) if extent > SHORT) {
            return Err(format!("a loop inside a loop in lanes runs more than {SHORT} times"));
        }
        if self.loops.len() == MAX_DEPTH {
            return Err(format!("loops nest more than {MAX_DEPTH} deep"));
        }
        self.loops.push((inner.id, inner.lanes));
        let local = self.check_body(&inner.body)?;
        self.loops.pop();
        for accumulator in &inner.accumulators {
            self.expect_in_scope(accumulator.element)?;
            self.expect_kind(accumulator.element, accumulator.join.kind())?;
        }
        for value in local {
            self.in_scope[value.0 as usize] = false;
        }
        Ok(())
    }

    fn define(&mut self, value: Value, kind: Kind, local: &mut Vec<Value>) -> Result<(), String> {
        let at = value.0 as usize;
        match self.program.kinds.get(at) {
            None => return Err(format!("{value} has no kind")),
            Some(stated) if *stated != kind => {
                return Err(format!("{value} is a {kind}, stated as a {stated}"));
            }
            Some(_) => {}
        }
        if self.defined[at] {
            return Err(format!("{value} is defined twice"));
        }
        self.defined[at] = true;
        self.in_scope[at] = true;
        local.push(value);
        Ok(())
    }

    fn check_operation(&self, operation: &Operation) -> Result<Kind, String> {
        let operands = operation.operands();
        for operand in &operands {
            self.expect_in_scope(*operand)?;
        }
        match operation {
            Operation::Load(array, subscripts) => {
                self.check_subscripts(*array, subscripts)?;
                return Ok(self.program.arrays[array.0 as usize].kind);
            }
            Operation::Select(mask, a, b) => {
                self.expect_kind(*mask, Kind::Mask)?;
                self.expect_kind(*b, self.kind(*a))?;
                return Ok(self.kind(*a));
            }
            Operation::Counter(id) => self.expect_loop(*id)?,
            Operation::Extent(extent) => check_extent(self.program, *extent)?,
            Operation::ShiftLeft(_, by)
            | Operation::ShiftRight(_, by)
            | Operation::ShiftRightUnsigned(_, by) => self.check_shift(*by)?,
            Operation::Integer(integer) => self.check_integer(*integer)?,
            _ => {}
        }
        let (asked, given) = operation.kinds().expect("only loads and selections have no kinds");
        operands.iter().try_for_each(|operand| self.expect_kind(*operand, asked))?;
        Ok(given)
    }

    fn check_shift(&self, by: u8) -> Result<(), String> {
        let bits = match self.program.precision {
            Precision::F32 => 32,
            Precision::F64 => 64,
        };
        if by < bits { Ok(()) } else { Err(format!("a shift by {by} of {bits} bits")) }
    }

    fn check_integer(&self, integer: i64) -> Result<(), String> {
        match self.program.precision {
            Precision::F32 if i32::try_from(integer).is_err() => {
                Err(format!("{integer} does not fit 32 bits"))
            }
            Precision::F32 | Precision::F64 => Ok(()),
        }
    }

    fn check_store(
        &self,
        array: ArrayId,
        subscripts: &[Subscript],
        value: Value,
    ) -> Result<(), String> {
        let wrong = |what: String| format!("store of {value} to array {}: {what}", array.0);
        self.check_subscripts(array, subscripts).map_err(wrong)?;
        subscript_values(subscripts).try_for_each(|at| self.expect_in_scope(at)).map_err(wrong)?;
        self.expect_in_scope(value).map_err(wrong)?;
        let target = &self.program.arrays[array.0 as usize];
        self.expect_kind(value, target.kind).map_err(wrong)?;
        if target.role == ArrayRole::Input {
            return Err(wrong("an input is only read".into()));
        }
        match self.lane_loop() {
            Some(id) if !subscripts.contains(&Subscript::Counter(id)) => {
                Err(wrong(format!("iterations of {id} in lanes would write the same element")))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The loop in lanes around what is checked.
    fn lane_loop(&self) -> Option<LoopId> {
        self.loops.iter().find(|(_, lanes)| *lanes).map(|(id, _)| *id)
    }

    fn check_subscripts(&self, array: ArrayId, subscripts: &[Subscript]) -> Result<(), String> {
        let Some(array) = self.program.arrays.get(array.0 as usize) else {
            return Err(format!("there is no array {}", array.0));
        };
        if array.extents.len() != subscripts.len() {
            let (axes, given) = (array.extents.len(), subscripts.len());
            return Err(format!("`{}` has {axes} axes, not {given}", array.name));
        }
        for (subscript, extent) in subscripts.iter().zip(&array.extents) {
            match (subscript, extent) {
                (Subscript::Counter(id), _) => self.expect_loop(*id)?,
                (Subscript::Value(value), _) => self.expect_kind(*value, Kind::Integer)?,
                (Subscript::Literal(at), Extent::Literal(extent)) if at >= extent => {
                    return Err(format!("`{}` has no element {at} of {extent}", array.name));
                }
                (Subscript::Literal(_), _) => {}
            }
        }
        Ok(())
    }

    fn kind(&self, value: Value) -> Kind {
        self.program.kinds[value.0 as usize]
    }

    fn expect_kind(&self, value: Value, kind: Kind) -> Result<(), String> {
        match self.program.kinds.get(value.0 as usize) {
            Some(found) if *found == kind => Ok(()),
            Some(found) => Err(format!("{value} is a {found}, not a {kind}")),
            None => Err(format!("{value} has no kind")),
        }
    }

    fn expect_in_scope(&self, value: Value) -> Result<(), String> {
        match self.in_scope.get(value.0 as usize) {
            Some(true) => Ok(()),
            Some(false) | None => Err(format!("{value} is not defined here")),
        }
    }

    fn expect_loop(&self, id: LoopId) -> Result<(), String> {
        if self.loops.iter().any(|(open, _)| *open == id) {
            Ok(())
        } else {
            Err(format!("{id} is not an enclosing loop"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loops::{Accumulator, Join};

    /// `for n < N { s = sum over k in lanes of a[n, k]; out[n] = s }`.
    fn row_sums() -> Program {
        let (n, k) = (LoopId(0), LoopId(1));
        let [rows, columns] = [0, 1].map(|id| Extent::Given(crate::loops::ExtentId(id)));
        let array = |name: &str, role, extents: &[Extent]| Array {
            name: name.into(),
            kind: Kind::Real,
            role,
            extents: extents.to_vec(),
        };
        let (here, row) =
            (vec![Subscript::Counter(n), Subscript::Counter(k)], vec![Subscript::Counter(n)]);
        let inner = Loop {
            id: k,
            extent: columns,
            lanes: true,
            guard: None,
            body: vec![Statement::Let(Value(0), Operation::Load(ArrayId(0), here))],
            accumulators: vec![Accumulator {
                join: Join::Sum,
                element: Value(0),
                result: Value(1),
            }],
        };
        let store = Statement::Store { array: ArrayId(1), subscripts: row, value: Value(1) };
        let outer = Loop {
            id: n,
            extent: rows,
            lanes: false,
            guard: None,
            body: vec![Statement::Loop(inner), store],
            accumulators: vec![],
        };
        Program {
            precision: Precision::F32,
            fused: false,
            extents: vec!["N".into(), "K".into()],
            arrays: vec![
                array("a", ArrayRole::Input, &[rows, columns]),
                array("out", ArrayRole::Output, &[rows]),
            ],
            kinds: vec![Kind::Real, Kind::Real],
            body: vec![Statement::Loop(outer)],
        }
    }

    fn outer(program: &mut Program) -> &mut Loop {
        let Statement::Loop(outer) = &mut program.body[0] else { unreachable!("a loop") };
        outer
    }

    fn inner(program: &mut Program) -> &mut Loop {
        let Statement::Loop(inner) = &mut outer(program).body[0] else { unreachable!("a loop") };
        inner
    }

    fn define(program: &mut Program, kind: Kind, operation: Operation) {
        program.kinds.push(kind);
        inner(program).body.push(Statement::Let(Value(2), operation));
    }

    #[test]
    fn a_program_as_text() {
        let text = "program f32\n\
                    input real a[N, K]\n\
                    output real out[N]\n\
                    loop i0 < N {\n    \
                        loop i1 < K in lanes {\n        \
                            v0 = load a[i0, i1]\n    \
                        } v1 = sum v0\n    \
                        store out[i0] v1\n\
                    }\n";
        assert_eq!(row_sums().to_string(), text);
        assert_eq!(validate(&row_sums()), Ok(()));
    }

    #[test]
    fn each_broken_rule_is_named() {
        type Break = fn(&mut Program);
        let table: &[(&str, Break)] = &[
            ("cannot hold masks", |p| p.arrays[0].kind = Kind::Mask),
            ("no extent 1", |p| p.extents.truncate(1)),
            ("no array 1", |p| p.arrays.truncate(1)),
            ("has 1 axes, not 2", |p| p.arrays[0].extents.truncate(1)),
            ("v1 has no kind", |p| p.kinds.truncate(1)),
            ("v0 is a real, stated as a mask", |p| p.kinds[0] = Kind::Mask),
            ("an input is only read", |p| p.arrays[1].role = ArrayRole::Input),
            ("v1 is a real, not a integer", |p| p.arrays[1].kind = Kind::Integer),
            ("a loop in lanes inside a loop in lanes", |p| outer(p).lanes = true),
            ("runs more than 16 times", |p| {
                outer(p).lanes = true;
                (inner(p).lanes, inner(p).extent) = (false, Extent::Literal(17));
            }),
            ("a guard inside a loop in lanes", |p| {
                outer(p).lanes = true;
                (inner(p).lanes, inner(p).guard) = (false, Some(Value(0)));
            }),
            ("v0 is not defined here", |p| inner(p).guard = Some(Value(0))),
            ("v2 is a integer, not a mask", |p| {
                p.kinds.push(Kind::Integer);
                let rows = Operation::Extent(outer(p).extent);
                outer(p).body.insert(0, Statement::Let(Value(2), rows));
                let Statement::Loop(inner) = &mut outer(p).body[1] else { return };
                inner.guard = Some(Value(2));
            }),
            ("used twice", |p| inner(p).id = LoopId(0)),
            ("i1 is not an enclosing loop", |p| inner(p).id = LoopId(7)),
            ("v1 is not defined here", |p| inner(p).accumulators.clear()),
            ("v0 is not defined here", |p| {
                let Statement::Store { value, .. } = &mut outer(p).body[1] else { return };
                *value = Value(0);
            }),
            ("v0 is defined twice", |p| {
                let again = inner(p).body[0].clone();
                inner(p).body.push(again);
            }),
            ("would write the same element", |p| {
                let store = Statement::Store {
                    array: ArrayId(1),
                    subscripts: vec![Subscript::Counter(LoopId(0))],
                    value: Value(0),
                };
                inner(p).body.push(store);
            }),
            ("no element 4 of 4", |p| {
                p.arrays[1].extents = vec![Extent::Literal(4)];
                define(p, Kind::Real, Operation::Load(ArrayId(1), vec![Subscript::Literal(4)]));
            }),
            ("v0 is a real, not a integer", |p| {
                let at = vec![Subscript::Value(Value(0))];
                define(p, Kind::Real, Operation::Load(ArrayId(1), at));
            }),
            ("v0 is a real, not a mask", |p| {
                define(p, Kind::Real, Operation::Select(Value(0), Value(0), Value(0)));
            }),
            ("v2 is not defined here", |p| define(p, Kind::Real, Operation::Negate(Value(2)))),
            ("does not fit 32 bits", |p| define(p, Kind::Integer, Operation::Integer(1 << 31))),
            ("a shift by 32 of 32 bits", |p| {
                define(p, Kind::Integer, Operation::Integer(1));
                p.kinds.push(Kind::Integer);
                let shift = Operation::ShiftLeft(Value(2), 32);
                inner(p).body.push(Statement::Let(Value(3), shift));
            }),
        ];
        for (expected, break_it) in table {
            let mut program = row_sums();
            break_it(&mut program);
            let error = validate(&program).expect_err(expected);
            assert!(error.contains(expected), "`{expected}` is not in `{error}`");
        }
    }

    #[test]
    fn loops_nest_only_so_deep() {
        let nest = |depth: u32| {
            let mut program = row_sums();
            program.body.clear();
            for id in 0..depth {
                let body = std::mem::take(&mut program.body);
                let (id, extent) = (LoopId(id), Extent::Literal(1));
                let accumulators = vec![];
                program.body = vec![Statement::Loop(Loop {
                    id,
                    extent,
                    lanes: false,
                    guard: None,
                    body,
                    accumulators,
                })];
            }
            validate(&program)
        };
        let deepest = u32::try_from(MAX_DEPTH).unwrap();
        assert_eq!(nest(deepest), Ok(()));
        assert!(nest(deepest + 1).unwrap_err().contains("256 deep"));
    }
}
