//! Measures lossc beside what else computes a loss and its gradient, all in one process and in turn.
//!
//! `cargo run --release --manifest-path benches/rivals/Cargo.toml -- --write` measures everything and writes `RESULTS.md`.
//!
//! criterion measures one thing to the end before it begins the next, so that whatever else a machine does in between falls on one of them; here
//! a sample of each is taken in every round, and what is compared are samples of the same round.

#[cfg(target_arch = "x86_64")]
mod cases;
#[cfg(target_arch = "x86_64")]
mod data;
#[cfg(target_arch = "x86_64")]
mod harness;
#[cfg(target_arch = "x86_64")]
#[path = "../../speed/host.rs"]
mod host;
#[cfg(target_arch = "x86_64")]
mod kernels;
#[cfg(target_arch = "x86_64")]
mod lanes;
#[cfg(target_arch = "x86_64")]
mod ours;
#[cfg(target_arch = "x86_64")]
mod report;
#[cfg(target_arch = "x86_64")]
mod rivals;

#[cfg(target_arch = "x86_64")]
use harness::{Clock, Options};

const HELP: &str = "\
Measures lossc beside hand-written code and frameworks, in turn in one process.

  --write        write RESULTS.md too
  --only WORD    cases whose name and size have this word in them, such as `softmax` or `4096`; several are possible
  --seconds S    for each contender of a case, 0.5 if left out
  --cpu-time     measure the time that the thread runs, not what other processes take in between; leaves two threads out
  --without R    leave a rival out: avx512, avx2, libm, candle, burn; several are possible";

#[cfg(not(target_arch = "x86_64"))]
fn main() {
    println!("{HELP}\n\nThe hand-written code is for x86-64 only.");
}

#[cfg(target_arch = "x86_64")]
fn main() -> std::process::ExitCode {
    if std::env::args().any(|argument| argument == "--help") {
        println!("{HELP}");
        return std::process::ExitCode::SUCCESS;
    }
    let options = match options(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(text) => {
            eprintln!("{text}\n\n{HELP}");
            return std::process::ExitCode::from(2);
        }
    };
    // SAFETY: no other thread is there yet.
    unsafe { std::env::set_var("RAYON_NUM_THREADS", "1") };
    let lines = cases::measure_all(&options);
    let page = report::page(&lines, &options);
    print!("{page}");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/RESULTS.md");
    match options.writes.then(|| std::fs::write(path, page)) {
        Some(Err(why)) => {
            eprintln!("cannot write {path}: {why}");
            std::process::ExitCode::from(2)
        }
        _ => std::process::ExitCode::SUCCESS,
    }
}

#[cfg(target_arch = "x86_64")]
fn options(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options {
        writes: false,
        only: Vec::new(),
        without: Vec::new(),
        seconds: 0.5,
        clock: Clock::Wall,
    };
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--write" => options.writes = true,
            "--cpu-time" => {
                options.clock = Clock::Thread;
                options.without.push("lossc, 2 threads".to_owned());
            }
            "--only" => options.only.push(value()?),
            "--without" => options.without.push(value()?),
            "--seconds" => {
                let text = value()?;
                options.seconds = text
                    .parse()
                    .ok()
                    .filter(|seconds| *seconds > 0.0)
                    .ok_or_else(|| format!("`{text}` is no number of seconds"))?;
            }
            other => return Err(format!("`{other}` is not known")),
        }
    }
    Ok(options)
}
