//! Printing and checking are inverses: over random programs, and over the shipped losses and their gradients.

use std::collections::HashMap;

use lossc::builtins::Function;
use lossc::check::{Source, check};
use lossc::differentiate::differentiate;
use lossc::graph::{AxisId, AxisKind, Extent, Graph, Node, NodeId};
use lossc::library::LOSSES;
use lossc::model::Model;
use lossc::print::{domain_text, signature, to_block, to_text};
use lossc::rewrite::{simplify, stabilize};
use proptest::prelude::*;

/// Numbers that are the same for nodes of two graphs that mean the same: up to the names of bound axes, and what the
/// language has one spelling for.
#[derive(Default)]
struct Meaning {
    known: HashMap<(String, Vec<usize>), usize>,
}

/// What an axis is where a node stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Called {
    /// Bound by a reduction, under so many others.
    Level(usize),
    /// Another name of a free axis.
    Free(AxisId),
}

/// The numbers of nodes, by what their free axes are.
type Seen = HashMap<(NodeId, Vec<(AxisId, Called)>), usize>;

impl Meaning {
    fn number(&mut self, word: String, parts: Vec<usize>) -> usize {
        let next = self.known.len();
        *self.known.entry((word, parts)).or_insert(next)
    }

    fn of(&mut self, graph: &Graph, root: NodeId) -> usize {
        let free: Vec<(AxisId, Called)> = Vec::new();
        self.visit(graph, root, &free, &mut Seen::new())
    }

    /// Test programs are shallow, so recursion is safe here.
    fn visit(
        &mut self,
        graph: &Graph,
        id: NodeId,
        bound: &[(AxisId, Called)],
        seen: &mut Seen,
    ) -> usize {
        let axes = graph.axes(id);
        let bound: Vec<(AxisId, Called)> =
            bound.iter().filter(|(axis, _)| axes.contains(*axis)).copied().collect();
        if let Some(number) = seen.get(&(id, bound.clone())) {
            return *number;
        }
        let extent = |axis: AxisId| graph.extent(graph.axis(axis).extent).to_string();
        let mut parts: Vec<usize> = Vec::new();
        let word = match graph.node(id) {
            Node::Number(bits) => format!("number {}", f64::from_bits(*bits)),
            Node::Size(size) => match graph.extent(*size) {
                Extent::Literal(length) => format!("number {length}"),
                Extent::Named(name) => format!("size {name}"),
            },
            Node::Bool(truth) => format!("{truth}"),
            Node::Position(position, _) => format!("number {position}"),
            Node::Index(axis) => match bound.iter().find(|(known, _)| known == axis) {
                Some((_, Called::Level(level))) => format!("index {level}"),
                Some((_, Called::Free(free))) => {
                    format!("free {} {}", extent(*free), kind(graph, *free))
                }
                None => format!("free {} {}", extent(*axis), kind(graph, *axis)),
            },
            Node::Read(input, _) => format!("read {}", graph.input(*input).name),
            Node::Map(function, arguments) => {
                let number = |at: usize| graph.as_number(arguments.as_slice()[at]);
                match function {
                    Function::ZeroProduct => "Multiply".to_owned(),
                    Function::Negate if number(0).is_some() => {
                        format!("number {}", -number(0).unwrap())
                    }
                    Function::Multiply if number(0) == Some(-1.0) => "Negate".to_owned(),
                    Function::Real
                        if matches!(graph.node(arguments.as_slice()[0]), Node::Position(..)) =>
                    {
                        return self.visit(graph, arguments.as_slice()[0], &bound, seen);
                    }
                    function => format!("{function:?}"),
                }
            }
            Node::Reduce(reduction, axis, body) => {
                let levels = bound.iter().filter_map(|(_, called)| match called {
                    Called::Level(level) => Some(level + 1),
                    Called::Free(_) => None,
                });
                let level = levels.max().unwrap_or(0);
                let mut inner: Vec<_> =
                    bound.iter().filter(|(known, _)| known != axis).copied().collect();
                inner.push((*axis, Called::Level(level)));
                parts.push(self.visit(graph, *body, &inner, seen));
                format!("{reduction:?} {} {level}", extent(*axis))
            }
            Node::Rename { argument, from, to } => {
                let called = bound.iter().find(|(known, _)| known == to);
                let called = called.map_or(Called::Free(*to), |(_, called)| *called);
                let mut inner: Vec<_> =
                    bound.iter().filter(|(known, _)| known != from).copied().collect();
                inner.push((*from, called));
                return self.visit(graph, *argument, &inner, seen);
            }
        };
        if parts.is_empty() && !word.starts_with("number") {
            let skip = usize::from(word == "Negate" && graph.arguments(id).len() == 2);
            for argument in &graph.arguments(id)[skip..] {
                parts.push(self.visit(graph, *argument, &bound, seen));
            }
        }
        if word == "Equal" {
            // `label == k` of a one-hot prints as `one_hot(label)`.
            parts.sort_unstable();
        }
        let number = self.number(word, parts);
        seen.insert((id, bound), number);
        number
    }
}

fn kind(graph: &Graph, axis: AxisId) -> &'static str {
    match graph.axis(axis).kind {
        AxisKind::Declared => "declared",
        AxisKind::Index(_) => "index",
    }
}

fn model_of(text: &str) -> Model {
    let source = Source::Text { name: "test.loss".into(), text: text.into() };
    let checked =
        check(&source).unwrap_or_else(|failure| panic!("{text}\n{:#?}", failure.diagnostics));
    checked.models.into_iter().next_back().expect("there is a loss")
}

/// The inputs of a model as a declaration without roles that forbid anything.
fn declaration(model: &Model) -> String {
    let graph = &model.graph;
    let inputs: Vec<String> = graph
        .input_ids()
        .map(|id| {
            let input = graph.input(id);
            let axes: Vec<String> = input
                .axes
                .iter()
                .map(|axis| graph.extent(graph.axis(*axis).extent).to_string())
                .collect();
            let axes =
                if axes.is_empty() { String::new() } else { format!("[{}]", axes.join(", ")) };
            let domain =
                domain_text(graph, input).map_or(String::new(), |text| format!(" in {text}"));
            format!("target {}{axes}{domain}", input.name)
        })
        .collect();
    inputs.join(", ")
}

/// Checks a text as the body of a loss; an array is summed over its axes, which are taken off again.
fn read_back(declaration: &str, text: &str, axes: usize) -> (Graph, NodeId) {
    let body = match text.rfind([';', '\n']).filter(|_| axes > 0) {
        _ if axes == 0 => text.to_owned(),
        None => format!("sum({text})"),
        Some(at) => format!("{} sum({})", &text[..=at], &text[at + 1..]),
    };
    let model = model_of(&format!("loss test({declaration}) {{ {body} }}"));
    let mut node = model.value;
    for _ in 0..axes {
        let Node::Reduce(_, _, body) = *model.graph.node(node) else {
            panic!("{text} is summed over {axes} axes")
        };
        node = body;
    }
    (model.graph, node)
}

fn assert_round_trip(declaration: &str, graph: &Graph, root: NodeId) {
    let axes = graph.axes(root).len();
    let mut meaning = Meaning::default();
    for text in [to_text(graph, root), to_block(graph, root)] {
        let (again, node) = read_back(declaration, &text, axes);
        assert_eq!(meaning.of(graph, root), meaning.of(&again, node), "{text}");
        // What is read has indices where the text has them, and after a second reading so it stays.
        let (again, node) = read_back(declaration, &to_text(&again, node), axes);
        assert_eq!(meaning.of(graph, root), meaning.of(&again, node), "{text}");
        let shown = to_text(&again, node);
        let (again, node) = read_back(declaration, &shown, axes);
        assert_eq!(to_text(&again, node), shown);
    }
}

#[test]
fn the_shipped_losses_and_their_gradients_read_back() {
    for shipped in LOSSES {
        let checked = check(&Source::Library(shipped.name.into()))
            .unwrap_or_else(|failure| panic!("{}: {:?}", shipped.name, failure.diagnostics));
        for model in checked.models {
            let declaration = declaration(&model);
            assert_round_trip(&declaration, &model.graph, model.value);
            let mut graph = model.graph.clone();
            let mut roots = vec![model.value];
            stabilize(&mut graph, &mut roots);
            let wrt: Vec<_> = graph
                .input_ids()
                .filter(|id| graph.input(*id).kind == lossc::graph::InputKind::Real)
                .collect();
            let gradients = differentiate(&mut graph, roots[0], &wrt);
            let mut roots: Vec<NodeId> = gradients.iter().map(|gradient| gradient.node).collect();
            stabilize(&mut graph, &mut roots);
            simplify(&mut graph, &mut roots);
            for root in roots {
                assert_round_trip(&declaration, &graph, root);
            }
        }
    }
}

#[test]
fn famous_gradients_print_as_everybody_writes_them() {
    let rows = [
        (
            "pred logits[K], target label in K",
            "-log(softmax(logits)[label])",
            "softmax(logits) - one_hot(label)",
        ),
        (
            "pred logits[K], target label in K",
            "-log_softmax(logits)[label]",
            "softmax(logits) - one_hot(label)",
        ),
        ("pred z, target y", "softplus(z) - y * z", "sigmoid(z) - y"),
        (
            "pred z, target y",
            "-y * log(sigmoid(z)) - (1 - y) * log(1 - sigmoid(z))",
            "sigmoid(z) - y",
        ),
        ("pred yhat, target y", "(yhat - y)^2 / 2", "yhat - y"),
    ];
    for (inputs, body, expected) in rows {
        let model = model_of(&format!("loss test({inputs}) = {body}"));
        let mut graph = model.graph;
        let mut roots = vec![model.value];
        stabilize(&mut graph, &mut roots);
        let wrt = graph.input_ids().next().expect("the prediction comes first");
        let gradient = differentiate(&mut graph, roots[0], &[wrt]).remove(0);
        let mut roots = vec![gradient.node];
        stabilize(&mut graph, &mut roots);
        simplify(&mut graph, &mut roots);
        assert_eq!(to_text(&graph, roots[0]), expected, "{body}");
        assert_eq!(to_block(&graph, roots[0]), expected, "{body}");
    }
}

#[test]
fn the_shipped_signatures_are_declarations() {
    for shipped in LOSSES {
        let checked =
            check(&Source::Library(shipped.name.into())).expect("shipped losses are right");
        for model in checked.models {
            let text = signature(&model);
            let again = model_of(&format!("loss {text} = 1"));
            assert_eq!(signature(&again), text);
        }
    }
}

/// A writer of random programs: every choice is a byte of the seed, and 0 without one.
struct Writer<'a> {
    seed: std::slice::Iter<'a, u8>,
    indices: Vec<(String, char)>,
}

const DECLARATION: &str =
    "target x, y, z[K], a[N], s[N, K], pair[K, K], label in K?, labels[N] in K, c in {false, true}";

impl Writer<'_> {
    fn choose<'t>(&mut self, rows: &[&'t str]) -> &'t str {
        let choice = self.seed.next().copied().unwrap_or(0);
        rows[usize::from(choice) % rows.len()]
    }

    /// Fills a pattern: `#` a number of no axes, `K`-vectors `$`, matrices over N and K `@`, truths `?` and
    /// truth vectors `!`, an index into K `~`; `«` and `‹` bind a
    /// new index, over K or N, until `»`; `¬` and `≠` are spelled with `!`.
    fn fill(&mut self, pattern: &str, depth: usize) -> String {
        let mut text = String::new();
        for sign in pattern.chars() {
            match sign {
                '#' => text += &self.number(depth + 1),
                '$' => text += &self.vector(depth + 1),
                '@' => text += &self.matrix(depth + 1),
                '?' => text += &self.truth(depth + 1),
                '!' => text += &self.truths(depth + 1),
                '~' => text += &self.position(),
                '«' | '‹' => {
                    let axis = if sign == '«' { 'K' } else { 'N' };
                    let name = format!("q{}", self.indices.len());
                    text += &format!("{name} in {axis}");
                    self.indices.push((name, axis));
                }
                '»' => {
                    self.indices.pop();
                }
                '≠' => text += "!=",
                '¬' => text.push('!'),
                sign => text.push(sign),
            }
        }
        text
    }

    fn index_of(&mut self, axis: char) -> Option<String> {
        let choice = self.seed.next().copied().map_or(0, usize::from);
        let names: Vec<&String> =
            self.indices.iter().filter(|(_, over)| *over == axis).map(|(name, _)| name).collect();
        (!names.is_empty()).then(|| names[choice % names.len()].clone())
    }

    fn position(&mut self) -> String {
        self.index_of('K').unwrap_or_else(|| "label".to_owned())
    }

    fn number(&mut self, depth: usize) -> String {
        let leaf = self.choose(&[
            "x",
            "y",
            "2",
            "z[~]",
            "real(~)",
            "pair[~, ~]",
            "size(K)",
            "0.5",
            "-3",
            "s[0, ~]",
        ]);
        if let Some(row) = self.index_of('N') {
            let leaf = self
                .choose(&["a[%]", "s[%, ~]", "log_softmax(s[%])[labels[%]]"])
                .replace('%', &row);
            if depth > 3 {
                return self.fill(&leaf, depth);
            }
        }
        let pattern = match depth {
            0..=3 => self.choose(&[
                leaf,
                "(# + #)",
                "(# - #)",
                "# * #",
                "(#) / (#)",
                "(#)^2",
                "-(#)",
                "(#)^(#)",
                "exp(#)",
                "max(#, #)",
                "(if ? { # } else { # })",
                "sum($)",
                "mean($)",
                "max($)",
                "softmax($)[~]",
                "log_softmax($)[~]",
                "sum[«](#)»",
                "sum[« if ?](#)»",
                "sum(@)",
                "mean[«, ‹ if ?](#)»»",
                "logsumexp[‹](#)»",
                "count(!)",
                "norm($)",
                "prod[« if ?](#)»",
                "sum[N](sum[K](@))",
                "mean[‹](sum(s[0] * z) + #)»",
                "min[‹, «](#)»»",
                "dot($, $)",
                "log_sigmoid(#)",
                "count[« if ?](?)»",
                "logsumexp[« if ?](#)»",
                "(#)^-2",
            ]),
            _ => leaf,
        };
        self.fill(pattern, depth)
    }

    fn vector(&mut self, depth: usize) -> String {
        let leaf = self.choose(&["z", "one_hot(label)", "pair[~]", "one_hot(~)"]);
        let pattern = match depth {
            0..=3 => self.choose(&[
                leaf,
                "($ + $)",
                "($ - #)",
                "$ * #",
                "(#) / ($)",
                "softmax($)",
                "log_softmax($)",
                "(if ! { $ } else { # })",
                "sum[N](@)",
                "exp($)",
                "logsumexp[N](@)",
                "(if ? { $ } else { $ })",
                "mean[‹](# * $)»",
                "max[N if @ > 0](@)",
                "s[0]",
            ]),
            _ => leaf,
        };
        self.fill(pattern, depth)
    }

    fn matrix(&mut self, depth: usize) -> String {
        let pattern = match depth {
            0..=3 => self.choose(&[
                "s",
                "(s - $)",
                "@ * a",
                "softmax[K](@)",
                "softmax[N](@)",
                "(@ + @)",
                "sqrt(@)",
                "one_hot(labels)",
                "(if ! { @ } else { s })",
            ]),
            _ => "s",
        };
        self.fill(pattern, depth)
    }

    fn truth(&mut self, depth: usize) -> String {
        let pattern = match depth {
            0..=3 => self.choose(&[
                "c",
                "# < #",
                "~ ≠ label",
                "(? && ?)",
                "¬(?)",
                "# == #",
                "missing(label)",
                "any(!)",
                "(? || ?)",
                "all[«](?)»",
                "# >= #",
                "~ <= 2",
            ]),
            _ => "c",
        };
        // Comparisons do not chain.
        format!("({})", self.fill(pattern, depth))
    }

    fn truths(&mut self, depth: usize) -> String {
        let pattern = match depth {
            0..=3 => self.choose(&["z > 0", "$ <= #", "(! && ?)", "¬(!)", "(! || !)"]),
            _ => "z > 0",
        };
        format!("({})", self.fill(pattern, depth))
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_programs_read_back(seed in prop::collection::vec(any::<u8>(), 0..120)) {
        let body = Writer { seed: seed.iter(), indices: Vec::new() }.fill("#", 0);
        let model = model_of(&format!("loss test({DECLARATION}) {{ {body} }}"));
        assert_round_trip(DECLARATION, &model.graph, model.value);
    }
}
