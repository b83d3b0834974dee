//! The log of a failed request: one line, which has the request id that the client chose.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::engine::{CODE, sandboxes_of};
use super::groups::starter;
use crate::support::cloud::{CREDENTIALS, Cloud};
use crate::support::local::TestServer;
use crate::support::status_and_body;

/// A server that writes its log as JSON to a file.
struct Logged {
    server: TestServer,
    log: PathBuf,
    /// Removed after the server has stopped.
    _directory: TempDir,
}

impl Logged {
    fn start(environment: &[(&str, &str)], arguments: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("log");
        let exports: Vec<_> = environment.iter().map(|(name, value)| format!("export {name}={value}")).collect();
        let program = starter(directory.path(), &exports.join("\n"), &format!("2>{}", log.display()));
        let arguments: Vec<_> = ["--log-format", "json"].iter().chain(arguments).copied().collect();
        let server = TestServer::start_program(&program, &directory.path().join("data"), &arguments);
        Self { server, log, _directory: directory }
    }

    /// Returns all lines logged so far.
    async fn lines(&self) -> Vec<Value> {
        self.server.get("/healthz").header("x-request-id", "the-last").send().await.unwrap();
        let began = Instant::now();
        loop {
            let log = fs::read_to_string(&self.log).unwrap();
            // The last line may be incomplete while it is being written.
            let lines: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
            if lines.iter().any(|line| is_about(line, "the-last")) {
                return lines;
            }
            assert!(began.elapsed() < Duration::from_secs(10), "the log is not written: {log}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Returns the only warning or error about a request.
    async fn failure(&self, request: &str) -> Value {
        let mut lines = self.lines().await;
        lines.retain(|line| is_about(line, request) && ["WARN", "ERROR"].contains(&line["level"].as_str().unwrap()));
        assert_eq!(lines.len(), 1, "{lines:#?}");
        lines.remove(0)
    }
}

/// Returns whether any span of a line has this request id.
fn is_about(line: &Value, request: &str) -> bool {
    line["spans"].as_array().is_some_and(|spans| spans.iter().any(|span| span["request.id"] == request))
}

#[tokio::test]
async fn a_deploy_whose_sandbox_fails_is_one_line_with_the_clients_request_id() {
    let directory = tempfile::tempdir().unwrap();
    let cloud = Cloud::start_in(directory.path());
    let logged = Logged::start(&CREDENTIALS, &["--sandbox", "vercel", "--vercel-base-url", &cloud.api]);
    drop(cloud);
    let deploy = logged.server.post("/api/workers").json(&json!({"name": "w", "code": CODE}));
    let (status, body) = status_and_body(deploy.header("x-request-id", "client-1").send().await.unwrap()).await;
    assert_eq!((status, &body["code"]), (502, &json!("sandbox_failed")), "{body}");
    let line = logged.failure("client-1").await;
    let fields = &line["fields"];
    assert_eq!((&fields["worker.id"], &fields["error.code"]), (&body["workerId"], &json!("sandbox_failed")));
    assert!(fields["error.cause"].as_str().unwrap().contains("failed to make the snapshot"), "{line}");
    assert!(fields["advice"].is_string(), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invocation_whose_sandbox_dies_is_one_line_with_the_clients_request_id() {
    let logged = Logged::start(&[], &[]);
    let code = "export const wait = () => { console.log('up'); return new Promise(() => setInterval(() => {}, 1000)) }";
    let id = logged.server.deploy(code).await;
    let invoke = logged.server.post(&format!("/api/workers/{id}/invoke/wait")).json(&json!({}));
    let invoke = invoke.header("accept", "text/event-stream").header("x-request-id", "client-2");
    let mut response = invoke.send().await.unwrap();
    let invocation = response.headers()["x-invocation-id"].to_str().unwrap().to_owned();
    let mut events = String::new();
    while !events.contains("\"up\"") {
        events.push_str(std::str::from_utf8(&response.chunk().await.unwrap().unwrap()).unwrap());
    }
    for pid in sandboxes_of(logged.server.process_id()) {
        // A sandbox that was made ahead may be gone.
        let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).status();
    }
    while let Some(chunk) = response.chunk().await.unwrap() {
        events.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    assert!(events.contains("sandbox_failed"), "{events}");
    let line = logged.failure("client-2").await;
    let fields = &line["fields"];
    assert_eq!((&fields["worker.id"], &fields["invocation.id"]), (&json!(id), &json!(invocation)));
    for field in ["sandbox.id", "error", "advice"] {
        assert!(fields[field].is_string(), "{field}: {line}");
    }
    // Nothing else is logged about a sandbox that was killed from outside. A failure is followed by a check of the
    // platform's parts, which logs a line of its own once, however many requests fail.
    let lines = logged.lines().await;
    let is_told = |line: &&Value| {
        let is_failure = ["WARN", "ERROR"].contains(&line["level"].as_str().unwrap());
        is_failure && line["target"] != "workers_service::health"
    };
    let reported: Vec<_> = lines.iter().filter(is_told).collect();
    assert_eq!(reported.len(), 1, "{reported:#?}");
}
