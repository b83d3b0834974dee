//! Runs the commands of a session: starts them, and follows them to their end.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tracing::Instrument as _;
use workers_domain::ports::{CommandEvent, ContainerCommand, ContainerCommandSpec, ExitStatus, SandboxErrorKind};
use workers_domain::{Part, error_chain};

use super::command::{Command, CommandRequest, Outcome};
use super::live::LiveSession;
use crate::error::{ApiError, ErrorCode};
use crate::id;
use crate::logs::{CommandLog, LogWriter};
use crate::model::Millis;

/// SIGKILL.
const KILL: i32 = 9;

impl LiveSession {
    /// Starts a command.
    #[tracing::instrument(name = "commands.run", skip_all, fields(session.id = self.id(), command.id))]
    pub(crate) async fn run(self: &Arc<Self>, request: CommandRequest, now: Millis) -> Result<Arc<Command>, ApiError> {
        let starting = self.reserve()?;
        let mut env = self.env.clone();
        env.extend(request.env);
        let spec = ContainerCommandSpec {
            program: request.program.clone(),
            args: request.args.clone(),
            env: env.into_iter().collect(),
            directory: Some(request.cwd.clone()),
            as_root: request.as_root,
        };
        let process = self.while_open(self.container().run(spec)).await.map_err(|error| match error.kind {
            SandboxErrorKind::CommandNotFound => ApiError::new(
                ErrorCode::ExecutableNotFound,
                format!("[invalid_argument] executable file not found in $PATH: {}", request.program),
            ),
            SandboxErrorKind::FileNotFound => ApiError::bad_request(format!(
                "[invalid_argument] the working directory `{}` does not exist",
                request.cwd
            )),
            SandboxErrorKind::FileRefused => ApiError::from_sandbox_error(ErrorCode::CommandFailed, &error),
            // The command may have started, so the code must not make the client try again: that could run it twice.
            SandboxErrorKind::Failed | SandboxErrorKind::Unavailable => {
                tracing::error!(
                    error = error_chain(&error),
                    advice = Part::Sandboxes.advice(),
                    "a command did not start"
                );
                ApiError::new(ErrorCode::CommandFailed, format!("`{}` could not be started.", request.program))
            }
            _ => ApiError::from_container(&error),
        })?;
        let id = id::command();
        tracing::Span::current().record("command.id", id.as_str());
        let log = CommandLog::new(self.directory().join(format!("{id}.ndjson")), Arc::clone(&self.limits.log_budget));
        let (outcome, _) = watch::channel(None);
        let command = Arc::new(Command {
            id,
            number: process.number(),
            name: request.program,
            args: request.args,
            cwd: request.cwd,
            started_at: now,
            began: Instant::now(),
            log,
            outcome,
        });
        starting.started(Arc::clone(&command));
        if self.closed.is_cancelled() {
            // The session was closed after this command was reserved and before it was listed, so `close` did not see
            // it.
            command.conclude(Outcome::Lost);
            command.log.close();
        }
        let follow = follow(Arc::clone(self), Arc::clone(&command), process, request.timeout, self.limits.log_bytes);
        // `to_completion` has moved this call to the server's own runtime, so the task outlives the thread of the
        // request.
        tokio::spawn(follow.in_current_span());
        Ok(command)
    }
}

/// Follows a command to its end: stores its output, and kills it when its time is over.
async fn follow(
    session: Arc<LiveSession>,
    command: Arc<Command>,
    mut process: Box<dyn ContainerCommand>,
    timeout: Option<Duration>,
    log_limit: u64,
) {
    let mut writer = LogWriter::new(Arc::clone(&command.log), log_limit);
    let mut deadline = timeout.map(|timeout| command.began + timeout);
    let outcome = loop {
        let event = tokio::select! {
            biased;
            // First, because the end of the container breaks the stream too, and would be logged as a lost command.
            () = session.closed() => break Outcome::Lost,
            () = sleep_until(deadline) => {
                // The killed command still reports its end, so the loop goes on, without a deadline.
                deadline = None;
                if let Err(error) = session.while_open(session.container().signal(command.number, KILL)).await {
                    tracing::warn!(error = error_chain(&error), "a command that took too long cannot be killed");
                }
                continue;
            }
            event = process.next_event() => event,
        };
        match event {
            Ok(Some(CommandEvent::Output { stream, bytes })) => writer.write(stream, &bytes).await,
            Ok(Some(CommandEvent::Exited(exit))) => {
                let code = match exit.status {
                    ExitStatus::Code(code) => code,
                    ExitStatus::Signal(signal) => 128 + signal,
                };
                break Outcome::Exited { code, duration: millis(command.began.elapsed()) };
            }
            Ok(None) => break Outcome::Lost,
            Err(error) => {
                tracing::warn!(
                    error = error_chain(&error),
                    session.id = session.id(),
                    command.id = command.id,
                    "a command was lost: how it ended is not known"
                );
                break Outcome::Lost;
            }
        }
    };
    // Complete the log first: a reader that sees the outcome must be able to read all of it.
    writer.finish().await;
    command.conclude(outcome);
    session.forget_old_commands().await;
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
