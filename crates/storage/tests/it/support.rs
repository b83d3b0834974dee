//! Helpers for several tests.

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

/// A store, and the directory that contains it.
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

/// Returns options for a pool with this many connections.
pub(crate) fn of(max_connections: usize) -> StorageOptions {
    of_with(max_connections, |_| {})
}

/// Returns options for a pool with this many connections, with further changes.
pub(crate) fn of_with(max_connections: usize, change: impl FnOnce(&mut StorageOptions)) -> StorageOptions {
    let mut options = StorageOptions::default();
    options.max_connections = max_connections;
    change(&mut options);
    options
}

/// Returns options for a pool of one connection, for which callers wait only briefly.
pub(crate) fn impatient() -> StorageOptions {
    of_with(1, |options| options.acquire_timeout = Duration::from_millis(200))
}

/// A small separate file system. Only root can create one.
pub(crate) struct SmallDisk {
    directory: TempDir,
    /// The image file of a file system on a disk.
    _image: Option<NamedTempFile>,
}

impl SmallDisk {
    /// Creates a file system in memory. The options are those of `mount`, such as `size=2m`.
    pub(crate) fn mount(options: &str) -> Self {
        skip_unless_root("a file system of its own");
        let directory = tempfile::tempdir().unwrap();
        run("mount", &["-t", "tmpfs", "-o", options, "tmpfs", directory.path().to_str().unwrap()]);
        Self { directory, _image: None }
    }

    /// Creates a file system on a disk of 16 MiB that becomes read-only on an error, like a broken disk. Skips the test
    /// if there are no loop devices.
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

    /// Makes it read-only with an error, even if files are open.
    pub(crate) fn fail(&self) {
        let device = std::fs::read_to_string("/proc/mounts").unwrap();
        let is_ours = |line: &&str| line.split(' ').nth(1) == self.path().to_str();
        let name =
            device.lines().find(is_ours).unwrap().split(' ').next().unwrap().trim_start_matches("/dev/").to_owned();
        std::fs::write(format!("/sys/fs/ext4/{name}/trigger_fs_error"), "1").unwrap();
    }

    /// Remounts it with `ro` or `rw`.
    pub(crate) fn remount(&self, how: &str) {
        run("mount", &["-o", &format!("remount,{how}"), self.path().to_str().unwrap()]);
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Files that are still open disappear when they are closed.
        run("umount", &["--lazy", self.path().to_str().unwrap()]);
    }
}

pub(crate) fn run(program: &str, arguments: &[&str]) {
    assert!(Command::new(program).args(arguments).status().unwrap().success(), "{program} {arguments:?}");
}

/// Joins an error and all its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Returns why the database could not be reached.
pub(crate) fn unavailable<R: std::fmt::Debug>(result: Result<R, RepositoryError>) -> String {
    match result {
        Err(error @ RepositoryError::Unavailable(_)) => chain(&error),
        other => panic!("the database should be unavailable, but: {other:?}"),
    }
}
