//! Axes and domains: matched rules in, what was written of shapes and sets out.

use super::build::{Builder, children, next};
use super::grammar::{Pair, Rule};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::syntax::ast::{AxisName, AxisRef, Domain, DomainKind, Expr, ExprKind};

/// Builds the axes in a declaration's square brackets.
pub(super) fn build_axes(builder: Builder<'_>, pair: Pair<'_>) -> Result<Vec<AxisRef>, Diagnostic> {
    children(pair).map(|axis| build_axis(builder, &axis)).collect()
}

/// Builds an axis from its name or extent.
pub(super) fn build_axis(builder: Builder<'_>, pair: &Pair<'_>) -> Result<AxisRef, Diagnostic> {
    axis_of_text(pair.as_str(), builder.span(pair))
}

/// The axis that an expression names, as in `softmax[K](x)`.
pub(super) fn build_axis_of(builder: Builder<'_>, expr: &Expr) -> Result<AxisRef, Diagnostic> {
    let Span { start, end, .. } = expr.span;
    match &expr.kind {
        ExprKind::Name(_) | ExprKind::Number(_) => {
            axis_of_text(&builder.text.all[start as usize..end as usize], expr.span)
        }
        _ => Err(not_an_axis(expr.span)),
    }
}

fn axis_of_text(text: &str, span: Span) -> Result<AxisRef, Diagnostic> {
    let first = text.chars().next();
    if first.is_some_and(|c| c.is_ascii_uppercase()) {
        return Ok(AxisRef { axis: AxisName::Named(text.to_owned()), span });
    }
    let digits: String = text.chars().filter(|c| *c != '_').collect();
    if digits.is_empty() || digits.contains(|c: char| !c.is_ascii_digit()) {
        return Err(if first.is_some_and(|c| c.is_ascii_alphabetic()) {
            small_axis(text, span)
        } else {
            not_an_axis(span)
        });
    }
    match digits.parse() {
        Ok(extent) => Ok(AxisRef { axis: AxisName::Literal(extent), span }),
        Err(_) => Err(extent_too_large(span)),
    }
}

/// Builds a domain from the set that is written.
pub(super) fn build_domain(builder: Builder<'_>, pair: Pair<'_>) -> Result<Domain, Diagnostic> {
    let span = builder.span(&pair);
    let rule = pair.as_rule();
    let mut parts = children(pair);
    let kind = match rule {
        Rule::interval => {
            let low_open = next(&mut parts).as_str() == "(";
            let low = builder.expr(next(&mut parts))?;
            let high = builder.expr(next(&mut parts))?;
            let high_open = next(&mut parts).as_str() == ")";
            DomainKind::Interval { low, low_open, high, high_open }
        }
        Rule::set => {
            let elements = parts.map(|part| builder.expr(part)).collect::<Result<Vec<_>, _>>()?;
            if is_switch(&elements) { DomainKind::Switch } else { DomainKind::Set(elements) }
        }
        Rule::simplex => DomainKind::Simplex,
        Rule::optional_index => {
            DomainKind::Index { axis: build_axis(builder, &next(&mut parts))?, optional: true }
        }
        _ => return build_range(builder, parts),
    };
    Ok(Domain { kind, span })
}

/// Builds `low..`, `low..high`, `low..=high`, or the axis that stands there without dots.
fn build_range<'a>(
    builder: Builder<'_>,
    mut parts: impl Iterator<Item = Pair<'a>>,
) -> Result<Domain, Diagnostic> {
    let low = builder.expr(next(&mut parts))?;
    let Some(operator) = parts.next() else {
        let span = low.span;
        if !matches!(low.kind, ExprKind::Name(_) | ExprKind::Number(_)) {
            return Err(not_a_domain(span));
        }
        let axis = build_axis_of(builder, &low)?;
        return Ok(Domain { kind: DomainKind::Index { axis, optional: false }, span });
    };
    let inclusive = operator.as_str() == "..=";
    let high = parts.next().map(|part| builder.expr(part)).transpose()?;
    if inclusive && high.is_none() {
        return Err(no_last(builder.span(&operator)));
    }
    let end = high.as_ref().map_or(builder.span(&operator), |high| high.span);
    let span = low.span.to(end);
    Ok(Domain { kind: DomainKind::Whole { low, high, inclusive }, span })
}

fn is_switch(elements: &[Expr]) -> bool {
    let value = |element: &Expr| match element.kind {
        ExprKind::Bool(value) => Some(value),
        _ => None,
    };
    let values: Vec<_> = elements.iter().filter_map(value).collect();
    elements.len() == 2 && values.contains(&true) && values.contains(&false)
}

fn small_axis(text: &str, span: Span) -> Diagnostic {
    let mut capital = text.to_owned();
    capital[..1].make_ascii_uppercase();
    let message = format!("`{text}` cannot be an axis: axes have a capital first letter");
    Diagnostic::error(Code::AxisName, span, message)
        .help(format!("write `{capital}`, or an extent such as `4`"))
}

fn not_an_axis(span: Span) -> Diagnostic {
    Diagnostic::error(Code::AxisName, span, "expected an axis").help(
        "an axis is a name with a capital first letter, such as `K`, or an extent, such as `4`",
    )
}

fn extent_too_large(span: Span) -> Diagnostic {
    let message = "this extent is too large";
    Diagnostic::error(Code::NumberTooLarge, span, message)
        .at(format!("the largest is {}", u32::MAX))
        .help("name the axis, as in `x[K]`: the arrays of the call then say how long it is")
}

fn not_a_domain(span: Span) -> Diagnostic {
    Diagnostic::error(Code::Syntax, span, "expected a domain").help(DOMAINS)
}

fn no_last(span: Span) -> Diagnostic {
    Diagnostic::error(Code::Syntax, span, "`..=` needs a last number")
        .help("`0..` goes on without end, `0..=5` ends with 5")
}

/// What can follow `in`, in words.
pub(super) const DOMAINS: &str = "a domain is an interval `[0, 1)`, a set `{-1, 1}`, whole numbers `0..` or \
     `1..=5`, a switch `{false, true}`, an axis `K` or `K?`, or `simplex`";
