//! Sandboxes: durable names, each with one session after another.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Millis, NetworkSetting, Usage};

/// Identifies a sandbox: its name, and the scope in which the name is unique.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct SandboxKey {
    /// The team that owns the sandbox; empty for callers without a team.
    pub(crate) team: String,
    /// The team's project.
    pub(crate) project: String,
    /// The name within the project.
    pub(crate) name: String,
}

/// The record of a sandbox.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SandboxRecord {
    /// The name of its file. Unlike the sandbox's name it is never reused.
    pub(crate) file: String,
    /// The sandbox's name and its scope.
    pub(crate) key: SandboxKey,
    /// Whether its files are kept when a session ends.
    pub(crate) persistent: bool,
    /// Requested cores.
    pub(crate) vcpus: u32,
    /// How long a session lasts unless it is extended, in milliseconds.
    pub(crate) timeout: u64,
    /// The requested image.
    pub(crate) image: Option<String>,
    /// The requested region.
    pub(crate) region: String,
    /// The requested failover regions.
    pub(crate) failover_regions: Vec<String>,
    /// Default environment of its commands.
    pub(crate) env: BTreeMap<String, String>,
    /// Tags to find it by.
    pub(crate) tags: Option<BTreeMap<String, String>>,
    /// The network policy of its sessions.
    pub(crate) network: Option<NetworkSetting>,
    /// Public host names of its ports.
    pub(crate) routes: Vec<Route>,
    /// How long its snapshots are kept after their last use, in milliseconds; 0 means for ever.
    pub(crate) snapshot_expiration: Option<u64>,
    /// How many snapshots it keeps.
    pub(crate) keep_last: Option<KeepLastSnapshots>,
    /// The id of the session that runs, or ran last.
    pub(crate) current_session: String,
    /// The snapshot that its next session starts from.
    pub(crate) current_snapshot: Option<String>,
    /// The sum of the durations of its ended sessions, in milliseconds.
    pub(crate) total_duration: u64,
    /// What its ended sessions have used. Unknown if the usage of one of them is unknown.
    #[serde(default)]
    pub(crate) total_used: Usage,
    /// When it was created.
    pub(crate) created_at: Millis,
    /// When its record last changed.
    pub(crate) updated_at: Millis,
    /// When its status last changed.
    pub(crate) status_updated_at: Millis,
}

/// The public host name of a port.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Route {
    /// The port in the sandbox.
    pub(crate) port: u16,
    /// The first label of the host name.
    pub(crate) subdomain: String,
}

/// How many snapshots a sandbox keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KeepLastSnapshots {
    /// The number of snapshots.
    pub(crate) count: u32,
    /// How long these are kept, in milliseconds; 0 means for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expiration: Option<u64>,
    /// Whether older ones are deleted at once instead of when they expire.
    #[serde(default = "yes")]
    pub(crate) delete_evicted: bool,
}

fn yes() -> bool {
    true
}
