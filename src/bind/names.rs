//! Names in other languages: in comes a name of a `.loss` file, out goes one that is free there.
//!
//! The rule in both languages: a name that is reserved or already stands for something else gets `_` at its
//! end, as many as it takes. Rust spells most of its keywords as raw identifiers instead.

use std::collections::HashSet;

/// The names of one scope.
pub(super) struct Names(HashSet<String>);

impl Names {
    /// A scope in which some names are gone.
    pub(super) fn new<'n>(reserved: impl IntoIterator<Item = &'n str>) -> Self {
        Self(reserved.into_iter().map(str::to_owned).collect())
    }

    /// The first of `name`, `name_`, `name__` … that is free in C and C++.
    pub(super) fn take_c(&mut self, name: &str) -> String {
        self.take(name, is_c_word)
    }

    /// The first of `name`, `name_`, `name__` … that can be spelled in Rust and is free. [`rust`] spells it.
    pub(super) fn take_rust(&mut self, name: &str) -> String {
        self.take(name, |name| ["_", "self", "Self", "super", "crate"].contains(&name))
    }

    fn take(&mut self, name: &str, is_word: impl Fn(&str) -> bool) -> String {
        let mut name = name.to_owned();
        while is_word(&name) || self.0.contains(&name) {
            name.push('_');
        }
        self.0.insert(name.clone());
        name
    }
}

/// The identifier of a name in Rust from edition 2021 on.
pub(super) fn rust(name: &str) -> String {
    if RUST_KEYWORDS.contains(&name) { format!("r#{name}") } else { name.to_owned() }
}

/// Whether C or C++ of any version, or a header that is often there, gives a name a meaning of its own.
fn is_c_word(name: &str) -> bool {
    let is_limit = ["INT", "UINT", "SIZE", "PTRDIFF", "SIG_ATOMIC", "WCHAR", "WINT"]
        .iter()
        .any(|kind| name.starts_with(kind))
        && ["_MAX", "_MIN", "_C", "_WIDTH"].iter().any(|end| name.ends_with(end));
    let is_type = name.starts_with(['i', 'u']) && name.contains("int") && name.ends_with("_t");
    // Macros of our headers; `_` at their end frees them.
    let is_ours = ["LOSSC_ABI", "LOSSC_MEAN", "LOSSC_SUM", "LOSSC_CHECKED"].contains(&name)
        || (name.starts_with("lossc_") && name.ends_with("_DECLARED"));
    is_limit || is_type || is_ours || C_WORDS.contains(&name)
}

const RUST_KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let",
    "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return",
    "static", "struct", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use",
    "virtual", "where", "while", "yield",
];

const C_WORDS: &[&str] = &[
    // Keywords of C, then those of C++.
    "auto",
    "break",
    "case",
    "char",
    "const",
    "constexpr",
    "continue",
    "default",
    "do",
    "double",
    "else",
    "enum",
    "extern",
    "false",
    "float",
    "for",
    "goto",
    "if",
    "inline",
    "int",
    "long",
    "nullptr",
    "register",
    "restrict",
    "return",
    "short",
    "signed",
    "sizeof",
    "static",
    "static_assert",
    "struct",
    "switch",
    "thread_local",
    "true",
    "typedef",
    "typeof",
    "typeof_unqual",
    "union",
    "unsigned",
    "void",
    "volatile",
    "while",
    "_Alignas",
    "_Alignof",
    "_Atomic",
    "_BitInt",
    "_Bool",
    "_Complex",
    "_Decimal128",
    "_Decimal32",
    "_Decimal64",
    "_Generic",
    "_Imaginary",
    "_Noreturn",
    "_Pragma",
    "_Static_assert",
    "_Thread_local",
    "alignas",
    "alignof",
    "and",
    "and_eq",
    "asm",
    "bitand",
    "bitor",
    "bool",
    "catch",
    "char16_t",
    "char32_t",
    "char8_t",
    "class",
    "co_await",
    "co_return",
    "co_yield",
    "compl",
    "concept",
    "const_cast",
    "consteval",
    "constinit",
    "contract_assert",
    "decltype",
    "delete",
    "dynamic_cast",
    "explicit",
    "export",
    "friend",
    "mutable",
    "namespace",
    "new",
    "noexcept",
    "not",
    "not_eq",
    "operator",
    "or",
    "or_eq",
    "private",
    "protected",
    "public",
    "reinterpret_cast",
    "requires",
    "static_cast",
    "template",
    "this",
    "throw",
    "try",
    "typeid",
    "typename",
    "using",
    "virtual",
    "wchar_t",
    "xor",
    "xor_eq",
    // Macros of common headers and of compilers that speak GNU C.
    "EOF",
    "I",
    "INFINITY",
    "NAN",
    "NULL",
    "assert",
    "errno",
    "far",
    "i386",
    "interface",
    "linux",
    "near",
    "small",
    "stderr",
    "stdin",
    "stdout",
    "unix",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_taken_get_underscores() {
        let mut names = Names::new(["values"]);
        for (name, expected) in [
            ("logits", "logits"),
            ("values", "values_"),
            ("values_", "values__"),
            ("class", "class_"),
            ("uint64_t", "uint64_t_"),
            ("INT32_MAX", "INT32_MAX_"),
            ("_Bool", "_Bool_"),
            ("box", "box"),
        ] {
            assert_eq!(names.take_c(name), expected);
        }
    }

    #[test]
    fn rust_spells_keywords_raw_where_it_can() {
        let mut names = Names::new([]);
        for (name, expected) in [
            ("box", "r#box"),
            ("gen", "r#gen"),
            ("class", "class"),
            ("self", "self_"),
            ("self_", "self__"),
            ("Self", "Self_"),
            ("_", "__"),
        ] {
            assert_eq!(rust(&names.take_rust(name)), expected);
        }
    }
}
