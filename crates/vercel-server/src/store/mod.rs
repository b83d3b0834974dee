//! Records on disk: one JSON file each, always replaced as a whole.
//!
//! The state of the server is in memory; this is the copy that survives a restart. [`Store::save`] takes the new form
//! of a record and returns at once. One task writes; a form that is replaced before it is written is never written. A
//! request that must not be acknowledged before its record is safe calls [`Store::check`] before it changes anything,
//! and awaits [`Store::confirm`] afterwards.

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

/// How long after a failed write the records are written again, unless a new change comes first.
const RETRY: Duration = Duration::from_secs(1);
/// The file that lists the provider's snapshots that are kept although they have no record.
const KEPT: &str = "kept-snapshots.json";

/// The folder of the records.
const RECORDS: &str = "records";

/// The kinds of records; each kind has its own folder.
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
    /// The server's directory; the records are in a folder below it.
    directory: PathBuf,
    home: Home,
    /// Whether the folder of snapshot records did not exist before.
    is_new: bool,
    pending: Mutex<PendingWrites>,
    work: Arc<Notify>,
    written: watch::Sender<u64>,
}

/// Changes that are to be written next; bounded by the number of records.
#[derive(Default)]
struct PendingWrites {
    changes: BTreeMap<PathBuf, Option<Vec<u8>>>,
    /// The number of the last change.
    last: u64,
    /// Changes that could not be written and are tried again.
    failed: BTreeMap<PathBuf, Fault>,
    /// Since when writing has failed; set once the failure is logged.
    fault_since: Option<Instant>,
}

impl Store {
    /// Opens the store in the server's directory, which is created if it does not exist, and starts the task that
    /// writes.
    ///
    /// # Errors
    ///
    /// When a directory cannot be created.
    pub(crate) async fn open(directory: PathBuf) -> io::Result<Self> {
        let root = directory.clone();
        let (home, is_new) = blocking(move || {
            let root = make_data_directory(&root)?;
            let records = root.join(RECORDS);
            let folders: Vec<_> = Kind::ALL.iter().map(|kind| records.join(kind.folder())).collect();
            let snapshots = records.join(Kind::Snapshot.folder());
            // Before `Home::open`, which creates the folder.
            let is_new = !snapshots.try_exists().map_err(|error| home::named(&snapshots, &error))?;
            Ok((Home::open([root, records].into_iter().chain(folders).collect())?, is_new))
        })
        .await?;
        let (written, _) = watch::channel(0);
        let work = Arc::new(Notify::new());
        let pending = Mutex::default();
        let shared = Arc::new(Shared { directory, home, is_new, pending, work: Arc::clone(&work), written });
        tokio::spawn(write_all(Arc::downgrade(&shared), work));
        Ok(Self { shared })
    }

    /// Returns whether there was no folder for snapshot records when the store was opened.
    pub(crate) fn is_new(&self) -> bool {
        self.shared.is_new
    }

    /// Checks that a record could be written now.
    pub(crate) async fn check(&self) -> Result<(), Fault> {
        let shared = Arc::clone(&self.shared);
        let checked = blocking(move || shared.home.check()).await;
        checked.map_err(|error| self.shared.lock().record_fault(&error))
    }

    /// Creates the directory for the output of a session, and the parent directory of all such directories. Never
    /// creates the server's own directory: while that is away, a new one in its place would get in the way when it
    /// comes back.
    pub(crate) async fn make_log_directory(&self, path: PathBuf) -> Result<(), Fault> {
        let shared = Arc::clone(&self.shared);
        let made = blocking(move || {
            shared.home.check_identity()?;
            path.parent().map_or(Ok(()), make_directory)?;
            make_directory(&path)
        });
        made.await.map_err(|error| self.shared.lock().record_fault(&error))
    }

    /// Returns the provider's snapshots that are kept although they have no record.
    pub(crate) async fn kept_snapshots(&self) -> io::Result<HashSet<String>> {
        let path = self.shared.directory.join(KEPT);
        blocking(move || match read_file(&path) {
            Ok(text) => serde_json::from_slice(&text).map_err(|error| home::named(&path, &error.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(HashSet::new()),
            Err(error) => Err(error),
        })
        .await
    }

    /// Writes the list of these snapshots. Returns the path of the file.
    pub(crate) async fn keep_snapshots(&self, ids: &HashSet<String>) -> io::Result<PathBuf> {
        let (path, text) = (self.shared.directory.join(KEPT), serde_json::to_vec(ids)?);
        blocking(move || replace_file(&path, &text).map(|()| path)).await
    }

    /// Loads every record of a kind. Records that cannot be read are set aside and logged.
    ///
    /// # Errors
    ///
    /// When the folder cannot be read.
    pub(crate) async fn load<T: DeserializeOwned + Send + 'static>(&self, kind: Kind) -> io::Result<Loaded<T>> {
        let folder = self.shared.directory.join(RECORDS).join(kind.folder());
        blocking(move || directory::load(&folder)).await
    }

    /// Queues a record to be written.
    pub(crate) fn save<T: Serialize>(&self, kind: Kind, name: &str, record: &T) {
        match serde_json::to_vec(record) {
            Ok(text) => self.change(kind, name, Some(text)),
            Err(error) => tracing::error!(error = error_chain(&error), "failed to write a record"),
        }
    }

    /// Queues the removal of a record.
    pub(crate) fn remove(&self, kind: Kind, name: &str) {
        self.change(kind, name, None);
    }

    fn path(&self, kind: Kind, name: &str) -> PathBuf {
        self.shared.directory.join(RECORDS).join(kind.folder()).join(format!("{name}.json"))
    }

    /// Waits until these records are written or removed. A failed one is tried again until it succeeds or is replaced.
    pub(crate) async fn confirm(&self, records: &[(Kind, &str)]) -> Result<(), Fault> {
        self.flushed().await;
        let pending = self.shared.lock();
        let failed = records.iter().find_map(|(kind, name)| pending.failed.get(&self.path(*kind, name)).copied());
        failed.map_or(Ok(()), Err)
    }

    fn change(&self, kind: Kind, name: &str, text: Option<Vec<u8>>) {
        let path = self.path(kind, name);
        let mut pending = self.shared.lock();
        pending.changes.insert(path, text);
        pending.last += 1;
        drop(pending);
        // If the task is not waiting now, this lets its next wait end at once, so no change is missed.
        self.shared.work.notify_one();
    }

    /// Waits until every earlier save and removal is on disk or has failed.
    pub(crate) async fn flushed(&self) {
        let last = self.shared.lock().last;
        // The sender cannot be dropped: `self.shared` holds it.
        let _ = self.shared.written.subscribe().wait_for(|written| *written >= last).await;
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, PendingWrites> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // Wakes the task, which then finds that the store is gone, and ends.
        self.work.notify_one();
    }
}

/// Writes queued changes until the store is dropped.
async fn write_all(store: Weak<Shared>, work: Arc<Notify>) {
    while let Some(shared) = store.upgrade() {
        let (changes, last) = {
            let mut pending = shared.lock();
            (std::mem::take(&mut pending.changes), pending.last)
        };
        if changes.is_empty() {
            // Our reference must not keep the store alive.
            drop(shared);
            work.notified().await;
            continue;
        }
        let writer = Arc::clone(&shared);
        let result = blocking(move || {
            let written = changes.into_iter().map(|(path, text)| {
                // Checked before each write, so that nothing is written into another directory that has taken the place
                // of this one.
                let result = writer.home.check_identity().and_then(|()| apply(&path, text.as_deref()));
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
        // After `note`, because `confirm` reads the failures as soon as it sees this number.
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
    /// Records which changes could not be written, to try them again. Returns whether there are any.
    fn note(&self, changes: Vec<(PathBuf, Option<Vec<u8>>, io::Result<()>)>) -> bool {
        let mut pending = self.lock();
        for (path, text, result) in changes {
            match result {
                Ok(()) => {
                    pending.failed.remove(&path);
                }
                Err(error) => {
                    let fault = pending.record_fault(&error);
                    pending.failed.insert(path.clone(), fault);
                    // A newer form of the record may be waiting already, and must not be replaced by this one.
                    pending.changes.entry(path).or_insert(text);
                }
            }
        }
        if pending.failed.is_empty()
            && let Some(since) = pending.fault_since.take()
        {
            tracing::info!(seconds = since.elapsed().as_secs(), "records of sandboxes can be written again");
        }
        !pending.failed.is_empty()
    }
}

impl PendingWrites {
    /// Logs a write failure, only once until writing works again. Returns the fault.
    fn record_fault(&mut self, error: &io::Error) -> Fault {
        if self.fault_since.is_none() {
            self.fault_since = Some(Instant::now());
            tracing::error!(
                error = error_chain(error),
                "records of sandboxes cannot be written; that is tried again, and requests that change something are refused"
            );
        }
        Fault::of(error)
    }
}

/// Runs blocking work on a thread that may block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let span = tracing::Span::current();
    match tokio::task::spawn_blocking(move || span.in_scope(work)).await {
        Ok(done) => done,
        Err(panicked) => Err(io::Error::other(panicked)),
    }
}
