//! The Vercel API that the server offers, backed by system containers on this host.

use std::sync::Arc;

use anyhow::Context as _;
use workers_domain::ports::{NetworkObserver, SandboxObserver};
use workers_engine::{ContainerEngine, ContainerOptions, NetworkOptions};
use workers_http::Metrics;
use workers_vercel_server::{VercelApplication, VercelServer, VercelServerOptions};

use crate::capacity::Containers;
use crate::config::{Settings, VercelApiSettings, Weaker};

/// The offered API, bound to its address and not served yet.
pub(crate) struct VercelApi {
    pub(crate) application: VercelApplication,
    containers: ContainerEngine,
}

/// Returns the options of the container engine.
pub(crate) fn options(
    settings: &Settings,
    api: &VercelApiSettings,
    observer: Arc<dyn NetworkObserver>,
    sandboxes: Arc<dyn SandboxObserver>,
) -> ContainerOptions {
    // The name is older than the word container. With another one the snapshots of earlier versions would be lost.
    let mut options = ContainerOptions::new(settings.database.data_dir.join("machines"), &settings.node);
    options.system.clone_from(&api.system);
    options.observer = sandboxes;
    options.allow_shared_ids = settings.allow_weaker.contains(&Weaker::SharedContainerIds);
    options.network = NetworkOptions { open: settings.network_open.clone(), observer, ..NetworkOptions::default() };
    options
}

impl VercelApi {
    /// Starts the container engine and binds the API to its address.
    pub(crate) async fn start(
        settings: &Settings,
        api: &VercelApiSettings,
        room: Containers,
        metrics: Arc<Metrics>,
    ) -> anyhow::Result<Self> {
        let containers = ContainerEngine::start(options(
            settings,
            api,
            Arc::<Metrics>::clone(&metrics),
            Arc::<Metrics>::clone(&metrics),
        ))
        .await
        .context("cannot offer the Vercel API (`workersd doctor` says what this machine has and lacks)")?;
        match Self::bind(settings, api, room, &containers, &metrics).await {
            Ok(application) => Ok(Self { application, containers }),
            Err(error) => {
                containers.shutdown().await;
                Err(error)
            }
        }
    }

    /// Returns the container engine.
    pub(crate) const fn containers(&self) -> &ContainerEngine {
        &self.containers
    }

    /// Returns the part of the isolation that is missing, as `--allow-weaker` permits.
    pub(crate) fn weaker(&self) -> Option<&'static str> {
        (!self.containers.has_own_user_ids()).then_some("shared-machine-ids")
    }

    async fn bind(
        settings: &Settings,
        api: &VercelApiSettings,
        room: Containers,
        containers: &ContainerEngine,
        metrics: &Metrics,
    ) -> anyhow::Result<VercelApplication> {
        let directory = settings.database.data_dir.join("vercel-api");
        let mut options = VercelServerOptions::new(Arc::new(containers.clone()), directory);
        options.metrics = metrics.registry().clone();
        options.tokens.clone_from(&api.tokens);
        options.max_sessions = api.sessions;
        options.capacity = room.capacity;
        options.sizes = room.sizes;
        options.max_connections = room.connections;
        options.team_share_percent = api.team_share_percent;
        options.write_timeout = settings.http.write_timeout;
        options.shutdown_timeout = settings.http.drain_timeout;
        let server = VercelServer::start(options).await.context("cannot offer the Vercel API")?;
        Ok(VercelApplication::bind(api.listen, server)?)
    }

    /// Serves until it is stopped, and then stops all containers.
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let served = self.application.run().await.context("the server of the Vercel API failed");
        self.containers.shutdown().await;
        served
    }
}
