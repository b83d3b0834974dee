//! The server, as its embedder uses it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web::{Data, ServiceConfig};
use workers_private_files::make_data_directory;
use workers_web::RequestMetrics;

use crate::registry::{Registry, StartError};
use crate::routes::Hooks;
use crate::store::blocking;
use crate::{VercelServerOptions, routes};

/// The API over a provider of containers. Cheap to clone; clones are the same server.
#[derive(Clone)]
pub struct VercelServer {
    registry: Arc<Registry>,
    hooks: Hooks,
}

impl VercelServer {
    /// Starts the server on its directory. Sandboxes of an earlier server are restored as stopped, and files that
    /// belong to none are removed. Must be called within a tokio runtime. The tasks of sessions run in that runtime, so
    /// it must outlive the threads that serve requests.
    ///
    /// # Errors
    ///
    /// When the directory cannot be read or written, or belongs to another user, or when another server has registered
    /// its metrics in the registry of the options.
    pub async fn start(options: VercelServerOptions) -> Result<Self, StartError> {
        let directory = options.directory.clone();
        blocking(move || make_data_directory(&directory)).await.map_err(StartError::Directory)?;
        let requests = RequestMetrics::register(&options.metrics, "workers_vercel_api").map_err(StartError::Metrics)?;
        Ok(Self { registry: Registry::open(options).await?, hooks: Hooks::new(requests) })
    }

    /// Adds the routes, all below `/api`.
    pub fn configure(&self, config: &mut ServiceConfig) {
        config.app_data(Data::from(Arc::clone(&self.registry)));
        routes::configure(config, self.hooks.clone());
    }

    /// Returns whether requests need no token. Such a server must listen on loopback only.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.registry.options().tokens.is_empty()
    }

    /// Returns the metrics and error responses of the API, for middleware around the whole server.
    pub(crate) fn hooks(&self) -> Hooks {
        self.hooks.clone()
    }

    /// Returns how long a client may read nothing of its response.
    pub(crate) fn write_timeout(&self) -> Duration {
        self.registry.options().write_timeout
    }

    /// Returns the maximum number of client connections.
    pub(crate) fn max_connections(&self) -> usize {
        self.registry.options().max_connections
    }

    /// Ends every session within the shutdown timeout; persistent sandboxes keep their files. Nothing new can begin.
    pub async fn shutdown(&self) {
        self.registry.shut_down().await;
    }
}

impl fmt::Debug for VercelServer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("VercelServer").field("options", self.registry.options()).finish_non_exhaustive()
    }
}
