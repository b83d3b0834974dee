//! The common parts of all responses.

use reqwest::Method;
use serde_json::json;

use crate::support::{TestApp, status_and_json};

#[tokio::test]
async fn the_clients_own_request_id_comes_back() {
    let app = TestApp::start();
    for path in ["/healthz", "/api/workers", "/nope", "/metrics"] {
        assert_eq!(app.get(path).await.headers()["x-request-id"], "test", "{path}");
    }
}

#[tokio::test]
async fn a_request_without_an_id_gets_one() {
    let app = TestApp::start();
    let response = app.client.get(format!("{}/nope", app.base)).send().await.unwrap();
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    assert_eq!(id.len(), 36);
    assert_eq!(status_and_json(response).await.1["requestId"], id);
}

#[tokio::test]
async fn an_insane_request_id_is_replaced() {
    let app = TestApp::start();
    let request = app.client.get(format!("{}/healthz", app.base)).header("x-request-id", "a b\tc");
    assert_eq!(request.send().await.unwrap().headers()["x-request-id"].len(), 36);
}

#[tokio::test]
async fn json_is_compressed_for_those_who_ask() {
    let app = TestApp::start();
    app.deploy().await;
    for coding in ["gzip", "br"] {
        let request = app.request(Method::GET, "/api/workers").header("accept-encoding", coding);
        let response = request.send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), response.headers()["content-encoding"].to_str().unwrap()),
            (200, coding)
        );
    }
    assert!(app.get("/api/workers").await.headers().get("content-encoding").is_none());
}

#[tokio::test]
async fn a_client_that_accepts_no_coding_we_have_gets_an_error_in_json() {
    let app = TestApp::start();
    let request = app.request(Method::GET, "/api/workers").header("accept-encoding", "identity;q=0, zstd");
    let (status, body) = status_and_json(request.send().await.unwrap()).await;
    assert_eq!((status, &body["code"]), (406, &json!("not_acceptable")));
}
