//! What was probably meant: a name comes in, the nearest of those that there are goes out.

/// The nearest of some names, if it is near enough to have been meant.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (name.chars().count() / 3).max(1);
    known
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Names in backticks, separated by commas; the first twelve if there are more.
pub(crate) fn list(names: &[&str]) -> String {
    let shown: Vec<String> = names.iter().take(12).map(|name| format!("`{name}`")).collect();
    match names.len() {
        0 => "none".to_owned(),
        more if more > shown.len() => format!("{} and {} more", shown.join(", "), more - shown.len()),
        _ => shown.join(", "),
    }
}

/// How many letters must be added, left out, replaced or swapped with the next; case and `_` count nothing.
fn distance(left: &str, right: &str) -> usize {
    let plain = |text: &str| -> Vec<char> {
        text.chars().filter(|letter| !matches!(letter, '_' | '-' | ' ')).flat_map(char::to_lowercase).take(64).collect()
    };
    let (left, right) = (plain(left), plain(right));
    let mut before = vec![0; right.len() + 1];
    let mut previous: Vec<usize> = (0..=right.len()).collect();
    for row in 1..=left.len() {
        let mut current = vec![row; right.len() + 1];
        for column in 1..=right.len() {
            let is_same = left[row - 1] == right[column - 1];
            let replaced = previous[column - 1] + usize::from(!is_same);
            current[column] = replaced.min(previous[column] + 1).min(current[column - 1] + 1);
            let is_swapped = row > 1
                && column > 1
                && left[row - 1] == right[column - 2]
                && left[row - 2] == right[column - 1];
            if is_swapped {
                current[column] = current[column].min(before[column - 2] + 1);
            }
        }
        before = std::mem::replace(&mut previous, current);
    }
    previous[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_near_is_found_and_what_is_far_is_not() {
        let known = ["cross_entropy", "huber", "label", "logits", "y"];
        for (name, expected) in [
            ("crossentropy", Some("cross_entropy")),
            ("cross-entorpy", Some("cross_entropy")),
            ("Huber", Some("huber")),
            ("lables", Some("label")),
            ("logit", Some("logits")),
            ("z", Some("y")),
            ("weights", None),
            ("", Some("y")),
        ] {
            assert_eq!(nearest(name, known.iter().copied()), expected, "{name}");
        }
    }

    #[test]
    fn lists_are_short() {
        assert_eq!(list(&[]), "none");
        assert_eq!(list(&["a", "b"]), "`a`, `b`");
        assert!(list(&["a"; 20]).ends_with(" and 8 more"));
    }
}
