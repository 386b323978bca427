//! Checks that a program keeps the rules of the loop language; every machine below relies on them.

use std::collections::HashMap;

use super::{
    Array, ArrayId, ArrayRole, Element, Extent, Join, Kind, Loop, LoopId, MatrixProduct, Operation,
    PARTIALS, Precision, Program, SHORT, Statement, Subscript, Value, parts::subscript_values,
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
        seen_loops: HashMap::new(),
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
    /// All loops so far, and how often they run.
    seen_loops: HashMap<LoopId, Extent>,
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
                Statement::Product(product) => self
                    .check_product(product)
                    .map_err(|what| format!("{}: {what}", product.row.id))?,
            }
        }
        Ok(local)
    }

    fn check_loop(&mut self, inner: &Loop) -> Result<(), String> {
        check_extent(self.program, inner.extent)?;
        if self.seen_loops.insert(inner.id, inner.extent).is_some() {
            return Err("the loop's name is used twice".into());
        }
        let in_lanes = self.lane_loop().is_some();
        if in_lanes && inner.lanes {
            return Err("a loop in lanes inside a loop in lanes".into());
        }
        if let Some(around) = inner.behind {
            let is_alike = self.loops.iter().any(|(open, _)| *open == around)
                && self.seen_loops.get(&around) == Some(&inner.extent);
            if !inner.lanes || !is_alike {
                return Err(format!("it is no loop in lanes inside one like it, {around}"));
            }
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
            if let Some(factor) = accumulator.factor {
                if !inner.lanes || accumulator.join != Join::Sum {
                    return Err(format!("{} is no sum of a loop in lanes", accumulator.result));
                }
                self.expect_in_scope(factor)?;
                self.expect_kind(factor, Kind::Real)?;
            }
        }
        for value in local {
            self.in_scope[value.0 as usize] = false;
        }
        Ok(())
    }

    fn check_product(&mut self, product: &MatrixProduct) -> Result<(), String> {
        if self.lane_loop().is_some() {
            return Err("a product of matrices inside a loop in lanes".into());
        }
        let around = self.loops.len();
        for index in product.indices() {
            check_extent(self.program, index.extent)?;
            if self.seen_loops.insert(index.id, index.extent).is_some() {
                return Err("the loop's name is used twice".into());
            }
            self.loops.push((index.id, false));
        }
        let [row, column, depth] = product.indices().map(|index| Subscript::Counter(index.id));
        for (element, other, ends) in [
            (&product.left, column, false),
            (&product.right, row, true),
            (&product.to, depth, true),
        ] {
            let Element { array, subscripts } = element;
            self.check_subscripts(*array, subscripts)?;
            let columns = subscripts.iter().filter(|it| **it == column).count();
            let ends_well = !ends || (columns == 1 && subscripts.last() == Some(&column));
            if subscripts.contains(&other) || !ends_well || subscript_values(subscripts).count() > 0
            {
                return Err("the indices of a product stand at the wrong place".into());
            }
            if self.program.arrays[array.0 as usize].kind != Kind::Real {
                return Err("a product of matrices that hold no reals".into());
            }
        }
        let to = product.to.array;
        if [product.left.array, product.right.array].contains(&to) {
            return Err("a product of matrices that overwrites what it reads".into());
        }
        if self.program.arrays[to.0 as usize].role == ArrayRole::Input {
            return Err("an input is only read".into());
        }
        self.loops.truncate(around);
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
        operation.operands().try_for_each(|operand| self.expect_in_scope(operand))?;
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
        operation.operands().try_for_each(|operand| self.expect_kind(operand, asked))?;
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
            Some(id)
                if !subscripts.contains(&Subscript::Counter(id))
                    && !subscripts.contains(&Subscript::Partial(id)) =>
            {
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
                (Subscript::Partial(id), extent) => self.check_partial(*id, *extent)?,
                (Subscript::Value(value), _) => self.expect_kind(*value, Kind::Integer)?,
                (Subscript::Literal(at), Extent::Literal(extent)) if at >= extent => {
                    return Err(format!("`{}` has no element {at} of {extent}", array.name));
                }
                (Subscript::Literal(_), _) => {}
            }
        }
        Ok(())
    }

    fn check_partial(&self, id: LoopId, extent: Extent) -> Result<(), String> {
        let is_inside = self.loops.last().is_some_and(|(last, _)| *last != id);
        if self.lane_loop() != Some(id) || !is_inside {
            return Err(format!("{id} is no loop in lanes around the loop here"));
        }
        match extent {
            Extent::Literal(extent) if extent as usize >= PARTIALS => Ok(()),
            Extent::Literal(_) | Extent::Given(_) => {
                Err(format!("an axis shorter than {PARTIALS} for a counter modulo that"))
            }
        }
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
mod tests;
