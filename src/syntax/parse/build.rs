//! Matched rules to the tree: items, inputs, domains and operands. Grammar matches in, syntax tree out; what
//! the grammar lets through and no reader would (an input before any role word, `sum[i in K]` without its
//! operand) is an error here.

use super::Text;
use super::domain::{build_axes, build_domain};
use super::grammar::{Pair, Pairs, Rule, is_mark};
use super::regions::item_doc;
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::syntax::ast::{
    Const, Example, Expectation, Expr, Function, InputDeclaration, Item, Loss, Name, Parameter,
    Rewrite, Role, Use, UseSource,
};

/// Where matches lie: the text, and the byte at which its parsed region begins.
#[derive(Clone, Copy)]
pub(super) struct Builder<'a> {
    /// The text.
    pub(super) text: Text<'a>,
    /// The first byte of the region.
    pub(super) base: usize,
}

/// Builds the items of a file.
pub(super) fn items(
    text: Text<'_>,
    base: usize,
    pairs: Pairs<'_>,
) -> Result<Vec<Item>, Diagnostic> {
    let builder = Builder { text, base };
    pairs.filter(|pair| !is_mark(pair.as_rule())).map(|pair| builder.item(pair)).collect()
}

/// Builds the rules of a rule file.
pub(super) fn rewrites(
    text: Text<'_>,
    base: usize,
    pairs: Pairs<'_>,
) -> Result<Vec<Rewrite>, Diagnostic> {
    let builder = Builder { text, base };
    pairs.filter(|pair| !is_mark(pair.as_rule())).map(|pair| builder.rewrite(pair)).collect()
}

/// Builds expressions that stand on their own.
pub(super) fn expressions(
    text: Text<'_>,
    base: usize,
    pairs: Pairs<'_>,
) -> Result<Vec<Expr>, Diagnostic> {
    let builder = Builder { text, base };
    pairs.filter(|pair| !is_mark(pair.as_rule())).map(|pair| builder.expr(pair)).collect()
}

/// What a rule matched inside, without reserved words and semicolons.
pub(super) fn children(pair: Pair<'_>) -> impl Iterator<Item = Pair<'_>> {
    pair.into_inner().filter(|inner| !is_mark(inner.as_rule()))
}

/// The next part of a match, which the grammar says is there.
pub(super) fn next<'a>(parts: &mut impl Iterator<Item = Pair<'a>>) -> Pair<'a> {
    parts.next().expect("the grammar requires this part")
}

/// The next part of a match, if it is of a rule.
pub(super) fn next_if<'a>(
    parts: &mut std::iter::Peekable<impl Iterator<Item = Pair<'a>>>,
    rule: Rule,
) -> Option<Pair<'a>> {
    parts.next_if(|part| part.as_rule() == rule)
}

impl Builder<'_> {
    /// Where a match lies in the file.
    pub(super) fn span(self, pair: &Pair<'_>) -> Span {
        let span = pair.as_span();
        self.text.span(self.base + span.start(), self.base + span.end())
    }

    /// A word and its place.
    pub(super) fn name(self, pair: &Pair<'_>) -> Name {
        Name { text: pair.as_str().to_owned(), span: self.span(pair) }
    }

    fn item(self, pair: Pair<'_>) -> Result<Item, Diagnostic> {
        let doc = item_doc(self.text.all, self.base + pair.as_span().start());
        let rule = pair.as_rule();
        let start = self.span(&pair);
        let mut parts = children(pair).peekable();
        Ok(match rule {
            Rule::use_item => Item::Use(self.use_item(&next(&mut parts))),
            Rule::const_item => {
                let name = self.name(&next(&mut parts));
                Item::Const(Const { doc, name, value: self.expr(next(&mut parts))? })
            }
            Rule::fn_item => {
                let name = self.name(&next(&mut parts));
                let parameters = children(next(&mut parts)).map(|part| self.parameter(part));
                let parameters = parameters.collect::<Result<_, _>>()?;
                Item::Function(Function {
                    doc,
                    name,
                    parameters,
                    body: self.expr(next(&mut parts))?,
                })
            }
            Rule::loss_item => {
                let name = self.name(&next(&mut parts));
                let inputs = self.inputs(next(&mut parts))?;
                let body = self.expr(next(&mut parts))?;
                let per =
                    parts.next().map(|per| self.expr(next(&mut children(per)))).transpose()?;
                Item::Loss(Loss { doc, name, inputs, body, per })
            }
            _ => Item::Example(self.example(start, &mut parts)?),
        })
    }

    fn use_item(self, source: &Pair<'_>) -> Use {
        let text = source.as_str();
        let span = self.span(source);
        let source = if source.as_rule() == Rule::path {
            UseSource::Path(text[1..text.len() - 1].to_owned())
        } else {
            UseSource::Library(text.to_owned())
        };
        Use { source, span }
    }

    fn parameter(self, pair: Pair<'_>) -> Result<Parameter, Diagnostic> {
        let mut parts = children(pair);
        let name = self.name(&next(&mut parts));
        let axes = parts.next().map(|list| build_axes(self, list)).transpose()?.unwrap_or_default();
        Ok(Parameter { name, axes })
    }

    fn inputs(self, pair: Pair<'_>) -> Result<Vec<InputDeclaration>, Diagnostic> {
        let mut role = None;
        let mut inputs = Vec::new();
        for part in children(pair) {
            let doc = item_doc(self.text.all, self.base + part.as_span().start());
            let mut parts = children(part).peekable();
            role = next_if(&mut parts, Rule::role).map(|word| role_of(word.as_str())).or(role);
            let name = self.name(&next(&mut parts));
            let Some(role) = role else { return Err(no_role(&name)) };
            inputs.push(InputDeclaration { doc, ..self.input(role, name, &mut parts)? });
        }
        Ok(inputs)
    }

    fn input<'a>(
        self,
        role: Role,
        name: Name,
        parts: &mut std::iter::Peekable<impl Iterator<Item = Pair<'a>>>,
    ) -> Result<InputDeclaration, Diagnostic> {
        let mut span = name.span;
        let mut axes = Vec::new();
        if let Some(list) = next_if(parts, Rule::axes) {
            span = span.to(self.span(&list));
            axes = build_axes(self, list)?;
        }
        let domain = next_if(parts, Rule::domain)
            .map(|domain| build_domain(self, next(&mut children(domain))))
            .transpose()?;
        let default = parts.next().map(|value| self.expr(value)).transpose()?;
        let last = default.as_ref().map(|value| value.span);
        span = last.or(domain.as_ref().map(|domain| domain.span)).map_or(span, |end| span.to(end));
        Ok(InputDeclaration { doc: String::new(), role, name, axes, domain, default, span })
    }

    fn example<'a>(
        self,
        start: Span,
        parts: &mut impl Iterator<Item = Pair<'a>>,
    ) -> Result<Example, Diagnostic> {
        let loss = self.name(&next(parts));
        let arguments = self.arguments(next(parts))?.0;
        let value = self.expectation(next(parts))?;
        let mut gradients = Vec::new();
        for gradient in parts {
            let mut parts = children(gradient);
            let name = self.name(&next(&mut parts));
            gradients.push((name, self.expectation(next(&mut parts))?));
        }
        let last = gradients.last().map_or(&value, |(_, expected)| expected);
        let end = last.within.as_ref().unwrap_or(&last.value).span;
        let span = Span { end: end.end, ..start };
        Ok(Example { loss, arguments, value, gradients, span })
    }

    fn expectation(self, pair: Pair<'_>) -> Result<Expectation, Diagnostic> {
        let mut parts = children(pair);
        let value = self.expr(next(&mut parts))?;
        let within = parts.next().map(|bound| self.expr(bound)).transpose()?;
        Ok(Expectation { value, within })
    }

    fn rewrite(self, pair: Pair<'_>) -> Result<Rewrite, Diagnostic> {
        let mut parts = children(pair);
        let name = self.name(&next(&mut parts));
        let left = self.expr(next(&mut parts))?;
        let right = self.expr(next(&mut parts))?;
        let conditions = parts.map(|part| self.expr(part)).collect::<Result<_, _>>()?;
        Ok(Rewrite { name, left, right, conditions })
    }
}

fn role_of(word: &str) -> Role {
    match word {
        "pred" => Role::Pred,
        "target" => Role::Target,
        "learned" => Role::Learned,
        _ => Role::Param,
    }
}

fn no_role(name: &Name) -> Diagnostic {
    let message = format!("the input `{}` has no role", name.text);
    Diagnostic::error(Code::Syntax, name.span, message).at("no role word stands before it").help(
        "write `pred`, `target`, `learned` or `param` before it; a role holds until the next one",
    )
}
