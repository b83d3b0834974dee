//! A machine with its commands.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;
use workers_domain::ports::{Machine, MachineCommandSpec, SandboxError, SandboxErrorKind};
use workers_domain::{Part, error_chain};

use super::command::{Command, CommandRequest, Outcome, follow};
use crate::error::{ApiError, ErrorCode};
use crate::id;
use crate::logs::{CommandLog, LogBudget};
use crate::model::Millis;
use crate::registry::Place;

/// Commands that have ended and are still remembered.
const REMEMBERED: usize = 10_000;
/// Memory for what is remembered of commands.
const REMEMBERED_BYTES: usize = 4 << 20;
/// Commands in a list: more would be an answer of many megabytes.
const LISTED: usize = 1000;

/// What the commands of a session may use.
#[derive(Debug)]
pub(crate) struct SessionLimits {
    /// Commands at one time.
    pub(crate) running_commands: u32,
    /// Descriptors of the server for readers of logs and for files, at one time.
    pub(crate) transfers: u32,
    /// Stored output of one, in bytes.
    pub(crate) log_bytes: u64,
    /// Stored output of all.
    pub(crate) log_budget: Arc<LogBudget>,
}

/// Somebody who reads a log, or moves a file.
#[derive(Debug)]
pub(crate) struct Transfer {
    _permit: OwnedSemaphorePermit,
}

/// A session that lives.
pub(crate) struct LiveSession {
    id: String,
    machine: Arc<dyn Machine>,
    env: BTreeMap<String, String>,
    /// Where the output of commands is kept.
    directory: PathBuf,
    limits: SessionLimits,
    commands: Mutex<Commands>,
    deadline: watch::Sender<Instant>,
    closed: CancellationToken,
    /// Set when nobody waits for its machine any more.
    abandoned: CancellationToken,
    /// What is left for readers of logs and for files.
    transfers: Arc<Semaphore>,
    /// The room of the machine.
    place: Mutex<Place>,
}

#[derive(Default)]
struct Commands {
    /// Oldest first.
    known: Vec<Arc<Command>>,
    /// Commands that are being started.
    starting: usize,
}

impl LiveSession {
    /// A session over a machine that was just made.
    pub(crate) fn new(
        id: String,
        machine: Arc<dyn Machine>,
        env: BTreeMap<String, String>,
        directory: PathBuf,
        limits: SessionLimits,
        timeout: Duration,
        place: Place,
    ) -> Arc<Self> {
        let (deadline, _) = watch::channel(Instant::now() + timeout);
        Arc::new(Self {
            id,
            machine,
            env,
            directory,
            transfers: Arc::new(Semaphore::new(limits.transfers as usize)),
            limits,
            commands: Mutex::default(),
            deadline,
            closed: CancellationToken::new(),
            abandoned: CancellationToken::new(),
            place: Mutex::new(place),
        })
    }

    /// Its id.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Its machine.
    pub(crate) fn machine(&self) -> &Arc<dyn Machine> {
        &self.machine
    }

    /// Where the output of its commands is kept.
    pub(crate) fn directory(&self) -> &PathBuf {
        &self.directory
    }

    /// Gives it more time.
    pub(crate) fn extend(&self, by: Duration) {
        self.deadline.send_modify(|deadline| *deadline += by);
    }

    /// Waits until its time is over.
    pub(crate) async fn expired(&self) {
        let mut deadlines = self.deadline.subscribe();
        loop {
            let deadline = *deadlines.borrow_and_update();
            tokio::select! {
                () = tokio::time::sleep_until(deadline) => return,
                // The sender cannot be gone: we hold it.
                _ = deadlines.changed() => {}
            }
        }
    }

    /// Waits until it is closed.
    pub(crate) async fn closed(&self) {
        self.closed.cancelled().await;
    }

    /// Does something with the machine unless the session is closed first: then nothing holds on to the machine any
    /// more.
    pub(crate) async fn while_open<T>(
        &self,
        work: impl Future<Output = Result<T, SandboxError>>,
    ) -> Result<T, SandboxError> {
        tokio::select! {
            done = work => done,
            () = self.closed() => Err(SandboxError::new(SandboxErrorKind::Stopped, "the session was closed")),
        }
    }

    /// Lets whoever waits for the end of the machine wait no longer.
    pub(crate) fn abandon(&self) {
        self.abandoned.cancel();
    }

    /// Waits until nobody is to wait for the machine any more.
    pub(crate) async fn abandoned(&self) {
        self.abandoned.cancelled().await;
    }

    /// Ends it for its users: what runs in it is lost from now on, and whoever waits for it is told.
    pub(crate) fn close(&self) {
        self.closed.cancel();
        for command in &self.commands().known {
            if command.conclude(Outcome::Lost) {
                command.log.close();
            }
        }
    }

    /// Frees the room of its machine, of which nothing is left. A machine that may still run has its room until it is
    /// dropped.
    pub(crate) fn vacate(&self) {
        self.place.lock().unwrap_or_else(PoisonError::into_inner).vacate();
    }

    /// Takes descriptors for reading a log or moving a file, until what is answered is dropped.
    pub(crate) fn transfer(&self, descriptors: u32) -> Result<Transfer, ApiError> {
        let taken = Arc::clone(&self.transfers).try_acquire_many_owned(descriptors);
        taken.map(|permit| Transfer { _permit: permit }).map_err(|_| {
            let message = "As many files are moved and logs are read in this sandbox as may be at one time.";
            ApiError::new(ErrorCode::TooManyTransfers, message).retry_after(1)
        })
    }

    /// A command by its id.
    pub(crate) fn command(&self, id: &str) -> Option<Arc<Command>> {
        self.commands().known.iter().rev().find(|command| command.id == id).map(Arc::clone)
    }

    /// The newest commands, newest first.
    pub(crate) fn list_commands(&self) -> Vec<Arc<Command>> {
        self.commands().known.iter().rev().take(LISTED).map(Arc::clone).collect()
    }

    /// Starts a command.
    #[tracing::instrument(name = "commands.run", skip_all, fields(session.id = self.id, command.id))]
    pub(crate) async fn run(self: &Arc<Self>, request: CommandRequest, now: Millis) -> Result<Arc<Command>, ApiError> {
        let starting = self.reserve()?;
        let mut env = self.env.clone();
        env.extend(request.env);
        let spec = MachineCommandSpec {
            program: request.program.clone(),
            args: request.args.clone(),
            env: env.into_iter().collect(),
            directory: Some(request.cwd.clone()),
            as_root: request.as_root,
        };
        let process = self.while_open(self.machine.run(spec)).await.map_err(|error| match error.kind {
            SandboxErrorKind::CommandNotFound => ApiError::new(
                ErrorCode::ExecutableNotFound,
                format!("[invalid_argument] executable file not found in $PATH: {}", request.program),
            ),
            SandboxErrorKind::FileNotFound => ApiError::bad_request(format!(
                "[invalid_argument] the working directory `{}` does not exist",
                request.cwd
            )),
            SandboxErrorKind::FileRefused => ApiError::told_by(ErrorCode::CommandFailed, &error),
            // Asking again would run it again, if it did start.
            SandboxErrorKind::Failed | SandboxErrorKind::Unavailable => {
                tracing::error!(
                    error = error_chain(&error),
                    advice = Part::Sandboxes.advice(),
                    "a command did not start"
                );
                ApiError::new(ErrorCode::CommandFailed, format!("`{}` could not be started.", request.program))
            }
            _ => ApiError::from_machine(&error),
        })?;
        let id = id::command();
        tracing::Span::current().record("command.id", id.as_str());
        let log = CommandLog::new(self.directory.join(format!("{id}.ndjson")), Arc::clone(&self.limits.log_budget));
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
            // It came after the others were told.
            command.conclude(Outcome::Lost);
            command.log.close();
        }
        let follow = follow(Arc::clone(self), Arc::clone(&command), process, request.timeout, self.limits.log_bytes);
        tokio::spawn(follow.in_current_span());
        Ok(command)
    }

    /// Forgets the oldest commands that have ended, where there are very many or very long ones.
    pub(super) async fn forget_old_commands(&self) {
        let forgotten: Vec<_> = {
            let mut commands = self.commands();
            let mut excess = commands.known.len().saturating_sub(REMEMBERED);
            let size: usize = commands.known.iter().map(|command| command.size()).sum();
            let mut excess_bytes = size.saturating_sub(REMEMBERED_BYTES);
            if excess == 0 && excess_bytes == 0 {
                return;
            }
            let is_old = |command: &mut Arc<Command>| {
                let goes = (excess > 0 || excess_bytes > 0) && command.outcome().is_some();
                if goes {
                    excess = excess.saturating_sub(1);
                    excess_bytes = excess_bytes.saturating_sub(command.size());
                }
                goes
            };
            commands.known.extract_if(.., is_old).collect()
        };
        for command in forgotten {
            command.log.remove().await;
        }
    }

    fn reserve(self: &Arc<Self>) -> Result<Starting, ApiError> {
        let mut commands = self.commands();
        let running = commands.known.iter().filter(|command| command.outcome().is_none()).count();
        if running + commands.starting >= self.limits.running_commands as usize {
            let message = format!(
                "{} commands run in this sandbox already, which is as many as may.",
                self.limits.running_commands
            );
            return Err(ApiError::new(ErrorCode::TooManyCommands, message).retry_after(5));
        }
        commands.starting += 1;
        Ok(Starting(Arc::clone(self)))
    }

    fn commands(&self) -> MutexGuard<'_, Commands> {
        self.commands.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place among the commands that may run at one time.
struct Starting(Arc<LiveSession>);

impl Starting {
    fn started(self, command: Arc<Command>) {
        self.0.commands().known.push(command);
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        self.0.commands().starting -= 1;
    }
}
