//! The database's file: made on purpose only, and missed when it goes or another one takes its place.
//!
//! A path is a name, and what it names may change under a running server: a directory is moved, a disk is mounted over
//! it, a copy is restored. SQLite would go on with the file that it has open, or make a new one, and both would lose
//! what was acknowledged.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use workers_private_files::{close_file, open_file};

use crate::error::ConnectError;

/// The mode of a directory that is made for the file. One that is there may be for others, too.
const DIRECTORY_MODE: u32 = 0o700;

/// What SQLite adds to the file's name for its companions. The first has what was written last.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// The file of a database.
pub(super) struct DatabaseFile {
    path: PathBuf,
    /// As SQLite takes it: never to be made.
    uri: String,
    /// The one that was opened first.
    opened: OnceLock<Identity>,
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
    /// It cannot be looked at.
    #[error("the database file {} cannot be looked at", .0.display())]
    Unknown(PathBuf, #[source] io::Error),
}

impl DatabaseFile {
    /// Takes a path. If there is a file, it and its companions are closed to others.
    pub(super) fn new(path: &Path) -> Result<Self, ConnectError> {
        let failed = |source| ConnectError::File { path: path.to_owned(), source };
        let path = std::path::absolute(path).map_err(failed)?;
        let Some(text) = path.to_str() else {
            return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, "the path must be valid UTF-8")));
        };
        let uri = format!("file://{}?mode=rw", text.replace('%', "%25").replace('?', "%3f").replace('#', "%23"));
        close_files(&path).map_err(failed)?;
        Ok(Self { path, uri, opened: OnceLock::new() })
    }

    /// The name by which SQLite opens it.
    pub(super) fn uri(&self) -> &str {
        &self.uri
    }

    /// Whether there is a file.
    ///
    /// # Errors
    ///
    /// When there is a log without the file that it belongs to: a new file would be the end of it.
    pub(super) fn is_there(&self) -> Result<bool, ConnectError> {
        if self.path.try_exists().map_err(|source| self.failed(source))? {
            return Ok(true);
        }
        let log = companion(&self.path, COMPANIONS[0]);
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

    fn failed(&self, source: io::Error) -> ConnectError {
        ConnectError::File { path: self.path.clone(), source }
    }

    /// Sees that the path names the file that was opened first. The first call decides which one that is.
    pub(super) fn check(&self) -> Result<(), Displaced> {
        let found = match self.path.metadata() {
            Ok(found) => Identity { device: found.dev(), number: found.ino() },
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Displaced::Missing(self.path.clone())),
            Err(error) => return Err(Displaced::Unknown(self.path.clone(), error)),
        };
        if *self.opened.get_or_init(|| found) == found { Ok(()) } else { Err(Displaced::Replaced(self.path.clone())) }
    }
}

/// SQLite gives companions that it makes the file's mode; those that are there may be older than that.
fn close_files(path: &Path) -> io::Result<()> {
    close_file(path)?;
    COMPANIONS.iter().try_for_each(|name| close_file(&companion(path, name)))
}

fn companion(path: &Path, name: &str) -> PathBuf {
    let mut companion = path.as_os_str().to_owned();
    companion.push(name);
    companion.into()
}
