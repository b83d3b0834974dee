//! Snapshots.

use chrono::serde::ts_milliseconds_option;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A snapshot: a frozen file system.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotInfo {
    /// Its id.
    pub id: String,
    /// How it is.
    pub status: SnapshotStatus,
    /// Its size.
    pub size_bytes: u64,
    /// The session it was made of.
    pub source_session_id: Option<String>,
    /// Where it is.
    pub region: Option<String>,
    /// When the API will remove it. Each use puts it off.
    #[serde(default, with = "ts_milliseconds_option")]
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was made.
    #[serde(default, with = "ts_milliseconds_option")]
    pub created_at: Option<DateTime<Utc>>,
}

/// How a snapshot is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SnapshotStatus {
    /// It can be used.
    Created,
    /// It is no more.
    Deleted,
    /// It never was.
    Failed,
    /// A word that is not known here.
    #[serde(other)]
    Unknown,
}

#[derive(Deserialize)]
pub(crate) struct SnapshotBody {
    pub(crate) snapshot: SnapshotInfo,
}

/// What a snapshot is asked for with.
#[derive(Serialize)]
pub(crate) struct MakeSnapshotBody {
    /// In milliseconds; zero for ever.
    pub(crate) expiration: u64,
}
