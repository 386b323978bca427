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
    let mut workspace = vec![MaybeUninit::uninit(); focal::workspace_len(&inputs, &params).unwrap()];
    let mean = focal::value(&inputs, &params, &mut workspace).unwrap();
    let (mut gradient, mut single, mut values) = ([0.0; 6], [0.0; 6], [0.0; 2]);
    let again = focal::value_and_gradient(&inputs, &params, Gradients { logits: &mut gradient }, &mut workspace);
    assert_eq!(again, Ok(mean));
    println!("focal: {:x} {:?}", mean.to_bits(), bits(&gradient));
    let summary = focal::values(&inputs, &params, &mut values, &mut workspace).unwrap();
    assert_eq!(summary.mean(), mean);
    let gradients = Gradients { logits: &mut single };
    let of_each = focal::values_and_gradients(&inputs, &params, &mut values, gradients, &mut workspace).unwrap();
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
    show("no whole rows", focal::value(&inputs, &params, &mut room()));
    let inputs = Inputs { label: &[1, 2, 0], ..fits };
    show("labels", focal::value(&inputs, &params, &mut room()));
    show("param", focal::value(&fits, &Params { weight: Some(&[1.0; 4]), ..params }, &mut room()));
    let mut short = [9.0; 5];
    show("gradient", focal::value_and_gradient(&fits, &params, Gradients { logits: &mut short }, &mut room()));
    show("values", focal::values(&fits, &params, &mut short, &mut room()));
    assert_eq!(short, [9.0; 5]);
    let options = Options { sample_weights: Some(&[1.0]), ..Options::default() };
    show("weights", focal::run(&fits, &params, options, Outputs::default()));
    show("no examples", focal::value(&Inputs { logits: &[], label: &[], ..fits }, &params, &mut room()));
    let inputs = Inputs { K: usize::MAX, logits: &[], label: &[1, 2] };
    show("many classes", focal::value(&inputs, &params, &mut room()));
    let inputs = Inputs { K: 1 << 40, logits: &[], label: &[] };
    show("long axis", focal::value(&inputs, &params, &mut room()));
    show("label", focal::value(&Inputs { label: &[1, 3], ..fits }, &params, &mut room()));
    show("domain", focal::value(&fits, &Params { gamma: -1.0, ..params }, &mut room()));
    let weight = Some(&[1.0, 2.0, -0.5][..]);
    show("domain of an array", focal::value(&fits, &Params { weight, ..params }, &mut room()));
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
    println!("other kinds: {:?}", kinds::value_and_gradient(&inputs, &other, gradients, &mut room()));
    println!("gradients: {z:?} {rows:?} {temperature} {scales:?} {start}");
    show("computed", run(&Params { computed: Some(-1.0), ..params }));
    show("a default outside", run(&Params { plain: -1.0, ..params }));
    show("label of four", kinds::value(&Inputs { one: &[3, 4], ..inputs }, &other, &mut room()));
    show("label in an array", kinds::value(&Inputs { labels: &[-1, 0, 2, 1], ..inputs }, &other, &mut room()));
    show("scales", kinds::value(&Inputs { scales: &[1.0; 3], ..inputs }, &params, &mut room()));
}

fn without_rows() {
    println!("shared: {:?}", losses::shared::value(&losses::shared::Inputs { F: 2, w: &[3.0, 4.0], b: 1.0 }, &Default::default(), &mut room()));
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
    use losses::with_workspace::{self, Gradients, Inputs};
    let (w, x) = (vec![0.5; 20_000], vec![1.0; 3 * 20_000]);
    let inputs = Inputs { F: 20_000, w: &w, x: &x };
    let mut gradient = vec![0.0; 20_000];
    let words = with_workspace::workspace_len(&inputs).unwrap();
    assert!(words > 0);
    let mut workspace = vec![MaybeUninit::uninit(); words];
    let mean = with_workspace::value_and_gradient(&inputs, Gradients { w: &mut gradient }, &mut workspace);
    assert_eq!(gradient, vec![-1.0; 20_000]);
    println!("with workspace: {mean:?}");
    gradient.fill(9.0);
    let short = with_workspace::value_and_gradient(&inputs, Gradients { w: &mut gradient }, &mut workspace[1..]);
    let Err(Error::Workspace { words: told }) = short else { panic!("{short:?}") };
    assert!(told > 0 && told <= words);
    assert_eq!(gradient, vec![9.0; 20_000]);
    show("workspace", short);
}

/// How much workspace it takes: what goes beyond a little, and not more for more examples.
fn sizes() {
    use losses::focal::{self, Inputs, Params};
    let of = |examples: usize, classes: usize| {
        let (logits, label) = (vec![0.0; examples * classes], vec![0; examples]);
        let inputs = Inputs { K: classes, logits: &logits, label: &label };
        focal::workspace_len(&inputs, &Params::default()).unwrap()
    };
    for (examples, classes) in [(1, 3), (1000, 3), (1_000_000, 3), (1000, 1000), (1, 32_000)] {
        println!("words for {examples} x {classes}: {}", of(examples, classes));
    }
    assert_eq!(of(1, 32_000), of(100, 32_000));
}

fn main() {
    sizes();
    values();
    what_does_not_fit();
    every_kind();
    without_rows();
    with_workspace();
}
