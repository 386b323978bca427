//! lossc as any program uses it: a loss and arrays come in, contenders go out.

use lossc::call::Data;
use lossc::machine::Isa;
use lossc::{Compiler, Loss, Reduction};

use crate::harness::{Contender, Output, contender};

/// An input of a loss.
pub(crate) struct Input<'a> {
    name: &'static str,
    /// The examples first.
    shape: Vec<usize>,
    elements: Data<'a, f32>,
}

/// An input of numbers.
pub(crate) fn reals<'a>(name: &'static str, shape: &[usize], elements: &'a [f32]) -> Input<'a> {
    Input { name, shape: shape.to_vec(), elements: elements.into() }
}

/// An input of labels.
pub(crate) fn labels<'a>(name: &'static str, elements: &'a [i32]) -> Input<'a> {
    Input { name, shape: vec![elements.len()], elements: elements.into() }
}

/// A shipped loss in the forms that take part.
pub(crate) struct Shipped {
    /// Params made constants, for this machine.
    constant: Loss<f32>,
    /// The same in vectors of 256 bits, where this machine has wider ones.
    narrow: Option<Loss<f32>>,
    /// Params given at run time, where there are any.
    open: Option<Loss<f32>>,
    params: &'static [(&'static str, f64)],
}

impl Shipped {
    /// Compiles it; `params` are constants, and what is set where they are not.
    pub(crate) fn new(name: &str, params: &'static [(&'static str, f64)]) -> Self {
        let mut constant = Compiler::new();
        for (name, value) in params {
            constant = constant.freeze(*name, *value);
        }
        let compile = |compiler: &Compiler| compiler.library(name).expect("shipped losses compile");
        let has_wider = Isa::host() > Isa::Avx2;
        Self {
            narrow: has_wider.then(|| compile(&constant.clone().isa(Isa::Avx2))),
            constant: compile(&constant),
            open: (!params.is_empty()).then(|| compile(&Compiler::new())),
            params,
        }
    }

    /// All that takes part: first the loss on one thread. `gradients` are the inputs whose gradients fill the output, one
    /// after the other.
    pub(crate) fn contenders<'a>(
        &self,
        inputs: &[Input<'a>],
        gradients: &[&'static str],
    ) -> Vec<Contender<'a>> {
        let mut contenders = vec![one("lossc", &self.constant, inputs, gradients, &[], 1)];
        if let Some(open) = &self.open {
            contenders.push(one("lossc, open", open, inputs, gradients, self.params, 1));
        }
        if let Some(narrow) = &self.narrow {
            contenders.push(one("lossc, avx2", narrow, inputs, gradients, &[], 1));
        }
        contenders.push(one("lossc, 2 threads", &self.constant, inputs, gradients, &[], 2));
        contenders
    }
}

/// A prepared call.
fn one<'a>(
    name: &'static str,
    loss: &Loss<f32>,
    inputs: &[Input<'a>],
    gradients: &[&'static str],
    params: &[(&str, f64)],
    threads: usize,
) -> Contender<'a> {
    let mut call = loss.prepare_call().threads(threads);
    for input in inputs {
        call = call.input(input.name, &input.shape);
    }
    for (name, value) in params {
        call = call.set(name, *value);
    }
    for name in gradients {
        call = call.gradient(name);
    }
    let mut call = call.finish(Reduction::Mean).expect("the inputs fit");
    let data: Vec<Data<f32>> = inputs.iter().map(|input| input.elements).collect();
    let length = |name: &&str| {
        let input = inputs.iter().find(|input| input.name == *name).expect("it is an input");
        input.shape.iter().product::<usize>()
    };
    let lengths: Vec<usize> = gradients.iter().map(length).collect();
    contender(name, move |output: &mut Output| {
        let gradient = &mut *output.gradient;
        let summary = match lengths[..] {
            [first, second, _] => {
                let (first, others) = gradient.split_at_mut(first);
                let (second, third) = others.split_at_mut(second);
                call.run(&data, &mut [first, second, third])
            }
            [first, _] => {
                let (first, second) = gradient.split_at_mut(first);
                call.run(&data, &mut [first, second])
            }
            _ => call.run(&data, &mut [gradient]),
        };
        summary.expect("the inputs fit").total
    })
}
