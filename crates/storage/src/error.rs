//! Error types of this crate, in addition to those of the port.

use std::io;
use std::path::PathBuf;

use workers_domain::ports::RepositoryError;

/// The reason why a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The file of a SQLite database cannot be created or restricted to its owner.
    #[error("the database file {} cannot be used", path.display())]
    File {
        /// The file, or a directory above it.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// The write-ahead log of a SQLite database exists, but its file does not.
    #[error(
        "the database file {} is missing, but its log {} is there, which has what was written last: put the file back, \
         or move the log away if you want a new database", path.display(), log.display()
    )]
    LogWithoutFile {
        /// The file.
        path: PathBuf,
        /// Its log.
        log: PathBuf,
    },
    /// The write-ahead log belongs to a different file that was there before.
    #[error(
        "the database file {} was put in the place of another one, and the log {} is still that one's: together they would be \
         broken. Put the other file back; or, to use this one, move the log and {} aside and keep them, for they have what was \
         written last to the other file (docs/operations.md, Backup and restore)",
        path.display(), log.display(), index.display()
    )]
    LogOfAnotherFile {
        /// The file.
        path: PathBuf,
        /// The log.
        log: PathBuf,
        /// The index of the log.
        index: PathBuf,
    },
    /// The root certificates cannot be read.
    #[error("failed to read the root certificates that Postgres is checked against from {from}")]
    ReadRootCertificates {
        /// The path of the certificates.
        from: String,
        /// The underlying error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The host has no root certificates.
    #[error(
        "this machine has no root certificates to check Postgres against; \
         install the package ca-certificates, or name a file with `sslrootcert`"
    )]
    NoRootCertificates,
    /// TLS cannot be set up.
    #[error("failed to set up TLS")]
    Tls(#[source] rustls::Error),
    /// The connection pool cannot be set up.
    #[error("failed to set up the pool of connections")]
    Pool(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Pending migrations cannot be applied.
    #[error("failed to bring the database up to date")]
    Migrate(#[source] RepositoryError),
}

/// The reason why a database was not copied. Nothing of the copy is left.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A Postgres database must be copied with Postgres' own programs.
    #[error("a Postgres database is backed up with pg_dump, as docs/operations.md says")]
    Postgres,
    /// The target exists already; a backup never overwrites a file.
    #[error("{} is there already; name a file that is not", .0.display())]
    IsThere(PathBuf),
    /// The path is not valid UTF-8, so it cannot be passed to SQLite.
    #[error("the path {} must be valid UTF-8", .0.display())]
    NotText(PathBuf),
    /// The database does not exist.
    #[error("there is no database to back up")]
    NoDatabase,
    /// There is no room for the copy.
    #[error("there is no room for the copy {}: {detail}", path.display())]
    Full {
        /// The path of the copy.
        path: PathBuf,
        /// SQLite's message.
        detail: String,
    },
    /// The copy cannot be written.
    #[error("the copy {} cannot be written", path.display())]
    File {
        /// The path of the copy, or of its directory.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// The database cannot be read.
    #[error("the database cannot be copied")]
    Repository(#[from] RepositoryError),
    /// The database cannot be used.
    #[error(transparent)]
    Connect(#[from] ConnectError),
}

/// Creates the error for a database that cannot be reached or did not respond in time.
pub(crate) fn unavailable(problem: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> RepositoryError {
    RepositoryError::Unavailable(problem.into())
}

/// Joins an error and all its causes into one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        // Some errors already contain the message of their cause.
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = error.source();
    }
    text
}
