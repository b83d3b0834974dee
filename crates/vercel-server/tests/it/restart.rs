//! What survives a restart of the server.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use serde_json::json;

use crate::support::{TestServer, code, session_path};

#[tokio::test]
async fn after_a_crash_sandboxes_are_stopped_and_persistent_ones_resume_from_what_was_kept() {
    let server = TestServer::start().await;
    let created = server.create(json!({ "name": "demo", "tags": { "a": "b" } })).await;
    let first = session_path(&created);
    server.write(&first, "/vercel/a.txt", "a").await;
    let (_, stopped) = server.post(&format!("{first}/stop"), json!({})).await;
    let second = session_path(&server.get("/v2/sandboxes/demo?resume=true").await.1);
    server.session("other", false).await;
    let server = server.crash(|_| {}).await;
    let (_, list) = server.get("/v2/sandboxes?sortBy=name&sortOrder=asc").await;
    assert_eq!((&list["sandboxes"][0]["name"], &list["sandboxes"][0]["status"]), (&json!("demo"), &json!("stopped")));
    assert_eq!((&list["sandboxes"][1]["name"], &list["sandboxes"][1]["status"]), (&json!("other"), &json!("stopped")));
    assert_eq!(list["sandboxes"][0]["tags"], json!({ "a": "b" }));
    assert_eq!(server.post(&format!("{second}/cmd"), json!({ "command": "echo" })).await.0, 410);
    let (_, resumed) = server.get("/v2/sandboxes/demo?resume=true").await;
    assert_eq!(resumed["session"]["sourceSnapshotId"], stopped["snapshot"]["id"]);
    assert_eq!(server.read(&session_path(&resumed), "a.txt").await, (200, "a".to_owned()));
}

#[tokio::test]
async fn an_orderly_end_keeps_the_files_of_persistent_sandboxes_and_leaves_nothing_running() {
    let server = TestServer::start().await;
    let session = server.session("demo", true).await;
    server.session("other", false).await;
    server.write(&session, "/vercel/a.txt", "last").await;
    let server = server.shut_down().await;
    server.containers.wait_for_live_containers(0).await;
    let (_, resumed) = server.get("/v2/sandboxes/demo?resume=true").await;
    assert_eq!(server.read(&session_path(&resumed), "a.txt").await, (200, "last".to_owned()));
}

#[tokio::test]
async fn at_the_end_containers_that_hang_take_no_time_from_the_others() {
    let server = TestServer::with(|options| {
        options.shutdown_timeout = Duration::from_millis(300);
        options.stop_timeout = Duration::from_millis(300);
    })
    .await;
    for name in ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"] {
        server.session(name, true).await;
    }
    for number in 1..10 {
        server.containers.hang_container(number);
    }
    let begun = Instant::now();
    let server = server.shut_down().await;
    assert!(begun.elapsed() < Duration::from_millis(2500), "{:?}", begun.elapsed());
    server.containers.wait_for_live_containers(0).await;
    assert_eq!(server.get("/v2/sandboxes/j?resume=true").await.0, 200);
    assert_eq!(server.get("/v2/sandboxes/a").await.1["sandbox"]["status"], "failed");
}

#[tokio::test]
async fn snapshots_that_no_record_knows_are_removed_and_lost_ones_stay_on_record() {
    let server = TestServer::start().await;
    let session = server.session("demo", true).await;
    let (_, stopped) = server.post(&format!("{session}/stop"), json!({})).await;
    server.containers.plant_snapshot("unknown");
    let server = server.crash(|_| {}).await;
    assert_eq!(server.containers.snapshot_count(), 1);
    server.containers.lose_snapshots();
    let server = server.crash(|_| {}).await;
    let path = format!("/v2/sandboxes/snapshots/{}", stopped["snapshot"]["id"].as_str().unwrap());
    assert_eq!(server.get(&path).await.1["snapshot"]["status"], "created");
    let (status, answer) = server.get("/v2/sandboxes/demo?resume=true").await;
    assert_eq!((status, code(&answer)), (503, "snapshot_unavailable"));
    assert_eq!(server.delete(&path).await.1["snapshot"]["status"], "deleted");
    assert_eq!(server.get("/v2/sandboxes/demo?resume=true").await.0, 410);
}

#[tokio::test]
async fn a_broken_record_does_not_keep_the_server_from_starting() {
    let server = TestServer::start().await;
    server.session("demo", true).await;
    let records = server.directory.path().join("sandboxes/records/sandboxes");
    std::fs::write(records.join("broken.json"), "{").unwrap();
    let server = server.crash(|_| {}).await;
    assert_eq!(server.get("/v2/sandboxes/demo").await.0, 200);
}

#[tokio::test]
async fn output_of_commands_goes_with_the_session() {
    let server = TestServer::start().await;
    let session = server.session("demo", false).await;
    server.run(&session, "echo", &["a"]).await;
    let logs = server.directory.path().join("sandboxes/logs");
    assert_eq!(std::fs::read_dir(&logs).unwrap().count(), 1);
    server.post(&format!("{session}/stop"), json!({})).await;
    while std::fs::read_dir(&logs).unwrap().count() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_sandbox_that_has_nothing_to_start_from_is_forgotten_in_time() {
    let server = TestServer::with(|options| options.sweep_interval = Duration::from_millis(5)).await;
    let session = server.session("idle", false).await;
    server.post(&format!("{session}/stop"), json!({})).await;
    let kept = server.session("kept", true).await;
    server.post(&format!("{kept}/stop"), json!({})).await;
    server.clock.advance(TimeDelta::days(15));
    while server.get("/v2/sandboxes/idle").await.0 != 404 {}
    assert_eq!(server.get("/v2/sandboxes/kept").await.0, 200);
}

#[tokio::test]
async fn a_snapshot_whose_record_cannot_be_read_is_not_removed() {
    let server = TestServer::start().await;
    let session = server.session("demo", true).await;
    let (_, stopped) = server.post(&format!("{session}/stop"), json!({})).await;
    let name = format!("sandboxes/records/snapshots/{}.json", stopped["snapshot"]["id"].as_str().unwrap());
    let record = server.directory.path().join(name);
    let text = std::fs::read(&record).unwrap();
    std::fs::write(&record, "{").unwrap();
    // It is also kept at the start after that, when the record has already been set aside.
    let server = server.crash(|_| {}).await.crash(|_| {}).await;
    assert_eq!(server.containers.snapshot_count(), 1);
    std::fs::remove_file(record.with_extension("json.set-aside")).unwrap();
    std::fs::write(&record, text).unwrap();
    let server = server.crash(|_| {}).await;
    assert_eq!(server.get("/v2/sandboxes/demo?resume=true").await.0, 200);
}
