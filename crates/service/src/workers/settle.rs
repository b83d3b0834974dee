//! Stores the results of deploys that could not be stored at first, as soon as the database is reachable again.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tracing::{Instrument as _, Span};
use workers_domain::access::TenantScope;
use workers_domain::ports::{RepositoryError, SandboxErrorKind, SandboxProvider, Store, Update};
use workers_domain::{Worker, WorkerId};

use super::change_feed::ChangeFeed;
use crate::WorkerChange;
use crate::health::Health;

/// Maximum number of results that wait to be stored. Further ones are left to the sweep.
const BACKLOG: usize = 4096;

/// The first pause after a failure, and the longest one. The longest pause limits the delay after the database is
/// reachable again.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How a deploy ended.
#[derive(Debug)]
pub(super) enum DeployEnd {
    /// The caller received an error, and nothing of the deploy should stay. Whether the worker was stored is unknown.
    Nothing(WorkerId),
    /// The worker has this state.
    State(Worker),
}

/// Takes results of deploys and stores them, each in the tracing span of its request.
pub(crate) struct Settler {
    ends: mpsc::Sender<(DeployEnd, Span)>,
    health: Arc<Health>,
}

impl Settler {
    /// Starts the background task, which ends when this is dropped.
    pub(crate) fn start(
        store: Arc<dyn Store>,
        sandboxes: Arc<dyn SandboxProvider>,
        scope: TenantScope,
        changes: ChangeFeed,
        health: Arc<Health>,
    ) -> Self {
        let (ends, inbox) = mpsc::channel(BACKLOG);
        tokio::spawn(settle(store, sandboxes, scope, changes, Arc::clone(&health), inbox));
        Self { ends, health }
    }

    /// Stores a result as soon as possible.
    pub(super) fn settle(&self, end: DeployEnd) {
        if let Err(error) = self.ends.try_send((end, Span::current())) {
            let what = "too many deploys whose end cannot be stored; the sweeper will end this one";
            self.health.warn("settle", &error, what);
        }
    }
}

/// Returns whether a deploy with this failure leaves no worker behind, not even one in state error. These failures have
/// nothing to do with the code: the owner has nothing to look into, and should repeat the deploy unchanged.
pub(super) const fn leaves_nothing(kind: SandboxErrorKind) -> bool {
    matches!(
        kind,
        SandboxErrorKind::StorageFull
            | SandboxErrorKind::StorageReadOnly
            | SandboxErrorKind::StorageUnavailable
            | SandboxErrorKind::Exhausted
    )
}

/// Returns whether the operation may have succeeded despite the error, because the response was lost.
pub(super) const fn may_be_done(error: &RepositoryError) -> bool {
    matches!(error, RepositoryError::Unavailable(_))
}

async fn settle(
    store: Arc<dyn Store>,
    sandboxes: Arc<dyn SandboxProvider>,
    scope: TenantScope,
    changes: ChangeFeed,
    health: Arc<Health>,
    mut inbox: mpsc::Receiver<(DeployEnd, Span)>,
) {
    while let Some((mut end, span)) = inbox.recv().await {
        let storing = async {
            let mut pause = FIRST_PAUSE;
            while let Err(error) = store_end(&*store, &*sandboxes, &scope, &changes, &mut end).await {
                // The database would refuse it again and again, and the deploys behind this one would wait for ever.
                if matches!(error, RepositoryError::Refused { .. } | RepositoryError::Inconsistent { .. }) {
                    health.warn("settle", &error, format_args!("failed to store how a deploy ended: {end:?}"));
                    break;
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        };
        storing.instrument(span).await;
    }
}

async fn store_end(
    store: &dyn Store,
    sandboxes: &dyn SandboxProvider,
    scope: &TenantScope,
    changes: &ChangeFeed,
    end: &mut DeployEnd,
) -> Result<(), RepositoryError> {
    match end {
        DeployEnd::State(worker) => {
            // Otherwise the worker was deleted, or the state was stored before and changed since.
            if store.workers().update_state(worker).await? == Update::Updated {
                changes.publish_state(worker);
            }
        }
        DeployEnd::Nothing(id) => {
            if let Some(removed) = store.workers().delete(scope, *id).await? {
                changes.publish(removed.tenant_id(), WorkerChange::Deleted(*id));
                if let Some(snapshot_id) = removed.snapshot_id()
                    && let Err(error) = sandboxes.delete_snapshot(snapshot_id).await
                {
                    tracing::debug!(
                        error = &error as &dyn std::error::Error,
                        "failed to delete the snapshot of a failed deploy; it stays until it expires"
                    );
                }
            }
        }
    }
    Ok(())
}
