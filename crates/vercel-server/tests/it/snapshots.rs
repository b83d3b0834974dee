//! Snapshots.

use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};
use workers_domain::ports::SandboxErrorKind;

use crate::support::{DAY, TestServer, code, nulls, session_path};

async fn snapshot_of(server: &TestServer, session: &str, body: Value) -> Value {
    let (status, answer) = server.post(&format!("{session}/snapshot"), body).await;
    assert_eq!(status, 201, "{answer}");
    answer["snapshot"].clone()
}

fn path(snapshot: &Value) -> String {
    format!("/v2/sandboxes/snapshots/{}", snapshot["id"].as_str().unwrap())
}

/// Waits until the provider has this many snapshots. They are removed in the background.
async fn wait_for_snapshots(server: &TestServer, number: usize) {
    while server.containers.snapshot_count() != number {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_snapshot_ends_the_session_and_others_start_from_it() {
    let server = TestServer::start().await;
    let session = server.session("demo", false).await;
    server.write(&session, "/vercel/a.txt", "a").await;
    let (status, answer) = server.post(&format!("{session}/snapshot"), json!({ "expiration": 7 * DAY })).await;
    assert_eq!((status, &answer["session"]["status"]), (201, &json!("snapshotting")));
    assert!(nulls(&answer).is_empty(), "{answer}");
    let snapshot = &answer["snapshot"];
    assert_eq!((&snapshot["status"], &snapshot["creationMethod"]), (&json!("created"), &json!("manual")));
    assert_eq!(snapshot["expiresAt"].as_i64().unwrap() - snapshot["createdAt"].as_i64().unwrap(), 7 * DAY);
    assert_eq!(server.post(&format!("{session}/cmd"), json!({ "command": "echo" })).await.0, 410);
    assert_eq!(server.get("/v2/sandboxes/demo").await.1["sandbox"]["currentSnapshotId"], snapshot["id"]);
    for name in ["b", "c"] {
        let made = server
            .create(json!({ "name": name, "source": { "type": "snapshot", "snapshotId": snapshot["id"] } }))
            .await;
        assert_eq!(
            (&made["session"]["sourceSnapshotId"], &made["sandbox"]["currentSnapshotId"]),
            (&snapshot["id"], &snapshot["id"])
        );
        assert_eq!(server.read(&session_path(&made), "a.txt").await, (200, "a".to_owned()));
    }
}

#[tokio::test]
async fn a_snapshot_that_fails_is_not_asked_for_again() {
    let server = TestServer::start().await;
    let session = server.session("demo", true).await;
    server.containers.fail_snapshots_with(Some(SandboxErrorKind::Failed));
    let (status, answer) = server.post(&format!("{session}/snapshot"), json!({})).await;
    assert_eq!((status, code(&answer)), (400, "snapshot_failed"));
    let (_, answer) = server.post(&format!("{session}/stop"), json!({})).await;
    assert_eq!(answer["session"]["status"], "failed");
    server.containers.wait_for_live_containers(0).await;
}

#[tokio::test]
async fn a_snapshot_is_kept_so_long_after_its_last_use() {
    let server = TestServer::start().await;
    let session = server.session("demo", false).await;
    let snapshot = snapshot_of(&server, &session, json!({})).await;
    assert_eq!(snapshot["expiresAt"].as_i64().unwrap() - snapshot["lastUsedAt"].as_i64().unwrap(), 30 * DAY);
    server.clock.advance(TimeDelta::days(29));
    server.create(json!({ "name": "user", "persistent": false, "source": { "type": "snapshot", "snapshotId": snapshot["id"] } })).await;
    server.clock.advance(TimeDelta::days(29));
    assert_eq!(server.get(&path(&snapshot)).await.1["snapshot"]["status"], "created");
    server.clock.advance(TimeDelta::days(2));
    assert_eq!(server.get(&path(&snapshot)).await.1["snapshot"]["status"], "deleted");
    let (status, answer) = server.get("/v2/sandboxes/demo?resume=true").await;
    assert_eq!((status, code(&answer)), (410, "snapshot_not_found"));
    wait_for_snapshots(&server, 0).await;
}

#[tokio::test]
async fn a_snapshot_without_end_stays() {
    let server = TestServer::start().await;
    let session = server.session("demo", false).await;
    let snapshot = snapshot_of(&server, &session, json!({ "expiration": 0 })).await;
    assert!(snapshot.get("expiresAt").is_none());
    server.clock.advance(TimeDelta::days(10_000));
    assert_eq!(server.get(&path(&snapshot)).await.1["snapshot"]["status"], "created");
    let (status, _) = server.post(&format!("{session}/snapshot"), json!({ "expiration": 1000 })).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn a_deleted_snapshot_is_shown_as_such_and_starts_nothing() {
    let server = TestServer::start().await;
    let session = server.session("demo", true).await;
    let (_, stopped) = server.post(&format!("{session}/stop"), json!({})).await;
    let snapshot = &stopped["snapshot"];
    for _ in 0..2 {
        let (status, answer) = server.delete(&path(snapshot)).await;
        assert_eq!((status, &answer["snapshot"]["status"]), (200, &json!("deleted")));
    }
    wait_for_snapshots(&server, 0).await;
    let body =
        json!({ "projectId": "prj_a", "name": "x", "source": { "type": "snapshot", "snapshotId": snapshot["id"] } });
    let (status, answer) = server.post("/v3/sandboxes", body).await;
    assert_eq!((status, code(&answer)), (410, "snapshot_not_found"));
    let (status, answer) = server.get("/v2/sandboxes/demo?resume=true").await;
    assert_eq!((status, code(&answer)), (410, "snapshot_not_found"));
    // The official client does this next.
    assert_eq!(server.delete("/v2/sandboxes/demo").await.0, 200);
    server.session("demo", true).await;
    assert_eq!(server.get("/v2/sandboxes/snapshots/snap_0").await.0, 404);
}

/// Returns the id and status of each snapshot in a list.
async fn listed(server: &TestServer, query: &str) -> Vec<(String, String)> {
    let (status, answer) = server.get(&format!("/v2/sandboxes/snapshots?project=prj_a{query}")).await;
    assert_eq!(status, 200, "{answer}");
    let snapshots = answer["snapshots"].as_array().unwrap();
    assert_eq!(answer["pagination"]["count"], snapshots.len());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    snapshots.iter().map(|snapshot| (text(&snapshot["id"]), text(&snapshot["status"]))).collect()
}

fn count(listed: &[(String, String)], status: &str) -> usize {
    listed.iter().filter(|(_, own)| own == status).count()
}

#[tokio::test]
async fn lists_show_a_deleted_snapshot_for_a_day_also_after_a_restart() {
    let server = TestServer::start().await;
    let session = server.session("demo", true).await;
    let deleted = snapshot_of(&server, &session, json!({})).await;
    server.clock.advance(TimeDelta::seconds(1));
    let session = session_path(&server.get("/v2/sandboxes/demo?resume=true").await.1);
    let kept = snapshot_of(&server, &session, json!({ "expiration": 0 })).await;
    assert_eq!(server.delete(&path(&deleted)).await.0, 200);
    let id = |snapshot: &Value| snapshot["id"].as_str().unwrap().to_owned();
    let both = [(id(&kept), "created".to_owned()), (id(&deleted), "deleted".to_owned())];
    for query in ["", "&name=demo"] {
        assert_eq!(listed(&server, query).await, both, "{query}");
    }
    assert_eq!(listed(&server, "&sortOrder=asc&limit=1").await, both[1..]);
    let server = server.crash(|_| {}).await;
    server.clock.advance(TimeDelta::hours(23));
    assert_eq!(listed(&server, "").await, both);
    server.clock.advance(TimeDelta::hours(1));
    assert_eq!(listed(&server, "").await, both[..1]);
    // A deleted snapshot can be requested by its id for as long as its record is kept.
    assert_eq!(server.get(&path(&deleted)).await.1["snapshot"]["status"], "deleted");
}

#[tokio::test]
async fn lists_show_snapshots_that_expired_were_evicted_or_went_with_their_sandbox() {
    let server = TestServer::start().await;
    let session = server.session("expired", false).await;
    snapshot_of(&server, &session, json!({ "expiration": DAY })).await;
    server.clock.advance(TimeDelta::days(1));
    assert_eq!(listed(&server, "&name=expired").await[0].1, "deleted");
    let mut session =
        session_path(&server.create(json!({ "name": "evicted", "keepLastSnapshots": { "count": 1 } })).await);
    for _ in 0..2 {
        server.clock.advance(TimeDelta::seconds(1));
        server.post(&format!("{session}/stop"), json!({})).await;
        session = session_path(&server.get("/v2/sandboxes/evicted?resume=true").await.1);
    }
    let statuses: Vec<_> = listed(&server, "&name=evicted").await.into_iter().map(|(_, status)| status).collect();
    assert_eq!(statuses, ["created", "deleted"]);
    let session = server.session("gone", true).await;
    server.post(&format!("{session}/stop"), json!({})).await;
    server.delete("/v2/sandboxes/gone?deleteOrphanSnapshots=true").await;
    assert_eq!(listed(&server, "&name=gone").await[0].1, "deleted");
    let all = listed(&server, "").await;
    assert_eq!((count(&all, "created"), count(&all, "deleted")), (1, 3));
}

#[tokio::test]
async fn no_more_snapshots_are_kept_than_asked_for() {
    let server = TestServer::start().await;
    let mut session =
        session_path(&server.create(json!({ "name": "demo", "keepLastSnapshots": { "count": 2 } })).await);
    for _ in 0..4 {
        server.clock.advance(TimeDelta::seconds(1));
        server.post(&format!("{session}/stop"), json!({})).await;
        session = session_path(&server.get("/v2/sandboxes/demo?resume=true").await.1);
    }
    let listed = listed(&server, "&name=demo").await;
    assert_eq!((count(&listed, "created"), count(&listed, "deleted")), (2, 2));
    wait_for_snapshots(&server, 2).await;
}

#[tokio::test]
async fn snapshots_outlive_their_sandbox_unless_asked_not_to() {
    let server = TestServer::start().await;
    for (name, flag, left) in [("kept", "", 1), ("gone", "?deleteOrphanSnapshots=true", 1)] {
        let session = server.session(name, true).await;
        server.post(&format!("{session}/stop"), json!({})).await;
        server.delete(&format!("/v2/sandboxes/{name}{flag}")).await;
        wait_for_snapshots(&server, left).await;
    }
    let listed = listed(&server, "").await;
    assert_eq!((count(&listed, "created"), count(&listed, "deleted")), (1, 1));
}

#[tokio::test]
async fn ancestors_and_descendants_are_found() {
    let server = TestServer::start().await;
    let first = server.session("demo", false).await;
    let oldest = snapshot_of(&server, &first, json!({})).await;
    server.clock.advance(TimeDelta::seconds(1));
    let second = session_path(&server.get("/v2/sandboxes/demo?resume=true").await.1);
    let newest = snapshot_of(&server, &second, json!({})).await;
    assert_eq!(newest["parentId"], oldest["id"]);
    let tree = async |of: &Value, order: &str| {
        let id = of["id"].as_str().unwrap();
        server.get(&format!("/v2/sandboxes/snapshots/tree?project=prj_a&snapshotId={id}&sortOrder={order}")).await.1
    };
    let up = tree(&newest, "desc").await;
    assert_eq!(
        (&up["snapshots"][0]["snapshot"]["id"], &up["anchor"]["snapshot"]["id"]),
        (&oldest["id"], &newest["id"])
    );
    assert_eq!((&up["snapshots"][0]["count"], &up["pagination"]["next"]), (&json!("1"), &Value::Null));
    let down = tree(&oldest, "asc").await;
    assert_eq!(down["snapshots"][0]["snapshot"]["id"], newest["id"]);
}

#[tokio::test]
async fn where_there_is_no_room_for_a_snapshot_the_session_goes_on_and_can_be_asked_again() {
    let server = TestServer::start().await;
    let session = server.session("demo", true).await;
    let command = server.detached(&session, "gate", &[]).await;
    server.containers.fail_snapshots_with(Some(SandboxErrorKind::StorageFull));
    for path in [format!("{session}/snapshot"), format!("{session}/stop")] {
        let (status, answer) = server.post(&path, json!({})).await;
        assert_eq!((status, code(&answer)), (400, "snapshot_failed"), "{path}");
        assert!(answer["error"]["message"].as_str().unwrap().contains("no room"), "{answer}");
        assert_eq!(server.get(&session).await.1["session"]["status"], "running");
    }
    server.gate.notify_one();
    assert_eq!(server.get(&format!("{command}?wait=true")).await.1["command"]["exitCode"], 3);
    server.containers.fail_snapshots_with(None);
    let (status, stopped) = server.post(&format!("{session}/stop"), json!({})).await;
    assert_eq!((status, &stopped["session"]["status"]), (200, &json!("stopped")));
    assert!(stopped["snapshot"]["id"].is_string());
}

#[tokio::test]
async fn a_stop_whose_snapshot_failed_is_no_success() {
    let server = TestServer::start().await;
    let session = server.session("demo", true).await;
    server.containers.fail_snapshots_with(Some(SandboxErrorKind::Failed));
    let (status, answer) = server.post(&format!("{session}/stop"), json!({})).await;
    assert_eq!((status, code(&answer)), (400, "snapshot_failed"));
    assert_eq!(server.get(&session).await.1["session"]["status"], "failed");
}

#[tokio::test]
async fn a_sandbox_is_deleted_though_there_is_no_room_for_snapshots() {
    let server = TestServer::start().await;
    server.session("demo", true).await;
    server.containers.fail_snapshots_with(Some(SandboxErrorKind::StorageFull));
    assert_eq!(server.delete("/v2/sandboxes/demo").await.0, 200);
    server.containers.wait_for_live_containers(0).await;
}

#[tokio::test]
async fn a_session_whose_time_is_over_fails_where_there_is_no_room() {
    let server = TestServer::with(|options| options.default_timeout = Duration::from_millis(50)).await;
    server.containers.fail_snapshots_with(Some(SandboxErrorKind::StorageFull));
    let session = server.session("demo", true).await;
    server.containers.wait_for_live_containers(0).await;
    while server.get(&session).await.1["session"]["status"] != "failed" {}
}

#[tokio::test]
async fn a_snapshot_that_hangs_delays_no_other_request() {
    let server = TestServer::start().await;
    let other = server.session("other", true).await;
    let stuck = server.session("stuck", true).await;
    server.containers.hang_container(2);
    let stop = format!("{stuck}/stop");
    let hanging = server.post(&stop, json!({}));
    let others = async {
        while server.get(&stuck).await.1["session"]["status"] != "stopping" {}
        // One snapshot is removed, and then others are taken.
        let snapshot = snapshot_of(&server, &other, json!({})).await;
        server.delete(&path(&snapshot)).await;
        wait_for_snapshots(&server, 0).await;
        for name in ["a", "b"] {
            let session = server.session(name, true).await;
            assert_eq!(server.post(&format!("{session}/stop"), json!({})).await.0, 200);
        }
    };
    tokio::select! {
        _ = hanging => panic!("a container that hangs was frozen"),
        () = others => {}
    }
}

#[tokio::test]
async fn a_snapshot_that_takes_too_long_ends_its_session_and_releases_its_permit() {
    let server = TestServer::with(|options| {
        options.max_sessions = 1;
        options.snapshot_timeout = Duration::from_millis(20);
        options.stop_timeout = Duration::from_millis(20);
    })
    .await;
    let session = server.session("stuck", true).await;
    server.containers.hang_container(1);
    let (status, answer) = server.post(&format!("{session}/snapshot"), json!({})).await;
    assert_eq!((status, code(&answer)), (400, "snapshot_failed"));
    assert_eq!(server.get(&session).await.1["session"]["status"], "failed");
    server.containers.wait_for_live_containers(0).await;
    server.session("next", true).await;
}

#[tokio::test]
async fn a_container_that_does_not_stop_is_dropped() {
    let server = TestServer::with(|options| options.stop_timeout = Duration::from_millis(20)).await;
    let session = server.session("stuck", false).await;
    server.containers.hang_container(1);
    let (status, answer) = server.post(&format!("{session}/stop"), json!({})).await;
    assert_eq!((status, &answer["session"]["status"]), (200, &json!("failed")));
    server.containers.wait_for_live_containers(0).await;
}

#[tokio::test]
async fn a_sandbox_whose_snapshot_hangs_can_be_deleted() {
    let server = TestServer::with(|options| options.stop_timeout = Duration::from_millis(20)).await;
    let session = server.session("stuck", true).await;
    server.containers.hang_container(1);
    let stop = format!("{session}/stop");
    let delete = async {
        while server.get(&session).await.1["session"]["status"] != "stopping" {}
        server.delete("/v2/sandboxes/stuck").await
    };
    let ((stopped, _), (deleted, _)) = tokio::join!(server.post(&stop, json!({})), delete);
    assert_eq!((stopped, deleted), (400, 200));
    server.containers.wait_for_live_containers(0).await;
}
