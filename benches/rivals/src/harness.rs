//! Takes samples in turn: contenders come in, medians and ratios go out.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// What the command line says.
pub(crate) struct Options {
    /// Whether the page is written to its file.
    pub(crate) writes: bool,
    /// Words of cases; all of them if there is none.
    pub(crate) only: Vec<String>,
    /// Rivals that are left out.
    pub(crate) without: Vec<String>,
    /// How long each contender of a case is measured.
    pub(crate) seconds: f64,
    /// What is counted.
    pub(crate) clock: Clock,
}

/// What time is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    /// All of it.
    Wall,
    /// While this thread runs.
    Thread,
}

impl Clock {
    /// Since some time.
    fn now(self) -> Duration {
        let clock = match self {
            Self::Wall => libc::CLOCK_MONOTONIC,
            Self::Thread => libc::CLOCK_THREAD_CPUTIME_ID,
        };
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the structure is there to be written.
        let status = unsafe { libc::clock_gettime(clock, &raw mut time) };
        assert_eq!(status, 0, "the system has no such clock");
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    }
}

/// A sample is made of so many runs that it takes at least this long.
const SAMPLE: Duration = Duration::from_micros(100);

/// The fewest samples.
const FEWEST: usize = 5;

/// The most samples.
const MOST: usize = 5000;

/// How far results may be apart, relative to the largest derivative.
const TOLERANCE: f64 = 2e-5;

/// Where a contender leaves its gradient.
pub(crate) struct Output<'a> {
    /// The memory for it.
    pub(crate) gradient: &'a mut [f32],
    /// Whether it will be looked at; a framework that has one of its own copies it only then.
    #[cfg_attr(
        not(any(feature = "candle", feature = "burn")),
        expect(dead_code, reason = "hand-written code always writes there")
    )]
    pub(crate) is_read: bool,
}

/// What takes part.
pub(crate) struct Contender<'a> {
    /// What it is called in the page.
    pub(crate) name: &'static str,
    /// Computes the mean and its gradient.
    pub(crate) run: Box<dyn FnMut(&mut Output) -> f64 + 'a>,
}

/// Gives a contender its name.
pub(crate) fn contender<'a>(
    name: &'static str,
    run: impl FnMut(&mut Output) -> f64 + 'a,
) -> Contender<'a> {
    Contender { name, run: Box::new(run) }
}

/// What a contender came to.
pub(crate) struct Outcome {
    /// Its name.
    pub(crate) name: &'static str,
    /// Half of the samples are slower, in seconds.
    pub(crate) median: f64,
    /// The fastest sample, in seconds.
    pub(crate) fastest: f64,
    /// The median of its samples over those of the first contender in the same round.
    pub(crate) ratio: f64,
}

/// What a case came to.
pub(crate) struct Line {
    /// The loss.
    pub(crate) loss: &'static str,
    /// Its size, in words.
    pub(crate) size: String,
    /// The first of them is lossc.
    pub(crate) outcomes: Vec<Outcome>,
}

impl Options {
    /// Whether a case is asked for.
    pub(crate) fn wants(&self, loss: &str, size: &str) -> bool {
        let name = format!("{loss} {size}");
        self.only.is_empty() || self.only.iter().any(|word| name.contains(word.as_str()))
    }
}

/// Checks that all contenders agree with the first, and measures them.
pub(crate) fn measure(
    options: &Options,
    loss: &'static str,
    size: String,
    gradient: &mut [f32],
    mut contenders: Vec<Contender>,
) -> Line {
    contenders.retain(|contender| {
        options.without.iter().all(|name| !contender.name.starts_with(name.as_str()))
    });
    eprintln!("{loss}, {size}");
    check(loss, gradient, &mut contenders);
    let samples = samples(options, gradient, &mut contenders);
    let outcomes = contenders.iter().zip(&samples).map(|(contender, own)| Outcome {
        name: contender.name,
        median: median(own.clone()),
        fastest: own.iter().copied().fold(f64::INFINITY, f64::min),
        ratio: median(own.iter().zip(&samples[0]).map(|(own, first)| own / first).collect()),
    });
    Line { loss, size, outcomes: outcomes.collect() }
}

/// How far a mean may be off whose terms are added in f32 one after the other.
const PLAIN_SUM: f64 = 0.05;

/// Whether a contender is a framework, the means of which are no better than that; their gradients are.
fn sums_plainly(name: &str) -> bool {
    ["candle", "burn"].iter().any(|framework| name.starts_with(framework))
}

fn check(loss: &str, gradient: &mut [f32], contenders: &mut [Contender]) {
    let mut expected: Option<(f64, Vec<f32>)> = None;
    for contender in contenders {
        gradient.fill(f32::NAN);
        let value = (contender.run)(&mut Output { gradient, is_read: true });
        let (wanted, slopes) = expected.get_or_insert_with(|| (value, gradient.to_vec()));
        let who = format!("{} of {loss}", contender.name);
        let apart = (value - *wanted).abs();
        let tolerance = if sums_plainly(contender.name) { PLAIN_SUM } else { TOLERANCE };
        assert!(apart <= tolerance * wanted.abs(), "{who}: {value} instead of {wanted}");
        let largest = slopes.iter().fold(0.0_f32, |largest, slope| largest.max(slope.abs()));
        for (at, (got, wanted)) in gradient.iter().zip(slopes.iter()).enumerate() {
            let apart = f64::from((got - wanted).abs());
            assert!(
                apart <= TOLERANCE * f64::from(largest),
                "{who}: {got} instead of {wanted} at {at}, of {largest} at most"
            );
        }
    }
}

/// Seconds of single runs of each contender, as many of each: one in every round, there and back again.
fn samples(options: &Options, gradient: &mut [f32], contenders: &mut [Contender]) -> Vec<Vec<f64>> {
    let mut sample = |contender: &mut Contender, runs: u32| {
        let mut output = Output { gradient: &mut *gradient, is_read: false };
        let start = options.clock.now();
        for _ in 0..runs {
            black_box((contender.run)(&mut output));
        }
        options.clock.now().saturating_sub(start)
    };
    let mut runs = Vec::new();
    for contender in &mut *contenders {
        let mut enough = 1;
        while sample(contender, enough) < SAMPLE && enough < 1 << 20 {
            enough *= 2;
        }
        runs.push(enough);
    }
    let count = contenders.len();
    let mut samples: Vec<Vec<f64>> = vec![Vec::new(); count];
    let start = Instant::now();
    for round in 0..MOST {
        if round >= FEWEST && start.elapsed().as_secs_f64() >= options.seconds * count as f64 {
            break;
        }
        for step in 0..count {
            let at = if round % 2 == 0 { step } else { count - 1 - step };
            // What the one before left in the caches, and that threads sleep, is not of its doing.
            sample(&mut contenders[at], 1);
            let time = sample(&mut contenders[at], runs[at]);
            samples[at].push(time.as_secs_f64() / f64::from(runs[at]));
        }
    }
    samples
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}
