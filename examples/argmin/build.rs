//! Builds the losses of `losses/` into this program.

fn main() {
    lossc::build::Config::new().dtype(lossc::build::F64).compile(["losses/*.loss"]);
}
