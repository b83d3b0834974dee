//! Sandboxes: durable names under which sessions come and go.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Millis, NetworkSetting, Used};

/// Where a name counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct SandboxKey {
    /// Whose it is; empty for those who name no team.
    pub(crate) team: String,
    /// In which project of theirs.
    pub(crate) project: String,
    /// Its name there.
    pub(crate) name: String,
}

/// A sandbox.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SandboxRecord {
    /// Names its file; unlike the name it is never used twice.
    pub(crate) file: String,
    /// Where its name counts.
    pub(crate) key: SandboxKey,
    /// Whether the end of a session keeps its files.
    pub(crate) persistent: bool,
    /// Cores that a client asked for.
    pub(crate) vcpus: u32,
    /// How long a session lasts unless it is extended, in milliseconds.
    pub(crate) timeout: u64,
    /// The image as it was asked for.
    pub(crate) image: Option<String>,
    /// The region as it was asked for.
    pub(crate) region: String,
    /// Further regions as they were asked for.
    pub(crate) failover_regions: Vec<String>,
    /// Default environment of commands.
    pub(crate) env: BTreeMap<String, String>,
    /// Marks to find it by.
    pub(crate) tags: Option<BTreeMap<String, String>>,
    /// Whom its sessions may talk to.
    pub(crate) network: Option<NetworkSetting>,
    /// Public names of its ports.
    pub(crate) routes: Vec<Route>,
    /// How long its snapshots are kept after their last use, in milliseconds; 0 is for ever.
    pub(crate) snapshot_expiration: Option<u64>,
    /// How many snapshots it keeps.
    pub(crate) keep_last: Option<KeepLastSnapshots>,
    /// The session that runs, or ran last.
    pub(crate) current_session: String,
    /// What its next session starts from.
    pub(crate) current_snapshot: Option<String>,
    /// The sum of its ended sessions' durations in milliseconds.
    pub(crate) total_duration: u64,
    /// What its ended sessions have used. Not known where that of one of them is not.
    #[serde(default)]
    pub(crate) total_used: Used,
    /// When it was made.
    pub(crate) created_at: Millis,
    /// When anything of it changed.
    pub(crate) updated_at: Millis,
    /// When its status changed.
    pub(crate) status_updated_at: Millis,
}

/// A port's public name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Route {
    /// The port.
    pub(crate) port: u16,
    /// The first label of its host.
    pub(crate) subdomain: String,
}

/// How many snapshots a sandbox keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KeepLastSnapshots {
    /// So many.
    pub(crate) count: u32,
    /// How long these are kept, in milliseconds; 0 is for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expiration: Option<u64>,
    /// Whether further ones are deleted at once, and not when they expire.
    #[serde(default = "yes")]
    pub(crate) delete_evicted: bool,
}

fn yes() -> bool {
    true
}
