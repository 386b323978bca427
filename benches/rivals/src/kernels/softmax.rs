//! Losses of a softmax over classes: logits and labels come in, the mean and its gradient go out.
//!
//! Rows of many classes go in three passes: the largest logit; the exponentials, which are stored and summed; their multiples. Rows of
//! few classes stand in lanes, one row in each, and are transposed on the way in and out.

use super::functions::{exp, log};
use crate::lanes::{Kernel, Lanes};

/// The exponentials of so many logits wait in the first-level cache until the rows' factors are known.
const BLOCK: usize = 4096;

/// The most rows that a vector holds.
const ROWS: usize = 16;

/// How many values are summed in f32.
const CHUNK: usize = 4096;

/// What is known of rows after their exponentials; `m` is the largest logit of a row.
#[derive(Clone, Copy)]
pub(crate) struct Seen<L> {
    /// `x[label] - m`
    pub(crate) chosen: L,
    /// `log(sum(exp(x - m)))`
    pub(crate) log_sum: L,
    /// `1 / sum(exp(x - m))`
    pub(crate) inverse: L,
    /// `sum(x - m)`, if it is needed.
    pub(crate) total: L,
    /// How many classes there are.
    pub(crate) classes: L,
    /// 1 over the number of rows.
    pub(crate) scale: L,
}

/// The derivative in a logit: `factor exp(x - m) + rest`, and `hit` less at the label.
#[derive(Clone, Copy)]
pub(crate) struct Slope<L> {
    factor: L,
    hit: L,
    rest: L,
}

/// A loss of the log-probabilities of a row.
pub(crate) trait Head: Copy {
    /// Whether the logits must be summed, and `rest` is not 0.
    const IS_SPREAD: bool;

    /// The losses of rows, and what their derivatives are made of.
    unsafe fn at<L: Lanes>(self, seen: Seen<L>) -> (L, Slope<L>);
}

/// Cross-entropy: `-log(p[label])`.
#[derive(Clone, Copy)]
pub(crate) struct Entropy;

impl Head for Entropy {
    const IS_SPREAD: bool = false;

    #[inline(always)]
    unsafe fn at<L: Lanes>(self, seen: Seen<L>) -> (L, Slope<L>) {
        let factor = seen.inverse.mul(seen.scale);
        (seen.log_sum.sub(seen.chosen), Slope { factor, hit: seen.scale, rest: L::splat(0.0) })
    }
}

/// Cross-entropy in which all classes share a part of the label evenly.
#[derive(Clone, Copy)]
pub(crate) struct Smoothed {
    /// The part.
    pub(crate) smoothing: f32,
}

impl Head for Smoothed {
    const IS_SPREAD: bool = true;

    #[inline(always)]
    unsafe fn at<L: Lanes>(self, seen: Seen<L>) -> (L, Slope<L>) {
        let (soft, hard) = (L::splat(self.smoothing), L::splat(1.0 - self.smoothing));
        let each = soft.mul(seen.classes.inverse());
        let value = seen.log_sum.sub(hard.mul(seen.chosen)).sub(each.mul(seen.total));
        let factor = seen.inverse.mul(seen.scale);
        let rest = L::splat(0.0).sub(each.mul(seen.scale));
        (value, Slope { factor, hit: hard.mul(seen.scale), rest })
    }
}

/// Focal loss at `gamma = 2`: `-(1 - p)^2 log(p)`, whose derivative in `log(p)` is `-(1 - p)^2 + 2 p (1 - p) log(p)`.
#[derive(Clone, Copy)]
pub(crate) struct Focused;

impl Head for Focused {
    const IS_SPREAD: bool = false;

    #[inline(always)]
    unsafe fn at<L: Lanes>(self, seen: Seen<L>) -> (L, Slope<L>) {
        let log_p = seen.chosen.sub(seen.log_sum);
        let p = exp(log_p);
        let q = L::splat(1.0).sub(p);
        let square = q.mul(q);
        let both = p.mul(q);
        let hit = both.add(both).neg_mul_add(log_p, square).mul(seen.scale);
        let value = L::splat(0.0).sub(square.mul(log_p));
        (value, Slope { factor: hit.mul(seen.inverse), hit, rest: L::splat(0.0) })
    }
}

/// The mean of a loss over rows, and its gradient.
pub(crate) struct Rows<'a, H> {
    /// Which loss.
    pub(crate) head: H,
    /// Row after row.
    pub(crate) logits: &'a [f32],
    /// One a row, from 0 to below the number of classes.
    pub(crate) labels: &'a [i32],
    /// As many derivatives as logits, which are written.
    pub(crate) gradient: &'a mut [f32],
    /// Whether they go past the caches.
    pub(crate) streams: bool,
}

impl<H: Head> Kernel for Rows<'_, H> {
    type Output = f64;

    #[inline(always)]
    unsafe fn run<L: Lanes>(self) -> f64 {
        assert!(!self.labels.is_empty() && self.logits.len() == self.gradient.len());
        let classes = self.logits.len() / self.labels.len();
        assert!(self.labels.iter().all(|label| (0..classes as i32).contains(label)));
        match classes {
            10 => short::<L, H, 10>(self),
            _ if self.streams => long::<L, H, true>(self, classes),
            _ => long::<L, H, false>(self, classes),
        }
    }
}

#[inline(always)]
unsafe fn short<L: Lanes, H: Head, const K: usize>(rows: Rows<H>) -> f64 {
    let count = rows.labels.len();
    let scale = L::splat(1.0 / count as f32);
    let (from, labels, to) =
        (rows.logits.as_ptr(), rows.labels.as_ptr(), rows.gradient.as_mut_ptr());
    let (mut total, mut sum) = (0.0, L::splat(0.0));
    let mut at = 0;
    while at + L::WIDTH <= count {
        let values =
            lanes::<L, H, K>(rows.head, from.add(at * K), labels.add(at), to.add(at * K), scale);
        sum = sum.add(values);
        at += L::WIDTH;
        if at.is_multiple_of(CHUNK) {
            total += f64::from(sum.total());
            sum = L::splat(0.0);
        }
    }
    if at < count {
        let left = count - at;
        let (mut logits, mut few, mut slopes) = ([[0.0; K]; ROWS], [0; ROWS], [[0.0; K]; ROWS]);
        few[..left].copy_from_slice(&rows.labels[at..]);
        logits.as_flattened_mut()[..left * K].copy_from_slice(&rows.logits[at * K..]);
        let (logits, slopes) = (logits.as_flattened(), slopes.as_flattened_mut());
        let values =
            lanes::<L, H, K>(rows.head, logits.as_ptr(), few.as_ptr(), slopes.as_mut_ptr(), scale);
        rows.gradient[at * K..].copy_from_slice(&slopes[..left * K]);
        sum = sum.add(values.first(left));
    }
    (total + f64::from(sum.total())) / count as f64
}

/// As many rows as there are lanes.
#[inline(always)]
unsafe fn lanes<L: Lanes, H: Head, const K: usize>(
    head: H,
    from: *const f32,
    labels: *const i32,
    to: *mut f32,
    scale: L,
) -> L {
    let mut x = [L::splat(0.0); K];
    let mut quad = 0;
    while quad < K {
        // The last four overlap those before them.
        let first = if quad + 4 <= K { quad } else { K - 4 };
        let four = L::transpose([
            L::load_quads(from.add(first), K),
            L::load_quads(from.add(first + K), K),
            L::load_quads(from.add(first + 2 * K), K),
            L::load_quads(from.add(first + 3 * K), K),
        ]);
        x[first..first + 4].copy_from_slice(&four);
        quad += 4;
    }
    let labels = L::load_labels(labels);
    let mut largest = x[0];
    let mut chosen = x[0];
    for (class, logit) in x.iter().enumerate().skip(1) {
        largest = largest.max(*logit);
        chosen = L::choose(L::is_class(labels, class as i32), *logit, chosen);
    }
    let (mut sum, mut total) = (L::splat(0.0), L::splat(0.0));
    for logit in &mut x {
        let below = logit.sub(largest);
        if H::IS_SPREAD {
            total = total.add(below);
        }
        *logit = exp(below);
        sum = sum.add(*logit);
    }
    let seen = Seen {
        chosen: chosen.sub(largest),
        log_sum: log(sum),
        inverse: sum.inverse(),
        total,
        classes: L::splat(K as f32),
        scale,
    };
    let (values, slope) = head.at(seen);
    for (class, power) in x.iter_mut().enumerate() {
        let even = if H::IS_SPREAD {
            power.mul_add(slope.factor, slope.rest)
        } else {
            power.mul(slope.factor)
        };
        *power = even.sub_where(L::is_class(labels, class as i32), slope.hit);
    }
    let mut quad = 0;
    while quad < K {
        let first = if quad + 4 <= K { quad } else { K - 4 };
        let four = L::transpose([x[first], x[first + 1], x[first + 2], x[first + 3]]);
        four[0].store_quads(to.add(first), K);
        four[1].store_quads(to.add(first + K), K);
        four[2].store_quads(to.add(first + 2 * K), K);
        four[3].store_quads(to.add(first + 3 * K), K);
        quad += 4;
    }
    values
}

#[inline(always)]
unsafe fn long<L: Lanes, H: Head, const STREAMS: bool>(rows: Rows<H>, classes: usize) -> f64 {
    let count = rows.labels.len();
    let scale = L::splat(1.0 / count as f32);
    let block = (BLOCK / classes).clamp(1, L::WIDTH);
    let ahead = block * classes;
    let mut waiting = vec![0.0_f32; if STREAMS { block * classes } else { 0 }];
    let mut total = 0.0;
    let mut begin = 0;
    while begin < count {
        let height = block.min(count - begin);
        let from = rows.logits.as_ptr().add(begin * classes);
        let to = rows.gradient.as_mut_ptr().add(begin * classes);
        let powers = if STREAMS { waiting.as_mut_ptr() } else { to };
        let (mut chosen, mut sums, mut totals) = ([0.0; ROWS], [1.0; ROWS], [0.0; ROWS]);
        for row in 0..height {
            let logits = from.add(row * classes);
            let largest = largest::<L>(logits, classes);
            (sums[row], totals[row]) =
                exponentials::<L, H>(logits, powers.add(row * classes), classes, largest, ahead);
            chosen[row] = *logits.add(rows.labels[begin + row] as usize) - largest;
        }
        let sum = L::load(sums.as_ptr());
        let seen = Seen {
            chosen: L::load(chosen.as_ptr()),
            log_sum: log(sum),
            inverse: sum.inverse(),
            total: L::load(totals.as_ptr()),
            classes: L::splat(classes as f32),
            scale,
        };
        let (values, slope) = rows.head.at(seen);
        total += f64::from(values.first(height).total());
        let (mut factors, mut hits, mut rests) = ([0.0; ROWS], [0.0; ROWS], [0.0; ROWS]);
        slope.factor.store(factors.as_mut_ptr());
        slope.hit.store(hits.as_mut_ptr());
        slope.rest.store(rests.as_mut_ptr());
        for row in 0..height {
            let label = rows.labels[begin + row] as usize;
            let (powers, to) = (powers.add(row * classes), to.add(row * classes));
            let (factor, rest) = (L::splat(factors[row]), L::splat(rests[row]));
            if STREAMS {
                *powers.add(label) -= hits[row] / factors[row];
            }
            multiples::<L, H, STREAMS>(powers, to, classes, factor, rest);
            if !STREAMS {
                *to.add(label) -= hits[row];
            }
        }
        begin += height;
    }
    total / count as f64
}

/// The largest of a row.
#[inline(always)]
unsafe fn largest<L: Lanes>(row: *const f32, classes: usize) -> f32 {
    let mut largest = [L::splat(f32::NEG_INFINITY); 4];
    let mut at = 0;
    while at + 4 * L::WIDTH <= classes {
        for (k, largest) in largest.iter_mut().enumerate() {
            *largest = largest.max(L::load(row.add(at + k * L::WIDTH)));
        }
        at += 4 * L::WIDTH;
    }
    while at < classes {
        let logits = L::load_first(row.add(at), L::WIDTH.min(classes - at), f32::NEG_INFINITY);
        largest[0] = largest[0].max(logits);
        at += L::WIDTH;
    }
    largest[0].max(largest[1]).max(largest[2].max(largest[3])).largest()
}

/// The exponentials of a row below its largest; the sum of them, and of what was raised.
#[inline(always)]
unsafe fn exponentials<L: Lanes, H: Head>(
    row: *const f32,
    to: *mut f32,
    classes: usize,
    largest: f32,
    ahead: usize,
) -> (f32, f32) {
    let top = L::splat(largest);
    let (mut sums, mut totals) = ([L::splat(0.0); 4], [L::splat(0.0); 4]);
    let mut at = 0;
    while at + 4 * L::WIDTH <= classes {
        for k in 0..4 {
            // The next block: while this one is computed with, memory has nothing to do.
            L::fetch(row.wrapping_add(ahead + at + k * L::WIDTH));
            let below = L::load(row.add(at + k * L::WIDTH)).sub(top);
            if H::IS_SPREAD {
                totals[k] = totals[k].add(below);
            }
            let power = exp(below);
            power.store(to.add(at + k * L::WIDTH));
            sums[k] = sums[k].add(power);
        }
        at += 4 * L::WIDTH;
    }
    while at < classes {
        let left = L::WIDTH.min(classes - at);
        let below = L::load_first(row.add(at), left, largest).sub(top);
        if H::IS_SPREAD {
            totals[0] = totals[0].add(below);
        }
        let power = exp(below);
        power.store_first(to.add(at), left);
        sums[0] = sums[0].add(power.first(left));
        at += L::WIDTH;
    }
    let sum = sums[0].add(sums[1]).add(sums[2].add(sums[3])).total();
    let total = totals[0].add(totals[1]).add(totals[2].add(totals[3])).total();
    (sum, total)
}

/// The derivatives of a row, all but the label's.
#[inline(always)]
unsafe fn multiples<L: Lanes, H: Head, const STREAMS: bool>(
    powers: *const f32,
    to: *mut f32,
    classes: usize,
    factor: L,
    rest: L,
) {
    let mut at = 0;
    if STREAMS {
        let misaligned = (to as usize / 4) % L::WIDTH;
        at = ((L::WIDTH - misaligned) % L::WIDTH).min(classes);
        if at > 0 {
            multiple::<L, H>(L::load_first(powers, at, 0.0), factor, rest).store_first(to, at);
        }
    }
    while at + L::WIDTH <= classes {
        let slope = multiple::<L, H>(L::load(powers.add(at)), factor, rest);
        if STREAMS {
            slope.stream(to.add(at));
        } else {
            slope.store(to.add(at));
        }
        at += L::WIDTH;
    }
    if at < classes {
        let left = classes - at;
        multiple::<L, H>(L::load_first(powers.add(at), left, 0.0), factor, rest)
            .store_first(to.add(at), left);
    }
}

#[inline(always)]
unsafe fn multiple<L: Lanes, H: Head>(powers: L, factor: L, rest: L) -> L {
    if H::IS_SPREAD { powers.mul_add(factor, rest) } else { powers.mul(factor) }
}
