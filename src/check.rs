//! Syntax tree to graph: every name, axis, type and domain is resolved here, and every mistake in them told.
//!
//! In come files, out come [`Model`]s: graphs in which calls are inlined, arrays are indexed down to the
//! inputs, and all types fit. All the errors of a file are reported together.

mod align;
mod arguments;
mod axes;
mod call;
mod constant;
mod domain;
mod example;
mod expression;
mod files;
mod function;
mod index;
mod input;
mod reduction;
mod scope;
mod types;

use std::path::PathBuf;

use crate::diagnostic::{Code, Diagnostic, Failure, Severity, Sources, Span};
use crate::graph::{AxisId, ExtentId, Graph, Node, NodeId, Role, Type};
use crate::model::Model;
use crate::syntax::ast;
use files::{FileIndex, Files};
use scope::Scope;

/// Where the text of a loss comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// A text and the name to show it under.
    Text {
        /// The name.
        name: String,
        /// The text.
        text: String,
    },
    /// A file; what it uses lies in its folder or below.
    Path(PathBuf),
    /// A loss of the shipped library, by name.
    Library(String),
}

/// What a file means.
#[derive(Debug)]
pub struct Checked {
    /// The doc text of the file.
    pub doc: String,
    /// Its losses in order.
    pub models: Vec<Model>,
    /// What looks odd.
    pub warnings: Vec<Diagnostic>,
    /// The texts that spans point into.
    pub sources: Sources,
    /// Where the files on the disk lie that were read: those that it uses, then itself.
    pub paths: Vec<PathBuf>,
}

/// Checks a file, with everything that it uses.
///
/// # Errors
/// Every mistake that was found, in the order of the text.
///
/// # Panics
/// If the system has no room for a thread: deep nesting needs a stack of its own.
pub fn check(source: &Source) -> Result<Checked, Failure> {
    let (mut files, mut diagnostics) = files::load(source);
    let (mut models, mut found) = check_files(&files);
    if found.iter().any(|diagnostic| diagnostic.code == Code::NestingTooDeep) {
        files.deepest = MAX_DEPTH;
        (models, found) = on_deep_stack(|| check_files(&files));
    }
    diagnostics.append(&mut found);
    let doc = files.root().map(|root| files.ast(root).doc.clone()).unwrap_or_default();
    let (sources, paths) = files.into_parts();
    tidy(&mut diagnostics);
    if diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error) {
        return Err(Failure { diagnostics, sources });
    }
    Ok(Checked { doc, models, warnings: diagnostics, sources, paths })
}

/// How deep expressions may nest, through calls.
const MAX_DEPTH: usize = 256;

/// How deep they may nest on the stack of a thread like any other.
const SHALLOW: usize = 24;

/// The bytes of stack for trees of the greatest depth, in builds that are not optimized too.
const DEEP_STACK: usize = 32 << 20;

fn on_deep_stack<T: Send>(run: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let builder = std::thread::Builder::new().stack_size(DEEP_STACK);
        let worker = builder.spawn_scoped(scope, run).expect("a thread can be started");
        worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// The losses of the root, and the mistakes in its items.
fn check_files(files: &Files) -> (Vec<Model>, Vec<Diagnostic>) {
    let (mut models, mut diagnostics) = (Vec::new(), Vec::new());
    if let Some(root) = files.root() {
        check_items(files, root, &mut models, &mut diagnostics);
    }
    (models, diagnostics)
}

/// In the order of the text, each mistake once however often its place was inlined.
fn tidy(diagnostics: &mut Vec<Diagnostic>) {
    diagnostics.sort_by_key(|diagnostic| {
        (diagnostic.labels[0].span.file, diagnostic.labels[0].span.start)
    });
    let mut seen = std::collections::HashSet::new();
    diagnostics.retain(|diagnostic| seen.insert((diagnostic.code, diagnostic.labels[0].span)));
}

fn check_items(
    files: &Files,
    root: FileIndex,
    models: &mut Vec<Model>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    for item in &files.ast(root).items {
        match item {
            ast::Item::Loss(loss) => models.extend(check_loss(files, root, loss, diagnostics)),
            ast::Item::Function(helper) => function::check_alone(files, root, helper, diagnostics),
            ast::Item::Const(constant) => {
                let mut checker = Checker::new(files, diagnostics);
                // The value does not matter here: this finds the mistakes of constants that nothing uses.
                let _ = checker.constant_item(root, constant, constant.name.span);
            }
            ast::Item::Use(_) | ast::Item::Example(_) => {}
        }
    }
    for item in &files.ast(root).items {
        if let ast::Item::Example(given) = item {
            example::check_example(files, root, given, models, diagnostics);
        }
    }
}

/// Marks that a mistake has been reported: whatever needs the value gives up silently.
#[derive(Clone, Copy, Debug)]
struct Reported;

type Outcome<T> = Result<T, Reported>;

/// A value of the language: a node, and those of its axes that the program at hand can see, in order.
/// What a node has beyond them belongs to indices around it or to a lifted call.
#[derive(Clone, Debug)]
struct Value {
    node: NodeId,
    axes: Vec<AxisId>,
}

impl Value {
    fn scalar(node: NodeId) -> Self {
        Self { node, axes: Vec::new() }
    }
}

/// The state of checking one loss.
struct Checker<'a> {
    files: &'a Files,
    diagnostics: &'a mut Vec<Diagnostic>,
    graph: Graph,
    /// Where each node was first made.
    spans: Vec<Span>,
    least_extents: Vec<(ExtentId, u32)>,
    /// Optional scalar labels of the loss itself: its example is missing when one of them is.
    own_labels: Vec<NodeId>,
    /// The fns, losses and consts that are being inlined, with the places that call them.
    inlining: Vec<(*const ast::Name, Span)>,
    depth: usize,
    stopped: bool,
}

impl<'a> Checker<'a> {
    fn new(files: &'a Files, diagnostics: &'a mut Vec<Diagnostic>) -> Self {
        Self {
            files,
            diagnostics,
            graph: Graph::default(),
            spans: Vec::new(),
            least_extents: Vec::new(),
            own_labels: Vec::new(),
            inlining: Vec::new(),
            depth: 0,
            stopped: false,
        }
    }

    /// Says of the nodes that are new where they come from.
    fn place_new_nodes(&mut self, span: Span) {
        self.spans.resize(self.graph.len(), span);
    }

    fn report<T>(&mut self, diagnostic: Diagnostic) -> Outcome<T> {
        let diagnostic = match self.inlining.last() {
            // The outermost is the loss itself, which nobody called.
            Some((_, site)) if self.inlining.len() > 1 => diagnostic.label(*site, "called here"),
            _ => diagnostic,
        };
        self.diagnostics.push(diagnostic);
        Err(Reported)
    }
}

fn check_loss(
    files: &Files,
    file: FileIndex,
    loss: &ast::Loss,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Model> {
    let mut checker = Checker::new(files, diagnostics);
    let mut scope = Scope::new(file);
    let inputs = checker.declare_inputs(loss, &mut scope);
    checker.inlining.push((&raw const loss.name, loss.name.span));
    let value = checker.expression(&mut scope, &loss.body);
    let per = loss.per.as_ref().map(|per| checker.expression(&mut scope, per));
    checker.inlining.pop();
    let value = value.and_then(|value| checker.whole_number(&value, loss.body.span, "the loss"));
    let per = per.map(|per| {
        let span = loss.per.as_ref().map_or(loss.name.span, |per| per.span);
        let node =
            per.and_then(|per| checker.whole_number(&per, span, "what the mean divides by"))?;
        checker.independent_of_model(node, span)
    });
    // Everything has been looked at; only now give up if a part of it failed.
    let (value, per) = (value.ok()?, per.transpose().ok()?);
    inputs.ok()?;
    checker.warn_of_unused(loss, &[Some(value), per]);
    let missing = checker.missing();
    Some(Model {
        name: loss.name.text.clone(),
        span: loss.name.span,
        doc: loss.doc.clone(),
        graph: checker.graph,
        spans: checker.spans,
        value,
        per,
        missing,
        least_extents: checker.least_extents,
        examples: Vec::new(),
    })
}

impl Checker<'_> {
    /// The node of a value that must be a number without axes.
    fn whole_number(&mut self, value: &Value, span: Span, what: &str) -> Outcome<NodeId> {
        if !value.axes.is_empty() {
            let names = self.axes_text(&value.axes);
            let example = self.graph.extent(self.graph.axis(value.axes[0]).extent);
            return self.report(
                Diagnostic::error(
                    Code::AxesLeft,
                    span,
                    format!("{what} comes out with axes {names}, not as one number"),
                )
                .at(format!("has axes {names}"))
                .help(format!("reduce it: sum(…), mean(…), or along one axis: sum[{example}](…)")),
            );
        }
        if self.graph.ty(value.node) != Type::Real {
            let ty = self.type_text(value.node);
            return self.report(
                Diagnostic::error(Code::Undefined, span, format!("{what} is {ty}, not a number"))
                    .help("turn a boolean into a number with `if c { 1 } else { 0 }`, an index with `real(i)`"),
            );
        }
        Ok(value.node)
    }

    fn independent_of_model(&mut self, per: NodeId, span: Span) -> Outcome<NodeId> {
        let culprit =
            self.graph.reachable(&[per]).into_iter().find_map(|id| match self.graph.node(id) {
                Node::Read(input, _) => {
                    let input = self.graph.input(*input);
                    matches!(input.role, Role::Pred | Role::Learned)
                        .then(|| (input.name.clone(), input.span))
                }
                _ => None,
            });
        let Some((name, declared)) = culprit else { return Ok(per) };
        self.report(
            Diagnostic::error(Code::PerDependsOnModel, span, format!("what the mean divides by depends on `{name}`"))
                .at("the divisor")
                .label(declared, "put out by the model")
                .help("divide by targets and params only; a divisor that the model changes belongs into the loss itself"),
        )
    }

    fn warn_of_unused(&mut self, loss: &ast::Loss, roots: &[Option<NodeId>]) {
        let mut roots: Vec<NodeId> = roots.iter().flatten().copied().collect();
        for input in self.graph.input_ids() {
            let input = self.graph.input(input);
            roots.extend(input.default);
            roots.extend(input.domain.iter().flat_map(crate::domain::bounds));
        }
        let mut used = vec![false; self.graph.input_ids().count()];
        for id in self.graph.reachable(&roots) {
            if let Node::Read(input, _) = self.graph.node(id) {
                used[input.index()] = true;
            }
        }
        for (declaration, used) in loss.inputs.iter().zip(used) {
            if !used {
                let name = &declaration.name.text;
                let message = format!("`{name}` is never used");
                self.diagnostics.push(
                    Diagnostic::warning(Code::UnusedInput, declaration.name.span, message)
                        .help("leave it out, or use it"),
                );
            }
        }
    }

    /// Whether a label of this loss itself is missing.
    fn missing(&mut self) -> Option<NodeId> {
        let tests: Vec<NodeId> = self
            .own_labels
            .clone()
            .into_iter()
            .map(|label| self.graph.map(crate::builtins::Function::Missing, &[label]))
            .collect();
        tests.into_iter().reduce(|a, b| self.graph.map(crate::builtins::Function::Or, &[a, b]))
    }
}
