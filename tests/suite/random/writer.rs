//! Writes random expressions of the loss language, well-typed by construction: numbers over exactly the axes that are
//! asked for, truths over some of them, and indices.

use super::tape::Tape;
use super::term::{BINARY, Level, REACH, Term, UNARY, fill};

/// An axis of a program: its place among them.
pub(super) type Axis = usize;

/// An axis that a program may name.
#[derive(Clone, Debug)]
pub(super) struct AxisRow {
    pub(super) name: String,
    pub(super) length: usize,
}

/// What a variable holds.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Real { low: f64, high: f64 },
    Truth,
    Index { of: Axis, optional: bool },
}

/// A name in scope.
#[derive(Clone, Debug)]
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) axes: Vec<Axis>,
    /// How many of the axes, from the first on, are known to stand in this order.
    pub(super) ordered: usize,
    /// Whether the model has a part in it.
    pub(super) modelled: bool,
}

/// A `fn` or loss that can be called.
#[derive(Clone, Debug)]
pub(super) struct Callable {
    pub(super) name: String,
    /// The axes of its first parameter; none: all its parameters are numbers.
    pub(super) takes_array: bool,
    /// The axis that it names as the loss does, so that further axes are mapped over.
    pub(super) by_name: Option<Axis>,
    pub(super) numbers: usize,
    /// A further argument that must be above 0, by name.
    pub(super) positive: Option<&'static str>,
    /// Whether the array's axis stays.
    pub(super) keeps: bool,
    pub(super) low: f64,
    pub(super) high: f64,
}

pub(super) struct Writer<'t> {
    pub(super) tape: Tape<'t>,
    pub(super) axes: Vec<AxisRow>,
    /// The axes that expressions may bind or run over here.
    pub(super) visible: Vec<Axis>,
    pub(super) scope: Vec<Variable>,
    pub(super) callables: Vec<Callable>,
    pub(super) fuel: usize,
    pub(super) fresh: usize,
    /// How many elements the loops around have together.
    pub(super) volume: usize,
    /// Whether derivatives are limits of differences.
    pub(super) differentiable: bool,
    /// Whether missing labels of an array may select: what, nobody promises (the value takes element 0, the
    /// gradient leaves it out), but all targets select the same.
    pub(super) unguarded: bool,
}

/// How many elements an expression may run over in all.
const VOLUME: usize = 500;

impl Writer<'_> {
    pub(super) fn fresh(&mut self, prefix: &str) -> String {
        self.fresh += 1;
        format!("{prefix}{}", self.fresh)
    }

    /// A number over exactly these axes.
    pub(super) fn real(&mut self, axes: &[Axis], depth: usize) -> Term {
        if depth == 0 || self.fuel == 0 {
            return self.leaf(axes);
        }
        self.fuel -= 1;
        let depth = depth - 1;
        match self.tape.below(16) {
            1..=3 => self.unary(axes, depth),
            4..=6 => self.binary(axes, depth),
            7 => self.select(axes, depth),
            8..=10 => self.reduction(axes, depth),
            11 => self.along(axes, depth),
            12 | 13 => self.call(axes, depth),
            14 => self.block(axes, depth),
            15 => self.stopped(axes, depth),
            _ => self.leaf(axes),
        }
    }

    /// The term within [`REACH`] of 0.
    pub(super) fn squashed(&mut self, term: Term) -> Term {
        if term.size() <= REACH {
            return term;
        }
        let operand = term.at(Level::Operand);
        match self.tape.below(4) {
            1 => Term::operand(format!("clamp({}, -5, 5)", term.text), -5.0, 5.0),
            2 => Term::operand(format!("sin({})", term.text), -1.0, 1.0),
            3 if term.size().is_finite() => {
                let by = (term.size() / REACH).ceil();
                let text = format!("{operand} / {by}");
                Term { text, level: Level::Product, low: term.low / by, high: term.high / by }
            }
            _ => Term::operand(format!("tanh({})", term.text), -1.0, 1.0),
        }
    }

    /// Some of the axes.
    fn subset(&mut self, axes: &[Axis]) -> Vec<Axis> {
        axes.iter().copied().filter(|_| self.tape.one_in(2)).collect()
    }

    fn argument(&mut self, axes: &[Axis], depth: usize) -> Term {
        let term = self.real(axes, depth);
        self.squashed(term)
    }

    fn unary(&mut self, axes: &[Axis], depth: usize) -> Term {
        let (pattern, level, low, high) = *self.tape.choose(UNARY);
        let argument = self.argument(axes, depth);
        Term { text: fill(pattern, &[('$', &argument)]), level, low, high }
    }

    fn binary(&mut self, axes: &[Axis], depth: usize) -> Term {
        let (pattern, level, low, high) = *self.tape.choose(BINARY);
        let some = self.subset(axes);
        let (first, second) =
            if self.tape.one_in(2) { (axes, &some[..]) } else { (&some[..], axes) };
        let (a, b) = (self.argument(first, depth), self.argument(second, depth));
        Term { text: fill(pattern, &[('$', &a), ('@', &b)]), level, low, high }
    }

    fn select(&mut self, axes: &[Axis], depth: usize) -> Term {
        let condition = self.truth(axes, depth);
        let some = self.subset(axes);
        let (first, second) =
            if self.tape.one_in(2) { (axes, &some[..]) } else { (&some[..], axes) };
        let (a, b) = (self.real(first, depth), self.real(second, depth));
        let (mut low, mut high) = a.joined(&b);
        let mut middle = String::new();
        if self.tape.one_in(4) {
            let condition = self.truth(axes, 0);
            let c = self.leaf(&[]);
            (low, high) = (low.min(c.low), high.max(c.high));
            middle = format!(" else if {condition} {{ {} }}", c.text);
        }
        let text = format!("if {condition} {{ {} }}{middle} else {{ {} }}", a.text, b.text);
        Term::operand(text, low, high)
    }

    fn stopped(&mut self, axes: &[Axis], depth: usize) -> Term {
        if !self.tape.one_in(3) {
            return self.binary(axes, depth);
        }
        self.differentiable = false;
        let inner = self.real(axes, depth);
        Term::operand(format!("stop_gradient({})", inner.text), inner.low, inner.high)
    }

    /// A branch with definitions.
    fn block(&mut self, axes: &[Axis], depth: usize) -> Term {
        let condition = self.truth(axes, 0);
        let before = self.scope.len();
        let mut text = String::new();
        for _ in 0..=self.tape.below(2) {
            text += &self.definition(axes, depth);
        }
        let result = self.real(axes, depth);
        self.scope.truncate(before);
        let text = format!("if {condition} {{ {text}{} }} else {{ 0.75 }}", result.text);
        Term::operand(text, result.low.min(0.75), result.high.max(0.75))
    }

    /// `let name = …; ` or `let name[i in K] = …; `
    pub(super) fn definition(&mut self, axes: &[Axis], depth: usize) -> String {
        let name = self.fresh("t");
        let modelled = true;
        if self.tape.one_in(2) {
            let own = self.subset(axes);
            let value = self.real(&own, depth);
            let text = format!("let {name} = {}; ", value.text);
            let kind = Kind::Real { low: value.low, high: value.high };
            let ordered = usize::from(own.len() == 1);
            self.scope.push(Variable { name, kind, axes: own, ordered, modelled });
            return text;
        }
        let (before, volume) = (self.scope.len(), self.volume);
        let (bound, brackets) = self.binders(2);
        let rest = self.subset(axes);
        let rest = if rest.len() > 1 { rest[..1].to_vec() } else { rest };
        let value = self.real(&rest, depth);
        self.scope.truncate(before);
        self.volume = volume;
        let kind = Kind::Real { low: value.low, high: value.high };
        let axes: Vec<Axis> = bound.into_iter().chain(rest).collect();
        let ordered = axes.len();
        let text = format!("let {name}[{brackets}] = {}; ", value.text);
        self.scope.push(Variable { name, kind, axes, ordered, modelled });
        text
    }

    /// Brings new indices into scope; gives their axes and the text between the brackets.
    fn binders(&mut self, most: usize) -> (Vec<Axis>, String) {
        let count = 1 + self.tape.below(most);
        let (mut bound, mut texts) = (Vec::new(), Vec::new());
        for at in 0..count {
            let axis = *self.tape.choose(&self.visible.clone());
            let length = self.axes[axis].length;
            if at > 0 && self.volume * length > VOLUME {
                break;
            }
            self.volume *= length;
            let name = self.fresh("i");
            texts.push(format!("{name} in {}", self.axes[axis].name));
            bound.push(axis);
            let kind = Kind::Index { of: axis, optional: false };
            self.scope.push(Variable { name, kind, axes: vec![], ordered: 0, modelled: false });
        }
        (bound, texts.join(", "))
    }

    fn filter(&mut self, axes: &[Axis], depth: usize) -> Option<String> {
        self.tape.one_in(3).then(|| format!(" if {}", self.truth(axes, depth)))
    }

    /// A reduction that leaves these axes.
    fn reduction(&mut self, axes: &[Axis], depth: usize) -> Term {
        let (before, volume) = (self.scope.len(), self.volume);
        let open: Vec<Axis> =
            self.visible.iter().copied().filter(|axis| !axes.contains(axis)).collect();
        let form = self.tape.below(3);
        let (brackets, body_axes, filter, count);
        if form == 0 || open.is_empty() || self.volume * self.axes[open[0]].length > VOLUME {
            let (bound, text) = self.binders(3);
            count = bound.iter().map(|axis| self.axes[*axis].length).product();
            (brackets, body_axes) = (Some(text), axes.to_vec());
            filter = self.filter(axes, depth);
        } else {
            let mut all = axes.to_vec();
            let over = *self.tape.choose(&open);
            all.push(over);
            self.volume *= self.axes[over].length;
            count = self.axes[over].length;
            let bare = axes.is_empty() && form == 2;
            filter = if bare { None } else { self.filter(&all, depth) };
            brackets = (!bare).then(|| self.axes[over].name.clone());
            body_axes = all;
        }
        let filtered = filter.is_some();
        let square = brackets
            .map_or(String::new(), |text| format!("[{text}{}]", filter.unwrap_or_default()));
        let term = self.reduced(&square, &body_axes, depth, count, filtered);
        self.scope.truncate(before);
        self.volume = volume;
        term
    }

    fn reduced(
        &mut self,
        square: &str,
        axes: &[Axis],
        depth: usize,
        count: usize,
        filtered: bool,
    ) -> Term {
        let name = *self.tape.choose(&[
            "sum",
            "mean",
            "prod",
            "max",
            "min",
            "logsumexp",
            "norm",
            "dot",
            "count",
            "any",
            "all",
        ]);
        #[expect(clippy::cast_precision_loss, reason = "a small count")]
        let many = count as f64;
        if matches!(name, "count" | "any" | "all") {
            let truth = self.exact_truth(axes, depth);
            return match name {
                "count" => Term::operand(format!("count{square}({truth})"), 0.0, many),
                _ => Term::operand(
                    format!("if {name}{square}({truth}) {{ 1 }} else {{ -0.5 }}"),
                    -0.5,
                    1.0,
                ),
            };
        }
        let body = self.argument(axes, depth);
        let text = &body.text;
        match name {
            "mean" => Term::operand(format!("mean{square}({text})"), -5.0, 5.0),
            "prod" => {
                let text = format!("prod{square}(1 + {} / {})", body.at(Level::Prefix), 6.0 * many);
                Term::operand(text, 0.0, 3.0)
            }
            "max" | "min" if filtered => {
                let (guard, limit) = if name == "max" { ("max", -6) } else { ("min", 6) };
                Term::operand(format!("{guard}({limit}, {name}{square}({text}))"), -6.0, 6.0)
            }
            "max" | "min" => Term::operand(format!("{name}{square}({text})"), -5.0, 5.0),
            "logsumexp" if filtered => {
                Term::operand(format!("max(-6, logsumexp{square}({text}))"), -6.0, 12.0)
            }
            "logsumexp" => Term::operand(format!("logsumexp{square}({text})"), -5.0, 12.0),
            "norm" => Term::operand(format!("norm{square}({text})"), 0.0, 5.0 * many),
            "dot" => {
                let some = self.subset(axes);
                let other = self.argument(&some, depth);
                let text = format!("dot{square}({text}, {})", other.text);
                Term::operand(text, -25.0 * many, 25.0 * many)
            }
            _ => Term::operand(format!("sum{square}({text})"), -5.0 * many, 5.0 * many),
        }
    }

    /// `softmax` and `log_softmax`.
    fn along(&mut self, axes: &[Axis], depth: usize) -> Term {
        if axes.is_empty() {
            return self.reduction(axes, depth);
        }
        let axis = *self.tape.choose(axes);
        let bare = axes.len() == 1 && self.tape.one_in(2);
        let square = if bare { String::new() } else { format!("[{}]", self.axes[axis].name) };
        let body = self.argument(axes, depth);
        match self.tape.below(4) {
            0 => Term::operand(format!("softmax{square}({})", body.text), 0.0, 1.0),
            1 => Term::operand(format!("log_softmax{square}({})", body.text), -14.0, 0.0),
            2 => Term::operand(format!("log(softmax{square}({}))", body.text), -14.0, 0.0),
            _ => {
                let text = format!("1 - softmax{square}({})", body.text);
                Term { text, level: Level::Sum, low: 0.0, high: 1.0 }
            }
        }
    }

    fn call(&mut self, axes: &[Axis], depth: usize) -> Term {
        let fits = |callable: &&Callable| {
            if callable.by_name.is_some_and(|own| !self.visible.contains(&own)) {
                return false;
            }
            let lifted = callable.by_name.is_some()
                || !callable.takes_array
                || axes.len() <= usize::from(callable.keeps);
            lifted
                && (!callable.keeps
                    || axes.len() == 1 && callable.by_name.is_none_or(|own| axes == [own]))
                && callable.by_name.is_none_or(|own| callable.keeps || !axes.contains(&own))
        };
        let callables: Vec<Callable> = self.callables.iter().filter(fits).cloned().collect();
        if callables.is_empty() {
            return self.unary(axes, depth);
        }
        let callable = self.tape.choose(&callables).clone();
        let volume = self.volume;
        let mut arguments = Vec::new();
        if callable.takes_array {
            let mut own = axes.to_vec();
            if !callable.keeps {
                let over =
                    callable.by_name.unwrap_or_else(|| *self.tape.choose(&self.visible.clone()));
                self.volume *= self.axes[over].length;
                own.push(over);
            }
            arguments.push(self.argument(&own, depth).text);
        }
        for at in 0..callable.numbers {
            let own = if callable.takes_array && (callable.by_name.is_none() || callable.keeps) {
                vec![]
            } else if at == 0 {
                axes.to_vec()
            } else {
                self.subset(axes)
            };
            arguments.push(self.argument(&own, depth).text);
        }
        self.volume = volume;
        if let Some(name) = callable.positive.filter(|_| self.tape.one_in(2)) {
            arguments.push(format!("{name} = {}", self.tape.choose(&["0.5", "1.75", "3"])));
        }
        let text = format!("{}({})", callable.name, arguments.join(", "));
        Term::operand(text, callable.low, callable.high)
    }
}
