//! How gradients and signatures read.

use super::*;
use crate::check::{Source, check};
use crate::model::Model;

/// The last loss of a text.
fn model_of(text: &str) -> Model {
    let source = Source::Text { name: "test.loss".into(), text: text.into() };
    let checked =
        check(&source).unwrap_or_else(|failure| panic!("{text}\n{:?}", failure.diagnostics));
    checked.models.into_iter().next_back().expect("there is a loss")
}

/// The inputs that the tables below use.
const INPUTS: &str = "pred x, y, z[K], s[N, K], p in [0, 1], target label in K?, labels[N] in K, a[N], pair[D, D], \
    param c in {false, true} = false, v[4]";

fn printed(body: &str) -> String {
    let model = model_of(&format!("loss test({INPUTS}) {{ {body} }}"));
    to_text(&model.graph, model.value)
}

#[test]
fn text_that_stands_for_itself() {
    let rows = [
        "x",
        "1",
        "1.5",
        "1e-7",
        "1e300",
        "-2",
        "inf",
        "-inf",
        "2 * pi",
        "x + y - x",
        "x - (y - x)",
        "x + (y + x)",
        "x * y / x",
        "x / (y * x)",
        "(x + y) * x",
        "-x",
        "-(-x)",
        "-(x + y)",
        "-x^2",
        "(-x)^2",
        "x^-2",
        "x^y^2",
        "(x^y)^2",
        "(-2)^x",
        "x^(-y)",
        "x - -2",
        "(if c { x } else { y }) + 1",
        "if x < y { x } else if x == 0 { y } else { 1 }",
        "if x != y && !c || x <= 1 { x } else { y }",
        "if (c || x < 1) && c { x } else { y }",
        "if !(x < y) { x } else { y }",
        "exp(log(p)) + log1p(x) - boxcox1p(x, y)",
        "max(x, 0) + min(x, max(y, 1))",
        "log_sigmoid(x)",
        "stop_gradient(x) * sigmoid(-x)",
        "sum(z)",
        "sum(s)",
        "max(z) - min(z)",
        "sum[K, N](s)",
        "sum(z * softmax(z))",
        "sum(softmax[K](s))",
        "softmax(z)[label]",
        "log_softmax(z)[label]",
        "log_softmax(z)[0]",
        "softmax(z / x)[label]",
        "sum(softmax(z) - one_hot(label))",
        "sum(s[0])",
        "s[0, label]",
        "z[label]",
        "mean(z)",
        "mean(s)",
        "mean(a * sum[K](s))",
        "mean[i in N, j in N if a[j] < a[i]](a[i] - a[j])",
        "norm(z - x)",
        "sum[i in N, j in K](a[i] * z[j])",
        "sum[i in K](real(i) * z[i])",
        "sum[i in K if i != label](z[i])",
        "sum[K if z > 0](z)",
        "mean[i in N](log_softmax(s[i])[labels[i]])",
        "count(z > 0)",
        "count[i in K if z[i] > 0](z[i] < 1)",
        "prod(z) + logsumexp(z)",
        "prod[i in K if i < label](z[i])",
        "max[i in K if i < label](z[i]) + logsumexp[i in K if i != label](z[i])",
        "min[i in K if i == 2](z[i])",
        "if any(z > 0) { 1 } else { 0 }",
        "if any[i in K if i != label](z[i] > 0) || all(z < 0) { x } else { 0 }",
        "if missing(label) { 0 } else { real(label) }",
        "size(K)",
        "sum[i in D, D](pair[i])",
        "sum[i in D](max(pair[i]) - pair[i, i])",
        "mean(v)",
        "mean[i in N, j in 4](a[i] * v[j])",
        "sum(v) / 5",
        "sum[i in D, j in D](pair[i, j] - pair[j, i])",
        "sum[i in D](pair[i, i])",
        "sum[i in N](sum(s[i]) * max[j in N](a[j] - a[i]))",
        "sum[i in N](logsumexp[j in K](s[i, j]))",
        "logsumexp(s)",
    ];
    for row in rows {
        assert_eq!(printed(row), row);
    }
}

#[test]
fn text_in_the_usual_spelling() {
    let rows = [
        ("sum[K](z)", "sum(z)"),
        ("sum[N](sum[K](s) * a)", "sum(sum[K](s) * a)"),
        ("if y > x { x } else { y }", "if x < y { x } else { y }"),
        ("if 0 < x { x } else { y }", "if x > 0 { x } else { y }"),
        ("-1 * x", "-x"),
        ("x + 0.50", "x + 0.5"),
        ("(x * y) + (x / y)", "x * y + x / y"),
        ("dot(z, z)", "sum(z * z)"),
        ("sum[i in N](sum[j in N](a[i] * a[j]))", "sum[i in N, j in N](a[i] * a[j])"),
        ("sum(if z > 0 { z } else { 0 })", "sum[K if z > 0](z)"),
        ("sum(if z > 0 { 1 } else { 0 })", "count(z > 0)"),
        ("z[label] - logsumexp(z)", "log_softmax(z)[label]"),
        ("let q[i in K] = real(i) * z[i]; sum(q * z)", "sum[i in K](real(i) * z[i] * z[i])"),
        (
            "let q[i in N, j in K] = a[i] * z[j]; sum(q * s)",
            "sum[i in N, j in K](a[i] * z[j] * s[i, j])",
        ),
        ("sum[i in K](2)", "size(K) * 2"),
        ("mean(v)", "mean(v)"),
        ("1 + size(4)", "1 + 4"),
        ("3.141592653589793", "pi"),
        ("10000000000000000", "1e16"),
        ("pow(square(relu(x)), 2)", "(max(x, 0) * max(x, 0))^2"),
        ("log_softmax(z / x)[label]", "log_softmax(z / x)[label]"),
        (
            "if label == 2 { x } else { if 2 == label { y } else { 1 } }",
            "if label == 2 { x } else if 2 == label { y } else { 1 }",
        ),
    ];
    for (body, expected) in rows {
        assert_eq!(printed(body), expected, "{body}");
    }
}

#[test]
fn an_index_never_takes_the_name_of_an_input() {
    let model = model_of(
        "loss test(pred i[N], k[N], target j in N, t1) = sum[a in N, b in N](i[a] * k[b]) + i[j] * t1",
    );
    assert_eq!(to_text(&model.graph, model.value), "sum[l in N, m in N](i[l] * k[m]) + i[j] * t1");
}

#[test]
fn large_shared_parts_get_a_name() {
    let model = model_of(
        "loss test(pred x[N], y, param a = 1) {
            let r = abs(x - a) * exp(-y) / (1 + y);
            let t[i in N, j in N] = sqrt(x[i] * x[j] + abs(x[i] - y));
            sum(r / (1 + r)) + sum[i in N, j in N](t[i, j] * exp(t[i, j]) + r[i] * t[i, j])
        }",
    );
    assert_eq!(
        to_block(&model.graph, model.value),
        "let t1 = abs(x - a) * exp(-y) / (1 + y);\n\
         let t2[i in N, j in N] = sqrt(x[i] * x[j] + abs(x[i] - y));\n\
         sum(t1 / (1 + t1)) + sum[i in N, j in N](t2[i, j] * exp(t2[i, j]) + \
         abs(x[i] - a) * exp(-y) / (1 + y) * t2[i, j])"
    );
}

#[test]
fn latex_as_in_textbooks() {
    let rows = [
        ("x / y + x^2 * 3", r"\frac{x}{y} + {x}^{2} \cdot 3"),
        ("-log(p) - log1p(-x)", r"-\log\left(p\right) - \log\left(1 + -x\right)"),
        ("sigmoid(x) * (x + y)", r"\sigma\left(x\right) \, \left(x + y\right)"),
        ("softmax(z)[label]", r"\operatorname{softmax}\left(z\right)_{\mathrm{label}}"),
        (
            "if x > 0 { x } else { 1e-7 }",
            r"\begin{cases} x & \text{if } x > 0 \\ 1 \cdot 10^{-7} & \text{otherwise} \end{cases}",
        ),
        ("if label == 2 { 1 } else { 0 }", r"\mathbf{1}\left[\mathrm{label} = 2\right]"),
        ("sum(z) * x", r"\left(\sum_{i \in K} z_{i}\right) \, x"),
        (
            "x * sum[i in N, j in K if j != labels[i]](s[i, j])",
            r"x \, \left(\sum_{i \in N,\, j \in K :\, j \ne \mathrm{labels}_{i}} s_{i, j}\right)",
        ),
        ("norm(z) + sqrt(abs(x))", r"\sqrt{\sum_{i \in K} {z_{i}}^{2}} + \sqrt{\left|x\right|}"),
        ("logsumexp(z)", r"\log \sum_{i \in K} \exp\left(z_{i}\right)"),
        (
            "sum(z * one_hot(label))",
            r"\sum_{i \in K} z_{i} \, \mathbf{1}\left[i = \mathrm{label}\right]",
        ),
        ("x * x + size(K) * pi", r"{x}^{2} + \lvert K\rvert \cdot \pi"),
        ("logaddexp(x, y)", r"\operatorname{logaddexp}\left(x, y\right)"),
    ];
    for (body, expected) in rows {
        let model = model_of(&format!("loss test({INPUTS}) {{ {body} }}"));
        assert_eq!(to_latex(&model.graph, model.value), expected, "{body}");
    }
}

#[test]
fn latex_names_are_letters_where_they_can_be() {
    let model = model_of(
        "loss test(pred yhat, z1_2, param sigma = 1, delta = 2) = sigmoid(yhat * z1_2) * sigma * delta",
    );
    assert_eq!(
        to_latex(&model.graph, model.value),
        r"\operatorname{sigmoid}\left(\hat{y} \, \mathrm{z1\_2}\right) \, \sigma \, \delta"
    );
}

#[test]
fn a_signature_is_the_declaration() {
    let rows = [
        "cross_entropy(pred logits[K], target label in K?, param weight[K] in [0, inf) = 1, smoothing in [0, 1] = 0)",
        "ordinal(pred x[K, 4], target y in 1..=5, n in 0.., t[K] in simplex, param on in {false, true} = true, kind in {-1, 1} = -1)",
        "lagged(learned a = 0.5, pred x[K], param tau[K] = 1 / size(K), top in (-inf, size(K)) = 2 * size(K))",
    ];
    for row in rows {
        let model = model_of(&format!("loss {row} = 1"));
        assert_eq!(signature(&model), row);
    }
    let model = model_of(
        "loss q(pred x[Q], param tau[Q] = [q in Q] (real(q) + 0.5) / size(Q), v[3] = [1, 2, -3]) = sum(x * tau)",
    );
    assert_eq!(
        signature(&model),
        "q(pred x[Q], param tau[Q] = [i in Q] (real(i) + 0.5) / size(Q), v[3] = [1, 2, -3])"
    );
}

#[test]
fn long_chains_are_printed_without_recursion() {
    let mut graph = Graph::default();
    let one = graph.number(1.0);
    let (mut left, mut right) = (one, one);
    for number in 0..100_000 {
        let number = graph.number(f64::from(number));
        left = graph.map(crate::builtins::Function::Add, &[left, number]);
        right = graph.map(crate::builtins::Function::Add, &[number, right]);
    }
    let text = to_text(&graph, left);
    assert!(text.starts_with("1 + 0 + 1 + 2") && text.ends_with("+ 99998 + 99999"));
    assert_eq!(to_text(&graph, right).matches('(').count(), 99_999);
    assert_eq!(to_text_within(&graph, left, 2), "… + 99998 + 99999");
    assert!(to_latex(&graph, left).ends_with("+ 99999"));
}

#[test]
fn a_block_stays_linear_where_a_line_doubles() {
    let model = model_of("loss test(pred x) = x");
    let mut graph = model.graph;
    let mut node = model.value;
    for _ in 0..1000 {
        node = graph.map(crate::builtins::Function::Multiply, &[node, node]);
    }
    let block = to_block(&graph, node);
    assert!(block.len() < 100_000, "{} bytes", block.len());
    assert!(to_text_within(&graph, node, 50).contains('…'));
}

#[test]
fn a_rename_is_substituted_away() {
    let model = model_of("loss test(pred x[K]) = sum[i in K](real(i) * x[i])");
    let mut graph = model.graph;
    let Node::Reduce(_, from, argument) = *graph.node(model.value) else { panic!("a sum") };
    let to = graph.declared_axis(graph.axis(from).extent);
    let root = graph.intern(Node::Rename { argument, from, to });
    assert_eq!(to_text(&graph, root), "let g[i in K] = real(i) * x[i]; g");
    assert_eq!(to_block(&graph, root), "let g[i in K] = real(i) * x[i];\ng");
    assert_eq!(to_latex(&graph, root), "i \\, x_{i}");
}

#[test]
fn a_gradient_has_the_axes_of_its_input() {
    let model = model_of(
        "loss test(pred s[N, K], t[K, N]) = sum[i in N, j in K](real(j) * s[i, j] * t[j, i])",
    );
    let mut graph = model.graph;
    let wrt: Vec<_> = graph.input_ids().collect();
    let gradients = crate::differentiate::differentiate(&mut graph, model.value, &wrt);
    let texts: Vec<String> = gradients
        .iter()
        .map(|gradient| {
            let mut roots = vec![gradient.node];
            crate::rewrite::simplify(&mut graph, &mut roots);
            to_block_over(&graph, roots[0], &gradient.axes)
        })
        .collect();
    assert_eq!(
        texts,
        [
            "let g[i in N, j in K] = t[j, i] * real(j);\ng",
            "let g[i in K, j in N] = real(i) * s[j, i];\ng",
        ]
    );
}
