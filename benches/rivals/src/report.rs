//! The page of results: lines come in, Markdown goes out.

use std::fmt::Write;

use crate::harness::{Clock, Line, Options, Outcome};
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
    page += &host::lines("this is one of them; on a busy machine ratios say more than times");
    let clock = match options.clock {
        Clock::Wall => "all of it",
        Clock::Thread => "while the thread runs (`--cpu-time`)",
    };
    writeln!(page, "- Seconds for each contender of a case: {}; time: {clock}\n", options.seconds)
        .expect("a String takes everything");
    page += "\
Microseconds for the mean of a batch and its gradient, f32, one thread: the median (the fastest) of samples that are taken in turn. Ratios are \
medians over rounds, each of samples that were taken beside each other; in front of each sample is a run that is not counted. All contenders read the same inputs, write the same memory, and agree within \
2e-5 of the largest derivative before they are measured.\n\n\
- lossc: a prepared call of the shipped loss, params made constants (`Compiler::freeze`). *Open*: the same with params given at run time.\n\
- limit: Rust by hand in AVX-512 intrinsics (`src/kernels`), written through the caches; *s* behind it: where that is faster, the same streamed past them. lossc does \
that from half of the last-level cache or 24 MB on, as smaller gradients are still there for who reads them next: lines *then read* count that too.\n\
- AVX2: lossc in vectors of 256 bits (`Compiler::isa`), and the same kernels by hand in AVX2 and FMA.\n\
- two threads: how much faster lossc is on two.\n\
- libm: plain Rust loops with the functions of the crate `libm`; candle, burn: tensors with derivatives, one thread. `×` is how much longer than lossc they take.\n\n";
    table(&mut page, lines);
    page
}

fn table(page: &mut String, lines: &[Line]) {
    *page += "| loss | size | lossc | limit | lossc / limit | open / limit | AVX2 | its limit | lossc / limit | two threads |";
    for (title, _) in COLUMNS {
        write!(page, " {title} |").expect("a String takes everything");
    }
    *page += "\n|---|---|---:|---:|---:|---:|---:|---:|---:|---:|";
    *page += &"---:|".repeat(COLUMNS.len());
    page.push('\n');
    for line in lines {
        let named = |name: &str| line.outcomes.iter().find(|outcome| outcome.name == name);
        let (open, narrow) = (named("lossc, open"), named("lossc, avx2"));
        let (limit, narrow_limit) = (by_hand(line, "avx512"), by_hand(line, "avx2"));
        let over = |ours: Option<&Outcome>, limit: &[&Outcome]| {
            let over = |ours: &Outcome| {
                marked(limit, |theirs| format!("{:.2}", ours.ratio / theirs.ratio))
            };
            ours.map_or_else(String::new, over)
        };
        let cells = [
            line.loss.to_owned(),
            line.size.clone(),
            times(&line.outcomes[0]),
            marked(&limit, times),
            format!("**{}**", over(line.outcomes.first(), &limit)),
            over(open, &limit),
            narrow.map_or_else(String::new, times),
            marked(&narrow_limit, times),
            over(narrow, &narrow_limit),
            named("lossc, 2 threads")
                .map_or_else(String::new, |it| format!("÷ {:.2}", 1.0 / it.ratio)),
        ];
        write!(page, "| {} |", cells.join(" | ")).expect("a String takes everything");
        for (_, begin) in COLUMNS {
            let cell = best(line, begin)
                .map_or_else(String::new, |it| format!("{}, × {}", times(it), digits(it.ratio)));
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

/// What is written by hand: through the caches, and past them where that is faster.
fn by_hand<'l>(line: &'l Line, set: &str) -> Vec<&'l Outcome> {
    let mut found: Vec<_> =
        line.outcomes.iter().filter(|outcome| outcome.name.starts_with(set)).collect();
    if let [through, past] = found[..]
        && past.ratio >= through.ratio
    {
        found.pop();
    }
    found
}

/// Cells of both forms, the second one marked.
fn marked(outcomes: &[&Outcome], cell: impl Fn(&Outcome) -> String) -> String {
    let cells: Vec<String> = outcomes.iter().map(|outcome| cell(outcome)).collect();
    cells.join(", *s* ")
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
