//! Calls: of functions of the table, of definitions in the language, of fns and losses, which are inlined.

use super::expression::Placed;
use super::files::{FileIndex, Found};
use super::scope::{Binding, Scope};
use super::{Checker, Outcome, Reported, Value};
use crate::builtins::{self, DEFINITIONS, FUNCTIONS, Function, REDUCTIONS};
use crate::diagnostic::{Code, Diagnostic, Span, suggest};
use crate::graph::{AxisId, Type};
use crate::syntax::ast::{self, Argument, Binders, Name};

/// A parameter of a fn or an input of a loss, as a call sees it.
pub(super) struct Parameter<'a> {
    pub(super) name: &'a Name,
    pub(super) axes: &'a [ast::AxisRef],
    pub(super) declaration: Option<&'a ast::InputDeclaration>,
}

/// What a call inlines.
pub(super) struct Callee<'a> {
    pub(super) file: FileIndex,
    pub(super) name: &'a Name,
    pub(super) parameters: Vec<Parameter<'a>>,
    body: &'a ast::Expr,
    /// Whether it is a loss, which comes out as one number; a fn may come out with axes.
    is_loss: bool,
}

impl Checker<'_> {
    pub(super) fn call(
        &mut self,
        scope: &mut Scope,
        name: &Name,
        binders: Option<&Binders>,
        arguments: &[Argument],
        span: Span,
    ) -> Outcome<Value> {
        let text = name.text.as_str();
        let elementwise =
            binders.is_none() && arguments.len() == 2 && matches!(text, "max" | "min");
        if let Some(row) = REDUCTIONS.iter().find(|row| row.name == text && !elementwise) {
            self.positional(arguments, row.arguments, name)?;
            return self.reduction(scope, name, binders, arguments, span);
        }
        if let Some(binders) = binders {
            let message = format!("`{text}` does not run along an axis");
            return self
                .report(Diagnostic::error(Code::UnknownFunction, binders.span, message).help(
                    format!("leave the brackets away, or index its result: `{text}(…)[i]`"),
                ));
        }
        match text {
            "size" => {
                self.positional(arguments, 1, name)?;
                return self.size(scope, &arguments[0]);
            }
            "one_hot" => {
                self.positional(arguments, 1, name)?;
                return self.one_hot(scope, &arguments[0]);
            }
            _ => {}
        }
        let is_word = text.starts_with(|first: char| first.is_ascii_alphabetic());
        if let Some(row) = FUNCTIONS.iter().find(|row| row.name == text && is_word) {
            self.positional(arguments, row.arguments.len(), name)?;
            let placed: Vec<_> =
                arguments.iter().map(|argument| self.placed(scope, &argument.value)).collect();
            let placed = placed.into_iter().collect::<Outcome<Vec<Placed>>>()?;
            return self.map(row.function, &placed, span);
        }
        if let Some(index) = DEFINITIONS.iter().position(|definition| definition.name == text) {
            return self.definition(scope, index, name, arguments, span);
        }
        self.item(scope, name, arguments, span)
    }

    /// Functions of the table take their arguments by position.
    fn positional(&mut self, arguments: &[Argument], count: usize, name: &Name) -> Outcome<()> {
        if let Some(named) = arguments.iter().find_map(|argument| argument.name.as_ref()) {
            return self.report(
                Diagnostic::error(
                    Code::UnknownArgument,
                    named.span,
                    format!("`{}` takes no named arguments", name.text),
                )
                .help("give them by position"),
            );
        }
        if arguments.len() == count {
            return Ok(());
        }
        let shape = builtin_shape(&name.text);
        self.report(
            Diagnostic::error(
                Code::ArgumentCount,
                name.span,
                format!(
                    "`{}` takes {}, not {}",
                    name.text,
                    counted(count, "argument"),
                    arguments.len()
                ),
            )
            .help(format!("write `{shape}`")),
        )
    }

    fn definition(
        &mut self,
        scope: &mut Scope,
        index: usize,
        name: &Name,
        arguments: &[Argument],
        span: Span,
    ) -> Outcome<Value> {
        let formula = &crate::formula::definitions()[index];
        self.positional(arguments, DEFINITIONS[index].arguments.len(), name)?;
        let placed: Vec<_> =
            arguments.iter().map(|argument| self.placed(scope, &argument.value)).collect();
        let placed = placed.into_iter().collect::<Outcome<Vec<Placed>>>()?;
        self.all_of_type(&placed, Type::Real)?;
        let axes = self.align(&placed, span)?;
        let nodes: Vec<_> = placed.iter().map(|placed| placed.value.node).collect();
        let node = formula.instantiate(&mut self.graph, &nodes);
        Ok(Value { node, axes })
    }

    fn item(
        &mut self,
        scope: &mut Scope,
        name: &Name,
        arguments: &[Argument],
        span: Span,
    ) -> Outcome<Value> {
        let files = self.files;
        let callee = match files.find(scope.file, &name.text) {
            Some(Found { file, item: ast::Item::Function(function) }) => Callee {
                file,
                name: &function.name,
                parameters: function
                    .parameters
                    .iter()
                    .map(|parameter| Parameter {
                        name: &parameter.name,
                        axes: &parameter.axes,
                        declaration: None,
                    })
                    .collect(),
                body: &function.body,
                is_loss: false,
            },
            Some(Found { file, item: ast::Item::Loss(loss) }) => Callee {
                file,
                name: &loss.name,
                parameters: loss
                    .inputs
                    .iter()
                    .map(|input| Parameter {
                        name: &input.name,
                        axes: &input.axes,
                        declaration: Some(input),
                    })
                    .collect(),
                body: &loss.body,
                is_loss: true,
            },
            // It may be what could not be read.
            _ if files.lacks_items(scope.file)
                && suggest(&name.text, builtins::names()).is_none() =>
            {
                return Err(Reported);
            }
            _ => return self.report(self.unknown_function(scope, name)),
        };
        let given = self.given_arguments(scope, &callee, arguments, name)?;
        self.enter(callee.name, span)?;
        let value = self.inline(scope, &callee, given, span);
        self.leave();
        value
    }

    fn unknown_function(&self, scope: &Scope, name: &Name) -> Diagnostic {
        let text = &name.text;
        let diagnostic = Diagnostic::error(
            Code::UnknownFunction,
            name.span,
            format!("there is no function `{text}`"),
        );
        if scope.lookup(text).is_some() {
            return diagnostic
                .at("a value")
                .help(format!("an element of an array is `{text}[i]`, a product `{text} * (…)`"));
        }
        let mut known: Vec<&str> = builtins::names().collect();
        known.extend(self.files.names(scope.file));
        if let Some(near) = suggest(text, known) {
            return diagnostic.help(format!("did you mean `{near}`?"));
        }
        if crate::library::find(text).is_some() {
            return diagnostic.help(format!("it is in the shipped library: `use {text};`"));
        }
        if matches!(text.as_str(), "cumsum" | "sort" | "rank" | "shift" | "fold") {
            return diagnostic
                .help("functions that run along an axis in order are not in the language yet");
        }
        diagnostic.help("define it with `fn`, or bring it in with `use`")
    }

    /// The body of a fn or loss with its parameters bound, mapped over the axes of its arguments that it
    /// does not declare.
    fn inline(
        &mut self,
        scope: &Scope,
        callee: &Callee<'_>,
        given: Vec<Option<Placed>>,
        span: Span,
    ) -> Outcome<Value> {
        let mut inner = Scope::new(callee.file);
        inner.bound = scope.bound;
        let bound = self.bind_axes(&mut inner, callee, &given)?;
        let lifted = self.lifted_axes(&bound, callee, &given, span)?;
        let hidden = self.hide(&mut inner, &bound, &lifted);
        let mut guards = Vec::new();
        for (parameter, given) in callee.parameters.iter().zip(given) {
            let value = match given {
                Some(placed) => self.adapt(parameter, &placed, &bound, &hidden, callee.file)?,
                None => self.default_of(&mut inner, parameter)?,
            };
            if value.axes.is_empty()
                && Self::declares_optional(parameter)
                && self.is_optional(value.node)
                && !self.own_labels.contains(&value.node)
            {
                guards.push(value.node);
            }
            inner.push(&parameter.name.text, Binding::Value(value));
        }
        let value = self.expression(&mut inner, callee.body)?;
        if let Some(axis) = value.axes.first().filter(|_| callee.is_loss) {
            return self.report(self.callee_axes_left(callee, *axis, span));
        }
        let mut node = value.node;
        for label in guards {
            let zero = self.graph.number(0.0);
            let missing = self.graph.map(Function::Missing, &[label]);
            node = self.graph.select(missing, zero, node);
        }
        // Back to the caller's names, unless the body comes out with that very axis: then it stands twice.
        let mut axes = Vec::new();
        let mut replacements = Vec::new();
        for axis in lifted {
            match hidden.iter().find(|(seen, _)| *seen == axis) {
                Some((_, fresh)) if value.axes.contains(&axis) => axes.push(*fresh),
                Some((_, fresh)) => {
                    replacements.push((*fresh, self.graph.intern(crate::graph::Node::Index(axis))));
                    axes.push(axis);
                }
                None => axes.push(axis),
            }
        }
        let node =
            if replacements.is_empty() { node } else { self.graph.substitute(node, &replacements) };
        axes.extend(value.axes);
        Ok(Value { node, axes })
    }

    fn callee_axes_left(&self, callee: &Callee<'_>, axis: AxisId, span: Span) -> Diagnostic {
        let name = self.graph.extent(self.graph.axis(axis).extent);
        Diagnostic::error(Code::AxesLeft, callee.body.span, format!("`{}` comes out with axis {name}", callee.name.text))
            .label(span, "called here")
            .help("reduce it inside, or declare its parameter without that axis: a call maps over the axes that are not declared")
    }

    fn declares_optional(parameter: &Parameter<'_>) -> bool {
        let domain = parameter.declaration.and_then(|declaration| declaration.domain.as_ref());
        domain.is_some_and(|domain| {
            matches!(domain.kind, ast::DomainKind::Index { optional: true, .. })
        })
    }

    fn default_of(&mut self, inner: &mut Scope, parameter: &Parameter<'_>) -> Outcome<Value> {
        let declaration = parameter.declaration.ok_or(Reported)?;
        let default = declaration.default.as_ref().ok_or(Reported)?;
        self.default_value(inner, declaration, default)
    }
}

/// How a function of the language is written.
fn builtin_shape(name: &str) -> String {
    let arguments =
        FUNCTIONS.iter().find(|row| row.name == name).map(|row| row.arguments).or_else(|| {
            DEFINITIONS
                .iter()
                .find(|definition| definition.name == name)
                .map(|definition| definition.arguments)
        });
    match arguments {
        Some(arguments) => format!("{name}({})", arguments.join(", ")),
        None if name == "dot" => "dot(a, b)".to_owned(),
        None => format!("{name}(x)"),
    }
}

pub(super) fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
