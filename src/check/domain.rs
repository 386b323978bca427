//! The domains of inputs: sets that hold something, bounds that are known before the call, constants inside.

use super::expression::Placed;
use super::files::FileIndex;
use super::scope::Scope;
use super::{Checker, Outcome};
use crate::builtins::Function;
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::domain;
use crate::graph::{Domain, Node, NodeId, Role, Type};
use crate::syntax::ast::{self, DomainKind, Expr, InputDeclaration};

impl Checker<'_> {
    pub(super) fn domain(
        &mut self,
        scope: &mut Scope,
        domain: &ast::Domain,
    ) -> Outcome<Option<Domain>> {
        Ok(match &domain.kind {
            DomainKind::Interval { low, low_open, high, high_open } => {
                let (low_open, high_open) = (*low_open, *high_open);
                let (low, high) = (self.bound(scope, low)?, self.bound(scope, high)?);
                if let (Some(least), Some(most)) =
                    (self.constant_number(low), self.constant_number(high))
                    && (least > most
                        || least == most && (low_open || high_open)
                        || least.is_nan()
                        || most.is_nan())
                {
                    return self.report(empty_domain(domain.span));
                }
                Some(Domain::Interval { low, low_open, high, high_open })
            }
            DomainKind::Set(values) => {
                let values = values
                    .iter()
                    .map(|value| self.bound(scope, value))
                    .collect::<Outcome<Vec<NodeId>>>()?;
                if values.is_empty() {
                    return self.report(empty_domain(domain.span));
                }
                Some(Domain::Set(values))
            }
            DomainKind::Whole { low, high, inclusive } => {
                let low = self.bound(scope, low)?;
                let mut high = high.as_ref().map(|high| self.bound(scope, high)).transpose()?;
                if !inclusive && let Some(end) = high {
                    let one = self.graph.number(1.0);
                    high = Some(match self.constant_number(end) {
                        Some(end) => self.graph.number(end - 1.0),
                        None => self.graph.map(Function::Subtract, &[end, one]),
                    });
                }
                let least = self.constant_number(low);
                let most = high.and_then(|high| self.constant_number(high));
                if matches!((least, most), (Some(least), Some(most)) if least > most) {
                    return self.report(empty_domain(domain.span));
                }
                Some(Domain::Whole { low, high })
            }
            DomainKind::Simplex => Some(Domain::Simplex),
            DomainKind::Switch | DomainKind::Index { .. } => None,
        })
    }

    fn bound(&mut self, scope: &mut Scope, expr: &Expr) -> Outcome<NodeId> {
        let value = self.expression(scope, expr)?;
        let node = self.whole_number(&value, expr.span, "a bound")?;
        self.known_before_call(node, expr.span, "a bound")?;
        Ok(node)
    }

    /// Reports what reads anything but params.
    pub(super) fn known_before_call(
        &mut self,
        node: NodeId,
        span: Span,
        what: &str,
    ) -> Outcome<()> {
        let culprit =
            self.graph.reachable(&[node]).into_iter().find_map(|id| match self.graph.node(id) {
                Node::Read(input, _) => {
                    let input = self.graph.input(*input);
                    (input.role != Role::Param).then(|| (input.name.clone(), input.span))
                }
                _ => None,
            });
        let Some((name, declared)) = culprit else { return Ok(()) };
        self.report(
            Diagnostic::error(
                Code::DefaultNotKnown,
                span,
                format!("{what} cannot depend on `{name}`"),
            )
            .label(declared, "not known before the call")
            .help("use constants, earlier params and sizes"),
        )
    }

    /// Reports a constant that lies outside of the constant bounds of an input.
    pub(super) fn check_constant_domain(
        &mut self,
        declaration: &InputDeclaration,
        placed: &Placed,
        file: FileIndex,
    ) -> Outcome<()> {
        let Some(domain) = &declaration.domain else { return Ok(()) };
        if self.graph.ty(placed.value.node) != Type::Real {
            return Ok(());
        }
        let Some(number) = self.constant_number(placed.value.node) else { return Ok(()) };
        // Bounds that use params or sizes are not known here, and name nothing in this scope.
        let before = self.diagnostics.len();
        let known = self.domain(&mut Scope::new(file), domain);
        self.diagnostics.truncate(before);
        let Ok(Some(bounds)) = known else { return Ok(()) };
        if domain::may_contain(&bounds, number, |bound| self.constant_number(bound)) {
            return Ok(());
        }
        let name = &declaration.name.text;
        self.report(
            Diagnostic::error(
                Code::OutsideDomain,
                placed.span,
                format!("{number} is not in the domain of `{name}`"),
            )
            .label(domain.span, "must lie here")
            .help("choose a value inside of the domain, or widen it"),
        )
    }
}

fn empty_domain(span: Span) -> Diagnostic {
    Diagnostic::error(Code::EmptyDomain, span, "no number lies in this domain")
        .help("the lower bound comes first: `[0, 1]`, `(0, inf)`")
}
