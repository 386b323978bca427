//! Expressions: operators, names, blocks, `if`, indexing.

use super::scope::{Binding, Scope};
use super::{Checker, Outcome, Reported, Value};
use crate::builtins::{self, Function};
use crate::diagnostic::{Code, Diagnostic, Span, suggest};
use crate::graph::{Node, Type};
use crate::syntax::ast::{BinaryOperator, Expr, ExprKind, Let, Link, Name, UnaryOperator};

/// A value and where it was written.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) value: Value,
    pub(super) span: Span,
}

impl Checker<'_> {
    /// The value of an expression.
    pub(super) fn expression(&mut self, scope: &mut Scope, expr: &Expr) -> Outcome<Value> {
        if self.stopped {
            return Err(Reported);
        }
        let deepest = self.files.deepest;
        if self.depth == deepest {
            self.stopped = true;
            return self.report(
                Diagnostic::error(
                    Code::NestingTooDeep,
                    expr.span,
                    format!("expressions nest more than {deepest} levels deep, calls included"),
                )
                .help("name parts of it with `let`"),
            );
        }
        self.depth += 1;
        let value = self.form(scope, expr);
        self.depth -= 1;
        self.place_new_nodes(expr.span);
        self.within_limits(expr.span)?;
        value
    }

    fn within_limits(&mut self, span: Span) -> Outcome<()> {
        if self.graph.is_within_limits() {
            return Ok(());
        }
        if self.stopped {
            return Err(Reported);
        }
        self.stopped = true;
        self.report(
            Diagnostic::error(Code::GraphTooLarge, span, "the loss grows too large here")
                .at(format!(
                    "{} nodes over {} axes so far",
                    self.graph.len(),
                    self.graph.axis_ids().count()
                ))
                .help("a loss has at most a million nodes and 48 axes once every call is inlined"),
        )
    }

    pub(super) fn placed(&mut self, scope: &mut Scope, expr: &Expr) -> Outcome<Placed> {
        Ok(Placed { value: self.expression(scope, expr)?, span: expr.span })
    }

    fn form(&mut self, scope: &mut Scope, expr: &Expr) -> Outcome<Value> {
        match &expr.kind {
            ExprKind::Number(number) => Ok(Value::scalar(self.graph.number(*number))),
            ExprKind::Bool(truth) => Ok(Value::scalar(self.graph.intern(Node::Bool(*truth)))),
            ExprKind::Name(name) => self.name(scope, name, expr.span),
            ExprKind::Unary(operator, operand) => self.unary(scope, *operator, operand),
            ExprKind::Chain { first, rest } => self.chain(scope, first, rest),
            ExprKind::Power(base, exponent) => {
                let (base, exponent) = (self.placed(scope, base), self.placed(scope, exponent));
                self.map(Function::Power, &[base?, exponent?], expr.span)
            }
            ExprKind::If { arms, otherwise } => self.select(scope, arms, otherwise, expr.span),
            ExprKind::Block { lets, result } => self.block(scope, lets, result),
            ExprKind::Index { array, indices } => self.index(scope, array, indices, expr.span),
            ExprKind::Call { name, binders, arguments } => {
                self.call(scope, name, binders.as_ref(), arguments, expr.span)
            }
            ExprKind::Comprehension(binders, body) => self.array(scope, binders, body),
            ExprKind::List(_) => self.report(
                Diagnostic::error(
                    Code::NotConstant,
                    expr.span,
                    "a list of numbers stands only in examples and defaults",
                )
                .help("make it a `param` with this default"),
            ),
        }
    }

    fn name(&mut self, scope: &Scope, name: &str, span: Span) -> Outcome<Value> {
        match scope.lookup(name) {
            Some(Binding::Value(value)) => return Ok(value.clone()),
            Some(Binding::Failed) => return Err(Reported),
            Some(Binding::Later) => {
                return self.report(
                    Diagnostic::error(
                        Code::DefaultNotKnown,
                        span,
                        format!("`{name}` is declared later"),
                    )
                    .help("domains and defaults use earlier params: change the order"),
                );
            }
            None => {}
        }
        if let Some(found) = self.files.find(scope.file, name)
            && let crate::syntax::ast::Item::Const(constant) = found.item
        {
            return self.constant_item(found.file, constant, span);
        }
        if self.files.lacks_items(scope.file) {
            return Err(Reported);
        }
        self.report(self.unknown_name(scope, name, span))
    }

    fn unknown_name(&self, scope: &Scope, name: &str, span: Span) -> Diagnostic {
        let diagnostic = Diagnostic::error(
            Code::UnknownName,
            span,
            format!("there is nothing called `{name}` here"),
        );
        if scope.extent_names().any(|axis| axis == name) {
            return diagnostic
                .at("an axis")
                .help(format!("`size({name})` is how long it is; `x[{name}]` is not needed: `x` is the whole array"));
        }
        if builtins::has_name(name) || self.files.find(scope.file, name).is_some() {
            return diagnostic.at("a function").help(format!("call it: `{name}(…)`"));
        }
        let items = self.files.names(scope.file);
        match suggest(name, scope.names().into_iter().chain(items)) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None => diagnostic.help("declare it as an input, or define it with `let`"),
        }
    }

    fn unary(
        &mut self,
        scope: &mut Scope,
        operator: UnaryOperator,
        operand: &Expr,
    ) -> Outcome<Value> {
        let operand = self.placed(scope, operand)?;
        let span = operand.span;
        match operator {
            UnaryOperator::Negate => match self.graph.as_number(operand.value.node) {
                Some(number) => Ok(Value::scalar(self.graph.number(-number))),
                None => self.map(Function::Negate, &[operand], span),
            },
            UnaryOperator::Not => self.map(Function::Not, &[operand], span),
        }
    }

    fn chain(&mut self, scope: &mut Scope, first: &Expr, rest: &[Link]) -> Outcome<Value> {
        let comparisons: Vec<&Link> =
            rest.iter().filter(|link| is_comparison(link.operator)).collect();
        if let [a, b, ..] = comparisons[..] {
            let span = a.span;
            return self.report(
                Diagnostic::error(Code::ChainedComparison, span, "comparisons do not chain")
                    .label(b.span, "compared again")
                    .help("say both: `a < b && b < c`"),
            );
        }
        let mut left = self.placed(scope, first);
        for link in rest {
            let right = self.placed(scope, &link.operand);
            left = match (left, right) {
                (Ok(left), Ok(right)) => {
                    let span = left.span.to(right.span);
                    let value = self.binary(link, left, right);
                    self.place_new_nodes(span);
                    value.map(|value| Placed { value, span })
                }
                _ => Err(Reported),
            };
        }
        left.map(|placed| placed.value)
    }

    fn binary(&mut self, link: &Link, left: Placed, right: Placed) -> Outcome<Value> {
        let span = link.span;
        let (function, negated, swapped) = match link.operator {
            BinaryOperator::Or => (Function::Or, false, false),
            BinaryOperator::And => (Function::And, false, false),
            BinaryOperator::Equal => (Function::Equal, false, false),
            BinaryOperator::NotEqual => (Function::Equal, true, false),
            BinaryOperator::Less => (Function::Less, false, false),
            BinaryOperator::LessEqual => (Function::LessEqual, false, false),
            BinaryOperator::Greater => (Function::Less, false, true),
            BinaryOperator::GreaterEqual => (Function::LessEqual, false, true),
            BinaryOperator::Add => (Function::Add, false, false),
            BinaryOperator::Subtract => (Function::Subtract, false, false),
            BinaryOperator::Multiply => (Function::Multiply, false, false),
            BinaryOperator::Divide => (Function::Divide, false, false),
        };
        let (left, right) = self.positions(link, left, right)?;
        let operands = if swapped { [right, left] } else { [left, right] };
        let value = self.map(function, &operands, span)?;
        if !negated {
            return Ok(value);
        }
        Ok(Value { node: self.graph.map(Function::Not, &[value.node]), axes: value.axes })
    }

    /// In a comparison of an index with a whole number, the number is a position along the axis of the index.
    fn positions(
        &mut self,
        link: &Link,
        mut left: Placed,
        mut right: Placed,
    ) -> Outcome<(Placed, Placed)> {
        if is_comparison(link.operator) {
            match (self.graph.ty(left.value.node), self.graph.ty(right.value.node)) {
                (Type::Index(extent), Type::Real) => self.position(&mut right, extent)?,
                (Type::Real, Type::Index(extent)) => self.position(&mut left, extent)?,
                _ => {}
            }
        }
        Ok((left, right))
    }

    fn select(
        &mut self,
        scope: &mut Scope,
        arms: &[(Expr, Expr)],
        otherwise: &Expr,
        span: Span,
    ) -> Outcome<Value> {
        let arms: Vec<_> = arms
            .iter()
            .map(|(condition, selected)| {
                (self.placed(scope, condition), self.placed(scope, selected))
            })
            .collect();
        let mut result = self.placed(scope, otherwise)?;
        for (condition, selected) in arms.into_iter().rev() {
            let (condition, selected) = (condition?, selected?);
            result = Placed {
                value: self.map(Function::Select, &[condition, selected, result], span)?,
                span,
            };
        }
        Ok(result.value)
    }

    fn block(&mut self, scope: &mut Scope, lets: &[Let], result: &Expr) -> Outcome<Value> {
        for definition in lets {
            let name = &definition.name;
            let value = self.check_name(name).and_then(|()| match &definition.binders {
                Some(binders) => self.array(scope, binders, &definition.value),
                None => self.expression(scope, &definition.value),
            });
            scope.push(&name.text, value.map_or(Binding::Failed, Binding::Value));
        }
        let value = self.expression(scope, result);
        for definition in lets.iter().rev() {
            scope.pop(&definition.name.text);
        }
        value
    }

    /// Whether a name may be given to an input, `let` or index.
    pub(super) fn check_name(&mut self, name: &Name) -> Outcome<()> {
        let text = &name.text;
        if text.starts_with(|first: char| first.is_uppercase()) {
            return self.report(
                Diagnostic::error(
                    Code::ReservedName,
                    name.span,
                    format!("`{text}` begins like an axis"),
                )
                .help(format!(
                    "axes have a capital first letter, values do not: `{}`",
                    text.to_lowercase()
                )),
            );
        }
        if builtins::has_name(text) {
            return self.report(
                Diagnostic::error(
                    Code::ReservedName,
                    name.span,
                    format!("`{text}` is a function of the language"),
                )
                .help(format!("choose another name, for example `my_{text}`")),
            );
        }
        Ok(())
    }
}

fn is_comparison(operator: BinaryOperator) -> bool {
    match operator {
        BinaryOperator::Equal
        | BinaryOperator::NotEqual
        | BinaryOperator::Less
        | BinaryOperator::LessEqual
        | BinaryOperator::Greater
        | BinaryOperator::GreaterEqual => true,
        BinaryOperator::Or
        | BinaryOperator::And
        | BinaryOperator::Add
        | BinaryOperator::Subtract
        | BinaryOperator::Multiply
        | BinaryOperator::Divide => false,
    }
}
