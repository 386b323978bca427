//! Rules as data: in comes the text of a rule file, out come patterns that match nodes at their root.
//!
//! A rule is one line, `name: left => right where conditions`. Names stand for any nodes. A reduction
//! matches along any axis, and reductions of the right side are along that axis.

use crate::builtins::{FUNCTIONS, Function, Reduction};
use crate::diagnostic::Sources;
use crate::formula::{Formula, Term};
use crate::graph::{AxisId, Graph, Node, NodeId};
use crate::rewrite::condition::Condition;
use crate::syntax::ast::{Expr, ExprKind, Rewrite};
use crate::syntax::parse::parse_rewrites;

/// A rule: what it matches, what it puts there, and when.
#[derive(Debug)]
pub(crate) struct Rule {
    /// Its name.
    pub(crate) name: String,
    /// What it matches, as written.
    #[cfg(test)]
    pub(crate) left: Formula,
    /// What it puts there.
    pub(crate) right: Formula,
    /// What must hold of which variable.
    pub(crate) conditions: Vec<(Condition, usize)>,
    /// The left side in every order of its operands that commute.
    orders: Vec<Formula>,
}

/// The rules of a file, found by what stands at the root of a node.
#[derive(Debug)]
pub(crate) struct RuleSet {
    /// All rules in the order of the file.
    pub(crate) rules: Vec<Rule>,
    by_function: Vec<Vec<Candidate>>,
    by_reduction: Vec<Candidate>,
}

/// A rule in one order of its operands.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    rule: usize,
    order: usize,
    /// The [`heads`] that a node must have, and the bits of them that matter; most rules are ruled out by that.
    heads: u128,
    mask: u128,
}

/// What stands at the root of a node, roughly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Head {
    Any,
    Number,
    Map(Function),
    Reduce(Reduction),
    Other,
}

impl Head {
    /// As a byte, 0 if it can be anything.
    fn byte(self) -> u8 {
        match self {
            Self::Any => 0,
            Self::Number => 1,
            Self::Other => 2,
            Self::Reduce(reduction) => 3 + reduction as u8,
            Self::Map(function) => 16 + function as u8,
        }
    }
}

/// What the variables of a rule stand for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Match {
    variables: [Option<NodeId>; VARIABLES],
    /// The axis of the reductions.
    pub(crate) axis: Option<AxisId>,
}

/// How many variables a rule may have.
const VARIABLES: usize = 6;

impl Match {
    /// The node that a variable stands for.
    pub(crate) fn variable(&self, variable: usize) -> NodeId {
        self.variables[variable].expect("the right side has only variables of the left side")
    }

    /// All nodes that variables stand for.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = NodeId> {
        self.variables.iter().copied().flatten()
    }
}

impl RuleSet {
    /// Reads a rule file.
    ///
    /// # Panics
    /// If it is wrong: the files are part of the compiler, and tests read them.
    pub(crate) fn parse(name: &str, text: &str) -> Self {
        let mut sources = Sources::default();
        let file = sources.add(name, text);
        let rewrites = parse_rewrites(file, &sources);
        let rewrites = rewrites.unwrap_or_else(|errors| panic!("{name}: {errors:?}"));
        let rules: Vec<Rule> = rewrites.iter().map(read_rule).collect();
        let mut by_function = vec![Vec::new(); FUNCTIONS.len()];
        let mut by_reduction = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
            for (order, left) in rule.orders.iter().enumerate() {
                let root = left.terms.last().expect("a formula has a root");
                let inner = |at: usize| left.terms[at].arguments();
                let heads = heads(root.arguments(), inner, |at| rule.head_of(&left.terms[at]));
                let mask = heads.to_ne_bytes().map(|head| if head == 0 { 0 } else { u8::MAX });
                let mask = u128::from_ne_bytes(mask);
                let candidate = Candidate { rule: index, order, heads, mask };
                match root {
                    Term::Map(function, _) => by_function[*function as usize].push(candidate),
                    Term::Reduce(..) => by_reduction.push(candidate),
                    root => panic!("{}: a rule cannot match {root:?}", rule.name),
                }
            }
        }
        Self { rules, by_function, by_reduction }
    }

    /// One rule of them alone.
    #[cfg(test)]
    pub(crate) fn only(mut self, rule: usize) -> Self {
        for candidates in self.by_function.iter_mut().chain([&mut self.by_reduction]) {
            candidates.retain(|candidate| candidate.rule == rule);
        }
        self
    }

    /// The first rule whose left side and conditions fit a node; counts the rules that it was compared with.
    pub(crate) fn find(
        &self,
        graph: &Graph,
        id: NodeId,
        holds: impl Fn(Condition, NodeId, &Match) -> bool,
        compared: &mut usize,
    ) -> Option<(&Rule, Match)> {
        let candidates = match graph.node(id) {
            Node::Map(function, _) => &self.by_function[*function as usize],
            Node::Reduce(..) => &self.by_reduction,
            _ => return None,
        };
        let inner = |argument: NodeId| graph.arguments(argument);
        let own = heads(graph.arguments(id), inner, |argument| head_of_node(graph.node(argument)));
        candidates.iter().find_map(|candidate| {
            if own & candidate.mask != candidate.heads {
                return None;
            }
            *compared += 1;
            let rule = &self.rules[candidate.rule];
            let left = &rule.orders[candidate.order];
            let mut found = Match { variables: [None; VARIABLES], axis: None };
            let fits = matches(graph, left, left.terms.len() - 1, id, &mut found)
                && rule.conditions.iter().all(|(condition, variable)| {
                    holds(*condition, found.variable(*variable), &found)
                });
            fits.then_some((rule, found))
        })
    }
}

/// The heads of three arguments, each followed by those of its own first three arguments: a byte a head.
fn heads<'a, T: Copy + 'a>(
    arguments: &[T],
    inner: impl Fn(T) -> &'a [T],
    head: impl Fn(T) -> Head,
) -> u128 {
    let mut heads = 0;
    for (place, argument) in (0..).zip(arguments) {
        let own = std::iter::once(argument).chain(inner(*argument)).take(4);
        for (inside, argument) in (0..).zip(own) {
            heads |= u128::from(head(*argument).byte()) << (32 * place + 8 * inside);
        }
    }
    heads
}

impl Rule {
    /// What must stand where a term of the left side does.
    fn head_of(&self, term: &Term) -> Head {
        match term {
            Term::Variable(variable) if self.wants_number(*variable) => Head::Number,
            Term::Variable(_) => Head::Any,
            Term::Number(_) => Head::Number,
            Term::Bool(_) => Head::Other,
            Term::Map(function, _) => Head::Map(*function),
            Term::Reduce(reduction, _) => Head::Reduce(*reduction),
        }
    }

    /// Whether a condition lets a variable stand for nothing but constants.
    fn wants_number(&self, variable: usize) -> bool {
        self.conditions.iter().any(|(condition, of)| *of == variable && condition.wants_number())
    }
}

fn head_of_node(node: &Node) -> Head {
    match node {
        Node::Number(_) => Head::Number,
        Node::Map(function, _) => Head::Map(*function),
        Node::Reduce(reduction, ..) => Head::Reduce(*reduction),
        _ => Head::Other,
    }
}

/// Whether a term of a pattern matches a node; as deep as the pattern.
fn matches(graph: &Graph, left: &Formula, term: usize, id: NodeId, found: &mut Match) -> bool {
    match (&left.terms[term], graph.node(id)) {
        (Term::Variable(variable), _) => *found.variables[*variable].get_or_insert(id) == id,
        (Term::Number(value), Node::Number(bits)) => value.to_bits() == *bits,
        (Term::Bool(value), Node::Bool(own)) => value == own,
        (Term::Map(function, terms), Node::Map(own, arguments)) if function == own => terms
            .iter()
            .zip(arguments.as_slice())
            .all(|(term, argument)| matches(graph, left, *term, *argument, found)),
        (Term::Reduce(reduction, term), Node::Reduce(own, axis, argument))
            if reduction == own && *found.axis.get_or_insert(*axis) == *axis =>
        {
            matches(graph, left, *term, *argument, found)
        }
        _ => false,
    }
}

fn read_rule(rewrite: &Rewrite) -> Rule {
    let mut names = Vec::new();
    let left = Formula::of(&rewrite.left, &mut names);
    let count = names.len();
    let right = Formula::of(&rewrite.right, &mut names);
    let name = rewrite.name.text.clone();
    assert!(names.len() == count && count <= VARIABLES, "{name}: unknown or too many variables");
    let conditions: Vec<(Condition, usize)> =
        rewrite.conditions.iter().map(|condition| read_condition(condition, &names)).collect();
    let is_ordered = conditions.iter().any(|(condition, _)| *condition == Condition::InOrder);
    let orders = if is_ordered { vec![left.clone()] } else { all_orders(&left) };
    Rule {
        name,
        #[cfg(test)]
        left,
        right,
        conditions,
        orders,
    }
}

/// `condition(variable)`
fn read_condition(expr: &Expr, names: &[String]) -> (Condition, usize) {
    let ExprKind::Call { name, arguments, .. } = &expr.kind else {
        panic!("a condition is a call: {expr:?}")
    };
    let condition = Condition::named(&name.text);
    let condition = condition.unwrap_or_else(|| panic!("unknown condition `{}`", name.text));
    let ExprKind::Name(variable) = &arguments[0].value.kind else {
        panic!("a condition is about a variable: {expr:?}")
    };
    let variable = names.iter().position(|name| name == variable);
    (condition, variable.expect("a condition is about a variable of the left side"))
}

/// A formula with the operands of every commuting function in both orders, the order as written first.
fn all_orders(formula: &Formula) -> Vec<Formula> {
    let commuting: Vec<usize> = (0..formula.terms.len())
        .filter(|at| match &formula.terms[*at] {
            Term::Map(function, arguments) => commutes(*function) && arguments[0] != arguments[1],
            _ => false,
        })
        .collect();
    (0..1_usize << commuting.len())
        .map(|swapped| {
            let mut order = formula.clone();
            for (bit, at) in commuting.iter().enumerate() {
                if let (1, Term::Map(_, arguments)) = (swapped >> bit & 1, &mut order.terms[*at]) {
                    arguments.swap(0, 1);
                }
            }
            order
        })
        .collect()
}

/// Whether the order of the two operands means nothing.
pub(crate) fn commutes(function: Function) -> bool {
    matches!(
        function,
        Function::Add
            | Function::Multiply
            | Function::Equal
            | Function::And
            | Function::Or
            | Function::LogAddExp
    )
}
