//! Rules fire, keep meanings, and end.

use super::*;
use crate::evaluate::{Environment, evaluate};
use crate::formula::Formula;
use crate::graph::world::World;
use crate::graph::{Domain, InputId, InputKind, Role};
use condition::Condition;

const STABILIZE: &str = include_str!("stabilize.rules");
const SIMPLIFY: &str = include_str!("simplify.rules");

/// Both files: name, text, and whether constants are folded.
const FILES: [(&str, &str, Folding); 2] =
    [("stabilize.rules", STABILIZE, Folding::Never), ("simplify.rules", SIMPLIFY, Folding::Always)];

/// How long the axis is along which rules reduce.
const LENGTH: usize = 3;

/// A rule with inputs for its variables.
struct Instance {
    world: World,
    left: NodeId,
    right: NodeId,
}

/// Numbers that tests draw from, the same ones each time.
struct Draws(u64);

impl Draws {
    fn unit(&mut self) -> f64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from(u32::try_from(self.0 >> 32).expect("32 bits")) / f64::from(u32::MAX)
    }
}

/// Both sides of a rule over inputs that fulfil its conditions.
fn instantiate(rule: &Rule, draws: &mut Draws) -> Instance {
    let mut world = World::new();
    let count = rule.left.terms.iter().filter(|term| matches!(term, Term::Variable(_))).count();
    let variables: Vec<NodeId> = (0..count)
        .map(|variable| instantiate_variable(rule, variable, &mut world, draws))
        .collect();
    let [left, right] =
        [&rule.left, &rule.right].map(|side| build_side(&mut world, side, &variables));
    Instance { world, left, right }
}

fn instantiate_variable(
    rule: &Rule,
    variable: usize,
    world: &mut World,
    draws: &mut Draws,
) -> NodeId {
    let asks = |condition: Condition| rule.conditions.contains(&(condition, variable));
    if asks(Condition::NegativeNumber) {
        return world.graph.number(-(draws.unit() * 4.0 + 0.5).round() - 0.5);
    }
    if asks(Condition::Number) {
        return world.graph.number((draws.unit() * 8.0).round() - 3.5);
    }
    let reduces = rule.left.terms.iter().any(|term| matches!(term, Term::Reduce(..)));
    let along = reduces && !asks(Condition::Outside);
    let kind = if is_truth(&rule.left, variable) { InputKind::Switch } else { InputKind::Real };
    let axes = if along { vec![world.axis] } else { vec![] };
    let name = format!("v{variable}");
    let input = world.input(&name, Role::Pred, kind, axes);
    let bounds = if asks(Condition::Positive) || asks(Condition::Nonzero) {
        Some((0.0, true, f64::INFINITY))
    } else if asks(Condition::Nonnegative) {
        Some((0.0, false, f64::INFINITY))
    } else if asks(Condition::Finite) {
        Some((-1e300, false, 1e300))
    } else {
        None
    };
    world.graph.input_mut(input).domain = bounds.map(|(low, low_open, high)| {
        let [low, high] = [low, high].map(|bound| world.graph.number(bound));
        Domain::Interval { low, low_open, high, high_open: true }
    });
    let index = world.graph.intern(Node::Index(world.axis));
    let subscripts: Vec<NodeId> = if along { vec![index] } else { vec![] };
    let read = world.graph.intern(Node::Read(input, subscripts.into()));
    if asks(Condition::LogSoftmax) {
        let total = world.reduce(crate::builtins::Reduction::LogSumExp, read);
        return world.graph.map(Function::Subtract, &[read, total]);
    }
    if asks(Condition::Exponential) { world.graph.map(Function::Exp, &[read]) } else { read }
}

/// Whether a variable stands where a truth value must.
fn is_truth(left: &Formula, variable: usize) -> bool {
    let is_variable = |at: &usize| left.terms[*at] == Term::Variable(variable);
    left.terms.iter().any(|term| match term {
        Term::Map(Function::Select, of) => is_variable(&of[0]),
        Term::Map(Function::And | Function::Or | Function::Not, of) => of.iter().any(is_variable),
        _ => false,
    })
}

fn build_side(world: &mut World, side: &Formula, variables: &[NodeId]) -> NodeId {
    let mut built: Vec<NodeId> = Vec::new();
    for term in &side.terms {
        let node = match term {
            Term::Variable(variable) => variables[*variable],
            Term::Number(value) => world.graph.number(*value),
            Term::Bool(value) => world.graph.intern(Node::Bool(*value)),
            Term::Map(function, of) => {
                let of: Vec<NodeId> = of.iter().map(|at| built[*at]).collect();
                world.graph.map(*function, &of)
            }
            Term::Reduce(reduction, of) => world.reduce(*reduction, built[*of]),
        };
        built.push(node);
    }
    *built.last().expect("a formula has a root")
}

impl Instance {
    /// Both sides where the inputs are drawn by `draw`.
    fn evaluate(&self, mut draw: impl FnMut() -> f64) -> (Vec<f64>, Vec<f64>) {
        let graph = &self.world.graph;
        let inputs = graph.input_ids().map(|id| {
            let input = graph.input(id);
            let length = if input.axes.is_empty() { 1 } else { LENGTH };
            let is_low = input.domain.is_some() && !self.is_wide(id);
            let element = |value: f64| match input.kind {
                InputKind::Switch => f64::from(u8::from(value > 0.0)),
                _ if is_low => value.abs().max(f64::MIN_POSITIVE),
                _ => value,
            };
            (0..length).map(|_| element(draw())).collect()
        });
        let environment = Environment { inputs: inputs.collect(), extents: vec![LENGTH] };
        let arrays = evaluate(graph, &[self.left, self.right], &environment);
        let axes: Vec<_> = graph.axes(self.left).union(graph.axes(self.right)).iter().collect();
        let [left, right] =
            [0, 1].map(|side: usize| arrays[side].arranged(graph, &axes, &environment));
        (left, right)
    }

    fn is_wide(&self, input: InputId) -> bool {
        match &self.world.graph.input(input).domain {
            Some(Domain::Interval { low, .. }) => {
                self.world.graph.as_number(*low).is_some_and(|low| low < 0.0)
            }
            _ => true,
        }
    }
}

/// Calls with every rule, its file's folding, and the rule set that holds it alone.
fn each_rule(mut test: impl FnMut(&Rule, &'static RuleSet, Folding)) {
    for (name, text, folding) in FILES {
        let count = RuleSet::parse(name, text).rules.len();
        for index in 0..count {
            let alone = Box::leak(Box::new(RuleSet::parse(name, text).only(index)));
            test(&alone.rules[index], alone, folding);
        }
    }
}

#[test]
fn every_rule_fires_on_its_own_left_side() {
    each_rule(|rule, alone, folding| {
        let mut instance = instantiate(rule, &mut Draws(7));
        let mut roots = [instance.left];
        let graph = &mut instance.world.graph;
        // Folding would take the numbers of a left side away before the rule sees them.
        let folding = if folding == Folding::Always { Folding::Never } else { folding };
        rewrite(graph, &mut roots, alone, folding);
        assert_ne!(roots[0], instance.left, "{}", rule.name);
    });
}

#[test]
fn both_sides_of_every_rule_are_equal_where_both_are_defined() {
    each_rule(|rule, _, _| {
        let mut draws = Draws(11);
        let mut compared = 0;
        for _ in 0..100 {
            let instance = instantiate(rule, &mut draws);
            let (left, right) = instance.evaluate(|| draws.unit() * 4.0 - 2.0);
            for (left, right) in left.iter().zip(&right) {
                if left.is_nan() {
                    continue;
                }
                compared += 1;
                let scale = 1.0 + left.abs();
                let same =
                    left == right || (left.is_finite() && (left - right).abs() <= 1e-12 * scale);
                assert!(same, "{}: {left} is not {right}", rule.name);
            }
        }
        assert!(compared > 20, "{}: only {compared} points are defined", rule.name);
    });
}

#[test]
fn the_right_side_of_every_rule_is_defined_where_the_left_is() {
    let points = [
        0.0, 1e-20, -1e-20, 1e-9, -1e-9, 0.5, -0.7, -0.69, 1.0, -1.0, 30.0, -30.0, 800.0, -800.0,
        1e4, -1e4,
    ];
    each_rule(|rule, _, _| {
        let mut draws = Draws(13);
        let instance = instantiate(rule, &mut draws);
        for _ in 0..400 {
            let (left, right) = instance.evaluate(|| {
                let at = draws.unit() * 15.999;
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "below 16"
                )]
                points[at as usize]
            });
            for (left, right) in left.iter().zip(&right) {
                assert!(
                    !left.is_finite() || !right.is_nan(),
                    "{}: {left} has become {right}",
                    rule.name
                );
            }
        }
    });
}

#[test]
fn rewriting_every_side_of_every_rule_ends_and_is_done_at_once() {
    each_rule(|rule, _, _| {
        let mut instance = instantiate(rule, &mut Draws(17));
        let graph = &mut instance.world.graph;
        for (rules, folding) in
            [(stabilize_rules(), Folding::Never), (simplify_rules(), Folding::Always)]
        {
            let mut once = [instance.left, instance.right];
            assert!(rewrite(graph, &mut once, rules, folding).1 > 0, "{} does not end", rule.name);
            let mut twice = once;
            rewrite(graph, &mut twice, rules, folding);
            assert_eq!(once, twice, "{} is not done at once", rule.name);
        }
    });
}

/// Plain spellings over `x` and `z`, a point, and the exact value there (worked out with 50 digits).
const NAIVE: &[(&str, f64, f64, f64)] = &[
    ("log(1 + exp(x))", -50.0, 0.0, 1.928_749_847_963_917_7e-22),
    ("log(1 + exp(x))", 1e4, 0.0, 1e4),
    ("log(1 + x)", 1e-20, 0.0, 1e-20),
    ("log(1 - x)", 1e-20, 0.0, -1e-20),
    ("1 - exp(x)", -1e-20, 0.0, 1e-20),
    ("exp(x) - 1", 1e-20, 0.0, 1e-20),
    ("log(1 / (1 + exp(-x)))", -1e4, 0.0, -1e4),
    ("log(1 - 1 / (1 + exp(-x)))", 1e4, 0.0, -1e4),
    ("1 - 1 / (1 + exp(-x))", 50.0, 0.0, 1.928_749_847_963_917_7e-22),
    ("log(sigmoid(x))", -1e4, 0.0, -1e4),
    ("log(1 - sigmoid(x))", 1e4, 0.0, -1e4),
    ("1 - sigmoid(x)", 50.0, 0.0, 1.928_749_847_963_917_7e-22),
    ("exp(x) / (exp(x) + exp(z))", 1e4, 1e4, 0.5),
    ("exp(x) / (1 + exp(x))", 1e4, 0.0, 1.0),
    ("log(exp(x) / (exp(x) + exp(z)))", 0.0, 1e4, -1e4),
    ("log(exp(x) + exp(z))", 1e4, 1e4, 10_000.693_147_180_56),
    ("log(exp(x) * exp(z) / 2)", 1e4, 1.0, 10_000.306_852_819_44),
    ("log(exp(x)^3 * 2)", 1e4, 0.0, 30_000.693_147_180_56),
    ("exp(x) * exp(z)", 1e4, -1e4, 1.0),
    ("exp(x) / exp(z)", 1e4, 1e4, 1.0),
    ("exp(x)^z * exp(-x)", 1e4, 1.0, 1.0),
    ("log(1 - exp(x))", -1e-20, 0.0, -46.051_701_859_880_914),
    ("log(1 - exp(x))", -50.0, 0.0, -1.928_749_847_963_917_7e-22),
    ("log1p(-exp(x))", -1e-20, 0.0, -46.051_701_859_880_914),
    ("(exp(x) - exp(-x)) / (exp(x) + exp(-x))", 1e4, 0.0, 1.0),
    ("1 - tanh(x)^2", 50.0, 0.0, 1.488_030_390_408_334_4e-43),
    ("1 - erf(x)", 6.0, 0.0, 2.151_973_671_249_891_3e-17),
    ("log(erfc(-x / sqrt(2)) / 2)", -30.0, 0.0, -454.321_243_956_343_1),
    ("log((1 + erf(x / sqrt(2))) / 2)", -30.0, 0.0, -454.321_243_956_343_1),
    ("log(1 - normal_cdf(x))", 30.0, 0.0, -454.321_243_956_343_1),
    ("0.5 * (1 + erf(x / sqrt(2)))", -10.0, 0.0, 7.619_853_024_160_527e-24),
    ("log(normal_cdf(x))", -30.0, 0.0, -454.321_243_956_343_1),
    ("sqrt(x^2)", -1e200, 0.0, 1e200),
    ("log(x^2)", 1e200, 0.0, 921.034_037_197_618_3),
    ("x * log(x)", 0.0, 0.0, 0.0),
    ("z * log1p(-x) * x", 1.0, 0.0, 0.0),
    ("-z * (2 * log(x))", 0.0, 0.0, 0.0),
    ("log(1 + exp(x)) - x", 50.0, 0.0, 1.928_749_847_963_917_7e-22),
    ("if x > 0 { log(1 + exp(x)) } else { 0 }", 1e4, 0.0, 1e4),
];

#[test]
fn plain_spellings_are_exact_far_out() {
    for (text, x, z, expected) in NAIVE {
        let mut world = World::new();
        let nodes = ["x", "z"].map(|name| world.scalar(name, Role::Pred).1);
        let node = Formula::parse(text, &["x", "z"]).instantiate(&mut world.graph, &nodes);
        for simple in [false, true] {
            let mut roots = [node];
            stabilize(&mut world.graph, &mut roots);
            if simple {
                simplify(&mut world.graph, &mut roots);
            }
            let environment =
                Environment { extents: vec![LENGTH], inputs: vec![vec![*x], vec![*z]] };
            let got = evaluate(&world.graph, &roots, &environment)[0].data[0];
            let same = (got - expected).abs() <= 4e-15 * expected.abs();
            assert!(same, "{text} at {x}, {z} is {got}: {}", world.show(roots[0]));
        }
    }
}

/// A graph of so many parts, and its root: terms of a sum, or definitions each made of the one before.
fn large(count: u32, in_a_row: bool) -> (World, NodeId) {
    let mut world = World::new();
    let (_, x) = world.scalar("x", Role::Pred);
    let (_, y) = world.scalar("y", Role::Target);
    let mut root = x;
    for at in 0..count {
        let inner = if in_a_row { root } else { x };
        let [weight, factor] =
            [at % 7 + 1, at].map(|number| world.graph.number(f64::from(number) + 0.5));
        let product = world.graph.map(Function::Multiply, &[inner, factor]);
        let shifted = world.graph.map(Function::Add, &[product, y]);
        let sigmoid = world.graph.map(Function::Sigmoid, &[shifted]);
        let term = world.graph.map(Function::Multiply, &[weight, sigmoid]);
        root = world.graph.map(Function::Add, &[if in_a_row { y } else { root }, term]);
    }
    (world, root)
}

#[test]
fn the_work_on_a_large_graph_grows_with_its_size() {
    for in_a_row in [false, true] {
        let work = [1000, 4000].map(|count| {
            let (mut world, root) = large(count, in_a_row);
            let mut roots = [root];
            let all: Vec<usize> = [stabilize_rules(), simplify_rules()]
                .into_iter()
                .zip([Folding::Never, Folding::Always])
                .map(|(rules, folding)| {
                    rewrite(&mut world.graph, &mut roots, rules, folding).0.compared
                })
                .collect();
            let parts = usize::try_from(count).unwrap();
            assert!(world.graph.len() < 20 * parts, "{count}: {} nodes", world.graph.len());
            all.iter().sum::<usize>()
        });
        let [small, large] = work;
        assert!(small > 1000, "{small}");
        assert!(large < 5 * small, "{small} and {large}");
        assert!(large < 4000 * 5 * 20, "{large}");
    }
}
