//! Formulas over named variables: in comes an expression of the loss language, out come graph nodes.
//!
//! The derivatives and definitions of [`crate::builtins`] and both sides of the rules of [`crate::rewrite`]
//! are formulas. They are parsed once, from text that is part of the compiler; a text that is wrong is a
//! broken invariant, and a test parses every row.

use std::sync::OnceLock;

use crate::builtins::{DEFINITIONS, FUNCTIONS, Function, Reduction};
use crate::diagnostic::Sources;
use crate::graph::{Graph, Node, NodeId};
use crate::syntax::ast::{BinaryOperator, Expr, ExprKind, UnaryOperator};
use crate::syntax::parse::parse_expression;

/// An expression over numbered variables: terms, arguments before their users, the root last.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Formula {
    /// The terms; those inside refer to earlier ones by their place.
    pub(crate) terms: Vec<Term>,
}

/// A term of a formula.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Term {
    /// The variable of this number.
    Variable(usize),
    /// A real constant.
    Number(f64),
    /// A truth value.
    Bool(bool),
    /// A function of earlier terms.
    Map(Function, Vec<usize>),
    /// A reduction of an earlier term along the one axis that the rule is about.
    Reduce(Reduction, usize),
}

impl Term {
    /// The places of the terms that it applies to.
    pub(crate) fn arguments(&self) -> &[usize] {
        match self {
            Self::Variable(_) | Self::Number(_) | Self::Bool(_) => &[],
            Self::Map(_, arguments) => arguments,
            Self::Reduce(_, argument) => std::slice::from_ref(argument),
        }
    }
}

impl Formula {
    /// Parses a formula over the given names.
    ///
    /// # Panics
    /// If the text is not an elementwise expression over the names and the functions of the table.
    #[must_use]
    pub fn parse(text: &str, names: &[&str]) -> Self {
        let mut sources = Sources::default();
        let file = sources.add("<formula>", text);
        let expr = parse_expression(file, &sources);
        let expr = expr.unwrap_or_else(|errors| panic!("`{text}` is no formula: {errors:?}"));
        let mut names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let count = names.len();
        let formula = Self::of(&expr, &mut names);
        assert_eq!(names.len(), count, "`{text}` names something unknown: {names:?}");
        formula
    }

    /// The formula that an expression is; names that are new are added to `names`.
    pub(crate) fn of(expr: &Expr, names: &mut Vec<String>) -> Self {
        let mut formula = Self::default();
        formula.add(expr, names);
        formula
    }

    /// The formula as nodes, with nodes for its variables.
    ///
    /// # Panics
    /// If it holds a reduction, or more variables than there are nodes.
    pub fn instantiate(&self, graph: &mut Graph, variables: &[NodeId]) -> NodeId {
        let mut nodes: Vec<NodeId> = Vec::with_capacity(self.terms.len());
        for term in &self.terms {
            let node = match term {
                Term::Variable(variable) => variables[*variable],
                Term::Number(value) => graph.number(*value),
                Term::Bool(value) => graph.intern(Node::Bool(*value)),
                Term::Map(function, arguments) => {
                    let arguments: Vec<NodeId> = arguments.iter().map(|at| nodes[*at]).collect();
                    graph.map(*function, &arguments)
                }
                Term::Reduce(..) => unreachable!("only rules have reductions"),
            };
            nodes.push(node);
        }
        *nodes.last().expect("a formula has a root")
    }

    /// Whether it is this number.
    pub(crate) fn is_number(&self, value: f64) -> bool {
        matches!(self.terms[..], [Term::Number(own)] if own.to_bits() == value.to_bits())
    }

    fn push(&mut self, term: Term) -> usize {
        if let Some(at) = self.terms.iter().position(|known| *known == term) {
            return at;
        }
        self.terms.push(term);
        self.terms.len() - 1
    }

    fn map(&mut self, function: Function, arguments: &[usize]) -> usize {
        if let (Function::Negate, Term::Number(value)) = (function, &self.terms[arguments[0]]) {
            let opposite = -*value;
            self.drop_unused(arguments[0]);
            return self.push(Term::Number(opposite));
        }
        self.push(Term::Map(function, arguments.to_vec()))
    }

    /// Takes back the last term if nothing can have used it yet.
    fn drop_unused(&mut self, at: usize) {
        let is_used = self.terms.iter().any(|term| term.arguments().contains(&at));
        if at + 1 == self.terms.len() && !is_used {
            self.terms.pop();
        }
    }

    /// Adds an expression; its nesting is bounded by the parser.
    fn add(&mut self, expr: &Expr, names: &mut Vec<String>) -> usize {
        match &expr.kind {
            ExprKind::Number(value) => self.push(Term::Number(*value)),
            ExprKind::Bool(value) => self.push(Term::Bool(*value)),
            ExprKind::Name(name) => {
                let known = names.iter().position(|known| known == name);
                let variable = known.unwrap_or_else(|| {
                    names.push(name.clone());
                    names.len() - 1
                });
                self.push(Term::Variable(variable))
            }
            ExprKind::Unary(operator, operand) => {
                let operand = self.add(operand, names);
                match operator {
                    UnaryOperator::Negate => self.map(Function::Negate, &[operand]),
                    UnaryOperator::Not => self.map(Function::Not, &[operand]),
                }
            }
            ExprKind::Chain { first, rest } => {
                let first = self.add(first, names);
                rest.iter().fold(first, |left, link| {
                    let right = self.add(&link.operand, names);
                    self.add_operator(link.operator, left, right)
                })
            }
            ExprKind::Power(base, exponent) => {
                let arguments = [self.add(base, names), self.add(exponent, names)];
                self.map(Function::Power, &arguments)
            }
            ExprKind::If { arms, otherwise } => {
                let selected: Vec<[usize; 2]> = arms
                    .iter()
                    .map(|(condition, value)| [self.add(condition, names), self.add(value, names)])
                    .collect();
                let otherwise = self.add(otherwise, names);
                selected.iter().rev().fold(otherwise, |otherwise, [condition, value]| {
                    self.map(Function::Select, &[*condition, *value, otherwise])
                })
            }
            ExprKind::Call { name, binders: None, arguments } => {
                let arguments: Vec<usize> =
                    arguments.iter().map(|argument| self.add(&argument.value, names)).collect();
                self.add_call(&name.text, &arguments)
            }
            other => panic!("a formula cannot hold {other:?}"),
        }
    }

    fn add_operator(&mut self, operator: BinaryOperator, left: usize, right: usize) -> usize {
        let (function, arguments) = match operator {
            BinaryOperator::Or => (Function::Or, [left, right]),
            BinaryOperator::And => (Function::And, [left, right]),
            BinaryOperator::Equal | BinaryOperator::NotEqual => (Function::Equal, [left, right]),
            BinaryOperator::Less => (Function::Less, [left, right]),
            BinaryOperator::LessEqual => (Function::LessEqual, [left, right]),
            BinaryOperator::Greater => (Function::Less, [right, left]),
            BinaryOperator::GreaterEqual => (Function::LessEqual, [right, left]),
            BinaryOperator::Add => (Function::Add, [left, right]),
            BinaryOperator::Subtract => (Function::Subtract, [left, right]),
            BinaryOperator::Multiply => (Function::Multiply, [left, right]),
            BinaryOperator::Divide => (Function::Divide, [left, right]),
        };
        let result = self.map(function, &arguments);
        if operator == BinaryOperator::NotEqual {
            return self.map(Function::Not, &[result]);
        }
        result
    }

    fn add_call(&mut self, name: &str, arguments: &[usize]) -> usize {
        // `max` and `min` of one argument reduce; the graph's own product has no name in the language.
        let function = FUNCTIONS
            .iter()
            .find(|row| row.name == name && row.arguments.len() == arguments.len())
            .map(|row| row.function)
            .or_else(|| (name == "zero_product").then_some(Function::ZeroProduct));
        if let Some(function) = function {
            return self.map(function, arguments);
        }
        if let Some(at) = DEFINITIONS.iter().position(|row| row.name == name) {
            return self.include(&definitions()[at], arguments);
        }
        let reduction = match name {
            "sum" => Reduction::Sum,
            "prod" => Reduction::Product,
            "max" => Reduction::Max,
            "min" => Reduction::Min,
            "logsumexp" => Reduction::LogSumExp,
            "any" => Reduction::Any,
            "all" => Reduction::All,
            _ => panic!("a formula calls the unknown function `{name}`"),
        };
        self.push(Term::Reduce(reduction, arguments[0]))
    }

    /// Adds another formula, with terms of this one for its variables.
    fn include(&mut self, other: &Self, variables: &[usize]) -> usize {
        let mut places: Vec<usize> = Vec::with_capacity(other.terms.len());
        for term in &other.terms {
            let place = match term {
                Term::Variable(variable) => variables[*variable],
                Term::Number(_) | Term::Bool(_) => self.push(term.clone()),
                Term::Map(function, arguments) => {
                    let arguments: Vec<usize> = arguments.iter().map(|at| places[*at]).collect();
                    self.map(*function, &arguments)
                }
                Term::Reduce(reduction, argument) => {
                    self.push(Term::Reduce(*reduction, places[*argument]))
                }
            };
            places.push(place);
        }
        *places.last().expect("a formula has a root")
    }
}

/// The bodies of [`DEFINITIONS`], in their order.
///
/// # Panics
/// If a body is no formula: a test makes sure that all are.
pub fn definitions() -> &'static [Formula] {
    static PARSED: OnceLock<Vec<Formula>> = OnceLock::new();
    PARSED.get_or_init(|| {
        DEFINITIONS.iter().map(|row| Formula::parse(row.body, row.arguments)).collect()
    })
}

/// The derivative of a function in each of its arguments: formulas over the arguments and the result.
/// Empty where the table has none.
pub(crate) fn derivatives(function: Function) -> &'static [Formula] {
    static PARSED: OnceLock<Vec<Vec<Formula>>> = OnceLock::new();
    let all = PARSED.get_or_init(|| {
        FUNCTIONS
            .iter()
            .map(|row| {
                let names: Vec<&str> = row.arguments.iter().copied().chain(["y"]).collect();
                row.derivatives.iter().map(|text| Formula::parse(text, &names)).collect()
            })
            .collect()
    });
    &all[function as usize]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::evaluate_constant;

    #[test]
    fn every_definition_and_derivative_is_a_formula() {
        assert_eq!(definitions().len(), DEFINITIONS.len());
        for row in FUNCTIONS {
            assert_eq!(derivatives(row.function).len(), row.derivatives.len(), "{}", row.name);
        }
    }

    #[test]
    fn definitions_expand_and_conditions_select() {
        let cases = [
            ("clamp(x, 0, 1) + relu(-x)", 3.0, 1.0),
            ("if x != 3 { 1 } else if x >= 3 && !(x > 3) { square(x) } else { 2 }", 3.0, 9.0),
            ("xlogy(x, x) - x * log(x) + pow(2, x) - normal_cdf(0)", 3.0, 7.5),
            ("-2^2 - -x", 3.0, -1.0),
        ];
        for (text, x, expected) in cases {
            let formula = Formula::parse(text, &["x"]);
            let mut graph = Graph::default();
            let x = graph.number(x);
            let node = formula.instantiate(&mut graph, &[x]);
            assert_eq!(evaluate_constant(&graph, node), Some(expected), "{text}");
        }
    }
}
