//! Text to tree: in comes a source text, out comes what was written, or every syntax error of it.
//!
//! A text is cut at the lines that begin an item in their first column, and each piece is parsed on its own:
//! a mistake in one item hides nothing of the next. Afterwards no tree is deeper than [`MAX_DEPTH`], so recursion
//! over it is safe, and every span lies inside of its file. Before the grammar sees a text, its size and
//! its brackets are checked, so that nothing it can hold exhausts the stack.

mod brackets;
mod build;
mod domain;
mod explain;
mod expression;
mod grammar;
mod hints;
mod operand;
mod regions;
mod tokens;

use grammar::{Grammar, Pairs, Rule};
use pest::Parser;
use regions::Region;
use std::panic::resume_unwind;
use std::thread;

pub use hints::{RESERVED_WORDS, replacement_name};

use super::ast::{Expr, File, Rewrite};
use crate::diagnostic::{Code, Diagnostic, FileId, Sources, Span};

/// How many bytes a source file may have: 4 MiB.
pub const MAX_FILE_BYTES: usize = 4 << 20;

/// How many levels brackets may nest, and how many levels a tree may have.
pub const MAX_DEPTH: usize = 256;

/// How many levels the stack that is there always has room for.
const SHALLOW: usize = 16;

/// The bytes of stack for what nests deeper; [`MAX_DEPTH`] levels need less than half of it.
const DEEP_STACK: usize = 32 << 20;

/// Parses a `.loss` file.
///
/// # Errors
/// Every syntax error of the file, in order: at most one an item.
pub fn parse_file(source_id: FileId, sources: &Sources) -> Result<File, Vec<Diagnostic>> {
    let (file, errors) = parse_items(source_id, sources);
    if errors.is_empty() { Ok(file) } else { Err(errors) }
}

/// Parses the items of a `.loss` file that can be parsed, and gives the syntax errors of the others,
/// in order: at most one an item.
#[must_use]
pub fn parse_items(source_id: FileId, sources: &Sources) -> (File, Vec<Diagnostic>) {
    let text = match Text::of(source_id, sources) {
        Ok(text) => text,
        Err(errors) => return (File { doc: String::new(), items: Vec::new() }, errors),
    };
    let pieces = regions::split_items(text.all);
    let (items, errors) = parse_regions(text, Rule::file, &pieces, build::items);
    (File { doc: regions::file_doc(text.all), items }, errors)
}

/// Parses a file of rewrite rules.
///
/// # Errors
/// Every syntax error of the file, in order: at most one a rule.
pub fn parse_rewrites(
    source_id: FileId,
    sources: &Sources,
) -> Result<Vec<Rewrite>, Vec<Diagnostic>> {
    let text = Text::of(source_id, sources)?;
    let pieces = regions::split_rewrites(text.all);
    let (rules, errors) = parse_regions(text, Rule::rewrite_file, &pieces, build::rewrites);
    if errors.is_empty() { Ok(rules) } else { Err(errors) }
}

/// Parses a text that is one expression.
///
/// # Errors
/// The first syntax error.
pub fn parse_expression(source_id: FileId, sources: &Sources) -> Result<Expr, Vec<Diagnostic>> {
    let text = Text::of(source_id, sources)?;
    let whole = [regions::whole(text.all)];
    let (one, errors) = parse_regions(text, Rule::lone_expression, &whole, build::expressions);
    one.into_iter().next().ok_or(errors)
}

/// The text that is being parsed, and where it comes from.
#[derive(Clone, Copy)]
struct Text<'a> {
    file: FileId,
    all: &'a str,
}

impl<'a> Text<'a> {
    /// The text of a file, if it is not too large.
    fn of(file: FileId, sources: &'a Sources) -> Result<Self, Vec<Diagnostic>> {
        let all = sources.file(file).text.as_str();
        if all.len() > MAX_FILE_BYTES {
            return Err(vec![file_too_large(file, all.len())]);
        }
        Ok(Self { file, all })
    }

    /// A range of bytes of it as a span.
    fn span(self, start: usize, end: usize) -> Span {
        let offset = |at| u32::try_from(at).expect("a file within the size limit");
        Span { file: self.file, start: offset(start), end: offset(end) }
    }
}

/// Parses each region with a grammar rule and builds what it holds; errors of all regions are collected.
fn parse_regions<T: Send>(
    text: Text<'_>,
    rule: Rule,
    pieces: &[Region],
    build: fn(Text<'_>, usize, Pairs<'_>) -> Result<Vec<T>, Diagnostic>,
) -> (Vec<T>, Vec<Diagnostic>) {
    let mut found = Vec::new();
    let mut errors = Vec::new();
    for region in pieces {
        match parse_region(text, rule, region, build) {
            Ok(mut some) => found.append(&mut some),
            Err(error) => errors.push(error),
        }
    }
    (found, errors)
}

/// Parses one region: brackets first, then the grammar, then the tree.
///
/// Deep nesting gets a stack of its own: unoptimized builds need more than a thread's usual 2 MiB for it.
fn parse_region<T: Send>(
    text: Text<'_>,
    rule: Rule,
    region: &Region,
    build: fn(Text<'_>, usize, Pairs<'_>) -> Result<Vec<T>, Diagnostic>,
) -> Result<Vec<T>, Diagnostic> {
    let parse = || match Grammar::parse(rule, &text.all[region.start..region.end]) {
        Ok(mut pairs) => {
            let inside = pairs.next().expect("the rule parsed gives one pair").into_inner();
            build(text, region.start, inside)
        }
        Err(error) => Err(explain::explain(text, region, &error)),
    };
    if brackets::check(text, region)? <= SHALLOW {
        return parse();
    }
    thread::scope(|scope| {
        match thread::Builder::new().stack_size(DEEP_STACK).spawn_scoped(scope, parse) {
            Ok(worker) => worker.join().unwrap_or_else(|panic| resume_unwind(panic)),
            Err(_) => Err(explain::stack_exhausted(text.span(region.start, region.start))),
        }
    })
}

fn file_too_large(file: FileId, bytes: usize) -> Diagnostic {
    let start = Span { file, start: 0, end: 0 };
    let message = format!("this file has {bytes} bytes, and a file may have {MAX_FILE_BYTES}");
    Diagnostic::error(Code::FileTooLarge, start, message)
        .help("spread its items over several files, and bring them in with `use \"path.loss\";`")
}
