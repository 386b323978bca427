//! Where the arrays of code lie: in come a variant and the shapes of a call, out come the chunks of its
//! examples, and for each array an address and by how much it moves from chunk to chunk.

use super::element::Element;
use super::scratch::Memory;
use super::shape::Extents;
use super::stream;
use super::variant::Variant;
use crate::batch::{Extra, Part, is_batched};
use crate::chunk::Chunking;
use crate::graph::{Graph, InputId};
use crate::machine::Aligned;
use crate::plan::{Length, Source};

/// How the examples of a call are cut.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    pub(super) examples: usize,
    /// How many examples a chunk has; the last one can have fewer.
    pub(super) chunk: usize,
}

impl Cut {
    /// Into the chunks of a loss.
    pub(super) fn new<T>(chunking: &Chunking, extents: &Extents, examples: usize) -> Self {
        let longest = chunking.examples(size_of::<T>(), |length| match length {
            Length::Literal(length) => *length,
            Length::Given(extent) => extents.get(*extent).unwrap_or(0),
            Length::Batch => examples,
        });
        Self { examples, chunk: longest.min(examples) }
    }

    fn chunks(self) -> usize {
        self.examples.div_ceil(self.chunk)
    }
}

/// Where the arrays of a variant lie for the examples of a call.
#[derive(Clone, Default)]
pub(super) struct Layout {
    /// Where each array is in the first chunk, and how many bytes further in the next.
    pub(super) addresses: Vec<*mut u8>,
    pub(super) strides: Vec<usize>,
    /// The lengths of the extents in a chunk, and in the last one.
    pub(super) lengths: Vec<u64>,
    pub(super) last_lengths: Vec<u64>,
    pub(super) chunks: usize,
    /// What a chunk leaves behind in its record, the total first, and how many bytes a record has.
    pub(super) left: Vec<Left>,
    pub(super) record: usize,
    /// How many elements the shared gradients have together.
    pub(super) shared_elements: usize,
    /// The temporaries and where they are in a seat's memory, of so many bytes.
    temporaries: Vec<(usize, usize)>,
    own: usize,
    /// Results that go past the caches, if they are aligned for it.
    streamed: Vec<Streamed>,
    scale: Option<usize>,
    center: Option<usize>,
    /// How many operations all chunks take.
    pub(super) work: f64,
}

/// A result that goes past the caches.
#[derive(Clone, Copy, Debug)]
struct Streamed {
    /// Which array of the variant it is.
    array: usize,
    /// Where it stays in a seat's memory until it is whole, if it does.
    offset: usize,
    /// How many bytes a row has, if it has rows.
    row: Option<usize>,
}

/// A sum over a chunk.
#[derive(Clone, Copy, Debug)]
pub(super) struct Left {
    /// Which array of the variant it is.
    pub(super) array: usize,
    /// Where it is in a record.
    pub(super) offset: usize,
    pub(super) elements: usize,
    /// The input that it is the gradient of; none: it is the total.
    pub(super) input: Option<InputId>,
}

/// The scalar inputs that the batch brings in.
#[derive(Clone, Copy, Default)]
pub(super) struct Scalars<T> {
    pub(super) scale: T,
    pub(super) center: T,
}

impl Layout {
    /// Lays out a variant. The addresses of what is the caller's are still to be set.
    pub(super) fn lay_out<T: Element>(
        &mut self,
        variant: &Variant,
        graph: &Graph,
        extents: &Extents,
        cut: Cut,
    ) {
        self.clear();
        self.chunks = cut.chunks();
        let last = cut.examples - (self.chunks - 1) * cut.chunk;
        for (lengths, rows) in [(&mut self.lengths, cut.chunk), (&mut self.last_lengths, last)] {
            let all = lengths_of(&variant.extents, extents, rows);
            lengths.extend(all.map(|length| length as u64));
        }
        self.work = variant.work.operations(|length| length_of(*length, extents, cut.examples));
        let shared = |id: InputId| !is_batched(graph.input(id).role);
        for (at, array) in variant.arrays.iter().enumerate() {
            let elements = |rows| lengths_of(&array.lengths, extents, rows).product::<usize>();
            let mut stride = 0;
            match array.source {
                Source::Temporary => {
                    self.temporaries.push((at, self.own));
                    self.own += whole_lines(elements(cut.chunk) * size_of::<T>());
                }
                Source::Output(Part::Total) => self.leave::<T>(at, 1, None),
                Source::Output(Part::Gradient(id)) if shared(id) => {
                    self.leave::<T>(at, elements(1), Some(id));
                }
                Source::Extra(Extra::Scale) => self.scale = Some(at),
                Source::Extra(Extra::Center) => self.center = Some(at),
                Source::Input(id) if shared(id) => {}
                Source::Input(_)
                | Source::Extra(Extra::SampleWeight | Extra::Upstream)
                | Source::Output(Part::Values | Part::Gradient(_)) => {
                    stride = elements(1) * size_of::<T>() * cut.chunk;
                }
            }
            self.addresses.push(std::ptr::null_mut());
            self.strides.push(stride);
        }
        assert!(self.left[0].input.is_none(), "the total is the first output");
        self.find_streamed(variant, cut);
    }

    /// Finds the results that are too large for the caches, where there is code that writes past them.
    fn find_streamed(&mut self, variant: &Variant, cut: Cut) {
        let Some(kept) = variant.code.staged() else { return };
        let results = || {
            let is_result =
                |source| matches!(source, Source::Output(Part::Values | Part::Gradient(_)));
            let arrays = (0..variant.arrays.len()).zip(&self.strides);
            let moved = arrays.filter(|(_, stride)| **stride > 0);
            moved.filter(move |(at, _)| is_result(variant.arrays[*at].source))
        };
        let bytes: usize = results().map(|(_, stride)| stride * self.chunks).sum();
        if !stream::is_worth_it(bytes) {
            return;
        }
        let (streamed, own) = (&mut self.streamed, &mut self.own);
        for (array, stride) in results() {
            let has_rows = variant.arrays[array].lengths.len() > 1;
            let row = has_rows.then_some(stride / cut.chunk);
            streamed.push(Streamed { array, offset: *own, row });
            if kept.contains(&array) {
                *own += whole_lines(*stride);
            }
        }
    }

    /// How results are aligned, if they go past the caches. Rows must be whole lines, and many of them: a line that is written in
    /// parts is slower than one that is read first.
    pub(super) fn streams(&self) -> Option<Aligned> {
        let place = |it: &Streamed| self.addresses[it.array].addr() | self.strides[it.array];
        let all = self.streamed.iter().map(place).reduce(|all, place| all | place)?;
        let mut rows = self.streamed.iter().filter_map(|streamed| streamed.row).peekable();
        let has_rows = rows.peek().is_some();
        match all {
            _ if !rows.all(stream::is_worth_row) => None,
            _ if all.is_multiple_of(64) => Some(Aligned::Line),
            _ if all.is_multiple_of(16) && !has_rows => Some(Aligned::Quarter),
            _ => None,
        }
    }

    /// Puts where such code keeps results until they are whole, in a seat's memory, behind the addresses of a table.
    pub(super) fn point_staged(&self, kept: &[usize], own: *mut u8, table: &mut Vec<*mut u8>) {
        for array in kept {
            // Results without elements do not move, and nobody comes to where they are kept.
            let streamed = self.streamed.iter().find(|streamed| streamed.array == *array);
            table.push(own.wrapping_add(streamed.map_or(0, |streamed| streamed.offset)));
        }
    }

    fn clear(&mut self) {
        let Self { addresses, strides, lengths, last_lengths, left, temporaries, streamed, .. } =
            self;
        addresses.clear();
        strides.clear();
        lengths.clear();
        last_lengths.clear();
        left.clear();
        temporaries.clear();
        streamed.clear();
        (self.record, self.own, self.shared_elements) = (0, 0, 0);
        (self.scale, self.center) = (None, None);
    }

    fn leave<T>(&mut self, array: usize, elements: usize, input: Option<InputId>) {
        self.left.push(Left { array, offset: self.record, elements, input });
        self.shared_elements += if input.is_some() { elements } else { 0 };
        self.record += whole_lines(elements * size_of::<T>());
    }

    /// The shared gradients among what a chunk leaves behind.
    pub(super) fn shared(&self) -> impl Iterator<Item = (InputId, usize)> {
        self.left.iter().filter_map(|left| Some((left.input?, left.elements)))
    }

    /// Says where the scalars are, where the code reads them.
    pub(super) fn set_scalars<T>(&mut self, scalars: &Scalars<T>) {
        if let Some(at) = self.scale {
            self.addresses[at] = (&raw const scalars.scale).cast_mut().cast();
        }
        if let Some(at) = self.center {
            self.addresses[at] = (&raw const scalars.center).cast_mut().cast();
        }
    }

    /// Puts the temporaries and a record into memory that this thread alone uses.
    pub(super) fn settle(&mut self, memory: &mut Memory) {
        let own = memory.first_seat().own.of_bytes(self.own);
        place_temporaries(&self.temporaries, own, &mut self.addresses);
        let record = memory.records.of_bytes(self.record);
        for left in &self.left {
            self.addresses[left.array] = record.wrapping_add(left.offset);
        }
    }

    /// Puts the temporaries of a table into memory of as many bytes as `own_bytes` says.
    pub(super) fn settle_elsewhere(&self, own: *mut u8, table: &mut [*mut u8]) {
        place_temporaries(&self.temporaries, own, table);
    }

    /// How many bytes the temporaries of a thread take.
    pub(super) fn own_bytes(&self) -> usize {
        self.own
    }
}

fn place_temporaries(temporaries: &[(usize, usize)], own: *mut u8, table: &mut [*mut u8]) {
    for (array, offset) in temporaries {
        table[*array] = own.wrapping_add(*offset);
    }
}

/// Bytes rounded up to cache lines, which no two threads then share.
fn whole_lines(bytes: usize) -> usize {
    bytes.next_multiple_of(64)
}

fn length_of(length: Length, extents: &Extents, rows: usize) -> usize {
    match length {
        Length::Literal(length) => length,
        Length::Given(extent) => extents.get(extent).expect("all extents have been resolved"),
        Length::Batch => rows,
    }
}

/// The lengths of the axes of an array, when there are `rows` examples.
pub(super) fn lengths_of(
    lengths: &[Length],
    extents: &Extents,
    rows: usize,
) -> impl Iterator<Item = usize> {
    lengths.iter().map(move |length| length_of(*length, extents, rows))
}
