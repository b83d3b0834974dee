//! A killed server leaves nothing behind.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::json;

use crate::support::local::{TestServer, messages};

const CODE: &str = "export const wait = () => new Promise((r) => { console.log('on'); setTimeout(r, 30000) }); export const ok = () => 1";

#[tokio::test]
async fn a_killed_server_leaves_no_process_mount_or_cgroup_and_its_workers_work() {
    let directory = tempfile::tempdir().unwrap();
    let mut server =
        TestServer::start_in(directory.path(), &["--concurrency", "50", "--max-concurrent-per-worker", "50"]);
    let id = server.deploy(CODE).await;
    let mut running = Vec::new();
    for _ in 0..50 {
        running.push(server.stream(&id, "wait", &json!({})).await);
    }
    for events in &mut running {
        assert_eq!(messages(&[events.next().await.unwrap()]), ["on"]);
    }
    let descendants = descendants_of(server.process_id());
    assert!(descendants.len() >= 50, "{descendants:?}");
    server.kill();
    let server = TestServer::start_in(directory.path(), &[]);
    assert_eq!(server.call(&id, "ok", &json!({})).await.0, 200);
    let left: Vec<_> = descendants.into_iter().filter(|id| is_alive(*id)).collect();
    assert!(left.is_empty(), "{left:?}");
    assert!(!std::fs::read_to_string("/proc/mounts").unwrap().contains(directory.path().to_str().unwrap()));
    let sandboxes = cgroups_of(server.process_id());
    drop(server);
    let left: Vec<_> = sandboxes.iter().filter(|path| Path::new(path).exists()).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn a_database_that_is_moved_away_for_a_while_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let server = TestServer::start_in(directory.path(), &[]);
    let id = server.deploy(CODE).await;
    let (file, away) = (directory.path().join("workers.sqlite3"), directory.path().join("away"));
    std::fs::rename(&file, &away).unwrap();
    for request in [
        server.get("/api/workers"),
        server.get("/readyz"),
        server.post("/api/setup").json(&json!({"confirm": "remove all workers"})),
    ] {
        assert_eq!(request.send().await.unwrap().status(), 503);
    }
    let new = json!({"name": "new", "code": CODE});
    let refused = server.post("/api/workers").json(&new).send().await.unwrap();
    assert_eq!(refused.status(), 503);
    assert_eq!(refused.json::<serde_json::Value>().await.unwrap()["code"], "database_unavailable");
    let doctor = std::process::Command::new(env!("CARGO_BIN_EXE_workersd"))
        .args(["doctor", "--data-dir", directory.path().to_str().unwrap()])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&doctor.stdout);
    assert!(said.contains("workers.sqlite3 is missing, but its log"), "{said}");
    assert!(!doctor.status.success() && !file.exists());
    std::fs::rename(&away, &file).unwrap();
    assert_eq!(server.get("/readyz").send().await.unwrap().status(), 200);
    assert_eq!(server.call(&id, "ok", &json!({})).await.0, 200);
    drop(server);
    let server = TestServer::start_in(directory.path(), &[]);
    assert_eq!(server.call(&id, "ok", &json!({})).await.0, 200);
}

#[tokio::test]
async fn a_killed_server_takes_a_compilation_along_that_has_just_begun() {
    let mut server = TestServer::start(&[]);
    let line = "{ function _(a: number, b?: { c: string }) { return a + (b?.c.length ?? 0) * [1, 2, 3].length } }\n";
    let heavy = json!({"name": "heavy", "code": line.repeat((9 << 20) / line.len())});
    let deploy = tokio::spawn(server.post("/api/workers").json(&heavy).send());
    let compilers = |server: &TestServer| -> Vec<u32> {
        let name = |id: &u32| std::fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default();
        descendants_of(server.process_id()).into_iter().filter(|id| name(id).contains("__workers-compiler")).collect()
    };
    let threads = |id: &u32| std::fs::read_dir(format!("/proc/{id}/task")).map_or(0, Iterator::count);
    while !compilers(&server).iter().any(|id| threads(id) > 1) {
        assert!(!deploy.is_finished(), "it was compiled before it was seen");
        tokio::task::yield_now().await;
    }
    let compilers = compilers(&server);
    server.kill();
    assert!(deploy.await.unwrap().is_err());
    while compilers.iter().any(|id| is_alive(*id)) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_server_that_is_asked_to_stop_lets_invocations_finish() {
    let server = TestServer::start(&[]);
    let code = "export const f = () => new Promise((r) => { console.log('on'); setTimeout(() => r('done'), 500) })";
    let id = server.deploy(code).await;
    let mut running = server.stream(&id, "f", &json!({})).await;
    running.next().await.unwrap();
    let stop = tokio::task::spawn_blocking(move || drop(server));
    let last = running.all().await.pop().unwrap();
    assert_eq!(last.data["result"], "done", "{}", last.data);
    stop.await.unwrap();
}

#[tokio::test]
async fn a_terminal_that_interrupts_the_whole_group_lets_invocations_finish() {
    let server = TestServer::start(&[]);
    let code = "export const f = () => new Promise((r) => { console.log('on'); setTimeout(() => r('done'), 500) })";
    let id = server.deploy(code).await;
    let mut running = server.stream(&id, "f", &json!({})).await;
    running.next().await.unwrap();
    let group = format!("-{}", server.process_id());
    assert!(std::process::Command::new("kill").args(["-INT", "--", &group]).status().unwrap().success());
    let last = running.all().await.pop().unwrap();
    assert_eq!(last.data["result"], "done", "{}", last.data);
}

/// Returns all descendants of a process.
fn descendants_of(ancestor: u32) -> BTreeSet<u32> {
    let mut found = BTreeSet::from([ancestor]);
    loop {
        let before = found.len();
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let Ok(id) = entry.file_name().to_string_lossy().parse() else { continue };
            let Some(parent) = parent_of(id) else { continue };
            if found.contains(&parent) {
                found.insert(id);
            }
        }
        if found.len() == before {
            found.remove(&ancestor);
            return found;
        }
    }
}

/// Returns state and parent of a process. They follow the name, which is in parentheses and may contain any character.
fn status_of(process: u32) -> Option<(char, u32)> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

fn parent_of(process: u32) -> Option<u32> {
    status_of(process).map(|(_, parent)| parent)
}

fn is_alive(process: u32) -> bool {
    status_of(process).is_some_and(|(state, _)| state != 'Z')
}

/// Returns the cgroups of the server's sandboxes: those with this directory's names that contain one of its
/// descendants.
fn cgroups_of(server: u32) -> BTreeSet<String> {
    let own = std::fs::read_to_string("/proc/self/cgroup").unwrap();
    let own: BTreeSet<_> = own.lines().collect();
    descendants_of(server)
        .into_iter()
        .filter_map(|process| std::fs::read_to_string(format!("/proc/{process}/cgroup")).ok())
        .flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
        .filter(|line| !own.contains(line.as_str()))
        // A process that is just exiting is no longer in one of our groups.
        .filter(|line| line.contains("/workers-"))
        .filter_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            let (controller, path) = (parts.next()?.to_owned(), parts.next()?.to_owned());
            Some(format!("/sys/fs/cgroup/{controller}{path}"))
        })
        .collect()
}
