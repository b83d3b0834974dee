//! `workersd doctor` beside a running server.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use super::engine::{launcher_of, problems, signal};
use crate::support::command;
use crate::support::local::TestServer;

/// Runs the doctor. Returns whether nothing is missing, and its lines about the running server.
fn doctor(data_dir: &Path, arguments: &[&str]) -> (bool, String) {
    let output = command().args(["doctor", "--data-dir"]).arg(data_dir).args(arguments).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("database"), "{said}");
    let lines: Vec<_> = said.lines().collect();
    let is_of_server = |line: &str| line.get(10..).is_some_and(|line| line.starts_with("running server"));
    let of_server = lines.iter().enumerate().filter(|(_, line)| is_of_server(line)).flat_map(|(number, line)| {
        let remedy = lines.get(number + 1).filter(|line| line.trim_start().starts_with("->"));
        [*line].into_iter().chain(remedy.copied())
    });
    (output.status.success(), of_server.collect::<Vec<_>>().join("\n"))
}

fn address(server: &TestServer) -> SocketAddr {
    server.url.strip_prefix("http://").unwrap().parse().unwrap()
}

/// Returns the files directly in a directory, with the times of their last change.
fn files(data_dir: &Path) -> BTreeMap<PathBuf, SystemTime> {
    let entries = std::fs::read_dir(data_dir).unwrap().map(|entry| entry.unwrap());
    let files = entries.filter(|entry| entry.file_type().unwrap().is_file());
    files.map(|entry| (entry.path(), entry.metadata().unwrap().modified().unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doctor_tells_what_only_the_running_server_knows_and_what_to_do() {
    let server = TestServer::start(&[]);
    let before = files(&server.data_dir);
    let (complete, said) = doctor(&server.data_dir, &[]);
    assert!(complete && said.starts_with("ok ") && said.ends_with(": ready"), "{said}");
    assert!(said.contains(&server.url), "{said}");
    assert_eq!(files(&server.data_dir), before);
    signal("STOP", launcher_of(server.process_id()));
    let began = Instant::now();
    while !problems(&server).await.contains(&"launcher".to_owned()) {
        assert!(began.elapsed() < Duration::from_secs(3), "the server does not report it");
    }
    let (complete, said) = doctor(&server.data_dir, &[]);
    assert!(!complete && said.starts_with("MISSING ") && said.contains("launcher: failed"), "{said}");
    assert!(said.contains("-> wait some seconds: the server starts another one"), "{said}");
    let began = Instant::now();
    while server.get("/readyz").send().await.unwrap().status() != 200 {
        assert!(began.elapsed() < Duration::from_secs(30), "the launcher is not replaced");
    }
    let (complete, said) = doctor(&server.data_dir, &[]);
    assert!(complete && said.ends_with(": ready"), "{said}");
}

#[test]
fn a_doctor_says_nothing_of_a_server_where_none_runs() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = TestServer::start_in(directory.path(), &[]);
    let listen = address(&server).to_string();
    server.kill();
    for data_dir in [directory.path(), &directory.path().join("new")] {
        let (complete, said) = doctor(data_dir, &["--listen", &listen]);
        assert!(complete && said.is_empty(), "{said}");
    }
}

#[test]
fn a_doctor_tells_of_a_server_that_does_not_answer() {
    let server = TestServer::start(&[]);
    signal("STOP", server.process_id());
    let (complete, said) = doctor(&server.data_dir, &[]);
    signal("CONT", server.process_id());
    assert!(!complete && said.contains("no answer within"), "{said}");
}

#[test]
fn a_doctor_connects_to_the_address_of_its_options_if_the_server_has_not_written_its_own() {
    let server = TestServer::start(&[]);
    std::fs::remove_file(server.data_dir.join("listening.lock")).unwrap();
    let everywhere = format!("0.0.0.0:{}", address(&server).port());
    let (complete, said) = doctor(&server.data_dir, &["--listen", &everywhere, "--admin-token", "s3cret"]);
    assert!(complete && said.ends_with(": ready"), "{said}");
    let (complete, said) = doctor(&server.data_dir, &["--listen", "127.0.0.1:1"]);
    assert!(complete && said.starts_with("degraded ") && said.contains("--listen"), "{said}");
}

#[test]
fn a_doctor_tells_of_a_server_whose_data_directory_was_moved_away() {
    let outer = tempfile::tempdir().unwrap();
    let (path, away) = (outer.path().join("data"), outer.path().join("away"));
    let server = TestServer::start_in(&path, &[]);
    std::fs::rename(&path, &away).unwrap();
    let (complete, said) = doctor(&path, &["--listen", &address(&server).to_string()]);
    std::fs::rename(&away, &path).unwrap();
    assert!(!complete && said.contains("put it back") && said.contains("files: failed"), "{said}");
}
