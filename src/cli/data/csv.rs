//! CSV: a header of names, then a row an example. Out come columns of shape `[rows]`.
//!
//! Fields are separated by commas and may be quoted; blank lines and spaces around fields do not count.

use csv::{ByteRecord, ReaderBuilder, Trim};

use super::{DataArray, Growing, Place};
use crate::cli::failure::{DataCode, Failure};

type Columns = Vec<(String, Result<DataArray, Failure>)>;

/// A column while it is read: what it holds, or its first mistake.
struct Column {
    name: String,
    outcome: Result<Growing, Failure>,
}

/// The columns of a CSV text.
///
/// # Errors
/// If it has no header or no rows, or rows of different lengths.
pub(super) fn parse(file: &str, bytes: &[u8]) -> Result<Columns, Failure> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(Trim::All)
        .buffer_capacity(1 << 16)
        .from_reader(bytes);
    let mut lines = Lines { bytes, at: 0, line: 1 };
    let mut record = ByteRecord::new();
    let mut next = |record: &mut ByteRecord| {
        reader.read_byte_record(record).map_err(|why| unreadable(file, &why))
    };
    if !next(&mut record)? {
        return Err(empty(file));
    }
    let mut columns = header(file, &record)?;
    let mut rows = 0;
    let mut first_line = None;
    let mut is_line_each = true;
    while next(&mut record)? {
        let line = lines.of(&record);
        if record.len() != columns.len() {
            return Err(ragged(file, line, columns.len(), record.len()));
        }
        for (column, field) in columns.iter_mut().zip(&record) {
            push(file, line, column, field);
        }
        is_line_each &= *first_line.get_or_insert(line) + rows == line;
        rows += 1;
    }
    if rows == 0 {
        return Err(no_rows(file));
    }
    let first_line = first_line.filter(|_| is_line_each);
    Ok(columns.into_iter().map(|column| finish(file, rows, first_line, column)).collect())
}

/// Counts lines as records go by: blank lines before a record belong to it in its position.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    line: usize,
}

impl Lines<'_> {
    fn of(&mut self, record: &ByteRecord) -> usize {
        let start = record.position().map_or(0, csv::Position::byte);
        let start = usize::try_from(start).unwrap_or(usize::MAX).min(self.bytes.len());
        let blank =
            self.bytes[start..].iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
        let start = (start + blank).max(self.at);
        self.line += count_lines(&self.bytes[self.at..start]);
        self.at = start;
        self.line
    }
}

/// How many lines end here: at `\n`, `\r\n` or a lone `\r`.
fn count_lines(bytes: &[u8]) -> usize {
    let ends = |at: usize| match bytes[at] {
        b'\n' => true,
        b'\r' => bytes.get(at + 1) != Some(&b'\n'),
        _ => false,
    };
    (0..bytes.len()).filter(|at| ends(*at)).count()
}

fn header(file: &str, record: &ByteRecord) -> Result<Vec<Column>, Failure> {
    let mut columns = Vec::with_capacity(record.len());
    for field in record {
        let name = std::str::from_utf8(field).ok().filter(|name| !name.contains('\0'));
        let name = name.ok_or_else(|| not_text(file))?.to_owned();
        columns.push(Column { name, outcome: Ok(Growing::new()) });
    }
    let is_number = |column: &Column| column.name.parse::<f64>().is_ok();
    if columns.iter().all(is_number) {
        return Err(no_header(file));
    }
    Ok(columns)
}

fn push(file: &str, line: usize, column: &mut Column, field: &[u8]) {
    let Ok(elements) = &mut column.outcome else { return };
    let text = std::str::from_utf8(field).ok();
    if let Some(value) = text.and_then(integer) {
        elements.push_integer(value);
    } else if let Some(value) = text.and_then(real) {
        elements.push_real(value);
    } else {
        column.outcome = Err(bad_field(file, line, &column.name, field));
    }
}

/// `-0` is a real: an integer has no sign of zero. Truth values are 0 and 1.
fn integer(text: &str) -> Option<i64> {
    match text {
        "true" | "True" | "TRUE" => Some(1),
        "false" | "False" | "FALSE" => Some(0),
        _ if text.starts_with('-') => text.parse().ok().filter(|value| *value != 0),
        _ => text.parse().ok(),
    }
}

/// Decimal numbers, and `nan`, `inf`, `infinity` in any case with or without a sign.
fn real(text: &str) -> Option<f64> {
    match text.to_ascii_lowercase().as_str() {
        "1.#inf" | "+1.#inf" | "∞" | "+∞" => Some(f64::INFINITY),
        "-1.#inf" | "-∞" => Some(f64::NEG_INFINITY),
        "1.#qnan" | "-1.#qnan" | "1.#ind" | "-1.#ind" => Some(f64::NAN),
        _ => text.parse().ok(),
    }
}

fn finish(
    file: &str,
    rows: usize,
    first_line: Option<usize>,
    column: Column,
) -> (String, Result<DataArray, Failure>) {
    let place = Place::new(file, Some(&column.name)).with_first_line(first_line);
    let array = column.outcome.map(|elements| DataArray {
        shape: vec![rows],
        elements: elements.finish(),
        place,
    });
    (column.name, array)
}

fn bad_field(file: &str, line: usize, column: &str, field: &[u8]) -> Failure {
    let place = format!("{file}:{line}:{column}");
    if field.is_empty() {
        return Failure::data(
            DataCode::Empty,
            place,
            format!("the field of `{column}` is empty"),
            "write a number; nan if it is not known, a negative label if the label is missing",
        );
    }
    let shown: String = String::from_utf8_lossy(field).chars().take(40).collect();
    let help = match shown.to_ascii_lowercase().as_str() {
        "na" | "n/a" | "#n/a" | "null" | "none" | "-" => {
            "write nan for a number that is not known, a negative label for a missing label"
        }
        _ => "write a number such as 3, -0.5, 1e-3, nan or inf",
    };
    Failure::data(
        DataCode::Number,
        place,
        format!("`{}` is not a number", shown.escape_debug()),
        help,
    )
}

fn ragged(file: &str, line: usize, expected: usize, found: usize) -> Failure {
    let fields = if found == 1 { "field" } else { "fields" };
    Failure::data(
        DataCode::Ragged,
        format!("{file}:{line}"),
        format!("the row has {found} {fields}, but the header names {expected}"),
        "give every row one field a column, separated by commas, with . as the decimal mark",
    )
}

fn empty(file: &str) -> Failure {
    Failure::data(
        DataCode::Empty,
        format!("{file}:1"),
        "the file is empty",
        "begin with a header such as `logits.0,logits.1,label`",
    )
}

fn no_header(file: &str) -> Failure {
    Failure::data(
        DataCode::Format,
        format!("{file}:1"),
        "the first line does not name the columns",
        "begin with a header such as `logits.0,logits.1,label`",
    )
}

fn no_rows(file: &str) -> Failure {
    Failure::data(
        DataCode::Empty,
        format!("{file}:2"),
        "there are no rows below the header, so there are no examples",
        "give at least one example, a row each",
    )
}

fn not_text(file: &str) -> Failure {
    Failure::data(
        DataCode::Format,
        format!("{file}:1"),
        "the header is not UTF-8 text",
        "save the file as UTF-8, or name its format with --data-format",
    )
}

fn unreadable(file: &str, why: &csv::Error) -> Failure {
    Failure::data(
        DataCode::Format,
        file,
        format!("the CSV cannot be read: {why}"),
        "give a header of names and rows of numbers, separated by commas",
    )
}
