//! Whether compilers work, and what the log says about it: once when they stop to, once when they work again.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// What is known about failures that are ours.
#[derive(Default)]
pub(super) struct Trouble {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Why a process failed last, if none has compiled anything since.
    last_failure: Option<String>,
    /// What the log was told, and has not been told the end of.
    told: Option<Told>,
}

struct Told {
    since: Instant,
    refused: u64,
}

impl Trouble {
    /// A process failed; another one may be tried.
    pub(super) fn process_failed(&self, cause: &str) {
        self.lock().last_failure = Some(cause.to_owned());
    }

    /// Nothing is left to try.
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

    /// A process has compiled something.
    pub(super) fn works(&self) {
        let mut state = self.lock();
        state.last_failure = None;
        let told = state.told.take();
        drop(state);
        if let Some(Told { since, refused }) = told {
            tracing::info!(failed = refused, seconds = since.elapsed().as_secs(), "compiling works again");
        }
    }

    /// Why a process failed last, if none has compiled anything since.
    pub(super) fn last_failure(&self) -> Option<String> {
        self.lock().last_failure.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Held for single statements only, so a panic elsewhere has torn nothing.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
