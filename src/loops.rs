//! The loop language: loop nests around straight-line code over a closed set of primitive operations.
//!
//! It is the narrow waist of the compiler. [`crate::lower`] writes it, [`crate::interpret`] runs it
//! plainly and is the oracle, [`crate::machine`] turns it into machine code. A program computes in one
//! precision, its [`Precision`]. The same program gives the same bits on every machine, in lanes or as scalars.
//!
//! # Order of accumulation
//! A loop has one total for each accumulator, which takes joined elements one after the other.
//!
//! - Without lanes, the total takes every element. Inside of a loop in lanes each lane has totals of its
//!   own, and joins elements to them as they are: such loops are short.
//! - In lanes, there are [`PARTIALS`] partial results: element `k` goes to partial `k % PARTIALS`,
//!   whatever the width of the machine. After the last iteration they are joined as a balanced tree:
//!   partial `p` takes partial `p + 16`, then `p + 8`, `p + 4`, `p + 2`, `p + 1` (the lower one is the
//!   left operand). A sum goes in blocks: each partial result has a total of its own, which takes it after
//!   each [`BLOCK`] iterations and after the last one if that ends no block, whereupon the partial
//!   result begins anew; it is the totals that are joined.
//!
//! Other totals of sums take an element with compensation (W. Kahan, Further remarks on reducing
//! truncation errors, 1965), from `total = lost = 0`:
//!
//! ```text
//! y = element - lost;  t = total + y;  lost = (t - total) - y;  total = t
//! ```
//!
//! and `lost = 0` where it is no finite number, so that infinities stay what they are.
//!
//! Where `u` is half the distance from 1 to the next number, the relative error of a sum of one sign is
//! below `7 u` in a block (8 elements for each partial result, the first one exact), `2 u` in the totals
//! and `5 u` in the tree: 14 `u`, 8.4e-7 in f32, however many there are up to 10^8. A sum over several
//! axes has `2 u` more for each loop around the innermost.
//!
//! An element of a [`MatrixProduct`] adds [`DEPTH`] products at a time, one after the other from 0, each by
//! [`Operation::FusedMultiplyAdd`]; a total from 0 takes what they come to, and what those left at the end come to, with
//! compensation.

mod display;
mod insert;
mod matrix;
mod parts;
mod validate;

pub(crate) use insert::insert;
pub use matrix::{DEPTH, Element, Index, MatrixProduct};
pub use parts::subscript_values;
pub use validate::{MAX_DEPTH, validate};

/// How many partial results an accumulator of a loop in lanes has.
pub const PARTIALS: usize = 32;

/// How many iterations of a loop in lanes are summed before the totals take the partial results.
pub const BLOCK: u32 = 256;

/// How many iterations of a loop in lanes machines may run side by side; a multiple of [`PARTIALS`].
pub const TRIP: u32 = 64;

/// How often a loop inside of a loop in lanes runs at most.
pub const SHORT: u32 = 16;

/// The floating-point format that a program computes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Precision {
    /// IEEE binary32.
    F32,
    /// IEEE binary64.
    F64,
}

/// A value of straight-line code: defined once, in scope until the end of the body that defines it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Value(pub u32);

/// An array that the program reads or writes: an index into [`Program::arrays`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ArrayId(pub u32);

/// An extent, known when the program is called: an index into [`Program::extents`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExtentId(pub u32);

/// A loop of the program, which names its counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LoopId(pub u32);

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A number of the program's precision.
    Real,
    /// A signed integer as wide as a real (32 or 64 bits): an index, or the bits of a real.
    Integer,
    /// A truth value, a mask in lanes.
    Mask,
}

/// A whole program: what it works on, and its code.
#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    /// The floating-point format of every real.
    pub precision: Precision,
    /// Whether [`Operation::FusedMultiplyAdd`] rounds once. If not, it is a product and a sum, both rounded.
    pub fused: bool,
    /// Names of the extents, for display.
    pub extents: Vec<String>,
    /// The arrays, in the order of the call's array table.
    pub arrays: Vec<Array>,
    /// The kind of each value.
    pub kinds: Vec<Kind>,
    /// The code.
    pub body: Vec<Statement>,
}

/// A dense row-major array.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Its name, for display.
    pub name: String,
    /// What its elements are: [`Kind::Real`] or [`Kind::Integer`].
    pub kind: Kind,
    /// Who owns it.
    pub role: ArrayRole,
    /// The extent of each axis, outermost first; empty: one element.
    pub extents: Vec<Extent>,
}

/// Who owns an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ArrayRole {
    /// The caller's; only read.
    Input,
    /// The caller's; written, every element before it is read.
    Output,
    /// Scratch memory of the call, aligned to 64 bytes; contents undefined at the start.
    Temporary,
}

/// How long an axis or a loop is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Extent {
    /// Known at compile time.
    Literal(u32),
    /// Given by the call.
    Given(ExtentId),
}

/// One step of a program.
#[derive(Clone, Debug, PartialEq)]
pub enum Statement {
    /// Defines a value.
    Let(Value, Operation),
    /// Writes an element of an output or a temporary.
    Store {
        /// The array.
        array: ArrayId,
        /// Where, one subscript an axis.
        subscripts: Vec<Subscript>,
        /// What.
        value: Value,
    },
    /// Runs a body once for each index.
    Loop(Box<Loop>),
    /// Multiplies two matrices.
    Product(Box<MatrixProduct>),
}

/// A loop over an axis. If it runs in lanes, the loops in its body do not, have no guards, and run at
/// most [`SHORT`] times: each lane goes through them by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Loop {
    /// Its name, which [`Subscript::Counter`] and [`Operation::Counter`] use.
    pub id: LoopId,
    /// How often it runs, counting from 0.
    pub extent: Extent,
    /// Whether iterations may run side by side: none reads or writes what another writes. So every
    /// store in it has the counter among its subscripts, or the counter modulo [`PARTIALS`].
    pub lanes: bool,
    /// A mask from outside of the loop: where it does not hold, the loop does not run at all.
    pub guard: Option<Value>,
    /// A loop around over the same extent, of a loop in lanes: it begins where that stands, rounded down to a multiple of
    /// [`TRIP`], instead of at 0.
    pub behind: Option<LoopId>,
    /// What it runs.
    pub body: Vec<Statement>,
    /// What it leaves behind.
    pub accumulators: Vec<Accumulator>,
}

impl Loop {
    /// Whether it goes in blocks of [`BLOCK`] iterations: a loop in lanes with a sum.
    #[must_use]
    pub fn in_blocks(&self) -> bool {
        self.lanes && self.accumulators.iter().any(|accumulator| accumulator.join == Join::Sum)
    }

    /// Whether there are loops in its body.
    #[must_use]
    pub fn holds_loops(&self) -> bool {
        let is_loop =
            |statement: &Statement| matches!(statement, Statement::Loop(_) | Statement::Product(_));
        self.body.iter().any(is_loop)
    }
}

/// A scalar result that a loop builds up.
#[derive(Clone, Debug, PartialEq)]
pub struct Accumulator {
    /// How elements are joined.
    pub join: Join,
    /// The element of this iteration: a value of the loop's body or from outside of the loop.
    pub element: Value,
    /// Of a sum of a loop in lanes: what the element is multiplied by. The product is not rounded before it is added where the
    /// program is `fused`.
    pub factor: Option<Value>,
    /// The result, defined after the loop.
    pub result: Value,
}

impl Accumulator {
    /// The values that it reads.
    pub fn reads(&self) -> impl Iterator<Item = Value> {
        [Some(self.element), self.factor].into_iter().flatten()
    }
}

/// How an accumulator joins what it has, `a`, with an element, `b`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Join {
    /// `a + b` from 0; reals. A total takes `b` with compensation.
    Sum,
    /// `a * b` from 1; reals.
    Product,
    /// `Maximum(a, b)` from −∞; reals.
    Maximum,
    /// `Minimum(a, b)` from +∞; reals.
    Minimum,
    /// Masks, from false.
    Any,
    /// Masks, from true.
    All,
}

/// The position along one axis of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subscript {
    /// The counter of an enclosing loop.
    Counter(LoopId),
    /// The counter of the loop in lanes around, modulo [`PARTIALS`]: iterations that are so far apart run one after the
    /// other. Only in loops inside of that loop, of temporaries that no other loop sees.
    Partial(LoopId),
    /// An integer value, known to lie inside the axis.
    Value(Value),
    /// A constant position.
    Literal(u32),
}

/// A primitive operation. Comparisons with NaN are false.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// A real constant, rounded to the program's precision. Bits of an `f64` so that NaN and −0 are kept.
    Real(u64),
    /// An integer constant.
    Integer(i64),
    /// A truth value.
    Mask(bool),
    /// The counter of an enclosing loop, as an integer.
    Counter(LoopId),
    /// An extent, as an integer.
    Extent(Extent),
    /// An element of an array.
    Load(ArrayId, Vec<Subscript>),

    /// `a + b`
    Add(Value, Value),
    /// `a - b`
    Subtract(Value, Value),
    /// `a * b`
    Multiply(Value, Value),
    /// `a / b`
    Divide(Value, Value),
    /// `a * b + c`, rounded once where the program is `fused`
    FusedMultiplyAdd(Value, Value, Value),
    /// `-a`: the sign bit flipped
    Negate(Value),
    /// `|a|`: the sign bit cleared
    Absolute(Value),
    /// The square root, correctly rounded.
    SquareRoot(Value),
    /// The largest whole number not above `a`.
    Floor(Value),
    /// The nearest whole number, ties to even.
    Nearest(Value),
    /// `if a < b { a } else { b }`: the second operand where either is NaN
    Minimum(Value, Value),
    /// `if a > b { a } else { b }`: the second operand where either is NaN
    Maximum(Value, Value),

    /// `a < b` of reals
    Less(Value, Value),
    /// `a <= b` of reals
    LessEqual(Value, Value),
    /// `a == b` of reals
    Equal(Value, Value),
    /// `a < b` of integers
    IntegerLess(Value, Value),
    /// `a == b` of integers
    IntegerEqual(Value, Value),

    /// Both masks.
    And(Value, Value),
    /// Either mask.
    Or(Value, Value),
    /// The mask's opposite.
    Not(Value),
    /// `if mask { a } else { b }`: two reals, two integers or two masks; both sides are computed
    Select(Value, Value, Value),

    /// The bits of a real as an integer.
    Bits(Value),
    /// The real with these bits.
    FromBits(Value),
    /// The integer as a real, rounded to nearest. For 64 bits: exact below 2^51, unspecified above.
    ToReal(Value),
    /// `a + b`, wrapping
    IntegerAdd(Value, Value),
    /// `a - b`, wrapping
    IntegerSubtract(Value, Value),
    /// Bitwise and of integers.
    BitAnd(Value, Value),
    /// Bitwise or of integers.
    BitOr(Value, Value),
    /// Bitwise exclusive or of integers.
    BitXor(Value, Value),
    /// `a << n`
    ShiftLeft(Value, u8),
    /// `a >> n`, the sign kept
    ShiftRight(Value, u8),
    /// `a >> n`, zeros shifted in
    ShiftRightUnsigned(Value, u8),
}

/// How far the functions of a program may be from what maths has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accuracy {
    /// Within one unit in the last place, and in order.
    Exact,
    /// Within a few units, as the arithmetic around them is.
    Close,
}

/// Appends straight-line code, giving back the value of an operation that it already has.
///
/// Kernels write through this trait, so that the same kernel serves lowering and tests.
pub trait Emit {
    /// The precision of the program being written.
    fn precision(&self) -> Precision;
    /// Whether the machine rounds a fused multiply-add once.
    fn is_fused(&self) -> bool;
    /// How many digits the functions being written keep.
    fn accuracy(&self) -> Accuracy;
    /// The value of an operation: the one already there, or a new one.
    fn emit(&mut self, operation: Operation) -> Value;

    /// A real constant.
    fn real(&mut self, value: f64) -> Value {
        self.emit(Operation::Real(value.to_bits()))
    }
    /// An integer constant.
    fn integer(&mut self, value: i64) -> Value {
        self.emit(Operation::Integer(value))
    }
}
