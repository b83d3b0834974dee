//! Access: tokens, teams, and requests without a token.

use prometheus::Registry;
use reqwest::Method;
use serde_json::json;
use workers_vercel_server::{AccessToken, BindError, VercelApplication, VercelServer, VercelServerOptions};

use crate::support::{TestServer, code, parsed, session_path};

async fn with_tokens() -> TestServer {
    TestServer::with(|options| {
        options.tokens = vec![AccessToken::new("all").unwrap(), AccessToken::new("only-a").unwrap().for_team("team_a")];
    })
    .await
}

#[tokio::test]
async fn without_the_token_nothing_is_answered() {
    let server = with_tokens().await;
    let response = server.request(Method::GET, "/v2/sandboxes").send().await.unwrap();
    let (status, answer) = parsed(response).await;
    assert_eq!((status, code(&answer)), (401, "unauthorized"));
    let response = server.request(Method::GET, "/v2/sandboxes").bearer_auth("wrong").send().await.unwrap();
    let (status, answer) = parsed(response).await;
    assert_eq!((status, code(&answer)), (403, "forbidden"));
    let response = server.request(Method::GET, "/v2/sandboxes").bearer_auth("all").send().await.unwrap();
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn requests_are_counted_by_route_and_status() {
    let registry = Registry::new();
    let server = TestServer::with(|options| options.metrics = registry.clone()).await;
    server.get("/v2/sandboxes/demo").await;
    let families = registry.gather();
    let family = families.iter().find(|family| family.name() == "workers_vercel_api_requests_total").unwrap();
    let [metric] = family.get_metric() else { panic!("{family:?}") };
    let labels: Vec<_> = metric.get_label().iter().map(|label| (label.name(), label.value())).collect();
    assert_eq!(labels, [("method", "GET"), ("route", "/api/v2/sandboxes/{name}"), ("status", "404")]);
}

#[tokio::test]
async fn a_token_of_one_team_opens_no_other() {
    let server = with_tokens().await;
    let list = |team: &str| {
        let url = format!("{}/v2/sandboxes?teamId={team}&project=p", server.base);
        server.client.get(url).bearer_auth("only-a").send()
    };
    assert_eq!(list("team_a").await.unwrap().status(), 200);
    let (status, answer) = parsed(list("team_b").await.unwrap()).await;
    assert_eq!((status, code(&answer)), (403, "forbidden"));
}

#[tokio::test]
async fn another_teams_sessions_and_snapshots_do_not_exist() {
    let server = TestServer::start().await;
    let created = server.create(json!({ "name": "demo" })).await;
    let session = session_path(&created);
    let (_, stopped) = server.post(&format!("{session}/stop"), json!({})).await;
    let snapshot = format!("/v2/sandboxes/snapshots/{}", stopped["snapshot"]["id"].as_str().unwrap());
    for path in [session.as_str(), snapshot.as_str(), "/v2/sandboxes/demo"] {
        let url = format!("{}{path}?teamId=team_b&projectId=prj_a", server.base);
        let (status, answer) = parsed(server.client.get(url).send().await.unwrap()).await;
        assert_eq!((status, code(&answer)), (404, "not_found"), "{path}");
    }
    let body = json!({ "source": { "type": "snapshot", "snapshotId": stopped["snapshot"]["id"] } });
    let url = format!("{}/v3/sandboxes?teamId=team_b", server.base);
    let response = server.client.post(url).body(body.to_string()).send().await.unwrap();
    assert_eq!(response.status(), 404);
}

#[tokio::test]
async fn a_web_page_is_refused_where_no_token_is_needed() {
    let server = TestServer::start().await;
    let response =
        server.request(Method::GET, "/v2/sandboxes").header("origin", "https://evil.example").send().await.unwrap();
    let (status, answer) = parsed(response).await;
    assert_eq!((status, code(&answer)), (403, "forbidden"));
}

#[tokio::test]
async fn without_tokens_it_listens_on_loopback_only() {
    let server = TestServer::start().await;
    let options =
        VercelServerOptions::new(std::sync::Arc::new(server.containers.clone()), server.directory.path().join("x"));
    let open = VercelServer::start(options).await.unwrap();
    let bound = VercelApplication::bind("0.0.0.0:0".parse().unwrap(), open);
    assert!(matches!(bound, Err(BindError::TokenRequired(_))));
}
