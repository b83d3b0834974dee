//! `GET /api/workers/{id}`

use serde_json::json;

use crate::support::{TestApp, status_and_json};

#[tokio::test]
async fn a_worker_is_shown_as_in_the_list() {
    let app = TestApp::start();
    let id = app.deploy().await;
    let (status, worker) = status_and_json(app.get(&format!("/api/workers/{id}")).await).await;
    assert_eq!((status, &worker["id"]), (200, &json!(id)));
    assert_eq!(status_and_json(app.get("/api/workers").await).await.1, json!([worker]));
}

#[tokio::test]
async fn an_unknown_worker_is_not_found() {
    let app = TestApp::start();
    let response = app.get("/api/workers/019ab0f0-5e80-7000-8000-000000000000").await;
    insta::assert_json_snapshot!(status_and_json(response).await, @r#"
    [
      404,
      {
        "code": "worker_not_found",
        "error": "there is no worker 019ab0f0-5e80-7000-8000-000000000000",
        "requestId": "test"
      }
    ]
    "#);
}

#[tokio::test]
async fn an_id_that_cannot_be_one_is_not_found() {
    let app = TestApp::start();
    for id in
        ["nope", "019ab0f05e8070008000000000000000", "%00", "%FF%FE", "..%2F..", "%27%20OR%201=1", &"a".repeat(5000)]
    {
        let (status, body) = status_and_json(app.get(&format!("/api/workers/{id}")).await).await;
        assert_eq!((status, &body["code"]), (404, &json!("worker_not_found")), "{id}");
        assert!(body.to_string().len() < 400, "{body}");
    }
}
