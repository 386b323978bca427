//! The table of codes: every kind of mistake has a name that stays.

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+) => {
        /// The kind of a mistake, printed in square brackets: `error[axis-mismatch]`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[doc = $doc])+ $variant,)+ }

        impl Code {
            /// Every code, in the order of the pipeline.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The name as printed.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// What it means, in a sentence or two.
            #[must_use]
            pub fn explanation(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+),)+ }
            }
        }
    };
}

codes! {
    /// The text does not follow the grammar.
    Syntax = "syntax",
    /// A bracket is never closed, closes nothing, or is closed by one of another kind.
    UnbalancedBrackets = "unbalanced-brackets",
    /// An axis is not a name with a capital first letter, nor a whole number.
    AxisName = "axis-name",
    /// A number is too large for double precision, or an extent for 32 bits.
    NumberTooLarge = "number-too-large",
    /// Brackets, powers or calls nest more than 256 levels deep.
    NestingTooDeep = "nesting-too-deep",
    /// A source file is larger than 4 MiB.
    FileTooLarge = "file-too-large",
    /// A file that is named cannot be read.
    FileNotFound = "file-not-found",
    /// A `use` leads out of the folder tree of the root file.
    UseOutside = "use-outside",
    /// Files that use one another in a circle.
    UseCycle = "use-cycle",
    /// The shipped library has no loss of that name.
    UnknownLibrary = "unknown-library",
    /// Two things have the same name.
    DuplicateName = "duplicate-name",
    /// A name that belongs to the language, to a function or to axes.
    ReservedName = "reserved-name",
    /// Nothing of that name is in sight.
    UnknownName = "unknown-name",
    /// There is no function, reduction, fn or loss of that name.
    UnknownFunction = "unknown-function",
    /// There is no axis of that name.
    UnknownAxis = "unknown-axis",
    /// A value of one type stands where another is needed.
    TypeMismatch = "type-mismatch",
    /// Comparisons do not chain.
    ChainedComparison = "chained-comparison",
    /// Neither side's axes contain the other's.
    AxisMismatch = "axis-mismatch",
    /// An array that has an axis twice is used whole.
    AxisTwice = "axis-twice",
    /// A function along an axis is given several, and none is named.
    AmbiguousAxis = "ambiguous-axis",
    /// What is reduced does not have that axis, or has none.
    NothingToReduce = "nothing-to-reduce",
    /// A loss comes out with axes.
    AxesLeft = "axes-left",
    /// A loss is not a number.
    Undefined = "not-a-number",
    /// An array is indexed by something that is no index of its axis.
    IndexMismatch = "index-mismatch",
    /// A constant index lies outside its axis.
    IndexOutOfRange = "index-out-of-range",
    /// An array is indexed by more than it has axes.
    TooManyIndices = "too-many-indices",
    /// A call gives too few or too many arguments.
    ArgumentCount = "argument-count",
    /// A call names an argument that is not there.
    UnknownArgument = "unknown-argument",
    /// A call gives an argument twice.
    DuplicateArgument = "duplicate-argument",
    /// A call or an example leaves out an input that has no default.
    MissingArgument = "missing-argument",
    /// The axes of an argument do not fit those of the parameter.
    ArgumentAxes = "argument-axes",
    /// A fn, loss or const leads back to itself.
    Recursion = "recursion",
    /// An input that the model or the data must give has a default.
    DefaultNotAllowed = "default-not-allowed",
    /// A default uses something that is not known before the call.
    DefaultNotKnown = "default-not-known",
    /// A domain holds no value at all.
    EmptyDomain = "empty-domain",
    /// A constant lies outside the domain that it is meant for.
    OutsideDomain = "outside-domain",
    /// A domain that does not fit the input.
    DomainMismatch = "domain-mismatch",
    /// What the mean divides by depends on what the model puts out.
    PerDependsOnModel = "per-depends-on-model",
    /// An example gives or expects something of the wrong form.
    ExampleShape = "example-shape",
    /// Something that must be constant is not.
    NotConstant = "not-constant",
    /// A file defines no loss where one is needed, or not the one that was asked for.
    NoSuchLoss = "no-such-loss",
    /// A worked example does not come out as it says.
    ExampleFails = "example-fails",
    /// An operation loses digits in f32 that no rewriting keeps.
    LosesDigits = "loses-digits",
    /// The loss has more than a million nodes, or more than 48 axes, once everything is inlined.
    GraphTooLarge = "graph-too-large",
    /// An input is declared and never used.
    UnusedInput = "unused-input",
}
