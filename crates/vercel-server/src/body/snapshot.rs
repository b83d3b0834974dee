//! Snapshots in responses.

use serde::Serialize;

use super::sandbox::ARCHITECTURE;
use crate::model::{CreationMethod, Millis, SnapshotRecord, SnapshotStatus};

/// A snapshot as responses show it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SnapshotView {
    id: String,
    source_session_id: String,
    region: String,
    regions: [String; 1],
    architecture: &'static str,
    status: SnapshotStatus,
    size_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Millis>,
    created_at: Millis,
    updated_at: Millis,
    last_used_at: Millis,
    creation_method: CreationMethod,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_id: Option<String>,
}

impl From<SnapshotRecord> for SnapshotView {
    fn from(snapshot: SnapshotRecord) -> Self {
        Self {
            expires_at: snapshot.expires_at(),
            id: snapshot.id,
            source_session_id: snapshot.source_session,
            regions: [snapshot.region.clone()],
            region: snapshot.region,
            architecture: ARCHITECTURE,
            status: snapshot.status,
            size_bytes: snapshot.size_bytes,
            created_at: snapshot.created_at,
            updated_at: snapshot.updated_at,
            last_used_at: snapshot.last_used_at,
            creation_method: snapshot.creation_method,
            parent_id: snapshot.parent,
        }
    }
}
