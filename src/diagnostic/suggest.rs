//! Did you mean …? A name that nobody knows and the names that are known in, the likeliest of them out.

/// The candidate that a name was most likely meant to be, if one is near enough: one slip for three or four letters,
/// two for up to seven, a third of the letters beyond that. A slip is a letter too many, too few, wrong, or two
/// swapped (optimal string alignment; Damerau 1964, Levenshtein 1966); case counts for less than any slip.
#[must_use]
pub fn suggest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted: Vec<char> = name.chars().collect();
    let lower: Vec<char> = name.to_lowercase().chars().collect();
    if wanted.len() > LONGEST {
        return None;
    }
    let most = slips_allowed(wanted.len());
    let mut best: Option<((usize, usize), &str)> = None;
    for candidate in candidates {
        let letters: Vec<char> = candidate.chars().collect();
        if candidate == name || letters.len().abs_diff(wanted.len()) > most {
            continue;
        }
        let small: Vec<char> = candidate.to_lowercase().chars().collect();
        let slips = distance(&lower, &small);
        let rank = (slips, distance(&wanted, &letters));
        if slips <= most && best.is_none_or(|(least, _)| rank < least) {
            best = Some((rank, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// A longer name is no slip of the hand, and would cost the square of its length.
const LONGEST: usize = 100;

/// How many slips a name of so many letters may hold.
fn slips_allowed(letters: usize) -> usize {
    match letters {
        0..=2 => 0,
        3..=4 => 1,
        5..=7 => 2,
        _ => letters / 3,
    }
}

/// The number of letters inserted, left out, replaced or swapped with their neighbour between two words.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before_last = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1; b.len() + 1];
        for (j, y) in b.iter().enumerate() {
            let replaced = last[j] + usize::from(x != y);
            row[j + 1] = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                row[j + 1] = row[j + 1].min(before_last[j - 1] + 1);
            }
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found() {
        let known =
            ["log_softmax", "softmax", "softplus", "exp", "expm1", "K", "k", "logits", "sum"];
        let cases = [
            ("sofmax", Some("softmax")),
            ("sotfmax", Some("softmax")),
            ("SoftMax", Some("softmax")),
            ("logsoftmax", Some("log_softmax")),
            ("softplsu", Some("softplus")),
            ("Exp", Some("exp")),
            ("exp1", Some("exp")),
            ("epx", Some("exp")),
            ("logit", Some("logits")),
            ("c", None),
            ("mean", None),
            ("banana", None),
            ("", None),
            ("softmax", None),
        ];
        for (name, expected) in cases {
            assert_eq!(suggest(name, known), expected, "{name}");
        }
    }

    #[test]
    fn case_breaks_ties_and_the_first_of_equals_wins() {
        assert_eq!(suggest("Weigth", ["weight", "Weight"]), Some("Weight"));
        assert_eq!(suggest("abcd", ["abcx", "abcy"]), Some("abcx"));
        assert_eq!(suggest("K", ["k"]), Some("k"));
    }

    #[test]
    fn distances() {
        let cases = [
            ("", "", 0),
            ("ab", "ba", 1),
            ("kitten", "sitting", 3),
            ("a", "", 1),
            ("abc", "cab", 2),
        ];
        for (a, b, expected) in cases {
            let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
            assert_eq!(distance(&a, &b), expected, "{a:?} {b:?}");
        }
    }
}
