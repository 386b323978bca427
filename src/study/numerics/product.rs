//! What the compiled code of a loss gives at a point, in f32 and in f64.

use crate::call::{Call, Element, Loss, Reduction};
use crate::compile::{CompileError, Compiler};
use crate::graph::{InputId, InputKind};
use crate::model::Model;
use crate::study::sample::Sample;

/// The code of a loss in both precisions.
pub(super) struct Product {
    pub(super) single: Loss<f32>,
    pub(super) double: Loss<f64>,
    /// The inputs whose gradients are asked for.
    pub(super) wrt: Vec<InputId>,
}

impl Product {
    /// Compiles a checked loss.
    ///
    /// # Errors
    /// If it becomes too large.
    pub(super) fn new(model: &Model) -> Result<Self, CompileError> {
        let single = Compiler::new().model::<f32>(model)?;
        let double = Compiler::new().model::<f64>(model)?;
        let named = single.gradients();
        let graph = &model.graph;
        let is_named = |id: &InputId| named.contains(&graph.input(*id).name.as_str());
        let wrt = graph.input_ids().filter(is_named).collect();
        Ok(Self { single, double, wrt })
    }

    /// The value and the gradients in f32; nothing, if the point cannot be called with.
    pub(super) fn in_single(&self, sample: &Sample) -> Option<Vec<Vec<f64>>> {
        outputs(&self.single, &self.wrt, sample)
    }

    /// The same in f64.
    pub(super) fn in_double(&self, sample: &Sample) -> Option<Vec<Vec<f64>>> {
        outputs(&self.double, &self.wrt, sample)
    }
}

/// The elements of an input as its kind takes them.
enum Bound<T> {
    Real(Vec<T>),
    Label(Vec<i64>),
    Switch(Vec<bool>),
}

fn outputs<T: Element>(loss: &Loss<T>, wrt: &[InputId], sample: &Sample) -> Option<Vec<Vec<f64>>> {
    let graph = &loss.model().graph;
    let bound: Vec<Bound<T>> = graph
        .input_ids()
        .map(|id| bind(graph.input(id).kind, &sample.inputs[id.index()]))
        .collect();
    let mut value = [T::default()];
    let mut gradients: Vec<Vec<T>> =
        wrt.iter().map(|id| vec![T::default(); sample.inputs[id.index()].len()]).collect();
    let mut call: Call<T> = loss.call().values(&mut value);
    for (id, bound) in graph.input_ids().zip(&bound) {
        let (name, shape) = (graph.input(id).name.as_str(), &sample.shape(graph, id));
        call = match bound {
            Bound::Real(elements) => call.bind(name, elements, shape),
            Bound::Label(labels) => call.bind(name, labels, shape),
            Bound::Switch(switches) => call.bind(name, switches, shape),
        };
    }
    for (id, gradient) in wrt.iter().zip(&mut gradients) {
        call = call.gradient(&graph.input(*id).name, gradient);
    }
    call.run(Reduction::None).ok()?;
    let widened = |elements: &[T]| elements.iter().map(|it| it.to_f64()).collect();
    let all = std::iter::once(&value[..]).chain(gradients.iter().map(Vec::as_slice));
    Some(all.map(widened).collect())
}

#[expect(clippy::cast_possible_truncation, reason = "labels are whole and small")]
fn bind<T: Element>(kind: InputKind, elements: &[f64]) -> Bound<T> {
    match kind {
        InputKind::Real => Bound::Real(elements.iter().map(|it| T::from_f64(*it)).collect()),
        InputKind::Switch => Bound::Switch(elements.iter().map(|it| *it != 0.0).collect()),
        InputKind::Index { .. } => Bound::Label(elements.iter().map(|it| *it as i64).collect()),
    }
}
