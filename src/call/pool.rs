//! Threads that a call may use: in comes a number of jobs, afterwards all of them have run.
//!
//! A call needs one thing of its threads, the same closure run side by side, which is little enough to
//! stand here. A program that has threads already lends them by [`Pool`].

use std::any::Any;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};
use std::thread::{Builder, JoinHandle, available_parallelism};
use std::time::{Duration, Instant};

/// Runs jobs side by side.
///
/// A pool of rayon becomes one with `self.install(|| (0..jobs).into_par_iter().for_each(job))`.
pub trait Pool: Send + Sync {
    /// How many jobs can run side by side, that of the thread that calls included.
    fn threads(&self) -> usize;

    /// Calls `job` with each number below `jobs` and returns when it has returned from all of them.
    fn run(&self, jobs: usize, job: &(dyn Fn(usize) + Sync));
}

/// Threads that sleep until there are jobs for them, and end when this goes.
///
/// While they work for one caller, others run their jobs alone.
pub struct Threads {
    common: Arc<Common>,
    workers: Vec<JoinHandle<()>>,
    /// Held by the caller that the threads work for.
    turn: Mutex<Patience>,
}

/// Whether threads are of use: on processors that are busy with something else, one that has taken a job may not come to
/// its end for a long time.
#[derive(Debug, Default)]
struct Patience {
    /// How many callers run their jobs alone from here on.
    alone: u32,
    /// How many did so after the last time that threads were of no use, and half as many after each time that they were.
    before: u32,
}

/// How many callers run their jobs alone at most before threads are tried again.
const LONGEST_ALONE: u32 = 63;

/// How long a caller may wait for threads, whatever it did itself.
const SHORT_WAIT: Duration = Duration::from_micros(200);

/// What the caller and the threads share.
#[derive(Default)]
struct Common {
    state: Mutex<State>,
    /// There is a job to take, or all is over.
    work: Condvar,
    /// The last job that was taken is done.
    idle: Condvar,
    /// How many times there has been work, for those who look for a while before they sleep.
    posted: AtomicUsize,
    /// How many jobs are taken by threads and not done.
    active: AtomicUsize,
}

/// What is to be done.
#[derive(Default)]
struct State {
    task: Option<Task>,
    next: usize,
    jobs: usize,
    /// What a job panicked with.
    panic: Option<Box<dyn Any + Send>>,
    closed: bool,
}

/// A job of a caller that waits until nobody uses it any more.
#[derive(Clone, Copy)]
struct Task(&'static (dyn Fn(usize) + Sync));

/// How often a thread looks for work, and a caller for the end of it, before it sleeps: some ten microseconds.
const LOOKS: usize = 500;

impl Threads {
    /// As many threads as asked for, that of the caller included; fewer where the system has no more.
    #[must_use]
    pub fn new(threads: usize) -> Self {
        let common = Arc::new(Common::default());
        let spawn = |at| {
            let common = Arc::clone(&common);
            Builder::new().name(format!("lossc-{at}")).spawn(move || common.work()).ok()
        };
        let workers = (1..threads).map_while(spawn).collect();
        Self { common, workers, turn: Mutex::default() }
    }

    /// The threads of calls that are given no others: one for each processor that the process may use,
    /// begun when the first batch is large enough for them.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Threads> = OnceLock::new();
        SHARED.get_or_init(|| Self::new(available_parallelism().map_or(1, NonZero::get)))
    }
}

impl Pool for Threads {
    fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    fn run(&self, jobs: usize, job: &(dyn Fn(usize) + Sync)) {
        let turn = match self.turn.try_lock() {
            Ok(turn) => Some(turn),
            Err(TryLockError::Poisoned(turn)) => Some(turn.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        };
        let mut turn = turn.filter(|_| jobs > 1 && !self.workers.is_empty());
        if turn.as_mut().is_some_and(|turn| turn.is_out()) {
            turn = None;
        }
        // A caller that runs its jobs alone keeps nobody else from the threads.
        let Some(mut turn) = turn else { return run_alone(jobs, job) };
        // SAFETY: only the lifetime changes. `finish` takes the task back and returns when no thread
        // runs it, before this function returns; nothing in between unwinds.
        let task = unsafe {
            std::mem::transmute::<&(dyn Fn(usize) + Sync), &'static (dyn Fn(usize) + Sync)>(job)
        };
        self.common.post(Task(task), jobs);
        let (panic, [worked, waited]) = self.common.finish();
        turn.learn(worked, waited);
        drop(turn);
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
    }
}

/// Runs all jobs, whatever one of them panics with, as threads do.
fn run_alone(jobs: usize, job: &(dyn Fn(usize) + Sync)) {
    let run = |at| catch_unwind(AssertUnwindSafe(|| job(at))).err();
    let panics: Vec<_> = (0..jobs).filter_map(run).collect();
    if let Some(panic) = panics.into_iter().next() {
        resume_unwind(panic);
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.common.lock().closed = true;
        self.common.posted.fetch_add(1, Ordering::Release);
        self.common.work.notify_all();
        for worker in self.workers.drain(..) {
            // A thread that panicked outside of a job has said so itself.
            drop(worker.join());
        }
    }
}

impl std::fmt::Debug for Threads {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Threads({})", self.threads())
    }
}

impl Patience {
    /// Whether a caller is to run its jobs alone.
    fn is_out(&mut self) -> bool {
        let is_out = self.alone > 0;
        self.alone = self.alone.saturating_sub(1);
        is_out
    }

    /// Takes note of how long a caller worked beside threads and then waited for them.
    fn learn(&mut self, worked: Duration, waited: Duration) {
        if waited > worked.max(SHORT_WAIT) {
            self.before = (2 * self.before + 1).min(LONGEST_ALONE);
            self.alone = self.before;
        } else {
            self.before /= 2;
        }
    }
}

impl Common {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn post(&self, task: Task, jobs: usize) {
        let mut state = self.lock();
        (state.task, state.next, state.jobs) = (Some(task), 0, jobs);
        drop(state);
        self.posted.fetch_add(1, Ordering::Release);
        for _ in 1..jobs {
            self.work.notify_one();
        }
    }

    /// Runs jobs until none is left that nobody has taken.
    fn run_jobs<'s>(&'s self, mut state: MutexGuard<'s, State>) -> MutexGuard<'s, State> {
        while let Some(Task(job)) = state.task
            && state.next < state.jobs
        {
            let at = state.next;
            state.next += 1;
            self.active.fetch_add(1, Ordering::Relaxed);
            drop(state);
            let result = catch_unwind(AssertUnwindSafe(|| job(at)));
            state = self.lock();
            if let Err(panic) = result {
                state.panic.get_or_insert(panic);
            }
            if self.active.fetch_sub(1, Ordering::Release) == 1 {
                self.idle.notify_all();
            }
        }
        state
    }

    /// Runs jobs beside the threads and returns when all are done, with what one panicked with, and how long it worked and
    /// then waited.
    fn finish(&self) -> (Option<Box<dyn Any + Send>>, [Duration; 2]) {
        let start = Instant::now();
        drop(self.run_jobs(self.lock()));
        let worked = start.elapsed();
        look_for(|| self.active.load(Ordering::Acquire) == 0);
        let mut state = self.lock();
        while self.active.load(Ordering::Acquire) > 0 {
            state = self.idle.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.task = None;
        (state.panic.take(), [worked, start.elapsed().saturating_sub(worked)])
    }

    /// What a thread does.
    fn work(&self) {
        let mut state = self.lock();
        while !state.closed {
            let posted = self.posted.load(Ordering::Acquire);
            state = self.run_jobs(state);
            drop(state);
            look_for(|| self.posted.load(Ordering::Acquire) != posted);
            state = self.lock();
            while !state.closed && (state.task.is_none() || state.next >= state.jobs) {
                state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }
}

/// Waits for a little while until something holds.
fn look_for(holds: impl Fn() -> bool) {
    for _ in 0..LOOKS {
        if holds() {
            return;
        }
        std::hint::spin_loop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_job_runs_once() {
        for threads in [1, 2, 3, 7] {
            let pool = Threads::new(threads);
            assert!((1..=threads).contains(&pool.threads()));
            for jobs in [0, 1, 2, 7, 100] {
                for _ in 0..20 {
                    let counts: Vec<AtomicUsize> = (0..jobs).map(|_| AtomicUsize::new(0)).collect();
                    let job = |at: usize| {
                        counts[at].fetch_add(1, Ordering::Relaxed);
                    };
                    pool.run(jobs, &job);
                    let counts = counts.into_iter().map(AtomicUsize::into_inner);
                    assert!(counts.eq(std::iter::repeat_n(1, jobs)), "{jobs} on {threads}");
                }
            }
        }
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_threads_go_on() {
        let pool = Threads::new(3);
        for bad in [0, 1, 9] {
            let done = AtomicUsize::new(0);
            let job = |at| {
                assert_ne!(at, bad, "a bad job");
                done.fetch_add(1, Ordering::Relaxed);
            };
            let result = catch_unwind(AssertUnwindSafe(|| pool.run(10, &job)));
            assert!(result.is_err());
            assert_eq!(done.into_inner(), 9, "the other jobs are done");
            let alone = catch_unwind(AssertUnwindSafe(|| pool.run(1, &|_| panic!("a bad job"))));
            assert!(alone.is_err());
        }
        let done = AtomicUsize::new(0);
        let job = |_| {
            done.fetch_add(1, Ordering::Relaxed);
        };
        pool.run(10, &job);
        assert_eq!(done.into_inner(), 10);
    }

    #[test]
    fn threads_that_keep_callers_waiting_are_left_alone_for_longer_and_longer() {
        let [short, long] = [1, 9].map(Duration::from_millis);
        let mut patience = Patience::default();
        let alone = |patience: &mut Patience, worked, waited| {
            patience.learn(worked, waited);
            (0..100).take_while(|_| patience.is_out()).count()
        };
        for expected in [1, 3, 7, 15, 31, 63, 63] {
            assert_eq!(alone(&mut patience, short, long), expected);
        }
        assert_eq!(alone(&mut patience, long, short), 0, "threads that are of use are used again");
        assert_eq!(alone(&mut patience, short, long), 63);
        for _ in 0..10 {
            assert_eq!(alone(&mut patience, short, short), 0);
        }
        assert_eq!(alone(&mut patience, Duration::ZERO, SHORT_WAIT), 0, "a short wait is none");
        assert_eq!(alone(&mut patience, short, long), 1);
    }

    #[test]
    fn jobs_within_jobs_and_callers_side_by_side_all_run() {
        let pool = Threads::new(3);
        let done = AtomicUsize::new(0);
        let inner = |_| {
            done.fetch_add(1, Ordering::Relaxed);
        };
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..25).for_each(|_| pool.run(4, &|_| pool.run(3, &inner))));
            }
        });
        assert_eq!(done.into_inner(), 4 * 25 * 4 * 3);
    }
}
