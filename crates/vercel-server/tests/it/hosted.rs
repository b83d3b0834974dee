//! Compares responses with recorded ones of the hosted service.

use reqwest::Method;
use serde_json::{Value, json};
use workers_domain::ports::{ContainerUsage, NetworkTransfer};
use workers_vercel_server::AccessToken;

use crate::support::{TestServer, code, parsed, session_path};

const SANDBOX: &[&str] = &[
    "architecture",
    "createdAt",
    "currentSessionId",
    "cwd",
    "failoverRegions",
    "image",
    "memory",
    "name",
    "persistent",
    "region",
    "runtime",
    "status",
    "statusUpdatedAt",
    "timeout",
    "totalActiveCpuDurationMs",
    "totalDurationMs",
    "totalEgressBytes",
    "totalIngressBytes",
    "updatedAt",
    "vcpus",
];

const SESSION: &[&str] = &[
    "architecture",
    "createdAt",
    "cwd",
    "id",
    "interactivePort",
    "memory",
    "projectId",
    "region",
    "requestedAt",
    "runtime",
    "sourceSandboxName",
    "startedAt",
    "status",
    "timeout",
    "updatedAt",
    "vcpus",
];

const STOPPED: &[&str] = &["activeCpuDurationMs", "duration", "networkTransfer", "requestedStopAt", "stoppedAt"];

const SNAPSHOT: &[&str] = &[
    "architecture",
    "createdAt",
    "creationMethod",
    "expiresAt",
    "id",
    "lastUsedAt",
    "region",
    "regions",
    "sizeBytes",
    "sourceSessionId",
    "status",
    "updatedAt",
];

/// Asserts that `answer` has each of these members.
fn has(answer: &Value, members: &[&str]) {
    for member in members {
        assert!(!answer[member].is_null(), "{member} is missing: {answer}");
    }
}

#[tokio::test]
async fn answers_have_every_member_that_the_hosted_services_have() {
    let server = TestServer::start().await;
    let network = Some(NetworkTransfer { sent: 1, received: 2 });
    server.containers.say_used(ContainerUsage { cpu: Some(std::time::Duration::from_secs(1)), network });
    let made = server.create(json!({ "name": "demo" })).await;
    has(&made["sandbox"], SANDBOX);
    has(&made["session"], SESSION);
    has(&server.get("/v2/sandboxes?project=prj_a").await.1["sandboxes"][0], SANDBOX);
    let (_, stopped) = server.post(&format!("{}/stop", session_path(&made)), json!({})).await;
    has(&stopped["sandbox"], SANDBOX);
    for members in [SESSION, STOPPED] {
        has(&stopped["session"], members);
    }
    has(&stopped["session"]["networkTransfer"], &["ingress", "egress"]);
    has(&stopped["snapshot"], SNAPSHOT);
    has(&server.get("/v2/sandboxes/snapshots?project=prj_a").await.1["snapshots"][0], SNAPSHOT);
}

#[tokio::test]
async fn a_sandbox_says_its_image_also_if_it_is_made_of_a_snapshot_of_another_one() {
    let server = TestServer::start().await;
    for (name, image, shown) in [
        ("plain", None, "vercel/sandbox/universal"),
        ("node", Some("vercel/sandbox/node:24"), "vercel/sandbox/node:24"),
    ] {
        let mut body = json!({ "name": name });
        image.map(|image| body.as_object_mut().unwrap().insert("image".to_owned(), json!(image)));
        let made = server.create(body).await;
        assert_eq!(made["sandbox"]["image"], shown);
        let (_, stopped) = server.post(&format!("{}/stop", session_path(&made)), json!({})).await;
        let source = json!({ "type": "snapshot", "snapshotId": stopped["snapshot"]["id"] });
        // The sandbox of the snapshot may have been deleted.
        server.delete(&format!("/v2/sandboxes/{name}")).await;
        let copy = server.create(json!({ "name": format!("{name}-copy"), "source": source })).await;
        assert_eq!(copy["sandbox"]["image"], shown);
    }
}

#[tokio::test]
async fn a_sandbox_from_a_snapshot_has_the_resources_that_it_was_asked_for() {
    let server = TestServer::start().await;
    let made = server.create(json!({ "name": "large", "resources": { "vcpus": 4 } })).await;
    let (_, stopped) = server.post(&format!("{}/stop", session_path(&made)), json!({})).await;
    let source = json!({ "type": "snapshot", "snapshotId": stopped["snapshot"]["id"] });
    for (number, (resources, vcpus)) in [
        (json!({}), 2),
        (json!({ "vcpus": 1 }), 1),
        (json!({ "vcpus": 8, "memory": 16_384 }), 8),
        (json!({ "memory": 2048 }), 1),
        (json!({ "memory": 8192 }), 4),
    ]
    .into_iter()
    .enumerate()
    {
        let body = json!({ "name": format!("of-{number}"), "source": source, "resources": resources });
        let copy = server.create(body).await;
        for part in ["sandbox", "session"] {
            assert_eq!(
                (&copy[part]["vcpus"], &copy[part]["memory"]),
                (&json!(vcpus), &json!(2048 * vcpus)),
                "{resources}"
            );
        }
        assert_eq!(server.containers.specs().last().unwrap().memory_bytes, (2048_u64 * vcpus) << 20);
        let body = json!({ "name": format!("fork-{number}"), "resources": resources });
        let (_, fork) = server.post("/v2/sandboxes/large/fork", body).await;
        // A fork has the settings of its source, except those in the request.
        let expected = if resources == json!({}) { 4 } else { vcpus };
        assert_eq!(fork["session"]["vcpus"], expected, "{resources}");
    }
    let (_, changed) = server.patch("/v2/sandboxes/large", json!({ "resources": { "memory": 2048 } })).await;
    assert_eq!((&changed["sandbox"]["vcpus"], &changed["sandbox"]["memory"]), (&json!(1), &json!(2048)));
    for memory in [1, 2047, 6144, 1_u64 << 40] {
        let (status, answer) = server.patch("/v2/sandboxes/large", json!({ "resources": { "memory": memory } })).await;
        assert_eq!((status, code(&answer)), (400, "bad_request"), "{memory}");
    }
}

/// Returns the rate limit headers of a response: limit, remaining and reset.
async fn standing(server: &TestServer, method: Method, path: &str) -> (u16, [i64; 3]) {
    let response = server.send(method, path, None).await;
    let header = |name: &str| response.headers()[name].to_str().unwrap().parse().unwrap();
    (response.status().as_u16(), ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"].map(header))
}

#[tokio::test]
async fn an_answer_says_how_many_requests_are_left_and_one_too_many_is_refused() {
    let server = TestServer::with(|options| options.max_requests = 3).await;
    let reset = server.clock_seconds() + 10;
    assert_eq!(standing(&server, Method::GET, "/v2/sandboxes").await, (200, [3, 2, reset]));
    server.clock.advance(chrono::TimeDelta::seconds(4));
    assert_eq!(standing(&server, Method::HEAD, "/v2/sandboxes").await, (200, [3, 1, reset]));
    assert_eq!(standing(&server, Method::GET, "/v2/sandboxes/none").await, (404, [3, 0, reset]));
    let refused = server.send(Method::GET, "/v2/sandboxes", None).await;
    assert_eq!(refused.headers()["retry-after"], "6");
    assert_eq!(refused.headers()["x-ratelimit-remaining"], "0");
    let (status, answer) = parsed(refused).await;
    assert_eq!((status, code(&answer)), (429, "too_many_requests"));
    server.clock.advance(chrono::TimeDelta::seconds(6));
    assert_eq!(standing(&server, Method::GET, "/v2/sandboxes").await, (200, [3, 2, reset + 10]));
}

#[tokio::test]
async fn requests_of_each_team_that_a_token_is_bound_to_are_counted_by_themselves() {
    let token = |secret: &str| AccessToken::new(secret).unwrap();
    let server = TestServer::with(|options| {
        options.tokens = vec![token("of-a").for_team("a"), token("of-b").for_team("b"), token("any")];
    })
    .await;
    let left = async |token: &str, team: &str| {
        let url = format!("{}/v2/sandboxes?teamId={team}&projectId=prj_a", server.base);
        let response = server.client.get(url).bearer_auth(token).send().await.unwrap();
        response.headers().get("x-ratelimit-remaining").map(|value| value.to_str().unwrap().to_owned())
    };
    let number = |text: &str| Some(text.to_owned());
    assert_eq!(left("of-a", "a").await, number("19999"));
    assert_eq!(left("of-b", "b").await, number("19999"));
    // A caller can invent names of other teams, but gets no further requests by that.
    assert_eq!(left("any", "x").await, number("19999"));
    assert_eq!(left("any", "y").await, number("19998"));
    assert_eq!(left("any", "a").await, number("19998"));
    // A request is not counted for a team that the sender has no token for.
    assert_eq!(left("wrong", "a").await, None);
    assert_eq!(left("of-b", "a").await, None);
    assert_eq!(left("of-a", "a").await, number("19997"));
}

#[tokio::test]
async fn the_size_of_a_snapshot_that_was_written_down_as_nothing_is_looked_up() {
    let server = TestServer::start().await;
    let session = server.session("demo", true).await;
    let (_, stopped) = server.post(&format!("{session}/stop"), json!({})).await;
    let size = &stopped["snapshot"]["sizeBytes"];
    assert!(size.as_u64().unwrap() > 0, "{stopped}");
    let id = stopped["snapshot"]["id"].as_str().unwrap();
    let record = server.directory.path().join(format!("sandboxes/records/snapshots/{id}.json"));
    let server = server.shut_down().await;
    let mut written: Value = serde_json::from_slice(&std::fs::read(&record).unwrap()).unwrap();
    written["size_bytes"] = json!(0);
    std::fs::write(&record, written.to_string()).unwrap();
    let server = server.crash(|_| {}).await;
    assert_eq!(&server.get(&format!("/v2/sandboxes/snapshots/{id}")).await.1["snapshot"]["sizeBytes"], size);
}
