//! The header of a `.npy` file: magic, version, and a dictionary of type, order and shape.

use std::io::Read;

use crate::cli::failure::{DataCode, Failure};

/// Longer headers belong to structured arrays, which are refused anyway.
const LONGEST: u32 = 1 << 16;

/// What a header says.
#[derive(Debug, PartialEq)]
pub(super) struct Header {
    /// The type of an element.
    pub(super) kind: Kind,
    /// Whether its bytes begin with the most significant one.
    pub(super) is_big: bool,
    /// Whether the first axis is the innermost one.
    pub(super) is_fortran: bool,
    /// The length of each axis.
    pub(super) shape: Vec<usize>,
}

macro_rules! kinds {
    ($($variant:ident = $code:literal, $size:literal;)+) => {
        /// The types of elements that are read.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Kind { $($variant,)+ }

        impl Kind {
            /// Every one.
            pub(super) const ALL: &[Self] = &[$(Self::$variant,)+];

            /// As `NumPy` writes it, without the byte order.
            pub(super) fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// How many bytes an element takes.
            pub(super) fn size(self) -> usize {
                match self { $(Self::$variant => $size,)+ }
            }
        }
    };
}

kinds! {
    Bool = "b1", 1;
    I1 = "i1", 1;
    I2 = "i2", 2;
    I4 = "i4", 4;
    I8 = "i8", 8;
    U1 = "u1", 1;
    U2 = "u2", 2;
    U4 = "u4", 4;
    U8 = "u8", 8;
    F2 = "f2", 2;
    F4 = "f4", 4;
    F8 = "f8", 8;
}

impl Kind {
    /// How the low bits of an element become a number, exactly; none: it is an integer.
    pub(super) fn as_float(self) -> Option<fn(u64) -> f64> {
        match self {
            Self::F2 => Some(|bits| half(low16(bits))),
            Self::F4 => Some(|bits| f64::from(f32::from_bits(low32(bits)))),
            Self::F8 => Some(f64::from_bits),
            Self::Bool
            | Self::I1
            | Self::I2
            | Self::I4
            | Self::I8
            | Self::U1
            | Self::U2
            | Self::U4
            | Self::U8 => None,
        }
    }

    /// The low bits of an element as an integer; none: it is too large, or a float.
    pub(super) fn to_integer(self, bits: u64) -> Option<i64> {
        let signed = |shift: u32| Some(bits.cast_signed() << shift >> shift);
        match self {
            Self::Bool => Some(i64::from(bits != 0)),
            Self::I1 => signed(56),
            Self::I2 => signed(48),
            Self::I4 => signed(32),
            Self::I8 => signed(0),
            Self::U1 | Self::U2 | Self::U4 | Self::U8 => i64::try_from(bits).ok(),
            Self::F2 | Self::F4 | Self::F8 => None,
        }
    }
}

fn low16(bits: u64) -> u16 {
    u16::try_from(bits & 0xffff).expect("16 bits were kept")
}

fn low32(bits: u64) -> u32 {
    u32::try_from(bits & 0xffff_ffff).expect("32 bits were kept")
}

/// A half-precision number, exactly: one sign bit, five of exponent, ten of fraction (IEEE 754-2008).
fn half(bits: u16) -> f64 {
    let fraction = f64::from(bits & 0x3ff);
    let magnitude = match bits >> 10 & 0x1f {
        0 => fraction * f64::from_bits(0x3e70_0000_0000_0000),
        0x1f if fraction == 0.0 => f64::INFINITY,
        0x1f => f64::NAN,
        exponent => (1.0 + fraction / 1024.0) * 2.0_f64.powi(i32::from(exponent) - 15),
    };
    if bits >> 15 == 1 { -magnitude } else { magnitude }
}

/// Reads a header and leaves the reader at the first element.
///
/// # Errors
/// If it is not understood, or the elements are none that can be read.
pub(super) fn read(place: &str, reader: &mut dyn Read) -> Result<Header, Failure> {
    let mut start = [0; 8];
    reader.read_exact(&mut start).map_err(|why| cut_short(place, &why.to_string()))?;
    if start[..6] != *b"\x93NUMPY" {
        return Err(bad_header(place, "the file does not begin with \\x93NUMPY"));
    }
    let mut exact = |bytes: &mut [u8]| {
        reader.read_exact(bytes).map_err(|why| cut_short(place, &why.to_string()))
    };
    let length = match start[6] {
        1 => {
            let mut length = [0; 2];
            exact(&mut length)?;
            u32::from(u16::from_le_bytes(length))
        }
        2 | 3 => {
            let mut length = [0; 4];
            exact(&mut length)?;
            u32::from_le_bytes(length)
        }
        version => {
            return Err(bad_header(
                place,
                &format!("version {version} of the format is not known"),
            ));
        }
    };
    if length > LONGEST {
        return Err(bad_header(place, &format!("the header has {length} bytes")));
    }
    let mut text = vec![0; length as usize];
    exact(&mut text)?;
    let text =
        std::str::from_utf8(&text).map_err(|_| bad_header(place, "the header is not text"))?;
    understand(place, text)
}

fn understand(place: &str, text: &str) -> Result<Header, Failure> {
    let mut words = Words { rest: text };
    let (mut element, mut order, mut shape) = (None, None, None);
    let mut parse = || {
        words.symbol('{')?;
        while !words.is_next('}') {
            match words.string()? {
                "descr" => {
                    words.symbol(':')?;
                    // A list of fields: a structured type, told as such below.
                    element =
                        Some(if words.is_next('[') { "structured" } else { words.string()? });
                    if element == Some("structured") {
                        return Some(());
                    }
                }
                "fortran_order" => {
                    words.symbol(':')?;
                    order = Some(words.boolean()?);
                }
                "shape" => {
                    words.symbol(':')?;
                    shape = Some(words.tuple()?);
                }
                _ => return None,
            }
            words.separator('}')?;
        }
        Some(())
    };
    let understood = parse();
    if let Some(element) = element {
        let (kind, is_big) = element_type(place, element)?;
        if let (Some(()), Some(is_fortran), Some(shape)) = (understood, order, shape) {
            return Ok(Header { kind, is_big, is_fortran, shape });
        }
    }
    Err(bad_header(place, "the header is not the dictionary of descr, fortran_order and shape"))
}

fn element_type(place: &str, element: &str) -> Result<(Kind, bool), Failure> {
    let (order, code) = match element.split_at_checked(1) {
        Some((order @ ("<" | ">" | "=" | "|"), code)) => (order, code),
        _ => ("", element),
    };
    match Kind::ALL.iter().find(|kind| kind.code() == code) {
        Some(kind) => Ok((*kind, order == ">" || order == "=" && cfg!(target_endian = "big"))),
        None => Err(wrong_type(place, element)),
    }
}

fn wrong_type(place: &str, element: &str) -> Failure {
    let shown: String = element.chars().take(40).collect();
    let message = match shown.trim_start_matches(['<', '>', '=', '|']).chars().next() {
        Some('O') => "the elements are Python objects".to_owned(),
        Some('c') => "the elements are complex numbers".to_owned(),
        Some('U' | 'S') => "the elements are strings".to_owned(),
        Some('s') => "the elements are records of several fields".to_owned(),
        _ => format!("elements of type `{}` are not read", shown.escape_debug()),
    };
    let kinds: Vec<&str> = Kind::ALL.iter().map(|kind| kind.code()).collect();
    Failure::data(
        DataCode::Type,
        place,
        message,
        format!(
            "convert the array first, as in array.astype(\"float64\"); read are {}",
            kinds.join(" ")
        ),
    )
}

fn bad_header(place: &str, why: &str) -> Failure {
    Failure::data(
        DataCode::Format,
        place,
        format!("this is not a .npy array: {why}"),
        "write one with numpy.save(\"data.npy\", array)",
    )
}

/// What a file that ends too early says.
pub(super) fn cut_short(place: &str, why: &str) -> Failure {
    Failure::data(
        DataCode::Format,
        place,
        format!("the array cannot be read to its end: {why}"),
        "the file is damaged or cut short: write it again with numpy.save or numpy.savez",
    )
}

/// The header of an array in row-major order, padded so that the elements are aligned to 64 bytes.
pub(super) fn write(kind: Kind, shape: &[usize]) -> Vec<u8> {
    let lengths: Vec<String> = shape.iter().map(|length| format!("{length},")).collect();
    let text = format!(
        "{{'descr': '<{}', 'fortran_order': False, 'shape': ({}), }}",
        kind.code(),
        lengths.join(" ")
    );
    let padded = (text.len() + 11).next_multiple_of(64) - 11;
    let length = u16::try_from(padded + 1).expect("an array has few axes");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(length.to_le_bytes());
    bytes.extend(format!("{text:<padded$}\n").bytes());
    bytes
}

/// What is left of a header.
struct Words<'a> {
    rest: &'a str,
}

impl<'a> Words<'a> {
    fn is_next(&mut self, symbol: char) -> bool {
        self.rest = self.rest.trim_ascii_start();
        self.rest.starts_with(symbol)
    }

    fn symbol(&mut self, symbol: char) -> Option<()> {
        self.rest = self.rest.trim_ascii_start().strip_prefix(symbol)?;
        Some(())
    }

    /// A comma, unless the closing symbol follows.
    fn separator(&mut self, closing: char) -> Option<()> {
        if self.is_next(closing) { Some(()) } else { self.symbol(',') }
    }

    fn string(&mut self) -> Option<&'a str> {
        self.rest = self.rest.trim_ascii_start();
        let quote = self.rest.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
        let (text, rest) = self.rest[1..].split_once(quote)?;
        self.rest = rest;
        Some(text)
    }

    fn word(&mut self) -> &'a str {
        let rest = self.rest.trim_ascii_start();
        let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let (word, rest) = rest.split_at(end);
        self.rest = rest;
        word
    }

    fn boolean(&mut self) -> Option<bool> {
        match self.word() {
            "True" => Some(true),
            "False" => Some(false),
            _ => None,
        }
    }

    fn tuple(&mut self) -> Option<Vec<usize>> {
        let mut lengths = Vec::new();
        self.symbol('(')?;
        while !self.is_next(')') {
            lengths.push(self.word().trim_end_matches('L').parse().ok()?);
            self.separator(')')?;
        }
        self.symbol(')')?;
        Some(lengths)
    }
}
