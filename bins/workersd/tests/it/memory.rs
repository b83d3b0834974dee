//! The server returns memory that it needed only for a while.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::future::{join_all, try_join_all};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use workers_testing::connect_with_small_buffer;

use crate::support::local::TestServer;

const MIB: u64 = 1024 * 1024;

/// Returns a process's bytes of anonymous memory, which belong to no file.
fn anonymous(process: u32) -> u64 {
    let figures = std::fs::read_to_string(format!("/proc/{process}/smaps_rollup")).unwrap();
    let line = figures.lines().find_map(|line| line.strip_prefix("Anonymous:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// Waits until the metrics contain a line.
async fn until(server: &TestServer, line: &str) {
    let metrics = async || server.get("/metrics").send().await.unwrap().text().await.unwrap();
    while !metrics().await.lines().any(|there| there == line) {}
}

/// Connects clients that each send one of these requests and read nothing.
async fn deaf_clients(server: &TestServer, requests: impl Iterator<Item = String>) -> Vec<TcpStream> {
    let address: SocketAddr = server.url.trim_start_matches("http://").parse().unwrap();
    let ask = async |request: String| {
        let mut client = connect_with_small_buffer(address).await?;
        client.write_all(request.as_bytes()).await?;
        std::io::Result::Ok(client)
    };
    try_join_all(requests.map(ask)).await.unwrap()
}

#[tokio::test]
async fn what_clients_do_not_read_is_given_back() {
    const CLIENTS: usize = 20;
    let server = TestServer::start(&["--write-timeout", "1s", "--queue-timeout", "120s"]);
    let id = server.deploy("export function f(p) { return 'x'.repeat(p.n); }").await;
    assert_eq!(server.call(&id, "f", &json!({ "n": 6_000_000 })).await.0, 200);
    let before = anonymous(server.process_id());
    let requests = ["application/json", "text/event-stream"].into_iter().cycle().take(CLIENTS).map(|how| {
        format!(
            "POST /api/workers/{id}/invoke/f HTTP/1.1\r\nHost: localhost\r\nAccept: {how}\r\nContent-Length: 13\r\n\r\n\
             {{\"n\":6000000}}"
        )
    });
    let _deaf = deaf_clients(&server, requests).await;
    until(&server, &format!("workers_invocations_total{{outcome=\"result\"}} {}", CLIENTS + 1)).await;
    until(&server, "workers_unread_bytes 0").await;
    let after = anonymous(server.process_id());
    assert!(after < before + 32 * MIB, "{before} bytes before, {after} after");
}

#[tokio::test]
async fn what_many_clients_of_shorter_answers_needed_is_given_back_when_they_have_gone() {
    const CLIENTS: usize = 900;
    // The clients need twice as much, and most of that stays unless the server returns it.
    const STAYS: u64 = 24 * MIB;
    let server = TestServer::start(&[]);
    // Too short for a mapping of its own.
    let id = server.deploy(&format!("export function f() {{}} // {}", "x".repeat(100_000))).await;
    let path = format!("/api/workers/{id}/source");
    assert_eq!(server.get(&path).send().await.unwrap().bytes().await.unwrap().len() / 100_000, 1);
    let before = anonymous(server.process_id());
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let deaf = deaf_clients(&server, std::iter::repeat_n(request, CLIENTS)).await;
    let answered = "workers_http_requests_total{method=\"GET\",route=\"/api/workers/{id}/source\",status=\"200\"}";
    until(&server, &format!("{answered} {}", CLIENTS + 1)).await;
    let with = anonymous(server.process_id());
    drop(deaf);
    until(&server, "workers_unread_bytes 0").await;
    let gone = Instant::now();
    let mut after = anonymous(server.process_id());
    while after > before + STAYS && gone.elapsed() < Duration::from_secs(30) {
        until(&server, "workers_unread_bytes 0").await;
        after = anonymous(server.process_id());
    }
    assert!(after <= before + STAYS, "{before} bytes before, {with} with the clients, {after} after");
}

#[tokio::test]
#[ignore = "takes minutes"]
async fn ten_thousand_invocations_leave_nothing_behind() {
    let server = TestServer::start(&[]);
    let id = server.deploy("export function f(p) { return p.n; }").await;
    let mut figures = Vec::new();
    for _ in 0..4 {
        for _ in 0..2_500 {
            let calls = (0..4).map(|n| {
                let (server, id) = (&server, &id);
                async move { server.call(id, "f", &json!({ "n": n })).await.0 }
            });
            assert_eq!(join_all(calls).await, [200; 4]);
        }
        figures.push(anonymous(server.process_id()));
    }
    // The first ones fill buffers that are kept for the next ones.
    assert!(figures[3] < figures[1] + MIB, "after each ten thousand: {figures:?}");
}
