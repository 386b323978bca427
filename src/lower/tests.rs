//! Lowered programs through the interpreter, against the plain evaluation of their graphs.

use super::*;
use crate::check::{Source, check};
use crate::evaluate;
use crate::interpret::{ArrayData, element_count, interpret};
use crate::loops::validate;

fn exact(precision: Precision) -> Rounding {
    Rounding { precision, is_fused: true, accuracy: Accuracy::Exact }
}

#[test]
fn every_shipped_loss_lowers_to_a_valid_program() {
    for shipped in crate::library::LOSSES {
        let checked =
            check(&Source::Library(shipped.name.to_owned())).expect("the library is right");
        for model in checked.models {
            for precision in [Precision::F32, Precision::F64] {
                let mut graph = model.graph.clone();
                let output = Output { name: "value".into(), node: model.value, axes: Vec::new() };
                let lowered = lower(&mut graph, &[output], exact(precision));
                validate(&lowered.program)
                    .unwrap_or_else(|error| panic!("{}: {error}\n{}", model.name, lowered.program));
            }
        }
    }
}

/// The inputs of an example as the evaluator wants them, defaults included.
fn environment(
    model: &crate::model::Model,
    example: &crate::model::Example,
) -> evaluate::Environment {
    let graph = &model.graph;
    let mut extents: Vec<usize> = graph
        .extent_ids()
        .map(|extent| match graph.extent(extent) {
            crate::graph::Extent::Literal(length) => *length as usize,
            crate::graph::Extent::Named(_) => 0,
        })
        .collect();
    for (input, tensor) in &example.inputs {
        for (axis, length) in graph.input(*input).axes.iter().zip(&tensor.shape) {
            extents[graph.axis(*axis).extent.index()] = *length;
        }
    }
    let mut environment =
        evaluate::Environment { extents, inputs: vec![Vec::new(); graph.input_ids().count()] };
    for id in graph.input_ids() {
        let input = graph.input(id);
        let count: usize = input
            .axes
            .iter()
            .map(|axis| environment.extents[graph.axis(*axis).extent.index()])
            .product();
        environment.inputs[id.index()] = match example.inputs.iter().find(|(given, _)| *given == id)
        {
            Some((_, tensor)) if tensor.data.len() == count => tensor.data.clone(),
            Some((_, tensor)) => vec![tensor.data[0]; count],
            None => {
                let default = input.default.expect("the checker has seen to it");
                let value = evaluate::evaluate(graph, &[default], &environment).remove(0);
                value.arranged(graph, &input.axes, &environment)
            }
        };
    }
    environment
}

/// The outputs of a program by the interpreter.
fn run(lowered: &Lowered, graph: &Graph, environment: &evaluate::Environment) -> Vec<Vec<f64>> {
    let extents: Vec<u64> =
        lowered.extents.iter().map(|extent| environment.extents[extent.index()] as u64).collect();
    let mut arrays = Vec::new();
    for (index, source) in lowered.arrays.iter().enumerate() {
        let count = element_count(
            &lowered.program,
            crate::loops::ArrayId(u32::try_from(index).expect("few")),
            &extents,
        );
        #[expect(clippy::cast_possible_truncation, reason = "indices are small whole numbers")]
        match source {
            ArraySource::Input(input) => {
                let data = &environment.inputs[input.index()];
                arrays.push(match graph.input(*input).kind {
                    crate::graph::InputKind::Index { .. } => {
                        ArrayData::I64(data.iter().map(|x| *x as i64).collect())
                    }
                    _ => ArrayData::F64(data.clone()),
                });
            }
            ArraySource::Output(_) => arrays.push(ArrayData::F64(vec![f64::NAN; count])),
            ArraySource::Temporary => {}
        }
    }
    interpret(&lowered.program, &extents, &mut arrays);
    let outputs =
        lowered.arrays.iter().filter(|source| **source != ArraySource::Temporary).zip(arrays);
    outputs
        .filter(|(source, _)| matches!(source, ArraySource::Output(_)))
        .map(|(_, array)| match array {
            ArrayData::F64(data) => data,
            other => panic!("an output in another precision: {other:?}"),
        })
        .collect()
}

#[test]
fn programs_agree_with_plain_evaluation_on_every_example() {
    for shipped in crate::library::LOSSES {
        let checked =
            check(&Source::Library(shipped.name.to_owned())).expect("the library is right");
        for model in checked.models {
            let mut graph = model.graph.clone();
            let output = Output { name: "value".into(), node: model.value, axes: Vec::new() };
            let lowered = lower(&mut graph, &[output], exact(Precision::F64));
            for example in &model.examples {
                let environment = environment(&model, example);
                let want =
                    evaluate::evaluate(&model.graph, &[model.value], &environment)[0].data[0];
                let got = run(&lowered, &graph, &environment)[0][0];
                let missing = model.missing.is_some_and(|missing| {
                    evaluate::evaluate(&model.graph, &[missing], &environment)[0].data[0] != 0.0
                });
                let close = (got - want).abs() <= 1e-13 * want.abs().max(1e-300)
                    || got == want
                    || missing
                    || got.is_nan() && want.is_nan();
                assert!(close, "{}: {got} is not {want}\n{}", model.name, lowered.program);
            }
        }
    }
}

#[test]
fn functions_of_a_number_and_its_negation_share_their_magnitude() {
    let source = Source::Library("binary_cross_entropy_with_logits".to_owned());
    let model = check(&source).expect("the library is right").models.remove(0);
    let mut graph = model.graph.clone();
    let output = Output { name: "value".into(), node: model.value, axes: Vec::new() };
    let program = lower(&mut graph, &[output], exact(Precision::F32)).program.to_string();
    assert_eq!(program.matches("= absolute").count(), 1, "{program}");
}

/// The text of the program for the value of a loss.
fn text(source: &Source) -> String {
    let model = check(source).expect("the loss is right").models.remove(0);
    let mut graph = model.graph.clone();
    let output = Output { name: "value".into(), node: model.value, axes: Vec::new() };
    lower(&mut graph, &[output], exact(Precision::F32)).program.to_string()
}

#[test]
fn what_has_a_form_of_its_own_is_written_so() {
    for (name, mark) in [
        // The cosines are products of matrices.
        ("info_nce", "product "),
        // A pair whose items change places has the same exponential.
        ("ranknet", " in lanes behind "),
    ] {
        let program = text(&Source::Library(name.to_owned()));
        assert!(program.contains(mark), "{name} has no `{mark}`:\n{program}");
    }
    // The hinges of a pair have nothing dear in common, whichever way round.
    let program = text(&Source::Library("auc_squared_hinge".to_owned()));
    assert!(!program.contains(" behind "), "{program}");
}

#[test]
fn what_is_cut_off_at_bounds_is_the_smaller_of_them_and_the_number() {
    for text in [
        "3 * (if abs(x) <= 2 { x } else { 2 * sign(x) })",
        "3 * (if abs(x) < 1 { x } else { sign(x) })",
        "if abs(x) < 0.25 { x / 0.25 } else { sign(x) }",
        "if abs(x) <= 0.3 { x^2 / 2 } else { 0.3 * (abs(x) - 0.15) }",
        "if abs(x) <= 1 { 0.5 * abs(x)^2 } else { abs(x) - 0.5 }",
        "if abs(x) < 0.25 { x^2 / 0.5 } else { abs(x) - 0.125 }",
    ] {
        let (program, of) = of_number(text);
        assert!(program.contains("= minimum") && !program.contains("= select"), "{program}");
        for x in [0.0, 0.1, 0.25, 0.3, -0.5, -1.0, 1.0, 2.0, 2.5, -1e300, f64::INFINITY, f64::NAN] {
            let (got, want) = of(x);
            assert!(got.to_bits() == want.to_bits() || got.is_nan() && want.is_nan(), "at {x}");
            let (got, want) = of(-x);
            assert!(got == want || got.is_nan() && want.is_nan(), "at {}", -x);
        }
    }
}

#[test]
fn sides_that_do_not_meet_stay_a_selection() {
    for text in [
        "if abs(x) <= 2 { x } else { sign(x) }",
        "if abs(x) <= 0.3 { x / 0.3 } else { sign(x) }",
        "if abs(x) <= 1 { x^2 / 2 } else { abs(x) - 0.25 }",
        "if abs(x) <= 1 { x^2 } else { abs(x) - 0.5 }",
        "if abs(x) <= 1 { x^2 / 6 } else { (abs(x) - 0.5) / 3 }",
    ] {
        let (program, _) = of_number(text);
        assert!(program.contains("= select"), "{program}");
    }
}

/// The program for a loss of one number, and what it gives beside what it should give.
fn of_number(text: &str) -> (String, impl Fn(f64) -> (f64, f64)) {
    let text = format!("loss cut(pred x) = {text}");
    let source = Source::Text { name: "cut.loss".to_owned(), text };
    let model = check(&source).expect("the loss is right").models.remove(0);
    let mut graph = model.graph.clone();
    let output = Output { name: "value".into(), node: model.value, axes: Vec::new() };
    let lowered = lower(&mut graph, &[output], exact(Precision::F64));
    (lowered.program.to_string(), move |x| {
        let environment = evaluate::Environment { extents: vec![], inputs: vec![vec![x]] };
        let want = evaluate::evaluate(&model.graph, &[model.value], &environment)[0].data[0];
        (run(&lowered, &graph, &environment)[0][0], want)
    })
}

#[test]
fn what_stands_on_both_sides_of_pairs_is_computed_once() {
    for (body, mark, count) in [
        ("sum[i in N, j in N](abs(norm(x[i]) - norm(x[j])))", "= square_root", 1),
        ("sum[i in N, j in N](abs(max(x[i]) - max(x[j])))", "= maximum", 2),
        ("sum[i in N, j in N](abs(variance(x[i]) - variance(x[j])))", "= divide", 2),
        // Of one side each: nothing to share.
        ("sum[i in N, j in N](abs(norm(x[i]) - sum(x[j])))", "= square_root", 1),
    ] {
        let text = format!("loss both(pred x[N, 3]) = {body}");
        let source = Source::Text { name: "both.loss".to_owned(), text };
        let model = check(&source).expect("the loss is right").models.remove(0);
        let mut graph = model.graph.clone();
        let output = Output { name: "value".into(), node: model.value, axes: Vec::new() };
        let lowered = lower(&mut graph, &[output], exact(Precision::F64));
        let program = lowered.program.to_string();
        assert_eq!(program.matches(mark).count(), count, "{body}\n{program}");
        let input = (0..12).map(|at| f64::from(at * at % 7) - 2.5).collect();
        let extents = graph.extent_ids().map(|id| match graph.extent(id) {
            crate::graph::Extent::Literal(length) => *length as usize,
            crate::graph::Extent::Named(_) => 4,
        });
        let environment = evaluate::Environment { extents: extents.collect(), inputs: vec![input] };
        let want = evaluate::evaluate(&model.graph, &[model.value], &environment)[0].data[0];
        let got = run(&lowered, &graph, &environment)[0][0];
        assert!((got - want).abs() <= 1e-13 * want.abs(), "{body}: {got} is not {want}\n{program}");
    }
}
