//! Words and signs of a text, for what must look at it without the grammar: a range of bytes in, ranges of tokens out.
//!
//! A token is a word or number without its point, a string up to its quote or the end of its line, or one other
//! character; blanks and comments are none.

use super::regions::{Region, is_word};

/// The tokens in a range of a text, in order.
pub(super) fn tokens(text: &str, range: Region) -> impl Iterator<Item = Region> + '_ {
    let mut at = range.start;
    std::iter::from_fn(move || {
        while at < range.end {
            let start = at;
            let (is_token, length) = measure(&text[at..range.end]);
            at += length;
            if is_token {
                return Some(start..at);
            }
        }
        None
    })
}

/// Where the last token in a range ends, or where the range begins.
pub(super) fn last_token_end(text: &str, range: Region) -> usize {
    let start = range.start;
    tokens(text, range).last().map_or(start, |token| token.end)
}

/// Whether a text that is not empty begins with a token, and how long that, or the blank or comment, is.
fn measure(rest: &str) -> (bool, usize) {
    let line = || rest.find('\n').map_or(rest, |end| &rest[..end]);
    let first = rest.chars().next().expect("the text is not empty");
    if rest.starts_with("//") {
        (false, line().len())
    } else if first == '"' {
        let line = line();
        (true, line[1..].find('"').map_or(line.len(), |at| at + 2))
    } else if is_word(first) {
        (true, rest.find(|c: char| !is_word(c)).unwrap_or(rest.len()))
    } else {
        (!first.is_whitespace(), first.len_utf8())
    }
}
