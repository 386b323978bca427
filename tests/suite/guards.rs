//! What is not selected does not exist: poison in every place that should not matter changes no bit of any output.

use lossc::call::Reduction;
use lossc::compile::{Compiler, Target};
use lossc::{Element, Loss};

/// A loss, its data with benign numbers, and the places whose numbers must not matter.
struct Row {
    text: &'static str,
    reals: &'static [(&'static str, &'static [usize], &'static [f64])],
    labels: &'static [(&'static str, &'static [usize], &'static [i32])],
    weights: Option<&'static [f64]>,
    places: &'static [(&'static str, &'static [usize])],
}

const ROWS: &[Row] = &[
    // The branch not taken, also where it is a logarithm, a root, a quotient or a power.
    Row {
        text: "loss f(pred x, z, target s in {-1, 1}) = if s > 0 { x^2 } else { log(z) + sqrt(z) + 1 / z + z^0.5 }",
        reals: &[("x", &[2], &[0.5, 3.0]), ("z", &[2], &[2.0, 0.25]), ("s", &[2], &[1.0, -1.0])],
        labels: &[],
        weights: None,
        places: &[("z", &[0]), ("x", &[1])],
    },
    // An element filtered out of a reduction, and one whose filter is inside of it.
    Row {
        text: "loss f(pred x[N], target keep[N] in {0, 1}) =
            sum[i in N if keep[i] > 0](x[i]^2 * exp(x[i])) + logsumexp[i in N if keep[i] > 0](x[i])
            + max[i in N if keep[i] > 0](x[i]) + sum(if keep > 0 { sigmoid(x) } else { 0 })",
        reals: &[
            ("x", &[2, 3], &[0.5, -1.0, 2.0, 1.5, 0.25, -0.75]),
            ("keep", &[2, 3], &[1.0, 0.0, 1.0, 0.0, 1.0, 1.0]),
        ],
        labels: &[],
        weights: None,
        places: &[("x", &[1, 3])],
    },
    // Pairs of which one is not compared.
    Row {
        text:
            "loss f(pred s[D], target g[D], seen[D] in {0, 1}) =
            sum[i in D, j in D if seen[i] > 0 && seen[j] > 0 && g[i] > g[j]](softplus(s[j] - s[i]))",
        reals: &[
            ("s", &[1, 4], &[0.5, -1.0, 2.0, 0.25]),
            ("g", &[1, 4], &[3.0, 2.0, 1.0, 0.0]),
            ("seen", &[1, 4], &[1.0, 0.0, 1.0, 1.0]),
        ],
        labels: &[],
        weights: None,
        places: &[("s", &[1]), ("g", &[1])],
    },
    // A missing scalar label takes its example along.
    Row {
        text: "loss f(pred z[K], target y in K?, param w[K] in [0, inf) = 1) = -w[y] * log_softmax(z)[y] per w[y]",
        reals: &[("z", &[3, 3], &[0.5, -1.0, 2.0, 1.5, 0.25, -0.75, 3.0, 1.0, -2.0])],
        labels: &[("y", &[3], &[2, -1, 0])],
        weights: None,
        places: &[("z", &[3, 4, 5])],
    },
    // Missing labels of an array.
    Row {
        text: "loss f(pred z[T, K], target y[T] in K?) =
            sum[t in T if !missing(y[t])](logsumexp[k in K](z[t, k]) - z[t, y[t]])",
        reals: &[("z", &[1, 3, 2], &[0.5, -1.0, 2.0, 1.5, 0.25, -0.75])],
        labels: &[("y", &[1, 3], &[1, -1, 0])],
        weights: None,
        places: &[("z", &[2, 3])],
    },
    // A row of weight 0.
    Row {
        text: "loss f(pred x, target y, learned t = 0.5) = t * (x - y)^2 + log(1 + exp(x * y)) + sqrt(abs(x))",
        reals: &[("x", &[3], &[0.5, 2.0, -1.0]), ("y", &[3], &[1.0, 0.25, 3.0])],
        labels: &[],
        weights: Some(&[1.0, 0.0, 2.5]),
        places: &[("x", &[1]), ("y", &[1])],
    },
    // A factor of 0 beside a logarithm, and a masked factor.
    Row {
        text: "loss f(target t, m in {0, 1}, pred p) = t * log(p) + (if m > 0 { p * log1p(p) } else { 0 })",
        reals: &[("t", &[2], &[0.0, 2.0]), ("m", &[2], &[0.0, 1.0]), ("p", &[2], &[0.5, 0.75])],
        labels: &[],
        weights: None,
        places: &[("p", &[0])],
    },
];

const POISON: [f64; 6] = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e308, -1e308, 0.0];

/// The bits of all values and gradients, and of the mean.
fn outputs<T: Element + Bits>(
    row: &Row,
    loss: &Loss<T>,
    poison: Option<(usize, usize, f64)>,
) -> Vec<u64> {
    let reals: Vec<Vec<T>> = row
        .reals
        .iter()
        .map(|(name, _, data)| {
            let mut data = data.to_vec();
            if let Some((place, element, value)) = poison
                && row.places[place].0 == *name
            {
                data[row.places[place].1[element]] = value;
            }
            data.into_iter().map(T::of).collect()
        })
        .collect();
    let weights: Option<Vec<T>> = row.weights.map(|all| all.iter().map(|it| T::of(*it)).collect());
    let preds = &loss.model().graph;
    let wanted: Vec<(&str, usize)> = preds
        .input_ids()
        .map(|id| preds.input(id))
        .filter(|input| {
            matches!(input.role, lossc::graph::Role::Pred | lossc::graph::Role::Learned)
        })
        .map(|input| {
            let given = row.reals.iter().find(|(name, ..)| *name == input.name);
            (input.name.as_str(), given.map_or(1, |(.., data)| data.len()))
        })
        .collect();
    let mut gradients: Vec<Vec<T>> =
        wanted.iter().map(|(_, count)| vec![T::of(f64::NAN); *count]).collect();
    let rows = row.reals[0].1[0];
    let mut values = vec![T::of(f64::NAN); rows];
    let mut call = loss.call().values(&mut values);
    for ((name, shape, _), data) in row.reals.iter().zip(&reals) {
        call = call.bind(name, data, shape);
    }
    for (name, shape, data) in row.labels {
        call = call.bind(name, *data, shape);
    }
    if let Some(weights) = &weights {
        call = call.sample_weights(weights);
    }
    for ((name, _), gradient) in wanted.iter().zip(&mut gradients) {
        call = call.gradient(name, gradient);
    }
    let summary = call.run(Reduction::Mean).unwrap_or_else(|error| panic!("{}: {error}", row.text));
    let all = values.iter().chain(gradients.iter().flatten()).map(|it| it.bits());
    all.chain([summary.total.to_bits()]).collect()
}

/// Reals made of f64, and their bits.
trait Bits: Copy {
    fn of(value: f64) -> Self;
    fn bits(self) -> u64;
}

impl Bits for f32 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "1e308 becomes an infinity, which is poison too"
    )]
    fn of(value: f64) -> Self {
        value as Self
    }
    fn bits(self) -> u64 {
        u64::from(self.to_bits())
    }
}

impl Bits for f64 {
    fn of(value: f64) -> Self {
        value
    }
    fn bits(self) -> u64 {
        self.to_bits()
    }
}

fn examine<T: Element + Bits>(target: Target) {
    for row in ROWS {
        let compiled = Compiler::new().target(target).text::<T>("guards.loss", row.text);
        let loss = compiled.unwrap_or_else(|error| panic!("{}: {error}", row.text));
        let clean = outputs(row, &loss, None);
        assert!(
            clean.iter().all(|bits| f64::from_bits(*bits).is_finite()),
            "{}: the clean outputs are numbers",
            row.text
        );
        for (place, (name, elements)) in row.places.iter().enumerate() {
            for element in 0..elements.len() {
                for poison in POISON {
                    let got = outputs(row, &loss, Some((place, element, poison)));
                    assert_eq!(got, clean, "{} with {poison} in {name}[{element}]", row.text);
                }
            }
        }
    }
}

#[test]
fn poison_that_is_not_selected_changes_no_bit() {
    for target in [Target::Native, Target::Interpreter] {
        examine::<f32>(target);
        examine::<f64>(target);
    }
}

/// Losses whose gradient selects by comparisons, which NaN makes false.
const SELECTING: &[&str] = &[
    "loss f(pred x, target y) = max(0, 1 - x * y)",
    "loss f(pred x, target y) = relu(x - y)",
    "loss f(pred x, target y) = clamp(x * y, -1, 1)",
    "loss f(pred x, target y) = min(x, y) + max(x, 2)",
    "loss f(pred x, target y) = abs(x - y)",
    "loss f(pred x, target y) = if x > y { x^2 } else { x * y }",
];

#[test]
fn nan_of_one_example_reaches_its_value_and_gradient_and_no_other() {
    for text in SELECTING {
        let loss = Compiler::new().text::<f64>("nan.loss", *text).unwrap();
        for (x, y) in [([f64::NAN, 0.5], [1.0, 2.0]), ([0.25, 0.5], [f64::NAN, 2.0])] {
            let (mut values, mut gradient) = ([0.0; 2], [0.0; 2]);
            let call = loss.call().bind("x", &x, &[2]).bind("y", &y, &[2]);
            let call = call.values(&mut values).gradient("x", &mut gradient);
            call.run(Reduction::Sum).unwrap();
            // A comparison alone with NaN is false, and the branch that it takes may be a number.
            let is_branch = text.contains("if ") && values[0].is_finite();
            assert!(
                is_branch || values[0].is_nan() && gradient[0].is_nan(),
                "{text}: {values:?} {gradient:?}"
            );
            assert!(values[1].is_finite() && gradient[1].is_finite(), "{text}");
        }
    }
}

#[test]
fn a_row_of_negative_infinities_has_no_mass() {
    let text = "loss f(pred z[K], target w[K]) = sum(softmax(z) * w)";
    let loss = Compiler::new().text::<f64>("mass.loss", text).unwrap();
    let (mut values, mut gradient) = ([f64::NAN], [f64::NAN; 3]);
    let z = [f64::NEG_INFINITY; 3];
    let call = loss.call().bind("z", &z, &[1, 3]).bind("w", &[1.0, 2.0, 3.0], &[1, 3]);
    call.values(&mut values).gradient("z", &mut gradient).run(Reduction::Sum).unwrap();
    assert_eq!((values, gradient), ([0.0], [0.0; 3]));
    let text = "loss f(pred z[K]) = 3 - logsumexp(z)";
    let loss = Compiler::new().text::<f64>("mass.loss", text).unwrap();
    let mut values = [f64::NAN];
    loss.call().bind("z", &z, &[1, 3]).values(&mut values).run(Reduction::Sum).unwrap();
    assert_eq!(values, [f64::INFINITY]);
}

#[test]
fn one_element_of_a_long_row_is_that_at_its_label() {
    const CLASSES: usize = 40;
    for (kind, labels) in [("K", [0, 17, 39]), ("K?", [39, -1, 0])] {
        let text = format!("loss f(pred z[K], target y in {kind}) = -log_softmax(z)[y]");
        let loss = Compiler::new().text::<f64>("row.loss", text).unwrap();
        let mut z = [1.5; 3 * CLASSES];
        z[CLASSES..2 * CLASSES].fill(if labels[1] < 0 { f64::NAN } else { -2.0 });
        let mut gradient = [7.0; 3 * CLASSES];
        let call = loss.call().bind("z", &z, &[3, CLASSES]).bind("y", &labels, &[3]);
        call.gradient("z", &mut gradient).run(Reduction::Sum).unwrap();
        for (row, label) in labels.into_iter().enumerate() {
            for class in 0..CLASSES {
                let want = match usize::try_from(label) {
                    Err(_) => 0.0,
                    Ok(label) => 1.0 / 40.0 - f64::from(u8::from(label == class)),
                };
                let got = gradient[row * CLASSES + class];
                assert!((got - want).abs() <= 1e-15, "{kind}, {row}, {class}: {got}");
            }
        }
    }
}

#[test]
fn a_class_of_no_mass_gets_nothing_but_what_is_no_number() {
    let text = "loss f(pred z[K], target y in K) = -(1 - softmax(z)[y])^2 * log_softmax(z)[y]";
    let loss = Compiler::new().text::<f64>("mass.loss", text).unwrap();
    let least = f64::NEG_INFINITY;
    for (z, want) in [
        ([f64::NAN, least, 0.0], [f64::NAN; 3]),
        // The label has no mass itself: at a distance that is infinite, each step is a whole one.
        ([least, least, 0.0], [-1.0, 0.0, 1.0]),
    ] {
        let mut gradient = [0.5; 3];
        let call = loss.call().bind("z", &z, &[1, 3]).bind("y", &[0], &[1]);
        call.gradient("z", &mut gradient).run(Reduction::Sum).unwrap();
        assert_eq!(format!("{gradient:?}"), format!("{want:?}"));
    }
}

/// Losses of vectors, how large their elements are, the value of the first and the gradient of its first element.
const LARGE: &[(&str, [f64; 2], f64, f64)] = &[
    ("loss f(pred x[K]) = norm(x)", [3e200, 4e200], 5e200, 0.6),
    ("loss f(pred x[K]) = norm(x)", [3e-200, 4e-200], 5e-200, 0.6),
    ("loss f(pred x[K]) = sqrt(x[0]^2 + x[1]^2)", [-3e300, 4e300], 5e300, -0.6),
    ("loss f(pred x[K]) = sqrt(sum(x^2) / 4)", [3e200, 4e200], 2.5e200, 0.3),
    ("loss f(pred x[K]) = sqrt(1 + x[0]^2) - 1 + 0 * x[1]", [1e200, 1.0], 1e200, 1.0),
    ("loss f(pred x[K] in (0, inf)) = log(prod(x))", [1e200, 1e200], 921.034_037_197_618_3, 1e-200),
    ("loss f(pred x[K]) = logsumexp(x)", [1e308, 1e308], 1e308, 0.5),
    ("loss f(pred x[K]) = log(exp(x[0]) * exp(x[1]))", [1e4, 2e4], 3e4, 1.0),
];

#[test]
fn nothing_overflows_on_the_way_to_a_number() {
    for (text, x, value, slope) in LARGE {
        let loss = Compiler::new().text::<f64>("large.loss", *text).unwrap();
        let (mut values, mut gradient) = ([f64::NAN], [f64::NAN; 2]);
        let call = loss.call().bind("x", x, &[1, 2]);
        call.values(&mut values).gradient("x", &mut gradient).run(Reduction::Sum).unwrap();
        let near = |got: f64, want: f64| (got - want).abs() <= 1e-15 * want.abs();
        assert!(
            near(values[0], *value) && near(gradient[0], *slope),
            "{text} at {x:?}: {values:?}, {gradient:?}"
        );
    }
}

/// Losses of `x` and `s` where an exponential overflows f32 beside a factor of 0: the value and both slopes.
const BESIDE_ZERO: &[(&str, [f32; 2], f32, [f32; 2])] = &[
    ("loss f(pred x, s) = abs(x) * exp(-s)", [0.0, -92.5], 0.0, [0.0, 0.0]),
    ("loss f(pred x, s) = abs(x) / exp(s) + s", [0.0, -92.5], -92.5, [0.0, 1.0]),
    ("loss f(pred x, s) = (x / exp(s))^2 / 2 + s", [0.0, -92.5], -92.5, [0.0, 1.0]),
    ("loss f(pred x, s) = x * exp(s)", [0.0, 200.0], 0.0, [f32::INFINITY, 0.0]),
    (
        "loss f(pred x, s) = x * exp(s)",
        [-1.0, 200.0],
        f32::NEG_INFINITY,
        [f32::INFINITY, f32::NEG_INFINITY],
    ),
    ("loss f(pred x, s) = x * exp(s)", [0.0, f32::NAN], f32::NAN, [f32::NAN; 2]),
];

#[test]
fn nothing_times_an_exponential_that_overflows_is_nothing() {
    for (text, arguments, value, slopes) in BESIDE_ZERO {
        let loss = Compiler::new().text::<f32>("beside.loss", *text).unwrap();
        let (mut values, mut by_x, mut by_s) = ([f32::NAN], [f32::NAN], [f32::NAN]);
        let [x, s] = arguments.map(|it| [it]);
        let call = loss.call().bind("x", &x, &[1]).bind("s", &s, &[1]).values(&mut values);
        call.gradient("x", &mut by_x).gradient("s", &mut by_s).run(Reduction::Sum).unwrap();
        let (got, want) = ([values, by_x, by_s].concat(), [*value, slopes[0], slopes[1]]);
        let same = |(got, want): (&f32, &f32)| got == want || got.is_nan() && want.is_nan();
        assert!(got.iter().zip(&want).all(same), "{text} at {arguments:?}: {got:?}, not {want:?}");
    }
}

/// Inputs of one example: names, elements and the lengths of axes.
type Given = &'static [(&'static str, &'static [f64], &'static [usize])];

/// Losses that once were refused or lost a 0, an infinity or an equality on the way, and what they are.
const KEPT: &[(&str, Given, f64)] = &[
    (
        "loss f(pred s[N, N]) = -sum[i in N](s[i, i] - logsumexp[j in N](s[i, j]))",
        &[("s", &[1.0, 0.0, 0.0, 1.0], &[1, 2, 2])],
        0.626_523_375_036_445_7,
    ),
    (
        "loss f(pred s[N, N]) = -mean[i in N](s[i, i] - logsumexp(s[i]))",
        &[("s", &[1.0, 0.0, 0.0, 1.0], &[1, 2, 2])],
        0.313_261_687_518_222_86,
    ),
    (
        "loss f(pred z[K], target w, target q) = sum[k in K](tanh(softmax(z)[k] * w * log(q)))",
        &[("z", &[1.0, 2.0], &[1, 2]), ("w", &[0.0], &[1]), ("q", &[0.0], &[1])],
        0.0,
    ),
    (
        "loss f(pred z[K], target c, target f) = sum[k in K](tanh((softmax(z)[k] - c) * f))",
        &[
            ("z", &[1.0, 2.0, 3.0, 4.0], &[1, 4]),
            ("c", &[0.25], &[1]),
            ("f", &[f64::INFINITY], &[1]),
        ],
        -2.0,
    ),
    (
        "loss f(pred x[K]) = sum[k in K](if x[k] / max(sum(x), 1e-6) >= 1 { 100 } else { x[k] })",
        &[("x", &[41.0, 0.0], &[1, 2])],
        100.0,
    ),
];

#[test]
fn what_a_loss_comes_to_is_kept_on_the_way() {
    for (text, given, value) in KEPT {
        let exact = Compiler::new().text::<f64>("kept.loss", *text).unwrap();
        let call = given
            .iter()
            .fold(exact.call(), |call, (name, elements, shape)| call.bind(name, *elements, shape));
        let total = call.run(Reduction::Sum).unwrap().total;
        assert!((total - value).abs() <= 1e-14, "{text}: {total}, not {value}");
        let single = Compiler::new().text::<f32>("kept.loss", *text).unwrap();
        #[expect(clippy::cast_possible_truncation, reason = "all are numbers of f32")]
        let narrow: Vec<Vec<f32>> = given
            .iter()
            .map(|(_, elements, _)| elements.iter().map(|it| *it as f32).collect())
            .collect();
        let inputs = given.iter().zip(&narrow);
        let call = inputs.fold(single.call(), |call, ((name, _, shape), elements)| {
            call.bind(name, elements, shape)
        });
        let total = call.run(Reduction::Sum).unwrap().total;
        assert!((total - value).abs() <= 1e-6, "{text} in f32: {total}, not {value}");
    }
}

#[test]
fn what_stands_on_both_sides_of_a_pair_is_one_number() {
    let mut state = 3_u32;
    let mut roll = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(state >> 8) / f64::from(1 << 22) - 2.0
    };
    let rows: Vec<f64> = (0..17 * 5).map(|_| roll()).collect();
    for (axes, length) in [("17, 5", "17"), ("N, 5", "N"), ("17, M", "17"), ("N, M", "N")] {
        for of in ["variance(exp(x[_] / 4))", "norm(exp(x[_]))", "logsumexp(x[_])", "mean(x[_])^2"]
        {
            let [first, second] = ["i", "j"].map(|index| of.replace('_', index));
            let text = format!(
                "loss above(pred x[{axes}]) =
                    sum[i in {length}, j in {length}](if {first} > {second} {{ 1 }} else {{ 0 }})"
            );
            for target in [Target::Native, Target::NativeScalar, Target::Interpreter] {
                let loss = Compiler::new().target(target).text::<f64>("above.loss", &text).unwrap();
                let call = loss.call().bind("x", &rows, &[1, 17, 5]);
                // One way round for every two rows, and none above itself.
                let above = call.run(Reduction::Sum).unwrap().total;
                assert_eq!(above, f64::from(17 * 16 / 2), "{text}, {target:?}");
            }
        }
    }
}
