//! Expressions: operators, names, blocks, `if`, indexing.

use super::scope::{Binding, Scope};
use super::{Checker, Outcome, Reported, Value};
use crate::builtins::{self, Function};
use crate::diagnostic::{Code, Diagnostic, Span, suggest};
use crate::graph::{AxisId, ExtentId, Node, NodeId, Type};
use crate::syntax::ast::{BinaryOperator, Binders, Expr, ExprKind, Let, Link, Name, UnaryOperator};

/// How deep expressions may nest, through calls.
const DEPTH_LIMIT: usize = 256;

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
        if self.depth == DEPTH_LIMIT {
            self.stopped = true;
            return self.report(
                Diagnostic::error(
                    Code::NestingTooDeep,
                    expr.span,
                    format!("expressions nest more than {DEPTH_LIMIT} levels deep, calls included"),
                )
                .help("name parts of it with `let`"),
            );
        }
        self.depth += 1;
        let value = self.form(scope, expr);
        self.depth -= 1;
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
        if builtins::names().any(|known| known == name)
            || self.files.find(scope.file, name).is_some()
        {
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
                    self.binary(link, left, right).map(|value| Placed { value, span })
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

    /// Turns a constant whole number into a position, and leaves anything else as it is.
    pub(super) fn position(&mut self, placed: &mut Placed, extent: ExtentId) -> Outcome<()> {
        let Some(number) = self.constant_number(placed.value.node) else { return Ok(()) };
        let length = self.literal_length(extent);
        let inside = number >= 0.0
            && number < f64::from(length.unwrap_or(u32::MAX))
            && number.fract() == 0.0;
        if !inside {
            let name = self.graph.extent(extent).to_string();
            return self.report(
                Diagnostic::error(
                    Code::IndexOutOfRange,
                    placed.span,
                    format!("{number} is no position along axis {name}"),
                )
                .help(format!(
                    "positions are 0 to {}",
                    length.map_or_else(|| format!("size({name}) - 1"), |n| (n - 1).to_string())
                )),
            );
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a whole number in range"
        )]
        let position = number as u32;
        if length.is_none() {
            self.least_extents.push((extent, position + 1));
        }
        placed.value = Value::scalar(self.graph.intern(Node::Position(position, extent)));
        Ok(())
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

    /// An array defined by indices: the bound axes first, then what the body has left.
    pub(super) fn array(
        &mut self,
        scope: &mut Scope,
        binders: &Binders,
        body: &Expr,
    ) -> Outcome<Value> {
        if let Some(filter) = &binders.filter {
            return self.report(
                Diagnostic::error(
                    Code::Syntax,
                    filter.span,
                    "an array has an element for every index",
                )
                .help("select inside: `if condition { a } else { 0 }`"),
            );
        }
        let bound = self.bind(scope, binders);
        let value =
            bound.as_ref().map_err(|reported| *reported).and_then(|_| self.expression(scope, body));
        self.unbind(scope, binders, bound.as_ref().ok());
        let (axes, value) = (bound?, value?);
        let axes: Vec<AxisId> = axes.into_iter().chain(value.axes).collect();
        Ok(self.whole(Value { node: value.node, axes }))
    }

    /// The value over declared axes, if no two of its axes have the same extent; else as it is.
    pub(super) fn whole(&mut self, value: Value) -> Value {
        if self.repeated_extent(&value.axes).is_some() {
            return value;
        }
        let mut replacements = Vec::new();
        let mut axes = Vec::new();
        for axis in &value.axes {
            let declared = self.graph.declared_axis(self.graph.axis(*axis).extent);
            if declared != *axis {
                let index = self.graph.intern(Node::Index(declared));
                replacements.push((*axis, index));
            }
            axes.push(declared);
        }
        if replacements.is_empty() {
            return value;
        }
        Value { node: self.graph.substitute(value.node, &replacements), axes }
    }

    fn repeated_extent(&self, axes: &[AxisId]) -> Option<ExtentId> {
        let extents: Vec<ExtentId> =
            axes.iter().map(|axis| self.graph.axis(*axis).extent).collect();
        (1..extents.len()).find(|at| extents[..*at].contains(&extents[*at])).map(|at| extents[at])
    }

    fn index(
        &mut self,
        scope: &mut Scope,
        array: &Expr,
        indices: &[Expr],
        span: Span,
    ) -> Outcome<Value> {
        let array = self.placed(scope, array)?;
        if indices.len() > array.value.axes.len() {
            let have = self.axes_text(&array.value.axes);
            let count = array.value.axes.len();
            return self.report(
                Diagnostic::error(
                    Code::TooManyIndices,
                    span,
                    format!("{} indices for {count} axes", indices.len()),
                )
                .label(
                    array.span,
                    if count == 0 {
                        "a single number".to_owned()
                    } else {
                        format!("has axes {have}")
                    },
                ),
            );
        }
        let mut replacements = Vec::new();
        let mut brought: Vec<AxisId> = Vec::new();
        for (axis, index) in array.value.axes.clone().into_iter().zip(indices) {
            let extent = self.graph.axis(axis).extent;
            let mut index = self.placed(scope, index)?;
            self.position(&mut index, extent)?;
            if self.graph.ty(index.value.node) != Type::Index(extent) {
                return self.report(self.not_an_index(&array, &index, extent));
            }
            let new = index
                .value
                .axes
                .iter()
                .filter(|axis| !brought.contains(axis))
                .copied()
                .collect::<Vec<_>>();
            brought.extend(new);
            replacements.push((axis, index.value.node));
        }
        let rest = &array.value.axes[indices.len()..];
        let node = self.graph.substitute(array.value.node, &replacements);
        let rest: Vec<AxisId> =
            rest.iter().filter(|axis| !brought.contains(axis)).copied().collect();
        Ok(self.whole(Value { node, axes: brought.into_iter().chain(rest).collect() }))
    }

    fn not_an_index(&self, array: &Placed, index: &Placed, extent: ExtentId) -> Diagnostic {
        let axis = self.graph.extent(extent);
        let found = self.type_text(index.value.node);
        Diagnostic::error(
            Code::IndexMismatch,
            index.span,
            format!("this is {found}, not an index into axis {axis}"),
        )
        .at(format!("{found}"))
        .label(array.span, format!("its axis {axis} is indexed"))
        .help(format!(
            "index with `i` of `[i in {axis}]`, an input declared `in {axis}`, or a whole number"
        ))
    }

    /// Applies a function to elements, aligned by the names of their axes.
    pub(super) fn map(
        &mut self,
        function: Function,
        arguments: &[Placed],
        span: Span,
    ) -> Outcome<Value> {
        self.check_types(function, arguments, span)?;
        let axes = self.align(arguments, span)?;
        let nodes: Vec<NodeId> = arguments.iter().map(|placed| placed.value.node).collect();
        Ok(Value { node: self.graph.map(function, &nodes), axes })
    }

    /// The axes of all arguments together: those of the one that has all of them.
    pub(super) fn align(&mut self, arguments: &[Placed], span: Span) -> Outcome<Vec<AxisId>> {
        for argument in arguments {
            if let Some(extent) = self.repeated_extent(&argument.value.axes) {
                let name = self.graph.extent(extent).to_string();
                return self.report(
                    Diagnostic::error(
                        Code::AxisTwice,
                        argument.span,
                        format!("this array has axis {name} twice"),
                    )
                    .help("use its elements: index it with `[i, j]`"),
                );
            }
        }
        let widest = arguments
            .iter()
            .max_by_key(|placed| placed.value.axes.len())
            .expect("a function has arguments");
        for argument in arguments {
            if argument.value.axes.iter().any(|axis| !widest.value.axes.contains(axis)) {
                return self.report(self.axis_mismatch(argument, widest, span));
            }
        }
        let first =
            arguments.iter().find(|placed| placed.value.axes.len() == widest.value.axes.len());
        Ok(first.unwrap_or(widest).value.axes.clone())
    }

    fn axis_mismatch(&self, a: &Placed, b: &Placed, span: Span) -> Diagnostic {
        let (first, second) = if a.span.start < b.span.start { (a, b) } else { (b, a) };
        let lacking = first.value.axes.iter().find(|axis| !second.value.axes.contains(axis));
        let lacking = lacking.map_or_else(String::new, |axis| {
            self.graph.extent(self.graph.axis(*axis).extent).to_string()
        });
        let (left, right) = (self.axes_text(&first.value.axes), self.axes_text(&second.value.axes));
        Diagnostic::error(Code::AxisMismatch, span, format!("axes {left} do not fit axes {right}"))
            .label(first.span, format!("has axes {left}"))
            .label(second.span, format!("has axes {right}"))
            .help(format!(
                "one side's axes must contain the other's: index or reduce axis {lacking}, \
                 or name all pairs: `let a[i in …, j in …] = …;`"
            ))
    }

    /// `K, N`
    pub(super) fn axes_text(&self, axes: &[AxisId]) -> String {
        let names: Vec<String> = axes
            .iter()
            .map(|axis| self.graph.extent(self.graph.axis(*axis).extent).to_string())
            .collect();
        format!("[{}]", names.join(", "))
    }

    /// What a node is, with its article.
    pub(super) fn type_text(&self, node: NodeId) -> String {
        match self.graph.ty(node) {
            Type::Real => "a number".to_owned(),
            Type::Bool => "a boolean".to_owned(),
            Type::Index(extent) => format!("an index into axis {}", self.graph.extent(extent)),
        }
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
        if builtins::names().any(|known| known == text) {
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
