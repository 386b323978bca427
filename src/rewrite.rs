//! The rule engine: in come a graph and its roots, out come roots that mean the same and are better.
//!
//! [`stabilize`] makes what neither overflows nor cancels of what was written; [`simplify`] makes what is
//! short and readable, and folds constants. The rules are data (`rewrite/*.rules`): directional, tried at a
//! node whose arguments are done, until none fits. Rules never look at how a node is used.

mod condition;
pub(crate) mod ranges;
mod rule;
#[cfg(test)]
mod tests;
mod zero_product;

use std::sync::OnceLock;

use crate::builtins::Function;
use crate::formula::Term;
use crate::graph::{Arguments, Extent, Graph, Node, NodeId, Type};
use crate::hash::HashMap;
use ranges::Ranges;
use rule::{Match, Rule, RuleSet};

/// Rewrites what is written into what is stable: neither overflow nor cancellation where the maths has none.
pub fn stabilize(graph: &mut Graph, roots: &mut [NodeId]) {
    zero_product::guard_products(graph, roots);
    rewrite(graph, roots, stabilize_rules(), Folding::Never);
}

/// Only makes products with a logarithm what the language says that they mean: 0 where the other factor is.
pub(crate) fn guard_products(graph: &mut Graph, roots: &mut [NodeId]) {
    zero_product::guard_products(graph, roots);
}

/// What [`stabilize`] did.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// The rules in the order in which they fired, each with the node, as it was before, that it helped to rewrite.
    pub fired: Vec<(&'static str, NodeId)>,
    /// What each node that was reachable has become, in topological order of the old ones.
    pub became: Vec<(NodeId, NodeId)>,
    /// How many times a rule was compared with a node.
    pub compared: usize,
}

/// [`stabilize`], and what it did.
pub fn stabilize_traced(graph: &mut Graph, roots: &mut [NodeId]) -> Trace {
    let guarded = zero_product::guard_products(graph, roots);
    let (mut trace, _) = rewrite(graph, roots, stabilize_rules(), Folding::Never);
    let then: HashMap<NodeId, NodeId> = trace.became.iter().copied().collect();
    let of = |(old, new): (NodeId, NodeId)| then.get(&new).map(|newest| (old, *newest));
    trace.became = guarded.iter().copied().filter_map(of).collect();
    // The first that became it: a later one is the guarded form itself.
    let before: HashMap<NodeId, NodeId> =
        guarded.into_iter().rev().map(|(old, new)| (new, old)).collect();
    for (_, node) in &mut trace.fired {
        *node = before.get(node).copied().unwrap_or(*node);
    }
    trace
}

/// Rewrites into the short and readable form, and folds constants.
pub fn simplify(graph: &mut Graph, roots: &mut [NodeId]) {
    rewrite(graph, roots, simplify_rules(), Folding::Always);
}

/// The rules of [`stabilize`].
pub(crate) fn stabilize_rules() -> &'static RuleSet {
    static RULES: OnceLock<RuleSet> = OnceLock::new();
    RULES.get_or_init(|| RuleSet::parse("stabilize.rules", include_str!("rewrite/stabilize.rules")))
}

/// The rules of [`simplify`].
pub(crate) fn simplify_rules() -> &'static RuleSet {
    static RULES: OnceLock<RuleSet> = OnceLock::new();
    RULES.get_or_init(|| RuleSet::parse("simplify.rules", include_str!("rewrite/simplify.rules")))
}

/// Whether functions of constants become constants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Folding {
    Never,
    Always,
}

/// How many rules may fire for each node that there is.
const STEPS_A_NODE: usize = 64;

/// Rewrites the roots; says what it did, and how many more rules might have fired.
fn rewrite(
    graph: &mut Graph,
    roots: &mut [NodeId],
    rules: &'static RuleSet,
    folding: Folding,
) -> (Trace, usize) {
    let order = graph.reachable(roots);
    let ranges = Ranges::new(graph);
    let mut new: Vec<Option<NodeId>> = vec![None; graph.len()];
    let done = vec![None; graph.len()];
    let steps = STEPS_A_NODE * (order.len() + 16);
    let (fired, origin) = (Vec::new(), NodeId::from_index(0));
    let mut engine =
        Engine { graph, rules, folding, ranges, done, steps, fired, origin, compared: 0 };
    for &id in &order {
        engine.origin = id;
        let becomes = |argument: NodeId| new[argument.index()].expect("arguments come first");
        let node = engine.graph.node(id);
        // Most nodes stay as they are; looking them up again is what costs.
        let is_same = node.arguments().iter().all(|argument| becomes(*argument) == *argument);
        let is_folded = engine.folding == Folding::Always
            && matches!(
                node,
                Node::Map(..) | Node::Reduce(..) | Node::Rename { .. } | Node::Size(_)
            );
        let look = if is_same && !is_folded {
            Look::Known(id)
        } else {
            Look::New(node.with_arguments(becomes))
        };
        new[id.index()] = Some(engine.settle(look));
    }
    for root in roots {
        *root = new[root.index()].expect("roots are reachable");
    }
    let became = order.into_iter().filter_map(|id| new[id.index()].map(|new| (id, new)));
    let Engine { fired, steps, compared, .. } = engine;
    (Trace { fired, became: became.collect(), compared }, steps)
}

struct Engine<'a> {
    graph: &'a mut Graph,
    rules: &'static RuleSet,
    folding: Folding,
    ranges: Ranges,
    /// What a node has become; itself while it is being rewritten, so that no rule runs in a circle.
    done: Vec<Option<NodeId>>,
    /// How many more rules may fire.
    steps: usize,
    /// The rules that fired, and where.
    fired: Vec<(&'static str, NodeId)>,
    /// The node of the graph as it was that is being settled.
    origin: NodeId,
    /// How many times a rule was compared with a node.
    compared: usize,
}

/// The right side of a rule that is being built.
struct Frame {
    target: NodeId,
    rule: &'static Rule,
    found: Match,
    /// The terms that have been built, all of them settled.
    built: Vec<NodeId>,
}

/// A node to be settled.
enum Look {
    Known(NodeId),
    New(Node),
}

/// What a look at a node found.
enum Found {
    Settled(NodeId),
    Matched(Frame),
}

impl Engine<'_> {
    /// The node that a node with settled arguments becomes, itself settled.
    fn settle(&mut self, look: Look) -> NodeId {
        let mut frames = match self.look(look) {
            Found::Settled(id) => return id,
            Found::Matched(frame) => vec![frame],
        };
        loop {
            let frame = frames.last_mut().expect("the loop ends with the last frame");
            if let Some(term) = frame.rule.right.terms.get(frame.built.len()) {
                let node = match build(self.graph, term, frame) {
                    Ok(id) => {
                        frame.built.push(id);
                        self.ranges.find(self.graph, id);
                        continue;
                    }
                    Err(node) => node,
                };
                match self.look(Look::New(node)) {
                    Found::Settled(id) => frame.built.push(id),
                    Found::Matched(inner) => frames.push(inner),
                }
                continue;
            }
            let result = *frame.built.last().expect("a formula has a root");
            let target = frame.target;
            self.done[target.index()] = Some(result);
            frames.pop();
            match frames.last_mut() {
                Some(frame) => frame.built.push(result),
                None => return result,
            }
        }
    }

    /// Interns a node and looks for a rule that fits.
    fn look(&mut self, look: Look) -> Found {
        let id = match look {
            Look::Known(id) => id,
            Look::New(node) => self.intern(node),
        };
        if self.done.len() < self.graph.len() {
            self.done.resize(self.graph.len(), None);
        }
        if let Some(done) = self.done[id.index()] {
            return Found::Settled(done);
        }
        self.done[id.index()] = Some(id);
        self.ranges.find(self.graph, id);
        if self.steps == 0 {
            return Found::Settled(id);
        }
        let (graph, ranges) = (&*self.graph, &self.ranges);
        let holds = |condition, variable, found: &Match| {
            condition::holds(condition, graph, ranges, variable, found)
        };
        let found = self.rules.find(graph, id, holds, &mut self.compared);
        match found {
            Some((rule, found)) => {
                self.steps -= 1;
                self.fired.push((&rule.name, self.origin));
                let built = Vec::with_capacity(rule.right.terms.len());
                Found::Matched(Frame { target: id, rule, found, built })
            }
            None => Found::Settled(id),
        }
    }

    /// The id of a node, once constants are folded and binders of lost axes are gone.
    fn intern(&mut self, node: Node) -> NodeId {
        match node {
            Node::Reduce(reduction, axis, argument) => self.graph.reduce(reduction, axis, argument),
            Node::Rename { argument, from, .. } if !self.graph.axes(argument).contains(from) => {
                argument
            }
            Node::Rename { argument, from, to } => match *self.graph.node(argument) {
                Node::Map(Function::Negate, of) => {
                    let argument = of.as_slice()[0];
                    let renamed = self.graph.intern(Node::Rename { argument, from, to });
                    self.graph.map(Function::Negate, &[renamed])
                }
                _ => self.graph.intern(node),
            },
            Node::Map(Function::Negate, arguments) => {
                match self.graph.as_number(arguments.as_slice()[0]) {
                    // The sign of a constant is part of it, folding or not.
                    Some(value) => self.graph.number(-value),
                    None => self.graph.intern(node),
                }
            }
            Node::Map(function, arguments) if self.folding == Folding::Always => {
                match fold(self.graph, function, arguments.as_slice()) {
                    Some(folded) => self.graph.intern(folded),
                    None => self.graph.intern(node),
                }
            }
            Node::Size(extent) if self.folding == Folding::Always => {
                match self.graph.extent(extent) {
                    Extent::Literal(length) => self.graph.number(f64::from(*length)),
                    Extent::Named(_) => self.graph.intern(node),
                }
            }
            node => self.graph.intern(node),
        }
    }
}

/// A term of a right side: a node that there is, or one to be settled.
fn build(graph: &mut Graph, term: &Term, frame: &Frame) -> Result<NodeId, Node> {
    match term {
        Term::Variable(variable) => Ok(frame.found.variable(*variable)),
        Term::Number(value) => Ok(graph.number(*value)),
        Term::Bool(value) => Ok(graph.intern(Node::Bool(*value))),
        Term::Map(function, arguments) => {
            let mut ids = [frame.built[arguments[0]]; 3];
            for (id, at) in ids.iter_mut().zip(arguments) {
                *id = frame.built[*at];
            }
            Err(Node::Map(*function, Arguments::new(&ids[..arguments.len()])))
        }
        Term::Reduce(reduction, argument) => {
            let axis = frame.found.axis.expect("the left side has a reduction");
            Err(Node::Reduce(*reduction, axis, frame.built[*argument]))
        }
    }
}

/// A function of constants as a constant, unless that makes an infinity or NaN of finite numbers.
fn fold(graph: &Graph, function: Function, arguments: &[NodeId]) -> Option<Node> {
    if function == Function::StopGradient {
        return None;
    }
    let mut values = [0.0; 3];
    for (value, argument) in values.iter_mut().zip(arguments) {
        *value = match graph.node(*argument) {
            Node::Number(bits) => f64::from_bits(*bits),
            Node::Bool(truth) => f64::from(u8::from(*truth)),
            _ => return None,
        };
    }
    let values = &values[..arguments.len()];
    let result = (function.row().reference)(values);
    let is_exact = result.is_finite() || values.iter().any(|value| !value.is_finite());
    match function {
        Function::Equal
        | Function::Less
        | Function::LessEqual
        | Function::And
        | Function::Or
        | Function::Not => Some(Node::Bool(result != 0.0)),
        Function::Select if graph.ty(arguments[1]) == Type::Bool => Some(Node::Bool(result != 0.0)),
        _ => is_exact.then_some(Node::Number((result + 0.0).to_bits())),
    }
}
