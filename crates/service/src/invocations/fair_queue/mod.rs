//! A number of permits with a bounded queue in front of them. It is fair between groups, and within a group between
//! keys.
//!
//! Between groups:
//!
//! * A free permit goes to the group that holds the fewest permits, among the groups that wait and may have one more.
//!   If there are several, they are served round robin. So no group can keep permits from another one, however many
//!   keys it has and however long its callers stay.
//! * If the queue is full, a newcomer displaces a caller of the group with the most waiting callers, if its own group
//!   has fewer.
//!
//! Within a group:
//!
//! * A key holds no more permits than its share, so that the rest stays free for other keys.
//! * Each key that waits and may have one more permit gets every n-th permit of the group, where n is the number of
//!   such keys, regardless of how many of its callers wait. Within a key it is first come, first served.
//! * The caller that a group loses is the last one of its longest queue. If the newcomer belongs to the same group, the
//!   queue of its own key must be shorter.
//!
//! Here a group is a tenant, and a key is a worker.

mod group;
mod lengths;
mod limits;
mod refusal;
mod state;
#[cfg(test)]
mod tests;
mod wait_estimator;

use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

pub(super) use self::limits::Limits;
pub(super) use self::refusal::Refusal;
use self::refusal::WaitResult;
use self::state::{Entry, State};

/// A bounded number of permits and the queue of those that wait for one.
pub(super) struct FairQueue<G: Copy + Eq + Hash, K: Copy + Eq + Hash>(Mutex<State<G, K>>);

/// One of the permits, released when this is dropped.
pub(super) struct Permit<G: Copy + Eq + Hash, K: Copy + Eq + Hash> {
    queue: Arc<FairQueue<G, K>>,
    group: G,
    key: K,
}

/// A caller that waits in the queue. Dropping it removes the caller from the queue, or releases the permit that the
/// caller has got by then.
struct Waiter<G: Copy + Eq + Hash, K: Copy + Eq + Hash> {
    queue: Arc<FairQueue<G, K>>,
    group: G,
    key: K,
    id: u64,
    result: oneshot::Receiver<WaitResult>,
    over: bool,
}

impl<G: Copy + Eq + Hash, K: Copy + Eq + Hash> FairQueue<G, K> {
    pub(super) fn new(limits: Limits) -> Self {
        Self(Mutex::new(State::new(limits, Instant::now())))
    }

    /// Waits for a permit. A caller that drops the future leaves the queue. `limits` are those of the group; all its
    /// callers pass the same ones. If they change, the new limits apply to all of them from then on.
    pub(super) async fn enter(self: &Arc<Self>, group: G, key: K, limits: Limits) -> Result<Permit<G, K>, Refusal> {
        let entry = self.lock().enter(group, key, limits, Instant::now())?;
        if let Entry::Waiting { id, result } = entry {
            let mut waiter = Waiter { queue: Arc::clone(self), group, key, id, result, over: false };
            let result = (&mut waiter.result).await;
            // From here on the result is in our hands: the drop of the waiter must not release the permit as well.
            waiter.over = true;
            // The sender is dropped without a message only when the queue is closed.
            result.unwrap_or(Err(Refusal::Closed))?;
        }
        Ok(Permit { queue: Arc::clone(self), group, key })
    }

    /// Returns the number of permits in use and the number of waiting callers.
    pub(super) fn counts(&self) -> (usize, usize) {
        self.lock().counts()
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

impl<G: Copy + Eq + Hash, K: Copy + Eq + Hash> Drop for Permit<G, K> {
    fn drop(&mut self) {
        self.queue.lock().release(self.group, self.key, Instant::now());
    }
}

impl<G: Copy + Eq + Hash, K: Copy + Eq + Hash> Drop for Waiter<G, K> {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        let mut state = self.queue.lock();
        if !state.leave(self.group, self.key, self.id) && matches!(self.result.try_recv(), Ok(Ok(()))) {
            // The caller got a permit at the moment in which it stopped waiting.
            state.release(self.group, self.key, Instant::now());
        }
    }
}
