//! Connections that misbehave.

use std::time::Duration;

use crate::support::{RawClient, TestApp};

#[tokio::test]
async fn a_head_that_does_not_arrive_is_not_waited_for() {
    let app = TestApp::builder().http(|options| options.head_timeout = Duration::from_secs(1)).start();
    let mut client = RawClient::connect(app.address).await;
    client.send(b"GET /healthz HTTP/1.1\r\nHost: local").await;
    let answer = client.read_to_end().await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let app = TestApp::builder().http(|options| options.keep_alive = Duration::from_secs(1)).start();
    let mut client = RawClient::connect(app.address).await;
    client.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert!(client.read_to_end().await.contains("\"ok\""));
}

#[tokio::test]
async fn one_connection_serves_many_requests() {
    let app = TestApp::start();
    let mut client = RawClient::connect(app.address).await;
    for _ in 0..3 {
        client.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        client.read_until("\"ok\"}").await;
    }
}
