//! `GET /api/workers/events`

use std::time::Duration;

use chrono::TimeDelta;
use reqwest::Method;
use serde_json::json;
use workers_domain::ports::SandboxErrorKind;

use crate::support::{CODE, SseReader, TestApp, status_and_json};

async fn watch(app: &TestApp) -> SseReader {
    SseReader::new(app.get("/api/workers/events").await)
}

/// Returns the name and data of the next event.
async fn next(events: &mut SseReader) -> (String, serde_json::Value) {
    let event = events.next().await.unwrap();
    (event.event, event.data)
}

#[tokio::test]
async fn a_deployed_worker_is_published_as_it_is_in_the_list() {
    let app = TestApp::start();
    let mut events = watch(&app).await;
    app.deploy().await;
    let (_, list) = status_and_json(app.get("/api/workers").await).await;
    assert_eq!(next(&mut events).await, ("worker".to_owned(), list[0].clone()));
    assert_eq!(events.retry.as_deref(), Some("1000"));
}

#[tokio::test]
async fn a_worker_that_could_not_be_made_is_published_with_its_error() {
    let app = TestApp::start();
    let mut events = watch(&app).await;
    app.sandboxes.fail_with(Some(SandboxErrorKind::Failed));
    app.post_json("/api/workers", json!({ "name": "w", "code": CODE }).to_string()).await;
    let (name, worker) = next(&mut events).await;
    assert_eq!((name.as_str(), &worker["status"]), ("worker", &json!("error")));
    assert!(worker["errorMessage"].is_string());
}

#[tokio::test]
async fn an_invocation_a_deletion_and_a_reset_are_published() {
    let app = TestApp::start();
    let id = app.deploy().await;
    let mut events = watch(&app).await;
    app.post_json(&format!("/api/workers/{id}/functions/greet"), "1").await;
    let reported = ("invoked".to_owned(), json!({ "id": id, "lastInvokedAt": "2025-11-23T09:26:40.000Z" }));
    assert_eq!(next(&mut events).await, reported);
    let (_, worker) = status_and_json(app.get(&format!("/api/workers/{id}")).await).await;
    assert_eq!(worker["lastInvokedAt"], reported.1["lastInvokedAt"], "it is stored by then");
    app.request(Method::DELETE, &format!("/api/workers/{id}")).send().await.unwrap();
    assert_eq!(next(&mut events).await, ("deleted".to_owned(), json!({ "id": id })));
    app.post_json("/api/setup", r#"{"confirm":"remove all workers"}"#).await;
    assert_eq!(next(&mut events).await, ("reset".to_owned(), json!({})));
}

#[tokio::test]
async fn a_worker_that_expires_is_published_once() {
    let app = TestApp::start();
    let path = format!("/api/workers/{}", app.deploy().await);
    let mut events = watch(&app).await;
    app.clock.advance(TimeDelta::days(8));
    app.get(&path).await;
    app.get(&path).await;
    app.request(Method::DELETE, &path).send().await.unwrap();
    let (name, worker) = next(&mut events).await;
    assert_eq!((name.as_str(), &worker["status"]), ("worker", &json!("expired")));
    assert_eq!(next(&mut events).await.0, "deleted");
}

#[tokio::test]
async fn the_head_arrives_before_any_event_and_nothing_on_the_way_may_keep_the_stream() {
    let app = TestApp::start();
    let request = app.request(Method::GET, "/api/workers/events").header("accept-encoding", "gzip, br");
    let response = request.send().await.unwrap();
    let header = |name: &str| response.headers()[name].to_str().unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(header("content-type"), "text/event-stream");
    assert_eq!(header("cache-control"), "no-store, no-transform");
    assert_eq!(header("x-accel-buffering"), "no");
    assert!(response.headers().get("content-encoding").is_none());
}

#[tokio::test]
async fn a_silent_stream_is_kept_alive_by_comments() {
    let app = TestApp::builder().http(|options| options.sse_keep_alive = Duration::from_millis(5)).start();
    let mut events = watch(&app).await;
    events.comment().await;
    assert_eq!(events.comments, 1);
}

#[tokio::test]
async fn it_ends_when_the_server_begins_to_shut_down() {
    let app = TestApp::builder().http(|options| options.shutdown_delay = Duration::from_hours(1)).start();
    let mut events = watch(&app).await;
    app.stop.stop();
    assert_eq!(events.next().await, None);
    let (status, body) = status_and_json(app.get("/api/workers/events").await).await;
    assert_eq!((status, &body["code"]), (503, &json!("shutting_down")));
    app.stop.stop_now();
    app.running.await.unwrap().unwrap();
}

#[tokio::test]
async fn no_listener_holds_up_the_shutdown() {
    let app = TestApp::builder().http(|options| options.drain_timeout = Duration::from_hours(1)).start();
    let listening = watch(&app).await;
    app.stop.stop();
    app.running.await.unwrap().unwrap();
    drop(listening);
}
