//! What all sandboxes of an engine share.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, Utc};
use tokio::runtime::Handle;
use uuid::Uuid;
use workers_domain::ports::{Clock, SandboxError};
use workers_domain::{SandboxId, SnapshotId};

use super::kept_pool::KeptPool;
use super::prewarm_queue::PrewarmQueue;
use super::warm_pool::WarmPool;
use crate::data_dir_root::DataDirRoot;
use crate::message::Comparison;
use crate::server::blocking;
use crate::server::data_dir::DataDir;
use crate::server::launcher_client::LauncherClient;
use crate::server::preload::Preload;
use crate::server::shared_files::{RepairOutcome, SharedFiles};
use crate::snapshot::{Lease, SnapshotStore};

/// What all sandboxes of an engine share.
pub(crate) struct EngineCore {
    pub(crate) launcher: Arc<LauncherClient>,
    pub(crate) snapshots: Arc<SnapshotStore>,
    pub(crate) warm_pool: WarmPool,
    pub(crate) kept_pool: KeptPool,
    /// How sandboxes that are kept are compared after each run.
    pub(crate) comparison: Comparison,
    pub(crate) prewarm_queue: PrewarmQueue,
    pub(crate) shared_files: Arc<SharedFiles>,
    /// The code for templates to run ahead of programs, as the platform has set it.
    pub(crate) preload: Preload,
    /// When a trial sandbox was last made successfully.
    pub(crate) last_trial: tokio::sync::Mutex<Option<Instant>>,
    pub(crate) data_dir: DataDir,
    pub(crate) clock: Arc<dyn Clock>,
    /// The runtime that the engine was started on.
    pub(crate) runtime: Handle,
}

impl std::fmt::Debug for EngineCore {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("EngineCore").field("data_dir", &self.data_dir).finish_non_exhaustive()
    }
}

impl EngineCore {
    /// Returns the current time.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Returns the owner of snapshots' files, if it is not this process's user.
    pub(crate) fn content_owner(&self) -> Option<u32> {
        // Without ids of their own, sandboxes run as the user of the server, and the files stay that user's.
        self.launcher.own_uids().then_some(crate::copy::CONTENT_OWNER)
    }

    /// Returns an id that no other sandbox has.
    pub(crate) fn new_sandbox_id() -> SandboxId {
        SandboxId::new(format!("sbx_{}", Uuid::new_v4()))
    }

    /// Returns a lease of a snapshot's content; `None` if there is no such snapshot.
    ///
    /// # Errors
    ///
    /// When it cannot be read now.
    pub(crate) async fn lease(&self, snapshot: &SnapshotId) -> Result<Option<Lease>, SandboxError> {
        let (store, snapshot, now) = (Arc::clone(&self.snapshots), snapshot.clone(), self.now());
        let leased = blocking("a snapshot cannot be read", move || store.lease(&snapshot, now)).await?;
        Ok(leased.map(|(_, lease)| lease))
    }

    /// Returns whether sandboxes can be kept: their zygotes are children of templates, and each run has the same id.
    pub(crate) fn keeps_sandboxes(&self) -> bool {
        let isolation = self.launcher.configuration().isolation.as_ref();
        isolation.is_some_and(|isolation| isolation.templates.is_some()) && self.launcher.sets_process_ids()
    }

    /// Returns the data directory.
    pub(crate) fn data_dir_root(&self) -> &DataDirRoot {
        self.data_dir.root()
    }

    /// Returns the runtime that the engine was started on.
    pub(crate) const fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Makes the files and directories that sandboxes depend on again, if they are broken.
    ///
    /// # Errors
    ///
    /// As [`SharedFiles::repair`].
    pub(crate) async fn repair(&self) -> Result<(), SandboxError> {
        // Also after `Recovered`: templates may have failed to boot while the files were broken.
        if self.shared_files.repair().await? != RepairOutcome::Intact {
            self.drop_outdated().await;
        }
        Ok(())
    }

    /// Drops sandboxes and templates that were made of files that have been made again.
    async fn drop_outdated(&self) {
        self.warm_pool.clear();
        self.kept_pool.clear();
        // Also retries at once templates that could not be booted meanwhile; otherwise the launcher would wait before
        // the next attempt.
        self.launcher.renew_templates().await;
    }

    /// Makes the files of templates again, and boots new templates.
    pub(crate) async fn rebuild_templates(&self) {
        let isolation = self.launcher.configuration().isolation.as_ref();
        if isolation.is_none_or(|isolation| isolation.templates.is_none()) {
            return;
        }
        if let Err(error) = self.shared_files.rebuild(self.data_dir.template()).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "templates do nothing ahead of programs, which takes longer"
            );
            return;
        }
        self.drop_outdated().await;
    }

    /// Makes the directory that sandboxes' files are staged in, if it is missing.
    pub(crate) fn make_sandboxes(&self) -> io::Result<()> {
        self.data_dir.root().make(&self.data_dir.sandboxes())
    }

    /// Returns the directory where a sandbox's files are staged.
    pub(crate) fn directory_of(&self, id: &SandboxId) -> PathBuf {
        self.data_dir.sandboxes().join(id.as_str())
    }
}
