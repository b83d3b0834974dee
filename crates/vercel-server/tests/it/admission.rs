//! Admission: a container is only made if it fits into the capacity and into the share of its team.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use workers_domain::Resources;
use workers_domain::ports::SandboxErrorKind;
use workers_testing::FakeContainerProvider;
use workers_vercel_server::{AccessToken, ContainerSizes, StartError, VercelServer, VercelServerOptions};

use crate::support::{TestServer, code, parsed, session_path};

/// Returns exactly the room for one container with this many cores.
fn room(vcpus: u32) -> Resources {
    ContainerSizes::default().demand(vcpus)
}

/// Returns memory for this many cores and no limit on anything else.
fn memory(vcpus: u64) -> Resources {
    Resources { memory_bytes: vcpus * (2 << 30), ..Resources::UNLIMITED }
}

async fn with_capacity(capacity: Resources) -> TestServer {
    TestServer::with(|options| options.capacity = capacity).await
}

/// Starts a server with two teams that have a token each, and one token for all teams.
async fn with_teams(capacity: Resources) -> TestServer {
    TestServer::with(|options| {
        let token = |secret: &str| AccessToken::new(secret).unwrap();
        options.tokens = vec![token("a").for_team("a"), token("b").for_team("b"), token("all")];
        options.capacity = capacity;
    })
    .await
}

/// Requests a sandbox with one core.
async fn ask(server: &TestServer, token: &str, team: &str, name: &str) -> (u16, Value) {
    let url = format!("{}/v3/sandboxes?teamId={team}", server.base);
    let body = json!({ "projectId": "p", "name": name, "resources": { "vcpus": 1 }, "persistent": false });
    parsed(server.client.post(url).bearer_auth(token).body(body.to_string()).send().await.unwrap()).await
}

async fn create(server: &TestServer, name: &str) -> (u16, Value) {
    server.post("/v3/sandboxes", json!({ "projectId": "prj_a", "name": name, "resources": { "vcpus": 1 } })).await
}

#[tokio::test]
async fn a_container_that_is_larger_than_the_host_is_refused_and_the_largest_is_named() {
    let server = with_capacity(memory(5)).await;
    for vcpus in [6, 32] {
        let body = json!({ "projectId": "prj_a", "name": "demo", "resources": { "vcpus": vcpus } });
        let (status, answer) = server.post("/v3/sandboxes", body).await;
        assert_eq!((status, code(&answer)), (400, "bad_request"));
        assert!(answer["error"]["message"].as_str().unwrap().contains("at most 4"), "{answer}");
    }
    assert_eq!(server.containers.containers_made(), 0);
    server.create(json!({ "name": "demo", "resources": { "vcpus": 4 } })).await;
    let (status, answer) = server.patch("/v2/sandboxes/demo", json!({ "resources": { "vcpus": 6 } })).await;
    assert_eq!((status, code(&answer)), (400, "bad_request"));
}

#[tokio::test]
async fn each_of_what_a_host_has_is_counted() {
    let of = room(1);
    for capacity in [
        Resources { sandboxes: 1, ..Resources::UNLIMITED },
        Resources { memory_bytes: of.memory_bytes * 2 - 1, ..Resources::UNLIMITED },
        Resources { millicores: 1999, ..Resources::UNLIMITED },
        Resources { pids: of.pids * 2 - 1, ..Resources::UNLIMITED },
        Resources { descriptors: of.descriptors * 2 - 1, ..Resources::UNLIMITED },
    ] {
        let server = with_capacity(capacity).await;
        assert_eq!(create(&server, "one").await.0, 200);
        assert_eq!(create(&server, "two").await.0, 429, "{capacity:?}");
        assert_eq!(server.containers.containers_made(), 1);
    }
}

#[tokio::test]
async fn what_does_not_fit_now_gets_a_retry_time_and_makes_nothing() {
    let server = with_capacity(memory(2)).await;
    server.create(json!({ "name": "one" })).await;
    let body = json!({ "projectId": "prj_a", "name": "two" });
    let response = server.send(Method::POST, "/v3/sandboxes", Some(body)).await;
    let wait: u32 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=20).contains(&wait), "clients give up at once when they are to wait for more than 20 s: {wait}");
    let (status, answer) = parsed(response).await;
    assert_eq!((status, code(&answer)), (429, "too_many_sessions"));
    assert!(answer["error"]["message"].as_str().unwrap().contains("memory"), "{answer}");
    assert_eq!(server.containers.containers_made(), 1);
    assert_eq!(server.get("/v2/sandboxes/two").await.0, 404);
}

#[tokio::test]
async fn a_resume_is_admitted_like_anything_else() {
    let server = with_capacity(memory(2)).await;
    let session = server.session("sleeper", true).await;
    server.post(&format!("{session}/stop"), json!({})).await;
    let other = server.session("other", false).await;
    let (status, answer) = server.get("/v2/sandboxes/sleeper?resume=true").await;
    assert_eq!((status, code(&answer)), (429, "too_many_sessions"));
    server.post(&format!("{other}/stop"), json!({})).await;
    assert_eq!(server.get("/v2/sandboxes/sleeper?resume=true").await.0, 200);
}

#[tokio::test]
async fn of_two_that_ask_at_once_for_the_last_room_one_gets_it() {
    let server = with_capacity(room(1)).await;
    for round in 0..20 {
        let (one, two) = (format!("one-{round}"), format!("two-{round}"));
        let (first, second) = tokio::join!(create(&server, &one), create(&server, &two));
        let mut statuses = [first.0, second.0];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 429], "round {round}");
        let winner = if first.0 == 200 { first.1 } else { second.1 };
        server.post(&format!("{}/stop", session_path(&winner)), json!({})).await;
    }
    assert_eq!(server.containers.containers_made(), 20);
}

#[tokio::test]
async fn a_container_that_is_being_made_has_its_room_already() {
    let server = with_capacity(room(1)).await;
    server.containers.hold(true);
    let (one, two) = (create(&server, "one"), create(&server, "two"));
    tokio::pin!(one, two);
    // Either request may get the room first. The refused one gets its response while the other one still waits.
    let refused = tokio::select! {
        (status, _) = &mut one => status,
        (status, _) = &mut two => {
            std::mem::swap(&mut one, &mut two);
            status
        }
    };
    server.containers.hold(false);
    assert_eq!((refused, two.await.0), (429, 200));
}

#[tokio::test]
async fn room_is_free_again_however_a_container_ends() {
    let server = with_capacity(room(1)).await;
    for how in ["stop", "snapshot", "delete", "end"] {
        let (status, answer) = create(&server, how).await;
        assert_eq!(status, 200, "{how}: {answer}");
        let session = session_path(&answer);
        assert_eq!(create(&server, "other").await.0, 429);
        let (ended, _) = match how {
            "delete" => server.delete(&format!("/v2/sandboxes/{how}")).await,
            "end" => {
                server.containers.break_containers();
                server.containers.wait_for_live_containers(0).await;
                server.post(&format!("{session}/stop"), json!({})).await
            }
            how => server.post(&format!("{session}/{how}"), json!({})).await,
        };
        assert!((200..300).contains(&ended), "{how}");
        // The room was freed exactly once: there is room for one again, and not for two.
        server.post(&format!("{session}/stop"), json!({})).await;
        let (status, answer) = create(&server, &format!("after-{how}")).await;
        assert_eq!(status, 200, "{how}: {answer}");
        assert_eq!(create(&server, "other").await.0, 429, "{how}");
        server.post(&format!("{}/stop", session_path(&answer)), json!({})).await;
    }
}

#[tokio::test]
async fn room_is_free_again_when_the_time_of_a_session_is_over() {
    let server = TestServer::with(|options| {
        options.capacity = room(1);
        options.default_timeout = Duration::from_millis(100);
    })
    .await;
    let (_, answer) = create(&server, "short").await;
    server.containers.wait_for_live_containers(0).await;
    server.post(&format!("{}/stop", session_path(&answer)), json!({})).await;
    assert_eq!(create(&server, "next").await.0, 200);
}

#[tokio::test]
async fn room_is_free_again_when_nothing_was_made() {
    let server = with_capacity(room(1)).await;
    for kind in [SandboxErrorKind::Unavailable, SandboxErrorKind::Failed] {
        server.containers.fail_with(Some(kind));
        assert!(create(&server, "failed").await.0 >= 500);
        server.containers.fail_with(None);
    }
    let missing = json!({ "projectId": "prj_a", "resources": { "vcpus": 1 }, "source": { "type": "snapshot", "snapshotId": "none" } });
    assert_eq!(server.post("/v3/sandboxes", missing).await.0, 404);
    let logs = server.directory.path().join("sandboxes/logs");
    std::fs::create_dir_all(logs.parent().unwrap()).unwrap();
    std::fs::write(&logs, "no folder").unwrap();
    assert_eq!(create(&server, "failed").await.0, 503);
    server.containers.wait_for_live_containers(0).await;
    std::fs::remove_file(&logs).unwrap();
    assert_eq!(create(&server, "made").await.0, 200);
}

#[tokio::test]
async fn a_container_that_does_not_stop_has_its_room_until_it_is_dropped() {
    let server = TestServer::with(|options| {
        options.capacity = room(1);
        options.stop_timeout = Duration::from_millis(50);
    })
    .await;
    server.containers.hang_container(1);
    let (_, answer) = create(&server, "stuck").await;
    server.patch("/v2/sandboxes/stuck", json!({ "persistent": false })).await;
    let stop = format!("{}/stop", session_path(&answer));
    let (stopped, refused) = tokio::join!(server.post(&stop, json!({})), create(&server, "early"));
    assert_eq!((stopped.0, refused.0), (200, 429));
    server.containers.wait_for_live_containers(0).await;
    while create(&server, "next").await.0 == 429 {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.get("/v2/sandboxes/next").await.0, 200);
}

#[tokio::test]
async fn a_server_that_starts_again_has_all_its_room() {
    let server = with_capacity(room(1)).await;
    assert_eq!(create(&server, "one").await.0, 200);
    let server = server.crash(|options| options.capacity = room(1)).await;
    assert_eq!(create(&server, "two").await.0, 200);
}

#[tokio::test]
async fn one_team_that_has_its_share_keeps_nothing_from_another_one() {
    let server = with_teams(memory(8)).await;
    for number in 0..4 {
        assert_eq!(ask(&server, "a", "a", &format!("n{number}")).await.0, 200);
    }
    let (status, answer) = ask(&server, "a", "a", "more").await;
    assert_eq!((status, code(&answer)), (429, "too_many_sessions"));
    assert!(answer["error"]["message"].as_str().unwrap().contains("team"), "{answer}");
    assert_eq!(ask(&server, "b", "b", "one").await.0, 200);
    assert_eq!(server.containers.containers_made(), 5);
}

#[tokio::test]
async fn two_teams_together_leave_room_for_a_third_one() {
    let server = with_teams(memory(8)).await;
    let mut made = 0;
    for number in 0..8 {
        for team in ["a", "b"] {
            made += u32::from(ask(&server, team, team, &format!("n{number}")).await.0 == 200);
        }
    }
    assert_eq!(made, 7);
    assert_eq!(ask(&server, "all", "c", "one").await.0, 200);
}

#[tokio::test]
async fn invented_teams_have_one_share_together() {
    let server = with_teams(memory(8)).await;
    for number in 0..4 {
        assert_eq!(ask(&server, "all", &format!("team-{number}"), "one").await.0, 200);
    }
    assert_eq!(ask(&server, "all", "team-4", "one").await.0, 429);
    assert_eq!(ask(&server, "b", "b", "one").await.0, 200);
}

#[tokio::test]
async fn a_team_alone_may_have_everything() {
    let server = TestServer::with(|options| {
        options.tokens = vec![AccessToken::new("a").unwrap().for_team("a")];
        options.capacity = memory(2);
    })
    .await;
    for number in 0..2 {
        assert_eq!(ask(&server, "a", "a", &format!("n{number}")).await.0, 200);
    }
    assert_eq!(ask(&server, "a", "a", "more").await.0, 429);
}

#[tokio::test]
async fn where_the_usual_size_does_not_fit_a_smaller_one_is_made() {
    let server = with_capacity(memory(1)).await;
    let answer = server.create(json!({ "name": "demo" })).await;
    assert_eq!((&answer["sandbox"]["vcpus"], &answer["session"]["memory"]), (&json!(1), &json!(2048)));
    assert_eq!(server.containers.specs()[0].processes, 512);
}

#[tokio::test]
async fn a_sandbox_from_larger_times_says_what_to_change() {
    let server = TestServer::start().await;
    let session = session_path(&server.create(json!({ "name": "demo", "resources": { "vcpus": 8 } })).await);
    server.post(&format!("{session}/stop"), json!({})).await;
    let server = server.crash(|options| options.capacity = memory(4)).await;
    let (status, answer) = server.get("/v2/sandboxes/demo?resume=true").await;
    assert_eq!((status, code(&answer)), (400, "bad_request"));
    assert!(answer["error"]["message"].as_str().unwrap().contains("at most 4"), "{answer}");
    assert_eq!(server.patch("/v2/sandboxes/demo", json!({ "resources": { "vcpus": 4 } })).await.0, 200);
    assert_eq!(server.get("/v2/sandboxes/demo?resume=true").await.0, 200);
}

#[tokio::test]
async fn a_server_on_which_no_container_could_ever_run_does_not_start() {
    let directory = tempfile::tempdir().unwrap();
    let containers = FakeContainerProvider::new(|_| None);
    let mut options = VercelServerOptions::new(std::sync::Arc::new(containers), directory.path());
    options.capacity = Resources { pids: 512, ..Resources::UNLIMITED };
    let refused = VercelServer::start(options).await.unwrap_err();
    assert!(matches!(refused, StartError::NoRoom(_)), "{refused}");
    assert!(refused.to_string().contains("processes"), "{refused}");
}

#[tokio::test]
async fn no_more_logs_are_read_and_files_moved_than_a_container_was_admitted_with() {
    let server = TestServer::with(|options| options.sizes.max_commands = 1).await;
    let session = server.session("demo", false).await;
    let command = server.detached(&session, "sleep", &[]).await;
    let mut readers = Vec::new();
    for _ in 0..65 {
        let response = server.send(Method::GET, &format!("{command}/logs"), None).await;
        assert_eq!(response.status(), 200);
        readers.push(response);
    }
    let (status, answer) = server.get(&format!("{command}/logs")).await;
    assert_eq!((status, code(&answer)), (429, "too_many_transfers"));
    let (status, _) = server.read(&session, "/a").await;
    assert_eq!(status, 429);
    readers.clear();
    while server.read(&session, "/a").await.0 == 429 {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.read(&session, "/a").await.0, 404);
}
