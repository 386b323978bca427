//! Forms to LaTeX, in the notation of textbooks: `\frac`, `\sum_{i \in K}`, `\sigma`, `\mathbf{1}[i = y]`, cases.
//!
//! Every axis has an index here, but that of a softmax, which is a function of a vector.

use super::form::{Form, Infix};
use super::number;
use super::pen::{Level, Pen, ScopeId, Task};
use super::reduction::{Binder, Reduced};
use super::softmax::Softmax;
use super::text::infix_row;
use crate::graph::{ExtentId, NodeId};

/// How a function is written: what stands before, between and after its arguments, and how tightly it binds.
struct Notation {
    name: &'static str,
    before: &'static str,
    after: &'static str,
    level: Level,
}

macro_rules! notations {
    ($($name:literal $before:literal $after:literal $level:ident;)+) => {
        /// The functions that are not written as `\operatorname{name}\left(…\right)`.
        const NOTATIONS: &[Notation] = &[$(Notation {
            name: $name,
            before: $before,
            after: $after,
            level: Level::$level,
        },)+];
    };
}

notations! {
    "real" "" "" Operand;
    "abs" "\\left|" "\\right|" Operand;
    "floor" "\\left\\lfloor " "\\right\\rfloor" Operand;
    "sqrt" "\\sqrt{" "}" Operand;
    "exp" "\\exp\\left(" "\\right)" Operand;
    "expm1" "\\exp\\left(" "\\right) - 1" Sum;
    "log" "\\log\\left(" "\\right)" Operand;
    "log1p" "\\log\\left(1 + " "\\right)" Operand;
    "log2" "\\log_{2}\\left(" "\\right)" Operand;
    "sigmoid" "\\sigma\\left(" "\\right)" Operand;
    "log_sigmoid" "\\log \\sigma\\left(" "\\right)" Operand;
    "tanh" "\\tanh\\left(" "\\right)" Operand;
    "sin" "\\sin\\left(" "\\right)" Operand;
    "cos" "\\cos\\left(" "\\right)" Operand;
    "atan" "\\arctan\\left(" "\\right)" Operand;
    "max" "\\max\\left(" "\\right)" Operand;
    "min" "\\min\\left(" "\\right)" Operand;
    "normal_cdf" "\\Phi\\left(" "\\right)" Operand;
    "log_normal_cdf" "\\log \\Phi\\left(" "\\right)" Operand;
    "lgamma" "\\log \\Gamma\\left(" "\\right)" Operand;
    "digamma" "\\psi\\left(" "\\right)" Operand;
    "trigamma" "\\psi_{1}\\left(" "\\right)" Operand;
    "sign" "\\operatorname{sgn}\\left(" "\\right)" Operand;
}

/// The names that stand for a letter.
const LETTERS: &[&str] = &[
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "kappa", "lambda", "mu",
    "nu", "xi", "rho", "sigma", "tau", "phi", "chi", "psi", "omega",
];

/// How tightly a form binds, and what it is written as.
pub(super) fn parts(pen: &mut Pen, form: Form, scope: ScopeId) -> (Level, Vec<Task>) {
    let node = |id, level| Task::Node(id, level, scope);
    match form {
        Form::Number(value) => number(value),
        Form::Truth(truth) => operand(format!("\\mathrm{{{truth}}}")),
        Form::Position(position) => operand(position.to_string()),
        Form::Size(extent) => operand(size(pen, extent)),
        Form::Index(axis) => operand(pen.index(axis, scope).to_owned()),
        Form::Shared(_) => unreachable!("LaTeX has no definitions"),
        Form::Read(input, subscripts) => {
            let mut parts = vec![Task::Text(letters(&pen.graph().input(input).name))];
            if !subscripts.is_empty() {
                parts.push(Task::Word("_{"));
                parts.extend(listed(&subscripts, scope));
                parts.push(Task::Word("}"));
            }
            (Level::Operand, parts)
        }
        Form::Negate(a) => (Level::Prefix, vec![Task::Word("-"), node(a, Level::Product)]),
        Form::Not(a) => (Level::Prefix, vec![Task::Word("\\lnot "), node(a, Level::Power)]),
        Form::Infix(operator, a, b) => infix(pen, operator, a, b, scope),
        Form::If(c, a, b) => choice(pen, c, a, b, scope),
        Form::Call(name, arguments) => call(pen, name, &arguments, scope),
        Form::Reduce(reduced) => reduction(pen, &reduced, scope),
        Form::Softmax(form) => softmax(pen, &form, scope),
    }
}

fn operand(text: String) -> (Level, Vec<Task>) {
    (Level::Operand, vec![Task::Text(text)])
}

/// An input as a symbol: Greek letters, `yhat` with its hat, words upright.
fn letters(name: &str) -> String {
    if name.chars().count() == 1 {
        return name.to_owned();
    }
    if LETTERS.contains(&name) {
        return format!("\\{name}");
    }
    match name.strip_suffix("hat") {
        Some(base) if base.chars().count() == 1 => format!("\\hat{{{base}}}"),
        _ => format!("\\mathrm{{{}}}", name.replace('_', "\\_")),
    }
}

fn number(value: f64) -> (Level, Vec<Task>) {
    let Some((is_negative, digits)) = number::digits(value) else {
        return operand("\\mathrm{NaN}".to_owned());
    };
    let (text, level) = match digits.split_once('e') {
        Some((mantissa, exponent)) => {
            (format!("{mantissa} \\cdot 10^{{{exponent}}}"), Level::Product)
        }
        None if digits == "inf" => ("\\infty".to_owned(), Level::Operand),
        None if digits == "pi" => ("\\pi".to_owned(), Level::Operand),
        None => (digits, Level::Operand),
    };
    if is_negative {
        (level.min(Level::Prefix), vec![Task::Word("-"), Task::Text(text)])
    } else {
        (level, vec![Task::Text(text)])
    }
}

fn size(pen: &Pen, extent: ExtentId) -> String {
    format!("\\lvert {}\\rvert", pen.graph().extent(extent))
}

/// Nodes with commas between.
fn listed(nodes: &[NodeId], scope: ScopeId) -> Vec<Task> {
    let mut parts = Vec::new();
    for (at, id) in nodes.iter().enumerate() {
        if at > 0 {
            parts.push(Task::Word(", "));
        }
        parts.push(Task::Node(*id, Level::Open, scope));
    }
    parts
}

fn infix(pen: &Pen, operator: Infix, a: NodeId, b: NodeId, scope: ScopeId) -> (Level, Vec<Task>) {
    let row = infix_row(operator);
    let node = |id, level| Task::Node(id, level, scope);
    let joined = |sign| (row.level, vec![node(a, row.left), Task::Word(sign), node(b, row.right)]);
    match operator {
        Infix::Or => joined(" \\lor "),
        Infix::And => joined(" \\land "),
        Infix::Equal => joined(" = "),
        Infix::NotEqual => joined(" \\ne "),
        Infix::Less => joined(" < "),
        Infix::LessEqual => joined(" \\le "),
        Infix::Greater => joined(" > "),
        Infix::GreaterEqual => joined(" \\ge "),
        Infix::Add => joined(" + "),
        Infix::Subtract => joined(" - "),
        Infix::Multiply if a == b => {
            (Level::Power, vec![Task::Word("{"), node(a, Level::Operand), Task::Word("}^{2}")])
        }
        Infix::Multiply => {
            let is_number = matches!(pen.form(b, scope), Form::Number(_) | Form::Position(_));
            let sign = if is_number { " \\cdot " } else { " \\, " };
            // A large operator would take the second factor into its reach.
            let is_large = matches!(pen.form(a, scope), Form::Reduce(_));
            let left = if is_large { Level::Power } else { row.left };
            (row.level, vec![node(a, left), Task::Word(sign), node(b, row.right)])
        }
        Infix::Divide => {
            let (a, b) = (node(a, Level::Open), node(b, Level::Open));
            let words = [Task::Word("\\frac{"), a, Task::Word("}{"), b, Task::Word("}")];
            (Level::Power, words.into())
        }
        Infix::Power => {
            let (a, b) = (node(a, Level::Operand), node(b, Level::Open));
            let words = [Task::Word("{"), a, Task::Word("}^{"), b, Task::Word("}")];
            (Level::Power, words.into())
        }
    }
}

/// Cases, or an indicator where they are 1 and 0.
fn choice(pen: &Pen, c: NodeId, a: NodeId, b: NodeId, scope: ScopeId) -> (Level, Vec<Task>) {
    let node = |id| Task::Node(id, Level::Open, scope);
    let is_number =
        |id, number: f64| pen.graph().as_number(id).map(f64::to_bits) == Some(number.to_bits());
    if is_number(a, 1.0) && is_number(b, 0.0) {
        let words = [Task::Word("\\mathbf{1}\\left["), node(c), Task::Word("\\right]")];
        return (Level::Operand, words.into());
    }
    let words = [
        Task::Word("\\begin{cases} "),
        node(a),
        Task::Word(" & \\text{if } "),
        node(c),
        Task::Word(" \\\\ "),
        node(b),
        Task::Word(" & \\text{otherwise} \\end{cases}"),
    ];
    (Level::Operand, words.into())
}

fn call(pen: &Pen, name: &'static str, arguments: &[NodeId], scope: ScopeId) -> (Level, Vec<Task>) {
    // An input called sigma has the letter for itself.
    let is_letter_free = !name.ends_with("sigmoid")
        || !pen.graph().input_ids().any(|id| pen.graph().input(id).name == "sigma");
    let notation = NOTATIONS.iter().find(|notation| notation.name == name && is_letter_free);
    let Some(notation) = notation else {
        let name = name.replace('_', "\\_");
        let mut parts = vec![Task::Text(format!("\\operatorname{{{name}}}\\left("))];
        parts.extend(listed(arguments, scope));
        parts.push(Task::Word("\\right)"));
        return (Level::Operand, parts);
    };
    let mut parts = vec![Task::Word(notation.before)];
    parts.extend(listed(arguments, scope));
    parts.push(Task::Word(notation.after));
    (notation.level, parts)
}

/// The index set of a large operator: `_{i \in K,\, j \in K :\, c}`.
fn under(pen: &Pen, reduced: &Reduced, scope: ScopeId) -> Vec<Task> {
    let items: Vec<String> = reduced
        .binders
        .iter()
        .map(|binder| {
            let extent = pen.graph().extent(pen.graph().axis(binder.axis).extent);
            format!("{} \\in {extent}", pen.index(binder.axis, scope))
        })
        .collect();
    let mut parts = vec![Task::Text(format!("_{{{}", items.join(",\\, ")))];
    if let Some(filter) = reduced.filter {
        parts.extend([Task::Word(" :\\, "), Task::Node(filter, Level::Open, scope)]);
    }
    parts.push(Task::Word("}"));
    parts
}

fn reduction(pen: &mut Pen, reduced: &Reduced, scope: ScopeId) -> (Level, Vec<Task>) {
    let inner = pen.bind(scope, &reduced.binders);
    let (before, between, level, after) = match reduced.name {
        "sum" => ("\\sum", " ", Level::Product, ""),
        "prod" => ("\\prod", " ", Level::Product, ""),
        "max" => ("\\max", " ", Level::Product, ""),
        "min" => ("\\min", " ", Level::Product, ""),
        "mean" => ("\\operatorname*{mean}", " ", Level::Product, ""),
        "any" => ("\\bigvee", " ", Level::Operand, ""),
        "all" => ("\\bigwedge", " ", Level::Operand, ""),
        "count" => ("\\sum", " \\mathbf{1}\\left[", Level::Open, "\\right]"),
        "norm" => ("\\sqrt{\\sum", " {", Level::Operand, "}^{2}}"),
        "logsumexp" => ("\\log \\sum", " \\exp\\left(", Level::Open, "\\right)"),
        name => unreachable!("{name} is no reduction"),
    };
    let mut parts = vec![Task::Word(before)];
    parts.extend(under(pen, reduced, inner));
    parts.extend([Task::Word(between), Task::Node(reduced.body, level, inner), Task::Word(after)]);
    let own = if reduced.name == "norm" { Level::Operand } else { Level::Product };
    (own, parts)
}

fn softmax(pen: &mut Pen, form: &Softmax, scope: ScopeId) -> (Level, Vec<Task>) {
    let inner = pen.bind(scope, &[Binder { axis: form.axis, is_explicit: false }]);
    let name =
        if form.is_log { "\\log \\operatorname{softmax}" } else { "\\operatorname{softmax}" };
    let mut parts = vec![Task::Word(name), Task::Word("\\left(")];
    parts.extend([Task::Node(form.body, Level::Open, inner), Task::Word("\\right)")]);
    if let Some(position) = form.element {
        parts.extend([Task::Word("_{"), Task::Node(position, Level::Open, scope), Task::Word("}")]);
    }
    (Level::Operand, parts)
}
