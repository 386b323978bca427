//! A lowered program as text, followed by what its loops leave to later ones, and why that is stored or computed
//! again.

use std::fmt::{self, Formatter};

use super::cost::{LOAD, STORE};
use super::{Choice, Kept, Lowered};
use crate::graph::Graph;
use crate::loops::Program;
use crate::print::to_text_within;

/// How many operators and calls of an expression are shown.
const BUDGET: usize = 12;

/// The program as text, then one line for each array that more than one loop needs.
#[must_use]
pub fn explain(graph: &Graph, lowered: &Lowered) -> String {
    Explained { graph, lowered }.to_string()
}

struct Explained<'a> {
    graph: &'a Graph,
    lowered: &'a Lowered,
}

impl fmt::Display for Explained<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Lowered { program, choices, .. } = self.lowered;
        program.fmt(f)?;
        if choices.is_empty() {
            return Ok(());
        }
        writeln!(
            f,
            "\nneeded by later loops; costs are in additions, storing and loading is {}",
            STORE + LOAD
        )?;
        for choice in choices {
            self.write_choice(f, program, *choice)?;
        }
        Ok(())
    }
}

impl Explained<'_> {
    fn write_choice(
        &self,
        f: &mut Formatter<'_>,
        program: &Program,
        choice: Choice,
    ) -> fmt::Result {
        match choice.stored {
            Kept::In(array) => {
                write!(f, "stored in {}", program.arrays[array.0 as usize].name)?;
            }
            Kept::InOutput => write!(f, "stored in an output until that is written")?,
            Kept::Nowhere => write!(f, "computed again")?,
        }
        match choice.cost {
            _ if choice.is_running => write!(f, ", a running sum, one pass for all places: ")?,
            u32::MAX => write!(f, ", no other loop can compute it: ")?,
            cost => write!(f, ", costs {cost}: ")?,
        }
        writeln!(f, "{}", to_text_within(self.graph, choice.node, BUDGET))
    }
}
