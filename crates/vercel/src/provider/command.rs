//! A command, for the platform's sandbox port.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::Instrument as _;
use workers_domain::ports::{Command, CommandEvent, Remains, SandboxError, SandboxErrorKind};

use super::core::Core;
use super::error;
use super::follow::Follower;
use super::stage::{Stage, StageWatch};
use crate::client::RunningCommand;

/// How many events may wait for the reader before the task stops reading the stream.
const WAITING_EVENTS: usize = 4;

/// SIGKILL.
pub(super) const SIGKILL: i32 = 9;

/// A command. A task follows its stream. When the channel is full, the task stops reading, then the connection fills
/// up, and finally the command blocks.
pub(super) struct VercelCommand {
    target: Arc<Target>,
    events: mpsc::Receiver<Result<CommandEvent, SandboxError>>,
    is_over: bool,
}

/// Identifies a command, for all parts that handle it.
pub(super) struct Target {
    pub(super) core: Arc<Core>,
    pub(super) session: String,
    pub(super) command: String,
    pub(super) stage: StageWatch,
    /// When the platform requested its end.
    killed_at: Mutex<Option<Instant>>,
}

impl VercelCommand {
    /// Takes over a command that has just started.
    pub(super) fn follow(
        core: Arc<Core>,
        session: String,
        running: RunningCommand,
        stage: StageWatch,
        began: Instant,
        wall_clock: Duration,
    ) -> Self {
        let killed_at = Mutex::new(None);
        let target = Arc::new(Target { core, session, command: running.info.id, stage, killed_at });
        let (sender, events) = mpsc::channel(WAITING_EVENTS);
        let follower = Follower::new(Arc::clone(&target), running.events, began, wall_clock);
        target.core.tasks.spawn(follower.run(sender).in_current_span());
        Self { target, events, is_over: false }
    }
}

#[async_trait]
impl Command for VercelCommand {
    async fn next_event(&mut self) -> Result<Option<CommandEvent>, SandboxError> {
        if self.is_over {
            return Ok(None);
        }
        let event =
            self.events.recv().await.unwrap_or_else(|| {
                Err(SandboxError::new(SandboxErrorKind::Failed, "nobody follows the command any more"))
            });
        self.is_over = !matches!(event, Ok(CommandEvent::Output { .. }));
        event.map(Some)
    }

    #[tracing::instrument(name = "vercel.command.kill", skip_all, fields(command.id = self.target.command))]
    async fn kill(&self) -> Result<(), SandboxError> {
        if self.is_over {
            return Ok(());
        }
        let before = self.target.mark_killed(Some(Instant::now()));
        self.target.kill().await.inspect_err(|_| {
            self.target.mark_killed(before);
        })
    }

    /// Ends without a request to the API: the sandbox is about to be stopped, which ends the command too. If the
    /// sandbox is not stopped, the follower kills the command in the background.
    async fn abandon(&mut self) -> Result<Remains, SandboxError> {
        let mut remains = Remains::default();
        // Events that arrived in one piece with the last read are in the channel by now, or after the task has run once
        // more.
        for _ in 0..=WAITING_EVENTS {
            while let (false, Ok(event)) = (self.is_over, self.events.try_recv()) {
                match event {
                    Ok(CommandEvent::Output { stream, bytes }) => remains.output.push((stream, bytes)),
                    // The command has ended or its end is unknown; neither matters any more.
                    Ok(CommandEvent::Exited(_)) | Err(_) => self.is_over = true,
                }
            }
            tokio::task::yield_now().await;
        }
        self.is_over = true;
        self.events.close();
        Ok(remains)
    }
}

impl Target {
    /// Kills the command, if its sandbox is running. Succeeds if the command has ended.
    pub(super) async fn kill(&self) -> Result<(), SandboxError> {
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
    fn mark_killed(&self, at: Option<Instant>) -> Option<Instant> {
        let mut killed_at = self.killed_at.lock().unwrap_or_else(PoisonError::into_inner);
        let before = *killed_at;
        *killed_at = if at.is_some() { before.or(at) } else { None };
        before
    }
}
