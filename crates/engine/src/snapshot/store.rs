//! Where snapshots are kept.

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
use super::reference::{Naming, Reference, is_name, path_of};
use super::trash::Trash;
use super::uses::{Use, Uses};
use crate::copy::survey_tree;
use crate::fault::named;
use crate::home::{Home, set_aside};
use crate::stamp::Seen;

/// Where snapshots are kept. Every method works on the disk and blocks.
#[derive(Debug)]
pub(crate) struct SnapshotStore {
    layout: Layout,
    uses: Uses,
    trash: Trash,
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
        let layout = Layout::new(home.clone(), root);
        layout.make()?;
        let trash = Trash::start(layout.trash.clone())?;
        let store = Self { layout, uses: Uses::default(), trash };
        store.trash.wake();
        if store.trash.take(&store.layout.incoming).is_err() {
            set_aside(&store.layout.incoming)?;
        }
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

    /// Removes contents that no reference names, and those that are not there as a whole.
    fn discard_strays(&self) -> io::Result<()> {
        // The first one for what earlier versions made, and for what is on the way to a level.
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

    /// A place for a tree that is to become a content. It is the caller's to hand to [`keep`](Self::keep) or to remove.
    pub(crate) fn incoming(&self) -> io::Result<PathBuf> {
        // It is a cache: when it was cleared by hand while the engine runs, it goes on as an empty one.
        self.layout.make()?;
        let directory = self.layout.incoming.join(Uuid::new_v4().to_string());
        make_directory(&directory)?;
        Ok(directory)
    }

    /// Makes the tree `files` a snapshot; it is moved away. A snapshot that has the name already makes way.
    pub(crate) fn keep(&self, files: &Path, manifest: &Manifest, naming: &Naming) -> io::Result<Snapshot> {
        let (id, path) = naming.place(&self.layout.references)?;
        let address = manifest.address()?;
        self.layout.make()?;
        let (snapshot, replaced) = {
            let mut part = self.uses.part_of(&address);
            let entry = part.entry(address.as_str().to_owned()).or_default();
            if entry.is_unused() || !self.is_whole(&address, entry)? {
                // What lies there is not used, or torn.
                let tree = self.layout.tree_of(&address);
                self.trash.take(&tree)?;
                self.layout.in_level(&tree, || move_tree(files, &tree))?;
                entry.seen = Some(watch(&tree, manifest)?);
                entry.generation += 1;
            }
            let expires_at = naming.expires_at;
            let reference = Reference { content: address.clone(), size_bytes: manifest.size_bytes(), expires_at };
            let replaced = self.read(&path)?;
            reference.write(&self.layout, &path, &id)?;
            entry.add_reference();
            (reference.snapshot(id), replaced)
        };
        // It is still there if the same content was.
        self.trash.take(files)?;
        if let Some(replaced) = replaced {
            self.release(&replaced.content, Use::remove_reference)?;
        }
        Ok(snapshot)
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

    /// The snapshots that have been here since `before` or longer. Calls `rest` as [`sweep`](Self::sweep) does.
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

    /// Reads a reference. While the data directory is away, nothing is known to be gone.
    fn read(&self, path: &Path) -> io::Result<Option<Reference>> {
        let mut read = None;
        let is_there = Reference::read(path).map(|reference| {
            read = reference;
            read.is_some()
        });
        if !unless_gone(is_there).map_err(|error| named(path.display(), error))? {
            self.layout.home.check()?;
        }
        Ok(read)
    }

    /// Whether a content that is being used is there in full.
    ///
    /// # Errors
    ///
    /// When that cannot be found out now.
    pub(crate) fn is_intact(&self, lease: &Lease) -> io::Result<bool> {
        let mut part = self.uses.part_of(&lease.content);
        let entry = part.entry(lease.content.as_str().to_owned()).or_default();
        Ok(entry.generation == lease.generation && self.is_whole(&lease.content, entry)?)
    }

    /// Removes a snapshot and returns its content's digest. One that is not there is no error.
    pub(crate) fn delete(&self, id: &SnapshotId) -> io::Result<Option<String>> {
        let Some(path) = path_of(&self.layout.references, id) else { return Ok(None) };
        let Some(reference) = self.read(&path)? else { return Ok(None) };
        // The reference first: a content without one is garbage, a reference without its content is a broken promise.
        match fs::remove_file(&path) {
            // Another call was quicker and has counted it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        }
        self.release(&reference.content, Use::remove_reference)?;
        Ok(Some(reference.content.as_str().to_owned()))
    }

    /// Removes every snapshot that has expired, and the files of those whose references were removed by hand. Between
    /// directories of references it calls `rest`.
    pub(crate) fn sweep(&self, now: DateTime<Utc>, mut rest: impl FnMut()) -> io::Result<()> {
        self.layout.make()?;
        self.uses.begin_count();
        let mut counted: HashMap<String, usize> = HashMap::new();
        for level in levels(&self.layout.references)? {
            for (path, reference) in references_in(&level)? {
                let Some(reference) = reference else { continue };
                if !reference.has_expired(now) {
                    *counted.entry(reference.content.as_str().to_owned()).or_default() += 1;
                } else if let Some(name) = path.file_name() {
                    self.delete(&SnapshotId::new(name.to_string_lossy()))?;
                }
            }
            rest();
        }
        // What could not be removed earlier.
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
        part.remove(content.as_str());
        self.discard(content)
    }

    /// Those of these contents, as a lease [names](Lease::content) them, that no snapshot has.
    pub(crate) fn unreferenced(&self, contents: impl IntoIterator<Item = String>) -> Vec<String> {
        let is_referenced = |content: &String| {
            let digest = content.split('.').next().and_then(Digest256::parse);
            digest.is_some_and(|digest| self.uses.part_of(&digest).get(digest.as_str()).is_some_and(Use::is_referenced))
        };
        contents.into_iter().filter(|content| !is_referenced(content)).collect()
    }

    /// Whether a content is there in full: whether its files are those that were checked last, and if not, whether they
    /// have the right digests all the same.
    ///
    /// # Errors
    ///
    /// When that cannot be found out now.
    fn is_whole(&self, content: &Digest256, entry: &mut Use) -> io::Result<bool> {
        let tree = self.layout.tree_of(content);
        let at = |error| named(tree.display(), error);
        if let Some(seen) = &entry.seen
            && unless_gone(seen.changed().map(|changed| changed.is_none())).map_err(at)?
            && unless_gone(tree.metadata().map(|found| found.is_dir())).map_err(at)?
        {
            return Ok(true);
        }
        entry.seen = None;
        let mut whole = None;
        let checked = fs::File::open(&tree).and_then(|opened| {
            let before = Seen::take_tree(&tree)?;
            let manifest = survey_tree(opened.as_fd())?;
            let seen = watch(&tree, &manifest)?;
            // What changed meanwhile may have been read before that.
            let matches = manifest.address()? == *content && before.changed()?.is_none();
            whole = matches.then_some(seen);
            Ok(matches)
        });
        let is_whole = unless_gone(checked).map_err(at)?;
        entry.seen = whole;
        Ok(is_whole)
    }

    /// Removes a content: out of the way in one step, then file by file.
    fn discard(&self, content: &Digest256) -> io::Result<()> {
        self.trash.take(&self.layout.tree_of(content))
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
            Ok(runtime) => {
                let span = tracing::Span::current();
                drop(runtime.spawn_blocking(move || span.in_scope(release)));
            }
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

/// Every reference in a level, and what it says unless it is torn. What cannot be read as one is set aside.
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
