//! Starts an invocation: checks the call, waits for a permit, and hands over to a runner.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{mpsc, oneshot};
use tracing::Instrument as _;
use workers_domain::access::{Action, CallContext, Resource};
use workers_domain::{InvocationId, ValueWarning, Worker, WorkerId, WorkerStatus};

use super::fair_queue::Limits;
use super::runner::{Call, Runner};
use super::{Invocation, InvocationService};
use crate::{EffectiveLimits, InvokeError};

/// Number of events that are buffered for the reader. A runner that finds the buffer full stops reading the sandbox's
/// output.
const EVENT_BACKLOG: usize = 64;

/// The payload that is used if it is missing or cannot be parsed.
const NO_PAYLOAD: &str = "{}";

impl InvocationService {
    /// Starts an invocation. Waits for a free permit; everything after that is reported as events. A payload that is
    /// not JSON counts as `{}`.
    ///
    /// # Errors
    ///
    /// If the caller may not invoke, the worker or function does not exist or is not ready, there is no permit, or the
    /// payload is too long; see [`InvokeError`].
    #[tracing::instrument(
        name = "invocations.invoke",
        skip_all,
        fields(request.id = %context.request_id(), worker.id = %id, invocation.id, sandbox.id)
    )]
    pub async fn invoke(
        &self,
        context: &CallContext,
        id: WorkerId,
        function: &str,
        payload: &[u8],
    ) -> Result<Invocation, InvokeError> {
        let shared = &self.inner.shared;
        let scope = shared.access.check(context, Action::Invoke, Resource::Worker(id))?;
        let limits = shared.limits_of(context.tenant()).await?;
        let limit = limits.payload_bytes;
        if payload.len() > limit {
            return Err(InvokeError::PayloadTooLarge { bytes: payload.len(), limit });
        }
        let mut worker = shared.store.workers().find_by_id(&scope, id).await?.ok_or(InvokeError::WorkerNotFound(id))?;
        shared.expire_when_read(&mut worker).await?;
        // Before the wait for a permit, so that a call that cannot run takes no place in the queue.
        check(&worker, function)?;
        let limits = limits.of(&worker);
        let (payload, warning) = json_or_empty(payload);
        let payload = Some(payload);
        let arrived = Instant::now();
        let permit = self.inner.admission.enter(context.tenant(), id, limits_of_queue(&limits)).await?;
        let now = shared.clock.now();
        self.inner.last_invocations.record(&worker, now);
        let (sender, events) = mpsc::channel(EVENT_BACKLOG);
        let (unread_sender, unread_permit) = oneshot::channel();
        let id = InvocationId::generate(now);
        tracing::Span::current().record("invocation.id", tracing::field::display(id));
        let call =
            Call { id, worker, function: function.to_owned(), payload, warning, limits, queue: arrived.elapsed() };
        let runner = Runner::new(Arc::clone(&self.inner), call, sender, unread_sender, permit);
        // A task of its own: it stops the sandbox however early the caller goes away, and `drain` can wait for it.
        self.inner.running.spawn_on(runner.run().in_current_span(), &shared.runtime);
        Ok(Invocation { id, events, unread_permit })
    }
}

const fn limits_of_queue(limits: &EffectiveLimits) -> Limits {
    Limits { permits: limits.concurrent, permits_per_key: limits.concurrent_per_worker, max_waiting: limits.queued }
}

fn check(worker: &Worker, function: &str) -> Result<(), InvokeError> {
    match worker.status() {
        WorkerStatus::Ready => {}
        WorkerStatus::Expired => {
            return Err(InvokeError::Expired { expired_at: worker.expires_at().unwrap_or_default() });
        }
        status @ (WorkerStatus::Creating | WorkerStatus::Error) => {
            return Err(InvokeError::NotReady { status, message: worker.error_message().map(str::to_owned) });
        }
    }
    if worker.exports(function) {
        return Ok(());
    }
    Err(InvokeError::FunctionNotFound { name: function.to_owned(), available: worker.functions.clone() })
}

/// Returns the payload for the function, and a warning if the caller sent one that cannot be read.
fn json_or_empty(payload: &[u8]) -> (String, Option<ValueWarning>) {
    let unread = |why: String| {
        let message = format!("the payload cannot be read, {NO_PAYLOAD} was passed in its place: {why}");
        (NO_PAYLOAD.to_owned(), Some(ValueWarning { path: "$".to_owned(), message }))
    };
    // Some programs begin a text with a byte order mark, which JSON does not allow.
    let text = match std::str::from_utf8(payload) {
        Ok(text) => text.trim_matches(['\u{feff}', ' ', '\t', '\r', '\n']),
        Err(error) => return unread(error.to_string()),
    };
    // A raw value is checked without recursion, which deep nesting could turn into a stack overflow.
    match serde_json::from_str::<&serde_json::value::RawValue>(text) {
        Ok(_) => (text.to_owned(), None),
        Err(_) if text.is_empty() => (NO_PAYLOAD.to_owned(), None),
        Err(error) => unread(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::json_or_empty;

    #[test]
    fn any_json_value_is_a_payload() {
        for json in ["{\"a\":1}", "[1]", "1", "\"text\"", "null", "true"] {
            assert_eq!(json_or_empty(json.as_bytes()), (json.to_owned(), None));
        }
    }

    #[test]
    fn what_is_not_json_counts_as_an_empty_object_with_a_warning() {
        for other in [&b"{"[..], b"undefined", b"{} {}", b"\xff", b"{\"a\":\"\xff\"}", b"\0"] {
            let (payload, warning) = json_or_empty(other);
            assert_eq!(
                (payload.as_str(), warning.is_some_and(|warning| warning.path == "$")),
                ("{}", true),
                "{other:?}"
            );
        }
        for nothing in [&b""[..], b" \n"] {
            assert_eq!(json_or_empty(nothing), ("{}".to_owned(), None));
        }
    }

    #[test]
    fn deep_nesting_is_checked_without_recursion() {
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        assert_eq!(json_or_empty(deep.as_bytes()).0, deep);
    }
}
