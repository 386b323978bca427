//! A program as text, one statement a line: what `--emit loops` shows and golden tests pin.

use std::fmt::{self, Display, Formatter};

use super::{
    Array, ArrayRole, Extent, Kind, Loop, LoopId, MatrixProduct, Operation, PARTIALS, Precision,
    Program, Statement, Subscript, Value,
};

impl Display for Program {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let fused = if self.fused { " fused" } else { "" };
        writeln!(f, "program {}{fused}", self.precision)?;
        for array in &self.arrays {
            write_array(f, self, array)?;
        }
        write_body(f, self, &self.body, 0)
    }
}

impl Display for Precision {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::F64 => "f64",
        })
    }
}

impl Display for Kind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Real => "real",
            Self::Integer => "integer",
            Self::Mask => "mask",
        })
    }
}

impl Display for ArrayRole {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Input => "input",
            Self::Output => "output",
            Self::Temporary => "temporary",
        })
    }
}

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.0)
    }
}

impl Display for LoopId {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "i{}", self.0)
    }
}

impl Display for Subscript {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Counter(id) => id.fmt(f),
            Self::Partial(id) => write!(f, "{id} % {PARTIALS}"),
            Self::Value(value) => value.fmt(f),
            Self::Literal(at) => at.fmt(f),
        }
    }
}

fn write_array(f: &mut Formatter<'_>, program: &Program, array: &Array) -> fmt::Result {
    write!(f, "{} {} {}", array.role, array.kind, array.name)?;
    write_list(f, array.extents.iter().map(|extent| extent_name(program, *extent)))?;
    writeln!(f)
}

fn write_body(
    f: &mut Formatter<'_>,
    program: &Program,
    body: &[Statement],
    depth: usize,
) -> fmt::Result {
    let indent = "    ".repeat(depth);
    for statement in body {
        f.write_str(&indent)?;
        match statement {
            Statement::Let(value, operation) => {
                write!(f, "{value} = ")?;
                write_operation(f, program, operation)?;
                writeln!(f)?;
            }
            Statement::Store { array, subscripts, value } => {
                write!(f, "store {}", program.arrays[array.0 as usize].name)?;
                write_list(f, subscripts)?;
                writeln!(f, " {value}")?;
            }
            Statement::Loop(inner) => write_loop(f, program, inner, depth)?,
            Statement::Product(product) => write_product(f, program, product)?,
        }
    }
    Ok(())
}

fn write_product(f: &mut Formatter<'_>, program: &Program, product: &MatrixProduct) -> fmt::Result {
    f.write_str("product")?;
    for (at, index) in product.indices().into_iter().enumerate() {
        let separator = if at == 0 { "" } else { "," };
        write!(f, "{separator} {} < {}", index.id, extent_name(program, index.extent))?;
    }
    let [left, right, to] = product.elements();
    for (word, element) in [("to", to), ("=", left), ("*", right)] {
        write!(f, " {word} {}", program.arrays[element.array.0 as usize].name)?;
        write_list(f, &element.subscripts)?;
    }
    writeln!(f)
}

fn write_loop(f: &mut Formatter<'_>, program: &Program, inner: &Loop, depth: usize) -> fmt::Result {
    let lanes = if inner.lanes { " in lanes" } else { "" };
    write!(f, "loop {} < {}{lanes}", inner.id, extent_name(program, inner.extent))?;
    if let Some(around) = inner.behind {
        write!(f, " behind {around}")?;
    }
    if let Some(guard) = inner.guard {
        write!(f, " if {guard}")?;
    }
    writeln!(f, " {{")?;
    write_body(f, program, &inner.body, depth + 1)?;
    write!(f, "{}}}", "    ".repeat(depth))?;
    for accumulator in &inner.accumulators {
        let (result, join, element) =
            (accumulator.result, accumulator.join.name(), accumulator.element);
        write!(f, " {result} = {join} {element}")?;
        if let Some(factor) = accumulator.factor {
            write!(f, " * {factor}")?;
        }
    }
    writeln!(f)
}

fn write_operation(f: &mut Formatter<'_>, program: &Program, operation: &Operation) -> fmt::Result {
    f.write_str(operation.name())?;
    match operation {
        Operation::Real(bits) => write!(f, " {:?}", f64::from_bits(*bits)),
        Operation::Integer(integer) => write!(f, " {integer}"),
        Operation::Mask(mask) => write!(f, " {mask}"),
        Operation::Counter(id) => write!(f, " {id}"),
        Operation::Extent(extent) => write!(f, " {}", extent_name(program, *extent)),
        Operation::Load(array, subscripts) => {
            write!(f, " {}", program.arrays[array.0 as usize].name)?;
            write_list(f, subscripts)
        }
        Operation::ShiftLeft(value, by)
        | Operation::ShiftRight(value, by)
        | Operation::ShiftRightUnsigned(value, by) => write!(f, " {value} {by}"),
        other => other.operands().try_for_each(|operand| write!(f, " {operand}")),
    }
}

fn write_list<T: Display>(
    f: &mut Formatter<'_>,
    items: impl IntoIterator<Item = T>,
) -> fmt::Result {
    f.write_str("[")?;
    for (position, item) in items.into_iter().enumerate() {
        let separator = if position == 0 { "" } else { ", " };
        write!(f, "{separator}{item}")?;
    }
    f.write_str("]")
}

fn extent_name(program: &Program, extent: Extent) -> String {
    match extent {
        Extent::Literal(literal) => literal.to_string(),
        Extent::Given(id) => program.extents[id.0 as usize].clone(),
    }
}
