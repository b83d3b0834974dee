//! The state that the brokers of all sandboxes share.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use workers_domain::AddressRange;
use workers_domain::ports::{NetworkObserver, SandboxError};
use workers_engine_sys::network_namespace_of;

use super::line::Line;
use super::meter::Meter;
use super::open::AllConnections;
use crate::options::NetworkOptions;
use crate::server::unavailable;

/// The state that the brokers of all sandboxes share.
pub(crate) struct Shared {
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
    /// The lines for questions, by the name of the sandbox, which is also the name of its cgroups.
    lines: Mutex<HashMap<String, Arc<Line>>>,
}

impl Shared {
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
        Ok(Self { open, resolvers, observer, connections, meter: None, namespace, lines: Mutex::default() })
    }

    /// Makes it for an engine that starts.
    pub(crate) fn of(options: NetworkOptions) -> Result<Arc<Self>, SandboxError> {
        let NetworkOptions { open, resolvers, observer } = options;
        let made = Self::new(open, resolvers, observer).map(Arc::new);
        made.map_err(|error| unavailable(format!("the network cannot be brokered: {error}")))
    }

    /// Makes it for an engine that starts and counts what connections carry, if the kernel reports that. Must be called
    /// within the runtime.
    pub(crate) fn with_meter(options: NetworkOptions) -> Result<Arc<Self>, SandboxError> {
        let NetworkOptions { open, resolvers, observer } = options;
        let made = Self::new(open, resolvers, observer);
        let made = made.map_err(|error| unavailable(format!("the network cannot be brokered: {error}")))?;
        let meter = Meter::start();
        if let Err(error) = &meter {
            tracing::warn!(error = %error, "what machines send and receive is not counted: the kernel does not tell it");
        }
        Ok(Arc::new(Self { meter: meter.ok(), ..made }))
    }

    /// Adds the line of a sandbox.
    pub(super) fn open_line(&self, sandbox: String, line: Arc<Line>) {
        self.lines().insert(sandbox, line);
    }

    /// Removes and closes the line of a sandbox; questions in it are not answered any more.
    pub(super) fn close_line(&self, sandbox: &str) {
        let closed = self.lines().remove(sandbox);
        if let Some(line) = closed {
            line.close();
        }
    }

    /// Returns the line of the sandbox whose name is among these.
    pub(super) fn line_of<'a>(&self, mut names: impl Iterator<Item = &'a str>) -> Option<Arc<Line>> {
        let lines = self.lines();
        names.find_map(|name| lines.get(name)).cloned()
    }

    fn lines(&self) -> MutexGuard<'_, HashMap<String, Arc<Line>>> {
        // Held for single statements only, so a panic elsewhere leaves no inconsistent state.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Shared").field("open", &self.open).finish_non_exhaustive()
    }
}
