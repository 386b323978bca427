//! Texts of users inside of comments: in comes doc text, which may hold anything, out go lines that end no comment,
//! and that rustdoc shows as they are meant, without a warning and without taking code in them for tests.

mod markdown;

pub(super) use markdown::markdown;

/// The lines of a text for a C comment: none of them ends or opens one, or is read in two ways.
pub(super) fn comment(text: &str) -> Vec<String> {
    let line = |line: &str| {
        let mut line = printable(line);
        for (told, harmless) in [("*/", "* /"), ("/*", "/ *"), ("??", "? ?")] {
            // Twice: the pieces of `???` overlap.
            line = line.replace(told, harmless).replace(told, harmless);
        }
        if line.ends_with('\\') { line + " ." } else { line }
    };
    trimmed(text).into_iter().map(line).collect()
}

/// The lines of a text, without blank ones at its ends or blanks at theirs.
fn trimmed(text: &str) -> Vec<&str> {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let Some(first) = lines.iter().position(|line| !line.is_empty()) else { return Vec::new() };
    let last = lines.iter().rposition(|line| !line.is_empty()).unwrap_or(first);
    lines[first..=last].to_vec()
}

/// A line whose every character has a place of its own: no controls, none that turn the direction of reading.
fn printable(line: &str) -> String {
    let mut text = String::new();
    for character in line.chars() {
        match character {
            '\t' => text.push_str("    "),
            '\u{200e}'
            | '\u{200f}'
            | '\u{061c}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{feff}' => {
                text.push_str(&format!("U+{:04X}", u32::from(character)));
            }
            _ if character.is_control() => {
                text.push_str(&format!("U+{:04X}", u32::from(character)));
            }
            _ => text.push(character),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_a_comment_of_c() {
        for (text, expected) in [
            ("a */ b", "a * / b"),
            ("a /*/ b", "a / * / b"),
            ("??/", "? ?/"),
            ("????", "? ? ? ?"),
            ("a \\", "a \\ ."),
            ("é ≠ ∑", "é ≠ ∑"),
            ("a\u{202e}b\rc\0", "aU+202EbU+000DcU+0000"),
            ("\n\n  a\n\n", "  a"),
        ] {
            assert_eq!(comment(text), [expected], "{text:?}");
        }
        assert!(comment(" \n").is_empty());
    }
}
