//! Sessions: one machine's life each.

use serde::{Deserialize, Serialize};

use super::{Millis, NetworkSetting, SandboxKey, Used, period};

/// A session.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SessionRecord {
    /// Its id.
    pub(crate) id: String,
    /// Whose session it is.
    pub(crate) sandbox: SandboxKey,
    /// Which of all that ever had this name.
    pub(crate) sandbox_file: String,
    /// How far it has come.
    pub(crate) status: SessionStatus,
    /// Where commands run unless told otherwise.
    pub(crate) cwd: String,
    /// Cores that a client asked for.
    pub(crate) vcpus: u32,
    /// Memory in MiB.
    pub(crate) memory: u64,
    /// The region as it was asked for.
    pub(crate) region: String,
    /// How long it lasts from its start, extensions included, in milliseconds.
    pub(crate) timeout: u64,
    /// The snapshot it started from.
    pub(crate) source_snapshot: Option<String>,
    /// Whom it may talk to.
    pub(crate) network: Option<NetworkSetting>,
    /// When it was asked for.
    pub(crate) requested_at: Millis,
    /// When its machine was there.
    pub(crate) started_at: Millis,
    /// When its end was asked for.
    pub(crate) requested_stop_at: Option<Millis>,
    /// When it was over.
    pub(crate) stopped_at: Option<Millis>,
    /// When it was lost.
    pub(crate) aborted_at: Option<Millis>,
    /// When its files were frozen.
    pub(crate) snapshotted_at: Option<Millis>,
    /// What it has used, once it is over.
    #[serde(default)]
    pub(crate) used: Used,
    /// When anything of it changed.
    pub(crate) updated_at: Millis,
}

/// How far a session has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SessionStatus {
    /// It can be used.
    Running,
    /// It is being ended.
    Stopping,
    /// Its files are being frozen, which ends it.
    Snapshotting,
    /// It ended.
    Stopped,
    /// It broke: its files are those of the last snapshot.
    Failed,
}

impl SessionStatus {
    /// Whether it is over.
    pub(crate) const fn has_ended(self) -> bool {
        matches!(self, Self::Stopped | Self::Failed)
    }

    /// As clients spell it.
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
    /// When its time is over.
    pub(crate) fn expires_at(&self) -> Millis {
        self.started_at.saturating_add(period(self.timeout))
    }

    /// How long it lasted, in milliseconds, once it is over.
    pub(crate) fn duration(&self) -> Option<u64> {
        let ended = self.stopped_at.or(self.aborted_at)?;
        Some(u64::try_from(ended - self.started_at).unwrap_or_default())
    }

    /// Ends it.
    pub(crate) fn end(&mut self, status: SessionStatus, now: Millis) {
        self.status = status;
        self.stopped_at = Some(now);
        self.updated_at = now;
    }
}
