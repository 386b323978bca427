//! Where an array stands in the data, to be named in errors: a file, a name, and the lines of the rows.

use std::fmt;

/// `data.csv:label`, or `data.csv:4:label` for one of its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    file: String,
    name: Option<String>,
    /// The line of row 0, where each row has one line.
    first_line: Option<usize>,
}

impl Place {
    /// An array of a file, or the only one.
    pub(crate) fn new(file: &str, name: Option<&str>) -> Self {
        Self { file: file.to_owned(), name: name.map(str::to_owned), first_line: None }
    }

    /// The rows stand on lines one after the other from this one.
    pub(super) fn with_first_line(self, first_line: Option<usize>) -> Self {
        Self { first_line, ..self }
    }

    /// What stands beside it under another name.
    pub(super) fn named(&self, name: &str) -> Self {
        Self { name: Some(name.to_owned()), ..self.clone() }
    }

    /// Where a row stands.
    pub(crate) fn of_row(&self, row: usize) -> String {
        match (self.first_line, &self.name) {
            (Some(first), Some(name)) => {
                format!("{}:{}:{name}", self.file, first.saturating_add(row))
            }
            _ => self.to_string(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(formatter, "{}:{name}", self.file),
            None => formatter.write_str(&self.file),
        }
    }
}

impl From<&Place> for String {
    fn from(place: &Place) -> Self {
        place.to_string()
    }
}
