//! `DELETE /api/workers/{id}`

use reqwest::Method;
use serde_json::json;

use crate::support::{TestApp, status_and_json};

#[tokio::test]
async fn a_worker_is_gone_with_its_snapshot() {
    let app = TestApp::start();
    let path = format!("/api/workers/{}", app.deploy().await);
    let response = app.request(Method::DELETE, &path).send().await.unwrap();
    assert_eq!(status_and_json(response).await, (200, json!({ "success": true })));
    assert_eq!(app.get(&path).await.status(), 404);
    assert_eq!(app.sandboxes.snapshot_count(), 0);
}

#[tokio::test]
async fn deleting_twice_is_not_found() {
    let app = TestApp::start();
    let path = format!("/api/workers/{}", app.deploy().await);
    app.request(Method::DELETE, &path).send().await.unwrap();
    let response = app.request(Method::DELETE, &path).send().await.unwrap();
    let (status, body) = status_and_json(response).await;
    assert_eq!((status, &body["code"]), (404, &json!("worker_not_found")));
}
