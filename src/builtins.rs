//! THE table of functions and reductions: names, arguments, meaning, derivative.
//!
//! Everything that lists functions (help, did-you-mean, docs, tests) loops over [`FUNCTIONS`],
//! [`DEFINITIONS`] and [`REDUCTIONS`]. Adding a function is one row here and, for a function that is not
//! written in the language, its code in [`crate::kernels`].

mod reference;

use std::collections::HashSet;
use std::sync::LazyLock;

use reference as f;

/// What a map node of the graph applies to each element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Function {
    /// `-a`
    Negate,
    /// `a + b`
    Add,
    /// `a - b`
    Subtract,
    /// `a * b`
    Multiply,
    /// `a * b`, and 0 where `a` is 0 whatever `b` is: what a product with a logarithm means.
    ZeroProduct,
    /// `a / b`
    Divide,
    /// `a ^ b`
    Power,
    /// `a == b` of two reals, two booleans or two indices
    Equal,
    /// `a < b` of two reals or two indices
    Less,
    /// `a <= b` of two reals or two indices
    LessEqual,
    /// `a && b`
    And,
    /// `a || b`
    Or,
    /// `!a`
    Not,
    /// `if c { a } else { b }`
    Select,
    /// The number of an index.
    Real,
    /// Whether an optional index is missing.
    Missing,
    /// The argument itself, with derivative 0.
    StopGradient,
    /// `max(a, b)`
    Max,
    /// `min(a, b)`
    Min,
    /// `abs(x)`
    Abs,
    /// `sign(x)`
    Sign,
    /// `floor(x)`
    Floor,
    /// `sqrt(x)`
    Sqrt,
    /// `exp(x)`
    Exp,
    /// `expm1(x)`
    Expm1,
    /// `log(x)`
    Log,
    /// `log1p(x)`
    Log1p,
    /// `log2(x)`
    Log2,
    /// `sigmoid(x)`
    Sigmoid,
    /// `softplus(x)`
    Softplus,
    /// `logaddexp(a, b)`
    LogAddExp,
    /// `tanh(x)`
    Tanh,
    /// `logcosh(x)`
    LogCosh,
    /// `sin(x)`
    Sin,
    /// `cos(x)`
    Cos,
    /// `atan(x)`
    Atan,
    /// `erf(x)`
    Erf,
    /// `erfc(x)`
    Erfc,
    /// `normal_cdf(x)`
    NormalCdf,
    /// `log_normal_cdf(x)`
    LogNormalCdf,
    /// `inverse_mills(x)`
    InverseMills,
    /// `lgamma(x)`
    Lgamma,
    /// `digamma(x)`
    Digamma,
    /// `trigamma(x)`
    Trigamma,
    /// `boxcox1p(x, lambda)`
    Boxcox1p,
}

/// A function of the table.
#[derive(Debug)]
pub struct FunctionRow {
    /// The function.
    pub function: Function,
    /// The name in the language, or the operator; empty for what has its own syntax.
    pub name: &'static str,
    /// The names of the arguments, which the derivatives use.
    pub arguments: &'static [&'static str],
    /// What it is, in one line.
    pub doc: &'static str,
    /// Its value in plain f64, truth values as 0 and 1.
    pub reference: fn(&[f64]) -> f64,
    /// The derivative in each argument, in the loss language; `y` is the result. Empty: it has none
    /// (the derivative is 0) or [`crate::differentiate`] knows it.
    pub derivatives: &'static [&'static str],
}

macro_rules! functions {
    ($($function:ident $name:literal ($($argument:ident),*) $doc:literal [$($derivative:literal),*] $reference:expr;)+) => {
        /// Every function of the graph.
        pub const FUNCTIONS: &[FunctionRow] = &[$(FunctionRow {
            function: Function::$function,
            name: $name,
            arguments: &[$(stringify!($argument)),*],
            doc: $doc,
            reference: $reference,
            derivatives: &[$($derivative),*],
        },)+];
    };
}

functions! {
    Negate "-" (x) "the opposite" ["-1"] |v| -v[0];
    Add "+" (a, b) "the sum" ["1", "1"] |v| v[0] + v[1];
    Subtract "-" (a, b) "the difference" ["1", "-1"] |v| v[0] - v[1];
    Multiply "*" (a, b) "the product" ["b", "a"] |v| v[0] * v[1];
    ZeroProduct "*" (a, b) "the product, 0 where the first factor is 0" [] |v| f::zero_product(v[0], v[1]);
    Divide "/" (a, b) "the quotient" ["1 / b", "-y / b"] |v| v[0] / v[1];
    Power "^" (a, b) "a to the power of b" ["b * a ^ (b - 1)", "y * log(a)"] |v| v[0].powf(v[1]);
    Equal "==" (a, b) "whether both are the same" [] |v| f::truth(v[0] == v[1]);
    Less "<" (a, b) "whether the first is smaller" [] |v| f::truth(v[0] < v[1]);
    LessEqual "<=" (a, b) "whether the first is smaller or the same" [] |v| f::truth(v[0] <= v[1]);
    And "&&" (a, b) "whether both hold" [] |v| f::truth(v[0] != 0.0 && v[1] != 0.0);
    Or "||" (a, b) "whether one holds" [] |v| f::truth(v[0] != 0.0 || v[1] != 0.0);
    Not "!" (a) "whether it does not hold" [] |v| f::truth(v[0] == 0.0);
    Select "" (c, a, b) "the second where the first holds, else the third" [] |v| if v[0] == 0.0 { v[2] } else { v[1] };
    Real "real" (i) "the number of an index" [] |v| v[0];
    Missing "missing" (label) "whether an optional label is missing" [] |v| f::truth(v[0] < 0.0);
    StopGradient "stop_gradient" (x) "x itself, held constant in the derivative" [] |v| v[0];
    Max "max" (a, b) "the larger of two" [] |v| f::maximum(v[0], v[1]);
    Min "min" (a, b) "the smaller of two" [] |v| f::minimum(v[0], v[1]);
    Abs "abs" (x) "the absolute value; derivative 0 at 0" ["sign(x)"] |v| v[0].abs();
    Sign "sign" (x) "-1, 0 or 1" ["0"] |v| f::sign(v[0]);
    Floor "floor" (x) "the largest whole number not above x" ["0"] |v| v[0].floor();
    Sqrt "sqrt" (x) "the square root; derivative 0 at 0" ["1 / (2 * y)"] |v| v[0].sqrt();
    Exp "exp" (x) "e to the power of x" ["y"] |v| v[0].exp();
    Expm1 "expm1" (x) "exp(x) - 1, exact near 0" ["exp(x)"] |v| v[0].exp_m1();
    Log "log" (x) "the natural logarithm" ["1 / x"] |v| v[0].ln();
    Log1p "log1p" (x) "log(1 + x), exact near 0" ["1 / (1 + x)"] |v| v[0].ln_1p();
    Log2 "log2" (x) "the logarithm to base 2" ["1 / (x * log(2))"] |v| v[0].log2();
    Sigmoid "sigmoid" (x) "1 / (1 + exp(-x))" ["y * sigmoid(-x)"] |v| f::sigmoid(v[0]);
    Softplus "softplus" (x) "log(1 + exp(x))" ["sigmoid(x)"] |v| f::softplus(v[0]);
    LogAddExp "logaddexp" (a, b) "log(exp(a) + exp(b))" ["sigmoid(a - b)", "sigmoid(b - a)"] |v| f::log_add_exp(v[0], v[1]);
    Tanh "tanh" (x) "the hyperbolic tangent" ["4 * sigmoid(2 * x) * sigmoid(-2 * x)"] |v| v[0].tanh();
    LogCosh "logcosh" (x) "log((exp(x) + exp(-x)) / 2)" ["tanh(x)"] |v| f::log_cosh(v[0]);
    Sin "sin" (x) "the sine" ["cos(x)"] |v| v[0].sin();
    Cos "cos" (x) "the cosine" ["-sin(x)"] |v| v[0].cos();
    Atan "atan" (x) "the inverse tangent" ["1 / (1 + x * x)"] |v| v[0].atan();
    Erf "erf" (x) "the error function" ["2 / sqrt(pi) * exp(-x * x)"] |v| libm::erf(v[0]);
    Erfc "erfc" (x) "1 - erf(x), exact far out" ["-2 / sqrt(pi) * exp(-x * x)"] |v| libm::erfc(v[0]);
    NormalCdf "normal_cdf" (x) "the normal distribution function"
        ["exp(-x * x / 2) / sqrt(2 * pi)"] |v| f::normal_cdf(v[0]);
    LogNormalCdf "log_normal_cdf" (x) "the logarithm of the normal distribution function"
        ["inverse_mills(x)"] |v| f::log_normal_cdf(v[0]);
    InverseMills "inverse_mills" (x) "the normal density over the normal distribution function" ["-y * (x + y)"] |v| f::inverse_mills(v[0]);
    Lgamma "lgamma" (x) "log |gamma(x)|" ["digamma(x)"] |v| libm::lgamma(v[0]);
    Digamma "digamma" (x) "the derivative of lgamma" ["trigamma(x)"] |v| f::digamma(v[0]);
    Trigamma "trigamma" (x) "the derivative of digamma"
        ["-1 / (x + 8)^2 * (1 + 1 / (x + 8) + (1 / 2 + (-1 / 6 + (1 / 6 - (3 / 10 - 5 / (6 * (x + 8)^2)) / (x + 8)^2) / (x + 8)^2) / (x + 8)^2) / (x + 8)^2) - 2 / x^3 - 2 / (x + 1)^3 - 2 / (x + 2)^3 - 2 / (x + 3)^3 - 2 / (x + 4)^3 - 2 / (x + 5)^3 - 2 / (x + 6)^3 - 2 / (x + 7)^3"] |v| f::trigamma(v[0]);
    Boxcox1p "boxcox1p" (x, lambda) "((1 + x)^lambda - 1) / lambda, and log1p(x) at lambda = 0"
        ["exp((lambda - 1) * log1p(x))", "if abs(lambda * log1p(x)) < 1e-2 { log1p(x) * log1p(x) * (1 / 2 + lambda * log1p(x) * (1 / 3 + lambda * log1p(x) * (1 / 8 + lambda * log1p(x) * (1 / 30 + lambda * log1p(x) * (1 / 144 + lambda * log1p(x) / 840))))) } else { (log1p(x) * exp(lambda * log1p(x)) - y) / lambda }"]
        |v| f::boxcox1p(v[0], v[1]);
}

impl Function {
    /// Its row of the table.
    #[must_use]
    pub fn row(self) -> &'static FunctionRow {
        let row = &FUNCTIONS[self as usize];
        debug_assert_eq!(row.function, self, "the table is in the order of the enum");
        row
    }
}

/// A function that is written in the language itself.
#[derive(Debug)]
pub struct Definition {
    /// Its name.
    pub name: &'static str,
    /// The names of its arguments.
    pub arguments: &'static [&'static str],
    /// What it is, in one line.
    pub doc: &'static str,
    /// Its value, in the loss language.
    pub body: &'static str,
}

/// The elementwise functions that are abbreviations.
pub const DEFINITIONS: &[Definition] = &[
    Definition { name: "square", arguments: &["x"], doc: "x * x", body: "x * x" },
    Definition {
        name: "pow",
        arguments: &["a", "b"],
        doc: "a to the power of b, as a ^ b",
        body: "a ^ b",
    },
    Definition {
        name: "relu",
        arguments: &["x"],
        doc: "x, or 0 where it is negative",
        body: "max(x, 0)",
    },
    Definition {
        name: "clamp",
        arguments: &["x", "low", "high"],
        doc: "x, kept between low and high",
        body: "min(max(x, low), high)",
    },
    Definition {
        name: "log_sigmoid",
        arguments: &["x"],
        doc: "log(sigmoid(x))",
        body: "-softplus(-x)",
    },
    Definition {
        name: "lbeta",
        arguments: &["a", "b"],
        doc: "the logarithm of the beta function",
        body: "lgamma(a) + lgamma(b) - lgamma(a + b)",
    },
    Definition {
        name: "xlogy",
        arguments: &["a", "b"],
        doc: "a * log(b), and 0 where a is 0",
        body: "a * log(b)",
    },
    Definition {
        name: "xlog1py",
        arguments: &["a", "b"],
        doc: "a * log1p(b), and 0 where a is 0",
        body: "a * log1p(b)",
    },
];

/// How a reduce node of the graph joins the elements along an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reduction {
    /// Their sum, 0 if there are none.
    Sum,
    /// Their product, 1 if there are none.
    Product,
    /// The largest, −∞ if there are none.
    Max,
    /// The smallest, +∞ if there are none.
    Min,
    /// The logarithm of the sum of their exponentials, −∞ if there are none.
    LogSumExp,
    /// Whether one holds.
    Any,
    /// Whether all hold.
    All,
}

/// A reduction of the language, or a function along an axis.
#[derive(Debug)]
pub struct ReductionRow {
    /// Its name.
    pub name: &'static str,
    /// How many arguments it takes.
    pub arguments: usize,
    /// What it is, in one line.
    pub doc: &'static str,
}

/// The reductions, then the functions along an axis, which keep it.
pub const REDUCTIONS: &[ReductionRow] = &[
    ReductionRow { name: "sum", arguments: 1, doc: "the sum; 0 if empty" },
    ReductionRow {
        name: "mean",
        arguments: 1,
        doc: "the sum divided by how many count; 0 if empty",
    },
    ReductionRow { name: "prod", arguments: 1, doc: "the product; 1 if empty" },
    ReductionRow {
        name: "max",
        arguments: 1,
        doc: "the largest; -inf if empty; a tie is shared equally",
    },
    ReductionRow {
        name: "min",
        arguments: 1,
        doc: "the smallest; inf if empty; a tie is shared equally",
    },
    ReductionRow {
        name: "logsumexp",
        arguments: 1,
        doc: "log(sum(exp(x))) that cannot overflow; -inf if empty",
    },
    ReductionRow { name: "count", arguments: 1, doc: "how often a condition holds" },
    ReductionRow { name: "any", arguments: 1, doc: "whether a condition holds somewhere" },
    ReductionRow { name: "all", arguments: 1, doc: "whether a condition holds everywhere" },
    ReductionRow { name: "norm", arguments: 1, doc: "sqrt(sum(x^2)); derivative 0 at 0" },
    ReductionRow { name: "dot", arguments: 2, doc: "sum(a * b)" },
    ReductionRow {
        name: "softmax",
        arguments: 1,
        doc: "exp(x) / sum(exp(x)) along an axis, which stays",
    },
    ReductionRow {
        name: "log_softmax",
        arguments: 1,
        doc: "log(softmax(x)) along an axis, which stays",
    },
];

/// The functions with rules of their own in the checker: they take an axis or give one.
pub const SPECIALS: &[ReductionRow] = &[
    ReductionRow { name: "size", arguments: 1, doc: "how long an axis is" },
    ReductionRow {
        name: "one_hot",
        arguments: 1,
        doc: "1 at the label, 0 elsewhere along the label's axis",
    },
];

/// Every name that a call can use.
pub fn names() -> impl Iterator<Item = &'static str> {
    let is_name = |name: &&str| name.starts_with(|c: char| c.is_ascii_alphabetic());
    FUNCTIONS
        .iter()
        .map(|row| row.name)
        .filter(is_name)
        .chain(DEFINITIONS.iter().map(|row| row.name))
        .chain(REDUCTIONS.iter().map(|row| row.name))
        .chain(SPECIALS.iter().map(|row| row.name))
}

/// Whether a call can use a name.
#[must_use]
pub fn has_name(name: &str) -> bool {
    static NAMES: LazyLock<HashSet<&str>> = LazyLock::new(|| names().collect());
    NAMES.contains(name)
}
