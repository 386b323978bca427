//! Operands to trees: numbers, names, calls, indices, conditions, blocks and lists.
//!
//! In come matched rules, out come trees; a name with square brackets becomes a call if round ones follow, and an
//! index else.

use super::build::{Builder, children, next, next_if};
use super::domain::{build_axis, build_axis_of};
use super::expression::{Tree, build_chain};
use super::grammar::{Pair, Rule};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::syntax::ast::{Argument, Binder, Binders, Expr, ExprKind, Let, Name};

/// Square brackets, before what follows them says what they are.
struct Square {
    items: Vec<SquareItem>,
    filter: Option<Expr>,
    span: Span,
    depth: usize,
}

/// One thing in square brackets.
enum SquareItem {
    Binder(Binder),
    Expr(Expr),
}

impl Builder<'_> {
    /// An expression, a body in braces or a formula over indices.
    pub(super) fn expr(self, pair: Pair<'_>) -> Result<Expr, Diagnostic> {
        Ok(self.tree(pair)?.expr)
    }

    fn tree(self, pair: Pair<'_>) -> Result<Tree, Diagnostic> {
        match pair.as_rule() {
            Rule::block => self.block(pair),
            Rule::comprehension => self.comprehension(pair),
            _ => build_chain(self, pair),
        }
    }

    /// Trees and the levels of the deepest.
    fn trees<'a>(
        self,
        pairs: impl Iterator<Item = Pair<'a>>,
    ) -> Result<(Vec<Expr>, usize), Diagnostic> {
        let mut deepest = 0;
        let mut exprs = Vec::new();
        for pair in pairs {
            let tree = self.tree(pair)?;
            deepest = deepest.max(tree.depth);
            exprs.push(tree.expr);
        }
        Ok((exprs, deepest))
    }

    /// An operand of a chain.
    pub(super) fn operand(self, pair: Pair<'_>) -> Result<Tree, Diagnostic> {
        if pair.as_rule() == Rule::block {
            return self.block(pair);
        }
        if pair.as_rule() == Rule::conditional {
            return self.conditional(pair);
        }
        let mut parts = children(pair);
        let mut tree = self.primary(next(&mut parts))?;
        for square in parts {
            let square = self.square(square)?;
            tree = index(tree, square)?;
        }
        Ok(tree)
    }

    fn primary(self, pair: Pair<'_>) -> Result<Tree, Diagnostic> {
        let span = self.span(&pair);
        match pair.as_rule() {
            Rule::number => {
                let value = self.number(&pair)?;
                Tree::over(ExprKind::Number(value), span, 0)
            }
            Rule::literal => Tree::over(literal(pair.as_str()), span, 0),
            Rule::parens => {
                let inner = self.tree(next(&mut children(pair)))?;
                Ok(Tree { expr: Expr { span, ..inner.expr }, ..inner })
            }
            Rule::list => {
                let (items, deepest) = self.trees(children(pair))?;
                Tree::over(ExprKind::List(items), span, deepest)
            }
            _ => self.reference(pair),
        }
    }

    fn number(self, pair: &Pair<'_>) -> Result<f64, Diagnostic> {
        let digits: String = pair.as_str().chars().filter(|c| *c != '_').collect();
        let value: f64 = digits.parse().expect("the grammar's numbers are Rust's");
        if value.is_finite() { Ok(value) } else { Err(number_too_large(self.span(pair))) }
    }

    /// A name, a call, or a name with indices.
    fn reference(self, pair: Pair<'_>) -> Result<Tree, Diagnostic> {
        let mut parts = children(pair).peekable();
        let name = self.name(&next(&mut parts));
        let square = next_if(&mut parts, Rule::square).map(|part| self.square(part)).transpose()?;
        if let Some(arguments) = parts.next() {
            let span = name.span.to(self.span(&arguments));
            let (arguments, mut deepest) = self.arguments(arguments)?;
            let binders = match square {
                None => None,
                Some(square) => {
                    deepest = deepest.max(square.depth);
                    Some(self.binders(square)?)
                }
            };
            return Tree::over(ExprKind::Call { name, binders, arguments }, span, deepest);
        }
        let span = name.span;
        let tree = Tree::over(ExprKind::Name(name.text), span, 0)?;
        match square {
            None => Ok(tree),
            Some(square) => index(tree, square),
        }
    }

    /// The arguments in a call's brackets, and the levels of the deepest.
    pub(super) fn arguments(self, pair: Pair<'_>) -> Result<(Vec<Argument>, usize), Diagnostic> {
        let mut deepest = 0;
        let mut arguments = Vec::new();
        for part in children(pair) {
            let mut parts = children(part).peekable();
            let label = next_if(&mut parts, Rule::argument_name);
            let name = label.map(|label| self.name(&next(&mut children(label))));
            let value = self.tree(next(&mut parts))?;
            deepest = deepest.max(value.depth);
            arguments.push(Argument { name, value: value.expr });
        }
        Ok((arguments, deepest))
    }

    fn conditional(self, pair: Pair<'_>) -> Result<Tree, Diagnostic> {
        let span = self.span(&pair);
        let (mut parts, mut deepest) = (Vec::new(), 0);
        for part in children(pair) {
            let tree = match part.as_rule() {
                Rule::block => unwrap_bare(self.block(part)?),
                _ => self.tree(part)?,
            };
            deepest = deepest.max(tree.depth);
            parts.push(tree.expr);
        }
        let otherwise = Box::new(parts.pop().expect("an `if` has an `else`"));
        let mut arms = Vec::with_capacity(parts.len() / 2);
        let mut parts = parts.into_iter();
        while let (Some(condition), Some(value)) = (parts.next(), parts.next()) {
            arms.push((condition, value));
        }
        Tree::over(ExprKind::If { arms, otherwise }, span, deepest)
    }

    fn block(self, pair: Pair<'_>) -> Result<Tree, Diagnostic> {
        let span = self.span(&pair);
        let (mut lets, mut deepest) = (Vec::new(), 0);
        for part in children(pair) {
            if part.as_rule() == Rule::definition {
                let (definition, depth) = self.definition(part)?;
                deepest = deepest.max(depth);
                lets.push(definition);
            } else {
                let result = self.tree(part)?;
                let kind = ExprKind::Block { lets, result: Box::new(result.expr) };
                return Tree::over(kind, span, deepest.max(result.depth));
            }
        }
        unreachable!("a block ends with an expression")
    }

    fn definition(self, pair: Pair<'_>) -> Result<(Let, usize), Diagnostic> {
        let mut parts = children(pair).peekable();
        let name = self.name(&next(&mut parts));
        let square = next_if(&mut parts, Rule::square).map(|part| self.square(part)).transpose()?;
        let binders = match square {
            None => None,
            Some(Square { filter: Some(filter), .. }) => return Err(filtered_let(&name, &filter)),
            Some(square) => Some(self.binders(square)?),
        };
        let value = self.tree(next(&mut parts))?;
        Ok((Let { name, binders, value: value.expr }, value.depth))
    }

    fn comprehension(self, pair: Pair<'_>) -> Result<Tree, Diagnostic> {
        let span = self.span(&pair);
        let mut parts = children(pair);
        let square = self.square(next(&mut parts))?;
        let value = self.tree(next(&mut parts))?;
        let span = span.to(value.expr.span);
        let span = Span { end: value.expr.span.end, ..span };
        let deepest = square.depth.max(value.depth);
        let binders = self.binders(square)?;
        Tree::over(ExprKind::Comprehension(binders, Box::new(value.expr)), span, deepest)
    }

    fn square(self, pair: Pair<'_>) -> Result<Square, Diagnostic> {
        let span = self.span(&pair);
        let mut square = Square { items: Vec::new(), filter: None, span, depth: 0 };
        for part in children(pair) {
            match part.as_rule() {
                Rule::binder => {
                    let mut parts = children(part);
                    let index = Some(self.name(&next(&mut parts)));
                    let axis = build_axis(self, &next(&mut parts))?;
                    square.items.push(SquareItem::Binder(Binder { index, axis }));
                }
                Rule::filter => {
                    let filter = self.tree(next(&mut children(part)))?;
                    square.depth = square.depth.max(filter.depth);
                    square.filter = Some(filter.expr);
                }
                _ => {
                    let tree = self.tree(part)?;
                    square.depth = square.depth.max(tree.depth);
                    square.items.push(SquareItem::Expr(tree.expr));
                }
            }
        }
        Ok(square)
    }

    /// Square brackets that round ones follow, or that a `let` has: what they bind.
    fn binders(self, square: Square) -> Result<Binders, Diagnostic> {
        let bind = |item| match item {
            SquareItem::Binder(binder) => Ok(binder),
            SquareItem::Expr(expr) => Ok(Binder { index: None, axis: build_axis_of(self, &expr)? }),
        };
        let items = square.items.into_iter().map(bind).collect::<Result<_, _>>()?;
        Ok(Binders { items, filter: square.filter.map(Box::new), span: square.span })
    }
}

/// Square brackets that no round ones follow: what is indexed, by what.
fn index(array: Tree, square: Square) -> Result<Tree, Diagnostic> {
    if let Some(filter) = square.filter {
        return Err(not_an_index(&array.expr, filter.span));
    }
    let mut indices = Vec::with_capacity(square.items.len());
    for item in square.items {
        match item {
            SquareItem::Expr(expr) => indices.push(expr),
            SquareItem::Binder(Binder { axis, .. }) => {
                return Err(not_an_index(&array.expr, axis.span));
            }
        }
    }
    let span = array.expr.span.to(square.span);
    let deepest = array.depth.max(square.depth);
    Tree::over(ExprKind::Index { array: Box::new(array.expr), indices }, span, deepest)
}

/// A block without definitions is its value.
fn unwrap_bare(tree: Tree) -> Tree {
    let Tree { expr: Expr { kind, span }, depth } = tree;
    match kind {
        ExprKind::Block { lets, result } if lets.is_empty() => {
            Tree { expr: *result, depth: depth - 1 }
        }
        kind => Tree { expr: Expr { kind, span }, depth },
    }
}

fn literal(word: &str) -> ExprKind {
    match word {
        "true" => ExprKind::Bool(true),
        "false" => ExprKind::Bool(false),
        "inf" => ExprKind::Number(f64::INFINITY),
        _ => ExprKind::Number(std::f64::consts::PI),
    }
}

fn number_too_large(span: Span) -> Diagnostic {
    Diagnostic::error(Code::NumberTooLarge, span, "this number is too large for double precision")
        .at("the largest is about 1.8e308")
        .help("infinity is written `inf`")
}

fn not_an_index(array: &Expr, place: Span) -> Diagnostic {
    let message = "square brackets that bind an index or filter need something to work on";
    Diagnostic::error(Code::Syntax, place, message)
        .label(array.span, "no `(…)` follows the square brackets after this")
        .help("a reduction is written `sum[i in K if condition](expression)`, an element `x[i]`")
}

fn filtered_let(name: &Name, filter: &Expr) -> Diagnostic {
    let message = format!("the definition of `{}` cannot filter its indices", name.text);
    Diagnostic::error(Code::Syntax, filter.span, message)
        .at("every element needs a value")
        .help("write `if condition { a } else { b }` in the value, or filter where it is summed")
}
