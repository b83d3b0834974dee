//! Clients that do not read, read slowly, or have nothing to read.

use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Notify;
use workers_domain::LogStream;
use workers_testing::{Step, connect_with_small_buffer};

use crate::support::{CODE, RawClient, TestApp, status_and_json};

const SSE: &str = "Accept: text/event-stream\r\n";
const BATCH: &str = "Accept: application/json\r\n";

/// Size of a result that does not fit into the buffers of the operating system.
const LONG: usize = 6_000_000;

/// The character of which the result consists; it occurs nowhere else in a response.
const LETTER: u8 = b'Q';

/// `hang` returns a long result, `greet` its payload.
fn steps(function: &str, payload: &str) -> Vec<Step> {
    let result = if function == "hang" {
        format!("\"{}\"", char::from(LETTER).to_string().repeat(LONG))
    } else {
        payload.to_owned()
    };
    vec![Step::Log(LogStream::Stdout, "hello\n"), Step::Return(result)]
}

/// Waits for a line in the metrics.
async fn until(app: &TestApp, is_there: impl Fn(&str) -> bool) {
    while !app.get("/metrics").await.text().await.unwrap().lines().any(&is_there) {}
}

fn is_unread(line: &str) -> bool {
    line.strip_prefix("workers_unread_bytes ").is_some_and(|bytes| bytes != "0")
}

/// Requests the long result of a worker, and reads nothing of it.
async fn ask_and_never_read(app: &TestApp, worker: &str, headers: &str) -> RawClient {
    let mut client = RawClient::connect(app.address).await;
    client.post(&format!("/api/workers/{worker}/invoke/hang"), headers, b"{}").await;
    until(app, is_unread).await;
    client
}

#[tokio::test]
async fn a_client_that_never_reads_its_result_is_given_up_and_its_memory_is_free() {
    for headers in [SSE, BATCH] {
        let app = TestApp::builder()
            .script(|call| steps(&call.function, &call.payload))
            .http(|options| options.write_timeout = Duration::from_millis(500))
            .start();
        let worker = app.deploy().await;
        let _client = ask_and_never_read(&app, &worker, headers).await;
        until(&app, |line| line == "workers_unread_bytes 0").await;
    }
}

#[tokio::test]
async fn a_watcher_that_never_reads_cancels_the_function_and_a_quiet_one_is_left_alone() {
    let go_on = Arc::new(Notify::new());
    let wait = Arc::clone(&go_on);
    let line: &'static str = Box::leak(("x".repeat(16_000) + "\n").into_boxed_str());
    let app = TestApp::builder()
        .script(move |call| {
            if call.function == "greet" {
                return vec![Step::WaitFor(Arc::clone(&wait)), Step::Return("1".into())];
            }
            [vec![Step::Log(LogStream::Stdout, line); 60], vec![Step::Hang]].concat()
        })
        // Comments would be data to send, so there must be none.
        .http(|options| {
            options.write_timeout = Duration::from_millis(500);
            options.sse_keep_alive = Duration::from_hours(1);
        })
        .start();
    let worker = app.deploy().await;
    let mut quiet = RawClient::connect(app.address).await;
    quiet.post(&format!("/api/workers/{worker}/invoke/greet"), SSE, b"{}").await;
    quiet.read_until("\r\n\r\n").await;
    // From here to the end, more than the time limit passes.
    let mut deaf = RawClient::connect(app.address).await;
    deaf.post(&format!("/api/workers/{worker}/invoke/hang"), SSE, b"{}").await;
    until(&app, |line| line == "workers_invocations_total{outcome=\"cancelled\"} 1").await;
    app.sandboxes.wait_for_live_sandboxes(1).await;
    go_on.notify_one();
    quiet.read_until("event: result").await;
}

#[tokio::test]
async fn a_client_that_reads_slowly_but_steadily_gets_all() {
    const PIECE: usize = 64 * 1024;
    let limit = Duration::from_secs(1);
    let app = TestApp::builder()
        .script(|call| steps(&call.function, &call.payload))
        .http(|options| options.write_timeout = limit)
        .start();
    let path = app.deployed("invoke", "hang").await;
    let mut client = connect_with_small_buffer(app.address).await.unwrap();
    let head =
        format!("POST {path} HTTP/1.1\r\nHost: localhost\r\n{SSE}Connection: close\r\nContent-Length: 2\r\n\r\n{{}}");
    client.write_all(head.as_bytes()).await.unwrap();
    let pieces = u32::try_from(LONG / PIECE).unwrap();
    let mut pace = tokio::time::interval(2 * limit / pieces);
    let began = Instant::now();
    let (mut letters, mut piece) = (0, vec![0; PIECE]);
    loop {
        pace.tick().await;
        let read = client.read(&mut piece).await.unwrap();
        if read == 0 {
            break;
        }
        letters += piece[..read].split(|byte| *byte == LETTER).count() - 1;
    }
    assert_eq!(letters, LONG);
    assert!(began.elapsed() > limit, "it was not slow");
}

#[tokio::test]
async fn a_result_that_finds_no_room_beside_those_that_are_not_read_is_reported_as_busy() {
    let app = TestApp::builder()
        .script(|call| steps(&call.function, &call.payload))
        .service(|options| {
            options.max_unread_bytes = LONG;
            options.queue_timeout = Duration::from_millis(1);
        })
        .start();
    let worker = app.deploy().await;
    let deaf = ask_and_never_read(&app, &worker, SSE).await;
    let path = format!("/api/workers/{worker}/functions/hang");
    let (status, body) = app.post_json(&path, "{}").await;
    assert_eq!((status, &body["code"], &body["logs"]), (429, &json!("busy"), &json!([])), "{body}");
    let events = app.request(Method::POST, &format!("/api/workers/{worker}/invoke/hang"));
    let events = events.header("accept", "text/event-stream").body("{}").send().await.unwrap().text().await.unwrap();
    assert!(events.contains("event: error") && events.contains("\"code\":\"busy\""), "{events}");
    // A short response needs no room. The data that one client does not read blocks others only until that client is
    // gone.
    let (status, body) = app.post_json(&format!("/api/workers/{worker}/functions/greet"), "1").await;
    assert_eq!((status, &body["result"]), (200, &json!(1)), "{body}");
    deaf.reset();
    until(&app, |line| line == "workers_unread_bytes 0").await;
    let (status, body) = app.post_json(&path, "{}").await;
    assert_eq!((status, body["result"].as_str().map(str::len)), (200, Some(LONG)));
}

#[tokio::test]
async fn a_long_source_takes_room_too_and_is_refused_where_there_is_none() {
    let app = TestApp::builder()
        .script(|call| steps(&call.function, &call.payload))
        .service(|options| options.max_unread_bytes = LONG)
        .start();
    let worker = app.deploy().await;
    let code = format!("{CODE}\n// {}", "x".repeat(LONG / 3));
    let (status, body) = app.post_json("/api/workers", json!({ "name": "long", "code": code }).to_string()).await;
    assert_eq!(status, 201, "{body}");
    let source = format!("/api/workers/{}/source", body["id"].as_str().unwrap());
    assert_eq!(app.get(&source).await.text().await.unwrap(), code);
    let deaf = ask_and_never_read(&app, &worker, BATCH).await;
    let refused = app.get(&source).await;
    assert!(refused.headers().contains_key("retry-after"));
    let (status, body) = status_and_json(refused).await;
    assert_eq!((status, &body["code"]), (429, &json!("busy")), "{body}");
    deaf.reset();
    until(&app, |line| line == "workers_unread_bytes 0").await;
    assert_eq!(app.get(&source).await.text().await.unwrap(), code);
}
