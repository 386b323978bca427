//! Reductions and functions along an axis: what the square brackets bind, and what they do.

use super::expression::Placed;
use super::scope::Scope;
use super::{Checker, Outcome, Value};
use crate::builtins::{Function, Reduction};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::graph::{AxisId, Node, NodeId, Type};
use crate::syntax::ast::{Argument, Binders, Name};

/// What a reduction has been told: its arguments, the axes to reduce, and which elements count.
struct Reduced {
    arguments: Vec<Placed>,
    axes: Vec<AxisId>,
    filter: Option<NodeId>,
    /// The axes that are left in sight.
    left: Vec<AxisId>,
}

impl Checker<'_> {
    /// A reduction, or a function along an axis.
    pub(super) fn reduction(
        &mut self,
        scope: &mut Scope,
        name: &Name,
        binders: Option<&Binders>,
        arguments: &[Argument],
        span: Span,
    ) -> Outcome<Value> {
        let along = matches!(name.text.as_str(), "softmax" | "log_softmax");
        let reduced = match binders {
            None => self.over_all_axes(scope, name, arguments)?,
            Some(binders) => {
                let axes = self.bind(scope, binders)?;
                let reduced = self.over_bound_axes(scope, name, binders, &axes, arguments);
                Self::unbind(scope, binders, Some(&axes));
                reduced?
            }
        };
        let truths = matches!(name.text.as_str(), "count" | "any" | "all");
        self.all_of_type(&reduced.arguments, if truths { Type::Bool } else { Type::Real })?;
        if along {
            return self.along_axis(name, binders, &reduced, span);
        }
        let node = self.reduce(&name.text, &reduced);
        Ok(Value { node, axes: reduced.left })
    }

    fn over_all_axes(
        &mut self,
        scope: &mut Scope,
        name: &Name,
        arguments: &[Argument],
    ) -> Outcome<Reduced> {
        let arguments = self.reduction_arguments(scope, arguments)?;
        let axes = self.align(&arguments, name.span)?;
        if axes.is_empty() {
            return self.report(
                Diagnostic::error(
                    Code::NothingToReduce,
                    arguments[0].span,
                    format!("`{}` has no axis to run over", name.text),
                )
                .at("a single number")
                .help("run over an index: `sum[i in K](…)`"),
            );
        }
        Ok(Reduced { arguments, axes, filter: None, left: Vec::new() })
    }

    fn reduction_arguments(
        &mut self,
        scope: &mut Scope,
        arguments: &[Argument],
    ) -> Outcome<Vec<Placed>> {
        let placed: Vec<_> =
            arguments.iter().map(|argument| self.placed(scope, &argument.value)).collect();
        placed.into_iter().collect()
    }

    fn over_bound_axes(
        &mut self,
        scope: &mut Scope,
        name: &Name,
        binders: &Binders,
        axes: &[AxisId],
        arguments: &[Argument],
    ) -> Outcome<Reduced> {
        let filter = binders.filter.as_ref().map(|filter| self.placed(scope, filter));
        let arguments = self.reduction_arguments(scope, arguments)?;
        let filter = filter.transpose()?;
        let mut all = arguments.clone();
        if let Some(filter) = &filter {
            self.all_of_type(std::slice::from_ref(filter), Type::Bool)?;
            all.push(filter.clone());
        }
        let mut left = self.align(&all, name.span)?;
        for (item, axis) in binders.items.iter().zip(axes) {
            if item.index.is_some() {
                continue;
            }
            if !left.contains(axis) {
                let (have, extent) = (
                    self.axes_text(&left),
                    self.graph.extent(self.graph.axis(*axis).extent).to_string(),
                );
                return self.report(
                    Diagnostic::error(
                        Code::NothingToReduce,
                        item.axis.span,
                        format!("there is no axis {extent} to run over"),
                    )
                    .label(
                        arguments[0].span,
                        if left.is_empty() {
                            "a single number".to_owned()
                        } else {
                            format!("has axes {have}")
                        },
                    )
                    .help(format!("name an axis of the argument, or an index: `[i in {extent}]`")),
                );
            }
            left.retain(|other| other != axis);
        }
        Ok(Reduced {
            arguments,
            axes: axes.to_vec(),
            filter: filter.map(|placed| placed.value.node),
            left,
        })
    }

    /// `softmax` and `log_softmax`: one axis, which stays.
    fn along_axis(
        &mut self,
        name: &Name,
        binders: Option<&Binders>,
        reduced: &Reduced,
        span: Span,
    ) -> Outcome<Value> {
        let argument = &reduced.arguments[0];
        if let Some(binders) = binders
            && (binders.filter.is_some() || binders.items.iter().any(|item| item.index.is_some()))
        {
            return self.report(
                Diagnostic::error(
                    Code::AmbiguousAxis,
                    binders.span,
                    format!("`{}` keeps its axis, so it binds no index", name.text),
                )
                .help(format!("name the axis alone: `{}[K](…)`", name.text)),
            );
        }
        let [axis] = reduced.axes[..] else {
            let axes = self.axes_text(&reduced.axes);
            let example = self.axes_text(&reduced.axes[reduced.axes.len() - 1..]);
            return self.report(
                Diagnostic::error(
                    Code::AmbiguousAxis,
                    span,
                    format!("`{}` runs along one axis", name.text),
                )
                .label(argument.span, format!("has axes {axes}"))
                .help(format!("say which: `{}{example}(…)`", name.text)),
            );
        };
        let total = self.graph.reduce(Reduction::LogSumExp, axis, argument.value.node);
        let logarithm = self.graph.map(Function::Subtract, &[argument.value.node, total]);
        let node = if name.text == "softmax" {
            self.graph.map(Function::Exp, &[logarithm])
        } else {
            logarithm
        };
        Ok(Value { node, axes: argument.value.axes.clone() })
    }

    fn reduce(&mut self, name: &str, reduced: &Reduced) -> NodeId {
        let argument = reduced.arguments[0].value.node;
        match name {
            "sum" => self.reduce_filtered(Reduction::Sum, argument, reduced),
            "prod" => self.reduce_filtered(Reduction::Product, argument, reduced),
            "max" => self.reduce_filtered(Reduction::Max, argument, reduced),
            "min" => self.reduce_filtered(Reduction::Min, argument, reduced),
            "logsumexp" => self.reduce_filtered(Reduction::LogSumExp, argument, reduced),
            "any" => self.reduce_filtered(Reduction::Any, argument, reduced),
            "all" => self.reduce_filtered(Reduction::All, argument, reduced),
            "count" => {
                let one = self.truth_as_number(argument);
                self.reduce_filtered(Reduction::Sum, one, reduced)
            }
            "mean" => self.mean(argument, reduced),
            "norm" => {
                let square = self.graph.map(Function::Multiply, &[argument, argument]);
                let sum = self.reduce_filtered(Reduction::Sum, square, reduced);
                self.graph.map(Function::Sqrt, &[sum])
            }
            "dot" => {
                let product = self
                    .graph
                    .map(Function::Multiply, &[argument, reduced.arguments[1].value.node]);
                self.reduce_filtered(Reduction::Sum, product, reduced)
            }
            _ => unreachable!("{name} is not in the table of reductions"),
        }
    }

    pub(super) fn truth_as_number(&mut self, truth: NodeId) -> NodeId {
        let (one, zero) = (self.graph.number(1.0), self.graph.number(0.0));
        self.graph.select(truth, one, zero)
    }

    /// The innermost index is reduced first.
    fn reduce_filtered(
        &mut self,
        reduction: Reduction,
        argument: NodeId,
        reduced: &Reduced,
    ) -> NodeId {
        let filtered = match reduced.filter {
            Some(filter) => {
                let identity = self.identity(reduction);
                self.graph.select(filter, argument, identity)
            }
            None => argument,
        };
        reduced
            .axes
            .iter()
            .rev()
            .fold(filtered, |node, axis| self.graph.reduce(reduction, *axis, node))
    }

    fn identity(&mut self, reduction: Reduction) -> NodeId {
        match reduction {
            Reduction::Sum => self.graph.number(0.0),
            Reduction::Product => self.graph.number(1.0),
            Reduction::Max | Reduction::LogSumExp => self.graph.number(f64::NEG_INFINITY),
            Reduction::Min => self.graph.number(f64::INFINITY),
            Reduction::Any => self.graph.intern(Node::Bool(false)),
            Reduction::All => self.graph.intern(Node::Bool(true)),
        }
    }

    fn mean(&mut self, argument: NodeId, reduced: &Reduced) -> NodeId {
        let sum = self.reduce_filtered(Reduction::Sum, argument, reduced);
        let Some(filter) = reduced.filter else {
            let sizes: Vec<NodeId> = reduced
                .axes
                .iter()
                .map(|axis| self.graph.size(self.graph.axis(*axis).extent))
                .collect();
            let count =
                sizes.into_iter().reduce(|a, b| self.graph.map(Function::Multiply, &[a, b]));
            return self
                .graph
                .map(Function::Divide, &[sum, count.expect("a reduction has an axis")]);
        };
        let one = self.truth_as_number(filter);
        let unfiltered = Reduced {
            arguments: Vec::new(),
            axes: reduced.axes.clone(),
            filter: None,
            left: Vec::new(),
        };
        let count = self.reduce_filtered(Reduction::Sum, one, &unfiltered);
        let zero = self.graph.number(0.0);
        let none = self.graph.map(Function::Equal, &[count, zero]);
        let mean = self.graph.map(Function::Divide, &[sum, count]);
        self.graph.select(none, zero, mean)
    }
}
