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

#[test]
fn t256() {
    for n in [10usize, 100, 200, 256] {
        for (a, m, b) in [
            ("(", "1", ")"),
            ("f(1+", "1", ")"),
            ("a[", "1", "]"),
            ("if ", "true", " {1} else {2}"),
            ("if x {1} else {", "1", "}"),
            ("[i in D, j in D if a[", "0", "]]"),
            ("sum[i in K if ", "1", "](1)"),
        ] {
            let t = format!("loss l(pred x) = {}{}{}", a.repeat(n), m, b.repeat(n));
            match parse_text(&t) {
                Ok(_) => eprintln!("{n} {a} ok"),
                Err(e) => eprintln!("{n} {a} {:?}", e[0].message),
            }
        }
    }
    std::thread::Builder::new()
        .stack_size(64 << 20)
        .spawn(|| {
            let f =
                parse_text(&format!("loss l(pred x) = {}1{}", "(".repeat(256), ")".repeat(256)))
                    .is_ok();
            eprintln!("big {f}");
        })
        .unwrap()
        .join()
        .unwrap();
}
