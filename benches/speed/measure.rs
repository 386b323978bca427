//! Times what is run again and again: in come closures, out come the times of one run of each.

use std::time::Instant;

/// How many samples each closure gets.
const SAMPLES: usize = 25;
/// How many there are where a run is slow.
const FEW_SAMPLES: usize = 3;
/// How many seconds a slow run takes at least.
const SLOW: f64 = 0.05;
/// How many seconds a sample takes, or one run if that is longer.
const SAMPLE: f64 = 1e-3;

/// Seconds of one run.
pub(crate) struct Times {
    pub(crate) median: f64,
    pub(crate) fastest: f64,
}

impl Times {
    pub(crate) fn of(mut seconds: Vec<f64>) -> Self {
        seconds.sort_by(f64::total_cmp);
        Self { median: seconds[seconds.len() / 2], fastest: seconds[0] }
    }
}

/// Samples the closures in turn, so that what disturbs one disturbs all.
pub(crate) fn alternate<const N: usize>(mut runs: [&mut dyn FnMut() -> f64; N]) -> [Times; N] {
    let mut is_slow = false;
    let counts = runs.each_mut().map(|run| {
        let mut count = 1;
        let mut once = sample(run, count);
        is_slow |= once >= SLOW;
        while once * f64::from(count) < SAMPLE {
            count *= 2;
            once = sample(run, count);
        }
        count
    });
    let samples = if is_slow { FEW_SAMPLES } else { SAMPLES };
    let mut seconds: [Vec<f64>; N] = std::array::from_fn(|_| Vec::new());
    for _ in 0..samples {
        for ((run, count), seconds) in runs.iter_mut().zip(counts).zip(&mut seconds) {
            seconds.push(sample(run, count));
        }
    }
    seconds.map(Times::of)
}

/// Seconds of one run, which may be the first one.
pub(crate) fn once(run: &mut dyn FnMut() -> f64) -> f64 {
    sample(run, 1)
}

fn sample(run: &mut dyn FnMut() -> f64, count: u32) -> f64 {
    let start = Instant::now();
    for _ in 0..count {
        run();
    }
    start.elapsed().as_secs_f64() / f64::from(count)
}
