//! Functions of the language as compiled losses: what is measured is the code that users get, end to end.

use lossc::{Compiler, Element, Loss};

/// The loss that is a function of one argument, `x`, or of two, `x` and `y`.
pub fn compile<T: Element>(name: &str, arguments: usize) -> Loss<T> {
    let text = match arguments {
        1 => format!("loss measured(pred x) = {name}(x)"),
        _ => format!("loss measured(pred x, pred y) = {name}(x, y)"),
    };
    let compiler = Compiler::new().wrt(Vec::<String>::new());
    compiler.text("measured.loss", text).unwrap_or_else(|error| panic!("{name}: {error}"))
}
