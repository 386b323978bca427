//! Functions of the language as compiled losses: what is measured is the code that users get, end to end.

use lossc::call::Data;
use lossc::{Compiler, Element, Loss, Reduction};

/// The loss that is a function of one argument, `x`, or of two, `x` and `y`.
pub fn compile<T: Element>(name: &str, arguments: usize) -> Loss<T> {
    let text = match arguments {
        1 => format!("loss measured(pred x) = {name}(x)"),
        _ => format!("loss measured(pred x, pred y) = {name}(x, y)"),
    };
    let compiler = Compiler::new().wrt(Vec::<String>::new());
    compiler.text("measured.loss", text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Its values.
pub fn evaluate<T: Element>(loss: &Loss<T>, x: &[T]) -> Vec<T> {
    let mut got = vec![T::from_f64(0.0); x.len()];
    evaluate_into(loss, x, &mut got);
    got
}

/// Its values, into a slice.
pub fn evaluate_into<T: Element>(loss: &Loss<T>, x: &[T], got: &mut [T]) {
    let call = loss.call().bind("x", Data::Real(x), &[x.len()]).values(got);
    call.run(Reduction::None).expect("the lengths are equal");
}

/// The values of a function of two arguments.
pub fn evaluate_pairs<T: Element>(loss: &Loss<T>, x: &[T], y: &[T]) -> Vec<T> {
    let mut got = vec![T::from_f64(0.0); x.len()];
    let call = loss
        .call()
        .bind("x", Data::Real(x), &[x.len()])
        .bind("y", Data::Real(y), &[y.len()])
        .values(&mut got);
    call.run(Reduction::None).expect("the lengths are equal");
    got
}
