//! Points of a declaration that has every kind of input.

use super::{Sample, draw, draw_ordinary};
use crate::check::{Source, check};
use crate::domain::first_outside;
use crate::graph::{Graph, InputId, InputKind};
use crate::loops::Precision;
use crate::model::Model;

const TEXT: &str = "loss mixed(
    pred z[K, 3], p in (0, 1), s[K] in simplex,
    target y, label in K?, side in {-1, 1}, seen[N] in 0..,
    learned scale in (0, inf) = 2,
    param low in [1, 4) = 2, weight[K] in [0, low] = 1, on in {false, true} = true, steps in 1..=5 = 2,
) = sum(z) + p + sum(s) + y + side + sum(seen) + scale + weight[label] + low + steps + if on { 1 } else { 0 }";

fn model() -> Model {
    let source = Source::Text { name: "mixed.loss".into(), text: TEXT.into() };
    check(&source).expect("it is right").models.remove(0)
}

fn input(graph: &Graph, name: &str) -> InputId {
    graph.input_ids().find(|id| graph.input(*id).name == name).expect("it is declared")
}

fn samples(precision: Precision) -> (Model, Vec<Sample>) {
    let model = model();
    let samples = (0..400).map(|number| draw(&model, &[], precision, 7, number)).collect();
    (model, samples)
}

#[test]
fn every_element_belongs_to_its_domain() {
    for precision in [Precision::F32, Precision::F64] {
        let (model, samples) = samples(precision);
        let graph = &model.graph;
        for sample in &samples {
            for id in graph.input_ids() {
                let input = graph.input(id);
                let shape = sample.shape(graph, id);
                let elements = &sample.inputs[id.index()];
                assert_eq!(elements.len(), shape.iter().product::<usize>(), "{}", input.name);
                if let InputKind::Index { extent, .. } = input.kind {
                    let length = sample.extents[extent.index()];
                    let labels: Vec<f64> = (-1_i32..).map(f64::from).take(length + 1).collect();
                    assert!(elements.iter().all(|label| labels.contains(label)));
                }
                if let Some(domain) = &input.domain {
                    let row = shape.last().copied().unwrap_or(1);
                    let outside = first_outside(domain, &sample.bounds[id.index()], elements, row);
                    assert_eq!(outside, None, "{}", input.name);
                }
            }
        }
    }
}

#[test]
fn a_seed_and_a_number_give_the_same_point() {
    let model = model();
    let point = |seed, number| draw(&model, &[], Precision::F64, seed, number);
    assert_eq!(point(1, 5), point(1, 5));
    assert_ne!(point(1, 5), point(2, 5));
    assert_ne!(point(1, 5), point(1, 6));
}

#[test]
fn sizes_and_kinks_are_mixed() {
    let (model, samples) = samples(Precision::F64);
    let graph = &model.graph;
    let all = |name: &str| -> Vec<f64> {
        let id = input(graph, name);
        samples.iter().flat_map(|sample| sample.inputs[id.index()].iter().copied()).collect()
    };
    let share = |name: &str, holds: &dyn Fn(f64) -> bool| {
        let all = all(name).into_iter().map(|value| f64::from(u8::from(holds(value))));
        let (sum, count) = all.fold((0.0, 0.0), |(sum, count), it| (sum + it, count + 1.0));
        sum / count
    };
    assert!(share("z", &|z| z.abs() < 1e-2) > 0.1);
    assert!(share("z", &|z| z.abs() > 1e2) > 0.05);
    assert!((0.01..0.15).contains(&share("z", &|z| z == z.floor())));
    assert!(share("p", &|p| p < 1e-3) > 0.02 && share("p", &|p| p > 0.999) > 0.02);
    assert!(share("scale", &|scale| scale == 2.0) > 0.2);
    assert!((0.4..0.95).contains(&share("low", &|low| low == 2.0)));
    assert!((0.05..0.3).contains(&share("label", &|label| label < 0.0)));
    let rows: usize = samples.iter().map(|sample| sample.rows).sum();
    assert!((440..600).contains(&rows), "{rows}");
    assert!(samples.iter().any(|sample| sample.extents.iter().any(|extent| *extent >= 12)));
    assert!(samples.iter().any(|sample| sample.extents.contains(&1)));
}

#[test]
fn ordinary_points_have_the_sizes_asked_for_and_lie_in_their_domains() {
    let model = model();
    let graph = &model.graph;
    let extents: Vec<usize> = graph
        .extent_ids()
        .map(|id| if graph.extent(id).to_string() == "3" { 3 } else { 20 })
        .collect();
    let given = [(input(graph, "scale"), vec![5.0])];
    let sample = draw_ordinary(&model, &given, Precision::F32, 0, extents, 100);
    for id in graph.input_ids() {
        let input = graph.input(id);
        let elements = &sample.inputs[id.index()];
        let shape = sample.shape(graph, id);
        assert_eq!(elements.len(), shape.iter().product::<usize>(), "{}", input.name);
        assert!(elements.iter().all(|element| element.abs() <= 20.0), "{}", input.name);
        if let Some(domain) = &input.domain {
            let row = shape.last().copied().unwrap_or(1);
            let outside = first_outside(domain, &sample.bounds[id.index()], elements, row);
            assert_eq!(outside, None, "{}", input.name);
        }
    }
    let all = |name: &str| sample.inputs[input(graph, name).index()].as_slice();
    assert_eq!((all("scale"), all("low"), all("weight")), (&[5.0][..], &[2.0][..], &[1.0; 20][..]));
    assert!(all("label").iter().all(|label| (0.0..20.0).contains(label)));
    assert!(all("z").iter().any(|z| *z < 0.0) && all("z").iter().all(|z| z.abs() < 3.0));
}

#[test]
fn what_is_given_is_not_drawn_and_tells_extents() {
    let model = model();
    let graph = &model.graph;
    let (low, weight) = (input(graph, "low"), input(graph, "weight"));
    let given = [(low, vec![3.0]), (weight, vec![0.5, 1.0, 2.5])];
    for number in 0..50 {
        let sample = draw(&model, &given, Precision::F64, 0, number);
        assert_eq!(sample.inputs[low.index()], [3.0]);
        assert_eq!(sample.inputs[weight.index()], [0.5, 1.0, 2.5]);
        assert_eq!(sample.shape(graph, input(graph, "z")), [sample.rows, 3, 3]);
        assert_eq!(sample.bounds[weight.index()], [0.0, 3.0]);
    }
}

#[test]
fn a_point_is_json() {
    let model = model();
    let graph = &model.graph;
    let mut sample =
        draw(&model, &[(input(graph, "weight"), vec![1.0, 2.0])], Precision::F64, 0, 0);
    sample.rows = 1;
    for (name, elements) in [
        ("z", &[1.0, -2.5, 1e-7, 0.0, 3.0, f64::INFINITY][..]),
        ("p", &[0.5]),
        ("s", &[0.25, 0.75]),
        ("y", &[1e300]),
        ("label", &[-1.0]),
        ("side", &[-1.0]),
        ("seen", &[2.0]),
        ("on", &[1.0]),
    ] {
        sample.inputs[input(graph, name).index()] = elements.to_vec();
    }
    let length = |name: &str| match name {
        "K" => 2,
        "3" => 3,
        _ => 1,
    };
    sample.extents = graph.extent_ids().map(|id| length(&graph.extent(id).to_string())).collect();
    let text = sample.to_json(graph);
    for part in [
        r#""z": [[[1.0, -2.5, 1e-7], [0.0, 3.0, "Infinity"]]]"#,
        r#""p": [0.5]"#,
        r#""y": [1e300]"#,
        r#""label": [-1]"#,
        r#""seen": [[2.0]]"#,
        r#""weight": [1.0, 2.0]"#,
        r#""on": 1"#,
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}
