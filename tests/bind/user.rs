//! A program that calls linked losses through the generated module, and prints what they say.

#![deny(warnings, missing_docs, unused)]

mod losses {
    include!("losses.rs");
}

use losses::{Error, Options, Reduction};
use std::mem::MaybeUninit;

const LOGITS: [f32; 6] = [2.0, 0.0, -1.0, 0.5, 0.5, 0.25];

fn show<T>(what: &str, result: Result<T, Error>) {
    match result {
        Ok(_) => println!("{what}: done"),
        Err(error) => {
            let error: &dyn std::error::Error = &error;
            println!("{what}: {error}");
        }
    }
}

/// Room for any call here.
fn room() -> Vec<MaybeUninit<u64>> {
    vec![MaybeUninit::uninit(); 1 << 16]
}

fn bits(numbers: &[f32]) -> Vec<u32> {
    numbers.iter().map(|number| number.to_bits()).collect()
}

fn values() {
    use losses::focal::{self, Gradients, Inputs, Outputs, Params};
    let inputs = Inputs { K: 3, logits: &LOGITS, label: &[1, 2] };
    let params = Params { gamma: 1.5, ..Params::default() };
    let mean = focal::value(&inputs, &params).unwrap();
    let (mut gradient, mut single, mut values) = ([0.0; 6], [0.0; 6], [0.0; 2]);
    let again = focal::value_and_gradient(&inputs, &params, Gradients { logits: &mut gradient });
    assert_eq!(again, Ok(mean));
    println!("focal: {:x} {:?}", mean.to_bits(), bits(&gradient));
    let summary = focal::values(&inputs, &params, &mut values).unwrap();
    assert_eq!(summary.mean(), mean);
    let gradients = Gradients { logits: &mut single };
    let of_each = focal::values_and_gradients(&inputs, &params, &mut values, gradients).unwrap();
    assert_eq!(of_each, summary);
    println!("focal of each: {:?} {:?}", bits(&values), bits(&single));
    let options = Options {
        sample_weights: Some(&[2.0, 0.5]),
        upstream: 3.0,
        reduction: Reduction::Sum,
        checked: true,
        workspace: &mut room(),
    };
    let outputs = Outputs { logits: Some(&mut gradient), ..Outputs::default() };
    let summary = focal::run(&inputs, &params, options, outputs).unwrap();
    println!("focal weighted: {:x} {} {:?}", summary.sum.to_bits(), summary.weight, bits(&gradient));
}

fn what_does_not_fit() {
    use losses::focal::{self, Gradients, Inputs, Outputs, Params};
    let fits = Inputs { K: 3, logits: &LOGITS, label: &[1, 2] };
    let params = Params::default();
    let inputs = Inputs { logits: &LOGITS[..5], ..fits };
    show("no whole rows", focal::value(&inputs, &params));
    let inputs = Inputs { label: &[1, 2, 0], ..fits };
    show("labels", focal::value(&inputs, &params));
    show("param", focal::value(&fits, &Params { weight: Some(&[1.0; 4]), ..params }));
    let mut short = [9.0; 5];
    show("gradient", focal::value_and_gradient(&fits, &params, Gradients { logits: &mut short }));
    show("values", focal::values(&fits, &params, &mut short));
    assert_eq!(short, [9.0; 5]);
    let options = Options { sample_weights: Some(&[1.0]), ..Options::default() };
    show("weights", focal::run(&fits, &params, options, Outputs::default()));
    show("no examples", focal::value(&Inputs { logits: &[], label: &[], ..fits }, &params));
    let inputs = Inputs { K: usize::MAX, logits: &[], label: &[1, 2] };
    show("many classes", focal::value(&inputs, &params));
    let inputs = Inputs { K: 1 << 40, logits: &[], label: &[] };
    show("long axis", focal::value(&inputs, &params));
    show("label", focal::value(&Inputs { label: &[1, 3], ..fits }, &params));
    show("domain", focal::value(&fits, &Params { gamma: -1.0, ..params }));
    let weight = Some(&[1.0, 2.0, -0.5][..]);
    show("domain of an array", focal::value(&fits, &Params { weight, ..params }));
    let inputs = losses::third::Inputs { K: 2, x: &[1.0; 4], y: &[1.0; 2] };
    show("short axis", losses::third::value(&inputs));
    let inputs = losses::soft_cross_entropy::Inputs { K: 3, logits: &LOGITS, truth: &[0.5; 6] };
    let run = |checked| {
        let options = Options { checked, workspace: &mut room(), ..Options::default() };
        losses::soft_cross_entropy::run(&inputs, options, Default::default())
    };
    show("simplex", run(true));
    show("simplex unchecked", run(false));
}

fn every_kind() {
    use losses::kinds::{self, Gradients, Inputs, Params};
    let inputs = Inputs {
        K: 2,
        Q: 3,
        z: &[0.25; 24],
        rows: &[1.0, 2.0],
        labels: &[-1, 0, 1, 1],
        one: &[3, 1],
        switch_of: &[0.0, 1.0, 0.5, 0.5],
        temperature: 0.5,
        scales: &[1.0, 2.0, 3.0, 4.0],
        start: 0.75,
    };
    let params = Params::new(2.0, true, &[1.0, 2.0], 1);
    assert_eq!((params.plain, params.low, params.on, params.times), (0.1, f32::NEG_INFINITY, true, 3.0));
    assert!(params.computed.is_none() && params.each.is_none());
    let (mut z, mut rows, mut temperature, mut scales, mut start) = ([0.0; 24], [0.0; 2], 0.0, [0.0; 4], 0.0);
    let gradients = Gradients {
        z: &mut z,
        rows: &mut rows,
        temperature: &mut temperature,
        scales: &mut scales,
        start: &mut start,
    };
    let run = |params: &Params<'_>| {
        let options = Options { workspace: &mut room(), ..Options::default() };
        kinds::run(&inputs, params, options, Default::default()).map(|summary| summary.mean())
    };
    println!("kinds: {:?}", run(&params));
    let other = Params {
        computed: Some(4.0),
        also: Some(true),
        on: false,
        each: Some(&[3.0, 4.0]),
        ons: Some(&[1.0, 0.0]),
        ramp: Some(&[1.0, 2.0, 3.0]),
        share: Some(&[0.25, 0.75]),
        ..params
    };
    println!("other kinds: {:?}", kinds::value_and_gradient(&inputs, &other, gradients));
    println!("gradients: {z:?} {rows:?} {temperature} {scales:?} {start}");
    show("computed", run(&Params { computed: Some(-1.0), ..params }));
    show("a default outside", run(&Params { plain: -1.0, ..params }));
    show("label of four", kinds::value(&Inputs { one: &[3, 4], ..inputs }, &other));
    show("label in an array", kinds::value(&Inputs { labels: &[-1, 0, 2, 1], ..inputs }, &other));
    show("as it is", kinds::value(&inputs, &params));
    show("scales", kinds::value(&Inputs { scales: &[1.0; 3], ..inputs }, &params));
}

fn without_rows() {
    println!("shared: {:?}", losses::shared::value(&losses::shared::Inputs { F: 2, w: &[3.0, 4.0], b: 1.0 }, &Default::default()));
    let params = losses::only_params::Params { a: 3.0, e: None };
    println!("only params: {:?}", losses::only_params::value(&losses::only_params::Inputs {}, &params));
    let mut gradient = 0.0;
    let mean = losses::only_scalars::value_and_gradient(
        &losses::only_scalars::Inputs { b: 3.0 },
        losses::only_scalars::Gradients { b: &mut gradient },
    );
    println!("only scalars: {mean:?} {gradient}");
}

fn with_workspace() {
    use losses::with_workspace::{self, Gradients, Inputs, Outputs};
    let (w, x) = (vec![0.5; 9000], vec![1.0; 9000 * 2]);
    let inputs = Inputs { F: 9000, w: &w, x: &x };
    let mut gradient = vec![0.0; 9000];
    let short = with_workspace::value_and_gradient(&inputs, Gradients { w: &mut gradient });
    let words = with_workspace::workspace_len(&inputs).unwrap();
    assert_eq!(short, Err(Error::Workspace { words }));
    assert!(words > 4096 && gradient.iter().all(|slope| *slope == 0.0));
    let mut workspace = vec![MaybeUninit::uninit(); words];
    let options = Options { workspace: &mut workspace, ..Options::default() };
    let outputs = Outputs { w: Some(&mut gradient), ..Outputs::default() };
    let summary = with_workspace::run(&inputs, options, outputs).unwrap();
    println!("with workspace: {} {:?}", summary.mean(), &gradient[8998..]);
}

/// How much workspace it takes: not more for more examples, once there are many.
fn sizes() {
    use losses::softmax_squared_error::{self, Inputs};
    let of = |examples: usize, classes: usize| {
        let (logits, label) = (vec![0.0; examples * classes], vec![0; examples]);
        let inputs = Inputs { K: classes, logits: &logits, label: &label };
        softmax_squared_error::workspace_len(&inputs).unwrap()
    };
    for (examples, classes) in [(1, 3), (1_000_000, 3), (1, 1000), (1, 100_000), (100, 100_000)] {
        println!("words for {examples} x {classes}: {}", of(examples, classes));
    }
}

fn main() {
    sizes();
    values();
    what_does_not_fit();
    every_kind();
    without_rows();
    with_workspace();
}
