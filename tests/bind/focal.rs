// Written by lossc. What is changed here is lost when the losses are compiled again.

/// What all losses share.
#[rustfmt::skip]
#[allow(dead_code, unreachable_pub, unused_qualifications, unused_variables, non_snake_case, unsafe_code)]
#[allow(clippy::all, clippy::pedantic, clippy::nursery, clippy::restriction)]
mod lossc_shared {
    /// Why a loss was not computed. Nothing has been written then.
    #[derive(Clone, Copy, Debug, PartialEq)]
    #[non_exhaustive]
    pub enum Error {
        /// The elements that say how many examples there are come to no whole number of them.
        Rows {
            /// What has the elements: an input, named as in the file.
            what: &'static str,
            /// How many elements one example has.
            row: usize,
            /// How many elements there are.
            got: usize,
        },
        /// A slice does not have as many elements as the examples and extents say.
        Length {
            /// Which: an input, named as in the file, `gradients.` and such a name, `values` or `sample_weights`.
            what: &'static str,
            /// How many examples there are; none: the slice is shared by all.
            examples: Option<usize>,
            /// How many elements one example has, or all share.
            row: usize,
            /// How many elements there are.
            got: usize,
        },
        /// There are no examples.
        Empty,
        /// An axis is shorter than the positions that the loss names.
        Axis {
            /// The axis, named as in the file.
            axis: &'static str,
            /// How long it is.
            got: usize,
            /// How long it must be at least.
            least: usize,
        },
        /// An axis is longer, or an array larger, than can be counted.
        TooLarge {
            /// Which axis or input, named as in the file.
            what: &'static str,
        },
        /// A label lies outside of its axis.
        Index {
            /// The input, named as in the file.
            input: &'static str,
            /// Where in the input.
            place: Place,
            /// The label.
            value: i64,
            /// The axis, named as in the file.
            axis: &'static str,
            /// How long the axis is.
            length: usize,
            /// Whether a negative label says that it is missing.
            optional: bool,
        },
        /// An element lies outside of its domain.
        Domain {
            /// The input, named as in the file.
            input: &'static str,
            /// Where in the input.
            place: Place,
            /// The element; none: it is the default.
            value: Option<f64>,
            /// The domain, as the file says it.
            domain: &'static str,
        },
        /// The workspace is too small.
        Workspace {
            /// How many words it must have.
            words: usize,
        },
        /// The object holds no code for this CPU.
        Cpu,
        /// The object is of another version of lossc than this file.
        Version {
            /// The version of the interface in this file.
            expected: u32,
            /// That of the object.
            got: u32,
        },
        /// The object gave a status that this file does not know.
        Status {
            /// The status.
            status: i32,
        },
    }

    impl ::core::error::Error for Error {}

    impl ::core::fmt::Display for Error {
        fn fmt(&self, formatter: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            use ::core::write;
            match *self {
                Self::Rows { what, row, got } => {
                    write!(formatter, "`{what}` has {got} elements, which is no whole number of examples of {row} each")
                }
                Self::Length { what, examples: Some(examples), row: 1, got } => {
                    write!(formatter, "`{what}` has {got} elements, but there are {examples} examples")
                }
                Self::Length { what, examples: Some(examples), row, got } => {
                    write!(formatter, "`{what}` has {got} elements, but there are {examples} examples of {row} each")
                }
                Self::Length { what, examples: None, row, got } => {
                    write!(formatter, "`{what}` has {got} elements instead of {row}")
                }
                Self::Empty => formatter.write_str("the batch is empty: there is no example"),
                Self::Axis { axis, got, least } => write!(
                    formatter,
                    "axis {axis} is {got} long, but the loss names position {} of it",
                    least.saturating_sub(1)
                ),
                Self::TooLarge { what } => write!(formatter, "`{what}` is larger than can be counted"),
                Self::Index { input, place, value, axis, length, optional } => {
                    write!(formatter, "`{input}`{place} is {value}, ")?;
                    match length.checked_sub(1) {
                        None => return write!(formatter, "but axis {axis} is empty"),
                        Some(last) => write!(formatter, "outside of axis {axis}, which goes from 0 to {last}")?,
                    }
                    formatter.write_str(if optional { " (negative: missing)" } else { "" })
                }
                Self::Domain { input, place, value, domain } => {
                    match value {
                        Some(value) => write!(formatter, "`{input}`{place} is {value}, ")?,
                        None => write!(formatter, "the default of `{input}`{place} is ")?,
                    }
                    write!(formatter, "outside of its domain {domain}")?;
                    let is_simplex = domain == "simplex";
                    formatter.write_str(if is_simplex { ": numbers from 0 that sum to 1" } else { "" })
                }
                Self::Workspace { words } => {
                    write!(formatter, "the workspace is too small: this call needs {words} words of 8 bytes")
                }
                Self::Cpu => formatter.write_str("the loss was compiled for a CPU that can do more than this one"),
                Self::Version { expected, got } => write!(
                    formatter,
                    "the linked object has version {got} of the interface, this module is made for version {expected}: build both anew"
                ),
                Self::Status { status } => write!(formatter, "the loss gave the unknown status {status}"),
            }
        }
    }

    /// A place in the elements of an input.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Place {
        /// The example, from 0; none: all share the input.
        pub row: Option<usize>,
        /// The place among the row's own elements, from 0; none: it has one.
        pub element: Option<usize>,
    }

    impl ::core::fmt::Display for Place {
        fn fmt(&self, formatter: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            if let Some(row) = self.row {
                ::core::write!(formatter, " in row {row}")?;
            }
            if let Some(element) = self.element {
                ::core::write!(formatter, " at element {element}")?;
            }
            ::core::result::Result::Ok(())
        }
    }

    /// What gradients are taken of.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub enum Reduction {
        /// The mean of the batch.
        #[default]
        Mean,
        /// The sum of the batch: each example's gradient is that of its own value.
        Sum,
    }

    /// How a loss is computed; the default is the plain mean over all examples.
    #[derive(Debug)]
    pub struct Options<'a, T> {
        /// A weight for each example, `examples` elements; without them 1 each.
        pub sample_weights: Option<&'a [T]>,
        /// What every gradient is multiplied by.
        pub upstream: f64,
        /// What gradients are taken of.
        pub reduction: Reduction,
        /// Whether preds, targets and learned inputs are tested against their domains. Params and labels always are.
        pub checked: bool,
        /// Memory for what is computed on the way. Most calls need none; those that do fail with
        /// [`Error::Workspace`], which says how much.
        pub workspace: &'a mut [::core::mem::MaybeUninit<u64>],
    }

    impl<T> Default for Options<'_, T> {
        fn default() -> Self {
            Self {
                sample_weights: None,
                upstream: 1.0,
                reduction: Reduction::Mean,
                checked: false,
                workspace: &mut [],
            }
        }
    }

    /// What a batch comes to.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct Summary {
        /// The sum of the values, each times its sample weight.
        pub sum: f64,
        /// What the examples count for together. 0 where each of them is missing or has weight 0; the mean is NaN then.
        pub weight: f64,
    }

    impl Summary {
        /// The sum of the values divided by what the examples count for.
        #[must_use]
        pub fn mean(&self) -> f64 {
            self.sum / self.weight
        }
    }

    /// What the object says of a call.
    #[repr(C)]
    pub struct LosscSummary {
        pub sum: f64,
        pub weight: f64,
        pub argument: u64,
        pub row: u64,
        pub element: u64,
    }

    impl LosscSummary {
        pub const NONE: Self = Self { sum: 0.0, weight: 0.0, argument: 0, row: 0, element: 0 };

        pub fn argument(&self) -> usize {
            usize::try_from(self.argument).unwrap_or(usize::MAX)
        }

        /// The place in an input that has so many elements of its own, and whether each example has them.
        pub fn place(&self, is_batched: bool, is_array: bool) -> Place {
            let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
            Place {
                row: is_batched.then_some(number(self.row)),
                element: is_array.then_some(number(self.element)),
            }
        }

        /// Where that place is among all elements of the input.
        pub fn at(&self, row: usize) -> usize {
            let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
            number(self.row).saturating_mul(row).saturating_add(number(self.element))
        }
    }

    /// A slice whose length is tested before the object sees it.
    pub struct LosscLength {
        pub what: &'static str,
        /// How many elements it has; none: it is not given.
        pub got: Option<usize>,
        /// Whether each example has elements of its own there.
        pub is_batched: bool,
        /// How many elements one example has, or all share.
        pub row: usize,
    }

    impl LosscLength {
        /// How many elements axes have together.
        pub fn count(what: &'static str, axes: &[usize]) -> Result<usize, Error> {
            let product = axes.iter().try_fold(1_usize, |all, length| all.checked_mul(*length));
            product.ok_or(Error::TooLarge { what })
        }

        /// The number of examples, which the first slice says that can, once every slice has been found to be as long as
        /// that says.
        pub fn test(lengths: &[Self], examples: Option<usize>) -> Result<usize, Error> {
            let mut examples = examples;
            for length in lengths {
                if let (None, Some(got), true, 1..) = (examples, length.got, length.is_batched, length.row) {
                    if got % length.row != 0 {
                        return Err(Error::Rows { what: length.what, row: length.row, got });
                    }
                    examples = Some(got / length.row);
                }
            }
            let examples = examples.unwrap_or(0);
            for &Self { what, got, is_batched, row } in lengths {
                let expected = if is_batched { examples.checked_mul(row) } else { Some(row) };
                let expected = expected.ok_or(Error::TooLarge { what })?;
                if let Some(got) = got.filter(|got| *got != expected) {
                    return Err(Error::Length { what, examples: is_batched.then_some(examples), row, got });
                }
            }
            Ok(examples)
        }
    }
}

#[allow(unused_imports, unreachable_pub)]
pub use self::lossc_shared::{Error, Options, Place, Reduction, Summary};

/// Focal loss over K classes: softmax cross-entropy in which what is already right counts less.
///
/// Assumes that exactly one of K classes is right, and that most examples are easy. With `p` the
/// probability that was given to the label, the loss is `-weight (1 - p)^gamma log(p)`; `gamma = 0`
/// is weighted cross-entropy. It also keeps a network from growing overconfident. A negative label
/// is missing: no loss. The batch mean divides by the number of labelled examples, not by weights.
/// `weight[K]` prices each class. The loss is in nats.
/// Source: Lin et al., Focal loss for dense object detection, 2017; over classes: Mukhoti et al.,
/// Calibrating deep neural networks using focal loss, 2020.
///
/// `````text
/// focal(pred logits[K], target label in K?, param gamma in [0, inf) = 2, weight[K] in [0, inf) = 1)
/// `````
#[rustfmt::skip]
#[allow(dead_code, unreachable_pub, unused_qualifications, unused_variables, non_snake_case, unsafe_code)]
#[allow(clippy::all, clippy::pedantic, clippy::nursery, clippy::restriction)]
pub mod focal {
    /// What the loss is computed of.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct Inputs<'a> {
        /// How long axis K is.
        pub K: usize,
        /// Pred `logits[K]`: `examples × K` numbers.
        pub logits: &'a [f32],
        /// Target `label in K?`: `examples` integers, positions along axis K from 0; a negative one is missing.
        pub label: &'a [i32],
    }

    /// The params of the loss, the same for all examples.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct Params<'a> {
        /// Param `gamma in [0, inf) = 2`: one number. Default: 2.
        pub gamma: f32,
        /// Param `weight[K] in [0, inf) = 1`: `K` numbers. Default: 1 each.
        pub weight: Option<&'a [f32]>,
    }

    impl ::core::default::Default for Params<'_> {
        fn default() -> Self {
            Self {
                gamma: 2.0,
                weight: None,
            }
        }
    }

    /// Where gradients go.
    #[derive(Debug)]
    pub struct Gradients<'a> {
        /// The gradient in `logits`: `examples × K` numbers.
        pub logits: &'a mut [f32],
    }

    /// Which results are wanted, and where they go.
    #[derive(Debug, Default)]
    pub struct Outputs<'a> {
        /// The value of each example, without its sample weight: `examples` numbers.
        pub values: Option<&'a mut [f32]>,
        /// The gradient in `logits`: `examples × K` numbers.
        pub logits: Option<&'a mut [f32]>,
    }

    /// The mean of the batch.
    ///
    /// # Errors
    /// What does not fit; nothing has been written then.
    pub fn value(inputs: &Inputs<'_>, params: &Params<'_>) -> Result<f64, super::Error> {
        let options = super::Options::default();
        let outputs = Outputs::default();
        run(inputs, params, options, outputs).map(|summary| summary.mean())
    }

    /// The mean of the batch and its gradient.
    ///
    /// # Errors
    /// What does not fit; nothing has been written then.
    pub fn value_and_gradient(inputs: &Inputs<'_>, params: &Params<'_>, gradients: Gradients<'_>) -> Result<f64, super::Error> {
        let options = super::Options::default();
        let outputs = Outputs { logits: Some(gradients.logits), ..Outputs::default() };
        run(inputs, params, options, outputs).map(|summary| summary.mean())
    }

    /// The value of each example.
    ///
    /// # Errors
    /// What does not fit; nothing has been written then.
    pub fn values(inputs: &Inputs<'_>, params: &Params<'_>, values: &mut [f32]) -> Result<super::Summary, super::Error> {
        let options = super::Options::default();
        let outputs = Outputs { values: Some(values), ..Outputs::default() };
        run(inputs, params, options, outputs)
    }

    /// The value of each example and the gradient of each one's own value; of what all share, that of their sum.
    ///
    /// # Errors
    /// What does not fit; nothing has been written then.
    pub fn values_and_gradients(inputs: &Inputs<'_>, params: &Params<'_>, values: &mut [f32], gradients: Gradients<'_>) -> Result<super::Summary, super::Error> {
        let options = super::Options { reduction: super::Reduction::Sum, ..super::Options::default() };
        let outputs = Outputs { values: Some(values), logits: Some(gradients.logits) };
        run(inputs, params, options, outputs)
    }

    /// Computes what is wanted, as the options say.
    ///
    /// # Errors
    /// What does not fit; nothing has been written then.
    pub fn run(inputs: &Inputs<'_>, params: &Params<'_>, mut options: super::Options<'_, f32>, mut outputs: Outputs<'_>) -> Result<super::Summary, super::Error> {
        let call = prepare(inputs, params, &mut options, &mut outputs)?;
        let mut found = super::lossc_shared::LosscSummary::NONE;
        // SAFETY: the object is of the version that `Call` is declared for, and the field `cpu` is what it gave for
        // this CPU. `prepare` found each slice to be as long as the call's numbers say, and no pointer to be null
        // that must not be. What is written is borrowed mutably until the end of this function, so nothing
        // else overlaps it. What does not fit in the workspace, and labels outside of their axes, the object refuses.
        let status = unsafe { lossc_focal_f32(&call, &mut found) };
        if status == 0 {
            Ok(super::Summary { sum: found.sum, weight: found.weight })
        } else {
            Err(failure(status, &found, &call, inputs, params))
        }
    }

    /// What the object takes: each field is 8 bytes wide.
    #[repr(C)]
    struct Call {
        cpu: u64,
        flags: u64,
        examples: u64,
        extent_K: u64,
        input_logits: *const f32,
        input_label: *const i32,
        input_gamma: *const f32,
        input_weight: *const f32,
        sample_weights: *const f32,
        upstream: *const f64,
        values: *mut f32,
        gradient_logits: *mut f32,
        workspace: *mut ::core::mem::MaybeUninit<u64>,
        workspace_bytes: u64,
    }

    unsafe extern "C" {
        fn lossc_focal_f32(call: *const Call, summary: *mut super::lossc_shared::LosscSummary) -> i32;
        fn lossc_focal_f32_workspace(call: *const Call) -> u64;
        fn lossc_focal_f32_cpu() -> u64;
        static lossc_focal_f32_abi: u32;
    }

    /// Which code this CPU runs, asked of the object once.
    fn cpu() -> Result<u64, super::Error> {
        use ::core::sync::atomic::{AtomicU64, Ordering};
        static LEVEL: AtomicU64 = AtomicU64::new(u64::MAX);
        let known = LEVEL.load(Ordering::Relaxed);
        if known != u64::MAX {
            return Ok(known);
        }
        // SAFETY: the object has this constant in every version of the interface, and never writes it.
        let got = unsafe { lossc_focal_f32_abi };
        if got != 1 {
            return Err(super::Error::Version { expected: 1, got });
        }
        // SAFETY: the function takes nothing and touches no memory; its version is the one declared here.
        let level = unsafe { lossc_focal_f32_cpu() };
        LEVEL.store(level, Ordering::Relaxed);
        Ok(level)
    }

    /// How many elements each input has: for one example, or shared by all.
    fn rows(inputs: &Inputs<'_>) -> Result<[usize; 4], super::Error> {
        Ok([
            inputs.K,
            1,
            1,
            inputs.K,
        ])
    }

    /// The call, once all slices have been found to be as long as the object will take them to be.
    fn prepare(inputs: &Inputs<'_>, params: &Params<'_>, options: &mut super::Options<'_, f32>, outputs: &mut Outputs<'_>) -> Result<Call, super::Error> {
        let rows = rows(inputs)?;
        let lengths = [
            super::lossc_shared::LosscLength { what: "logits", got: Some(inputs.logits.len()), is_batched: true, row: rows[0] },
            super::lossc_shared::LosscLength { what: "label", got: Some(inputs.label.len()), is_batched: true, row: rows[1] },
            super::lossc_shared::LosscLength { what: "weight", got: params.weight.map(<[f32]>::len), is_batched: false, row: rows[3] },
            super::lossc_shared::LosscLength { what: "sample_weights", got: options.sample_weights.map(<[f32]>::len), is_batched: true, row: 1 },
            super::lossc_shared::LosscLength { what: "values", got: outputs.values.as_deref().map(<[f32]>::len), is_batched: true, row: 1 },
            super::lossc_shared::LosscLength { what: "gradients.logits", got: outputs.logits.as_deref().map(<[f32]>::len), is_batched: true, row: rows[0] },
        ];
        let examples = super::lossc_shared::LosscLength::test(&lengths, None)?;
        let mut flags = 0;
        if options.reduction == super::Reduction::Sum {
            flags |= 1;
        }
        if options.checked {
            flags |= 2;
        }
        Ok(Call {
            cpu: cpu()?,
            flags,
            examples: examples as u64,
            extent_K: inputs.K as u64,
            input_logits: inputs.logits.as_ptr(),
            input_label: inputs.label.as_ptr(),
            input_gamma: ::core::ptr::from_ref(&params.gamma),
            input_weight: params.weight.map_or(::core::ptr::null(), <[f32]>::as_ptr),
            sample_weights: options.sample_weights.map_or(::core::ptr::null(), <[f32]>::as_ptr),
            upstream: ::core::ptr::from_ref(&options.upstream),
            values: outputs.values.as_deref_mut().map_or(::core::ptr::null_mut(), <[f32]>::as_mut_ptr),
            gradient_logits: outputs.logits.as_deref_mut().map_or(::core::ptr::null_mut(), <[f32]>::as_mut_ptr),
            workspace: options.workspace.as_mut_ptr(),
            workspace_bytes: ::core::mem::size_of_val(&*options.workspace) as u64,
        })
    }

    /// What a status other than 0 means.
    fn failure(status: i32, found: &super::lossc_shared::LosscSummary, call: &Call, inputs: &Inputs<'_>, params: &Params<'_>) -> super::Error {
        let Ok(rows) = rows(inputs) else { return super::Error::Status { status } };
        match status {
            1 => super::Error::Cpu,
            2 => super::Error::Empty,
            3 => match found.argument() {
                0 => super::Error::TooLarge { what: "K" },
                _ => super::Error::TooLarge { what: "examples" },
            },
            5 => match found.argument() {
                1 => super::Error::Index {
                    input: "label",
                    place: found.place(true, false),
                    value: inputs.label.get(found.at(rows[1])).copied().map_or(0, i64::from),
                    axis: "K",
                    length: inputs.K,
                    optional: true,
                },
                _ => super::Error::Status { status },
            },
            6 => match found.argument() {
                2 => super::Error::Domain { input: "gamma", place: found.place(false, false), value: Some(params.gamma).map(f64::from), domain: "[0, inf)" },
                3 => super::Error::Domain { input: "weight", place: found.place(false, true), value: params.weight.and_then(|all| all.get(found.at(rows[3])).copied()).map(f64::from), domain: "[0, inf)" },
                _ => super::Error::Status { status },
            },
            7 => words(call).map_or_else(|error| error, |words| super::Error::Workspace { words }),
            _ => super::Error::Status { status },
        }
    }

    /// How many words of workspace a call needs.
    fn words(call: &Call) -> Result<usize, super::Error> {
        // SAFETY: the function reads the numbers of the call and which of its pointers are null.
        let bytes = unsafe { lossc_focal_f32_workspace(call) };
        match usize::try_from(bytes) {
            Ok(bytes) if bytes < usize::MAX => Ok(bytes.div_ceil(8)),
            _ => Err(super::Error::TooLarge { what: "workspace" }),
        }
    }
}
