//! The shutdown of a server.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, Response};
use serde_json::json;
use tokio::sync::Notify;
use workers_domain::LogStream;
use workers_http::{Access, AdminToken, BindError};
use workers_testing::Step;

use crate::support::{SseReader, TestApp, status_and_json};

async fn watch(app: &TestApp, path: &str) -> Response {
    app.request(Method::POST, path).header("accept", "text/event-stream").body("{}").send().await.unwrap()
}

/// Creates a server whose functions print a line, then wait for the gate.
fn gated(drain_timeout: Duration) -> (TestApp, Arc<Notify>) {
    let gate = Arc::new(Notify::new());
    let held = Arc::clone(&gate);
    let app = TestApp::builder()
        .script(move |_| {
            vec![Step::Log(LogStream::Stdout, "in\n"), Step::WaitFor(Arc::clone(&held)), Step::Return("1".into())]
        })
        .http(|options| options.drain_timeout = drain_timeout)
        .start();
    (app, gate)
}

#[tokio::test]
async fn what_runs_may_end() {
    let (app, gate) = gated(Duration::from_mins(1));
    let mut watched = SseReader::new(watch(&app, &app.deployed("invoke", "greet").await).await);
    watched.next().await.unwrap();
    app.stop.stop();
    gate.notify_one();
    assert_eq!(watched.next().await.unwrap().event, "result");
    assert_eq!(watched.next().await, None);
    app.running.await.unwrap().unwrap();
}

#[tokio::test]
async fn what_runs_for_too_long_is_cancelled_and_its_caller_gets_an_error() {
    let (app, _gate) = gated(Duration::from_millis(10));
    let path = app.deployed("invoke", "greet").await;
    let mut watched = SseReader::new(watch(&app, &path).await);
    watched.next().await.unwrap();
    app.stop.stop();
    let last = watched.next().await.unwrap();
    assert_eq!((last.event.as_str(), &last.data["code"]), ("error", &json!("shutting_down")));
    app.sandboxes.wait_for_live_sandboxes(0).await;
    app.running.await.unwrap().unwrap();
}

#[tokio::test]
async fn stopping_now_does_not_wait() {
    let (app, _gate) = gated(Duration::from_hours(1));
    let path = app.deployed("functions", "greet").await;
    let waiting = tokio::spawn(app.request(Method::POST, &path).body("{}").send());
    app.sandboxes.wait_for_live_sandboxes(1).await;
    app.stop.stop();
    app.stop.stop_now();
    let response = waiting.await.unwrap().unwrap();
    assert!(response.headers().contains_key("retry-after"));
    let (status, body) = status_and_json(response).await;
    assert_eq!((status, &body["code"]), (503, &json!("shutting_down")));
    app.sandboxes.wait_for_live_sandboxes(0).await;
    app.running.await.unwrap().unwrap();
}

#[tokio::test]
async fn it_is_not_ready_while_load_balancers_are_given_time_to_notice() {
    let app = TestApp::builder().http(|options| options.shutdown_delay = Duration::from_hours(1)).start();
    app.stop.stop();
    let (status, body) = status_and_json(app.get("/readyz").await).await;
    assert_eq!((status, &body["status"]), (503, &json!("shutting_down")));
    app.deploy().await;
    app.stop.stop_now();
    app.running.await.unwrap().unwrap();
}

#[tokio::test]
async fn afterwards_no_process_listens() {
    let app = TestApp::start();
    app.stop.stop();
    app.running.await.unwrap().unwrap();
    assert!(app.client.get(format!("{}/healthz", app.base)).send().await.unwrap_err().is_connect());
}

#[tokio::test]
async fn without_a_token_only_loopback_can_be_bound() {
    let app = TestApp::start();
    let error = app.bind("0.0.0.0:0", Access::Loopback).unwrap_err();
    assert!(matches!(error, BindError::TokenRequired(_)), "{error}");
    assert!(app.bind("[::ffff:127.0.0.1]:0", Access::Loopback).is_ok());
    assert!(app.bind("0.0.0.0:0", Access::Token(AdminToken::new("s3cret").unwrap())).is_ok());
}

#[tokio::test]
async fn an_address_that_is_taken_cannot_be_bound() {
    let app = TestApp::start();
    let error = app.bind(&app.address.to_string(), Access::Loopback).unwrap_err();
    assert!(matches!(error, BindError::Listen { .. }), "{error}");
}
