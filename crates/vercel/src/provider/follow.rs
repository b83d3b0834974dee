//! Follows a command from its first line to its end. If a stream breaks off, opens another one.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use workers_domain::ports::{CommandEvent, CommandExit, ExitStatus, KillReason, SandboxError, SandboxErrorKind};
use workers_domain::{LogStream, ResourceUsage};

use super::error;
use super::stage::Stage;
use super::target::{SIGKILL, Target};
use crate::api::{CommandInfo, OutputStream};
use crate::client::{CommandEvents, LogEvents, Output, StreamEvent};
use crate::error::{StreamError, VercelError};

/// How many streams in a row may be opened again without bringing anything new.
const MAX_VAIN_RESUMES: u32 = 3;

/// The pause before the second of these in a row; before the third it is twice as long.
const RESUME_PAUSE: Duration = Duration::from_millis(200);

/// A stream that lasted for this long does not count as one that brought nothing new, even if the command was silent
/// all the time: some streams are cut after minutes.
const WORTHWHILE: Duration = Duration::from_secs(10);

/// How long the API may take to end a command's stream after its sandbox has been stopped.
const STOP_GRACE: Duration = Duration::from_secs(1);

/// How long a command that is no longer followed may run on before it is killed. In most cases its sandbox is stopped
/// sooner, which saves the request.
const ABANDONED_GRACE: Duration = Duration::from_millis(500);

/// How long to read the stream of such a command to its end, so that its connection can be used again.
const DRAIN_LIMIT: Duration = Duration::from_secs(5);

/// By how much the API's clock and ours may differ over a command's run.
const CLOCK_MARGIN: Duration = Duration::from_millis(100);

/// Follows one command.
pub(super) struct Follower {
    target: Arc<Target>,
    source: Source,
    /// How many bytes of each output were delivered.
    delivered: Positions,
    /// How many bytes of each output the current stream, which starts from the beginning, has to repeat before it
    /// brings something new.
    repeated: Positions,
    began: Instant,
    wall_clock: Duration,
    opened: Instant,
    vain_resumes: u32,
    /// Whether the end is expected soon: the command was killed, or its logs have ended.
    end_expected: bool,
    /// Whether it was killed because it was overdue.
    overdue: bool,
}

/// The stream that events come from.
enum Source {
    /// The stream of the request that started the command.
    Command(CommandEvents),
    /// The logs, from their beginning. If the command had ended before they were opened, they contain everything when
    /// they end.
    Logs(LogEvents, Option<CommandInfo>),
    /// No stream for now.
    None,
}

#[derive(Debug, Clone, Copy, Default)]
struct Positions {
    stdout: u64,
    stderr: u64,
}

/// What happens next.
enum Step {
    Output(Output),
    Finished(CommandInfo),
    /// The logs ended; whether the command has ended is unknown.
    LogsEnded,
    Cut(VercelError),
    /// The command is still running although its time and the grace period are over.
    Overdue,
    /// The sandbox was stopped.
    Stopped,
}

impl Follower {
    pub(super) fn new(target: Arc<Target>, events: CommandEvents, began: Instant, wall_clock: Duration) -> Self {
        Self {
            target,
            source: Source::Command(events),
            delivered: Positions::default(),
            repeated: Positions::default(),
            began,
            wall_clock,
            opened: began,
            vain_resumes: 0,
            end_expected: false,
            overdue: false,
        }
    }

    /// Follows the command until it ends or the receiver is dropped.
    pub(super) async fn run(mut self, sender: mpsc::Sender<Result<CommandEvent, SandboxError>>) {
        let ended = tokio::select! {
            ended = self.follow(&sender) => Some(ended),
            () = sender.closed() => None,
        };
        match ended {
            // If the receiver was dropped at this moment, the event is not needed.
            Some(ended) => drop(sender.send(ended.map(CommandEvent::Exited)).await),
            None => self.release().await,
        }
    }

    async fn follow(
        &mut self,
        sender: &mpsc::Sender<Result<CommandEvent, SandboxError>>,
    ) -> Result<CommandExit, SandboxError> {
        loop {
            match self.step().await {
                Step::Output(output) => {
                    let Some(event) = self.fresh(output) else { continue };
                    self.vain_resumes = 0;
                    // `run` notices when the receiver is dropped.
                    sender.send(Ok(event)).await.ok();
                }
                Step::Finished(info) => return self.exit(&info),
                Step::Stopped => return Ok(killed_exit()),
                Step::LogsEnded => {
                    self.end_expected = true;
                    self.resume(StreamError::EndedEarly.into()).await?;
                }
                // When the sandbox is being stopped, that is the reason for the end of the stream, whatever its error.
                Step::Cut(_) if self.is_stopped() => return Ok(killed_exit()),
                Step::Cut(error) => self.resume(error).await?,
                Step::Overdue => self.kill_overdue().await?,
            }
        }
    }

    /// Waits for the next step. May be dropped and called again without losing anything.
    async fn step(&mut self) -> Step {
        let grace = self.target.core.options.grace;
        // A stream that was not read for a while gets the grace period too.
        let limit = (self.began + self.wall_clock + grace).max(Instant::now() + grace);
        let mut stage = self.target.stage.clone();
        let stopped = async {
            stage.ended().await;
            tokio::time::sleep(STOP_GRACE).await;
        };
        tokio::select! {
            // Output and the end that have arrived already count, even if a limit has passed meanwhile.
            biased;
            step = self.source.next() => step,
            () = stopped => Step::Stopped,
            () = tokio::time::sleep_until(limit) => Step::Overdue,
        }
    }

    /// Kills a command that should have ended, and finds out how it ended by opening its logs.
    async fn kill_overdue(&mut self) -> Result<(), SandboxError> {
        if self.overdue {
            return Err(SandboxError::new(SandboxErrorKind::Failed, "the command did not end when its time was up"));
        }
        tracing::warn!(command.id = self.target.command, "a command is overdue and is killed");
        self.overdue = true;
        self.end_expected = true;
        self.target.kill().await?;
        self.resume(VercelError::Timeout(self.wall_clock)).await
    }

    /// Opens the logs in place of a stream that ended early.
    async fn resume(&mut self, cause: VercelError) -> Result<(), SandboxError> {
        self.source = Source::None;
        if self.opened.elapsed() >= WORTHWHILE {
            self.vain_resumes = 0;
        }
        self.vain_resumes += 1;
        let is_hopeless = matches!(&cause, VercelError::Stream(error) if is_malformed(error));
        if is_hopeless || self.vain_resumes > MAX_VAIN_RESUMES {
            return Err(error::with(SandboxErrorKind::Failed, "the command's stream was lost", cause));
        }
        tracing::debug!(
            command.id = self.target.command,
            error = &cause as &dyn std::error::Error,
            "a command's stream was cut and is resumed"
        );
        if self.vain_resumes > 1 {
            tokio::time::sleep(RESUME_PAUSE * (self.vain_resumes - 1)).await;
        }
        match self.reopen().await {
            Ok((logs, finished)) => {
                self.source = Source::Logs(logs, finished);
                self.repeated = self.delivered;
                self.opened = Instant::now();
                Ok(())
            }
            // The next step handles the stop of the sandbox.
            Err(_) if self.is_stopped() => Ok(()),
            Err(error) if error::has_ended(&error) => {
                let message = "the sandbox ended while the command ran";
                Err(error::with(SandboxErrorKind::Failed, message, error))
            }
            Err(error) => Err(error::with(SandboxErrorKind::Failed, "the command's stream cannot be resumed", error)),
        }
    }

    /// Opens the logs. Also returns the command if it had ended before they were opened.
    async fn reopen(&self) -> Result<(LogEvents, Option<CommandInfo>), VercelError> {
        let Target { core, session, command, .. } = &*self.target;
        let info = if self.end_expected {
            match core.client.wait_for_command(session, command, core.options.grace).await {
                // The command goes on after all, so its logs are followed while it runs.
                Err(VercelError::Timeout(_)) => None,
                info => Some(info?),
            }
        } else {
            Some(core.client.command(session, command).await?)
        };
        // Opened after the look at the command: if that had ended, these logs are complete.
        let logs = core.client.command_logs(session, command).await?;
        Ok((logs, info.filter(|info| info.exit_code.is_some())))
    }

    /// Returns the part of an output that was not delivered before.
    fn fresh(&mut self, output: Output) -> Option<CommandEvent> {
        let stream = match output.stream {
            OutputStream::Stdout => LogStream::Stdout,
            OutputStream::Stderr => LogStream::Stderr,
        };
        let mut bytes = output.text.into_bytes();
        let repeated = self.repeated.of(stream);
        let skipped = usize::try_from(*repeated).unwrap_or(usize::MAX).min(bytes.len());
        *repeated -= skipped as u64;
        bytes.drain(..skipped);
        *self.delivered.of(stream) += bytes.len() as u64;
        (!bytes.is_empty()).then_some(CommandEvent::Output { stream, bytes })
    }

    fn is_stopped(&self) -> bool {
        self.target.stage.get() != Stage::Running
    }

    fn exit(&self, info: &CommandInfo) -> Result<CommandExit, SandboxError> {
        let code = info
            .exit_code
            .ok_or_else(|| SandboxError::new(SandboxErrorKind::Failed, "the command ended without an exit code"))?;
        let status = match code {
            // The API reports a signal as 128 plus its number, which cannot be told from such an exit code.
            129..=159 => ExitStatus::Signal(code - 128),
            code => ExitStatus::Code(code),
        };
        // Our own measure includes the requests, so it is used only if the API reports none.
        let ran = info.duration_ms.map_or_else(|| self.began.elapsed(), Duration::from_millis);
        let killed = if status != ExitStatus::Signal(SIGKILL) {
            None
        } else if self.target.was_killed_before(self.began + self.wall_clock) || self.is_stopped() {
            // A kill that was requested after the time was over is not meant here: the time limit came first.
            Some(KillReason::Requested)
        } else {
            (ran + CLOCK_MARGIN >= self.wall_clock).then_some(KillReason::Timeout)
        };
        Ok(CommandExit { status, killed, usage: ResourceUsage::default() })
    }

    /// Ends a command that is no longer followed, and reads its stream to the end.
    async fn release(mut self) {
        let mut stage = self.target.stage.clone();
        if tokio::time::timeout(ABANDONED_GRACE, stage.ending()).await.is_err()
            && let Err(error) = self.target.kill().await
        {
            tracing::warn!(
                command.id = self.target.command,
                error = &error as &dyn std::error::Error,
                "a command that is no longer followed could not be killed; its time limit ends it"
            );
        }
        let drain = async { while let Step::Output(_) = self.source.next().await {} };
        tokio::time::timeout(DRAIN_LIMIT, drain).await.ok();
    }
}

impl Source {
    /// Waits for the next event of the stream. May be dropped and called again without losing anything.
    async fn next(&mut self) -> Step {
        match self {
            Self::Command(events) => match events.next().await {
                Ok(Some(StreamEvent::Output(output))) => Step::Output(output),
                Ok(Some(StreamEvent::Finished(info))) => Step::Finished(info),
                Ok(None) => Step::Cut(StreamError::EndedEarly.into()),
                Err(error) => Step::Cut(error),
            },
            Self::Logs(events, finished) => match events.next().await {
                Ok(Some(output)) => Step::Output(output),
                Ok(None) => finished.take().map_or(Step::LogsEnded, Step::Finished),
                Err(error) => Step::Cut(error),
            },
            Self::None => std::future::pending().await,
        }
    }
}

impl Positions {
    fn of(&mut self, stream: LogStream) -> &mut u64 {
        match stream {
            LogStream::Stdout => &mut self.stdout,
            LogStream::Stderr => &mut self.stderr,
        }
    }
}

/// Returns whether opening the stream again would bring the same error.
fn is_malformed(error: &StreamError) -> bool {
    matches!(error, StreamError::Malformed(_) | StreamError::LineTooLong(_))
}

/// Returns the exit of a command that was stopped together with its sandbox.
fn killed_exit() -> CommandExit {
    CommandExit {
        status: ExitStatus::Signal(SIGKILL),
        killed: Some(KillReason::Requested),
        usage: ResourceUsage::default(),
    }
}
