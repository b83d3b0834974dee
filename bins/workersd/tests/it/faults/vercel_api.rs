//! The directories of the offered Vercel API are away for a while: no snapshot is lost.

use std::fs;
use std::process::Child;
use std::time::Instant;

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use workers_testing::skip_unless_root;

use super::engine::{REPORTED_WITHIN, SOON};
use super::readonly::ReadOnly;
use crate::support::{command, end, remove_tree, spawn, status_and_body};

#[tokio::test]
async fn snapshots_whose_directory_is_moved_away_and_back_work_as_before() {
    let server = Offered::start();
    let snapshot = server.stopped("demo").await;
    for part in ["machines", "machines/snapshots", "vercel-api", "."] {
        let path = server.directory.path().join("data").join(part);
        let away = server.directory.path().join("away");
        std::fs::rename(path.canonicalize().unwrap(), &away).unwrap();
        for _ in 0..3 {
            let (status, refused) = server.request(Method::GET, "/v2/sandboxes/demo?resume=true", None).await;
            let code = refused["error"]["code"].as_str().unwrap().to_owned();
            assert_eq!(status, 503, "{part}: {refused}");
            assert!(["snapshot_unavailable", "storage_unavailable"].contains(&&*code), "{part}: {code}");
            let (_, found) = server.request(Method::GET, &snapshot, None).await;
            assert_eq!(found["snapshot"]["status"], "created", "{part}");
        }
        assert!(!path.exists(), "{part} was made again");
        std::fs::rename(&away, server.directory.path().join("data").join(part.trim_matches('.'))).unwrap();
        let (status, resumed) = server.request(Method::GET, "/v2/sandboxes/demo?resume=true", None).await;
        assert_eq!(status, 200, "{part}: {resumed}");
        let session = format!("/v2/sandboxes/sessions/{}", resumed["session"]["id"].as_str().unwrap());
        let (status, stopped) = server.request(Method::POST, &format!("{session}/stop"), Some(json!({}))).await;
        assert_eq!(status, 200, "{part}: {stopped}");
    }
}

#[tokio::test]
async fn a_session_that_is_stopped_while_snapshots_cannot_be_stored_goes_on() {
    let server = Offered::start();
    let session = server.create("demo").await;
    let snapshots = server.directory.path().join("data/machines");
    let away = server.directory.path().join("away");
    std::fs::rename(&snapshots, &away).unwrap();
    let stop = format!("{session}/stop");
    let (status, refused) = server.request(Method::POST, &stop, Some(json!({}))).await;
    assert_eq!((status, &refused["error"]["code"]), (503, &json!("storage_unavailable")), "{refused}");
    assert_eq!(server.request(Method::GET, &session, None).await.1["session"]["status"], "running");
    std::fs::rename(&away, &snapshots).unwrap();
    let (status, stopped) = server.request(Method::POST, &stop, Some(json!({}))).await;
    assert_eq!(status, 200, "{stopped}");
}

#[tokio::test]
async fn what_containers_are_made_of_is_made_again_and_sessions_that_run_go_on() {
    let server = Offered::start();
    let at = |part: &str| server.directory.path().join("data/machines").join(part);
    let remove = |part: &str| remove_tree(&at(part));
    let replace = |part: &str| {
        remove(part);
        fs::write(at(part), "in the way").unwrap();
    };
    let harms: [&dyn Fn(); 6] = [
        &|| remove("system"),
        &|| replace("system"),
        &|| remove("system/places"),
        &|| replace("system/stage"),
        &|| fs::write(at("system/base/etc/passwd"), "").unwrap(),
        &|| remove("runtime"),
    ];
    for (number, harm) in harms.iter().enumerate() {
        let running = server.create(&format!("running-{number}")).await;
        server.run(&running).await;
        harm();
        server.await_whole(&format!("harm {number}")).await;
        server.run(&running).await;
        server.stop(&running).await;
    }
}

#[tokio::test]
async fn while_what_containers_are_made_of_cannot_be_made_again_that_is_reported_and_sessions_that_run_go_on() {
    let server = Offered::start();
    let containers = server.directory.path().join("data/machines");
    let running = server.create("running").await;
    remove_tree(&containers.join("system"));
    let harmed = ReadOnly::new(&containers);
    let began = Instant::now();
    while server.is_ready().await {
        assert!(began.elapsed() < REPORTED_WITHIN, "it is not reported");
    }
    for _ in 0..3 {
        let (status, refused) = server.try_create("new").await;
        assert_eq!((status, &refused["error"]["code"]), (503, &json!("storage_read_only")), "{refused}");
        server.run(&running).await;
    }
    drop(harmed);
    server.await_whole("read-only").await;
    server.stop(&running).await;
}

/// A server that offers the API, stopped when this value is dropped.
struct Offered {
    process: Child,
    url: String,
    api: String,
    directory: TempDir,
    http: reqwest::Client,
}

impl Offered {
    fn start() -> Self {
        skip_unless_root("containers need root");
        let directory = tempfile::tempdir().unwrap();
        let mut command = command();
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--vercel-api", "127.0.0.1:0", "--data-dir"])
            .arg(directory.path().join("data"));
        let (process, [url, api]) = spawn(command, ["listening on ", "vercel api on "]);
        Self { process, url, api, directory, http: workers_testing::http_client() }
    }

    async fn request(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let separator = if path.contains('?') { '&' } else { '?' };
        let mut request = self.http.request(method, format!("{}{path}{separator}teamId=t&projectId=p", self.api));
        if let Some(body) = body {
            request = request.json(&body);
        }
        status_and_body(request.send().await.unwrap()).await
    }

    async fn try_create(&self, name: &str) -> (u16, Value) {
        let body = json!({ "projectId": "p", "name": name, "resources": { "vcpus": 1 } });
        self.request(Method::POST, "/v3/sandboxes", Some(body)).await
    }

    /// Runs a command in a session until it exits. An existing command must not be reported as not found.
    async fn run(&self, session: &str) {
        let body = json!({ "command": "node", "args": ["--version"], "wait": false });
        let (status, begun) = self.request(Method::POST, &format!("{session}/cmd"), Some(body)).await;
        if status == 503 {
            assert_eq!(begun["error"]["code"], "storage_unavailable", "{begun}");
            return;
        }
        assert_eq!(status, 200, "{begun}");
        let id = begun["command"]["id"].as_str().unwrap();
        let (status, ended) = self.request(Method::GET, &format!("{session}/cmd/{id}?wait=true"), None).await;
        assert_eq!((status, &ended["command"]["exitCode"]), (200, &json!(0)), "{ended}");
    }

    async fn stop(&self, session: &str) {
        let (status, stopped) = self.request(Method::POST, &format!("{session}/stop"), Some(json!({}))).await;
        assert_eq!(status, 200, "{stopped}");
    }

    /// Waits until a sandbox can be created and the server is ready.
    async fn await_whole(&self, what: &str) {
        let began = Instant::now();
        for attempt in 0.. {
            let (status, made) = self.try_create(&format!("{what} {attempt}").replace(' ', "-")).await;
            if status == 200 {
                self.stop(&format!("/v2/sandboxes/sessions/{}", made["session"]["id"].as_str().unwrap())).await;
                if self.is_ready().await {
                    return;
                }
            }
            assert!([200, 503].contains(&status) && began.elapsed() < SOON, "{what}: {status} {made}");
        }
    }

    async fn is_ready(&self) -> bool {
        self.http.get(format!("{}/readyz", self.url)).send().await.unwrap().status() == 200
    }

    /// Creates a sandbox. Returns the path of its session.
    async fn create(&self, name: &str) -> String {
        let (status, made) = self.try_create(name).await;
        assert_eq!(status, 200, "{made}");
        format!("/v2/sandboxes/sessions/{}", made["session"]["id"].as_str().unwrap())
    }

    /// Creates a sandbox and stops it. Returns the path of the snapshot that the stop made.
    async fn stopped(&self, name: &str) -> String {
        let session = self.create(name).await;
        let (status, stopped) = self.request(Method::POST, &format!("{session}/stop"), Some(json!({}))).await;
        assert_eq!(status, 200, "{stopped}");
        format!("/v2/sandboxes/snapshots/{}", stopped["snapshot"]["id"].as_str().unwrap())
    }
}

impl Drop for Offered {
    fn drop(&mut self) {
        end(&mut self.process);
    }
}
