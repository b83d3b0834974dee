//! `GET /api/workers/{id}/source`

use serde_json::json;

use crate::support::{CODE, TestApp, status_and_json};

#[tokio::test]
async fn the_source_is_given_back_as_it_was_deployed() {
    let app = TestApp::start();
    let code = format!("// ünïcode \u{1f980}\r\n\t{CODE}\n\n");
    let (_, worker) = app.post_json("/api/workers", json!({ "name": "w", "code": code }).to_string()).await;
    let response = app.get(&format!("/api/workers/{}/source", worker["id"].as_str().unwrap())).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/plain; charset=utf-8");
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    assert_eq!(response.text().await.unwrap(), code);
}

#[tokio::test]
async fn the_source_of_an_unknown_worker_is_not_found() {
    let app = TestApp::start();
    for id in ["019ab0f0-5e80-7000-8000-000000000000", "nope"] {
        let (status, body) = status_and_json(app.get(&format!("/api/workers/{id}/source")).await).await;
        assert_eq!((status, &body["code"]), (404, &json!("worker_not_found")), "{id}");
    }
}
