//! The tree that the parser builds: what was written, with places, and nothing decided about it.
//!
//! Its depth is bounded by the parser (chains of operators are flat), so recursion over it is safe.

use crate::diagnostic::Span;

/// A source file: its doc text (`//!`) and its items in order.
#[derive(Clone, Debug, PartialEq)]
pub struct File {
    /// The text of the `//!` lines, without the marks, joined by newlines.
    pub doc: String,
    /// What the file defines, in order.
    pub items: Vec<Item>,
}

/// One definition of a file.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// `use "path.loss";` or `use name;`
    Use(Use),
    /// `const NAME = expr`
    Const(Const),
    /// `fn name(a, p[K]) = expr`
    Function(Function),
    /// `loss name(inputs) = expr per w`
    Loss(Loss),
    /// `example name(inputs) == value, grad input == value`
    Example(Example),
}

/// An identifier and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Name {
    /// The identifier.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

/// A `use` item.
#[derive(Clone, Debug, PartialEq)]
pub struct Use {
    /// What is brought in.
    pub source: UseSource,
    /// The path or name as written, quotes included.
    pub span: Span,
}

/// What a `use` names.
#[derive(Clone, Debug, PartialEq)]
pub enum UseSource {
    /// A file, relative to the one that names it.
    Path(String),
    /// A loss of the shipped library.
    Library(String),
}

/// A named constant.
#[derive(Clone, Debug, PartialEq)]
pub struct Const {
    /// Its `///` text.
    pub doc: String,
    /// Its name.
    pub name: Name,
    /// Its value.
    pub value: Expr,
}

/// A helper function: inlined where it is called.
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// Its `///` text.
    pub doc: String,
    /// Its name.
    pub name: Name,
    /// Its parameters in order.
    pub parameters: Vec<Parameter>,
    /// What it returns.
    pub body: Expr,
}

/// A parameter of a helper function.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Its name.
    pub name: Name,
    /// Its axes in order.
    pub axes: Vec<AxisRef>,
}

/// A loss: a function of one example.
#[derive(Clone, Debug, PartialEq)]
pub struct Loss {
    /// Its `///` text.
    pub doc: String,
    /// Its name.
    pub name: Name,
    /// Its inputs in order.
    pub inputs: Vec<InputDeclaration>,
    /// The number it returns.
    pub body: Expr,
    /// What the batch mean divides by, when it is not the number of examples.
    pub per: Option<Expr>,
}

/// The part that an input plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// What the model puts out.
    Pred,
    /// What is known.
    Target,
    /// Trained with the model but shared by all examples.
    Learned,
    /// A hyperparameter, fixed for the call.
    Param,
}

/// An input of a loss.
#[derive(Clone, Debug, PartialEq)]
pub struct InputDeclaration {
    /// Its doc text: the `///` lines above it, if it is the first of its line.
    pub doc: String,
    /// The role word that holds here, perhaps written at an earlier input.
    pub role: Role,
    /// Its name.
    pub name: Name,
    /// Its axes in order.
    pub axes: Vec<AxisRef>,
    /// Which values make sense.
    pub domain: Option<Domain>,
    /// Its value when none is given.
    pub default: Option<Expr>,
    /// From the name to the end of the default.
    pub span: Span,
}

/// An axis where it is named: `K` or `4`.
#[derive(Clone, Debug, PartialEq)]
pub struct AxisRef {
    /// Which one.
    pub axis: AxisName,
    /// Where it stands.
    pub span: Span,
}

/// The name of an axis or its literal extent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AxisName {
    /// A name with a capital first letter.
    Named(String),
    /// An extent, written as a number.
    Literal(u32),
}

/// Which values of an input make sense.
#[derive(Clone, Debug, PartialEq)]
pub struct Domain {
    /// The set.
    pub kind: DomainKind,
    /// Where it is written.
    pub span: Span,
}

/// The kinds of sets that a domain can be.
#[derive(Clone, Debug, PartialEq)]
pub enum DomainKind {
    /// `[a, b]`, `(a, b)`, `[a, b)`, `(a, b]`
    Interval {
        /// The lower bound.
        low: Expr,
        /// Whether the lower bound itself is left out.
        low_open: bool,
        /// The upper bound.
        high: Expr,
        /// Whether the upper bound itself is left out.
        high_open: bool,
    },
    /// `{-1, 1}`
    Set(Vec<Expr>),
    /// `0..`, `1..=5`, `0..5`: whole numbers held as reals.
    Whole {
        /// The first.
        low: Expr,
        /// The last (`..=`) or one past it (`..`); none: no end.
        high: Option<Expr>,
        /// Whether `high` itself belongs to it.
        inclusive: bool,
    },
    /// `{false, true}`
    Switch,
    /// `K`, `K?`: an index into an axis.
    Index {
        /// The axis.
        axis: AxisRef,
        /// Whether a negative value says that the label is missing.
        optional: bool,
    },
    /// `simplex`: numbers from 0 that sum to 1 along the last axis.
    Simplex,
}

/// A worked example that `check` runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// The loss.
    pub loss: Name,
    /// Its inputs by name.
    pub arguments: Vec<Argument>,
    /// The value it must have.
    pub value: Expectation,
    /// The gradients it must have, by input.
    pub gradients: Vec<(Name, Expectation)>,
    /// The whole item.
    pub span: Span,
}

/// A number or array that must come out.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    /// The exact value: a constant expression or a list.
    pub value: Expr,
    /// How far off, absolutely, each element may be; none: what rounding explains.
    pub within: Option<Expr>,
}

/// An expression and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it stands.
    pub span: Span,
}

/// The forms of an expression.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// `1.5e-3`, and `inf`, `pi` as their values.
    Number(f64),
    /// `true`, `false`
    Bool(bool),
    /// A name: an input, `let`, const, index or axis.
    Name(String),
    /// `-a`, `!a`
    Unary(UnaryOperator, Box<Expr>),
    /// A chain of operators of one precedence, from the left: `a + b - c`.
    Chain {
        /// The leftmost operand.
        first: Box<Expr>,
        /// Each further operator, its place and its right operand; never empty.
        rest: Vec<Link>,
    },
    /// `base ^ exponent`
    Power(Box<Expr>, Box<Expr>),
    /// `if c { a } else if d { b } else { e }`
    If {
        /// Conditions and what they select, in order.
        arms: Vec<(Expr, Expr)>,
        /// What is selected when no condition holds.
        otherwise: Box<Expr>,
    },
    /// `{ let x = a; b }`
    Block {
        /// The definitions in order.
        lets: Vec<Let>,
        /// The value.
        result: Box<Expr>,
    },
    /// `array[i, label, 0]`
    Index {
        /// What is indexed.
        array: Box<Expr>,
        /// One expression an axis, leading axes first.
        indices: Vec<Expr>,
    },
    /// `name(arguments)`, `name[binders if filter](arguments)`
    Call {
        /// The function, reduction, fn or loss.
        name: Name,
        /// The square brackets between name and arguments.
        binders: Option<Binders>,
        /// What it is given.
        arguments: Vec<Argument>,
    },
    /// `[q in Q] (expr)`: an array by formula, as a default.
    Comprehension(Binders, Box<Expr>),
    /// `[1, 2, 3]`: an array by its elements, in examples and defaults.
    List(Vec<Expr>),
}

/// One further operand of a chain.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// The operator.
    pub operator: BinaryOperator,
    /// Where the operator stands.
    pub span: Span,
    /// The right operand.
    pub operand: Expr,
}

/// The prefix operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnaryOperator {
    /// `-`
    Negate,
    /// `!`
    Not,
}

/// The infix operators that chain from the left. A chain of comparisons is an error of the checker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryOperator {
    /// `||`
    Or,
    /// `&&`
    And,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
}

/// `let name[binders] = value;`
#[derive(Clone, Debug, PartialEq)]
pub struct Let {
    /// The name.
    pub name: Name,
    /// The bound axes of an array definition.
    pub binders: Option<Binders>,
    /// The value.
    pub value: Expr,
}

/// What stands in the square brackets of a reduction, an array `let` or a comprehension.
#[derive(Clone, Debug, PartialEq)]
pub struct Binders {
    /// The axes in order.
    pub items: Vec<Binder>,
    /// Which index tuples count.
    pub filter: Option<Box<Expr>>,
    /// Brackets included.
    pub span: Span,
}

/// `K`, or `i in K`.
#[derive(Clone, Debug, PartialEq)]
pub struct Binder {
    /// The index, when one is named.
    pub index: Option<Name>,
    /// The axis.
    pub axis: AxisRef,
}

/// `value`, or `name = value`.
#[derive(Clone, Debug, PartialEq)]
pub struct Argument {
    /// The input, when it is named.
    pub name: Option<Name>,
    /// What it is given.
    pub value: Expr,
}

/// A rewrite rule: `name: left => right where condition, condition`.
#[derive(Clone, Debug, PartialEq)]
pub struct Rewrite {
    /// Its kebab-case name.
    pub name: Name,
    /// What it matches; names stand for any expression.
    pub left: Expr,
    /// What it puts there.
    pub right: Expr,
    /// What must hold of the matched parts.
    pub conditions: Vec<Expr>,
}
