//! Resource usage of sessions.

use serde::{Deserialize, Serialize};
use workers_domain::ports::ContainerUsage;

/// The usage of a session, or of all ended sessions of a sandbox. Unknown values are `None`: an earlier server did not
/// count them, or they were lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Usage {
    /// Processor time in milliseconds.
    pub(crate) cpu: Option<u64>,
    /// Bytes received from outside.
    pub(crate) ingress: Option<u64>,
    /// Bytes sent to the outside.
    pub(crate) egress: Option<u64>,
}

impl Usage {
    /// The usage of a sandbox without ended sessions.
    pub(crate) const NOTHING: Self = Self { cpu: Some(0), ingress: Some(0), egress: Some(0) };

    /// Adds two usages. A sum is unknown if one of its parts is.
    pub(crate) fn plus(self, other: Self) -> Self {
        let sum = |one: Option<u64>, other: Option<u64>| Some(one?.saturating_add(other?));
        Self {
            cpu: sum(self.cpu, other.cpu),
            ingress: sum(self.ingress, other.ingress),
            egress: sum(self.egress, other.egress),
        }
    }
}

impl From<ContainerUsage> for Usage {
    fn from(usage: ContainerUsage) -> Self {
        Self {
            cpu: usage.cpu.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
            ingress: usage.network.map(|network| network.received),
            egress: usage.network.map(|network| network.sent),
        }
    }
}
