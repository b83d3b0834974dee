//! The network of all sandboxes of an engine.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use workers_domain::ports::SandboxError;

use super::call_queue::CallQueue;
use super::host_network::HostNetwork;
use super::traffic::TrafficMeter;
use crate::options::NetworkOptions;
use crate::server::unavailable;

/// The network of all sandboxes of an engine: the state that their brokers share.
pub(crate) struct EngineNetwork {
    /// The host's network.
    pub(super) host: Arc<HostNetwork>,
    /// The queue of each sandbox, by the name of the sandbox, which is also the name of its cgroups.
    queues: Mutex<HashMap<String, Arc<CallQueue>>>,
}

impl EngineNetwork {
    fn of(host: HostNetwork) -> Arc<Self> {
        Arc::new(Self { host: Arc::new(host), queues: Mutex::default() })
    }

    /// Makes it for an engine that starts.
    pub(crate) fn new(options: NetworkOptions) -> Result<Arc<Self>, SandboxError> {
        host_network(options).map(Self::of)
    }

    /// Makes it for an engine that starts and counts the bytes of connections, if the kernel reports them. Must be
    /// called within the runtime.
    pub(crate) fn with_meter(options: NetworkOptions) -> Result<Arc<Self>, SandboxError> {
        let host = host_network(options)?;
        let meter = TrafficMeter::start();
        if let Err(error) = &meter {
            tracing::warn!(error = %error, "the bytes that containers send and receive are not counted: the kernel does not report them");
        }
        Ok(Self::of(HostNetwork { meter: meter.ok(), ..host }))
    }

    /// Adds the queue of a sandbox.
    pub(super) fn add_queue(&self, sandbox: String, queue: Arc<CallQueue>) {
        self.queues().insert(sandbox, queue);
    }

    /// Removes and closes the queue of a sandbox; calls in it get no response any more.
    pub(super) fn remove_queue(&self, sandbox: &str) {
        // Two statements, so that the queue is closed without the lock, which the listener takes for every call.
        let removed = self.queues().remove(sandbox);
        if let Some(queue) = removed {
            queue.close();
        }
    }

    /// Returns the queue of the sandbox whose name is among these.
    pub(super) fn find_queue<'a>(&self, mut names: impl Iterator<Item = &'a str>) -> Option<Arc<CallQueue>> {
        let queues = self.queues();
        names.find_map(|name| queues.get(name)).cloned()
    }

    fn queues(&self) -> MutexGuard<'_, HashMap<String, Arc<CallQueue>>> {
        // Held for single statements only, so a panic elsewhere leaves no inconsistent state.
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for EngineNetwork {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("EngineNetwork").field("host", &self.host).finish_non_exhaustive()
    }
}

/// Applies the operator's configuration to the host's network.
fn host_network(options: NetworkOptions) -> Result<HostNetwork, SandboxError> {
    let NetworkOptions { open, resolvers, observer } = options;
    let host = HostNetwork::new(open, resolvers, observer);
    host.map_err(|error| unavailable(format!("the connections of sandboxes cannot be made: {error}")))
}
