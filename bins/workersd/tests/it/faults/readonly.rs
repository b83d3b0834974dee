//! The file system of the data directory becomes read-only or has no inode left while clients work.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;
use workers_testing::skip_unless_root;

use super::engine::{CODE, Mounted, await_whole, call, deploy, until_reported};
use super::load::Load;
use crate::support::local::{TestServer, status_and_body};

/// Makes a directory read-only by its path, until this value is dropped. The whole file system cannot be made
/// read-only, because the server has files open for writing: the database and its locks.
pub(super) struct ReadOnly(PathBuf);

impl ReadOnly {
    pub(super) fn new(place: &Path) -> Self {
        let staged = tempfile::tempdir().unwrap();
        // The read-only mount is prepared elsewhere and covers the directory in one step. No file can be opened for
        // writing in between.
        run("mount", &["--bind".as_ref(), place, staged.path()]);
        let made = Self(place.to_owned());
        run("mount", &["-o".as_ref(), "remount,bind,ro".as_ref(), staged.path()]);
        run("mount", &["--bind".as_ref(), staged.path(), place]);
        run("umount", &[staged.path()]);
        made
    }
}

fn run(program: &str, arguments: &[&Path]) {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

impl Drop for ReadOnly {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

async fn redeploy(server: &TestServer, id: &str) -> (u16, Value) {
    status_and_body(server.post(&format!("/api/workers/{id}/redeploy")).send().await.unwrap()).await
}

/// Starts two clients that call, one that deploys and one that redeploys. Deploys may fail with this code only.
fn load(server: &Arc<TestServer>, id: &str, refusal: (u16, &'static str)) -> Load {
    let refused = move |(status, body): (u16, Value), success: u16| {
        let is_refused = (status, body["code"].as_str().unwrap_or_default()) == refusal;
        assert!(status == success || is_refused, "{status} {body}");
        status == success
    };
    let (deployer, redeployer, id_again) = (Arc::clone(server), Arc::clone(server), id.to_owned());
    Load::new()
        .callers(2, server, id)
        .clients(1, move || {
            let server = Arc::clone(&deployer);
            async move { refused(deploy(&server).await, 201) }
        })
        .clients(1, move || {
            let (server, id) = (Arc::clone(&redeployer), id_again.clone());
            async move { refused(redeploy(&server, &id).await, 200) }
        })
}

/// Causes a fault of the storage while clients send requests to a server, and ends it.
async fn under_clients<H>(server: TestServer, refusal: (u16, &'static str), harm: impl FnOnce() -> H) {
    let server = Arc::new(server);
    let id = server.deploy(CODE).await;
    assert!(call(&server, &id).await);
    let load = load(&server, &id, refusal);
    let harmed = harm();
    until_reported(&server, "storage").await;
    for _ in 0..5 {
        assert!(call(&server, &id).await, "a warm worker does not run");
        for (status, body) in [deploy(&server).await, redeploy(&server, &id).await] {
            assert_eq!((status, body["code"].as_str()), (refusal.0, Some(refusal.1)), "{body}");
        }
    }
    drop(harmed);
    await_whole(&server, &id).await;
    assert_eq!(redeploy(&server, &id).await.0, 200);
    assert!(load.stop().await > 0);
    let (_, list) = status_and_body(server.get("/api/workers").send().await.unwrap()).await;
    let states: Vec<_> = list.as_array().unwrap().iter().map(|worker| worker["status"].clone()).collect();
    assert!(states.iter().all(|state| state == "ready"), "{states:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_directory_that_takes_no_writes_is_reported_and_warm_workers_run() {
    skip_unless_root("a directory that takes no writes");
    let (directory, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let elsewhere = format!("sqlite://{}/workers.sqlite3", other.path().display());
    for (name, arguments) in [("inside", &[][..]), ("elsewhere", &["--database-url", &elsewhere][..])] {
        let place = directory.path().join(name);
        let server = TestServer::start_in(&place, arguments);
        under_clients(server, (503, "storage_read_only"), || ReadOnly::new(&place)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_system_without_an_inode_left_is_reported_and_warm_workers_run() {
    skip_unless_root("a file system of its own");
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("data");
    fs::create_dir(&place).unwrap();
    let _mounted = Mounted::of(&place, "size=256m,nr_inodes=2000,mode=0700");
    let server = TestServer::start_in(&place, &[]);
    under_clients(server, (507, "storage_full"), || Inodes::take(place.join("filler"))).await;
}

/// Files that take every inode, also those that others release later. Dropping this removes them.
struct Inodes {
    directory: PathBuf,
    taker: Option<JoinHandle<()>>,
    enough: Arc<AtomicBool>,
}

impl Inodes {
    fn take(directory: PathBuf) -> Self {
        fs::create_dir(&directory).unwrap();
        let (place, enough) = (directory.clone(), Arc::new(AtomicBool::new(false)));
        let is_enough = Arc::clone(&enough);
        let mut number = 0;
        let mut take_all = move || {
            while fs::write(place.join(number.to_string()), "").is_ok() {
                number += 1;
            }
        };
        take_all();
        let taker = std::thread::spawn(move || {
            while !is_enough.load(Ordering::Relaxed) {
                take_all();
                std::thread::sleep(Duration::from_micros(200));
            }
        });
        Self { directory, taker: Some(taker), enough }
    }
}

impl Drop for Inodes {
    fn drop(&mut self) {
        self.enough.store(true, Ordering::Relaxed);
        let _ = self.taker.take().map(JoinHandle::join);
        fs::remove_dir_all(&self.directory).unwrap();
    }
}
