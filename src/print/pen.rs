//! The writer: walks forms with a stack of its own, so that no depth of a graph is a depth of calls.
//!
//! In come a node and the scope that it stands in; out comes its text. Each step takes one task, and a node becomes the
//! tasks of its form. Brackets go where a form is looser than its place allows.

use std::collections::HashMap;

use super::aspects::Shared;
use super::form::{Form, View};
use super::names::{index_name, numbered_stem};
use super::reduction::Binder;
use super::{latex, text};
use crate::graph::{AxisId, AxisSet, Graph, NodeId};

/// The language of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// The loss language.
    Text,
    /// LaTeX.
    Latex,
}

/// How tightly a construct binds, loosest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// `if`, and whatever stands between brackets or commas.
    Open,
    Or,
    And,
    Compare,
    Sum,
    Product,
    Prefix,
    Power,
    Operand,
}

/// Something to write.
#[derive(Debug)]
pub(super) enum Task {
    Word(&'static str),
    Text(String),
    /// A node at a place that needs it to bind this tightly.
    Node(NodeId, Level, ScopeId),
}

/// A place, by what the axes are called there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ScopeId(usize);

/// What the axes are called at a place.
#[derive(Clone, Debug)]
struct Scope {
    /// The declared axes that have an index.
    explicit: AxisSet,
    /// The index of each axis that has one, by its depth.
    indices: Vec<Option<usize>>,
    /// How many indices there are.
    depth: usize,
}

/// The state of writing.
#[derive(Debug)]
pub(super) struct Pen<'g> {
    pub(super) view: View<'g>,
    scopes: Vec<Scope>,
    index_names: Vec<String>,
    part_names: HashMap<NodeId, String>,
    /// How many more forms with parts are written before the rest is left out.
    budget: usize,
}

impl<'g> Pen<'g> {
    pub(super) fn new(
        graph: &'g Graph,
        root: NodeId,
        style: Style,
        shared: Shared,
        budget: usize,
    ) -> Self {
        let mut parts: Vec<NodeId> = shared.keys().copied().collect();
        parts.sort_unstable();
        let stem = numbered_stem(graph);
        let named = parts.into_iter().enumerate();
        let part_names = named.map(|(at, id)| (id, format!("{stem}{}", at + 1))).collect();
        let outermost = Scope {
            explicit: AxisSet::EMPTY,
            indices: vec![None; graph.axis_ids().count()],
            depth: 0,
        };
        Self {
            view: View::new(graph, root, style, shared),
            scopes: vec![outermost],
            index_names: Vec::new(),
            part_names,
            budget,
        }
    }

    pub(super) fn graph(&self) -> &'g Graph {
        self.view.graph
    }

    /// The text of a node in full, and the brackets that bind its axes if they need indices: all of
    /// them in this order.
    pub(super) fn write(
        &mut self,
        id: NodeId,
        order: Option<&[AxisId]>,
    ) -> (Option<String>, String) {
        let outermost = ScopeId(0);
        let axes: Vec<AxisId> = match order {
            Some(order) => order.to_vec(),
            None => self.graph().axes(id).iter().collect(),
        };
        let needs_indices = order.is_some() || self.needs_indices(id);
        if axes.is_empty() || !needs_indices {
            return (None, self.expression(id, outermost));
        }
        let binders: Vec<Binder> =
            axes.iter().map(|axis| Binder { axis: *axis, is_explicit: true }).collect();
        let scope = self.bind(outermost, &binders);
        let brackets = format!("[{}]", self.binders(&binders, scope));
        (Some(brackets), self.expression(id, scope))
    }

    /// Whether an array cannot be written with its axes silent.
    pub(super) fn needs_indices(&self, id: NodeId) -> bool {
        let axes = self.graph().axes(id);
        let is_free = self.view.silent(id, AxisSet::EMPTY) == axes
            && self.view.aspects.in_full(id).forced.is_empty();
        !is_free || self.view.style == Style::Latex
    }

    /// The scope inside of binders.
    pub(super) fn bind(&mut self, outer: ScopeId, binders: &[Binder]) -> ScopeId {
        let scope = &self.scopes[outer.0];
        let explicit = self.view.inside(scope.explicit, binders);
        if explicit == scope.explicit && binders.iter().all(|binder| !binder.is_explicit) {
            return outer;
        }
        let mut scope = scope.clone();
        scope.explicit = explicit;
        for binder in binders.iter().filter(|binder| binder.is_explicit) {
            scope.indices[binder.axis.index()] = Some(scope.depth);
            if scope.depth == self.index_names.len() {
                self.index_names.push(index_name(self.view.graph, scope.depth));
            }
            scope.depth += 1;
        }
        self.scopes.push(scope);
        ScopeId(self.scopes.len() - 1)
    }

    /// `i in K, N`
    pub(super) fn binders(&self, binders: &[Binder], scope: ScopeId) -> String {
        let items: Vec<String> = binders
            .iter()
            .map(|binder| {
                let extent = self.graph().extent(self.graph().axis(binder.axis).extent);
                if binder.is_explicit {
                    format!("{} in {extent}", self.index(binder.axis, scope))
                } else {
                    extent.to_string()
                }
            })
            .collect();
        items.join(", ")
    }

    /// The name of an index.
    pub(super) fn index(&self, axis: AxisId, scope: ScopeId) -> &str {
        let depth = self.scopes[scope.0].indices[axis.index()];
        &self.index_names[depth.expect("a free index is bound around its use")]
    }

    /// How a node is printed at a place.
    pub(super) fn form(&self, id: NodeId, scope: ScopeId) -> Form {
        self.view.form(id, self.scopes[scope.0].explicit)
    }

    /// The name of a shared part.
    pub(super) fn part(&self, id: NodeId) -> &str {
        &self.part_names[&id]
    }

    fn expression(&mut self, root: NodeId, scope: ScopeId) -> String {
        let mut output = String::new();
        let form = self.view.form_in_full(root, self.scopes[scope.0].explicit);
        let mut tasks = Vec::new();
        self.push_form(root, form, Level::Open, scope, &mut tasks);
        while let Some(task) = tasks.pop() {
            match task {
                Task::Word(word) => output.push_str(word),
                Task::Text(text) => output.push_str(&text),
                Task::Node(id, level, scope) => {
                    let form = self.form(id, scope);
                    self.push_form(id, form, level, scope, &mut tasks);
                }
            }
        }
        output
    }

    /// Puts the parts of a form on the stack, the first on top.
    fn push_form(
        &mut self,
        id: NodeId,
        form: Form,
        level: Level,
        scope: ScopeId,
        tasks: &mut Vec<Task>,
    ) {
        let style = self.view.style;
        let is_leaf = form.parts().is_empty();
        if self.budget == 0 && !is_leaf {
            tasks.push(Task::Word(if style == Style::Text { "…" } else { "\\ldots" }));
            return;
        }
        self.budget -= usize::from(!is_leaf);
        let (own, parts) = match style {
            Style::Text => text::parts(self, id, form, scope),
            Style::Latex => latex::parts(self, form, scope),
        };
        if own < level {
            let (open, close) =
                if style == Style::Text { ("(", ")") } else { ("\\left(", "\\right)") };
            tasks.push(Task::Word(close));
            tasks.extend(parts.into_iter().rev());
            tasks.push(Task::Word(open));
        } else {
            tasks.extend(parts.into_iter().rev());
        }
    }
}
