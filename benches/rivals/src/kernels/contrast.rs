//! `InfoNCE`: queries and keys come in, the loss and both gradients go out; three products of matrices do most of the work.

use super::functions::exp;
use crate::lanes::{Kernel, Lanes};

/// Cross-entropy of the cosines of queries and keys over a temperature, each query's own key being the label.
pub(crate) struct InfoNce<'a> {
    /// `count` rows of `length`.
    pub(crate) queries: &'a [f32],
    /// As many.
    pub(crate) keys: &'a [f32],
    /// The derivatives in the queries, then those in the keys, which are written.
    pub(crate) gradient: &'a mut [f32],
    /// How many queries there are: a multiple of 32.
    pub(crate) count: usize,
    /// How long they are: a multiple of 32.
    pub(crate) length: usize,
    /// What cosines are divided by.
    pub(crate) temperature: f32,
    /// Memory for what is in between: as much as [`InfoNce::scratch`] says.
    pub(crate) scratch: &'a mut [f32],
}

impl InfoNce<'_> {
    /// How many numbers of scratch memory it takes: normalized rows, turned keys, cosines and norms.
    pub(crate) fn scratch(count: usize, length: usize) -> usize {
        3 * count * length + count * count + 2 * count
    }
}

impl Kernel for InfoNce<'_> {
    type Output = f64;

    #[inline(always)]
    unsafe fn run<L: Lanes>(self) -> f64 {
        let (n, f) = (self.count, self.length);
        assert!(n.is_multiple_of(32) && f.is_multiple_of(32));
        assert!(
            self.queries.len() == n * f
                && self.keys.len() == n * f
                && self.gradient.len() == 2 * n * f
        );
        assert!(self.scratch.len() >= Self::scratch(n, f));
        let (queries, rest) = self.scratch.split_at_mut(n * f);
        let (keys, rest) = rest.split_at_mut(n * f);
        let (turned, rest) = rest.split_at_mut(n * f);
        let (cosines, rest) = rest.split_at_mut(n * n);
        let (query_norms, key_norms) = rest.split_at_mut(n);
        normalized::<L>(self.queries, queries, query_norms, f);
        normalized::<L>(self.keys, keys, key_norms, f);
        for row in 0..n {
            for column in 0..f {
                turned[column * n + row] = keys[row * f + column];
            }
        }
        cosines.fill(0.0);
        product::<L>(queries, f, 1, turned, cosines, n, f, n);
        let loss = entropies::<L>(cosines, n, 1.0 / self.temperature);
        let (to_queries, to_keys) = self.gradient.split_at_mut(n * f);
        to_queries.fill(0.0);
        to_keys.fill(0.0);
        product::<L>(cosines, n, 1, keys, to_queries, n, n, f);
        product::<L>(cosines, 1, n, queries, to_keys, n, n, f);
        tangential::<L>(to_queries, queries, query_norms, f);
        tangential::<L>(to_keys, keys, key_norms, f);
        loss
    }
}

/// Rows over their norms, and one over the norms.
#[inline(always)]
unsafe fn normalized<L: Lanes>(rows: &[f32], to: &mut [f32], norms: &mut [f32], length: usize) {
    for (row, norm) in norms.iter_mut().enumerate() {
        let (from, to) = (rows.as_ptr().add(row * length), to.as_mut_ptr().add(row * length));
        let mut sums = [L::splat(0.0); 2];
        let mut at = 0;
        while at < length {
            for sum in &mut sums {
                let x = L::load(from.add(at));
                *sum = x.mul_add(x, *sum);
                at += L::WIDTH;
            }
        }
        *norm = 1.0 / sums[0].add(sums[1]).total().sqrt();
        let scale = L::splat(*norm);
        at = 0;
        while at < length {
            L::load(from.add(at)).mul(scale).store(to.add(at));
            at += L::WIDTH;
        }
    }
}

/// Adds the product of `a`, whose elements are `a[i * down + k * across]`, and the row-major `b` to the row-major `c`.
///
/// `rows` must be a multiple of 8, `columns` of 32.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
unsafe fn product<L: Lanes>(
    a: &[f32],
    down: usize,
    across: usize,
    b: &[f32],
    c: &mut [f32],
    rows: usize,
    depth: usize,
    columns: usize,
) {
    const DEPTH: usize = 128;
    let mut first = 0;
    while first < depth {
        let last = (first + DEPTH).min(depth);
        let mut column = 0;
        while column < columns {
            let mut row = 0;
            while row < rows {
                let a = a.as_ptr().add(row * down);
                let b = b.as_ptr().add(column);
                tile::<L>(
                    a,
                    down,
                    across,
                    b,
                    columns,
                    c.as_mut_ptr().add(row * columns + column),
                    first,
                    last,
                );
                row += TALL;
            }
            column += 2 * L::WIDTH;
        }
        first = last;
    }
}

/// How many rows a tile has: with two columns of vectors its sums fill most of the registers.
const TALL: usize = 8;

#[inline(always)]
#[allow(clippy::too_many_arguments)]
unsafe fn tile<L: Lanes>(
    a: *const f32,
    down: usize,
    across: usize,
    b: *const f32,
    columns: usize,
    c: *mut f32,
    first: usize,
    last: usize,
) {
    let mut sums = [[L::splat(0.0); 2]; TALL];
    for k in first..last {
        let (left, right) = (L::load(b.add(k * columns)), L::load(b.add(k * columns + L::WIDTH)));
        for (row, sums) in sums.iter_mut().enumerate() {
            let factor = L::splat(*a.add(row * down + k * across));
            sums[0] = factor.mul_add(left, sums[0]);
            sums[1] = factor.mul_add(right, sums[1]);
        }
    }
    for (row, sums) in sums.iter().enumerate() {
        for (k, sum) in sums.iter().enumerate() {
            let to = c.add(row * columns + k * L::WIDTH);
            L::load(to).add(*sum).store(to);
        }
    }
}

/// Turns cosines into derivatives of the mean cross-entropy in them; that mean.
#[inline(always)]
unsafe fn entropies<L: Lanes>(cosines: &mut [f32], count: usize, sharpness: f32) -> f64 {
    let mut total = 0.0;
    for row in 0..count {
        let x = cosines.as_mut_ptr().add(row * count);
        let own = *x.add(row);
        let mut largest = [L::splat(f32::NEG_INFINITY); 2];
        let mut at = 0;
        while at < count {
            for largest in &mut largest {
                *largest = largest.max(L::load(x.add(at)));
                at += L::WIDTH;
            }
        }
        let top = largest[0].max(largest[1]).largest();
        let mut sums = [L::splat(0.0); 2];
        at = 0;
        while at < count {
            for sum in &mut sums {
                let power = exp(L::load(x.add(at)).sub(L::splat(top)).mul(L::splat(sharpness)));
                power.store(x.add(at));
                *sum = sum.add(power);
                at += L::WIDTH;
            }
        }
        let sum = sums[0].add(sums[1]).total();
        let scale = sharpness / count as f32;
        let factor = L::splat(scale / sum);
        at = 0;
        while at < count {
            L::load(x.add(at)).mul(factor).store(x.add(at));
            at += L::WIDTH;
        }
        *x.add(row) -= scale;
        total += f64::from(sum.ln() - (own - top) * sharpness);
    }
    total / count as f64
}

/// Derivatives in rows from those in rows over their norms: `(g - (g . u) u) / norm`.
#[inline(always)]
unsafe fn tangential<L: Lanes>(slopes: &mut [f32], rows: &[f32], norms: &[f32], length: usize) {
    for (row, norm) in norms.iter().enumerate() {
        let (g, u) = (slopes.as_mut_ptr().add(row * length), rows.as_ptr().add(row * length));
        let mut sums = [L::splat(0.0); 2];
        let mut at = 0;
        while at < length {
            for sum in &mut sums {
                *sum = L::load(g.add(at)).mul_add(L::load(u.add(at)), *sum);
                at += L::WIDTH;
            }
        }
        let along = L::splat(sums[0].add(sums[1]).total());
        at = 0;
        while at < length {
            let slope = along.neg_mul_add(L::load(u.add(at)), L::load(g.add(at)));
            slope.mul(L::splat(*norm)).store(g.add(at));
            at += L::WIDTH;
        }
    }
}
