//! A live session: a container with its commands.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use workers_domain::ports::{Container, SandboxError, SandboxErrorKind};

use super::command::{Command, Outcome};
use super::transfer::TransferPermit;
use crate::error::{ApiError, ErrorCode};
use crate::logs::LogBudget;
use crate::registry::ContainerPermit;

/// Maximum number of commands that stay listed after they have ended.
const REMEMBERED: usize = 10_000;
/// Maximum memory for the commands of a session, in bytes.
const REMEMBERED_BYTES: usize = 4 << 20;
/// Maximum number of commands in a list: more would be a response of many megabytes.
const LISTED: usize = 1000;

/// Limits for the commands of a session.
#[derive(Debug)]
pub(crate) struct SessionLimits {
    /// Commands that may run at one time.
    pub(crate) running_commands: u32,
    /// Descriptors of the server for log readers and file transfers at one time.
    pub(crate) transfers: u32,
    /// Stored output of one command, in bytes.
    pub(crate) log_bytes: u64,
    /// Stored output of all commands.
    pub(crate) log_budget: Arc<LogBudget>,
}

/// A live session.
pub(crate) struct LiveSession {
    id: String,
    container: Arc<dyn Container>,
    pub(super) env: BTreeMap<String, String>,
    /// Where the output of its commands is stored.
    directory: PathBuf,
    pub(super) limits: SessionLimits,
    commands: Mutex<Commands>,
    deadline: watch::Sender<Instant>,
    pub(super) closed: CancellationToken,
    /// Cancelled when no task should wait for the end of the container any more.
    abandoned: CancellationToken,
    /// Descriptors left for log readers and file transfers.
    transfers: Arc<Semaphore>,
    /// The permit of the container.
    permit: Mutex<ContainerPermit>,
}

#[derive(Default)]
struct Commands {
    /// Oldest first.
    known: Vec<Arc<Command>>,
    /// Number of commands that are being started.
    starting: usize,
}

impl LiveSession {
    /// Creates a session for a container that was just made.
    pub(crate) fn new(
        id: String,
        container: Arc<dyn Container>,
        env: BTreeMap<String, String>,
        directory: PathBuf,
        limits: SessionLimits,
        timeout: Duration,
        permit: ContainerPermit,
    ) -> Arc<Self> {
        let (deadline, _) = watch::channel(Instant::now() + timeout);
        Arc::new(Self {
            id,
            container,
            env,
            directory,
            transfers: Arc::new(Semaphore::new(limits.transfers as usize)),
            limits,
            commands: Mutex::default(),
            deadline,
            closed: CancellationToken::new(),
            abandoned: CancellationToken::new(),
            permit: Mutex::new(permit),
        })
    }

    /// Returns the session's id.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Returns the session's container.
    pub(crate) fn container(&self) -> &Arc<dyn Container> {
        &self.container
    }

    /// Returns where the output of its commands is stored.
    pub(crate) fn directory(&self) -> &PathBuf {
        &self.directory
    }

    /// Extends the time of the session.
    pub(crate) fn extend(&self, by: Duration) {
        self.deadline.send_modify(|deadline| *deadline += by);
    }

    /// Waits until the time of the session is over.
    pub(crate) async fn expired(&self) {
        let mut deadlines = self.deadline.subscribe();
        loop {
            let deadline = *deadlines.borrow_and_update();
            tokio::select! {
                () = tokio::time::sleep_until(deadline) => return,
                // The sender cannot be dropped: `self.deadline` holds it.
                _ = deadlines.changed() => {}
            }
        }
    }

    /// Waits until the session is closed.
    pub(crate) async fn closed(&self) {
        self.closed.cancelled().await;
    }

    /// Runs `work` on the container. If the session is closed first, drops `work` and its reference to the container,
    /// and fails.
    pub(crate) async fn while_open<T>(
        &self,
        work: impl Future<Output = Result<T, SandboxError>>,
    ) -> Result<T, SandboxError> {
        tokio::select! {
            done = work => done,
            () = self.closed() => Err(SandboxError::new(SandboxErrorKind::Stopped, "the session was closed")),
        }
    }

    /// Makes all tasks stop waiting for the end of the container.
    pub(crate) fn abandon(&self) {
        self.abandoned.cancel();
    }

    /// Waits until the container is abandoned.
    pub(crate) async fn abandoned(&self) {
        self.abandoned.cancelled().await;
    }

    /// Closes the session for its users: its running commands are lost, and their waiters get that outcome.
    pub(crate) fn close(&self) {
        // Cancelled before the list is read: `run` lists its command before it looks at this, so one of the two sees
        // the other.
        self.closed.cancel();
        for command in &self.commands().known {
            if command.conclude(Outcome::Lost) {
                command.log.close();
            }
        }
    }

    /// Releases the permit of the container, of which nothing is left. The permit of a container that may still run is
    /// released when the session is dropped.
    pub(crate) fn release_permit(&self) {
        self.permit.lock().unwrap_or_else(PoisonError::into_inner).release();
    }

    /// Takes descriptors for reading a log or transferring a file, until the returned value is dropped.
    pub(crate) fn transfer(&self, descriptors: u32) -> Result<TransferPermit, ApiError> {
        // Refused and not queued: a client that reads slowly could hold up the others for very long.
        let taken = Arc::clone(&self.transfers).try_acquire_many_owned(descriptors);
        taken.map(TransferPermit::new).map_err(|_| {
            let message = "As many files are moved and logs are read in this sandbox as may be at one time.";
            ApiError::new(ErrorCode::TooManyTransfers, message).retry_after(1)
        })
    }

    /// Finds a command by its id.
    pub(crate) fn command(&self, id: &str) -> Option<Arc<Command>> {
        self.commands().known.iter().rev().find(|command| command.id == id).map(Arc::clone)
    }

    /// Returns the newest commands, newest first.
    pub(crate) fn list_commands(&self) -> Vec<Arc<Command>> {
        self.commands().known.iter().rev().take(LISTED).map(Arc::clone).collect()
    }

    /// Removes the oldest ended commands when there are too many or they take too much memory.
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
        // After the lock is released, because this waits for the disk.
        for command in forgotten {
            command.log.remove().await;
        }
    }

    /// Takes a permit for a command that is being started.
    pub(super) fn reserve(self: &Arc<Self>) -> Result<CommandPermit, ApiError> {
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
        Ok(CommandPermit(Arc::clone(self)))
    }

    fn commands(&self) -> MutexGuard<'_, Commands> {
        self.commands.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A permit for one of the commands that may run at one time.
pub(super) struct CommandPermit(Arc<LiveSession>);

impl CommandPermit {
    /// Lists the command, which has started.
    pub(super) fn started(self, command: Arc<Command>) {
        // Listed before the drop of `self` uncounts it, so that it counts at every moment.
        self.0.commands().known.push(command);
    }
}

impl Drop for CommandPermit {
    fn drop(&mut self) {
        self.0.commands().starting -= 1;
    }
}
