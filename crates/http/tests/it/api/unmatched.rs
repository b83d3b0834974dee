//! Routes that do not exist, and methods that routes do not support.

use reqwest::Method;
use serde_json::json;

use crate::support::{RawClient, TestApp, status_and_json};

#[tokio::test]
async fn an_unknown_route_is_not_found_with_our_body() {
    let app = TestApp::start();
    for path in ["/", "/nope", "/api", "/api/nope", "/api/workers/", "/api/workers/a/b", "//api/workers"] {
        let (status, body) = status_and_json(app.get(path).await).await;
        assert_eq!((status, &body["code"], &body["requestId"]), (404, &json!("not_found"), &json!("test")), "{path}");
    }
}

#[tokio::test]
async fn a_method_that_a_route_does_not_have_is_answered_with_those_it_has() {
    let app = TestApp::start();
    for (method, path, allow) in [
        (Method::PUT, "/api/workers", "GET, HEAD, POST"),
        (Method::POST, "/api/workers/events", "GET, HEAD"),
        (Method::POST, "/api/workers/x", "GET, HEAD, DELETE"),
        (Method::PUT, "/api/workers/x/source", "GET, HEAD"),
        (Method::GET, "/api/workers/x/redeploy", "POST"),
        (Method::GET, "/api/workers/x/invoke/f", "POST"),
        (Method::OPTIONS, "/api/workers/x/functions/f", "POST"),
        (Method::GET, "/api/setup", "POST"),
        (Method::POST, "/api/limits", "GET, HEAD"),
        (Method::POST, "/api/openapi.json", "GET, HEAD"),
        (Method::POST, "/healthz", "GET, HEAD, OPTIONS"),
        (Method::POST, "/readyz", "GET, HEAD, OPTIONS"),
        (Method::DELETE, "/metrics", "GET, HEAD"),
    ] {
        let response = app.request(method.clone(), path).send().await.unwrap();
        assert_eq!(response.headers()["allow"], allow, "{method} {path}");
        let (status, body) = status_and_json(response).await;
        assert_eq!((status, &body["code"]), (405, &json!("method_not_allowed")), "{method} {path}");
    }
}

#[tokio::test]
async fn what_is_not_http_is_refused_and_the_server_goes_on() {
    let app = TestApp::start();
    for garbage in [
        &b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n"[..],
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /api/workers HTTP/1.1\r\nContent-Length: x\r\n\r\n",
    ] {
        let mut client = RawClient::connect(app.address).await;
        client.send(garbage).await;
        let answer = client.read_to_end().await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{answer}");
    }
    assert_eq!(app.get("/healthz").await.status(), 200);
}

#[tokio::test]
async fn a_head_that_is_too_long_is_refused_and_the_server_goes_on() {
    let app = TestApp::start();
    let response = app.request(Method::GET, "/healthz").header("x-long", "a".repeat(1_000_000)).send().await;
    assert!(response.is_err() || response.unwrap().status().is_client_error());
    assert_eq!(app.get("/healthz").await.status(), 200);
}
