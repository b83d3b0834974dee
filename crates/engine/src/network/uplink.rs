//! The host's network, as all sandboxes use it.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use workers_domain::AddressRange;
use workers_domain::ports::NetworkObserver;
use workers_engine_sys::network_namespace_of;

use super::meter::Meter;
use super::open::AllConnections;

/// The host's network, as all sandboxes use it.
pub(super) struct Uplink {
    /// Address ranges that the operator has opened.
    pub(super) open: Vec<AddressRange>,
    /// The resolvers for names; if empty, the host's resolvers are used.
    pub(super) resolvers: Vec<SocketAddr>,
    /// Receives events to count.
    pub(super) observer: Arc<dyn NetworkObserver>,
    /// The connections of all sandboxes.
    pub(super) connections: AllConnections,
    /// Counts what connections carry; `None` where that is not counted.
    pub(super) meter: Option<Meter>,
    /// The network namespace of this process, to distinguish its sockets from those of sandboxes.
    pub(super) namespace: u64,
}

impl Uplink {
    /// Takes over the operator's configuration.
    ///
    /// # Errors
    ///
    /// When the kernel does not report a socket's network namespace: then nothing can be brokered.
    pub(super) fn new(
        open: Vec<AddressRange>,
        resolvers: Vec<SocketAddr>,
        observer: Arc<dyn NetworkObserver>,
    ) -> io::Result<Self> {
        let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
        let (connections, namespace) = (AllConnections::new(), network_namespace_of(socket)?);
        Ok(Self { open, resolvers, observer, connections, meter: None, namespace })
    }
}

impl fmt::Debug for Uplink {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Uplink").field("open", &self.open).finish_non_exhaustive()
    }
}
