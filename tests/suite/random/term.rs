//! Pieces of program text: what binds how tightly, and between which bounds a number lies.

/// How tightly the outermost operator of a text binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// What stands beside `<`, or looser.
    Sum,
    Product,
    Prefix,
    Power,
    Operand,
}

/// A text that means a number, and bounds of it.
#[derive(Clone, Debug)]
pub(super) struct Term {
    pub(super) text: String,
    pub(super) level: Level,
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Term {
    pub(super) fn operand(text: impl Into<String>, low: f64, high: f64) -> Self {
        Self { text: text.into(), level: Level::Operand, low, high }
    }

    pub(super) fn number(value: f64) -> Self {
        let level = if value < 0.0 { Level::Prefix } else { Level::Operand };
        Self { text: format!("{value}"), level, low: value, high: value }
    }

    /// The text where an operator of this level expects an operand.
    pub(super) fn at(&self, level: Level) -> String {
        if self.level < level { format!("({})", self.text) } else { self.text.clone() }
    }

    /// How far from 0 it may be.
    pub(super) fn size(&self) -> f64 {
        self.low.abs().max(self.high.abs())
    }

    /// Both bounds widened to those of another.
    pub(super) fn joined(&self, other: &Self) -> (f64, f64) {
        (self.low.min(other.low), self.high.max(other.high))
    }
}

/// How large the arguments of functions are at most.
pub(super) const REACH: f64 = 5.0;

/// A function of one number within [`REACH`] of 0: its text with `$` for the number, and the bounds of its values.
pub(super) type Unary = (&'static str, Level, f64, f64);

pub(super) const UNARY: &[Unary] = &[
    ("tanh($)", Level::Operand, -1.0, 1.0),
    ("abs($)", Level::Operand, 0.0, 5.0),
    ("-$", Level::Prefix, -5.0, 5.0),
    ("$^2", Level::Power, 0.0, 25.0),
    ("exp($)", Level::Operand, 0.0, 149.0),
    ("log(1 + abs($))", Level::Operand, 0.0, 1.8),
    ("log(abs($) + 0.1)", Level::Operand, -2.4, 1.7),
    ("log1p(abs($))", Level::Operand, 0.0, 1.8),
    ("log1p($ / 6)", Level::Operand, -1.8, 0.7),
    ("expm1($)", Level::Operand, -1.0, 148.0),
    ("log2(0.5 + abs($))", Level::Operand, -1.0, 2.5),
    ("sqrt(abs($) + 0.1)", Level::Operand, 0.3, 2.3),
    ("sign($)", Level::Operand, -1.0, 1.0),
    ("pow($, 3)", Level::Operand, -125.0, 125.0),
    ("square($)", Level::Operand, 0.0, 25.0),
    ("floor($)", Level::Operand, -5.0, 5.0),
    ("sigmoid($)", Level::Operand, 0.0, 1.0),
    ("log_sigmoid($)", Level::Operand, -5.1, 0.0),
    ("softplus($)", Level::Operand, 0.0, 5.1),
    ("sin($)", Level::Operand, -1.0, 1.0),
    ("cos($)", Level::Operand, -1.0, 1.0),
    ("atan($)", Level::Operand, -1.4, 1.4),
    ("erf($)", Level::Operand, -1.0, 1.0),
    ("erfc($)", Level::Operand, 0.0, 2.0),
    ("normal_cdf($)", Level::Operand, 0.0, 1.0),
    ("log_normal_cdf($)", Level::Operand, -16.0, 0.0),
    ("lgamma(abs($) + 0.2)", Level::Operand, -0.2, 4.0),
    ("digamma(abs($) + 0.3)", Level::Operand, -4.0, 2.0),
    ("relu($)", Level::Operand, 0.0, 5.0),
    ("clamp($, -1, 1.5)", Level::Operand, -1.0, 1.5),
    ("log(sigmoid($))", Level::Operand, -5.1, 0.0),
    ("1 - sigmoid($)", Level::Sum, 0.0, 1.0),
    ("log(1 + exp($))", Level::Operand, 0.0, 5.1),
    ("1 - exp(-abs($))", Level::Sum, 0.0, 1.0),
    ("1 / (1 + exp(-$))", Level::Product, 0.0, 1.0),
    ("$^3", Level::Power, -125.0, 125.0),
    ("(abs($) + 0.5)^-1", Level::Power, 0.0, 2.0),
    ("(abs($) + 0.2)^0.5", Level::Power, 0.0, 2.3),
    ("2^$", Level::Power, 0.0, 32.0),
    ("2^-$", Level::Power, 0.0, 32.0),
    ("-$^2", Level::Prefix, -25.0, 0.0),
    ("interpolate(-1, $, 0.25)", Level::Operand, -3.0, 3.0),
    ("logit(0.1 + 0.8 * sigmoid($))", Level::Operand, -2.3, 2.3),
    ("max(0, $)", Level::Operand, 0.0, 5.0),
    ("min($, 0.7)", Level::Operand, -5.0, 0.7),
    ("-sigmoid($) * log(sigmoid($))", Level::Product, 0.0, 1.0),
];

/// A function of two such numbers, `$` and `@`.
pub(super) const BINARY: &[Unary] = &[
    ("$ + @", Level::Sum, -10.0, 10.0),
    ("$ - @", Level::Sum, -10.0, 10.0),
    ("$ * @", Level::Product, -25.0, 25.0),
    ("$ / (0.5 + abs(@))", Level::Product, -10.0, 10.0),
    ("max($, @)", Level::Operand, -5.0, 5.0),
    ("min($, @)", Level::Operand, -5.0, 5.0),
    ("logaddexp($, @)", Level::Operand, -5.0, 5.7),
    ("xlogy($, 0.1 + abs(@))", Level::Operand, -12.0, 12.0),
    ("xlog1py($, abs(@))", Level::Operand, -9.0, 9.0),
    ("lbeta(abs($) + 0.3, abs(@) + 0.3)", Level::Operand, -9.0, 3.0),
    ("boxcox1p(abs($), @)", Level::Operand, 0.0, 1600.0),
    ("(0.3 + abs($))^@", Level::Power, 0.0, 4200.0),
    ("pow(1 + $^2, @ / 4)", Level::Operand, 0.0, 60.0),
    ("clamp($, @, @ + 1)", Level::Operand, -5.0, 6.0),
    ("sigmoid($) * log(sigmoid(@))", Level::Product, -5.1, 0.0),
    ("exp($) / (exp($) + exp(@))", Level::Product, 0.0, 1.0),
    ("log(exp($) + exp(@))", Level::Operand, -5.0, 5.7),
    ("tanh($) * exp(@)", Level::Product, -149.0, 149.0),
    ("($ - @)^2 / 2", Level::Product, 0.0, 50.0),
];

/// Puts texts into a pattern, in brackets where an operator stands beside them.
pub(super) fn fill(pattern: &str, terms: &[(char, &Term)]) -> String {
    let signs: Vec<char> = pattern.chars().collect();
    let mut text = String::new();
    for (at, sign) in signs.iter().enumerate() {
        let Some((_, term)) = terms.iter().find(|(known, _)| known == sign) else {
            text.push(*sign);
            continue;
        };
        let opens = at > 0
            && (signs[at - 1] == '('
                || signs[at - 1] == ','
                || signs[at - 1] == ' ' && signs[at - 2] == ',');
        let closes = at + 1 < signs.len() && (signs[at + 1] == ')' || signs[at + 1] == ',');
        text += &if opens && closes { term.text.clone() } else { term.at(Level::Operand) };
    }
    text
}
