//! Writes whole random files: constants, helpers, and a last loss that may use all of them.

use super::tape::Tape;
use super::term::{Level, Term};
use super::writer::{Axis, AxisRow, Callable, Kind, Variable, Writer};

/// A random file, and how large its arrays should be.
#[derive(Clone, Debug)]
pub(super) struct Program {
    pub(super) text: String,
    /// How long the named axes are.
    pub(super) lengths: Vec<(String, usize)>,
    pub(super) examples: usize,
    /// Where the data comes from.
    pub(super) seed: u64,
    /// Whether derivatives are limits of differences.
    pub(super) differentiable: bool,
    /// Whether the plain evaluator knows the values.
    pub(super) evaluated: bool,
    /// How the call is made.
    pub(super) choice: usize,
}

const LENGTHS: &[usize] = &[3, 1, 2, 4, 5, 7, 8, 9, 13, 16, 17, 20];
const EXAMPLES: &[usize] = &[2, 1, 3, 4, 5, 7, 8, 16, 17, 33, 40];
/// How many elements an input has at most.
const ELEMENTS: usize = 120;

/// The prelude's functions of arrays that are used: name, whether the axis stays, further numbers, bounds.
const ARRAYS: &[(&str, bool, f64, f64)] = &[
    ("normalize", true, -1.0, 1.0),
    ("variance", false, 0.0, 25.0),
    ("squared_norm", false, 0.0, 500.0),
    ("log_mean_exp", false, -5.0, 5.0),
    ("root_mean_square", false, 0.0, 5.0),
];

pub(super) fn write_program(choices: &[u16]) -> Program {
    let mut tape = Tape::new(choices);
    let seed = u64::try_from(tape.below(1 << 16)).unwrap();
    let examples = *tape.choose(EXAMPLES);
    let choice = tape.below(1 << 16);
    let mut axes: Vec<AxisRow> = Vec::new();
    for name in &["K", "N", "Class"][..=tape.below(3)] {
        let length = *tape.choose(LENGTHS);
        let large = axes.iter().any(|axis| axis.length > 5);
        let length = if large { 1 + length % 5 } else { length };
        axes.push(AxisRow { name: (*name).to_owned(), length });
    }
    let lengths = axes.iter().map(|axis| (axis.name.clone(), axis.length)).collect();
    if tape.one_in(3) {
        let length = 1 + tape.below(4);
        axes.push(AxisRow { name: length.to_string(), length });
    }
    let visible = (0..axes.len()).collect();
    let tape_fuel = tape.below(60);
    let unguarded = tape.one_in(8);
    let mut writer = Writer {
        tape,
        axes,
        visible,
        scope: Vec::new(),
        callables: Vec::new(),
        fuel: 30 + tape_fuel,
        fresh: 0,
        volume: 1,
        differentiable: true,
        unguarded,
    };
    let mut text = "const BIAS = 0.7\nconst HALF = BIAS - 0.2\n".to_owned();
    text += &writer.helpers();
    text += &writer.main_loss();
    Program {
        text,
        lengths,
        examples,
        seed,
        differentiable: writer.differentiable,
        evaluated: !unguarded,
        choice,
    }
}

fn real(name: &str, axes: &[Axis], low: f64, high: f64) -> Variable {
    let kind = Kind::Real { low, high };
    Variable { name: name.into(), kind, axes: axes.to_vec(), ordered: axes.len(), modelled: true }
}

impl std::fmt::Display for Program {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "{}{:?}, {} examples, seed {}, choice {}",
            self.text, self.lengths, self.examples, self.seed, self.choice
        )
    }
}

impl Writer<'_> {
    fn helpers(&mut self) -> String {
        let mut text = String::new();
        for (name, keeps, low, high) in ARRAYS {
            self.callables.push(Callable {
                name: (*name).into(),
                takes_array: true,
                by_name: None,
                numbers: 0,
                positive: None,
                keeps: *keeps,
                low: *low,
                high: *high,
            });
        }
        if self.tape.one_in(2) {
            text += "use huber;\n";
            self.callables.push(Callable {
                name: "huber".into(),
                takes_array: false,
                by_name: None,
                numbers: 2,
                positive: Some("delta"),
                keeps: false,
                low: 0.0,
                high: 50.0,
            });
        }
        for _ in 0..self.tape.below(3) {
            text += &self.helper();
        }
        text
    }

    /// A `fn` or loss of numbers, or of an array and numbers.
    fn helper(&mut self) -> String {
        let (outer, visible) = (std::mem::take(&mut self.scope), self.visible.clone());
        let name = self.fresh("f");
        let takes_array = self.tape.one_in(2);
        let by_name = if takes_array && self.tape.one_in(2) {
            Some(*self.tape.choose(&visible))
        } else {
            None
        };
        let is_loss = self.tape.one_in(3);
        let numbers = if takes_array { self.tape.below(2) } else { 1 + self.tape.below(2) };
        let mut parameters = Vec::new();
        self.visible.clear();
        if takes_array {
            // A local axis is as long as the shortest that may bind to it.
            let axis = by_name.unwrap_or_else(|| {
                let length = self.axes.iter().map(|axis| axis.length).min().unwrap_or(1);
                self.axes.push(AxisRow { name: "Own".into(), length });
                self.axes.len() - 1
            });
            self.visible.push(axis);
            self.scope.push(real("v", &[axis], -5.0, 5.0));
            parameters.push(format!("v[{}]", self.axes[axis].name));
        }
        for parameter in &["a", "b"][..numbers] {
            self.scope.push(real(parameter, &[], -5.0, 5.0));
            parameters.push((*parameter).to_owned());
        }
        let keeps = takes_array && !is_loss && self.tape.one_in(2);
        let axes: Vec<Axis> = if keeps { self.visible.clone() } else { vec![] };
        let mut positive = None;
        if is_loss {
            self.scope.push(real("scale", &[], 0.1, 3.0));
            parameters[0].insert_str(0, "pred ");
            parameters.push("param scale in (0, inf) = 1.5".into());
            positive = Some("scale");
        }
        let fuel = std::mem::replace(&mut self.fuel, 8);
        // Without an axis in sight there is nothing to bind.
        let body = if self.visible.is_empty() { self.scalar_body() } else { self.real(&axes, 3) };
        self.fuel = fuel;
        self.scope = outer;
        if takes_array && by_name.is_none() {
            self.axes.pop();
        }
        self.visible = visible;
        let (low, high) = (body.low, body.high);
        self.callables.push(Callable {
            name: name.clone(),
            takes_array,
            by_name,
            numbers,
            positive,
            keeps,
            low,
            high,
        });
        let word = if is_loss { "loss" } else { "fn" };
        format!("{word} {name}({}) = {}\n", parameters.join(", "), body.text)
    }

    /// A formula of the parameters alone.
    fn scalar_body(&mut self) -> Term {
        let callables = std::mem::take(&mut self.callables);
        let mut body = self.leaf(&[]);
        for _ in 0..=self.tape.below(3) {
            let (pattern, level, low, high) = *self.tape.choose(super::term::BINARY);
            let other = self.leaf(&[]);
            let (a, b) = (self.squashed(body), self.squashed(other));
            let text = super::term::fill(pattern, &[('$', &a), ('@', &b)]);
            body = Term { text, level, low, high };
        }
        self.callables = callables;
        body
    }

    fn main_loss(&mut self) -> String {
        for (name, value) in [("BIAS", 0.7), ("HALF", 0.5)] {
            self.scope.push(Variable { modelled: false, ..real(name, &[], value, value) });
        }
        let inputs = self.inputs();
        let per = if self.tape.one_in(3) { self.per() } else { String::new() };
        let mut lets = String::new();
        for _ in 0..self.tape.below(3) {
            let axes: Vec<Axis> = self.visible.iter().copied().take(2).collect();
            let definition = self.definition(&axes, 3);
            lets += &format!("    {definition}\n");
        }
        let mut value = self.real(&[], 6).at(Level::Product);
        for _ in 0..self.tape.below(4) {
            self.fuel += 12;
            let more = self.real(&[], 6);
            let sign = *self.tape.choose(&["+", "-", "* 0.1 +"]);
            value += &format!(" {sign} {}", more.at(Level::Product));
        }
        format!("loss test(\n{inputs}) {{\n{lets}    {value}\n}}{per}\n")
    }

    fn input(&mut self, text: &mut String, role: &str, name: &str, axes: &[Axis], domain: usize) {
        let names: Vec<&str> = axes.iter().map(|axis| self.axes[*axis].name.as_str()).collect();
        let shape =
            if names.is_empty() { String::new() } else { format!("[{}]", names.join(", ")) };
        let (domain, low, high) = [
            ("", -3.0, 3.0),
            (" in [0, 1]", 0.0, 1.0),
            (" in (0, inf)", 0.0, 3.0),
            (" in [-1, BIAS + 1)", -1.0, 2.0),
            (" in {-1, 1}", -1.0, 1.0),
            (" in 0..", 0.0, 2.0),
            (" in 1..=5", 1.0, 5.0),
            (" in simplex", 0.0, 1.0),
        ][if domain == 7 && axes.is_empty() { 0 } else { domain }];
        let default = match (role, domain) {
            ("param" | "learned", "" | " in [0, 1]" | " in (0, inf)") if name.starts_with('q') => {
                match (self.tape.below(4), axes) {
                    (1, _) => " = 0.5".to_owned(),
                    (2, [axis]) => {
                        let axis = &self.axes[*axis].name;
                        format!(" = [q in {axis}] (real(q) + 0.5) / size({axis})")
                    }
                    (3, _) => " = HALF + 1 / 4".to_owned(),
                    _ => String::new(),
                }
            }
            _ => String::new(),
        };
        *text += &format!("    {role} {name}{shape}{domain}{default},\n");
        let mut variable = real(name, axes, low, high);
        variable.modelled = matches!(role, "pred" | "learned");
        self.scope.push(variable);
    }

    /// The inputs of the last loss; every axis has an array of numbers.
    fn inputs(&mut self) -> String {
        let mut text = String::new();
        let visible = self.visible.clone();
        self.input(&mut text, "pred", "x", &[], 0);
        for axis in &visible {
            let name = format!("p{axis}");
            let role = *self.tape.choose(&["pred", "pred", "target", "learned"]);
            self.input(&mut text, role, &name, &[*axis], 0);
        }
        for at in 0..self.tape.below(5) {
            let name = format!("q{at}");
            let role = *self.tape.choose(&["pred", "target", "param", "learned"]);
            let mut axes = Vec::new();
            for _ in 0..self.tape.below(3) {
                let axis = *self.tape.choose(&visible);
                let count: usize = axes.iter().map(|axis: &Axis| self.axes[*axis].length).product();
                if count * self.axes[axis].length <= ELEMENTS {
                    axes.push(axis);
                }
            }
            let domain = self.tape.below(8);
            self.input(&mut text, role, &name, &axes, domain);
        }
        for at in 0..self.tape.below(4) {
            let of = *self.tape.choose(&visible);
            let mut axes = Vec::new();
            if self.tape.one_in(2) {
                axes.push(*self.tape.choose(&visible));
            }
            let optional = self.tape.one_in(2);
            let shape = axes
                .first()
                .map_or_else(String::new, |axis| format!("[{}]", self.axes[*axis].name));
            let name = format!("label{at}");
            let kind = Kind::Index { of, optional };
            let mark = if optional { "?" } else { "" };
            text += &format!("    target {name}{shape} in {}{mark},\n", self.axes[of].name);
            let ordered = axes.len();
            self.scope.push(Variable { name, kind, axes, ordered, modelled: false });
        }
        if self.tape.one_in(3) {
            let role = *self.tape.choose(&["target", "param"]);
            let default = if role == "param" { " = true" } else { "" };
            text += &format!("    {role} flag in {{false, true}}{default},\n");
            self.scope.push(Variable {
                name: "flag".into(),
                kind: Kind::Truth,
                axes: vec![],
                ordered: 0,
                modelled: false,
            });
        }
        text
    }

    /// What an example counts for: of targets and params only.
    fn per(&mut self) -> String {
        let all = self.scope.clone();
        self.scope.retain(|variable| !variable.modelled);
        let callables = std::mem::take(&mut self.callables);
        let differentiable = self.differentiable;
        let weight = self.real(&[], 2);
        (self.scope, self.callables, self.differentiable) = (all, callables, differentiable);
        format!(" per 0.5 + abs({})", weight.text)
    }
}
