//! `--set delta=2` and `--map logits=a,b`: texts of the command line come in, names and values go out.

/// A param or learned input and its value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Setting {
    /// The input.
    pub(crate) name: String,
    /// Its value.
    pub(crate) value: Value,
}

/// What an input is set to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// A number, which fills an array; a truth value is 0 or 1.
    Number(f64),
    /// The elements of an array with one axis.
    List(Vec<f64>),
}

/// An input and the columns that it is made of.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mapping {
    /// The input.
    pub(crate) input: String,
    /// The columns or arrays; several become a further axis.
    pub(crate) columns: Vec<String>,
}

/// Reads `name=number`, `name=true` or `name=number,number`.
///
/// # Errors
/// What does not fit.
pub(crate) fn parse_setting(text: &str) -> Result<Setting, String> {
    let (name, value) = split(text, "delta=2")?;
    let numbers: Result<Vec<f64>, String> =
        value.split(',').map(|part| number(part.trim())).collect();
    let value = match numbers?[..] {
        [number] => Value::Number(number),
        ref numbers => Value::List(numbers.to_vec()),
    };
    Ok(Setting { name, value })
}

fn number(text: &str) -> Result<f64, String> {
    match text {
        "true" => Ok(1.0),
        "false" => Ok(0.0),
        _ => text.parse().map_err(|_| {
            format!("`{text}` is no number; write one such as 2, 1e-3, inf, true or 1,2,3")
        }),
    }
}

/// Reads `input=column` or `input=column,column`.
///
/// # Errors
/// What does not fit.
pub(crate) fn parse_mapping(text: &str) -> Result<Mapping, String> {
    let (input, columns) = split(text, "logits=score")?;
    let columns: Vec<String> = columns.split(',').map(|column| column.trim().to_owned()).collect();
    if columns.iter().any(String::is_empty) {
        return Err("a column has no name; write such as logits=a,b,c".to_owned());
    }
    if let Some(second) = columns.iter().skip(1).find(|column| column.contains('=')) {
        return Err(format!("`{second}` is another mapping: give it a `--map` of its own"));
    }
    Ok(Mapping { input, columns })
}

fn split<'a>(text: &'a str, example: &str) -> Result<(String, &'a str), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.trim()))
        }
        _ => Err(format!("write it as {example}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_numbers_truth_values_or_lists() {
        for (text, name, value) in [
            ("delta=2", "delta", Value::Number(2.0)),
            (" delta = -1e-3 ", "delta", Value::Number(-1e-3)),
            ("alpha=-inf", "alpha", Value::Number(f64::NEG_INFINITY)),
            ("flag=true", "flag", Value::Number(1.0)),
            ("weight=1, 2,3", "weight", Value::List(vec![1.0, 2.0, 3.0])),
        ] {
            assert_eq!(parse_setting(text), Ok(Setting { name: name.into(), value }), "{text}");
        }
        for text in ["delta", "=2", "delta=", "delta=two", "delta=1,,2", ""] {
            assert!(parse_setting(text).is_err(), "{text}");
        }
    }

    #[test]
    fn mappings_name_columns() {
        for (text, columns) in [
            ("logits=a", &["a"][..]),
            ("logits = a, b,c", &["a", "b", "c"]),
            ("logits=a=b", &["a=b"]),
        ] {
            let mapping = parse_mapping(text).expect("it is a mapping");
            assert_eq!(
                (mapping.input.as_str(), mapping.columns),
                ("logits", columns.iter().map(ToString::to_string).collect()),
                "{text}"
            );
        }
        for text in ["logits", "logits=", "=a", "logits=a,,b"] {
            assert!(parse_mapping(text).is_err(), "{text}");
        }
    }
}
