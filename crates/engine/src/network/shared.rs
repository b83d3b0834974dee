//! The state that the brokers of all sandboxes share.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use workers_domain::ports::SandboxError;

use super::line::Line;
use super::meter::Meter;
use super::uplink::Uplink;
use crate::options::NetworkOptions;
use crate::server::unavailable;

/// The state that the brokers of all sandboxes share.
pub(crate) struct Shared {
    /// The host's network.
    pub(super) uplink: Arc<Uplink>,
    /// The lines for questions, by the name of the sandbox, which is also the name of its cgroups.
    lines: Mutex<HashMap<String, Arc<Line>>>,
}

impl Shared {
    fn new(uplink: Uplink) -> Arc<Self> {
        Arc::new(Self { uplink: Arc::new(uplink), lines: Mutex::default() })
    }

    /// Makes it for an engine that starts.
    pub(crate) fn of(options: NetworkOptions) -> Result<Arc<Self>, SandboxError> {
        uplink_of(options).map(Self::new)
    }

    /// Makes it for an engine that starts and counts what connections carry, if the kernel reports that. Must be called
    /// within the runtime.
    pub(crate) fn with_meter(options: NetworkOptions) -> Result<Arc<Self>, SandboxError> {
        let made = uplink_of(options)?;
        let meter = Meter::start();
        if let Err(error) = &meter {
            tracing::warn!(error = %error, "what containers send and receive is not counted: the kernel does not tell it");
        }
        Ok(Self::new(Uplink { meter: meter.ok(), ..made }))
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
        formatter.debug_struct("Shared").field("uplink", &self.uplink).finish_non_exhaustive()
    }
}

/// Takes over the operator's configuration.
fn uplink_of(options: NetworkOptions) -> Result<Uplink, SandboxError> {
    let NetworkOptions { open, resolvers, observer } = options;
    let made = Uplink::new(open, resolvers, observer);
    made.map_err(|error| unavailable(format!("the network cannot be brokered: {error}")))
}
