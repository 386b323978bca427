//! Statements put into the body of a loop.

use super::Statement;

/// Puts statements into a body, each in front of the statement at a place, in the order of places.
pub(crate) fn insert(body: &mut Vec<Statement>, new: Vec<(usize, Statement)>) {
    if new.is_empty() {
        return;
    }
    let room = Vec::with_capacity(body.len() + new.len());
    let mut old = std::mem::replace(body, room).into_iter();
    let mut before = 0;
    for (place, statement) in new {
        body.extend(old.by_ref().take(place - before));
        body.push(statement);
        before = place;
    }
    body.extend(old);
}
