//! Which types a function takes.

use super::expression::Placed;
use super::{Checker, Outcome};
use crate::builtins::Function;
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::graph::InputKind;
use crate::graph::{Node, NodeId, Type};

impl Checker<'_> {
    /// Tells of the first argument of a function that has another type than it takes.
    pub(super) fn check_types(
        &mut self,
        function: Function,
        arguments: &[Placed],
        span: Span,
    ) -> Outcome<()> {
        match function {
            Function::And | Function::Or | Function::Not => self.all_of_type(arguments, Type::Bool),
            Function::Equal => self.same_type(&arguments[0], &arguments[1], span),
            Function::Less | Function::LessEqual => {
                if self.graph.ty(arguments[0].value.node) == Type::Bool {
                    return self.all_of_type(arguments, Type::Real);
                }
                self.same_type(&arguments[0], &arguments[1], span)
            }
            Function::Select => {
                self.all_of_type(&arguments[..1], Type::Bool)?;
                self.same_type(&arguments[1], &arguments[2], span)
            }
            Function::Real | Function::Missing => self.index_argument(function, &arguments[0]),
            _ => self.all_of_type(arguments, Type::Real),
        }
    }

    pub(super) fn all_of_type(&mut self, arguments: &[Placed], expected: Type) -> Outcome<()> {
        for argument in arguments {
            if self.graph.ty(argument.value.node) != expected {
                return self.report(self.type_mismatch(argument, expected));
            }
        }
        Ok(())
    }

    fn type_mismatch(&self, argument: &Placed, expected: Type) -> Diagnostic {
        let found = self.type_text(argument.value.node);
        let (wanted, help) = match (expected, self.graph.ty(argument.value.node)) {
            (Type::Bool, Type::Real) => ("a boolean", "compare it: `x > 0`, `x != 0`".to_owned()),
            (Type::Bool, _) => ("a boolean", "compare it with another index: `i == j`".to_owned()),
            (_, Type::Bool) => {
                ("a number", "turn it into a number: `if c { 1 } else { 0 }`".to_owned())
            }
            _ => ("a number", "turn it into a number: `real(i)`".to_owned()),
        };
        Diagnostic::error(
            Code::TypeMismatch,
            argument.span,
            format!("this is {found} where {wanted} is needed"),
        )
        .at(found)
        .help(help)
    }

    fn same_type(&mut self, a: &Placed, b: &Placed, span: Span) -> Outcome<()> {
        if self.graph.ty(a.value.node) == self.graph.ty(b.value.node) {
            return Ok(());
        }
        let (left, right) = (self.type_text(a.value.node), self.type_text(b.value.node));
        let help = match (self.graph.ty(a.value.node), self.graph.ty(b.value.node)) {
            (Type::Index(_), Type::Index(_)) => {
                "indices compare along one axis only; `real(i)` is the number of an index"
            }
            (Type::Bool, _) | (_, Type::Bool) => {
                "turn a boolean into a number: `if c { 1 } else { 0 }`"
            }
            _ => "turn an index into a number: `real(i)`",
        };
        let diagnostic =
            Diagnostic::error(Code::TypeMismatch, span, format!("{left} does not go with {right}"))
                .label(a.span, left)
                .label(b.span, right)
                .help(help);
        self.report(diagnostic)
    }

    fn index_argument(&mut self, function: Function, argument: &Placed) -> Outcome<()> {
        let name = function.row().name;
        if !matches!(self.graph.ty(argument.value.node), Type::Index(_)) {
            let found = self.type_text(argument.value.node);
            return self.report(
                Diagnostic::error(Code::TypeMismatch, argument.span, format!("`{name}` takes an index, this is {found}"))
                    .at(found)
                    .help(if function == Function::Real {
                        "a boolean becomes a number with `if c { 1 } else { 0 }`; a number needs no `real`"
                    } else {
                        "only a label declared `in K?` can be missing"
                    }),
            );
        }
        if function == Function::Missing && !self.is_optional(argument.value.node) {
            return self.report(
                Diagnostic::error(
                    Code::TypeMismatch,
                    argument.span,
                    "this label cannot be missing",
                )
                .help("declare it `in K?`: a negative label is then a missing one"),
            );
        }
        Ok(())
    }

    /// Whether an index is read from an input whose labels may be missing.
    pub(super) fn is_optional(&self, node: NodeId) -> bool {
        match self.graph.node(node) {
            Node::Read(input, _) => {
                matches!(self.graph.input(*input).kind, InputKind::Index { optional: true, .. })
            }
            _ => false,
        }
    }
}
