//! Files of a sandbox.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use workers_testing::connect_with_small_buffer;

use crate::support::{TestServer, archive, code, parsed};

#[tokio::test]
async fn what_is_written_is_read_back() {
    let server = TestServer::start().await;
    let session = server.session("demo", false).await;
    let long = "0123456789".repeat(3000);
    server.write(&session, "/vercel/deep/er/hello.txt", &long).await;
    assert_eq!(server.read(&session, "deep/er/hello.txt").await, (200, long.clone()));
    assert_eq!(server.read(&session, "/vercel/deep/er/hello.txt").await, (200, long.clone()));
    let body = json!({ "path": "hello.txt", "cwd": "/vercel/deep/er" });
    let response = server.send(Method::POST, &format!("{session}/fs/read"), Some(body)).await;
    assert_eq!(response.headers()["content-type"], "application/octet-stream");
    assert_eq!(response.headers()["content-disposition"], "attachment; filename=\"hello.txt\"");
    assert_eq!(response.text().await.unwrap(), long);
}

#[tokio::test]
async fn an_archive_is_unpacked_where_the_header_says() {
    let server = TestServer::start().await;
    let session = server.session("demo", false).await;
    let request = server.request(Method::POST, &format!("{session}/fs/write")).header("x-cwd", "/tmp");
    request.body(archive(&[("a.txt", "a")])).send().await.unwrap();
    assert_eq!(server.read(&session, "/tmp/a.txt").await, (200, "a".to_owned()));
}

#[tokio::test]
async fn only_a_file_that_is_not_there_is_not_found() {
    let server = TestServer::start().await;
    let session = server.session("demo", false).await;
    let (status, answer) = server.post(&format!("{session}/fs/read"), json!({ "path": "nope" })).await;
    assert_eq!((status, code(&answer), &answer["error"]["message"]), (404, "not_found", &json!("File not found.")));
    let (status, answer) = server.post(&format!("{session}/fs/read"), json!({ "path": "/tmp" })).await;
    assert_eq!((status, code(&answer)), (400, "file_error"));
    let (status, _) = server.post(&format!("{session}/fs/read"), json!({ "path": "" })).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn a_directory_is_made_once() {
    let server = TestServer::start().await;
    let session = server.session("demo", false).await;
    let make = async |body| server.post(&format!("{session}/fs/mkdir"), body).await;
    assert_eq!(make(json!({ "path": "new" })).await, (200, json!({})));
    for body in [json!({ "path": "new" }), json!({ "path": "a/b" })] {
        let (status, answer) = make(body).await;
        assert_eq!((status, code(&answer)), (400, "file_error"));
    }
    assert_eq!(make(json!({ "path": "new", "recursive": true })).await.0, 200);
    assert_eq!(make(json!({ "path": "a/b", "recursive": true })).await.0, 200);
}

#[tokio::test]
async fn an_archive_that_is_none_is_refused() {
    let server = TestServer::start().await;
    let session = server.session("demo", false).await;
    let response = server.request(Method::POST, &format!("{session}/fs/write")).body("nonsense").send().await.unwrap();
    let (status, answer) = parsed(response).await;
    assert_eq!((status, code(&answer)), (400, "file_error"));
}

#[tokio::test]
async fn an_archive_over_the_limit_is_refused_announced_or_not() {
    let server = TestServer::with(|options| options.max_upload_bytes = 100).await;
    let session = server.session("demo", false).await;
    let pieces = futures_util::stream::iter((0..3).map(|_| Ok::<_, std::io::Error>(vec![0_u8; 60])));
    for body in [reqwest::Body::from(vec![0; 101]), reqwest::Body::wrap_stream(pieces)] {
        let response = server.request(Method::POST, &format!("{session}/fs/write")).body(body).send().await.unwrap();
        let (status, answer) = parsed(response).await;
        assert_eq!((status, code(&answer)), (413, "payload_too_large"));
    }
}

#[tokio::test]
async fn a_client_that_never_reads_its_file_is_given_up() {
    let server = TestServer::with(|options| options.write_timeout = Duration::from_millis(500)).await;
    let session = server.session("demo", false).await;
    // More than the socket buffers of both sides hold.
    server.write(&session, "/vercel/long.txt", &"x".repeat(20_000_000)).await;
    let address = server.base.trim_start_matches("http://").trim_end_matches("/api");
    let mut client = connect_with_small_buffer(address.parse().unwrap()).await.unwrap();
    let body = json!({ "path": "long.txt" }).to_string();
    let head = format!(
        "POST /api{session}/fs/read?teamId=team_a&projectId=prj_a HTTP/1.1\r\nHost: {address}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    client.write_all(head.as_bytes()).await.unwrap();
    // The first bytes are there; from now on the client reads nothing until the connection is closed.
    let mut start = [0; 12];
    client.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 200");
    // The client's system learns of the closed connection only when the client sends something.
    let closed = async {
        let mut pace = tokio::time::interval(Duration::from_millis(50));
        while client.write_all(b"\r\n").await.is_ok() {
            pace.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), closed).await.expect("the connection is closed");
}
