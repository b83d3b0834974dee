//! Two servers over one Postgres, each with sandboxes and snapshots of its own.

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::future::{join, join_all};
use serde_json::{Value, json};
use workers_testing::ThrowAwayPostgres;

use crate::support::in_levels;
use crate::support::local::{TestServer, status_and_body};

const ECHO: &str = "export const f = (p) => p";

/// How long two servers change the same workers.
const RACE: Duration = Duration::from_secs(30);

/// Much longer than a change on one server takes to reach the other one.
const PATIENCE: Duration = Duration::from_secs(10);

struct Pair {
    servers: [TestServer; 2],
    postgres: ThrowAwayPostgres,
    url: String,
}

async fn pair(arguments: &[&str]) -> Pair {
    let postgres = ThrowAwayPostgres::start();
    let url = postgres.create_database().await;
    let arguments = [&["--database-url", &url], arguments].concat();
    let servers = [TestServer::start(&arguments), TestServer::start(&arguments)];
    Pair { servers, postgres, url }
}

/// Counts the snapshots that a server keeps.
fn snapshots(server: &TestServer) -> usize {
    in_levels(&server.data_dir.join("snapshots/refs")).len()
}

async fn delete(server: &TestServer, id: &str) -> u16 {
    let response = server.http.delete(format!("{}/api/workers/{id}", server.url)).send().await.unwrap();
    status_and_body(response).await.0
}

async fn redeploy(server: &TestServer, id: &str) -> (u16, Value) {
    status_and_body(server.post(&format!("/api/workers/{id}/redeploy")).send().await.unwrap()).await
}

async fn get(server: &TestServer, id: &str) -> (u16, Value) {
    status_and_body(server.get(&format!("/api/workers/{id}")).send().await.unwrap()).await
}

/// Waits until both servers keep no snapshot.
async fn wait_for_none(servers: &[TestServer; 2]) {
    let began = Instant::now();
    while servers.iter().map(snapshots).sum::<usize>() > 0 {
        let left: Vec<_> = servers.iter().map(snapshots).collect();
        assert!(began.elapsed() < PATIENCE, "snapshots are left: {left:?}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_worker_called_on_both_in_turn_is_built_once_on_each_and_nothing_of_it_is_left() {
    let Pair { servers, postgres: _postgres, .. } = pair(&[]).await;
    let id = servers[0].deploy(ECHO).await;
    let before = get(&servers[1], &id).await.1;
    for number in 0..40 {
        let server = &servers[number % 2];
        assert_eq!(server.call(&id, "f", &json!(number)).await.1["result"], json!(number));
        assert_eq!(servers.each_ref().map(snapshots), [1, usize::from(number > 0)]);
    }
    let after = get(&servers[0], &id).await.1;
    assert_eq!(after["snapshotId"], before["snapshotId"], "no server writes over what another one has written");
    let (status, renewed) = redeploy(&servers[1], &id).await;
    assert_eq!(status, 200, "{renewed}");
    for server in &servers {
        assert_eq!(server.call(&id, "f", &json!(1)).await.0, 200);
    }
    let began = Instant::now();
    while servers.each_ref().map(snapshots) != [1, 1] {
        assert!(began.elapsed() < PATIENCE, "{:?}", servers.each_ref().map(snapshots));
        tokio::task::yield_now().await;
    }
    assert_eq!(delete(&servers[0], &id).await, 200);
    wait_for_none(&servers).await;
}

#[tokio::test]
async fn servers_that_offer_the_vercel_api_too_keep_nothing_of_what_another_one_deletes() {
    let Pair { servers, postgres: _postgres, .. } = pair(&["--vercel-api", "127.0.0.1:0"]).await;
    let id = servers[0].deploy(ECHO).await;
    for server in &servers {
        assert_eq!(server.call(&id, "f", &json!(1)).await.0, 200);
    }
    assert_eq!(servers.each_ref().map(snapshots), [1, 1]);
    assert_eq!(delete(&servers[0], &id).await, 200);
    wait_for_none(&servers).await;
}

#[tokio::test]
async fn first_calls_that_race_with_a_delete_are_whole_or_say_that_the_worker_is_gone() {
    let Pair { servers: [here, there], postgres: _postgres, .. } = pair(&[]).await;
    for round in 0..12 {
        let id = here.deploy(ECHO).await;
        let calls = join_all((0..4).map(|number| {
            let (there, id) = (&there, &id);
            async move { there.call(id, "f", &json!(number)).await }
        }));
        let deletion = async {
            // Somewhere between the first step of a call and its last one.
            for _ in 0..round * 20 {
                tokio::task::yield_now().await;
            }
            delete(&here, &id).await
        };
        let (answers, deleted) = join(calls, deletion).await;
        assert_eq!(deleted, 200);
        for (status, body) in answers {
            let is_gone = status == 404 && body["code"] == "worker_not_found";
            assert!(status == 200 || is_gone, "{status}: {body}");
        }
    }
    wait_for_none(&[here, there]).await;
}

#[tokio::test]
async fn each_server_tells_its_listeners_what_the_other_one_does() {
    let Pair { servers: [here, there], postgres, url } = pair(&[]).await;
    let response = there.get("/api/workers/events").send().await.unwrap();
    let mut body = response.bytes_stream();
    let mut text = String::new();
    let mut wait_for = async |wanted: String| {
        tokio::time::timeout(PATIENCE, async {
            while !text.contains(&wanted) {
                text.push_str(&String::from_utf8_lossy(&body.next().await.unwrap().unwrap()));
            }
            assert_eq!(text.matches(&wanted).count(), 1, "each change comes once: {text}");
            text.clear();
        })
        .await
        .unwrap_or_else(|_| panic!("{wanted} is not among {text}"));
    };
    let id = here.deploy(ECHO).await;
    wait_for(format!("event: worker\ndata: {{\"id\":\"{id}\"")).await;
    assert_eq!(here.call(&id, "f", &json!(1)).await.0, 200);
    wait_for(format!("event: invoked\ndata: {{\"id\":\"{id}\"")).await;
    let sql = format!("UPDATE workers SET name = 'by hand' WHERE id = '{id}'");
    postgres.execute(&url, &sql).await;
    wait_for("\"name\":\"by hand\"".to_owned()).await;
    assert_eq!(delete(&here, &id).await, 200);
    wait_for(format!("event: deleted\ndata: {{\"id\":\"{id}\"")).await;
}

/// Races over one worker: it becomes due to expire, and both servers notice that while one of them redeploys it.
/// Returns the number of rounds.
async fn race(pair: &Pair, began: Instant) -> u32 {
    let [one, other] = &pair.servers;
    let (mut rounds, mut id) = (0, one.deploy(ECHO).await);
    while began.elapsed() < RACE {
        let (here, there) = if rounds % 2 == 0 { (one, other) } else { (other, one) };
        let due = format!("UPDATE workers SET snapshot_expires_at = now() - interval '1 minute' WHERE id = '{id}'");
        pair.postgres.execute(&pair.url, &due).await;
        let reads = join_all([here, there, here, there].map(|server| get(server, &id)));
        let payload = json!(1);
        let call = there.call(&id, "f", &payload);
        let (_, (redeployed, (called, body))) = join(reads, join(redeploy(here, &id), call)).await;
        assert_eq!(redeployed.0, 200, "{redeployed:?}");
        assert!([200, 410].contains(&called), "{called}: {body}");
        for server in [there, here] {
            let (_, stored) = get(server, &id).await;
            let (snapshot, status) = (&stored["snapshotId"], &stored["status"]);
            assert_eq!((snapshot, status), (&redeployed.1["snapshotId"], &json!("ready")), "an acknowledged redeploy");
        }
        if rounds % 5 == 4 {
            let (redeployed, deleted) = join(redeploy(there, &id), delete(here, &id)).await;
            assert_eq!(deleted, 200);
            assert!([200, 404].contains(&redeployed.0), "{redeployed:?}");
            for server in [there, here] {
                assert_eq!(get(server, &id).await.0, 404, "an acknowledged removal");
            }
            id = there.deploy(ECHO).await;
        }
        rounds += 1;
    }
    assert_eq!(delete(one, &id).await, 200);
    rounds
}

#[tokio::test]
async fn what_two_servers_acknowledge_about_the_same_workers_is_never_lost() {
    let pair = pair(&["--sweep-interval", "50ms"]).await;
    let began = Instant::now();
    let rounds = join_all((0..6).map(|_| race(&pair, began))).await;
    assert!(rounds.iter().all(|rounds| *rounds >= 5), "{rounds:?}");
    wait_for_none(&pair.servers).await;
}
