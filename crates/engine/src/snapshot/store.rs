//! Where snapshots are kept.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write as _};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use uuid::Uuid;
use workers_domain::SnapshotId;
use workers_domain::ports::Snapshot;
use workers_private_files::{make_directory, open_file};

use super::files::{UNFINISHED, move_tree, unless_gone};
use super::manifest::{Digest256, Manifest};
use super::reference::{Naming, Reference, is_name, path_of};
use crate::fault::named;
use crate::home::{Home, remove, set_aside};
use crate::stamp::Seen;

/// Where snapshots are kept. Every method works on the disk and blocks.
#[derive(Debug)]
pub(crate) struct SnapshotStore {
    home: Home,
    root: PathBuf,
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
    /// What it was when it was found to be whole.
    seen: Option<Seen>,
    /// How often its files were replaced by others: what was made of earlier ones must not be used any more.
    generation: u32,
}

/// A content that stays as long as this does.
#[derive(Debug)]
pub(crate) struct Lease {
    store: Arc<SnapshotStore>,
    content: Digest256,
    generation: u32,
}

impl SnapshotStore {
    /// Opens the store below the data directory and removes what no reference names. What is not ours there is left
    /// alone; what cannot be used and is in the way is set aside.
    ///
    /// # Errors
    ///
    /// When the directories cannot be made or read. Each error names a path.
    pub(crate) fn open(home: &Home, root: &Path, now: DateTime<Utc>) -> io::Result<Self> {
        let store = Self {
            home: home.clone(),
            root: root.to_owned(),
            contents: root.join("contents"),
            references: root.join("refs"),
            incoming: root.join("incoming"),
            uses: Mutex::default(),
        };
        if remove(&store.incoming).is_err() {
            set_aside(&store.incoming)?;
        }
        store.make_directories()?;
        let mut uses: HashMap<String, Use> = HashMap::new();
        for (path, reference) in store.references()? {
            match reference {
                Some(reference) if !reference.has_expired(now) => {
                    uses.entry(reference.content.as_str().to_owned()).or_default().references += 1;
                }
                _ => remove(&path)?,
            }
        }
        for (path, name) in entries(&store.contents)? {
            let is_ours = name.ends_with(UNFINISHED) || Digest256::is_one(&name);
            if is_ours
                && !uses.contains_key(&name)
                && let Err(error) = remove(&path)
            {
                tracing::warn!(error = %error, "a snapshot's files could not be removed; they take up room");
            }
        }
        *store.lock() = uses;
        Ok(store)
    }

    /// Every reference that is there, and what it says unless it is torn. What cannot be read as one is set aside.
    fn references(&self) -> io::Result<Vec<(PathBuf, Option<Reference>)>> {
        let mut found = Vec::new();
        for (path, name) in entries(&self.references)? {
            if !is_name(&name) {
                continue;
            }
            match Reference::read(&path) {
                Ok(reference) => found.push((path, reference)),
                Err(error) => {
                    unless_gone(Err(error)).map_err(|error| named(path.display(), error))?;
                    set_aside(&path)?;
                }
            }
        }
        Ok(found)
    }

    /// A place for a tree that is to become a content. It is the caller's to hand to [`keep`](Self::keep) or to remove.
    pub(crate) fn incoming(&self) -> io::Result<PathBuf> {
        // It is a cache: when it was cleared by hand while the engine runs, it goes on as an empty one.
        self.make_directories()?;
        let directory = self.incoming.join(Uuid::new_v4().to_string());
        make_directory(&directory)?;
        Ok(directory)
    }

    fn make_directories(&self) -> io::Result<()> {
        // What is below is not for other users of the machine, whatever the modes of single files are.
        [&self.root, &self.contents, &self.references, &self.incoming]
            .into_iter()
            .try_for_each(|directory| self.home.make(directory))
    }

    /// Makes the tree `files` a snapshot; it is moved away. A snapshot that has the name already makes way.
    pub(crate) fn keep(&self, files: &Path, manifest: &Manifest, naming: &Naming) -> io::Result<Snapshot> {
        let (id, path) = naming.place(&self.references)?;
        let (encoded, address) = manifest.encode()?;
        let incoming = self.incoming()?;
        let prepared = write_new(&incoming.join("manifest.json"), &encoded)
            .and_then(|()| move_tree(files, &incoming.join("files")));
        let kept = prepared.and_then(|()| {
            let mut uses = self.lock();
            let entry = uses.entry(address.as_str().to_owned()).or_default();
            if entry.references + entry.leases == 0 || !self.is_whole(&address, entry)? {
                // What lies there is not used, or torn.
                self.discard(&address)?;
                let place = self.contents.join(address.as_str());
                move_tree(&incoming, &place)?;
                entry.seen = Some(watch(&place.join("files"), manifest)?);
                entry.generation += 1;
            }
            let expires_at = naming.expires_at;
            let reference = Reference { content: address.clone(), size_bytes: manifest.size_bytes(), expires_at };
            let replaced = Reference::read(&path)?;
            reference.write(&path, &self.incoming.join(id.as_str()))?;
            entry.references += 1;
            Ok((reference.snapshot(id), replaced))
        });
        let kept = kept.and_then(|(snapshot, replaced)| {
            if let Some(replaced) = replaced {
                self.release(&replaced.content, |entry| entry.references = entry.references.saturating_sub(1))?;
            }
            Ok(snapshot)
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
        let Some(reference) = self.read(&path)? else { return Ok(None) };
        if reference.has_expired(now) {
            self.delete(id)?;
            return Ok(None);
        }
        let mut uses = self.lock();
        let entry = uses.entry(reference.content.as_str().to_owned()).or_default();
        if !self.is_whole(&reference.content, entry)? {
            tracing::warn!(snapshot.id = %id, "a snapshot's files are missing or torn; it counts as gone");
            return Ok(None);
        }
        entry.leases += 1;
        let (content, generation) = (reference.content.clone(), entry.generation);
        let lease = Lease { store: Arc::clone(self), content, generation };
        Ok(Some((reference.snapshot(id.clone()), lease)))
    }

    /// The snapshots that have been here since `before` or longer.
    pub(crate) fn older_than(&self, before: DateTime<Utc>) -> io::Result<Vec<SnapshotId>> {
        let before = SystemTime::from(before);
        let is_old = |path: &Path| -> io::Result<bool> { Ok(path.metadata()?.modified()? <= before) };
        let mut found = Vec::new();
        for (path, name) in entries(&self.references)? {
            if is_name(&name) && unless_gone(is_old(&path)).map_err(|error| named(path.display(), error))? {
                found.push(SnapshotId::new(name));
            }
        }
        Ok(found)
    }

    /// Reads a reference. While the data directory is away, nothing is known to be gone.
    fn read(&self, path: &Path) -> io::Result<Option<Reference>> {
        let mut read = None;
        let is_there = Reference::read(path).map(|reference| {
            read = reference;
            read.is_some()
        });
        if !unless_gone(is_there).map_err(|error| named(path.display(), error))? {
            self.home.check()?;
        }
        Ok(read)
    }

    /// Whether a content that is being used is there in full.
    ///
    /// # Errors
    ///
    /// When that cannot be found out now.
    pub(crate) fn is_intact(&self, lease: &Lease) -> io::Result<bool> {
        let mut uses = self.lock();
        let entry = uses.entry(lease.content.as_str().to_owned()).or_default();
        Ok(entry.generation == lease.generation && self.is_whole(&lease.content, entry)?)
    }

    /// Removes a snapshot and returns its content's digest. One that is not there is no error.
    pub(crate) fn delete(&self, id: &SnapshotId) -> io::Result<Option<String>> {
        let Some(path) = path_of(&self.references, id) else { return Ok(None) };
        let Some(reference) = self.read(&path)? else { return Ok(None) };
        // The reference first: a content without one is garbage, a reference without its content is a broken promise.
        match fs::remove_file(&path) {
            // Another call was quicker and has counted it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        }
        self.release(&reference.content, |entry| entry.references = entry.references.saturating_sub(1))?;
        Ok(Some(reference.content.as_str().to_owned()))
    }

    /// Removes every snapshot that has expired, and the files of those whose references were removed by hand.
    pub(crate) fn sweep(&self, now: DateTime<Utc>) -> io::Result<()> {
        self.make_directories()?;
        for (path, reference) in self.references()? {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
            if let (Some(name), Some(true)) = (name, reference.map(|reference| reference.has_expired(now))) {
                self.delete(&SnapshotId::new(name))?;
            }
        }
        self.recount()
    }

    /// Counts references anew.
    fn recount(&self) -> io::Result<()> {
        let mut uses = self.lock();
        let mut counted: HashMap<String, usize> = HashMap::new();
        for reference in self.references()?.into_iter().filter_map(|(_, reference)| reference) {
            *counted.entry(reference.content.as_str().to_owned()).or_default() += 1;
        }
        for (content, entry) in &mut *uses {
            entry.references = counted.get(content).copied().unwrap_or_default();
        }
        let unused: Vec<_> = uses.extract_if(|_, entry| entry.references + entry.leases == 0).collect();
        unused.iter().try_for_each(|(content, _)| self.discard_named(content))
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

    /// Whether a content is there in full: whether its files are those that were checked last, and if not, whether they
    /// have the right digests all the same.
    ///
    /// # Errors
    ///
    /// When that cannot be found out now.
    fn is_whole(&self, content: &Digest256, entry: &mut Use) -> io::Result<bool> {
        let directory = self.contents.join(content.as_str());
        let at = |error| named(directory.display(), error);
        if let Some(seen) = &entry.seen
            && unless_gone(seen.changed().map(|changed| changed.is_none())).map_err(at)?
            && unless_gone(directory.join("files").metadata().map(|found| found.is_dir())).map_err(at)?
        {
            return Ok(true);
        }
        entry.seen = None;
        let files = directory.join("files");
        let mut whole = None;
        let checked = fs::read(directory.join("manifest.json")).and_then(|bytes| {
            let Some(manifest) = Manifest::decode(&bytes, content) else { return Ok(false) };
            // Before the digests, so that a change meanwhile is seen the next time.
            let seen = watch(&files, &manifest)?;
            let matches = manifest.matches(fs::File::open(&files)?.as_fd())?;
            whole = matches.then_some(seen);
            Ok(matches)
        });
        let is_whole = unless_gone(checked).map_err(at)?;
        entry.seen = whole;
        Ok(is_whole)
    }

    /// Removes a content: out of the way in one step, then file by file.
    fn discard(&self, content: &Digest256) -> io::Result<()> {
        self.discard_named(content.as_str())
    }

    fn discard_named(&self, content: &str) -> io::Result<()> {
        let (place, trash) = (self.contents.join(content), self.incoming.join(Uuid::new_v4().to_string()));
        match fs::rename(&place, &trash) {
            Ok(()) => remove(&trash),
            // On another file system, or into a directory that is not there.
            Err(_) => remove(&place),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Use>> {
        // The table is right after every statement, so a panic elsewhere has not torn it.
        self.uses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    /// Which content it is, and which of its files, if they were replaced. What was made ahead for one is not for
    /// another.
    pub(crate) fn content(&self) -> String {
        format!("{}.{}", self.content.as_str(), self.generation)
    }

    /// Where the content's files are.
    pub(crate) fn files(&self) -> PathBuf {
        self.store.contents.join(self.content.as_str()).join("files")
    }
}

impl Clone for Lease {
    fn clone(&self) -> Self {
        self.store.lock().entry(self.content.as_str().to_owned()).or_default().leases += 1;
        Self { store: Arc::clone(&self.store), content: self.content.clone(), generation: self.generation }
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

/// As many files of a content are looked at each time it is used. Workers have one.
const MOST_WATCHED: usize = 32;

/// The files of a content as they are now.
fn watch(files: &Path, manifest: &Manifest) -> io::Result<Seen> {
    Seen::take(manifest.files().take(MOST_WATCHED).map(|path| files.join(path)))
}

/// Path and name of what is in a directory; what has no name in UTF-8 is not ours.
fn entries(directory: &Path) -> io::Result<Vec<(PathBuf, String)>> {
    let listed = || -> io::Result<Vec<(PathBuf, String)>> {
        let mut found = Vec::new();
        for item in fs::read_dir(directory)? {
            let item = item?;
            found.extend(item.file_name().into_string().ok().map(|name| (item.path(), name)));
        }
        Ok(found)
    };
    listed().map_err(|error| named(directory.display(), error))
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    open_file(path)?.write_all(bytes)
}
