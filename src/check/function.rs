//! A helper fn that nothing calls: its names are checked all the same.

use super::files::{FileIndex, Files};
use super::scope::{Binding, Scope};
use super::{Checker, Value};
use crate::diagnostic::{Code, Diagnostic};
use crate::graph::{Extent, Input, InputKind, Node, Role};
use crate::syntax::ast::{AxisName, Function};

/// Checks a fn as if it were called with numbers. What depends on the types of its arguments is left to its calls.
pub(super) fn check_alone(
    files: &Files,
    file: FileIndex,
    function: &Function,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let mut found = Vec::new();
    let mut checker = Checker::new(files, &mut found);
    let mut scope = Scope::new(file);
    let mut names_fit = true;
    for parameter in &function.parameters {
        names_fit &= checker.check_name(&parameter.name).is_ok();
        let value = checker.stand_in(&mut scope, parameter);
        scope.push(&parameter.name.text, Binding::Value(value));
    }
    if names_fit {
        checker.inlining.push((&raw const function.name, function.name.span));
        // Only the mistakes matter.
        let _ = checker.expression(&mut scope, &function.body);
    }
    found.retain(|diagnostic| {
        matches!(
            diagnostic.code,
            Code::UnknownName
                | Code::UnknownFunction
                | Code::UnknownArgument
                | Code::ArgumentCount
                | Code::ReservedName
                | Code::ChainedComparison
                | Code::Recursion
                | Code::NestingTooDeep
        )
    });
    diagnostics.extend(found);
}

impl Checker<'_> {
    fn stand_in(&mut self, scope: &mut Scope, parameter: &crate::syntax::ast::Parameter) -> Value {
        let mut axes = Vec::new();
        for axis in &parameter.axes {
            let extent = self.graph.add_extent(match &axis.axis {
                AxisName::Named(name) => Extent::Named(name.clone()),
                AxisName::Literal(length) => Extent::Literal(*length),
            });
            scope.add_extent(axis.axis.clone(), extent);
            axes.push(self.graph.declared_axis(extent));
        }
        let subscripts = axes.iter().map(|axis| self.graph.intern(Node::Index(*axis))).collect();
        let input = self.graph.add_input(Input {
            name: parameter.name.text.clone(),
            doc: String::new(),
            role: Role::Param,
            kind: InputKind::Real,
            axes: axes.clone(),
            domain: None,
            default: None,
            span: parameter.name.span,
        });
        Value { node: self.graph.intern(Node::Read(input, subscripts)), axes }
    }
}
