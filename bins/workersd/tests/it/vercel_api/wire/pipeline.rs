//! Counts the requests that a worker takes: for its deployment, and for each run.

use std::path::Path;
use std::process::Child;

use serde_json::json;
use workers_testing::http_client;

use super::recorder::Recorder;
use super::request::Request;
use super::sdk;
use crate::support::cloud::CREDENTIALS;
use crate::support::{command, end, spawn, status_and_body};
use crate::vercel_api::support::Offered;

/// The platform over the API, stopped when this value is dropped. When it has stopped, it has sent all its requests.
struct Platform {
    process: Child,
    url: String,
}

impl Platform {
    fn start(data_dir: &Path, api: &str) -> Self {
        let mut command = command();
        command.args(["serve", "--listen", "127.0.0.1:0", "--sandbox", "vercel", "--vercel-base-url", api]);
        command.arg("--data-dir").arg(data_dir).envs(CREDENTIALS);
        let (process, [url]) = spawn(command, ["listening on "]);
        Self { process, url }
    }

    async fn post(&self, path: &str, body: &serde_json::Value) -> serde_json::Value {
        let response = http_client().post(format!("{}{path}", self.url)).json(body).send().await.unwrap();
        let (status, body) = status_and_body(response).await;
        assert!((200..300).contains(&status), "{body}");
        body
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        end(&mut self.process);
    }
}

/// The last segments of paths that are neither names nor ids.
const WORDS: [&str; 6] = ["sandboxes", "write", "snapshot", "cmd", "logs", "stop"];

/// Returns what was sent for an operation: each request's method and the last segment of its path. Lists are left out:
/// the platform requests them at its start to check its access and to find what another server left behind.
fn sent(requests: &[Request], operation: &str) -> Vec<String> {
    let of_it = requests.iter().filter(|request| request.operation == operation);
    let lines = of_it.map(|request| {
        let last = request.path.rsplit('/').next().unwrap();
        format!("{} {}", request.method, if WORDS.contains(&last) { last } else { "it" })
    });
    lines.filter(|line| line != "GET sandboxes").collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_takes_no_more_requests_than_the_sdk_would() {
    let offered = Offered::start(&[]);
    let recorder = Recorder::start(&offered.api).await;
    sdk(&offered, &recorder, "pipeline.mjs");
    let data = offered.directory.path().join("platform");
    let platform = Platform::start(&data, &recorder.api("our-deployment"));
    let code = "export const hello = (name) => `hello ${name}`;";
    let worker = platform.post("/api/workers", &json!({"name": "test", "code": code})).await;
    drop(platform);
    let platform = Platform::start(&data, &recorder.api("our-run"));
    let path = format!("/api/workers/{}/functions/hello", worker["id"].as_str().unwrap());
    let answer = platform.post(&path, &json!("world")).await;
    assert_eq!(answer["result"], json!("hello world"), "{answer}");
    drop(platform);

    let requests = recorder.requests();
    let deployment = ["POST sandboxes", "POST write", "POST snapshot", "DELETE it"];
    assert_eq!(sent(&requests, "deployment"), deployment);
    assert_eq!(sent(&requests, "our-deployment"), deployment);
    assert_eq!(sent(&requests, "run"), ["POST sandboxes", "POST cmd", "POST stop"]);
    assert_eq!(sent(&requests, "detached-run"), ["POST sandboxes", "POST cmd", "GET logs", "GET it", "POST stop"]);
    assert_eq!(sent(&requests, "our-run"), ["POST sandboxes", "POST cmd", "DELETE it"]);
}
