//! Runs code over the examples of a call, chunk by chunk, on one thread or several: in comes code with its
//! arrays laid out, out come its results, the total of the batch, and sums of shared gradients.
//!
//! Every chunk leaves a record of its own, and the records are taken in the order of the chunks, so that
//! the bits do not depend on how many threads there are.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::element::Element;
use super::layout::Layout;
use super::pool::{Pool, Threads};
use super::scratch::{Memory, Seat};
use super::stream;
use super::sum::Sum;
use super::variant::{Code, Variant};
use crate::machine::Kernel;

/// How many operations make a thread worth its waking.
const WORTH_A_THREAD: f64 = 2e7;

/// How many bytes of records there are at most before they are taken, if there are enough for the threads.
const RECORDS: usize = 1 << 20;

/// Of the chunks that are left, a thread takes its share divided by this at a time: many at first, one by one in the end, so
/// that all are done at the same time (C. D. Polychronopoulos, D. J. Kuck, Guided self-scheduling, 1987).
const SHARES: usize = 2;

/// Lets other threads see results that went past the caches.
fn finish(streaming: Option<&Kernel>) {
    if streaming.is_some() {
        stream::finish();
    }
}

/// The threads that a call may use.
#[derive(Clone, Copy)]
pub(super) struct Crew<'c> {
    /// Where they come from; none: those that all calls share.
    pub(super) pool: Option<&'c dyn Pool>,
    /// How many at most.
    pub(super) most: usize,
}

impl<'c> Crew<'c> {
    fn pool(self) -> &'c dyn Pool {
        self.pool.unwrap_or_else(|| Threads::shared())
    }

    /// How many threads the chunks of a layout are worth.
    fn threads(self, layout: &Layout) -> usize {
        let most = self.most.min(layout.chunks);
        if most <= 1 || layout.work < 2.0 * WORTH_A_THREAD {
            return 1;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a positive estimate, and saturating"
        )]
        let worth = (layout.work / WORTH_A_THREAD) as usize;
        worth.min(most).min(self.pool().threads()).max(1)
    }
}

/// Code, and where its arrays are.
pub(super) struct Pass {
    pub(super) variant: std::sync::Arc<Variant>,
    pub(super) layout: Layout,
}

impl Pass {
    /// Runs the code over all chunks: leaves the sums of the shared gradients in `memory.sums`, one input
    /// after the other, and gives the total of the batch.
    ///
    /// # Safety
    /// The layout must be of this variant and `T`. The addresses of inputs and of results that are the caller's
    /// must be good for all examples, aligned to their elements, and results must overlap nothing;
    /// every index must lie in its axis.
    pub(super) unsafe fn execute<T: Element>(
        &mut self,
        memory: &mut Memory,
        crew: Crew<'_>,
    ) -> f64 {
        let Self { variant, layout } = self;
        memory.sums.clear();
        memory.sums.resize(layout.shared_elements, 0.0);
        layout.settle(memory);
        let mut sum = Sum::default();
        if layout.chunks == 1 {
            // SAFETY: as the caller vouches; `settle` gave temporaries and sums room of their own.
            unsafe {
                variant.code.run(&layout.addresses, &layout.last_lengths);
                take_record::<T>(layout, layout.record_address(), &mut sum, &mut memory.sums);
            }
            return sum.total();
        }
        let threads = crew.threads(layout);
        if threads > 1 {
            // SAFETY: as the caller vouches.
            return unsafe { run_side_by_side::<T>(&variant.code, layout, memory, crew, threads) };
        }
        let streaming = layout.streaming(&variant.code);
        for chunk in 0..layout.chunks {
            let Seat { table, own } = memory.first_seat();
            let own = own.of_bytes(layout.own_bytes());
            layout.point(chunk, table);
            // SAFETY: as above, and the strides take each array to the elements of the chunk.
            unsafe {
                layout.run(&variant.code, streaming, chunk, table, own);
                take_record::<T>(layout, layout.record_address(), &mut sum, &mut memory.sums);
            }
        }
        finish(streaming);
        sum.total()
    }
}

impl Layout {
    /// Fills a table with the addresses of a chunk.
    fn point(&self, chunk: usize, table: &mut Vec<*mut u8>) {
        table.clear();
        let moved = self.addresses.iter().zip(&self.strides);
        table.extend(moved.map(|(address, stride)| address.wrapping_add(stride * chunk)));
    }

    /// The code whose results go past the caches, if they do.
    fn streaming<'c>(&self, code: &'c Code) -> Option<&'c Kernel> {
        self.streams().and_then(|aligned| code.streaming(aligned))
    }

    /// Runs code on a chunk, given the addresses there and a seat's memory.
    ///
    /// # Safety
    /// The table must be that of the chunk, and good as [`Pass::execute`] has it; `streaming` must be what the function of that
    /// name gives.
    unsafe fn run(
        &self,
        code: &Code,
        streaming: Option<&Kernel>,
        chunk: usize,
        table: &mut Vec<*mut u8>,
        own: *mut u8,
    ) {
        let lengths = self.lengths_in(chunk);
        // SAFETY: as the caller vouches, for code of the same program; `streams` has tested how results are aligned.
        unsafe {
            match (streaming, code.staged()) {
                (Some(streaming), Some(kept)) => {
                    self.point_staged(kept, own, table);
                    streaming.call(table, lengths);
                }
                _ => code.run(table, lengths),
            }
        }
    }

    fn lengths_in(&self, chunk: usize) -> &[u64] {
        if chunk + 1 < self.chunks { &self.lengths } else { &self.last_lengths }
    }

    /// Where the record is that `settle` placed.
    pub(super) fn record_address(&self) -> *mut u8 {
        self.addresses[self.left[0].array]
    }
}

/// Adds what a chunk left behind to the sums.
///
/// # Safety
/// The record must be of the layout, and written.
unsafe fn take_record<T: Element>(
    layout: &Layout,
    record: *mut u8,
    sum: &mut Sum,
    sums: &mut [f64],
) {
    // SAFETY: a record begins with the total; records are aligned to 64 bytes.
    sum.add(unsafe { record.cast::<T>().read() }.to_f64());
    let mut rest = sums;
    for left in &layout.left[1..] {
        let (here, later) = rest.split_at_mut(left.elements);
        let from = record.wrapping_add(left.offset).cast::<T>();
        // SAFETY: the code has written as many elements there.
        let elements = unsafe { std::slice::from_raw_parts(from, left.elements) };
        for (sum, element) in here.iter_mut().zip(elements) {
            *sum += element.to_f64();
        }
        rest = later;
    }
}

/// Runs the code on several threads: in waves, after each of which the records are taken in order.
///
/// # Safety
/// As for [`Pass::execute`].
unsafe fn run_side_by_side<T: Element>(
    code: &Code,
    layout: &Layout,
    memory: &mut Memory,
    crew: Crew<'_>,
    threads: usize,
) -> f64 {
    let Memory { seats, records, sums } = memory;
    seats.resize_with(seats.len().max(threads), Mutex::default);
    let longest = (RECORDS / layout.record).max(2 * threads).min(layout.chunks);
    let records = records.of_bytes(longest * layout.record);
    let mut sum = Sum::default();
    for start in (0..layout.chunks).step_by(longest) {
        let end = layout.chunks.min(start + longest);
        let wave = Wave {
            code,
            layout,
            seats,
            records,
            start,
            end,
            threads,
            next: AtomicUsize::new(start),
            done: AtomicUsize::new(0),
        };
        crew.pool().run(threads, &|seat| wave.work(seat));
        // What a pool has left undone.
        wave.work(0);
        assert_eq!(wave.done.load(Ordering::Acquire), end - start, "all chunks have been run");
        for chunk in start..end {
            // SAFETY: the chunk has been run, and left its record there.
            unsafe { take_record::<T>(layout, wave.record(chunk), &mut sum, sums) };
        }
    }
    sum.total()
}

/// Chunks that are run side by side.
struct Wave<'w> {
    code: &'w Code,
    layout: &'w Layout,
    seats: &'w [Mutex<Seat>],
    /// Room for the record of each chunk.
    records: *mut u8,
    start: usize,
    end: usize,
    threads: usize,
    /// The first chunk that nobody has taken.
    next: AtomicUsize,
    /// How many chunks have been run.
    done: AtomicUsize,
}

// SAFETY: the addresses in it are read and written through by the code alone, for each chunk at elements of
// its own (temporaries: at those of a seat, which one thread has at a time), so by no two threads.
unsafe impl Sync for Wave<'_> {}

impl Wave<'_> {
    /// Runs chunks until there are none left, if nobody else is at the seat.
    fn work(&self, seat: usize) {
        let Some(Ok(mut seat)) = self.seats.get(seat).map(Mutex::try_lock) else { return };
        let Seat { table, own } = &mut *seat;
        let own = own.of_bytes(self.layout.own_bytes());
        let streaming = self.layout.streaming(self.code);
        loop {
            let chunks = self.take();
            if chunks.is_empty() {
                return;
            }
            let count = chunks.len();
            for chunk in chunks {
                self.layout.point(chunk, table);
                self.layout.settle_elsewhere(own, table);
                for left in &self.layout.left {
                    table[left.array] = self.record(chunk).wrapping_add(left.offset);
                }
                // SAFETY: as `Pass::execute` asks; this chunk is this thread's, and so is the seat.
                unsafe { self.layout.run(self.code, streaming, chunk, table, own) };
            }
            finish(streaming);
            self.done.fetch_add(count, Ordering::Release);
        }
    }

    /// Takes some of the chunks that are left.
    fn take(&self) -> Range<usize> {
        let after = |first: usize| first + (self.end - first).div_ceil(SHARES * self.threads);
        let taken = self.next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |first| {
            (first < self.end).then(|| after(first))
        });
        taken.map_or(self.end..self.end, |first| first..after(first))
    }

    fn record(&self, chunk: usize) -> *mut u8 {
        self.records.wrapping_add((chunk - self.start) * self.layout.record)
    }
}
