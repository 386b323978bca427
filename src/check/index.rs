//! Arrays by formula, and their elements by index.

use super::expression::Placed;
use super::scope::Scope;
use super::{Checker, Outcome, Value};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::graph::{AxisId, ExtentId, Node, NodeId, Type};
use crate::syntax::ast::{Binders, Expr};

impl Checker<'_> {
    pub(super) fn index(
        &mut self,
        scope: &mut Scope,
        array: &Expr,
        indices: &[Expr],
        span: Span,
    ) -> Outcome<Value> {
        let array = self.placed(scope, array)?;
        if indices.len() > array.value.axes.len() {
            return self.report(self.too_many_indices(&array, indices.len(), span));
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
        let rest = self.apart_from_indices(&array.value.axes[indices.len()..], &mut replacements);
        let node = self.graph.substitute(array.value.node, &replacements);
        let rest: Vec<AxisId> =
            rest.iter().filter(|axis| !brought.contains(axis)).copied().collect();
        Ok(self.whole(Value { node, axes: brought.into_iter().chain(rest).collect() }))
    }

    /// The axes that are left, with those renamed that an index runs over: in `pair[i]` of `pair[K, K]` the
    /// second axis is not that of `i`, though both may be the first index over `K`.
    fn apart_from_indices(
        &mut self,
        rest: &[AxisId],
        replacements: &mut Vec<(AxisId, NodeId)>,
    ) -> Vec<AxisId> {
        let taken = replacements.iter().fold(crate::graph::AxisSet::EMPTY, |set, (_, index)| {
            set.union(self.graph.axes(*index))
        });
        let mut avoid = rest.iter().fold(taken, |set, axis| set.with(*axis));
        let mut apart = Vec::new();
        for axis in rest {
            let extent = self.graph.axis(*axis).extent;
            let is_declared = self.graph.declared_axis(extent) == *axis;
            if is_declared || !taken.contains(*axis) {
                apart.push(*axis);
                continue;
            }
            let fresh = self.graph.index_axis(extent, avoid);
            avoid = avoid.with(fresh);
            let index = self.graph.intern(Node::Index(fresh));
            replacements.push((*axis, index));
            apart.push(fresh);
        }
        apart
    }

    fn too_many_indices(&self, array: &Placed, given: usize, span: Span) -> Diagnostic {
        let (indices, axes) =
            (plural(given, "index", "indices"), plural(array.value.axes.len(), "axis", "axes"));
        let diagnostic =
            Diagnostic::error(Code::TooManyIndices, span, format!("{indices} for {axes}"));
        if array.value.axes.is_empty() {
            return diagnostic
                .label(array.span, "a single number")
                .help("use it as it is, or declare it with an axis");
        }
        let have = self.axes_text(&array.value.axes);
        diagnostic
            .label(array.span, format!("has axes {have}"))
            .help("give at most one index an axis")
    }

    fn not_an_index(&self, array: &Placed, index: &Placed, extent: ExtentId) -> Diagnostic {
        let axis = self.graph.extent(extent);
        let found = self.type_text(index.value.node);
        Diagnostic::error(
            Code::IndexMismatch,
            index.span,
            format!("this is {found}, not an index into axis {axis}"),
        )
        .at(found.clone())
        .label(array.span, format!("its axis {axis} is indexed"))
        .help(format!(
            "index with `i` of `[i in {axis}]`, an input declared `in {axis}`, or a whole number"
        ))
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
        Self::unbind(scope, binders, bound.as_ref().ok());
        let (axes, value) = (bound?, value?);
        let axes: Vec<AxisId> = axes.into_iter().chain(value.axes).collect();
        Ok(self.whole(Value { node: value.node, axes }))
    }
}

fn plural(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
