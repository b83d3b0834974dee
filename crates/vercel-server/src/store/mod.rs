//! Records on disk: one JSON file each, replaced as a whole.
//!
//! What the server knows is in memory; this is the copy that survives it. [`Store::save`] takes a record's new form and
//! returns at once, one task writes, and a form that is replaced before it was written is never written. A request that
//! must not be acknowledged before its record is safe asks with [`Store::check`] before it changes anything, and awaits
//! [`Store::confirm`] afterwards.

mod directory;
mod home;

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;
use workers_domain::error_chain;
use workers_private_files::{make_data_directory, make_directory, read_file, replace_file};

use home::Home;

pub(crate) use directory::Loaded;
pub(crate) use home::Fault;

/// How long after a failure records are written again, unless there are new ones.
const RETRY: Duration = Duration::from_secs(1);
/// What the provider's snapshots are called that are kept though no record knows them.
const KEPT: &str = "kept-snapshots.json";

/// The folder that records are in.
const RECORDS: &str = "records";

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
    /// Of the server; records are in one below it.
    directory: PathBuf,
    home: Home,
    /// Whether there was no place for snapshots' records before.
    is_new: bool,
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
    failed: BTreeMap<PathBuf, Fault>,
    /// Since when nothing can be written, if the log was told so.
    told: Option<Instant>,
}

impl Store {
    /// Opens the store of a server's directory, which is made if it is not there, and starts the task that writes.
    ///
    /// # Errors
    ///
    /// When a directory cannot be made.
    pub(crate) async fn open(directory: PathBuf) -> io::Result<Self> {
        let root = directory.clone();
        let (home, is_new) = blocking(move || {
            let root = make_data_directory(&root)?;
            let records = root.join(RECORDS);
            let folders: Vec<_> = Kind::ALL.iter().map(|kind| records.join(kind.folder())).collect();
            let snapshots = records.join(Kind::Snapshot.folder());
            let is_new = !snapshots.try_exists().map_err(|error| home::named(&snapshots, &error))?;
            Ok((Home::open([root, records].into_iter().chain(folders).collect())?, is_new))
        })
        .await?;
        let (written, _) = watch::channel(0);
        let work = Arc::new(Notify::new());
        let waiting = Mutex::default();
        let shared = Arc::new(Shared { directory, home, is_new, waiting, work: Arc::clone(&work), written });
        tokio::spawn(write_all(Arc::downgrade(&shared), work));
        Ok(Self { shared })
    }

    /// Whether there were no records before, not even a place for them.
    pub(crate) fn is_new(&self) -> bool {
        self.shared.is_new
    }

    /// Sees that something could be written now.
    pub(crate) async fn check(&self) -> Result<(), Fault> {
        let shared = Arc::clone(&self.shared);
        let checked = blocking(move || shared.home.check()).await;
        checked.map_err(|error| self.shared.lock().tell(&error))
    }

    /// Makes a directory for what a session prints, and the one that those of all sessions lie in. The server's own is
    /// never made here: while it is away, another one in its place would be in its way.
    pub(crate) async fn make_log_directory(&self, path: PathBuf) -> Result<(), Fault> {
        let shared = Arc::clone(&self.shared);
        let made = blocking(move || {
            shared.home.check_place()?;
            path.parent().map_or(Ok(()), make_directory)?;
            make_directory(&path)
        });
        made.await.map_err(|error| self.shared.lock().tell(&error))
    }

    /// The provider's snapshots that are kept though no record knows them.
    pub(crate) async fn kept_snapshots(&self) -> io::Result<HashSet<String>> {
        let path = self.shared.directory.join(KEPT);
        blocking(move || match read_file(&path) {
            Ok(text) => serde_json::from_slice(&text).map_err(|error| home::named(&path, &error.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(HashSet::new()),
            Err(error) => Err(error),
        })
        .await
    }

    /// Writes down which these are.
    pub(crate) async fn keep_snapshots(&self, ids: &HashSet<String>) -> io::Result<PathBuf> {
        let (path, text) = (self.shared.directory.join(KEPT), serde_json::to_vec(ids)?);
        blocking(move || replace_file(&path, &text).map(|()| path)).await
    }

    /// Every record of a kind that can be read. What cannot is set aside, and logged.
    ///
    /// # Errors
    ///
    /// When the folder cannot be read.
    pub(crate) async fn load<T: DeserializeOwned + Send + 'static>(&self, kind: Kind) -> io::Result<Loaded<T>> {
        let folder = self.shared.directory.join(RECORDS).join(kind.folder());
        blocking(move || directory::load(&folder)).await
    }

    /// Writes a record, soon.
    pub(crate) fn save<T: Serialize>(&self, kind: Kind, name: &str, record: &T) {
        match serde_json::to_vec(record) {
            Ok(text) => self.change(kind, name, Some(text)),
            Err(error) => tracing::error!(error = error_chain(&error), "failed to write a record"),
        }
    }

    /// Removes a record, soon.
    pub(crate) fn remove(&self, kind: Kind, name: &str) {
        self.change(kind, name, None);
    }

    fn path(&self, kind: Kind, name: &str) -> PathBuf {
        self.shared.directory.join(RECORDS).join(kind.folder()).join(format!("{name}.json"))
    }

    /// Waits until these records were written or removed. If one could not be, that is tried again as long as nothing
    /// replaces it.
    pub(crate) async fn confirm(&self, records: &[(Kind, &str)]) -> Result<(), Fault> {
        self.flushed().await;
        let waiting = self.shared.lock();
        let failed = records.iter().find_map(|(kind, name)| waiting.failed.get(&self.path(*kind, name)).copied());
        failed.map_or(Ok(()), Err)
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
        let writer = Arc::clone(&shared);
        let result = blocking(move || {
            let written = changes.into_iter().map(|(path, text)| {
                let result = writer.home.check_place().and_then(|()| apply(&path, text.as_deref()));
                (path, text, result)
            });
            Ok(written.collect::<Vec<_>>())
        })
        .await;
        let has_failed = match result {
            Ok(changes) => shared.note(changes),
            Err(error) => {
                tracing::error!(error = error_chain(&error), "failed to write records");
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
                    let fault = waiting.tell(&error);
                    waiting.failed.insert(path.clone(), fault);
                    waiting.changes.entry(path).or_insert(text);
                }
            }
        }
        if waiting.failed.is_empty()
            && let Some(since) = waiting.told.take()
        {
            tracing::info!(seconds = since.elapsed().as_secs(), "records of sandboxes can be written again");
        }
        !waiting.failed.is_empty()
    }
}

impl Waiting {
    /// Logs what is in the way, once until something is written again. Says what it comes to.
    fn tell(&mut self, error: &io::Error) -> Fault {
        if self.told.is_none() {
            self.told = Some(Instant::now());
            tracing::error!(
                error = error_chain(error),
                "records of sandboxes cannot be written; that is tried again, and requests that change something are refused"
            );
        }
        Fault::of(error)
    }
}

/// Runs what blocks where it may.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let span = tracing::Span::current();
    match tokio::task::spawn_blocking(move || span.in_scope(work)).await {
        Ok(done) => done,
        Err(panicked) => Err(io::Error::other(panicked)),
    }
}
