//! The times of workers' last invocations, stored in the background so that they never slow an invocation.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::{mpsc, oneshot};
use workers_domain::ports::{LastInvocation, Store};
use workers_domain::{TenantId, Worker, WorkerId};

use crate::WorkerChange;
use crate::health::Health;
use crate::workers::ChangeFeed;

/// Maximum number of invocations whose times wait to be stored. The times of further ones are dropped; a later time
/// replaces an earlier one anyway.
const BACKLOG: usize = 1024;

/// The pause after each write, in which the times of further invocations accumulate. So there are at most five writes a
/// second, whatever the load.
const PAUSE: Duration = Duration::from_millis(200);

enum Message {
    Record(TenantId, LastInvocation),
    Flush(oneshot::Sender<()>),
}

/// Stores the times of invocations soon, several at once.
pub(crate) struct LastInvocationWriter {
    messages: mpsc::Sender<Message>,
}

impl LastInvocationWriter {
    /// Starts the background task, which ends when the last sender is dropped.
    pub(crate) fn start(store: Arc<dyn Store>, changes: ChangeFeed, health: Arc<Health>) -> Self {
        let (messages, inbox) = mpsc::channel(BACKLOG);
        tokio::spawn(store_batches(store, changes, health, inbox));
        Self { messages }
    }

    pub(super) fn record(&self, worker: &Worker, at: DateTime<Utc>) {
        let invocation = LastInvocation { worker_id: worker.id, at };
        if self.messages.try_send(Message::Record(worker.tenant_id(), invocation)).is_err() {
            tracing::debug!(worker.id = %worker.id, "too many invocations to record; one time was not kept");
        }
    }

    /// Waits until all earlier times are stored.
    pub(super) async fn flush(&self) {
        let (done, stored) = oneshot::channel();
        if self.messages.send(Message::Flush(done)).await.is_ok() {
            // An error means that the task has ended; then there is nothing to wait for.
            let _ = stored.await;
        }
    }
}

async fn store_batches(
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
                Message::Record(tenant, invocation) => {
                    let (_, at) = latest.entry(invocation.worker_id).or_insert((tenant, invocation.at));
                    *at = invocation.at.max(*at);
                }
                Message::Flush(done) => flushed.push(done),
            }
        }
        if !latest.is_empty() {
            store_latest(&*store, &changes, &health, latest).await;
        }
        // A flush comes at the end of the server, which should not wait for the pause.
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

async fn store_latest(store: &dyn Store, changes: &ChangeFeed, health: &Health, latest: Latest) {
    let invocations: Vec<_> =
        latest.iter().map(|(worker_id, (_, at))| LastInvocation { worker_id: *worker_id, at: *at }).collect();
    match store.workers().record_invocations(&invocations).await {
        Ok(()) => {
            // Only now, because listeners may rely on the time being stored (`WorkerChange::Invoked`).
            for (id, (tenant, at)) in latest {
                changes.publish(tenant, WorkerChange::Invoked { id, at });
            }
        }
        // The times are not kept for another attempt: the next invocation of a worker stores a later one.
        Err(error) => health.warn("last_invoked", &error, "failed to store when workers were last invoked"),
    }
}
