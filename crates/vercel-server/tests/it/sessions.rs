//! The life of sandboxes and their sessions.

use std::time::Duration;

use chrono::TimeDelta;
use reqwest::Method;
use serde_json::json;
use workers_domain::ports::SandboxErrorKind;

use crate::support::{TestServer, code, lines, nulls, session_path};

#[tokio::test]
async fn a_stopped_session_is_gone_for_every_call_but_stop_and_get() {
    let server = TestServer::start().await;
    let session = server.session("demo", false).await;
    let command = server.detached(&session, "echo", &["a"]).await;
    server.clock.advance(TimeDelta::seconds(2));
    for _ in 0..2 {
        let (status, answer) = server.post(&format!("{session}/stop"), json!({})).await;
        assert_eq!(
            (status, &answer["session"]["status"], &answer["sandbox"]["status"]),
            (200, &json!("stopped"), &json!("stopped"))
        );
        assert_eq!(answer["session"]["duration"], 2000);
        assert!(answer.get("snapshot").is_none() && nulls(&answer).is_empty(), "{answer}");
    }
    for path in [
        format!("{session}/cmd"),
        format!("{session}/fs/read"),
        format!("{session}/fs/mkdir"),
        format!("{session}/snapshot"),
        format!("{session}/fs/write"),
    ] {
        let (status, answer) = server.post(&path, json!({ "command": "echo", "path": "a" })).await;
        assert_eq!((status, code(&answer)), (410, "sandbox_stopped"), "{path}");
    }
    let (status, _) = server.post(&format!("{session}/extend-timeout"), json!({ "duration": 1000 })).await;
    assert_eq!(status, 410);
    let (status, _) = server.post(&format!("{session}/network-policy"), json!({ "mode": "deny-all" })).await;
    assert_eq!(status, 410);
    for path in [command.clone(), format!("{command}/logs")] {
        assert_eq!(server.get(&path).await.0, 410);
    }
    assert_eq!(server.get(&session).await.1["session"]["status"], "stopped");
    server.containers.wait_for_live_containers(0).await;
}

#[tokio::test]
async fn stop_needs_no_body() {
    let server = TestServer::start().await;
    let session = server.session("demo", false).await;
    let response = server.send(Method::POST, &format!("{session}/stop"), None).await;
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn a_session_that_is_ending_says_so_and_a_client_that_resumes_it_waits() {
    let server = TestServer::start().await;
    let session = server.session("demo", true).await;
    server.containers.hold(true);
    let stop = format!("{session}/stop");
    let stopping = server.post(&stop, json!({}));
    let resuming = server.get("/v2/sandboxes/demo?resume=true");
    let meanwhile = async {
        loop {
            let (status, answer) = server.post(&format!("{session}/cmd"), json!({ "command": "echo" })).await;
            if status != 200 {
                break (status, code(&answer).to_owned());
            }
        }
    };
    let watched = async {
        let seen = meanwhile.await;
        server.containers.hold(false);
        seen
    };
    let ((status, stopped), seen) = tokio::join!(stopping, watched);
    assert_eq!(seen, (422, "sandbox_stopping".to_owned()));
    assert_eq!((status, &stopped["session"]["status"]), (200, &json!("stopped")));
    let (status, resumed) = resuming.await;
    assert_eq!((status, &resumed["session"]["status"]), (200, &json!("running")));
}

#[tokio::test]
async fn a_waited_command_of_a_session_that_is_stopped_ends_with_an_error() {
    let server = TestServer::start().await;
    let session = server.session("demo", false).await;
    let body = json!({ "command": "gate", "wait": true, "logs": true });
    let waited = server.send(Method::POST, &format!("{session}/cmd"), Some(body)).await;
    let command = server.detached(&session, "sleep", &[]).await;
    let logs = server.send(Method::GET, &format!("{command}/logs"), None).await;
    let result = server.send(Method::GET, &format!("{command}?wait=true"), None).await;
    server.post(&format!("{session}/stop"), json!({})).await;
    let last = lines(&waited.text().await.unwrap()).pop().unwrap();
    assert_eq!((&last["stream"], &last["data"]["code"]), (&json!("error"), &json!("sandbox_stream_closed")));
    assert_eq!(logs.text().await.unwrap(), "");
    assert_eq!(code(&result.json().await.unwrap()), "sandbox_stopped");
}

#[tokio::test]
async fn a_persistent_sandbox_comes_back_with_its_files() {
    let server = TestServer::start().await;
    let created = server.create(json!({ "name": "demo", "snapshotExpiration": 86_400_000 })).await;
    let first = session_path(&created);
    server.write(&first, "/vercel/keep.txt", "kept").await;
    let (_, stopped) = server.post(&format!("{first}/stop"), json!({})).await;
    let snapshot = &stopped["snapshot"];
    assert_eq!((&snapshot["creationMethod"], &snapshot["status"]), (&json!("automatic"), &json!("created")));
    assert_eq!(stopped["sandbox"]["currentSnapshotId"], snapshot["id"]);
    let (_, unchanged) = server.get("/v2/sandboxes/demo").await;
    assert_eq!((&unchanged["session"]["status"], &unchanged["resumed"]), (&json!("stopped"), &json!(false)));
    let (status, resumed) = server.get("/v2/sandboxes/demo?resume=true").await;
    assert_eq!((status, &resumed["resumed"]), (200, &json!(true)));
    assert_eq!(resumed["session"]["sourceSnapshotId"], snapshot["id"]);
    let second = session_path(&resumed);
    assert_ne!(first, second);
    assert_eq!(server.read(&second, "keep.txt").await, (200, "kept".to_owned()));
    assert_eq!(server.get("/v2/sandboxes/demo?resume=true").await.1["resumed"], false);
}

#[tokio::test]
async fn resumes_at_once_make_one_session() {
    let server = TestServer::start().await;
    let session = server.session("demo", true).await;
    server.post(&format!("{session}/stop"), json!({})).await;
    let path = "/v2/sandboxes/demo?resume=true";
    let (a, b, c) = tokio::join!(server.get(path), server.get(path), server.get(path));
    assert!(a.1["session"]["id"] == b.1["session"]["id"] && b.1["session"]["id"] == c.1["session"]["id"]);
    let new = [a, b, c].iter().filter(|(_, answer)| answer["resumed"] == true).count();
    assert_eq!((new, server.containers.containers_made()), (1, 2));
}

#[tokio::test]
async fn where_nothing_was_kept_nothing_is_resumed() {
    let server = TestServer::start().await;
    let session = server.session("demo", false).await;
    server.post(&format!("{session}/stop"), json!({})).await;
    let (status, answer) = server.get("/v2/sandboxes/demo?resume=true").await;
    assert_eq!((status, code(&answer)), (400, "snapshot_not_found"));
    assert_eq!(answer["error"]["message"], "Cannot resume sandbox: no snapshot available.");
    let (status, answer) = server.get("/v2/sandboxes/nobody?resume=true").await;
    assert_eq!((status, code(&answer)), (404, "not_found"));
}

#[tokio::test]
async fn a_session_whose_time_is_over_ends_as_if_it_were_stopped() {
    let server = TestServer::with(|options| options.default_timeout = Duration::from_millis(20)).await;
    let session = server.session("demo", true).await;
    server.containers.wait_for_live_containers(0).await;
    let (_, stopped) = server.post(&format!("{session}/stop"), json!({})).await;
    assert_eq!(stopped["session"]["status"], "stopped");
    assert!(stopped["sandbox"]["currentSnapshotId"].is_string());
}

#[tokio::test]
async fn a_session_is_extended_up_to_the_most_there_is() {
    let server = TestServer::start().await;
    let session = server.session("demo", false).await;
    let extend =
        async |millis: u64| server.post(&format!("{session}/extend-timeout"), json!({ "duration": millis })).await;
    let (status, answer) = extend(60_000).await;
    assert_eq!((status, &answer["session"]["timeout"]), (200, &json!(360_000)));
    let (status, answer) = extend(432_000_000).await;
    assert_eq!((status, code(&answer)), (400, "sandbox_timeout_invalid"));
    assert_eq!(extend(999).await.0, 400);
    assert_eq!(server.get("/v2/sandboxes/demo").await.1["sandbox"]["timeout"], 300_000);
}

#[tokio::test]
async fn an_extended_session_lives_longer() {
    let server = TestServer::with(|options| options.default_timeout = Duration::from_millis(300)).await;
    let extended = server.session("extended", false).await;
    server.post(&format!("{extended}/extend-timeout"), json!({ "duration": 60_000 })).await;
    server.session("other", false).await;
    server.containers.wait_for_live_containers(1).await;
    assert_eq!(
        server.get("/v2/sandboxes/other").await.1["sandbox"]["status"].as_str().map(|s| s == "running"),
        Some(false)
    );
    assert_eq!(server.get(&extended).await.1["session"]["status"], "running");
}

#[tokio::test]
async fn a_session_whose_container_ends_has_failed_and_keeps_what_was_kept_before() {
    let server = TestServer::start().await;
    let session = server.session("demo", true).await;
    let (_, stopped) = server.post(&format!("{session}/stop"), json!({})).await;
    let (_, resumed) = server.get("/v2/sandboxes/demo?resume=true").await;
    let second = session_path(&resumed);
    let command = server.detached(&second, "sleep", &[]).await;
    let logs = server.send(Method::GET, &format!("{command}/logs"), None).await;
    server.containers.break_containers();
    server.containers.wait_for_live_containers(0).await;
    logs.text().await.unwrap();
    let (_, answer) = server.post(&format!("{second}/stop"), json!({})).await;
    assert_eq!(answer["session"]["status"], "failed");
    assert_eq!(answer["sandbox"]["currentSnapshotId"], stopped["snapshot"]["id"]);
    assert_eq!(server.get("/v2/sandboxes/demo?resume=true").await.0, 200);
}

#[tokio::test]
async fn a_change_is_for_the_next_session() {
    let server = TestServer::start().await;
    let session = server.session("demo", true).await;
    let change = json!({ "resources": { "vcpus": 4, "memory": 8192 }, "tags": { "t": "2" }, "ports": [4000], "timeout": 30000, "keepLastSnapshots": { "count": 2 } });
    let (status, answer) = server.patch("/v2/sandboxes/demo", change).await;
    assert_eq!((status, &answer["sandbox"]["memory"], &answer["routes"][0]["port"]), (200, &json!(8192), &json!(4000)));
    assert_eq!(answer["sandbox"]["keepLastSnapshots"], json!({ "count": 2, "deleteEvicted": true }));
    let (_, answer) = server.patch("/v2/sandboxes/demo", json!({ "keepLastSnapshots": null })).await;
    assert!(answer["sandbox"].get("keepLastSnapshots").is_none());
    assert_eq!(server.get(&session).await.1["session"]["vcpus"], 2);
    server.post(&format!("{session}/stop"), json!({})).await;
    let (_, resumed) = server.get("/v2/sandboxes/demo?resume=true").await;
    assert_eq!((&resumed["session"]["vcpus"], &resumed["session"]["timeout"]), (&json!(4), &json!(30000)));
    let (status, answer) = server.patch("/v2/sandboxes/nobody", json!({})).await;
    assert_eq!((status, code(&answer)), (404, "not_found"));
}

#[tokio::test]
async fn a_deleted_sandbox_is_gone_and_its_name_free() {
    let server = TestServer::start().await;
    let session = server.session("demo", true).await;
    let (status, answer) = server.delete("/v2/sandboxes/demo").await;
    assert_eq!((status, &answer["sandbox"]["status"]), (200, &json!("stopped")));
    assert_eq!(server.get("/v2/sandboxes/demo").await.0, 404);
    assert_eq!(server.delete("/v2/sandboxes/demo").await.0, 404);
    // A client that still has the session's id may stop it once more.
    assert_eq!(server.post(&format!("{session}/stop"), json!({})).await.0, 200);
    assert_eq!(server.post(&format!("{session}/cmd"), json!({ "command": "echo" })).await.0, 410);
    server.containers.wait_for_live_containers(0).await;
    assert_eq!(server.containers.snapshot_count(), 0);
    server.session("demo", true).await;
    assert_eq!(server.get("/v2/sandboxes/sessions?name=demo").await.1["pagination"]["count"], 1);
}

#[tokio::test]
async fn a_fork_has_files_and_settings_of_the_other() {
    let server = TestServer::start().await;
    let created = server
        .create(json!({ "name": "base", "resources": { "vcpus": 4 }, "tags": { "a": "b" }, "env": { "E": "1" } }))
        .await;
    let (status, answer) = server.post("/v2/sandboxes/base/fork", json!({})).await;
    assert_eq!((status, code(&answer)), (400, "snapshot_not_found"));
    let session = session_path(&created);
    server.write(&session, "/vercel/a.txt", "a").await;
    let (_, stopped) = server.post(&format!("{session}/stop"), json!({})).await;
    let (status, fork) = server
        .post("/v2/sandboxes/base/fork", json!({ "name": "copy", "tags": { "c": "d" }, "persistent": false }))
        .await;
    assert_eq!((status, &fork["sandbox"]["vcpus"], &fork["sandbox"]["tags"]), (200, &json!(4), &json!({ "c": "d" })));
    assert_eq!(fork["session"]["sourceSnapshotId"], stopped["snapshot"]["id"]);
    let copy = session_path(&fork);
    assert_eq!(server.read(&copy, "a.txt").await, (200, "a".to_owned()));
    assert!(server.run(&copy, "env", &[]).await[1]["data"].as_str().unwrap().contains("E=1"));
}

#[tokio::test]
async fn a_resume_that_fails_can_be_tried_again() {
    let server = TestServer::start().await;
    let session = server.session("demo", true).await;
    server.post(&format!("{session}/stop"), json!({})).await;
    server.containers.fail_with(Some(SandboxErrorKind::Unavailable));
    assert_eq!(server.get("/v2/sandboxes/demo?resume=true").await.0, 503);
    server.containers.fail_with(None);
    assert_eq!(server.get("/v2/sandboxes/demo?resume=true").await.0, 200);
}
