//! Requests and responses as bytes on the connection.

use workers_domain::LogStream;
use workers_http::Branding;
use workers_testing::Step;

use crate::support::{RawClient, TestApp};

/// Sends these bytes, and returns everything that is received until the connection closes.
async fn exchange(app: &TestApp, request: &str) -> String {
    let mut client = RawClient::connect(app.address).await;
    client.send(request.as_bytes()).await;
    client.read_to_end().await
}

#[tokio::test]
async fn to_a_client_of_http_1_0_the_connection_ends_the_body() {
    let app = TestApp::playing(|| vec![Step::Log(LogStream::Stdout, "one\n"), Step::Return("1".into())]);
    let path = app.deployed("invoke", "greet").await;
    let stream = format!(
        "POST {path} HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\nAccept: text/event-stream\r\nContent-Length: 2\r\n\r\n{{}}"
    );
    let compressed = "GET /api/openapi.json HTTP/1.0\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n";
    for request in [stream.as_str(), compressed] {
        let mut client = RawClient::connect(app.address).await;
        client.send(request.as_bytes()).await;
        let answer = client.read_bytes_to_end().await;
        let text = String::from_utf8_lossy(&answer);
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.0 200 OK\r\n"), "{head}");
        for header in ["transfer-encoding", "content-length", "connection: keep-alive"] {
            assert!(!head.contains(header), "{head}");
        }
        // The stream of a slow invocation begins with a comment.
        let is_stream = body.trim_start_matches(": keep-alive\n").starts_with("id: ") && body.ends_with("}\n\n");
        assert!(is_stream || head.contains("content-encoding: gzip"), "{body}");
    }
    let sized = exchange(&app, "GET /healthz HTTP/1.0\r\n\r\n").await;
    assert!(sized.starts_with("HTTP/1.0 200 OK\r\ncontent-length: 15\r\n"), "{sized}");
}

#[tokio::test]
async fn a_host_in_the_request_target_counts_as_one_in_the_header() {
    let app = TestApp::builder().http(|options| options.console = Some(Branding::default())).start();
    let ask = async |target: &str, host: &str| {
        let request = format!("{target} HTTP/1.1\r\n{host}Connection: close\r\n\r\n");
        exchange(&app, &request).await
    };
    let localhost = "Host: localhost\r\n";
    for path in ["/", "/api/workers", "/metrics", "/branding/logo"] {
        for authority in ["evil.example", "localhost:1", "localhost@evil.example", "user@localhost"] {
            let answer = ask(&format!("GET http://{authority}{path}"), localhost).await;
            assert!(answer.starts_with("HTTP/1.1 403 ") && answer.contains("host_not_allowed"), "{path} {answer}");
        }
        let own = ask(&format!("GET http://localhost{path}"), localhost).await;
        assert!(own.starts_with("HTTP/1.1 200 "), "{path} {own}");
        let other = ask(&format!("GET http://localhost{path}"), "Host: evil.example\r\n").await;
        assert!(other.starts_with("HTTP/1.1 403 "), "{path} {other}");
    }
    for target in ["GET evil.example", "GET evil.example:80"] {
        let answer = ask(target, localhost).await;
        assert!(answer.starts_with("HTTP/1.1 403 ") && answer.contains("host_not_allowed"), "{target} {answer}");
    }
    for target in ["GET localhost", "GET *"] {
        let answer = ask(target, localhost).await;
        assert!(answer.starts_with("HTTP/1.1 404 ") && answer.contains("not_found"), "{target} {answer}");
    }
    for (target, status) in [("evil.example:443", 403), ("localhost:443", 403), ("localhost", 405)] {
        // The data after a CONNECT has no end, so the server does not close the connection at once.
        let mut client = RawClient::connect(app.address).await;
        client.send(format!("CONNECT {target} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).await;
        let answer = client.read_until("requestId").await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{target} {answer}");
    }
    for host in ["", "Host: localhost\r\nHost: localhost\r\n"] {
        assert!(ask("GET /", host).await.starts_with("HTTP/1.1 400 "), "{host}");
    }
}

#[tokio::test]
async fn an_empty_content_coding_is_none() {
    let app = TestApp::start();
    let path = app.deployed("functions", "greet").await;
    for (coding, status) in [
        ("", 200),
        ("   ", 200),
        ("identity", 200),
        ("Identity, identity", 200),
        (",", 200),
        ("gzip", 415),
        ("identity, gzip", 415),
        ("br", 415),
    ] {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Encoding: {coding}\r\nContent-Length: 1\r\n\r\n7"
        );
        let answer = exchange(&app, &request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "`{coding}`: {answer}");
    }
    let empty =
        "GET /api/workers HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAccept-Encoding:\r\nAccept:\r\n\r\n";
    assert!(exchange(&app, empty).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn a_request_has_up_to_96_header_lines_and_a_head_of_128_kib() {
    let app = TestApp::start();
    // Two of the lines are there already.
    let with_lines =
        |lines: usize| format!("Host: localhost\r\nConnection: close\r\n{}", "x-line: 1\r\n".repeat(lines - 2));
    for (lines, status) in [(96, 200), (97, 431)] {
        let answer = exchange(&app, &format!("GET /healthz HTTP/1.1\r\n{}\r\n", with_lines(lines))).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{lines} lines: {answer}");
    }
    let long =
        format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nx-long: {}", "a".repeat(128 * 1024));
    let just_whole = format!("{}\r\n\r\n", &long[..128 * 1024 - 4]);
    for (head, status) in [(just_whole.as_str(), 200), (&long[..128 * 1024], 431)] {
        let answer = exchange(&app, head).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
}
