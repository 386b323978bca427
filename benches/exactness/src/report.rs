//! What is printed while measuring, and the page of results.
//!
//! The page is rewritten function by function: rows that were not measured now stay.

use std::fmt::Write as _;
use std::path::PathBuf;

use crate::found::{Found, Worst, Wrong};
use crate::functions::FUNCTIONS;
use crate::machine;
use crate::pairs::PAIRS;

/// How many pairs of special numbers are printed.
const SHOWN: usize = 20;

/// A table of the page.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Table {
    Single,
    Double,
    SinglePairs,
    DoublePairs,
}

const TABLES: [Table; 4] = [Table::Single, Table::Double, Table::SinglePairs, Table::DoublePairs];

impl Table {
    fn title(self) -> &'static str {
        match self {
            Self::Single => "## f32, all arguments",
            Self::Double => "## f64, points in layers",
            Self::SinglePairs => "## Pairs, f32",
            Self::DoublePairs => "## Pairs, f64",
        }
    }

    fn precision(self) -> &'static str {
        match self {
            Self::Single | Self::SinglePairs => "f32",
            Self::Double | Self::DoublePairs => "f64",
        }
    }

    fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Single => &[
                "function",
                "points",
                "max ULP",
                "where",
                "bound",
                "verdict",
                "past it",
                "signs",
                "symmetry",
                "order",
                "other library",
                "reference off",
                "seconds",
                "measured",
            ],
            Self::Double => &[
                "function",
                "points",
                "max ULP",
                "where",
                "bound",
                "verdict",
                "past it",
                "signs",
                "symmetry",
                "order",
                "near zeros",
                "seconds",
                "measured",
            ],
            Self::SinglePairs | Self::DoublePairs => &[
                "function",
                "pairs",
                "max ULP",
                "where",
                "bound",
                "verdict",
                "past it",
                "signs",
                "special pairs",
                "near zeros",
                "seconds",
                "measured",
            ],
        }
    }

    fn names(self) -> Vec<&'static str> {
        match self {
            Self::Single | Self::Double => FUNCTIONS.iter().map(|function| function.name).collect(),
            Self::SinglePairs | Self::DoublePairs => PAIRS.iter().map(|pair| pair.name).collect(),
        }
    }
}

/// A function that has been measured.
pub struct Row {
    pub table: Table,
    pub name: &'static str,
    pub bound: Option<f64>,
    pub found: Found,
    /// Pairs of special numbers whose result is wrong.
    pub breaks: Vec<String>,
    pub seconds: f64,
}

impl Row {
    /// Whether everything is as promised.
    pub fn holds(&self) -> bool {
        let Found { worst, over, signs, symmetry, order, complement, .. } = &self.found;
        let exact = [signs, symmetry, order].iter().all(|wrong| wrong.count == 0);
        let within = self.bound.is_none_or(|bound| worst.off <= bound && over.count == 0);
        exact && within && complement.off <= 1.0
    }

    fn verdict(&self) -> &'static str {
        match (self.holds(), self.bound) {
            (false, _) => "**broken**",
            (true, None) => "none promised",
            (true, Some(_)) => "holds",
        }
    }

    /// For a reader who waits.
    pub fn print(&self) {
        let Found {
            worst, near, over, signs, symmetry, order, complement, plain, reference, ..
        } = &self.found;
        let bound = self.bound.map_or("none".into(), |bound| bound.to_string());
        let head = format!("{} {}", self.name, self.table.precision());
        println!(
            "{head}: {:.4} ULP, bound {bound}: {} ({} points, {:.0} s)",
            worst.off,
            self.verdict().trim_matches('*'),
            self.found.points,
            self.seconds
        );
        let say_worst = |what: &str, worst: &Worst| {
            if worst.off > 0.0 {
                println!("    {what}: {:.4e} ULP at {}", worst.off, worst.place);
            }
        };
        say_worst("worst", worst);
        say_worst("worst near zeros", near);
        say_worst("worst by another library", plain);
        say_worst("f64 reference off by", reference);
        say_worst("f(x) + f(-x) off 1 by", complement);
        let say_wrong = |what: &str, wrong: &Wrong| {
            if let Some(first) = &wrong.first {
                println!("    {} {what}, one at {first}", wrong.count);
            }
        };
        say_wrong("past the bound", over);
        say_wrong("zeros of the wrong sign", signs);
        say_wrong("breaches of symmetry", symmetry);
        say_wrong("breaches of monotonicity", order);
        for text in self.breaks.iter().take(SHOWN) {
            println!("    special pair {text}");
        }
        if self.breaks.len() > SHOWN {
            println!("    and {} more special pairs", self.breaks.len() - SHOWN);
        }
    }

    fn line(&self) -> String {
        let found = &self.found;
        let count = |wrong: &Wrong| wrong.count.to_string();
        let off = |off: f64| match off {
            0.0 => "0".into(),
            off if off < 0.001 => format!("{off:.0e}"),
            off if off < 1e4 => format!("{off:.4}"),
            off => format!("{off:.1e}"),
        };
        let symmetry = match found.complement.off {
            0.0 => count(&found.symmetry),
            off => format!("{off:.2} ULP off 1"),
        };
        let mut cells = vec![
            self.name.to_owned(),
            found.points.to_string(),
            off(found.worst.off),
            found.worst.place.split(" gives").next().unwrap_or_default().to_owned(),
            self.bound.map_or("–".into(), |bound| bound.to_string()),
            self.verdict().to_owned(),
            count(&found.over),
            count(&found.signs),
        ];
        let seen =
            |worst: &Worst| if worst.place.is_empty() { "–".into() } else { off(worst.off) };
        match self.table {
            Table::Single => {
                let plain =
                    if found.plain_points == 0 { "–".into() } else { off(found.plain.off) };
                let reference = off(found.reference.off);
                cells.extend([symmetry, count(&found.order), plain, reference]);
            }
            Table::Double => cells.extend([symmetry, count(&found.order), seen(&found.near)]),
            Table::SinglePairs | Table::DoublePairs => {
                cells.extend([format!("{} wrong", self.breaks.len()), seen(&found.near)]);
            }
        }
        let measured = format!("{} {}", machine::today(), machine::commit());
        cells.extend([format!("{:.0}", self.seconds), measured]);
        format!("| {} |", cells.join(" | "))
    }
}

/// Puts rows into the page.
pub fn write(rows: &[Row], seed: u64) -> std::io::Result<()> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/RESULTS.md"));
    let old = std::fs::read_to_string(&path).unwrap_or_default();
    let mut page = include_str!("head.md").to_owned();
    let fuses = if machine::fuses() { "with" } else { "without" };
    let _ = writeln!(page, "- Machine: {}, {fuses} fused multiply-add", machine::processor());
    let _ = writeln!(page, "- Seed of the points in layers: {seed}");
    for table in TABLES {
        let columns = table.columns();
        let _ = writeln!(page, "\n{}\n\n| {} |", table.title(), columns.join(" | "));
        let _ = writeln!(page, "|{}", "---|".repeat(columns.len()));
        let old = old.split(table.title()).nth(1).unwrap_or_default();
        let old = old.split("\n## ").next().unwrap_or_default();
        for name in table.names() {
            let measured = rows.iter().find(|row| row.table == table && row.name == name);
            let start = format!("| {name} |");
            let known = old.lines().find(|line| line.starts_with(&start)).map(str::to_owned);
            if let Some(line) = measured.map(Row::line).or(known) {
                let _ = writeln!(page, "{line}");
            }
        }
    }
    std::fs::write(path, page)
}
