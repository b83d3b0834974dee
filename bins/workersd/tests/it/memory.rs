//! The server's memory: what was needed for a while is given back.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::future::{join_all, try_join_all};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpSocket, TcpStream};

use crate::support::local::TestServer;

const MIB: u64 = 1024 * 1024;

/// Bytes that are the process's own and no file's.
fn anonymous(process: u32) -> u64 {
    let figures = std::fs::read_to_string(format!("/proc/{process}/smaps_rollup")).unwrap();
    let line = figures.lines().find_map(|line| line.strip_prefix("Anonymous:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// Waits for a line of the metrics.
async fn until(server: &TestServer, line: &str) {
    let metrics = async || server.get("/metrics").send().await.unwrap().text().await.unwrap();
    while !metrics().await.lines().any(|there| there == line) {}
}

/// Clients that ask for a text of this length, half of them for events, and read nothing.
async fn deaf_clients(server: &TestServer, id: &str, many: usize, length: usize) -> Vec<TcpStream> {
    let address: SocketAddr = server.url.trim_start_matches("http://").parse().unwrap();
    let payload = json!({ "n": length }).to_string();
    let payload = payload.as_str();
    let ask = async |number: usize| {
        let how = ["application/json", "text/event-stream"][number % 2];
        let request = format!(
            "POST /api/workers/{id}/invoke/f HTTP/1.1\r\nHost: localhost\r\nAccept: {how}\r\n\
             Content-Length: {}\r\n\r\n{payload}",
            payload.len()
        );
        let client = TcpSocket::new_v4()?;
        // What the system does not take of an answer is the server's to keep.
        client.set_recv_buffer_size(4096)?;
        let mut client = client.connect(address).await?;
        client.write_all(request.as_bytes()).await?;
        std::io::Result::Ok(client)
    };
    let clients = try_join_all((0..many).map(ask)).await.unwrap();
    // One more has asked before.
    until(server, &format!("workers_invocations_total{{outcome=\"result\"}} {}", many + 1)).await;
    clients
}

#[tokio::test]
async fn what_clients_do_not_read_is_given_back() {
    let server = TestServer::start(&["--write-timeout", "1s", "--queue-timeout", "120s"]);
    let id = server.deploy("export function f(p) { return 'x'.repeat(p.n); }").await;
    assert_eq!(server.call(&id, "f", &json!({ "n": 6_000_000 })).await.0, 200);
    let before = anonymous(server.process_id());
    let _deaf = deaf_clients(&server, &id, 20, 6_000_000).await;
    until(&server, "workers_unread_bytes 0").await;
    let after = anonymous(server.process_id());
    assert!(after < before + 32 * MIB, "{before} bytes before, {after} after");
}

#[tokio::test]
async fn what_many_clients_of_shorter_answers_needed_is_given_back_when_they_have_gone() {
    let server = TestServer::start(&["--queue-timeout", "120s"]);
    let id = server.deploy("export function f(p) { return 'x'.repeat(p.n); }").await;
    assert_eq!(server.call(&id, "f", &json!({ "n": 120_000 })).await.0, 200);
    let before = anonymous(server.process_id());
    // Answers too short for mappings of their own.
    let deaf = deaf_clients(&server, &id, 600, 120_000).await;
    let with = anonymous(server.process_id());
    assert!(with > before + 48 * MIB, "{before} bytes before, {with} with the clients");
    drop(deaf);
    until(&server, "workers_unread_bytes 0").await;
    let gone = Instant::now();
    let mut after = anonymous(server.process_id());
    while after > before + 24 * MIB && gone.elapsed() < Duration::from_secs(30) {
        until(&server, "workers_unread_bytes 0").await;
        after = anonymous(server.process_id());
    }
    eprintln!("{before} {with} {after} {:?}", gone.elapsed());
    assert!(after <= before + 24 * MIB, "{before} bytes before, {with} with the clients, {after} after");
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
    // The first ones fill what is kept for the next.
    assert!(figures[3] < figures[1] + MIB, "after each ten thousand: {figures:?}");
}
