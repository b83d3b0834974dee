//! Deadlines that do not depend on the async runtime: a separate thread kills sandboxes whose time is over.
//!
//! Normally a task of the async runtime ends a command at its deadline, and reports why. These deadlines are for the
//! case that it does not.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::kill_target::KillTarget;
use super::lock::lock;

/// A deadline; dropping it cancels it.
#[derive(Debug)]
pub(crate) struct Deadline(Key);

type Key = (Instant, u64);

struct Deadlines {
    state: Mutex<State>,
    /// Wakes the thread when there is an earlier deadline than the one that it sleeps until.
    earlier: Condvar,
}

#[derive(Default)]
struct State {
    /// Ordered by time, the next one first.
    pending: BTreeMap<Key, Weak<KillTarget>>,
    /// When the thread wakes up without being notified. It may be the time of a deadline that was dropped: notifying
    /// the thread of each change would make every command slower.
    wakes_at: Option<Instant>,
}

/// Kills a sandbox after a time.
pub(super) fn kill_after(sandbox: &Arc<KillTarget>, time: Duration) -> Deadline {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let deadlines = Deadlines::get();
    // The number keeps deadlines of the same instant apart.
    let key = (Instant::now() + time, NEXT.fetch_add(1, Ordering::Relaxed));
    let mut state = lock(&deadlines.state);
    let is_earlier = state.wakes_at.is_none_or(|wakes_at| key.0 < wakes_at);
    state.pending.insert(key, Arc::downgrade(sandbox));
    drop(state);
    if is_earlier {
        deadlines.earlier.notify_one();
    }
    Deadline(key)
}

impl Drop for Deadline {
    fn drop(&mut self) {
        lock(&Deadlines::get().state).pending.remove(&self.0);
    }
}

impl Deadlines {
    fn get() -> &'static Self {
        static DEADLINES: OnceLock<Deadlines> = OnceLock::new();
        // A second cell, because the thread needs the reference that the first one gives.
        static STARTED: OnceLock<()> = OnceLock::new();
        let deadlines = DEADLINES.get_or_init(|| Self { state: Mutex::default(), earlier: Condvar::new() });
        STARTED.get_or_init(|| {
            let started = std::thread::Builder::new().name("sandbox-deadlines".to_owned()).spawn(|| deadlines.run());
            if let Err(error) = started {
                tracing::error!(error = %error, "deadlines of sandboxes are kept by the async runtime alone");
            }
        });
        deadlines
    }

    fn run(&self) {
        let mut state = lock(&self.state);
        loop {
            let now = Instant::now();
            let next = state.pending.first_entry();
            let Some((at, _)) = next.as_ref().map(|next| *next.key()) else {
                state.wakes_at = None;
                state = self.earlier.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            if at > now {
                state.wakes_at = Some(at);
                let waited = self.earlier.wait_timeout(state, at - now);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
                continue;
            }
            let sandbox = next.and_then(|next| next.remove().upgrade());
            // `kill` may write to the log; commands that begin or end need the lock meanwhile.
            drop(state);
            if let Some(sandbox) = sandbox {
                sandbox.kill("its deadline has passed, and the async runtime of the server has not ended it");
            }
            state = lock(&self.state);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use rustix::process::{PidfdFlags, pidfd_open};

    use super::super::pool::SandboxIo;

    use super::*;

    #[test]
    fn a_sandbox_whose_time_is_over_is_killed_and_one_that_ended_before_is_not() {
        let sleeps = || Command::new("sleep").arg("60").stdin(Stdio::null()).spawn().unwrap();
        let (mut late, mut early) = (sleeps(), sleeps());
        let io = |child: &std::process::Child| {
            let pid = rustix::process::Pid::from_child(child);
            let io = SandboxIo::new("test");
            io.set_init(pidfd_open(pid, PidfdFlags::empty()).unwrap());
            io
        };
        let (of_late, of_early) = (io(&late), io(&early));
        // The second deadline is earlier than the one that the thread sleeps until, so it has to be woken.
        let ended_in_time = of_early.kill_after(Duration::from_hours(1));
        let over = of_late.kill_after(Duration::from_millis(1));
        assert!(!late.wait().unwrap().success());
        drop((over, ended_in_time));
        assert!(early.try_wait().unwrap().is_none());
        early.kill().unwrap();
        early.wait().unwrap();
    }
}
