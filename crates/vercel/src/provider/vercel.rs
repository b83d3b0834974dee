//! The provider.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;
use workers_domain::SnapshotId;
use workers_domain::ports::{
    NodePreload, Sandbox, SandboxError, SandboxErrorKind, SandboxProvider, SandboxSource, SandboxSpec, Snapshot,
};

use super::core::Core;
use super::error;
use super::options::VercelOptions;
use super::sandbox::VercelSandbox;
use super::snapshot_id::SnapshotKey;
use crate::api::ListSandboxes;
use crate::client::Client;

/// Creates the platform's sandboxes in Vercel's cloud. Cheap to clone.
///
/// | requirement of the port | how the provider handles it |
/// |---|---|
/// | memory limit | rounded up: a sandbox has 2048 MiB for each processor, and as many processors as needed |
/// | limits of processes and of disk | not enforced: a sandbox is a virtual machine of its own, with a disk of 32 GB |
/// | network policy | converted to [`NetworkRules`](crate::NetworkRules); a policy that needs ports is an error |
/// | bytes of output | text: bytes that are not UTF-8 arrive as replacement characters |
/// | how a command ended | exit codes 129 to 159 count as signals 1 to 31, which is how the API reports signals |
/// | usage | not reported |
/// | a snapshot that expires within a day | the API keeps it for a day; the provider treats it as gone at its expiry |
#[derive(Clone)]
pub struct VercelProvider {
    pub(super) core: Arc<Core>,
}

impl VercelProvider {
    /// Creates a provider that uses this client.
    #[must_use]
    pub fn new(client: Client, options: VercelOptions) -> Self {
        if let Some(expires_at) = client.credentials().expires_at() {
            tracing::info!(token.expires_at = %expires_at, "the Vercel token ends, and sandboxes cannot be made then");
        }
        Self { core: Arc::new(Core { client, options, tasks: TaskTracker::new() }) }
    }

    /// Waits until all background tasks are done, most importantly the deletion of dropped sandboxes, or until
    /// `patience` is over. Sandboxes that are left then end at the API by their timeouts. Call it when the server shuts
    /// down and no sandbox is held any more.
    pub async fn shutdown(&self, patience: Duration) {
        self.core.tasks.close();
        if tokio::time::timeout(patience, self.core.tasks.wait()).await.is_err() {
            tracing::warn!(tasks = self.core.tasks.len(), "sandboxes are left for their timeouts to end");
        }
    }
}

impl fmt::Debug for VercelProvider {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("VercelProvider")
            .field("client", &self.core.client)
            .field("options", &self.core.options)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl SandboxProvider for VercelProvider {
    fn name(&self) -> &'static str {
        "vercel"
    }

    #[tracing::instrument(name = "vercel.sandbox.create", skip_all, fields(sandbox.id))]
    async fn create(&self, spec: SandboxSpec) -> Result<Box<dyn Sandbox>, SandboxError> {
        let request = self.core.request(&spec)?;
        tracing::Span::current().record("sandbox.id", request.name.as_deref());
        if let SandboxSource::Snapshot(id) = &spec.source {
            tracing::debug!(snapshot.id = %id, "a sandbox is made from a snapshot");
        }
        let making = VercelSandbox::make(Arc::clone(&self.core), spec, request).in_current_span();
        // Tracked, so that `shutdown` waits for a sandbox whose caller has gone, and for its deletion.
        match self.core.tasks.spawn(making).await {
            Ok(made) => Ok(Box::new(made?)),
            Err(error) => Err(SandboxError::failed("the making of a sandbox broke off", error)),
        }
    }

    #[tracing::instrument(name = "vercel.snapshot.find", skip_all, fields(snapshot.id = %id))]
    async fn find_snapshot(&self, id: &SnapshotId) -> Result<Option<Snapshot>, SandboxError> {
        let Some(key) = SnapshotKey::parse(id).filter(|key| !key.has_expired(self.core.now())) else { return Ok(None) };
        match self.core.client.snapshot(&key.id).await {
            Ok(info) => Ok(key.snapshot(&info, self.core.now())),
            Err(error) if error::is_no_snapshot(&error) => Ok(None),
            Err(error) => Err(error::with(SandboxErrorKind::Failed, "a snapshot cannot be looked up", error)),
        }
    }

    #[tracing::instrument(name = "vercel.snapshot.delete", skip_all, fields(snapshot.id = %id))]
    async fn delete_snapshot(&self, id: &SnapshotId) -> Result<(), SandboxError> {
        // The API has no snapshot with an id that it cannot have issued, so there is nothing to delete.
        let Some(key) = SnapshotKey::parse(id) else { return Ok(()) };
        match self.core.client.delete_snapshot(&key.id).await {
            Ok(_) => Ok(()),
            Err(error) if error::is_no_snapshot(&error) => Ok(()),
            Err(error) => Err(error::with(SandboxErrorKind::Failed, "a snapshot cannot be removed", error)),
        }
    }

    /// Does nothing: the API cannot prepare anything in advance.
    fn preload(&self, _preload: NodePreload) {}

    /// Does nothing, for the same reason.
    fn expect(&self, _spec: SandboxSpec) {}

    /// Returns `false`: all servers of an account share the same snapshots.
    fn keeps_own_snapshots(&self) -> bool {
        false
    }

    async fn own_snapshots(&self, _before: DateTime<Utc>) -> Result<Vec<SnapshotId>, SandboxError> {
        Ok(Vec::new())
    }

    #[tracing::instrument(name = "vercel.check", skip_all)]
    async fn check(&self) -> Result<(), SandboxError> {
        let list = ListSandboxes { limit: Some(1), ..ListSandboxes::default() };
        match self.core.client.list_sandboxes(&list).await {
            Ok(_) => Ok(()),
            Err(error) => Err(error::with(SandboxErrorKind::Unavailable, "the sandbox API cannot be used", error)),
        }
    }
}
