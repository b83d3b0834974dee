//! Begin an invocation: check, wait for a place, hand over to a runner.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc;
use workers_domain::{InvocationId, Worker, WorkerId, WorkerStatus};

use super::runner::{Call, Runner};
use super::{Invocation, InvocationService};
use crate::InvokeError;

/// Events that wait for the reader; a runner that finds no room stops reading the sandbox's output.
const EVENT_BACKLOG: usize = 64;

/// What a missing or unparsable payload counts as.
const NO_PAYLOAD: &str = "{}";

impl InvocationService {
    /// Begins an invocation. Waits for a free place; everything after that is told by the events. A payload that is not JSON counts as
    /// `{}`.
    ///
    /// # Errors
    ///
    /// When there is nothing to invoke, no room for it, or the payload is too long; see [`InvokeError`].
    pub async fn invoke(&self, id: WorkerId, function: &str, payload: &[u8]) -> Result<Invocation, InvokeError> {
        let shared = &self.inner.shared;
        let limit = shared.options.max_payload_bytes;
        if payload.len() > limit {
            return Err(InvokeError::PayloadTooLarge { bytes: payload.len(), limit });
        }
        let mut worker = shared.repository.find_by_id(id).await?.ok_or(InvokeError::WorkerNotFound(id))?;
        shared.expire_when_read(&mut worker).await?;
        check(&worker, function)?;
        let payload = Some(json_or_empty(payload));
        let arrived = Instant::now();
        let place = self.inner.admission.enter(id).await?;
        let now = shared.clock.now();
        self.inner.last_invoked.mark(id, now);
        let (sender, events) = mpsc::channel(EVENT_BACKLOG);
        let id = InvocationId::generate(now);
        let call = Call { id, worker, function: function.to_owned(), payload, queue: arrived.elapsed() };
        let runner = Runner::new(Arc::clone(&self.inner), call, sender, place);
        self.inner.running.spawn_on(runner.run(), &shared.runtime);
        Ok(Invocation { id, events })
    }
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

fn json_or_empty(payload: &[u8]) -> String {
    let text = std::str::from_utf8(payload).unwrap_or_default().trim_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
    match serde_json::from_str::<&serde_json::value::RawValue>(text) {
        Ok(_) => text.to_owned(),
        Err(_) => NO_PAYLOAD.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::json_or_empty;

    #[test]
    fn any_json_value_is_a_payload() {
        for json in ["{\"a\":1}", "[1]", "1", "\"text\"", "null", "true"] {
            assert_eq!(json_or_empty(json.as_bytes()), json);
        }
    }

    #[test]
    fn what_is_not_json_counts_as_an_empty_object() {
        for other in [&b""[..], b"{", b"undefined", b"{} {}", b"\xff", b"{\"a\":\"\xff\"}", b"\0"] {
            assert_eq!(json_or_empty(other), "{}");
        }
    }

    #[test]
    fn deep_nesting_is_checked_without_recursion() {
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        assert_eq!(json_or_empty(deep.as_bytes()), deep);
    }
}
