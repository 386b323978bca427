//! Calls that do not fit: what is said, and that nothing is written.

use super::standin::{cross_entropy, plain, scaled};
use crate::call::{Call, Reduction};

type Change = for<'c> fn(Call<'c, f64>) -> Call<'c, f64>;

static LOGITS: [f64; 6] = [0.0; 6];
static NAN: [f64; 2] = [1.0, f64::NAN];

fn zeros(count: usize) -> &'static mut [f64] {
    vec![0.0; count].leak()
}

/// A good call of `scaled`, what makes it bad, and what is said then.
#[test]
fn mistakes_in_a_call_of_reals_are_told() {
    let table: &[(Change, &str)] = &[
        (|call| call.bind("z", &NAN, &[2]), "there is no input `z`; the inputs are x, y, t, delta"),
        (|call| call.set("delt", 1.0), "there is no input `delt`; did you mean `delta`?"),
        (|call| call.bind("x", &NAN, &[2]), "`x` is given twice"),
        (
            |call| call.set("x", 1.0),
            "`x` belongs to each example: give it with `bind`; `set` is for params and learned inputs",
        ),
        (|call| call.set("delta", 0.0), "`delta` is 0, outside of its domain (0, 9)"),
        (|call| call.set("delta", f64::NAN), "`delta` is NaN, outside of its domain (0, 9)"),
        (|call| call.set("delta", 9), "`delta` is 9, outside of its domain (0, 9)"),
        (
            |call| call.bind("delta", &NAN, &[2]),
            "`delta` was given the shape [2]: it is shared by all examples and has no batch",
        ),
        (
            |call| call.gradient("y", zeros(3)),
            "the slice for the gradient of `y` has 3 elements, but its shape [2] has 2",
        ),
        (
            |call| call.gradient("t", zeros(2)),
            "the slice for the gradient of `t` has 2 elements, but its shape [] has 1",
        ),
        (
            |call| call.gradient("w", zeros(2)),
            "there is no input `w`; the inputs are x, y, t, delta",
        ),
        (
            |call| call.gradient("x", zeros(2)).gradient("x", zeros(2)),
            "the gradient of `x` is given twice",
        ),
        (
            |call| call.values(zeros(1)),
            "the slice for the values has 1 elements, but its shape [2] has 2",
        ),
        (
            |call| call.sample_weights(&LOGITS),
            "the slice of sample weights has 6 elements, but its shape [2] has 2",
        ),
        (
            |call| call.upstream(&LOGITS),
            "an upstream factor for each example needs Reduction::None: a mean or a sum has one",
        ),
        (
            |call| call.gradient("delta", zeros(1)),
            "this combination of results cannot be compiled: no derivative in InputId(3)",
        ),
    ];
    for (change, expected) in table {
        let loss = plain::<f64>(scaled());
        let mut values = [7.0; 2];
        let mut gradient = [7.0; 2];
        let call = loss.call().bind("x", &[1.0, 2.0], &[2]).bind("y", &[0.0, 0.0], &[2]);
        let call = change(call.set("t", 1.0));
        // What a call has been given by the change stays; the rest is asked for here.
        let call = if expected.contains("values") { call } else { call.values(&mut values) };
        let call =
            if expected.contains("gradient") { call } else { call.gradient("x", &mut gradient) };
        let error = call.run(Reduction::Mean).expect_err(expected);
        assert_eq!(error.to_string(), *expected);
        assert_eq!((values, gradient), ([7.0; 2], [7.0; 2]), "outputs are untouched: {expected}");
    }
}

#[test]
fn shapes_that_do_not_fit_are_told() {
    let table: &[(&[usize], &[usize], &str)] = &[
        (
            &[2, 3],
            &[3],
            "`logits[K]` of shape [2, 3] is a batch of [2], but `label` of shape [3] is a batch of [3]",
        ),
        (
            &[2, 3],
            &[],
            "`logits[K]` of shape [2, 3] is a batch of [2], but `label` of shape [] is a single example",
        ),
        (
            &[6],
            &[1],
            "`logits[K]` of shape [6] is a single example, but `label` of shape [1] is a batch of [1]",
        ),
        (
            &[1, 2, 3],
            &[2],
            "`logits[K]` of shape [1, 2, 3] is a batch of [1, 2], but `label` of shape [2] is a batch of [2]",
        ),
        (&[2, 2], &[2], "`logits` has 6 elements, but its shape [2, 2] has 4"),
        (&[], &[2], "`logits[K]` was given the shape []: it has 1 axes of its own"),
        (&[0, 3], &[0], "`logits` has 6 elements, but its shape [0, 3] has 0"),
        (&[usize::MAX, 2, 3], &[2], "`logits` is larger than can be addressed"),
        (
            &[1; 17],
            &[2],
            "`logits[K]` was given the shape [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]: at most 16 axes are possible",
        ),
    ];
    let loss = plain::<f64>(cross_entropy());
    for (logits, label, expected) in table {
        let labels = vec![0i32; label.iter().product()];
        let call = loss.call().bind("logits", &LOGITS, logits).bind("label", &labels, label);
        assert_eq!(call.run(Reduction::Mean).expect_err(expected).to_string(), *expected);
    }
}

#[test]
fn mistakes_in_labels_are_told() {
    let table: &[(Change, &str)] = &[
        (
            |call| call.bind("label", &[0u8, 3], &[2]),
            "`label` in row 1 is 3, outside of axis K, which goes from 0 to 2 (negative: missing)",
        ),
        (
            |call| call.bind("label", &[u64::MAX, 0], &[2]),
            "`label` in row 0 is 18446744073709551615, outside of axis K, which goes from 0 to 2 (negative: missing)",
        ),
        (
            |call| call.bind("label", &NAN, &[2]),
            "`label` takes integer positions along K, and was given f64",
        ),
        (
            |call| call.bind("label", &[true, false], &[2]),
            "`label` takes integer positions along K, and was given bool",
        ),
        (|call| call, "`label` is not given and has no default: give it with `bind`"),
        (
            |call| call.bind("label", &[0u8, 1], &[2]).bind("weight", &[1.0; 4], &[4]),
            "axis K is 3 long in `logits[K]` and 4 long in `weight[K]`",
        ),
        (
            |call| call.bind("label", &[0u8, 1], &[2]).bind("weight", &[1.0, -2.0, 0.0], &[3]),
            "`weight`[1] is -2, outside of its domain [0, inf)",
        ),
        (
            |call| call.bind("label", &[0u8, 1], &[2]).set("weight", f64::INFINITY),
            "`weight`[0] is inf, outside of its domain [0, inf)",
        ),
        (
            |call| call.bind("label", &[0u8, 1], &[2]).gradient("label", zeros(2)),
            "`label` has no gradient: only real inputs have one (logits, weight)",
        ),
    ];
    for (change, expected) in table {
        let loss = plain::<f64>(cross_entropy());
        let call = change(loss.call().bind("logits", &LOGITS, &[2, 3]));
        assert_eq!(call.run(Reduction::Mean).expect_err(expected).to_string(), *expected);
    }
}

#[test]
fn empty_batches_and_empty_axes_are_told() {
    let loss = plain::<f64>(cross_entropy());
    let empty: [f64; 0] = [];
    let call = loss.call().bind("logits", &empty, &[0, 3]).bind("label", &[0i32; 0], &[0]);
    let error = call.run(Reduction::Mean).unwrap_err();
    assert_eq!(error.to_string(), "the batch is empty: there is no example");
    let call = loss.call().bind("logits", &empty, &[1, 0]).bind("label", &[-1i32], &[1]);
    let error = call.run(Reduction::Mean).unwrap_err();
    assert_eq!(error.to_string(), "`label` in row 0 is -1, but axis K is empty");
}

#[test]
fn a_checked_call_tests_all_domains() {
    let loss = plain::<f64>(scaled());
    let table: &[(f64, f64, Option<&str>)] = &[
        (100.0, 1.0, None),
        (100.5, 1.0, Some("`x` in row 1 is 100.5, outside of its domain [-100, 100]")),
        (f64::NAN, 1.0, Some("`x` in row 1 is NaN, outside of its domain [-100, 100]")),
        (1.0, -1.0, Some("`t` is -1, outside of its domain (0, inf)")),
    ];
    for (x, t, expected) in table {
        for checked in [true, false] {
            let x = [0.0, *x];
            let call = loss.call().bind("x", &x, &[2]).bind("y", &[0.0; 2], &[2]).set("t", *t);
            let got =
                call.checked(checked).run(Reduction::Sum).err().map(|error| error.to_string());
            assert_eq!(got.as_deref(), expected.filter(|_| checked));
        }
    }
}

#[test]
fn a_bad_call_leaves_the_loss_usable() {
    let loss = plain::<f64>(scaled());
    for _ in 0..3 {
        assert!(loss.call().bind("x", &[1.0], &[]).run(Reduction::Mean).is_err());
        drop(loss.call().bind("x", &[1.0], &[]));
        let call = loss.call().bind("x", &[2.0], &[]).bind("y", &[0.0], &[]).set("t", 1.0);
        assert_eq!(call.run(Reduction::Mean).map(|summary| summary.total), Ok(2.0));
    }
}
