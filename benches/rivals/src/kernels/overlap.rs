//! Dice loss: images of logits and masks come in, the mean loss and its gradient go out.

use super::functions::exp;
use crate::lanes::{Kernel, Lanes};

/// One minus the smoothed overlap of regions: with `P`, `M` and `B` the sums of `p = sigmoid(x)`, of the mask and of their
/// product, `(P + M - 2 B) / (P + M + smooth)`.
pub(crate) struct Dice<'a> {
    /// Image after image.
    pub(crate) logits: &'a [f32],
    /// As many numbers from 0 to 1.
    pub(crate) mask: &'a [f32],
    /// As many derivatives, which are written.
    pub(crate) gradient: &'a mut [f32],
    /// How many pixels an image has: a multiple of 64.
    pub(crate) pixels: usize,
    /// What is added to the sizes.
    pub(crate) smooth: f32,
}

impl Kernel for Dice<'_> {
    type Output = f64;

    /// Two passes an image; the probabilities wait in the gradient.
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) -> f64 {
        let Self { logits, mask, gradient, pixels, smooth } = self;
        let images = logits.len() / pixels;
        assert!(
            pixels.is_multiple_of(64)
                && mask.len() == logits.len()
                && gradient.len() == logits.len()
        );
        let mut mean = 0.0;
        for image in 0..images {
            let (x, m) = (logits.as_ptr().add(image * pixels), mask.as_ptr().add(image * pixels));
            let g = gradient.as_mut_ptr().add(image * pixels);
            let (p, m_sum, both) = sizes::<L>(x, m, g, pixels);
            let (missed, size) = (p + m_sum - 2.0 * both, p + m_sum + f64::from(smooth));
            mean += missed / size;
            // d/dp = (1 - 2 m) / size - missed / size^2
            let scale = 1.0 / (size * images as f64);
            slopes::<L>(m, g, pixels, scale as f32, (missed / size * scale) as f32);
        }
        mean / images as f64
    }
}

/// Writes the probabilities; their sum, that of the mask, and that of the products.
#[inline(always)]
unsafe fn sizes<L: Lanes>(
    x: *const f32,
    m: *const f32,
    g: *mut f32,
    pixels: usize,
) -> (f64, f64, f64) {
    let mut sizes = (0.0, 0.0, 0.0);
    let mut begin = 0;
    while begin < pixels {
        let end = (begin + 4096).min(pixels);
        let (mut p_sums, mut m_sums, mut products) =
            ([L::splat(0.0); 2], [L::splat(0.0); 2], [L::splat(0.0); 2]);
        let mut at = begin;
        while at < end {
            for k in 0..2 {
                let (logit, mask) = (L::load(x.add(at)), L::load(m.add(at)));
                let p = sigmoid(logit);
                p.store(g.add(at));
                p_sums[k] = p_sums[k].add(p);
                m_sums[k] = m_sums[k].add(mask);
                products[k] = p.mul_add(mask, products[k]);
                at += L::WIDTH;
            }
        }
        sizes.0 += f64::from(p_sums[0].add(p_sums[1]).total());
        sizes.1 += f64::from(m_sums[0].add(m_sums[1]).total());
        sizes.2 += f64::from(products[0].add(products[1]).total());
        begin = end;
    }
    sizes
}

/// Turns probabilities into derivatives: `p (1 - p) (each - 2 m each - all)`.
#[inline(always)]
unsafe fn slopes<L: Lanes>(m: *const f32, g: *mut f32, pixels: usize, each: f32, all: f32) {
    let (twice, constant) = (L::splat(2.0 * each), L::splat(each - all));
    let mut at = 0;
    while at < pixels {
        let (p, mask) = (L::load(g.add(at)), L::load(m.add(at)));
        let slope = mask.neg_mul_add(twice, constant).mul(p.neg_mul_add(p, p));
        slope.store(g.add(at));
        at += L::WIDTH;
    }
}

/// `1 / (1 + exp(-x))`
#[inline(always)]
unsafe fn sigmoid<L: Lanes>(x: L) -> L {
    let zero = L::splat(0.0);
    let fall = exp(zero.sub(x.abs()));
    let one = L::splat(1.0);
    L::choose(x.is_below(zero), fall, one).mul(one.add(fall).inverse())
}
