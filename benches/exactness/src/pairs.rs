//! Functions of two arguments, on pairs in layers and on all pairs of special numbers, each against MPFR.

use std::sync::atomic::{AtomicU64, Ordering};

use lossc::{Element, Loss};
use rug::Float;

use crate::compile::{compile, evaluate_pairs};
use crate::exact;
use crate::found::Found;
use crate::points::Random;
use crate::progress::Progress;
use crate::ulp;

/// A function of two arguments.
pub struct Pair {
    pub name: &'static str,
    pub exact: fn(f64, f64) -> Float,
    /// How many units in the last place it may be off in f32, if that is promised, and in f64.
    pub bounds: [Option<f64>; 2],
    /// The size whose last place counts where the result is smaller by cancellation.
    pub size: fn(f64, f64) -> f64,
    /// Whether the sign of a result that is 0 is part of the promise.
    pub signed: bool,
    /// Pairs that it says nothing of.
    pub open: fn(f64, f64) -> bool,
    /// A pair where most of its life is, or where it is hard; the largest exponent of the format helps.
    pub focus: fn(&mut Random, f64) -> [f64; 2],
}

/// Pairs of one call.
const BLOCK: u64 = 1 << 12;

pub const PAIRS: &[Pair] = &[
    Pair {
        name: "pow",
        exact: exact::pow,
        bounds: [Some(1.0), Some(1.0)],
        size: |_, _| 0.0,
        signed: true,
        open: |_, _| false,
        focus: |random, exponent| {
            let x = if random.below(2) == 0 {
                random.sized([-40.0, 40.0]).abs()
            } else {
                1.0 + random.sized([-30.0, -1.0])
            };
            [x, random.within([-1.1, 1.1]) * exponent / x.log2()]
        },
    },
    Pair {
        name: "logaddexp",
        exact: exact::logaddexp,
        bounds: [Some(2.0), Some(2.0)],
        // What the last places of both arguments are worth.
        size: |a, b| {
            let (low, high) = (a.min(b), a.max(b));
            high.abs().max((low * (low - high).exp()).abs())
        },
        signed: false,
        open: |_, _| false,
        focus: |random, _| {
            let a = random.within([-40.0, 5.0]);
            // The result is near 0 where b is log(1 − exp(a)).
            let zero = (-a.exp()).ln_1p();
            let b =
                if random.below(4) == 0 && a < 0.0 { zero } else { a + random.sized([-30.0, 6.0]) };
            [a, b + b * random.sized([-50.0, -10.0])]
        },
    },
    Pair {
        name: "xlogy",
        exact: exact::xlogy,
        bounds: [Some(2.0), Some(2.0)],
        size: |_, _| 0.0,
        signed: false,
        open: |a, b| a == 0.0 && b.is_nan(),
        focus: |random, _| [random.sized([-20.0, 20.0]), 1.0 + random.sized([-50.0, 0.0])],
    },
    Pair {
        name: "xlog1py",
        exact: exact::xlog1py,
        bounds: [Some(2.0), Some(2.0)],
        size: |_, _| 0.0,
        signed: false,
        open: |a, b| a == 0.0 && b.is_nan(),
        focus: |random, _| [random.sized([-20.0, 20.0]), random.sized([-50.0, 4.0])],
    },
    Pair {
        name: "boxcox1p",
        exact: exact::boxcox1p,
        bounds: [Some(4.0), Some(2.5)],
        size: |_, _| 0.0,
        signed: false,
        open: |_, lambda| lambda.is_infinite(),
        focus: |random, _| {
            let x = if random.below(2) == 0 {
                random.within([-1.0, 10.0])
            } else {
                random.sized([-40.0, 0.0])
            };
            [x, random.sized([-50.0, 5.0])]
        },
    },
];

/// Numbers whose pairs have results of their own.
fn special(largest: f64, least_normal: f64, least: f64) -> Vec<f64> {
    let whole = [
        1.0,
        2.0,
        3.0,
        4.0,
        5.0,
        16_777_215.0,
        16_777_216.0,
        9_007_199_254_740_991.0,
        9_007_199_254_740_992.0,
    ];
    let other =
        [0.5, 0.25, 1.0 / 3.0, 1.5, 2.5, std::f64::consts::E, 1.0 + f64::from(f32::EPSILON)];
    let ends = [0.0, f64::INFINITY, largest, largest / 2.0, least_normal, least, 3.0 * least];
    let sizes = whole.into_iter().chain(other).chain(ends);
    sizes.flat_map(|x| [x, -x]).chain([f64::NAN]).collect()
}

/// A precision in which pairs are measured.
pub trait Format: Element {
    const INDEX: usize;
    /// The exponent past the largest.
    const EXPONENT: f64;
    fn special() -> Vec<f64>;
    fn pattern(random: &mut Random) -> f64;
    fn off(self, exact: &Float) -> f64;
    /// The exponent of a number's size, not below that of the least normal one.
    fn exponent(value: &Float) -> i32;
}

impl Format for f32 {
    const INDEX: usize = 0;
    const EXPONENT: f64 = 128.0;

    fn special() -> Vec<f64> {
        special(Self::MAX.into(), Self::MIN_POSITIVE.into(), Self::from_bits(1).into())
    }

    fn pattern(random: &mut Random) -> f64 {
        random.single_pattern()
    }

    fn off(self, exact: &Float) -> f64 {
        ulp::single(self, exact.to_f64())
    }

    fn exponent(value: &Float) -> i32 {
        value.get_exp().unwrap_or(Self::MIN_EXP).max(Self::MIN_EXP)
    }
}

impl Format for f64 {
    const INDEX: usize = 1;
    const EXPONENT: f64 = 1024.0;

    fn special() -> Vec<f64> {
        special(Self::MAX, Self::MIN_POSITIVE, Self::from_bits(1))
    }

    fn pattern(random: &mut Random) -> f64 {
        random.pattern()
    }

    fn off(self, exact: &Float) -> f64 {
        ulp::double(self, exact)
    }

    fn exponent(value: &Float) -> i32 {
        value.get_exp().unwrap_or(Self::MIN_EXP).max(Self::MIN_EXP)
    }
}

/// Measures a function of two arguments on at least so many pairs, and tells what all pairs of special numbers break.
pub fn measure<T: Format>(
    pair: &Pair,
    points: u64,
    seed: u64,
    threads: usize,
) -> (Found, Vec<String>) {
    let loss = compile::<T>(pair.name, 2);
    let special = T::special();
    let all = special
        .iter()
        .flat_map(|x| special.iter().map(move |y| [T::from_f64(*x), T::from_f64(*y)]));
    let mut breaks = Vec::new();
    let mut found = see(pair, &loss, all.unzip_pairs(), |text| breaks.push(text));
    let blocks = points.div_ceil(BLOCK);
    let next = AtomicU64::new(0);
    let progress = Progress::new(pair.name, T::NAME, blocks);
    std::thread::scope(|scope| {
        let work = || {
            let mut found = Found::default();
            loop {
                let block = next.fetch_add(1, Ordering::Relaxed);
                if block >= blocks {
                    return found;
                }
                let mut random = Random::new(seed, block);
                let points = (0..BLOCK)
                    .map(|_| arguments::<T>(pair, &mut random, &special).map(T::from_f64));
                found.join(see(pair, &loss, points.unzip_pairs(), |_| ()));
                progress.step();
            }
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            found.join(worker.join().expect("a worker does not panic"));
        }
    });
    (found, breaks)
}

/// A pair: of any bits, of ordinary sizes, with special numbers, or in the function's focus.
fn arguments<T: Format>(pair: &Pair, random: &mut Random, special: &[f64]) -> [f64; 2] {
    match random.below(20) {
        0..3 => [T::pattern(random), T::pattern(random)],
        3..6 => [random.sized([-40.0, 40.0]), random.sized([-40.0, 10.0])],
        6 => [random.choose(special), T::pattern(random)],
        7 => [T::pattern(random), random.choose(special)],
        8..10 => [random.within([0.0, 10.0]), random.within([-10.0, 10.0])],
        10 => [random.within([-10.0, 10.0]), random.within([-20.0, 20.0]).round()],
        _ => (pair.focus)(random, T::EXPONENT),
    }
}

trait UnzipPairs<T>: Iterator<Item = [T; 2]> + Sized {
    fn unzip_pairs(self) -> (Vec<T>, Vec<T>) {
        self.map(|[x, y]| (x, y)).unzip()
    }
}

impl<T, I: Iterator<Item = [T; 2]>> UnzipPairs<T> for I {}

fn see<T: Format>(
    pair: &Pair,
    loss: &Loss<T>,
    (x, y): (Vec<T>, Vec<T>),
    mut tell: impl FnMut(String),
) -> Found {
    let got = evaluate_pairs(loss, &x, &y);
    let mut found = Found { points: x.len() as u64, ..Found::default() };
    for ((x, y), result) in x.iter().zip(&y).zip(got) {
        let (x, y, got) = (x.to_f64(), y.to_f64(), result.to_f64());
        if (pair.open)(x, y) {
            continue;
        }
        let exact = (pair.exact)(x, y);
        let mut off = result.off(&exact);
        let show = || format!("({x:e}, {y:e}) gives {got:e}, exactly {:e}", exact.to_f64());
        let size = (pair.size)(x, y);
        if size.is_finite() && exact.is_finite() && *exact.as_abs() < size {
            found.near.see(off, show);
            let units = T::exponent(&exact) - T::exponent(&Float::with_val(64, size));
            off *= f64::from(units).exp2();
        }
        found.worst.see(off, show);
        let is_over = pair.bounds[T::INDEX].is_some_and(|bound| off > bound);
        found.over.see(u64::from(is_over), show);
        let is_zero = got == 0.0 && exact.is_zero();
        let is_wrong = pair.signed && is_zero && got.is_sign_negative() != exact.is_sign_negative();
        found.signs.see(u64::from(is_wrong), show);
        if is_over || is_wrong {
            tell(show());
        }
    }
    found
}
