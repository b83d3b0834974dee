//! Many at once, callers that go away.

use serde_json::json;

use super::super::support::TestServer;

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
    futures_util::future::join_all(calls).await;
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
async fn a_caller_that_goes_away_makes_room_within_a_second() {
    let server = TestServer::start(&["--concurrency", "1", "--queue-timeout", "1s"]);
    let code = "export const f = () => new Promise((r) => { console.log('on'); setTimeout(r, 20000) }); export const g = () => 1";
    let id = server.deploy(code).await;
    let mut running = server.stream(&id, "f", &json!({})).await;
    running.next().await.unwrap();
    drop(running);
    assert_eq!(server.call(&id, "g", &json!({})).await.0, 200);
    let path = format!("{}/api/workers/{id}/functions/f", server.url);
    let impatient =
        workers_testing::http_client().post(path).timeout(std::time::Duration::from_millis(500)).send().await;
    assert!(impatient.unwrap_err().is_timeout());
    assert_eq!(server.call(&id, "g", &json!({})).await.0, 200);
}
