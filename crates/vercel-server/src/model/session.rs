//! Sessions: each is the life of one container.

use serde::{Deserialize, Serialize};

use super::{Millis, NetworkSetting, SandboxKey, Usage, period};

/// The record of a session.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SessionRecord {
    /// The session's id.
    pub(crate) id: String,
    /// The sandbox that it belongs to.
    pub(crate) sandbox: SandboxKey,
    /// The file of that sandbox, which identifies it among all that ever had this name.
    pub(crate) sandbox_file: String,
    /// Its state.
    pub(crate) status: SessionStatus,
    /// The working directory of commands that name none.
    pub(crate) cwd: String,
    /// Requested cores.
    pub(crate) vcpus: u32,
    /// Memory in MiB.
    pub(crate) memory: u64,
    /// The requested region.
    pub(crate) region: String,
    /// How long it lasts from its start, extensions included, in milliseconds.
    pub(crate) timeout: u64,
    /// The snapshot it started from.
    pub(crate) source_snapshot: Option<String>,
    /// Its network policy.
    pub(crate) network: Option<NetworkSetting>,
    /// When it was requested.
    pub(crate) requested_at: Millis,
    /// When its container was ready.
    pub(crate) started_at: Millis,
    /// When its end was requested.
    pub(crate) requested_stop_at: Option<Millis>,
    /// When it ended.
    pub(crate) stopped_at: Option<Millis>,
    /// When it was lost.
    pub(crate) aborted_at: Option<Millis>,
    /// When its snapshot was taken.
    pub(crate) snapshotted_at: Option<Millis>,
    /// What it has used; set when it has ended.
    #[serde(default)]
    pub(crate) used: Usage,
    /// When its record last changed.
    pub(crate) updated_at: Millis,
}

/// The state of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SessionStatus {
    /// It can be used.
    Running,
    /// It is ending.
    Stopping,
    /// Its snapshot is being taken, which ends it.
    Snapshotting,
    /// It has ended.
    Stopped,
    /// It broke. What is left of its files is the last snapshot.
    Failed,
}

impl SessionStatus {
    /// Returns whether the session has ended.
    pub(crate) const fn has_ended(self) -> bool {
        matches!(self, Self::Stopped | Self::Failed)
    }

    /// Returns the spelling that clients use.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Snapshotting => "snapshotting",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
        }
    }
}

impl SessionRecord {
    /// Returns when the session's time is over.
    pub(crate) fn expires_at(&self) -> Millis {
        self.started_at.saturating_add(period(self.timeout))
    }

    /// Returns how long the session lasted in milliseconds, if it has ended.
    pub(crate) fn duration(&self) -> Option<u64> {
        let ended = self.stopped_at.or(self.aborted_at)?;
        // Negative if the clock was set back; that counts as nothing.
        Some(u64::try_from(ended - self.started_at).unwrap_or_default())
    }

    /// Marks the session as ended.
    pub(crate) fn end(&mut self, status: SessionStatus, now: Millis) {
        self.status = status;
        self.stopped_at = Some(now);
        self.updated_at = now;
    }
}
