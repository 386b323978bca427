//! Rows as lanes: a few rows of an array at a time are turned on their side, so that its short last axis can
//! be gone along with a row in each lane.
//!
//! A tile lies on the stack: for each position of the last axis a vector with an element of each row.
//! It is filled before a trip of the loop in lanes and written back after it.

use std::collections::BTreeMap;

use iced_x86::{Code, MemoryOperand};

use super::assembler::{at, indexed};
use super::frame::VECTOR;
use super::memory::{SCALED, SECOND};
use super::{Body, STACK, Writer};
use crate::loops::{
    Array, ArrayId, ArrayRole, Extent, Loop, LoopId, Operation, SHORT, Statement, Subscript, Value,
};

/// Some rows of an array, on the stack.
#[derive(Clone, Debug)]
pub(super) struct Tile {
    /// The subscripts of the first element of the first row.
    pub(super) first: Vec<Subscript>,
    /// How many elements a row has.
    pub(super) length: Extent,
    /// Where that of the first copy of the body lies, those of the others behind it.
    buffer: i32,
    copies: usize,
    is_read: bool,
    is_written: bool,
}

impl Tile {
    /// Where the tile of a copy of the body lies.
    pub(super) fn place(&self, copy: usize) -> i32 {
        let vectors = copy * SHORT as usize;
        self.buffer + VECTOR * i32::try_from(vectors).expect("a few vectors")
    }
}

/// Which way elements go.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    In,
    Out,
}

impl<'p> Writer<'p> {
    /// Finds the arrays that a loop in lanes goes along row by row.
    pub(super) fn find_tiles(&self, inner: &Loop) -> BTreeMap<ArrayId, Tile> {
        let mut accesses = BTreeMap::new();
        if !goes_along_rows(&inner.body, inner.id) {
            return BTreeMap::new();
        }
        collect(&inner.body, &mut accesses);
        let tile = |(array, accesses): (ArrayId, Vec<Found<'_>>)| {
            Some((array, self.tile_of(inner, array, &accesses)?))
        };
        accesses.into_iter().filter_map(tile).collect()
    }

    /// Makes room for tiles, one for each copy of the body.
    pub(super) fn place_tiles(&mut self, mut tiles: BTreeMap<ArrayId, Tile>, copies: usize) {
        for tile in tiles.values_mut() {
            tile.buffer = self.frame.vectors(copies * SHORT as usize);
            tile.copies = copies;
        }
        self.tiles = tiles;
    }

    fn tile_of(&self, inner: &Loop, id: ArrayId, accesses: &[Found<'_>]) -> Option<Tile> {
        let array = &self.program.arrays[id.0 as usize];
        let length = *array.extents.last()?;
        let is_row = |access: &&Found<'_>| self.is_row(inner, access.subscripts);
        let (rows, others): (Vec<_>, Vec<_>) = accesses.iter().partition(is_row);
        let row = rows.first()?;
        let (_, outer) = row.subscripts.split_last()?;
        let alike = rows.iter().all(|access| access.subscripts.starts_with(outer));
        let is_written = accesses.iter().any(|access| access.is_store);
        let is_worth_it = rows.len() > 1 || row.is_inside;
        if !alike || !is_worth_it || (is_written && !others.is_empty()) || !is_short(length, inner)
        {
            return None;
        }
        let first = outer.iter().copied().chain([Subscript::Literal(0)]).collect();
        // What is seen nowhere else neither comes from memory nor goes there, nor comes what is written first.
        let is_private = self.is_private(array, id, inner);
        let is_covered = is_covered(inner, row.subscripts, length) || is_written_out(&rows, length);
        let is_read = !(row.is_store && (is_private || is_covered));
        let is_written = is_written && !is_private;
        Some(Tile { first, length, buffer: 0, copies: 0, is_read, is_written })
    }

    /// Whether an access goes along the last axis, the lanes along the one before, all else staying the same.
    fn is_row(&self, inner: &Loop, subscripts: &[Subscript]) -> bool {
        let [outer @ .., lane, last] = subscripts else { return false };
        let stays = |subscript: &Subscript| match subscript {
            Subscript::Counter(id) | Subscript::Partial(id) => *id != inner.id,
            Subscript::Literal(_) => true,
            Subscript::Value(value) => !defines(&inner.body, *value),
        };
        let is_outside = |subscript: &Subscript| match subscript {
            Subscript::Counter(id) | Subscript::Partial(id) => {
                self.counters.contains_key(id) && *id != inner.id
            }
            Subscript::Literal(_) | Subscript::Value(_) => true,
        };
        *lane == Subscript::Counter(inner.id)
            && stays(last)
            && outer.iter().all(|subscript| stays(subscript) && is_outside(subscript))
    }

    /// Whether nothing but a loop sees an array of the call's own.
    fn is_private(&self, array: &Array, id: ArrayId, inner: &Loop) -> bool {
        if array.role != ArrayRole::Temporary {
            return false;
        }
        let mut inside = BTreeMap::new();
        collect(&inner.body, &mut inside);
        let mut all = BTreeMap::new();
        collect(&self.program.body, &mut all);
        let count = |found: &BTreeMap<ArrayId, Vec<Found<'_>>>| found.get(&id).map_or(0, Vec::len);
        count(&inside) == count(&all)
    }

    /// Where the vector of a position of a tile lies, if an access of a copy of the body goes to one.
    pub(super) fn tile_place(
        &mut self,
        array: ArrayId,
        subscripts: &[Subscript],
        copy: usize,
    ) -> Option<MemoryOperand> {
        let tile = self.tiles.get(&array)?;
        let (last, outer) = subscripts.split_last()?;
        if !tile.first.starts_with(outer) || outer.len() + 1 != tile.first.len() {
            return None;
        }
        let buffer = tile.place(copy);
        match last {
            Subscript::Literal(literal) => {
                let bytes = i32::try_from(self.form.bytes()).expect("64 at most");
                let literal = i32::try_from(*literal).expect("a short axis");
                return Some(at(STACK, buffer + literal * bytes));
            }
            Subscript::Counter(id) if self.scaled == Some(*id) => {
                return Some(indexed(STACK, SCALED, 1, buffer));
            }
            Subscript::Counter(id) => self.read_any_counter(*id),
            Subscript::Partial(_) => return None,
            Subscript::Value(value) if self.wide[value.0 as usize] => return None,
            Subscript::Value(value) => match self.constants.get(*value) {
                Some(Operation::Integer(literal)) => {
                    let literal = u32::try_from(*literal).expect("a position in an axis");
                    let subscripts = [outer, &[Subscript::Literal(literal)]].concat();
                    return self.tile_place(array, &subscripts, copy);
                }
                _ => self.read_integer(*value),
            },
        }
        let shift = i32::try_from(self.form.bytes().ilog2()).expect("6 at most");
        self.code.number(Code::Shl_rm64_imm8, SECOND, shift);
        Some(indexed(STACK, SECOND, 1, buffer))
    }

    /// The tile that an access goes to at a position that differs between lanes, and that position.
    pub(super) fn position_in_tile(
        &self,
        array: ArrayId,
        subscripts: &[Subscript],
    ) -> Option<(Tile, Value)> {
        let tile = self.tiles.get(&array).filter(|tile| tile.is_read)?;
        let (Subscript::Value(position), outer) = subscripts.split_last()? else { return None };
        let is_row = tile.first.starts_with(outer) && outer.len() + 1 == tile.first.len();
        (is_row && !self.is_shared(*position)).then(|| (tile.clone(), *position))
    }

    /// Lets go of the tiles.
    pub(super) fn release_tiles(&mut self) {
        for (_, tile) in std::mem::take(&mut self.tiles) {
            self.frame.release_vectors(tile.buffer, tile.copies * SHORT as usize);
        }
    }

    /// Fills the tiles of a trip, or writes them back.
    pub(super) fn move_tiles(&mut self, body: Body<'p>, way: Way) -> Body<'p> {
        if self.tiles.is_empty() {
            return body;
        }
        self.bodies.push(body);
        for (array, tile) in self.tiles.clone() {
            let goes = if way == Way::In { tile.is_read } else { tile.is_written };
            for copy in (0..self.copies).filter(|_| goes) {
                self.move_tile(array, &tile, copy, way);
            }
        }
        self.bodies.pop().expect("it was just pushed")
    }

    fn read_any_counter(&mut self, id: LoopId) {
        if self.body().counter == Some(id) {
            return self.read_counter();
        }
        let slot = self.counters[&id];
        self.code.load(Code::Mov_r64_rm64, SECOND, at(STACK, slot));
    }
}

/// Whether a body accesses elements whose last axis but one goes with the counter of a loop.
fn goes_along_rows(body: &[Statement], id: LoopId) -> bool {
    body.iter().any(|statement| match statement {
        Statement::Let(_, Operation::Load(_, subscripts)) | Statement::Store { subscripts, .. } => {
            matches!(subscripts[..], [.., Subscript::Counter(lane), _] if lane == id)
        }
        Statement::Loop(inner) => goes_along_rows(&inner.body, id),
        Statement::Let(..) | Statement::Product(_) => false,
    })
}

/// An access that was found.
struct Found<'p> {
    subscripts: &'p [Subscript],
    is_store: bool,
    /// Whether it is inside of a loop.
    is_inside: bool,
}

/// Collects the accesses of a body by array, in order.
fn collect<'p>(body: &'p [Statement], accesses: &mut BTreeMap<ArrayId, Vec<Found<'p>>>) {
    fn walk<'p>(
        body: &'p [Statement],
        is_inside: bool,
        accesses: &mut BTreeMap<ArrayId, Vec<Found<'p>>>,
    ) {
        for statement in body {
            let (array, subscripts, is_store) = match statement {
                Statement::Let(_, Operation::Load(array, subscripts)) => (array, subscripts, false),
                Statement::Store { array, subscripts, .. } => (array, subscripts, true),
                Statement::Let(..) | Statement::Product(_) => continue,
                Statement::Loop(inner) => {
                    walk(&inner.body, true, accesses);
                    continue;
                }
            };
            accesses.entry(*array).or_default().push(Found { subscripts, is_store, is_inside });
        }
    }
    walk(body, false, accesses);
}

/// Whether an axis is as short as the loops in a loop in lanes.
fn is_short(length: Extent, inner: &Loop) -> bool {
    let runs_along = |statement: &Statement| match statement {
        Statement::Loop(loops) => loops.extent == length,
        Statement::Let(..) | Statement::Store { .. } | Statement::Product(_) => false,
    };
    match length {
        Extent::Literal(literal) => literal <= SHORT,
        Extent::Given(_) => inner.body.iter().any(runs_along),
    }
}

/// Whether an access goes along its whole last axis.
fn is_covered(inner: &Loop, subscripts: &[Subscript], length: Extent) -> bool {
    inner.body.iter().any(|statement| match statement {
        Statement::Loop(loops) => {
            subscripts.last() == Some(&Subscript::Counter(loops.id)) && loops.extent == length
        }
        Statement::Let(..) | Statement::Store { .. } | Statement::Product(_) => false,
    })
}

/// Whether there is a store for each position of an axis.
fn is_written_out(rows: &[&Found<'_>], length: Extent) -> bool {
    let Extent::Literal(length) = length else { return false };
    (0..length).all(|at| {
        let is_here = |row: &&&Found<'_>| row.subscripts.last() == Some(&Subscript::Literal(at));
        rows.iter().filter(is_here).any(|row| row.is_store)
    })
}

/// Whether a body or a loop in it defines a value.
fn defines(body: &[Statement], value: Value) -> bool {
    body.iter().any(|statement| match statement {
        Statement::Let(defined, operation) => {
            let is_constant = matches!(operation, Operation::Integer(_));
            *defined == value && !is_constant
        }
        Statement::Store { .. } | Statement::Product(_) => false,
        Statement::Loop(inner) => {
            inner.accumulators.iter().any(|it| it.result == value) || defines(&inner.body, value)
        }
    })
}
