//! Many invocations at the same time, and callers that disconnect.

use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::{join_all, select_all};
use serde_json::json;

use super::super::support::{TestServer, messages};

/// A function that runs longer than any test.
const LONG: &str = "export const f = () => new Promise((r) => { console.log('on'); setTimeout(r, 110000) })";

#[tokio::test]
async fn two_hundred_at_once_are_neither_lost_nor_mixed_up() {
    let server = TestServer::start(&["--queue-timeout", "120s"]);
    let id = server.deploy("export async function echo(p) { console.log('for ' + p.n); return p.n }").await;
    let calls = (0..200).map(|number| {
        let (server, id) = (&server, &id);
        async move {
            let (status, body) = server.call(id, "echo", &json!({"n": number})).await;
            assert_eq!((status, &body["result"]), (200, &json!(number)));
            assert_eq!(body["logs"][0]["message"], format!("for {number}"));
        }
    });
    join_all(calls).await;
}

#[tokio::test]
async fn a_server_that_is_full_says_so_and_when_to_come_back() {
    let server = TestServer::start(&["--concurrency", "1", "--queue", "0"]);
    let id =
        server.deploy("export const f = () => new Promise((r) => { console.log('on'); setTimeout(r, 20000) })").await;
    let mut running = server.stream(&id, "f", &json!({})).await;
    running.next().await.unwrap();
    let path = format!("/api/workers/{id}/functions/f");
    let refused = server.post(&path).send().await.unwrap();
    assert_eq!(refused.status(), 429);
    assert!(refused.headers().contains_key("retry-after"));
}

#[tokio::test]
async fn long_streams_of_one_worker_leave_another_worker_unharmed() {
    let server = TestServer::start(&["--concurrency", "4", "--queue-timeout", "120s", "--timeout", "120s"]);
    let (long, short) = (server.deploy(LONG).await, server.deploy("export const g = () => 1").await);
    let mut running = Vec::new();
    for _ in 0..3 {
        let mut events = server.stream(&long, "f", &json!({})).await;
        assert_eq!(messages(&[events.next().await.unwrap()]), ["on"]);
        running.push(events);
    }
    // As many run as one worker may hold. All others of this worker wait, and another worker's calls do not.
    let payload = json!({});
    let waiting = join_all((0..50).map(|_| server.stream(&long, "f", &payload)));
    let calls = async {
        until_queued(&server, 50).await;
        let began = Instant::now();
        for _ in 0..5 {
            assert_eq!(server.call(&short, "g", &json!({})).await.0, 200);
        }
        assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
        until_queued(&server, 50).await;
    };
    tokio::select! {
        () = calls => {}
        _ = waiting => panic!("none of them gets a permit meanwhile"),
    }
}

#[tokio::test]
async fn an_invocation_of_another_worker_displaces_one_of_a_worker_that_fills_the_queue() {
    let arguments = ["--concurrency", "1", "--queue", "3", "--queue-timeout", "120s", "--timeout", "120s"];
    let server = TestServer::start(&arguments);
    let (long, short) = (server.deploy(LONG).await, server.deploy("export const g = () => 1").await);
    let mut running = server.stream(&long, "f", &json!({})).await;
    running.next().await.unwrap();
    let path = format!("/api/workers/{long}/functions/f");
    let crowd = (0..3).map(|_| server.post(&path).send().boxed_local());
    let displaced = select_all(crowd);
    let call = async {
        until_queued(&server, 3).await;
        server.call(&short, "g", &json!({})).await
    };
    let mut call = pin!(call);
    let (refused, _, others) = tokio::select! {
        displaced = displaced => displaced,
        _ = &mut call => panic!("the permit is taken"),
    };
    let refused = refused.unwrap();
    assert_eq!(refused.status(), 429);
    let seconds: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    drop((running, others));
    assert_eq!(call.await.0, 200);
}

/// Waits until this number of invocations wait for a permit.
async fn until_queued(server: &TestServer, number: usize) {
    let line = format!("workers_invocations_queued {number}\n");
    let began = Instant::now();
    while !server.get("/metrics").send().await.unwrap().text().await.unwrap().contains(&line) {
        assert!(began.elapsed() < Duration::from_secs(20), "there are never {number}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_caller_that_goes_away_makes_room_within_a_second() {
    let server = TestServer::start(&["--concurrency", "1", "--queue-timeout", "1s"]);
    let code = "export const f = () => new Promise((r) => { console.log('on'); setTimeout(r, 20000) }); export const g = () => 1";
    let id = server.deploy(code).await;
    let mut running = server.stream(&id, "f", &json!({})).await;
    running.next().await.unwrap();
    drop(running);
    assert_eq!(server.call(&id, "g", &json!({})).await.0, 200);
    let path = format!("{}/api/workers/{id}/functions/f", server.url);
    let impatient = workers_testing::http_client().post(path).timeout(Duration::from_millis(500)).send().await;
    assert!(impatient.unwrap_err().is_timeout());
    assert_eq!(server.call(&id, "g", &json!({})).await.0, 200);
}
