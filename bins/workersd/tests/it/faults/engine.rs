//! Files that sandboxes need are removed, cut or replaced, and processes are stopped: no function is blamed, and
//! everything works again soon after.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use workers_testing::skip_unless_root;

use super::database::refused_start;
use super::groups::{Group, remove_groups};
use super::load::Load;
use crate::support::local::{TestServer, status_and_body};
use crate::support::{in_levels, remove_tree};

pub(super) const CODE: &str = "export const twice = ({ n }) => n * 2";

/// The time within which everything must work again after a fault has ended.
pub(super) const SOON: Duration = Duration::from_secs(5);

/// The time within which `/readyz` must report a fault.
pub(super) const REPORTED_WITHIN: Duration = Duration::from_secs(3);

/// The codes that blame a function.
pub(super) const BLAME: [&str; 6] = ["load_failed", "crashed", "too_deep", "timeout", "out_of_memory", "process_exit"];

pub(super) async fn deploy(server: &TestServer) -> (u16, Value) {
    status_and_body(server.post("/api/workers").json(&json!({"name": "w", "code": CODE})).send().await.unwrap()).await
}

/// Calls the worker, and checks that the response is right or does not blame the function. Returns whether it was
/// right.
pub(super) async fn call(server: &TestServer, id: &str) -> bool {
    let (status, body) = server.call(id, "twice", &json!({"n": 21})).await;
    if status == 200 {
        assert_eq!(body["result"], 42, "{body}");
        return true;
    }
    let code = body["code"].as_str().unwrap_or_default();
    assert!(!BLAME.contains(&code), "a function was blamed: {status} {body}");
    false
}

/// Returns the parts that `/readyz` names.
pub(super) async fn problems(server: &TestServer) -> Vec<String> {
    let (_, body) = status_and_body(server.get("/readyz").send().await.unwrap()).await;
    let problems = body["problems"].as_array().cloned().unwrap_or_default();
    problems.iter().map(|problem| problem["part"].as_str().unwrap().to_owned()).collect()
}

pub(super) async fn until_reported(server: &TestServer, part: &str) {
    let began = Instant::now();
    while !problems(server).await.iter().any(|reported| reported == part) {
        assert!(began.elapsed() < REPORTED_WITHIN, "{part} is not reported");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until a call and a deploy succeed and the server is ready.
pub(super) async fn await_whole(server: &TestServer, id: &str) {
    let began = Instant::now();
    loop {
        let is_whole = call(server, id).await && deploy(server).await.0 == 201 && problems(server).await.is_empty();
        if is_whole {
            return;
        }
        assert!(began.elapsed() < SOON, "not whole after {SOON:?}: {:?}", problems(server).await);
    }
}

/// Runs `harm` while two clients call without a pause.
async fn under_load(server: &Arc<TestServer>, id: &str, harm: impl FnOnce()) {
    let load = Load::new().callers(2, server, id);
    call(server, id).await;
    harm();
    for _ in 0..20 {
        call(server, id).await;
    }
    load.stop().await;
}

async fn started() -> (Arc<TestServer>, String) {
    let server = Arc::new(TestServer::start(&[]));
    let id = server.deploy(CODE).await;
    assert!(call(&server, &id).await);
    (server, id)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_has_made_for_itself_is_made_again_when_it_is_removed() {
    let (server, id) = started().await;
    for name in ["runtime", "node", "template", "sandboxes", "snapshots"] {
        let path = server.data_dir.join(name);
        under_load(&server, &id, || remove_tree(&path)).await;
        await_whole(&server, &id).await;
        assert!(path.is_dir(), "{name}");
    }
}

#[tokio::test]
async fn snapshots_that_are_removed_are_made_again_with_the_next_call_however_templates_are_shared() {
    for templates in ["none", "worker", "shared"] {
        let server = TestServer::start(&["--templates", templates]);
        let id = server.deploy(CODE).await;
        for _ in 0..2 {
            assert!(call(&server, &id).await);
            remove_tree(&server.data_dir.join("snapshots"));
            let (status, body) = server.call(&id, "twice", &json!({"n": 21})).await;
            assert_eq!((status, &body["result"]), (200, &json!(42)), "{templates}: {body}");
        }
    }
}

#[tokio::test]
async fn a_call_after_the_launcher_was_killed_is_not_lost() {
    let (server, id) = started().await;
    for _ in 0..3 {
        signal("KILL", launcher_of(server.process_id()));
        let (status, body) = server.call(&id, "twice", &json!({"n": 21})).await;
        assert_eq!((status, &body["result"]), (200, &json!(42)), "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_program_that_is_moved_closed_cut_or_replaced_is_not_the_functions_doing() {
    let (server, id) = started().await;
    let (node, away) = (server.data_dir.join("node/node"), server.data_dir.join("away"));
    let harms: [&dyn Fn(); 5] = [
        &|| fs::rename(&node, &away).unwrap(),
        &|| fs::rename(&away, &node).unwrap(),
        &|| fs::set_permissions(&node, fs::Permissions::from_mode(0o600)).unwrap(),
        &|| {
            fs::write(&away, &fs::read(&node).unwrap()[..1 << 20]).unwrap();
            fs::set_permissions(&away, fs::Permissions::from_mode(0o755)).unwrap();
            fs::rename(&away, &node).unwrap();
        },
        &|| {
            fs::copy("/bin/true", &away).unwrap();
            fs::rename(&away, &node).unwrap();
        },
    ];
    for harm in harms {
        under_load(&server, &id, harm).await;
        await_whole(&server, &id).await;
    }
}

#[test]
fn a_node_program_that_cannot_be_run_is_named_when_the_server_does_not_start() {
    let directory = tempfile::tempdir().unwrap();
    let node = directory.path().join("the-node");
    let whole = std::env::var_os("WORKERS_NODE").expect("the tests run with the pinned Node.js");
    for (content, mode) in [(&b""[..], 0o755), (&fs::read(&whole).unwrap()[..1 << 20], 0o755), (b"\x7fELF", 0o600)] {
        fs::write(&node, content).unwrap();
        fs::set_permissions(&node, fs::Permissions::from_mode(mode)).unwrap();
        let said = refused_start(&directory.path().join("data"), &["--node", node.to_str().unwrap()]);
        assert!(said.contains(node.to_str().unwrap()), "{said}");
    }
}

/// Returns the file in each snapshot.
pub(super) fn snapshot_files(data_dir: &Path) -> Vec<PathBuf> {
    let contents = in_levels(&data_dir.join("snapshots/contents"));
    contents.into_iter().map(|content| content.join("worker.mjs")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_is_torn_while_its_sandboxes_are_warm_is_made_again_unseen() {
    let (server, id) = started().await;
    let harms: [fn(&Path); 4] = [
        |file| File::options().write(true).open(file).unwrap().set_len(0).unwrap(),
        |file| File::options().write(true).open(file).unwrap().set_len(1000).unwrap(),
        |file| fs::remove_file(file).unwrap(),
        |file| remove_tree(file.parent().unwrap().parent().unwrap()),
    ];
    for harm in harms {
        assert!(call(&server, &id).await);
        for file in snapshot_files(&server.data_dir) {
            harm(&file);
        }
        assert!(call(&server, &id).await, "a torn snapshot was seen");
        under_load(&server, &id, || snapshot_files(&server.data_dir).iter().for_each(|file| harm(file))).await;
        await_whole(&server, &id).await;
    }
}

#[tokio::test]
async fn stray_files_in_the_cache_keep_no_server_from_starting_and_no_worker_from_running() {
    let directory = tempfile::tempdir().unwrap();
    let server = TestServer::start_in(directory.path(), &[]);
    let id = server.deploy(CODE).await;
    drop(server);
    let snapshots = directory.path().join("snapshots");
    let harms: [&dyn Fn(); 7] = [
        &|| fs::write(snapshots.join("contents/stray"), "").unwrap(),
        &|| fs::create_dir(snapshots.join("refs/lost+found")).unwrap(),
        &|| {
            for reference in in_levels(&snapshots.join("refs")) {
                if reference.is_file() {
                    fs::remove_file(&reference).unwrap();
                    fs::create_dir(&reference).unwrap();
                }
            }
        },
        &|| {
            for level in ["contents", "refs"].map(|name| snapshots.join(name)) {
                for level in fs::read_dir(level).unwrap().map(|item| item.unwrap().path()) {
                    if level.is_dir() {
                        remove_tree(&level);
                        fs::write(&level, "").unwrap();
                    }
                }
            }
        },
        &|| {
            remove_tree(&snapshots.join("contents"));
            fs::write(snapshots.join("contents"), "").unwrap();
        },
        &|| {
            remove_tree(&snapshots);
            fs::write(&snapshots, "").unwrap();
        },
        &|| {
            remove_tree(&snapshots);
            symlink("nowhere", &snapshots).unwrap();
        },
    ];
    for (number, harm) in harms.iter().enumerate() {
        harm();
        let server = TestServer::start_in(directory.path(), &[]);
        assert!(call(&server, &id).await, "harm {number}");
        // Does the same while the server runs.
        if number > 2 {
            harm();
            await_whole(&server, &id).await;
        }
    }
}

#[tokio::test]
async fn snapshots_may_be_on_a_file_system_of_their_own() {
    skip_unless_root("a file system of its own");
    for name in ["snapshots", "sandboxes", "snapshots/contents"] {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join(name);
        fs::create_dir_all(&place).unwrap();
        let mounted = Mounted::on(&place);
        let server = TestServer::start_in(directory.path(), &[]);
        let id = server.deploy(CODE).await;
        assert!(call(&server, &id).await, "{name}");
        drop(server);
        drop(mounted);
    }
}

/// A file system in memory. Dropping this unmounts it.
pub(super) struct Mounted(PathBuf);

impl Mounted {
    pub(super) fn on(place: &Path) -> Self {
        Self::of(place, "size=64m,mode=0700")
    }

    pub(super) fn of(place: &Path, options: &str) -> Self {
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(place).status().unwrap();
        assert!(mounted.success());
        Self(place.to_owned())
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

/// Returns the server's launcher of sandboxes. A launcher that has died is replaced shortly after; until then,
/// sandboxes that were made ahead may serve calls.
pub(super) fn launcher_of(server: u32) -> u32 {
    let is_launcher = |pid: &u32| {
        let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.contains("__workers-sandbox-launcher")
    };
    let began = Instant::now();
    loop {
        if let Some(launcher) = children_of(server).into_iter().find(is_launcher) {
            return launcher;
        }
        assert!(began.elapsed() < Duration::from_secs(15), "the launcher runs");
        std::thread::yield_now();
    }
}

pub(super) fn children_of(pid: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let listed = tasks.filter_map(|task| fs::read_to_string(task.unwrap().path().join("children")).ok());
    listed.flat_map(|text| text.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<_>>()).collect()
}

pub(super) fn signal(name: &str, pid: u32) {
    let sent = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status().unwrap();
    assert!(sent.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_launcher_that_is_stopped_is_reported_and_replaced() {
    let (server, id) = started().await;
    let launcher = launcher_of(server.process_id());
    signal("STOP", launcher);
    until_reported(&server, "launcher").await;
    // The launcher stays stopped, so another one must replace it.
    let began = Instant::now();
    while !call(&server, &id).await {
        assert!(began.elapsed() < Duration::from_secs(15));
    }
    await_whole(&server, &id).await;
    assert_ne!(launcher_of(server.process_id()), launcher);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_beside_a_launcher_that_is_stopped_end_in_their_time_and_release_their_permits() {
    let places = ["--concurrency", "2", "--max-concurrent-per-worker", "2"];
    let server = Arc::new(TestServer::start(&[&["--timeout", "2s"][..], &places].concat()));
    let code = "export const wait = () => { console.log('up'); return new Promise(() => setInterval(() => {}, 1000)) }";
    let (id, other) = (server.deploy(code).await, server.deploy(CODE).await);
    let mut calls = Vec::new();
    for _ in 0..2 {
        let mut events = server.stream(&id, "wait", &json!({})).await;
        assert_eq!(events.next().await.unwrap().data["message"], "up");
        calls.push(events);
    }
    let began = Instant::now();
    signal("STOP", launcher_of(server.process_id()));
    for mut events in calls {
        let event = events.next().await.unwrap();
        // The function used no processor time and ended by the clock, so a timeout is the right report.
        assert_eq!((event.name.as_str(), &event.data["code"]), ("error", &json!("timeout")), "{event:?}");
    }
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    // The server starts another launcher 5 to 7 seconds after the first one stopped responding.
    while !call(&server, &other).await {
        assert!(began.elapsed() < Duration::from_secs(15));
    }
    await_whole(&server, &other).await;
    let both = futures_util::join!(call(&server, &other), call(&server, &other));
    assert_eq!(both, (true, true), "both permits were released");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_program_was_replaced_on_the_disk_starts_its_launcher_all_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("workersd");
    fs::copy(env!("CARGO_BIN_EXE_workersd"), &program).unwrap();
    let server = TestServer::start_program(&program, &directory.path().join("data"), &[]);
    let id = server.deploy(CODE).await;
    fs::remove_file(&program).unwrap();
    fs::write(&program, "another version").unwrap();
    signal("KILL", launcher_of(server.process_id()));
    await_whole(&server, &id).await;
}

#[tokio::test]
async fn cgroups_that_were_removed_while_nothing_ran_are_made_again() {
    skip_unless_root("cgroups of its own");
    let (server, id) = started().await;
    let bases = cgroup_bases(&server.data_dir);
    // Some groups contain sandboxes that were made ahead.
    signal("KILL", launcher_of(server.process_id()));
    let began = Instant::now();
    while bases.iter().any(|base| base.exists()) && began.elapsed() < Duration::from_secs(1) {
        for base in &bases {
            remove_groups(base);
        }
    }
    await_whole(&server, &id).await;
}

/// Returns the cgroups that contain the engine's own.
pub(super) fn cgroup_bases(data_dir: &Path) -> Vec<PathBuf> {
    let plan = fs::read_to_string(data_dir.join("cgroups.json")).unwrap();
    let mut bases: Vec<_> = plan.split('"').filter(|text| text.starts_with('/')).map(PathBuf::from).collect();
    bases.dedup();
    bases
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_directory_that_is_away_is_reported_and_nothing_is_lost_when_it_is_back() {
    let outer = tempfile::tempdir().unwrap();
    let (path, away) = (outer.path().join("data"), outer.path().join("away"));
    let server = Arc::new(TestServer::start_in(&path, &[]));
    let id = server.deploy(CODE).await;
    assert!(call(&server, &id).await);
    fs::rename(&path, &away).unwrap();
    until_reported(&server, "files").await;
    for _ in 0..5 {
        call(&server, &id).await;
        assert_ne!(deploy(&server).await.0, 201);
    }
    assert!(!path.exists(), "the server has made a directory where another one belongs");
    fs::rename(&away, &path).unwrap();
    await_whole(&server, &id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_a_warm_worker_runs_and_a_deploy_gets_an_error_that_names_what_is_full() {
    skip_unless_root("a file system of its own");
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("data");
    fs::create_dir(&place).unwrap();
    let _mounted = Mounted::of(&place, "size=256m,mode=0700");
    let server = TestServer::start_in(&place, &[]);
    let id = server.deploy(CODE).await;
    let other = server.deploy(CODE).await;
    let filler = place.join("filler");
    let _ = fs::write(&filler, vec![0; 256 << 20]);
    until_reported(&server, "storage").await;
    for _ in 0..5 {
        assert!(call(&server, &id).await);
        let (status, body) = deploy(&server).await;
        assert_eq!((status, body["code"].as_str()), (507, Some("storage_full")), "{body}");
    }
    let removed = server.http.delete(format!("{}/api/workers/{other}", server.url)).send().await.unwrap();
    assert_eq!(status_and_body(removed).await, (200, json!({"success": true})));
    fs::remove_file(&filler).unwrap();
    await_whole(&server, &id).await;
    let (_, list) = status_and_body(server.get("/api/workers").send().await.unwrap()).await;
    let states: Vec<_> = list.as_array().unwrap().iter().map(|worker| worker["status"].clone()).collect();
    assert!(states.iter().all(|state| state == "ready"), "{states:?}");
    drop(server);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_whose_first_process_is_killed_from_outside_is_not_the_functions_doing() {
    let (server, other) = started().await;
    let code = "export const wait = () => { console.log('up'); return new Promise(() => setInterval(() => {}, 1000)) }";
    let id = server.deploy(code).await;
    for _ in 0..5 {
        let mut events = server.stream(&id, "wait", &json!({})).await;
        assert_eq!(events.next().await.unwrap().data["message"], "up");
        // This also kills sandboxes that were made ahead.
        for pid in sandboxes_of(server.process_id()) {
            let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).status();
        }
        let event = events.next().await.unwrap();
        assert_eq!((event.name.as_str(), &event.data["code"]), ("error", &json!("sandbox_failed")), "{event:?}");
        assert!(call(&server, &other).await, "a sandbox that was made ahead and killed was seen");
    }
}

/// Returns the first processes of the server's sandboxes.
pub(super) fn sandboxes_of(server: u32) -> Vec<u32> {
    let is_init = |pid: &u32| {
        let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.starts_with("workers-sandbox")
    };
    children_of(launcher_of(server)).into_iter().filter(is_init).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_without_a_process_left_is_reported_and_no_function_is_blamed() {
    skip_unless_root("a cgroup limits the processes");
    let group = Group::new("pids", "none-left");
    let directory = tempfile::tempdir().unwrap();
    let server =
        Arc::new(TestServer::start_program(&group.program(directory.path()), &directory.path().join("data"), &[]));
    let id = server.deploy(CODE).await;
    assert!(call(&server, &id).await);
    for left in [0, 1, 3, 8] {
        // Kept that low while calls start and end processes.
        group.set("pids.max", group.number("pids.current") + left);
        for _ in 0..20 {
            call(&server, &id).await;
        }
        until_reported(&server, "processes").await;
        group.set("pids.max", "max");
        await_whole(&server, &id).await;
    }
}
