//! How far a measurement has come, on a terminal only.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts steps, and shows each percent.
pub struct Progress {
    what: String,
    steps: u64,
    done: AtomicU64,
    shows: bool,
}

impl Progress {
    pub fn new(name: &str, precision: &str, steps: u64) -> Self {
        let shows = std::io::stderr().is_terminal();
        Self { what: format!("{name} {precision}"), steps, done: AtomicU64::new(0), shows }
    }

    pub fn step(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if self.shows && done * 100 / self.steps != (done - 1) * 100 / self.steps {
            eprint!("\r{}: {} % ", self.what, done * 100 / self.steps);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shows {
            eprint!("\r{:40}\r", "");
        }
    }
}
