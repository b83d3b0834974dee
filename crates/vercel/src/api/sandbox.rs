//! Sandboxes and their sessions.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::serde::{ts_milliseconds, ts_milliseconds_option};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize, Serializer};

use super::NetworkRules;

/// A sandbox to create. For a `None` the API's default applies.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateSandbox {
    /// The name: letters, digits, `_` and `-`, at most 128, unique in the project. Without one the API generates a
    /// name, and a failed request is not tried again, because the client cannot find out whether it created a sandbox.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What the sandbox starts from; a clean image if `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// The runtime, for example `node24`. Not allowed together with [`image`](Self::image) or a snapshot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
    /// The image, for example `vercel/sandbox/universal`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// How long a session may run: at least a second, and five minutes if `None`.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "milliseconds")]
    pub timeout: Option<Duration>,
    /// Number of processors: one, or an even number. Each comes with 2048 MB of memory.
    #[serde(rename = "resources", skip_serializing_if = "Option::is_none", serialize_with = "resources")]
    pub vcpus: Option<u32>,
    /// Whether the files outlive the session, in an automatic snapshot. The API's default is yes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub persistent: Option<bool>,
    /// Ports that are reachable from outside.
    pub ports: Vec<u16>,
    /// The environment of every command.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Tags: at most five, with values of at most 256 characters.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// The network policy; every address is reachable if `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_policy: Option<NetworkRules>,
    /// The region, for example `iad1`. A snapshot can be used in its own region only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// How long its snapshots are kept: at least a day, or zero for ever.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "milliseconds")]
    pub snapshot_expiration: Option<Duration>,
}

/// What a sandbox starts from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Source {
    /// A snapshot.
    Snapshot {
        /// The snapshot's id.
        snapshot_id: String,
    },
    /// A Git repository.
    Git {
        /// The URL of the repository.
        url: String,
        /// A branch, tag or commit.
        #[serde(skip_serializing_if = "Option::is_none")]
        revision: Option<String>,
        /// How many commits to fetch.
        #[serde(skip_serializing_if = "Option::is_none")]
        depth: Option<u32>,
    },
    /// A tar archive.
    Tarball {
        /// The URL of the archive.
        url: String,
    },
}

/// A sandbox: a name with settings, and the session that runs under it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SandboxInfo {
    /// The sandbox's name.
    pub name: String,
    /// The id of the current session; of the last one if none runs.
    pub current_session_id: String,
    /// The status of that session.
    pub status: SessionStatus,
    /// The snapshot that its next session starts from.
    pub current_snapshot_id: Option<String>,
    /// Whether the files outlive the session.
    pub persistent: Option<bool>,
    /// The region.
    pub region: Option<String>,
    /// Number of processors.
    pub vcpus: Option<u32>,
    /// Memory in MB.
    pub memory: Option<u64>,
    /// How long a session may run, in milliseconds.
    pub timeout: Option<u64>,
    /// When the running session ends.
    #[serde(default, with = "ts_milliseconds_option")]
    pub expires_at: Option<DateTime<Utc>>,
    /// The sandbox's tags.
    #[serde(default, deserialize_with = "null_as_default")]
    pub tags: BTreeMap<String, String>,
    /// When the sandbox was created.
    #[serde(with = "ts_milliseconds")]
    pub created_at: DateTime<Utc>,
}

/// A session: one virtual machine.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionInfo {
    /// The session's id, which requests for commands and files use.
    pub id: String,
    /// The session's status.
    pub status: SessionStatus,
    /// The session's working directory.
    pub cwd: String,
    /// How long the session may run, in milliseconds.
    pub timeout: Option<u64>,
    /// The region.
    pub region: Option<String>,
    /// Number of processors.
    pub vcpus: Option<u32>,
    /// The snapshot that it started from.
    pub source_snapshot_id: Option<String>,
    /// When it was requested.
    #[serde(default, with = "ts_milliseconds_option")]
    pub requested_at: Option<DateTime<Utc>>,
    /// When it started.
    #[serde(default, with = "ts_milliseconds_option")]
    pub started_at: Option<DateTime<Utc>>,
    /// Processor time used, in milliseconds; set once it has stopped.
    pub active_cpu_duration_ms: Option<u64>,
}

/// The status of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SessionStatus {
    /// It is being created.
    Pending,
    /// It is running.
    Running,
    /// It is stopping.
    Stopping,
    /// It has stopped.
    Stopped,
    /// It could not start, or it broke.
    Failed,
    /// It was ended by force.
    Aborted,
    /// Its snapshot is being taken.
    Snapshotting,
    /// A status that this crate does not support.
    #[serde(other)]
    Unknown,
}

impl SessionStatus {
    /// Returns whether nothing of the session runs any more.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Stopped | Self::Failed | Self::Aborted)
    }
}

/// A port that is reachable from outside.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RouteInfo {
    /// The public URL of the port.
    pub url: String,
    /// The port in the sandbox.
    pub port: u16,
}

/// A sandbox with its session.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct SandboxWithSession {
    /// The sandbox.
    pub sandbox: SandboxInfo,
    /// The current session.
    pub session: SessionInfo,
    /// The reachable ports.
    #[serde(default, deserialize_with = "null_as_default")]
    pub routes: Vec<RouteInfo>,
}

/// A session that was stopped.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct StoppedSession {
    /// The session.
    pub session: SessionInfo,
    /// The sandbox of the session.
    pub sandbox: Option<SandboxInfo>,
    /// The snapshot of its files, if the sandbox is persistent.
    pub snapshot: Option<super::SnapshotInfo>,
}

/// The body of a request to create a sandbox: its settings and its project.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateBody<'a> {
    pub(crate) project_id: &'a str,
    #[serde(flatten)]
    pub(crate) sandbox: &'a CreateSandbox,
}

#[derive(Deserialize)]
pub(crate) struct SandboxBody {
    pub(crate) sandbox: SandboxInfo,
}

#[derive(Deserialize)]
pub(crate) struct SessionBody {
    pub(crate) session: SessionInfo,
}

#[expect(clippy::ref_option, reason = "serde passes the field by reference")]
pub(super) fn milliseconds<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    duration.map(in_milliseconds).serialize(serializer)
}

#[expect(clippy::ref_option, clippy::trivially_copy_pass_by_ref, reason = "serde passes the field by reference")]
fn resources<S: Serializer>(vcpus: &Option<u32>, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Resources {
        vcpus: u32,
    }
    vcpus.map(|vcpus| Resources { vcpus }).serialize(serializer)
}

pub(crate) fn in_milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

pub(super) fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_not_known_is_no_error_and_null_is_nothing() {
        let text = r#"{"id":"sbx_1","status":"hibernating","cwd":"/vercel","timeout":null,"startedAt":null,"more":{}}"#;
        let session: SessionInfo = serde_json::from_str(text).unwrap();
        assert_eq!((session.status, session.timeout, session.started_at), (SessionStatus::Unknown, None, None));
        let text =
            r#"{"name":"a","currentSessionId":"sbx_1","status":"running","tags":null,"createdAt":1790987499311}"#;
        let sandbox: SandboxInfo = serde_json::from_str(text).unwrap();
        assert_eq!((sandbox.tags.len(), sandbox.created_at.timestamp_millis()), (0, 1_790_987_499_311));
    }
}
