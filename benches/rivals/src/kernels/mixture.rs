//! Mixture density: mixtures of eight normal distributions and points come in, the mean loss and three gradients go out.

use super::functions::{exp, log};
use crate::lanes::{Kernel, Lanes};

/// How many components there are.
pub(crate) const K: usize = 8;

/// Half the logarithm of 2 pi.
const HALF_LOG_TAU: f32 = 0.918_938_5;

/// Minus the logarithm of the density of a mixture.
pub(crate) struct Mixture<'a> {
    /// Row after row of `K`.
    pub(crate) logits: &'a [f32],
    /// Means of the components.
    pub(crate) centres: &'a [f32],
    /// Logarithms of their standard deviations.
    pub(crate) log_scales: &'a [f32],
    /// One a row; a multiple of 16.
    pub(crate) points: &'a [f32],
    /// The derivatives in the logits, then those in the centres, then those in the logarithms, which are written.
    pub(crate) gradient: &'a mut [f32],
}

impl Kernel for Mixture<'_> {
    type Output = f64;

    #[inline(always)]
    unsafe fn run<L: Lanes>(self) -> f64 {
        let rows = self.points.len();
        assert!(rows.is_multiple_of(16) && self.gradient.len() == 3 * rows * K);
        assert!([self.logits, self.centres, self.log_scales].iter().all(|it| it.len() == rows * K));
        let scale = L::splat(1.0 / rows as f32);
        let to = self.gradient.as_mut_ptr();
        let (mut total, mut at) = (0.0, 0);
        while at < rows {
            let logits = load::<L>(self.logits.as_ptr().add(at * K));
            let centres = load::<L>(self.centres.as_ptr().add(at * K));
            let log_scales = load::<L>(self.log_scales.as_ptr().add(at * K));
            let point = L::load(self.points.as_ptr().add(at));
            let (values, slopes) = of_rows(logits, centres, log_scales, point, scale);
            total += f64::from(values.total());
            for (input, slopes) in slopes.into_iter().enumerate() {
                store(slopes, to.add((input * rows + at) * K));
            }
            at += L::WIDTH;
        }
        total / rows as f64
    }
}

/// One row in each lane: the losses, and the derivatives in logits, centres and logarithms of scales.
#[inline(always)]
unsafe fn of_rows<L: Lanes>(
    logits: [L; K],
    centres: [L; K],
    log_scales: [L; K],
    point: L,
    scale: L,
) -> (L, [[L; K]; 3]) {
    let (zero, half) = (L::splat(0.0), L::splat(0.5));
    let mut slopes = [[zero; K]; 3];
    let (mut terms, mut z, mut widths) = ([zero; K], [zero; K], [zero; K]);
    for k in 0..K {
        widths[k] = exp(zero.sub(log_scales[k]));
        z[k] = point.sub(centres[k]).mul(widths[k]);
        let term = logits[k].sub(log_scales[k]);
        terms[k] = half.mul(z[k]).neg_mul_add(z[k], term);
    }
    let (largest, inverse, log_sum) = softmax(&mut terms);
    let mut shares = logits;
    let (largest_logit, share_inverse, share_log_sum) = softmax(&mut shares);
    for k in 0..K {
        let duty = terms[k].mul(inverse).mul(scale);
        slopes[0][k] = shares[k].mul(share_inverse).mul_sub(scale, duty);
        slopes[1][k] = zero.sub(duty).mul(z[k].mul(widths[k]));
        slopes[2][k] = duty.neg_mul_add(z[k].mul(z[k]), duty);
    }
    let value = largest_logit.add(share_log_sum).sub(largest.add(log_sum));
    (value.add(L::splat(HALF_LOG_TAU)), slopes)
}

/// Turns numbers into exponentials below their largest; that, one over the sum, and the logarithm of the sum.
#[inline(always)]
unsafe fn softmax<L: Lanes>(x: &mut [L; K]) -> (L, L, L) {
    let mut largest = x[0];
    for term in &x[1..] {
        largest = largest.max(*term);
    }
    let mut sum = L::splat(0.0);
    for term in x {
        *term = exp(term.sub(largest));
        sum = sum.add(*term);
    }
    (largest, sum.inverse(), log(sum))
}

#[inline(always)]
unsafe fn load<L: Lanes>(from: *const f32) -> [L; K] {
    let mut columns = [L::splat(0.0); K];
    for quad in [0, 4] {
        let four = L::transpose([
            L::load_quads(from.add(quad), K),
            L::load_quads(from.add(quad + K), K),
            L::load_quads(from.add(quad + 2 * K), K),
            L::load_quads(from.add(quad + 3 * K), K),
        ]);
        columns[quad..quad + 4].copy_from_slice(&four);
    }
    columns
}

#[inline(always)]
unsafe fn store<L: Lanes>(columns: [L; K], to: *mut f32) {
    for quad in [0, 4] {
        let four =
            L::transpose([columns[quad], columns[quad + 1], columns[quad + 2], columns[quad + 3]]);
        for (row, rows) in four.into_iter().enumerate() {
            rows.store_quads(to.add(quad + row * K), K);
        }
    }
}
