//! Central differences: a function of one number comes in, derivatives from several step sizes go out, each with what
//! rounding may have done to it.

/// A derivative by differences.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    /// The derivative.
    pub(super) slope: f64,
    /// How far rounding of the values may have carried it.
    pub(super) rounding: f64,
    /// How far off the length of the step may make it.
    pub(super) truncation: f64,
    /// How far from the point values were taken.
    pub(super) step: f64,
}

/// One step is so many times as long as the next.
const RATIO: f64 = 8.0;

/// The most step sizes.
const STEPS: usize = 24;

/// Where differences are taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// The number.
    pub(super) x: f64,
    /// How far the function goes on below and above.
    pub(super) room: (f64, f64),
    /// How far off a value may be.
    pub(super) noise: f64,
    /// The last step, relatively to the number, the room and 1.
    pub(super) finest: f64,
}

/// Derivatives by central differences of one step and by Richardson's extrapolation (1911) of two, those that are finite.
pub(super) fn differences(mut value: impl FnMut(f64) -> f64, place: Place) -> Vec<Candidate> {
    let Place { x, room, noise, finest } = place;
    let size = if x == 0.0 { 1.0 } else { x.abs() };
    let mut step = size.max(1.0) / RATIO;
    let last = size.min(room.0).min(room.1).min(1.0) * finest;
    let mut slopes: Vec<(f64, f64)> = Vec::new();
    for _ in 0..STEPS {
        if step < last {
            break;
        }
        if step < room.0 && step < room.1 {
            let (below, above) = (x - step, x + step);
            slopes.push((step, (value(above) - value(below)) / (above - below)));
        }
        step /= RATIO;
    }
    let mut all: Vec<Candidate> = slopes.windows(2).flat_map(|pair| joined(pair, noise)).collect();
    all.retain(|candidate| candidate.slope.is_finite());
    all
}

/// What a step and the next make of their slopes: the extrapolated one, and that of the shorter step.
fn joined(pair: &[(f64, f64)], noise: f64) -> [Candidate; 2] {
    let factor = RATIO * RATIO;
    let [(long, far), (short, near)] = [pair[0], pair[1]];
    let slope = (factor * near - far) / (factor - 1.0);
    let truncation = (slope - near).abs();
    let rounding = noise / short;
    [
        Candidate { slope, rounding: 1.1 * rounding, truncation: truncation / 2.0, step: long },
        Candidate { slope: near, rounding, truncation, step: short },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(x: f64, room: (f64, f64), noise: f64) -> Place {
        Place { x, room, noise, finest: 2.0_f64.powi(-21) }
    }

    const EVERYWHERE: (f64, f64) = (f64::INFINITY, f64::INFINITY);

    #[test]
    fn the_best_step_is_close_for_small_and_large_numbers() {
        type Case = (fn(f64) -> f64, f64, f64);
        let table: &[Case] = &[
            (f64::exp, 1.0, 1.0_f64.exp()),
            (f64::exp, 0.0, 1.0),
            (f64::ln, 1e-6, 1e6),
            (f64::sqrt, 1e4, 0.005),
            (|x| (50.0 * x).sin(), 0.3, 50.0 * 15.0_f64.cos()),
            (|x| x * x, 1e5, 2e5),
        ];
        for (function, x, want) in table {
            let all = differences(function, place(*x, EVERYWHERE, 1e-16 * function(*x).abs()));
            let far = |candidate: &Candidate| (candidate.slope - want).abs() / want.abs();
            let best = all.iter().map(far).fold(f64::INFINITY, f64::min);
            assert!(best < 1e-7, "at {x}: {best}");
            // What rounding did is within the doubt that is stated, once the step is short.
            let short = all.iter().filter(|candidate| candidate.step < 1e-6 * x.abs());
            for candidate in short {
                let off = (candidate.slope - want).abs();
                assert!(
                    off <= 4.0 * candidate.rounding + 1e-6 * want.abs(),
                    "at {x}: {candidate:?}"
                );
            }
        }
    }

    #[test]
    fn nothing_outside_of_the_room_is_asked_for() {
        let inside = |x: f64| {
            assert!((0.0..1.0).contains(&x), "{x}");
            x.ln()
        };
        assert!(!differences(inside, place(0.25, (0.25, 0.75), 0.0)).is_empty());
        assert!(differences(inside, place(0.0, (0.0, 1.0), 0.0)).is_empty());
    }
}
