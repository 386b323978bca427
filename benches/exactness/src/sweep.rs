//! One function in f32 over all 2³² arguments.
//!
//! The code that users get runs over every argument in f32, and in f64 as the reference: its results are right to 2⁻²⁸ of
//! a unit of f32 where the f64 measurement says so. So that no mistake of both hides, other libraries see every 257th
//! argument, and MPFR every 4099th, those around hard places, and all that come close to the worst or to the bound.

use std::sync::atomic::{AtomicU32, Ordering};

use lossc::Loss;

use crate::compile::{compile, evaluate, evaluate_into};
use crate::found::Found;
use crate::functions::{Function, Symmetry};
use crate::progress::Progress;
use crate::ulp;

/// Arguments of one call; all arrays of a call stay in the second-level cache.
const BLOCK: u32 = 1 << 14;
/// Blocks that a thread takes at a time.
const TAKE: u32 = 1 << 6;
const BLOCKS: u32 = (1 << 31) / BLOCK;
/// Every how manieth argument other libraries see.
const PLAIN_STEP: u32 = 257;
/// Every how manieth argument MPFR sees.
const EXACT_STEP: u32 = 4099;
/// How many of a thread's turn that are close to the bound MPFR sees.
const CLOSE: usize = 64;
const SIGN: u32 = 1 << 31;
/// The size from which there are NaNs only.
const NAN: u32 = 0x7f80_0001;

/// Measures a function over all arguments, or those of every so manieth block, on so many threads.
pub fn sweep(function: &Function, part: u32, threads: usize) -> Found {
    let single = compile::<f32>(function.name, 1);
    let double = compile::<f64>(function.name, 1);
    let next = AtomicU32::new(0);
    let progress = Progress::new(function.name, "f32", u64::from(BLOCKS / TAKE));
    let mut found = Found::default();
    std::thread::scope(|scope| {
        let work = || {
            let mut worker = Worker::new(function, &single, &double);
            loop {
                let turn = next.fetch_add(1, Ordering::Relaxed);
                if turn >= BLOCKS / TAKE {
                    return worker.found;
                }
                worker.turn(turn, part);
                progress.step();
            }
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            found.join(worker.join().expect("a worker does not panic"));
        }
    });
    let mut worker = Worker::new(function, &single, &double);
    worker.see_hard();
    found.join(worker.found);
    found
}

/// Arguments of one sign, and what came of them.
struct Half {
    sign: u32,
    x: Vec<f32>,
    wide: Vec<f64>,
    got: Vec<f32>,
    exact: Vec<f64>,
    off: Vec<f64>,
}

impl Half {
    /// One more than a block, so that the last has its neighbour.
    fn new(sign: u32) -> Self {
        let n = BLOCK as usize + 1;
        let (x, wide) = (vec![0.0; n], vec![0.0; n]);
        Self { sign, got: x.clone(), exact: wide.clone(), off: wide.clone(), x, wide }
    }

    fn run(&mut self, single: &Loss<f32>, double: &Loss<f64>, start: u32) {
        let bits = (start..).map(|bits| bits | self.sign);
        for ((x, wide), bits) in self.x.iter_mut().zip(&mut self.wide).zip(bits) {
            *x = f32::from_bits(bits);
            *wide = f64::from(*x);
        }
        evaluate_into(single, &self.x, &mut self.got);
        evaluate_into(double, &self.wide, &mut self.exact);
        for ((off, got), exact) in self.off.iter_mut().zip(&self.got).zip(&self.exact) {
            *off = ulp::single(*got, *exact);
        }
    }

    fn show(&self, index: usize) -> String {
        place(self.x[index])
    }
}

fn place(x: f32) -> String {
    format!("{x:e} (0x{:08x})", x.to_bits())
}

struct Worker<'w> {
    function: &'w Function,
    single: &'w Loss<f32>,
    double: &'w Loss<f64>,
    halves: Vec<Half>,
    found: Found,
    /// The arguments of a turn that MPFR shall see: how far they are off by the f64 kernel.
    close: Vec<(f64, f32, f32, f64)>,
}

impl<'w> Worker<'w> {
    fn new(function: &'w Function, single: &'w Loss<f32>, double: &'w Loss<f64>) -> Self {
        let signs: &[u32] = if function.positive { &[0] } else { &[0, SIGN] };
        Self {
            function,
            single,
            double,
            halves: signs.iter().map(|sign| Half::new(*sign)).collect(),
            found: Found::default(),
            close: Vec::new(),
        }
    }

    fn turn(&mut self, turn: u32, part: u32) {
        let mut worst: Option<(f64, f32, f32, f64)> = None;
        for block in (turn * TAKE..(turn + 1) * TAKE).filter(|block| block % part == 0) {
            let start = block * BLOCK;
            for half in &mut self.halves {
                half.run(self.single, self.double, start);
            }
            for half in 0..self.halves.len() {
                self.see_values(half, start, &mut worst);
                self.see_order(half, start);
            }
            self.see_symmetry(start);
        }
        let close = std::mem::take(&mut self.close);
        for (_, x, got, reference) in worst.into_iter().chain(close) {
            self.see_exactly(x, got, reference);
        }
    }

    /// Errors, signs, and the points for other libraries.
    fn see_values(&mut self, half: usize, start: u32, worst: &mut Option<(f64, f32, f32, f64)>) {
        let half = &self.halves[half];
        let n = BLOCK as usize;
        let bound = self.function.bounds[0].unwrap_or(f64::INFINITY);
        let point = |i: usize| (half.off[i], half.x[i], half.got[i], half.exact[i]);
        let found = &mut self.found;
        found.points += u64::from(BLOCK);
        let most = largest(&half.off[..n]);
        if most > worst.map_or(0.0, |(off, ..)| off) {
            *worst = half.off[..n].iter().position(|off| *off == most).map(point);
        }
        if most > 0.9 * bound {
            let over = (0..n).filter(|i| half.off[*i] > bound);
            found.over.see(over.clone().count() as u64, || {
                half.show(over.clone().next().expect("there is one"))
            });
            let room = CLOSE - self.close.len().min(CLOSE);
            let close = (0..n).filter(|i| half.off[*i] > 0.9 * bound).take(room);
            self.close.extend(close.map(point));
        }
        let is_wrong = |(got, exact): (&f32, &f64)| {
            *got == 0.0 && *exact == 0.0 && (got.is_sign_negative() != exact.is_sign_negative())
        };
        let results = || half.got[..n].iter().zip(&half.exact[..n]);
        let count: u32 = results().map(|pair| u32::from(is_wrong(pair))).sum();
        found
            .signs
            .see(count.into(), || half.show(results().position(is_wrong).expect("there is one")));

        if let Some(plain) = self.function.plain {
            let first = (PLAIN_STEP - start % PLAIN_STEP) % PLAIN_STEP;
            for i in (first as usize..n).step_by(PLAIN_STEP as usize) {
                found.plain_points += 1;
                let off = ulp::single(half.got[i], plain(half.wide[i]));
                found.plain.see(off, || half.show(i));
            }
        }
        let first = (EXACT_STEP - start % EXACT_STEP) % EXACT_STEP;
        for i in (first as usize..n).step_by(EXACT_STEP as usize) {
            let (_, x, got, reference) = point(i);
            see_exactly(self.function, &mut self.found, x, got, reference);
        }
    }

    fn see_exactly(&mut self, x: f32, got: f32, reference: f64) {
        see_exactly(self.function, &mut self.found, x, got, reference);
    }

    fn see_order(&mut self, half: usize, start: u32) {
        let half = &self.halves[half];
        let last = BLOCK.min(NAN.saturating_sub(start + 1)) as usize;
        for piece in self.function.pieces {
            // Along the patterns, arguments fall where they are negative.
            let rises = piece.rises == (half.sign == 0);
            let (from, to) = (piece.from as f32, piece.to as f32);
            let is_inside = |x: f32| x >= from && x <= to;
            let is_backwards = |a: f32, b: f32| if rises { b < a } else { b > a };
            let neighbours = || half.got[..last].iter().zip(&half.got[1..=last]);
            let all: u32 = neighbours().map(|(a, b)| u32::from(is_backwards(*a, *b))).sum();
            if all == 0 {
                continue;
            }
            let wrong = (0..last).filter(|i| {
                is_backwards(half.got[*i], half.got[*i + 1])
                    && is_inside(half.x[*i])
                    && is_inside(half.x[*i + 1])
            });
            self.found.order.see(wrong.clone().count() as u64, || {
                half.show(wrong.clone().next().expect("there is one"))
            });
        }
    }

    fn see_symmetry(&mut self, start: u32) {
        let [plus, minus] = &self.halves[..] else { return };
        let last = BLOCK.min(NAN.saturating_sub(start)) as usize;
        let found = &mut self.found;
        let pairs = || plus.got[..last].iter().zip(&minus.got[..last]);
        let flip = match self.function.symmetry {
            Symmetry::None => return,
            Symmetry::Complement => {
                let off = |(a, b): (&f32, &f32)| {
                    (f64::from(*a) + f64::from(*b) - 1.0).abs() * 2f64.powi(23)
                };
                let most = pairs()
                    .map(off)
                    .fold(0.0, |most: f64, off| if off > most { off } else { most });
                found.complement.see(most, || {
                    plus.show(pairs().position(|pair| off(pair) == most).expect("there is one"))
                });
                return;
            }
            Symmetry::Odd => SIGN,
            Symmetry::Even => 0,
        };
        let wrong =
            |(a, b): (&f32, &f32)| (a.to_bits() != b.to_bits() ^ flip) & !(a.is_nan() & b.is_nan());
        let count: u32 = pairs().map(|pair| u32::from(wrong(pair))).sum();
        found
            .symmetry
            .see(count.into(), || plus.show(pairs().position(wrong).expect("there is one")));
    }

    /// The arguments around hard places, in both formats, by MPFR.
    fn see_hard(&mut self) {
        let ends = [0.0, f64::INFINITY, 1.0, f64::from(f32::MAX), f64::from(f32::MIN_POSITIVE)];
        let mut centers = (self.function.hard)();
        centers.extend(self.function.zeros);
        centers.extend(ends.iter().flat_map(|end| [*end, -*end]));
        let around = (0u32..17).collect::<Vec<_>>();
        let mut points: Vec<u32> = Vec::new();
        for center in centers {
            let bits = (center as f32).to_bits();
            points.extend(around.iter().map(|step| bits.wrapping_add(*step).wrapping_sub(8)));
        }
        points.sort_unstable();
        points.dedup();
        let x: Vec<f32> = points.into_iter().map(f32::from_bits).collect();
        let x: Vec<f32> =
            x.into_iter().filter(|x| !self.function.positive || x.is_sign_positive()).collect();
        let wide: Vec<f64> = x.iter().map(|x| f64::from(*x)).collect();
        let (got, reference) = (evaluate(self.single, &x), evaluate(self.double, &wide));
        for ((x, got), reference) in x.iter().zip(got).zip(reference) {
            self.see_exactly(*x, got, reference);
        }
    }
}

/// The largest of a block, or 0, in lanes.
fn largest(values: &[f64]) -> f64 {
    let mut most = [0.0; 8];
    let (chunks, rest) = values.as_chunks::<8>();
    for chunk in chunks {
        for (most, value) in most.iter_mut().zip(chunk) {
            *most = if *value > *most { *value } else { *most };
        }
    }
    most.iter().chain(rest).fold(0.0, |most, value| if *value > most { *value } else { most })
}

/// Compares a result with MPFR's, and the reference too.
fn see_exactly(function: &Function, found: &mut Found, x: f32, got: f32, reference: f64) {
    let float = (function.exact)(f64::from(x));
    let exact = float.to_f64();
    found.exact_points += 1;
    let off = ulp::single(got, exact);
    let show = || format!("{} gives {got:e}, exactly {exact:e}", place(x));
    found.worst.see(off, show);
    let by_reference = ulp::single(got, reference);
    let differs = (off - by_reference).abs();
    let differs = if off == by_reference { 0.0 } else { differs };
    found
        .reference
        .see(differs, || format!("{} f64 gives {reference:e}, exactly {exact:e}", place(x)));
    let bound = function.bounds[0].unwrap_or(f64::INFINITY);
    // What the reference has missed.
    found.over.see(u64::from(off > bound && by_reference <= bound), show);
    let is_wrong =
        |value: f64| value == 0.0 && exact.is_sign_negative() != value.is_sign_negative();
    let missed = float.is_zero() && is_wrong(got.into()) && is_wrong(reference);
    found.signs.see(u64::from(missed), show);
}
