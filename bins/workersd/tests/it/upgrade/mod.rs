//! This server serves databases and data directories that servers of earlier commits have left.
//! `scripts/make-upgrade-fixture.sh` makes them.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use workers_testing::{ThrowAwayPostgres, is_root};

use crate::support::local::{TestServer, status_and_body};
use crate::support::{command, end, in_levels, spawn};

/// From the last commit before workers had revisions and snapshots belonged to a server.
const BEFORE_REVISIONS: &[u8] = include_bytes!("before-revisions.tar.gz");

/// How long a server may take to remove the snapshots of deleted workers.
const PATIENCE: Duration = Duration::from_secs(10);

fn unpack(fixture: &[u8]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(fixture));
    archive.set_preserve_permissions(true);
    // Only root can give files away; other users' servers have only files of their own.
    archive.set_preserve_ownerships(is_root());
    archive.unpack(directory.path()).unwrap();
    directory
}

/// Returns the workers in the list, sorted by name.
async fn listed(server: &TestServer) -> Vec<(String, Value)> {
    let (status, list) = status_and_body(server.get("/api/workers").send().await.unwrap()).await;
    assert_eq!(status, 200, "{list}");
    let mut workers: Vec<_> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|worker| (worker["name"].as_str().unwrap().to_owned(), worker.clone()))
        .collect();
    workers.sort_by(|(one, _), (other, _)| one.cmp(other));
    workers
}

async fn check_values(server: &TestServer, id: &str) {
    let (status, sum) = server.call(id, "sum", &json!({"items": [{"n": 4}, {"n": 5}]})).await;
    assert_eq!((status, &sum["result"]), (200, &json!(12)), "{sum}");
    let (status, late) = server.call(id, "late", &json!({})).await;
    assert_eq!((status, &late["error"], &late["name"]), (500, &json!("late"), &json!("TypeError")), "{late}");
    assert_eq!(
        (&late["code"], &late["cause"]["message"], &late["logs"][0]["message"], &late["logs"][0]["level"]),
        (&json!("thrown"), &json!("the cause"), &json!("soon"), &json!("error")),
        "{late}"
    );
    let (_, long) = server.call(id, "long", &json!({})).await;
    assert_eq!(long["result"].as_str().map(str::len), Some(300_000));
    assert_eq!(long["logs"].as_array().map(Vec::len), Some(300));
    let (_, odd) = server.call(id, "odd", &json!({})).await;
    assert_eq!((&odd["result"]["not"], odd["warnings"].as_array().is_some()), (&json!(null), true), "{odd}");
    let (_, leave) = server.call(id, "leave", &json!({})).await;
    assert_eq!((&leave["code"], &leave["exitCode"]), (&json!("process_exit"), &json!(3)), "{leave}");
}

async fn check_files(server: &TestServer, id: &str) {
    for name in ["a", "b"] {
        let (status, body) = server.call(id, "main", &json!({"name": name})).await;
        let expected = json!({"before": ["worker.mjs"], "after": ["own.txt", "worker.mjs"]});
        assert_eq!(
            (status, &body["result"]["before"], &body["result"]["after"]),
            (200, &expected["before"], &expected["after"])
        );
    }
}

async fn redeploy(server: &TestServer, id: &str) {
    let (status, body) =
        status_and_body(server.post(&format!("/api/workers/{id}/redeploy")).send().await.unwrap()).await;
    assert_eq!((status, &body["status"]), (200, &json!("ready")), "{body}");
}

/// Serves a fixture: its workers are as they were, do what they did, and can be redeployed and deleted.
async fn serve(data_dir: &Path, arguments: &[&str]) {
    let server = TestServer::start_in(data_dir, arguments);
    let workers = listed(&server).await;
    let found: Vec<_> =
        workers.iter().map(|(name, worker)| (name.as_str(), worker["status"].as_str().unwrap())).collect();
    assert_eq!(found, [("expired", "expired"), ("files", "ready"), ("values", "ready")]);
    let [expired, files, values] = [0, 1, 2].map(|at| workers[at].1["id"].as_str().unwrap().to_owned());
    for round in 0..2 {
        check_values(&server, &values).await;
        check_files(&server, &files).await;
        let (status, body) = server.call(&expired, "sum", &json!({})).await;
        let is_expired = (status, &body["code"]) == (410, &json!("worker_expired"));
        assert_eq!(is_expired, round == 0, "{body}");
        for id in [&values, &files, &expired] {
            redeploy(&server, id).await;
        }
    }
    check_values(&server, &expired).await;
    for id in [&values, &files, &expired] {
        let response = server.http.delete(format!("{}/api/workers/{id}", server.url)).send().await.unwrap();
        assert_eq!(response.status(), 200);
    }
    let began = Instant::now();
    while !in_levels(&data_dir.join("snapshots/refs")).is_empty() {
        assert!(began.elapsed() < PATIENCE, "snapshots are left");
        tokio::task::yield_now().await;
    }
}

/// Starts a server and returns its log lines about snapshots of an earlier version.
fn logged_of_moves(data_dir: &Path) -> Vec<String> {
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut command = command();
    command.args(["serve", "--listen", "127.0.0.1:0", "--log-format", "json", "--data-dir"]).arg(data_dir);
    command.stderr(log.reopen().unwrap());
    let (mut process, [_]) = spawn(command, ["listening on "]);
    end(&mut process);
    let log = std::fs::read_to_string(log.path()).unwrap();
    let lines = log.lines().filter(|line| line.contains("the snapshots of an earlier version"));
    lines.map(str::to_owned).collect()
}

#[test]
fn the_first_start_logs_when_it_begins_to_move_snapshots_and_when_it_has_moved_them() {
    let fixture = unpack(BEFORE_REVISIONS);
    let data_dir = fixture.path().join("sqlite");
    let number = std::fs::read_dir(data_dir.join("snapshots/refs")).unwrap().count();
    let lines = logged_of_moves(&data_dir);
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].contains("moving ") && lines[1].contains("moved "), "{lines:?}");
    let counted = format!("\"snapshots\":{number}}}");
    assert!(number > 1 && lines.iter().all(|line| line.contains(&counted)), "{lines:?}");
    assert_eq!(logged_of_moves(&data_dir), [""; 0]);
}

#[tokio::test]
async fn a_data_directory_of_before_workers_had_revisions_is_served() {
    let fixture = unpack(BEFORE_REVISIONS);
    serve(&fixture.path().join("sqlite"), &[]).await;
}

#[tokio::test]
async fn a_postgres_database_of_before_workers_had_revisions_is_served() {
    let fixture = unpack(BEFORE_REVISIONS);
    let directory = fixture.path().join("postgres");
    let postgres = ThrowAwayPostgres::shared();
    let url = postgres.create_database().await;
    postgres.execute(&url, &std::fs::read_to_string(directory.join("dump.sql")).unwrap()).await;
    serve(&directory, &["--database-url", &url]).await;
}
