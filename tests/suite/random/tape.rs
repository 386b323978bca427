//! Choices from a sequence of numbers: 0, the simplest, once it is used up, so that shorter sequences and smaller numbers
//! make simpler programs and proptest can shrink them.

/// A sequence of numbers that choices are read from.
pub(super) struct Tape<'a> {
    choices: std::slice::Iter<'a, u16>,
}

impl<'a> Tape<'a> {
    pub(super) fn new(choices: &'a [u16]) -> Self {
        Self { choices: choices.iter() }
    }

    /// A number below a bound that is not 0.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        usize::from(self.choices.next().copied().unwrap_or(0)) % bound
    }

    /// True once in so many times; never once the tape is used up.
    pub(super) fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == times - 1
    }

    pub(super) fn choose<'r, T>(&mut self, rows: &'r [T]) -> &'r T {
        &rows[self.below(rows.len())]
    }
}

/// Numbers that look random and are the same every time (`SplitMix64`, Steele et al. 2014).
pub(super) struct Random(pub(super) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// From 0.05 to 0.95: inside of a domain, not at its ends.
    #[expect(clippy::cast_precision_loss, reason = "53 bits")]
    pub(super) fn inside(&mut self) -> f64 {
        0.05 + 0.9 * ((self.next() >> 11) as f64 / (1u64 << 53) as f64)
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % (bound as u64)).unwrap()
    }
}
