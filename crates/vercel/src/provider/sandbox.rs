//! A sandbox, for the platform's sandbox port.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::runtime::Handle;
use tokio::time::Instant;
use tracing::Instrument as _;
use workers_domain::SandboxId;
use workers_domain::ports::{
    Command, CommandSpec, Sandbox, SandboxError, SandboxErrorKind, SandboxFile, SandboxSpec, Snapshot,
};

use super::command::VercelCommand;
use super::core::Core;
use super::error;
use super::snapshot_id::{Expiry, SnapshotKey};
use super::stage::{Stage, StageSetter};
use crate::api::{CreateSandbox, ListSnapshots, RunCommand, SessionInfo, SnapshotInfo, SnapshotStatus};
use crate::client::UploadFile;
use crate::error::VercelError;

/// The shortest and the longest time limit of a command that the API accepts.
const COMMAND_TIMEOUTS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_hours(5));

/// A sandbox. Dropping it deletes it in the background.
pub(super) struct VercelSandbox {
    core: Arc<Core>,
    /// Its name at the API.
    id: SandboxId,
    session: SessionInfo,
    wall_clock: Duration,
    stage: Arc<StageSetter>,
    /// Runs the deletion after a drop, which may happen outside of a runtime.
    runtime: Handle,
}

/// A snapshot that was just taken. It is deleted when dropped, unless [`take`](Self::take) was called.
struct NewSnapshot {
    core: Arc<Core>,
    runtime: Handle,
    made: Option<(SnapshotKey, Snapshot)>,
}

impl VercelSandbox {
    /// Creates a sandbox. Runs in a task of its own to its end, even if the caller is gone; the sandbox is then
    /// dropped, which deletes it.
    pub(super) async fn make(core: Arc<Core>, spec: SandboxSpec, request: CreateSandbox) -> Result<Self, SandboxError> {
        let name = request.name.clone().unwrap_or_default();
        let mut may_exist = false;
        match core.client.try_create_sandbox(&request, &mut may_exist).await {
            Ok(made) => Ok(Self::new(core, name, made.session, spec.limits.wall_clock)),
            Err(error) => {
                if may_exist {
                    core.forget(&Handle::current(), name);
                }
                Err(error::creating(error, request.source.is_some()))
            }
        }
    }

    fn new(core: Arc<Core>, name: String, session: SessionInfo, wall_clock: Duration) -> Self {
        let stage = Arc::new(StageSetter::new());
        Self { core, id: SandboxId::new(name), session, wall_clock, stage, runtime: Handle::current() }
    }

    fn check_running(&self) -> Result<(), SandboxError> {
        if self.stage.get() == Stage::Running { Ok(()) } else { Err(error::stopped()) }
    }

    /// Returns the file with its path relative to the root.
    fn absolute(&self, file: SandboxFile) -> UploadFile {
        // The API unpacks the archive at the root (`X_CWD`), and the paths of the port begin at the working directory.
        UploadFile::new(format!("{}/{}", self.session.cwd.trim_end_matches('/'), file.path), file.contents)
    }
}

#[async_trait]
impl Sandbox for VercelSandbox {
    fn id(&self) -> &SandboxId {
        &self.id
    }

    #[tracing::instrument(name = "vercel.sandbox.write", skip_all, fields(sandbox.id = %self.id, files = files.len()))]
    async fn write_files(&self, files: Vec<SandboxFile>) -> Result<(), SandboxError> {
        self.check_running()?;
        if files.is_empty() {
            return Ok(());
        }
        let files = files.into_iter().map(|file| self.absolute(file)).collect();
        let written = self.core.client.write_files(&self.session.id, files).await;
        written.map_err(|error| error::within("files cannot be written", error))
    }

    #[tracing::instrument(name = "vercel.command.run", skip_all, fields(sandbox.id = %self.id))]
    async fn run(&self, command: CommandSpec) -> Result<Box<dyn Command>, SandboxError> {
        self.check_running()?;
        let (shortest, longest) = COMMAND_TIMEOUTS;
        let env = command.env.iter().cloned().collect();
        let (program, args) = command.into_command_line();
        let command = RunCommand {
            program,
            args,
            env,
            timeout: Some(self.wall_clock.clamp(shortest, longest)),
            ..RunCommand::default()
        };
        let began = Instant::now();
        let running = self.core.client.run_command(&self.session.id, &command).await;
        let running = running.map_err(|error| error::within("a command cannot be started", error))?;
        let (core, session) = (Arc::clone(&self.core), self.session.id.clone());
        Ok(Box::new(VercelCommand::follow(core, session, running, self.stage.watch(), began, self.wall_clock)))
    }

    #[tracing::instrument(name = "vercel.sandbox.snapshot", skip_all, fields(sandbox.id = %self.id))]
    async fn snapshot(&self, expires_at: Option<DateTime<Utc>>) -> Result<Snapshot, SandboxError> {
        self.check_running()?;
        let freezing = freeze(
            Arc::clone(&self.core),
            Arc::clone(&self.stage),
            self.id.clone(),
            self.session.id.clone(),
            Expiry::new(expires_at, self.core.now()),
        );
        match self.core.tasks.spawn(freezing.in_current_span()).await {
            Ok(made) => made?.take().ok_or_else(error::stopped),
            Err(error) => Err(SandboxError::failed("the making of a snapshot broke off", error)),
        }
    }

    #[tracing::instrument(name = "vercel.sandbox.stop", skip_all, fields(sandbox.id = %self.id))]
    async fn stop(&self) -> Result<(), SandboxError> {
        if self.stage.get() == Stage::Ended {
            return Ok(());
        }
        // Before the request, because followers then know why their streams end (`Follower::is_stopped`).
        self.stage.set(Stage::Ending);
        match self.core.client.delete_sandbox(self.id.as_str()).await {
            Err(error) if !error::has_ended(&error) => {
                // The sandbox may still run: its commands can be killed, and `stop` can be tried again.
                self.stage.set(Stage::Running);
                Err(error::with(SandboxErrorKind::Failed, "a sandbox cannot be stopped", error))
            }
            _ => {
                self.stage.set(Stage::Ended);
                Ok(())
            }
        }
    }
}

impl Drop for VercelSandbox {
    fn drop(&mut self) {
        if self.stage.get() != Stage::Ended {
            self.stage.set(Stage::Ending);
            self.core.forget(&self.runtime, self.id.as_str().to_owned());
        }
    }
}

/// Takes the snapshot and deletes the sandbox. Runs in a task of its own to its end, even if the caller is gone.
async fn freeze(
    core: Arc<Core>,
    stage: Arc<StageSetter>,
    id: SandboxId,
    session: String,
    expiry: Expiry,
) -> Result<NewSnapshot, SandboxError> {
    // A snapshot ends the session, and with it the streams of commands.
    stage.set(Stage::Ending);
    let made = match core.client.make_snapshot(&session, expiry.kept_for).await {
        Err(error) if !error.had_no_effect() => find_created_snapshot(&core, &id, error).await,
        made => made,
    };
    match made {
        Ok(info) => {
            stage.set(Stage::Ended);
            let runtime = Handle::current();
            // The session has ended with the snapshot, but the record of the sandbox would stay.
            core.forget(&runtime, id.as_str().to_owned());
            let key = expiry.key(info.id.clone());
            let snapshot = key.new_snapshot(&info);
            Ok(NewSnapshot { core, runtime, made: Some((key, snapshot)) })
        }
        Err(error) => {
            // Whether it is running or not, the sandbox still has to be stopped.
            stage.set(Stage::Running);
            Err(error::within("a sandbox cannot be frozen", error))
        }
    }
}

/// Checks whether a snapshot was taken although the response got lost.
async fn find_created_snapshot(core: &Core, id: &SandboxId, lost: VercelError) -> Result<SnapshotInfo, VercelError> {
    // One is enough: the list begins with the newest, and the sandbox has no other because its name is random.
    let of_it = ListSnapshots { sandbox: Some(id.as_str().to_owned()), limit: Some(1), ..ListSnapshots::default() };
    let found = core.client.list_snapshots(&of_it).await.ok().and_then(|page| page.items.into_iter().next());
    found.filter(|found| found.status == SnapshotStatus::Created).ok_or(lost)
}

impl NewSnapshot {
    fn take(mut self) -> Option<Snapshot> {
        self.made.take().map(|(_, snapshot)| snapshot)
    }
}

impl Drop for NewSnapshot {
    fn drop(&mut self) {
        if let Some((key, _)) = self.made.take() {
            self.core.forget_snapshot(&self.runtime, key.id);
        }
    }
}
