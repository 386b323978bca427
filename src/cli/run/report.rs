//! Results as text for people: the mean, the spread of the values, the size of the gradients, the worst examples.

use lossc::call::Reduction;

use super::{Digits, Results};

/// How many of the worst examples are shown.
const WORST: usize = 5;

/// A few lines.
pub(super) fn write<T: Digits>(results: &Results<T>) -> String {
    let summary = &results.summary;
    let noun = if summary.examples == 1 { "example" } else { "examples" };
    let mut text =
        format!("{} on {}: {} {noun}, {}\n", results.loss, results.data, summary.examples, T::NAME);
    match results.reduction {
        Reduction::Mean | Reduction::None => line(&mut text, "mean", &short(summary.mean())),
        Reduction::Sum => line(&mut text, "sum", &short(summary.sum)),
    }
    #[expect(clippy::cast_precision_loss, reason = "a count of examples is far below 2^53")]
    let all = summary.examples as f64;
    if summary.weight.total_cmp(&all).is_ne() {
        line(
            &mut text,
            "weight",
            &format!("{}, which the mean divides the sum by", short(summary.weight)),
        );
    }
    let values: Vec<f64> = results.values.iter().map(|value| value.to_f64()).collect();
    line(&mut text, "values", &spread(&values));
    if !results.gradients.is_empty() {
        let of = match results.reduction {
            Reduction::Mean => "the mean",
            Reduction::Sum => "the sum",
            Reduction::None => "each value",
        };
        text += &format!("\ngradient of {of}\n");
    }
    let width =
        results.gradients.iter().map(|gradient| gradient.input.len()).max().unwrap_or(0).max(8);
    for gradient in &results.gradients {
        let elements: Vec<f64> = gradient.elements.iter().map(|element| element.to_f64()).collect();
        text += &format!("  {:<width$}  {}\n", gradient.input, size(&elements, &gradient.shape));
    }
    text += &worst(&values, &results.batch);
    text
}

fn line(text: &mut String, title: &str, content: &str) {
    *text += &format!("  {title:<8}  {content}\n");
}

/// What looks odd: NaNs and infinities, and where the first of them stands.
pub(super) fn warnings<T: Digits>(results: &Results<T>) -> Vec<String> {
    let mut warnings = Vec::new();
    odd(&mut warnings, "the values", &results.values, &results.batch);
    for gradient in &results.gradients {
        odd(
            &mut warnings,
            &format!("the gradient of `{}`", gradient.input),
            &gradient.elements,
            &gradient.shape,
        );
    }
    warnings
}

fn odd<T: Digits>(warnings: &mut Vec<String>, what: &str, elements: &[T], shape: &[usize]) {
    type IsOdd = fn(f64) -> bool;
    let is_nan: IsOdd = f64::is_nan;
    for (name, is_odd) in [("NaN", is_nan), ("infinite", f64::is_infinite)] {
        let Some(first) = elements.iter().position(|element| is_odd(element.to_f64())) else {
            continue;
        };
        let count = elements.iter().filter(|element| is_odd(element.to_f64())).count();
        let verb = if count == 1 { "is" } else { "are" };
        let place = position(first, shape);
        warnings.push(format!(
            "{count} of {} elements of {what} {verb} {name}, the first at {place}",
            elements.len()
        ));
    }
}

/// Least, quartiles and greatest of what is not NaN.
fn spread(values: &[f64]) -> String {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else { return "all NaN".to_owned() };
    let quartile = |quarters: usize| short(sorted[(last * quarters + 2) / 4]);
    format!(
        "{} … {} … {} … {} … {}  (least, quartiles, greatest)",
        quartile(0),
        quartile(1),
        quartile(2),
        quartile(3),
        quartile(4)
    )
}

/// Shape, Euclidean norm and the element of the largest magnitude.
fn size(elements: &[f64], shape: &[usize]) -> String {
    let largest = (0..elements.len()).filter(|at| !elements[*at].is_nan());
    let largest = largest
        .reduce(|best, at| if elements[at].abs() > elements[best].abs() { at } else { best });
    let scale = largest.map_or(0.0, |at| elements[at].abs());
    // Scaled, so that squares neither overflow nor vanish.
    let norm = match scale {
        0.0 | f64::INFINITY => scale,
        _ => scale * elements.iter().map(|element| (element / scale).powi(2)).sum::<f64>().sqrt(),
    };
    let norm = if elements.iter().any(|element| element.is_nan()) { f64::NAN } else { norm };
    let mut text = String::new();
    if !shape.is_empty() {
        text += &format!("shape {shape:?}, ");
    }
    text += &format!("norm {}", short(norm));
    if let Some(at) = largest {
        text += &format!(", largest element {}", short(elements[at]));
        if !shape.is_empty() {
            text += &format!(" at {}", position(at, shape));
        }
    }
    text
}

/// The examples with the largest values, the largest first.
fn worst(values: &[f64], batch: &[usize]) -> String {
    if values.len() < 2 {
        return String::new();
    }
    let mut rows: Vec<usize> = (0..values.len()).filter(|row| !values[*row].is_nan()).collect();
    let order = |a: &usize, b: &usize| values[*b].total_cmp(&values[*a]).then(a.cmp(b));
    if rows.len() > WORST {
        rows.select_nth_unstable_by(WORST, order);
        rows.truncate(WORST);
    }
    rows.sort_by(order);
    if rows.is_empty() {
        return String::new();
    }
    let mut text = "\nworst examples, rows counted from 0\n".to_owned();
    for row in rows {
        text += &format!("  row {:<6}  {}\n", position(row, batch), short(values[row]));
    }
    text
}

/// A flat position along the axes of a shape.
fn position(mut at: usize, shape: &[usize]) -> String {
    if shape.len() < 2 {
        return at.to_string();
    }
    let mut numbers = Vec::with_capacity(shape.len());
    for length in shape.iter().rev() {
        numbers.insert(0, at % length.max(&1));
        at /= length.max(&1);
    }
    format!("{numbers:?}")
}

/// Six significant digits.
fn short(value: f64) -> String {
    if !value.is_finite() || value == 0.0 {
        return value.to_string();
    }
    let scientific = format!("{value:.5e}");
    let (digits, exponent) =
        scientific.split_once('e').expect("scientific notation has an exponent");
    let exponent: i32 = exponent.parse().expect("the exponent is an integer");
    let trim = |text: &str| {
        let end = if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.')
        } else {
            text
        };
        end.to_owned()
    };
    match exponent {
        -5..=5 => {
            let decimals = usize::try_from(5 - exponent).expect("the exponent is at most 5");
            trim(&format!("{value:.decimals$}"))
        }
        _ => format!("{}e{exponent}", trim(digits)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people_have_six_digits() {
        for (value, text) in [
            (0.0, "0"),
            (1.0, "1"),
            (-0.5, "-0.5"),
            (0.123_456_789, "0.123457"),
            (123_456.7, "123457"),
            (999_999.9, "1e6"),
            (1_234_567.0, "1.23457e6"),
            (0.000_012_345_678, "0.0000123457"),
            (1.5e-9, "1.5e-9"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(short(value), text);
        }
    }

    #[test]
    fn positions_follow_the_shape() {
        for (at, shape, text) in [
            (3, &[][..], "3"),
            (3, &[7], "3"),
            (5, &[2, 3], "[1, 2]"),
            (7, &[2, 2, 2], "[1, 1, 1]"),
        ] {
            assert_eq!(position(at, shape), text);
        }
    }

    #[test]
    fn spreads_and_sizes_leave_out_nan() {
        assert_eq!(
            spread(&[3.0, f64::NAN, 1.0, 2.0, 5.0, 4.0]),
            "1 … 2 … 3 … 4 … 5  (least, quartiles, greatest)"
        );
        assert_eq!(spread(&[f64::NAN]), "all NaN");
        assert_eq!(size(&[3.0, -4.0], &[2]), "shape [2], norm 5, largest element -4 at 1");
        assert_eq!(
            size(&[1e200, 1e200], &[2]),
            "shape [2], norm 1.41421e200, largest element 1e200 at 0"
        );
        assert_eq!(size(&[f64::NAN, 1.0], &[2]), "shape [2], norm NaN, largest element 1 at 1");
        assert_eq!(size(&[0.0], &[]), "norm 0, largest element 0");
    }

    #[test]
    fn the_worst_come_first_and_ties_in_the_order_of_rows() {
        let text = worst(&[1.0, 9.0, f64::NAN, 9.0, 2.0, 3.0, 4.0, 0.5], &[8]);
        let rows: Vec<&str> = text.lines().skip(2).map(str::trim).collect();
        assert_eq!(
            rows,
            ["row 1       9", "row 3       9", "row 6       4", "row 5       3", "row 4       2"]
        );
        assert_eq!(worst(&[1.0], &[1]), "");
    }
}
