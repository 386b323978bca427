//! The shipped library.

/// A shipped file.
pub struct Shipped {
    /// Its name.
    pub name: &'static str,
    /// Its path under `losses/`.
    pub path: &'static str,
    /// Its text.
    pub text: &'static str,
}

/// The file of a name.
#[must_use]
pub fn find(_name: &str) -> Option<&'static Shipped> {
    None
}

/// All names.
pub fn names() -> impl Iterator<Item = &'static str> {
    std::iter::empty()
}
