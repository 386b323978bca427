//! Doc text as Markdown for rustdoc: in comes text that was written to be read as it stands, with backticks and
//! lists at most, out go lines whose brackets are no links, whose angles are no HTML, and whose code is no test.

use super::{printable, trimmed};

/// The lines of a text for the docs of a Rust item.
///
/// Code between backticks and fenced or indented blocks stay code, addresses become links; all else that
/// Markdown might take for more than text is escaped.
pub(in crate::bind) fn markdown(text: &str) -> Vec<String> {
    let lines: Vec<String> = trimmed(text).into_iter().map(printable).collect();
    let mut writer = Writer::default();
    for line in &lines {
        writer.line(line);
    }
    writer.finish()
}

#[derive(Default)]
struct Writer {
    written: Vec<String>,
    /// Lines of text that belong together, not yet written.
    paragraph: Vec<String>,
    open: Open,
}

/// The block of code that is open.
#[derive(Default, PartialEq)]
enum Open {
    #[default]
    None,
    /// Between fences of this sign, so long.
    Fence(char, usize),
    /// Indented.
    Indented,
}

impl Writer {
    fn line(&mut self, line: &str) {
        let trimmed = line.trim_start_matches(' ');
        let indent = line.len() - trimmed.len();
        match self.open {
            Open::Fence(sign, length) => {
                let closing =
                    fence(line).is_some_and(|(other, count)| other == sign && count >= length);
                if closing && trimmed.chars().all(|character| character == sign) {
                    self.close();
                } else {
                    self.code(line);
                }
                return;
            }
            Open::Indented if trimmed.is_empty() => return self.written.push(String::new()),
            Open::Indented if indent >= 4 => return self.code(&line[4..]),
            Open::Indented => {
                self.close();
                self.written.push(String::new());
            }
            Open::None => {}
        }
        if trimmed.is_empty() {
            self.end_paragraph();
            self.written.push(String::new());
        } else if let Some((sign, length)) = fence(line) {
            self.open(Open::Fence(sign, length));
        } else if indent >= 4 && self.paragraph.is_empty() {
            self.open(Open::Indented);
            self.code(&line[4..]);
        } else {
            self.paragraph.push(format!("{}{trimmed}", " ".repeat(indent.min(3))));
        }
    }

    /// Begins a block of code, which is text to rustdoc.
    fn open(&mut self, open: Open) {
        self.end_paragraph();
        self.written.push(format!("{FENCE}text"));
        self.open = open;
    }

    fn code(&mut self, line: &str) {
        // A fence of the file's own would end ours.
        let is_fence = line.trim_start().starts_with(FENCE);
        self.written.push(if is_fence { format!("| {line}") } else { line.to_owned() });
    }

    fn close(&mut self) {
        while self.open == Open::Indented && self.written.last().is_some_and(String::is_empty) {
            self.written.pop();
        }
        self.written.push(FENCE.to_owned());
        self.open = Open::None;
    }

    fn end_paragraph(&mut self) {
        let text = std::mem::take(&mut self.paragraph).join("\n");
        if !text.is_empty() {
            self.written.extend(escaped(&text).split('\n').map(str::to_owned));
        }
    }

    fn finish(mut self) -> Vec<String> {
        self.end_paragraph();
        if self.open != Open::None {
            self.close();
        }
        self.written
    }
}

/// What blocks of code stand between: longer than fences that people write.
const FENCE: &str = "`````";

/// The sign and length of the fence that a line is, if it is one.
fn fence(line: &str) -> Option<(char, usize)> {
    let text = line.trim_start_matches(' ');
    let sign = text.chars().next().filter(|sign| ['`', '~'].contains(sign))?;
    let length = text.chars().take_while(|character| *character == sign).count();
    let is_span = sign == '`' && text[length..].contains('`');
    (length >= 3 && !is_span).then_some((sign, length))
}

/// A paragraph with nothing in it but text, code between backticks, and lists.
fn escaped(text: &str) -> String {
    let mut written = String::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        if next == '`' {
            let length = rest.len() - rest.trim_start_matches('`').len();
            let (run, after) = rest.split_at(length);
            if let Some(code) = span(after, length) {
                written.extend([run, code, run]);
                rest = &after[code.len() + length..];
            } else {
                written.push_str(&"\\`".repeat(length));
                rest = after;
            }
            continue;
        }
        if let Some(address) = address(rest) {
            written.extend(["<", address, ">"]);
            rest = &rest[address.len()..];
            continue;
        }
        let at_line_start = written.is_empty() || written.trim_end_matches(' ').ends_with('\n');
        let is_double_blank = next == ' ' && !at_line_start && written.ends_with(' ');
        let after = rest[next.len_utf8()..].chars().next();
        let is_inside_word = |side: Option<char>| side.is_some_and(char::is_alphanumeric);
        let is_special = match next {
            '\\' | '[' | ']' | '<' | '>' | '|' | '~' | '&' => true,
            // At the start of a line a star is that of a list.
            '*' => !(at_line_start && after == Some(' ')),
            '_' => !(is_inside_word(written.chars().next_back()) && is_inside_word(after)),
            _ => false,
        };
        if is_special {
            written.push('\\');
        }
        if !is_double_blank {
            written.push(next);
        }
        rest = &rest[next.len_utf8()..];
    }
    written
}

/// The code up to the run of as many backticks that ends it, if that is on the same line or on one that
/// begins like text.
fn span(after: &str, length: usize) -> Option<&str> {
    let mut at = 0;
    if length > 2 {
        return None;
    }
    loop {
        at += after[at..].find('`')?;
        let run = after[at..].len() - after[at..].trim_start_matches('`').len();
        if run == length {
            let code = &after[..at];
            let is_text = |line: &str| line.trim_start().starts_with(char::is_alphabetic);
            return (!code.trim().is_empty() && code.split('\n').skip(1).all(is_text))
                .then_some(code);
        }
        at += run;
    }
}

/// The address of a web page that a text begins with.
fn address(text: &str) -> Option<&str> {
    let rest = ["https://", "http://"].into_iter().find_map(|scheme| text.strip_prefix(scheme))?;
    let ends = |character: char| character.is_whitespace() || "<>`\\\"".contains(character);
    let end = text.len() - rest.len() + rest.find(ends).unwrap_or(rest.len());
    let address =
        text[..end].trim_end_matches(['.', ',', ';', ':', ')', ']', '!', '?', '\'', '*', '_']);
    (address.len() > text.len() - rest.len()).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        for (text, expected) in [
            ("`a[i]` is [i] of <a>", "`a[i]` is \\[i\\] of \\<a\\>"),
            ("an ` alone, ``ab`` not", "an \\` alone, ``ab`` not"),
            ("an ` closed, ``a`b`` not", "an ` closed, ``a`b\\`\\` not"),
            ("x*y*z of a_b, _c_", "x\\*y\\*z of a_b, \\_c\\_"),
            ("* a", "* a"),
            ("see https://a.b/c_(d).", "see <https://a.b/c_(d>)."),
            ("\\frac{a}{b} | c", "\\\\frac{a}{b} \\| c"),
            ("-     let x = 1;", "- let x = 1;"),
            ("- ~~~", "- \\~\\~\\~"),
            ("- ```rust", "- \\`\\`\\`rust"),
            ("a & b &lt; c", "a \\& b \\&lt; c"),
            ("`` ` ` ``", "`` ` ` ``"),
            ("a `b\nc` d", "a `b\nc` d"),
            ("- `b\n- c` [d]", "- \\`b\n- c\\` \\[d\\]"),
        ] {
            assert_eq!(markdown(text).join("\n"), expected, "{text:?}");
        }
    }

    #[test]
    fn code_is_shown_and_not_run() {
        for (text, expected) in [
            ("a\n\n    let [b];\n\nc", "a\n\n`````text\nlet [b];\n`````\n\nc"),
            ("a\n    still a", "a\n   still a"),
            ("```rust\npanic!()\n```\nb", "`````text\npanic!()\n`````\nb"),
            ("~~~\nopen", "`````text\nopen\n`````"),
            ("``````\n`````\n``````", "`````text\n| `````\n`````"),
        ] {
            assert_eq!(markdown(text).join("\n"), expected, "{text:?}");
        }
    }

    #[test]
    fn a_heading_or_list_before_an_indent_makes_no_code() {
        assert_eq!(markdown("# A\n    b"), ["# A", "   b"]);
        assert_eq!(markdown("- a\n\n      b").join("\n"), "- a\n\n`````text\n  b\n`````");
    }
}
