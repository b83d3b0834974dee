//! What several of the tests need.

use std::ops::Deref;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tempfile::{NamedTempFile, TempDir};
use workers_domain::ports::{RepositoryError, Store};
use workers_domain::{FunctionName, TenantId, Worker, WorkerId, WorkerName};
use workers_storage::{Database, DatabaseUrl, StorageOptions};
use workers_testing::skip_unless_root;

/// A store, and the directory it is in.
pub(crate) struct Fixture {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) directory: Option<TempDir>,
}

impl Deref for Fixture {
    type Target = dyn Store;

    fn deref(&self) -> &Self::Target {
        &*self.store
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
    Worker::creating(WorkerId::generate(at(0)), TenantId::DEFAULT, WorkerName::parse("shop").unwrap(), functions, at(0))
}

/// A pool of so many connections.
pub(crate) fn of(max_connections: usize) -> StorageOptions {
    of_with(max_connections, |_| {})
}

/// The same, with other options too.
pub(crate) fn of_with(max_connections: usize, change: impl FnOnce(&mut StorageOptions)) -> StorageOptions {
    let mut options = StorageOptions::default();
    options.max_connections = max_connections;
    change(&mut options);
    options
}

/// A pool of one connection, for which nobody waits.
pub(crate) fn impatient() -> StorageOptions {
    of_with(1, |options| options.acquire_timeout = Duration::from_millis(200))
}

/// A small file system of its own, which only root can have.
pub(crate) struct SmallDisk {
    directory: TempDir,
    /// What a file system on a disk is kept in.
    _image: Option<NamedTempFile>,
}

impl SmallDisk {
    /// One in memory, with options as `mount` takes them, such as `size=2m`.
    pub(crate) fn mount(options: &str) -> Self {
        skip_unless_root("a file system of its own");
        let directory = tempfile::tempdir().unwrap();
        run("mount", &["-t", "tmpfs", "-o", options, "tmpfs", directory.path().to_str().unwrap()]);
        Self { directory, _image: None }
    }

    /// One on a disk of 16 MiB that turns read-only by an error, as a broken disk does; `None` where there are no loop
    /// devices.
    pub(crate) fn that_can_fail() -> Self {
        skip_unless_root("a file system of its own");
        let directory = tempfile::tempdir().unwrap();
        let image = NamedTempFile::new().unwrap();
        image.as_file().set_len(16 << 20).unwrap();
        run("mkfs.ext4", &["-q", image.path().to_str().unwrap()]);
        let (image_path, target) = (image.path().to_str().unwrap(), directory.path().to_str().unwrap());
        let mounted =
            Command::new("mount").args(["-o", "loop,errors=remount-ro", image_path, target]).status().unwrap();
        if !mounted.success() {
            workers_testing::skip("this host has no loop devices");
        }
        Self { directory, _image: Some(image) }
    }

    /// Turns it read-only by an error, whatever is open.
    pub(crate) fn fail(&self) {
        let device = std::fs::read_to_string("/proc/mounts").unwrap();
        let is_ours = |line: &&str| line.split(' ').nth(1) == self.path().to_str();
        let name =
            device.lines().find(is_ours).unwrap().split(' ').next().unwrap().trim_start_matches("/dev/").to_owned();
        std::fs::write(format!("/sys/fs/ext4/{name}/trigger_fs_error"), "1").unwrap();
    }

    /// `ro` or `rw`.
    pub(crate) fn remount(&self, how: &str) {
        run("mount", &["-o", &format!("remount,{how}"), self.path().to_str().unwrap()]);
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // What is still open goes when it is closed.
        run("umount", &["--lazy", self.path().to_str().unwrap()]);
    }
}

pub(crate) fn run(program: &str, arguments: &[&str]) {
    assert!(Command::new(program).args(arguments).status().unwrap().success(), "{program} {arguments:?}");
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
