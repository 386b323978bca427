//! A function that rises or falls does so from each number to the next, and an odd one is odd to the bit.

use super::evaluate::Kernel::{self, One};
use super::evaluate::{run_f32, run_f64, write};
use crate::loops::Precision;

/// Whether a function rises for x > 0, and whether it does for x < 0.
type Way = [bool; 2];

const RISES: Way = [true, true];
const FALLS: Way = [false, false];
const LEAST_AT_0: Way = [true, false];

/// Functions, and their ways, where they have a value.
const ROWS: &[(&str, Kernel, Way)] = &[
    ("erf", One(super::super::erf), RISES),
    ("erfc", One(super::super::erfc), FALLS),
    ("normal_cdf", One(super::super::normal_cdf), RISES),
    ("log_normal_cdf", One(super::super::log_normal_cdf), RISES),
    ("exp", One(super::super::exp), RISES),
    ("expm1", One(super::super::expm1), RISES),
    ("log", One(super::super::log), RISES),
    ("log1p", One(super::super::log1p), RISES),
    ("log2", One(super::super::log2), RISES),
    ("sigmoid", One(super::super::sigmoid), RISES),
    ("softplus", One(super::super::softplus), RISES),
    ("tanh", One(super::super::tanh), RISES),
    ("atan", One(super::super::atan), RISES),
    ("logcosh", One(super::super::logcosh), LEAST_AT_0),
];

/// How many neighbours are looked at from each start on.
const RUN: u32 = 256;

/// Where runs start: where pieces meet, and places of every size between.
fn starts() -> Vec<f64> {
    let meet = [
        0.25,
        0.3,
        0.346_573_6,
        0.5,
        0.578,
        0.6,
        0.609_375,
        0.75,
        0.945,
        1.0,
        1.039_720_8,
        std::f64::consts::SQRT_2,
        1.5,
        1.732_868,
        2.0,
        2.414_213_5,
        4.0,
        9.0,
        15.0,
        39.0,
    ]
    .map(|x: f64| x.next_down());
    let spread = (0..400u32).map(|i| (f64::from(i) * 0.055 - 17.0).exp2() * 1.000_123);
    meet.into_iter().chain(spread).collect()
}

/// Whether values at ascending sizes x of both signs follow the order; pairs of (f(x), f(−x)).
fn ordered(values: &[[f64; 2]], [above, below]: Way) -> bool {
    let follows = |rises: bool, a: f64, b: f64| {
        a.is_nan() || b.is_nan() || if rises { a <= b } else { a >= b }
    };
    values.windows(2).all(|w| follows(above, w[0][0], w[1][0]) && follows(below, w[1][1], w[0][1]))
}

#[test]
fn neighbours_are_in_order() {
    for (name, kernel, way) in ROWS {
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
            assert!(ordered(&pairs, *way), "{name} in f32 about {start}");

            let sizes: Vec<f64> = (0..u64::from(RUN))
                .map(|i| f64::from_bits(start.to_bits() - u64::from(RUN) / 2 + i))
                .collect();
            let at = |sign: f64| {
                run_f64(&double, &sizes.iter().map(|x| [sign * x, 0.0]).collect::<Vec<_>>())
            };
            let pairs: Vec<[f64; 2]> = at(1.0).into_iter().zip(at(-1.0)).map(Into::into).collect();
            assert!(ordered(&pairs, *way), "{name} in f64 about {start}");
        }
    }
}

/// Functions of which f(−x) is −f(x), or f(x), to the bit.
const SYMMETRIC: &[(&str, Kernel, f64)] = &[
    ("erf", One(super::super::erf), -1.0),
    ("tanh", One(super::super::tanh), -1.0),
    ("sin", One(super::super::sin), -1.0),
    ("atan", One(super::super::atan), -1.0),
    ("cos", One(super::super::cos), 1.0),
    ("logcosh", One(super::super::logcosh), 1.0),
];

#[test]
fn odd_and_even_functions_are_so_exactly() {
    for (name, kernel, sign) in SYMMETRIC {
        let (single, double) = (write(*kernel, Precision::F32), write(*kernel, Precision::F64));
        let sizes = starts().into_iter().chain([0.0, 1e-310, 1e-40, 1e9, 3e38, 1e300]);
        for x in sizes {
            let inputs = [[x, 0.0], [-x, 0.0]];
            let values = run_f64(&double, &inputs);
            assert_eq!(values[0].to_bits(), (sign * values[1]).to_bits(), "{name} f64 at {x}");
            let single_inputs = inputs.map(|pair| pair.map(|v| v as f32));
            if single_inputs[0][0].is_finite() {
                let values = run_f32(&single, &single_inputs);
                let mirrored = (*sign as f32) * values[1];
                assert_eq!(values[0].to_bits(), mirrored.to_bits(), "{name} f32 at {x}");
            }
        }
    }
}

#[test]
fn zeros_keep_their_sign() {
    let kernels: [(&str, Kernel); 6] = [
        ("expm1", One(super::super::expm1)),
        ("log1p", One(super::super::log1p)),
        ("tanh", One(super::super::tanh)),
        ("sin", One(super::super::sin)),
        ("atan", One(super::super::atan)),
        ("erf", One(super::super::erf)),
    ];
    for (name, kernel) in kernels {
        let values = run_f32(&write(kernel, Precision::F32), &[[0.0, 0.0], [-0.0, 0.0]]);
        assert_eq!(
            [0.0f32, -0.0].map(f32::to_bits),
            [values[0].to_bits(), values[1].to_bits()],
            "{name}"
        );
        let values = run_f64(&write(kernel, Precision::F64), &[[0.0, 0.0], [-0.0, 0.0]]);
        assert_eq!(
            [0.0f64, -0.0].map(f64::to_bits),
            [values[0].to_bits(), values[1].to_bits()],
            "{name}"
        );
    }
}

#[test]
fn sigmoids_of_a_number_and_its_negation_are_1() {
    let kernel = One(super::super::sigmoid);
    let (single, double) = (write(kernel, Precision::F32), write(kernel, Precision::F64));
    for x in starts() {
        let values = run_f64(&double, &[[x, 0.0], [-x, 0.0]]);
        let sum = values[0] + values[1];
        assert!((1.0f64.next_down()..=1.0f64.next_up()).contains(&sum), "f64 at {x}: {sum:?}");
        let values = run_f32(&single, &[[x as f32, 0.0], [-x as f32, 0.0]]);
        let sum = values[0] + values[1];
        assert!((1.0f32.next_down()..=1.0f32.next_up()).contains(&sum), "f32 at {x}: {sum:?}");
    }
}
