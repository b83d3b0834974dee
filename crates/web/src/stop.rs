//! The phases of a shutdown, from a signal to the end of the process.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The phases of a shutdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// The server accepts and serves requests.
    Running,
    /// A stop was requested: running work may finish.
    Draining,
    /// Work that is still running is cancelled.
    Stopping,
}

/// Requests a server's shutdown. Cheap to clone; may outlive the server.
#[derive(Debug, Clone)]
pub struct StopHandle {
    phase: Arc<watch::Sender<Phase>>,
    cancel: CancellationToken,
}

impl Default for StopHandle {
    fn default() -> Self {
        Self::new()
    }
}

impl StopHandle {
    /// Creates the handle of a running server.
    #[must_use]
    pub fn new() -> Self {
        Self { phase: Arc::new(watch::Sender::new(Phase::Running)), cancel: CancellationToken::new() }
    }

    /// Stops gracefully: running invocations get time to finish. For the first signal.
    pub fn stop(&self) {
        self.advance(Phase::Draining);
    }

    /// Stops now: running invocations are cancelled and their callers get an error. For the second signal.
    pub fn stop_now(&self) {
        self.advance(Phase::Stopping);
        self.cancel.cancel();
    }

    /// Returns whether a stop was requested.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        *self.phase.borrow() != Phase::Running
    }

    /// Moves to a later phase. Never moves back.
    fn advance(&self, to: Phase) {
        self.phase.send_if_modified(|phase| {
            let forward = *phase < to;
            if forward {
                *phase = to;
            }
            forward
        });
    }

    /// Waits until this phase is reached.
    pub async fn reached(&self, phase: Phase) {
        let mut phases = self.phase.subscribe();
        // The sender cannot be dropped, because `self` holds it.
        let _ = phases.wait_for(|now| *now >= phase).await;
    }

    /// Waits until running work must be cancelled.
    pub fn cancelled(&self) -> impl Future<Output = ()> + use<> {
        // Owned, because an event stream keeps it for longer than the handler runs (`http/src/invoke/stream.rs`).
        self.cancel.clone().cancelled_owned()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn asking_to_stop_does_not_cancel_what_runs() {
        let handle = StopHandle::new();
        handle.stop();
        assert!(handle.is_stopping());
        assert!(handle.reached(Phase::Draining).now_or_never().is_some());
        assert!(handle.cancelled().now_or_never().is_none());
    }

    #[test]
    fn a_second_call_cannot_take_back_the_first() {
        let handle = StopHandle::new();
        handle.stop_now();
        handle.stop();
        assert!(handle.reached(Phase::Stopping).now_or_never().is_some());
        assert!(handle.cancelled().now_or_never().is_some());
    }
}
