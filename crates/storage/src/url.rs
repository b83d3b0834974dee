//! Database URLs.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::postgres::{InvalidPostgresUrlError, PostgresUrl};

/// The URL of a database: `postgres://…` (or `postgresql://…`) or `sqlite://PATH`.
///
/// For SQLite, the part after `sqlite://` is used as a path without any changes: there are no escapes and no
/// parameters. `sqlite:///var/lib/w.sqlite3` is absolute, `sqlite://data/w.sqlite3` is relative to the working
/// directory.
///
/// For Postgres, these parameters control TLS. Their meaning differs from that in other clients:
///
/// | `sslmode` | meaning |
/// |---|---|
/// | `disable` | no TLS |
/// | `prefer` | TLS if the server offers it, and then its certificate and name are checked |
/// | `require`, `verify-full` | TLS, with certificate and name checked |
/// | `verify-ca` | TLS, with the certificate checked, but not the name in it |
/// | absent | `disable` for Unix sockets and loopback addresses, else `require` |
///
/// A certificate is checked against the operating system's root certificates, or against the file `sslrootcert` if one
/// is given. `channel_binding`, `options`, `connect_timeout`, `application_name` and similar parameters have their
/// usual meaning.
///
/// Neither [`Display`](fmt::Display) nor [`Debug`] shows a user, a password or parameters.
#[derive(Clone)]
pub struct DatabaseUrl(Kind);

#[derive(Clone)]
pub(crate) enum Kind {
    Postgres(Box<PostgresUrl>),
    Sqlite(PathBuf),
}

/// The error for text that is not the URL of a supported database. It never quotes the text, which may contain a
/// password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidDatabaseUrlError {
    /// The text begins with none of the supported schemes.
    #[error("a database URL must start with `postgres://`, `postgresql://` or `sqlite://`")]
    UnknownScheme,
    /// There is nothing after `sqlite://`.
    #[error("a SQLite URL must name a file, as `sqlite:///var/lib/workers/workers.sqlite3`")]
    NoFile,
    /// An in-memory SQLite database is not supported: SQLite would give each connection its own database.
    #[error("a SQLite database must be a file, not `:memory:`")]
    InMemory,
    /// A SQLite URL contains a `?`.
    #[error("a SQLite URL takes no parameters, and its file name must have no `?`")]
    SqliteParameters,
    /// A Postgres URL is not valid.
    #[error("invalid Postgres URL")]
    Postgres(#[from] InvalidPostgresUrlError),
}

impl DatabaseUrl {
    /// Creates the URL of a SQLite file.
    #[must_use]
    pub fn sqlite_file(path: impl Into<PathBuf>) -> Self {
        Self(Kind::Sqlite(path.into()))
    }

    /// Returns the file's path if this is SQLite.
    #[must_use]
    pub fn sqlite_path(&self) -> Option<&Path> {
        match &self.0 {
            Kind::Sqlite(path) => Some(path),
            Kind::Postgres(_) => None,
        }
    }

    pub(crate) const fn kind(&self) -> &Kind {
        &self.0
    }
}

impl FromStr for DatabaseUrl {
    type Err = InvalidDatabaseUrlError;

    fn from_str(text: &str) -> Result<Self, InvalidDatabaseUrlError> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self(Kind::Postgres(Box::new(text.parse()?))));
        }
        match text.strip_prefix("sqlite://") {
            None => Err(InvalidDatabaseUrlError::UnknownScheme),
            Some("") => Err(InvalidDatabaseUrlError::NoFile),
            Some(":memory:") => Err(InvalidDatabaseUrlError::InMemory),
            Some(path) if path.contains('?') => Err(InvalidDatabaseUrlError::SqliteParameters),
            Some(path) => Ok(Self::sqlite_file(path)),
        }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Postgres(url) => url.fmt(formatter),
            Kind::Sqlite(path) => write!(formatter, "sqlite://{}", path.display()),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "DatabaseUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> InvalidDatabaseUrlError {
        text.parse::<DatabaseUrl>().unwrap_err()
    }

    #[test]
    fn a_sqlite_url_names_an_absolute_or_a_relative_file() {
        let absolute: DatabaseUrl = "sqlite:///var/lib/a b.sqlite3".parse().unwrap();
        assert_eq!(absolute.sqlite_path(), Some(Path::new("/var/lib/a b.sqlite3")));
        let relative: DatabaseUrl = "sqlite://data/w.sqlite3".parse().unwrap();
        assert_eq!(relative.sqlite_path(), Some(Path::new("data/w.sqlite3")));
    }

    #[test]
    fn what_is_no_database_is_refused_for_its_reason() {
        for text in ["", "workers.sqlite3", "mysql://h/d", "host=localhost dbname=d", "sqlite:w", "postgres:/h"] {
            assert!(matches!(refusal(text), InvalidDatabaseUrlError::UnknownScheme), "{text}");
        }
        assert!(matches!(refusal("sqlite://"), InvalidDatabaseUrlError::NoFile));
        assert!(matches!(refusal("sqlite://:memory:"), InvalidDatabaseUrlError::InMemory));
        assert!(matches!(refusal("sqlite://w?mode=ro"), InvalidDatabaseUrlError::SqliteParameters));
    }

    #[test]
    fn neither_display_nor_debug_nor_an_error_shows_a_secret() {
        let secrets = ["hunter2", "alice", "topsecret"];
        let url: DatabaseUrl = "postgres://alice:hunter2@db.example:5433/w?options=topsecret".parse().unwrap();
        let mut shown = format!("{url} {url:?}");
        for wrong in [
            "postgres://alice:hunter2@db.example:hunter2/w",
            "postgres://alice:hunter2@db.example/w?sslmode=hunter2",
            "postgres://alice:hunter2@db.example/w?connect_timeout=hunter2",
            "postgres://alice:hunter2@[db.example/w",
            "mysql://alice:hunter2@db.example/w",
        ] {
            let error = refusal(wrong);
            shown = format!("{shown} {} {error:?}", crate::error::chain(&error));
        }
        for secret in secrets {
            assert!(!shown.contains(secret), "{shown}");
        }
        assert_eq!(url.to_string(), "postgres://db.example:5433/w");
    }
}
