//! Data files: bytes come in, named arrays go out.
//!
//! Each format has a reader that keeps what was written (integers as integers, 32-bit numbers exactly) and
//! bounds what it allocates by the size of the file. What is wrong with a column that nobody asks for
//! does not matter: mistakes in elements are told when an array is taken.

mod csv;
mod elements;
mod json;
mod npy;
mod place;
#[cfg(test)]
mod tests;

use std::io::Read;
use std::path::Path;

pub(crate) use elements::{Elements, Growing};
pub(crate) use npy::{Numbers, write_npz};
pub(crate) use place::Place;

use super::failure::{DataCode, Failure, list};
use lossc::diagnostic::suggest;

/// The formats that data come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// A header of names, then a row an example.
    Csv,
    /// One array, as numpy.save writes it.
    Npy,
    /// An archive of arrays, as numpy.savez writes it.
    Npz,
    /// An object from names to numbers or nested lists.
    Json,
}

/// A dense row-major array of a data file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DataArray {
    /// The length of each axis, outermost first.
    pub(crate) shape: Vec<usize>,
    /// As many elements as the shape says.
    pub(crate) elements: Elements,
    /// Where it stands, to be named in errors.
    pub(crate) place: Place,
}

/// The arrays of a data file by name, in its order.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    /// The file as it is called in errors.
    pub(crate) file: String,
    /// Its format.
    pub(crate) format: Format,
    /// Every array, or what is wrong with it.
    pub(crate) arrays: Vec<(String, Result<DataArray, Failure>)>,
}

/// Reads a file, or standard input for `-`.
///
/// # Errors
/// If it cannot be read, or its bytes are not what the format says.
pub(crate) fn read(path: &str, format: Option<Format>) -> Result<Table, Failure> {
    let mut bytes = Vec::new();
    let (name, outcome) = if path == "-" {
        ("<stdin>", std::io::stdin().lock().read_to_end(&mut bytes).map(|_| ()))
    } else {
        (path, std::fs::read(path).map(|all| bytes = all))
    };
    outcome.map_err(|why| unreadable(name, &why))?;
    let format = format.or_else(|| by_extension(path)).unwrap_or_else(|| by_content(&bytes));
    parse(name, &bytes, format)
}

fn unreadable(name: &str, why: &std::io::Error) -> Failure {
    Failure::usage(
        format!("cannot read the data `{name}`: {why}"),
        "give the path of a .csv, .npy, .npz or .json file, or - for standard input",
    )
}

/// Reads bytes of a known format; `file` is what errors call them.
///
/// # Errors
/// If the bytes are not what the format says.
pub(crate) fn parse(file: &str, bytes: &[u8], format: Format) -> Result<Table, Failure> {
    let arrays = match format {
        Format::Csv => csv::parse(file, bytes)?,
        Format::Npy => npy::parse_npy(file, bytes)?,
        Format::Npz => npy::parse_npz(file, bytes)?,
        Format::Json => json::parse(file, bytes)?,
    };
    Ok(Table { file: file.to_owned(), format, arrays })
}

fn by_extension(path: &str) -> Option<Format> {
    let extension = Path::new(path).extension()?.to_str()?.to_ascii_lowercase();
    match extension.as_str() {
        "csv" => Some(Format::Csv),
        "npy" => Some(Format::Npy),
        "npz" => Some(Format::Npz),
        "json" => Some(Format::Json),
        _ => None,
    }
}

fn by_content(bytes: &[u8]) -> Format {
    match bytes.trim_ascii_start() {
        [b'{' | b'[', ..] => Format::Json,
        [0x93, ..] => Format::Npy,
        [b'P', b'K', 3 | 5, ..] => Format::Npz,
        _ => Format::Csv,
    }
}

impl Table {
    /// The array of that name: a column or array called so, or numbered columns `name.0`, `name.1`, …
    /// as a further axis (`name.0.1`: two). None: there is nothing of that name.
    ///
    /// # Errors
    /// If the elements are wrong, there are two of that name, or a number is left out.
    pub(crate) fn array(&self, name: &str) -> Result<Option<DataArray>, Failure> {
        let mut found = self.arrays.iter().filter(|(known, _)| known == name);
        let Some((_, array)) = found.next() else {
            let numbered = self.numbered(name);
            return if numbered.is_empty() {
                Ok(None)
            } else {
                self.join(name, numbered).map(Some)
            };
        };
        if found.next().is_some() {
            return Err(self.twice(name));
        }
        array.clone().map(Some)
    }

    /// Columns side by side, as a further innermost axis.
    ///
    /// # Errors
    /// If one is not there or differs in shape.
    pub(crate) fn columns(&self, names: &[&str]) -> Result<DataArray, Failure> {
        let mut columns = Vec::with_capacity(names.len());
        for name in names {
            columns.push(self.array(name)?.ok_or_else(|| self.no_column(name))?);
        }
        stack(&names.join(","), &columns, &[names.len()])
    }

    /// What a person would call the arrays: numbered columns once, without the numbers.
    pub(crate) fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for (name, _) in &self.arrays {
            let base = if self.format == Format::Csv { split_numbers(name).0 } else { name };
            if !names.contains(&base) {
                names.push(base);
            }
        }
        names
    }

    /// What there is no column of that name says.
    pub(crate) fn no_column(&self, name: &str) -> Failure {
        let (things, names) = (self.things(), self.names());
        let help = match suggest(name, names.iter().copied()) {
            Some(near) => format!("there is `{near}`"),
            None => format!("the {things} are {}", list(&names)),
        };
        Failure::data(
            DataCode::Unknown,
            &self.file,
            format!("there is no `{name}` in `{}`", self.file),
            help,
        )
    }

    /// What the arrays of the format are called.
    pub(crate) fn things(&self) -> &'static str {
        match self.format {
            Format::Csv => "columns",
            Format::Json => "keys",
            Format::Npy | Format::Npz => "arrays",
        }
    }

    fn twice(&self, name: &str) -> Failure {
        Failure::data(
            DataCode::Duplicate,
            format!("{}:{name}", self.file),
            format!("`{name}` stands twice among the {}", self.things()),
            "rename one of them",
        )
    }

    /// The columns `name.0`, … with their numbers, in the order of the file.
    fn numbered(&self, name: &str) -> Vec<(Vec<usize>, &str)> {
        if self.format != Format::Csv {
            return Vec::new();
        }
        let split = self.arrays.iter().map(|(column, _)| (column, split_numbers(column)));
        split
            .filter(|(_, (base, numbers))| *base == name && !numbers.is_empty())
            .map(|(column, (_, numbers))| (numbers, column.as_str()))
            .collect()
    }

    /// Numbered columns as one array, if the numbers fill a box.
    fn join(
        &self,
        name: &str,
        mut numbered: Vec<(Vec<usize>, &str)>,
    ) -> Result<DataArray, Failure> {
        numbered.sort();
        if let Some(pair) = numbered.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(self.twice(pair[0].1));
        }
        let (first, rest) = numbered.split_first().expect("a name with numbers was found");
        let rank = first.0.len();
        if let Some((_, odd)) = rest.iter().find(|(numbers, _)| numbers.len() != rank) {
            return Err(Failure::data(
                DataCode::Gap,
                format!("{}:{odd}", self.file),
                format!("`{}` and `{odd}` have different numbers of axes", first.1),
                format!("number the columns of `{name}` alike, such as `{name}.0.0`, `{name}.0.1`"),
            ));
        }
        let mut shape = vec![0; rank];
        for (numbers, _) in &numbered {
            for (length, number) in shape.iter_mut().zip(numbers) {
                *length = (*length).max(number.saturating_add(1));
            }
        }
        let mut expected = vec![0; rank];
        for (numbers, _) in &numbered {
            if *numbers != expected {
                return Err(self.gap(name, &expected));
            }
            advance(&mut expected, &shape);
        }
        if expected.iter().any(|number| *number != 0) {
            return Err(self.gap(name, &expected));
        }
        let mut columns = Vec::with_capacity(numbered.len());
        for (_, column) in &numbered {
            columns.extend(self.array(column)?);
        }
        stack(name, &columns, &shape)
    }

    fn gap(&self, name: &str, missing: &[usize]) -> Failure {
        let numbers: Vec<String> = missing.iter().map(usize::to_string).collect();
        Failure::data(
            DataCode::Gap,
            format!("{}:{name}", self.file),
            format!("the numbered columns of `{name}` leave out `{name}.{}`", numbers.join(".")),
            "number them from 0 without gaps, or name the columns in order with --map",
        )
    }
}

/// Arrays of one shape, interleaved along further innermost axes.
fn stack(name: &str, columns: &[DataArray], inner: &[usize]) -> Result<DataArray, Failure> {
    let (first, rest) = columns.split_first().expect("there is at least one column");
    if let Some(odd) = rest.iter().find(|column| column.shape != first.shape) {
        return Err(Failure::data(
            DataCode::Shape,
            &odd.place,
            format!("it has shape {:?}, but `{}` has {:?}", odd.shape, first.place, first.shape),
            "arrays that stand side by side need one shape",
        ));
    }
    let parts: Vec<&Elements> = columns.iter().map(|column| &column.elements).collect();
    let shape = first.shape.iter().chain(inner).copied().collect();
    let place = first.place.named(name);
    Ok(DataArray { shape, elements: elements::interleave(&parts), place })
}

/// The next numbers in row-major order; all zero after the last.
fn advance(numbers: &mut [usize], shape: &[usize]) {
    for (number, length) in numbers.iter_mut().zip(shape).rev() {
        *number += 1;
        if *number < *length {
            return;
        }
        *number = 0;
    }
}

/// `logits.0.12` is `logits` and 0, 12; a name without numbers is itself and none.
fn split_numbers(name: &str) -> (&str, Vec<usize>) {
    let mut base = name;
    let mut numbers = Vec::new();
    while let Some((front, last)) = base.rsplit_once('.') {
        let is_plain =
            last == "0" || !last.starts_with('0') && last.bytes().all(|byte| byte.is_ascii_digit());
        let Some(number) = last.parse().ok().filter(|_| is_plain && !front.is_empty()) else {
            break;
        };
        numbers.insert(0, number);
        base = front;
    }
    (base, numbers)
}

/// How many elements a shape holds; none: more than can be counted.
fn count(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1_usize, |product, length| product.checked_mul(*length))
}
