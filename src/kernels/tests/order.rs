//! A function that rises or falls does so from each number to the next, and an odd one is odd to the bit.

use super::evaluate::Kernel::{self, One};
use super::evaluate::{run_f32, run_f64, write};
use crate::loops::Precision;

/// Functions, and whether they rise.
const ROWS: &[(&str, Kernel, bool)] = &[
    ("erf", One(super::super::erf), true),
    ("erfc", One(super::super::erfc), false),
    ("log_normal_cdf", One(super::super::log_normal_cdf), true),
];

/// How many neighbours are looked at from each start on.
const RUN: u32 = 256;

/// Where runs start: where pieces meet, and places of every size between.
fn starts() -> Vec<f64> {
    let meet = [0.3, 0.6, 0.75, 0.945, 1.0, 2.0, 4.0, 15.0, 39.0].map(|x: f64| x.next_down());
    let spread = (0..400u32).map(|i| (f64::from(i) * 0.055 - 17.0).exp2() * 1.000_123);
    meet.into_iter().chain(spread).collect()
}

/// Whether values at ascending sizes x of both signs follow the order; pairs of (f(x), f(−x)).
fn ordered(values: &[[f64; 2]], rises: bool) -> bool {
    let follows = |a: f64, b: f64| if rises { a <= b } else { a >= b };
    values.windows(2).all(|w| follows(w[0][0], w[1][0]) && follows(w[1][1], w[0][1]))
}

#[test]
fn neighbours_are_in_order() {
    for (name, kernel, rises) in ROWS {
        let single = write(*kernel, Precision::F32);
        let double = write(*kernel, Precision::F64);
        for start in starts() {
            let first = (start as f32).to_bits() - RUN / 2;
            let sizes: Vec<f32> = (0..RUN).map(|i| f32::from_bits(first + i)).collect();
            let at = |sign: f32| {
                run_f32(&single, &sizes.iter().map(|x| [sign * x, 0.0]).collect::<Vec<_>>())
            };
            let pairs: Vec<[f64; 2]> =
                at(1.0).iter().zip(at(-1.0)).map(|(a, b)| [f64::from(*a), f64::from(b)]).collect();
            assert!(ordered(&pairs, *rises), "{name} in f32 about {start}");

            let sizes: Vec<f64> = (0..u64::from(RUN))
                .map(|i| f64::from_bits(start.to_bits() - u64::from(RUN) / 2 + i))
                .collect();
            let at = |sign: f64| {
                run_f64(&double, &sizes.iter().map(|x| [sign * x, 0.0]).collect::<Vec<_>>())
            };
            let pairs: Vec<[f64; 2]> = at(1.0).into_iter().zip(at(-1.0)).map(Into::into).collect();
            assert!(ordered(&pairs, *rises), "{name} in f64 about {start}");
        }
    }
}

#[test]
fn erf_is_odd() {
    let (single, double) = (write(ROWS[0].1, Precision::F32), write(ROWS[0].1, Precision::F64));
    for x in starts() {
        let inputs = [[x, 0.0], [-x, 0.0]];
        let values = run_f64(&double, &inputs);
        assert_eq!(values[0].to_bits(), (-values[1]).to_bits(), "f64 at {x}");
        let values = run_f32(&single, &inputs.map(|pair| pair.map(|v| v as f32)));
        assert_eq!(values[0].to_bits(), (-values[1]).to_bits(), "f32 at {x}");
    }
}
