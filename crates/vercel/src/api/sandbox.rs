//! Sandboxes and their sessions.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::serde::{ts_milliseconds, ts_milliseconds_option};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize, Serializer};

use super::NetworkRules;

/// A sandbox to be made. What is `None` is left to the API.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateSandbox {
    /// Its name: letters, digits, `_` and `-`, at most 128, unique in the project. Without one the API makes one up,
    /// and a failed request is not tried again, for nobody could tell whether there is a sandbox already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it starts from; a clean image if `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// `node24` and the like. Not together with [`image`](Self::image) or a snapshot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
    /// An image, as `vercel/sandbox/universal`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// How long it may run: at least a second, and five minutes if `None`.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "milliseconds")]
    pub timeout: Option<Duration>,
    /// Processors: one, or an even number. There are 2048 MB of memory for each.
    #[serde(rename = "resources", skip_serializing_if = "Option::is_none", serialize_with = "resources")]
    pub vcpus: Option<u32>,
    /// Whether it outlives its session, in an automatic snapshot. The API's default is yes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub persistent: Option<bool>,
    /// Ports that are reachable from outside.
    pub ports: Vec<u16>,
    /// The environment of every command.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// At most five, with values of at most 256 characters.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Whom it may talk to; everybody if `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_policy: Option<NetworkRules>,
    /// Where it runs, as `iad1`. A snapshot can be used in its own region only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// How long its snapshots are kept: a day at least, or zero for ever.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "milliseconds")]
    pub snapshot_expiration: Option<Duration>,
}

/// What a sandbox starts from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Source {
    /// A snapshot.
    Snapshot {
        /// Its id.
        snapshot_id: String,
    },
    /// A Git repository.
    Git {
        /// Where it is.
        url: String,
        /// A branch, tag or commit.
        #[serde(skip_serializing_if = "Option::is_none")]
        revision: Option<String>,
        /// How many commits are fetched.
        #[serde(skip_serializing_if = "Option::is_none")]
        depth: Option<u32>,
    },
    /// An archive.
    Tarball {
        /// Where it is.
        url: String,
    },
}

/// A sandbox: a name with settings, and the session that runs under it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SandboxInfo {
    /// Its name.
    pub name: String,
    /// Its session, the last one if none runs.
    pub current_session_id: String,
    /// How that is.
    pub status: SessionStatus,
    /// What its next session starts from.
    pub current_snapshot_id: Option<String>,
    /// Whether it outlives its session.
    pub persistent: Option<bool>,
    /// Where it runs.
    pub region: Option<String>,
    /// Processors.
    pub vcpus: Option<u32>,
    /// Memory in MB.
    pub memory: Option<u64>,
    /// How long a session may run, in milliseconds.
    pub timeout: Option<u64>,
    /// When the session ends, while it runs.
    #[serde(default, with = "ts_milliseconds_option")]
    pub expires_at: Option<DateTime<Utc>>,
    /// Its tags.
    #[serde(default, deserialize_with = "null_as_default")]
    pub tags: BTreeMap<String, String>,
    /// When it was made.
    #[serde(with = "ts_milliseconds")]
    pub created_at: DateTime<Utc>,
}

/// A session: one virtual machine.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionInfo {
    /// Its id, which commands and files go by.
    pub id: String,
    /// How it is.
    pub status: SessionStatus,
    /// Its working directory.
    pub cwd: String,
    /// How long it may run, in milliseconds.
    pub timeout: Option<u64>,
    /// Where it runs.
    pub region: Option<String>,
    /// Processors.
    pub vcpus: Option<u32>,
    /// What it started from.
    pub source_snapshot_id: Option<String>,
    /// When it was asked for.
    #[serde(default, with = "ts_milliseconds_option")]
    pub requested_at: Option<DateTime<Utc>>,
    /// When it started.
    #[serde(default, with = "ts_milliseconds_option")]
    pub started_at: Option<DateTime<Utc>>,
    /// Processor time it took, in milliseconds, once it has stopped.
    pub active_cpu_duration_ms: Option<u64>,
}

/// How a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SessionStatus {
    /// It is being made.
    Pending,
    /// It runs.
    Running,
    /// It is about to have stopped.
    Stopping,
    /// It has stopped.
    Stopped,
    /// It could not start, or broke.
    Failed,
    /// It was ended by force.
    Aborted,
    /// It is being frozen.
    Snapshotting,
    /// A word that is not known here.
    #[serde(other)]
    Unknown,
}

impl SessionStatus {
    /// Whether nothing of it runs any more.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Stopped | Self::Failed | Self::Aborted)
    }
}

/// A port that is reachable from outside.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RouteInfo {
    /// Under which address.
    pub url: String,
    /// Which port.
    pub port: u16,
}

/// A sandbox with its session.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct SandboxWithSession {
    /// The sandbox.
    pub sandbox: SandboxInfo,
    /// Its session.
    pub session: SessionInfo,
    /// Its ports.
    #[serde(default, deserialize_with = "null_as_default")]
    pub routes: Vec<RouteInfo>,
}

/// A session that was stopped.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct StoppedSession {
    /// The session.
    pub session: SessionInfo,
    /// Its sandbox.
    pub sandbox: Option<SandboxInfo>,
    /// What was kept of it, if it is persistent.
    pub snapshot: Option<super::SnapshotInfo>,
}

/// A sandbox to be made, and where.
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
