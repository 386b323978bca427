//! Losses of a prediction and a target: two arrays come in, the mean and its gradient go out, four vectors at a time.

use super::functions::{exp, log1p};
use crate::lanes::{Kernel, Lanes};

/// How many values are summed in f32.
const CHUNK: usize = 4096;

/// A loss of one prediction and one target.
pub(crate) trait Point: Copy {
    /// The losses and their derivatives in the predictions, times `scale`.
    unsafe fn at<L: Lanes>(self, prediction: L, target: L, scale: L) -> (L, L);
}

/// The mean of a loss over arrays, and its gradient.
pub(crate) struct Mean<'a, P> {
    /// Which loss.
    pub(crate) point: P,
    /// The predictions.
    pub(crate) predictions: &'a [f32],
    /// As many targets.
    pub(crate) targets: &'a [f32],
    /// As many derivatives, which are written; aligned to 64 bytes.
    pub(crate) gradient: &'a mut [f32],
    /// Whether they go past the caches.
    pub(crate) streams: bool,
}

impl<P: Point> Kernel for Mean<'_, P> {
    type Output = f64;

    #[inline(always)]
    unsafe fn run<L: Lanes>(self) -> f64 {
        if self.streams { mean::<L, P, true>(self) } else { mean::<L, P, false>(self) }
    }
}

#[inline(always)]
unsafe fn mean<L: Lanes, P: Point, const STREAMS: bool>(given: Mean<P>) -> f64 {
    let Mean { point, predictions, targets, gradient, .. } = given;
    let count = predictions.len();
    assert!(targets.len() == count && gradient.len() == count);
    let scale = L::splat(1.0 / count as f32);
    let mut total = 0.0;
    let mut begin = 0;
    while begin < count {
        let length = CHUNK.min(count - begin);
        let (a, b) = (predictions.as_ptr().add(begin), targets.as_ptr().add(begin));
        let to = gradient.as_mut_ptr().add(begin);
        let mut sums = [L::splat(0.0); 4];
        let mut at = 0;
        while at + 4 * L::WIDTH <= length {
            for (k, sum) in sums.iter_mut().enumerate() {
                let at = at + k * L::WIDTH;
                let (value, slope) = point.at(L::load(a.add(at)), L::load(b.add(at)), scale);
                *sum = sum.add(value);
                if STREAMS { slope.stream(to.add(at)) } else { slope.store(to.add(at)) }
            }
            at += 4 * L::WIDTH;
        }
        while at < length {
            let left = L::WIDTH.min(length - at);
            let (x, y) = (L::load_first(a.add(at), left, 0.0), L::load_first(b.add(at), left, 0.0));
            let (value, slope) = point.at(x, y, scale);
            sums[0] = sums[0].add(value.first(left));
            slope.store_first(to.add(at), left);
            at += L::WIDTH;
        }
        total += f64::from(sums[0].add(sums[1]).add(sums[2].add(sums[3])).total());
        begin += CHUNK;
    }
    total / count as f64
}

/// `(yhat - y)^2`
#[derive(Clone, Copy)]
pub(crate) struct Squared;

impl Point for Squared {
    #[inline(always)]
    unsafe fn at<L: Lanes>(self, prediction: L, target: L, scale: L) -> (L, L) {
        let error = prediction.sub(target);
        (error.mul(error), error.mul(scale.add(scale)))
    }
}

/// Huber's loss: with `c` the error within [-delta, delta], it is `c (error - c / 2)`, and its derivative `c`.
#[derive(Clone, Copy)]
pub(crate) struct Huber {
    /// Where the square ends.
    pub(crate) delta: f32,
}

impl Point for Huber {
    #[inline(always)]
    unsafe fn at<L: Lanes>(self, prediction: L, target: L, scale: L) -> (L, L) {
        let error = prediction.sub(target);
        let within = error.min(L::splat(self.delta)).max(L::splat(-self.delta));
        (within.neg_mul_add(L::splat(0.5), error).mul(within), within.mul(scale))
    }
}

/// Binary cross-entropy of a logit: `max(z, 0) - z y + log1p(exp(-|z|))`, and `sigmoid(z) - y`.
#[derive(Clone, Copy)]
pub(crate) struct Logistic;

impl Point for Logistic {
    #[inline(always)]
    unsafe fn at<L: Lanes>(self, prediction: L, target: L, scale: L) -> (L, L) {
        let (zero, one) = (L::splat(0.0), L::splat(1.0));
        let fall = exp(zero.sub(prediction.abs()));
        let inverse = one.add(fall).inverse();
        let top = L::choose(prediction.is_below(zero), fall, one);
        let sigmoid = top.mul(inverse);
        let value = log1p(fall).add(prediction.neg_mul_add(target, prediction.max(zero)));
        (value, sigmoid.sub(target).mul(scale))
    }
}

/// Focal loss of a logit at `gamma = 2`: with `m` the logit of the truth, `q = sigmoid(-m)` and `s = softplus(-m)`,
/// it is `weight q^2 s`, and its derivative in `m` is `-weight q^2 (2 (1 - q) s + q)`.
#[derive(Clone, Copy)]
pub(crate) struct Focal {
    /// The weight of class 1.
    pub(crate) alpha: f32,
}

impl Point for Focal {
    #[inline(always)]
    unsafe fn at<L: Lanes>(self, prediction: L, target: L, scale: L) -> (L, L) {
        let (zero, one) = (L::splat(0.0), L::splat(1.0));
        let is_one = target.is_equal(one);
        // The other way round: -m.
        let wrong = L::choose(is_one, zero.sub(prediction), prediction);
        let fall = exp(zero.sub(prediction.abs()));
        let inverse = one.add(fall).inverse();
        let small = fall.mul(inverse);
        let is_right = wrong.is_below(zero);
        let q = L::choose(is_right, small, inverse);
        let p = L::choose(is_right, inverse, small);
        let s = log1p(fall).add(wrong.max(zero));
        let weight = L::choose(is_one, L::splat(self.alpha), L::splat(1.0 - self.alpha));
        let square = q.mul(q).mul(weight);
        let slope = square.mul(p.add(p).mul_add(s, q));
        let signed = L::choose(is_one, zero.sub(scale), scale);
        (square.mul(s), slope.mul(signed))
    }
}
