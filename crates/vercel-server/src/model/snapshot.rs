//! Snapshots, as their owners see them.

use serde::{Deserialize, Serialize};

use super::{Millis, SandboxKey, period};

/// The record of a snapshot.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SnapshotRecord {
    /// The snapshot's id.
    pub(crate) id: String,
    /// The provider's id for it. Two of our snapshots can share one.
    pub(crate) provider_id: String,
    /// The sandbox it was taken of.
    pub(crate) sandbox: SandboxKey,
    /// The file of that sandbox, which identifies it among all that ever had this name.
    pub(crate) sandbox_file: String,
    /// The session that it ended.
    pub(crate) source_session: String,
    /// The snapshot which that session had started from.
    pub(crate) parent: Option<String>,
    /// Whether its files exist.
    pub(crate) status: SnapshotStatus,
    /// Its size in bytes.
    pub(crate) size_bytes: u64,
    /// The requested image of its sandbox.
    #[serde(default)]
    pub(crate) image: Option<String>,
    /// The region of its session.
    pub(crate) region: String,
    /// Why it was taken.
    pub(crate) creation_method: CreationMethod,
    /// How long it is kept after its last use, in milliseconds; 0 means for ever.
    pub(crate) expiration: u64,
    /// When it was taken.
    pub(crate) created_at: Millis,
    /// When its record last changed.
    pub(crate) updated_at: Millis,
    /// When a session last started from it; initially when it was taken.
    pub(crate) last_used_at: Millis,
}

/// Whether the files of a snapshot exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SnapshotStatus {
    /// They exist.
    Created,
    /// They are deleted.
    Deleted,
}

/// Why a snapshot was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CreationMethod {
    /// Its owner requested it.
    Manual,
    /// A session of a persistent sandbox ended.
    Automatic,
}

impl SnapshotRecord {
    /// Returns when the snapshot expires, unless it is used before.
    pub(crate) fn expires_at(&self) -> Option<Millis> {
        (self.expiration != 0).then(|| self.last_used_at.saturating_add(period(self.expiration)))
    }

    /// Returns whether a session can start from the snapshot.
    pub(crate) fn is_usable(&self, now: Millis) -> bool {
        self.status == SnapshotStatus::Created && self.expires_at().is_none_or(|expires_at| expires_at > now)
    }

    /// Returns when the snapshot was deleted, if it was. A deleted record does not change any more.
    pub(crate) fn deleted_at(&self) -> Option<Millis> {
        (self.status == SnapshotStatus::Deleted).then_some(self.updated_at)
    }

    /// Records that a session started from the snapshot, which extends its life.
    pub(crate) fn touch(&mut self, now: Millis) {
        self.last_used_at = now;
        self.updated_at = now;
    }

    /// Records that the snapshot is deleted.
    pub(crate) fn delete(&mut self, now: Millis) {
        self.status = SnapshotStatus::Deleted;
        self.updated_at = now;
    }
}
