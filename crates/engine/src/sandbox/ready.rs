//! Sandboxes that are made before they are asked for. Each is used once, like any other; what is saved is the time to make it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use workers_domain::ports::Sandbox as _;
use workers_domain::{ResourceLimits, SandboxId};

use super::LocalSandbox;

/// How many wait for one content, and how many for all.
const MOST_EACH: usize = 2;
const MOST: usize = 16;

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
    sandbox: Option<LocalSandbox>,
}

impl Place {
    fn is_for(&self, content: &str, limits: ResourceLimits) -> bool {
        self.content == content && self.limits == limits
    }
}

impl ReadySandboxes {
    /// An empty store; nothing is ever made for it unless `wanted`.
    pub(crate) fn new(wanted: bool) -> Self {
        Self { waiting: Mutex::new(Waiting { places: Vec::new(), is_closed: !wanted }) }
    }

    /// A sandbox with this content and these limits, if one waits.
    pub(crate) fn take(&self, content: &str, limits: ResourceLimits) -> Option<LocalSandbox> {
        let mut waiting = self.lock();
        let index = waiting.places.iter().position(|place| place.is_for(content, limits) && place.sandbox.is_some())?;
        waiting.places.remove(index).sandbox
    }

    /// Whether another one is to be made; then a place is taken for it, and [`put`](Self::put) must follow.
    pub(crate) fn is_wanted(&self, content: &str, limits: ResourceLimits) -> bool {
        let mut waiting = self.lock();
        let same = waiting.places.iter().filter(|place| place.is_for(content, limits)).count();
        if waiting.is_closed || same >= MOST_EACH {
            return false;
        }
        if waiting.places.len() >= MOST {
            let Some(oldest) = waiting.places.iter().position(|place| place.sandbox.is_some()) else { return false };
            waiting.places.remove(oldest);
        }
        waiting.places.push(Place { content: content.to_owned(), limits, sandbox: None });
        true
    }

    /// Gives a sandbox its place, or the place up.
    pub(crate) fn put(&self, content: &str, limits: ResourceLimits, made: Option<LocalSandbox>) {
        let mut waiting = self.lock();
        let free = waiting.places.iter().position(|place| place.is_for(content, limits) && place.sandbox.is_none());
        // Without a place, all was cleared meanwhile; the sandbox goes when it is dropped.
        match (free.and_then(|index| waiting.places.get_mut(index)), made) {
            (Some(place), Some(sandbox)) => place.sandbox = Some(sandbox),
            (Some(_), None) => drop(free.map(|index| waiting.places.remove(index))),
            (None, late) => drop(late),
        }
    }

    /// Lets a sandbox go that nobody has asked for.
    pub(crate) fn forget(&self, id: &SandboxId) {
        self.lock().places.retain(|place| place.sandbox.as_ref().is_none_or(|sandbox| sandbox.id() != id));
    }

    /// Lets all go.
    pub(crate) fn clear(&self) {
        self.lock().places.clear();
    }

    /// Lets all go, and makes no more.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
        self.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing in here panics half way.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
