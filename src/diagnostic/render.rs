//! Diagnostics as text in the style of rustc: in come what is wrong and the sources, out comes what a terminal shows.

use super::{Diagnostic, FileId, Label, Severity, Sources};
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};
use std::fmt;

/// Renders diagnostics one after the other, each with its places, carets and help; `color` adds ANSI styles.
#[must_use]
pub fn render(diagnostics: &[Diagnostic], sources: &Sources, color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let mut lines = Lines::default();
    let mut text = String::new();
    for diagnostic in diagnostics {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&renderer.render(&[report(diagnostic, sources, &mut lines)]));
        text.push('\n');
    }
    text
}

/// What was wrong with a compilation: an error that shows itself with file, line and caret.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The mistakes, in the order in which they were found; never empty.
    pub diagnostics: Vec<Diagnostic>,
    /// The texts that they point into.
    pub sources: Sources,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(render(&self.diagnostics, &self.sources, false).trim_end())
    }
}

impl std::error::Error for Failure {}

/// Where the lines of files begin, counted once a file.
#[derive(Default)]
struct Lines {
    starts: Vec<(FileId, Vec<usize>)>,
}

impl Lines {
    /// The bytes at which the lines of a file begin.
    fn of(&mut self, file: FileId, sources: &Sources) -> &[usize] {
        if let Some(known) = self.starts.iter().position(|(id, _)| *id == file) {
            return &self.starts[known].1;
        }
        let text = &sources.file(file).text;
        let after_ends = text.match_indices('\n').map(|(at, _)| at + 1);
        self.starts.push((file, [0].into_iter().chain(after_ends).collect()));
        &self.starts[self.starts.len() - 1].1
    }
}

/// The message, a snippet a file, and the help below them.
fn report<'a>(diagnostic: &'a Diagnostic, sources: &'a Sources, lines: &mut Lines) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = level
        .primary_title(diagnostic.message.as_str())
        .id(diagnostic.code.name())
        .elements(snippets(diagnostic, sources, lines));
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    group
}

/// The places of a diagnostic, file by file, the file of the first label first.
fn snippets<'a>(
    diagnostic: &'a Diagnostic,
    sources: &'a Sources,
    lines: &mut Lines,
) -> Vec<Snippet<'a, Annotation<'a>>> {
    let mut files: Vec<FileId> = Vec::new();
    for label in &diagnostic.labels {
        if !files.contains(&label.span.file) {
            files.push(label.span.file);
        }
    }
    let labels = || diagnostic.labels.iter().enumerate();
    let in_file = |file| labels().filter(move |(_, label)| label.span.file == file);
    files.into_iter().map(|file| snippet(file, in_file(file), sources, lines)).collect()
}

/// The lines of one file that labels lie in, with their carets.
fn snippet<'a>(
    file: FileId,
    labels: impl Iterator<Item = (usize, &'a Label)> + Clone,
    sources: &'a Sources,
    lines: &mut Lines,
) -> Snippet<'a, Annotation<'a>> {
    let source = sources.file(file);
    let starts = lines.of(file, sources);
    let first = labels.clone().map(|(_, label)| label.span.start as usize).min().unwrap_or(0);
    let last = labels.clone().map(|(_, label)| label.span.end as usize).max().unwrap_or(0);
    let line = starts.partition_point(|start| *start <= first);
    let mark = '\u{feff}';
    let begins_with_mark = line == 1 && source.text.starts_with(mark);
    let start = starts[line - 1] + if begins_with_mark { mark.len_utf8() } else { 0 };
    let end = starts.get(starts.partition_point(|start| *start < last)).copied();
    let end = end.unwrap_or(source.text.len());
    let annotations = labels.map(|(rank, label)| {
        let kind = if rank == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
        let place = |at: u32| (at as usize).max(start) - start;
        let text = Some(label.text.as_str()).filter(|text| !text.is_empty());
        kind.span(place(label.span.start)..place(label.span.end)).label(text)
    });
    Snippet::source(&source.text[start..end.max(start)])
        .path(source.name.as_str())
        .line_start(line)
        .annotations(annotations)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Code, Span};

    fn span(file: FileId, start: u32, end: u32) -> Span {
        Span { file, start, end }
    }

    #[test]
    fn two_files_and_help() {
        let mut sources = Sources::default();
        let a = sources.add("a.loss", "// µ\r\nloss a(pred x) = y\r\n");
        let b = sources.add("b.loss", "\u{feff}const y = 1");
        let warning = Diagnostic::warning(Code::UnknownName, span(b, 3, 8), "half known");
        let error = Diagnostic::error(Code::UnknownName, span(a, 24, 25), "no `y` here")
            .at("looked up here")
            .label(span(b, 9, 10), "defined here")
            .help("write `use \"b.loss\";`");
        let expected = "\
error[unknown-name]: no `y` here
 --> a.loss:2:18
  |
2 | loss a(pred x) = y
  |                  ^ looked up here
  |
 ::: b.loss:1:7
  |
1 | const y = 1
  |       - defined here
  |
  = help: write `use \"b.loss\";`

warning[unknown-name]: half known
 --> b.loss:1:1
  |
1 | const y = 1
  | ^^^^^
";
        assert_eq!(render(&[error.clone(), warning], &sources, false), expected);
        let failure = Failure { diagnostics: vec![error.clone()], sources };
        assert!(failure.to_string().ends_with("= help: write `use \"b.loss\";`"));
        assert!(render(&[error], &failure.sources, true).contains('\u{1b}'));
    }

    #[test]
    fn any_place_can_be_shown() {
        for text in ["", "\u{feff}", "\n", "\r\n", "a", "a\n", "a\n\nb", "\u{feff}a\r\nµ"] {
            let mut sources = Sources::default();
            let file = sources.add("x", text);
            for start in 0..=text.len() {
                for end in start..=text.len() {
                    if text.is_char_boundary(start) && text.is_char_boundary(end) {
                        let place = span(
                            file,
                            u32::try_from(start).expect("small"),
                            u32::try_from(end).expect("small"),
                        );
                        let shown = render(
                            &[Diagnostic::error(Code::Syntax, place, "here").at("this")],
                            &sources,
                            false,
                        );
                        assert!(shown.contains("--> x:"), "{text:?} {start}..{end}: {shown}");
                    }
                }
            }
        }
    }
}
