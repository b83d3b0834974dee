//! A sandbox: a directory of files until a command runs in it, then processes.

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use workers_domain::ports::{
    Command, CommandSpec, KeptStep, KillReason, Sandbox, SandboxAge, SandboxError, SandboxErrorKind, SandboxFile,
    SandboxPath, Snapshot,
};
use workers_domain::{NetworkPolicy, ResourceLimits, SandboxId, SnapshotId};
use workers_private_files::make_directory;

use super::command::{self, CommandTarget, Runner};
use super::core::EngineCore;
use super::kept_pool::{KeptSandbox, Purpose};
use super::parked_child::ParkedChild;
use super::processes::{SandboxProcesses, stopped};
use super::program::node_program;
use super::resources::{SandboxResources, SandboxState};
use super::zygote::{Loaded, Zygote};
use crate::copy::{DIRECTORY_MODE, copy_tree, give_away};
use crate::data_dir_root::remove;
use crate::fault::refused;
use crate::message::{CommandName, CreateSandbox, FromInit, MISSED, ToInit};
use crate::server::{blocking, unavailable};
use crate::snapshot::{Lease, NewSnapshot, Staging};
use crate::wire::memory_file;

/// How long the snapshot of a trial lives, if it is not removed.
const TRIAL_SNAPSHOT: TimeDelta = TimeDelta::minutes(1);

/// The number of the first command in a sandbox that is kept which is no run of its script; above those of all runs.
const FIRST_OTHER_COMMAND: u32 = 1 << 20;

/// How long a sandbox waits in the warm pool to be used.
const WARM_FOR: Duration = Duration::from_mins(1);

/// A sandbox on this host.
#[derive(Debug)]
pub(crate) struct LocalSandbox {
    resources: SandboxResources,
    core: Arc<EngineCore>,
    /// If it is kept: what for.
    kept: Option<Kept>,
}

/// What belongs to a sandbox that is kept.
#[derive(Debug)]
struct Kept {
    purpose: Purpose,
    /// The number of its runs, and when it was made.
    runs: u32,
    since: Instant,
}

/// Who else uses the files that a sandbox is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sharing {
    /// No other sandbox does.
    Own,
    /// Other sandboxes do, too.
    Shared,
    /// As [`Shared`](Self::Shared); and the sandbox is kept for several runs.
    Kept,
}

/// Whether a new sandbox gets a parked child of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TemplateUse {
    /// A child of the content's template, if there is one that has booted.
    IfBooted,
    /// A child of the content's template, which is booted first if there is none.
    WaitForBoot,
    /// No child.
    None,
}

impl LocalSandbox {
    fn new(
        core: Arc<EngineCore>,
        id: SandboxId,
        limits: ResourceLimits,
        network: NetworkPolicy,
        state: SandboxState,
    ) -> Self {
        let directory = core.directory_of(&id);
        Self { resources: SandboxResources::new(id, directory, limits, network, state), core, kept: None }
    }

    /// Makes a sandbox without files. It has no process until the first command.
    pub(crate) async fn empty(
        core: Arc<EngineCore>,
        id: SandboxId,
        limits: ResourceLimits,
        network: NetworkPolicy,
    ) -> Result<Self, SandboxError> {
        let (staged, owner, shared) = (core.directory_of(&id), core.content_owner(), Arc::clone(&core));
        let staging = blocking("a sandbox's directory cannot be made", move || {
            // It is missing if it was removed by hand while the engine runs.
            shared.make_sandboxes()?;
            make_directory(&staged)?;
            Staging::new(staged.join("files"), limits.disk_bytes, owner)
        });
        Ok(Self::new(core, id, limits, network, SandboxState::Staged(Some(staging.await?))))
    }

    /// Makes a sandbox with the files of a snapshot.
    pub(crate) async fn from_snapshot(
        core: Arc<EngineCore>,
        id: SandboxId,
        limits: ResourceLimits,
        network: NetworkPolicy,
        lease: Lease,
        purpose: Option<Purpose>,
    ) -> Result<Self, SandboxError> {
        let mut sandbox = match core.warm_pool.take(&lease.content(), limits).await {
            // It keeps the id that it was made with and not `id`, because its cgroups are named after that one.
            Some(resources) => Self { resources, core: Arc::clone(&core), kept: None },
            None => Self::launched(Arc::clone(&core), id, limits, lease.clone(), TemplateUse::IfBooted).await?,
        };
        // Only now: the pool does not distinguish sandboxes by policy, which takes effect with the first command.
        sandbox.resources.network = network;
        // Where sandboxes are kept, the next runs need no new one.
        if !purpose.is_some_and(|purpose| core.kept_pool.is_fit(&purpose) && make_kept(&core, purpose, lease.clone())) {
            refill_warm_pool(&core, limits, lease, TemplateUse::IfBooted);
        }
        Ok(sandbox)
    }

    /// Takes a sandbox that is kept for this purpose, if there is one.
    pub(crate) fn reuse(core: &Arc<EngineCore>, purpose: &Purpose) -> Option<Self> {
        let KeptSandbox { resources, runs, since } = loop {
            let mut taken = core.kept_pool.take(purpose)?;
            if taken.resources.is_waiting() {
                break taken;
            }
        };
        if runs > 0 {
            core.launcher.report_kept(KeptStep::Reused);
        }
        let kept = Kept { purpose: purpose.clone(), runs, since };
        Some(Self { resources, core: Arc::clone(core), kept: Some(kept) })
    }

    /// Makes a sandbox in which a script is loaded, to be kept for runs of it. Returns why not if that cannot be.
    async fn with_zygote(
        core: Arc<EngineCore>,
        purpose: &Purpose,
        lease: Lease,
    ) -> Result<Result<SandboxResources, String>, SandboxError> {
        let (id, limits) = (EngineCore::new_sandbox_id(), purpose.limits());
        let mut sandbox = Self::new(core, id, limits, purpose.network().clone(), SandboxState::Stopped);
        let processes = sandbox.launch(lease.files(), Sharing::Kept).await?;
        let content = sandbox.template_for(Some(&lease));
        let Some(child) = sandbox.park_child(sandbox.command_name(0), content, true).await? else {
            return Err(unavailable("there is no template for a sandbox that is kept"));
        };
        match Zygote::load(&processes, child, purpose.script().clone()).await? {
            Loaded::Unfit(reason) => Ok(Err(reason)),
            Loaded::Ready(zygote) => {
                processes.enable_network(purpose.network(), sandbox.core.launcher.network());
                if !processes.begin_anew().await {
                    return Err(unavailable("a sandbox reached a limit while a script was loaded in it"));
                }
                *sandbox.resources.state.get_mut() = SandboxState::Running {
                    processes,
                    next_command: FIRST_OTHER_COMMAND,
                    lease: Some(lease),
                    parked: None,
                    zygote: Some(zygote),
                };
                Ok(Ok(sandbox.resources))
            }
        }
    }

    /// Gives the sandbox back after a run, if it is kept and the run has left it as it was. Returns whether it did.
    async fn give_back(&self, state: &mut SandboxState) -> bool {
        let Some(Kept { purpose, runs, since }) = &self.kept else { return false };
        let SandboxState::Running { processes, zygote: Some(zygote), .. } = state else { return false };
        let renewed = zygote.renewed(processes).await;
        let renewed = renewed.and_then(|()| if processes.is_unmarked() { Ok(()) } else { Err("its share".to_owned()) });
        if let Err(change) = renewed {
            tracing::debug!(sandbox.id = %self.resources.id, change, "a run has changed its sandbox, which is thrown away");
            let step = if change == MISSED { KeptStep::Missed } else { KeptStep::Changed };
            self.core.launcher.report_kept(step);
            self.core.kept_pool.changed(purpose);
            return false;
        }
        if !processes.begin_anew().await {
            return false;
        }
        let (id, limits, network) = (self.resources.id.clone(), self.resources.limits, self.resources.network.clone());
        let state = std::mem::replace(state, SandboxState::Stopped);
        let resources = SandboxResources::new(id, self.resources.directory.clone(), limits, network, state);
        self.core.kept_pool.give_back(purpose, KeptSandbox { resources, runs: runs + 1, since: *since });
        true
    }

    /// Runs once through the steps of a deploy and an invocation, without running a command.
    ///
    /// # Errors
    ///
    /// When one of the steps fails.
    pub(crate) async fn try_all(core: &Arc<EngineCore>, limits: ResourceLimits) -> Result<(), SandboxError> {
        let path = SandboxPath::parse("trial").map_err(|error| SandboxError::failed("a trial", error))?;
        let empty = Self::empty(Arc::clone(core), EngineCore::new_sandbox_id(), limits, NetworkPolicy::DenyAll).await?;
        empty.write_files(vec![SandboxFile { path, contents: b"trial".to_vec() }]).await?;
        let snapshot = empty.snapshot(Some(core.now() + TRIAL_SNAPSHOT)).await?;
        // A block of its own, so that the snapshot is removed after a failure, too.
        let tried = async {
            let lost = || SandboxError::new(SandboxErrorKind::Failed, "a snapshot is gone as soon as it was made");
            let lease = core.lease(&snapshot.id).await?.ok_or_else(lost)?;
            let id = EngineCore::new_sandbox_id();
            Self::launched(Arc::clone(core), id, limits, lease, TemplateUse::None).await?.stop().await
        };
        let tried = tried.await;
        let (store, id) = (Arc::clone(&core.snapshots), snapshot.id);
        tried.and(blocking("a snapshot cannot be removed", move || store.delete(&id)).await.map(drop))
    }

    /// Makes a sandbox with the files of a snapshot, starts its init, and parks a child of a template in it if there is
    /// one.
    async fn launched(
        core: Arc<EngineCore>,
        id: SandboxId,
        limits: ResourceLimits,
        lease: Lease,
        template_use: TemplateUse,
    ) -> Result<Self, SandboxError> {
        let sandbox = Self::new(core, id, limits, NetworkPolicy::DenyAll, SandboxState::Stopped);
        let processes = sandbox.launch(lease.files(), Sharing::Shared).await?;
        let content = match template_use {
            TemplateUse::IfBooted | TemplateUse::WaitForBoot => sandbox.template_for(Some(&lease)),
            TemplateUse::None => None,
        };
        let waits_for_boot = template_use == TemplateUse::WaitForBoot;
        let parked = sandbox.park_child(sandbox.command_name(0), content, waits_for_boot).await?;
        // The first number is 1, because the parked child has number 0.
        *sandbox.resources.state.lock().await =
            SandboxState::Running { processes, next_command: 1, lease: Some(lease), parked, zygote: None };
        Ok(sandbox)
    }

    /// Starts its first process. If the files are shared and there is no overlay for the changes, the sandbox gets a
    /// copy of them.
    async fn launch(&self, files: PathBuf, sharing: Sharing) -> Result<Arc<SandboxProcesses>, SandboxError> {
        let is_isolated = self.core.launcher.configuration().isolation.is_some();
        let mut work = files.clone();
        if sharing != Sharing::Own && !is_isolated {
            let (from, core, directory) = (files.clone(), Arc::clone(&self.core), self.resources.directory.clone());
            work = directory.join("files");
            let to = work.clone();
            blocking("a snapshot's files cannot be copied", move || {
                core.make_sandboxes()?;
                make_directory(&directory)?;
                make_directory(&to)?;
                // No other owner: without isolation, commands run as the user of the server.
                copy_tree(fs::File::open(from)?.as_fd(), fs::File::open(to)?.as_fd(), None).map(drop)
            })
            .await?;
        }
        let order = CreateSandbox {
            name: self.resources.id.as_str().to_owned(),
            lower: files.to_string_lossy().into_owned(),
            directory: work.to_string_lossy().into_owned(),
            memory_bytes: self.resources.limits.memory_bytes,
            processes: self.resources.limits.processes,
            disk_bytes: self.resources.limits.disk_bytes,
            kept: (sharing == Sharing::Kept).then_some(self.core.comparison),
        };
        SandboxProcesses::launch(&self.core.launcher, order).await.map(Arc::new)
    }

    /// Returns what a new command needs to start, and the command's name. Starts the sandbox's processes first if there
    /// are none.
    async fn command_target(
        &self,
        state: &mut SandboxState,
        spec: &CommandSpec,
    ) -> Result<(CommandTarget, CommandName), SandboxError> {
        if let SandboxState::Staged(Some(staging)) = state {
            let processes = self.launch(staging.directory().to_path_buf(), Sharing::Own).await?;
            *state = SandboxState::Running { processes, next_command: 0, lease: None, parked: None, zygote: None };
        }
        let SandboxState::Running { processes, next_command, lease, parked, zygote } = state else {
            return Err(stopped());
        };
        // Before the command runs: a `connect` call of a sandbox that has no queue yet fails with `EACCES`.
        processes.enable_network(&self.resources.network, self.core.launcher.network());
        let shared = Arc::clone(processes);
        let target = |runner| CommandTarget {
            processes: shared,
            launcher: Arc::clone(&self.core.launcher),
            runner,
            wall_clock: self.resources.limits.wall_clock,
        };
        // Any other command is run by init, and so is a second one. Then the sandbox is not given back.
        if let Some(zygote) = zygote {
            if let Some((number, channel, program)) = zygote.begin(spec) {
                return Ok((target(Runner::Zygote(channel, program)), self.command_name(number)));
            }
            zygote.spoil();
        }
        let content = self.template_for(lease.as_ref());
        let program = content.as_ref().and_then(|_| node_program(spec));
        // A command that a child cannot run leaves the parked child for a later one that it can.
        let waiting = program.as_ref().and_then(|_| parked.take());
        let (name, child) = if let Some(child) = waiting {
            (child.name.clone(), Some(child))
        } else {
            let name = self.command_name(*next_command);
            *next_command += 1;
            let content = content.filter(|_| program.is_some());
            (name.clone(), self.park_child(name, content, false).await?)
        };
        let runner = child.zip(program).map_or(Runner::Init, |(child, program)| Runner::Parked(child, program));
        Ok((target(runner), name))
    }

    fn command_name(&self, command: u32) -> CommandName {
        CommandName { sandbox: self.resources.id.as_str().to_owned(), command }
    }

    /// Parks a child of the template in the sandbox, if there is a template for it.
    async fn park_child(
        &self,
        name: CommandName,
        content: Option<String>,
        waits_for_boot: bool,
    ) -> Result<Option<ParkedChild>, SandboxError> {
        match content {
            Some(content) => ParkedChild::fork(&self.core.launcher, name, content, waits_for_boot).await,
            None => Ok(None),
        }
    }

    /// Returns the content whose template may run the sandbox's commands, where there are templates.
    fn template_for(&self, lease: Option<&Lease>) -> Option<String> {
        let templates = self.core.launcher.configuration().isolation.as_ref()?.templates.as_ref()?;
        match templates.budget {
            // Otherwise bundles would share the layout of an address space (docs/security.md, who shares a template).
            Some(_) => lease.map(Lease::content),
            // A template for all contents also serves sandboxes without a content.
            None => Some(String::new()),
        }
    }

    /// Writes the files into the running sandbox, through its init.
    async fn write_inside(processes: &SandboxProcesses, files: Vec<SandboxFile>) -> Result<(), SandboxError> {
        let length = |file: &SandboxFile| u64::try_from(file.contents.len()).unwrap_or(u64::MAX);
        let list = files.iter().map(|file| (file.path.as_str().to_owned(), length(file))).collect();
        // Beside the message and not in it: messages are JSON, in which bytes are several times as long.
        let content: OwnedFd = blocking("files cannot be handed to a sandbox", move || {
            memory_file(&files.into_iter().flat_map(|file| file.contents).collect::<Vec<u8>>())
        })
        .await?;
        match processes.request(&ToInit::Write { files: list }, &[content]).await? {
            FromInit::Written(Ok(())) => Ok(()),
            FromInit::Written(Err(message)) => {
                Err(SandboxError::failed("files cannot be written", io::Error::other(message)))
            }
            _ => Err(stopped()),
        }
    }

    /// Makes a snapshot of the running sandbox's working directory.
    async fn freeze(&self, processes: &SandboxProcesses, new: NewSnapshot) -> Result<Snapshot, SandboxError> {
        // Nothing may change while it is copied.
        processes.request(&ToInit::KillAll, &[]).await?;
        let work = processes.work().clone();
        let (store, owner) = (Arc::clone(&self.core.snapshots), self.core.content_owner());
        // Long, so that the watchdog does not interrupt it: how long it takes depends on the number of files, and the
        // processes that could hold it up are dead.
        let written = processes.io().run_long(move |thread| {
            let incoming = store.incoming()?;
            let kept = (|| {
                let target = fs::File::open(&incoming)?;
                target.set_permissions(fs::Permissions::from_mode(DIRECTORY_MODE.as_raw_mode()))?;
                give_away(&target, owner)?;
                let manifest = copy_tree(work.get(thread), target.as_fd(), owner)?;
                store.keep(&incoming, &manifest, &new)
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
    async fn keep(&self, new: NewSnapshot) -> Result<Snapshot, SandboxError> {
        let mut state = self.resources.state.lock().await;
        let snapshot = match std::mem::replace(&mut *state, SandboxState::Stopped) {
            SandboxState::Staged(Some(staging)) => {
                let store = Arc::clone(&self.core.snapshots);
                let keep = move || store.keep(staging.directory(), &staging.manifest(), &new);
                blocking("a snapshot cannot be written", keep).await
            }
            // The lease is held until the processes have ended, because their files lie over those of the content.
            SandboxState::Running { processes, lease: _lease, .. } => {
                let frozen = self.freeze(&processes, new).await;
                processes.kill(KillReason::Requested);
                processes.wait().await;
                frozen
            }
            SandboxState::Staged(None) | SandboxState::Stopped => return Err(stopped()),
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
        let directory = self.resources.directory.clone();
        blocking("a sandbox's files cannot be removed", move || remove(&directory)).await
    }
}

/// Makes a sandbox in the background that is kept for this purpose, unless there are enough or there can be none.
/// Returns whether it does.
pub(super) fn make_kept(core: &Arc<EngineCore>, purpose: Purpose, lease: Lease) -> bool {
    if !core.kept_pool.begin_making(&purpose) {
        return false;
    }
    let core = Arc::downgrade(core);
    tokio::spawn(async move {
        let Some(core) = core.upgrade() else { return };
        let made = match LocalSandbox::with_zygote(Arc::clone(&core), &purpose, lease).await {
            Ok(Ok(resources)) => {
                core.launcher.report_kept(KeptStep::Made);
                Some(KeptSandbox { resources, runs: 0, since: Instant::now() })
            }
            Ok(Err(reason)) => {
                tracing::debug!(reason, "a script is loaded anew for each run");
                core.launcher.report_kept(KeptStep::Unfit);
                core.kept_pool.unfit(&purpose);
                None
            }
            Err(error) => {
                tracing::debug!(error = %error, "a sandbox cannot be made to be kept; the next run gets a new one");
                core.kept_pool.failed(&purpose);
                None
            }
        };
        core.kept_pool.made(&purpose, made);
    });
    true
}

/// Makes a sandbox in the background for the next call with the same content and limits, unless the warm pool has
/// enough of them.
pub(super) fn refill_warm_pool(
    core: &Arc<EngineCore>,
    limits: ResourceLimits,
    lease: Lease,
    template_use: TemplateUse,
) {
    let content = lease.content();
    // Not in the task below, so that two calls at once do not fill the same place in the pool.
    if !core.warm_pool.reserve_slot(&content, limits) {
        return;
    }
    let core = Arc::downgrade(core);
    tokio::spawn(async move {
        let Some(alive) = core.upgrade() else { return };
        let id = EngineCore::new_sandbox_id();
        let made = LocalSandbox::launched(Arc::clone(&alive), id.clone(), limits, lease, template_use).await;
        // An error is not reported here: the next call makes its own sandbox, and gets the error if there still is one.
        let left = alive.warm_pool.put(&content, limits, made.ok().map(|made| made.resources));
        // A sandbox in the pool must not keep an engine alive that has been dropped.
        drop(alive);
        // Most are used soon; then this task ends at once and not only after `WARM_FOR`.
        let Some(left) = left else { return };
        if tokio::time::timeout(WARM_FOR, left).await.is_err()
            && let Some(core) = core.upgrade()
        {
            core.warm_pool.remove(&id);
        }
    });
}

#[async_trait]
impl Sandbox for LocalSandbox {
    fn id(&self) -> &SandboxId {
        &self.resources.id
    }

    fn age(&self) -> SandboxAge {
        SandboxAge { is_kept: self.kept.is_some(), is_reused: self.kept.as_ref().is_some_and(|kept| kept.runs > 0) }
    }

    async fn write_files(&self, files: Vec<SandboxFile>) -> Result<(), SandboxError> {
        let mut state = self.resources.state.lock().await;
        match &mut *state {
            SandboxState::Staged(slot) => {
                // If the caller stops waiting for the thread, the slot stays empty, and the sandbox counts as stopped.
                let mut staging = slot.take().ok_or_else(stopped)?;
                let (staging, written) = blocking("files cannot be written", move || {
                    let written = staging.write(&files);
                    Ok((staging, written))
                })
                .await?;
                *slot = Some(staging);
                written.map_err(|error| refused("files cannot be written", &error))
            }
            SandboxState::Running { processes, zygote, .. } => {
                if let Some(zygote) = zygote {
                    zygote.spoil();
                }
                Self::write_inside(processes, files).await
            }
            SandboxState::Stopped => Err(stopped()),
        }
    }

    async fn run(&self, spec: CommandSpec) -> Result<Box<dyn Command>, SandboxError> {
        let (target, name) = self.command_target(&mut *self.resources.state.lock().await, &spec).await?;
        self.resources.memory.begin();
        Ok(Box::new(command::start(target, name, spec).await?))
    }

    async fn snapshot(&self, expires_at: Option<DateTime<Utc>>) -> Result<Snapshot, SandboxError> {
        self.keep(NewSnapshot { id: None, now: self.core.now(), expires_at }).await
    }

    async fn snapshot_as(&self, id: &SnapshotId, expires_at: Option<DateTime<Utc>>) -> Result<Snapshot, SandboxError> {
        self.keep(NewSnapshot { id: Some(id.clone()), now: self.core.now(), expires_at }).await
    }

    async fn find_fault(&self) -> Option<SandboxError> {
        let (processes, lease) = match &*self.resources.state.lock().await {
            SandboxState::Running { processes, lease, .. } => (Arc::clone(processes), lease.clone()),
            SandboxState::Staged(_) | SandboxState::Stopped => return None,
        };
        // Before the check of the init: when the host lacks memory, the kernel may have killed the init for that.
        let stats = processes.stats().await;
        if stats.is_some_and(|stats| {
            stats.starved || self.resources.memory.has_lacked_memory(stats, self.resources.limits.memory_bytes)
        }) {
            let message = "the host had too few processes or too little memory for a sandbox within its limits";
            return Some(SandboxError::new(SandboxErrorKind::Exhausted, message));
        }
        if processes.has_died() {
            return Some(unavailable("the sandbox died"));
        }
        if let Some(lease) = lease
            && self.is_torn(lease).await
        {
            // Its sandboxes may have the same torn files.
            self.core.warm_pool.clear();
            let message = "the snapshot's files are missing or torn";
            return Some(SandboxError::new(SandboxErrorKind::SnapshotNotFound, message));
        }
        let is_broken = self.core.shared_files.was_broken_since(self.resources.made_at).await;
        is_broken.then(|| unavailable("files that the sandbox was made of were missing or have changed"))
    }

    async fn stop(&self) -> Result<(), SandboxError> {
        let mut state = self.resources.state.lock().await;
        if self.give_back(&mut state).await {
            return Ok(());
        }
        if let SandboxState::Running { processes, .. } = std::mem::replace(&mut *state, SandboxState::Stopped) {
            processes.kill(KillReason::Requested);
            processes.wait().await;
        }
        self.remove_directory().await
    }
}
