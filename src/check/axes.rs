//! Axes by name: what a name stands for, what brackets bind, `size` and `one_hot`.

use super::scope::{Binding, Scope};
use super::{Checker, Outcome, Value};
use crate::builtins::Function;
use crate::diagnostic::{Code, Diagnostic, Span, suggest};
use crate::graph::{AxisId, ExtentId, Node, Type};
use crate::syntax::ast::{Argument, AxisName, AxisRef, Binders};

impl Checker<'_> {
    /// The extent of an axis that is named, with its mistakes told.
    pub(super) fn resolve_axis(&mut self, scope: &Scope, axis: &AxisRef) -> Outcome<ExtentId> {
        if let Some(extent) = scope.extent(&axis.axis) {
            return Ok(extent);
        }
        match &axis.axis {
            AxisName::Literal(length) => {
                Ok(self.graph.add_extent(crate::graph::Extent::Literal(*length)))
            }
            AxisName::Named(name) => {
                let diagnostic = Diagnostic::error(
                    Code::UnknownAxis,
                    axis.span,
                    format!("there is no axis `{name}`"),
                );
                let near = suggest(name, scope.extent_names()).map(str::to_owned);
                self.report(match near {
                    Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                    None => diagnostic.help(format!("axes come from inputs: `pred x[{name}]`")),
                })
            }
        }
    }

    /// Puts the named indices of brackets into scope; gives the axis of every item.
    pub(super) fn bind(&mut self, scope: &mut Scope, binders: &Binders) -> Outcome<Vec<AxisId>> {
        let mut axes = Vec::new();
        let mut extents = Vec::new();
        for item in &binders.items {
            extents.push(self.resolve_axis(scope, &item.axis)?);
            if let Some(name) = &item.index {
                self.check_name(name)?;
                let first = binders.items.iter().filter_map(|other| other.index.as_ref());
                let first = first
                    .into_iter()
                    .find(|other| other.text == name.text)
                    .map_or(name.span, |first| first.span);
                if first != name.span {
                    return self.report(
                        Diagnostic::error(
                            Code::DuplicateName,
                            name.span,
                            format!("index `{}` is bound twice", name.text),
                        )
                        .label(first, "first here")
                        .help("name the second one differently"),
                    );
                }
            }
        }
        for (item, extent) in binders.items.iter().zip(extents) {
            let Some(name) = &item.index else {
                axes.push(self.graph.declared_axis(extent));
                continue;
            };
            let axis = self.graph.index_axis(extent, scope.bound);
            scope.bound = scope.bound.with(axis);
            let node = self.graph.intern(Node::Index(axis));
            scope.push(&name.text, Binding::Value(Value::scalar(node)));
            axes.push(axis);
        }
        Ok(axes)
    }

    /// Takes the named indices of brackets out of scope.
    pub(super) fn unbind(scope: &mut Scope, binders: &Binders, axes: Option<&Vec<AxisId>>) {
        let Some(axes) = axes else { return };
        for (item, axis) in binders.items.iter().zip(axes) {
            if let Some(name) = &item.index {
                scope.pop(&name.text);
                scope.bound = scope.bound.without(*axis);
            }
        }
    }

    /// `size(K)`
    pub(super) fn size(&mut self, scope: &Scope, argument: &Argument) -> Outcome<Value> {
        use crate::syntax::ast::ExprKind;
        let span = argument.value.span;
        let axis = match &argument.value.kind {
            ExprKind::Name(name) => AxisName::Named(name.clone()),
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a whole number in range"
            )]
            ExprKind::Number(number) if number.fract() == 0.0 && (1.0..4e9).contains(number) => {
                AxisName::Literal(*number as u32)
            }
            _ => return self.report(not_an_axis(span)),
        };
        if let AxisName::Named(name) = &axis
            && scope.lookup(name).is_some()
        {
            return self.report(not_an_axis(span));
        }
        let extent = self.resolve_axis(scope, &AxisRef { axis, span })?;
        Ok(Value::scalar(self.graph.size(extent)))
    }

    /// `one_hot(label)`: 1 at the label, along the axis of the label.
    pub(super) fn one_hot(&mut self, scope: &mut Scope, argument: &Argument) -> Outcome<Value> {
        let label = self.placed(scope, &argument.value)?;
        let Type::Index(extent) = self.graph.ty(label.value.node) else {
            let found = self.type_text(label.value.node);
            return self.report(
                Diagnostic::error(
                    Code::TypeMismatch,
                    label.span,
                    format!("`one_hot` takes an index, this is {found}"),
                )
                .at(found)
                .help("declare the label as an index: `target label in K`"),
            );
        };
        let axis = self.graph.declared_axis(extent);
        if label.value.axes.contains(&axis) {
            return self.report(
                Diagnostic::error(
                    Code::AxisTwice,
                    label.span,
                    "the label has the axis that it is an index into",
                )
                .help("index it first: `one_hot(label[i])`"),
            );
        }
        let index = self.graph.intern(Node::Index(axis));
        let here = self.graph.map(Function::Equal, &[index, label.value.node]);
        let node = self.truth_as_number(here);
        let axes = label.value.axes.into_iter().chain([axis]).collect();
        Ok(Value { node, axes })
    }
}

fn not_an_axis(span: Span) -> Diagnostic {
    Diagnostic::error(Code::UnknownAxis, span, "`size` takes the name of an axis")
        .help("`size(K)` is how long axis K is; the elements of an array are counted by its axes")
}
