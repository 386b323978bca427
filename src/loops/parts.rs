//! An operation taken apart: its name, the values it reads, the kinds it asks for and the kind it gives.

use super::{Join, Kind, LoopId, Operation, Subscript, Value};

impl Operation {
    /// The name that the text of a program uses.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Real(_) => "real",
            Self::Integer(_) => "integer",
            Self::Mask(_) => "mask",
            Self::Counter(_) => "counter",
            Self::Extent(_) => "extent",
            Self::Load(..) => "load",
            Self::Add(..) => "add",
            Self::Subtract(..) => "subtract",
            Self::Multiply(..) => "multiply",
            Self::Divide(..) => "divide",
            Self::FusedMultiplyAdd(..) => "multiply_add",
            Self::Negate(_) => "negate",
            Self::Absolute(_) => "absolute",
            Self::SquareRoot(_) => "square_root",
            Self::Floor(_) => "floor",
            Self::Nearest(_) => "nearest",
            Self::Minimum(..) => "minimum",
            Self::Maximum(..) => "maximum",
            Self::Less(..) => "less",
            Self::LessEqual(..) => "less_equal",
            Self::Equal(..) => "equal",
            Self::IntegerLess(..) => "integer_less",
            Self::IntegerEqual(..) => "integer_equal",
            Self::And(..) => "and",
            Self::Or(..) => "or",
            Self::Not(_) => "not",
            Self::Select(..) => "select",
            Self::Bits(_) => "bits",
            Self::FromBits(_) => "from_bits",
            Self::ToReal(_) => "to_real",
            Self::IntegerAdd(..) => "integer_add",
            Self::IntegerSubtract(..) => "integer_subtract",
            Self::BitAnd(..) => "bit_and",
            Self::BitOr(..) => "bit_or",
            Self::BitXor(..) => "bit_xor",
            Self::ShiftLeft(..) => "shift_left",
            Self::ShiftRight(..) => "shift_right",
            Self::ShiftRightUnsigned(..) => "shift_right_unsigned",
        }
    }

    /// The values that it reads, in order; those in the subscripts of a load included.
    pub fn operands(&self) -> impl Iterator<Item = Value> {
        let none = Value(0);
        let (count, values, subscripts): (usize, [Value; 3], &[Subscript]) = match self {
            Self::Real(_)
            | Self::Integer(_)
            | Self::Mask(_)
            | Self::Counter(_)
            | Self::Extent(_) => (0, [none; 3], &[]),
            Self::Load(_, subscripts) => (0, [none; 3], subscripts),
            Self::Negate(a)
            | Self::Absolute(a)
            | Self::SquareRoot(a)
            | Self::Floor(a)
            | Self::Nearest(a)
            | Self::Not(a)
            | Self::Bits(a)
            | Self::FromBits(a)
            | Self::ToReal(a)
            | Self::ShiftLeft(a, _)
            | Self::ShiftRight(a, _)
            | Self::ShiftRightUnsigned(a, _) => (1, [*a, none, none], &[]),
            Self::Add(a, b)
            | Self::Subtract(a, b)
            | Self::Multiply(a, b)
            | Self::Divide(a, b)
            | Self::Minimum(a, b)
            | Self::Maximum(a, b)
            | Self::Less(a, b)
            | Self::LessEqual(a, b)
            | Self::Equal(a, b)
            | Self::IntegerLess(a, b)
            | Self::IntegerEqual(a, b)
            | Self::And(a, b)
            | Self::Or(a, b)
            | Self::IntegerAdd(a, b)
            | Self::IntegerSubtract(a, b)
            | Self::BitAnd(a, b)
            | Self::BitOr(a, b)
            | Self::BitXor(a, b) => (2, [*a, *b, none], &[]),
            Self::FusedMultiplyAdd(a, b, c) | Self::Select(a, b, c) => (3, [*a, *b, *c], &[]),
        };
        values.into_iter().take(count).chain(subscript_values(subscripts))
    }

    /// The operation on other values and under the counters of other loops.
    #[must_use]
    pub fn renamed(
        &self,
        value: impl Fn(Value) -> Value,
        counter: impl Fn(LoopId) -> LoopId,
    ) -> Self {
        let of = |operand: &Value| value(*operand);
        match self {
            Self::Real(_) | Self::Integer(_) | Self::Mask(_) | Self::Extent(_) => self.clone(),
            Self::Counter(id) => Self::Counter(counter(*id)),
            Self::Load(array, subscripts) => {
                let place = |subscript: &Subscript| subscript.renamed(&value, &counter);
                Self::Load(*array, subscripts.iter().map(place).collect())
            }
            Self::SquareRoot(a) => Self::SquareRoot(of(a)),
            Self::Negate(a) => Self::Negate(of(a)),
            Self::Absolute(a) => Self::Absolute(of(a)),
            Self::Floor(a) => Self::Floor(of(a)),
            Self::Nearest(a) => Self::Nearest(of(a)),
            Self::Not(a) => Self::Not(of(a)),
            Self::Bits(a) => Self::Bits(of(a)),
            Self::FromBits(a) => Self::FromBits(of(a)),
            Self::ToReal(a) => Self::ToReal(of(a)),
            Self::Add(a, b) => Self::Add(of(a), of(b)),
            Self::Subtract(a, b) => Self::Subtract(of(a), of(b)),
            Self::Multiply(a, b) => Self::Multiply(of(a), of(b)),
            Self::Divide(a, b) => Self::Divide(of(a), of(b)),
            Self::Minimum(a, b) => Self::Minimum(of(a), of(b)),
            Self::Maximum(a, b) => Self::Maximum(of(a), of(b)),
            Self::Less(a, b) => Self::Less(of(a), of(b)),
            Self::LessEqual(a, b) => Self::LessEqual(of(a), of(b)),
            Self::Equal(a, b) => Self::Equal(of(a), of(b)),
            Self::IntegerLess(a, b) => Self::IntegerLess(of(a), of(b)),
            Self::IntegerEqual(a, b) => Self::IntegerEqual(of(a), of(b)),
            Self::And(a, b) => Self::And(of(a), of(b)),
            Self::Or(a, b) => Self::Or(of(a), of(b)),
            Self::IntegerAdd(a, b) => Self::IntegerAdd(of(a), of(b)),
            Self::IntegerSubtract(a, b) => Self::IntegerSubtract(of(a), of(b)),
            Self::BitAnd(a, b) => Self::BitAnd(of(a), of(b)),
            Self::BitOr(a, b) => Self::BitOr(of(a), of(b)),
            Self::BitXor(a, b) => Self::BitXor(of(a), of(b)),
            Self::FusedMultiplyAdd(a, b, c) => Self::FusedMultiplyAdd(of(a), of(b), of(c)),
            Self::Select(a, b, c) => Self::Select(of(a), of(b), of(c)),
            Self::ShiftLeft(a, by) => Self::ShiftLeft(of(a), *by),
            Self::ShiftRight(a, by) => Self::ShiftRight(of(a), *by),
            Self::ShiftRightUnsigned(a, by) => Self::ShiftRightUnsigned(of(a), *by),
        }
    }

    /// The kind of every operand and of the result. `None` for loads and selections, whose kinds
    /// follow from what they load or select.
    #[must_use]
    pub fn kinds(&self) -> Option<(Kind, Kind)> {
        Some(match self {
            Self::Real(_)
            | Self::Add(..)
            | Self::Subtract(..)
            | Self::Multiply(..)
            | Self::Divide(..)
            | Self::FusedMultiplyAdd(..)
            | Self::Negate(_)
            | Self::Absolute(_)
            | Self::SquareRoot(_)
            | Self::Floor(_)
            | Self::Nearest(_)
            | Self::Minimum(..)
            | Self::Maximum(..) => (Kind::Real, Kind::Real),
            Self::Less(..) | Self::LessEqual(..) | Self::Equal(..) => (Kind::Real, Kind::Mask),
            Self::IntegerLess(..) | Self::IntegerEqual(..) => (Kind::Integer, Kind::Mask),
            Self::Mask(_) | Self::And(..) | Self::Or(..) | Self::Not(_) => (Kind::Mask, Kind::Mask),
            Self::Bits(_) => (Kind::Real, Kind::Integer),
            Self::FromBits(_) | Self::ToReal(_) => (Kind::Integer, Kind::Real),
            Self::Integer(_)
            | Self::Counter(_)
            | Self::Extent(_)
            | Self::IntegerAdd(..)
            | Self::IntegerSubtract(..)
            | Self::BitAnd(..)
            | Self::BitOr(..)
            | Self::BitXor(..)
            | Self::ShiftLeft(..)
            | Self::ShiftRight(..)
            | Self::ShiftRightUnsigned(..) => (Kind::Integer, Kind::Integer),
            Self::Load(..) | Self::Select(..) => return None,
        })
    }
}

impl Subscript {
    /// The same place, by other values and the counters of other loops.
    #[must_use]
    pub fn renamed(
        self,
        value: impl Fn(Value) -> Value,
        counter: impl Fn(LoopId) -> LoopId,
    ) -> Self {
        match self {
            Self::Counter(id) => Self::Counter(counter(id)),
            Self::Partial(id) => Self::Partial(counter(id)),
            Self::Value(of) => Self::Value(value(of)),
            Self::Literal(at) => Self::Literal(at),
        }
    }
}

impl Join {
    /// Every way to join, for tables.
    pub const ALL: [Self; 6] =
        [Self::Sum, Self::Product, Self::Maximum, Self::Minimum, Self::Any, Self::All];

    /// The name that the text of a program uses.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Product => "product",
            Self::Maximum => "maximum",
            Self::Minimum => "minimum",
            Self::Any => "any",
            Self::All => "all",
        }
    }

    /// What it begins with.
    #[must_use]
    pub fn neutral(self) -> Operation {
        match self {
            Self::Sum => Operation::Real(0f64.to_bits()),
            Self::Product => Operation::Real(1f64.to_bits()),
            Self::Maximum => Operation::Real(f64::NEG_INFINITY.to_bits()),
            Self::Minimum => Operation::Real(f64::INFINITY.to_bits()),
            Self::Any => Operation::Mask(false),
            Self::All => Operation::Mask(true),
        }
    }

    /// The kind of the elements and of the result.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self {
            Self::Sum | Self::Product | Self::Maximum | Self::Minimum => Kind::Real,
            Self::Any | Self::All => Kind::Mask,
        }
    }
}

/// The values among subscripts.
pub fn subscript_values(subscripts: &[Subscript]) -> impl Iterator<Item = Value> + '_ {
    subscripts.iter().filter_map(|subscript| match subscript {
        Subscript::Value(value) => Some(*value),
        Subscript::Counter(_) | Subscript::Partial(_) | Subscript::Literal(_) => None,
    })
}
