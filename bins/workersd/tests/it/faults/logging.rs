//! The reader of the server's standard error stops reading: the server goes on.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;

use crate::support::{command, end, spawn, status_and_body};

const CODE: &str = "export const ok = () => 1";

#[tokio::test]
async fn a_log_that_is_not_read_holds_up_nothing_and_what_was_lost_is_counted() {
    let mut server = Unread::start();
    assert!(server.lost_lines().await.is_some());
    let new = json!({"name": "test", "code": CODE});
    let (_, worker) =
        status_and_body(server.http.post(server.url("/api/workers")).json(&new).send().await.unwrap()).await;
    let invocation = server.url(&format!("/api/workers/{}/functions/ok", worker["id"].as_str().unwrap()));
    let begun = Instant::now();
    // Runs at least once before the pipe and the queue are full, and for a while afterwards.
    while begun.elapsed() < Duration::from_secs(8) || server.lost_lines().await.unwrap() == 0 {
        assert!(begun.elapsed() < Duration::from_mins(1), "a reader that stands still is not counted");
        for _ in 0..100 {
            let healthy = server.http.get(server.url("/healthz")).timeout(Duration::from_secs(10)).send().await;
            assert_eq!(healthy.unwrap().status(), 200);
        }
        let invoked = server.http.post(&invocation).json(&json!({})).timeout(Duration::from_secs(20)).send().await;
        assert_eq!(invoked.unwrap().status(), 200);
    }
    let log = BufReader::new(server.process.stderr.take().unwrap());
    let (tell, reported) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut last = String::new();
        for line in log.lines() {
            let line = line.unwrap();
            if line.contains("lines of log were lost") {
                let _ = tell.send(line.clone());
            }
            last = line;
        }
        last
    });
    let note = reported.recv_timeout(Duration::from_secs(20)).expect("what was lost is reported");
    let lost: u64 = note.split_once("lines=").unwrap().1.split(' ').next().unwrap().parse().unwrap();
    let total: u64 = note.split_once("total=").unwrap().1.trim_end().parse().unwrap();
    assert!(lost > 0, "{note}");
    assert!(server.lost_lines().await.unwrap() >= total, "{note}");
    end(&mut server.process);
    drop(server);
    assert!(!reader.join().unwrap().is_empty(), "the log was read to its end");
}

#[tokio::test]
async fn a_server_whose_log_is_not_read_ends_when_it_is_asked_to() {
    let mut server = Unread::start();
    for _ in 0..2_000 {
        assert_eq!(server.http.get(server.url("/healthz")).send().await.unwrap().status(), 200);
    }
    let begun = Instant::now();
    let asked = std::process::Command::new("kill").args(["-TERM", &server.process.id().to_string()]).status();
    assert!(asked.unwrap().success());
    let ended = loop {
        if let Some(status) = server.process.try_wait().unwrap() {
            break status;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "it does not end");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(ended.success(), "{ended}");
}

#[test]
fn the_last_words_of_a_server_that_does_not_start_arrive() {
    let directory = TempDir::new().unwrap();
    std::fs::write(directory.path().join("file"), "").unwrap();
    let output = command().args(["serve", "--data-dir"]).arg(directory.path().join("file")).output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("workersd: "), "{output:?}");
}

/// A server whose standard error is a pipe that is never read. It logs very much.
struct Unread {
    process: Child,
    url: String,
    http: reqwest::Client,
    _directory: TempDir,
}

impl Unread {
    fn start() -> Self {
        let directory = TempDir::new().unwrap();
        let mut command = command();
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(directory.path())
            .env("RUST_LOG", "trace")
            .stderr(Stdio::piped());
        let (process, [url]) = spawn(command, ["listening on "]);
        Self { process, url, http: workers_testing::http_client(), _directory: directory }
    }

    /// Returns the number of lost lines from the metrics, or `None` if they do not contain it.
    async fn lost_lines(&self) -> Option<u64> {
        let metrics = self.http.get(self.url("/metrics")).send().await.unwrap().text().await.unwrap();
        metrics.lines().find_map(|line| line.strip_prefix("workers_log_lines_lost_total ")?.parse().ok())
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        end(&mut self.process);
    }
}
