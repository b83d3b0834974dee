//! Running, draining, stopped: what stands between a signal and the end of the process.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How far the end has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Requests are served.
    Running,
    /// Somebody asked to stop: what runs may end.
    Draining,
    /// Whatever still runs is cancelled.
    Stopping,
}

/// Asks a server to stop. Cheap to clone; may outlive it.
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
    /// A handle of a server that nobody has asked to stop yet.
    #[must_use]
    pub fn new() -> Self {
        Self { phase: Arc::new(watch::Sender::new(Phase::Running)), cancel: CancellationToken::new() }
    }

    /// Stops after running invocations had their time: at the first signal.
    pub fn stop(&self) {
        self.advance(Phase::Draining);
    }

    /// Stops now; running invocations are cancelled and their callers told: at the second signal.
    pub fn stop_now(&self) {
        self.advance(Phase::Stopping);
        self.cancel.cancel();
    }

    /// Whether somebody has asked to stop.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        *self.phase.borrow() != Phase::Running
    }

    /// There is no way back.
    fn advance(&self, to: Phase) {
        self.phase.send_if_modified(|phase| {
            let forward = *phase < to;
            if forward {
                *phase = to;
            }
            forward
        });
    }

    /// Waits until the end has come this far.
    pub async fn reached(&self, phase: Phase) {
        let mut phases = self.phase.subscribe();
        // The sender cannot be gone: we hold it.
        let _ = phases.wait_for(|now| *now >= phase).await;
    }

    /// Waits until whatever still runs is to be cancelled.
    pub fn cancelled(&self) -> impl Future<Output = ()> + use<> {
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
