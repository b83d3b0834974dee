//! The host's network, as all sandboxes use it.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use workers_domain::AddressRange;
use workers_domain::ports::NetworkObserver;
use workers_engine_sys::network_namespace_of;

use super::connections::ConnectionLimit;
use super::traffic::TrafficMeter;

/// The host's network, as all sandboxes use it.
pub(super) struct HostNetwork {
    /// Address ranges that the operator has opened.
    pub(super) open_ranges: Vec<AddressRange>,
    /// The resolvers for names; if empty, the host's resolvers are used.
    pub(super) resolvers: Vec<SocketAddr>,
    /// Counts connections and lookups.
    pub(super) observer: Arc<dyn NetworkObserver>,
    /// Limits the connections of all sandboxes together.
    pub(super) connection_limit: ConnectionLimit,
    /// Counts the bytes of connections; `None` where the engine does not count them.
    pub(super) meter: Option<TrafficMeter>,
    /// The network namespace of this process, to distinguish its sockets from those of sandboxes.
    pub(super) namespace: u64,
}

impl HostNetwork {
    /// Applies the operator's configuration.
    ///
    /// # Errors
    ///
    /// When the kernel does not report a socket's network namespace: then the server can make no connection.
    pub(super) fn new(
        open_ranges: Vec<AddressRange>,
        resolvers: Vec<SocketAddr>,
        observer: Arc<dyn NetworkObserver>,
    ) -> io::Result<Self> {
        // Any socket of this process shows its namespace.
        let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
        let (connection_limit, namespace) = (ConnectionLimit::new(), network_namespace_of(socket)?);
        Ok(Self { open_ranges, resolvers, observer, connection_limit, meter: None, namespace })
    }
}

impl fmt::Debug for HostNetwork {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("HostNetwork").field("open_ranges", &self.open_ranges).finish_non_exhaustive()
    }
}
