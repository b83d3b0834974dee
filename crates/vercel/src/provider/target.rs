//! The command that is followed and killed, and when its end was requested.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;
use workers_domain::ports::{SandboxError, SandboxErrorKind};

use super::core::Core;
use super::error;
use super::stage::{Stage, StageWatch};

/// SIGKILL.
pub(super) const SIGKILL: i32 = 9;

/// Identifies a command, for all parts that handle it.
pub(super) struct Target {
    pub(super) core: Arc<Core>,
    pub(super) session: String,
    pub(super) command: String,
    pub(super) stage: StageWatch,
    /// When the platform requested its end.
    killed_at: Mutex<Option<Instant>>,
}

impl Target {
    pub(super) fn new(core: Arc<Core>, session: String, command: String, stage: StageWatch) -> Self {
        Self { core, session, command, stage, killed_at: Mutex::new(None) }
    }

    /// Kills the command, if its sandbox is running. Succeeds if the command has ended.
    pub(super) async fn kill(&self) -> Result<(), SandboxError> {
        // The end of the sandbox ends the command too, without a request.
        if self.stage.get() != Stage::Running {
            return Ok(());
        }
        match self.core.client.kill_command(&self.session, &self.command, SIGKILL).await {
            Err(error) if !error::has_ended(&error) => {
                Err(error::with(SandboxErrorKind::Failed, "a command cannot be killed", error))
            }
            _ => Ok(()),
        }
    }

    /// Returns whether the platform requested its end before this time.
    pub(super) fn was_killed_before(&self, time: Instant) -> bool {
        self.killed_at.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|at| at < time)
    }

    /// Records the time of the first kill, or clears it for `None`. Returns the previous value.
    pub(super) fn mark_killed(&self, at: Option<Instant>) -> Option<Instant> {
        let mut killed_at = self.killed_at.lock().unwrap_or_else(PoisonError::into_inner);
        let before = *killed_at;
        *killed_at = if at.is_some() { before.or(at) } else { None };
        before
    }
}
