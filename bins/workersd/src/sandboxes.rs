//! Who makes the sandboxes of workers.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use uuid::Uuid;
use workers_domain::ports::{
    NetworkObserver, NodePreload, Sandbox, SandboxError, SandboxObserver, SandboxProvider, SandboxSpec, Snapshot,
};
use workers_domain::{Part, ResourceLimits, SnapshotId, Trouble};
use workers_engine::{Engine, MachineEngine};
use workers_private_files::{make_data_directory, read_file, replace_file};
use workers_vercel::{Client, Credentials, NetworkRules, VercelOptions, VercelProvider};

use crate::config::{SandboxKind, Settings};
use crate::engine;

/// How long the ends of sandboxes in the cloud may take once the server leaves. Those that nobody ends do so by
/// themselves.
const LAST_REQUESTS: Duration = Duration::from_secs(10);

/// Between two looks for sandboxes that nobody ended; each is one request.
const SWEEP_INTERVAL: Duration = Duration::from_mins(2);

/// Who makes the sandboxes of workers.
pub(crate) enum Sandboxes {
    /// Our own engine.
    Local(Engine),
    /// The cloud.
    Vercel(VercelProvider),
}

impl Sandboxes {
    /// Starts what the settings name.
    pub(crate) async fn start(
        settings: &Settings,
        observer: Arc<dyn NetworkObserver>,
        sandboxes: Arc<dyn SandboxObserver>,
    ) -> anyhow::Result<Self> {
        match settings.sandbox {
            SandboxKind::Local | SandboxKind::LocalUnconfined => {
                engine::start(settings, observer, sandboxes).await.map(Self::Local)
            }
            SandboxKind::Vercel => vercel(settings).await.map(Self::Vercel),
        }
    }

    /// As the port that the use cases know.
    pub(crate) fn provider(&self) -> Arc<dyn SandboxProvider> {
        match self {
            Self::Local(engine) => Arc::new(engine.clone()),
            Self::Vercel(provider) => Arc::new(provider.clone()),
        }
    }

    /// Whether their Node.js may be newer than the compiler knows. Of the cloud's it is not known which one a sandbox
    /// gets.
    pub(crate) fn may_have_newer_node(&self) -> bool {
        match self {
            Self::Local(engine) => workers_service::is_newer_node(engine.node_version()),
            Self::Vercel(_) => true,
        }
    }

    /// What of the isolation is missing here, by the operator's leave.
    pub(crate) fn weaker(&self) -> Vec<&'static str> {
        match self {
            Self::Local(engine) if engine.is_confined() && !engine.has_own_user_ids() => vec!["shared-user-id"],
            Self::Local(_) | Self::Vercel(_) => Vec::new(),
        }
    }

    /// Leaves nothing running.
    pub(crate) async fn shut_down(&self) {
        match self {
            Self::Local(engine) => engine.shutdown().await,
            Self::Vercel(provider) => provider.shutdown(LAST_REQUESTS).await,
        }
    }
}

/// The sandboxes of workers on a server that makes machines as well: it can serve only while both can be made.
pub(crate) struct BesideMachines {
    pub(crate) sandboxes: Arc<dyn SandboxProvider>,
    pub(crate) machines: MachineEngine,
}

#[async_trait]
impl SandboxProvider for BesideMachines {
    fn name(&self) -> &'static str {
        self.sandboxes.name()
    }

    async fn create(&self, spec: SandboxSpec) -> Result<Box<dyn Sandbox>, SandboxError> {
        self.sandboxes.create(spec).await
    }

    fn preload(&self, preload: NodePreload) {
        self.sandboxes.preload(preload);
    }

    fn expect(&self, snapshot: &SnapshotId, limits: ResourceLimits) {
        self.sandboxes.expect(snapshot, limits);
    }

    async fn find_snapshot(&self, id: &SnapshotId) -> Result<Option<Snapshot>, SandboxError> {
        self.sandboxes.find_snapshot(id).await
    }

    async fn delete_snapshot(&self, id: &SnapshotId) -> Result<(), SandboxError> {
        self.sandboxes.delete_snapshot(id).await
    }

    fn keeps_own_snapshots(&self) -> bool {
        self.sandboxes.keeps_own_snapshots()
    }

    async fn own_snapshots(&self, before: DateTime<Utc>) -> Result<Vec<SnapshotId>, SandboxError> {
        self.sandboxes.own_snapshots(before).await
    }

    async fn check(&self) -> Result<(), SandboxError> {
        let (sandboxes, machines) = tokio::join!(self.sandboxes.check(), self.machines.check());
        sandboxes.and(machines)
    }

    async fn troubles(&self) -> Vec<Trouble> {
        let (mut sandboxes, machines) = tokio::join!(self.sandboxes.troubles(), self.machines.check());
        let of_machines = |error: SandboxError| Trouble::fatal(Part::Sandboxes, format!("of the Vercel API: {error}"));
        sandboxes.extend(machines.err().map(of_machines));
        sandboxes
    }
}

async fn vercel(settings: &Settings) -> anyhow::Result<VercelProvider> {
    let provider = vercel_provider(settings)?;
    let address = settings.vercel.base_url.as_deref().unwrap_or("Vercel's own address");
    provider.check().await.with_context(|| format!("Vercel Sandboxes at {address} cannot be used"))?;
    tokio::spawn(sweep_orphans(provider.clone()));
    Ok(provider)
}

/// Ends what an earlier server of this data directory has left running, as soon as it is overdue: what it had just
/// begun ends by itself.
async fn sweep_orphans(provider: VercelProvider) {
    loop {
        if let Err(error) = provider.sweep_orphans().await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "failed to look for sandboxes that an earlier server may have left");
        }
        tokio::time::sleep(SWEEP_INTERVAL).await;
    }
}

/// The cloud, not asked yet.
pub(crate) fn vercel_provider(settings: &Settings) -> anyhow::Result<VercelProvider> {
    // Now, and not at each invocation.
    NetworkRules::try_from(&settings.service.network)
        .with_context(|| format!("Vercel Sandboxes cannot keep to what {} says", settings.said.name("network")))?;
    let credentials = Credentials::from_variables(|name| std::env::var(name).ok())?;
    let mut client = Client::builder(credentials);
    if let Some(base_url) = &settings.vercel.base_url {
        client = client.base_url(base_url);
    }
    let client = client.build().with_context(|| format!("{} is not usable", settings.said.name("vercel-base-url")))?;
    let mut options = VercelOptions::new(installation(&settings.database.data_dir)?);
    options.region.clone_from(&settings.vercel.region);
    options.vcpus = settings.vercel.vcpus;
    Ok(VercelProvider::new(client, options))
}

/// By what this server knows its own sandboxes from those of others in one project: a name that it gives itself at its
/// first start.
fn installation(data_dir: &Path) -> anyhow::Result<String> {
    let path = data_dir.join("installation");
    make_data_directory(data_dir).context("cannot use the data directory")?;
    let known = match read_file(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        known => known.context("cannot read the name of this installation")?,
    };
    match std::str::from_utf8(&known).map(str::trim) {
        Ok("") => {}
        Ok(name) => return Ok(name.to_owned()),
        Err(error) => return Err(error).with_context(|| format!("{} is not usable", path.display())),
    }
    let name = Uuid::now_v7().to_string();
    replace_file(&path, name.as_bytes()).context("cannot write the name of this installation")?;
    Ok(name)
}
