//! The private half of a loss's module: the call as it lies in memory, what is tested before it, and what its
//! status means.

use std::fmt::Write;

use super::WRITES;
use super::names::Spelled;
use crate::batch::is_batched;
use crate::linked::{ABI_VERSION, Elements, FLAG_CHECKED, FLAG_SUM, Field, Status};

/// The struct of a call, the functions of the object, and which code of theirs this CPU runs.
pub(super) fn declarations(spelled: &Spelled) -> String {
    let interface = spelled.interface;
    let mut fields = String::new();
    for field in interface.fields() {
        let (name, type_) = private_field(spelled, field);
        writeln!(fields, "    {name}: {type_},").expect(WRITES);
    }
    let (symbol, workspace, cpu, abi) = (
        &interface.symbol,
        interface.workspace_symbol(),
        interface.cpu_symbol(),
        interface.abi_symbol(),
    );
    format!(
        "/// What the object takes: each field is 8 bytes wide.\n\
         #[repr(C)]\n\
         struct Call {{\n{fields}}}\n\n\
         unsafe extern \"C\" {{\n    \
             fn {symbol}(call: *const Call, summary: *mut super::lossc_shared::LosscSummary) -> i32;\n    \
             fn {workspace}(call: *const Call) -> u64;\n    \
             fn {cpu}() -> u64;\n    \
             static {abi}: u32;\n\
         }}\n\n\
         /// Which code this CPU runs, asked of the object once.\n\
         fn cpu() -> Result<u64, super::Error> {{\n    \
             use ::core::sync::atomic::{{AtomicU64, Ordering}};\n    \
             static LEVEL: AtomicU64 = AtomicU64::new(u64::MAX);\n    \
             let known = LEVEL.load(Ordering::Relaxed);\n    \
             if known != u64::MAX {{\n        \
                 return Ok(known);\n    \
             }}\n    \
             // SAFETY: the object has this constant in every version of the interface, and never writes it.\n    \
             let got = unsafe {{ {abi} }};\n    \
             if got != {ABI_VERSION} {{\n        \
                 return Err(super::Error::Version {{ expected: {ABI_VERSION}, got }});\n    \
             }}\n    \
             // SAFETY: the function takes nothing and touches no memory; its version is the one declared here.\n    \
             let level = unsafe {{ {cpu}() }};\n    \
             LEVEL.store(level, Ordering::Relaxed);\n    \
             Ok(level)\n\
         }}"
    )
}

/// A field of the struct: its name, which is no keyword and like no other, and its type.
fn private_field(spelled: &Spelled, field: Field) -> (String, String) {
    let interface = spelled.interface;
    let real = spelled.real;
    let (name, type_) = match field {
        Field::Cpu => ("cpu", "u64".to_owned()),
        Field::Flags => ("flags", "u64".to_owned()),
        Field::Examples => ("examples", "u64".to_owned()),
        Field::Extent(place) => {
            return (format!("extent_{}", interface.extents[place].name), "u64".to_owned());
        }
        Field::Argument(at) => {
            let element = if spelled.element(at) == "bool" { real } else { spelled.element(at) };
            return (format!("input_{}", spelled.argument(at).name), format!("*const {element}"));
        }
        Field::SampleWeights => ("sample_weights", format!("*const {real}")),
        Field::Upstream => ("upstream", "*const f64".to_owned()),
        Field::Values => ("values", format!("*mut {real}")),
        Field::Gradient(place) => {
            let argument = spelled.argument(interface.gradients[place]);
            return (format!("gradient_{}", argument.name), format!("*mut {real}"));
        }
        Field::Workspace => ("workspace", "*mut ::core::mem::MaybeUninit<u64>".to_owned()),
        Field::WorkspaceBytes => ("workspace_bytes", "u64".to_owned()),
    };
    (name.to_owned(), type_)
}

/// How many elements each argument has for one example or in all, and the test that it does.
pub(super) fn sizes(spelled: &Spelled) -> String {
    let arguments = &spelled.interface.arguments;
    let count = arguments.len();
    let mut rows = String::new();
    for argument in arguments {
        let axes: Vec<String> = argument.axes.iter().map(|axis| spelled.length(*axis)).collect();
        let row = match axes.as_slice() {
            [] => "1".to_owned(),
            [length] => length.clone(),
            axes => {
                format!(
                    "super::lossc_shared::LosscLength::count({:?}, &[{}])?",
                    argument.name,
                    axes.join(", ")
                )
            }
        };
        writeln!(rows, "        {row},").expect(WRITES);
    }
    format!(
        "/// How many elements each input has: for one example, or shared by all.\n\
         fn rows(inputs: &Inputs{}) -> Result<[usize; {count}], super::Error> {{\n    \
             Ok([\n{rows}    ])\n\
         }}",
        inputs_lifetime(spelled)
    )
}

/// The lifetime of `Inputs` in the type of a reference to it.
pub(super) fn inputs_lifetime(spelled: &Spelled) -> &'static str {
    let has = spelled.arguments(false).into_iter().any(|at| spelled.is_slice(at));
    if has { "<'_>" } else { "" }
}

/// The arguments `inputs` and `params` as every function takes them.
pub(super) fn taken(spelled: &Spelled) -> String {
    let inputs = inputs_lifetime(spelled);
    if !spelled.has_params() {
        return format!("inputs: &Inputs{inputs}");
    }
    let has = spelled.arguments(true).into_iter().any(|at| spelled.is_slice(at));
    format!("inputs: &Inputs{inputs}, params: &Params{}", if has { "<'_>" } else { "" })
}

/// The same as a call of such a function gives them.
pub(super) fn given(spelled: &Spelled) -> &'static str {
    if spelled.has_params() { "inputs, params" } else { "inputs" }
}

/// The function that tests all lengths and fills the struct.
pub(super) fn prepare(spelled: &Spelled) -> String {
    let interface = spelled.interface;
    let mut lengths = String::new();
    for (at, argument) in interface.arguments.iter().enumerate() {
        let read = spelled.read(at);
        if !spelled.is_slice(at) {
            continue;
        }
        let got = if spelled.is_optional(at) {
            format!("{read}.map(<[{}]>::len)", spelled.element(at))
        } else {
            format!("Some({read}.len())")
        };
        length(
            &mut lengths,
            &argument.name,
            &got,
            is_batched(argument.role),
            &format!("rows[{at}]"),
        );
    }
    let of_outputs =
        |field: &str| format!("outputs.{field}.as_deref().map(<[{}]>::len)", spelled.real);
    let weights = format!("options.sample_weights.map(<[{}]>::len)", spelled.real);
    length(&mut lengths, "sample_weights", &weights, true, "1");
    length(&mut lengths, "values", &of_outputs("values"), true, "1");
    for at in interface.gradients.iter().copied().filter(|at| spelled.is_slice(*at)) {
        let argument = spelled.argument(at);
        let got = of_outputs(&spelled.fields[at]);
        let what = format!("gradients.{}", argument.name);
        length(&mut lengths, &what, &got, is_batched(argument.role), &format!("rows[{at}]"));
    }
    let mut fields = String::new();
    for field in interface.fields() {
        let (name, _) = private_field(spelled, field);
        let value = value(spelled, field);
        let value = if value == name { value } else { format!("{name}: {value}") };
        writeln!(fields, "        {value},").expect(WRITES);
    }
    let has_switch = (0..interface.arguments.len()).any(|at| spelled.element(at) == "bool");
    let switches = format!("static SWITCH: [{}; 2] = [0.0, 1.0];\n    ", spelled.real);
    // Without rows there is one example.
    let examples = if spelled.has_rows() { "None" } else { "Some(1)" };
    format!(
        "/// The call, once all slices have been found to be as long as the object will take them to be.\n\
         fn prepare({}, options: &mut super::Options<'_, {real}>, outputs: &mut Outputs<'_>) -> Result<Call, super::Error> {{\n    \
             let rows = rows(inputs)?;\n    \
             let lengths = [\n{lengths}    ];\n    \
             let examples = super::lossc_shared::LosscLength::test(&lengths, {examples})?;\n    \
             let mut flags = 0;\n    \
             if options.reduction == super::Reduction::Sum {{\n        \
                 flags |= {FLAG_SUM};\n    \
             }}\n    \
             if options.checked {{\n        \
                 flags |= {FLAG_CHECKED};\n    \
             }}\n    \
             {switches}\
             Ok(Call {{\n{fields}    }})\n\
         }}",
        taken(spelled),
        real = spelled.real,
        switches = if has_switch { switches } else { String::new() },
    )
}

/// Writes what is tested of one slice.
fn length(text: &mut String, what: &str, got: &str, is_batched: bool, row: &str) {
    writeln!(
        text,
        "        super::lossc_shared::LosscLength {{ what: {what:?}, got: {got}, is_batched: {is_batched}, row: {row} }},"
    )
    .expect(WRITES);
}

/// The expression of a field of the struct.
fn value(spelled: &Spelled, field: Field) -> String {
    let interface = spelled.interface;
    let real = spelled.real;
    match field {
        Field::Cpu => "cpu()?".to_owned(),
        Field::Flags => "flags".to_owned(),
        Field::Examples => "examples as u64".to_owned(),
        Field::Extent(place) => format!("inputs.{} as u64", spelled.extents[place]),
        Field::Argument(at) => pointer(spelled, at),
        Field::SampleWeights => {
            format!("options.sample_weights.map_or(::core::ptr::null(), <[{real}]>::as_ptr)")
        }
        Field::Upstream => "::core::ptr::from_ref(&options.upstream)".to_owned(),
        Field::Values => of_output(spelled, "values", true),
        Field::Gradient(place) => {
            let at = interface.gradients[place];
            of_output(spelled, &spelled.fields[at], spelled.is_slice(at))
        }
        Field::Workspace => "options.workspace.as_mut_ptr()".to_owned(),
        Field::WorkspaceBytes => "::core::mem::size_of_val(&*options.workspace) as u64".to_owned(),
    }
}

/// The pointer to a result that may not be wanted.
fn of_output(spelled: &Spelled, field: &str, is_slice: bool) -> String {
    let real = spelled.real;
    if is_slice {
        format!(
            "outputs.{field}.as_deref_mut().map_or(::core::ptr::null_mut(), <[{real}]>::as_mut_ptr)"
        )
    } else {
        format!(
            "outputs.{field}.as_deref_mut().map_or(::core::ptr::null_mut(), ::core::ptr::from_mut)"
        )
    }
}

/// The pointer to an argument.
fn pointer(spelled: &Spelled, at: usize) -> String {
    let read = spelled.read(at);
    let element = spelled.element(at);
    let switch = |on: &str| format!("::core::ptr::from_ref(&SWITCH[usize::from({on})])");
    if !spelled.is_optional(at) {
        return match element {
            _ if spelled.is_slice(at) => format!("{read}.as_ptr()"),
            "bool" => switch(&read),
            _ => format!("::core::ptr::from_ref(&{read})"),
        };
    }
    let null = "::core::ptr::null()";
    match element {
        _ if spelled.is_slice(at) => format!("{read}.map_or({null}, <[{element}]>::as_ptr)"),
        "bool" => format!("{read}.map_or({null}, |on| {})", switch("on")),
        _ => format!("{read}.as_ref().map_or({null}, ::core::ptr::from_ref)"),
    }
}

/// The function that says what a status other than 0 means.
pub(super) fn failure(spelled: &Spelled) -> String {
    let interface = spelled.interface;
    let mut axes = String::new();
    for (place, extent) in interface.extents.iter().enumerate() {
        let length = format!("inputs.{}", spelled.extents[place]);
        if extent.least > 0 {
            let least = extent.least;
            writeln!(
                axes,
                "            {place} if {length} < {least} => super::Error::Axis {{ axis: {:?}, got: {length}, least: {least} }},",
                extent.name
            )
            .expect(WRITES);
        }
        writeln!(
            axes,
            "            {place} => super::Error::TooLarge {{ what: {:?} }},",
            extent.name
        )
        .expect(WRITES);
    }
    let (mut labels, mut domains) = (String::new(), String::new());
    for at in 0..interface.arguments.len() {
        match spelled.argument(at).elements {
            Elements::Index { .. } => labels.push_str(&wrong_label(spelled, at)),
            Elements::Real | Elements::Switch => domains.push_str(&wrong_element(spelled, at)),
        }
    }
    let wrong = |status: Status, arms: &str| {
        if arms.is_empty() {
            return String::new();
        }
        format!(
            "        {} => match found.argument() {{\n{arms}            _ => super::Error::Status {{ status }},\n        }},\n",
            status as i32
        )
    };
    format!(
        "/// What a status other than 0 means.\n\
         fn failure(status: i32, found: &super::lossc_shared::LosscSummary, call: &Call, {}) -> super::Error {{\n    \
             let Ok(rows) = rows(inputs) else {{ return super::Error::Status {{ status }} }};\n    \
             match status {{\n        \
                 {} => super::Error::Cpu,\n        \
                 {} => super::Error::Empty,\n        \
                 {} => match found.argument() {{\n{axes}            _ => super::Error::TooLarge {{ what: \"examples\" }},\n        }},\n\
                 {}{}        \
                 {} => words(call).map_or_else(|error| error, |words| super::Error::Workspace {{ words }}),\n        \
                 _ => super::Error::Status {{ status }},\n    \
             }}\n\
         }}\n\n\
         /// How many words of workspace a call needs.\n\
         fn words(call: &Call) -> Result<usize, super::Error> {{\n    \
             // SAFETY: the function reads the numbers of the call and which of its pointers are null.\n    \
             let bytes = unsafe {{ {}(call) }};\n    \
             match usize::try_from(bytes) {{\n        \
                 Ok(bytes) if bytes < usize::MAX => Ok(bytes.div_ceil(8)),\n        \
                 _ => Err(super::Error::TooLarge {{ what: \"workspace\" }}),\n    \
             }}\n\
         }}",
        taken(spelled),
        Status::Cpu as i32,
        Status::Empty as i32,
        Status::Axis as i32,
        wrong(Status::Index, &labels),
        wrong(Status::Domain, &domains),
        Status::Workspace as i32,
        interface.workspace_symbol(),
    )
}

fn wrong_label(spelled: &Spelled, at: usize) -> String {
    let argument = spelled.argument(at);
    let Elements::Index { along, optional } = argument.elements else { return String::new() };
    let place = place(spelled, at);
    let element = element(spelled, at);
    format!(
        "            {at} => super::Error::Index {{\n                \
                 input: {:?},\n                \
                 {place},\n                \
                 value: {element}.map_or(0, i64::from),\n                \
                 axis: {:?},\n                \
                 length: {},\n                \
                 optional: {optional},\n            \
             }},\n",
        argument.name,
        spelled.axis(along),
        spelled.length(along),
    )
}

fn wrong_element(spelled: &Spelled, at: usize) -> String {
    let argument = spelled.argument(at);
    let Some(domain) = &argument.domain else { return String::new() };
    if spelled.element(at) == "bool" {
        return String::new();
    }
    let place = place(spelled, at);
    let element = element(spelled, at);
    format!(
        "            {at} => super::Error::Domain {{ input: {:?}, {place}, value: {element}.map(f64::from), domain: {domain:?} }},\n",
        argument.name
    )
}

fn place(spelled: &Spelled, at: usize) -> String {
    let argument = spelled.argument(at);
    format!("place: found.place({}, {})", is_batched(argument.role), !argument.axes.is_empty())
}

/// The expression of the element that was found to be wrong, as an option.
fn element(spelled: &Spelled, at: usize) -> String {
    let read = spelled.read(at);
    match (spelled.is_slice(at), spelled.is_optional(at)) {
        (true, true) => format!("{read}.and_then(|all| all.get(found.at(rows[{at}])).copied())"),
        (true, false) => format!("{read}.get(found.at(rows[{at}])).copied()"),
        (false, true) => read,
        (false, false) => format!("Some({read})"),
    }
}
