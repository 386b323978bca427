//! Results as JSON, exactly: the shortest digits that read back in the precision of the run.

use super::{Digits, Results};

/// One object on one line.
pub(super) fn write<T: Digits>(results: &Results<T>) -> String {
    let summary = &results.summary;
    let mut text = String::new();
    text += "{\"loss\": ";
    text += &serde_json::Value::from(results.loss.as_str()).to_string();
    text += &format!(", \"examples\": {}", summary.examples);
    text += &format!(", \"mean\": {}", number(summary.mean()));
    text += &format!(", \"sum\": {}", number(summary.sum));
    text += ", \"values\": ";
    push_list(&mut text, results.values.iter().map(|value| number(*value)));
    if !results.gradients.is_empty() {
        text += ", \"gradients\": {";
        for (index, gradient) in results.gradients.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            text += &format!("{comma}\"{}\": {{\"shape\": ", gradient.input);
            push_list(&mut text, gradient.shape.iter().map(usize::to_string));
            text += ", \"data\": ";
            push_list(&mut text, gradient.elements.iter().map(|element| number(*element)));
            text += "}";
        }
        text += "}";
    }
    text += "}\n";
    text
}

fn push_list(text: &mut String, elements: impl Iterator<Item = String>) {
    text.push('[');
    for (index, element) in elements.enumerate() {
        if index > 0 {
            text.push_str(", ");
        }
        text.push_str(&element);
    }
    text.push(']');
}

/// The shortest digits; what JSON has no number for is a string.
fn number<T: Digits>(value: T) -> String {
    let wide = value.to_f64();
    match wide.is_finite() {
        true => format!("{value:?}"),
        false if wide.is_nan() => "\"NaN\"".to_owned(),
        false if wide > 0.0 => "\"Infinity\"".to_owned(),
        false => "\"-Infinity\"".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_read_back_in_their_precision() {
        for value in [0.1_f32, 1e-45, f32::MAX, 1.0, -0.0, 16_777_216.0, 1e20] {
            let text = number(value);
            assert_eq!(text.parse::<f32>().map(f32::to_bits), Ok(value.to_bits()), "{text}");
            assert!(
                serde_json::from_str::<serde_json::Value>(&text).is_ok_and(|read| read.is_number()),
                "{text}"
            );
        }
        for value in [0.1_f64, 5e-324, f64::MAX, 1.0, -0.0, 1e300] {
            let text = number(value);
            assert_eq!(text.parse::<f64>().map(f64::to_bits), Ok(value.to_bits()), "{text}");
            assert!(
                serde_json::from_str::<serde_json::Value>(&text).is_ok_and(|read| read.is_number()),
                "{text}"
            );
        }
        assert_eq!(number(0.1_f32), "0.1");
        assert_eq!(number(f32::NAN), "\"NaN\"");
        assert_eq!(number(f64::INFINITY), "\"Infinity\"");
        assert_eq!(number(f64::NEG_INFINITY), "\"-Infinity\"");
    }
}
