//! What is changed about workers, for those who listen.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use chrono::{DateTime, Utc};
use tokio::sync::broadcast;
use workers_domain::access::{AccessError, Action, CallContext, Resource};
use workers_domain::{Worker, WorkerId};

use super::WorkerService;
use super::published::Published;

/// Changes that wait for a slow listener. More than the marks that are stored at one time, so that a burst of them
/// loses nobody.
const BACKLOG: usize = 2048;

/// Something changed about workers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkerChange {
    /// This worker is new or in another state: it was deployed or redeployed, failed, or expired.
    State(Arc<Worker>),
    /// A function of it was invoked, and that is stored.
    Invoked {
        /// Which worker.
        id: WorkerId,
        /// When.
        at: DateTime<Utc>,
    },
    /// It was deleted. What was published about it at the same moment may follow; its id never comes back.
    Deleted(WorkerId),
    /// Whatever is known may be wrong: the listener fell behind, or the database was emptied. What follows is newer
    /// than a list that is read from now on.
    Reset,
}

/// Changes from now on, in the order in which they were published. To drop it is to stop listening.
#[derive(Debug)]
pub struct WorkerChanges(broadcast::Receiver<WorkerChange>);

/// Where changes are published. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct ChangeFeed(Arc<Feed>);

#[derive(Debug)]
struct Feed {
    sender: broadcast::Sender<WorkerChange>,
    /// What was published lately, where the database tells every change to every server, and so each of ours to us.
    published: OnceLock<Mutex<Published>>,
}

impl WorkerService {
    /// What changes from now on: by this server, and by others over the same Postgres.
    ///
    /// # Errors
    ///
    /// When the caller may not watch workers.
    pub fn changes(&self, context: &CallContext) -> Result<WorkerChanges, AccessError> {
        self.shared.access.check(context, Action::WatchWorkers, Resource::Tenant)?;
        Ok(self.shared.changes.listen())
    }
}

impl WorkerChanges {
    /// The next change; `None` when the platform is gone. May be dropped and called again without losing anything.
    pub async fn next(&mut self) -> Option<WorkerChange> {
        match self.0.recv().await {
            Ok(change) => Some(change),
            Err(broadcast::error::RecvError::Closed) => None,
            Err(broadcast::error::RecvError::Lagged(_)) => {
                // What is left of the backlog is older than the list that the listener reads next.
                self.0 = self.0.resubscribe();
                Some(WorkerChange::Reset)
            }
        }
    }
}

impl ChangeFeed {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Feed { sender: broadcast::Sender::new(BACKLOG), published: OnceLock::new() }))
    }

    /// From now on each change comes twice, and is passed on once.
    pub(super) fn expect_echoes(&self) {
        self.0.published.get_or_init(Mutex::default);
    }

    /// Tells all who listen, unless it was told before. Never waits.
    pub(crate) fn publish(&self, change: WorkerChange) {
        if let Some(published) = self.0.published.get()
            && !published.lock().unwrap_or_else(PoisonError::into_inner).is_news(&change)
        {
            return;
        }
        // Having no listeners is fine.
        let _ = self.0.sender.send(change);
    }

    /// Tells that a worker is in another state.
    pub(crate) fn publish_state(&self, worker: &Worker) {
        if self.has_listeners() {
            self.publish(WorkerChange::State(Arc::new(worker.clone())));
        }
    }

    pub(super) fn has_listeners(&self) -> bool {
        self.0.sender.receiver_count() > 0
    }

    fn listen(&self) -> WorkerChanges {
        WorkerChanges(self.0.sender.subscribe())
    }
}

#[cfg(test)]
mod tests {
    use workers_domain::WorkerId;

    use super::*;

    fn deleted() -> WorkerChange {
        WorkerChange::Deleted(WorkerId::generate(DateTime::UNIX_EPOCH))
    }

    #[tokio::test]
    async fn every_listener_is_told_what_happens_after_it_began() {
        let feed = ChangeFeed::new();
        feed.publish(deleted());
        let (mut one, mut other) = (feed.listen(), feed.listen());
        let change = deleted();
        feed.publish(change.clone());
        drop(feed);
        for listener in [&mut one, &mut other] {
            assert_eq!(listener.next().await, Some(change.clone()));
            assert_eq!(listener.next().await, None);
        }
    }

    #[tokio::test]
    async fn a_listener_that_falls_behind_is_told_once_and_spared_what_is_old() {
        let feed = ChangeFeed::new();
        let mut listener = feed.listen();
        for _ in 0..=BACKLOG {
            feed.publish(deleted());
        }
        assert_eq!(listener.next().await, Some(WorkerChange::Reset));
        let change = deleted();
        feed.publish(change.clone());
        assert_eq!(listener.next().await, Some(change));
    }
}
