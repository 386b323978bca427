//! The C header of linked losses: in come their interfaces, out goes a text that C99 and C++17 read without a
//! warning, that includes `<stdint.h>` alone, and that any number of others may stand beside.

use std::fmt::Write;

use super::names::Names;
use super::prose::comment;
use crate::batch::is_batched;
use crate::graph::Role;
use crate::linked::{
    ABI_VERSION, Argument, AxisLength, Default, Elements, FLAG_CHECKED, FLAG_SUM, Field, Interface,
    STATUSES,
};
use crate::loops::Precision;

/// A C header that declares losses: for each a struct of what a call takes, the functions that take it, and the
/// constant that holds the version of both.
///
/// `name` is what the header is called in its first line. Fields are named as in the file; a name that C or C++
/// reserves, or that is taken, has `_` at its end. A header of another build may be included as well: what
/// they share is declared once.
#[must_use]
pub fn header(name: &str, interfaces: &[Interface]) -> String {
    let mut text = String::new();
    block(&mut text, "", &[format!("{name}: loss functions compiled by lossc.")]);
    text.push_str("\n#include <stdint.h>\n\n");
    write_common(&mut text);
    text.push_str("\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n");
    for interface in interfaces {
        write_loss(&mut text, interface);
    }
    text.push_str("\n#ifdef __cplusplus\n}\n#endif\n");
    text
}

/// Writes what headers have in common.
fn write_common(text: &mut String) {
    let statuses: Vec<String> = STATUSES
        .iter()
        .map(|(status, name, says)| {
            format!("    LOSSC_{name} = {}, /* {says} */\n", *status as i32)
        })
        .collect();
    let common = COMMON
        .replace("{version}", &ABI_VERSION.to_string())
        .replace("{sum}", &FLAG_SUM.to_string())
        .replace("{checked}", &FLAG_CHECKED.to_string())
        .replace("{statuses}", statuses.concat().trim_end());
    text.push_str(&common);
}

const COMMON: &str = "\
#ifndef LOSSC_ABI
#define LOSSC_ABI {version}

/*
 * How a loss is called: fill a struct with zeros, then set the inputs and sizes; zero is the default of every other
 * field. Arrays are dense and row-major, the examples outermost. Each is aligned as its elements are; the
 * workspace may lie anywhere. No array that is written overlaps another one.
 *
 * Functions are re-entrant: they allocate nothing and keep nothing, so threads may call them at the same time with
 * outputs and workspaces of their own. They take up to 96 KiB of stack. Where the status is not LOSSC_OK nothing has
 * been written but the summary and the workspace.
 *
 * A call runs on the thread that makes it. To use several, call each part of the examples with LOSSC_SUM and an
 * upstream of 1 / weight, and add up the sums, the weights and the gradients that have no examples.
 */

/* Flags of a call. */
#define LOSSC_MEAN 0    /* gradients are those of the mean */
#define LOSSC_SUM {sum}     /* gradients are those of the sum: of each example's own value */
#define LOSSC_CHECKED {checked} /* preds, targets and learned inputs are tested against their domains too; params always are */

/* What a call comes to. */
enum {
{statuses}
};

typedef struct lossc_summary {
    double sum;        /* of the values, each times its sample weight */
    double weight;     /* what the examples count for together: the mean is sum / weight */
    uint64_t argument; /* on failure: which of the struct's inputs, from 0; for LOSSC_AXIS of its extents, their number: an array is too large */
    uint64_t row;      /* on failure: the example, from 0; 0 for an input that all examples share */
    uint64_t element;  /* on failure: the place among the row's own elements, from 0 */
} lossc_summary;

#elif LOSSC_ABI != {version}
#error \"headers of two versions of lossc do not go together\"
#endif
";

/// Writes the declarations of one loss.
fn write_loss(text: &mut String, interface: &Interface) {
    let symbol = &interface.symbol;
    write!(text, "\n#ifndef {symbol}_DECLARED\n#define {symbol}_DECLARED\n\n").expect(WRITES);
    let mut about = comment(&interface.doc);
    if !about.is_empty() {
        about.push(String::new());
    }
    about.extend(comment(&interface.signature));
    about.extend(
        interface.frozen.iter().flat_map(|(name, value)| comment(&format!("{name} is {value}"))),
    );
    block(text, "", &about);
    writeln!(text, "typedef struct {symbol}_call {{").expect(WRITES);
    let fields = fields(interface);
    let widest = fields.iter().map(|(declaration, _)| declaration.len()).max().unwrap_or(0);
    for ((declaration, says), field) in fields.iter().zip(interface.fields()) {
        if let Field::Argument(place) = field
            && let lines = comment(&interface.arguments[place].doc)
            && !lines.is_empty()
        {
            block(text, "    ", &lines);
        }
        let says = comment(says).join(" ");
        writeln!(text, "    {declaration:widest$} /* {says} */").expect(WRITES);
    }
    writeln!(text, "}} {symbol}_call;\n").expect(WRITES);
    write!(
        text,
        "/* Computes what the call asks for and gives a status; summary may be null. */\n\
         int32_t {symbol}(const {symbol}_call *call, lossc_summary *summary);\n\
         /* How many bytes of workspace the call needs; UINT64_MAX: more than can be addressed. It reads the\n \
         * numbers of the struct and which pointers are null. */\n\
         uint64_t {}(const {symbol}_call *call);\n\
         /* The best code that this CPU runs, for the field cpu. */\n\
         uint64_t {}(void);\n\
         /* The LOSSC_ABI that the code was compiled for. */\n\
         extern const uint32_t {};\n\n\
         #endif\n",
        interface.workspace_symbol(),
        interface.cpu_symbol(),
        interface.abi_symbol(),
    )
    .expect(WRITES);
}

const WRITES: &str = "a string takes any text";

/// Writes a comment over lines of its own.
fn block(text: &mut String, indent: &str, lines: &[String]) {
    writeln!(text, "{indent}/*").expect(WRITES);
    for line in lines {
        writeln!(text, "{}", format!("{indent} * {line}").trim_end()).expect(WRITES);
    }
    writeln!(text, "{indent} */").expect(WRITES);
}

/// The declaration of each field, and what is to be said of it.
fn fields(interface: &Interface) -> Vec<(String, String)> {
    let names = field_names(interface);
    let fields = interface.fields();
    names.iter().zip(&fields).map(|(name, field)| describe(interface, *field, name)).collect()
}

/// The names of the fields of a call, in the order of memory.
pub(super) fn field_names(interface: &Interface) -> Vec<String> {
    const FIXED: [&str; 8] = [
        "cpu",
        "flags",
        "examples",
        "sample_weights",
        "upstream",
        "values",
        "workspace",
        "workspace_bytes",
    ];
    let summary = "lossc_summary";
    let mut names =
        Names::new(FIXED.into_iter().chain([summary, &*format!("{}_call", interface.symbol)]));
    let mut arguments: Vec<String> = Vec::new();
    let mut name = |field: Field| match field {
        Field::Cpu => "cpu".to_owned(),
        Field::Flags => "flags".to_owned(),
        Field::Examples => "examples".to_owned(),
        Field::Extent(place) => names.take_c(&interface.extents[place].name),
        Field::Argument(place) => {
            let name = names.take_c(&interface.arguments[place].name);
            arguments.push(name.clone());
            name
        }
        Field::SampleWeights => "sample_weights".to_owned(),
        Field::Upstream => "upstream".to_owned(),
        Field::Values => "values".to_owned(),
        Field::Gradient(place) => {
            let argument = &interface.arguments[interface.gradients[place]].name;
            names.take_c(&format!("gradient_{argument}"))
        }
        Field::Workspace => "workspace".to_owned(),
        Field::WorkspaceBytes => "workspace_bytes".to_owned(),
    };
    interface.fields().into_iter().map(&mut name).collect()
}

fn describe(interface: &Interface, field: Field, name: &str) -> (String, String) {
    let real = match interface.precision {
        Precision::F32 => "float",
        Precision::F64 => "double",
    };
    let number = |says: &str| (format!("uint64_t {name};"), says.to_owned());
    match field {
        Field::Cpu => {
            let cpu = interface.cpu_symbol();
            number(&match interface.least_cpu {
                0 => format!("{cpu}(), or 0: code for any CPU of the target"),
                least => format!("{cpu}(); required, at least {least}: there is no other code"),
            })
        }
        Field::Flags => number("LOSSC_SUM, LOSSC_CHECKED, both or none"),
        Field::Examples => number("how many there are, at least 1"),
        Field::Extent(place) => {
            let extent = &interface.extents[place];
            number(&match extent.least {
                0 => format!("the length of axis {}", extent.name),
                least => format!("the length of axis {}, at least {least}", extent.name),
            })
        }
        Field::Argument(place) => {
            let argument = &interface.arguments[place];
            let element = match (argument.elements, interface.precision) {
                (Elements::Index { .. }, Precision::F32) => "int32_t",
                (Elements::Index { .. }, Precision::F64) => "int64_t",
                (Elements::Real | Elements::Switch, _) => real,
            };
            (format!("const {element} *{name};"), about_argument(interface, argument))
        }
        Field::SampleWeights => {
            (format!("const {real} *{name};"), "[examples]; null: 1 each".to_owned())
        }
        Field::Upstream => {
            (format!("const double *{name};"), "multiplies every gradient; null: 1".to_owned())
        }
        Field::Values => (format!("{real} *{name};"), "[examples]; null: not wanted".to_owned()),
        Field::Gradient(place) => {
            let argument = &interface.arguments[interface.gradients[place]];
            let shape = shape(interface, argument);
            (format!("{real} *{name};"), format!("{shape}; null: not wanted"))
        }
        Field::Workspace => (
            format!("void *{name};"),
            format!("null where {}() gives 0", interface.workspace_symbol()),
        ),
        Field::WorkspaceBytes => number("how large it is"),
    }
}

/// The axes of an argument as they lie in memory.
fn shape(interface: &Interface, argument: &Argument) -> String {
    let length = |axis: &AxisLength| match axis {
        AxisLength::Literal(length) => length.to_string(),
        AxisLength::Named(place) => interface.extents[*place].name.clone(),
    };
    let examples = is_batched(argument.role).then(|| "examples".to_owned());
    let axes: Vec<String> = examples.into_iter().chain(argument.axes.iter().map(length)).collect();
    if axes.is_empty() { "one".to_owned() } else { format!("[{}]", axes.join(", ")) }
}

fn about_argument(interface: &Interface, argument: &Argument) -> String {
    let mut says = match argument.role {
        Role::Pred => "pred ",
        Role::Target => "target ",
        Role::Learned => "learned ",
        Role::Param => "param ",
    }
    .to_owned();
    says.push_str(&shape(interface, argument));
    if let Some(domain) = &argument.domain {
        says.extend([" in ", domain]);
    }
    match argument.elements {
        Elements::Real => {}
        Elements::Switch => says.push_str(", as 0 and 1"),
        Elements::Index { optional: false, .. } => says.push_str(", from 0"),
        Elements::Index { optional: true, .. } => says.push_str(", from 0; negative: missing"),
    }
    let each = if argument.axes.is_empty() { "" } else { " each" };
    match &argument.default {
        Default::Required => says.push_str("; required"),
        Default::Number(number) => says.push_str(&format!("; null: {number}{each}")),
        Default::Computed(words) => says.push_str(&format!("; null: {words}")),
    }
    says
}
