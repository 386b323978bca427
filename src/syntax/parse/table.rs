//! The grammar as a table: in comes the text of `grammar/loss.pest`, out go the steps of its rules, each with the bytes that
//! it may begin with.
//!
//! Of pest's language it knows what `grammar/loss.pest` uses. Afterwards a step that the next byte rules out need not be tried,
//! and what matches a single byte of some set is one step.

use std::sync::OnceLock;

use super::grammar::Rule;

/// A set of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bytes([u64; 4]);

impl Bytes {
    const ALL: Self = Self([u64::MAX; 4]);

    fn of(members: impl IntoIterator<Item = u8>) -> Self {
        members.into_iter().fold(Self::default(), |mut set, byte| {
            set.0[usize::from(byte >> 6)] |= 1 << (byte & 63);
            set
        })
    }

    /// Whether a byte is one of them.
    pub(super) fn has(self, byte: u8) -> bool {
        self.0[usize::from(byte >> 6)] >> (byte & 63) & 1 == 1
    }

    fn with(self, other: Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at] | other.0[at]))
    }

    fn without(self, other: Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at] & !other.0[at]))
    }
}

/// What is to match, by the places of its parts in [`Table::nodes`].
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// This text.
    Text(&'static str),
    /// This text, in capital or small letters.
    AnyCase(&'static str),
    /// One of some bytes.
    Byte(Bytes),
    /// Any character.
    Any,
    /// The beginning of the text.
    Start,
    /// Its end.
    End,
    /// A rule.
    Call(Rule),
    /// One after the other, with blanks and comments between unless in one word.
    Sequence(Vec<usize>),
    /// The first that matches.
    Choice(Vec<usize>),
    /// Likewise, of many: for each byte those that may begin with it, and those that may match nothing.
    LongChoice(Vec<Vec<usize>>, Vec<usize>),
    /// This or nothing.
    Optional(usize),
    /// As many of these as there are.
    Many(usize),
    /// Nothing, where this does not follow.
    Not(usize),
    /// Nothing, where this follows.
    Ahead(usize),
}

/// A step, and what it may begin with.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// The step.
    pub(super) step: Step,
    /// The bytes that it may begin with: all, if it may match nothing.
    pub(super) first: Bytes,
    /// Whether it may match nothing.
    pub(super) nullable: bool,
}

/// What is known of a rule.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Known {
    /// Its step.
    pub(super) body: usize,
    /// Whether it leaves no token.
    pub(super) is_silent: bool,
    /// Whether it is one word: no blanks and no tokens inside.
    pub(super) is_word: bool,
}

/// A grammar.
#[derive(Debug)]
pub(super) struct Table {
    /// The steps.
    pub(super) nodes: Vec<Node>,
    /// The rules, by their numbers.
    pub(super) rules: Vec<Known>,
    /// The bytes of blanks.
    pub(super) blanks: Bytes,
    /// Those that comments begin with, and those of blanks.
    pub(super) gaps: Bytes,
}

/// Choices of more have a table of what may begin with which byte.
const SHORT_CHOICE: usize = 3;

/// The table of the language's grammar, made once.
pub(super) fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| Table::read(include_str!("../../../grammar/loss.pest")))
}

impl Table {
    fn read(text: &'static str) -> Self {
        // Pest's list has no end of the text.
        let all = Rule::all_rules().iter().copied().chain([Rule::EOI]);
        let names: Vec<(String, Rule)> = all.map(|rule| (format!("{rule:?}"), rule)).collect();
        let places = names.iter().map(|(_, rule)| *rule as usize + 1).max().unwrap_or(0);
        let rules = vec![Known::default(); places];
        let mut reader = Reader { rest: text, names, nodes: Vec::new(), rules };
        reader.rules[Rule::EOI as usize].body = reader.add(Step::End);
        while !reader.ends() {
            reader.rule();
        }
        let Reader { nodes, rules, .. } = reader;
        let (blanks, gaps) = (Bytes::default(), Bytes::default());
        let mut table = Self { nodes, rules, blanks, gaps };
        table.join_bytes();
        let blanks = table.rules[Rule::WHITESPACE as usize].body;
        table.blanks = table.bytes(blanks).expect("blanks are single bytes");
        table.find_first();
        let comment = table.rules[Rule::COMMENT as usize].body;
        table.gaps = table.blanks.with(table.nodes[comment].first);
        table.divide_choices();
        table
    }

    /// The bytes of a step that matches one byte.
    fn bytes(&self, node: usize) -> Option<Bytes> {
        match &self.nodes[node].step {
            Step::Byte(bytes) => Some(*bytes),
            Step::Text(text) if text.len() == 1 => Some(Bytes::of(text.bytes())),
            Step::Choice(all) => {
                all.iter().try_fold(Bytes::default(), |set, one| Some(set.with(self.bytes(*one)?)))
            }
            Step::Call(rule) if self.rules[*rule as usize].is_silent => {
                self.bytes(self.rules[*rule as usize].body)
            }
            _ => None,
        }
    }

    /// Makes one step of what matches one byte.
    fn join_bytes(&mut self) {
        for node in 0..self.nodes.len() {
            if let Some(bytes) = self.bytes(node) {
                self.nodes[node].step = Step::Byte(bytes);
            }
        }
        for node in 0..self.nodes.len() {
            // Many characters that are not one of some ASCII ones are as many bytes.
            let Step::Many(part) = self.nodes[node].step else { continue };
            let Step::Sequence(parts) = &self.nodes[part].step else { continue };
            let [not, any] = parts[..] else { continue };
            if let (Step::Not(of), Step::Any) = (&self.nodes[not].step, &self.nodes[any].step)
                && let Some(bytes) = self.bytes(*of)
                && !(128..=255).any(|byte| bytes.has(byte))
            {
                self.nodes[part].step = Step::Byte(Bytes::ALL.without(bytes));
            }
        }
    }

    /// Finds what each step may begin with, until nothing is new.
    fn find_first(&mut self) {
        let mut is_new = true;
        while std::mem::take(&mut is_new) {
            for node in 0..self.nodes.len() {
                let (first, nullable) = self.first(node);
                let known = &mut self.nodes[node];
                is_new |= (known.first, known.nullable) != (first, nullable);
                (known.first, known.nullable) = (first, nullable);
            }
        }
        for node in self.nodes.iter_mut().filter(|node| node.nullable) {
            node.first = Bytes::ALL;
        }
    }

    /// Sorts the parts of long choices by what they may begin with.
    fn divide_choices(&mut self) {
        for node in 0..self.nodes.len() {
            let Step::Choice(parts) = &self.nodes[node].step else { continue };
            if parts.len() <= SHORT_CHOICE {
                continue;
            }
            let of = |may: &dyn Fn(&Node) -> bool| -> Vec<usize> {
                parts.iter().copied().filter(|part| may(&self.nodes[*part])).collect()
            };
            let by_byte = (0..=255).map(|byte| of(&|part| part.first.has(byte))).collect();
            self.nodes[node].step = Step::LongChoice(by_byte, of(&|part| part.nullable));
        }
    }

    fn first(&self, node: usize) -> (Bytes, bool) {
        let known = |node: usize| (self.nodes[node].first, self.nodes[node].nullable);
        match &self.nodes[node].step {
            Step::Text(text) => (Bytes::of(text.bytes().take(1)), text.is_empty()),
            Step::AnyCase(text) => {
                let cases = |byte: u8| [byte.to_ascii_lowercase(), byte.to_ascii_uppercase()];
                (Bytes::of(text.bytes().take(1).flat_map(cases)), text.is_empty())
            }
            Step::Byte(bytes) => (*bytes, false),
            Step::Any => (Bytes::ALL, false),
            Step::LongChoice(..) => unreachable!("choices are divided afterwards"),
            Step::Start | Step::End | Step::Not(_) | Step::Ahead(_) => (Bytes::default(), true),
            Step::Call(rule) => known(self.rules[*rule as usize].body),
            Step::Optional(part) | Step::Many(part) => (known(*part).0, true),
            Step::Choice(parts) => parts
                .iter()
                .map(|part| known(*part))
                .fold((Bytes::default(), false), |a, b| (a.0.with(b.0), a.1 || b.1)),
            Step::Sequence(parts) => {
                let mut all = Bytes::default();
                for part in parts {
                    let (first, nullable) = known(*part);
                    all = all.with(first);
                    if !nullable {
                        return (all, false);
                    }
                    // Behind nothing there may be blanks and comments.
                    let comment = self.rules[Rule::COMMENT as usize].body;
                    all = all.with(self.blanks).with(known(comment).0);
                }
                (all, true)
            }
        }
    }
}

/// The grammar's text, and what has been read of it.
struct Reader {
    rest: &'static str,
    names: Vec<(String, Rule)>,
    nodes: Vec<Node>,
    rules: Vec<Known>,
}

impl Reader {
    fn add(&mut self, step: Step) -> usize {
        self.nodes.push(Node { step, first: Bytes::default(), nullable: false });
        self.nodes.len() - 1
    }

    fn ends(&mut self) -> bool {
        self.rest = self.rest.trim_start();
        while self.rest.starts_with("//") {
            self.rest = self.rest.find('\n').map_or("", |end| self.rest[end..].trim_start());
        }
        self.rest.is_empty()
    }

    /// Takes a sign if it stands here.
    fn takes(&mut self, sign: &str) -> bool {
        let is_end = self.ends();
        match self.rest.strip_prefix(sign) {
            Some(rest) if !is_end => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn take(&mut self, sign: &str) {
        assert!(self.takes(sign), "the grammar has `{sign}` before {:.20}", self.rest);
    }

    fn word(&mut self) -> &'static str {
        self.ends();
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let (word, rest) =
            self.rest.split_at(self.rest.find(|c| !is_word(c)).unwrap_or(self.rest.len()));
        self.rest = rest;
        word
    }

    /// `name = @{ … }`
    fn rule(&mut self) {
        let name = self.word();
        let rule = self.find(name);
        self.take("=");
        let (is_silent, is_word) = (self.takes("_"), self.takes("@"));
        self.take("{");
        let body = self.choice();
        self.take("}");
        self.rules[rule as usize] = Known { body, is_silent, is_word };
    }

    fn find(&self, name: &str) -> Rule {
        let found = self.names.iter().find(|(known, _)| known == name);
        found.expect("the grammar defines what it names").1
    }

    /// `a | b`
    fn choice(&mut self) -> usize {
        let mut parts = vec![self.sequence()];
        while self.takes("|") {
            parts.push(self.sequence());
        }
        if parts.len() == 1 { parts[0] } else { self.add(Step::Choice(parts)) }
    }

    /// `a ~ b`
    fn sequence(&mut self) -> usize {
        let mut parts = vec![self.part()];
        while self.takes("~") {
            parts.push(self.part());
        }
        if parts.len() == 1 { parts[0] } else { self.add(Step::Sequence(parts)) }
    }

    /// `!a`, `&a`, `a?`, `a*`
    fn part(&mut self) -> usize {
        if self.takes("!") {
            let part = self.part();
            return self.add(Step::Not(part));
        }
        if self.takes("&") {
            let part = self.part();
            return self.add(Step::Ahead(part));
        }
        let mut part = self.operand();
        loop {
            let step = if self.takes("?") {
                Step::Optional(part)
            } else if self.takes("*") {
                Step::Many(part)
            } else {
                return part;
            };
            part = self.add(step);
        }
    }

    fn operand(&mut self) -> usize {
        if self.takes("(") {
            let inside = self.choice();
            self.take(")");
            return inside;
        }
        if self.takes("^") {
            let text = self.text();
            return self.add(Step::AnyCase(text));
        }
        if self.rest.starts_with('"') {
            let text = self.text();
            return self.add(Step::Text(text));
        }
        let name = self.word();
        let ascii = |is: fn(&u8) -> bool| Step::Byte(Bytes::of((0..128).filter(is)));
        let step = match name {
            "ANY" => Step::Any,
            "SOI" => Step::Start,
            "NEWLINE" => {
                let ends = ["\n", "\r\n", "\r"].map(|end| self.add(Step::Text(end)));
                Step::Choice(ends.to_vec())
            }
            "ASCII_DIGIT" => ascii(u8::is_ascii_digit),
            "ASCII_ALPHA" => ascii(u8::is_ascii_alphabetic),
            "ASCII_ALPHANUMERIC" => ascii(u8::is_ascii_alphanumeric),
            name => Step::Call(self.find(name)),
        };
        self.add(step)
    }

    /// `"…"`
    fn text(&mut self) -> &'static str {
        self.take("\"");
        let is_end = |(at, _): &(usize, &str)| !self.rest[..*at].ends_with('\\');
        let end = self.rest.match_indices('"').find(is_end).expect("texts end").0;
        let (text, rest) = self.rest.split_at(end);
        self.rest = &rest[1..];
        match text {
            "\\\"" => "\"",
            "\\n" => "\n",
            "\\r" => "\r",
            "\\t" => "\t",
            _ => text,
        }
    }
}
