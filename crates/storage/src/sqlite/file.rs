//! The database file. It is created only on request, and we detect when it disappears or is replaced.
//!
//! What a path refers to may change under a running server: a directory is moved, a disk is mounted over it, a copy is
//! restored. SQLite would continue with the file that it has open, or create a new one, and both would lose
//! acknowledged writes.

use std::fs::{DirBuilder, File, Metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Instant;

use tracing::debug;
use workers_private_files::{close_file, open_file};

use super::companions::{COMPANIONS, LOG, LOG_INDEX, companion};
use super::pair::{self, FileId, Note};
use super::writable::{WriteObstacle, find_write_obstacle};
use crate::error::ConnectError;

/// The mode of a directory that is created for the file. An existing directory keeps its mode, because it may be shared
/// with others.
const DIRECTORY_MODE: u32 = 0o700;

/// How a file is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Read and written.
    ReadWrite,
    /// Only examined. Neither the file nor anything beside it is changed. In particular SQLite must not create a log or
    /// an index, or copy the log into the file.
    Inspect,
}

/// The file of a database.
pub(super) struct DatabaseFile {
    path: PathBuf,
    access: Access,
    /// The path as a URI for SQLite.
    uri: String,
    /// The file that was opened first.
    opened: OnceLock<Opened>,
    /// The ids that the file may have.
    ids: Mutex<Vec<FileId>>,
    checkpoint: Mutex<Checkpoint>,
    /// The damage found by a check of the whole file.
    damage: OnceLock<String>,
}

/// A file that has been opened.
struct Opened {
    identity: Identity,
    /// Kept open as long as the database is used: closing it would release the locks that SQLite holds on it. `None` if
    /// the file is only examined.
    file: Option<File>,
}

/// The state of this process's checkpoints.
#[derive(Default)]
struct Checkpoint {
    is_made: bool,
    not_before: Option<Instant>,
}

/// The identity of a file in the operating system, independent of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    device: u64,
    number: u64,
}

/// The reason why the file must not be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum UnusableFile {
    /// The file does not exist.
    #[error("the database file {} is missing", .0.display())]
    Missing(PathBuf),
    /// The path refers to a different file.
    #[error(
        "the database file {} is another one than the server has opened; put that one back, or start the server anew \
         to use what is there now", .0.display()
    )]
    Replaced(PathBuf),
    /// The file's content was replaced.
    #[error(
        "the database file {} was overwritten since the server has opened it; put its content back, or start the server anew, \
         which says what to do", .0.display()
    )]
    Overwritten(PathBuf),
    /// The write-ahead log beside the file belongs to a different file.
    #[error(
        "the log {} does not belong to the database file {}, which was put in the place of another one", log.display(),
        path.display()
    )]
    LogOfAnother {
        /// The file.
        path: PathBuf,
        /// The log.
        log: PathBuf,
    },
    /// The latest writes are in a log that cannot be read without changing something.
    #[error("the log {} has no index, so it cannot be read before the server has started again", .0.display())]
    NoIndex(PathBuf),
    /// The file cannot be examined.
    #[error("the database file {} cannot be looked at", .0.display())]
    Unknown(PathBuf, #[source] io::Error),
}

impl DatabaseFile {
    /// Creates the handle of a path. If the file exists and is to be used, it and its companion files are restricted to
    /// their owner.
    pub(super) fn new(path: &Path, access: Access) -> Result<Self, ConnectError> {
        let failed = |source| ConnectError::File { path: path.to_owned(), source };
        // In a URI, SQLite would take the first part of a relative path for the name of a host.
        let path = std::path::absolute(path).map_err(failed)?;
        let Some(text) = path.to_str() else {
            return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, "the path must be valid UTF-8")));
        };
        // SQLite would take these characters for an escape, for parameters or for a fragment.
        let uri = format!("file://{}", text.replace('%', "%25").replace('?', "%3f").replace('#', "%23"));
        if access == Access::ReadWrite {
            close_files(&path).map_err(failed)?;
        }
        Ok(Self {
            path,
            access,
            uri,
            opened: OnceLock::new(),
            ids: Mutex::default(),
            checkpoint: Mutex::default(),
            damage: OnceLock::new(),
        })
    }

    /// Returns the path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns how the file is used.
    pub(super) fn access(&self) -> Access {
        self.access
    }

    /// Returns the URI with which SQLite opens the file without creating it.
    pub(super) fn uri(&self) -> Result<String, UnusableFile> {
        let log = companion(&self.path, LOG);
        let parameters = match self.access {
            Access::ReadWrite => "mode=rw",
            // Without `readonly_shm`, SQLite would write to the index even in this mode.
            Access::Inspect if companion(&self.path, LOG_INDEX).exists() => "mode=ro&readonly_shm=1",
            Access::Inspect if log.metadata().is_ok_and(|log| log.len() > 0) => return Err(UnusableFile::NoIndex(log)),
            // There is no log, and while no server runs none will appear.
            Access::Inspect => "mode=ro&immutable=1",
        };
        Ok(format!("{}?{parameters}", self.uri))
    }

    /// Returns whether the file exists.
    ///
    /// # Errors
    ///
    /// If the log exists without its file, or belongs to a different file: creating or using a file would then destroy
    /// what is in the log.
    pub(super) fn is_there(&self) -> Result<bool, ConnectError> {
        let log = companion(&self.path, LOG);
        if self.path.try_exists().map_err(|source| self.failed(source))? {
            if pair::is_mixed(&self.path) {
                return Err(ConnectError::LogOfAnotherFile {
                    path: self.path.clone(),
                    index: companion(&self.path, LOG_INDEX),
                    log,
                });
            }
            return Ok(true);
        }
        match log.metadata() {
            // An empty log holds no writes that could be lost.
            Ok(found) if found.len() > 0 => Err(ConnectError::LogWithoutFile { path: self.path.clone(), log }),
            _ => Ok(false),
        }
    }

    /// Creates the file and its directory if they do not exist. We do this before SQLite does, so that no other user
    /// can ever read the file: it contains the source of every worker.
    ///
    /// # Errors
    ///
    /// If the file cannot be created, or as for [`is_there`](Self::is_there).
    pub(super) fn create_if_none(&self) -> Result<(), ConnectError> {
        if self.is_there()? {
            return Ok(());
        }
        let failed = |source| self.failed(source);
        if let Some(directory) = self.path.parent() {
            DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(directory).map_err(failed)?;
        }
        open_file(&self.path).map_err(failed)?;
        close_files(&self.path).map_err(failed)
    }

    /// Records damage found by a check of the whole file.
    pub(super) fn note_damage(&self, damage: String) {
        // Only the first finding is kept.
        let _ = self.damage.set(damage);
    }

    /// Returns the damage found by a check of the whole file.
    pub(super) fn damage(&self) -> Option<&str> {
        self.damage.get().map(String::as_str)
    }

    /// Returns the file's current id.
    pub(super) fn id(&self) -> io::Result<FileId> {
        match self.opened.get().and_then(|opened| opened.file.as_ref()) {
            Some(file) => FileId::read(file),
            None => Err(io::Error::other("the file has not been opened")),
        }
    }

    /// Sets the ids that the file may have from now on.
    pub(super) fn accept(&self, ids: &[FileId]) {
        *self.ids.lock().unwrap_or_else(PoisonError::into_inner) = ids.to_vec();
    }

    /// Returns whether a checkpoint is due: this process has not made one yet, or the log has at least `bytes` bytes.
    pub(super) fn is_checkpoint_due(&self, bytes: u64) -> bool {
        let checkpoint = self.checkpoint.lock().unwrap_or_else(PoisonError::into_inner);
        let is_wanted =
            !checkpoint.is_made || companion(&self.path, LOG).metadata().is_ok_and(|log| log.len() >= bytes);
        is_wanted && checkpoint.not_before.is_none_or(|time| time <= Instant::now())
    }

    /// Records that a checkpoint was made (`None`), or until when it is not tried again.
    pub(super) fn note_checkpoint(&self, not_before: Option<Instant>) {
        let mut checkpoint = self.checkpoint.lock().unwrap_or_else(PoisonError::into_inner);
        checkpoint.is_made |= not_before.is_none();
        checkpoint.not_before = not_before;
    }

    /// Records which log belongs to the file, once it has been opened. A failure is only logged: without the record we
    /// just cannot detect a mismatch.
    pub(super) fn note_log(&self) {
        if self.access == Access::ReadWrite
            && let Err(error) = pair::note_log(&self.path)
        {
            debug!(%error, "failed to note which log belongs to the database file");
        }
    }

    /// Checks that the mode of the file allows this process to write it.
    pub(super) fn may_be_written(&self) -> io::Result<()> {
        // Asked and not tried, because an inspection changes nothing.
        rustix::fs::access(&self.path, rustix::fs::Access::WRITE_OK).map_err(io::Error::from)
    }

    /// Returns what prevents writing in the file's directory, if anything.
    pub(super) fn obstacle(&self) -> Option<WriteObstacle> {
        find_write_obstacle(self.path.parent()?)
    }

    fn failed(&self, source: io::Error) -> ConnectError {
        ConnectError::File { path: self.path.clone(), source }
    }

    /// Checks that the path refers to the file that was opened first, and that its content was written by this program.
    /// The first call decides which file that is.
    pub(super) fn check(&self) -> Result<(), UnusableFile> {
        let found = self.path.metadata().map_err(|error| self.unusable(error))?;
        let identity = Identity::of(&found);
        let opened = match self.opened.get() {
            Some(opened) => opened,
            None => self.open()?,
        };
        if opened.identity != identity {
            return Err(UnusableFile::Replaced(self.path.clone()));
        }
        // A file that is only examined is not held open, so there is no id to compare.
        if opened.file.is_none() {
            return Ok(());
        }
        let id = self.id().map_err(|error| self.unusable(error))?;
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        if ids.contains(&id) {
            return Ok(());
        }
        // Another process of ours may have set the new id.
        match Note::read(&self.path) {
            Some(note) if note.ids.contains(&id) => {
                *ids = note.ids;
                Ok(())
            }
            _ => Err(UnusableFile::Overwritten(self.path.clone())),
        }
    }

    fn open(&self) -> Result<&Opened, UnusableFile> {
        if pair::is_mixed(&self.path) {
            return Err(UnusableFile::LogOfAnother { path: self.path.clone(), log: companion(&self.path, LOG) });
        }
        let open = || {
            if self.access == Access::Inspect {
                return Ok(Opened { identity: Identity::of(&self.path.metadata()?), file: None });
            }
            let file = File::open(&self.path)?;
            let note = Note::read(&self.path);
            let id = FileId::read(&file)?;
            // A note without this id is that of an earlier file. `is_mixed` has just made sure that no writes of that
            // one are in the log, so the file is used as it is.
            self.accept(&note.map(|note| note.ids).filter(|ids| ids.contains(&id)).unwrap_or_else(|| vec![id]));
            Ok(Opened { identity: Identity::of(&file.metadata()?), file: Some(file) })
        };
        let opened = open().map_err(|error| self.unusable(error))?;
        Ok(self.opened.get_or_init(|| opened))
    }

    fn unusable(&self, error: io::Error) -> UnusableFile {
        match error.kind() {
            io::ErrorKind::NotFound => UnusableFile::Missing(self.path.clone()),
            _ => UnusableFile::Unknown(self.path.clone(), error),
        }
    }
}

impl Identity {
    fn of(found: &Metadata) -> Self {
        Self { device: found.dev(), number: found.ino() }
    }
}

/// Restricts the file and its companions to their owner. SQLite creates companions with the file's mode, but existing
/// ones may be older than that.
fn close_files(path: &Path) -> io::Result<()> {
    close_file(path)?;
    COMPANIONS.iter().try_for_each(|name| close_file(&companion(path, name)))
}
