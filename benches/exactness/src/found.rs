//! What a measurement finds: worst points and counts, gathered by threads and joined.

/// The point that is farthest off.
#[derive(Clone, Debug, Default)]
pub struct Worst {
    /// In units in the last place.
    pub off: f64,
    /// The argument or arguments, and what came and what should have, for a reader.
    pub place: String,
}

impl Worst {
    pub fn see(&mut self, off: f64, place: impl FnOnce() -> String) {
        if off > self.off || off == self.off && off > 0.0 {
            self.join(Self { off, place: place() });
        }
    }

    /// Of two that are as far off, the one whose place comes first as text: the same whoever came first.
    pub fn join(&mut self, other: Self) {
        if other.off > self.off || other.off == self.off && other.place < self.place {
            *self = other;
        }
    }
}

/// How often something was wrong, and where first.
#[derive(Clone, Debug, Default)]
pub struct Wrong {
    pub count: u64,
    pub first: Option<String>,
}

impl Wrong {
    pub fn see(&mut self, count: u64, place: impl FnOnce() -> String) {
        self.count += count;
        if count > 0 && self.first.is_none() {
            self.first = Some(place());
        }
    }

    pub fn join(&mut self, other: Self) {
        self.count += other.count;
        self.first = self.first.take().or(other.first);
    }
}

/// Everything that is found of one function in one precision.
#[derive(Clone, Debug, Default)]
pub struct Found {
    pub points: u64,
    /// By MPFR, in the range where the bound holds.
    pub worst: Worst,
    /// Near zeros by cancellation, in f64.
    pub near: Worst,
    /// Points past the bound.
    pub over: Wrong,
    /// Zeros of the wrong sign.
    pub signs: Wrong,
    /// Breaches of f(−x) = ±f(x).
    pub symmetry: Wrong,
    /// Breaches of monotonicity at neighbours.
    pub order: Wrong,
    /// How far f(x) + f(−x) is from 1, in units in the last place of 1.
    pub complement: Worst,
    /// f32: the worst by libraries that have nothing to do with lossc, and how many points they saw.
    pub plain: Worst,
    pub plain_points: u64,
    /// f32: how many points MPFR saw, and the most that the f64 kernel was off there.
    pub exact_points: u64,
    pub reference: Worst,
}

impl Found {
    pub fn join(&mut self, other: Self) {
        self.points += other.points;
        self.worst.join(other.worst);
        self.near.join(other.near);
        self.over.join(other.over);
        self.signs.join(other.signs);
        self.symmetry.join(other.symmetry);
        self.order.join(other.order);
        self.complement.join(other.complement);
        self.plain.join(other.plain);
        self.plain_points += other.plain_points;
        self.exact_points += other.exact_points;
        self.reference.join(other.reference);
    }
}
