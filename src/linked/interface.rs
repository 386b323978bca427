//! What a linked loss looks like from outside: its symbols, the fields of its call in the order of memory,
//! and what each input takes. Headers and modules in other languages are written from this alone.
//!
//! A call is a struct whose fields are all 8 bytes wide, in this order: `cpu`, `flags`, `examples`, the
//! named extents, one pointer for each argument, `sample_weights`, `upstream`, `values`, one pointer for each
//! gradient, `workspace`, `workspace_bytes`. Zero is the default of every field.

use crate::graph::Role;
use crate::loops::Precision;

/// The version of the interface that is described here; [`Interface::abi_symbol`] holds it.
pub const ABI_VERSION: u32 = 1;

/// Flag of a call: gradients are those of the sum, so of each example's own value, not of the mean.
pub const FLAG_SUM: u64 = 1;
/// Flag of a call: preds, targets and learned inputs are tested against their domains too.
pub const FLAG_CHECKED: u64 = 2;

/// What a linked loss looks like from outside.
#[derive(Clone, Debug, PartialEq)]
pub struct Interface {
    /// The name of the loss.
    pub name: String,
    /// Its doc text.
    pub doc: String,
    /// Its signature, as the file has it in essence.
    pub signature: String,
    /// The type of its numbers; integers are as wide.
    pub precision: Precision,
    /// The symbol of the entry. Those of its companions end in `_workspace`, `_cpu` and `_abi`.
    pub symbol: String,
    /// The names of the extents that a call gives, in order.
    pub extents: Vec<NamedExtent>,
    /// The inputs that a call gives, in order.
    pub arguments: Vec<Argument>,
    /// Which arguments have a gradient, in order.
    pub gradients: Vec<usize>,
    /// The lowest level of CPUs that there is code for: what the field `cpu` must be at least.
    pub least_cpu: u64,
    /// Inputs that were made constants, with their values, for documentation.
    pub frozen: Vec<(String, f64)>,
    /// Whether a call that asks for all gradients or none, and gives all array params or none, can
    /// need a workspace: where its axes are long, since the first 32 KiB come from the stack.
    pub needs_workspace: bool,
}

/// An extent that a call gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedExtent {
    /// Its name in the file.
    pub name: String,
    /// How long it must be at least: the loss names positions of it.
    pub least: u64,
}

/// An input that a call gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Argument {
    /// Its name.
    pub name: String,
    /// Its doc text.
    pub doc: String,
    /// How the file declares it, in essence: `weight[K] in [0, inf) = 1`.
    pub declaration: String,
    /// The part it plays. Preds and targets have the examples as outermost axis.
    pub role: Role,
    /// What its elements are.
    pub elements: Elements,
    /// Its own axes, outermost first.
    pub axes: Vec<AxisLength>,
    /// Which values make sense, as the file says it; none: any.
    pub domain: Option<String>,
    /// Its value where none is given.
    pub default: Default,
}

/// What the elements of an argument are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Elements {
    /// Numbers.
    Real,
    /// Truth values, as the numbers 0 and 1.
    Switch,
    /// Integers: positions along an axis.
    Index {
        /// The axis.
        along: AxisLength,
        /// Whether a negative one says that the label is missing.
        optional: bool,
    },
}

/// How long an axis is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AxisLength {
    /// As the file says.
    Literal(u64),
    /// As the call says: a place in [`Interface::extents`].
    Named(usize),
}

/// The value of an argument that is not given.
#[derive(Clone, Debug, PartialEq)]
pub enum Default {
    /// There is none: it must be given.
    Required,
    /// A number, which fills an array. Of a switch: 0 or 1.
    Number(f64),
    /// A number that is computed from scalar params and extents, in the words of the file.
    Computed(String),
}

/// A field of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Which code runs.
    Cpu,
    /// What is done; see [`FLAG_SUM`] and [`FLAG_CHECKED`].
    Flags,
    /// How many examples there are.
    Examples,
    /// The length of a named extent, by its place.
    Extent(usize),
    /// The elements of an argument, by its place.
    Argument(usize),
    /// A weight for each example.
    SampleWeights,
    /// What every gradient is multiplied by: one `f64`.
    Upstream,
    /// The loss of each example.
    Values,
    /// A gradient, by its place in [`Interface::gradients`].
    Gradient(usize),
    /// Scratch memory.
    Workspace,
    /// How many bytes it has.
    WorkspaceBytes,
}

/// What a call comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Status {
    /// It is done.
    Done = 0,
    /// The code for this machine is not in the object.
    Cpu = 1,
    /// There are no examples.
    Empty = 2,
    /// An axis is shorter than the positions that the loss names, or longer than can be counted.
    Axis = 3,
    /// A required input is null.
    Missing = 4,
    /// A label lies outside of its axis.
    Index = 5,
    /// An element lies outside of its domain.
    Domain = 6,
    /// The workspace is too small.
    Workspace = 7,
}

/// Every status, with its name and what it says.
pub const STATUSES: [(Status, &str, &str); 8] = [
    (Status::Done, "OK", "done"),
    (Status::Cpu, "CPU", "the object holds no code for the CPU that the call names"),
    (Status::Empty, "EMPTY", "there are no examples"),
    (Status::Axis, "AXIS", "an axis is too short or too long"),
    (Status::Missing, "NULL", "a required input is null"),
    (Status::Index, "INDEX", "a label lies outside of its axis"),
    (Status::Domain, "DOMAIN", "an element lies outside of its domain"),
    (Status::Workspace, "WORKSPACE", "the workspace is too small"),
];

impl Interface {
    /// The fields of a call, in the order of memory.
    #[must_use]
    pub fn fields(&self) -> Vec<Field> {
        let mut fields = vec![Field::Cpu, Field::Flags, Field::Examples];
        fields.extend((0..self.extents.len()).map(Field::Extent));
        fields.extend((0..self.arguments.len()).map(Field::Argument));
        fields.extend([Field::SampleWeights, Field::Upstream, Field::Values]);
        fields.extend((0..self.gradients.len()).map(Field::Gradient));
        fields.extend([Field::Workspace, Field::WorkspaceBytes]);
        fields
    }

    /// The symbol of the function that says how many bytes of workspace a call needs.
    #[must_use]
    pub fn workspace_symbol(&self) -> String {
        format!("{}_workspace", self.symbol)
    }

    /// The symbol of the function that says which code this machine can run.
    #[must_use]
    pub fn cpu_symbol(&self) -> String {
        format!("{}_cpu", self.symbol)
    }

    /// The symbol of the constant that holds [`ABI_VERSION`].
    #[must_use]
    pub fn abi_symbol(&self) -> String {
        format!("{}_abi", self.symbol)
    }
}
