//! Starts sessions.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::timeout;
use tracing::Instrument as _;
use workers_domain::error_chain;
use workers_domain::ports::{Container, ContainerSpec, SandboxError, SandboxErrorKind, SandboxSource};
use workers_domain::{NetworkPolicy, SnapshotId};

use super::Registry;
use super::container_permit::ContainerPermit;
use super::end::EndReason;
use super::tables::LiveEntry;
use crate::error::{ApiError, ErrorCode, snapshot_gone, snapshot_unavailable};
use crate::id;
use crate::logs::LogBudget;
use crate::model::{Millis, SandboxRecord, SessionRecord, SessionStatus, Usage};
use crate::session::{LiveSession, SessionLimits};

/// A session whose container runs and which is not in the tables yet.
pub(super) struct Launched {
    pub(super) record: SessionRecord,
    live: Arc<LiveSession>,
}

impl Registry {
    /// Makes a container for a sandbox.
    pub(super) async fn launch(
        self: &Arc<Self>,
        sandbox: &SandboxRecord,
        snapshot: Option<&str>,
    ) -> Result<Launched, ApiError> {
        let requested_at = self.now();
        self.check_store().await?;
        let permit = self.admission.admit(&sandbox.key.team, sandbox.vcpus)?;
        // Checked after the permit is taken: the shutdown sets this first and then waits for all permits, so it misses
        // none.
        if self.stopping.is_cancelled() {
            return Err(ApiError::new(ErrorCode::Unavailable, "The server is shutting down."));
        }
        let source = match snapshot {
            None => SandboxSource::Empty,
            // The use postpones the expiry, so the snapshot cannot expire while the container is made.
            Some(id) => SandboxSource::Snapshot(self.use_snapshot(&sandbox.key.team, id, requested_at)?),
        };
        let sizes = self.options.sizes;
        let memory = self.memory_mib(sandbox.vcpus);
        let spec = ContainerSpec {
            source,
            memory_bytes: memory << 20,
            processes: sizes.processes(sandbox.vcpus),
            disk_bytes: disk_bytes(memory << 20),
            network: policy(sandbox)?,
        };
        let container = match self.options.containers.create(spec).await {
            Ok(container) => container,
            Err(error) => return Err(self.not_launched(&error, snapshot).await),
        };
        let container: Arc<dyn Container> = Arc::from(container);
        let id = id::session();
        let directory = self.options.directory.join("logs").join(&id);
        let made = directory.clone();
        if let Err(fault) = self.store.make_log_directory(made).await {
            self.give_up(container, permit).await;
            return Err(fault.into());
        }
        let started_at = self.now();
        let record = SessionRecord {
            id: id.clone(),
            sandbox: sandbox.key.clone(),
            sandbox_file: sandbox.file.clone(),
            status: SessionStatus::Running,
            cwd: container.home().to_owned(),
            vcpus: sandbox.vcpus,
            memory,
            region: sandbox.region.clone(),
            timeout: sandbox.timeout,
            source_snapshot: snapshot.map(str::to_owned),
            network: sandbox.network.clone(),
            requested_at,
            started_at,
            requested_stop_at: None,
            stopped_at: None,
            aborted_at: None,
            snapshotted_at: None,
            used: Usage::default(),
            updated_at: started_at,
        };
        let logs = Arc::clone(&self.log_budget);
        let limits = SessionLimits {
            running_commands: sizes.commands(sandbox.vcpus),
            transfers: sizes.transfers(sandbox.vcpus),
            log_bytes: self.options.max_log_bytes,
            log_budget: Arc::new(LogBudget::within(logs, self.options.max_session_log_bytes)),
        };
        let time = Duration::from_millis(sandbox.timeout);
        let live = LiveSession::new(id, container, sandbox.env.clone(), directory, limits, time, permit);
        Ok(Launched { record, live })
    }

    /// Returns the error for a container that could not be made. A snapshot that the provider does not find is not
    /// treated as gone, because its files may be away for a while: only deletion or expiry ends a snapshot.
    async fn not_launched(&self, error: &SandboxError, snapshot: Option<&str>) -> ApiError {
        match (error.kind, snapshot) {
            (SandboxErrorKind::SnapshotNotFound, Some(id)) => {
                let now = self.now();
                if !self.tables().snapshots.get(id).is_some_and(|record| record.is_usable(now)) {
                    return snapshot_gone();
                }
                tracing::warn!(
                    error = error_chain(error),
                    snapshot.id = id,
                    "the files of a snapshot are not there now"
                );
                snapshot_unavailable()
            }
            // The store may lack the same thing, for example room, and then has the better error.
            (SandboxErrorKind::Failed, _) => match self.check_store().await {
                Ok(()) => ApiError::from_container(error),
                Err(lacking) => {
                    tracing::warn!(error = error_chain(error), "a container cannot be made");
                    lacking
                }
            },
            _ => ApiError::from_container(error),
        }
    }

    /// Removes a container that is not in the tables. Its room becomes free when nothing of it is left.
    async fn give_up(&self, container: Arc<dyn Container>, permit: ContainerPermit) {
        if !matches!(timeout(self.options.stop_timeout, container.stop()).await, Ok(Ok(()))) {
            tracing::error!("a container that was not needed was not wholly removed in time");
        }
        // If it still runs, dropping it stops it in the background.
        drop(container);
        drop(permit);
    }

    /// Returns the memory of a session in MiB.
    pub(crate) fn memory_mib(&self, vcpus: u32) -> u64 {
        self.options.sizes.memory_mib(vcpus)
    }

    /// Adds a session to the tables and starts its supervisor. The caller must hold the transition lock of the sandbox.
    pub(super) fn attach(self: &Arc<Self>, launched: Launched, transition: &Arc<Mutex<()>>) {
        let Launched { record, live } = launched;
        let id = record.id.clone();
        {
            let mut tables = self.tables();
            tables.sessions.insert(id.clone(), record);
            tables.save_session(&id);
            tables.live.insert(id, LiveEntry { session: Arc::clone(&live), transition: Arc::clone(transition) });
        }
        let registry = Arc::clone(self);
        // A session outlives the request that started it, so its span has no parent.
        let span = tracing::info_span!(parent: None, "sessions.supervise", session.id = live.id());
        self.runtime.spawn(async move { registry.supervise(live).await }.instrument(span));
    }

    /// Ends a session when its time is over, its container has ended, or the server is shutting down.
    async fn supervise(self: Arc<Self>, live: Arc<LiveSession>) {
        let reason = tokio::select! {
            biased;
            // Another task is ending the session. That ends the container too, which must not count as `Broken`.
            () = live.closed() => return,
            () = live.container().ended() => EndReason::Broken,
            () = live.expired() => EndReason::Late,
            () = self.stopping.cancelled() => EndReason::Late,
        };
        let id = live.id().to_owned();
        // Our reference must not keep the session alive: its room is free when the session is dropped.
        drop(live);
        self.end(&id, reason).await;
    }

    /// Marks a snapshot as used now and returns the provider's id of it.
    fn use_snapshot(self: &Arc<Self>, team: &str, id: &str, now: Millis) -> Result<SnapshotId, ApiError> {
        self.expire_snapshots();
        let mut tables = self.tables();
        let record = tables.snapshots.get_mut(id).filter(|record| record.sandbox.team == team);
        let record = record.ok_or_else(|| ApiError::new(ErrorCode::NotFound, format!("Snapshot '{id}' not found.")))?;
        if !record.is_usable(now) {
            return Err(snapshot_gone());
        }
        record.touch(now);
        let provider_id = SnapshotId::new(record.provider_id.clone());
        tables.save_snapshot(id);
        Ok(provider_id)
    }
}

/// Returns the disk limit of a container. Changed files count as memory, so the disk limit is below the memory limit: a
/// program that writes too much gets "disk full" instead of being killed.
const fn disk_bytes(memory: u64) -> u64 {
    memory / 4 * 3
}

/// Converts the network setting of a sandbox to a policy.
fn policy(sandbox: &SandboxRecord) -> Result<NetworkPolicy, ApiError> {
    sandbox
        .network
        .as_ref()
        .map_or(Ok(NetworkPolicy::AllowAll), |setting| setting.to_policy().map_err(ApiError::bad_request))
}
