//! What the parts of a loss are called in Rust: in comes an interface, out go identifiers.

use crate::batch::is_batched;
use crate::bind::names::{Names, rust};
use crate::graph::Role;
use crate::linked::{Argument, AxisLength, Default, Elements, Interface};
use crate::loops::Precision;

/// An interface and what its parts are called.
pub(super) struct Spelled<'i> {
    pub(super) interface: &'i Interface,
    /// The type of its numbers.
    pub(super) real: &'static str,
    /// The type of its labels.
    pub(super) label: &'static str,
    /// The field of each extent.
    pub(super) extents: Vec<String>,
    /// The field of each argument, in every struct that has it.
    pub(super) fields: Vec<String>,
}

/// What the text shared by all losses defines, or means something else by than a module.
const SHARED: [&str; 21] = [
    "Error",
    "Place",
    "Options",
    "Reduction",
    "Summary",
    "lossc_shared",
    "Option",
    "Result",
    "Default",
    "bool",
    "f32",
    "f64",
    "i32",
    "i64",
    "str",
    "u32",
    "u64",
    "usize",
    "clippy",
    "rustfmt",
    "rustdoc",
];

/// The identifier of each loss's module.
pub(super) fn modules(interfaces: &[Interface]) -> Vec<String> {
    let mut names = Names::new(SHARED);
    let mut spell = |interface: &Interface| {
        let name = &interface.name;
        let is_alone = interfaces
            .iter()
            .all(|other| other.name != *name || other.precision == interface.precision);
        if is_alone {
            rust(&names.take_rust(name))
        } else {
            rust(&names.take_rust(&format!("{name}_{}", interface.precision)))
        }
    };
    interfaces.iter().map(&mut spell).collect()
}

impl<'i> Spelled<'i> {
    pub(super) fn new(interface: &'i Interface) -> Self {
        // The field of `Outputs` that no input has.
        let mut names = Names::new(["values"]);
        let extents =
            interface.extents.iter().map(|extent| rust(&names.take_rust(&extent.name))).collect();
        let fields = interface
            .arguments
            .iter()
            .map(|argument| rust(&names.take_rust(&argument.name)))
            .collect();
        let (real, label) = match interface.precision {
            Precision::F32 => ("f32", "i32"),
            Precision::F64 => ("f64", "i64"),
        };
        Self { interface, real, label, extents, fields }
    }

    /// The places of the arguments that are params, or that are not.
    pub(super) fn arguments(&self, params: bool) -> Vec<usize> {
        let arguments = self.interface.arguments.iter().enumerate();
        arguments.filter(|(_, argument)| is_param(argument) == params).map(|(at, _)| at).collect()
    }

    pub(super) fn argument(&self, at: usize) -> &'i Argument {
        &self.interface.arguments[at]
    }

    /// Whether an argument is given as a slice.
    pub(super) fn is_slice(&self, at: usize) -> bool {
        let argument = self.argument(at);
        is_batched(argument.role) || !argument.axes.is_empty()
    }

    /// Whether an argument is given as an option: a param whose default no literal says.
    pub(super) fn is_optional(&self, at: usize) -> bool {
        let argument = self.argument(at);
        is_param(argument)
            && match argument.default {
                Default::Required => false,
                Default::Number(_) => self.is_slice(at),
                Default::Computed(_) => true,
            }
    }

    /// The type of an argument's elements.
    pub(super) fn element(&self, at: usize) -> &'static str {
        match self.argument(at).elements {
            Elements::Real => self.real,
            Elements::Switch if self.is_slice(at) => self.real,
            Elements::Switch => "bool",
            Elements::Index { .. } => self.label,
        }
    }

    /// The expression of an argument's field.
    pub(super) fn read(&self, at: usize) -> String {
        let base = if is_param(self.argument(at)) { "params" } else { "inputs" };
        format!("{base}.{}", self.fields[at])
    }

    /// The expression of how long an axis is.
    pub(super) fn length(&self, axis: AxisLength) -> String {
        match axis {
            AxisLength::Literal(length) => length.to_string(),
            AxisLength::Named(place) => format!("inputs.{}", self.extents[place]),
        }
    }

    /// What an axis is called in the file.
    pub(super) fn axis(&self, axis: AxisLength) -> String {
        match axis {
            AxisLength::Literal(length) => length.to_string(),
            AxisLength::Named(place) => self.interface.extents[place].name.clone(),
        }
    }

    pub(super) fn has_params(&self) -> bool {
        self.interface.arguments.iter().any(is_param)
    }

    pub(super) fn has_gradients(&self) -> bool {
        !self.interface.gradients.is_empty()
    }

    /// Whether examples have anything of their own.
    pub(super) fn has_rows(&self) -> bool {
        self.interface.arguments.iter().any(|argument| is_batched(argument.role))
    }
}

/// Whether an argument stands in `Params`.
pub(super) fn is_param(argument: &Argument) -> bool {
    argument.role == Role::Param
}
