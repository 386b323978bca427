//! What the rules of the grammar matched: a flat list in, in the order of the text, and a tree to walk out.

use super::grammar::Rule;

/// Where a rule matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    /// The rule.
    pub(super) rule: Rule,
    /// The first byte.
    pub(super) start: usize,
    /// The byte behind the last one.
    pub(super) end: usize,
    /// The place in the list behind what the rules inside of it matched.
    pub(super) after: usize,
}

/// What a rule matched.
#[derive(Clone, Copy)]
pub(super) struct Pair<'a> {
    text: &'a str,
    all: &'a [Token],
    at: usize,
}

/// What the rules inside of a rule matched, in order.
#[derive(Clone)]
pub(super) struct Pairs<'a> {
    text: &'a str,
    all: &'a [Token],
    next: usize,
    after: usize,
}

/// What was matched in a text, outermost.
pub(super) fn pairs<'a>(text: &'a str, all: &'a [Token]) -> Pairs<'a> {
    Pairs { text, all, next: 0, after: all.len() }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = Pair<'a>;

    fn next(&mut self) -> Option<Pair<'a>> {
        if self.next == self.after {
            return None;
        }
        let at = self.next;
        self.next = self.all[at].after;
        Some(Pair { text: self.text, all: self.all, at })
    }
}

impl<'a> Pair<'a> {
    fn token(self) -> Token {
        self.all[self.at]
    }

    /// The rule.
    pub(super) fn as_rule(self) -> Rule {
        self.token().rule
    }

    /// The first byte.
    pub(super) fn start(self) -> usize {
        self.token().start
    }

    /// The byte behind the last one.
    pub(super) fn end(self) -> usize {
        self.token().end
    }

    /// What it matched.
    pub(super) fn as_str(self) -> &'a str {
        &self.text[self.start()..self.end()]
    }

    /// What the rules inside of it matched.
    pub(super) fn into_inner(self) -> Pairs<'a> {
        Pairs { text: self.text, all: self.all, next: self.at + 1, after: self.token().after }
    }
}
