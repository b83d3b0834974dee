//! Tracks whether compiling works. Logs once when it stops working, and once when it works again.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Tracks the platform's own failures to compile.
#[derive(Default)]
pub(super) struct OutageLog {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Why a process failed last, if no process has compiled anything since.
    last_failure: Option<String>,
    /// The failure that was logged and has not been logged as over.
    logged: Option<LoggedOutage>,
}

/// An outage that was logged.
struct LoggedOutage {
    since: Instant,
    refused: u64,
}

impl OutageLog {
    /// Records that a process failed; another one may be tried.
    pub(super) fn process_failed(&self, cause: &str) {
        self.lock().last_failure = Some(cause.to_owned());
    }

    /// Records that a source was given up because all attempts failed.
    pub(super) fn gave_up(&self, cause: &str) {
        let mut state = self.lock();
        state.last_failure = Some(cause.to_owned());
        if let Some(logged) = &mut state.logged {
            logged.refused += 1;
            return;
        }
        state.logged = Some(LoggedOutage { since: Instant::now(), refused: 1 });
        // The line is written without the lock, which other compilations need.
        drop(state);
        tracing::error!(cause, "nothing can be compiled; deploys are refused until that works again");
    }

    /// Records that a process has compiled something.
    pub(super) fn works(&self) {
        let mut state = self.lock();
        state.last_failure = None;
        let logged = state.logged.take();
        drop(state);
        if let Some(LoggedOutage { since, refused }) = logged {
            tracing::info!(failed = refused, seconds = since.elapsed().as_secs(), "compiling works again");
        }
    }

    /// Returns why a process failed last, if no process has compiled anything since.
    pub(super) fn last_failure(&self) -> Option<String> {
        self.lock().last_failure.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The lock is held for single statements only, so a panic elsewhere leaves no inconsistent state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
