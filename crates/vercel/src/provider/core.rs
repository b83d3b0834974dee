//! The state that all sandboxes of a provider share, and how sandboxes are requested and deleted.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;
use uuid::Uuid;
use workers_domain::ports::{SandboxError, SandboxErrorKind, SandboxSource, SandboxSpec};

use super::error;
use super::options::VercelOptions;
use super::snapshot_id::SnapshotKey;
use crate::api::{CreateSandbox, NetworkRules, Source};
use crate::client::Client;

/// The tag by which an installation finds its sandboxes.
pub(super) const TAG: &str = "workers-platform";

/// The state that all sandboxes of a provider share.
pub(super) struct Core {
    pub(super) client: Client,
    pub(super) options: VercelOptions,
    /// Background tasks.
    pub(super) tasks: TaskTracker,
}

impl Core {
    pub(super) fn now(&self) -> DateTime<Utc> {
        self.options.clock.now()
    }

    /// Builds the request for a sandbox. We choose its name, so that it can be deleted even if the response gets lost.
    pub(super) fn request(&self, spec: &SandboxSpec) -> Result<CreateSandbox, SandboxError> {
        let source = match &spec.source {
            SandboxSource::Empty => None,
            SandboxSource::Snapshot(id) => {
                let key = SnapshotKey::parse(id).filter(|key| !key.has_expired(self.now()));
                let key = key.ok_or_else(|| {
                    SandboxError::new(SandboxErrorKind::SnapshotNotFound, "there is no such snapshot, or not any more")
                })?;
                Some(Source::Snapshot { snapshot_id: key.id })
            }
        };
        let rules = NetworkRules::try_from(&spec.network)
            .map_err(|error| SandboxError::failed("the network policy cannot be enforced", error))?;
        Ok(CreateSandbox {
            name: Some(format!("workers-{}", Uuid::new_v4())),
            // A sandbox that starts from a snapshot gets its runtime from the snapshot.
            runtime: source.is_none().then(|| self.options.runtime.clone()),
            source,
            timeout: Some(self.options.lifetime(&spec.limits)),
            vcpus: Some(self.options.vcpus(&spec.limits)),
            // The API's default would take a snapshot of every sandbox at its end.
            persistent: Some(false),
            tags: BTreeMap::from([(TAG.to_owned(), self.options.installation.clone())]),
            network_policy: Some(rules),
            region: self.options.region.clone(),
            ..CreateSandbox::default()
        })
    }

    /// Deletes a sandbox in the background, which stops it if it runs.
    pub(super) fn forget(self: &Arc<Self>, runtime: &Handle, name: String) {
        let core = Arc::clone(self);
        let span = tracing::info_span!("vercel.sandbox.forget", sandbox.id = %name);
        let forget = async move {
            match core.client.delete_sandbox(&name).await {
                Ok(_) => {}
                // The sandbox has ended by itself or was deleted before.
                Err(error) if error::has_ended(&error) => {}
                Err(error) => tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "a sandbox could not be deleted; if it runs, its timeout ends it"
                ),
            }
        };
        self.tasks.spawn_on(forget.instrument(span), runtime);
    }

    /// Deletes a snapshot in the background.
    pub(super) fn forget_snapshot(self: &Arc<Self>, runtime: &Handle, id: String) {
        let core = Arc::clone(self);
        let forget = async move {
            match core.client.delete_snapshot(&id).await {
                Ok(_) => {}
                Err(error) if error::is_no_snapshot(&error) => {}
                Err(error) => tracing::warn!(
                    snapshot.id = id,
                    error = &error as &dyn std::error::Error,
                    "a snapshot that no caller waited for could not be deleted"
                ),
            }
        };
        self.tasks.spawn_on(forget.in_current_span(), runtime);
    }
}
