//! The server's side of the engine, apart from sandboxes: the data directory, the root that sandboxes get, and the
//! launcher.

pub(crate) mod channel;
pub(crate) mod connection;
pub(crate) mod create_sandbox;
pub(crate) mod data_dir;
pub(crate) mod ids;
pub(crate) mod launcher_client;
mod libraries;
mod locks;
pub(crate) mod node;
pub(crate) mod preload;
pub(crate) mod runtime;
pub(crate) mod shared_files;
pub(crate) mod shared_files_builder;
pub(crate) mod shell;
pub(crate) mod template;

use workers_domain::ports::{SandboxError, SandboxErrorKind};

use crate::fault::refused;

/// Makes an `Unavailable` error; the message names the piece of isolation that is missing.
pub(crate) fn unavailable(message: impl Into<String>) -> SandboxError {
    SandboxError::new(SandboxErrorKind::Unavailable, message)
}

/// Runs file-system work on a blocking thread, in the current tracing span.
pub(crate) async fn blocking<T: Send + 'static>(
    what: &'static str,
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, SandboxError> {
    let span = tracing::Span::current();
    match tokio::task::spawn_blocking(move || span.in_scope(work)).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(refused(what, &error)),
        Err(error) => Err(SandboxError::failed(what, error)),
    }
}
