//! Measures on a machine that has other things to do: things to run come in, statistics of their times go out.

use std::time::{Duration, Instant};

/// A sample is made of so many runs that it takes at least this long.
const SAMPLE: Duration = Duration::from_micros(50);

/// The fewest samples, however long they take.
const FEWEST: usize = 3;

/// The most samples, however quick they are.
const MOST: usize = 20_000;

/// What the samples of one thing come to, in seconds or nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Times {
    /// Half of the samples are slower.
    pub(super) median: f64,
    /// The fastest sample.
    pub(super) fastest: f64,
    /// From the first quartile to the third.
    pub(super) spread: f64,
}

impl Times {
    /// Of samples in seconds, of which there is at least one.
    fn of(mut samples: Vec<f64>) -> Self {
        samples.sort_by(f64::total_cmp);
        let at = |quarters: usize| samples[(samples.len() - 1) * quarters / 4];
        Self { median: at(2), fastest: samples[0], spread: at(3) - at(1) }
    }

    /// Nanoseconds for each of so many examples.
    #[expect(clippy::cast_precision_loss, reason = "counts of examples")]
    pub(super) fn per(self, examples: usize) -> Self {
        let scale = 1e9 / examples as f64;
        Self {
            median: self.median * scale,
            fastest: self.fastest * scale,
            spread: self.spread * scale,
        }
    }
}

/// Seconds that one run of each of `count` things takes, `seconds` of samples each, in turn: there and back again.
///
/// `run` is given which of them and how often it is to run.
pub(super) fn alternate(count: usize, seconds: f64, mut run: impl FnMut(usize, u32)) -> Vec<Times> {
    let mut sample = |at: usize, runs: u32| {
        let start = Instant::now();
        run(at, runs);
        start.elapsed()
    };
    let runs: Vec<u32> = (0..count).map(|at| enough(|runs| sample(at, runs))).collect();
    let mut samples: Vec<Vec<f64>> = vec![Vec::new(); count];
    let start = Instant::now();
    for round in 0..MOST {
        let spent = start.elapsed().as_secs_f64();
        if round >= FEWEST && spent >= seconds * f64::from(u32::try_from(count).unwrap_or(1)) {
            break;
        }
        for step in 0..count {
            let at = if round % 2 == 0 { step } else { count - 1 - step };
            samples[at].push(sample(at, runs[at]).as_secs_f64() / f64::from(runs[at]));
        }
    }
    samples.into_iter().map(Times::of).collect()
}

/// How many runs make a sample.
fn enough(mut sample: impl FnMut(u32) -> Duration) -> u32 {
    let mut runs = 1;
    // The first run of all finds cold caches.
    sample(1);
    while sample(runs) < SAMPLE && runs < 1 << 20 {
        runs *= 2;
    }
    runs
}

/// Seconds that one compilation takes in a warm process.
pub(super) fn compile_times(seconds: f64, mut compile: impl FnMut()) -> Times {
    compile();
    let start = Instant::now();
    let mut samples = Vec::new();
    while samples.len() < 101 && (samples.len() < FEWEST || start.elapsed().as_secs_f64() < seconds)
    {
        let start = Instant::now();
        compile();
        samples.push(start.elapsed().as_secs_f64());
    }
    Times::of(samples)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_of_sorted_samples() {
        let times = Times::of(vec![5.0, 1.0, 9.0, 3.0, 7.0]);
        assert_eq!(times, Times { median: 5.0, fastest: 1.0, spread: 4.0 });
        assert_eq!(times.per(10).median, 5e8);
        assert_eq!(Times::of(vec![2.0]), Times { median: 2.0, fastest: 2.0, spread: 0.0 });
    }

    #[test]
    fn things_run_in_turn() {
        let mut order = Vec::new();
        let times = alternate(3, 1e-9, |at, runs| {
            order.push(at);
            std::thread::sleep(SAMPLE * runs);
        });
        assert_eq!(times.len(), 3);
        // Two runs each find out how many make a sample: one.
        assert_eq!(order[..6], [0, 0, 1, 1, 2, 2]);
        assert_eq!(order[6..], [0, 1, 2, 2, 1, 0, 0, 1, 2]);
    }
}
