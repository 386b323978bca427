//! Where items begin, and the doc text above them: a text in, ranges of bytes and doc text out.
//!
//! Item words are reserved, so a line that begins with one in its first column begins an item wherever it stands.

use std::ops::Range;

/// A range of bytes that is parsed on its own.
pub(super) type Region = Range<usize>;

/// The words that begin items.
pub(super) const ITEM_WORDS: [&str; 5] = ["use", "const", "fn", "loss", "example"];

/// The whole text, without a byte order mark.
pub(super) fn whole(text: &str) -> Region {
    let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    start..text.len()
}

/// Cuts a `.loss` file where a line begins with an item word.
pub(super) fn split_items(text: &str) -> Vec<Region> {
    split_where(text, |line| {
        let word = line.split(|c: char| !is_word(c)).next().unwrap_or("");
        ITEM_WORDS.contains(&word)
    })
}

/// Cuts a rule file where a line begins with a letter.
pub(super) fn split_rewrites(text: &str) -> Vec<Region> {
    split_where(text, |line| line.starts_with(|c: char| c.is_ascii_alphabetic()))
}

/// Whether a character can stand in a name.
pub(super) fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn split_where(text: &str, begins: impl Fn(&str) -> bool) -> Vec<Region> {
    let all = whole(text);
    let mut starts = vec![all.start];
    let mut at = all.start;
    for line in text[all.start..].split_inclusive('\n') {
        if at > all.start && begins(line) {
            starts.push(at);
        }
        at += line.len();
    }
    let ends = starts.iter().skip(1).copied().chain([all.end]);
    starts.iter().copied().zip(ends).map(|(start, end)| start..end).collect()
}

/// The doc text of a file: its `//!` lines.
pub(super) fn file_doc(text: &str) -> String {
    let lines = text[whole(text)].lines();
    join_docs(lines.filter_map(|line| line.trim_start().strip_prefix("//!")))
}

/// The doc text of the item that begins at a byte: the `///` lines above it, between blank lines and comments.
pub(super) fn item_doc(text: &str, start: usize) -> String {
    let all = whole(text);
    let above = text[all.start..start].trim_end_matches([' ', '\t', '\r']);
    let Some(above) = above.strip_suffix('\n') else { return String::new() };
    let mut docs = Vec::new();
    for line in above.rsplit('\n') {
        let line = line.trim();
        if !line.is_empty() && !line.starts_with("//") {
            break;
        }
        if let Some(doc) = line.strip_prefix("///").filter(|doc| !doc.starts_with('/')) {
            docs.push(doc);
        }
    }
    join_docs(docs.into_iter().rev())
}

/// Doc lines without the blank that follows the marks, and without blanks at their end.
fn join_docs<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let plain = lines.map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end());
    plain.collect::<Vec<_>>().join("\n")
}
