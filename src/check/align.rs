//! Alignment: which axes the elements of several arrays share.

use super::expression::Placed;
use super::{Checker, Outcome, Value};
use crate::builtins::Function;
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::graph::{AxisId, ExtentId, Node, NodeId, Type};

impl Checker<'_> {
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

    pub(super) fn repeated_extent(&self, axes: &[AxisId]) -> Option<ExtentId> {
        let extents: Vec<ExtentId> =
            axes.iter().map(|axis| self.graph.axis(*axis).extent).collect();
        (1..extents.len()).find(|at| extents[..*at].contains(&extents[*at])).map(|at| extents[at])
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
}
