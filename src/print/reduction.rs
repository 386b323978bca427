//! The forms of reductions: nested ones as one, filters, and the words that stand for a reduction and more.

use super::form::View;
use super::pen::Style;
use crate::builtins::{Function, Reduction};
use crate::graph::{AxisId, AxisKind, AxisSet, Extent, Node, NodeId};

/// A reduction as the language writes it.
#[derive(Debug)]
pub(super) struct Reduced {
    pub(super) name: &'static str,
    /// What stands in the brackets, outermost first.
    pub(super) binders: Vec<Binder>,
    pub(super) filter: Option<NodeId>,
    pub(super) body: NodeId,
    /// Whether it runs over all silent axes of the body in their order, so that the brackets can go.
    pub(super) is_bare: bool,
}

/// An axis that is bound.
#[derive(Clone, Copy, Debug)]
pub(super) struct Binder {
    pub(super) axis: AxisId,
    /// Whether by an index: `i in K`, and not `K`.
    pub(super) is_explicit: bool,
}

/// How far the order of axes is followed into an expression.
const ORDER_STEPS: usize = 64;

/// Nested reductions of one kind.
struct Nest {
    binders: Vec<Binder>,
    explicit: AxisSet,
    body: NodeId,
}

impl View<'_> {
    /// The form of a reduce node.
    pub(super) fn reduction_form(
        &self,
        id: NodeId,
        reduction: Reduction,
        explicit: AxisSet,
    ) -> Reduced {
        let nest = self.nest(id, reduction, explicit, usize::MAX);
        let (filter, body) = self.split_filter(reduction, nest.body, nest.explicit);
        let counted =
            if reduction == Reduction::Sum { self.counted(body, nest.explicit) } else { None };
        match counted {
            Some(condition) => self.reduced("count", nest, filter, condition),
            None => self.reduced(name_of(reduction), nest, filter, body),
        }
    }

    /// `sum / size` as a mean.
    pub(super) fn mean_form(
        &self,
        sum: NodeId,
        sizes: NodeId,
        explicit: AxisSet,
    ) -> Option<Reduced> {
        let factors = self.factors(sizes);
        let nest = self.nest(sum, Reduction::Sum, explicit, factors.len());
        let is_count = nest.binders.len() == factors.len()
            && nest
                .binders
                .iter()
                .zip(factors)
                .all(|(binder, size)| self.is_size(size, binder.axis));
        if !is_count {
            return None;
        }
        let body = nest.body;
        Some(self.reduced("mean", nest, None, body))
    }

    /// `if count == 0 { 0 } else { sum / count }` with one filter for both, as a filtered mean.
    pub(super) fn filtered_mean_form(
        &self,
        select: &[NodeId],
        explicit: AxisSet,
    ) -> Option<Reduced> {
        let [condition, empty, mean] = *select else { return None };
        let [count, zero] = *self.map_of(condition, Function::Equal)? else { return None };
        let [sum, divisor] = *self.map_of(mean, Function::Divide)? else { return None };
        if divisor != count || empty != zero || !self.is_number(zero, 0.0) {
            return None;
        }
        let counts = self.nest(count, Reduction::Sum, explicit, usize::MAX);
        let sums = self.nest(sum, Reduction::Sum, explicit, usize::MAX);
        let axes = |nest: &Nest| nest.binders.iter().map(|binder| binder.axis).collect::<Vec<_>>();
        let [filter, one, other] = *self.map_of(counts.body, Function::Select)? else {
            return None;
        };
        let [also, body, nothing] = *self.map_of(sums.body, Function::Select)? else { return None };
        let fits = axes(&counts) == axes(&sums)
            && !counts.binders.is_empty()
            && also == filter
            && self.is_number(one, 1.0)
            && self.is_number(other, 0.0)
            && self.is_number(nothing, 0.0)
            && self.one_hot(sums.body, sums.explicit).is_none();
        fits.then(|| self.reduced("mean", sums, Some(filter), body))
    }

    /// The square root of a sum of squares as a norm.
    pub(super) fn norm_form(&self, sum: NodeId, explicit: AxisSet) -> Option<Reduced> {
        let nest = self.nest(sum, Reduction::Sum, explicit, usize::MAX);
        if nest.binders.is_empty() {
            return None;
        }
        let (filter, square) = self.split_filter(Reduction::Sum, nest.body, nest.explicit);
        match *self.map_of(square, Function::Multiply)? {
            [a, b] if a == b => Some(self.reduced("norm", nest, filter, a)),
            _ => None,
        }
    }

    /// The declared axes that have an index inside of these binders.
    pub(super) fn inside(&self, explicit: AxisSet, binders: &[Binder]) -> AxisSet {
        binders.iter().fold(explicit, |set, binder| {
            let is_declared = self.graph.axis(binder.axis).kind == AxisKind::Declared;
            let has_index = binder.is_explicit && is_declared;
            if has_index { set.with(binder.axis) } else { set.without(binder.axis) }
        })
    }

    /// Whether the axis that a reduce node binds can stay silent.
    pub(super) fn can_be_silent(&self, id: NodeId, explicit: AxisSet) -> bool {
        let Node::Reduce(_, axis, body) = *self.graph.node(id) else {
            unreachable!("asked of reductions only")
        };
        if self.graph.axis(axis).kind != AxisKind::Declared {
            return false;
        }
        let aspect = self.aspects.in_use(self.graph, body, &self.shared);
        let has_outer_index = !self.graph.axes(id).intersection(explicit).is_empty();
        !(aspect.forced.contains(axis) || aspect.leading.contains(axis) && has_outer_index)
    }

    /// The axes of a node in the order that the checker would give them; none: not found out.
    pub(super) fn silent_order(&self, id: NodeId, explicit: AxisSet) -> Option<Vec<AxisId>> {
        let wanted = self.silent(id, explicit);
        if wanted.len() < 2 {
            return Some(wanted.iter().collect());
        }
        let mut at = id;
        for _ in 0..ORDER_STEPS {
            if self.shared.contains_key(&at) && at != id {
                return None;
            }
            match self.graph.node(at) {
                Node::Read(_, subscripts) => {
                    let whole = super::aspects::whole_from(self.graph, subscripts);
                    let axes = |ids: &[NodeId]| -> Vec<AxisId> {
                        ids.iter().flat_map(|id| self.graph.axes(*id).iter()).collect()
                    };
                    let is_plain = axes(&subscripts[..whole])
                        .iter()
                        .all(|axis| self.has_index(*axis, explicit));
                    let order = axes(&subscripts[whole..]);
                    return is_plain.then(|| {
                        order.into_iter().filter(|axis| wanted.contains(*axis)).collect()
                    });
                }
                // The checker takes the order of the first of the widest arguments.
                Node::Map(_, arguments) if self.one_hot(at, explicit).is_none() => {
                    at = *arguments
                        .as_slice()
                        .iter()
                        .find(|argument| wanted.is_subset_of(self.silent(**argument, explicit)))?;
                }
                _ => return None,
            }
        }
        None
    }

    /// At most `limit` nested reductions of one kind, from a node inwards.
    fn nest(&self, id: NodeId, reduction: Reduction, explicit: AxisSet, limit: usize) -> Nest {
        let mut nest = Nest { binders: Vec::new(), explicit, body: id };
        while nest.binders.len() < limit
            && let Node::Reduce(found, axis, body) = *self.graph.node(nest.body)
            && found == reduction
            && (nest.binders.is_empty() || !self.shared.contains_key(&nest.body))
        {
            let is_explicit = match self.style {
                Style::Text => !self.can_be_silent(nest.body, nest.explicit),
                Style::Latex => true,
            };
            let binder = Binder { axis, is_explicit };
            nest.explicit = self.inside(nest.explicit, &[binder]);
            nest.binders.push(binder);
            nest.body = body;
        }
        nest
    }

    fn reduced(
        &self,
        name: &'static str,
        nest: Nest,
        filter: Option<NodeId>,
        body: NodeId,
    ) -> Reduced {
        let axes: Vec<AxisId> = nest.binders.iter().map(|binder| binder.axis).collect();
        let is_bare = filter.is_none()
            && nest.binders.iter().all(|binder| !binder.is_explicit)
            && self.silent(body, nest.explicit).len() == axes.len()
            && self.silent_order(body, nest.explicit) == Some(axes);
        Reduced { name, binders: nest.binders, filter, body, is_bare }
    }

    /// What is reduced, apart from the condition that leaves elements out.
    fn split_filter(
        &self,
        reduction: Reduction,
        body: NodeId,
        explicit: AxisSet,
    ) -> (Option<NodeId>, NodeId) {
        let is_a_choice =
            !self.shared.contains_key(&body) && self.counted(body, explicit).is_none();
        match self.map_of(body, Function::Select) {
            Some([condition, kept, left])
                if is_a_choice
                    && self.is_identity(reduction, *left)
                    && self.one_hot(body, explicit).is_none() =>
            {
                (Some(*condition), *kept)
            }
            _ => (None, body),
        }
    }

    /// The condition of `if condition { 1 } else { 0 }`.
    fn counted(&self, id: NodeId, explicit: AxisSet) -> Option<NodeId> {
        let [condition, one, zero] = *self.map_of(id, Function::Select)? else { return None };
        let is_truth = self.is_number(one, 1.0) && self.is_number(zero, 0.0);
        let is_plain = !self.shared.contains_key(&id) && self.one_hot(id, explicit).is_none();
        (is_truth && is_plain).then_some(condition)
    }

    fn is_number(&self, id: NodeId, number: f64) -> bool {
        self.graph.as_number(id).map(f64::to_bits) == Some(number.to_bits())
    }

    fn is_identity(&self, reduction: Reduction, id: NodeId) -> bool {
        match reduction {
            Reduction::Sum => self.is_number(id, 0.0),
            Reduction::Product => self.is_number(id, 1.0),
            Reduction::Max | Reduction::LogSumExp => self.is_number(id, f64::NEG_INFINITY),
            Reduction::Min => self.is_number(id, f64::INFINITY),
            Reduction::Any => *self.graph.node(id) == Node::Bool(false),
            Reduction::All => *self.graph.node(id) == Node::Bool(true),
        }
    }

    /// The factors of `a * b * …`, from the left.
    fn factors(&self, id: NodeId) -> Vec<NodeId> {
        let mut factors = vec![id];
        while factors.len() <= crate::graph::AXIS_LIMIT
            && let Some([left, right]) = self.map_of(factors[factors.len() - 1], Function::Multiply)
        {
            factors.pop();
            factors.extend([*right, *left]);
        }
        factors.reverse();
        factors
    }

    /// Whether a node says how long an axis is.
    fn is_size(&self, id: NodeId, axis: AxisId) -> bool {
        let extent = self.graph.axis(axis).extent;
        match (self.graph.node(id), self.graph.extent(extent)) {
            (Node::Size(size), _) => *size == extent,
            (Node::Number(_), Extent::Literal(length)) => self.is_number(id, f64::from(*length)),
            _ => false,
        }
    }
}

fn name_of(reduction: Reduction) -> &'static str {
    match reduction {
        Reduction::Sum => "sum",
        Reduction::Product => "prod",
        Reduction::Max => "max",
        Reduction::Min => "min",
        Reduction::LogSumExp => "logsumexp",
        Reduction::Any => "any",
        Reduction::All => "all",
    }
}
