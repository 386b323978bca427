//! Forms to the loss language.

use super::form::{Form, Infix};
use super::number;
use super::pen::{Level, Pen, ScopeId, Task};
use super::reduction::{Binder, Reduced};
use super::softmax::Softmax;
use crate::graph::{Extent, NodeId};

/// A row of the table of operators: its sign, how tightly it binds, and its operands.
pub(super) struct InfixRow {
    sign: &'static str,
    pub(super) level: Level,
    pub(super) left: Level,
    pub(super) right: Level,
}

/// The sign and the precedences of an operator: chains join from the left, comparisons do not chain, powers
/// join from the right.
pub(super) fn infix_row(infix: Infix) -> InfixRow {
    use Level::{And, Compare, Operand, Or, Power, Prefix, Product, Sum};
    let (sign, level, left, right) = match infix {
        Infix::Or => (" || ", Or, Or, And),
        Infix::And => (" && ", And, And, Compare),
        Infix::Equal => (" == ", Compare, Sum, Sum),
        Infix::NotEqual => (" != ", Compare, Sum, Sum),
        Infix::Less => (" < ", Compare, Sum, Sum),
        Infix::LessEqual => (" <= ", Compare, Sum, Sum),
        Infix::Greater => (" > ", Compare, Sum, Sum),
        Infix::GreaterEqual => (" >= ", Compare, Sum, Sum),
        Infix::Add => (" + ", Sum, Sum, Product),
        Infix::Subtract => (" - ", Sum, Sum, Product),
        Infix::Multiply => (" * ", Product, Product, Prefix),
        Infix::Divide => (" / ", Product, Product, Prefix),
        Infix::Power => ("^", Power, Operand, Power),
    };
    InfixRow { sign, level, left, right }
}

/// How tightly a form binds, and what it is written as.
pub(super) fn parts(pen: &mut Pen, id: NodeId, form: Form, scope: ScopeId) -> (Level, Vec<Task>) {
    let node = |id, level| Task::Node(id, level, scope);
    match form {
        Form::Number(value) => number(value),
        Form::Truth(truth) => operand(truth.to_string()),
        Form::Position(position) => operand(position.to_string()),
        Form::Size(extent) => operand(match pen.graph().extent(extent) {
            Extent::Named(name) => format!("size({name})"),
            Extent::Literal(length) => length.to_string(),
        }),
        Form::Index(axis) => operand(pen.index(axis, scope).to_owned()),
        Form::Shared(axes) => {
            let mut text = pen.part(id).to_owned();
            if !axes.is_empty() {
                let indices: Vec<&str> = axes.iter().map(|axis| pen.index(*axis, scope)).collect();
                text.extend(["[", &indices.join(", "), "]"]);
            }
            operand(text)
        }
        Form::Read(input, subscripts) => {
            let mut parts = vec![Task::Text(pen.graph().input(input).name.clone())];
            if !subscripts.is_empty() {
                parts.extend(listed("[", &subscripts, "]", scope));
            }
            (Level::Operand, parts)
        }
        Form::Negate(a) => (Level::Prefix, vec![Task::Word("-"), node(a, Level::Power)]),
        Form::Not(a) => (Level::Prefix, vec![Task::Word("!"), node(a, Level::Power)]),
        Form::Infix(infix, a, b) => {
            let row = infix_row(infix);
            let is_number = pen.graph().as_number(b).is_some();
            // `2^-1` needs no brackets.
            let right = if infix == Infix::Power && is_number { Level::Prefix } else { row.right };
            (row.level, vec![node(a, row.left), Task::Word(row.sign), node(b, right)])
        }
        Form::If(c, a, b) => choice(pen, c, a, b, scope),
        Form::Call(name, arguments) => {
            let mut parts = vec![Task::Word(name)];
            parts.extend(listed("(", &arguments, ")", scope));
            (Level::Operand, parts)
        }
        Form::Reduce(reduced) => (Level::Operand, reduction(pen, &reduced, scope)),
        Form::Softmax(form) => (Level::Operand, softmax(pen, &form, scope)),
    }
}

fn operand(text: String) -> (Level, Vec<Task>) {
    (Level::Operand, vec![Task::Text(text)])
}

fn number(value: f64) -> (Level, Vec<Task>) {
    match number::digits(value) {
        // The language has no word for it.
        None => (Level::Product, vec![Task::Word("0 / 0")]),
        Some((false, digits)) => operand(digits),
        Some((true, digits)) => (Level::Prefix, vec![Task::Word("-"), Task::Text(digits)]),
    }
}

/// Nodes between brackets.
fn listed(
    open: &'static str,
    nodes: &[NodeId],
    close: &'static str,
    scope: ScopeId,
) -> impl Iterator<Item = Task> {
    let commas = std::iter::once(open).chain(std::iter::repeat(", "));
    let items: Vec<Task> = nodes
        .iter()
        .zip(commas)
        .flat_map(|(id, before)| [Task::Word(before), Task::Node(*id, Level::Open, scope)])
        .collect();
    items.into_iter().chain([Task::Word(close)])
}

/// `if c { a } else { b }`, and `else if` where `b` is another.
fn choice(pen: &Pen, c: NodeId, a: NodeId, b: NodeId, scope: ScopeId) -> (Level, Vec<Task>) {
    let node = |id| Task::Node(id, Level::Open, scope);
    let mut parts =
        vec![Task::Word("if "), node(c), Task::Word(" { "), node(a), Task::Word(" } else ")];
    if matches!(pen.form(b, scope), Form::If(..)) {
        parts.push(node(b));
    } else {
        parts.extend([Task::Word("{ "), node(b), Task::Word(" }")]);
    }
    (Level::Open, parts)
}

fn reduction(pen: &mut Pen, reduced: &Reduced, scope: ScopeId) -> Vec<Task> {
    let inner = pen.bind(scope, &reduced.binders);
    let mut parts = vec![Task::Word(reduced.name)];
    if !reduced.is_bare {
        parts.push(Task::Text(format!("[{}", pen.binders(&reduced.binders, inner))));
        if let Some(filter) = reduced.filter {
            parts.extend([Task::Word(" if "), Task::Node(filter, Level::Open, inner)]);
        }
        parts.push(Task::Word("]"));
    }
    parts.extend(listed("(", &[reduced.body], ")", inner));
    parts
}

fn softmax(pen: &mut Pen, form: &Softmax, scope: ScopeId) -> Vec<Task> {
    let binders = [Binder { axis: form.axis, is_explicit: false }];
    let inner = pen.bind(scope, &binders);
    let mut parts = vec![Task::Word(if form.is_log { "log_softmax" } else { "softmax" })];
    if !form.is_bare {
        parts.push(Task::Text(format!("[{}]", pen.binders(&binders, inner))));
    }
    parts.extend(listed("(", &[form.body], ")", inner));
    if let Some(position) = form.element {
        parts.extend(listed("[", &[position], "]", scope));
    }
    parts
}
