//! Snapshots.

use chrono::serde::ts_milliseconds_option;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A snapshot: the files of a sandbox at one time.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotInfo {
    /// The snapshot's id.
    pub id: String,
    /// The snapshot's status.
    pub status: SnapshotStatus,
    /// Size in bytes.
    pub size_bytes: u64,
    /// The session that it was taken of.
    pub source_session_id: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// When the API removes the snapshot. Each use postpones that.
    #[serde(default, with = "ts_milliseconds_option")]
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was taken.
    #[serde(default, with = "ts_milliseconds_option")]
    pub created_at: Option<DateTime<Utc>>,
}

/// The status of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SnapshotStatus {
    /// It can be used.
    Created,
    /// It was deleted.
    Deleted,
    /// It could not be taken.
    Failed,
    /// A status that this crate does not support.
    #[serde(other)]
    Unknown,
}

#[derive(Deserialize)]
pub(crate) struct SnapshotBody {
    pub(crate) snapshot: SnapshotInfo,
}

/// The body of a request to take a snapshot.
#[derive(Serialize)]
pub(crate) struct MakeSnapshotBody {
    /// How long to keep the snapshot, in milliseconds; zero for ever.
    pub(crate) expiration: u64,
}
