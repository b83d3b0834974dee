//! The small file that makes a content a snapshot.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use workers_domain::SnapshotId;
use workers_domain::ports::Snapshot;
use workers_private_files::open_file;

use super::layout::Layout;
use super::manifest::Digest256;

/// The content of a snapshot, and when the snapshot expires.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reference {
    /// The content's address.
    pub(super) content: Digest256,
    /// The size of its files in bytes.
    pub(super) size_bytes: u64,
    /// When it expires.
    pub(super) expires_at: Option<DateTime<Utc>>,
}

/// The id and the times of a snapshot that is to be made.
#[derive(Debug, Clone)]
pub(crate) struct NewSnapshot {
    /// The requested id. A new id is made if there is none, or if it does not have the form of ours.
    pub(crate) id: Option<SnapshotId>,
    /// When it is made.
    pub(crate) now: DateTime<Utc>,
    /// When it expires.
    pub(crate) expires_at: Option<DateTime<Utc>>,
}

impl NewSnapshot {
    /// Returns the id, and the path of the reference with that id.
    pub(super) fn id_and_path(&self, references: &Path) -> io::Result<(SnapshotId, PathBuf)> {
        let wanted = self.id.clone().and_then(|id| path_of(references, &id).map(|path| (id, path)));
        let own = || {
            let id = SnapshotId::new(format!("snap_{}", new_uuid(self.now)));
            path_of(references, &id).map(|path| (id, path))
        };
        wanted.or_else(own).ok_or_else(|| io::Error::other("a malformed id"))
    }
}

/// Makes a version 7 UUID, so that snapshots sort by when they were made.
fn new_uuid(now: DateTime<Utc>) -> Uuid {
    let seconds = u64::try_from(now.timestamp()).unwrap_or_default();
    Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, now.timestamp_subsec_nanos()))
}

impl Reference {
    /// Returns the snapshot that it stands for.
    pub(super) fn snapshot(&self, id: SnapshotId) -> Snapshot {
        Snapshot { id, size_bytes: self.size_bytes, expires_at: self.expires_at }
    }

    /// Returns whether it has expired.
    pub(super) fn has_expired(&self, now: DateTime<Utc>) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// Reads the reference at a path; returns `None` when there is none or it is damaged.
    pub(super) fn read(path: &Path) -> io::Result<Option<Self>> {
        match fs::read(path) {
            Ok(bytes) => {
                let parsed: Option<Self> = serde_json::from_slice(&bytes).ok();
                // The digest becomes a path, so a damaged file must not name another one.
                Ok(parsed.filter(|reference| reference.content.is_well_formed()))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes it atomically.
    pub(super) fn write(&self, layout: &Layout, path: &Path, id: &SnapshotId) -> io::Result<()> {
        let (bytes, incoming) = (serde_json::to_vec(self)?, layout.incoming.join(id.as_str()));
        let written = open_file(&incoming)
            .and_then(|mut file| file.write_all(&bytes))
            .and_then(|()| layout.in_level(path, || fs::rename(&incoming, path)));
        written.inspect_err(|_| {
            // If this fails, the next start removes it.
            let _ = fs::remove_file(&incoming);
        })
    }
}

/// Returns whether this module writes files with this name.
pub(super) fn is_name(name: &str) -> bool {
    name_of(&SnapshotId::new(name)).is_some_and(|ours| ours == name)
}

/// Returns the path of a snapshot's reference; `None` for an id that does not have the form of ours and could lead
/// anywhere.
pub(super) fn path_of(references: &Path, id: &SnapshotId) -> Option<PathBuf> {
    let name = name_of(id)?;
    // An id begins with the time; its end is random, so the references are spread evenly.
    let level = name.get(name.len().checked_sub(2)?..)?;
    Some(references.join(level).join(&name))
}

fn name_of(id: &SnapshotId) -> Option<String> {
    let uuid: Uuid = id.as_str().strip_prefix("snap_")?.parse().ok()?;
    // Written anew, so that an id in another spelling of the same number has the same file.
    Some(format!("snap_{uuid}"))
}
