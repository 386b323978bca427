//! Sums that are products of matrices: found in the graph, and written as such.
//!
//! In comes `sum[k](a[i, k] * b[k, j])`, with whatever else is a factor, a divisor or a condition that sets the term to 0
//! among `a` or `b`; out goes the same sum with two matrices as the only factors, which lie in memory as a whole before the
//! product begins. A matrix that is an input as it stands is read from there.

use super::emit::Emitter;
use crate::builtins::{Function, Reduction};
use crate::graph::{AxisId, Extent, Graph, InputKind, Moved, Node, NodeId};
use crate::hash::{HashMap, HashSet};
use crate::loops::{self, Element, Index, MatrixProduct, SHORT, Statement, Subscript};

/// The sums that are products of matrices.
#[derive(Default)]
pub(super) struct Products {
    sums: HashMap<NodeId, Product>,
    /// The factors that are to lie in memory, those on the right with their column, which goes last.
    factors: HashSet<NodeId>,
    columns: HashMap<NodeId, AxisId>,
}

/// A product of matrices.
#[derive(Clone, Copy)]
pub(super) struct Product {
    row: AxisId,
    column: AxisId,
    depth: AxisId,
    left: NodeId,
    right: NodeId,
}

impl Product {
    /// Its three axes.
    pub(super) fn indices(&self) -> [AxisId; 3] {
        [self.row, self.column, self.depth]
    }
}

impl Products {
    /// The product that a node is, if it is one.
    pub(super) fn get(&self, node: NodeId) -> Option<&Product> {
        self.sums.get(&node)
    }

    /// Whether a node must lie in memory as a whole.
    pub(super) fn is_factor(&self, node: NodeId) -> bool {
        self.factors.contains(&node) || self.sums.contains_key(&node)
    }

    /// The factors of a product that lie in memory for its sake.
    pub(super) fn stored(&self, product: &Product) -> Vec<NodeId> {
        let factors = [product.left, product.right].into_iter();
        factors.filter(|factor| self.factors.contains(factor)).collect()
    }

    /// Takes note of what nodes have become.
    pub(super) fn move_nodes(&mut self, moved: &Moved) {
        let Self { sums, factors, columns } = std::mem::take(self);
        let new = |id: NodeId| moved.get(id);
        let product = |product: Product| {
            let (left, right) = (new(product.left)?, new(product.right)?);
            Some(Product { left, right, ..product })
        };
        self.sums =
            sums.into_iter().filter_map(|(id, it)| Some((new(id)?, product(it)?))).collect();
        self.factors = factors.into_iter().filter_map(new).collect();
        self.columns =
            columns.into_iter().filter_map(|(id, column)| Some((new(id)?, column))).collect();
    }

    /// The axes of an array in the order in which it is to lie in memory.
    pub(super) fn in_order(&self, node: NodeId, mut axes: Vec<AxisId>) -> Vec<AxisId> {
        if let Some(column) = self.columns.get(&node) {
            axes.sort_by_key(|axis| axis == column);
        }
        axes
    }
}

/// Finds the products of matrices that roots need; gives the roots with them.
pub(super) fn find_products(
    graph: &mut Graph,
    roots: &[NodeId],
    order: &[AxisId],
) -> (Vec<NodeId>, Products) {
    let mut products = Products::default();
    let Some(diagonals) = diagonals(graph, roots, order) else {
        return (roots.to_vec(), products);
    };
    let mut roots = roots.to_vec();
    if !diagonals.is_empty() {
        roots = rebuilt(graph, &roots, |_, id| diagonals.get(&id).copied());
    }
    let roots = rebuilt(graph, &roots, |graph, id| find_product(graph, &mut products, id, order));
    (roots, products)
}

/// The roots with nodes replaced, arguments before their users.
fn rebuilt(
    graph: &mut Graph,
    roots: &[NodeId],
    mut replace: impl FnMut(&mut Graph, NodeId) -> Option<NodeId>,
) -> Vec<NodeId> {
    let needed = graph.reachable(roots);
    let mut moved = Moved::of(graph);
    for id in needed {
        let new = graph.rebuild(id, |argument| moved[argument]);
        let new = replace(graph, new).unwrap_or(new);
        moved.insert(id, new);
    }
    roots.iter().map(|root| moved[*root]).collect()
}

/// For sums that are the diagonals of products: those elements, so that both are the same bits; none, if there are no products.
fn diagonals(
    graph: &mut Graph,
    roots: &[NodeId],
    order: &[AxisId],
) -> Option<HashMap<NodeId, NodeId>> {
    let needed = graph.reachable(roots);
    let mut diagonals = None;
    for id in &needed {
        let Some(([row, column, _], _)) = sides(graph, *id, order) else { continue };
        let diagonals = diagonals.get_or_insert_with(HashMap::default);
        if graph.axis(row).extent != graph.axis(column).extent {
            continue;
        }
        let [at_row, at_column] = [row, column].map(|axis| graph.intern(Node::Index(axis)));
        let diagonal = graph.substitute(*id, &[(column, at_row)]);
        if needed.binary_search(&diagonal).is_ok() {
            let is_on_it = graph.map(Function::Equal, &[at_row, at_column]);
            let zero = graph.number(0.0);
            let element = graph.select(is_on_it, *id, zero);
            diagonals.insert(diagonal, graph.reduce(Reduction::Sum, column, element));
        }
    }
    diagonals
}

/// The product of matrices that a node is, if it is one.
fn find_product(
    graph: &mut Graph,
    products: &mut Products,
    id: NodeId,
    order: &[AxisId],
) -> Option<NodeId> {
    let ([row, column, depth], [left, right]) = sides(graph, id, order)?;
    let left = factor(graph, products, left, None)?;
    let right = factor(graph, products, right, Some(column))?;
    let term = graph.map(Function::Multiply, &[left, right]);
    let sum = graph.intern(Node::Reduce(Reduction::Sum, depth, term));
    products.sums.insert(sum, Product { row, column, depth, left, right });
    Some(sum)
}

/// The row, column and depth of the product of matrices that a node is, and its two factors.
fn sides(graph: &mut Graph, id: NodeId, order: &[AxisId]) -> Option<([AxisId; 3], [NodeId; 2])> {
    let Node::Reduce(Reduction::Sum, depth, body) = *graph.node(id) else { return None };
    // The indices of a product are the innermost axes.
    let axes: Vec<AxisId> =
        order.iter().copied().filter(|axis| graph.axes(body).contains(*axis)).collect();
    let [.., _, _, _] = axes[..] else { return None };
    let indices = &axes[axes.len() - 3..];
    let outer: Vec<AxisId> = indices.iter().copied().filter(|axis| *axis != depth).collect();
    let [row, column] = outer[..] else { return None };
    let is_long = |axis: &AxisId| match graph.extent(graph.axis(*axis).extent) {
        Extent::Literal(length) => *length > SHORT,
        Extent::Named(_) => true,
    };
    if !indices.iter().all(is_long) {
        return None;
    }
    let terms = Terms::of(graph, body, row, column)?;
    let [left, right] = terms.sides(graph);
    let has = |side: NodeId, axes: [AxisId; 2]| {
        axes.into_iter().all(|axis| graph.axes(side).contains(axis))
    };
    let is_product = has(left, [row, depth]) && has(right, [column, depth]);
    is_product.then_some(([row, column, depth], [left, right]))
}

/// A factor as a node of its own: an input as it stands, if its column goes last, or an array that is to lie in memory.
fn factor(
    graph: &mut Graph,
    products: &mut Products,
    side: NodeId,
    column: Option<AxisId>,
) -> Option<NodeId> {
    if let Node::Read(input, subscripts) = graph.node(side) {
        let declared = graph.input(*input);
        let is_plain = declared.kind == InputKind::Real
            && declared.default.is_none()
            && subscripts.iter().all(|it| matches!(graph.node(*it), Node::Index(_)));
        let last = subscripts.last().map(|it| graph.node(*it));
        if is_plain && column.is_none_or(|column| last == Some(&Node::Index(column))) {
            return Some(side);
        }
    }
    // A name of its own, so that whatever else reads these elements need not read them from there.
    let mut named = graph.map(Function::StopGradient, &[side]);
    if let Some(column) = column {
        named = graph.map(Function::StopGradient, &[named]);
        if *products.columns.entry(named).or_insert(column) != column {
            return None;
        }
    }
    products.factors.insert(named);
    Some(named)
}

/// What the terms of a sum are made of.
#[derive(Default)]
struct Terms {
    /// Where one of them does not hold, the term is 0.
    conditions: Vec<NodeId>,
    /// Factors and divisors without the column, then those without the row.
    factors: [Vec<NodeId>; 2],
    divisors: [Vec<NodeId>; 2],
    is_negative: bool,
}

impl Terms {
    /// Takes a term apart; none if it has a part with both row and column.
    fn of(graph: &Graph, term: NodeId, row: AxisId, column: AxisId) -> Option<Self> {
        let mut terms = Self::default();
        let mut open = vec![(term, false)];
        while let Some((id, is_divisor)) = open.pop() {
            let has = |axis| graph.axes(id).contains(axis);
            if !has(row) || !has(column) {
                let side = usize::from(has(column));
                let parts = if is_divisor { &mut terms.divisors } else { &mut terms.factors };
                parts[side].push(id);
                continue;
            }
            let Node::Map(function, of) = graph.node(id) else { return None };
            let of = of.as_slice();
            match function {
                Function::Multiply => open.extend([(of[1], is_divisor), (of[0], is_divisor)]),
                Function::Divide if !is_divisor => open.extend([(of[1], true), (of[0], false)]),
                Function::Negate => {
                    terms.is_negative ^= true;
                    open.push((of[0], is_divisor));
                }
                Function::Select
                    if !is_divisor && graph.as_number(of[2]) == Some(0.0) && {
                        let axes = graph.axes(of[0]);
                        !axes.contains(row) && !axes.contains(column)
                    } =>
                {
                    terms.conditions.push(of[0]);
                    open.push((of[1], false));
                }
                _ => return None,
            }
        }
        Some(terms)
    }

    /// The two factors. Both are 0 where a condition does not hold, so that neither spoils what the other says.
    fn sides(&self, graph: &mut Graph) -> [NodeId; 2] {
        [0, 1].map(|side| {
            let one = graph.number(1.0);
            let of = |graph: &mut Graph, parts: &[NodeId]| {
                let product = |a, b| graph.map(Function::Multiply, &[a, b]);
                parts.iter().copied().reduce(product)
            };
            let mut matrix = of(graph, &self.factors[side]).unwrap_or(one);
            if let Some(divisor) = of(graph, &self.divisors[side]) {
                matrix = graph.map(Function::Divide, &[matrix, divisor]);
            }
            if self.is_negative && side == 0 {
                matrix = graph.map(Function::Negate, &[matrix]);
            }
            let zero = graph.number(0.0);
            for condition in self.conditions.iter().rev() {
                matrix = graph.select(*condition, matrix, zero);
            }
            matrix
        })
    }
}

impl Emitter<'_> {
    /// Writes a product of matrices, the factors of which lie in memory.
    pub(super) fn write_product(&mut self, node: NodeId) {
        let product = *self.products.get(node).expect("it is a product");
        let ids = product.indices().map(|axis| (axis, self.loop_id()));
        let [row, column, depth] = ids.map(|(axis, id)| {
            let extent = self.extent(self.graph.axis(axis).extent);
            Index { id, extent }
        });
        let [left, right, to] = [product.left, product.right, node].map(|node| {
            let (array, axes) = self.array_of(node);
            let place = |axis: &AxisId| match ids.iter().find(|(known, _)| known == axis) {
                Some((_, id)) => Subscript::Counter(*id),
                None => Subscript::Counter(self.counter(*axis)),
            };
            Element { array, subscripts: axes.iter().map(place).collect() }
        });
        let product = MatrixProduct { row, column, depth, left, right, to };
        self.body().statements.push(Statement::Product(Box::new(product)));
    }

    /// The array in memory that a factor is, and its axes in order.
    pub(super) fn array_of(&mut self, node: NodeId) -> (loops::ArrayId, Vec<AxisId>) {
        if let Some(stored) = self.stored.get(&node) {
            return (stored.array, stored.axes.clone());
        }
        let Node::Read(input, subscripts) = self.graph.node(node).clone() else {
            unreachable!("other factors are stored")
        };
        let axis = |it: &NodeId| match self.graph.node(*it) {
            Node::Index(axis) => *axis,
            _ => unreachable!("a factor is read along axes"),
        };
        let axes = subscripts.iter().map(axis).collect();
        (self.input_array(input), axes)
    }
}
