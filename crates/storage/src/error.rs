//! What crosses this crate's boundary as an error, besides the port's own.

use std::io;
use std::path::PathBuf;

use workers_domain::ports::RepositoryError;

/// Why a database cannot be used as it was named.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The file of a SQLite database cannot be made or closed to others.
    #[error("the database file {} cannot be used", path.display())]
    File {
        /// Which file, or which directory above it.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A SQLite database's log is there, and its file is not.
    #[error(
        "the database file {} is missing, but its log {} is there, which has what was written last: put the file back, \
         or move the log away if you want a new database", path.display(), log.display()
    )]
    LogWithoutFile {
        /// Which file.
        path: PathBuf,
        /// Its log.
        log: PathBuf,
    },
    /// A SQLite database's log is that of a file that was there before.
    #[error(
        "the database file {} was put in the place of another one, and the log {} is still that one's: together they would be \
         broken. Put the other file back; or, to use this one, move the log and {} aside and keep them, for they have what was \
         written last to the other file (docs/operations.md, Backup and restore)",
        path.display(), log.display(), index.display()
    )]
    LogOfAnotherFile {
        /// Which file.
        path: PathBuf,
        /// The log.
        log: PathBuf,
        /// The log's index.
        index: PathBuf,
    },
    /// The root certificates cannot be read.
    #[error("failed to read the root certificates that Postgres is checked against from {from}")]
    ReadRootCertificates {
        /// From where.
        from: String,
        /// What went wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The machine has no root certificates.
    #[error(
        "this machine has no root certificates to check Postgres against; \
         install the package ca-certificates, or name a file with `sslrootcert`"
    )]
    NoRootCertificates,
    /// TLS cannot be set up.
    #[error("failed to set up TLS")]
    Tls(#[source] rustls::Error),
    /// The pool cannot be set up.
    #[error("failed to set up the pool of connections")]
    Pool(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The schema lacks migrations that cannot be applied.
    #[error("failed to bring the database up to date")]
    Migrate(#[source] RepositoryError),
}

/// Why a database was not copied; nothing is left of the copy.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A database of Postgres is copied by Postgres' own programs.
    #[error("a Postgres database is backed up with pg_dump, as docs/operations.md says")]
    Postgres,
    /// A copy must not take the place of another one.
    #[error("{} is there already; name a file that is not", .0.display())]
    IsThere(PathBuf),
    /// SQLite cannot be told the path.
    #[error("the path {} must be valid UTF-8", .0.display())]
    NotText(PathBuf),
    /// There is no database.
    #[error("there is no database to back up")]
    NoDatabase,
    /// There is no room for it.
    #[error("there is no room for the copy {}: {detail}", path.display())]
    Full {
        /// The copy.
        path: PathBuf,
        /// What SQLite said.
        detail: String,
    },
    /// The copy cannot be written.
    #[error("the copy {} cannot be written", path.display())]
    File {
        /// The copy, or its directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The database cannot be read.
    #[error("the database cannot be copied")]
    Repository(#[from] RepositoryError),
    /// The database cannot be used.
    #[error(transparent)]
    Connect(#[from] ConnectError),
}

/// The error for a database that did not answer in time.
pub(crate) fn unavailable(problem: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> RepositoryError {
    RepositoryError::Unavailable(problem.into())
}

/// An error and all that caused it, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        // Some errors already quote their cause.
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = error.source();
    }
    text
}
