//! A sandbox: a directory of files until a command runs in it, then processes.

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use workers_domain::ports::{
    Command, CommandSpec, KillReason, Sandbox, SandboxError, SandboxErrorKind, SandboxFile, SandboxPath, Snapshot,
};
use workers_domain::{NetworkPolicy, ResourceLimits, SandboxId, SnapshotId};
use workers_private_files::make_directory;

use super::command::{self, Scene};
use super::core::Core;
use super::own::{Own, State};
use super::program::node_program;
use super::running::{Running, stopped};
use super::seat::Seat;
use crate::copy::{DIRECTORY_MODE, copy_tree, give_away};
use crate::fault::refused;
use crate::home::remove;
use crate::message::{CommandName, CreateSandbox, FromInit, ToInit};
use crate::server::{blocking, unavailable};
use crate::snapshot::{Lease, Naming, Staging};
use crate::wire::memory_file;

/// How long the snapshot of a trial lives, if it is not removed.
const TRIAL_SNAPSHOT: TimeDelta = TimeDelta::minutes(1);

/// How long a sandbox that was made in advance waits to be used.
const READY_FOR: Duration = Duration::from_mins(1);

/// A sandbox on this host.
#[derive(Debug)]
pub(crate) struct LocalSandbox {
    own: Own,
    core: Arc<Core>,
}

/// Whether a booted node waits in a sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seating {
    /// A copy of the content's template, if there is one that has booted.
    Booted,
    /// A copy of the content's template, which is booted first if there is none.
    Awaited,
    /// No booted node.
    None,
}

impl LocalSandbox {
    fn new(core: Arc<Core>, id: SandboxId, limits: ResourceLimits, network: NetworkPolicy, state: State) -> Self {
        let directory = core.directory_of(&id);
        Self { own: Own::new(id, directory, limits, network, state), core }
    }

    /// Makes a sandbox without files. It has no process until the first command.
    pub(crate) async fn empty(
        core: Arc<Core>,
        id: SandboxId,
        limits: ResourceLimits,
        network: NetworkPolicy,
    ) -> Result<Self, SandboxError> {
        let (staged, owner, shared) = (core.directory_of(&id), core.content_owner(), Arc::clone(&core));
        let staging = blocking("a sandbox's directory cannot be made", move || {
            shared.make_sandboxes()?;
            make_directory(&staged)?;
            Staging::new(staged.join("files"), limits.disk_bytes, owner)
        });
        Ok(Self::new(core, id, limits, network, State::Staged(Some(staging.await?))))
    }

    /// Makes a sandbox with the files of a snapshot.
    pub(crate) async fn from_snapshot(
        core: Arc<Core>,
        id: SandboxId,
        limits: ResourceLimits,
        network: NetworkPolicy,
        lease: Lease,
    ) -> Result<Self, SandboxError> {
        let mut sandbox = match core.ready.take(&lease.content(), limits).await {
            Some(own) => Self { own, core: Arc::clone(&core) },
            None => Self::launched(Arc::clone(&core), id, limits, lease.clone(), Seating::Booted).await?,
        };
        sandbox.own.network = network;
        make_ready(&core, limits, lease, Seating::Booted);
        Ok(sandbox)
    }

    /// Runs once through the steps of a deploy and an invocation, without running a command.
    ///
    /// # Errors
    ///
    /// When one of the steps fails.
    pub(crate) async fn try_all(core: &Arc<Core>, limits: ResourceLimits) -> Result<(), SandboxError> {
        let path = SandboxPath::parse("trial").map_err(|error| SandboxError::failed("a trial", error))?;
        let empty = Self::empty(Arc::clone(core), Core::new_sandbox_id(), limits, NetworkPolicy::DenyAll).await?;
        empty.write_files(vec![SandboxFile { path, contents: b"trial".to_vec() }]).await?;
        let snapshot = empty.snapshot(Some(core.now() + TRIAL_SNAPSHOT)).await?;
        let tried = async {
            let lost = || SandboxError::new(SandboxErrorKind::Failed, "a snapshot is gone as soon as it was made");
            let lease = core.lease(&snapshot.id).await?.ok_or_else(lost)?;
            let id = Core::new_sandbox_id();
            Self::launched(Arc::clone(core), id, limits, lease, Seating::None).await?.stop().await
        };
        let tried = tried.await;
        let (store, id) = (Arc::clone(&core.snapshots), snapshot.id);
        tried.and(blocking("a snapshot cannot be removed", move || store.delete(&id)).await.map(drop))
    }

    async fn launched(
        core: Arc<Core>,
        id: SandboxId,
        limits: ResourceLimits,
        lease: Lease,
        seating: Seating,
    ) -> Result<Self, SandboxError> {
        let sandbox = Self::new(core, id, limits, NetworkPolicy::DenyAll, State::Stopped);
        let running = sandbox.launch(lease.files(), true).await?;
        let content = match seating {
            Seating::Booted | Seating::Awaited => sandbox.template_for(Some(&lease)),
            Seating::None => None,
        };
        let waits = seating == Seating::Awaited;
        let seat = sandbox.take_seat(sandbox.command_name(0), content, waits).await?;
        *sandbox.own.state.lock().await = State::Running { running, next_command: 1, lease: Some(lease), seat };
        Ok(sandbox)
    }

    /// Starts its first process. If the files are shared and there is no overlay for the changes, the sandbox gets a
    /// copy of them.
    async fn launch(&self, files: PathBuf, are_shared: bool) -> Result<Arc<Running>, SandboxError> {
        let walled = self.core.launcher.configuration().walls.is_some();
        let mut work = files.clone();
        if are_shared && !walled {
            let (from, core, directory) = (files.clone(), Arc::clone(&self.core), self.own.directory.clone());
            work = directory.join("files");
            let to = work.clone();
            blocking("a snapshot's files cannot be copied", move || {
                core.make_sandboxes()?;
                make_directory(&directory)?;
                make_directory(&to)?;
                copy_tree(fs::File::open(from)?.as_fd(), fs::File::open(to)?.as_fd(), None).map(drop)
            })
            .await?;
        }
        let order = CreateSandbox {
            name: self.own.id.as_str().to_owned(),
            lower: files.to_string_lossy().into_owned(),
            directory: work.to_string_lossy().into_owned(),
            memory_bytes: self.own.limits.memory_bytes,
            processes: self.own.limits.processes,
            disk_bytes: self.own.limits.disk_bytes,
        };
        Running::launch(&self.core.launcher, order).await.map(Arc::new)
    }

    /// Returns what a new command needs to start, and the command's name. Starts the sandbox's processes first if there
    /// are none.
    async fn scene(&self, state: &mut State, spec: &CommandSpec) -> Result<(Scene, CommandName), SandboxError> {
        if let State::Staged(Some(staging)) = state {
            let running = self.launch(staging.directory().to_path_buf(), false).await?;
            *state = State::Running { running, next_command: 0, lease: None, seat: None };
        }
        let State::Running { running, next_command, lease, seat } = state else { return Err(stopped()) };
        running.serve_network(&self.own.network, self.core.launcher.network());
        let content = self.template_for(lease.as_ref());
        let program = content.as_ref().and_then(|_| node_program(spec));
        let waiting = program.as_ref().and_then(|_| seat.take());
        let (name, seat) = if let Some(seat) = waiting {
            (seat.name.clone(), Some(seat))
        } else {
            let name = self.command_name(*next_command);
            *next_command += 1;
            let content = content.filter(|_| program.is_some());
            (name.clone(), self.take_seat(name, content, false).await?)
        };
        let scene = Scene {
            running: Arc::clone(running),
            launcher: Arc::clone(&self.core.launcher),
            seat: seat.zip(program),
            wall_clock: self.own.limits.wall_clock,
        };
        Ok((scene, name))
    }

    fn command_name(&self, command: u32) -> CommandName {
        CommandName { sandbox: self.own.id.as_str().to_owned(), command }
    }

    /// Puts a booted node into the sandbox, if there is a template for it.
    async fn take_seat(
        &self,
        name: CommandName,
        content: Option<String>,
        waits: bool,
    ) -> Result<Option<Seat>, SandboxError> {
        match content {
            Some(content) => Seat::take(&self.core.launcher, name, content, waits).await,
            None => Ok(None),
        }
    }

    /// Returns the content whose template may run the sandbox's commands, where there are templates.
    fn template_for(&self, lease: Option<&Lease>) -> Option<String> {
        let templates = self.core.launcher.configuration().walls.as_ref()?.templates.as_ref()?;
        match templates.room {
            Some(_) => lease.map(Lease::content),
            // A template for all contents also serves sandboxes without a content.
            None => Some(String::new()),
        }
    }

    /// Writes the files into the running sandbox, through its init.
    async fn write_inside(running: &Running, files: Vec<SandboxFile>) -> Result<(), SandboxError> {
        let length = |file: &SandboxFile| u64::try_from(file.contents.len()).unwrap_or(u64::MAX);
        let list = files.iter().map(|file| (file.path.as_str().to_owned(), length(file))).collect();
        let content: OwnedFd = blocking("files cannot be handed to a sandbox", move || {
            memory_file(&files.into_iter().flat_map(|file| file.contents).collect::<Vec<u8>>())
        })
        .await?;
        match running.ask(&ToInit::Write { files: list }, &[content]).await? {
            FromInit::Written(Ok(())) => Ok(()),
            FromInit::Written(Err(message)) => {
                Err(SandboxError::failed("files cannot be written", io::Error::other(message)))
            }
            _ => Err(stopped()),
        }
    }

    /// Makes a snapshot of the running sandbox's working directory.
    async fn freeze(&self, running: &Running, naming: Naming) -> Result<Snapshot, SandboxError> {
        // Nothing may change while it is copied.
        running.ask(&ToInit::KillAll, &[]).await?;
        let work = running.work().clone();
        let (store, owner) = (Arc::clone(&self.core.snapshots), self.core.content_owner());
        let written = running.io().run_long(move |thread| {
            let incoming = store.incoming()?;
            let kept = (|| {
                let target = fs::File::open(&incoming)?;
                target.set_permissions(fs::Permissions::from_mode(DIRECTORY_MODE.as_raw_mode()))?;
                give_away(&target, owner)?;
                let manifest = copy_tree(work.get(thread), target.as_fd(), owner)?;
                store.keep(&incoming, &manifest, &naming)
            })();
            if kept.is_err() {
                // If this fails, the next start removes it.
                let _ = fs::remove_dir_all(&incoming);
            }
            kept
        });
        written.await.flatten().map_err(|error| refused("a snapshot cannot be written", &error))
    }

    /// Makes a snapshot of its files, and ends the sandbox.
    async fn keep(&self, naming: Naming) -> Result<Snapshot, SandboxError> {
        let mut state = self.own.state.lock().await;
        let snapshot = match std::mem::replace(&mut *state, State::Stopped) {
            State::Staged(Some(staging)) => {
                let store = Arc::clone(&self.core.snapshots);
                let keep = move || store.keep(staging.directory(), &staging.manifest(), &naming);
                blocking("a snapshot cannot be written", keep).await
            }
            State::Running { running, lease: _lease, .. } => {
                let frozen = self.freeze(&running, naming).await;
                running.kill(KillReason::Requested);
                running.wait().await;
                frozen
            }
            State::Staged(None) | State::Stopped => return Err(stopped()),
        };
        self.remove_directory().await?;
        snapshot
    }

    /// Returns whether the snapshot that it was made from is damaged.
    async fn is_torn(&self, lease: Lease) -> bool {
        let store = Arc::clone(&self.core.snapshots);
        let intact = blocking("a snapshot cannot be read", move || store.is_intact(&lease)).await;
        // If it cannot be read now, we do not know.
        intact.is_ok_and(|intact| !intact)
    }

    async fn remove_directory(&self) -> Result<(), SandboxError> {
        let directory = self.own.directory.clone();
        blocking("a sandbox's files cannot be removed", move || remove(&directory)).await
    }
}

/// Makes a sandbox in the background for the next call with the same content and limits, unless enough of them wait
/// already.
pub(super) fn make_ready(core: &Arc<Core>, limits: ResourceLimits, lease: Lease, seating: Seating) {
    let content = lease.content();
    if !core.ready.is_wanted(&content, limits) {
        return;
    }
    let core = Arc::downgrade(core);
    tokio::spawn(async move {
        let Some(alive) = core.upgrade() else { return };
        let id = Core::new_sandbox_id();
        let made = LocalSandbox::launched(Arc::clone(&alive), id.clone(), limits, lease, seating).await;
        let stay = alive.ready.put(&content, limits, made.ok().map(|made| made.own));
        // A waiting sandbox must not keep an engine alive that has been dropped.
        drop(alive);
        // Most are used soon; then this task ends at once and not only after `READY_FOR`.
        let Some(stay) = stay else { return };
        if tokio::time::timeout(READY_FOR, stay).await.is_err()
            && let Some(core) = core.upgrade()
        {
            core.ready.forget(&id);
        }
    });
}

#[async_trait]
impl Sandbox for LocalSandbox {
    fn id(&self) -> &SandboxId {
        &self.own.id
    }

    async fn write_files(&self, files: Vec<SandboxFile>) -> Result<(), SandboxError> {
        let mut state = self.own.state.lock().await;
        match &mut *state {
            State::Staged(slot) => {
                let mut staging = slot.take().ok_or_else(stopped)?;
                let (staging, written) = blocking("files cannot be written", move || {
                    let written = staging.write(&files);
                    Ok((staging, written))
                })
                .await?;
                *slot = Some(staging);
                written.map_err(|error| refused("files cannot be written", &error))
            }
            State::Running { running, .. } => Self::write_inside(running, files).await,
            State::Stopped => Err(stopped()),
        }
    }

    async fn run(&self, spec: CommandSpec) -> Result<Box<dyn Command>, SandboxError> {
        let (scene, name) = self.scene(&mut *self.own.state.lock().await, &spec).await?;
        self.own.memory.begin();
        Ok(Box::new(command::start(scene, name, spec).await?))
    }

    async fn snapshot(&self, expires_at: Option<DateTime<Utc>>) -> Result<Snapshot, SandboxError> {
        self.keep(Naming { id: None, now: self.core.now(), expires_at }).await
    }

    async fn snapshot_as(&self, id: &SnapshotId, expires_at: Option<DateTime<Utc>>) -> Result<Snapshot, SandboxError> {
        self.keep(Naming { id: Some(id.clone()), now: self.core.now(), expires_at }).await
    }

    async fn find_fault(&self) -> Option<SandboxError> {
        let (running, lease) = match &*self.own.state.lock().await {
            State::Running { running, lease, .. } => (Arc::clone(running), lease.clone()),
            State::Staged(_) | State::Stopped => return None,
        };
        let figures = running.figures().await;
        if figures.is_some_and(|figures| {
            figures.starved || self.own.memory.has_lacked_memory(figures, self.own.limits.memory_bytes)
        }) {
            let message = "the host had too few processes or too little memory for a sandbox within its limits";
            return Some(SandboxError::new(SandboxErrorKind::Exhausted, message));
        }
        if running.has_died() {
            return Some(unavailable("the sandbox died"));
        }
        if let Some(lease) = lease
            && self.is_torn(lease).await
        {
            self.core.ready.clear();
            let message = "the snapshot's files are missing or torn";
            return Some(SandboxError::new(SandboxErrorKind::SnapshotNotFound, message));
        }
        let is_broken = self.core.ground.was_broken_since(self.own.made_at).await;
        is_broken.then(|| unavailable("files that the sandbox was made of were missing or have changed"))
    }

    async fn stop(&self) -> Result<(), SandboxError> {
        let mut state = self.own.state.lock().await;
        if let State::Running { running, .. } = std::mem::replace(&mut *state, State::Stopped) {
            running.kill(KillReason::Requested);
            running.wait().await;
        }
        self.remove_directory().await
    }
}
