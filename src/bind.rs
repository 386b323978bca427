//! What other languages need to call linked losses: in come [`crate::linked::Interface`] values, out go a C
//! header or a Rust module as text, which depend on nothing but those values.

mod header;
mod names;
mod prose;
mod rust;

pub use header::header;
pub use rust::rust_module;
