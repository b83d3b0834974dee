//! Invoke: from a worker's id and a payload to a stream of events.

mod admission;
mod claims;
mod fair_queue;
mod invoke;
mod last_invoked;
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
pub(crate) use self::last_invoked::LastInvoked;
use crate::UnreadRoom;
use crate::platform::Shared;

/// Use cases about invocations. Cheap to clone.
#[derive(Clone)]
pub struct InvocationService {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    admission: Admission,
    last_invoked: LastInvoked,
    /// Every invocation that has begun and whose sandbox may still be there.
    running: TaskTracker,
    /// Ends all of them at once.
    abort: CancellationToken,
}

/// How busy the platform is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Invocations that run.
    pub running: usize,
    /// Invocations that wait for a place.
    pub queued: usize,
}

/// An invocation that has begun: a stream of its events. The last one is [`InvocationEventKind::Finished`].
/// Dropping it before then cancels the invocation: its sandbox is killed. A reader that is slow slows the function. As
/// long as it is held, its outcome counts as not read.
///
/// [`InvocationEventKind::Finished`]: workers_domain::InvocationEventKind::Finished
#[derive(Debug)]
pub struct Invocation {
    id: InvocationId,
    events: mpsc::Receiver<InvocationEvent>,
    room: oneshot::Receiver<UnreadRoom>,
}

impl InvocationService {
    pub(crate) fn new(shared: Arc<Shared>, last_invoked: LastInvoked) -> Self {
        let admission = Admission::new(&shared.options);
        let inner =
            Inner { shared, admission, last_invoked, running: TaskTracker::new(), abort: CancellationToken::new() };
        Self { inner: Arc::new(inner) }
    }

    /// How busy the platform is, with what all tenants do.
    ///
    /// # Errors
    ///
    /// When the caller may not read that.
    pub fn load(&self, context: &CallContext) -> Result<Load, AccessError> {
        self.inner.shared.access.check(context, Action::ReadOperations, Resource::Platform)?;
        Ok(self.inner.admission.load())
    }

    /// Turns new invocations away, waits up to `timeout` for those that run, then ends the rest. Says whether all of
    /// them ended by themselves. When it returns no sandbox of this platform runs, and the times of all invocations are
    /// stored.
    ///
    /// Takes no call: the process that holds the platform ends it, and no route leads here.
    pub async fn drain(&self, timeout: Duration) -> bool {
        self.inner.admission.close();
        self.inner.running.close();
        let in_time = tokio::time::timeout(timeout, self.inner.running.wait()).await.is_ok();
        if !in_time {
            self.inner.abort.cancel();
            self.inner.running.wait().await;
        }
        self.inner.last_invoked.flush().await;
        in_time
    }
}

impl Invocation {
    /// Its id.
    #[must_use]
    pub const fn id(&self) -> InvocationId {
        self.id
    }

    /// What happened next; `None` after the end. May be dropped and called again without losing anything.
    pub async fn next(&mut self) -> Option<InvocationEvent> {
        self.events.recv().await
    }

    /// After the last event: the room that the outcome and the log take, for whoever hands them on as one answer.
    /// `None` where there was no room for them; then only the failure that says so may be handed on.
    #[must_use]
    pub fn into_room(mut self) -> Option<UnreadRoom> {
        self.room.try_recv().ok()
    }
}

impl Stream for Invocation {
    type Item = InvocationEvent;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<InvocationEvent>> {
        self.events.poll_recv(context)
    }
}
