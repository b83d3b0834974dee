//! Tracks whether compiling works. Logs once when it stops working, and once when it works again.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The record of the platform's own failures.
#[derive(Default)]
pub(super) struct Trouble {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Why a process failed last, if no process has compiled anything since.
    last_failure: Option<String>,
    /// The failure that was logged and has not been logged as over.
    told: Option<Told>,
}

struct Told {
    since: Instant,
    refused: u64,
}

impl Trouble {
    /// Records that a process failed; another one may be tried.
    pub(super) fn process_failed(&self, cause: &str) {
        self.lock().last_failure = Some(cause.to_owned());
    }

    /// Records that a source was given up because all attempts failed.
    pub(super) fn gave_up(&self, cause: &str) {
        let mut state = self.lock();
        state.last_failure = Some(cause.to_owned());
        if let Some(told) = &mut state.told {
            told.refused += 1;
            return;
        }
        state.told = Some(Told { since: Instant::now(), refused: 1 });
        drop(state);
        tracing::error!(cause, "nothing can be compiled; deploys are refused until that works again");
    }

    /// Records that a process has compiled something.
    pub(super) fn works(&self) {
        let mut state = self.lock();
        state.last_failure = None;
        let told = state.told.take();
        drop(state);
        if let Some(Told { since, refused }) = told {
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
