//! The database's file: made on purpose only, and missed when it goes or another one takes its place.
//!
//! A path is a name, and what it names may change under a running server: a directory is moved, a disk is mounted over
//! it, a copy is restored. SQLite would go on with the file that it has open, or make a new one, and both would lose
//! what was acknowledged.

use std::fs::{DirBuilder, File, Metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Instant;

use tracing::debug;
use workers_private_files::{close_file, open_file};

use super::pair::{self, FileId, Note};
use super::room::{Obstacle, find_obstacle};
use crate::error::ConnectError;

/// The mode of a directory that is made for the file. One that is there may be for others, too.
const DIRECTORY_MODE: u32 = 0o700;

/// What SQLite adds to the file's name for its log, which has what was written last.
pub(super) const LOG: &str = "-wal";

/// And for the index of the log, which all who have the file open share.
const LOG_INDEX: &str = "-shm";

const COMPANIONS: [&str; 3] = [LOG, LOG_INDEX, "-journal"];

/// What is done with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// It is read and written.
    Use,
    /// It is looked at, and neither it nor anything beside it is changed: not by SQLite, either, which would make a log
    /// and an index, and put what is in the log into the file.
    Look,
}

/// The file of a database.
pub(super) struct DatabaseFile {
    path: PathBuf,
    access: Access,
    /// The path as SQLite takes it.
    uri: String,
    /// The one that was opened first.
    opened: OnceLock<Opened>,
    /// The ids that it may have.
    ids: Mutex<Vec<FileId>>,
    checkpoint: Mutex<Checkpoint>,
    /// What a look at all of it has found.
    damage: OnceLock<String>,
}

/// A file that has been opened.
struct Opened {
    identity: Identity,
    /// Kept open as long as the database is used: to close it would be to let go of the locks that SQLite has on it.
    /// `None` where it is only looked at.
    file: Option<File>,
}

/// What this process did to put the log into the file.
#[derive(Default)]
struct Checkpoint {
    is_made: bool,
    not_before: Option<Instant>,
}

/// What the system knows a file by, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    device: u64,
    number: u64,
}

/// Why the file is not to be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Displaced {
    /// There is none.
    #[error("the database file {} is missing", .0.display())]
    Missing(PathBuf),
    /// There is another one.
    #[error(
        "the database file {} is another one than the server has opened; put that one back, or start the server anew \
         to use what is there now", .0.display()
    )]
    Replaced(PathBuf),
    /// Its content was replaced.
    #[error(
        "the database file {} was overwritten since the server has opened it; put its content back, or start the server anew, \
         which says what to do", .0.display()
    )]
    Overwritten(PathBuf),
    /// The log beside it is that of another one.
    #[error(
        "the log {} does not belong to the database file {}, which was put in the place of another one", log.display(),
        path.display()
    )]
    LogOfAnother {
        /// Which file.
        path: PathBuf,
        /// The log.
        log: PathBuf,
    },
    /// What was written last is in a log that cannot be read without changing something.
    #[error("the log {} has no index, so it cannot be read before the server has started again", .0.display())]
    NoIndex(PathBuf),
    /// It cannot be looked at.
    #[error("the database file {} cannot be looked at", .0.display())]
    Unknown(PathBuf, #[source] io::Error),
}

impl DatabaseFile {
    /// Takes a path. If there is a file that is to be used, it and its companions are closed to others.
    pub(super) fn new(path: &Path, access: Access) -> Result<Self, ConnectError> {
        let failed = |source| ConnectError::File { path: path.to_owned(), source };
        let path = std::path::absolute(path).map_err(failed)?;
        let Some(text) = path.to_str() else {
            return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, "the path must be valid UTF-8")));
        };
        let uri = format!("file://{}", text.replace('%', "%25").replace('?', "%3f").replace('#', "%23"));
        if access == Access::Use {
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

    /// The path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What is done with it.
    pub(super) fn access(&self) -> Access {
        self.access
    }

    /// The name by which SQLite opens it, and never makes it.
    pub(super) fn uri(&self) -> Result<String, Displaced> {
        let log = companion(&self.path, LOG);
        let parameters = match self.access {
            Access::Use => "mode=rw",
            Access::Look if companion(&self.path, LOG_INDEX).exists() => "mode=ro&readonly_shm=1",
            Access::Look if log.metadata().is_ok_and(|log| log.len() > 0) => return Err(Displaced::NoIndex(log)),
            // There is no other file to it, and without a server none comes.
            Access::Look => "mode=ro&immutable=1",
        };
        Ok(format!("{}?{parameters}", self.uri))
    }

    /// Whether there is a file.
    ///
    /// # Errors
    ///
    /// When there is a log without the file that it belongs to: a new file would be the end of it. So would be another
    /// file.
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
            Ok(found) if found.len() > 0 => Err(ConnectError::LogWithoutFile { path: self.path.clone(), log }),
            _ => Ok(false),
        }
    }

    /// Makes the file, and the directory it is in, where there is none. Before SQLite does, so that no other user can
    /// read it at any moment: it has the source of every worker.
    ///
    /// # Errors
    ///
    /// When it cannot be made; as [`is_there`](Self::is_there).
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

    /// Notes what a look at all of the file has found.
    pub(super) fn note_damage(&self, damage: String) {
        // The first finding is as good as any.
        let _ = self.damage.set(damage);
    }

    /// What a look at all of the file has found, if that was not good.
    pub(super) fn damage(&self) -> Option<&str> {
        self.damage.get().map(String::as_str)
    }

    /// The id that the file has now.
    pub(super) fn id(&self) -> io::Result<FileId> {
        match self.opened.get().and_then(|opened| opened.file.as_ref()) {
            Some(file) => FileId::read(file),
            None => Err(io::Error::other("the file has not been opened")),
        }
    }

    /// From now on the file may have one of these ids.
    pub(super) fn accept(&self, ids: &[FileId]) {
        *self.ids.lock().unwrap_or_else(PoisonError::into_inner) = ids.to_vec();
    }

    /// Whether it is time to put what is in the log into the file: this process has not done so yet, or the log has
    /// this length.
    pub(super) fn is_checkpoint_due(&self, bytes: u64) -> bool {
        let checkpoint = self.checkpoint.lock().unwrap_or_else(PoisonError::into_inner);
        let is_wanted =
            !checkpoint.is_made || companion(&self.path, LOG).metadata().is_ok_and(|log| log.len() >= bytes);
        is_wanted && checkpoint.not_before.is_none_or(|time| time <= Instant::now())
    }

    /// Notes that a checkpoint was made, or before when it is not to be tried again.
    pub(super) fn note_checkpoint(&self, not_before: Option<Instant>) {
        let mut checkpoint = self.checkpoint.lock().unwrap_or_else(PoisonError::into_inner);
        checkpoint.is_made |= not_before.is_none();
        checkpoint.not_before = not_before;
    }

    /// Notes which log belongs to the file, once it has been opened. What cannot be noted is done without.
    pub(super) fn note_log(&self) {
        if self.access == Access::Use
            && let Err(error) = pair::note_log(&self.path)
        {
            debug!(%error, "failed to note which log belongs to the database file");
        }
    }

    /// Whether this process may write the file, as far as the file's mode goes.
    pub(super) fn may_be_written(&self) -> io::Result<()> {
        rustix::fs::access(&self.path, rustix::fs::Access::WRITE_OK).map_err(io::Error::from)
    }

    /// Why nothing can be written beside the file, if that is so.
    pub(super) fn obstacle(&self) -> Option<Obstacle> {
        find_obstacle(self.path.parent()?)
    }

    fn failed(&self, source: io::Error) -> ConnectError {
        ConnectError::File { path: self.path.clone(), source }
    }

    /// Sees that the path names the file that was opened first, and that its content is what this process and others
    /// like it have made of it. The first call decides which file that is.
    pub(super) fn check(&self) -> Result<(), Displaced> {
        let found = self.path.metadata().map_err(|error| self.displaced(error))?;
        let identity = Identity::of(&found);
        let opened = match self.opened.get() {
            Some(opened) => opened,
            None => self.open()?,
        };
        if opened.identity != identity {
            return Err(Displaced::Replaced(self.path.clone()));
        }
        if opened.file.is_none() {
            return Ok(());
        }
        let id = self.id().map_err(|error| self.displaced(error))?;
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        if ids.contains(&id) {
            return Ok(());
        }
        // Another process may have given it that.
        match Note::read(&self.path) {
            Some(note) if note.ids.contains(&id) => {
                *ids = note.ids;
                Ok(())
            }
            _ => Err(Displaced::Overwritten(self.path.clone())),
        }
    }

    fn open(&self) -> Result<&Opened, Displaced> {
        if pair::is_mixed(&self.path) {
            return Err(Displaced::LogOfAnother { path: self.path.clone(), log: companion(&self.path, LOG) });
        }
        let open = || {
            if self.access == Access::Look {
                return Ok(Opened { identity: Identity::of(&self.path.metadata()?), file: None });
            }
            let file = File::open(&self.path)?;
            let note = Note::read(&self.path);
            let id = FileId::read(&file)?;
            self.accept(&note.map(|note| note.ids).filter(|ids| ids.contains(&id)).unwrap_or_else(|| vec![id]));
            Ok(Opened { identity: Identity::of(&file.metadata()?), file: Some(file) })
        };
        let opened = open().map_err(|error| self.displaced(error))?;
        Ok(self.opened.get_or_init(|| opened))
    }

    fn displaced(&self, error: io::Error) -> Displaced {
        match error.kind() {
            io::ErrorKind::NotFound => Displaced::Missing(self.path.clone()),
            _ => Displaced::Unknown(self.path.clone(), error),
        }
    }
}

impl Identity {
    fn of(found: &Metadata) -> Self {
        Self { device: found.dev(), number: found.ino() }
    }
}

/// SQLite gives companions that it makes the file's mode; those that are there may be older than that.
fn close_files(path: &Path) -> io::Result<()> {
    close_file(path)?;
    COMPANIONS.iter().try_for_each(|name| close_file(&companion(path, name)))
}

/// The file with this added to its name.
pub(super) fn companion(path: &Path, name: &str) -> PathBuf {
    let mut companion = path.as_os_str().to_owned();
    companion.push(name);
    companion.into()
}
