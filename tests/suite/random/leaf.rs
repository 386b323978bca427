//! What random expressions end in: numbers, names and their elements, comparisons, indices.

use super::term::{Level, Term};
use super::writer::{Axis, Kind, Variable, Writer};

const NUMBERS: &[f64] = &[0.0, 1.0, -1.0, 0.5, 2.0, -0.25, 1e-3, 3.25];

impl Writer<'_> {
    /// A number over exactly these axes, without further operators where there is one.
    pub(super) fn leaf(&mut self, axes: &[Axis]) -> Term {
        let mut found: Vec<Term> = Vec::new();
        let scope = self.scope.clone();
        for variable in scope.iter().rev() {
            match variable.kind {
                Kind::Real { low, high } => {
                    for taken in 0..=variable.ordered {
                        if let Some(text) = self.element(variable, taken, axes) {
                            // What the model has a part in comes more often.
                            let times = if variable.modelled && variable.axes.len() >= axes.len() {
                                4
                            } else {
                                1
                            };
                            found.extend(vec![Term::operand(text, low, high); times]);
                        }
                    }
                }
                Kind::Truth => {}
                Kind::Index { of, optional } => {
                    self.index_leaves(variable, of, optional, axes, &mut found);
                }
            }
        }
        if axes.is_empty() {
            for axis in self.visible.clone() {
                let row = &self.axes[axis];
                #[expect(clippy::cast_precision_loss, reason = "a small length")]
                let length = row.length as f64;
                found.push(Term::operand(format!("size({})", row.name), length, length));
            }
            found.push(Term::number(*self.tape.choose(NUMBERS)));
        }
        if found.is_empty() {
            return self.outer(axes);
        }
        self.tape.choose(&found).clone()
    }

    /// The text of a variable with its first axes indexed, if these are the axes that it has then.
    fn element(&mut self, variable: &Variable, taken: usize, axes: &[Axis]) -> Option<String> {
        let rest = &variable.axes[taken..];
        if rest.iter().any(|axis| !axes.contains(axis)) || has_twice(rest) {
            return None;
        }
        let mut brought: Vec<Axis> = rest.to_vec();
        let mut indices = Vec::new();
        for of in &variable.axes[..taken] {
            let (index, own) = self.index(*of, axes, &brought);
            brought.extend(own);
            indices.push(index);
        }
        if brought.len() != axes.len() {
            return None;
        }
        Some(if taken == 0 {
            variable.name.clone()
        } else {
            format!("{}[{}]", variable.name, indices.join(", "))
        })
    }

    /// An index into an axis, and the axes that it brings along: of those wanted, none that is there already.
    fn index(&mut self, of: Axis, axes: &[Axis], there: &[Axis]) -> (String, Vec<Axis>) {
        let mut found: Vec<(String, Vec<Axis>)> = Vec::new();
        for variable in self.scope.iter().rev() {
            if !matches!(variable.kind, Kind::Index { of: own, optional } if own == of && (!optional || variable.axes.is_empty() || self.unguarded))
            {
                continue;
            }
            let fits =
                variable.axes.iter().all(|axis| axes.contains(axis) && !there.contains(axis));
            if fits && !has_twice(&variable.axes) {
                found.push((variable.name.clone(), variable.axes.clone()));
            }
        }
        let length = self.axes[of].length;
        found.push(((length - 1).min(2).to_string(), vec![]));
        if length > 1 {
            found.push(("0".to_owned(), vec![]));
        }
        let first = self.tape.choose(&found).clone();
        if first.1.is_empty() && self.tape.one_in(8) {
            let plain: Vec<&String> = found
                .iter()
                .filter(|(text, axes)| {
                    axes.is_empty() && !text.starts_with(|c: char| c.is_ascii_digit())
                })
                .map(|(text, _)| text)
                .collect();
            if !plain.is_empty() && !first.0.starts_with(|c: char| c.is_ascii_digit()) {
                let other = (*self.tape.choose(&plain)).clone();
                let condition = self.truth(&[], 0);
                return (format!("if {condition} {{ {} }} else {{ {other} }}", first.0), vec![]);
            }
        }
        first
    }

    fn index_leaves(
        &mut self,
        variable: &Variable,
        of: Axis,
        optional: bool,
        axes: &[Axis],
        found: &mut Vec<Term>,
    ) {
        #[expect(clippy::cast_precision_loss, reason = "a small length")]
        let high = (self.axes[of].length - 1) as f64;
        let guarded = optional && !variable.axes.is_empty();
        let same = variable.axes.len() == axes.len()
            && variable.axes.iter().all(|axis| axes.contains(axis));
        if same && !has_twice(&variable.axes) {
            let name = &variable.name;
            found.push(if guarded {
                Term::operand(
                    format!("if missing({name}) {{ -1 }} else {{ real({name}) }}"),
                    -1.0,
                    high,
                )
            } else {
                Term::operand(format!("real({name})"), -1.0, high)
            });
        }
        if guarded || variable.axes.contains(&of) || has_twice(&variable.axes) {
            return;
        }
        let all = variable.axes.len() + 1 == axes.len()
            && axes.contains(&of)
            && variable.axes.iter().all(|axis| axes.contains(axis));
        if all {
            found.push(Term::operand(format!("one_hot({})", variable.name), 0.0, 1.0));
        }
    }

    /// An array by its elements.
    fn outer(&mut self, axes: &[Axis]) -> Term {
        let before = self.scope.len();
        let mut brackets = Vec::new();
        for axis in axes {
            let name = self.fresh("i");
            brackets.push(format!("{name} in {}", self.axes[*axis].name));
            let kind = Kind::Index { of: *axis, optional: false };
            self.scope.push(Variable { name, kind, axes: vec![], ordered: 0, modelled: false });
        }
        let body = self.real(&[], 2);
        self.scope.truncate(before);
        let name = self.fresh("t");
        let condition = self.truth(&[], 0);
        let text = format!(
            "if {condition} {{ let {name}[{}] = {}; {name} }} else {{ -0.5 }}",
            brackets.join(", "),
            body.text
        );
        Term::operand(text, body.low.min(-0.5), body.high.max(-0.5))
    }

    /// A truth over exactly these axes.
    pub(super) fn exact_truth(&mut self, axes: &[Axis], depth: usize) -> String {
        let depth = depth.saturating_sub(1);
        let left = self.real(axes, depth);
        let sign = *self.tape.choose(&["<", "<=", ">", ">=", "!=", "=="]);
        let right = *self.tape.choose(&["0.137", "-0.731", "1.093"]);
        let text = format!("{} {sign} {right}", left.at(Level::Sum));
        if self.tape.one_in(4) {
            let more = self.truth(axes, depth);
            return format!("{text} && ({more})");
        }
        text
    }

    /// A truth over some of these axes.
    pub(super) fn truth(&mut self, axes: &[Axis], depth: usize) -> String {
        match self.tape.below(8) {
            1 => self.index_comparison(axes),
            2 => self.missing(axes),
            3 => self.switch(axes),
            4 if depth > 0 => {
                let (a, b) = (self.truth(axes, depth - 1), self.truth(&[], 0));
                format!("({a}) {} ({b})", self.tape.choose(&["&&", "||"]))
            }
            5 if depth > 0 => format!("!({})", self.truth(axes, depth - 1)),
            6 if depth > 0 => {
                let (a, b) = (self.real(axes, depth - 1), self.real(&[], depth - 1));
                let b =
                    Term { text: format!("{} + 0.0713", b.at(Level::Sum)), level: Level::Sum, ..b };
                format!(
                    "{} {} {}",
                    a.at(Level::Sum),
                    self.tape.choose(&["<", ">="]),
                    b.at(Level::Product)
                )
            }
            _ => {
                let left = self.leaf(if depth > 0 { axes } else { &[] });
                format!(
                    "{} {} 0.137",
                    left.at(Level::Sum),
                    self.tape.choose(&["<", ">", "<=", ">="])
                )
            }
        }
    }

    fn index_comparison(&mut self, axes: &[Axis]) -> String {
        let visible = self.visible.clone();
        let of = *self.tape.choose(&visible);
        let (a, _) = self.index(of, axes, &[]);
        let sign = *self.tape.choose(&["==", "!=", "<", "<=", ">", ">="]);
        if a.starts_with(|c: char| c.is_ascii_digit()) {
            return "true".into();
        }
        let (b, _) = self.index(of, axes, axes);
        format!("{a} {sign} {b}")
    }

    fn missing(&mut self, axes: &[Axis]) -> String {
        let fits = |variable: &&Variable| {
            matches!(variable.kind, Kind::Index { optional: true, .. })
                && !has_twice(&variable.axes)
                && variable.axes.iter().all(|axis| axes.contains(axis))
        };
        match self.scope.iter().find(fits) {
            Some(variable) => format!("missing({})", variable.name),
            None => "false".into(),
        }
    }

    fn switch(&mut self, axes: &[Axis]) -> String {
        let fits = |variable: &&Variable| {
            matches!(variable.kind, Kind::Truth)
                && !has_twice(&variable.axes)
                && variable.axes.iter().all(|axis| axes.contains(axis))
        };
        self.scope.iter().find(fits).map_or("true".into(), |variable| variable.name.clone())
    }
}

fn has_twice(axes: &[Axis]) -> bool {
    (1..axes.len()).any(|at| axes[..at].contains(&axes[at]))
}
