//! A command, for the platform's sandbox port.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::Instrument as _;
use workers_domain::ports::{Command, CommandEvent, DrainedCommand, SandboxError, SandboxErrorKind};

use super::core::Core;
use super::follow::Follower;
use super::stage::StageWatch;
use super::target::Target;
use crate::client::RunningCommand;

/// How many events may wait for the reader before the task stops reading the stream.
const WAITING_EVENTS: usize = 4;

/// A command. A task follows its stream. When the channel is full, the task stops reading, then the connection fills
/// up, and finally the command blocks.
pub(super) struct VercelCommand {
    target: Arc<Target>,
    events: mpsc::Receiver<Result<CommandEvent, SandboxError>>,
    is_over: bool,
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
        let target = Arc::new(Target::new(core, session, running.info.id, stage));
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
                Err(SandboxError::new(SandboxErrorKind::Failed, "the command is no longer followed"))
            });
        self.is_over = !matches!(event, Ok(CommandEvent::Output { .. }));
        event.map(Some)
    }

    #[tracing::instrument(name = "vercel.command.kill", skip_all, fields(command.id = self.target.command))]
    async fn kill(&self) -> Result<(), SandboxError> {
        if self.is_over {
            return Ok(());
        }
        // Marked before the request: the end may arrive before its response, and must count as requested.
        let before = self.target.mark_killed(Some(Instant::now()));
        self.target.kill().await.inspect_err(|_| {
            self.target.mark_killed(before);
        })
    }

    /// Ends without a request to the API: the sandbox is about to be stopped, which ends the command too. If the
    /// sandbox is not stopped, the follower kills the command in the background.
    async fn kill_and_drain(&mut self) -> Result<DrainedCommand, SandboxError> {
        let mut drained = DrainedCommand::default();
        // Events that arrived in one piece with the last read are in the channel by now, or after the task has run once
        // more.
        for _ in 0..=WAITING_EVENTS {
            while let (false, Ok(event)) = (self.is_over, self.events.try_recv()) {
                match event {
                    Ok(CommandEvent::Output { stream, bytes }) => drained.output.push((stream, bytes)),
                    // The command has ended or its end is unknown; neither matters any more.
                    Ok(CommandEvent::Exited(_)) | Err(_) => self.is_over = true,
                }
            }
            tokio::task::yield_now().await;
        }
        self.is_over = true;
        self.events.close();
        Ok(drained)
    }
}
