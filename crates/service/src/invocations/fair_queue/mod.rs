//! A number of places with a bounded queue in front of them. It is fair between groups, and within a group between
//! keys.
//!
//! Between groups:
//!
//! * A free place goes to the group that holds the fewest places, among the groups that wait and may have one more. If
//!   there are several, it goes to the one that has waited longest for its turn. So no group can keep places from
//!   another one, however many keys it has and however long its callers stay.
//! * If all seats of the queue are taken, a newcomer displaces a caller of the group with the most callers in the
//!   queue, if its own group has fewer.
//!
//! Within a group:
//!
//! * A key holds no more places than its share, so that the rest stays free for other keys.
//! * Each key that waits and may have one more place gets every n-th place of the group, where n is the number of such
//!   keys, regardless of how many of its callers wait. Within a key it is first come, first served.
//! * The seat that a group gives up is that of the last caller of its longest line. If the newcomer belongs to the same
//!   group, its own line must be shorter.
//!
//! Here a group is a tenant, and a key is a worker.

mod called;
mod group;
mod lengths;
mod limits;
mod pace;
mod state;
#[cfg(test)]
mod tests;

use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use self::called::Called;
pub(super) use self::called::Refusal;
pub(super) use self::limits::Limits;
use self::state::{Entry, State};

/// Places and the queue in front of them.
pub(super) struct FairQueue<G: Copy + Eq + Hash, K: Copy + Eq + Hash>(Mutex<State<G, K>>);

/// A place, freed when this is dropped.
pub(super) struct Place<G: Copy + Eq + Hash, K: Copy + Eq + Hash> {
    queue: Arc<FairQueue<G, K>>,
    group: G,
    key: K,
}

/// A seat in the queue. Dropping it frees the seat, and also the place if the caller has got one by then.
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

    /// Waits for a place. A caller that drops the future frees its seat. `limits` are those of the group; all its
    /// callers pass the same ones. If they change, the new limits apply to all of them from then on.
    pub(super) async fn enter(self: &Arc<Self>, group: G, key: K, limits: Limits) -> Result<Place<G, K>, Refusal> {
        let entry = self.lock().enter(group, key, limits, Instant::now())?;
        if let Entry::Seat { ticket, called } = entry {
            let mut seat = Seat { queue: Arc::clone(self), group, key, ticket, called, over: false };
            let called = (&mut seat.called).await;
            seat.over = true;
            // The sender is dropped without a message only when the queue is closed.
            called.unwrap_or(Err(Refusal::Closed))?;
        }
        Ok(Place { queue: Arc::clone(self), group, key })
    }

    /// Returns the number of taken places and the number of waiting callers.
    pub(super) fn occupied(&self) -> (usize, usize) {
        self.lock().occupied()
    }

    /// Returns the estimated wait for a new caller of this key.
    pub(super) fn wait(&self, group: G, key: K) -> Duration {
        self.lock().wait(group, key, Instant::now())
    }

    /// Lets no more callers in, and refuses those that wait.
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
            // The caller got a place at the moment in which it stopped waiting.
            state.release(self.group, self.key, Instant::now());
        }
    }
}
