//! A number of places with a bounded queue in front of them, fair between keys:
//!
//! * A key holds no more places than its share, so that the rest stays free for other keys.
//! * Each key that waits and may have one more place gets every n-th free place, where n is the number of such keys,
//!   however many of its callers wait. Within a key it is first come, first served.
//! * If all seats of the queue are taken, a newcomer gets the seat of the last caller of the longest line, if its own
//!   line is shorter.
//!
//! A key is whatever is to be treated alike, a worker or a tenant.

mod pace;
mod state;
#[cfg(test)]
mod tests;

use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use self::state::{Called, Entry, State};

/// How much there is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Places in all; one at least.
    pub(super) places: usize,
    /// The most places that one key holds at one time; one at least.
    pub(super) places_per_key: usize,
    /// Callers that wait at one time.
    pub(super) seats: usize,
}

/// Places and the queue in front of them.
pub(super) struct FairQueue<K: Copy + Eq + Hash>(Mutex<State<K>>);

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Every seat in the queue is taken, or the caller's seat went to another key.
    Full {
        /// About how long a caller of the same key would wait.
        wait: Duration,
    },
    /// No caller is let in any more.
    Closed,
}

/// A place; given up when it is dropped.
pub(super) struct Place<K: Copy + Eq + Hash> {
    queue: Arc<FairQueue<K>>,
    key: K,
}

/// A seat in the queue; given up when it is dropped, with the place that it may have got by then.
struct Seat<K: Copy + Eq + Hash> {
    queue: Arc<FairQueue<K>>,
    key: K,
    ticket: u64,
    called: oneshot::Receiver<Called>,
    over: bool,
}

impl<K: Copy + Eq + Hash> FairQueue<K> {
    pub(super) fn new(limits: Limits) -> Self {
        let places = limits.places.max(1);
        let share = limits.places_per_key.max(1);
        // A key that may hold all places is never passed over because of its share.
        let places_per_key = if share < places { share } else { usize::MAX };
        let limits = Limits { places, places_per_key, ..limits };
        Self(Mutex::new(State::new(limits, Instant::now())))
    }

    /// Waits for a place. A caller that stops waiting gives up its seat.
    pub(super) async fn enter(self: &Arc<Self>, key: K) -> Result<Place<K>, Refusal> {
        let entry = self.lock().enter(key, Instant::now())?;
        if let Entry::Seat { ticket, called } = entry {
            let mut seat = Seat { queue: Arc::clone(self), key, ticket, called, over: false };
            let called = (&mut seat.called).await;
            seat.over = true;
            // Only closing drops the other end without a word.
            called.unwrap_or(Err(Refusal::Closed))?;
        }
        Ok(Place { queue: Arc::clone(self), key })
    }

    /// Places taken, and callers waiting.
    pub(super) fn occupied(&self) -> (usize, usize) {
        self.lock().occupied()
    }

    /// About how long a caller of this key would wait for a place if it came now.
    pub(super) fn wait(&self, key: K) -> Duration {
        self.lock().wait(key, Instant::now())
    }

    /// Lets no caller in any more, those that wait included.
    pub(super) fn close(&self) {
        self.lock().close();
    }

    fn lock(&self) -> MutexGuard<'_, State<K>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Copy + Eq + Hash> Drop for Place<K> {
    fn drop(&mut self) {
        self.queue.lock().release(self.key, Instant::now());
    }
}

impl<K: Copy + Eq + Hash> Drop for Seat<K> {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        let mut state = self.queue.lock();
        if !state.leave(self.key, self.ticket) && matches!(self.called.try_recv(), Ok(Ok(()))) {
            // It got a place in the moment in which it stopped waiting.
            state.release(self.key, Instant::now());
        }
    }
}
