//! A linked loss as a problem of argmin: the weights of a linear model in, cost and gradient out.
//!
//! This file is made to be copied; nothing in it knows which loss it is. A solver asks for cost and gradient one
//! after the other at the same weights, a linked loss gives both in **one** call: the problem remembers the last.

use std::cell::RefCell;

use argmin::core::{CostFunction, Error, Gradient};

/// A linear model whose weights are sought: `weight · features + bias`, the bias being the last weight.
pub struct Linear<'a, F> {
    /// One row of `width` an example.
    features: &'a [f64],
    /// How many features an example has.
    width: usize,
    /// What the sum of the squared weights (the bias excepted) is priced with.
    ridge: f64,
    /// The mean of the loss of the predictions, one for each example; its gradient goes into the second slice.
    evaluate: F,
    last: RefCell<Option<Point>>,
}

/// Weights that were asked about, the cost there and its gradient.
struct Point {
    weights: Vec<f64>,
    cost: f64,
    gradient: Vec<f64>,
}

impl<'a, F> Linear<'a, F> {
    /// The problem for some examples: rows of `width` features, the price of squared weights, and the loss.
    pub fn new(features: &'a [f64], width: usize, ridge: f64, evaluate: F) -> Self {
        Self { features, width, ridge, evaluate, last: RefCell::new(None) }
    }

    /// The prediction for each example.
    pub fn predict(&self, weights: &[f64]) -> Vec<f64> {
        let (weights, bias) = weights.split_at(self.width);
        let dot = |row: &[f64]| row.iter().zip(weights).map(|(x, weight)| x * weight).sum::<f64>();
        self.features.chunks_exact(self.width).map(|row| dot(row) + bias[0]).collect()
    }

    /// What `find` takes from the cost and its gradient at the weights.
    fn at<T, E>(&self, weights: &[f64], find: impl Fn(&Point) -> T) -> Result<T, Error>
    where
        F: Fn(&[f64], &mut [f64]) -> Result<f64, E>,
        E: std::error::Error + Send + Sync + 'static,
    {
        let mut last = self.last.borrow_mut();
        if let Some(point) = last.as_ref().filter(|point| point.weights == weights) {
            return Ok(find(point));
        }
        let mut slopes = vec![0.0; self.features.len() / self.width];
        let mut cost = (self.evaluate)(&self.predict(weights), &mut slopes)?;
        let mut gradient = vec![0.0; self.width + 1];
        for (row, slope) in self.features.chunks_exact(self.width).zip(&slopes) {
            gradient
                .iter_mut()
                .zip(row.iter().chain(&[1.0]))
                .for_each(|(sum, x)| *sum += slope * x);
        }
        for (gradient, weight) in gradient.iter_mut().zip(&weights[..self.width]) {
            cost += self.ridge * weight * weight;
            *gradient += 2.0 * self.ridge * weight;
        }
        let point = Point { weights: weights.to_vec(), cost, gradient };
        Ok(find(last.insert(point)))
    }
}

impl<F, E> CostFunction for Linear<'_, F>
where
    F: Fn(&[f64], &mut [f64]) -> Result<f64, E>,
    E: std::error::Error + Send + Sync + 'static,
{
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, weights: &Vec<f64>) -> Result<f64, Error> {
        self.at(weights, |point| point.cost)
    }
}

impl<F, E> Gradient for Linear<'_, F>
where
    F: Fn(&[f64], &mut [f64]) -> Result<f64, E>,
    E: std::error::Error + Send + Sync + 'static,
{
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, weights: &Vec<f64>) -> Result<Vec<f64>, Error> {
        self.at(weights, |point| point.gradient.clone())
    }
}
