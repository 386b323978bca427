//! Worked examples: constant inputs of the right shapes, and what must come out.

use std::collections::HashMap;

use super::files::{FileIndex, Files};
use super::scope::Scope;
use super::{Checker, Outcome, Reported};
use crate::diagnostic::{Code, Diagnostic, Span, suggest};
use crate::domain;
use crate::evaluate::evaluate_constant;
use crate::graph::{ExtentId, Graph, InputId, InputKind, Role};
use crate::model::{Example, Model, Tensor};
use crate::syntax::ast::{self, Expr, ExprKind, Name, UnaryOperator};

/// Checks an example and adds it to the model of its loss.
pub(super) fn check_example(
    files: &Files,
    file: FileIndex,
    given: &ast::Example,
    models: &mut [Model],
    diagnostics: &mut Vec<Diagnostic>,
) {
    let Some(model) = models.iter_mut().find(|model| model.name == given.loss.text) else {
        let defined =
            files.ast(file).items.iter().any(
                |item| matches!(item, ast::Item::Loss(loss) if loss.name.text == given.loss.text),
            );
        if !defined && !files.lacks_items(file) {
            diagnostics.push(unknown_loss(&given.loss, models));
        }
        return;
    };
    let mut checker = ExampleChecker {
        numbers: Checker::new(files, diagnostics),
        file,
        graph: &model.graph,
        lengths: HashMap::new(),
    };
    if let Ok(example) = checker.example(given) {
        model.examples.push(example);
    }
}

fn unknown_loss(name: &Name, models: &[Model]) -> Diagnostic {
    let diagnostic = Diagnostic::error(
        Code::NoSuchLoss,
        name.span,
        format!("this file has no loss `{}`", name.text),
    );
    match suggest(&name.text, models.iter().map(|model| model.name.as_str())) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic.help("an example is of a loss that its own file defines"),
    }
}

struct ExampleChecker<'a, 'b> {
    numbers: Checker<'a>,
    file: FileIndex,
    graph: &'b Graph,
    /// How long each axis is, and where that was said.
    lengths: HashMap<ExtentId, (usize, Span)>,
}

impl ExampleChecker<'_, '_> {
    fn example(&mut self, given: &ast::Example) -> Outcome<Example> {
        let mut inputs: Vec<(InputId, Tensor)> = Vec::new();
        let mut failed = false;
        for argument in &given.arguments {
            match self.argument(argument, &inputs) {
                Ok(input) => inputs.push(input),
                Err(Reported) => failed = true,
            }
        }
        if failed {
            return Err(Reported);
        }
        for ((id, tensor), argument) in inputs.iter().zip(&given.arguments) {
            self.in_domain(*id, tensor, argument.value.span)?;
        }
        for id in self.graph.input_ids() {
            let input = self.graph.input(id);
            if input.default.is_none() && !inputs.iter().any(|(given, _)| *given == id) {
                let (name, span) = (input.name.clone(), input.span);
                return self.numbers.report(
                    Diagnostic::error(
                        Code::MissingArgument,
                        given.loss.span,
                        format!("the example leaves out `{name}`"),
                    )
                    .label(span, "has no default")
                    .help(format!("give it: `{name} = …`")),
                );
            }
        }
        let value = self.scalar(&given.value.value)?;
        let within = self.within(&given.value)?;
        let mut gradients = Vec::new();
        for (name, expected) in &given.gradients {
            let id = self.input(name)?;
            if self.graph.input(id).kind != InputKind::Real {
                return self.numbers.report(
                    Diagnostic::error(
                        Code::ExampleShape,
                        name.span,
                        format!("`{}` has no gradient", name.text),
                    )
                    .help("only real inputs have one"),
                );
            }
            gradients.push((id, self.tensor(id, &expected.value)?, self.within(expected)?));
        }
        Ok(Example { inputs, value: (value, within), gradients, span: given.span })
    }

    fn argument(
        &mut self,
        argument: &ast::Argument,
        before: &[(InputId, Tensor)],
    ) -> Outcome<(InputId, Tensor)> {
        let Some(name) = &argument.name else {
            return self.numbers.report(
                Diagnostic::error(
                    Code::ExampleShape,
                    argument.value.span,
                    "an example names its inputs",
                )
                .help("write `name = value`"),
            );
        };
        let id = self.input(name)?;
        if before.iter().any(|(known, _)| *known == id) {
            return self.numbers.report(
                Diagnostic::error(
                    Code::DuplicateArgument,
                    name.span,
                    format!("`{}` is given twice", name.text),
                )
                .help("leave one of them out"),
            );
        }
        Ok((id, self.tensor(id, &argument.value)?))
    }

    fn input(&mut self, name: &Name) -> Outcome<InputId> {
        let graph = self.graph;
        if let Some(id) = graph.input_ids().find(|id| graph.input(*id).name == name.text) {
            return Ok(id);
        }
        let diagnostic = Diagnostic::error(
            Code::UnknownArgument,
            name.span,
            format!("the loss has no input `{}`", name.text),
        );
        let names: Vec<&str> = graph.input_ids().map(|id| graph.input(id).name.as_str()).collect();
        let near = suggest(&name.text, names.iter().copied());
        self.numbers.report(match near {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None => diagnostic.help(format!("its inputs are {}", names.join(", "))),
        })
    }

    fn tensor(&mut self, id: InputId, expr: &Expr) -> Outcome<Tensor> {
        let input = self.graph.input(id);
        let mut tensor = Tensor { shape: Vec::new(), data: Vec::new() };
        if !matches!(expr.kind, ExprKind::List(_))
            && !input.axes.is_empty()
            && matches!(input.role, Role::Param | Role::Learned)
        {
            // A single number fills an array.
            let number = self.element(id, expr)?;
            return Ok(Tensor { shape: Vec::new(), data: vec![number] });
        }
        self.elements(id, expr, 0, &mut tensor)?;
        Ok(tensor)
    }

    /// Walks nested lists as deep as the input has axes.
    fn elements(
        &mut self,
        id: InputId,
        expr: &Expr,
        depth: usize,
        tensor: &mut Tensor,
    ) -> Outcome<()> {
        let input = self.graph.input(id);
        let rank = input.axes.len();
        let ExprKind::List(items) = &expr.kind else {
            if depth < rank {
                return self.wrong_depth(id, expr.span);
            }
            let number = self.element(id, expr)?;
            tensor.data.push(number);
            return Ok(());
        };
        if depth == rank {
            return self.wrong_depth(id, expr.span);
        }
        let extent = self.graph.axis(input.axes[depth]).extent;
        self.same_length(extent, items.len(), expr.span)?;
        if tensor.shape.len() == depth {
            tensor.shape.push(items.len());
        }
        for item in items {
            self.elements(id, item, depth + 1, tensor)?;
        }
        Ok(())
    }

    fn wrong_depth<T>(&mut self, id: InputId, span: Span) -> Outcome<T> {
        let input = self.graph.input(id);
        let (name, rank, declared) = (input.name.clone(), input.axes.len(), input.span);
        let axes = axes_names(self.graph, &input.axes);
        let wanted =
            if rank == 0 { "a single number".to_owned() } else { format!("a list over {axes}") };
        self.numbers.report(
            Diagnostic::error(Code::ExampleShape, span, format!("`{name}` is {wanted}"))
                .label(declared, "declared here")
                .help(if rank == 0 {
                    "write one number"
                } else {
                    "nest one list an axis: `[1, 2]`, `[[1, 2], [3, 4]]`"
                }),
        )
    }

    fn same_length(&mut self, extent: ExtentId, length: usize, span: Span) -> Outcome<()> {
        let name = self.graph.extent(extent).to_string();
        let literal = match self.graph.extent(extent) {
            crate::graph::Extent::Literal(literal) => Some(*literal as usize),
            crate::graph::Extent::Named(_) => None,
        };
        if length == 0 || literal.is_some_and(|literal| literal != length) {
            return self.numbers.report(
                Diagnostic::error(
                    Code::ExampleShape,
                    span,
                    format!("{length} elements along axis {name}"),
                )
                .help(literal.map_or_else(
                    || "an axis has at least one".to_owned(),
                    |n| format!("it has {n}"),
                )),
            );
        }
        let (first, place) = *self.lengths.entry(extent).or_insert((length, span));
        if first == length {
            return Ok(());
        }
        self.numbers.report(
            Diagnostic::error(
                Code::ExampleShape,
                span,
                format!("{length} elements along axis {name}, which has {first}"),
            )
            .label(place, format!("{first} elements"))
            .help("all arrays over one axis have the same length"),
        )
    }

    fn element(&mut self, id: InputId, expr: &Expr) -> Outcome<f64> {
        let kind = self.graph.input(id).kind;
        match (&expr.kind, kind) {
            (ExprKind::Bool(truth), InputKind::Switch) => Ok(f64::from(u8::from(*truth))),
            (_, InputKind::Switch) => self.numbers.report(
                Diagnostic::error(Code::ExampleShape, expr.span, "a switch is `true` or `false`")
                    .help("write `true` or `false`"),
            ),
            (_, InputKind::Index { .. }) => {
                let number = self.scalar(expr)?;
                if number.fract() == 0.0 && number.abs() < f64::from(i32::MAX) {
                    return Ok(number);
                }
                self.numbers.report(
                    Diagnostic::error(Code::ExampleShape, expr.span, "an index is a whole number")
                        .help("count from 0; -1 is a missing label"),
                )
            }
            (_, InputKind::Real) => self.scalar(expr),
        }
    }

    /// Reports an element that lies outside of the constant bounds of its input.
    fn in_domain(&mut self, id: InputId, tensor: &Tensor, span: Span) -> Outcome<()> {
        let input = self.graph.input(id);
        if let InputKind::Index { extent, optional } = input.kind {
            let length = match self.graph.extent(extent) {
                crate::graph::Extent::Literal(literal) => Some(*literal as usize),
                crate::graph::Extent::Named(_) => {
                    self.lengths.get(&extent).map(|(length, _)| *length)
                }
            };
            #[expect(clippy::cast_precision_loss, reason = "axes of examples are short")]
            let inside = |number: f64| {
                (number >= 0.0 || optional) && length.is_none_or(|length| number < length as f64)
            };
            if let Some(number) = tensor.data.iter().find(|number| !inside(**number)) {
                let axis = self.graph.extent(extent).to_string();
                let diagnostic = Diagnostic::error(
                    Code::IndexOutOfRange,
                    span,
                    format!("{number} is no position along axis {axis}"),
                );
                return self.numbers.report(match length {
                    Some(length) => diagnostic.help(format!("positions are 0 to {}", length - 1)),
                    None => diagnostic.help("positions count from 0"),
                });
            }
        }
        let graph = self.graph;
        let Some(domain) = &input.domain else { return Ok(()) };
        let outside = |number: &&f64| {
            !domain::may_contain(domain, **number, |bound| evaluate_constant(graph, bound))
        };
        let Some(number) = tensor.data.iter().find(outside) else { return Ok(()) };
        self.numbers.report(
            Diagnostic::error(
                Code::OutsideDomain,
                span,
                format!("{number} is not in the domain of `{}`", input.name),
            )
            .label(input.span, "declared here")
            .help("choose a value inside of the domain"),
        )
    }

    fn within(&mut self, expected: &ast::Expectation) -> Outcome<Option<f64>> {
        expected.within.as_ref().map(|within| self.scalar(within)).transpose()
    }

    /// The value of a constant expression.
    fn scalar(&mut self, expr: &Expr) -> Outcome<f64> {
        // Most are plain numbers: no graph for them.
        match &expr.kind {
            ExprKind::Number(number) => return Ok(*number),
            ExprKind::Unary(UnaryOperator::Negate, operand) => {
                if let ExprKind::Number(number) = operand.kind {
                    return Ok(-number);
                }
            }
            _ => {}
        }
        let value = self.numbers.expression(&mut Scope::new(self.file), expr)?;
        match self.numbers.constant_number(value.node) {
            Some(number) => Ok(number),
            None => self.numbers.report(
                Diagnostic::error(Code::NotConstant, expr.span, "this is not a constant number")
                    .help("write a number"),
            ),
        }
    }
}

fn axes_names(graph: &Graph, axes: &[crate::graph::AxisId]) -> String {
    let names: Vec<String> =
        axes.iter().map(|axis| graph.extent(graph.axis(*axis).extent).to_string()).collect();
    format!("[{}]", names.join(", "))
}
