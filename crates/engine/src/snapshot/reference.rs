//! The small file that makes a content a snapshot.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use workers_domain::SnapshotId;
use workers_domain::ports::Snapshot;
use workers_private_files::open_file;

use super::manifest::Digest256;

/// Which content a snapshot has, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reference {
    /// The content's address.
    pub(super) content: Digest256,
    /// Its files' size.
    pub(super) size_bytes: u64,
    /// When it ends.
    pub(super) expires_at: Option<DateTime<Utc>>,
}

impl Reference {
    /// The snapshot it stands for.
    pub(super) fn snapshot(&self, id: SnapshotId) -> Snapshot {
        Snapshot { id, size_bytes: self.size_bytes, expires_at: self.expires_at }
    }

    /// Whether it has ended.
    pub(super) fn has_expired(&self, now: DateTime<Utc>) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// Reads the reference at a path; `None` when there is none or it is torn.
    pub(super) fn read(path: &Path) -> io::Result<Option<Self>> {
        match fs::read(path) {
            Ok(bytes) => {
                let parsed: Option<Self> = serde_json::from_slice(&bytes).ok();
                Ok(parsed.filter(|reference| reference.content.is_well_formed()))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes it, whole or not at all.
    pub(super) fn write(&self, path: &Path, incoming: &Path) -> io::Result<()> {
        let bytes = serde_json::to_vec(self)?;
        let written =
            open_file(incoming).and_then(|mut file| file.write_all(&bytes)).and_then(|()| fs::rename(incoming, path));
        written.inspect_err(|_| {
            // What is left of it is cleared at the next start at the latest.
            let _ = fs::remove_file(incoming);
        })
    }
}

/// Whether a file of this name is one that this module writes.
pub(super) fn is_name(name: &str) -> bool {
    path_of(Path::new(""), &SnapshotId::new(name)).is_some_and(|path| path.as_os_str() == name)
}

/// The file name of a snapshot's reference; `None` for an id that is none of ours, which could lead anywhere.
pub(super) fn path_of(directory: &Path, id: &SnapshotId) -> Option<PathBuf> {
    let uuid: uuid::Uuid = id.as_str().strip_prefix("snap_")?.parse().ok()?;
    Some(directory.join(format!("snap_{uuid}")))
}
