//! Who wants to know of sandboxes' connections, for metrics.

use crate::NetworkDenial;

/// Is told of what sandboxes ask the network for. Called on the path of the connection: must not block.
pub trait NetworkObserver: Send + Sync {
    /// A connection was permitted, whether or not there was anybody at its other end, or it was denied.
    fn connection(&self, verdict: Result<(), NetworkDenial>);

    /// A name was looked up, or refused by the policy.
    fn lookup(&self, permitted: bool);
}

/// Does not want to know.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoNetworkObserver;

impl NetworkObserver for NoNetworkObserver {
    fn connection(&self, _verdict: Result<(), NetworkDenial>) {}

    fn lookup(&self, _permitted: bool) {}
}
