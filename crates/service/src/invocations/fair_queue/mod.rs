//! A number of places with a bounded queue in front of them, fair between groups, and within a group between keys.
//!
//! Between groups:
//!
//! * A free place goes to the group that holds the fewest, of those that wait and may have one more. Of several such it
//!   goes to the one that was passed over for the longest time. So no group holds on to what another one waits for,
//!   however many keys it has, and however long its callers stay.
//! * If all seats of the queue are taken, a newcomer gets the seat of a caller of the group with the most callers in
//!   the queue, if its own group has fewer.
//!
//! Within a group:
//!
//! * A key holds no more places than its share, so that the rest stays free for other keys.
//! * Each key that waits and may have one more place gets every n-th place of the group, where n is the number of such
//!   keys, however many of its callers wait. Within a key it is first come, first served.
//! * The seat that a group gives up is that of the last caller of its longest line. If the newcomer is of the same
//!   group, its own line must be shorter.
//!
//! Here a group is a tenant, and a key is a worker.

mod group;
mod lengths;
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

/// How much there is, or how much of it one group may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// Places; one at least.
    pub(super) places: usize,
    /// The most places that one key holds at one time; one at least.
    pub(super) places_per_key: usize,
    /// Callers that wait at one time.
    pub(super) seats: usize,
}

impl Limits {
    /// What a group with these limits may have of all there is. What may hold all is never passed over because of its
    /// share.
    fn within(self, all: Self) -> Self {
        let share_of = |share: usize, whole: usize| if share < whole { share } else { usize::MAX };
        let places = self.places.clamp(1, all.places);
        let places_per_key = self.places_per_key.min(all.places_per_key).max(1);
        Self {
            places: share_of(places, all.places),
            places_per_key: share_of(places_per_key, places),
            seats: self.seats.min(all.seats),
        }
    }
}

/// Places and the queue in front of them.
pub(super) struct FairQueue<G: Copy + Eq + Hash, K: Copy + Eq + Hash>(Mutex<State<G, K>>);

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Every seat in the queue is taken, or the caller's seat went to another group or key.
    Full {
        /// About how long a caller of the same key would wait.
        wait: Duration,
    },
    /// No caller is let in any more.
    Closed,
}

/// A place; given up when it is dropped.
pub(super) struct Place<G: Copy + Eq + Hash, K: Copy + Eq + Hash> {
    queue: Arc<FairQueue<G, K>>,
    group: G,
    key: K,
}

/// A seat in the queue; given up when it is dropped, with the place that it may have got by then.
struct Seat<G: Copy + Eq + Hash, K: Copy + Eq + Hash> {
    queue: Arc<FairQueue<G, K>>,
    group: G,
    key: K,
    ticket: u64,
    called: oneshot::Receiver<Called>,
    over: bool,
}

impl<G: Copy + Eq + Hash, K: Copy + Eq + Hash> FairQueue<G, K> {
    pub(super) fn new(limits: Limits) -> Self {
        Self(Mutex::new(State::new(limits, Instant::now())))
    }

    /// Waits for a place. A caller that stops waiting gives up its seat. The limits are those of the group, whose
    /// callers all come with the same ones; new limits hold for all of them from then on.
    pub(super) async fn enter(self: &Arc<Self>, group: G, key: K, limits: Limits) -> Result<Place<G, K>, Refusal> {
        let entry = self.lock().enter(group, key, limits, Instant::now())?;
        if let Entry::Seat { ticket, called } = entry {
            let mut seat = Seat { queue: Arc::clone(self), group, key, ticket, called, over: false };
            let called = (&mut seat.called).await;
            seat.over = true;
            // Only closing drops the other end without a word.
            called.unwrap_or(Err(Refusal::Closed))?;
        }
        Ok(Place { queue: Arc::clone(self), group, key })
    }

    /// Places taken, and callers waiting.
    pub(super) fn occupied(&self) -> (usize, usize) {
        self.lock().occupied()
    }

    /// About how long a caller of this key would wait for a place if it came now.
    pub(super) fn wait(&self, group: G, key: K) -> Duration {
        self.lock().wait(group, key, Instant::now())
    }

    /// Lets no caller in any more, those that wait included.
    pub(super) fn close(&self) {
        self.lock().close();
    }

    fn lock(&self) -> MutexGuard<'_, State<G, K>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<G: Copy + Eq + Hash, K: Copy + Eq + Hash> Drop for Place<G, K> {
    fn drop(&mut self) {
        self.queue.lock().release(self.group, self.key, Instant::now());
    }
}

impl<G: Copy + Eq + Hash, K: Copy + Eq + Hash> Drop for Seat<G, K> {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        let mut state = self.queue.lock();
        if !state.leave(self.group, self.key, self.ticket) && matches!(self.called.try_recv(), Ok(Ok(()))) {
            // It got a place in the moment in which it stopped waiting.
            state.release(self.group, self.key, Instant::now());
        }
    }
}
