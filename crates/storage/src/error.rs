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
