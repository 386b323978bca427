//! One function in f64 on points in layers, each against MPFR.

use std::sync::atomic::{AtomicU64, Ordering};

use lossc::Loss;

use crate::compile::{compile, evaluate};
use crate::found::Found;
use crate::functions::{Function, NEAR, Symmetry};
use crate::points::{Random, argument};
use crate::progress::Progress;
use crate::ulp;

/// Points of one call.
const BLOCK: u64 = 1 << 12;

/// Measures a function on at least so many points.
pub fn measure(function: &Function, points: u64, seed: u64, threads: usize) -> Found {
    let loss = compile::<f64>(function.name, 1);
    let hard = hard_points(function);
    let around: Vec<f64> = hard
        .iter()
        .flat_map(|x| (-8..=8).map(|step| f64::from_bits(x.to_bits().wrapping_add_signed(step))))
        .collect();
    let blocks = points.div_ceil(BLOCK);
    let next = AtomicU64::new(0);
    let progress = Progress::new(function.name, "f64", blocks);
    let mut found = see(function, &loss, around);
    std::thread::scope(|scope| {
        let work = || {
            let mut found = Found::default();
            loop {
                let block = next.fetch_add(1, Ordering::Relaxed);
                if block >= blocks {
                    return found;
                }
                let mut random = Random::new(seed, block);
                let x = (0..BLOCK).map(|_| argument(&mut random, function.range, &hard)).collect();
                found.join(see(function, &loss, x));
                progress.step();
            }
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            found.join(worker.join().expect("a worker does not panic"));
        }
    });
    found
}

/// The hard places of a function, and those of every one.
fn hard_points(function: &Function) -> Vec<f64> {
    let mut hard = (function.hard)();
    let ends =
        [0.0, f64::MIN_POSITIVE, f64::MAX, f64::INFINITY, 1.0, f64::EPSILON, f64::EPSILON.sqrt()];
    hard.extend(ends.iter().chain(function.zeros).flat_map(|x| [*x, -*x]));
    hard
}

fn see(function: &Function, loss: &Loss<f64>, mut x: Vec<f64>) -> Found {
    if function.positive {
        for x in &mut x {
            *x = x.abs();
        }
    }
    let minus: Vec<f64> = x.iter().map(|x| -x).collect();
    let next: Vec<f64> = x.iter().map(|x| x.next_up()).collect();
    let [got, of_minus, of_next] = [&x, &minus, &next].map(|x| evaluate(loss, x));
    let mut found = Found { points: x.len() as u64, ..Found::default() };
    for i in 0..x.len() {
        see_value(function, &mut found, x[i], got[i]);
        let show = || place(x[i]);
        for piece in function.pieces {
            let (a, b) = (got[i], of_next[i]);
            let is_inside = x[i] >= piece.from && next[i] <= piece.to;
            let is_wrong = is_inside && if piece.rises { b < a } else { b > a };
            found.order.see(u64::from(is_wrong), show);
        }
        let opposite = match function.symmetry {
            Symmetry::None => continue,
            Symmetry::Complement => {
                // Near 1 the difference is exact.
                let (small, large) = (got[i].min(of_minus[i]), got[i].max(of_minus[i]));
                let off = ((large - 1.0) + small).abs() / f64::EPSILON;
                found.complement.see(off, show);
                continue;
            }
            Symmetry::Odd => -of_minus[i],
            Symmetry::Even => of_minus[i],
        };
        let is_wrong =
            got[i].to_bits() != opposite.to_bits() && !(got[i].is_nan() && opposite.is_nan());
        found.symmetry.see(u64::from(is_wrong), show);
    }
    found
}

fn see_value(function: &Function, found: &mut Found, x: f64, got: f64) {
    let exact = (function.exact)(x);
    let off = ulp::double(got, &exact);
    let show = || format!("{} gives {got:e}, exactly {:e}", place(x), exact.to_f64());
    if function.zeros.iter().any(|zero| (x - zero).abs() < NEAR) {
        found.near.see(off, show);
    } else {
        found.worst.see(off, show);
        let is_over = function.bounds[1].is_some_and(|bound| off > bound);
        found.over.see(u64::from(is_over), show);
    }
    let is_wrong =
        got == 0.0 && exact.is_zero() && got.is_sign_negative() != exact.is_sign_negative();
    found.signs.see(u64::from(is_wrong), show);
}

fn place(x: f64) -> String {
    format!("{x:e} (0x{:016x})", x.to_bits())
}
