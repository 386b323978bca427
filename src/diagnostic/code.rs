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
    /// Brackets, powers or calls nest more than 256 levels deep.
    NestingTooDeep = "nesting-too-deep",
    /// A source file is larger than 4 MiB.
    FileTooLarge = "file-too-large",
}
