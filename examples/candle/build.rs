//! Builds the losses of `losses/` into this program.

fn main() {
    lossc::build::Config::new().compile(["losses/*.loss"]);
}
