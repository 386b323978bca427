//! The public functions of a loss's module.

use super::call::{given, taken};
use super::names::Spelled;

/// The functions for what is wanted most, each of them a call of `run`.
pub(super) fn short(spelled: &Spelled) -> String {
    let mut text = String::new();
    let functions: [Short; 4] = [
        Short { name: "value", says: "The mean of the batch.", values: false, gradients: false },
        Short {
            name: "value_and_gradient",
            says: "The mean of the batch and its gradient.",
            values: false,
            gradients: true,
        },
        Short {
            name: "values",
            says: "The value of each example.",
            values: true,
            gradients: false,
        },
        Short {
            name: "values_and_gradients",
            says: "The value of each example and the gradient of each one's own value; of what all share, that of their sum.",
            values: true,
            gradients: true,
        },
    ];
    for function in functions {
        if !function.gradients || spelled.has_gradients() {
            text.push_str(&function.write(spelled));
        }
    }
    if spelled.interface.needs_workspace {
        text.push_str(&workspace_len(spelled));
    }
    text
}

/// What the short functions say where axes may be too long for them.
const LONG_AXES: &str = "
///
/// Memory for what is computed on the way comes from the stack, at most 32 KiB. Where axes are so long that
/// more is needed it fails with [`Error::Workspace`](super::Error::Workspace): use [`run`] with a workspace then.";

struct Short {
    name: &'static str,
    says: &'static str,
    values: bool,
    gradients: bool,
}

impl Short {
    fn write(&self, spelled: &Spelled) -> String {
        let mut arguments = vec![taken(spelled)];
        let mut outputs = Vec::new();
        if self.values {
            arguments.push(format!("values: &mut [{}]", spelled.real));
            outputs.push("values: Some(values)".to_owned());
        }
        if self.gradients {
            arguments.push("gradients: Gradients<'_>".to_owned());
            let field = |at: &usize| format!("{0}: Some(gradients.{0})", spelled.fields[*at]);
            outputs.extend(spelled.interface.gradients.iter().map(field));
        }
        let mut options = Vec::new();
        if self.values && self.gradients {
            options.push("reduction: super::Reduction::Sum");
        }
        let mut says = self.says.to_owned();
        if spelled.interface.needs_workspace {
            says.push_str(LONG_AXES);
        }
        let rest = |given: usize| {
            if given == 1 + spelled.interface.gradients.len() { "" } else { "..Outputs::default()" }
        };
        let outputs =
            braces("Outputs", outputs.iter().map(String::as_str).collect(), rest(outputs.len()));
        let options = braces("super::Options", options, "..super::Options::default()");
        let (result, end) = if self.values {
            ("super::Summary", "")
        } else {
            ("f64", ".map(|summary| summary.mean())")
        };
        format!(
            "/// {says}\n\
             ///\n\
             /// # Errors\n\
             /// What does not fit; nothing has been written then.\n\
             pub fn {}({}) -> Result<{result}, super::Error> {{\n    \
                 let options = {options};\n    \
                 let outputs = {outputs};\n    \
                 run({}, options, outputs){end}\n\
             }}\n\n",
            self.name,
            arguments.join(", "),
            given(spelled),
        )
    }
}

/// A struct expression of some fields and what the others are.
fn braces<'f>(name: &str, mut fields: Vec<&'f str>, rest: &'f str) -> String {
    if fields.is_empty() && !rest.is_empty() {
        return rest.trim_start_matches("..").to_owned();
    }
    fields.extend(Some(rest).filter(|rest| !rest.is_empty()));
    format!("{name} {{ {} }}", fields.join(", "))
}

/// The function for everything.
pub(super) fn run(spelled: &Spelled) -> String {
    let interface = spelled.interface;
    format!(
        "/// Computes what is wanted, as the options say.\n\
         ///\n\
         /// # Errors\n\
         /// What does not fit; nothing has been written then.\n\
         pub fn run({}, mut options: super::Options<'_, {}>, mut outputs: Outputs<'_>) -> Result<super::Summary, super::Error> {{\n    \
             let call = prepare({}, &mut options, &mut outputs)?;\n    \
             let mut found = super::lossc_shared::LosscSummary::NONE;\n    \
             // SAFETY: the object is of the version that `Call` is declared for, and the field `cpu` is what it gave for\n    \
             // this CPU. `prepare` found each slice to be as long as the call's numbers say, and no pointer to be null\n    \
             // that must not be. What is written is borrowed mutably until the end of this function, so nothing\n    \
             // else overlaps it. What does not fit in the workspace, and labels outside of their axes, the object refuses.\n    \
             let status = unsafe {{ {}(&call, &mut found) }};\n    \
             if status == 0 {{\n        \
                 Ok(super::Summary {{ sum: found.sum, weight: found.weight }})\n    \
             }} else {{\n        \
                 Err(failure(status, &found, &call, {}))\n    \
             }}\n\
         }}",
        taken(spelled),
        spelled.real,
        given(spelled),
        interface.symbol,
        given(spelled),
    )
}

/// The function that says how long the workspace of a call is.
fn workspace_len(spelled: &Spelled) -> String {
    let real = spelled.real;
    let field =
        |name: &str| format!("        call.{name} = ::core::ptr::NonNull::dangling().as_ptr();\n");
    let gradients: String = spelled
        .interface
        .gradients
        .iter()
        .map(|at| field(&format!("gradient_{}", spelled.argument(*at).name)))
        .collect();
    let values = field("values");
    let with_gradients = if spelled.has_gradients() {
        format!("    {{\n{gradients}    }}\n    let with_gradients = words(&call)?;\n")
    } else {
        "    let with_gradients = 0;\n".to_owned()
    };
    format!(
        "/// How many words of workspace [`run`] needs for all outputs: 0 where axes are short.\n\
         ///\n\
         /// # Errors\n\
         /// If the inputs do not fit, or more words are needed than can be addressed.\n\
         pub fn workspace_len({}) -> Result<usize, super::Error> {{\n    \
             let mut options = super::Options::<'_, {real}>::default();\n    \
             let mut call = prepare({}, &mut options, &mut Outputs::default())?;\n    \
             let alone = words(&call)?;\n    \
             // The object looks at which pointers are null, not behind them.\n    \
             {{\n{values}    }}\n    \
             let with_values = words(&call)?;\n\
             {with_gradients}    \
             Ok(alone.max(with_values).max(with_gradients))\n\
         }}",
        taken(spelled),
        given(spelled),
    )
}
