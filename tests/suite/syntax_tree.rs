//! The parser against the language's one page: every construct gives the tree that it should.

use lossc::diagnostic::Sources;
use lossc::syntax::ast::{
    AxisName, AxisRef, Binders, Domain, DomainKind, Expr, ExprKind, File, InputDeclaration, Item,
    Loss, Role, UnaryOperator, Use, UseSource,
};
use lossc::syntax::parse::{parse_expression, parse_file, parse_rewrites};

/// Every construct of the language, in one file.
const PAGE: &str = include_str!("../data/language_page.loss");

fn page() -> File {
    parse(PAGE)
}

fn parse(text: &str) -> File {
    let mut sources = Sources::default();
    let id = sources.add("<page>", text);
    parse_file(id, &sources).expect("a valid file")
}

fn loss<'a>(file: &'a File, name: &str) -> &'a Loss {
    let mut losses = file.items.iter().filter_map(|item| match item {
        Item::Loss(loss) => Some(loss),
        _ => None,
    });
    losses.find(|loss| loss.name.text == name).expect("a loss of that name")
}

/// An expression written with all its brackets.
fn shown(expr: &Expr) -> String {
    let list = |exprs: &[Expr]| exprs.iter().map(shown).collect::<Vec<_>>().join(", ");
    match &expr.kind {
        ExprKind::Number(value) => value.to_string(),
        ExprKind::Bool(value) => value.to_string(),
        ExprKind::Name(name) => name.clone(),
        ExprKind::Unary(UnaryOperator::Negate, operand) => format!("(- {})", shown(operand)),
        ExprKind::Unary(UnaryOperator::Not, operand) => format!("(! {})", shown(operand)),
        ExprKind::Chain { first, rest } => {
            let rest: Vec<_> = rest
                .iter()
                .map(|link| format!(" {:?} {}", link.operator, shown(&link.operand)))
                .collect();
            format!("({}{})", shown(first), rest.concat())
        }
        ExprKind::Power(base, exponent) => format!("({} ^ {})", shown(base), shown(exponent)),
        ExprKind::If { arms, otherwise } => {
            let arms: Vec<_> =
                arms.iter().map(|(c, a)| format!("{} => {}; ", shown(c), shown(a))).collect();
            format!("if({}{})", arms.concat(), shown(otherwise))
        }
        ExprKind::Block { lets, result } => {
            let lets: Vec<_> = lets
                .iter()
                .map(|l| {
                    let binders = l.binders.as_ref().map_or(String::new(), shown_binders);
                    format!("let {}{binders} = {}; ", l.name.text, shown(&l.value))
                })
                .collect();
            format!("{{{}{}}}", lets.concat(), shown(result))
        }
        ExprKind::Index { array, indices } => format!("{}@[{}]", shown(array), list(indices)),
        ExprKind::Call { name, binders, arguments } => {
            let binders = binders.as_ref().map_or(String::new(), shown_binders);
            let arguments: Vec<_> = arguments
                .iter()
                .map(|a| match &a.name {
                    Some(name) => format!("{} = {}", name.text, shown(&a.value)),
                    None => shown(&a.value),
                })
                .collect();
            format!("{}{binders}({})", name.text, arguments.join(", "))
        }
        ExprKind::Comprehension(binders, value) => {
            format!("{} => {}", shown_binders(binders), shown(value))
        }
        ExprKind::List(items) => format!("[{}]", list(items)),
    }
}

fn shown_binders(binders: &Binders) -> String {
    let items: Vec<_> = binders
        .items
        .iter()
        .map(|binder| match &binder.index {
            Some(index) => format!("{} in {}", index.text, shown_axis(&binder.axis)),
            None => shown_axis(&binder.axis),
        })
        .collect();
    let filter = binders.filter.as_ref().map_or(String::new(), |f| format!(" if {}", shown(f)));
    format!("[{}{filter}]", items.join(", "))
}

fn shown_axis(axis: &AxisRef) -> String {
    match &axis.axis {
        AxisName::Named(name) => name.clone(),
        AxisName::Literal(extent) => extent.to_string(),
    }
}

fn shown_domain(domain: &Domain) -> String {
    match &domain.kind {
        DomainKind::Interval { low, low_open, high, high_open } => {
            format!("interval {} {low_open} {} {high_open}", shown(low), shown(high))
        }
        DomainKind::Set(items) => {
            format!("set {}", items.iter().map(shown).collect::<Vec<_>>().join(" "))
        }
        DomainKind::Whole { low, high, inclusive } => {
            let high = high.as_ref().map_or("none".to_owned(), shown);
            format!("whole {} {high} {inclusive}", shown(low))
        }
        DomainKind::Switch => "switch".to_owned(),
        DomainKind::Index { axis, optional } => format!("index {} {optional}", shown_axis(axis)),
        DomainKind::Simplex => "simplex".to_owned(),
    }
}

#[test]
fn expressions_group_as_they_should() {
    let cases = [
        ("a + b - c * d / e", "(a Add b Subtract (c Multiply d Divide e))"),
        ("-x^2", "(- (x ^ 2))"),
        ("2^-x * 3", "((2 ^ (- x)) Multiply 3)"),
        ("2^3^2", "(2 ^ (3 ^ 2))"),
        ("2^-x^2", "(2 ^ (- (x ^ 2)))"),
        ("-a * b", "((- a) Multiply b)"),
        ("a * -b * c", "(a Multiply (- b) Multiply c)"),
        ("!a && b || c == d", "(((! a) And b) Or (c Equal d))"),
        ("a || b && c < d + e", "(a Or (b And (c Less (d Add e))))"),
        ("a <= b", "(a LessEqual b)"),
        ("a < b < c", "(a Less b Less c)"),
        ("(a - b) - (c - d)", "((a Subtract b) Subtract (c Subtract d))"),
        ("x[i][0]", "x@[i]@[0]"),
        ("f(x)[i]", "f(x)@[i]"),
        ("(a + b)[i, j,]", "(a Add b)@[i, j]"),
        ("[1, 2, 3][i]", "[1, 2, 3]@[i]"),
        ("sum[i in K, j in 4 if i != j](x[i])", "sum[i in K, j in 4 if (i NotEqual j)](x@[i])"),
        ("softmax[K](x)", "softmax[K](x)"),
        ("norm[4](x)", "norm[4](x)"),
        ("huber(box, truth, delta = 2,)", "huber(box, truth, delta = 2)"),
        ("f(a == b)", "f((a Equal b))"),
        ("f()", "f()"),
        ("if a { 1 } else if b { 2 } else { 3 } + 1", "(if(a => 1; b => 2; 3) Add 1)"),
        ("if a { let b = 1; b } else { c }", "if(a => {let b = 1; b}; c)"),
        ("-if a { 1 } else { 2 }", "(- if(a => 1; 2))"),
        ("1_000 + 1.5e-3 + 1. + 2E2", "(1000 Add 0.0015 Add 1 Add 200)"),
        ("inf + pi", "(inf Add 3.141592653589793)"),
        ("true || false", "(true Or false)"),
        ("information + iffy", "(information Add iffy)"),
        ("grad + where + simplex", "(grad Add where Add simplex)"),
        ("[[1, 2], [3, -4]]", "[[1, 2], [3, (- 4)]]"),
        ("a // comment\r\n\t+ b", "(a Add b)"),
    ];
    for (text, expected) in cases {
        let mut sources = Sources::default();
        let id = sources.add("<expression>", text);
        let expr = parse_expression(id, &sources).expect(text);
        assert_eq!(shown(&expr), expected, "{text}");
        assert_eq!(sources.text(expr.span), text, "the span of {text}");
    }
}

#[test]
fn domains_are_what_they_look_like() {
    let cases = [
        ("[0, 1]", "interval 0 false 1 false"),
        ("(0, inf)", "interval 0 true inf true"),
        ("[0, size(K))", "interval 0 false size(K) true"),
        ("(-1, 1]", "interval (- 1) true 1 false"),
        ("{-1, 1}", "set (- 1) 1"),
        ("{false, true}", "switch"),
        ("{true, false}", "switch"),
        ("0..", "whole 0 none false"),
        ("1..=5", "whole 1 5 true"),
        ("0..5", "whole 0 5 false"),
        ("0..size(K)", "whole 0 size(K) false"),
        ("K", "index K false"),
        ("K?", "index K true"),
        ("4", "index 4 false"),
        ("4?", "index 4 true"),
        ("simplex", "simplex"),
    ];
    for (text, expected) in cases {
        for default in ["", " = 1"] {
            let file = parse(&format!("loss f(param a[K] in {text}{default}) = 1"));
            let input = &loss(&file, "f").inputs[0];
            let domain = input.domain.as_ref().expect("a domain");
            assert_eq!(shown_domain(domain), expected, "{text}");
            assert_eq!(input.default.is_some(), !default.is_empty());
            assert_eq!(
                domain.span.end - domain.span.start,
                u32::try_from(text.len()).expect("short")
            );
        }
    }
}

#[test]
fn the_page_gives_its_tree() {
    let file = page();
    assert_eq!(file.items.len(), 10);
    let half = loss(&file, "half_squared_error");
    let doc = "Squared error, with the half that makes its gradient exactly `prediction - target`.";
    assert_eq!(half.doc, doc);
    assert_eq!(shown(&half.body), "(((yhat Subtract y) ^ 2) Divide 2)");
    let huber = loss(&file, "huber");
    let roles: Vec<_> = huber.inputs.iter().map(|input| input.role).collect();
    assert_eq!(roles, [Role::Pred, Role::Target, Role::Param]);
    let expected = "{let r = abs((yhat Subtract y)); if((r LessEqual delta) => ((r ^ 2) Divide 2); \
                    (delta Multiply (r Subtract (delta Divide 2))))}";
    assert_eq!(shown(&huber.body), expected);
    let cross_entropy = loss(&file, "cross_entropy");
    assert_eq!(cross_entropy.inputs[3].role, Role::Param);
    assert_eq!(cross_entropy.per.as_ref().map(shown).as_deref(), Some("weight@[label]"));
    let detection = loss(&file, "detection");
    let axes = |input: &InputDeclaration| input.axes.iter().map(shown_axis).collect::<String>();
    let all: Vec<_> =
        detection.inputs.iter().map(|i| (i.role, i.name.text.as_str(), axes(i))).collect();
    assert_eq!(
        all,
        [
            (Role::Pred, "logits", "K".to_owned()),
            (Role::Pred, "box", "4".to_owned()),
            (Role::Target, "label", String::new()),
            (Role::Target, "truth", "4".to_owned()),
            (Role::Param, "lambda_class", String::new()),
            (Role::Param, "lambda_box", String::new()),
        ]
    );
    let expected = "{let sim[i in N, j in N] = (sum((query@[i] Multiply key@[j])) Divide temperature); \
                    mean[i in N]((logsumexp[j in N](sim@[i, j]) Subtract sim@[i, i]))}";
    assert_eq!(shown(&loss(&file, "info_nce").body), expected);
}

#[test]
fn items_of_every_kind() {
    let file = parse(
        "\u{feff}//! About the file,\r\n//!  in two lines.\r\n\r\nuse \"a/b.loss\"; use focal;\r\n\
         /// Small.\r\n// a remark\r\n\r\nconst EPSILON = 1e-7;\r\nfn f(a, p[K, 4],) { a }\r\n\
         //// no doc\r\nloss l(learned t, param q[Q] = [i in Q] (real(i) + 0.5) / size(Q), w[3] = [1, 2, 3],) = t;\r\n\
         example l(t = 1) == 2 within 1e-6, grad t == [0.5] within 1e-2, grad w == 1\r\n/// of nothing\r\n",
    );
    assert_eq!(file.doc, "About the file,\n in two lines.");
    let [
        Item::Use(Use { source: UseSource::Path(path), .. }),
        Item::Use(Use { source: UseSource::Library(library), .. }),
        Item::Const(constant),
        Item::Function(function),
        Item::Loss(loss),
        Item::Example(example),
    ] = file.items.as_slice()
    else {
        panic!("other items: {:?}", file.items)
    };
    assert_eq!((path.as_str(), library.as_str()), ("a/b.loss", "focal"));
    assert_eq!((constant.doc.as_str(), shown(&constant.value)), ("Small.", "0.0000001".to_owned()));
    assert_eq!(function.parameters[1].axes.len(), 2);
    assert_eq!(shown(&function.body), "{a}");
    assert_eq!((loss.doc.as_str(), loss.inputs[2].role), ("", Role::Param));
    let default = loss.inputs[1].default.as_ref().map(shown);
    let expected = "[i in Q] => ((real(i) Add 0.5) Divide size(Q))";
    assert_eq!(default.as_deref(), Some(expected));
    assert_eq!(example.gradients.len(), 2);
    assert_eq!(example.gradients[0].1.within.as_ref().map(shown).as_deref(), Some("0.01"));
}

#[test]
fn rewrite_rules() {
    let mut sources = Sources::default();
    let text = "// about\nlog-exp: log(exp(a)) => a\nsqrt-square: sqrt(a^2)\n    => a where nonnegative(a), finite(a) // if\n";
    let id = sources.add("<rules>", text);
    let rules = parse_rewrites(id, &sources).expect("valid rules");
    let all: Vec<_> = rules
        .iter()
        .map(|r| (r.name.text.as_str(), shown(&r.left), shown(&r.right), r.conditions.len()))
        .collect();
    assert_eq!(
        all,
        [
            ("log-exp", "log(exp(a))".to_owned(), "a".to_owned(), 0),
            ("sqrt-square", "sqrt((a ^ 2))".to_owned(), "a".to_owned(), 2),
        ]
    );
    let bad = sources.add("<rules>", "one: a => \ntwo: b => c\nthree b => c\n");
    let errors = parse_rewrites(bad, &sources).expect_err("two bad rules");
    let lines: Vec<_> = errors.iter().map(|e| sources.position(e.labels[0].span).0).collect();
    assert_eq!(lines, [1, 3]);
}
