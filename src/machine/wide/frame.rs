//! Memory on the stack: who has which bytes. Offsets are from the stack pointer, which is aligned to 64 bytes.

/// How the stack frame is divided.
#[derive(Debug, Default)]
pub(super) struct Frame {
    size: i32,
    /// Bytes that are free again, by size.
    free: [Vec<i32>; 2],
}

/// How many bytes a number, an address or a mask gets.
pub(super) const WORD: i32 = 8;
/// How many bytes a vector gets, the widest one too.
pub(super) const VECTOR: i32 = 64;

impl Frame {
    pub(super) fn size(&self) -> i32 {
        self.size
    }

    /// Bytes for a number, an address or a mask.
    pub(super) fn word(&mut self) -> i32 {
        self.free[0].pop().unwrap_or_else(|| self.take(WORD))
    }

    /// Bytes for a vector.
    pub(super) fn vector(&mut self) -> i32 {
        self.free[1].pop().unwrap_or_else(|| self.take(VECTOR))
    }

    /// Bytes for vectors one behind the other.
    pub(super) fn vectors(&mut self, count: usize) -> i32 {
        self.take(VECTOR * i32::try_from(count).expect("a few vectors"))
    }

    pub(super) fn release_word(&mut self, offset: i32) {
        self.free[0].push(offset);
    }

    pub(super) fn release_vector(&mut self, offset: i32) {
        self.free[1].push(offset);
    }

    fn take(&mut self, bytes: i32) -> i32 {
        // Words are taken eight at a time, so that vectors stay aligned.
        let offset = self.size;
        if bytes == WORD {
            self.free[0].extend((1..VECTOR / WORD).rev().map(|at| offset + at * WORD));
        }
        self.size = offset + bytes.max(VECTOR);
        offset
    }
}
