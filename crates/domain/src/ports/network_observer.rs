//! Observation of sandboxes' network use, for metrics.

use crate::NetworkDenial;

/// Receives events about the connections and name lookups of sandboxes. It is called on the path of each connection, so
/// it must not block.
pub trait NetworkObserver: Send + Sync {
    /// Called when a connection was permitted (whether or not the destination responded) or denied.
    fn connection(&self, verdict: Result<(), NetworkDenial>);

    /// Called when a name was looked up, or when the policy refused the lookup.
    fn lookup(&self, permitted: bool);
}

/// An observer that ignores all events.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoNetworkObserver;

impl NetworkObserver for NoNetworkObserver {
    fn connection(&self, _verdict: Result<(), NetworkDenial>) {}

    fn lookup(&self, _permitted: bool) {}
}
