//! The precision to compute with, and the constants that it needs, each computed once.

use std::cell::RefCell;
use std::rc::Rc;

use dashu_int::IBig;

use super::ball::Ball;
use super::float::{Float, steps};

/// How many bits of a number are kept, and the constants that any precision takes its bits from.
#[derive(Debug)]
pub(super) struct Precision {
    /// The bits that a result keeps.
    pub(super) bits: i64,
    constants: Rc<Constants>,
    bernoulli: RefCell<Vec<Ball>>,
}

#[derive(Debug, Default)]
struct Constants {
    pi: RefCell<Stored>,
    log_2: RefCell<Stored>,
    tangents: RefCell<Vec<IBig>>,
}

/// A constant times `2^places`, to within a unit.
#[derive(Debug, Default)]
struct Stored {
    places: i64,
    value: IBig,
}

/// Bits beyond those asked for when a constant is computed, so that the next to ask finds it.
const ROOM: i64 = 192;

impl Precision {
    pub(super) fn new(bits: i64) -> Self {
        Self { bits, constants: Rc::default(), bernoulli: RefCell::default() }
    }

    /// Another precision with the same constants.
    pub(super) fn with_bits(&self, bits: i64) -> Self {
        Self { bits, constants: Rc::clone(&self.constants), bernoulli: RefCell::default() }
    }

    /// π by Machin's formula (1706): `16 atan(1/5) - 4 atan(1/239)`.
    pub(super) fn pi(&self, places: i64) -> IBig {
        stored(&self.constants.pi, places, |places| {
            arctangent_of_one_over(5, places, -1) * 16 - arctangent_of_one_over(239, places, -1) * 4
        })
    }

    /// log 2 as `18 atanh(1/26) - 2 atanh(1/4801) + 8 atanh(1/8749)`.
    pub(super) fn log_2(&self, places: i64) -> IBig {
        stored(&self.constants.log_2, places, |places| {
            arctangent_of_one_over(26, places, 1) * 18 - arctangent_of_one_over(4801, places, 1) * 2
                + arctangent_of_one_over(8749, places, 1) * 8
        })
    }

    /// π as a number of this precision and a little more.
    pub(super) fn pi_ball(&self) -> Ball {
        let places = self.bits + 16;
        Ball::fixed(self.pi(places), places, 2)
    }

    /// log 2 likewise.
    pub(super) fn log_2_ball(&self) -> Ball {
        let places = self.bits + 16;
        Ball::fixed(self.log_2(places), places, 2)
    }

    /// The Bernoulli number of index `2k`, `k ≥ 1`.
    pub(super) fn bernoulli(&self, k: i64) -> Ball {
        let mut known = self.bernoulli.borrow_mut();
        while known.len() < steps(k) {
            let next = known.len() + 1;
            known.push(self.constants.bernoulli(next, self.bits + 16));
        }
        known[steps(k) - 1].clone()
    }
}

impl Constants {
    /// From the tangent numbers: `B_2k = ± 2k T_k / (4^k (4^k - 1))` (Brent & Harvey 2011).
    fn bernoulli(&self, k: usize, bits: i64) -> Ball {
        if self.tangents.borrow().len() < k {
            *self.tangents.borrow_mut() = tangent_numbers((2 * k).max(64));
        }
        let power: IBig = IBig::ONE << (2 * k);
        let above = &self.tangents.borrow()[k - 1] * IBig::from(2 * k);
        let signed = if k % 2 == 1 { above } else { -above };
        let exact = |integer: IBig| Ball::exact(Float::new(integer, 0));
        let below = exact(&power * (&power - IBig::ONE));
        exact(signed).over(&below, bits).expect("a power of 4 less 1 is not 0")
    }
}

fn stored(slot: &RefCell<Stored>, places: i64, compute: impl Fn(i64) -> IBig) -> IBig {
    if slot.borrow().places < places {
        let (places, guard) = (places + ROOM, 32);
        let value = compute(places + guard) >> steps(guard);
        *slot.borrow_mut() = Stored { places, value };
    }
    let stored = slot.borrow();
    &stored.value >> steps(stored.places - places)
}

/// `Σ sign^i / ((2i + 1) n^(2i + 1))`: the inverse tangent of `1/n`, or the hyperbolic one.
fn arctangent_of_one_over(n: i64, places: i64, sign: i64) -> IBig {
    let mut power: IBig = (IBig::ONE << steps(places)) / n;
    let square = n * n;
    let mut sum = power.clone();
    let (mut odd, mut factor) = (1, 1);
    while !power.is_zero() {
        power /= square;
        odd += 2;
        factor *= sign;
        sum += &power / odd * factor;
    }
    sum
}

/// The first tangent numbers 1, 2, 16, 272, …
fn tangent_numbers(count: usize) -> Vec<IBig> {
    let mut tangents = vec![IBig::ONE; count];
    for k in 1..count {
        tangents[k] = &tangents[k - 1] * k;
    }
    for k in 1..count {
        for j in k..count {
            tangents[j] = &tangents[j - 1] * (j - k) + &tangents[j] * (j - k + 2);
        }
    }
    tangents
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_are_what_they_are() {
        for bits in [64, 200, 3000] {
            let precision = Precision::new(bits);
            assert_eq!(precision.pi_ball().middle.to_f64(), std::f64::consts::PI);
            assert_eq!(precision.log_2_ball().middle.to_f64(), std::f64::consts::LN_2);
            let expected = [(1, 1.0 / 6.0), (2, -1.0 / 30.0), (6, -691.0 / 2730.0), (7, 7.0 / 6.0)];
            for (k, value) in expected {
                assert_eq!(precision.bernoulli(k).middle.to_f64(), value, "index {}", 2 * k);
            }
        }
    }
}
