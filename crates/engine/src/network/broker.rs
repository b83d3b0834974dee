//! The broker of one sandbox: it makes the connections that the sandbox requests.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use workers_domain::NetworkPolicy;
use workers_domain::ports::NetworkTransfer;

use super::EngineNetwork;
use super::call_handler::CallHandler;
use super::call_queue::CallQueue;
use super::connections::SandboxConnections;
use super::dns::{NameServer, NameSockets};
use super::egress_policy::EgressPolicy;
use super::traffic::TrafficCounter;
use crate::sandbox_io::SandboxIo;

/// The broker of one sandbox. Before it is started, and after it is dropped, nothing in the sandbox can connect to
/// anything.
#[derive(Debug)]
pub(crate) struct Broker {
    policy: Arc<EgressPolicy>,
    network: Arc<EngineNetwork>,
    sandbox: String,
    /// Whether the sandbox has requested a connection.
    was_used: Arc<AtomicBool>,
    /// Counts the bytes of the sandbox's connections; `None` where the engine does not count them.
    traffic: Option<Arc<TrafficCounter>>,
}

impl Broker {
    /// Handles the calls of the sandbox from now on. It does no work until the first one.
    pub(crate) fn start(
        sandbox: String,
        io: SandboxIo,
        sockets: Weak<dyn NameSockets>,
        policy: NetworkPolicy,
        network: &Arc<EngineNetwork>,
    ) -> Self {
        let policy = Arc::new(EgressPolicy::new(policy, Arc::clone(&network.host)));
        let traffic = network.host.meter.as_ref().map(|_| Arc::default());
        let was_used = Arc::new(AtomicBool::new(false));
        let handler = CallHandler {
            was_used: Arc::clone(&was_used),
            policy: Arc::clone(&policy),
            io,
            name_server: NameServer::new(sockets),
            connections: SandboxConnections::default(),
            traffic: traffic.clone(),
        };
        network.add_queue(sandbox.clone(), CallQueue::new(handler));
        Self { policy, network: Arc::clone(network), sandbox, was_used, traffic }
    }

    /// Returns the bytes of the sandbox's connections to the outside so far; `None` if they are not known.
    pub(crate) async fn transfer(&self) -> Option<NetworkTransfer> {
        self.traffic.as_ref()?.total().await
    }

    /// Returns whether the sandbox has requested a connection.
    pub(crate) fn was_used(&self) -> bool {
        self.was_used.load(Ordering::Acquire)
    }

    /// Applies another policy from now on. Existing connections stay.
    pub(crate) fn change_policy(&self, policy: NetworkPolicy) {
        self.policy.replace(policy);
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.network.remove_queue(&self.sandbox);
        if let (Some(meter), Some(traffic)) = (&self.network.host.meter, &self.traffic) {
            meter.remove(traffic);
        }
    }
}
