//! `RankNet`: lists of scores and gains come in, the mean loss and its gradient go out.

use super::functions::{exp, log1p};
use crate::lanes::{Kernel, Lanes};

/// The mean over pairs with `gain[i] > gain[j]` of `softplus(score[j] - score[i])`, averaged over lists.
pub(crate) struct RankNet<'a> {
    /// List after list.
    pub(crate) scores: &'a [f32],
    /// As many gains.
    pub(crate) gains: &'a [f32],
    /// As many derivatives, which are written.
    pub(crate) gradient: &'a mut [f32],
    /// How many items a list has.
    pub(crate) items: usize,
}

impl Kernel for RankNet<'_> {
    type Output = f64;

    /// Every pair is looked at once: what is added to one of it is taken from the other.
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) -> f64 {
        let Self { scores, gains, gradient, items } = self;
        let lists = scores.len() / items;
        assert!(gains.len() == scores.len() && gradient.len() == scores.len());
        let mut mean = 0.0;
        gradient.fill(0.0);
        for list in 0..lists {
            let span = list * items..(list + 1) * items;
            let (s, y, g) = (
                scores[span.clone()].as_ptr(),
                gains[span.clone()].as_ptr(),
                gradient[span.clone()].as_mut_ptr(),
            );
            let (mut total, mut pairs) = (0.0, 0.0);
            for i in 0..items {
                let (sum, count, own) = with_all_after::<L>(s, y, g, i, items);
                total += f64::from(sum);
                pairs += f64::from(count);
                *g.add(i) -= own;
            }
            let scale = if pairs > 0.0 { 1.0 / (pairs * lists as f64) } else { 0.0 };
            mean += total * scale;
            for slope in &mut gradient[span] {
                *slope *= scale as f32;
            }
        }
        mean
    }
}

/// The losses of the pairs of item `i` with all after it, how many there are, and what their derivatives in those sum to.
#[inline(always)]
unsafe fn with_all_after<L: Lanes>(
    s: *const f32,
    y: *const f32,
    g: *mut f32,
    i: usize,
    items: usize,
) -> (f32, f32, f32) {
    let (zero, one) = (L::splat(0.0), L::splat(1.0));
    let (score, gain) = (L::splat(*s.add(i)), L::splat(*y.add(i)));
    let (mut sum, mut count, mut own) = (zero, zero, zero);
    let mut at = i + 1;
    while at < items {
        let left = L::WIDTH.min(items - at);
        let others = L::load_first(s.add(at), left, 0.0);
        let gains = L::load_first(y.add(at), left, *y.add(i));
        // 1 where the other is the worse one, -1 where it is the better one, 0 where neither is.
        let sign = L::choose(
            gains.is_below(gain),
            one,
            L::choose(gain.is_below(gains), zero.sub(one), zero),
        );
        let x = sign.mul(others.sub(score));
        let fall = exp(zero.sub(x.abs()));
        let inverse = one.add(fall).inverse();
        let sigmoid = L::choose(x.is_below(zero), fall, one).mul(inverse);
        let is_pair = sign.abs();
        sum = log1p(fall).add(x.max(zero)).mul_add(is_pair, sum);
        count = count.add(is_pair);
        let slope = sigmoid.mul(sign);
        own = own.add(slope);
        L::load_first(g.add(at), left, 0.0).add(slope).store_first(g.add(at), left);
        at += L::WIDTH;
    }
    (sum.total(), count.total(), own.total())
}
