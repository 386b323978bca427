//! What was measured: rows come in, a table for people, a page or JSON go out.

use serde_json::{Map, Value, json};

use super::measure::Times;

/// One loss at one size, run in one way.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// Its name.
    pub(super) loss: String,
    /// How many examples the batch has.
    pub(super) examples: usize,
    /// The names and lengths of its axes, if one has a name.
    pub(super) axis: Option<Vec<(String, usize)>>,
    /// How many threads shared it.
    pub(super) threads: usize,
    /// The precision.
    pub(super) dtype: &'static str,
    /// What ran.
    pub(super) isa: &'static str,
    /// Nanoseconds per example.
    pub(super) times: Times,
    /// Of the inputs and gradients.
    pub(super) bytes_per_example: usize,
    /// The time of a stream through the same memory, as a share of the median.
    pub(super) stream_share: f64,
    /// Microseconds from text to callable.
    pub(super) compile_us: f64,
}

/// An array with one object a row, each on a line of its own.
pub(super) fn json(rows: &[Row]) -> String {
    let rows: Vec<String> = rows.iter().map(|row| object(row).to_string()).collect();
    format!("[{}]\n", rows.join(",\n "))
}

fn object(row: &Row) -> Value {
    let axis = row.axis.as_ref().map(|axes| -> Map<String, Value> {
        axes.iter().map(|(name, length)| (name.clone(), json!(length))).collect()
    });
    json!({
        "loss": row.loss,
        "examples": row.examples,
        "axis": axis,
        "threads": row.threads,
        "dtype": row.dtype,
        "isa": row.isa,
        "ns_per_example_median": row.times.median,
        "ns_per_example_min": row.times.fastest,
        "ns_per_example_iqr": row.times.spread,
        "bytes_per_example": row.bytes_per_example,
        "stream_share": row.stream_share,
        "compile_us": row.compile_us,
    })
}

/// A table with columns under each other.
pub(super) fn text(rows: &[Row]) -> String {
    let cells = cells(rows);
    let widths: Vec<usize> = (0..cells[0].len())
        .map(|column| cells.iter().map(|row| row[column].chars().count()).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for row in &cells {
        let padded: Vec<String> = row
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(column, (cell, width))| match column {
                0 => format!("{cell:width$}"),
                _ => format!("{cell:>width$}"),
            })
            .collect();
        text += padded.join("  ").trim_end();
        text.push('\n');
    }
    text
}

/// A table in Markdown.
pub(super) fn markdown(rows: &[Row]) -> String {
    let cells = cells(rows);
    let mut text = String::new();
    for (at, row) in cells.iter().enumerate() {
        text += &format!("| {} |\n", row.join(" | "));
        if at == 0 {
            text += &format!("|---|{}\n", "---:|".repeat(row.len() - 1));
        }
    }
    text
}

/// The titles, and the cells of every row; axes have a column only if there are any.
fn cells(rows: &[Row]) -> Vec<Vec<String>> {
    let has_axes = rows.iter().any(|row| row.axis.is_some());
    let titles = [
        "loss",
        "dtype",
        "isa",
        "threads",
        "examples",
        "axis",
        "ns/example",
        "fastest",
        "spread",
        "examples/s",
        "GB/s",
        "of stream",
        "compile µs",
    ];
    let mut cells = vec![titles.map(str::to_owned).to_vec()];
    cells.extend(rows.iter().map(|row| line(row).to_vec()));
    if !has_axes {
        for row in &mut cells {
            row.remove(5);
        }
    }
    cells
}

#[expect(clippy::cast_precision_loss, reason = "bytes of an example")]
fn line(row: &Row) -> [String; 13] {
    let axis = row.axis.as_deref().unwrap_or_default();
    let axis: Vec<String> = axis.iter().map(|(name, length)| format!("{name}={length}")).collect();
    let Times { median, fastest, spread } = row.times;
    [
        row.loss.clone(),
        row.dtype.to_owned(),
        row.isa.to_owned(),
        row.threads.to_string(),
        row.examples.to_string(),
        axis.join(" "),
        digits(median),
        digits(fastest),
        percent(spread / median),
        rate(1e9 / median),
        digits(row.bytes_per_example as f64 / median),
        percent(row.stream_share),
        digits(row.compile_us),
    ]
}

/// Three digits that count, or all of those before the point.
fn digits(number: f64) -> String {
    let decimals = match number.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        _ => 3,
    };
    format!("{number:.decimals$}")
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// `1.25 G`: per second, with the prefix of its size.
fn rate(number: f64) -> String {
    let prefixes = [(1e9, " G"), (1e6, " M"), (1e3, " k")];
    match prefixes.into_iter().find(|(size, _)| number >= *size) {
        Some((size, prefix)) => digits(number / size) + prefix,
        None => digits(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(axis: Option<Vec<(String, usize)>>) -> Row {
        Row {
            loss: "huber".into(),
            examples: 4096,
            axis,
            threads: 1,
            dtype: "f32",
            isa: "portable",
            times: Times { median: 0.8, fastest: 0.75, spread: 0.04 },
            bytes_per_example: 12,
            stream_share: 0.25,
            compile_us: 912.3,
        }
    }

    #[test]
    fn tables_have_titles_and_units() {
        assert_eq!(
            text(&[row(None)]),
            "\
loss   dtype       isa  threads  examples  ns/example  fastest  spread  examples/s  GB/s  of stream  compile µs
huber    f32  portable        1      4096       0.800    0.750     5 %      1.25 G  15.0       25 %         912
"
        );
        let axes = Some(vec![("N".to_owned(), 256), ("F".to_owned(), 128)]);
        assert_eq!(
            markdown(&[row(axes)]),
            "\
| loss | dtype | isa | threads | examples | axis | ns/example | fastest | spread | examples/s | GB/s | of stream | compile µs |
|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|
| huber | f32 | portable | 1 | 4096 | N=256 F=128 | 0.800 | 0.750 | 5 % | 1.25 G | 15.0 | 25 % | 912 |
"
        );
    }

    #[test]
    fn json_is_an_array_of_rows() {
        let rows: Value =
            serde_json::from_str(&json(&[row(None), row(Some(vec![("K".into(), 3)]))]))
                .expect("it is JSON");
        assert_eq!(rows[0]["axis"], Value::Null);
        assert_eq!(rows[1]["axis"], json!({ "K": 3 }));
        assert_eq!(rows[1]["ns_per_example_median"], 0.8);
    }

    #[test]
    fn numbers_have_three_digits() {
        for (number, written) in
            [(1234.5, "1234"), (56.78, "56.8"), (1.005, "1.00"), (0.01234, "0.012")]
        {
            assert_eq!(digits(number), written);
        }
        for (number, written) in
            [(2.5e9, "2.50 G"), (1e6, "1.00 M"), (12_345.0, "12.3 k"), (7.0, "7.00")]
        {
            assert_eq!(rate(number), written);
        }
    }
}
