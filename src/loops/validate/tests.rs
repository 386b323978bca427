//! One broken rule after the other.

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
        behind: None,
        body: vec![Statement::Let(Value(0), Operation::Load(ArrayId(0), here))],
        accumulators: vec![Accumulator {
            join: Join::Sum,
            element: Value(0),
            factor: None,
            result: Value(1),
        }],
    };
    let store = Statement::Store { array: ArrayId(1), subscripts: row, value: Value(1) };
    let outer = Loop {
        id: n,
        extent: rows,
        lanes: false,
        guard: None,
        behind: None,
        body: vec![Statement::Loop(Box::new(inner)), store],
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
        body: vec![Statement::Loop(Box::new(outer))],
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
        ("no loop in lanes inside one like it", |p| inner(p).behind = Some(LoopId(0))),
        ("used twice", |p| inner(p).id = LoopId(0)),
        ("i1 is not an enclosing loop", |p| inner(p).id = LoopId(7)),
        ("v1 is not defined here", |p| inner(p).accumulators.clear()),
        ("v1 is no sum of a loop in lanes", |p| {
            let accumulator = &mut inner(p).accumulators[0];
            (accumulator.join, accumulator.factor) = (Join::Maximum, Some(Value(0)));
        }),
        ("v1 is no sum of a loop in lanes", |p| {
            inner(p).lanes = false;
            inner(p).accumulators[0].factor = Some(Value(0));
        }),
        ("v2 is a integer, not a real", |p| {
            define(p, Kind::Integer, Operation::Integer(1));
            inner(p).accumulators[0].factor = Some(Value(2));
        }),
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
        ("no loop in lanes around", |p| {
            let here = vec![Subscript::Partial(LoopId(0)), Subscript::Counter(LoopId(1))];
            define(p, Kind::Real, Operation::Load(ArrayId(0), here));
        }),
        ("an axis shorter than 32", |p| {
            outer(p).lanes = true;
            inner(p).lanes = false;
            let here = vec![Subscript::Partial(LoopId(0)), Subscript::Counter(LoopId(1))];
            define(p, Kind::Real, Operation::Load(ArrayId(0), here));
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
            program.body = vec![Statement::Loop(Box::new(Loop {
                id,
                extent,
                lanes: false,
                guard: None,
                behind: None,
                body,
                accumulators,
            }))];
        }
        validate(&program)
    };
    let deepest = u32::try_from(MAX_DEPTH).unwrap();
    assert_eq!(nest(deepest), Ok(()));
    assert!(nest(deepest + 1).unwrap_err().contains("256 deep"));
}
