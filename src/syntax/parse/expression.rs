//! Operators and operands to expression trees: matched rules in, trees no deeper than [`MAX_DEPTH`] out.
//!
//! The grammar gives operands and operators in a flat list; precedence is settled here, with a stack of our own.

use super::MAX_DEPTH;
use super::build::{Builder, children};
use super::grammar::{Pair, Rule};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::syntax::ast::{BinaryOperator, Expr, ExprKind, Link, UnaryOperator};

/// A tree and how many levels it has.
pub(super) struct Tree {
    /// The tree.
    pub(super) expr: Expr,
    /// Its levels; a leaf has one.
    pub(super) depth: usize,
}

impl Tree {
    /// A tree over parts that have so many levels at most.
    pub(super) fn over(kind: ExprKind, span: Span, deepest: usize) -> Result<Self, Diagnostic> {
        if deepest >= MAX_DEPTH {
            return Err(too_deep(span));
        }
        Ok(Self { expr: Expr { kind, span }, depth: deepest + 1 })
    }
}

/// How tightly an operator binds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Tightness {
    Or,
    And,
    Comparison,
    Sum,
    Product,
    Prefix,
    Power,
}

/// An operator between two operands.
#[derive(Clone, Copy)]
enum Infix {
    Chained(BinaryOperator),
    Power,
}

/// The chained operators: how they are written, what they are, how tightly they bind.
const CHAINED: [(&str, BinaryOperator, Tightness); 12] = [
    ("||", BinaryOperator::Or, Tightness::Or),
    ("&&", BinaryOperator::And, Tightness::And),
    ("==", BinaryOperator::Equal, Tightness::Comparison),
    ("!=", BinaryOperator::NotEqual, Tightness::Comparison),
    ("<", BinaryOperator::Less, Tightness::Comparison),
    ("<=", BinaryOperator::LessEqual, Tightness::Comparison),
    (">", BinaryOperator::Greater, Tightness::Comparison),
    (">=", BinaryOperator::GreaterEqual, Tightness::Comparison),
    ("+", BinaryOperator::Add, Tightness::Sum),
    ("-", BinaryOperator::Subtract, Tightness::Sum),
    ("*", BinaryOperator::Multiply, Tightness::Product),
    ("/", BinaryOperator::Divide, Tightness::Product),
];

/// An operator that waits for its right operand, with what stands to its left.
enum Pending {
    Prefix(UnaryOperator, Span),
    Power(Tree),
    Chain {
        tightness: Tightness,
        first: Expr,
        rest: Vec<Link>,
        deepest: usize,
        operator: BinaryOperator,
        operator_span: Span,
    },
}

impl Pending {
    fn tightness(&self) -> Tightness {
        match self {
            Self::Prefix(..) => Tightness::Prefix,
            Self::Power(_) => Tightness::Power,
            Self::Chain { tightness, .. } => *tightness,
        }
    }

    /// The operator with its right operand: a tree.
    fn complete(self, right: Tree) -> Result<Tree, Diagnostic> {
        match self {
            Self::Prefix(operator, span) => {
                let span = span.to(right.expr.span);
                Tree::over(ExprKind::Unary(operator, Box::new(right.expr)), span, right.depth)
            }
            Self::Power(base) => {
                let span = base.expr.span.to(right.expr.span);
                let deepest = base.depth.max(right.depth);
                let kind = ExprKind::Power(Box::new(base.expr), Box::new(right.expr));
                Tree::over(kind, span, deepest)
            }
            Self::Chain { first, mut rest, deepest, operator, operator_span, .. } => {
                let span = first.span.to(right.expr.span);
                let deepest = deepest.max(right.depth);
                rest.push(Link { operator, span: operator_span, operand: right.expr });
                Tree::over(ExprKind::Chain { first: Box::new(first), rest }, span, deepest)
            }
        }
    }
}

/// Builds an expression of its operands and operators.
pub(super) fn build_chain(builder: Builder<'_>, pair: Pair<'_>) -> Result<Tree, Diagnostic> {
    let mut pending: Vec<Pending> = Vec::new();
    let mut operand: Option<Tree> = None;
    for part in children(pair) {
        let span = builder.span(&part);
        match part.as_rule() {
            Rule::prefix => {
                let negates = part.as_str() == "-";
                let operator = if negates { UnaryOperator::Negate } else { UnaryOperator::Not };
                pending.push(Pending::Prefix(operator, span));
            }
            Rule::infix => {
                let left = operand.take().expect("an operand before each infix operator");
                push_infix(&mut pending, left, part.as_str(), span)?;
            }
            _ => operand = Some(builder.operand(part)?),
        }
    }
    let mut tree = operand.expect("an expression ends with an operand");
    while let Some(top) = pending.pop() {
        tree = top.complete(tree)?;
    }
    Ok(tree)
}

/// Completes what binds tighter than an operator, and lets the operator wait for its right operand.
fn push_infix(
    pending: &mut Vec<Pending>,
    mut left: Tree,
    text: &str,
    operator_span: Span,
) -> Result<(), Diagnostic> {
    let (infix, tightness) = look_up(text);
    while let Some(top) = pending.pop_if(|top| top.tightness() > tightness) {
        left = top.complete(left)?;
    }
    let Infix::Chained(next) = infix else {
        pending.push(Pending::Power(left));
        return Ok(());
    };
    if let Some(Pending::Chain {
        tightness: same, rest, deepest, operator, operator_span: at, ..
    }) = pending.last_mut()
        && *same == tightness
    {
        rest.push(Link { operator: *operator, span: *at, operand: left.expr });
        *deepest = (*deepest).max(left.depth);
        (*operator, *at) = (next, operator_span);
        return Ok(());
    }
    pending.push(Pending::Chain {
        tightness,
        first: left.expr,
        rest: Vec::new(),
        deepest: left.depth,
        operator: next,
        operator_span,
    });
    Ok(())
}

fn look_up(text: &str) -> (Infix, Tightness) {
    match CHAINED.iter().find(|(written, ..)| *written == text) {
        Some((_, operator, tightness)) => (Infix::Chained(*operator), *tightness),
        None => (Infix::Power, Tightness::Power),
    }
}

fn too_deep(span: Span) -> Diagnostic {
    let message = format!("this expression has more than {MAX_DEPTH} levels");
    Diagnostic::error(Code::NestingTooDeep, span, message)
        .help("give an inner part a name with `let`, or make it a `fn`")
}
