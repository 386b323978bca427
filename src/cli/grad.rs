//! `lossc grad`: a loss comes in, it and its derivatives go out as text.
//!
//! Params are first made constants where they have a value (their default, or `--set`), then, if that
//! changes anything, left as symbols.

use clap::ValueEnum;
use lossc::differentiate::differentiate;
use lossc::freeze::freeze;
use lossc::graph::{Graph, InputId, InputKind, Node, NodeId, Role};
use lossc::model::Model;
use lossc::print::{signature, to_block, to_latex_within};
use lossc::rewrite::{simplify, stabilize};

use super::bind::unknown_input;
use super::failure::{DataCode, Failure};
use super::settings::{Setting, Value, parse_setting};
use super::source;
use super::terminal::{Terminal, print};

/// How many operands and operators a formula in LaTeX may have.
const LATEX_BUDGET: usize = 2000;

/// Print a loss and its derivatives, readable.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  lossc grad cross_entropy
  lossc grad huber --set delta=2
  lossc grad my.loss --loss detection --wrt logits,box
  lossc grad barron --format latex")]
pub(crate) struct Arguments {
    /// A .loss file, - for standard input, or the name of a shipped loss.
    file: String,
    /// Which loss of the file; all of them if left out.
    #[arg(long, value_name = "NAME")]
    loss: Option<String>,
    /// The inputs to take derivatives in, params too. Every prediction and learned input if left out.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    wrt: Vec<String>,
    /// A param or learned input that is a constant: a number, true or false.
    #[arg(long, value_parser = parse_setting, value_name = "NAME=VALUE", allow_hyphen_values = true)]
    set: Vec<Setting>,
    /// The notation.
    #[arg(long, value_enum, default_value_t = Notation::Text)]
    format: Notation,
}

/// How formulas are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Notation {
    /// As in a loss file.
    Text,
    /// For documents.
    Latex,
}

/// Prints losses and their derivatives.
///
/// # Errors
/// If the file is wrong, a name is not known, or something cannot be read or written.
pub(crate) fn grad(terminal: &Terminal, arguments: &Arguments) -> Result<(), Failure> {
    let checked = source::load(terminal, &arguments.file)?;
    let models = match &arguments.loss {
        Some(name) => vec![source::choose(&arguments.file, checked.models, Some(name))?],
        None if checked.models.is_empty() => {
            vec![source::choose(&arguments.file, checked.models, None)?]
        }
        None => checked.models,
    };
    let mut text = String::new();
    for model in &models {
        if !text.is_empty() {
            text.push('\n');
        }
        text += &describe(arguments, model)?;
    }
    print(&text)
}

/// The signature, then the formulas at given params and those at any.
fn describe(arguments: &Arguments, model: &Model) -> Result<String, Failure> {
    let wrt = inputs(model, &arguments.wrt)?;
    let given = settings(model, &arguments.set)?;
    let model = freeze_values(model, &given)?;
    let defaults = defaults(&model, &wrt, &given);
    let at_defaults = formulas(arguments.format, &freeze_values(&model, &defaults)?, &wrt);
    let general = formulas(arguments.format, &model, &wrt);
    let comment = if arguments.format == Notation::Latex { "% " } else { "" };
    let mut text = format!("{comment}{}\n", signature(&model));
    let constants: Vec<(InputId, f64)> = given.iter().chain(&defaults).copied().collect();
    if !constants.is_empty() {
        let mut sorted = constants;
        sorted.sort_by_key(|(id, _)| *id);
        text += &format!("\n{comment}with {}\n", values(&model.graph, &sorted));
    }
    text += &at_defaults;
    if general != at_defaults {
        let names: Vec<&str> =
            defaults.iter().map(|(id, _)| model.graph.input(*id).name.as_str()).collect();
        text += &format!("\n{comment}with any {}\n{general}", names.join(", "));
    }
    Ok(text)
}

/// The inputs of `--wrt`, or those that come by default.
fn inputs(model: &Model, names: &[String]) -> Result<Vec<InputId>, Failure> {
    let graph = &model.graph;
    let is_real = |id: &InputId| graph.input(*id).kind == InputKind::Real;
    if names.is_empty() {
        let comes = |id: &InputId| matches!(graph.input(*id).role, Role::Pred | Role::Learned);
        return Ok(graph.input_ids().filter(comes).filter(is_real).collect());
    }
    let mut wrt = Vec::new();
    for name in names {
        let id = find(model, "--wrt", name)?;
        if !is_real(&id) {
            return Err(Failure::usage(
                format!("--wrt: `{name}` is no number, and nothing has a derivative in it"),
                "name inputs that are real",
            ));
        }
        wrt.push(id);
    }
    Ok(wrt)
}

fn find(model: &Model, option: &str, name: &str) -> Result<InputId, Failure> {
    let graph = &model.graph;
    let found = graph.input_ids().find(|id| graph.input(*id).name == name);
    found.ok_or_else(|| unknown_input(model, option, name))
}

/// The constants of `--set`, the last one of a name.
fn settings(model: &Model, settings: &[Setting]) -> Result<Vec<(InputId, f64)>, Failure> {
    let mut given: Vec<(InputId, f64)> = Vec::new();
    for setting in settings {
        let id = find(model, "--set", &setting.name)?;
        let Value::Number(number) = setting.value else {
            return Err(Failure::usage(
                format!("--set: `{}` can only be one number here", setting.name),
                "a formula has no room for the elements of an array",
            ));
        };
        given.retain(|(known, _)| *known != id);
        given.push((id, number));
    }
    Ok(given)
}

/// The params whose default is a number, once the earlier ones are numbers; none that is differentiated in.
fn defaults(model: &Model, wrt: &[InputId], given: &[(InputId, f64)]) -> Vec<(InputId, f64)> {
    let mut found: Vec<(InputId, f64)> = Vec::new();
    for id in model.graph.input_ids() {
        let input = model.graph.input(id);
        if input.role != Role::Param
            || wrt.contains(&id)
            || given.iter().any(|(known, _)| *known == id)
        {
            continue;
        }
        let Ok(mut frozen) = freeze(model, &found) else { continue };
        let Some(default) = frozen.graph.input(id).default else { continue };
        let mut roots = [default];
        simplify(&mut frozen.graph, &mut roots);
        let number = match frozen.graph.node(roots[0]) {
            Node::Bool(is_on) => Some(f64::from(u8::from(*is_on))),
            _ => frozen.graph.as_number(roots[0]),
        };
        let number = number.filter(|number| freeze(model, &[(id, *number)]).is_ok());
        found.extend(number.map(|number| (id, number)));
    }
    found
}

fn freeze_values(model: &Model, constants: &[(InputId, f64)]) -> Result<Model, Failure> {
    freeze(model, constants).map_err(|error| {
        Failure::data(
            DataCode::Domain,
            "--set",
            error.to_string(),
            "the declaration of the loss says what each param takes",
        )
    })
}

/// `weight = 1, smoothing = 0`
fn values(graph: &Graph, constants: &[(InputId, f64)]) -> String {
    let words = |(id, value): &(InputId, f64)| {
        let input = graph.input(*id);
        match input.kind {
            InputKind::Switch => format!("{} = {}", input.name, *value != 0.0),
            InputKind::Real | InputKind::Index { .. } => format!("{} = {value}", input.name),
        }
    };
    constants.iter().map(words).collect::<Vec<_>>().join(", ")
}

/// A line or block for the loss, and one for each derivative.
fn formulas(notation: Notation, model: &Model, wrt: &[InputId]) -> String {
    let mut graph = model.graph.clone();
    let mut value = [model.value];
    stabilize(&mut graph, &mut value);
    let gradients = differentiate(&mut graph, value[0], wrt);
    let mut roots = value.to_vec();
    roots.extend(gradients.iter().map(|gradient| gradient.node));
    stabilize(&mut graph, &mut roots);
    simplify(&mut graph, &mut roots);
    let name = match notation {
        Notation::Text => model.name.clone(),
        Notation::Latex => roman(&model.name),
    };
    let mut text = formula(notation, &graph, &name, roots[0]);
    for ((id, gradient), root) in wrt.iter().zip(&gradients).zip(&roots[1..]) {
        let left = match notation {
            Notation::Text => format!("d {name} / d {}", graph.input(*id).name),
            Notation::Latex => {
                let subscripts =
                    gradient.axes.iter().map(|axis| graph.intern(Node::Index(*axis))).collect();
                let element = graph.intern(Node::Read(*id, subscripts));
                let element = to_latex_within(&graph, element, LATEX_BUDGET);
                format!("\\frac{{\\partial {name}}}{{\\partial {element}}}")
            }
        };
        text += &formula(notation, &graph, &left, *root);
    }
    text
}

/// A name upright, with its underscores.
fn roman(name: &str) -> String {
    format!("\\mathrm{{{}}}", name.replace('_', "\\_"))
}

fn formula(notation: Notation, graph: &Graph, left: &str, root: NodeId) -> String {
    match notation {
        Notation::Latex => {
            format!("\\[ {left} = {} \\]\n", to_latex_within(graph, root, LATEX_BUDGET))
        }
        Notation::Text => {
            let block = to_block(graph, root);
            let lines: Vec<&str> = block.trim_end().lines().collect();
            match lines[..] {
                [line] => format!("{left} = {line}\n"),
                [line, result] => match element(line, result) {
                    Some((brackets, line)) => format!("{left}{brackets} = {line}\n"),
                    None => format!("{left} = {{\n    {line}\n    {result}\n}}\n"),
                },
                _ => format!("{left} = {{\n    {}\n}}\n", lines.join("\n    ")),
            }
        }
    }
}

/// `let g[i in K] = x;` and `g` say no more than the brackets and `x`.
fn element<'a>(line: &'a str, result: &str) -> Option<(&'a str, &'a str)> {
    let definition = line.strip_prefix("let ")?.strip_prefix(result)?;
    let (brackets, formula) = definition.strip_suffix(';')?.split_once(" = ")?;
    Some((brackets, formula)).filter(|_| brackets.starts_with('['))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lone_definition_is_said_by_its_element() {
        assert_eq!(element("let g[i in K] = a[i];", "g"), Some(("[i in K]", "a[i]")));
        assert_eq!(element("let t = a;", "t + t"), None);
        assert_eq!(element("let g = a;", "g"), None);
    }
}
