//! The snapshots of containers.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use workers_domain::SnapshotId;
use workers_domain::ports::Snapshot;
use workers_private_files::{make_directory, replace_file};

use crate::data_dir_root::{DataDirRoot, remove};
use crate::fault::named;

/// The file with a snapshot's record. It is written last, so a snapshot without it is incomplete.
const RECORD: &str = "image.json";

/// The suffix of directories that are being written or removed.
const UNFINISHED: &str = ".unfinished";

/// How many bytes a snapshot has to leave free on the disk.
const RESERVE: u64 = 64 << 20;

/// The snapshots of containers; each is a directory.
#[derive(Debug)]
pub(super) struct Images {
    root: DataDirRoot,
    directory: PathBuf,
    /// How many containers run from each snapshot, and whether it was removed meanwhile.
    uses: Mutex<HashMap<String, Use>>,
}

#[derive(Debug, Default)]
struct Use {
    leases: usize,
    is_removed: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Record {
    size_bytes: u64,
}

/// Keeps a snapshot's files while a container runs from them.
#[derive(Debug)]
pub(super) struct Lease {
    images: Arc<Images>,
    name: String,
}

impl Images {
    /// Opens the store, and clears away what was being written or removed when an earlier server ended.
    ///
    /// # Errors
    ///
    /// When the directory cannot be made or read; the error names its path. A snapshot whose record cannot be read now
    /// is kept.
    pub(super) fn open(directory: PathBuf) -> io::Result<Arc<Self>> {
        make_directory(&directory)?;
        let at = |error| named(directory.display(), error);
        for item in fs::read_dir(&directory).map_err(at)? {
            let item = item.map_err(at)?;
            let name = item.file_name().to_string_lossy().into_owned();
            // Directories with other names are not ours. A snapshot without its record was being removed.
            let is_left = name.ends_with(UNFINISHED) || (is_name(&name) && is_gone(&item.path().join(RECORD)));
            if is_left && let Err(error) = remove(&item.path()) {
                tracing::warn!(error = %error, "what an earlier server left of a snapshot could not be removed");
            }
        }
        let root = DataDirRoot::of(&directory)?;
        Ok(Arc::new(Self { root, directory, uses: Mutex::default() }))
    }

    /// Checks that the directory is still the one that was opened: another directory has other snapshots than those
    /// that clients have ids of, and a missing directory does not mean that its snapshots are gone.
    fn check(&self) -> io::Result<()> {
        self.root.check()
    }

    /// Checks that there is room for the changes that a file system in memory holds, and for [`RESERVE`] in addition.
    pub(super) fn check_room(&self, changes: BorrowedFd<'_>) -> io::Result<()> {
        let in_memory = rustix::fs::fstatvfs(changes)?;
        let used = in_memory.f_blocks.saturating_sub(in_memory.f_bfree).saturating_mul(in_memory.f_frsize);
        let on_disk = rustix::fs::statvfs(&self.directory)?;
        let free = on_disk.f_bavail.saturating_mul(on_disk.f_frsize);
        if free < used.saturating_add(RESERVE) {
            let message = format!("{used} bytes were changed, and {free} are free on the disk with the snapshots");
            return Err(io::Error::new(io::ErrorKind::StorageFull, message));
        }
        Ok(())
    }

    /// Makes an empty directory for a snapshot that is being taken.
    pub(super) fn begin(&self) -> io::Result<PathBuf> {
        self.check()?;
        let path = self.directory.join(format!("{}{UNFINISHED}", Uuid::new_v4()));
        make_directory(&path)?;
        Ok(path)
    }

    /// Makes a snapshot of such a directory.
    pub(super) fn keep(&self, written: &Path, size_bytes: u64) -> io::Result<Snapshot> {
        let name = format!("snap_{}", Uuid::now_v7());
        replace_file(&written.join(RECORD), &serde_json::to_vec(&Record { size_bytes })?)?;
        fs::rename(written, self.directory.join(&name))?;
        // If the directory has been replaced meanwhile, the snapshot may be lost.
        self.check()?;
        Ok(Snapshot { id: SnapshotId::new(name), size_bytes, expires_at: None })
    }

    /// Returns the snapshot with this id.
    pub(super) fn find(&self, id: &SnapshotId) -> io::Result<Option<Snapshot>> {
        let Some(path) = self.path_of(id.as_str()) else { return Ok(None) };
        match fs::read(path.join(RECORD)) {
            Ok(bytes) => {
                let Record { mut size_bytes } = serde_json::from_slice(&bytes)?;
                if size_bytes == 0 {
                    // Earlier servers counted only what is in files, so 0 means that it has no file that is not empty.
                    size_bytes = taken_up(&path);
                }
                Ok(Some(Snapshot { id: id.clone(), size_bytes, expires_at: None }))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.check().map(|()| None),
            Err(error) => Err(named(path.display(), error)),
        }
    }

    /// Returns all snapshots.
    pub(super) fn all(&self) -> io::Result<Vec<SnapshotId>> {
        self.check()?;
        let uses = self.lock();
        let mut all = Vec::new();
        for item in fs::read_dir(&self.directory)? {
            let item = item?;
            let Ok(name) = item.file_name().into_string() else { continue };
            let is_removed = uses.get(&name).is_some_and(|entry| entry.is_removed);
            // A snapshot whose record cannot be read now still exists.
            if !is_removed && is_name(&name) && !is_gone(&item.path().join(RECORD)) {
                all.push(SnapshotId::new(name));
            }
        }
        Ok(all)
    }

    /// Returns the files of the snapshot with this id; they are kept as long as the lease lives.
    pub(super) fn lease(self: &Arc<Self>, id: &SnapshotId) -> io::Result<Option<Lease>> {
        let name = id.as_str().to_owned();
        let mut uses = self.lock();
        // The lock is held until the lease counts, so that `delete` does not remove the files in between.
        if uses.get(&name).is_some_and(|entry| entry.is_removed) || self.find(id)?.is_none() {
            return Ok(None);
        }
        uses.entry(name.clone()).or_default().leases += 1;
        Ok(Some(Lease { images: Arc::clone(self), name }))
    }

    /// Removes a snapshot. Its files are removed when no container runs from them any more.
    pub(super) fn delete(&self, id: &SnapshotId) -> io::Result<()> {
        let Some(path) = self.path_of(id.as_str()) else { return Ok(()) };
        // From here on it is not found, not even after a restart.
        match fs::remove_file(path.join(RECORD)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return self.check(),
            other => other?,
        }
        let mut uses = self.lock();
        if let Some(entry) = uses.get_mut(id.as_str()) {
            entry.is_removed = true;
            return Ok(());
        }
        drop(uses);
        self.discard(id.as_str())
    }

    fn release(&self, name: &str) -> io::Result<()> {
        let mut uses = self.lock();
        let Some(entry) = uses.get_mut(name) else { return Ok(()) };
        entry.leases = entry.leases.saturating_sub(1);
        if entry.leases > 0 {
            return Ok(());
        }
        let is_removed = entry.is_removed;
        uses.remove(name);
        drop(uses);
        if is_removed { self.discard(name) } else { Ok(()) }
    }

    fn discard(&self, name: &str) -> io::Result<()> {
        let trash = self.directory.join(format!("{}{UNFINISHED}", Uuid::new_v4()));
        // First renamed, so that what is only partly removed is no snapshot, and the next start removes the rest.
        fs::rename(self.directory.join(name), &trash)?;
        fs::remove_dir_all(trash)
    }

    /// Returns the path of a snapshot; `None` when we do not make such ids.
    fn path_of(&self, id: &str) -> Option<PathBuf> {
        is_name(id).then(|| self.directory.join(id))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Use>> {
        // The table is consistent after every statement, so a panic elsewhere does no harm.
        self.uses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns what a tree takes up on disk, in bytes. Parts that cannot be read are skipped.
fn taken_up(path: &Path) -> u64 {
    let Ok(found) = path.symlink_metadata() else { return 0 };
    let inner = if found.is_dir() { fs::read_dir(path).ok() } else { None };
    let inner = inner.into_iter().flatten().flatten().map(|item| taken_up(&item.path()));
    inner.fold(found.blocks().saturating_mul(512), u64::saturating_add)
}

/// Returns whether this is the name of a snapshot.
fn is_name(name: &str) -> bool {
    name.strip_prefix("snap_").is_some_and(|rest| Uuid::parse_str(rest).is_ok())
}

/// Returns whether there is definitely nothing at a path.
fn is_gone(path: &Path) -> bool {
    path.symlink_metadata().is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

impl Lease {
    /// Returns the directory with the files.
    pub(super) fn path(&self) -> PathBuf {
        self.images.directory.join(&self.name)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let (images, name) = (Arc::clone(&self.images), std::mem::take(&mut self.name));
        let release = move || {
            if let Err(error) = images.release(&name) {
                tracing::warn!(error = %error, "a deleted snapshot's files could not be removed; the next start removes them");
            }
        };
        match tokio::runtime::Handle::try_current() {
            // Removing files blocks, and a lease is usually dropped on a thread of the runtime.
            Ok(runtime) => {
                let span = tracing::Span::current();
                drop(runtime.spawn_blocking(move || span.in_scope(release)));
            }
            Err(_) => release(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images() -> (tempfile::TempDir, Arc<Images>) {
        let directory = tempfile::tempdir().unwrap();
        let images = Images::open(directory.path().to_path_buf()).unwrap();
        (directory, images)
    }

    fn kept(images: &Images) -> SnapshotId {
        let written = images.begin().unwrap();
        fs::create_dir(written.join("root")).unwrap();
        images.keep(&written, 7).unwrap().id
    }

    #[test]
    fn a_snapshot_is_found_until_it_is_deleted() {
        let (_directory, images) = images();
        let id = kept(&images);
        assert_eq!(images.find(&id).unwrap().map(|found| found.size_bytes), Some(7));
        assert_eq!(images.all().unwrap(), std::slice::from_ref(&id));
        images.delete(&id).unwrap();
        images.delete(&id).unwrap();
        assert_eq!((images.find(&id).unwrap(), images.all().unwrap()), (None, Vec::new()));
    }

    #[test]
    fn the_size_of_a_snapshot_that_was_written_down_as_nothing_is_looked_up() {
        let (_directory, images) = images();
        let written = images.begin().unwrap();
        fs::write(written.join("file"), vec![7; 100_000]).unwrap();
        let id = images.keep(&written, 0).unwrap().id;
        assert!(images.find(&id).unwrap().unwrap().size_bytes >= 100_000);
    }

    #[test]
    fn the_files_of_a_deleted_snapshot_go_with_the_last_who_uses_them() {
        let (directory, images) = images();
        let id = kept(&images);
        let (first, second) = (images.lease(&id).unwrap().unwrap(), images.lease(&id).unwrap().unwrap());
        images.delete(&id).unwrap();
        assert!(images.lease(&id).unwrap().is_none());
        drop(first);
        assert!(second.path().join("root").is_dir());
        drop(second);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_was_not_finished_is_gone_after_a_start() {
        let (directory, images) = images();
        let whole = kept(&images);
        images.begin().unwrap();
        let images = Images::open(directory.path().to_path_buf()).unwrap();
        assert_eq!(images.all().unwrap(), [whole]);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_id_that_is_a_path_is_not_found() {
        let (_directory, images) = images();
        for id in ["snap_../..", "..", "snap_", "/etc"] {
            assert_eq!(images.find(&SnapshotId::new(id)).unwrap(), None, "{id}");
        }
    }
}
