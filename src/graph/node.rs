//! The words of the graph: nodes, types, axes, inputs and their domains.

use std::hash::{Hash, Hasher};

use crate::builtins::{Function, Reduction};
use crate::diagnostic::Span;
pub use crate::syntax::ast::Role;

macro_rules! id {
    ($(#[doc = $doc:literal])+ $name:ident) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(u32);

        impl $name {
            pub(crate) fn from_index(index: usize) -> Self {
                Self(u32::try_from(index).expect("fewer than 2^32 of them"))
            }

            /// Its place in the arena.
            #[must_use]
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

id! {
    /// A node of a graph.
    NodeId
}
id! {
    /// An axis of a graph: a declared one, or that of an index.
    AxisId
}
id! {
    /// An extent of a graph: how long axes of one name are.
    ExtentId
}
id! {
    /// An input of a graph.
    InputId
}

/// An expression whose arguments are nodes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Node {
    /// A real constant, by the bits of its `f64`.
    Number(u64),
    /// A truth value.
    Bool(bool),
    /// A constant position along an axis.
    Position(u32, ExtentId),
    /// How long an axis is, as a real.
    Size(ExtentId),
    /// The position along an axis: an array over that axis alone.
    Index(AxisId),
    /// An element of an input: one subscript (of an index type) a declared axis.
    /// It has the axes that its subscripts have.
    Read(InputId, Box<[NodeId]>),
    /// A function of elements; its axes are those of all arguments.
    Map(Function, Arguments),
    /// A reduction along an axis that its argument has; binds that axis.
    Reduce(Reduction, AxisId, NodeId),
    /// The argument with one axis called another of the same extent: made by differentiation, where an
    /// adjoint is to be stored along the axis of its input. It is never pushed inwards.
    Rename {
        /// The array.
        argument: NodeId,
        /// An axis of the argument, bound here.
        from: AxisId,
        /// The axis in its place.
        to: AxisId,
    },
}

impl Node {
    /// Its arguments, subscripts included.
    #[must_use]
    pub fn arguments(&self) -> &[NodeId] {
        match self {
            Self::Number(_)
            | Self::Bool(_)
            | Self::Position(..)
            | Self::Size(_)
            | Self::Index(_) => &[],
            Self::Read(_, subscripts) => subscripts,
            Self::Map(_, arguments) => arguments.as_slice(),
            Self::Reduce(_, _, argument) | Self::Rename { argument, .. } => {
                std::slice::from_ref(argument)
            }
        }
    }

    /// The same node with each argument replaced.
    #[must_use]
    pub fn with_arguments(&self, mut replace: impl FnMut(NodeId) -> NodeId) -> Self {
        match self {
            Self::Number(_)
            | Self::Bool(_)
            | Self::Position(..)
            | Self::Size(_)
            | Self::Index(_) => self.clone(),
            Self::Read(input, subscripts) => {
                Self::Read(*input, subscripts.iter().map(|id| replace(*id)).collect())
            }
            Self::Map(function, arguments) => {
                let of = arguments.as_slice();
                let mut replaced = [of[0]; 3];
                for (new, id) in replaced.iter_mut().zip(of) {
                    *new = replace(*id);
                }
                Self::Map(*function, Arguments::new(&replaced[..of.len()]))
            }
            Self::Reduce(reduction, axis, argument) => {
                Self::Reduce(*reduction, *axis, replace(*argument))
            }
            Self::Rename { argument, from, to } => {
                Self::Rename { argument: replace(*argument), from: *from, to: *to }
            }
        }
    }
}

/// One to three arguments, in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arguments {
    ids: [NodeId; 3],
    count: u8,
}

/// Two words: graphs look up nodes all the time.
impl Hash for Arguments {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [a, b, c] = self.ids.map(|id| u64::from(id.0));
        state.write_u64(a << 32 | b);
        state.write_u64(c << 32 | u64::from(self.count));
    }
}

impl Arguments {
    /// From a slice of one to three.
    ///
    /// # Panics
    /// With none or more than three.
    #[must_use]
    pub fn new(ids: &[NodeId]) -> Self {
        let mut all = [ids[0]; 3];
        all[..ids.len()].copy_from_slice(ids);
        Self { ids: all, count: u8::try_from(ids.len()).expect("at most three arguments") }
    }

    /// As a slice.
    #[must_use]
    pub fn as_slice(&self) -> &[NodeId] {
        &self.ids[..usize::from(self.count)]
    }
}

/// What the elements of a node are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// Numbers.
    Real,
    /// Truth values.
    Bool,
    /// Positions along an axis of this extent.
    Index(ExtentId),
}

/// An axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Axis {
    /// How long it is.
    pub extent: ExtentId,
    /// Whether arrays or an index brought it in.
    pub kind: AxisKind,
}

/// Where an axis comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AxisKind {
    /// Arrays are declared with it; it has the name of its extent.
    Declared,
    /// An index runs over it; the number tells the indices of one extent apart.
    Index(u32),
}

/// How long an axis is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Extent {
    /// As long as the arrays of the call say.
    Named(String),
    /// As long as the file says.
    Literal(u32),
}

impl std::fmt::Display for Extent {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Named(name) => formatter.write_str(name),
            Self::Literal(length) => write!(formatter, "{length}"),
        }
    }
}

/// A set of axes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct AxisSet(u64);

impl AxisSet {
    /// No axes.
    pub const EMPTY: Self = Self(0);

    /// One axis.
    #[must_use]
    pub fn of(axis: AxisId) -> Self {
        // Past the limit all axes share a bit; the graph is refused before that matters.
        Self(1 << axis.index().min(63))
    }

    /// Whether an axis belongs to it.
    #[must_use]
    pub fn contains(self, axis: AxisId) -> bool {
        self.0 & Self::of(axis).0 != 0
    }

    /// This and one more.
    #[must_use]
    pub fn with(self, axis: AxisId) -> Self {
        self.union(Self::of(axis))
    }

    /// This but one.
    #[must_use]
    pub fn without(self, axis: AxisId) -> Self {
        self.minus(Self::of(axis))
    }

    /// All of both.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What both have.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What the other lacks.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether the other has all of this.
    #[must_use]
    pub fn is_subset_of(self, other: Self) -> bool {
        self.minus(other).is_empty()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many there are.
    #[must_use]
    pub fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// The axes in the order of their ids.
    pub fn iter(self) -> impl Iterator<Item = AxisId> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let first = left.trailing_zeros();
            left &= left.checked_sub(1)?;
            Some(AxisId::from_index(first as usize))
        })
    }
}

/// An input of a loss.
#[derive(Clone, Debug)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// Its doc text.
    pub doc: String,
    /// The part it plays.
    pub role: Role,
    /// What its elements are.
    pub kind: InputKind,
    /// Its axes in the order of memory, outermost first, the batch left out.
    pub axes: Vec<AxisId>,
    /// Which values make sense; none: any.
    pub domain: Option<Domain>,
    /// Its value when none is given: a scalar, or an array over its axes.
    pub default: Option<NodeId>,
    /// Where it is declared.
    pub span: Span,
}

/// What the elements of an input are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputKind {
    /// Numbers.
    Real,
    /// Truth values, held as the reals 0 and 1.
    Switch,
    /// Positions along an axis, held as integers.
    Index {
        /// How long the axis is.
        extent: ExtentId,
        /// Whether a negative one says that the label is missing.
        optional: bool,
    },
}

/// Which values of an input make sense. Bounds are scalars over constants, params and sizes.
#[derive(Clone, Debug, PartialEq)]
pub enum Domain {
    /// From `low` to `high`.
    Interval {
        /// The lower bound.
        low: NodeId,
        /// Whether the lower bound itself is left out.
        low_open: bool,
        /// The upper bound.
        high: NodeId,
        /// Whether the upper bound itself is left out.
        high_open: bool,
    },
    /// One of these.
    Set(Vec<NodeId>),
    /// A whole number from `low` to `high`, both included; no `high`: no end.
    Whole {
        /// The first.
        low: NodeId,
        /// The last.
        high: Option<NodeId>,
    },
    /// Numbers from 0 that sum to 1 along the last axis.
    Simplex,
}
