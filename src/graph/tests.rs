//! Interning, types and axes of small graphs.

use super::*;

/// A graph with the reals `x[K]` and `y[K]`.
fn two_vectors() -> (Graph, AxisId, [InputId; 2]) {
    let mut graph = Graph::default();
    let extent = graph.add_extent(Extent::Named("K".into()));
    let axis = graph.declared_axis(extent);
    let span = crate::diagnostic::Span { file: crate::diagnostic::FileId(0), start: 0, end: 0 };
    let mut input = |name: &str| {
        graph.add_input(Input {
            name: name.into(),
            doc: String::new(),
            role: Role::Pred,
            kind: InputKind::Real,
            axes: vec![axis],
            domain: None,
            default: None,
            span,
        })
    };
    let inputs = [input("x"), input("y")];
    (graph, axis, inputs)
}

#[test]
fn equal_nodes_are_one_node() {
    let mut graph = Graph::default();
    let (zero, minus_zero) = (graph.number(0.0), graph.number(-0.0));
    assert_eq!(zero, minus_zero);
    let one = graph.number(1.0);
    assert_eq!(graph.map(Function::Add, &[zero, one]), graph.map(Function::Add, &[zero, one]));
    assert_ne!(graph.map(Function::Add, &[zero, one]), graph.map(Function::Add, &[one, zero]));
}

#[test]
fn a_reduction_binds_its_axis_and_substitution_does_not_capture() {
    let (mut graph, axis, [x, y]) = two_vectors();
    let index = graph.intern(Node::Index(axis));
    let whole_x = graph.intern(Node::Read(x, [index].into()));
    let inner = graph.index_axis(graph.axis(axis).extent, AxisSet::of(axis));
    let inner_index = graph.intern(Node::Index(inner));
    let element_y = graph.intern(Node::Read(y, [inner_index].into()));
    // sum over K of x[K] * y[i]: the index i is free, and becomes K.
    let product = graph.map(Function::Multiply, &[whole_x, element_y]);
    let sum = graph.reduce(Reduction::Sum, axis, product);
    assert_eq!(graph.axes(sum), AxisSet::of(inner));
    let renamed = graph.substitute(sum, &[(inner, index)]);
    assert_eq!(graph.axes(renamed), AxisSet::of(axis));
    let Node::Reduce(Reduction::Sum, bound, body) = *graph.node(renamed) else {
        panic!("still a sum")
    };
    assert_ne!(bound, axis);
    assert_eq!(graph.axes(body), AxisSet::of(axis).with(bound));
}

#[test]
fn a_sum_over_an_absent_axis_multiplies_by_the_extent() {
    let (mut graph, axis, _) = two_vectors();
    let two = graph.number(2.0);
    let sum = graph.reduce(Reduction::Sum, axis, two);
    assert!(matches!(graph.node(sum), Node::Map(Function::Multiply, _)));
}

#[test]
fn the_table_of_functions_is_in_the_order_of_the_enum() {
    for (index, row) in crate::builtins::FUNCTIONS.iter().enumerate() {
        assert_eq!(row.function as usize, index, "{:?}", row.function);
        assert!(
            row.derivatives.is_empty() || row.derivatives.len() == row.arguments.len(),
            "{}",
            row.name
        );
    }
}
