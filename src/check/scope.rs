//! What names mean inside of one body.

use std::collections::HashMap;

use super::Value;
use super::files::FileIndex;
use crate::graph::{AxisSet, ExtentId};
use crate::syntax::ast::AxisName;

/// What a name stands for.
#[derive(Clone, Debug)]
pub(super) enum Binding {
    /// A value.
    Value(Value),
    /// An input that is declared further on.
    Later,
    /// Something that is wrong and has been reported: its uses are silent.
    Failed,
}

/// The names and axes that a body can see.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    /// The file whose items it sees.
    pub(super) file: FileIndex,
    /// The axes that indices around this place run over.
    pub(super) bound: AxisSet,
    names: HashMap<String, Vec<Binding>>,
    extents: Vec<(AxisName, ExtentId)>,
}

impl Scope {
    pub(super) fn new(file: FileIndex) -> Self {
        Self { file, bound: AxisSet::EMPTY, names: HashMap::new(), extents: Vec::new() }
    }

    /// Gives a name a meaning until [`Scope::pop`].
    pub(super) fn push(&mut self, name: &str, binding: Binding) {
        match self.names.get_mut(name) {
            Some(meanings) => meanings.push(binding),
            None => {
                self.names.insert(name.to_owned(), vec![binding]);
            }
        }
    }

    /// Takes the latest meaning of a name away.
    pub(super) fn pop(&mut self, name: &str) {
        self.names.get_mut(name).and_then(Vec::pop).expect("only what was pushed is popped");
    }

    pub(super) fn lookup(&self, name: &str) -> Option<&Binding> {
        self.names.get(name).and_then(|meanings| meanings.last())
    }

    /// The names in sight, sorted.
    pub(super) fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self
            .names
            .iter()
            .filter(|(_, meanings)| !meanings.is_empty())
            .map(|(name, _)| name.as_str())
            .collect();
        names.sort_unstable();
        names
    }

    pub(super) fn add_extent(&mut self, name: AxisName, extent: ExtentId) {
        self.extents.push((name, extent));
    }

    pub(super) fn extent(&self, name: &AxisName) -> Option<ExtentId> {
        self.extents.iter().find(|(known, _)| known == name).map(|(_, extent)| *extent)
    }

    /// The names of axes in sight.
    pub(super) fn extent_names(&self) -> impl Iterator<Item = &str> {
        self.extents.iter().filter_map(|(name, _)| match name {
            AxisName::Named(name) => Some(name.as_str()),
            AxisName::Literal(_) => None,
        })
    }
}
