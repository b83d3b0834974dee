//! The store of snapshots.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use uuid::Uuid;
use workers_domain::SnapshotId;
use workers_domain::ports::Snapshot;
use workers_private_files::make_directory;

use super::files::{UNFINISHED, entries, move_tree, unless_gone};
use super::flat;
use super::layout::{Layout, levels};
use super::manifest::{Digest256, Manifest};
use super::reference::{NewSnapshot, Reference, is_name, path_of};
use super::trash::Trash;
use super::uses::{Use, Uses};
use crate::copy::survey_tree;
use crate::data_dir_root::{DataDirRoot, set_aside};
use crate::fault::named;
use crate::file_stamps::FileStamps;

/// The store of snapshots. Every method works on the disk and blocks.
#[derive(Debug)]
pub(crate) struct SnapshotStore {
    layout: Layout,
    uses: Uses,
    trash: Trash,
}

/// Keeps a content as long as it lives.
#[derive(Debug)]
pub(crate) struct Lease {
    store: Arc<SnapshotStore>,
    content: Digest256,
    generation: u32,
}

impl SnapshotStore {
    /// Opens the store below the data directory and removes contents without a reference. Files that are not ours are
    /// left alone; what is unusable and in the way is set aside.
    ///
    /// # Errors
    ///
    /// When the directories cannot be made or read. Each error names a path.
    pub(crate) fn open(data_dir: &DataDirRoot, root: &Path, now: DateTime<Utc>) -> io::Result<Self> {
        let layout = Layout::new(data_dir.clone(), root);
        layout.make()?;
        let trash = Trash::start(layout.trash.clone())?;
        let store = Self { layout, uses: Uses::default(), trash };
        // To remove what an earlier server has left there.
        store.trash.wake();
        if store.trash.take(&store.layout.incoming).is_err() {
            set_aside(&store.layout.incoming)?;
        }
        // Again, because `incoming` has just been moved away.
        store.layout.make()?;
        flat::adopt(&store.layout, &store.trash)?;
        for level in levels(&store.layout.references)? {
            for (path, reference) in references_in(&level)? {
                match reference {
                    Some(reference) if !reference.has_expired(now) => {
                        let mut part = store.uses.part_of(&reference.content);
                        part.entry(reference.content.as_str().to_owned()).or_default().add_reference();
                    }
                    _ => store.trash.take(&path)?,
                }
            }
        }
        store.discard_strays()?;
        Ok(store)
    }

    /// Removes contents without a reference, and incomplete contents.
    fn discard_strays(&self) -> io::Result<()> {
        // The first directory is for contents of earlier versions, and for trees on the way to a level.
        let directories = std::iter::once(self.layout.contents.clone()).chain(levels(&self.layout.contents)?);
        for (path, name) in directories.map(|directory| entries(&directory)).collect::<io::Result<Vec<_>>>()?.concat() {
            let is_stray = match Digest256::parse(&name) {
                Some(content) => !self.uses.part_of(&content).contains_key(content.as_str()),
                None => name.ends_with(UNFINISHED),
            };
            if is_stray && let Err(error) = self.trash.take(&path) {
                tracing::warn!(error = %error, "a snapshot's files could not be removed; they take up room");
            }
        }
        Ok(())
    }

    /// Makes a directory for a tree that is to become a content. The caller passes it to [`keep`](Self::keep) or
    /// removes it.
    pub(crate) fn incoming(&self) -> io::Result<PathBuf> {
        // The store is a cache: when it is cleared by hand while the engine runs, it goes on as an empty one.
        self.layout.make()?;
        let directory = self.layout.incoming.join(Uuid::new_v4().to_string());
        make_directory(&directory)?;
        Ok(directory)
    }

    /// Makes a snapshot of the tree `files`, which is moved away. An existing snapshot with the same name is replaced.
    pub(crate) fn keep(&self, files: &Path, manifest: &Manifest, new: &NewSnapshot) -> io::Result<Snapshot> {
        let (id, path) = new.id_and_path(&self.layout.references)?;
        let address = manifest.address()?;
        self.layout.make()?;
        let (snapshot, replaced) = {
            let mut part = self.uses.part_of(&address);
            let entry = part.entry(address.as_str().to_owned()).or_default();
            if entry.is_unused() || !self.is_whole(&address, entry)? {
                // A tree that is there already is unused or damaged.
                let tree = self.layout.tree_of(&address);
                self.trash.take(&tree)?;
                self.layout.in_level(&tree, || move_tree(files, &tree))?;
                entry.stamps = Some(watch(&tree, manifest)?);
                entry.generation += 1;
            }
            let expires_at = new.expires_at;
            let reference = Reference { content: address.clone(), size_bytes: manifest.size_bytes(), expires_at };
            let replaced = self.read(&path)?;
            reference.write(&self.layout, &path, &id)?;
            entry.add_reference();
            (reference.snapshot(id), replaced)
        };
        // It is still there if the store had the same content already.
        self.trash.take(files)?;
        if let Some(replaced) = replaced {
            // Without the lock of the part above, because the replaced content may belong to the same part.
            self.release(&replaced.content, Use::remove_reference)?;
        }
        Ok(snapshot)
    }

    /// Returns the snapshot with this id.
    pub(crate) fn find(self: &Arc<Self>, id: &SnapshotId, now: DateTime<Utc>) -> io::Result<Option<Snapshot>> {
        // We take a lease for a moment, because that checks that the content is whole.
        Ok(self.lease(id, now)?.map(|(snapshot, _)| snapshot))
    }

    /// Returns the snapshot with this id, and a lease of its content.
    pub(crate) fn lease(
        self: &Arc<Self>,
        id: &SnapshotId,
        now: DateTime<Utc>,
    ) -> io::Result<Option<(Snapshot, Lease)>> {
        let Some(path) = path_of(&self.layout.references, id) else { return Ok(None) };
        let Some(reference) = self.read(&path)? else { return Ok(None) };
        if reference.has_expired(now) {
            self.delete(id)?;
            return Ok(None);
        }
        let mut part = self.uses.part_of(&reference.content);
        let entry = part.entry(reference.content.as_str().to_owned()).or_default();
        if !self.is_whole(&reference.content, entry)? {
            tracing::warn!(snapshot.id = %id, "a snapshot's files are missing or torn; it counts as gone");
            return Ok(None);
        }
        entry.leases += 1;
        let (content, generation) = (reference.content.clone(), entry.generation);
        let lease = Lease { store: Arc::clone(self), content, generation };
        Ok(Some((reference.snapshot(id.clone()), lease)))
    }

    /// Returns the snapshots that were made at or before `before`. Calls `rest` as [`sweep`](Self::sweep) does.
    pub(crate) fn older_than(&self, before: DateTime<Utc>, mut rest: impl FnMut()) -> io::Result<Vec<SnapshotId>> {
        let before = SystemTime::from(before);
        let is_old = |path: &Path| -> io::Result<bool> { Ok(path.metadata()?.modified()? <= before) };
        let mut found = Vec::new();
        for level in levels(&self.layout.references)? {
            for (path, name) in entries(&level)? {
                if is_name(&name) && unless_gone(is_old(&path)).map_err(|error| named(path.display(), error))? {
                    found.push(SnapshotId::new(name));
                }
            }
            rest();
        }
        Ok(found)
    }

    /// Reads a reference. While the data directory is missing, a missing reference is an error.
    fn read(&self, path: &Path) -> io::Result<Option<Reference>> {
        let mut read = None;
        let is_there = Reference::read(path).map(|reference| {
            read = reference;
            read.is_some()
        });
        if !unless_gone(is_there).map_err(|error| named(path.display(), error))? {
            self.layout.data_dir.check()?;
        }
        Ok(read)
    }

    /// Returns whether a content that is in use is still whole.
    ///
    /// # Errors
    ///
    /// When that cannot be found out now.
    pub(crate) fn is_intact(&self, lease: &Lease) -> io::Result<bool> {
        let mut part = self.uses.part_of(&lease.content);
        let entry = part.entry(lease.content.as_str().to_owned()).or_default();
        Ok(entry.generation == lease.generation && self.is_whole(&lease.content, entry)?)
    }

    /// Removes a snapshot and returns its content's digest. A missing snapshot is fine.
    pub(crate) fn delete(&self, id: &SnapshotId) -> io::Result<Option<String>> {
        let Some(path) = path_of(&self.layout.references, id) else { return Ok(None) };
        let Some(reference) = self.read(&path)? else { return Ok(None) };
        // The reference first: a content without a reference is only garbage, but a reference without its content is a
        // snapshot that cannot be read.
        match fs::remove_file(&path) {
            // Another call was faster and has counted it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        }
        self.release(&reference.content, Use::remove_reference)?;
        Ok(Some(reference.content.as_str().to_owned()))
    }

    /// Removes every snapshot that has expired, and the contents whose references were removed by hand. Calls `rest`
    /// after each directory of references.
    pub(crate) fn sweep(&self, now: DateTime<Utc>, mut rest: impl FnMut()) -> io::Result<()> {
        self.layout.make()?;
        self.uses.begin_count();
        let mut counted: HashMap<String, usize> = HashMap::new();
        for level in levels(&self.layout.references)? {
            for (path, reference) in references_in(&level)? {
                // The next start removes a damaged one.
                let Some(reference) = reference else { continue };
                if !reference.has_expired(now) {
                    *counted.entry(reference.content.as_str().to_owned()).or_default() += 1;
                } else if let Some(name) = path.file_name() {
                    self.delete(&SnapshotId::new(name.to_string_lossy()))?;
                }
            }
            rest();
        }
        // Retries what could not be removed earlier.
        self.trash.wake();
        let discard = |content: &str| Digest256::parse(content).map_or(Ok(()), |content| self.discard(&content));
        self.uses.end_count(&counted, discard)
    }

    fn release(&self, content: &Digest256, change: impl FnOnce(&mut Use)) -> io::Result<()> {
        let mut part = self.uses.part_of(content);
        let entry = part.entry(content.as_str().to_owned()).or_default();
        change(entry);
        if !entry.is_unused() {
            return Ok(());
        }
        // The lock is held until the tree is away, so that a call that makes the same content comes after that.
        part.remove(content.as_str());
        self.discard(content)
    }

    /// Returns those of these contents that no snapshot has; they are named as a lease [names](Lease::content) them.
    pub(crate) fn unreferenced(&self, contents: impl IntoIterator<Item = String>) -> Vec<String> {
        let is_referenced = |content: &String| {
            let digest = content.split('.').next().and_then(Digest256::parse);
            digest.is_some_and(|digest| self.uses.part_of(&digest).get(digest.as_str()).is_some_and(Use::is_referenced))
        };
        contents.into_iter().filter(|content| !is_referenced(content)).collect()
    }

    /// Returns whether a content is whole: its files are the ones that were checked last, or else they still have the
    /// right digests.
    ///
    /// # Errors
    ///
    /// When that cannot be found out now.
    fn is_whole(&self, content: &Digest256, entry: &mut Use) -> io::Result<bool> {
        let tree = self.layout.tree_of(content);
        let at = |error| named(tree.display(), error);
        if let Some(stamps) = &entry.stamps
            && unless_gone(stamps.changed().map(|changed| changed.is_none())).map_err(at)?
            // A content without files has no stamps, so only the directory itself shows that it is there.
            && unless_gone(tree.metadata().map(|found| found.is_dir())).map_err(at)?
        {
            return Ok(true);
        }
        // Before anything below can fail, so that files that have changed do not pass as checked.
        entry.stamps = None;
        let mut whole = None;
        let checked = fs::File::open(&tree).and_then(|opened| {
            let before = FileStamps::record_tree(&tree)?;
            let manifest = survey_tree(opened.as_fd())?;
            let stamps = watch(&tree, &manifest)?;
            // A file that changed meanwhile may have been read before the change.
            let matches = manifest.address()? == *content && before.changed()?.is_none();
            whole = matches.then_some(stamps);
            Ok(matches)
        });
        let is_whole = unless_gone(checked).map_err(at)?;
        entry.stamps = whole;
        Ok(is_whole)
    }

    /// Removes a content: moves it to the trash in one step, to be removed file by file.
    fn discard(&self, content: &Digest256) -> io::Result<()> {
        self.trash.take(&self.layout.tree_of(content))
    }
}

impl Lease {
    /// Returns the content's digest and generation. The generation changes when the files are replaced, because
    /// sandboxes made in advance from the old files must not be used for the new ones.
    pub(crate) fn content(&self) -> String {
        format!("{}.{}", self.content.as_str(), self.generation)
    }

    /// Returns the directory with the content's files.
    pub(crate) fn files(&self) -> PathBuf {
        self.store.layout.tree_of(&self.content)
    }
}

impl Clone for Lease {
    fn clone(&self) -> Self {
        let mut part = self.store.uses.part_of(&self.content);
        part.entry(self.content.as_str().to_owned()).or_default().leases += 1;
        drop(part);
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
            // Removing files blocks, and a lease is usually dropped on a thread of the runtime.
            Ok(runtime) => {
                let span = tracing::Span::current();
                drop(runtime.spawn_blocking(move || span.in_scope(release)));
            }
            Err(_) => release(),
        }
    }
}

/// How many files of a content are checked each time it is used. Workers have one.
const MOST_WATCHED: usize = 32;

/// Records the state of a content's files.
fn watch(files: &Path, manifest: &Manifest) -> io::Result<FileStamps> {
    FileStamps::record(manifest.files().take(MOST_WATCHED).map(|path| files.join(path)))
}

/// Returns every reference in a level with its content; `None` if it is damaged. A file that cannot be read is set
/// aside.
fn references_in(level: &Path) -> io::Result<Vec<(PathBuf, Option<Reference>)>> {
    let mut found = Vec::new();
    for (path, name) in entries(level)? {
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
