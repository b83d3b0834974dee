//! The warm pool: sandboxes that are made in advance. Each is used once, like any other; this saves the time to make it
//! during a call.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use workers_domain::{ResourceLimits, SandboxId};

use super::resources::SandboxResources;

/// How many sandboxes wait for one content, and how many altogether.
const MOST_EACH: usize = 2;
// docs/operations.md names it, with `WARM_FOR`, as the limit of what the pool holds in memory.
const MOST: usize = 16;

/// How long a call waits for a sandbox that is being made. That one was begun earlier than one that the call would make
/// itself.
const PATIENCE: Duration = Duration::from_millis(300);

/// Sandboxes that wait to be used.
#[derive(Debug)]
pub(crate) struct WarmPool {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The oldest first.
    slots: Vec<Slot>,
    /// Whether no more are made.
    is_closed: bool,
}

/// A place in the pool, for a sandbox with this content and these limits.
#[derive(Debug)]
struct Slot {
    content: String,
    limits: ResourceLimits,
    /// `None` while it is being made.
    sandbox: Option<SandboxResources>,
    /// The call that waits for it while it is being made.
    claim: Option<oneshot::Sender<SandboxResources>>,
    /// Dropped together with the slot, which reports that the sandbox has left the pool.
    _left: Option<oneshot::Sender<Infallible>>,
}

/// Resolves when a sandbox has left the pool.
pub(crate) type LeftPool = oneshot::Receiver<Infallible>;

impl Slot {
    fn is_for(&self, content: &str, limits: ResourceLimits) -> bool {
        self.content == content && self.limits == limits
    }

    /// Returns whether a call waits for it.
    fn is_claimed(&self) -> bool {
        self.claim.as_ref().is_some_and(|claim| !claim.is_closed())
    }
}

impl WarmPool {
    /// Makes an empty pool. If `wanted` is `false`, it stays empty.
    pub(crate) fn new(wanted: bool) -> Self {
        Self { state: Mutex::new(State { slots: Vec::new(), is_closed: !wanted }) }
    }

    /// Takes a sandbox with this content and these limits: one that is ready, or one that is being made and is ready
    /// within [`PATIENCE`].
    pub(crate) async fn take(&self, content: &str, limits: ResourceLimits) -> Option<SandboxResources> {
        let soon = self.claim(content, limits)?;
        tokio::time::timeout(PATIENCE, soon).await.ok()?.ok()
    }

    fn claim(&self, content: &str, limits: ResourceLimits) -> Option<oneshot::Receiver<SandboxResources>> {
        let (claim, soon) = oneshot::channel();
        let mut state = self.lock();
        let made = state.slots.iter().position(|slot| slot.is_for(content, limits) && slot.sandbox.is_some());
        if let Some(index) = made {
            // Cannot fail, because we still have the receiver.
            let _ = claim.send(state.slots.remove(index).sandbox?);
        } else {
            let is_open = |slot: &&mut Slot| slot.is_for(content, limits) && !slot.is_claimed();
            state.slots.iter_mut().find(is_open)?.claim = Some(claim);
        }
        Some(soon)
    }

    /// Returns whether sandboxes are made in advance.
    pub(crate) fn is_open(&self) -> bool {
        !self.lock().is_closed
    }

    /// Reserves a slot for another sandbox, if the pool has too few. Returns whether it did; then [`put`](Self::put)
    /// must follow.
    pub(crate) fn reserve_slot(&self, content: &str, limits: ResourceLimits) -> bool {
        let mut state = self.lock();
        // A sandbox that a call waits for does not count, because it is taken as soon as it is made.
        let same = state.slots.iter().filter(|slot| slot.is_for(content, limits) && !slot.is_claimed()).count();
        if state.is_closed || same >= MOST_EACH {
            return false;
        }
        if state.slots.len() >= MOST {
            let Some(oldest) = state.slots.iter().position(|slot| slot.sandbox.is_some()) else { return false };
            state.slots.remove(oldest);
        }
        state.slots.push(Slot { content: content.to_owned(), limits, sandbox: None, claim: None, _left: None });
        true
    }

    /// Gives a sandbox to the call that waits for it, or stores it in its slot; without a sandbox, gives the slot up.
    /// If the sandbox is stored, the returned future resolves when it has left the pool.
    pub(crate) fn put(
        &self,
        content: &str,
        limits: ResourceLimits,
        made: Option<SandboxResources>,
    ) -> Option<LeftPool> {
        let mut state = self.lock();
        let is_free = |slot: &Slot| slot.is_for(content, limits) && slot.sandbox.is_none();
        let claimed = state.slots.iter().position(|slot| is_free(slot) && slot.is_claimed());
        // Without a slot, the pool was cleared meanwhile; the sandbox ends when it is dropped.
        let index = claimed.or_else(|| state.slots.iter().position(is_free))?;
        let mut slot = state.slots.remove(index);
        // Without a sandbox the slot is dropped with its claim, and the call that waits makes its own at once.
        let sandbox = made?;
        let unclaimed = match slot.claim.take() {
            Some(claim) => claim.send(sandbox).err(),
            None => Some(sandbox),
        };
        // If the call has stopped waiting meanwhile, the sandbox is stored for the next one.
        let sandbox = unclaimed?;
        let (sender, left) = oneshot::channel();
        state.slots.push(Slot { sandbox: Some(sandbox), _left: Some(sender), ..slot });
        Some(left)
    }

    /// Drops a sandbox that was not used.
    pub(crate) fn remove(&self, id: &SandboxId) {
        self.lock().slots.retain(|slot| slot.sandbox.as_ref().is_none_or(|sandbox| sandbox.id != *id));
    }

    /// Returns the contents that sandboxes are made from, each once.
    pub(crate) fn contents(&self) -> BTreeSet<String> {
        self.lock().slots.iter().map(|slot| slot.content.clone()).collect()
    }

    /// Drops those that were made from the content with this digest, whichever of its files they have.
    pub(crate) fn remove_content(&self, digest: &str) {
        self.lock().slots.retain(|slot| !slot.content.starts_with(digest));
    }

    /// Drops all.
    pub(crate) fn clear(&self) {
        self.lock().slots.clear();
    }

    /// Drops all, and makes no more.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
        self.clear();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that holds the lock panics half way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
