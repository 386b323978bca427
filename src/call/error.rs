//! What can be wrong with a call, and how it is said.

use std::fmt::{Display, Formatter, Result};

/// Why a call did not run. No output has been written.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum CallError {
    /// The loss has no such input.
    UnknownInput {
        /// The name that was given.
        name: String,
        /// The name that was probably meant.
        meant: Option<String>,
        /// The names that there are.
        inputs: Vec<String>,
    },
    /// An input or a slice for results was given twice.
    GivenTwice {
        /// Which.
        what: String,
    },
    /// An input without a default was not given.
    MissingInput {
        /// Which.
        name: String,
        /// How to give it.
        how: &'static str,
    },
    /// An input was made a constant when the loss was compiled.
    Frozen {
        /// Which.
        name: String,
        /// Its value.
        value: f64,
    },
    /// `set` was used on an input that each example has its own of.
    SetOfExample {
        /// Which.
        name: String,
    },
    /// The elements are of another type.
    WrongType {
        /// Which input.
        name: String,
        /// What it takes.
        expected: String,
        /// What it was given.
        got: &'static str,
    },
    /// The number of elements is not what the shape says.
    WrongLength {
        /// What has the elements.
        name: String,
        /// The shape.
        shape: Vec<usize>,
        /// How many elements there are.
        got: usize,
    },
    /// The shape does not have the declared axes.
    WrongShape {
        /// Which input.
        name: String,
        /// As declared: `logits[K]`.
        declared: String,
        /// The shape that was given.
        got: Vec<usize>,
        /// What is wrong with it.
        problem: String,
    },
    /// Two inputs do not have the same examples.
    BatchMismatch {
        /// Both of them.
        sides: Box<[Side; 2]>,
    },
    /// Two inputs do not agree on how long an axis is.
    ExtentMismatch {
        /// The axis.
        axis: String,
        /// An input as declared, and the length of the axis there.
        first: (String, usize),
        /// Another one.
        second: (String, usize),
    },
    /// No array says how long an axis is.
    UnknownExtent {
        /// The axis.
        axis: String,
        /// An input that needs to know.
        name: String,
    },
    /// An axis is shorter than the positions that the loss names.
    AxisTooShort {
        /// The axis.
        axis: String,
        /// How long it is.
        got: usize,
        /// How long it must be at least.
        least: usize,
    },
    /// More elements than the machine can count.
    TooLarge {
        /// What.
        name: String,
    },
    /// There are no examples.
    EmptyBatch,
    /// An index lies outside of its axis.
    IndexOutOfRange {
        /// Which input.
        name: String,
        /// Where.
        place: Box<Place>,
        /// The index.
        value: i128,
        /// The axis.
        axis: String,
        /// How long it is.
        extent: usize,
        /// Whether a negative index says that the label is missing.
        optional: bool,
    },
    /// A value lies outside of its domain.
    OutOfDomain {
        /// Which input.
        name: String,
        /// Where.
        place: Box<Place>,
        /// What was found there.
        found: String,
        /// The domain.
        domain: String,
    },
    /// The gradient of an input that has none.
    NoGradient {
        /// The name that was given.
        name: String,
        /// The inputs that have one.
        have: Vec<String>,
    },
    /// A run of a prepared call was given more or fewer slices than it was prepared for.
    WrongCount {
        /// Of inputs or of results.
        what: &'static str,
        /// Those that it was prepared for, in order.
        names: Vec<String>,
        /// How many there are.
        got: usize,
    },
    /// A default or a domain depends on an input that comes only with the runs of a prepared call.
    NeededBefore {
        /// Which input.
        name: String,
    },
    /// One upstream factor an example, though the examples are reduced to one number.
    UpstreamOfReduced,
    /// What the call asks for needs code of its own, which could not be made.
    NotCompiled {
        /// Why.
        reason: String,
    },
}

/// An input and the examples that it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    /// The input as declared: `logits[K]`.
    pub declared: String,
    /// The shape that was given.
    pub shape: Vec<usize>,
    /// The axes of the batch in it; none: it is a single example.
    pub batch: Vec<usize>,
}

/// A place in the elements of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The example, from 0, if each has its own.
    pub row: Option<usize>,
    /// The position along each declared axis.
    pub position: Vec<usize>,
}

impl Display for Place {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        if !self.position.is_empty() {
            write!(formatter, "{:?}", self.position)?;
        }
        match self.row {
            Some(row) => write!(formatter, " in row {row}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for CallError {}

impl Display for CallError {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        match self {
            Self::UnknownInput { name, meant: Some(meant), .. } => {
                write!(formatter, "there is no input `{name}`; did you mean `{meant}`?")
            }
            Self::UnknownInput { name, meant: None, inputs } => {
                write!(
                    formatter,
                    "there is no input `{name}`; the inputs are {}",
                    inputs.join(", ")
                )
            }
            Self::GivenTwice { what } => write!(formatter, "{what} is given twice"),
            Self::MissingInput { name, how } => {
                write!(formatter, "`{name}` is not given and has no default: {how}")
            }
            Self::Frozen { name, value } => {
                write!(formatter, "`{name}` was frozen at {value} when the loss was compiled")
            }
            Self::SetOfExample { name } => write!(
                formatter,
                "`{name}` belongs to each example: give it with `bind`; `set` is for params and learned inputs"
            ),
            Self::WrongType { name, expected, got } => {
                write!(formatter, "`{name}` takes {expected}, and was given {got}")
            }
            Self::WrongLength { name, shape, got } => write!(
                formatter,
                "{name} has {got} elements, but its shape {shape:?} has {}",
                shape.iter().fold(1usize, |all, length| all.saturating_mul(*length))
            ),
            Self::WrongShape { declared, got, problem, .. } => {
                write!(formatter, "`{declared}` was given the shape {got:?}: {problem}")
            }
            Self::BatchMismatch { sides } => batch_mismatch(formatter, sides),
            Self::ExtentMismatch { axis, first, second } => write!(
                formatter,
                "axis {axis} is {} long in `{}` and {} long in `{}`",
                first.1, first.0, second.1, second.0
            ),
            Self::UnknownExtent { axis, name } => write!(
                formatter,
                "nothing says how long axis {axis} of `{name}` is: bind an array that has it"
            ),
            Self::AxisTooShort { axis, got, least } => write!(
                formatter,
                "axis {axis} is {got} long, but the loss names position {} of it",
                least.saturating_sub(1)
            ),
            Self::TooLarge { name } => write!(formatter, "{name} is larger than can be addressed"),
            Self::EmptyBatch => write!(formatter, "the batch is empty: there is no example"),
            Self::IndexOutOfRange { .. } => out_of_range(formatter, self),
            Self::OutOfDomain { name, place, found, domain } => {
                write!(formatter, "`{name}`{place} is {found}, outside of its domain {domain}")
            }
            Self::NoGradient { name, have } => write!(
                formatter,
                "`{name}` has no gradient: only real inputs have one ({})",
                have.join(", ")
            ),
            Self::WrongCount { what, names, got } => write!(
                formatter,
                "the call was prepared for {} {what} ({}), and was given {got}",
                names.len(),
                names.join(", ")
            ),
            Self::NeededBefore { name } => write!(
                formatter,
                "a default or a domain depends on `{name}`, which comes with each run: fix it with `set`"
            ),
            Self::UpstreamOfReduced => write!(
                formatter,
                "an upstream factor for each example needs Reduction::None: a mean or a sum has one"
            ),
            Self::NotCompiled { reason } => {
                write!(formatter, "this combination of results cannot be compiled: {reason}")
            }
        }
    }
}

fn batch_mismatch(formatter: &mut Formatter<'_>, sides: &[Side; 2]) -> Result {
    for (at, Side { declared, shape, batch }) in sides.iter().enumerate() {
        let but = if at == 0 { "" } else { ", but " };
        write!(formatter, "{but}`{declared}` of shape {shape:?} is ")?;
        match batch.as_slice() {
            [] => write!(formatter, "a single example")?,
            batch => write!(formatter, "a batch of {batch:?}")?,
        }
    }
    Ok(())
}

fn out_of_range(formatter: &mut Formatter<'_>, error: &CallError) -> Result {
    let CallError::IndexOutOfRange { name, place, value, axis, extent, optional } = error else {
        return Ok(());
    };
    write!(formatter, "`{name}`{place} is {value}, ")?;
    match extent {
        0 => write!(formatter, "but axis {axis} is empty")?,
        _ => write!(formatter, "outside of axis {axis}, which goes from 0 to {}", extent - 1)?,
    }
    if *optional && *extent > 0 {
        write!(formatter, " (negative: missing)")?;
    }
    Ok(())
}
