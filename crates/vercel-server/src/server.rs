//! The server as its embedder sees it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web::{Data, ServiceConfig};
use workers_private_files::make_data_directory;
use workers_web::RequestMetrics;

use crate::registry::{Registry, StartError};
use crate::routes::Words;
use crate::store::blocking;
use crate::{VercelServerOptions, routes};

/// The API over a provider of machines. Cheap to clone; clones are the same server.
#[derive(Clone)]
pub struct VercelServer {
    registry: Arc<Registry>,
    words: Words,
}

impl VercelServer {
    /// Takes over what an earlier server left in the directory: its sandboxes stopped, and whatever belongs to none
    /// removed. Must be called within a tokio runtime, where sessions go on from then; it must outlive the threads that
    /// serve requests.
    ///
    /// # Errors
    ///
    /// When the directory cannot be read or written, or is another user's, or another server counts in the registry of
    /// the options.
    pub async fn start(options: VercelServerOptions) -> Result<Self, StartError> {
        let directory = options.directory.clone();
        blocking(move || make_data_directory(&directory)).await.map_err(StartError::Directory)?;
        let requests = RequestMetrics::register(&options.metrics, "workers_vercel_api").map_err(StartError::Metrics)?;
        Ok(Self { registry: Registry::open(options).await?, words: Words::new(requests) })
    }

    /// Adds the routes, all below `/api`.
    pub fn configure(&self, config: &mut ServiceConfig) {
        config.app_data(Data::from(Arc::clone(&self.registry)));
        routes::configure(config, self.words.clone());
    }

    /// Whether anybody may use it who can reach it: then it must listen on loopback only.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.registry.options().tokens.is_empty()
    }

    /// The words of the API, for what stands around the whole server.
    pub(crate) fn words(&self) -> Words {
        self.words.clone()
    }

    /// How long a client may take nothing of what is to be sent to it.
    pub(crate) fn write_timeout(&self) -> Duration {
        self.registry.options().write_timeout
    }

    /// Connections of clients at one time.
    pub(crate) fn max_connections(&self) -> usize {
        self.registry.options().max_connections
    }

    /// Ends every session, within the time for that: persistent sandboxes keep their files. Nothing begins any more.
    pub async fn shutdown(&self) {
        self.registry.shut_down().await;
    }
}

impl fmt::Debug for VercelServer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("VercelServer").field("options", self.registry.options()).finish_non_exhaustive()
    }
}
