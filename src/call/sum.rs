//! Sums of many values: in f64, in an order that depends on nothing but how many there are.

use super::element::Element;

/// How many values are summed before the sum is carried on; also the most examples of a chunk.
pub(crate) const BLOCK: usize = 4096;

/// A sum in f64 whose order depends on nothing but the number of elements.
pub(super) struct BlockSum {
    partials: [f64; 16],
    in_block: usize,
    total: f64,
}

impl Default for BlockSum {
    fn default() -> Self {
        Self { partials: [0.0; 16], in_block: 0, total: 0.0 }
    }
}

impl BlockSum {
    pub(super) fn add<T: Element>(&mut self, elements: &[T]) {
        let mut rest = elements;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(BLOCK - self.in_block));
            self.add_within_block(now);
            rest = later;
            if self.in_block == BLOCK {
                self.end_block();
            }
        }
    }

    fn add_within_block<T: Element>(&mut self, elements: &[T]) {
        let head = elements.len().min((16 - self.in_block % 16) % 16);
        let (head, body) = elements.split_at(head);
        for (at, element) in head.iter().enumerate() {
            self.partials[(self.in_block + at) % 16] += element.to_f64();
        }
        let (rows, tail) = body.as_chunks::<16>();
        // A copy of their own stays in registers.
        let mut partials = self.partials;
        for row in rows {
            for (partial, element) in partials.iter_mut().zip(row) {
                *partial += element.to_f64();
            }
        }
        self.partials = partials;
        for (partial, element) in self.partials.iter_mut().zip(tail) {
            *partial += element.to_f64();
        }
        self.in_block += elements.len();
    }

    fn end_block(&mut self) {
        for half in [8, 4, 2, 1] {
            for at in 0..half {
                self.partials[at] += self.partials[at + half];
            }
        }
        self.total += self.partials[0];
        self.partials = [0.0; 16];
        self.in_block = 0;
    }

    pub(super) fn finish(mut self) -> f64 {
        if self.in_block > 0 {
            self.end_block();
        }
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(parts: &[&[f32]]) -> u64 {
        let mut sum = BlockSum::default();
        for part in parts {
            sum.add(part);
        }
        sum.finish().to_bits()
    }

    #[test]
    fn the_sum_does_not_depend_on_how_it_is_split() {
        let elements: Vec<f32> = (0..10_000u16).map(|at| (f32::from(at) * 0.7).sin()).collect();
        let expected = sum(&[&elements]);
        for cut in [0, 1, 15, 16, 17, 4095, 4096, 4097, 8192, 9999] {
            let (head, tail) = elements.split_at(cut);
            assert_eq!(sum(&[head, tail]), expected, "cut at {cut}");
        }
        let ones: Vec<&[f32]> = elements.chunks(7).collect();
        assert_eq!(sum(&ones), expected);
    }

    #[test]
    fn the_order_is_the_stated_one() {
        // In f64, 1 disappears beside 2^60 unless both fall into other partial sums and cancel first.
        let mut elements = [0.0f64; 32];
        (elements[0], elements[16], elements[1]) = (2f64.powi(60), -(2f64.powi(60)), 1.0);
        let mut sum = BlockSum::default();
        sum.add(&elements);
        assert_eq!(sum.finish().to_bits(), 1f64.to_bits());
    }
}
