//! Constants: `const` items, and the values of expressions that need no input.

use super::files::FileIndex;
use super::scope::Scope;
use super::{Checker, Outcome, Value};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::evaluate::evaluate_constant;
use crate::graph::NodeId;
use crate::syntax::ast;

impl Checker<'_> {
    /// The value of a `const` item.
    pub(super) fn constant_item(
        &mut self,
        file: FileIndex,
        constant: &ast::Const,
        site: Span,
    ) -> Outcome<Value> {
        self.enter(&constant.name, site)?;
        let value = self.expression(&mut Scope::new(file), &constant.value);
        self.leave();
        value
    }

    /// Begins to inline an item, unless that is already under way.
    pub(super) fn enter(&mut self, name: &ast::Name, site: Span) -> Outcome<()> {
        let identity = &raw const *name;
        if self.inlining.iter().any(|(open, _)| *open == identity) {
            return self.report(
                Diagnostic::error(
                    Code::Recursion,
                    site,
                    format!("`{}` leads back to itself", name.text),
                )
                .label(name.span, "defined here")
                .help(
                    "a loss is a formula without recursion; run over an axis with sum[i in K](…)",
                ),
            );
        }
        self.inlining.push((identity, site));
        Ok(())
    }

    pub(super) fn leave(&mut self) {
        self.inlining.pop();
    }

    /// The value of a real or boolean node that depends on no input and no extent, as a number.
    pub(super) fn constant_number(&self, root: NodeId) -> Option<f64> {
        if let Some(number) = self.graph.as_number(root) {
            return Some(number);
        }
        evaluate_constant(&self.graph, root)
    }
}
