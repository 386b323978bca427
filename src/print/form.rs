//! What a node is printed as: the inverse of what the checker makes of the words of the language.
//!
//! In come a node and the declared axes that have an index where it stands; out comes a [`Form`], whose parts are
//! nodes again. A form covers as many nodes as one construct of the language does.

use super::aspects::{Aspects, Shared, declared, one_hot_label, whole_from};
use super::pen::Style;
use super::reduction::Reduced;
use super::softmax::Softmax;
use crate::builtins::Function;
use crate::graph::{AxisId, AxisKind, AxisSet, ExtentId, Graph, InputId, Node, NodeId};

/// One construct of the language.
#[derive(Debug)]
pub(super) enum Form {
    /// A real constant.
    Number(f64),
    /// A truth value.
    Truth(bool),
    /// A constant position.
    Position(u32),
    /// `size(K)`
    Size(ExtentId),
    /// An index by its name.
    Index(AxisId),
    /// A shared part by its name, with the axes that need an index.
    Shared(Vec<AxisId>),
    /// An input with its subscripts.
    Read(InputId, Vec<NodeId>),
    /// `-a`
    Negate(NodeId),
    /// `!a`
    Not(NodeId),
    /// `a + b` and its like.
    Infix(Infix, NodeId, NodeId),
    /// `if c { a } else { b }`
    If(NodeId, NodeId, NodeId),
    /// A function by its name.
    Call(&'static str, Vec<NodeId>),
    /// A reduction.
    Reduce(Reduced),
    /// `softmax` or `log_softmax`.
    Softmax(Softmax),
}

/// The operators between two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Infix {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
}

/// The graph as the printer sees it.
#[derive(Debug)]
pub(super) struct View<'g> {
    pub(super) graph: &'g Graph,
    pub(super) aspects: Aspects,
    pub(super) shared: Shared,
    pub(super) style: Style,
}

impl<'g> View<'g> {
    pub(super) fn new(graph: &'g Graph, root: NodeId, style: Style, shared: Shared) -> Self {
        Self { graph, aspects: Aspects::of(graph, root, &shared), shared, style }
    }

    /// How a node is printed where these declared axes have an index.
    pub(super) fn form(&self, id: NodeId, explicit: AxisSet) -> Form {
        match self.shared.get(&id) {
            Some(order) => Form::Shared(self.indexed_part(order, explicit)),
            None => self.form_in_full(id, explicit),
        }
    }

    /// How a node is printed, and not by its name.
    pub(super) fn form_in_full(&self, id: NodeId, explicit: AxisSet) -> Form {
        match self.graph.node(id) {
            Node::Number(bits) => Form::Number(f64::from_bits(*bits)),
            Node::Bool(truth) => Form::Truth(*truth),
            Node::Position(position, _) => Form::Position(*position),
            Node::Size(extent) => Form::Size(*extent),
            Node::Index(axis) => {
                debug_assert!(self.has_index(*axis, explicit), "a silent axis has no position");
                Form::Index(*axis)
            }
            Node::Read(input, subscripts) => {
                let start = whole_from(self.graph, subscripts);
                let silent = subscripts[start..].iter().rev().take_while(|id| {
                    !self.graph.axes(**id).iter().any(|axis| self.has_index(axis, explicit))
                });
                let count = subscripts.len() - silent.count();
                Form::Read(*input, subscripts[..count].to_vec())
            }
            Node::Map(function, arguments) => {
                self.map_form(id, *function, arguments.as_slice(), explicit)
            }
            Node::Reduce(reduction, ..) => {
                Form::Reduce(self.reduction_form(id, *reduction, explicit))
            }
            Node::Rename { .. } => unreachable!("renames are substituted away before printing"),
        }
    }

    /// Whether an axis has an index where these declared axes have one.
    pub(super) fn has_index(&self, axis: AxisId, explicit: AxisSet) -> bool {
        self.graph.axis(axis).kind != AxisKind::Declared || explicit.contains(axis)
    }

    /// The axes of a node that are aligned silently.
    pub(super) fn silent(&self, id: NodeId, explicit: AxisSet) -> AxisSet {
        declared(self.graph, self.graph.axes(id)).minus(explicit)
    }

    /// The axes of a shared part up to the last that has an index.
    fn indexed_part(&self, order: &[AxisId], explicit: AxisSet) -> Vec<AxisId> {
        let silent = order.iter().rev().take_while(|axis| !self.has_index(**axis, explicit));
        order[..order.len() - silent.count()].to_vec()
    }

    fn map_form(
        &self,
        id: NodeId,
        function: Function,
        arguments: &[NodeId],
        explicit: AxisSet,
    ) -> Form {
        if let Some(form) = self.pattern(id, function, arguments, explicit) {
            return form;
        }
        if let Some(infix) = infix_of(function) {
            return Form::Infix(infix, arguments[0], arguments[1]);
        }
        match function {
            Function::Negate => Form::Negate(arguments[0]),
            Function::Not => Form::Not(arguments[0]),
            Function::Select => Form::If(arguments[0], arguments[1], arguments[2]),
            function => Form::Call(function.row().name, arguments.to_vec()),
        }
    }

    /// What the language has a shorter word for.
    fn pattern(
        &self,
        id: NodeId,
        function: Function,
        arguments: &[NodeId],
        explicit: AxisSet,
    ) -> Option<Form> {
        match function {
            // A constant reads better on the right.
            Function::Less | Function::LessEqual => {
                let is_constant = |id| self.graph.as_number(id).is_some();
                let sign =
                    if function == Function::Less { Infix::Greater } else { Infix::GreaterEqual };
                (is_constant(arguments[0]) && !is_constant(arguments[1]))
                    .then(|| Form::Infix(sign, arguments[1], arguments[0]))
            }
            Function::Not => match self.map_of(arguments[0], Function::Equal)? {
                [a, b] => Some(Form::Infix(Infix::NotEqual, *a, *b)),
                _ => None,
            },
            Function::Negate => {
                let [opposite] = self.map_of(arguments[0], Function::Softplus)? else {
                    return None;
                };
                let x = self.map_of(*opposite, Function::Negate)?;
                Some(Form::Call("log_sigmoid", x.to_vec()))
            }
            Function::Multiply => {
                let is_minus =
                    self.graph.as_number(arguments[0])?.to_bits() == (-1.0_f64).to_bits();
                is_minus.then(|| Form::Negate(arguments[1]))
            }
            Function::Exp => {
                let [a, b] = *self.map_of(arguments[0], Function::Subtract)? else { return None };
                self.softmax(false, a, b, explicit).map(Form::Softmax)
            }
            Function::Subtract => {
                self.softmax(true, arguments[0], arguments[1], explicit).map(Form::Softmax)
            }
            Function::Real => match self.graph.node(arguments[0]) {
                Node::Position(position, _) => Some(Form::Position(*position)),
                _ => None,
            },
            Function::Missing => match self.graph.node(arguments[0]) {
                Node::Position(..) => Some(Form::Truth(false)),
                _ => None,
            },
            Function::Divide => {
                self.mean_form(arguments[0], arguments[1], explicit).map(Form::Reduce)
            }
            Function::Sqrt => self.norm_form(arguments[0], explicit).map(Form::Reduce),
            Function::Select => match self.one_hot(id, explicit) {
                Some(label) => Some(Form::Call("one_hot", vec![label])),
                None => self.filtered_mean_form(arguments, explicit).map(Form::Reduce),
            },
            _ => None,
        }
    }

    /// The label of a one-hot array along a silent axis.
    pub(super) fn one_hot(&self, id: NodeId, explicit: AxisSet) -> Option<NodeId> {
        let (axis, label) = one_hot_label(self.graph, id)?;
        (!explicit.contains(axis)).then_some(label)
    }

    /// The arguments of a node that applies this function.
    pub(super) fn map_of(&self, id: NodeId, function: Function) -> Option<&[NodeId]> {
        match self.graph.node(id) {
            Node::Map(found, arguments) if *found == function => Some(arguments.as_slice()),
            _ => None,
        }
    }
}

fn infix_of(function: Function) -> Option<Infix> {
    Some(match function {
        Function::Or => Infix::Or,
        Function::And => Infix::And,
        Function::Equal => Infix::Equal,
        Function::Less => Infix::Less,
        Function::LessEqual => Infix::LessEqual,
        Function::Add => Infix::Add,
        Function::Subtract => Infix::Subtract,
        Function::Multiply | Function::ZeroProduct => Infix::Multiply,
        Function::Divide => Infix::Divide,
        Function::Power => Infix::Power,
        _ => return None,
    })
}

impl Form {
    /// The nodes that it shows.
    pub(super) fn parts(&self) -> Vec<NodeId> {
        match self {
            Self::Number(_)
            | Self::Truth(_)
            | Self::Position(_)
            | Self::Size(_)
            | Self::Index(_)
            | Self::Shared(_) => Vec::new(),
            Self::Read(_, parts) | Self::Call(_, parts) => parts.clone(),
            Self::Negate(a) | Self::Not(a) => vec![*a],
            Self::Infix(_, a, b) => vec![*a, *b],
            Self::If(c, a, b) => vec![*c, *a, *b],
            Self::Reduce(reduced) => reduced.filter.into_iter().chain([reduced.body]).collect(),
            Self::Softmax(softmax) => softmax.element.into_iter().chain([softmax.body]).collect(),
        }
    }
}
