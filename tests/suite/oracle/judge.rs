//! How far off is too far: in come computed and exact numbers, out come errors and the first fault.

use lossc::call::Element;

use super::run::Compared;

/// A precision, with what is asked of it.
pub(super) trait Precision: Element {
    /// Of ordinary cases, relative to the largest element.
    const PLAIN: f64;
    /// Of extreme and tail cases, relative for every single element.
    const STRICT: f64;
    /// Below this, strictly, an absolute error of as much will do.
    const TINY: f64;
    /// The largest number.
    const LARGEST: f64;
}

impl Precision for f64 {
    const PLAIN: f64 = 1e-12;
    const STRICT: f64 = 1e-13;
    const TINY: f64 = 1e-300;
    const LARGEST: f64 = f64::MAX;
}

impl Precision for f32 {
    const PLAIN: f64 = 2e-6;
    const STRICT: f64 = 1e-5;
    const TINY: f64 = 1e-37;
    const LARGEST: f64 = f32::MAX as f64;
}

/// What a case is measured by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    /// The error relative to the largest element of the array.
    Plain,
    /// The error of every single element, relative to itself.
    Strict,
}

/// What came of some numbers: the worst error, and the elements that are too far off.
pub(super) struct Verdict {
    pub(super) worst: f64,
    pub(super) faults: Vec<String>,
}

/// The error of an element that is not the number it is to be, in units of what it is measured by.
fn error<T: Precision>(got: f64, want: f64, measure: Measure, largest: f64) -> f64 {
    if got.is_nan() && want.is_nan() || got == want {
        return 0.0;
    }
    if want.abs() > T::LARGEST {
        // What the format cannot hold is to overflow, and nothing else.
        return if got.is_infinite() && got.signum() == want.signum() {
            0.0
        } else {
            f64::INFINITY
        };
    }
    if !got.is_finite() || !want.is_finite() {
        return f64::INFINITY;
    }
    let off = (got - want).abs();
    match measure {
        Measure::Plain if off <= 1e-15 => 0.0,
        Measure::Plain => off / largest,
        Measure::Strict if off <= T::TINY => 0.0,
        Measure::Strict => off / want.abs(),
    }
}

/// Judges one array.
pub(super) fn judge<T: Precision>(compared: &Compared, measure: Measure) -> Verdict {
    let Compared { what, got, want, free } = compared;
    assert_eq!(got.len(), want.len(), "{what}");
    let largest = want.iter().filter(|x| x.is_finite()).fold(0.0, |most: f64, x| most.max(x.abs()));
    let bound = match measure {
        Measure::Plain => T::PLAIN,
        Measure::Strict => T::STRICT,
    };
    let mut verdict = Verdict { worst: 0.0, faults: Vec::new() };
    for (at, (got, want)) in got.iter().zip(want).enumerate() {
        if free.get(at).copied().unwrap_or(false) {
            continue;
        }
        let error = error::<T>(*got, *want, measure, largest);
        verdict.worst = verdict.worst.max(error);
        if error > bound {
            verdict.faults.push(format!("{what}[{at}] is {got:e}, not {want:e}"));
        }
    }
    verdict
}
