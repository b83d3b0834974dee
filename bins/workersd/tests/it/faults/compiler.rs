//! Compiler processes that are stopped, killed or cannot be started. The customer is never blamed.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};
use workers_testing::skip_unless_root;

use super::groups::Group;
use crate::support::local::TestServer;
use crate::support::status_and_body;

const CODE: &str = "export const ok = () => 1";

#[tokio::test]
async fn a_deploy_succeeds_though_every_waiting_compiler_is_stopped() {
    let server = TestServer::start(&[]);
    for _ in 0..3 {
        signal_all("STOP", server.process_id());
        let id = server.deploy(CODE).await;
        assert_eq!(server.call(&id, "ok", &json!({})).await.0, 200);
    }
}

#[tokio::test]
async fn while_every_compiler_is_stopped_or_killed_deploys_get_an_error_of_the_platform_and_the_rest_goes_on() {
    for name in ["STOP", "KILL"] {
        let server = TestServer::start(&[]);
        let id = server.deploy(CODE).await;
        let harm = Harm::begin(name, server.process_id());
        let refused = until_refused(&server).await;
        assert_eq!(server.call(&id, "ok", &json!({})).await.0, 200);
        drop(harm);
        assert_eq!((refused.0, refused.1["code"].as_str()), (503, Some("compiler_unavailable")), "{refused:?}");
        let before = count(&server).await;
        server.deploy(CODE).await;
        assert_eq!(count(&server).await, before + 1, "what was refused is not stored");
    }
}

#[tokio::test]
async fn a_server_that_can_have_no_process_refuses_deploys_and_takes_them_as_soon_as_it_can() {
    skip_unless_root("a cgroup limits the processes");
    let server = TestServer::start(&[]);
    server.deploy(CODE).await;
    let narrow = Group::new("pids", "compiler");
    narrow.set("cgroup.procs", server.process_id());
    narrow.set("pids.max", narrow.number("pids.current"));
    signal_all("KILL", server.process_id());
    let (status, body) = deploy(&server).await;
    assert_eq!((status, body["code"].as_str()), (503, Some("compiler_unavailable")), "{body}");
    narrow.set("pids.max", "max");
    server.deploy(CODE).await;
    drop(server);
}

async fn deploy(server: &TestServer) -> (u16, Value) {
    let new = json!({"name": "test", "code": CODE});
    status_and_body(server.post("/api/workers").json(&new).send().await.unwrap()).await
}

/// Deploys until one is refused. A compiler may finish before the signal arrives, so one attempt is not enough.
async fn until_refused(server: &TestServer) -> (u16, Value) {
    let slow = format!("export const f = () => [{}]", "a(),".repeat(1 << 16));
    let new = json!({"name": "test", "code": slow});
    let attempts = async {
        loop {
            let (status, body) = status_and_body(server.post("/api/workers").json(&new).send().await.unwrap()).await;
            if status != 201 {
                return (status, body);
            }
        }
    };
    tokio::time::timeout(Duration::from_mins(1), attempts).await.expect("no deploy is refused")
}

async fn count(server: &TestServer) -> usize {
    let (_, list) = status_and_body(server.get("/api/workers").send().await.unwrap()).await;
    list.as_array().unwrap().len()
}

/// Returns the server's living compiler processes.
fn compilers(server: u32) -> Vec<u32> {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let is_compiler = |process: &u32| {
        let read = |name: &str| std::fs::read_to_string(format!("/proc/{process}/{name}")).unwrap_or_default();
        let stat = read("stat");
        let parent = stat.rsplit_once(')').and_then(|(_, fields)| fields.split_whitespace().nth(1)?.parse().ok());
        parent == Some(server) && read("cmdline").contains("__workers-compiler")
    };
    all.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(is_compiler).collect()
}

/// Sends a signal to each compiler process again and again, until this value is dropped.
struct Harm {
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Harm {
    fn begin(name: &'static str, server: u32) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let reported = Arc::clone(&ended);
        let thread = std::thread::spawn(move || {
            while !reported.load(Ordering::Relaxed) {
                signal_all(name, server);
            }
        });
        Self { ended, thread: Some(thread) }
    }
}

impl Drop for Harm {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Sends a signal to each compiler process. One may have exited meanwhile, which is fine.
fn signal_all(name: &str, server: u32) {
    for process in compilers(server) {
        let mut kill = Command::new("kill");
        let _ = kill.args(["-s", name, &process.to_string()]).stderr(std::process::Stdio::null()).status();
    }
}
