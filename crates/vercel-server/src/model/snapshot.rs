//! Snapshots, as their owners see them.

use serde::{Deserialize, Serialize};

use super::{Millis, SandboxKey, period};

/// A snapshot.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SnapshotRecord {
    /// Its id.
    pub(crate) id: String,
    /// What the provider calls it. Two of ours may be the same there.
    pub(crate) provider_id: String,
    /// The sandbox it was taken of.
    pub(crate) sandbox: SandboxKey,
    /// Which of all that ever had this name.
    pub(crate) sandbox_file: String,
    /// The session it ended.
    pub(crate) source_session: String,
    /// The snapshot that session had started from.
    pub(crate) parent: Option<String>,
    /// Whether it is there.
    pub(crate) status: SnapshotStatus,
    /// What it takes up, in bytes.
    pub(crate) size_bytes: u64,
    /// The image of its sandbox, as it was asked for.
    #[serde(default)]
    pub(crate) image: Option<String>,
    /// The region of its session.
    pub(crate) region: String,
    /// Who asked for it.
    pub(crate) creation_method: CreationMethod,
    /// How long it is kept after its last use, in milliseconds; 0 is for ever.
    pub(crate) expiration: u64,
    /// When it was taken.
    pub(crate) created_at: Millis,
    /// When anything of it changed.
    pub(crate) updated_at: Millis,
    /// When a session started from it, or it was taken.
    pub(crate) last_used_at: Millis,
}

/// Whether a snapshot is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SnapshotStatus {
    /// It is.
    Created,
    /// Its files are gone.
    Deleted,
}

/// Who asked for a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CreationMethod {
    /// Its owner.
    Manual,
    /// The end of a persistent sandbox's session.
    Automatic,
}

impl SnapshotRecord {
    /// When it goes, unless it is used before.
    pub(crate) fn expires_at(&self) -> Option<Millis> {
        (self.expiration != 0).then(|| self.last_used_at.saturating_add(period(self.expiration)))
    }

    /// Whether a session can start from it.
    pub(crate) fn is_usable(&self, now: Millis) -> bool {
        self.status == SnapshotStatus::Created && self.expires_at().is_none_or(|expires_at| expires_at > now)
    }

    /// When it was deleted, if it was. Nothing of it changes afterwards.
    pub(crate) fn deleted_at(&self) -> Option<Millis> {
        (self.status == SnapshotStatus::Deleted).then_some(self.updated_at)
    }

    /// Notes that a session started from it, which makes it live longer.
    pub(crate) fn touch(&mut self, now: Millis) {
        self.last_used_at = now;
        self.updated_at = now;
    }

    /// Notes that it is gone.
    pub(crate) fn delete(&mut self, now: Millis) {
        self.status = SnapshotStatus::Deleted;
        self.updated_at = now;
    }
}
