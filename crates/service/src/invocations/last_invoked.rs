//! The times of workers' last invocations, stored in the background so that they never slow an invocation.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::{mpsc, oneshot};
use workers_domain::ports::{InvocationMark, Store};
use workers_domain::{TenantId, Worker, WorkerId};

use crate::WorkerChange;
use crate::health::Health;
use crate::workers::ChangeFeed;

/// Maximum number of marks that wait to be stored. Further ones are dropped; a later mark replaces an earlier one
/// anyway.
const BACKLOG: usize = 1024;

/// The pause after each write, in which marks accumulate. So there are at most five writes a second, whatever the load.
const PAUSE: Duration = Duration::from_millis(200);

enum Message {
    Mark(TenantId, InvocationMark),
    Flush(oneshot::Sender<()>),
}

/// Takes marks and stores them soon.
pub(crate) struct LastInvoked {
    messages: mpsc::Sender<Message>,
}

impl LastInvoked {
    /// Starts the background task, which ends when the last sender is dropped.
    pub(crate) fn start(store: Arc<dyn Store>, changes: ChangeFeed, health: Arc<Health>) -> Self {
        let (messages, inbox) = mpsc::channel(BACKLOG);
        tokio::spawn(store_marks(store, changes, health, inbox));
        Self { messages }
    }

    pub(super) fn mark(&self, worker: &Worker, at: DateTime<Utc>) {
        let mark = InvocationMark { worker_id: worker.id, at };
        if self.messages.try_send(Message::Mark(worker.tenant_id(), mark)).is_err() {
            tracing::debug!(worker.id = %worker.id, "too many invocations to record; one time was not kept");
        }
    }

    /// Waits until all earlier marks are stored.
    pub(super) async fn flush(&self) {
        let (done, stored) = oneshot::channel();
        if self.messages.send(Message::Flush(done)).await.is_ok() {
            let _ = stored.await;
        }
    }
}

async fn store_marks(
    store: Arc<dyn Store>,
    changes: ChangeFeed,
    health: Arc<Health>,
    mut inbox: mpsc::Receiver<Message>,
) {
    let mut batch = Vec::new();
    while inbox.recv_many(&mut batch, BACKLOG).await > 0 {
        let mut latest = Latest::new();
        let mut flushed = Vec::new();
        for message in batch.drain(..) {
            match message {
                Message::Mark(tenant, mark) => {
                    let (_, at) = latest.entry(mark.worker_id).or_insert((tenant, mark.at));
                    *at = mark.at.max(*at);
                }
                Message::Flush(done) => flushed.push(done),
            }
        }
        if !latest.is_empty() {
            record(&*store, &changes, &health, latest).await;
        }
        if flushed.is_empty() {
            tokio::time::sleep(PAUSE).await;
        }
        for done in flushed {
            let _ = done.send(());
        }
    }
}

/// The latest time for each worker, and the worker's tenant.
type Latest = HashMap<WorkerId, (TenantId, DateTime<Utc>)>;

async fn record(store: &dyn Store, changes: &ChangeFeed, health: &Health, latest: Latest) {
    let marks: Vec<_> =
        latest.iter().map(|(worker_id, (_, at))| InvocationMark { worker_id: *worker_id, at: *at }).collect();
    match store.workers().record_invocations(&marks).await {
        Ok(()) => {
            for (id, (tenant, at)) in latest {
                changes.publish(tenant, WorkerChange::Invoked { id, at });
            }
        }
        Err(error) => health.warn("last_invoked", &error, "failed to store when workers were last invoked"),
    }
}
