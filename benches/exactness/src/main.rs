//! Measures how exact the functions of the language are: all arguments in f32, 10⁷ in f64, and 10⁷ pairs.

use std::process::ExitCode;
use std::time::Instant;

use report::{Row, Table};

mod compile;
mod doubles;
mod exact;
mod found;
mod functions;
mod machine;
mod pairs;
mod points;
mod progress;
mod report;
mod sweep;
mod ulp;

const USAGE: &str = "\
Usage: cargo run --release --manifest-path benches/exactness/Cargo.toml -- FUNCTION… | --all

  --all          every function
  --f32, --f64   in this precision only
  --part N       only every Nth block of 16384 arguments in f32: a quick look [1]
  --points N     so many points in f64, and so many pairs [10000000]
  --seed N       of the points
  --write        put the results into benches/exactness/RESULTS.md

It ends with 1 where something is not as promised.
";

/// What is to be measured.
struct Choice {
    names: Vec<String>,
    precisions: [bool; 2],
    part: u32,
    points: u64,
    seed: u64,
    writes: bool,
}

fn choose(arguments: impl Iterator<Item = String>) -> Result<Choice, String> {
    let known: Vec<&str> = functions::FUNCTIONS
        .iter()
        .map(|function| function.name)
        .chain(pairs::PAIRS.iter().map(|pair| pair.name))
        .collect();
    let mut choice = Choice {
        names: Vec::new(),
        precisions: [false; 2],
        part: 1,
        points: 10_000_000,
        seed: 1,
        writes: false,
    };
    let mut arguments = arguments;
    while let Some(argument) = arguments.next() {
        let mut number = || {
            let number = arguments.next().and_then(|text| text.parse::<u64>().ok());
            number.ok_or_else(|| format!("{argument} needs a whole number"))
        };
        match argument.as_str() {
            "--all" => choice.names = known.iter().map(|name| (*name).to_owned()).collect(),
            "--f32" => choice.precisions[0] = true,
            "--f64" => choice.precisions[1] = true,
            "--write" => choice.writes = true,
            "--part" => choice.part = number()?.clamp(1, u32::MAX.into()) as u32,
            "--points" => choice.points = number()?,
            "--seed" => choice.seed = number()?,
            name if known.contains(&name) => choice.names.push(argument),
            _ => return Err(format!("`{argument}` is none of {}", known.join(", "))),
        }
    }
    if choice.writes && choice.part > 1 {
        return Err("a part of the arguments is not written into the page".into());
    }
    if choice.names.is_empty() {
        return Err("name a function".into());
    }
    if choice.precisions == [false; 2] {
        choice.precisions = [true; 2];
    }
    Ok(choice)
}

fn main() -> ExitCode {
    let choice = match choose(std::env::args().skip(1)) {
        Ok(choice) => choice,
        Err(error) => {
            eprintln!("{error}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let mut rows = Vec::new();
    for name in &choice.names {
        rows.extend(measure(name, &choice));
        // Function by function: all of them take long.
        if choice.writes
            && let Err(error) = report::write(&rows, choice.seed)
        {
            eprintln!("RESULTS.md is not written: {error}");
            return ExitCode::from(2);
        }
    }
    let broken: Vec<_> = rows.iter().filter(|row| !row.holds()).collect();
    println!("{} measured, {} not as promised", rows.len(), broken.len());
    if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Measures what has this name in the precisions chosen, and prints it.
fn measure(name: &str, choice: &Choice) -> Vec<Row> {
    let threads = std::thread::available_parallelism().map_or(1, Into::into);
    let (points, seed) = (choice.points, choice.seed);
    let mut rows = Vec::new();
    for index in (0..2).filter(|index| choice.precisions[*index]) {
        if let Some(function) = functions::FUNCTIONS.iter().find(|function| function.name == name) {
            let table = [Table::Single, Table::Double][index];
            rows.push(timed(table, function.name, function.bounds[index], || {
                let found = match table {
                    Table::Single => sweep::sweep(function, choice.part, threads),
                    _ => doubles::measure(function, points, seed, threads),
                };
                (found, Vec::new())
            }));
        }
        if let Some(pair) = pairs::PAIRS.iter().find(|pair| pair.name == name) {
            let table = [Table::SinglePairs, Table::DoublePairs][index];
            rows.push(timed(table, pair.name, pair.bounds[index], || match table {
                Table::SinglePairs => pairs::measure::<f32>(pair, points, seed, threads),
                _ => pairs::measure::<f64>(pair, points, seed, threads),
            }));
        }
    }
    rows
}

fn timed(
    table: Table,
    name: &'static str,
    bound: Option<f64>,
    work: impl FnOnce() -> (found::Found, Vec<String>),
) -> Row {
    let start = Instant::now();
    let (found, breaks) = work();
    let row = Row { table, name, bound, found, breaks, seconds: start.elapsed().as_secs_f64() };
    row.print();
    row
}
