//! `GET /healthz`, `GET /readyz`

use reqwest::Method;
use serde_json::json;
use workers_domain::Part;
use workers_domain::ports::SandboxErrorKind;
use workers_testing::FakeStore;

use crate::support::{TestApp, status_and_json};

#[tokio::test]
async fn the_process_is_healthy_whatever_else_fails() {
    let app = TestApp::start();
    app.store.fail("the cable is out");
    assert_eq!(status_and_json(app.get("/healthz").await).await, (200, json!({ "status": "ok" })));
}

#[tokio::test]
async fn probes_may_use_head() {
    let app = TestApp::start();
    for path in ["/healthz", "/readyz"] {
        assert_eq!(app.request(Method::HEAD, path).send().await.unwrap().status(), 200, "{path}");
    }
}

#[tokio::test]
async fn it_is_ready_when_the_database_and_the_sandboxes_are() {
    let app = TestApp::start();
    let expected = json!({ "status": "ready", "database": "ok", "sandboxes": "ok" });
    assert_eq!(status_and_json(app.get("/readyz").await).await, (200, expected));
}

#[tokio::test]
async fn it_is_not_ready_without_the_database_and_says_so_without_internals() {
    let app = TestApp::start();
    app.store.fail("the cable is out");
    let problem = json!({ "part": "database", "state": "failed", "advice": Part::Database.advice() });
    let expected = json!({ "status": "not_ready", "database": "failed", "sandboxes": "ok", "problems": [problem] });
    assert_eq!(status_and_json(app.get("/readyz").await).await, (503, expected));
    app.store.recover();
    assert_eq!(app.get("/readyz").await.status(), 200);
}

#[tokio::test]
async fn it_is_not_ready_without_a_schema() {
    let app = TestApp::builder().store(FakeStore::without_schema()).start();
    assert_eq!(app.get("/readyz").await.status(), 503);
}

#[tokio::test]
async fn it_is_not_ready_without_sandboxes() {
    let app = TestApp::start();
    app.sandboxes.fail_with(Some(SandboxErrorKind::Unavailable));
    let problem = json!({ "part": "sandboxes", "state": "failed", "advice": Part::Sandboxes.advice() });
    let expected = json!({ "status": "not_ready", "database": "ok", "sandboxes": "failed", "problems": [problem] });
    assert_eq!(status_and_json(app.get("/readyz").await).await, (503, expected));
}

#[tokio::test]
async fn connections_end_with_their_answers_while_descriptors_are_short() {
    let app = TestApp::start();
    let is_ended = async |path: &str| {
        let response = app.get(path).await;
        response.headers().get("connection").is_some_and(|value| value == "close")
    };
    assert!(!is_ended("/readyz").await);
    app.sandboxes.fail_with(Some(SandboxErrorKind::Exhausted));
    assert!(is_ended("/readyz").await && is_ended("/api/workers").await);
    app.sandboxes.fail_with(None);
    assert!(!is_ended("/readyz").await && !is_ended("/api/workers").await);
}

#[tokio::test]
async fn probes_may_use_any_host_name() {
    let app = TestApp::start();
    let response = app.request(Method::GET, "/readyz").header("host", "10.1.2.3:3000").send().await.unwrap();
    assert_eq!(response.status(), 200);
}
