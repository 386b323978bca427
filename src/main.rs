//! The command line of the compiler: arguments come in, an exit status goes out.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
