//! Where snapshots are kept.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write as _};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use uuid::Uuid;
use workers_domain::SnapshotId;
use workers_domain::ports::Snapshot;
use workers_private_files::{make_directory, open_file};

use super::manifest::{Digest256, Manifest};
use super::reference::{Reference, path_of};

/// Where snapshots are kept. Every method works on the disk and blocks.
#[derive(Debug)]
pub(crate) struct SnapshotStore {
    contents: PathBuf,
    references: PathBuf,
    incoming: PathBuf,
    /// What is used, by whom; held for as long as it takes to add or remove a content, so that the two never meet.
    uses: Mutex<HashMap<String, Use>>,
}

#[derive(Debug, Default)]
struct Use {
    references: usize,
    leases: usize,
    checked: bool,
}

/// A content that stays as long as this does.
#[derive(Debug)]
pub(crate) struct Lease {
    store: Arc<SnapshotStore>,
    content: Digest256,
}

impl SnapshotStore {
    /// Opens the store below a directory and removes what nobody refers to.
    pub(crate) fn open(directory: &Path, now: DateTime<Utc>) -> io::Result<Self> {
        let store = Self {
            contents: directory.join("contents"),
            references: directory.join("refs"),
            incoming: directory.join("incoming"),
            uses: Mutex::default(),
        };
        match fs::remove_dir_all(&store.incoming) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        store.make_directories()?;
        let mut uses: HashMap<String, Use> = HashMap::new();
        for item in fs::read_dir(&store.references)? {
            let path = item?.path();
            match Reference::read(&path)? {
                Some(reference) if !reference.has_expired(now) => {
                    uses.entry(reference.content.as_str().to_owned()).or_default().references += 1;
                }
                _ => fs::remove_file(path)?,
            }
        }
        for item in fs::read_dir(&store.contents)? {
            let item = item?;
            if item.file_name().to_str().is_none_or(|name| !uses.contains_key(name)) {
                fs::remove_dir_all(item.path())?;
            }
        }
        *store.lock() = uses;
        Ok(store)
    }

    /// A place for a tree that is to become a content. It is the caller's to hand to [`keep`](Self::keep) or to remove.
    pub(crate) fn incoming(&self) -> io::Result<PathBuf> {
        // Somebody may have cleared the store by hand while we run: it is a cache, and goes on as an empty one.
        self.make_directories()?;
        let directory = self.incoming.join(Uuid::new_v4().to_string());
        make_directory(&directory)?;
        Ok(directory)
    }

    fn make_directories(&self) -> io::Result<()> {
        // What is below is not for other users of the machine, whatever the modes of single files are.
        [&self.contents, &self.references, &self.incoming]
            .into_iter()
            .try_for_each(|directory| make_directory(directory))
    }

    /// Makes the tree `files` a snapshot; it is moved away.
    pub(crate) fn keep(
        &self,
        files: &Path,
        manifest: &Manifest,
        now: DateTime<Utc>,
        expires_at: Option<DateTime<Utc>>,
    ) -> io::Result<Snapshot> {
        let (encoded, address) = manifest.encode()?;
        let incoming = self.incoming()?;
        let prepared = write_new(&incoming.join("manifest.json"), &encoded)
            .and_then(|()| fs::rename(files, incoming.join("files")));
        let kept = prepared.and_then(|()| {
            let mut uses = self.lock();
            let entry = uses.entry(address.as_str().to_owned()).or_default();
            if entry.references + entry.leases == 0 || !self.is_whole(&address, entry) {
                // Whatever lies there is used by nobody, or torn.
                self.discard(&address)?;
                fs::rename(&incoming, self.contents.join(address.as_str()))?;
                entry.checked = true;
            }
            let reference = Reference { content: address.clone(), size_bytes: manifest.size_bytes(), expires_at };
            let id = SnapshotId::new(format!("snap_{}", new_uuid(now)));
            let path = path_of(&self.references, &id).ok_or_else(|| io::Error::other("a malformed id"))?;
            reference.write(&path, &self.incoming.join(id.as_str()))?;
            entry.references += 1;
            Ok(reference.snapshot(id))
        });
        if incoming.exists() {
            // The same content was there, or keeping this one failed.
            let _ = fs::remove_dir_all(&incoming);
        }
        kept
    }

    /// The snapshot of this id.
    pub(crate) fn find(self: &Arc<Self>, id: &SnapshotId, now: DateTime<Utc>) -> io::Result<Option<Snapshot>> {
        // Held for a moment so that what is there is known to be whole.
        Ok(self.lease(id, now)?.map(|(snapshot, _)| snapshot))
    }

    /// The snapshot of this id, and its content for as long as it is used.
    pub(crate) fn lease(
        self: &Arc<Self>,
        id: &SnapshotId,
        now: DateTime<Utc>,
    ) -> io::Result<Option<(Snapshot, Lease)>> {
        let Some(path) = path_of(&self.references, id) else { return Ok(None) };
        let Some(reference) = Reference::read(&path)? else { return Ok(None) };
        if reference.has_expired(now) {
            self.delete(id)?;
            return Ok(None);
        }
        let mut uses = self.lock();
        let entry = uses.entry(reference.content.as_str().to_owned()).or_default();
        if !self.is_whole(&reference.content, entry) {
            tracing::warn!(snapshot.id = %id, "a snapshot's files are missing or torn; it counts as gone");
            return Ok(None);
        }
        entry.leases += 1;
        let lease = Lease { store: Arc::clone(self), content: reference.content.clone() };
        Ok(Some((reference.snapshot(id.clone()), lease)))
    }

    /// Removes a snapshot. One that is not there is no error.
    pub(crate) fn delete(&self, id: &SnapshotId) -> io::Result<()> {
        let Some(path) = path_of(&self.references, id) else { return Ok(()) };
        let Some(reference) = Reference::read(&path)? else { return Ok(()) };
        // The reference first: a content without one is garbage, a reference without its content is a broken promise.
        match fs::remove_file(&path) {
            // Somebody else was quicker and has counted it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other?,
        }
        self.release(&reference.content, |entry| entry.references = entry.references.saturating_sub(1))
    }

    /// Removes every snapshot that has expired.
    pub(crate) fn sweep(&self, now: DateTime<Utc>) -> io::Result<()> {
        for item in fs::read_dir(&self.references)? {
            let item = item?;
            if Reference::read(&item.path())?.is_some_and(|reference| reference.has_expired(now)) {
                self.delete(&SnapshotId::new(item.file_name().to_string_lossy()))?;
            }
        }
        Ok(())
    }

    fn release(&self, content: &Digest256, change: impl FnOnce(&mut Use)) -> io::Result<()> {
        let mut uses = self.lock();
        let entry = uses.entry(content.as_str().to_owned()).or_default();
        change(entry);
        if entry.references + entry.leases > 0 {
            return Ok(());
        }
        uses.remove(content.as_str());
        self.discard(content)
    }

    /// Whether a content is there in full. It is looked at once after a start; what this process has written is known.
    fn is_whole(&self, content: &Digest256, entry: &mut Use) -> bool {
        let directory = self.contents.join(content.as_str());
        if !entry.checked {
            let manifest = fs::read(directory.join("manifest.json")).ok();
            entry.checked = manifest.and_then(|bytes| Manifest::decode(&bytes, content)).is_some_and(|manifest| {
                fs::File::open(directory.join("files")).is_ok_and(|files| manifest.matches(files.as_fd()))
            });
        }
        // Somebody may have cleared the directory by hand while we run.
        entry.checked = entry.checked && directory.join("files").is_dir();
        entry.checked
    }

    /// Removes a content: out of the way in one step, then file by file.
    fn discard(&self, content: &Digest256) -> io::Result<()> {
        let trash = self.incoming.join(Uuid::new_v4().to_string());
        match fs::rename(self.contents.join(content.as_str()), &trash) {
            Ok(()) => fs::remove_dir_all(trash),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Use>> {
        // The table is right after every statement, so a panic elsewhere has not torn it.
        self.uses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    /// Which content it is.
    pub(crate) fn content(&self) -> String {
        self.content.as_str().to_owned()
    }

    /// Where the content's files are.
    pub(crate) fn files(&self) -> PathBuf {
        self.store.contents.join(self.content.as_str()).join("files")
    }
}

impl Clone for Lease {
    fn clone(&self) -> Self {
        self.store.lock().entry(self.content.as_str().to_owned()).or_default().leases += 1;
        Self { store: Arc::clone(&self.store), content: self.content.clone() }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let (store, content) = (Arc::clone(&self.store), self.content.clone());
        let release = move || {
            if let Err(error) = store.release(&content, |entry| entry.leases = entry.leases.saturating_sub(1)) {
                tracing::warn!(error = %error, "a deleted snapshot's files could not be removed; the next start removes them");
            }
        };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(release)),
            Err(_) => release(),
        }
    }
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    open_file(path)?.write_all(bytes)
}

/// A version 7 UUID: snapshots sort by when they were made.
fn new_uuid(now: DateTime<Utc>) -> Uuid {
    let seconds = u64::try_from(now.timestamp()).unwrap_or_default();
    Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, now.timestamp_subsec_nanos()))
}
