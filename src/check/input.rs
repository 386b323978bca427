//! The inputs of a loss: roles, axes, domains, defaults.

use super::expression::Placed;
use super::scope::{Binding, Scope};
use super::{Checker, Outcome, Reported, Value};
use crate::builtins::Function;
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::graph::{Extent, ExtentId, Input, InputId, InputKind, Node, NodeId, Role, Type};
use crate::syntax::ast::{self, AxisName, DomainKind, Expr, ExprKind, InputDeclaration};

impl Checker<'_> {
    /// Adds the inputs of a loss to the graph and to scope.
    pub(super) fn declare_inputs(&mut self, loss: &ast::Loss, scope: &mut Scope) -> Outcome<()> {
        for declaration in &loss.inputs {
            for axis in &declaration.axes {
                self.declare_axis(scope, &axis.axis);
            }
        }
        let mut outcome = Ok(());
        for declaration in &loss.inputs {
            scope.push(&declaration.name.text, Binding::Later);
        }
        for declaration in &loss.inputs {
            let name = &declaration.name;
            let declared =
                self.check_name(name).and_then(|()| self.declare_input(scope, declaration));
            if let Some(first) = loss.inputs.iter().find(|other| other.name.text == name.text)
                && first.name.span != name.span
            {
                outcome = self.report(
                    Diagnostic::error(
                        Code::DuplicateName,
                        name.span,
                        format!("`{}` is declared twice", name.text),
                    )
                    .label(first.name.span, "first here")
                    .help("rename one of them"),
                );
            }
            match declared {
                Ok(value) => scope.push(&name.text, Binding::Value(value)),
                Err(reported) => {
                    scope.push(&name.text, Binding::Failed);
                    outcome = Err(reported);
                }
            }
        }
        outcome
    }

    fn declare_axis(&mut self, scope: &mut Scope, name: &AxisName) {
        if scope.extent(name).is_none() {
            let extent = self.graph.add_extent(match name {
                AxisName::Named(name) => Extent::Named(name.clone()),
                AxisName::Literal(length) => Extent::Literal(*length),
            });
            scope.add_extent(name.clone(), extent);
        }
    }

    fn declare_input(
        &mut self,
        scope: &mut Scope,
        declaration: &InputDeclaration,
    ) -> Outcome<Value> {
        let kind = self.input_kind(scope, declaration)?;
        let mut axes = Vec::new();
        let mut taken = crate::graph::AxisSet::EMPTY;
        for axis in &declaration.axes {
            if axis.axis == AxisName::Literal(0) {
                return self.report(Diagnostic::error(
                    Code::EmptyDomain,
                    axis.span,
                    "an axis has at least one element",
                ));
            }
            let extent = self.resolve_axis(scope, axis)?;
            let declared = self.graph.declared_axis(extent);
            let axis = if taken.contains(declared) {
                self.graph.index_axis(extent, taken)
            } else {
                declared
            };
            taken = taken.with(axis);
            axes.push(axis);
        }
        let input = self.graph.add_input(Input {
            name: declaration.name.text.clone(),
            doc: declaration.doc.clone(),
            role: declaration.role,
            kind,
            axes: axes.clone(),
            domain: None,
            default: None,
            span: declaration.span,
        });
        let subscripts: Box<[NodeId]> =
            axes.iter().map(|axis| self.graph.intern(Node::Index(*axis))).collect();
        let node = self.graph.intern(Node::Read(input, subscripts));
        if matches!(kind, InputKind::Index { optional: true, .. }) && axes.is_empty() {
            self.own_labels.push(node);
        }
        self.complete_input(scope, declaration, input)?;
        Ok(Value { node, axes })
    }

    fn complete_input(
        &mut self,
        scope: &mut Scope,
        declaration: &InputDeclaration,
        input: InputId,
    ) -> Outcome<()> {
        if let Some(domain) = &declaration.domain {
            let domain = self.domain(scope, domain)?;
            self.graph.input_mut(input).domain = domain;
        }
        let Some(default) = &declaration.default else { return Ok(()) };
        if matches!(declaration.role, Role::Pred | Role::Target) {
            return self.report(
                Diagnostic::error(
                    Code::DefaultNotAllowed,
                    default.span,
                    "every example brings its own value of this input",
                )
                .label(declaration.name.span, "put out by the model, or known of the example")
                .help("only `param` and `learned` inputs have a default"),
            );
        }
        let value = self.default_value(scope, declaration, default)?;
        self.known_before_call(value.node, default.span, "a default")?;
        self.graph.input_mut(input).default = Some(value.node);
        Ok(())
    }

    fn input_kind(&mut self, scope: &Scope, declaration: &InputDeclaration) -> Outcome<InputKind> {
        let Some(domain) = &declaration.domain else { return Ok(InputKind::Real) };
        let kind = match &domain.kind {
            DomainKind::Index { axis, optional } => {
                InputKind::Index { extent: self.resolve_axis(scope, axis)?, optional: *optional }
            }
            DomainKind::Switch => InputKind::Switch,
            DomainKind::Interval { .. } | DomainKind::Set(_) | DomainKind::Whole { .. } => {
                InputKind::Real
            }
            DomainKind::Simplex => {
                if declaration.axes.is_empty() {
                    return self.report(
                        Diagnostic::error(
                            Code::DomainMismatch,
                            domain.span,
                            "a simplex lies along an axis",
                        )
                        .label(declaration.name.span, "a single number")
                        .help(format!(
                            "give it an axis: `{}[K] in simplex`",
                            declaration.name.text
                        )),
                    );
                }
                InputKind::Real
            }
        };
        if kind != InputKind::Real && matches!(declaration.role, Role::Pred | Role::Learned) {
            return self.report(
                Diagnostic::error(
                    Code::DomainMismatch,
                    domain.span,
                    "what a model puts out or learns is a real number",
                )
                .label(declaration.name.span, "declared here")
                .help("make it a `target` or a `param`"),
            );
        }
        Ok(kind)
    }

    /// The value of an input that is left out, over the input's axes.
    pub(super) fn default_value(
        &mut self,
        scope: &mut Scope,
        declaration: &InputDeclaration,
        default: &Expr,
    ) -> Outcome<Value> {
        let mut axes = Vec::new();
        for axis in &declaration.axes {
            let extent = self.resolve_axis(scope, axis)?;
            axes.push(self.graph.declared_axis(extent));
        }
        if let ExprKind::List(elements) = &default.kind {
            return self.listed_default(scope, &axes, elements, default.span);
        }
        let value = self.expression(scope, default)?;
        let placed = Placed { value, span: default.span };
        self.check_default_type(scope, declaration, &placed)?;
        if !placed.value.axes.iter().all(|axis| axes.contains(axis)) {
            let (have, want) = (self.axes_text(&placed.value.axes), self.axes_text(&axes));
            return self.report(
                Diagnostic::error(
                    Code::AxisMismatch,
                    default.span,
                    format!("the default has axes {have}, the input {want}"),
                )
                .label(declaration.name.span, format!("has axes {want}"))
                .help("a single number fills an array; a formula is `[q in Q] (…)`"),
            );
        }
        self.check_constant_domain(declaration, &placed, scope.file)?;
        Ok(Value { node: placed.value.node, axes })
    }

    fn check_default_type(
        &mut self,
        scope: &Scope,
        declaration: &InputDeclaration,
        placed: &Placed,
    ) -> Outcome<()> {
        let wanted = match declaration.domain.as_ref().map(|domain| &domain.kind) {
            Some(DomainKind::Switch) => Type::Bool,
            Some(DomainKind::Index { axis, .. }) => Type::Index(self.resolve_axis(scope, axis)?),
            _ => Type::Real,
        };
        if self.graph.ty(placed.value.node) == wanted {
            return Ok(());
        }
        let found = self.type_text(placed.value.node);
        self.report(
            Diagnostic::error(
                Code::TypeMismatch,
                placed.span,
                format!("the default is {found}, which the input is not"),
            )
            .at(found)
            .label(declaration.name.span, "declared here")
            .help("give a default from the input's domain"),
        )
    }

    /// `[1, 2, 3]` along a literal axis.
    fn listed_default(
        &mut self,
        scope: &mut Scope,
        axes: &[crate::graph::AxisId],
        elements: &[Expr],
        span: Span,
    ) -> Outcome<Value> {
        let literal = match axes {
            [axis] => match self.graph.extent(self.graph.axis(*axis).extent) {
                Extent::Literal(length) if *length as usize == elements.len() => Some(*axis),
                _ => None,
            },
            _ => None,
        };
        let Some(axis) = literal else {
            return self.report(
                Diagnostic::error(Code::AxisMismatch, span, format!("a list of {} does not fit the axes of this input", elements.len()))
                    .help("a list fills an axis of that literal length; else use a formula: `[q in Q] (…)`"),
            );
        };
        let index = self.graph.intern(Node::Index(axis));
        let mut nodes = Vec::new();
        for element in elements {
            let value = self.expression(scope, element)?;
            nodes.push(self.whole_number(&value, element.span, "an element")?);
        }
        let mut node = *nodes.last().ok_or(Reported)?;
        for (position, element) in (0u32..).zip(&nodes[..nodes.len() - 1]) {
            let position =
                self.graph.intern(Node::Position(position, self.graph.axis(axis).extent));
            let here = self.graph.map(Function::Equal, &[index, position]);
            node = self.graph.select(here, *element, node);
        }
        Ok(Value { node, axes: vec![axis] })
    }

    /// How long an axis is, where the file says so.
    pub(super) fn literal_length(&self, extent: ExtentId) -> Option<u32> {
        match self.graph.extent(extent) {
            Extent::Literal(length) => Some(*length),
            Extent::Named(_) => None,
        }
    }
}
