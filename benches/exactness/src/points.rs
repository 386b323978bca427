//! Arguments in layers, the same ones for the same seed.

/// A generator of random numbers: splitmix64 (Steele, Lea and Flood, 2014).
pub struct Random(u64);

impl Random {
    /// The generator of a block of points.
    pub fn new(seed: u64, block: u64) -> Self {
        let mut random = Self(seed ^ block.wrapping_mul(0xd134_2543_de82_ef95));
        random.bits();
        random
    }

    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    pub fn below(&mut self, count: u64) -> u64 {
        self.bits() % count
    }

    /// Evenly in a range.
    pub fn within(&mut self, [low, high]: [f64; 2]) -> f64 {
        low + (high - low) * (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Of any size between two powers of two, of any sign.
    pub fn sized(&mut self, exponents: [f64; 2]) -> f64 {
        let size = self.within(exponents).exp2();
        if self.below(2) == 0 { size } else { -size }
    }

    /// Any bit pattern.
    pub fn pattern(&mut self) -> f64 {
        f64::from_bits(self.bits())
    }

    /// Any bit pattern of single precision.
    pub fn single_pattern(&mut self) -> f64 {
        f64::from(f32::from_bits(self.bits() as u32))
    }

    pub fn choose(&mut self, among: &[f64]) -> f64 {
        among[self.below(among.len() as u64) as usize]
    }

    /// Some last places around a number, mostly few.
    pub fn around(&mut self, center: f64) -> f64 {
        let reach = 1 << self.below(44);
        let step = self.below(2 * reach + 1) as i64 - reach as i64;
        f64::from_bits(center.to_bits().wrapping_add_signed(step))
    }
}

/// An argument of a function: of any bits, in its range, of any ordinary size, or near a hard place.
pub fn argument(random: &mut Random, range: [f64; 2], hard: &[f64]) -> f64 {
    match random.below(20) {
        0..4 => random.pattern(),
        4..11 => random.within(range),
        11..15 => random.sized([-60.0, 12.0]),
        15 => 1.0 + random.sized([-53.0, 1.0]),
        _ => {
            let center = random.choose(hard);
            random.around(center)
        }
    }
}
