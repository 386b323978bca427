//! What a loss is called with: its declaration and a size come in, arrays of that size go out.

use lossc::batch::is_batched;
use lossc::call::{Data, Element};
use lossc::graph::{InputId, InputKind, Role};
use lossc::model::Model;
use lossc::study::sample::draw_ordinary;

use super::sizes::Size;

/// The most elements that are drawn; a larger batch repeats them.
const DRAWN: usize = 1 << 18;

/// The arrays of a call, and what an example takes of them.
#[derive(Debug, Default)]
pub(super) struct Batch<T> {
    /// The inputs that are not left at their defaults.
    pub(super) inputs: Vec<Input<T>>,
    /// The names and lengths of the gradients that come by default.
    pub(super) lengths: Vec<(String, usize)>,
    /// Of the inputs and gradients that an example has of its own.
    pub(super) bytes_per_example: usize,
}

/// Names of inputs, and memory for their gradients.
pub(super) type Gradients<T> = Vec<(String, Vec<T>)>;

/// An input of a call.
#[derive(Debug)]
pub(super) struct Input<T> {
    /// Its name.
    pub(super) name: String,
    /// Its axes, the examples first.
    pub(super) shape: Vec<usize>,
    /// Its elements.
    pub(super) elements: Elements<T>,
    /// Whether it is the same in every call.
    pub(super) is_fixed: bool,
}

/// Elements in the types that code takes as they are.
#[derive(Debug)]
pub(super) enum Elements<T> {
    /// Of a real input.
    Real(Vec<T>),
    /// Of an index, for `f32`.
    Narrow(Vec<i32>),
    /// Of an index, for `f64`.
    Wide(Vec<i64>),
    /// Of a switch.
    Switch(Vec<bool>),
}

impl<T> Elements<T> {
    fn bytes(&self) -> usize {
        match self {
            Self::Real(elements) => size_of_val(elements.as_slice()),
            Self::Narrow(labels) => size_of_val(labels.as_slice()),
            Self::Wide(labels) => size_of_val(labels.as_slice()),
            Self::Switch(switches) => switches.len(),
        }
    }
}

impl<T: Element> Input<T> {
    /// Its elements as a call takes them.
    pub(super) fn data(&self) -> Data<'_, T> {
        match &self.elements {
            Elements::Real(elements) => elements.into(),
            Elements::Narrow(labels) => labels.into(),
            Elements::Wide(labels) => labels.into(),
            Elements::Switch(switches) => switches.into(),
        }
    }
}

impl<T: Element> Batch<T> {
    /// Elements of order 1 for every input without a default, the same every time, and those that are given.
    pub(super) fn draw(
        model: &Model,
        given: &[(InputId, Vec<f64>)],
        frozen: &[InputId],
        size: &Size,
    ) -> Self {
        let graph = &model.graph;
        let own = |id: InputId| {
            let axes = graph.input(id).axes.iter();
            axes.map(|axis| size.extents[graph.axis(*axis).extent.index()]).collect::<Vec<usize>>()
        };
        let row = |id: InputId| own(id).iter().product::<usize>();
        let longest = graph.input_ids().map(row).max().unwrap_or(1).max(1);
        let rows = (DRAWN / longest).clamp(1, size.examples);
        let sample = draw_ordinary(model, given, T::PRECISION, 0, size.extents.clone(), rows);
        let mut batch = Self { inputs: Vec::new(), lengths: Vec::new(), bytes_per_example: 0 };
        for id in graph.input_ids().filter(|id| !frozen.contains(id)) {
            let input = graph.input(id);
            let batched = is_batched(input.role);
            let shape: Vec<usize> =
                batched.then_some(size.examples).into_iter().chain(own(id)).collect();
            let count = shape.iter().product();
            if matches!(input.role, Role::Pred | Role::Learned) && input.kind == InputKind::Real {
                batch.lengths.push((input.name.clone(), count));
                batch.bytes_per_example += if batched { row(id) * size_of::<T>() } else { 0 };
            }
            if input.default.is_some() && given.iter().all(|(known, _)| *known != id) {
                continue;
            }
            let elements = elements(input.kind, &sample.inputs[id.index()], count);
            batch.bytes_per_example += if batched { elements.bytes() / size.examples } else { 0 };
            let is_fixed =
                input.role == Role::Param && input.kind == InputKind::Real && shape.len() <= 1;
            batch.inputs.push(Input { name: input.name.clone(), shape, elements, is_fixed });
        }
        batch
    }

    /// Memory for the gradients that come by default.
    pub(super) fn gradients(&self) -> Gradients<T> {
        let zeros = |(name, count): &(String, usize)| (name.clone(), vec![T::default(); *count]);
        self.lengths.iter().map(zeros).collect()
    }
}

fn elements<T: Element>(kind: InputKind, drawn: &[f64], count: usize) -> Elements<T> {
    match kind {
        InputKind::Real => Elements::Real(repeated(drawn, count, T::from_f64)),
        InputKind::Switch => Elements::Switch(repeated(drawn, count, |it| it != 0.0)),
        InputKind::Index { .. } if size_of::<T>() == 4 => {
            Elements::Narrow(repeated(drawn, count, label))
        }
        InputKind::Index { .. } => Elements::Wide(repeated(drawn, count, |it| label(it).into())),
    }
}

/// The elements that were drawn over and over again, as many as are wanted.
fn repeated<E: Copy>(drawn: &[f64], count: usize, convert: impl Fn(f64) -> E) -> Vec<E> {
    let drawn: Vec<E> = drawn.iter().map(|element| convert(*element)).collect();
    drawn.iter().copied().cycle().take(count).collect()
}

/// A label as a number, as an integer.
#[expect(
    clippy::cast_possible_truncation,
    reason = "labels are whole and below the length of an axis"
)]
fn label(number: f64) -> i32 {
    number as i32
}

#[cfg(test)]
mod tests {
    use super::*;
    use lossc::check::{Source, check};

    const TEXT: &str = "loss mixed(
        pred z[K, 3], target label in K?, sure in {false, true}, side in {-1, 1},
        learned scale in (0, inf) = 2, param power in 1..=3, weight[K] in [0, power] = 1,
    ) = (sum(z) + weight[label] + side^power + if sure { 1 } else { 0 }) * scale";

    #[test]
    fn arrays_have_their_sizes_and_repeat() {
        let source = Source::Text { name: "mixed.loss".into(), text: TEXT.into() };
        let model = check(&source).expect("it is right").models.remove(0);
        let find = |name: &str| {
            let mut ids = model.graph.input_ids();
            ids.find(|id| model.graph.input(*id).name == name).expect("it is declared")
        };
        let lengths = |id| if model.graph.extent(id).to_string() == "3" { 3 } else { 1000 };
        let extents = model.graph.extent_ids().map(lengths).collect();
        let size = Size { examples: 200, extents, named: None };
        let given = [(find("weight"), vec![0.5]), (find("scale"), vec![3.0])];
        let batch = Batch::<f32>::draw(&model, &given, &[find("scale")], &size);
        let shapes: Vec<(&str, &[usize])> = batch
            .inputs
            .iter()
            .map(|input| (input.name.as_str(), input.shape.as_slice()))
            .collect();
        let expected: [(&str, &[usize]); 6] = [
            ("z", &[200, 1000, 3]),
            ("label", &[200]),
            ("sure", &[200]),
            ("side", &[200]),
            ("power", &[]),
            ("weight", &[1000]),
        ];
        assert_eq!(shapes, expected);
        let drawn = (1 << 18) / 3000;
        match &batch.inputs[0].elements {
            Elements::Real(z) => {
                assert_eq!(z[..3000 * 113], z[3000 * drawn..3000 * (drawn + 113)]);
                assert_ne!(z[0], z[1]);
            }
            other => panic!("{other:?}"),
        }
        match &batch.inputs[1].elements {
            Elements::Narrow(labels) => {
                assert!(labels.iter().all(|label| (0..1000).contains(label)), "{labels:?}");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(batch.bytes_per_example, 2 * 12_000 + 4 + 1 + 4);
        let gradients = batch.gradients();
        let lengths: Vec<(&str, usize)> =
            gradients.iter().map(|(name, gradient)| (name.as_str(), gradient.len())).collect();
        assert_eq!(lengths, [("z", 600_000)]);
    }
}
