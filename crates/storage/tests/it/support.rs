//! What several of the tests need.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tempfile::TempDir;
use workers_domain::ports::{RepositoryError, WorkerRepository};
use workers_domain::{FunctionName, Worker, WorkerId, WorkerName};
use workers_storage::{Database, DatabaseUrl, StorageOptions};

/// A repository, and the directory it is in.
pub(crate) struct Fixture {
    pub(crate) repository: Arc<dyn WorkerRepository>,
    pub(crate) directory: Option<TempDir>,
}

impl Deref for Fixture {
    type Target = dyn WorkerRepository;

    fn deref(&self) -> &Self::Target {
        &*self.repository
    }
}

pub(crate) async fn connect(url: &str) -> Database {
    connect_with(url, &StorageOptions::default()).await
}

pub(crate) async fn connect_with(url: &str, options: &StorageOptions) -> Database {
    let url: DatabaseUrl = url.parse().unwrap();
    let database = Database::connect(&url, options).await.unwrap();
    database.create_if_none().await.unwrap();
    database
}

pub(crate) fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(1_763_890_000 + seconds)
}

pub(crate) fn worker() -> Worker {
    let functions = vec![FunctionName::parse("greet").unwrap()];
    Worker::creating(WorkerId::generate(at(0)), WorkerName::parse("shop").unwrap(), functions, at(0))
}

/// A pool of so many connections.
pub(crate) fn of(max_connections: usize) -> StorageOptions {
    StorageOptions { max_connections, ..StorageOptions::default() }
}

/// A pool of one connection, for which nobody waits.
pub(crate) fn impatient() -> StorageOptions {
    StorageOptions { max_connections: 1, acquire_timeout: Duration::from_millis(200) }
}

/// An error and all that caused it.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Why the database could not be reached.
pub(crate) fn unavailable<R: std::fmt::Debug>(result: Result<R, RepositoryError>) -> String {
    match result {
        Err(error @ RepositoryError::Unavailable(_)) => chain(&error),
        other => panic!("the database should be unavailable, but: {other:?}"),
    }
}
