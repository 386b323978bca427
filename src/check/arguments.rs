//! The arguments of a call: which parameter takes which, how their axes bind, and what is lifted.

use super::call::{Callee, Parameter, counted};
use super::expression::Placed;
use super::files::FileIndex;
use super::scope::Scope;
use super::{Checker, Outcome, Reported, Value};
use crate::diagnostic::{Code, Diagnostic, Span, suggest};
use crate::graph::{AxisId, Extent, ExtentId, Node, Type};
use crate::syntax::ast::{Argument, AxisName, DomainKind, Name};

/// The extent that each axis of a callee stands for.
pub(super) type BoundAxes = Vec<(AxisName, ExtentId)>;

impl Checker<'_> {
    /// The arguments in the order of the parameters; those left out have a default.
    pub(super) fn given_arguments(
        &mut self,
        scope: &mut Scope,
        callee: &Callee<'_>,
        arguments: &[Argument],
        name: &Name,
    ) -> Outcome<Vec<Option<Placed>>> {
        let mut given: Vec<Option<Outcome<Placed>>> =
            callee.parameters.iter().map(|_| None).collect();
        let mut failed = false;
        for (position, argument) in arguments.iter().enumerate() {
            let placed = self.placed(scope, &argument.value);
            let slot = match &argument.name {
                Some(name) => {
                    callee.parameters.iter().position(|parameter| parameter.name.text == name.text)
                }
                None => (position < callee.parameters.len()).then_some(position),
            };
            match slot {
                Some(slot) if given[slot].is_none() => given[slot] = Some(placed),
                Some(slot) => {
                    let parameter = &callee.parameters[slot].name.text;
                    let _ = self.report::<()>(
                        Diagnostic::error(
                            Code::DuplicateArgument,
                            argument.value.span,
                            format!("`{parameter}` is given twice"),
                        )
                        .help("leave one of them out"),
                    );
                    failed = true;
                }
                None => {
                    let diagnostic = match &argument.name {
                        Some(name) => unknown_argument(callee, name),
                        None => too_many_arguments(callee, arguments.len(), argument.value.span),
                    };
                    let _ = self.report::<()>(diagnostic);
                    failed = true;
                }
            }
        }
        let missing: Vec<&str> = callee
            .parameters
            .iter()
            .zip(&given)
            .filter(|(parameter, given)| given.is_none() && !has_default(parameter))
            .map(|(parameter, _)| parameter.name.text.as_str())
            .collect();
        if !missing.is_empty() && !failed {
            let list = missing.join("`, `");
            let count = arguments.len();
            return self.report(
                Diagnostic::error(
                    if callee.parameters.iter().all(|p| p.declaration.is_none()) {
                        Code::ArgumentCount
                    } else {
                        Code::MissingArgument
                    },
                    name.span,
                    format!("`{}` also needs `{list}`", name.text),
                )
                .at(format!("given {}", counted(count, "argument")))
                .label(callee.name.span, "declared here")
                .help(format!("write `{}`", shape(callee))),
            );
        }
        if failed {
            return Err(Reported);
        }
        given.into_iter().map(Option::transpose).collect()
    }

    /// Finds the extents that the axes of a callee stand for: those of the same name first, then a sole
    /// axis for a sole axis.
    pub(super) fn bind_axes(
        &mut self,
        inner: &mut Scope,
        callee: &Callee<'_>,
        given: &[Option<Placed>],
    ) -> Outcome<BoundAxes> {
        let mut bound: BoundAxes = Vec::new();
        for (parameter, placed) in callee.parameters.iter().zip(given) {
            let Some(placed) = placed else { continue };
            for axis in parameter.axes {
                let extent = self.extent_of_name(&placed.value, &axis.axis);
                if let Some(extent) = extent
                    && !bound.iter().any(|(name, _)| *name == axis.axis)
                {
                    bound.push((axis.axis.clone(), extent));
                }
            }
        }
        for (parameter, placed) in callee.parameters.iter().zip(given) {
            let Some(placed) = placed else { continue };
            self.bind_index_domain(parameter, placed, &mut bound);
            self.bind_sole_axis(parameter, placed, &mut bound)?;
        }
        for (name, extent) in &bound {
            inner.add_extent(name.clone(), *extent);
        }
        Ok(bound)
    }

    /// A label says which axis it is an index into.
    fn bind_index_domain(
        &mut self,
        parameter: &Parameter<'_>,
        placed: &Placed,
        bound: &mut BoundAxes,
    ) {
        let domain = parameter.declaration.and_then(|declaration| declaration.domain.as_ref());
        let Some(DomainKind::Index { axis, .. }) = domain.map(|domain| &domain.kind) else {
            return;
        };
        if let Type::Index(extent) = self.graph.ty(placed.value.node)
            && !bound.iter().any(|(name, _)| *name == axis.axis)
            && !parameter.axes.iter().any(|own| own.axis == axis.axis)
        {
            // An axis of another array of the call would have bound it by name, or will not contradict it.
            bound.push((axis.axis.clone(), extent));
        }
    }

    fn bind_sole_axis(
        &mut self,
        parameter: &Parameter<'_>,
        placed: &Placed,
        bound: &mut BoundAxes,
    ) -> Outcome<()> {
        let axes = &placed.value.axes;
        let taken = |graph: &crate::graph::Graph, axis: &AxisId| {
            parameter.axes.iter().any(|own| {
                bound
                    .iter()
                    .any(|(name, extent)| *name == own.axis && graph.axis(*axis).extent == *extent)
            })
        };
        let free: Vec<AxisId> =
            axes.iter().filter(|axis| !taken(&self.graph, axis)).copied().collect();
        let open: Vec<&AxisName> = parameter
            .axes
            .iter()
            .map(|axis| &axis.axis)
            .filter(|name| !bound.iter().any(|(known, _)| known == *name))
            .collect();
        match (&open[..], &free[..]) {
            ([], _) => Ok(()),
            ([name], [axis]) => {
                let extent = self.graph.axis(*axis).extent;
                if let AxisName::Literal(length) = name
                    && *self.graph.extent(extent) != Extent::Literal(*length)
                {
                    return self.report(self.axes_do_not_fit(parameter, placed));
                }
                bound.push(((*name).clone(), extent));
                Ok(())
            }
            _ => self.report(self.axes_do_not_fit(parameter, placed)),
        }
    }

    fn axes_do_not_fit(&self, parameter: &Parameter<'_>, placed: &Placed) -> Diagnostic {
        let wanted: Vec<String> = parameter.axes.iter().map(|axis| axis_text(&axis.axis)).collect();
        let (wanted, have) =
            (format!("[{}]", wanted.join(", ")), self.axes_text(&placed.value.axes));
        let found = if placed.value.axes.is_empty() {
            "a single number".to_owned()
        } else {
            format!("axes {have}")
        };
        Diagnostic::error(
            Code::ArgumentAxes,
            placed.span,
            format!("`{}{wanted}` is given {found}", parameter.name.text),
        )
        .at(found)
        .label(parameter.name.span, format!("declared with axes {wanted}"))
        .help("an axis binds to one of the same name, or a sole axis to a sole axis; index the others away")
    }

    /// The axes of the arguments that no parameter declares, in order: the call maps over them.
    pub(super) fn lifted_axes(
        &mut self,
        bound: &BoundAxes,
        callee: &Callee<'_>,
        given: &[Option<Placed>],
        span: Span,
    ) -> Outcome<Vec<AxisId>> {
        let mut lifted: Vec<Placed> = Vec::new();
        for (parameter, placed) in callee.parameters.iter().zip(given) {
            let Some(placed) = placed else { continue };
            let own: Vec<ExtentId> = parameter
                .axes
                .iter()
                .filter_map(|axis| {
                    bound.iter().find(|(name, _)| *name == axis.axis).map(|(_, extent)| *extent)
                })
                .collect();
            if own.len() < parameter.axes.len() {
                return self.report(self.axes_do_not_fit(parameter, placed));
            }
            if own.iter().any(|extent| {
                !placed.value.axes.iter().any(|axis| self.graph.axis(*axis).extent == *extent)
            }) {
                return self.report(self.axes_do_not_fit(parameter, placed));
            }
            let rest = placed
                .value
                .axes
                .iter()
                .filter(|axis| !own.contains(&self.graph.axis(**axis).extent));
            let axes = rest.copied().collect();
            lifted
                .push(Placed { value: Value { node: placed.value.node, axes }, span: placed.span });
        }
        if lifted.is_empty() { Ok(Vec::new()) } else { self.align(&lifted, span) }
    }

    /// Lifted axes get names of their own where the body might meet them under the names it uses itself.
    pub(super) fn hide(
        &mut self,
        inner: &mut Scope,
        bound: &BoundAxes,
        lifted: &[AxisId],
    ) -> Vec<(AxisId, AxisId)> {
        let mut hidden = Vec::new();
        for axis in lifted {
            let extent = self.graph.axis(*axis).extent;
            if bound.iter().any(|(_, taken)| *taken == extent) {
                let fresh = self.graph.index_axis(extent, inner.bound);
                inner.bound = inner.bound.with(fresh);
                hidden.push((*axis, fresh));
            } else {
                inner.bound = inner.bound.with(*axis);
            }
        }
        hidden
    }

    /// An argument as the parameter sees it: its own axes in the declared order, the lifted ones out of sight.
    pub(super) fn adapt(
        &mut self,
        parameter: &Parameter<'_>,
        placed: &Placed,
        bound: &BoundAxes,
        hidden: &[(AxisId, AxisId)],
        file: FileIndex,
    ) -> Outcome<Value> {
        self.check_index_domain(parameter, placed, bound, file)?;
        let own: Vec<AxisId> = parameter
            .axes
            .iter()
            .filter_map(|axis| {
                let extent =
                    bound.iter().find(|(name, _)| *name == axis.axis).map(|(_, extent)| *extent)?;
                placed
                    .value
                    .axes
                    .iter()
                    .find(|axis| self.graph.axis(**axis).extent == extent)
                    .copied()
            })
            .collect();
        let replacements: Vec<_> = hidden
            .iter()
            .filter(|(seen, _)| placed.value.axes.contains(seen) && !own.contains(seen))
            .map(|(seen, fresh)| (*seen, self.graph.intern(Node::Index(*fresh))))
            .collect();
        let node = match &replacements[..] {
            [] => placed.value.node,
            some => self.graph.substitute(placed.value.node, some),
        };
        Ok(Value { node, axes: own })
    }

    /// The type and domain of an argument, as far as they can be known.
    fn check_index_domain(
        &mut self,
        parameter: &Parameter<'_>,
        placed: &Placed,
        bound: &BoundAxes,
        file: FileIndex,
    ) -> Outcome<()> {
        let Some(declaration) = parameter.declaration else { return Ok(()) };
        let found = self.graph.ty(placed.value.node);
        let wanted = match declaration.domain.as_ref().map(|domain| &domain.kind) {
            Some(DomainKind::Index { axis, .. }) => bound
                .iter()
                .find(|(name, _)| *name == axis.axis)
                .map_or(found, |(_, extent)| Type::Index(*extent)),
            Some(DomainKind::Switch) => Type::Bool,
            _ => Type::Real,
        };
        if found == wanted
            && matches!(found, Type::Index(_))
                == matches!(
                    declaration.domain.as_ref().map(|d| &d.kind),
                    Some(DomainKind::Index { .. })
                )
        {
            return self.check_constant_domain(declaration, placed, file);
        }
        let (text, name) = (self.type_text(placed.value.node), &parameter.name.text);
        let wanted = match wanted {
            Type::Real => "a number".to_owned(),
            Type::Bool => "a boolean".to_owned(),
            Type::Index(extent) => format!("an index into axis {}", self.graph.extent(extent)),
        };
        self.report(
            Diagnostic::error(
                Code::TypeMismatch,
                placed.span,
                format!("`{name}` is given {text} where {wanted} is needed"),
            )
            .at(text)
            .label(parameter.name.span, format!("takes {wanted}"))
            .help("give it a value of that kind"),
        )
    }

    fn extent_of_name(&self, value: &Value, name: &AxisName) -> Option<ExtentId> {
        let wanted = match name {
            AxisName::Named(name) => Extent::Named(name.clone()),
            AxisName::Literal(length) => Extent::Literal(*length),
        };
        value
            .axes
            .iter()
            .map(|axis| self.graph.axis(*axis).extent)
            .find(|extent| *self.graph.extent(*extent) == wanted)
    }
}

fn has_default(parameter: &Parameter<'_>) -> bool {
    parameter.declaration.is_some_and(|declaration| declaration.default.is_some())
}

fn axis_text(axis: &AxisName) -> String {
    match axis {
        AxisName::Named(name) => name.clone(),
        AxisName::Literal(length) => length.to_string(),
    }
}

/// How a call of it is written.
fn shape(callee: &Callee<'_>) -> String {
    let parts: Vec<String> = callee
        .parameters
        .iter()
        .filter(|parameter| !has_default(parameter))
        .map(|parameter| parameter.name.text.clone())
        .collect();
    format!("{}({})", callee.name.text, parts.join(", "))
}

fn unknown_argument(callee: &Callee<'_>, name: &Name) -> Diagnostic {
    let known = callee.parameters.iter().map(|parameter| parameter.name.text.as_str());
    let message = format!("`{}` has no input `{}`", callee.name.text, name.text);
    let diagnostic = Diagnostic::error(Code::UnknownArgument, name.span, message);
    match suggest(&name.text, known) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic.help(format!("write `{}`", shape(callee))),
    }
}

fn too_many_arguments(callee: &Callee<'_>, count: usize, span: Span) -> Diagnostic {
    let takes = counted(callee.parameters.len(), "argument");
    Diagnostic::error(
        Code::ArgumentCount,
        span,
        format!("`{}` takes {takes}, not {count}", callee.name.text),
    )
    .label(callee.name.span, "declared here")
    .help(format!("write `{}`", shape(callee)))
}
