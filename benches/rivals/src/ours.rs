//! lossc as any program uses it: a loss and arrays come in, a contender goes out.

use lossc::{Compiler, Loss, Reduction};

use crate::harness::{Contender, Output, contender};

/// An input of a loss.
pub(crate) struct Input<'a> {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its shape, the examples first.
    pub(crate) shape: Vec<usize>,
    /// Its elements.
    pub(crate) elements: Elements<'a>,
}

/// Elements of an input.
pub(crate) enum Elements<'a> {
    /// Numbers.
    Reals(&'a [f32]),
    /// Labels.
    Labels(&'a [i32]),
}

/// An input of numbers.
pub(crate) fn reals<'a>(name: &'static str, shape: &[usize], elements: &'a [f32]) -> Input<'a> {
    Input { name, shape: shape.to_vec(), elements: Elements::Reals(elements) }
}

/// An input of labels.
pub(crate) fn labels<'a>(name: &'static str, elements: &'a [i32]) -> Input<'a> {
    Input { name, shape: vec![elements.len()], elements: Elements::Labels(elements) }
}

/// A shipped loss with constants for its params.
pub(crate) fn frozen(name: &str, constants: &[(&str, f64)]) -> Loss<f32> {
    let mut compiler = Compiler::new();
    for (name, value) in constants {
        compiler = compiler.freeze(*name, *value);
    }
    compiler.library(name).expect("shipped losses compile")
}

/// A loss on inputs; `gradients` are the names of those whose gradients fill the output, one after the other.
pub(crate) fn ours<'a>(
    name: &'static str,
    loss: &'a Loss<f32>,
    inputs: &'a [Input<'a>],
    gradients: &'static [&'static str],
    params: &'static [(&'static str, f64)],
) -> Contender<'a> {
    let length = |name: &str| {
        let input = inputs.iter().find(|input| input.name == name).expect("it is an input");
        input.shape.iter().product::<usize>()
    };
    let lengths: Vec<usize> = gradients.iter().map(|name| length(name)).collect();
    contender(name, move |output: &mut Output| {
        let mut call = loss.call();
        for input in inputs {
            call = match input.elements {
                Elements::Reals(elements) => call.bind(input.name, elements, &input.shape),
                Elements::Labels(elements) => call.bind(input.name, elements, &input.shape),
            };
        }
        for (name, value) in params {
            call = call.set(name, *value);
        }
        let mut rest = &mut *output.gradient;
        for (name, length) in gradients.iter().zip(&lengths) {
            let (own, others) = rest.split_at_mut(*length);
            call = call.gradient(name, own);
            rest = others;
        }
        call.run(Reduction::Mean).expect("the inputs fit").total
    })
}
