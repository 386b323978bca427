//! The Rust module of linked losses: in come their interfaces, out goes a text for `include!` that uses `core`
//! alone: what all losses share, and a module for each with safe functions on slices.
//!
//! The functions test every length before the object sees a pointer; the object tests labels and params.

mod call;
mod functions;
mod inputs;
mod names;

use std::fmt::Write;

use super::prose::markdown;
use crate::linked::Interface;
use names::Spelled;

/// A Rust text with a module for each loss and the types that they share: `Error`, `Place`, `Options`, `Reduction`
/// and `Summary`.
///
/// A loss is a module of its name, or of its name and precision where it comes in both. Names are those of the
/// file, as raw identifiers where Rust reserves them; `self`, `super`, `crate`, `Self`, `_` and names that are
/// taken (such as an input `values`) have `_` at their end. The text goes into a module of its own:
/// `pub mod losses { include!(…); }`.
#[must_use]
pub fn rust_module(interfaces: &[Interface]) -> String {
    let mut text =
        "// Written by lossc. What is changed here is lost when the losses are compiled again.\n"
            .to_owned();
    text.push('\n');
    text.push_str("/// What all losses share.\n");
    text.push_str(&module("mod lossc_shared", SHARED));
    text.push_str(
        "\n#[allow(unused_imports, unreachable_pub)]\npub use self::lossc_shared::{Error, Options, Place, Reduction, Summary};\n",
    );
    for (interface, name) in interfaces.iter().zip(names::modules(interfaces)) {
        text.push('\n');
        text.push_str(&loss_module(interface, &name));
    }
    text
}

/// What all losses share.
const SHARED: &str = include_str!("rust/shared.in");

/// What the lints of a crate may have against code that it did not write, or does not use all of.
const ALLOW: &str = "\
#[rustfmt::skip]
#[allow(dead_code, unreachable_pub, unused_qualifications, unused_variables, non_snake_case, unsafe_code)]
#[allow(clippy::all, clippy::pedantic, clippy::nursery, clippy::restriction)]
";

const WRITES: &str = "a string takes any text";

/// The module of one loss.
fn loss_module(interface: &Interface, name: &str) -> String {
    let spelled = Spelled::new(interface);
    let body = [
        inputs::inputs(&spelled),
        inputs::params(&spelled),
        inputs::gradients(&spelled),
        inputs::outputs(&spelled),
        functions::short(&spelled),
        functions::run(&spelled),
        call::declarations(&spelled),
        call::sizes(&spelled),
        call::prepare(&spelled),
        call::failure(&spelled),
    ];
    let mut text = String::new();
    for line in module_docs(interface) {
        writeln!(text, "{}", format!("/// {line}").trim_end()).expect(WRITES);
    }
    let body: Vec<&str> =
        body.iter().map(|item| item.trim_end()).filter(|item| !item.is_empty()).collect();
    text.push_str(&module(&format!("pub mod {name}"), &body.join("\n\n")));
    text
}

/// A module of items, at which no lint takes offence.
fn module(head: &str, items: &str) -> String {
    let mut text = format!("{ALLOW}{head} {{\n");
    for line in items.lines() {
        writeln!(text, "{}", format!("    {line}").trim_end()).expect(WRITES);
    }
    text.push_str("}\n");
    text
}

fn module_docs(interface: &Interface) -> Vec<String> {
    let mut lines = markdown(&interface.doc);
    if lines.is_empty() {
        lines.push(format!("The loss `{}`.", interface.name));
    }
    lines.extend([
        String::new(),
        "`````text".to_owned(),
        interface.signature.clone(),
        "`````".to_owned(),
    ]);
    for (name, value) in &interface.frozen {
        lines.extend([String::new(), format!("Compiled with `{name}` = {value}.")]);
    }
    lines
}
