//! Requests and responses as bytes on the connection.

use reqwest::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::TestServer;

const QUERY: &str = "teamId=team_a&projectId=prj_a";

/// Sends these bytes and returns everything that comes back until the connection is closed.
async fn exchange(server: &TestServer, request: &str) -> String {
    let address = server.base.trim_start_matches("http://").trim_end_matches("/api");
    let mut connection = TcpStream::connect(address).await.unwrap();
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn to_a_client_of_http_1_0_the_connection_ends_the_body() {
    let server = TestServer::start().await;
    let session = server.session("demo", false).await;
    let body = r#"{"command":"gate","wait":true,"logs":true}"#;
    server.gate.notify_one();
    let answer = exchange(
        &server,
        &format!(
            "POST /api{session}/cmd?{QUERY} HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ),
    )
    .await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.0 200 OK\r\n"), "{head}");
    for header in ["transfer-encoding", "content-length", "connection: keep-alive"] {
        assert!(!head.contains(header), "{head}");
    }
    assert!(body.starts_with("{\"command\":") && body.ends_with("}\n"), "{body}");
}

#[tokio::test]
async fn what_get_answers_head_answers_without_the_body() {
    let server = TestServer::start().await;
    let session = server.session("demo", false).await;
    let command = server.detached(&session, "gate", &[]).await;
    let list = format!("{session}/cmd");
    for path in ["/v2/sandboxes", "/v2/sandboxes/demo", "/v2/sandboxes/snapshots", &session, &list, &command] {
        let (get, head) = (server.send(Method::GET, path, None).await, server.send(Method::HEAD, path, None).await);
        assert_eq!((head.status().as_u16(), get.status().as_u16()), (200, 200), "{path}");
        assert_eq!(head.headers()["content-type"], get.headers()["content-type"], "{path}");
        assert!(head.text().await.unwrap().is_empty(), "{path}");
    }
    // The command is still running, so its log has not ended either.
    let request = format!("HEAD /api{command}/logs?{QUERY} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let head = exchange(&server, &request).await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("content-type: application/x-ndjson"), "{head}");
    assert!(head.ends_with("\r\n\r\n"), "{head}");
    server.gate.notify_one();
}

#[tokio::test]
async fn a_proxy_may_ask_with_options_whether_the_server_is_there() {
    let server = TestServer::start().await;
    for (request, status) in [
        ("OPTIONS / HTTP/1.0\r\n\r\n", "HTTP/1.0 204"),
        ("OPTIONS / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "HTTP/1.1 204"),
        ("OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "HTTP/1.1 204"),
    ] {
        let answer = exchange(&server, request).await;
        assert!(answer.starts_with(status) && answer.contains("allow: OPTIONS\r\n"), "{request}{answer}");
    }
    let nothing = exchange(&server, "GET / HTTP/1.0\r\n\r\n").await;
    assert!(nothing.starts_with("HTTP/1.0 404") && nothing.contains("\"not_found\""), "{nothing}");
}

#[tokio::test]
async fn a_host_in_the_request_target_counts_as_one_in_the_header() {
    let server = TestServer::start().await;
    let ask = async |target: &str, host: &str| {
        let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        exchange(&server, &request).await
    };
    let path = format!("/api/v2/sandboxes?{QUERY}");
    for authority in ["evil.example", "localhost:1", "localhost@evil.example"] {
        let answer = ask(&format!("http://{authority}{path}"), "localhost").await;
        assert!(answer.starts_with("HTTP/1.1 403 ") && answer.contains("forbidden"), "{answer}");
    }
    assert!(ask(&format!("http://localhost{path}"), "evil.example").await.starts_with("HTTP/1.1 403 "));
    assert!(ask(&format!("http://localhost{path}"), "localhost").await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn an_empty_content_coding_is_none() {
    let server = TestServer::start().await;
    let body = r#"{"name":"demo","projectId":"prj_a","ports":[]}"#;
    for coding in ["", "identity"] {
        let request = format!(
            "POST /api/v3/sandboxes?{QUERY} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Encoding: {coding}\r\n\
             Content-Length: {}\r\n\r\n{}",
            body.len() + coding.len(),
            body.replace("demo", &format!("demo{coding}")),
        );
        let answer = exchange(&server, &request).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "`{coding}`: {answer}");
    }
}
