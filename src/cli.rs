//! The commands: what is asked for comes in, what is printed and the exit status go out.

mod data;
mod failure;

pub(crate) fn main() -> std::process::ExitCode {
    let table = data::read("-", None).and_then(|t| t.columns(&["a"]));
    println!("{table:?} {:?}", failure::Failure::told());
    failure::Failure::told().status()
}
