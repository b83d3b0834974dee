//! Ends system calls that take too long.

use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use workers_engine_sys::{ThreadId, allow_interrupts};

use super::kill_target::KillTarget;
use super::lock::lock;

/// The time between two checks while there is work.
const INTERVAL: Duration = Duration::from_millis(100);

/// After this time a call is interrupted, again and again until it ends.
const PATIENCE: Duration = Duration::from_millis(200);

/// After this time the sandbox is killed, if its call still goes on.
const MOST_PATIENCE: Duration = Duration::from_secs(3);

/// A thread that the watchdog checks, as the thread itself holds it.
pub(super) struct WatchedThread(Arc<ThreadRecord>);

struct ThreadRecord {
    thread: ThreadId,
    now: Mutex<Option<CurrentCall>>,
}

struct CurrentCall {
    since: Instant,
    sandbox: Arc<KillTarget>,
}

/// While it lives, the watchdog checks the call that its thread makes.
pub(super) struct Watch<'a>(&'a ThreadRecord);

struct Watchdog {
    threads: Mutex<Vec<Arc<ThreadRecord>>>,
    /// Wakes the watchdog when there is work again.
    work: Condvar,
    is_resting: Mutex<bool>,
}

/// Registers a thread, until the returned value is dropped.
pub(super) fn register(thread: ThreadId) -> WatchedThread {
    let record = Arc::new(ThreadRecord { thread, now: Mutex::default() });
    lock(&Watchdog::get().threads).push(Arc::clone(&record));
    WatchedThread(record)
}

impl WatchedThread {
    /// Records that the thread begins work for a sandbox.
    pub(super) fn watch(&self, sandbox: &Arc<KillTarget>) -> Watch<'_> {
        *lock(&self.0.now) = Some(CurrentCall { since: Instant::now(), sandbox: Arc::clone(sandbox) });
        Watchdog::get().wake();
        Watch(&self.0)
    }
}

impl Drop for WatchedThread {
    fn drop(&mut self) {
        // Before the thread ends, because its number may belong to another thread then.
        lock(&Watchdog::get().threads).retain(|record| !Arc::ptr_eq(record, &self.0));
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        // Two statements, so that the lock is free while the last holder of the target closes its pidfd.
        let done = lock(&self.0.now).take();
        drop(done);
    }
}

impl Watchdog {
    fn get() -> &'static Self {
        static WATCHDOG: OnceLock<Watchdog> = OnceLock::new();
        // A second cell, because the thread needs the reference that the first one gives.
        static STARTED: OnceLock<()> = OnceLock::new();
        let watchdog = WATCHDOG.get_or_init(|| Self {
            threads: Mutex::default(),
            work: Condvar::new(),
            is_resting: Mutex::new(true),
        });
        STARTED.get_or_init(|| {
            let started = std::thread::Builder::new().name("sandbox-watchdog".to_owned()).spawn(|| watchdog.run());
            if let Err(error) = allow_interrupts().and(started.map(drop)) {
                tracing::error!(error = %error, "calls on objects that sandboxes share cannot be interrupted");
            }
        });
        watchdog
    }

    fn wake(&self) {
        let mut is_resting = lock(&self.is_resting);
        if std::mem::take(&mut *is_resting) {
            self.work.notify_one();
        }
    }

    fn run(&self) {
        loop {
            // `count` and not `any`, which would stop at the first thread at work and leave the others unchecked.
            let busy = lock(&self.threads).iter().filter(|record| record.check()).count() > 0;
            if busy {
                std::thread::sleep(INTERVAL);
                continue;
            }
            // Locked before the check below: work that begins after it waits for this lock in `wake`, and then wakes
            // us.
            let mut is_resting = lock(&self.is_resting);
            // The next round sees work that began during this one.
            if lock(&self.threads).iter().any(|record| lock(&record.now).is_some()) {
                continue;
            }
            *is_resting = true;
            while *is_resting {
                is_resting = self.work.wait(is_resting).unwrap_or_else(PoisonError::into_inner);
            }
            drop(is_resting);
            // Work that has just begun cannot be overdue, and most of it is done before the first check.
            std::thread::sleep(INTERVAL);
        }
    }
}

impl ThreadRecord {
    /// Returns whether the thread is at work; interrupts its call if that takes too long.
    fn check(&self) -> bool {
        // Held while the thread is interrupted, so that the interrupt hits this call and no later one.
        let now = lock(&self.now);
        let Some(CurrentCall { since, sandbox }) = now.as_ref() else { return false };
        let taken = since.elapsed();
        if taken >= PATIENCE {
            // The thread lives, because it is still registered.
            let _ = self.thread.interrupt();
        }
        if taken >= MOST_PATIENCE {
            sandbox.kill("it kept a thread of the server in a system call that cannot be interrupted");
        }
        true
    }
}
