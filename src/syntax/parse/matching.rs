//! The grammar's table on a text: in come a rule and a text, out comes what its rules matched, or nothing.
//!
//! What is matched is what pest matches by the same grammar, in much less time. Where nothing is, pest says why.

use super::grammar::Rule;
use super::pair::Token;
use super::table::{Step, Table, table};

/// What a rule and those inside of it match at the beginning of a text.
pub(super) fn matches(rule: Rule, text: &str) -> Option<Vec<Token>> {
    let mut matcher = Matcher {
        table: table(),
        text: text.as_bytes(),
        tokens: Vec::with_capacity(text.len() / 4 + 16),
        in_word: false,
        is_quiet: false,
    };
    matcher.call(rule, 0)?;
    Some(matcher.tokens)
}

struct Matcher<'a> {
    table: &'static Table,
    text: &'a [u8],
    tokens: Vec<Token>,
    /// In a word there are no blanks and no tokens.
    in_word: bool,
    /// What is only looked ahead at leaves no tokens.
    is_quiet: bool,
}

impl Matcher<'_> {
    /// Where the match of a step ends, if it matches at a place; else there are as many tokens as before.
    fn step(&mut self, node: usize, at: usize) -> Option<usize> {
        let node = &self.table.nodes[node];
        let may_match = self.text.get(at).map_or(node.nullable, |byte| node.first.has(*byte));
        if !may_match {
            return None;
        }
        match &node.step {
            Step::Text(text) => {
                self.text[at..].starts_with(text.as_bytes()).then_some(at + text.len())
            }
            Step::AnyCase(text) => {
                let found = self.text.get(at..at + text.len())?;
                found.eq_ignore_ascii_case(text.as_bytes()).then_some(at + text.len())
            }
            // That it begins with one of them has been found.
            Step::Byte(_) => Some(at + 1),
            Step::Any => {
                let rest = &self.text[at + 1..];
                Some(at + 1 + rest.iter().take_while(|byte| is_inside(**byte)).count())
            }
            Step::Start => (at == 0).then_some(at),
            Step::End => (at == self.text.len()).then_some(at),
            Step::Call(rule) => self.call(*rule, at),
            Step::Sequence(parts) => self.sequence(parts, at),
            Step::Choice(parts) => parts.iter().find_map(|part| self.step(*part, at)),
            Step::LongChoice(by_byte, at_end) => {
                let parts = self.text.get(at).map_or(at_end, |byte| &by_byte[usize::from(*byte)]);
                parts.iter().find_map(|part| self.step(*part, at))
            }
            Step::Optional(part) => Some(self.step(*part, at).unwrap_or(at)),
            Step::Many(part) => Some(self.many(*part, at)),
            Step::Not(part) => (!self.follows(*part, at)).then_some(at),
            Step::Ahead(part) => self.follows(*part, at).then_some(at),
        }
    }

    fn call(&mut self, rule: Rule, at: usize) -> Option<usize> {
        let known = self.table.rules[rule as usize];
        if known.is_silent || self.in_word || self.is_quiet {
            return self.inside(known.is_word, known.body, at);
        }
        let place = self.tokens.len();
        self.tokens.push(Token { rule, start: at, end: at, after: place });
        let Some(end) = self.inside(known.is_word, known.body, at) else {
            self.tokens.truncate(place);
            return None;
        };
        let after = self.tokens.len();
        self.tokens[place] = Token { rule, start: at, end, after };
        Some(end)
    }

    /// A step in a word, or where it is now.
    fn inside(&mut self, is_word: bool, node: usize, at: usize) -> Option<usize> {
        let around = self.in_word;
        self.in_word |= is_word;
        let end = self.step(node, at);
        self.in_word = around;
        end
    }

    fn sequence(&mut self, parts: &[usize], at: usize) -> Option<usize> {
        let place = self.tokens.len();
        let mut end = at;
        for (number, part) in parts.iter().enumerate() {
            if number > 0 {
                end = self.skip(end);
            }
            let Some(next) = self.step(*part, end) else {
                self.tokens.truncate(place);
                return None;
            };
            end = next;
        }
        Some(end)
    }

    fn many(&mut self, part: usize, at: usize) -> usize {
        if let (Step::Byte(bytes), true) = (&self.table.nodes[part].step, self.in_word) {
            return at + self.text[at..].iter().take_while(|byte| bytes.has(**byte)).count();
        }
        let Some(mut end) = self.step(part, at) else { return at };
        loop {
            let start = self.skip(end);
            match self.step(part, start) {
                Some(next) if next > end => end = next,
                _ => return end,
            }
        }
    }

    fn follows(&mut self, part: usize, at: usize) -> bool {
        let around = std::mem::replace(&mut self.is_quiet, true);
        let end = self.step(part, at);
        self.is_quiet = around;
        end.is_some()
    }

    /// Goes past blanks and comments, where they may stand.
    fn skip(&mut self, mut at: usize) -> usize {
        if self.in_word {
            return at;
        }
        let comment = self.table.rules[Rule::COMMENT as usize].body;
        loop {
            match self.text.get(at) {
                Some(byte) if !self.table.gaps.has(*byte) => return at,
                Some(byte) if self.table.blanks.has(*byte) => at += 1,
                Some(_) => match self.inside(true, comment, at) {
                    Some(end) => at = end,
                    None => return at,
                },
                None => return at,
            }
        }
    }
}

/// Whether a byte goes on with a character.
fn is_inside(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

#[cfg(test)]
mod tests {
    use super::super::grammar::tokens_of_pest;
    use super::*;
    use crate::library::{LOSSES, PRELUDE};

    /// Texts of losses, of rules and of expressions, each with the rule that it is matched with.
    fn texts() -> Vec<(Rule, String)> {
        let losses =
            LOSSES.iter().chain([&PRELUDE]).map(|shipped| (Rule::file, shipped.text.to_owned()));
        let rules = [
            include_str!("../../rewrite/simplify.rules"),
            include_str!("../../rewrite/stabilize.rules"),
        ];
        let rules = rules.map(|text| (Rule::rewrite_file, text.to_owned()));
        let expressions = [
            "1.5e-3 * (a + b)[i, 0]^-x",
            "if a { 1 } else if b { 2. } else { { let r[i in K] = 1; r } }",
            "sum[i in D, j in D if i != j](x[i, 3]) <= 1_000 && !true || inf == pi",
            "f[K](x = 1, y == 2, in_ = [1, 2, 3,],)  // größer\n",
            "a.. b",
            "1.x",
            "lossy",
            "loss",
            "é",
            "",
        ];
        let expressions = expressions.map(|text| (Rule::lone_expression, text.to_owned()));
        losses.chain(rules).chain(expressions).collect()
    }

    fn compare(rule: Rule, text: &str) {
        let (ours, pests) = (matches(rule, text), tokens_of_pest(rule, text).ok());
        assert_eq!(ours, pests, "{rule:?} on\n{text}");
    }

    #[test]
    fn matches_are_those_of_pest() {
        for (rule, text) in texts() {
            compare(rule, &text);
        }
    }

    #[test]
    fn matches_of_damaged_texts_are_those_of_pest() {
        const SIGNS: [&str; 12] = ["", "(", "]", "=", "==", "in", " ", "/", "\"", "K?", "..", "ü"];
        for (rule, text) in texts() {
            // A few places of each text, another sign at each.
            let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
            for (number, place) in starts.iter().step_by(1 + starts.len() / 12).enumerate() {
                let rest = text[*place..].chars().next().map_or(0, char::len_utf8);
                let sign = SIGNS[(number + text.len()) % SIGNS.len()];
                compare(rule, &format!("{}{sign}{}", &text[..*place], &text[place + rest..]));
                compare(rule, &text[..*place]);
            }
        }
    }
}
