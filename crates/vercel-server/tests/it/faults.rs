//! Failures of the directory, the disk and the place for snapshots while the server is running. What cannot be read for
//! now does not count as gone, and nothing is acknowledged that a restart would not find.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use workers_testing::skip_unless_root;

use crate::support::{TestServer, code, parsed, session_path};

/// Creates a sandbox and stops it. Returns the path of the snapshot that it ended in.
async fn stopped(server: &TestServer, name: &str) -> String {
    let session = server.session(name, true).await;
    server.write(&session, "/vercel/a.txt", name).await;
    let (status, answer) = server.post(&format!("{session}/stop"), json!({})).await;
    assert_eq!(status, 200, "{answer}");
    format!("/v2/sandboxes/snapshots/{}", answer["snapshot"]["id"].as_str().unwrap())
}

/// Resumes a sandbox and reads the file that [`stopped`] wrote.
async fn resumes(server: &TestServer, name: &str) {
    let (status, resumed) = server.get(&format!("/v2/sandboxes/{name}?resume=true")).await;
    assert_eq!(status, 200, "{resumed}");
    assert_eq!(server.read(&session_path(&resumed), "a.txt").await, (200, name.to_owned()));
}

/// Sends every request that changes something. The sandboxes `stopped` and `running` must exist.
async fn changes(server: &TestServer, running: &str, snapshot: &str) -> Vec<(String, u16, Value)> {
    let requests = [
        (Method::POST, "/v3/sandboxes".to_owned(), json!({ "projectId": "prj_a", "name": "new" })),
        (Method::POST, "/v2/sandboxes/stopped/fork".to_owned(), json!({ "name": "fork" })),
        (Method::GET, "/v2/sandboxes/stopped?resume=true".to_owned(), Value::Null),
        (Method::PATCH, "/v2/sandboxes/stopped".to_owned(), json!({ "tags": { "a": "changed" } })),
        (Method::POST, format!("{running}/extend-timeout"), json!({ "duration": 1000 })),
        (Method::POST, format!("{running}/network-policy"), json!({ "mode": "deny-all" })),
        (Method::POST, format!("{running}/stop"), json!({})),
        (Method::POST, format!("{running}/snapshot"), json!({})),
        (Method::DELETE, "/v2/sandboxes/stopped".to_owned(), Value::Null),
        (Method::DELETE, snapshot.to_owned(), Value::Null),
    ];
    let mut answers = Vec::new();
    for (method, path, body) in requests {
        let body = (!body.is_null()).then_some(body);
        let (status, answer) = parsed(server.send(method.clone(), &path, body).await).await;
        answers.push((format!("{method} {path}"), status, answer));
    }
    answers
}

/// Asserts that none of the requests of [`changes`] had an effect.
async fn is_unchanged(server: &TestServer, running: &str, snapshot: &str) {
    assert_eq!(server.get(snapshot).await.1["snapshot"]["status"], "created");
    assert_eq!(server.get(running).await.1["session"]["status"], "running");
    assert_eq!(server.get("/v2/sandboxes/stopped").await.1["sandbox"]["tags"], Value::Null);
    for name in ["new", "fork"] {
        assert_eq!(server.get(&format!("/v2/sandboxes/{name}")).await.0, 404, "{name}");
    }
}

#[tokio::test]
async fn snapshots_that_are_away_for_a_while_are_not_gone() {
    let server = TestServer::start().await;
    let snapshot = stopped(&server, "demo").await;
    server.containers.move_snapshots_away(true);
    for _ in 0..3 {
        let (status, answer) = server.get("/v2/sandboxes/demo?resume=true").await;
        assert_eq!((status, code(&answer)), (503, "snapshot_unavailable"));
        assert_eq!(server.get(&snapshot).await.1["snapshot"]["status"], "created");
    }
    // A restart while the snapshots are away changes nothing.
    let server = server.crash(|_| {}).await;
    assert_eq!(server.get("/v2/sandboxes/demo?resume=true").await.0, 503);
    server.containers.move_snapshots_away(false);
    resumes(&server, "demo").await;
}

#[tokio::test]
async fn a_session_goes_on_while_snapshots_cannot_be_stored() {
    let server = TestServer::start().await;
    let session = server.session("demo", true).await;
    server.write(&session, "/vercel/a.txt", "demo").await;
    server.containers.move_snapshots_away(true);
    for path in [format!("{session}/snapshot"), format!("{session}/stop")] {
        let (status, answer) = server.post(&path, json!({})).await;
        assert_eq!((status, code(&answer)), (503, "storage_unavailable"), "{path}");
        assert_eq!(server.get(&session).await.1["session"]["status"], "running");
    }
    server.containers.move_snapshots_away(false);
    assert_eq!(server.post(&format!("{session}/stop"), json!({})).await.0, 200);
    resumes(&server, "demo").await;
}

#[tokio::test]
async fn a_session_whose_time_is_over_waits_until_snapshots_can_be_stored() {
    let server = TestServer::start().await;
    let created = server.create(json!({ "name": "demo", "timeout": 1000 })).await;
    let session = session_path(&created);
    server.write(&session, "/vercel/a.txt", "demo").await;
    server.containers.move_snapshots_away(true);
    while server.get(&session).await.1["session"]["status"] == "running" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    server.containers.move_snapshots_away(false);
    server.containers.wait_for_live_containers(0).await;
    resumes(&server, "demo").await;
}

#[tokio::test]
async fn a_snapshot_that_is_deleted_while_its_files_are_away_is_removed_when_they_are_back() {
    let server = TestServer::with(|options| options.sweep_interval = Duration::from_millis(5)).await;
    let snapshot = stopped(&server, "demo").await;
    server.containers.move_snapshots_away(true);
    assert_eq!(server.delete(&snapshot).await.1["snapshot"]["status"], "deleted");
    server.containers.move_snapshots_away(false);
    while server.containers.snapshot_count() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn while_the_directory_is_away_nothing_is_acknowledged_and_afterwards_all_goes_on() {
    for part in ["", "records", "records/snapshots", "records/sessions"] {
        let server = TestServer::start().await;
        let snapshot = stopped(&server, "stopped").await;
        let running = server.session("running", true).await;
        let path = server.directory.path().join("sandboxes").join(part);
        let away = server.directory.path().join("away");
        std::fs::rename(&path, &away).unwrap();
        for (request, status, answer) in changes(&server, &running, &snapshot).await {
            assert_eq!((status, code(&answer)), (503, "storage_unavailable"), "{part}: {request}");
        }
        is_unchanged(&server, &running, &snapshot).await;
        let lines = server.run(&running, "echo", &["a"]).await;
        assert_eq!(lines.last().unwrap()["command"]["exitCode"], 0, "what runs goes on: {lines:?}");
        assert!(!path.exists(), "{part} was made again");
        std::fs::rename(&away, &path).unwrap();
        is_unchanged(&server, &running, &snapshot).await;
        resumes(&server, "stopped").await;
        assert_eq!(server.post(&format!("{running}/stop"), json!({})).await.0, 200);
        let server = server.crash(|_| {}).await;
        resumes(&server, "stopped").await;
        resumes_without_file(&server, "running").await;
    }
}

async fn resumes_without_file(server: &TestServer, name: &str) {
    let (status, resumed) = server.get(&format!("/v2/sandboxes/{name}?resume=true")).await;
    assert_eq!(status, 200, "{resumed}");
}

#[tokio::test]
async fn another_directory_in_the_place_of_the_own_one_is_not_written_to() {
    let server = TestServer::start().await;
    let snapshot = stopped(&server, "stopped").await;
    let running = server.session("running", true).await;
    let path = server.directory.path().join("sandboxes");
    let away = server.directory.path().join("away");
    std::fs::rename(&path, &away).unwrap();
    for kind in ["sandboxes", "sessions", "snapshots"] {
        std::fs::create_dir_all(path.join("records").join(kind)).unwrap();
    }
    for (request, status, answer) in changes(&server, &running, &snapshot).await {
        assert_eq!((status, code(&answer)), (503, "storage_unavailable"), "{request}");
    }
    assert_eq!(files_below(&path), Vec::<PathBuf>::new());
    std::fs::remove_dir_all(&path).unwrap();
    std::fs::rename(&away, &path).unwrap();
    is_unchanged(&server, &running, &snapshot).await;
    resumes(&server, "stopped").await;
}

#[tokio::test]
async fn what_happens_while_the_directory_is_away_is_written_down_when_it_is_back() {
    let server = TestServer::start().await;
    let snapshot = stopped(&server, "demo").await;
    let session = server.session("broken", false).await;
    let path = server.directory.path().join("sandboxes");
    let away = server.directory.path().join("away");
    std::fs::rename(&path, &away).unwrap();
    server.containers.break_containers();
    while server.get(&session).await.1["session"]["status"] != "failed" {
        tokio::task::yield_now().await;
    }
    std::fs::rename(&away, &path).unwrap();
    let id = session.rsplit('/').next().unwrap();
    let record = path.join(format!("records/sessions/{id}.json"));
    while !std::fs::read_to_string(&record).unwrap().contains("\"failed\"") {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(server.get(&snapshot).await.1["snapshot"]["status"], "created");
}

#[tokio::test]
async fn snapshots_are_kept_though_all_records_are_gone_until_they_are_put_back() {
    let server = TestServer::start().await;
    stopped(&server, "demo").await;
    let records = server.directory.path().join("sandboxes/records");
    let away = server.directory.path().join("away");
    std::fs::rename(&records, &away).unwrap();
    let server = server.crash(|_| {}).await;
    stopped(&server, "other").await;
    let server = server.crash(|_| {}).await;
    assert_eq!(server.containers.snapshot_count(), 2);
    std::fs::remove_dir_all(&records).unwrap();
    std::fs::rename(&away, &records).unwrap();
    let server = server.crash(|_| {}).await;
    resumes(&server, "demo").await;
}

#[tokio::test]
async fn a_directory_that_cannot_be_read_is_named_where_the_server_is_refused() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("sandboxes/records/snapshots");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, "no folder").unwrap();
    let containers = workers_testing::FakeContainerProvider::new(|_| None);
    let options =
        workers_vercel_server::VercelServerOptions::new(Arc::new(containers), directory.path().join("sandboxes"));
    let refused = workers_vercel_server::VercelServer::start(options).await.unwrap_err();
    let cause = std::error::Error::source(&refused).unwrap().to_string();
    assert!(cause.contains(path.to_str().unwrap()), "{cause}");
}

#[tokio::test]
async fn where_there_is_no_room_and_no_file_left_requests_get_that_error_and_nothing_is_half_done() {
    skip_unless_root("a file system of its own is mounted");
    for (options, fill) in
        [(c"mode=700,size=1m", fill_bytes as fn(&Path)), (c"mode=700,size=8m,nr_inodes=60", fill_files)]
    {
        let small = SmallDisk::mount(options);
        let server = TestServer::within(Arc::clone(&small.directory), |_| {}).await;
        let snapshot = stopped(&server, "stopped").await;
        let running = server.session("running", true).await;
        fill(&small.path);
        for (request, status, answer) in changes(&server, &running, &snapshot).await {
            assert_eq!((status, code(&answer)), (507, "storage_full"), "{request}");
        }
        is_unchanged(&server, &running, &snapshot).await;
        std::fs::remove_dir_all(small.path.join("full")).unwrap();
        is_unchanged(&server, &running, &snapshot).await;
        resumes(&server, "stopped").await;
    }
}

#[tokio::test]
async fn a_file_system_that_can_only_be_read_is_reported_as_that() {
    skip_unless_root("a file system of its own is mounted");
    let small = SmallDisk::mount(c"mode=700,size=4m");
    let server = TestServer::within(Arc::clone(&small.directory), |_| {}).await;
    let snapshot = stopped(&server, "stopped").await;
    let running = server.session("running", true).await;
    let remount = |flags| rustix::mount::mount_remount(&small.path, flags, c"").unwrap();
    remount(rustix::mount::MountFlags::RDONLY);
    for (request, status, answer) in changes(&server, &running, &snapshot).await {
        assert_eq!((status, code(&answer)), (503, "storage_read_only"), "{request}");
    }
    remount(rustix::mount::MountFlags::empty());
    is_unchanged(&server, &running, &snapshot).await;
    resumes(&server, "stopped").await;
}

/// A file system in memory that holds the server's directory. Dropping it unmounts it, which happens after the server
/// has ended.
struct SmallDisk {
    directory: Arc<TempDir>,
    path: PathBuf,
}

impl SmallDisk {
    fn mount(options: &std::ffi::CStr) -> Self {
        let directory = Arc::new(TempDir::new().unwrap());
        let path = directory.path().join("sandboxes");
        std::fs::create_dir(&path).unwrap();
        rustix::mount::mount("tmpfs", &path, "tmpfs", rustix::mount::MountFlags::empty(), options).unwrap();
        Self { directory, path }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        rustix::mount::unmount(&self.path, rustix::mount::UnmountFlags::DETACH).unwrap();
    }
}

fn fill_bytes(path: &Path) {
    let full = path.join("full");
    std::fs::create_dir(&full).unwrap();
    let mut file = std::fs::File::create(full.join("file")).unwrap();
    while std::io::Write::write(&mut file, &[0; 4096]).is_ok() {}
}

fn fill_files(path: &Path) {
    let full = path.join("full");
    std::fs::create_dir(&full).unwrap();
    for number in 0.. {
        if std::fs::write(full.join(number.to_string()), "").is_err() {
            break;
        }
    }
}

fn files_below(path: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files
}
