//! The provider of the workers' sandboxes.

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
use workers_domain::{Fault, Part, SnapshotId};
use workers_engine::{ContainerEngine, Engine};
use workers_private_files::{make_data_directory, read_file, replace_file};
use workers_vercel::{Client, Credentials, NetworkRules, VercelOptions, VercelProvider};

use crate::config::{SandboxKind, Settings};
use crate::engine;

/// How long the server waits at its end for requests that stop sandboxes in the cloud. The others stop at their own
/// timeout.
const LAST_REQUESTS: Duration = Duration::from_secs(10);

/// The interval between two searches for orphaned sandboxes in the cloud. Each search is one request.
const SWEEP_INTERVAL: Duration = Duration::from_mins(2);

/// The provider of the workers' sandboxes.
pub(crate) enum Sandboxes {
    /// Our own engine, on this host.
    Local(Engine),
    /// Vercel's cloud.
    Vercel(VercelProvider),
}

impl Sandboxes {
    /// Starts the provider that the settings name.
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

    /// Returns the provider as the port that the use cases take.
    pub(crate) fn provider(&self) -> Arc<dyn SandboxProvider> {
        match self {
            Self::Local(engine) => Arc::new(engine.clone()),
            Self::Vercel(provider) => Arc::new(provider.clone()),
        }
    }

    /// Returns whether the sandboxes' Node.js may be newer than the version that the compiler supports. In the cloud
    /// the version is unknown, so it may be.
    pub(crate) fn may_have_newer_node(&self) -> bool {
        match self {
            Self::Local(engine) => workers_service::is_newer_node(engine.node_version()),
            Self::Vercel(_) => true,
        }
    }

    /// Returns the parts of the isolation that are missing, as `--allow-weaker` permits.
    pub(crate) fn weaker(&self) -> Vec<&'static str> {
        match self {
            Self::Local(engine) if engine.is_isolated() && !engine.has_own_user_ids() => vec!["shared-user-id"],
            Self::Local(_) | Self::Vercel(_) => Vec::new(),
        }
    }

    /// Stops all sandboxes.
    pub(crate) async fn shut_down(&self) {
        match self {
            Self::Local(engine) => engine.shutdown().await,
            Self::Vercel(provider) => provider.shutdown(LAST_REQUESTS).await,
        }
    }
}

/// The workers' sandboxes on a server that offers containers as well. The server is healthy only while both can be
/// made, so the checks cover both.
pub(crate) struct BesideContainers {
    pub(crate) sandboxes: Arc<dyn SandboxProvider>,
    pub(crate) containers: ContainerEngine,
}

#[async_trait]
impl SandboxProvider for BesideContainers {
    fn name(&self) -> &'static str {
        self.sandboxes.name()
    }

    async fn create(&self, spec: SandboxSpec) -> Result<Box<dyn Sandbox>, SandboxError> {
        self.sandboxes.create(spec).await
    }

    fn preload(&self, preload: NodePreload) {
        self.sandboxes.preload(preload);
    }

    fn expect(&self, spec: SandboxSpec) {
        self.sandboxes.expect(spec);
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
        let (sandboxes, containers) = tokio::join!(self.sandboxes.check(), self.containers.check());
        sandboxes.and(containers)
    }

    async fn faults(&self) -> Vec<Fault> {
        let (mut sandboxes, containers) = tokio::join!(self.sandboxes.faults(), self.containers.check());
        let of_containers = |error: SandboxError| Fault::fatal(Part::Sandboxes, format!("of the Vercel API: {error}"));
        sandboxes.extend(containers.err().map(of_containers));
        sandboxes
    }
}

async fn vercel(settings: &Settings) -> anyhow::Result<VercelProvider> {
    let provider = vercel_provider(settings)?;
    let address = settings.vercel.base_url.as_deref().unwrap_or("Vercel's own address");
    provider.check().await.with_context(|| format!("Vercel Sandboxes at {address} cannot be used"))?;
    // It runs as long as the process, and holds nothing that a shutdown has to wait for.
    tokio::spawn(sweep_orphans(provider.clone()));
    Ok(provider)
}

/// Stops the sandboxes that an earlier server of this data directory left running, once they are overdue. Those that
/// server had just begun end at their own timeout.
async fn sweep_orphans(provider: VercelProvider) {
    loop {
        if let Err(error) = provider.sweep_orphans().await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "failed to look for sandboxes that an earlier server may have left");
        }
        tokio::time::sleep(SWEEP_INTERVAL).await;
    }
}

/// Returns the provider for the cloud. Sends no request yet.
pub(crate) fn vercel_provider(settings: &Settings) -> anyhow::Result<VercelProvider> {
    // An unusable policy is reported here, at the start, and not at each invocation.
    NetworkRules::try_from(&settings.service.network)
        .with_context(|| format!("Vercel Sandboxes cannot keep to what {} says", settings.sources.name("network")))?;
    let credentials = Credentials::from_variables(|name| std::env::var(name).ok())?;
    let mut client = Client::builder(credentials);
    if let Some(base_url) = &settings.vercel.base_url {
        client = client.base_url(base_url);
    }
    let client =
        client.build().with_context(|| format!("{} is not usable", settings.sources.name("vercel-base-url")))?;
    let mut options = VercelOptions::new(installation(&settings.database.data_dir)?);
    options.region.clone_from(&settings.vercel.region);
    options.vcpus = settings.vercel.vcpus;
    Ok(VercelProvider::new(client, options))
}

/// Returns the name by which this server recognizes its own sandboxes among others in the same project. The server
/// generates it at its first start and stores it in the data directory.
fn installation(data_dir: &Path) -> anyhow::Result<String> {
    let path = data_dir.join("installation");
    make_data_directory(data_dir).context("cannot use the data directory")?;
    let known = match read_file(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        known => known.context("cannot read the name of this installation")?,
    };
    match std::str::from_utf8(&known).map(str::trim) {
        // There is no file yet, or an empty one: this is the first start.
        Ok("") => {}
        Ok(name) => return Ok(name.to_owned()),
        Err(error) => return Err(error).with_context(|| format!("{} is not usable", path.display())),
    }
    let name = Uuid::now_v7().to_string();
    replace_file(&path, name.as_bytes()).context("cannot write the name of this installation")?;
    Ok(name)
}
