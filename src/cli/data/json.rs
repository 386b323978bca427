//! JSON: an object from names to numbers, nested lists, or `{"shape": …, "data": …}`. Out come arrays.
//!
//! Numbers go straight from the text into the arrays; the parser bounds the nesting.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{DataArray, Growing, Place, count};
use crate::cli::failure::{DataCode, Failure};

type Arrays = Vec<(String, Result<DataArray, Failure>)>;

const FORM: &str = "write an object such as {\"logits\": [[2, 0, -1]], \"label\": [1]}";

/// The arrays of a JSON text.
///
/// # Errors
/// If it is not JSON, or not an object from names to numbers.
pub(super) fn parse(file: &str, bytes: &[u8]) -> Result<Arrays, Failure> {
    let problem = RefCell::new(None);
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut parser = serde_json::Deserializer::from_slice(bytes);
    let outcome = parser.deserialize_any(Object { file, problem: &problem });
    let arrays = outcome.and_then(|arrays| parser.end().map(|()| arrays));
    arrays.map_err(|why| explain(file, &why, problem.into_inner()))
}

/// What is wrong, when it is not the syntax.
struct Problem {
    code: DataCode,
    path: String,
    message: String,
    help: &'static str,
}

/// The parser knows the line; the problem, if one was noted, knows the path.
fn explain(file: &str, why: &serde_json::Error, problem: Option<Problem>) -> Failure {
    let place = format!("{file}:{}:{}", why.line(), why.column());
    if let Some(Problem { code, path, message, help }) = problem {
        let place = if path.is_empty() { place } else { format!("{place}:{path}") };
        return Failure::data(code, place, message, help);
    }
    let position = format!(" at line {} column {}", why.line(), why.column());
    let text = why.to_string();
    let text = text.strip_suffix(&position).unwrap_or(&text);
    let help = match text {
        "number out of range" => "the largest number is 1.8e308; write \"Infinity\" for more",
        "recursion limit exceeded" => "an array has as many levels of lists as axes, 100 at most",
        _ => "numbers that JSON lacks are the strings \"NaN\", \"Infinity\" and \"-Infinity\"",
    };
    Failure::data(DataCode::Format, place, format!("this is not JSON: {text}"), help)
}

/// Notes a problem where the parser's error cannot carry it.
fn refuse<E: Error>(
    slot: &RefCell<Option<Problem>>,
    code: DataCode,
    path: impl Into<String>,
    message: impl Into<String>,
    help: &'static str,
) -> E {
    let problem = Problem { code, path: path.into(), message: message.into(), help };
    slot.borrow_mut().get_or_insert(problem);
    E::custom("refused")
}

/// The whole text.
#[derive(Clone, Copy)]
struct Object<'a> {
    file: &'a str,
    problem: &'a RefCell<Option<Problem>>,
}

impl Object<'_> {
    fn not_an_object<E: Error>(self, found: &str) -> E {
        let message = format!("{found} stands where the names of the inputs should");
        refuse(self.problem, DataCode::Format, "", message, FORM)
    }
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = Arrays;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("an object from names to numbers")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Arrays, A::Error> {
        let mut arrays: Arrays = Vec::new();
        let mut seen = std::collections::HashSet::new();
        while let Some(name) = map.next_key::<String>()? {
            if !seen.insert(name.clone()) {
                let message = format!("the key `{name}` stands twice");
                let help = "give each input once";
                return Err(refuse(self.problem, DataCode::Duplicate, name, message, help));
            }
            let building = Building::new(&name, self.problem);
            let array = map.next_value_seed(Whole(&building))?;
            let place = Place::new(self.file, Some(&name));
            arrays
                .push((name, Ok(DataArray { shape: array.0, elements: array.1.finish(), place })));
        }
        Ok(arrays)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Arrays, A::Error> {
        Err(self.not_an_object("a list"))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Arrays, E> {
        Err(self.not_an_object("a truth value"))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Arrays, E> {
        Err(self.not_an_object("a number"))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Arrays, E> {
        Err(self.not_an_object("a number"))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Arrays, E> {
        Err(self.not_an_object("a number"))
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Arrays, E> {
        Err(self.not_an_object("a string"))
    }

    fn visit_unit<E: Error>(self) -> Result<Arrays, E> {
        Err(self.not_an_object("null"))
    }
}

/// An array while its lists are read.
struct Building<'a> {
    name: &'a str,
    problem: &'a RefCell<Option<Problem>>,
    state: RefCell<State>,
}

struct State {
    /// The length of each level of lists, once one list of it has ended.
    lengths: Vec<Option<usize>>,
    /// On which level numbers stand, once one has been read.
    rank: Option<usize>,
    /// Where we are: one position a list that is open.
    path: Vec<usize>,
    elements: Growing,
}

impl<'a> Building<'a> {
    fn new(name: &'a str, problem: &'a RefCell<Option<Problem>>) -> Self {
        let state =
            State { lengths: Vec::new(), rank: None, path: Vec::new(), elements: Growing::new() };
        Self { name, problem, state: RefCell::new(state) }
    }

    /// `logits[2][1]`
    fn path(&self) -> String {
        let state = self.state.borrow();
        state.path.iter().fold(self.name.to_owned(), |path, position| format!("{path}[{position}]"))
    }

    fn refuse<E: Error>(
        &self,
        code: DataCode,
        message: impl Into<String>,
        help: &'static str,
    ) -> E {
        refuse(self.problem, code, self.path(), message, help)
    }

    fn ragged<E: Error>(&self, message: impl Into<String>) -> E {
        self.refuse(
            DataCode::Ragged,
            message,
            "give all lists of one level the same length and depth",
        )
    }

    /// A number stands here, on the level of the open lists.
    fn at_number<E: Error>(&self) -> Result<(), E> {
        let depth = {
            let mut state = self.state.borrow_mut();
            let depth = state.path.len();
            if state.lengths.len() == depth {
                state.rank = Some(depth);
                return Ok(());
            }
            depth
        };
        let levels = self.state.borrow().lengths.len();
        Err(self.ragged(format!(
            "a number stands {depth} lists deep, where others stand {levels} deep"
        )))
    }

    fn push_integer<E: Error>(&self, value: i64) -> Result<(), E> {
        self.at_number()?;
        self.state.borrow_mut().elements.push_integer(value);
        Ok(())
    }

    fn push_real<E: Error>(&self, value: f64) -> Result<(), E> {
        self.at_number()?;
        self.state.borrow_mut().elements.push_real(value);
        Ok(())
    }

    /// A list begins here.
    fn open<E: Error>(&self) -> Result<(), E> {
        let mut state = self.state.borrow_mut();
        let depth = state.path.len();
        if state.rank == Some(depth) {
            drop(state);
            return Err(self.ragged("a list stands where the others have a number"));
        }
        if state.lengths.len() == depth {
            state.lengths.push(None);
        }
        state.path.push(0);
        Ok(())
    }

    /// The list that was opened last ends, with so many elements.
    fn close<E: Error>(&self, length: usize) -> Result<(), E> {
        let mut state = self.state.borrow_mut();
        state.path.pop();
        let depth = state.path.len();
        match state.lengths[depth] {
            Some(expected) if expected != length => {
                drop(state);
                Err(self.ragged(format!(
                    "the list has {length} elements, the first of its level {expected}"
                )))
            }
            _ => {
                state.lengths[depth] = Some(length);
                Ok(())
            }
        }
    }
}

/// The value of a key: numbers, or an object of shape and data.
struct Whole<'a>(&'a Building<'a>);

impl<'de> DeserializeSeed<'de> for Whole<'_> {
    type Value = (Vec<usize>, Growing);

    fn deserialize<D: Deserializer<'de>>(self, parser: D) -> Result<Self::Value, D::Error> {
        let building = self.0;
        let shape = parser.deserialize_any(Part { building, is_whole: true })?;
        let state = building.state.replace(State {
            lengths: Vec::new(),
            rank: None,
            path: Vec::new(),
            elements: Growing::new(),
        });
        let shape = shape.unwrap_or_else(|| {
            state.lengths.iter().copied().map(Option::unwrap_or_default).collect()
        });
        Ok((shape, state.elements))
    }
}

/// A number or a list of parts; the whole may also be an object, whose shape is returned.
struct Part<'a> {
    building: &'a Building<'a>,
    is_whole: bool,
}

impl<'de> DeserializeSeed<'de> for Part<'_> {
    type Value = Option<Vec<usize>>;

    fn deserialize<D: Deserializer<'de>>(self, parser: D) -> Result<Self::Value, D::Error> {
        parser.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Part<'_> {
    type Value = Option<Vec<usize>>;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("a number or a list")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        self.building.push_integer(i64::from(value)).map(|()| None)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        self.building.push_integer(value).map(|()| None)
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "an integer past 2^63 can only be meant as a real"
    )]
    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        match i64::try_from(value) {
            Ok(small) => self.building.push_integer(small),
            Err(_) => self.building.push_real(value as f64),
        }
        .map(|()| None)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        self.building.push_real(value).map(|()| None)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        let value = match text {
            "NaN" => f64::NAN,
            "Infinity" => f64::INFINITY,
            "-Infinity" => f64::NEG_INFINITY,
            _ => {
                let shown: String = text.chars().take(40).collect();
                let message = format!("the string \"{}\" is not a number", shown.escape_debug());
                let help = "write numbers without quotes; only \"NaN\", \"Infinity\" and \"-Infinity\" are strings";
                return Err(self.building.refuse(DataCode::Number, message, help));
            }
        };
        self.building.push_real(value).map(|()| None)
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        let help =
            "write \"NaN\" for a number that is not known, a negative label for a missing label";
        Err(self.building.refuse(DataCode::Number, "null is not a number", help))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let building = self.building;
        building.open()?;
        let mut length = 0;
        while list.next_element_seed(Part { building, is_whole: false })?.is_some() {
            length += 1;
            if let Some(last) = building.state.borrow_mut().path.last_mut() {
                *last = length;
            }
        }
        building.close(length)?;
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let building = self.building;
        if !self.is_whole {
            let help = "an array is a nested list, or one object of shape and data";
            return Err(building.refuse(DataCode::Format, "an object stands inside a list", help));
        }
        let (mut shape, mut has_data) = (None, false);
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "shape" if shape.is_none() => shape = Some(lengths(building, &map.next_value()?)?),
                "data" if !has_data => {
                    map.next_value_seed(Part { building, is_whole: false })?;
                    has_data = true;
                }
                _ => return Err(wrong_key(building, &key)),
            }
        }
        if let Some(shape) = shape.filter(|_| has_data) {
            return check_shape(building, shape).map(Some);
        }
        let help = "write {\"shape\": [2, 3], \"data\": [1, 2, 3, 4, 5, 6]}";
        Err(building.refuse(DataCode::Format, "the object lacks shape or data", help))
    }
}

fn wrong_key<E: Error>(building: &Building, key: &str) -> E {
    if matches!(key, "shape" | "data") {
        let message = format!("the key `{key}` stands twice");
        return building.refuse(DataCode::Duplicate, message, "give shape and data once");
    }
    let shown: String = key.chars().take(40).collect();
    let message = format!("an array has no `{}`", shown.escape_debug());
    building.refuse(
        DataCode::Format,
        message,
        "an object of an array has the keys shape and data only",
    )
}

fn check_shape<E: Error>(building: &Building, shape: Vec<usize>) -> Result<Vec<usize>, E> {
    let (levels, length) = {
        let state = building.state.borrow();
        (state.lengths.len(), state.elements.len())
    };
    if levels != 1 {
        let message = "the data of an array with a shape are not one flat list";
        return Err(building.refuse(
            DataCode::Shape,
            message,
            "write the elements in row-major order, unnested",
        ));
    }
    if count(&shape) != Some(length) {
        let message = format!("shape {shape:?} does not fit {length} elements");
        return Err(building.refuse(
            DataCode::Shape,
            message,
            "the product of the shape is the number of elements",
        ));
    }
    Ok(shape)
}

/// The lengths of the axes.
fn lengths<E: Error>(building: &Building, value: &serde_json::Value) -> Result<Vec<usize>, E> {
    let length = |length: &serde_json::Value| {
        length.as_u64().and_then(|length| usize::try_from(length).ok())
    };
    let lengths = value.as_array().and_then(|lengths| lengths.iter().map(length).collect());
    lengths.ok_or_else(|| {
        let message = "the shape is not a list of lengths";
        building.refuse(DataCode::Shape, message, "write the length of each axis, such as [2, 3]")
    })
}
