//! The parser against the language's one page, and against texts that are out to hurt it.

use lossc::diagnostic::{Diagnostic, Sources};
use lossc::syntax::ast::File;
use lossc::syntax::parse;

/// Every construct of the language, in one file.
const PAGE: &str = include_str!("../data/language_page.loss");

fn parse_text(text: &str) -> Result<File, Vec<Diagnostic>> {
    let mut sources = Sources::default();
    let id = sources.add("<test>", text);
    parse::parse_file(id, &sources)
}

#[test]
fn the_page_parses() {
    let file = parse_text(PAGE).expect("the page is valid");
    assert_eq!(file.items.len(), 10);
}
