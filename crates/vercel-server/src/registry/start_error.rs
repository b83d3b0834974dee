//! Why the server could not start.

use std::io;

use workers_domain::Resource;

/// Why the server could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another server already registered its request metrics in the registry.
    #[error("failed to register the metrics of requests")]
    Metrics(#[source] prometheus::Error),
    /// The server's directory cannot be read or written.
    #[error("failed to open the directory of sandboxes")]
    Directory(#[source] io::Error),
    /// The capacity is too small for the smallest sandbox.
    #[error("there is not enough for the smallest sandbox ({0}): none could ever be made")]
    NoRoom(Resource),
}
