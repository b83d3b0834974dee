//! `HEAD` and `OPTIONS`, which proxies and monitors use for checks.

use reqwest::Method;
use workers_http::Branding;

use crate::support::{RawClient, TestApp};

#[tokio::test]
async fn what_get_answers_head_answers_without_the_body() {
    let app = TestApp::builder().http(|options| options.console = Some(Branding::default())).start();
    let worker = format!("/api/workers/{}", app.deploy().await);
    let source = format!("{worker}/source");
    for path in [
        "/",
        "/healthz",
        "/readyz",
        "/metrics",
        "/api/workers",
        "/api/limits",
        "/api/openapi.json",
        "/branding/logo",
        &worker,
        &source,
    ] {
        let get = app.get(path).await;
        let head = app.request(Method::HEAD, path).send().await.unwrap();
        assert_eq!((head.status(), get.status().as_u16()), (get.status(), 200), "{path}");
        assert_eq!(head.headers()["content-type"], get.headers()["content-type"], "{path}");
        assert!(head.text().await.unwrap().is_empty(), "{path}");
    }
    let unknown = app.request(Method::HEAD, "/api/workers/nope").send().await.unwrap();
    assert_eq!(unknown.status(), 404);
}

#[tokio::test]
async fn head_of_a_stream_without_end_ends_and_the_connection_goes_on() {
    let app = TestApp::start();
    let mut client = RawClient::connect(app.address).await;
    client.send(b"HEAD /api/workers/events HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    let head = client.read_until("\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("content-type: text/event-stream\r\n"), "{head}");
    client.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    let next = client.read_to_end().await;
    assert!(next.starts_with("HTTP/1.1 200 OK\r\n") && next.ends_with("{\"status\":\"ok\"}"), "{next}");
}

#[tokio::test]
async fn a_proxy_may_ask_with_options_whether_the_server_is_there() {
    for console in [None, Some(Branding::default())] {
        let app = TestApp::builder().http(|options| options.console = console).start();
        for (request, status, allow) in [
            // The request that haproxy sends with `option httpchk`.
            ("OPTIONS / HTTP/1.0\r\n\r\n", "HTTP/1.0 204", "allow: GET, HEAD, OPTIONS\r\n"),
            (
                "OPTIONS / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                "HTTP/1.1 204",
                "allow: GET, HEAD, OPTIONS\r\n",
            ),
            (
                "OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                "HTTP/1.1 204",
                "allow: GET, HEAD, POST, DELETE, OPTIONS\r\n",
            ),
            ("OPTIONS /readyz HTTP/1.0\r\n\r\n", "HTTP/1.0 200", ""),
            ("OPTIONS /healthz HTTP/1.0\r\n\r\n", "HTTP/1.0 200", ""),
            ("GET * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "HTTP/1.1 404", ""),
        ] {
            let mut client = RawClient::connect(app.address).await;
            client.send(request.as_bytes()).await;
            let answer = client.read_to_end().await;
            assert!(answer.starts_with(status) && answer.contains(allow), "{request}{answer}");
        }
    }
}

#[tokio::test]
async fn a_proxy_that_asks_for_readiness_with_options_learns_that_there_is_none() {
    let app = TestApp::start();
    app.store.fail("the cable is out");
    assert_eq!(app.request(Method::OPTIONS, "/readyz").send().await.unwrap().status(), 503);
}
