//! What a caller may hand over: slices of reals, labels of any integer type, truth values.

use crate::loops::Precision;

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// The numbers that a loss is compiled for: `f32` or `f64`.
pub trait Element:
    sealed::Sealed + Copy + Default + PartialOrd + Into<f64> + Send + Sync + std::fmt::Debug + 'static
{
    /// The format of the compiled code.
    const PRECISION: Precision;
    /// Its name in Rust.
    const NAME: &'static str;
    /// The nearest number of this format.
    fn from_f64(value: f64) -> Self;
    /// The same number in 64 bits.
    fn to_f64(self) -> f64;
}

impl Element for f32 {
    const PRECISION: Precision = Precision::F32;
    const NAME: &'static str = "f32";

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is what it is for")]
    fn from_f64(value: f64) -> Self {
        value as Self
    }

    #[inline]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
}

impl Element for f64 {
    const PRECISION: Precision = Precision::F64;
    const NAME: &'static str = "f64";

    #[inline]
    fn from_f64(value: f64) -> Self {
        value
    }

    #[inline]
    fn to_f64(self) -> f64 {
        self
    }
}

/// The elements of an input, row-major.
#[derive(Clone, Copy, Debug)]
pub enum Data<'a, T> {
    /// Numbers, for inputs that are real.
    Real(&'a [T]),
    /// Truth values, for switches.
    Switch(&'a [bool]),
    /// Labels, for inputs that are an index.
    Label(Labels<'a>),
}

macro_rules! labels {
    ($($variant:ident $integer:ident,)+) => {
        /// Labels of any integer type.
        #[derive(Clone, Copy, Debug)]
        pub enum Labels<'a> {
            $(#[doc = concat!("`", stringify!($integer), "`")] $variant(&'a [$integer]),)+
        }

        impl Labels<'_> {
            /// How many there are.
            #[must_use]
            pub fn len(&self) -> usize {
                match self { $(Self::$variant(labels) => labels.len(),)+ }
            }

            /// Whether there is none.
            #[must_use]
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            /// The label at a place.
            pub(super) fn get(&self, at: usize) -> i128 {
                match self { $(Self::$variant(labels) => labels[at].try_into().unwrap_or(i128::MAX),)+ }
            }

            /// The first place whose label does not lie from `low` to just under `high`.
            pub(super) fn first_outside(&self, low: i64, high: i64) -> Option<usize> {
                match self {
                    $(Self::$variant(labels) => {
                        // All at once first, in their own type, where a bound that it lacks cannot be passed.
                        let least = $integer::try_from(low).unwrap_or($integer::MIN);
                        let bound = $integer::try_from(high).unwrap_or($integer::MAX);
                        let doubtful = labels
                            .iter()
                            .fold(false, |any, label| any | (*label < least) | (*label >= bound));
                        if !doubtful {
                            return None;
                        }
                        labels.iter().position(|label| {
                            let label = widen(*label);
                            label < low || label >= high
                        })
                    })+
                }
            }

            /// Hands every label to `take`, in order.
            pub(super) fn for_each(&self, mut take: impl FnMut(i64)) {
                match self { $(Self::$variant(labels) => labels.iter().for_each(|label| take(widen(*label))),)+ }
            }

            /// The elements' address, if they are signed and have this many bytes.
            pub(super) fn address_if_wide(&self, bytes: usize) -> Option<*const u8> {
                match self {
                    $(Self::$variant(labels) => {
                        let fits = $integer::MIN != 0 && size_of::<$integer>() == bytes;
                        fits.then_some(labels.as_ptr().cast())
                    })+
                }
            }
        }

        $(
            impl<'a, T: Element> From<&'a [$integer]> for Data<'a, T> {
                fn from(labels: &'a [$integer]) -> Self {
                    Self::Label(Labels::$variant(labels))
                }
            }

            impl<'a, T: Element> From<&'a Vec<$integer>> for Data<'a, T> {
                fn from(labels: &'a Vec<$integer>) -> Self {
                    Self::Label(Labels::$variant(labels))
                }
            }

            impl<'a, T: Element, const N: usize> From<&'a [$integer; N]> for Data<'a, T> {
                fn from(labels: &'a [$integer; N]) -> Self {
                    Self::Label(Labels::$variant(labels))
                }
            }
        )+
    };
}

labels! {
    I8 i8,
    I16 i16,
    I32 i32,
    I64 i64,
    Isize isize,
    U8 u8,
    U16 u16,
    U32 u32,
    U64 u64,
    Usize usize,
}

/// A label; one past the range of `i64` is the largest there is, which lies in no axis.
fn widen(label: impl TryInto<i64>) -> i64 {
    label.try_into().unwrap_or(i64::MAX)
}

macro_rules! slices {
    ($element:ident $variant:ident) => {
        impl<'a, T: Element> From<&'a [$element]> for Data<'a, T> {
            fn from(data: &'a [$element]) -> Self {
                Self::$variant(data)
            }
        }

        impl<'a, T: Element> From<&'a Vec<$element>> for Data<'a, T> {
            fn from(data: &'a Vec<$element>) -> Self {
                Self::$variant(data)
            }
        }

        impl<'a, T: Element, const N: usize> From<&'a [$element; N]> for Data<'a, T> {
            fn from(data: &'a [$element; N]) -> Self {
                Self::$variant(data)
            }
        }
    };
}

slices!(T Real);
slices!(bool Switch);

impl<T> Data<'_, T> {
    /// How many elements there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Real(data) => data.len(),
            Self::Switch(data) => data.len(),
            Self::Label(data) => data.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The value of a param or a learned input: a number that fills it, a switch, or its elements.
#[derive(Clone, Copy, Debug)]
pub enum Setting<'a, T> {
    /// Fills the input.
    Number(f64),
    /// The elements of an input with one axis.
    Elements(Data<'a, T>),
}

impl<T> From<f64> for Setting<'_, T> {
    fn from(value: f64) -> Self {
        Self::Number(value)
    }
}

impl<T> From<f32> for Setting<'_, T> {
    fn from(value: f32) -> Self {
        Self::Number(f64::from(value))
    }
}

impl<T> From<i32> for Setting<'_, T> {
    fn from(value: i32) -> Self {
        Self::Number(f64::from(value))
    }
}

impl<T> From<bool> for Setting<'_, T> {
    fn from(value: bool) -> Self {
        Self::Number(f64::from(u8::from(value)))
    }
}

impl<'a, T: Element> From<&'a [T]> for Setting<'a, T> {
    fn from(value: &'a [T]) -> Self {
        Self::Elements(value.into())
    }
}

impl<'a, T: Element> From<&'a Vec<T>> for Setting<'a, T> {
    fn from(value: &'a Vec<T>) -> Self {
        Self::Elements(value.into())
    }
}

impl<'a, T: Element, const N: usize> From<&'a [T; N]> for Setting<'a, T> {
    fn from(value: &'a [T; N]) -> Self {
        Self::Elements(value.into())
    }
}

/// What gradients are multiplied by.
#[derive(Clone, Copy, Debug)]
pub enum Upstream<'a, T> {
    /// One factor for all.
    Scalar(f64),
    /// One factor an example.
    PerExample(&'a [T]),
}

impl<T> From<f64> for Upstream<'_, T> {
    fn from(value: f64) -> Self {
        Self::Scalar(value)
    }
}

impl<T> From<f32> for Upstream<'_, T> {
    fn from(value: f32) -> Self {
        Self::Scalar(f64::from(value))
    }
}

impl<'a, T: Element> From<&'a [T]> for Upstream<'a, T> {
    fn from(value: &'a [T]) -> Self {
        Self::PerExample(value)
    }
}

impl<'a, T: Element> From<&'a Vec<T>> for Upstream<'a, T> {
    fn from(value: &'a Vec<T>) -> Self {
        Self::PerExample(value)
    }
}

impl<'a, T: Element, const N: usize> From<&'a [T; N]> for Upstream<'a, T> {
    fn from(value: &'a [T; N]) -> Self {
        Self::PerExample(value)
    }
}
