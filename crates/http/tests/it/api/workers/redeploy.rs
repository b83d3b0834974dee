//! `POST /api/workers/{id}/redeploy`

use chrono::TimeDelta;
use serde_json::json;
use workers_domain::ports::{SandboxErrorKind, Store as _};
use workers_domain::{TenantId, Worker, WorkerId, WorkerName};

use crate::support::{CODE, SseReader, TestApp, status_and_json};

#[tokio::test]
async fn an_expired_worker_is_ready_again_under_the_same_id() {
    let app = TestApp::start();
    let path = format!("/api/workers/{}", app.deploy().await);
    app.clock.advance(TimeDelta::days(8));
    assert_eq!(app.post_json(&format!("{path}/functions/greet"), "7").await.0, 410);
    let mut events = SseReader::new(app.get("/api/workers/events").await);
    let (status, worker) = app.post_json(&format!("{path}/redeploy"), "").await;
    assert_eq!((status, &worker["status"]), (200, &json!("ready")), "{worker}");
    assert_eq!(
        (&worker["expiresInDays"], &worker["snapshotExpiresAt"]),
        (&json!(7), &json!("2025-12-08T09:26:40.000Z"))
    );
    assert_eq!(status_and_json(app.get(&path).await).await.1, worker);
    assert_eq!(events.next().await.unwrap().data, worker);
    let (status, answer) = app.post_json(&format!("{path}/functions/greet"), "7").await;
    assert_eq!((status, &answer["result"]), (200, &json!(7)));
}

#[tokio::test]
async fn a_worker_that_could_not_be_made_is_made() {
    let app = TestApp::start();
    app.sandboxes.fail_with(Some(SandboxErrorKind::Failed));
    let (_, failed) = app.post_json("/api/workers", json!({ "name": "w", "code": CODE }).to_string()).await;
    let path = format!("/api/workers/{}", failed["workerId"].as_str().unwrap());
    let (status, body) = app.post_json(&format!("{path}/redeploy"), "").await;
    assert_eq!((status, &body["code"], &body["workerId"]), (502, &json!("sandbox_failed"), &failed["workerId"]));
    assert_eq!(status_and_json(app.get(&path).await).await.1["status"], "error");
    app.sandboxes.fail_with(None);
    let (status, worker) = app.post_json(&format!("{path}/redeploy"), "").await;
    assert_eq!((status, &worker["status"], &worker["errorMessage"]), (200, &json!("ready"), &json!(null)));
}

#[tokio::test]
async fn a_ready_worker_that_cannot_be_redeployed_goes_on_as_it_was() {
    let app = TestApp::start();
    let path = format!("/api/workers/{}", app.deploy().await);
    let before = status_and_json(app.get(&path).await).await;
    app.sandboxes.fail_with(Some(SandboxErrorKind::Failed));
    assert_eq!(app.post_json(&format!("{path}/redeploy"), "").await.0, 502);
    app.sandboxes.fail_with(None);
    assert_eq!(status_and_json(app.get(&path).await).await, before);
    assert_eq!(app.post_json(&format!("{path}/functions/greet"), "7").await.0, 200);
}

#[tokio::test]
async fn a_worker_that_is_being_created_is_refused() {
    let app = TestApp::start();
    let now = chrono::DateTime::from_timestamp(1_763_890_000, 0).unwrap();
    let worker =
        Worker::creating(WorkerId::generate(now), TenantId::DEFAULT, WorkerName::parse("w").unwrap(), Vec::new(), now);
    app.store.workers().insert(&worker, CODE).await.unwrap();
    let (status, body) = app.post_json(&format!("/api/workers/{}/redeploy", worker.id), "").await;
    assert_eq!(
        (status, &body["code"], &body["status"]),
        (400, &json!("worker_not_ready"), &json!("creating")),
        "{body}"
    );
    assert_eq!(app.sandboxes.snapshot_count(), 0);
}

#[tokio::test]
async fn an_unknown_worker_is_not_found() {
    let app = TestApp::start();
    for id in ["019ab0f0-5e80-7000-8000-000000000000", "nope"] {
        let (status, body) = app.post_json(&format!("/api/workers/{id}/redeploy"), "").await;
        assert_eq!((status, &body["code"]), (404, &json!("worker_not_found")), "{id}");
    }
}
