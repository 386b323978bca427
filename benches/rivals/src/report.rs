//! The page of results: lines come in, Markdown goes out.

use std::fmt::Write;

use crate::harness::{Line, Options, Outcome};
use crate::host;

/// What a column is: its title, and what its contenders' names begin with.
const COLUMNS: [(&str, &str); 4] = [
    ("hand-written AVX2", "avx2"),
    ("scalar, libm", "libm"),
    ("candle", "candle"),
    ("burn", "burn"),
];

/// The whole page.
pub(crate) fn page(lines: &[Line], options: &Options) -> String {
    let mut page = String::from("# lossc beside its rivals\n\n");
    page += "Printed by `cargo run --release --manifest-path benches/rivals/Cargo.toml -- --write`.\n\n";
    page += &host::lines();
    writeln!(page, "- Seconds for each contender of a case: {}\n", options.seconds)
        .expect("a String takes everything");
    page += "\
Microseconds for the mean of a batch and its gradient, f32, one thread: the median (the fastest) of samples that are taken in turn. Ratios are \
medians over rounds, each of samples that were taken beside each other. All contenders read the same inputs, write the same memory, and agree within \
2e-5 of the largest derivative before they are measured.\n\n\
- lossc: a call of the shipped loss, params made constants (`Compiler::freeze`). *Open*: the same with params given at run time.\n\
- limit: Rust by hand in AVX-512 intrinsics (`src/kernels`), the faster of two forms where results are large: written through the caches, or streamed past them (*s*).\n\
- AVX2 and FMA: the same kernels in vectors of 256 bits. libm: plain loops, any x86-64.\n\
- candle, burn: tensors with derivatives on one thread; `×` is how much longer than lossc they take.\n\n";
    table(&mut page, lines);
    page
}

fn table(page: &mut String, lines: &[Line]) {
    *page += "| loss | size | lossc | limit | lossc / limit | open / limit |";
    for (title, _) in COLUMNS {
        write!(page, " {title} |").expect("a String takes everything");
    }
    *page += "\n|---|---|---:|---:|---:|---:|";
    *page += &"---:|".repeat(COLUMNS.len());
    page.push('\n');
    for line in lines {
        let limit = best(line, "avx512");
        let open = line.outcomes.iter().find(|outcome| outcome.name == "lossc, open");
        let cells = [
            line.loss.to_owned(),
            line.size.clone(),
            times(&line.outcomes[0]),
            limit.map_or_else(String::new, |it| times(it) + mark(it)),
            limit.map_or_else(String::new, |it| format!("**{:.2}**", 1.0 / it.ratio)),
            match (open, limit) {
                (Some(open), Some(limit)) => format!("{:.2}", open.ratio / limit.ratio),
                _ => String::new(),
            },
        ];
        write!(page, "| {} |", cells.join(" | ")).expect("a String takes everything");
        for (_, begin) in COLUMNS {
            let cell = best(line, begin).map_or_else(String::new, |it| {
                format!("{}{}, × {}", times(it), mark(it), digits(it.ratio))
            });
            write!(page, " {cell} |").expect("a String takes everything");
        }
        page.push('\n');
    }
}

/// The fastest contender whose name begins so.
fn best<'l>(line: &'l Line, begin: &str) -> Option<&'l Outcome> {
    let named = line.outcomes.iter().filter(|outcome| outcome.name.starts_with(begin));
    named.min_by(|a, b| a.ratio.total_cmp(&b.ratio))
}

fn mark(outcome: &Outcome) -> &'static str {
    if outcome.name.ends_with("streaming") { " *s*" } else { "" }
}

fn times(outcome: &Outcome) -> String {
    format!("{} ({})", digits(outcome.median * 1e6), digits(outcome.fastest * 1e6))
}

/// Three digits that count, or all of those before the point.
fn digits(number: f64) -> String {
    let decimals = match number {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        _ => 3,
    };
    format!("{number:.decimals$}")
}
