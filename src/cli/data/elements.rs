//! Elements as they were written: literals come in one by one, integers or reals go out.

/// The elements of an array: integers only if all of them were written so.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Elements {
    /// Numbers.
    Real(Vec<f64>),
    /// Integers, which can serve a real input or an index.
    Integer(Vec<i64>),
}

impl Elements {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Real(values) => values.len(),
            Self::Integer(values) => values.len(),
        }
    }

    /// As integers, if all are whole and exact.
    pub(crate) fn narrowed(self) -> Self {
        let Self::Real(values) = &self else { return self };
        let whole = |value: &f64| value.fract() == 0.0 && value.abs() < 9e15;
        if !values.iter().all(whole) {
            return self;
        }
        #[expect(clippy::cast_possible_truncation, reason = "whole numbers below 2^53 are exact")]
        Self::Integer(values.iter().map(|value| *value as i64).collect())
    }

    /// All as numbers, each rounded to the nearest.
    pub(crate) fn to_reals(&self) -> Vec<f64> {
        match self {
            Self::Real(values) => values.clone(),
            Self::Integer(values) => values.iter().copied().map(nearest_real).collect(),
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "rounding to nearest is what reading the digits would do"
)]
fn nearest_real(value: i64) -> f64 {
    value as f64
}

/// Elements while they are read: integers until the first that is none.
#[derive(Clone, Debug)]
pub(crate) struct Growing(Elements);

impl Growing {
    /// None yet.
    pub(crate) fn new() -> Self {
        Self(Elements::Integer(Vec::new()))
    }

    /// One more, written as an integer.
    pub(crate) fn push_integer(&mut self, value: i64) {
        match &mut self.0 {
            Elements::Integer(values) => values.push(value),
            Elements::Real(values) => values.push(nearest_real(value)),
        }
    }

    /// One more, written as a real.
    pub(crate) fn push_real(&mut self, value: f64) {
        if let Elements::Integer(_) = self.0 {
            self.0 = Elements::Real(self.0.to_reals());
        }
        if let Elements::Real(values) = &mut self.0 {
            values.push(value);
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// What has been read.
    pub(crate) fn finish(self) -> Elements {
        self.0
    }
}

/// The first of each, then the second of each, and so on; all have one length.
pub(super) fn interleave(parts: &[&Elements]) -> Elements {
    let length = parts.first().map_or(0, |part| part.len());
    let integers: Option<Vec<&Vec<i64>>> = parts
        .iter()
        .map(|part| match part {
            Elements::Integer(values) => Some(values),
            Elements::Real(_) => None,
        })
        .collect();
    if let Some(integers) = integers {
        return Elements::Integer(
            (0..length).flat_map(|row| integers.iter().map(move |values| values[row])).collect(),
        );
    }
    let reals: Vec<Vec<f64>> = parts.iter().map(|part| part.to_reals()).collect();
    Elements::Real(
        (0..length).flat_map(|row| reals.iter().map(move |values| values[row])).collect(),
    )
}
