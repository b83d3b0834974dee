//! Sandboxes that are made in advance. Each is used once, like any other; this saves the time to make it during a call.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use workers_domain::{ResourceLimits, SandboxId};

use super::own::Own;

/// How many sandboxes wait for one content, and how many altogether.
const MOST_EACH: usize = 2;
const MOST: usize = 16;

/// How long a call waits for a sandbox that is being made. That one was begun earlier than one that the call would make
/// itself.
const PATIENCE: Duration = Duration::from_millis(300);

/// Sandboxes that wait to be used, the oldest first.
#[derive(Debug)]
pub(crate) struct ReadySandboxes {
    waiting: Mutex<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    places: Vec<Place>,
    /// Whether no more are made.
    is_closed: bool,
}

#[derive(Debug)]
struct Place {
    content: String,
    limits: ResourceLimits,
    /// `None` while it is being made.
    sandbox: Option<Own>,
    /// The call that waits for it while it is being made.
    claim: Option<oneshot::Sender<Own>>,
    /// Dropped together with the place, which reports that the sandbox no longer waits.
    _stay: Option<oneshot::Sender<Infallible>>,
}

/// Resolves when a sandbox no longer waits.
pub(crate) type Stay = oneshot::Receiver<Infallible>;

impl Place {
    fn is_for(&self, content: &str, limits: ResourceLimits) -> bool {
        self.content == content && self.limits == limits
    }

    /// Returns whether a call waits for it.
    fn is_claimed(&self) -> bool {
        self.claim.as_ref().is_some_and(|claim| !claim.is_closed())
    }
}

impl ReadySandboxes {
    /// Makes an empty store. No sandbox is ever made for it if `wanted` is `false`.
    pub(crate) fn new(wanted: bool) -> Self {
        Self { waiting: Mutex::new(Waiting { places: Vec::new(), is_closed: !wanted }) }
    }

    /// Takes a sandbox with this content and these limits: one that is ready, or one that is being made and is ready
    /// within [`PATIENCE`].
    pub(crate) async fn take(&self, content: &str, limits: ResourceLimits) -> Option<Own> {
        let soon = self.claim(content, limits)?;
        tokio::time::timeout(PATIENCE, soon).await.ok()?.ok()
    }

    fn claim(&self, content: &str, limits: ResourceLimits) -> Option<oneshot::Receiver<Own>> {
        let (claim, soon) = oneshot::channel();
        let mut waiting = self.lock();
        let made = waiting.places.iter().position(|place| place.is_for(content, limits) && place.sandbox.is_some());
        if let Some(index) = made {
            // Cannot fail, because we still have the receiver.
            let _ = claim.send(waiting.places.remove(index).sandbox?);
        } else {
            let is_open = |place: &&mut Place| place.is_for(content, limits) && !place.is_claimed();
            waiting.places.iter_mut().find(is_open)?.claim = Some(claim);
        }
        Some(soon)
    }

    /// Returns whether sandboxes are made in advance.
    pub(crate) fn is_open(&self) -> bool {
        !self.lock().is_closed
    }

    /// Returns whether another sandbox should be made. If so, a place is reserved for it, and [`put`](Self::put) must
    /// follow.
    pub(crate) fn is_wanted(&self, content: &str, limits: ResourceLimits) -> bool {
        let mut waiting = self.lock();
        // A sandbox that a call waits for does not count, because it is taken as soon as it is made.
        let same = waiting.places.iter().filter(|place| place.is_for(content, limits) && !place.is_claimed()).count();
        if waiting.is_closed || same >= MOST_EACH {
            return false;
        }
        if waiting.places.len() >= MOST {
            let Some(oldest) = waiting.places.iter().position(|place| place.sandbox.is_some()) else { return false };
            waiting.places.remove(oldest);
        }
        waiting.places.push(Place { content: content.to_owned(), limits, sandbox: None, claim: None, _stay: None });
        true
    }

    /// Gives a sandbox to the call that waits for it, or stores it in its place; without a sandbox, gives the place up.
    /// If the sandbox is stored, the returned future resolves when it no longer waits.
    pub(crate) fn put(&self, content: &str, limits: ResourceLimits, made: Option<Own>) -> Option<Stay> {
        let mut waiting = self.lock();
        let is_free = |place: &Place| place.is_for(content, limits) && place.sandbox.is_none();
        let claimed = waiting.places.iter().position(|place| is_free(place) && place.is_claimed());
        // Without a place, the store was cleared meanwhile; the sandbox ends when it is dropped.
        let index = claimed.or_else(|| waiting.places.iter().position(is_free))?;
        let mut place = waiting.places.remove(index);
        let sandbox = made?;
        let left = match place.claim.take() {
            Some(claim) => claim.send(sandbox).err(),
            None => Some(sandbox),
        };
        // If the call has stopped waiting meanwhile, the sandbox is stored for the next one.
        let sandbox = left?;
        let (sender, stay) = oneshot::channel();
        waiting.places.push(Place { sandbox: Some(sandbox), _stay: Some(sender), ..place });
        Some(stay)
    }

    /// Drops a sandbox that was not used.
    pub(crate) fn forget(&self, id: &SandboxId) {
        self.lock().places.retain(|place| place.sandbox.as_ref().is_none_or(|sandbox| sandbox.id != *id));
    }

    /// Returns the contents that sandboxes are made from, each once.
    pub(crate) fn contents(&self) -> BTreeSet<String> {
        self.lock().places.iter().map(|place| place.content.clone()).collect()
    }

    /// Drops those that were made from the content with this digest, whichever of its files they have.
    pub(crate) fn forget_content(&self, digest: &str) {
        self.lock().places.retain(|place| !place.content.starts_with(digest));
    }

    /// Drops all.
    pub(crate) fn clear(&self) {
        self.lock().places.clear();
    }

    /// Drops all, and makes no more.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
        self.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // No code that holds the lock panics half way.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
