//! Records on disk: one JSON file each, replaced as a whole.
//!
//! What the server knows is in memory; this is the copy that survives it. [`Store::save`] takes a record's new form and returns at once,
//! one task writes, and a form that is replaced before it was written is never written. Whoever must not answer before a record is safe
//! awaits [`Store::flushed`].

mod directory;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;
use workers_private_files::{make_directory, replace_file};

use crate::error::chain;

pub(crate) use directory::Loaded;

/// How long after a failure records are written again, unless there are new ones.
const RETRY: Duration = Duration::from_secs(5);

/// Kinds of records; each has a folder of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Sandboxes.
    Sandbox,
    /// Sessions.
    Session,
    /// Snapshots.
    Snapshot,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Sandbox, Self::Session, Self::Snapshot];

    const fn folder(self) -> &'static str {
        match self {
            Self::Sandbox => "sandboxes",
            Self::Session => "sessions",
            Self::Snapshot => "snapshots",
        }
    }
}

/// Records on disk. Cheap to clone; clones are the same store.
#[derive(Clone)]
pub(crate) struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    directory: PathBuf,
    waiting: Mutex<Waiting>,
    work: Arc<Notify>,
    written: watch::Sender<u64>,
}

/// What is to be written next; bounded by the number of records.
#[derive(Default)]
struct Waiting {
    changes: BTreeMap<PathBuf, Option<Vec<u8>>>,
    /// Counts changes.
    last: u64,
    /// What could not be written and is tried again.
    failed: BTreeSet<PathBuf>,
}

impl Store {
    /// Opens the store in a directory, which is made if it is not there, and starts the task that writes.
    ///
    /// # Errors
    ///
    /// When the directory cannot be made.
    pub(crate) async fn open(directory: PathBuf) -> io::Result<Self> {
        let folders = directory.clone();
        blocking(move || Kind::ALL.iter().try_for_each(|kind| make_directory(&folders.join(kind.folder())))).await?;
        let (written, _) = watch::channel(0);
        let work = Arc::new(Notify::new());
        let shared = Arc::new(Shared { directory, waiting: Mutex::default(), work: Arc::clone(&work), written });
        tokio::spawn(write_all(Arc::downgrade(&shared), work));
        Ok(Self { shared })
    }

    /// Every record of a kind that can be read. What cannot is left alone, and logged.
    ///
    /// # Errors
    ///
    /// When the folder cannot be read.
    pub(crate) async fn load<T: DeserializeOwned + Send + 'static>(&self, kind: Kind) -> io::Result<Loaded<T>> {
        let folder = self.shared.directory.join(kind.folder());
        blocking(move || directory::load(&folder)).await
    }

    /// Writes a record, soon.
    pub(crate) fn save<T: Serialize>(&self, kind: Kind, name: &str, record: &T) {
        match serde_json::to_vec(record) {
            Ok(text) => self.change(kind, name, Some(text)),
            Err(error) => tracing::error!(error = chain(&error), "failed to write a record"),
        }
    }

    /// Removes a record, soon.
    pub(crate) fn remove(&self, kind: Kind, name: &str) {
        self.change(kind, name, None);
    }

    fn path(&self, kind: Kind, name: &str) -> PathBuf {
        self.shared.directory.join(kind.folder()).join(format!("{name}.json"))
    }

    /// Waits until a record was written; says whether it could be. If not, that is tried again as long as nothing replaces it.
    pub(crate) async fn is_saved(&self, kind: Kind, name: &str) -> bool {
        self.flushed().await;
        !self.shared.lock().failed.contains(&self.path(kind, name))
    }

    fn change(&self, kind: Kind, name: &str, text: Option<Vec<u8>>) {
        let path = self.path(kind, name);
        let mut waiting = self.shared.lock();
        waiting.changes.insert(path, text);
        waiting.last += 1;
        drop(waiting);
        self.shared.work.notify_one();
    }

    /// Returns when all that was saved and removed before is on disk, or could not be written.
    pub(crate) async fn flushed(&self) {
        let last = self.shared.lock().last;
        // The sender lives as long as we do.
        let _ = self.shared.written.subscribe().wait_for(|written| *written >= last).await;
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.work.notify_one();
    }
}

/// Writes what waits, until the store is gone.
async fn write_all(store: Weak<Shared>, work: Arc<Notify>) {
    while let Some(shared) = store.upgrade() {
        let (changes, last) = {
            let mut waiting = shared.lock();
            (std::mem::take(&mut waiting.changes), waiting.last)
        };
        if changes.is_empty() {
            // Not kept alive by us.
            drop(shared);
            work.notified().await;
            continue;
        }
        let result = blocking(move || {
            let written = changes.into_iter().map(|(path, text)| {
                let result = apply(&path, text.as_deref());
                (path, text, result)
            });
            Ok(written.collect::<Vec<_>>())
        })
        .await;
        let has_failed = match result {
            Ok(changes) => shared.note(changes),
            Err(error) => {
                tracing::error!(error = chain(&error), "failed to write records");
                false
            }
        };
        shared.written.send_replace(last);
        drop(shared);
        if has_failed {
            let _ = timeout(RETRY, work.notified()).await;
        }
    }
}

fn apply(path: &Path, text: Option<&[u8]>) -> io::Result<()> {
    match text {
        Some(text) => replace_file(path, text),
        None => directory::remove(path),
    }
}

impl Shared {
    /// Remembers what could not be written, to try it again; says whether there is any.
    fn note(&self, changes: Vec<(PathBuf, Option<Vec<u8>>, io::Result<()>)>) -> bool {
        let mut waiting = self.lock();
        for (path, text, result) in changes {
            match result {
                Ok(()) => {
                    waiting.failed.remove(&path);
                }
                Err(error) => {
                    if waiting.failed.insert(path.clone()) {
                        tracing::error!(
                            error = chain(&error),
                            path = %path.display(),
                            "failed to write a record; it is tried again"
                        );
                    }
                    waiting.changes.entry(path).or_insert(text);
                }
            }
        }
        !waiting.failed.is_empty()
    }
}

/// Runs what blocks where it may.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(panicked) => Err(io::Error::other(panicked)),
    }
}
