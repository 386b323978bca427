//! A compiled loss at a point: a sample comes in, the batch mean and its gradients go out as f64.

use crate::call::{Call, CallError, Element, Loss, Reduction};
use crate::graph::{Graph, InputId, InputKind};
use crate::study::sample::Sample;

/// A loss and the gradients that are asked of it.
pub(super) struct Runner<'a, T: Element> {
    loss: &'a Loss<T>,
    wrt: Vec<InputId>,
}

/// Elements as an input of their kind takes them.
enum Typed<T> {
    Real(Vec<T>),
    Label(Vec<i64>),
    Switch(Vec<bool>),
}

impl<'a, T: Element> Runner<'a, T> {
    pub(super) fn new(loss: &'a Loss<T>, wrt: &[InputId]) -> Self {
        Self { loss, wrt: wrt.to_vec() }
    }

    /// The mean, and its gradients in the order in which they were asked for.
    pub(super) fn run(&self, sample: &Sample) -> Result<(f64, Vec<Vec<f64>>), CallError> {
        let graph = &self.loss.model().graph;
        let given: Vec<(InputId, Typed<T>, Vec<usize>)> = graph
            .input_ids()
            .map(|id| (id, typed(graph, id, sample), sample.shape(graph, id)))
            .collect();
        let length = |id: &InputId| sample.inputs[id.index()].len();
        let mut gradients: Vec<Vec<T>> =
            self.wrt.iter().map(|id| vec![T::default(); length(id)]).collect();
        let mut call = self.loss.call();
        for (id, elements, shape) in &given {
            call = give(call, &graph.input(*id).name, elements, shape);
        }
        for (id, gradient) in self.wrt.iter().zip(&mut gradients) {
            call = call.gradient(&graph.input(*id).name, gradient);
        }
        let summary = call.run(Reduction::Mean)?;
        let wide = |gradient: Vec<T>| gradient.into_iter().map(T::to_f64).collect();
        Ok((summary.total, gradients.into_iter().map(wide).collect()))
    }
}

fn typed<T: Element>(graph: &Graph, id: InputId, sample: &Sample) -> Typed<T> {
    let elements = sample.inputs[id.index()].iter();
    match graph.input(id).kind {
        InputKind::Real => Typed::Real(elements.map(|value| T::from_f64(*value)).collect()),
        InputKind::Switch => Typed::Switch(elements.map(|value| *value != 0.0).collect()),
        #[expect(clippy::cast_possible_truncation, reason = "labels are whole and small")]
        InputKind::Index { .. } => Typed::Label(elements.map(|value| *value as i64).collect()),
    }
}

fn give<'c, T: Element>(
    call: Call<'c, T>,
    name: &str,
    elements: &'c Typed<T>,
    shape: &[usize],
) -> Call<'c, T> {
    match elements {
        Typed::Real(values) => call.bind(name, values, shape),
        Typed::Label(labels) => call.bind(name, labels, shape),
        Typed::Switch(switches) => call.bind(name, switches, shape),
    }
}
