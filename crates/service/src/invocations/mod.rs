//! Invocations: from a worker's id and a payload to a stream of events.

mod admission;
mod claims;
mod fair_queue;
mod invoke;
mod last_invocations;
mod lines;
mod outcome;
mod runner;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::Stream;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use workers_domain::access::{AccessError, Action, CallContext, Resource};
use workers_domain::{InvocationEvent, InvocationId};

use self::admission::Admission;
pub use self::admission::Load;
pub(crate) use self::last_invocations::LastInvocationWriter;
use crate::UnreadPermit;
use crate::shared::Shared;

/// Use cases about invocations. Cheap to clone.
#[derive(Clone)]
pub struct InvocationService {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    admission: Admission,
    last_invocations: LastInvocationWriter,
    /// Every invocation that has started and whose sandbox may still exist.
    running: TaskTracker,
    /// Ends all invocations at once.
    abort: CancellationToken,
}

/// An invocation that has started: a stream of its events. The last event is [`InvocationEventKind::Finished`].
/// Dropping the stream before that cancels the invocation: its sandbox is killed. A slow reader slows the function
/// down. As long as this value exists, its outcome counts as not read.
///
/// [`InvocationEventKind::Finished`]: workers_domain::InvocationEventKind::Finished
#[derive(Debug)]
pub struct Invocation {
    id: InvocationId,
    events: mpsc::Receiver<InvocationEvent>,
    unread_permit: oneshot::Receiver<UnreadPermit>,
}

impl InvocationService {
    pub(crate) fn new(shared: Arc<Shared>, last_invocations: LastInvocationWriter) -> Self {
        let admission = Admission::new(&shared.options);
        let inner =
            Inner { shared, admission, last_invocations, running: TaskTracker::new(), abort: CancellationToken::new() };
        Self { inner: Arc::new(inner) }
    }

    /// Returns the current load of the platform, of all tenants together.
    ///
    /// # Errors
    ///
    /// If the caller may not read it.
    pub fn load(&self, context: &CallContext) -> Result<Load, AccessError> {
        self.inner.shared.access.check(context, Action::ReadOperations, Resource::Platform)?;
        Ok(self.inner.admission.load())
    }

    /// Refuses new invocations, waits up to `timeout` for running ones, then ends the rest. Returns whether all of them
    /// ended within the timeout. When it returns, no sandbox of this platform is running, and the times of all
    /// invocations are stored.
    ///
    /// Requires no call context: it is for the process that owns the platform, and no route calls it.
    pub async fn drain(&self, timeout: Duration) -> bool {
        self.inner.admission.close();
        // Without this, the wait for the tracker would not end, even with no invocation running.
        self.inner.running.close();
        let in_time = tokio::time::timeout(timeout, self.inner.running.wait()).await.is_ok();
        if !in_time {
            self.inner.abort.cancel();
            self.inner.running.wait().await;
        }
        self.inner.last_invocations.flush().await;
        in_time
    }
}

impl Invocation {
    /// Returns the invocation's id.
    #[must_use]
    pub const fn id(&self) -> InvocationId {
        self.id
    }

    /// Returns the next event, or `None` after the end. Cancel-safe: the future may be dropped without losing an event.
    pub async fn next(&mut self) -> Option<InvocationEvent> {
        self.events.recv().await
    }

    /// Returns the permit for the memory that the outcome and the log take. Call it after the last event, to pass both
    /// on as one response. `None` means that the budget had too little left for them; then only the failure that
    /// reports this may be passed on.
    #[must_use]
    pub fn into_unread_permit(mut self) -> Option<UnreadPermit> {
        // No wait is needed: the runner sends the permit before the last event.
        self.unread_permit.try_recv().ok()
    }
}

impl Stream for Invocation {
    type Item = InvocationEvent;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<InvocationEvent>> {
        self.events.poll_recv(context)
    }
}
