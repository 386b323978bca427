//! The structs that the functions of a loss take: what is given, and where results go.

use std::fmt::Write;

use super::WRITES;
use super::markdown;
use super::names::{Spelled, is_param};
use crate::batch::is_batched;
use crate::graph::Role;
use crate::linked::{Default, Elements};

/// The preds, targets and learned inputs, and how long the named axes are.
pub(super) fn inputs(spelled: &Spelled) -> String {
    let mut fields = String::new();
    for (extent, field) in spelled.interface.extents.iter().zip(&spelled.extents) {
        let least = match extent.least {
            0 => String::new(),
            least => format!(", at least {least}"),
        };
        write!(
            fields,
            "    /// How long axis {} is{least}.\n    pub {field}: usize,\n",
            extent.name
        )
        .expect(WRITES);
    }
    let given = spelled.arguments(false);
    for at in &given {
        field(&mut fields, spelled, *at, &type_of(spelled, *at));
    }
    let lifetime = lifetime(spelled, &given);
    format!(
        "/// What the loss is computed of.\n\
         #[derive(Clone, Copy, Debug, PartialEq)]\n\
         pub struct Inputs{lifetime} {{\n{fields}}}"
    )
}

/// The params and their defaults; nothing if there are no params.
pub(super) fn params(spelled: &Spelled) -> String {
    if !spelled.has_params() {
        return String::new();
    }
    let params = spelled.arguments(true);
    let mut fields = String::new();
    for at in &params {
        field(&mut fields, spelled, *at, &type_of(spelled, *at));
    }
    let lifetime = lifetime(spelled, &params);
    let mut text = format!(
        "/// The params of the loss, the same for all examples.\n\
         #[derive(Clone, Copy, Debug, PartialEq)]\n\
         pub struct Params{lifetime} {{\n{fields}}}\n\n"
    );
    let is_required = |at: &usize| spelled.argument(*at).default == Default::Required;
    let required: Vec<usize> = params.iter().copied().filter(is_required).collect();
    let value = |at: usize| {
        let field = &spelled.fields[at];
        if is_required(&at) { field.clone() } else { format!("{field}: {}", default(spelled, at)) }
    };
    let values: Vec<String> =
        params.iter().map(|at| format!("            {},\n", value(*at))).collect();
    let values = values.concat();
    if required.is_empty() {
        let lifetime = if lifetime.is_empty() { "" } else { "<'_>" };
        text.push_str(&format!(
            "impl ::core::default::Default for Params{lifetime} {{\n    \
                 fn default() -> Self {{\n        \
                     Self {{\n{values}        }}\n    \
                 }}\n\
             }}"
        ));
    } else {
        let taken: Vec<String> = required
            .iter()
            .map(|at| format!("{}: {}", spelled.fields[*at], type_of(spelled, *at)))
            .collect();
        text.push_str(&format!(
            "impl{lifetime} Params{lifetime} {{\n    \
                 /// The params that have no default, in the order of the file, and the defaults of all others.\n    \
                 #[must_use]\n    \
                 pub const fn new({}) -> Self {{\n        \
                     Self {{\n{values}        }}\n    \
                 }}\n\
             }}",
            taken.join(", ")
        ));
    }
    text
}

/// Where the short functions write gradients; nothing if there are none.
pub(super) fn gradients(spelled: &Spelled) -> String {
    if !spelled.has_gradients() {
        return String::new();
    }
    let mut fields = String::new();
    for at in &spelled.interface.gradients {
        gradient(&mut fields, spelled, *at, &slot(spelled, *at));
    }
    format!("/// Where gradients go.\n#[derive(Debug)]\npub struct Gradients<'a> {{\n{fields}}}")
}

/// Where `run` writes what is asked for.
pub(super) fn outputs(spelled: &Spelled) -> String {
    let mut fields = format!(
        "    /// The value of each example, without its sample weight: `examples` numbers.\n    \
             pub values: Option<&'a mut [{}]>,\n",
        spelled.real
    );
    for at in &spelled.interface.gradients {
        gradient(&mut fields, spelled, *at, &format!("Option<{}>", slot(spelled, *at)));
    }
    format!(
        "/// Which results are wanted, and where they go.\n\
         #[derive(Debug, Default)]\n\
         pub struct Outputs<'a> {{\n{fields}}}"
    )
}

/// The type of a gradient's field.
fn slot(spelled: &Spelled, at: usize) -> String {
    let real = spelled.real;
    if spelled.is_slice(at) { format!("&'a mut [{real}]") } else { format!("&'a mut {real}") }
}

fn gradient(fields: &mut String, spelled: &Spelled, at: usize, slot: &str) {
    let argument = spelled.argument(at);
    let name = &argument.name;
    let shape = shape(spelled, at);
    write!(
        fields,
        "    /// The gradient in `{name}`: {shape}.\n    pub {}: {slot},\n",
        spelled.fields[at]
    )
    .expect(WRITES);
}

fn field(fields: &mut String, spelled: &Spelled, at: usize, type_: &str) {
    let argument = spelled.argument(at);
    let role = match argument.role {
        Role::Pred => "Pred",
        Role::Target => "Target",
        Role::Learned => "Learned",
        Role::Param => "Param",
    };
    let elements = match argument.elements {
        Elements::Switch if spelled.is_slice(at) => ", 0 or 1".to_owned(),
        Elements::Real | Elements::Switch => String::new(),
        Elements::Index { along, optional } => {
            let negative = if optional { "; a negative one is missing" } else { "" };
            format!(", positions along axis {} from 0{negative}", spelled.axis(along))
        }
    };
    let each = if argument.axes.is_empty() { "" } else { " each" };
    let default = match &argument.default {
        _ if !is_param(argument) => String::new(),
        Default::Required => " It has no default.".to_owned(),
        Default::Number(number) if argument.elements == Elements::Switch => {
            let off = *number == 0.0;
            match (spelled.is_slice(at), off) {
                (false, off) => format!(" Default: {}.", !off),
                (true, _) => format!(" Default: {number} each."),
            }
        }
        Default::Number(number) => format!(" Default: {number}{each}."),
        Default::Computed(words) => format!(" Default: `{words}`."),
    };
    for line in markdown(&argument.doc) {
        writeln!(fields, "{}", format!("    /// {line}").trim_end()).expect(WRITES);
    }
    if !argument.doc.is_empty() {
        fields.push_str("    ///\n");
    }
    write!(
        fields,
        "    /// {role} `{}`: {}{elements}.{default}\n    pub {}: {type_},\n",
        argument.declaration,
        shape(spelled, at),
        spelled.fields[at],
    )
    .expect(WRITES);
}

/// How many elements an argument has, in words.
fn shape(spelled: &Spelled, at: usize) -> String {
    let argument = spelled.argument(at);
    let axes = argument.axes.iter().map(|axis| spelled.axis(*axis));
    let examples = is_batched(argument.role).then(|| "examples".to_owned());
    let lengths: Vec<String> = examples.into_iter().chain(axes).collect();
    let elements = match argument.elements {
        Elements::Real => ("one number", "numbers"),
        Elements::Switch => ("a switch", "numbers"),
        Elements::Index { .. } => ("one integer", "integers"),
    };
    match lengths.as_slice() {
        [] => elements.0.to_owned(),
        lengths => format!("`{}` {}", lengths.join(" × "), elements.1),
    }
}

fn type_of(spelled: &Spelled, at: usize) -> String {
    let element = spelled.element(at);
    let own = if spelled.is_slice(at) { format!("&'a [{element}]") } else { element.to_owned() };
    if spelled.is_optional(at) { format!("Option<{own}>") } else { own }
}

/// The lifetime of a struct that has some arguments for fields.
fn lifetime(spelled: &Spelled, arguments: &[usize]) -> &'static str {
    if arguments.iter().any(|at| spelled.is_slice(*at)) { "<'a>" } else { "" }
}

/// The expression of a param's default.
fn default(spelled: &Spelled, at: usize) -> String {
    match &spelled.argument(at).default {
        Default::Number(number) if !spelled.is_slice(at) => match spelled.argument(at).elements {
            Elements::Real => real(*number, spelled.real),
            Elements::Switch => (*number != 0.0).to_string(),
            Elements::Index { .. } => format!("{number:.0}"),
        },
        Default::Number(_) | Default::Computed(_) | Default::Required => "None".to_owned(),
    }
}

/// A number as a literal of its type.
fn real(number: f64, type_: &str) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the loss computes with the rounded number"
    )]
    let (short, value) = match type_ {
        "f32" => (format!("{:?}", number as f32), f64::from(number as f32)),
        _ => (format!("{number:?}"), number),
    };
    if value.is_finite() {
        short
    } else if value.is_nan() {
        format!("{type_}::NAN")
    } else {
        format!("{type_}::{}", if value > 0.0 { "INFINITY" } else { "NEG_INFINITY" })
    }
}
